-- Honest closing: photos as evidence, checks by another post, the recheck lottery, indicators.

-- ── photos as evidence ──────────────────────────────────────────────────────────────

-- `taken_at` is when a photo came in. Of what its camera said there is kept when, and how
-- far from the case: not where somebody stood. A reporter's photo keeps neither.
alter table photos
    add column camera_at timestamptz,
    add column metres    int,
    add column findings  text[] not null default '{}',   -- core.cases.evidence.Finding
    add column same_as   text[] not null default '{}',   -- numbers of other cases with this picture
    add column presented int,                -- seq of the fact of the handling it was shown with
    add constraint a_reporters_camera_is_not_read check (
        step <> 'report' or (camera_at is null and metres is null and findings = '{}'));
create index photos_same on photos (sha256);
alter table photos
    drop constraint photos_step_check,
    add constraint photos_step_check check (step in ('report', 'before', 'after', 'check', 'note'));

-- A picture that was used elsewhere is found wherever that is, also by whoever does not see
-- that case: its number and nothing else.
create function same_picture(picture bytea, most int)
    returns table (case_id bigint, number text)
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select p.case_id, c.number from photos p join cases c on c.id = p.case_id
        where p.sha256 = picture order by p.id limit most;
    end;
revoke all on function same_picture from public;

-- ── a check by somebody else, and by another post ───────────────────────────────────

alter table cases
    add column handled_post bigint,
    add column checked_post bigint,
    add constraint no_post_checks_its_own_work check (
        checked_post is null or checked_post <> handled_post);

create function refuse_own_recheck() returns trigger language plpgsql as $$
begin
    if exists (
        select from cases c where c.id = new.case_id
        and (new.account in (c.handled_by, c.checked_by)
             or new.post in (c.handled_post, c.checked_post))
    ) then
        raise exception 'case %: whoever handled or checked it cannot recheck it', new.case_id
            using errcode = 'check_violation', constraint = 'nobody_rechecks_his_own_work';
    end if;
    return new;
end $$;
create trigger nobody_rechecks_his_own_work before insert on facts for each row
    when (new.kind = 'procedure:moved' and new.says->>'procedure' = 'recheck'
          and new.says->>'move' in ('confirm', 'deny', 'unable'))
    execute function refuse_own_recheck();

-- ── the recheck lottery ─────────────────────────────────────────────────────────────

create table lotteries (                     -- core.lottery
    day          date not null,              -- of closing, in `zone`
    after_days   int not null check (after_days in (7, 30)),
    share        numeric(6, 5) not null check (share between 0 and 1),
    zone         text not null,
    commitment   bytea not null,             -- SHA-256 of the seed, published before
    committed_at timestamptz not null,
    seed         bytea,                      -- published with the draw
    drawn_at     timestamptz,
    population   int,
    drawn        int,
    lost_at      timestamptz,                -- the seed could not be had any more
    primary key (day, after_days),
    constraint the_seed_is_the_one_promised check (seed is null or sha256(seed) = commitment),
    constraint drawn_wholly_or_not check (
        (seed is null) = (drawn_at is null) and (seed is null) = (population is null)
        and (seed is null) = (drawn is null) and (seed is null or lost_at is null))
);
create index lotteries_waiting on lotteries (day) where drawn_at is null and lost_at is null;

create table drawings (                      -- the cases drawn, and what became of each
    day        date not null,
    after_days int not null,
    case_id    bigint not null references cases,
    fate       text not null check (fate in ('opened', 'not_closed', 'open_already')),
    procedure  bigint references procedures,
    primary key (day, after_days, case_id),
    foreign key (day, after_days) references lotteries,
    constraint opened_by_a_procedure check ((fate = 'opened') = (procedure is not null))
);
create index drawings_case on drawings (case_id);

-- A lottery changes once: when it is drawn, or its seed is lost.
create function refuse_lottery_change() returns trigger language plpgsql as $$
begin
    if old.seed is not null or old.lost_at is not null
       or (old.day, old.after_days, old.share, old.zone, old.commitment, old.committed_at)
          is distinct from
          (new.day, new.after_days, new.share, new.zone, new.commitment, new.committed_at) then
        raise exception 'a lottery is append-only: % refused', tg_op
            using errcode = 'restrict_violation';
    end if;
    return new;
end $$;
create trigger lotteries_change_once before update on lotteries
    for each row execute function refuse_lottery_change();
create trigger lotteries_stay before delete on lotteries
    for each row execute function refuse_change();
create trigger lotteries_stay_all before truncate on lotteries
    for each statement execute function refuse_change();
create trigger drawings_are_kept before update or delete on drawings
    for each row execute function refuse_change();
create trigger drawings_stay before truncate on drawings
    for each statement execute function refuse_change();

-- ── indicators ──────────────────────────────────────────────────────────────────────

create index facts_happened on facts (kind, at)
    where kind in ('case:dispatched', 'case:handled', 'case:closed', 'case:reopened', 'case:rated');
create index cases_due on cases (due_at) where due_at is not null;
create index cases_resting on cases (id)
    where held_at is not null or (stage = 'rejected' and returns > 0);
create index procedures_ended on procedures (kind, ended_at) where ended_at is not null;
