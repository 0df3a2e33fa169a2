-- The catalogue in depth: which photos a condition asks for, which condition a case was filed
-- under, versions that come into force on a day, and who changed what of the city's own data.

alter table conditions add column photo_rule text not null default 'none'
    check (photo_rule in ('none', 'after', 'before_and_after'));

alter table cases add column condition smallint check (condition >= 1);  -- the number in its category

-- A version is a draft until a term names the day from which it is in force.
alter table catalogues alter column valid_from drop not null;
alter table catalogues
    add column based_on  int references catalogues,  -- in force when it was made
    add column set_aside timestamptz;

create table catalogue_terms (
    id           bigint generated always as identity primary key,
    version      int not null references catalogues,
    valid_from   date not null,
    withdrawn_at timestamptz
);
create index catalogue_terms_version on catalogue_terms (version);
insert into catalogue_terms (version, valid_from)
    select version, valid_from from catalogues order by valid_from, version;

-- In which version the code of a rule is written.
alter table duty_rules add column catalogue int references catalogues;
update duty_rules set catalogue = (
    select version from catalogue_terms where valid_from <= current_date
    order by valid_from desc, id desc limit 1);

create table city_facts (                    -- changes of the city's own data, never changed
    id      bigint generated always as identity primary key,
    at      timestamptz not null,
    account bigint,
    kind    text not null,
    says    jsonb not null default '{}'
);
create index city_facts_kind on city_facts (kind text_pattern_ops, id);
create trigger city_facts_are_kept before update or delete on city_facts
    for each row execute function refuse_change();
create trigger city_facts_stay before truncate on city_facts
    for each statement execute function refuse_change();

-- What is or was in force stays as it was: cases were filed under it.
create function refuse_catalogue_change() returns trigger language plpgsql as $$
declare
    number int;
begin
    number := case tg_table_name
        when 'conditions' then (
            select c.version from categories c where c.id = (to_jsonb(old) ->> 'category')::bigint)
        when 'category_map' then (to_jsonb(old) ->> 'new_version')::int
        else (to_jsonb(old) ->> 'version')::int end;
    if exists (select from catalogue_terms t where t.version = number and t.withdrawn_at is null) then
        raise exception 'version % of the catalogue is not a draft: % of % refused', number, tg_op, tg_table_name
            using errcode = 'restrict_violation';
    end if;
    return case tg_op when 'DELETE' then old else new end;
end $$;
create trigger categories_in_force_are_kept before update or delete on categories
    for each row execute function refuse_catalogue_change();
create trigger conditions_in_force_are_kept before update or delete on conditions
    for each row execute function refuse_catalogue_change();
create trigger category_map_in_force_is_kept before update or delete on category_map
    for each row execute function refuse_catalogue_change();

-- A term is withdrawn, never moved or deleted.
create function refuse_term_change() returns trigger language plpgsql as $$
begin
    if tg_op = 'DELETE' or old.withdrawn_at is not null
        or (to_jsonb(new) - 'withdrawn_at') is distinct from (to_jsonb(old) - 'withdrawn_at') then
        raise exception 'a term of the catalogue is kept: % refused', tg_op
            using errcode = 'restrict_violation';
    end if;
    return new;
end $$;
create trigger catalogue_terms_are_kept before update or delete on catalogue_terms
    for each row execute function refuse_term_change();
