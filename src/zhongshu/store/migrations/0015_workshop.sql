-- The workshop: access, versions of the grid, and how connectors are doing.

-- A link that lets an account choose its password once. Only its hash is kept.
create table invitations (
    token_hash bytea primary key,
    account    bigint not null references accounts,
    made_at    timestamptz not null,
    ends_at    timestamptz not null check (ends_at > made_at),
    used_at    timestamptz
);
create index invitations_account on invitations (account);

-- A session that looks at the hub as a post does, and until when.
alter table sessions
    add column viewing       bigint references posts,
    add column viewing_until timestamptz,
    add constraint sessions_viewing check ((viewing is null) = (viewing_until is null));

-- A post that is no more. Whoever held it is known from the tenures.
alter table posts add column ended_at timestamptz;

-- A draft of how one level of the grid shall be, and when that begins.
create table grid_versions (
    id        bigint generated always as identity primary key,
    title     text not null check (length(title) between 1 and 120),
    kind      text not null references levels,
    state     text not null default 'draft' check (state in ('draft', 'set', 'withdrawn', 'dropped')),
    starts_on date,
    made_at   timestamptz not null,
    made_by   bigint,
    version   int not null default 1,        -- moves with every change of the draft
    account   jsonb not null default '{}',   -- of the file it came from: rows, repairs, sample places
    check ((state in ('set', 'withdrawn')) = (starts_on is not null))
);

-- What a draft says of one area: how it shall be, or that it ends (no shape, gone).
create table grid_changes (
    version    bigint not null references grid_versions on delete cascade,
    code       text not null,
    name_zh    text not null,
    name_en    text not null default '',
    parent     text,
    shape      bytea,                        -- WKB, WGS-84
    households int check (households >= 0),
    gone       boolean not null default false,
    primary key (version, code)
);

-- How often a key was used, and refused, in each hour. Counts only: no bodies, no addresses.
create table key_hours (
    key_hash  bytea not null references api_keys on delete cascade,
    hour      timestamptz not null,
    requests  int not null,
    refused   int not null,
    conflicts int not null,
    primary key (key_hash, hour)
);
