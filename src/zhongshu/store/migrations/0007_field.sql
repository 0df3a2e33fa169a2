-- The field app: answers kept for whoever sends again, and how often a place was looked at.

create table answers (                       -- what a key was answered with, for seven days
    key    bytea primary key,                -- sender and Idempotency-Key, hashed together
    body   bytea not null,                   -- hash of what was sent under it
    answer json,                             -- null only inside the transaction that writes it
    at     timestamptz not null
);
create index answers_at on answers (at);

create table patrols (                       -- places seen: no hand, no hour, no order of visits
    area bigint not null references areas,
    day  date not null,
    seen int not null default 1 check (seen > 0),
    primary key (area, day)
);
