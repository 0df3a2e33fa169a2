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
