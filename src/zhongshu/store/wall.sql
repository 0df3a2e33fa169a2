-- The second wall: which tables signed-in staff may touch at all, and which rows of a case.
--
-- Not a migration: the roles belong to the whole server and may come later than the tables.
-- It is run whole, again and again, whenever `settings` remembers another text of it.
--
-- zhongshu_city   an actor who sees every case: all rows
-- zhongshu_staff  anybody else: what the settings of the transaction cover (store/wall.py)
-- the hub itself  intake, jobs, imports, tracking by code: all rows
-- everybody else  nothing

do $$
declare old record;
begin
    for old in select tablename, policyname from pg_policies where schemaname = 'public' loop
        execute format('drop policy %I on %I', old.policyname, old.tablename);
    end loop;
end $$;

-- ── which tables ────────────────────────────────────────────────────────────────────

revoke all on all tables in schema public from zhongshu_staff, zhongshu_city;
revoke all on all sequences in schema public from zhongshu_staff, zhongshu_city;
grant usage on schema public to zhongshu_staff, zhongshu_city;

grant select, insert, update on cases, tasks, procedures to zhongshu_staff, zhongshu_city;
grant select, insert on facts, photos to zhongshu_staff, zhongshu_city;
grant select, update (case_id) on reports, photos to zhongshu_staff, zhongshu_city;
grant update (presented) on photos to zhongshu_staff, zhongshu_city;
grant execute on function same_picture to zhongshu_staff, zhongshu_city;
grant select on contacts, proposal_run_cases, proposal_run_joins to zhongshu_staff, zhongshu_city;
grant usage on sequence case_id, report_id, procedures_id_seq to zhongshu_staff, zhongshu_city;

-- The city's own data has no rows to hide; passwords, sessions and keys are not here.
grant select on
    settings, levels, areas, units, catalogues, categories, conditions, category_map,
    calendar_days, duty_rules, backdrops, assets, posts, tenures, views,
    catalogue_terms, city_facts, same_rules, campaigns, campaign_cases,
    condition_limits, proposals, proposal_runs, lotteries, replies, view_pins, snapshots, briefings
    to zhongshu_staff, zhongshu_city;
grant select, insert, update on answers, patrols to zhongshu_staff, zhongshu_city;
grant select (id, login, name, lang, disabled_at) on accounts to zhongshu_staff, zhongshu_city;

-- ── which rows ──────────────────────────────────────────────────────────────────────

do $$
declare walled text;
begin
    foreach walled in array
        array['cases', 'facts', 'tasks', 'procedures', 'photos', 'reports', 'contacts',
            'proposal_run_cases', 'proposal_run_joins']
    loop
        execute format('alter table %I enable row level security', walled);
        execute format('alter table %I force row level security', walled);
        execute format('create policy hub on %I to current_user using (true)', walled);
        execute format('create policy city on %I to zhongshu_city using (true)', walled);
    end loop;
end $$;

-- The same as core.access.Sight.covers, and the cases the transaction has in hand: one that
-- was in sight when it was locked may be moved out of sight, and the work on it ends.
-- A number and not a truth, so that the planner takes it to hold for nearly every row: the
-- conditions that find the rows are the first wall's. The sub-selects are worked out once.
create policy staff on cases to zhongshu_staff using (
    case
        when (select nullif(current_setting('zhongshu.areas', true), '')::int8multirange)
            @> area_code then 0
        when unit = any((select nullif(current_setting('zhongshu.units', true), '')::bigint[])::bigint[])
            then 0
        when involved && (select nullif(current_setting('zhongshu.units', true), '')::bigint[])
            then 0
        when id = any((select nullif(current_setting('zhongshu.hand', true), '')::bigint[])::bigint[])
            then 0
        else 1
    end <> 1
);

-- What belongs to a case is seen by whoever sees the case.
create policy staff on tasks to zhongshu_staff
    using (exists (select from cases c where c.id = case_id));
create policy staff on procedures to zhongshu_staff
    using (exists (select from cases c where c.id = case_id));
create policy staff on photos to zhongshu_staff
    using (exists (select from cases c where c.id = case_id));
create policy staff on proposal_run_cases to zhongshu_staff
    using (exists (select from cases c where c.id = case_id));
create policy staff on proposal_run_joins to zhongshu_staff
    using (exists (select from cases c where c.id = case_id));
-- The first fact of a case is written in one statement with it, which does not see it yet.
create policy staff on facts to zhongshu_staff
    using (exists (select from cases c where c.id = case_id))
    with check (
        exists (select from cases c where c.id = case_id)
        or case_id = any(nullif(current_setting('zhongshu.hand', true), '')::bigint[])
    );

-- A report also by whoever sees the case that its own was merged into.
create or replace function merged_into_seen(child bigint) returns boolean
    language sql stable security definer set search_path = public, pg_temp
    begin atomic
        select exists (
            select from cases c join cases p on p.id = c.merged_into
            where c.id = child and (
                nullif(current_setting('zhongshu.areas', true), '')::int8multirange @> p.area_code
                or p.unit = any(nullif(current_setting('zhongshu.units', true), '')::bigint[])
                or p.involved && nullif(current_setting('zhongshu.units', true), '')::bigint[]
                or p.id = any(nullif(current_setting('zhongshu.hand', true), '')::bigint[])
            )
        );
    end;
revoke all on function merged_into_seen from public;
grant execute on function merged_into_seen to zhongshu_staff;

create policy staff on reports to zhongshu_staff using (
    exists (select from cases c where c.id = case_id) or merged_into_seen(case_id)
);
create policy staff on contacts to zhongshu_staff using (
    exists (select from reports r where r.id = report_id)
);
