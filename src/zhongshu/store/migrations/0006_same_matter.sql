-- The same matter: its rule per beginning of a category's code, and photos that wait while a
-- reporter is asked whether the matter is known already.

create table same_rules (
    category    text primary key,             -- the beginning of a code; empty: everything
    metres      double precision not null check (metres between 0 and 500),
    hours       double precision not null check (hours between 0 and 8784),
    apart       double precision not null check (apart between 0 and 720),
    least       double precision not null check (least between 0 and 1),
    words       double precision not null check (words between 0 and 100),
    joins       boolean not null,
    near_metres double precision not null check (near_metres between metres and 500),
    near_hours  double precision not null check (near_hours between hours and 8784),
    changed_at  timestamptz not null default now()
);
insert into same_rules (category, metres, hours, apart, least, words, joins, near_metres, near_hours)
    select '', m, h, 0, 0, 30, true, greatest(100, m), greatest(720, h) from (
        select coalesce((value->'same'->>'metres')::float, 50) as m,
               coalesce((value->'same'->>'hours')::float, 72) as h
        from settings where name = 'city' and value ? 'same') said;

create unlogged table held_photos (           -- for an hour at most, under a random key
    key     text not null,
    n       int not null,
    sha256  bytea not null,
    mime    text not null,
    width   int not null,
    height  int not null,
    bytes   bytea not null,
    held_at timestamptz not null,
    primary key (key, n)
);
create index held_photos_age on held_photos (held_at);
