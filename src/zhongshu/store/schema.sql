-- What the migrations add up to. Written by “make schema”; a test compares.

-- sequences
accounts_id_seq as bigint start 1 by 1
areas_id_seq as bigint start 1 by 1
case_id as bigint start 1 by 1
categories_id_seq as bigint start 1 by 1
contacts_id_seq as bigint start 1 by 1
duty_rules_id_seq as bigint start 1 by 1
facts_id_seq as bigint start 1 by 1
imports_id_seq as bigint start 1 by 1
photos_id_seq as bigint start 1 by 1
posts_id_seq as bigint start 1 by 1
procedures_id_seq as bigint start 1 by 1
report_id as bigint start 1 by 1
tasks_id_seq as bigint start 1 by 1
units_id_seq as bigint start 1 by 1

-- columns
accounts.id bigint not null identity d
accounts.login text not null
accounts.name text not null
accounts.password_hash text
accounts.lang text not null default 'zh'::text
accounts.disabled_at timestamp with time zone
api_keys.key_hash bytea not null
api_keys.account bigint not null
api_keys.name text not null
api_keys.made_at timestamp with time zone not null default now()
api_keys.disabled_at timestamp with time zone
areas.id bigint not null identity d
areas.code text not null
areas.kind text not null
areas.name_zh text not null
areas.name_en text not null default ''::text
areas.parent bigint
areas.lo bigint not null
areas.hi bigint not null
areas.shape bytea
areas.official boolean not null default true
areas.households integer
areas.valid_from date not null default '0001-01-01'::date
areas.valid_until date
assets.code text not null
assets.category text not null
assets.name_zh text not null
assets.name_en text not null default ''::text
assets.lon double precision not null
assets.lat double precision not null
assets.area bigint not null
assets.area_code bigint not null
assets.owner bigint
assets.maintainer bigint
assets.state text not null
assets.surveyed date
assets.tile bigint not null
assets.changed_at timestamp with time zone not null default now()
backdrops.kind text not null
backdrops.shape jsonb not null
calendar_days.day date not null
calendar_days.kind text not null
calendar_days.name text not null default ''::text
cases.id bigint not null
cases.number text not null
cases.stage text not null
cases.reported_at timestamp with time zone not null
cases.title text not null default ''::text
cases.address text not null default ''::text
cases.channel text not null default ''::text
cases.category bigint
cases.hazard boolean not null default false
cases.priority smallint not null default 3
cases.lon double precision
cases.lat double precision
cases.area bigint
cases.area_code bigint
cases.cells bigint[] not null default '{}'::bigint[]
cases.unit bigint
cases.outcome text
cases.confirmation text
cases.solved boolean
cases.satisfied smallint
cases.reports integer not null default 1
cases.filed_at timestamp with time zone
cases.dispatched_at timestamp with time zone
cases.due_at timestamp with time zone
cases.handled_at timestamp with time zone
cases.handled_by bigint
cases.checked_by bigint
cases.closed_at timestamp with time zone
cases.overdue_at timestamp with time zone
cases.merged_into bigint
cases.before_merge text
cases.version integer not null
cases.tile bigint
cases.words tsvector
cases.clocks jsonb not null default '[]'::jsonb
cases.pending text[] not null default '{}'::text[]
cases.involved bigint[] not null default '{}'::bigint[]
cases.returns integer not null default 0
cases.returned_by bigint
cases.held_at timestamp with time zone
cases.exempted boolean not null default false
cases.repeat_of bigint
cases.next_at timestamp with time zone
cases.handled_post bigint
cases.checked_post bigint
catalogues.version integer not null
catalogues.name text not null
catalogues.valid_from date not null
categories.id bigint not null identity d
categories.version integer not null
categories.code text not null
categories.layer text not null
categories.major_zh text not null
categories.major_en text not null default ''::text
categories.name_zh text not null
categories.name_en text not null default ''::text
categories.unit_type text not null default ''::text
categories.keywords text[] not null default '{}'::text[]
categories.active boolean not null default true
category_map.old_version integer not null
category_map.old_code text not null
category_map.new_version integer not null
category_map.new_code text not null
conditions.category bigint not null
conditions.n integer not null
conditions.text_zh text not null
conditions.text_en text not null default ''::text
conditions.limit_ text not null
conditions.hazard boolean not null
conditions.closing_zh text not null default ''::text
conditions.closing_en text not null default ''::text
contacts.id bigint not null identity d
contacts.report_id bigint not null
contacts.kind text not null
contacts.masked text not null
contacts.nonce bytea
contacts.ciphertext bytea
contacts.made_at timestamp with time zone not null default now()
contacts.erased_at timestamp with time zone
drawings.day date not null
drawings.after_days integer not null
drawings.case_id bigint not null
drawings.fate text not null
drawings.procedure bigint
duty_rules.id bigint not null identity d
duty_rules.category text not null default ''::text
duty_rules.area_lo bigint
duty_rules.area_hi bigint
duty_rules.hours jsonb
duty_rules.unit bigint not null
duty_rules.co_units bigint[] not null default '{}'::bigint[]
duty_rules.forbidden bigint[] not null default '{}'::bigint[]
duty_rules.clause text not null default ''::text
duty_rules.priority integer not null default 0
duty_rules.auto boolean not null default false
duty_rules.valid_from date not null default '0001-01-01'::date
duty_rules.valid_until date
facts.id bigint not null identity a
facts.tx xid8 not null default pg_current_xact_id()
facts.case_id bigint not null
facts.seq integer not null
facts.kind text not null
facts.at timestamp with time zone not null
facts.account bigint
facts.post bigint
facts.rule text
facts.sets jsonb not null default '{}'::jsonb
facts.says jsonb not null default '{}'::jsonb
imports.id bigint not null identity d
imports.source text not null
imports.file text not null
imports.began_at timestamp with time zone not null default now()
imports.ended_at timestamp with time zone
imports.read bigint not null default 0
imports.made bigint not null default 0
imports.known bigint not null default 0
imports.refused bigint not null default 0
levels.kind text not null
levels.name_zh text not null
levels.name_en text not null
levels.rank integer not null
levels."overlay" boolean not null default false
lotteries.day date not null
lotteries.after_days integer not null
lotteries.share numeric(6,5) not null
lotteries.zone text not null
lotteries.commitment bytea not null
lotteries.committed_at timestamp with time zone not null
lotteries.seed bytea
lotteries.drawn_at timestamp with time zone
lotteries.population integer
lotteries.drawn integer
lotteries.lost_at timestamp with time zone
migrations.number integer not null
migrations.name text not null
migrations.at timestamp with time zone not null default now()
photos.id bigint not null identity d
photos.case_id bigint not null
photos.report_id bigint
photos.step text not null default 'report'::text
photos.sha256 bytea not null
photos.mime text not null
photos.width integer not null
photos.height integer not null
photos.bytes bytea not null
photos.taken_at timestamp with time zone not null default now()
photos.camera_at timestamp with time zone
photos.metres integer
photos.findings text[] not null default '{}'::text[]
photos.same_as text[] not null default '{}'::text[]
photos.presented integer
posts.id bigint not null identity d
posts.duty text not null
posts.name_zh text not null
posts.name_en text not null default ''::text
posts.area bigint
posts.unit bigint
posts.phone text not null default ''::text
procedures.id bigint not null identity d
procedures.case_id bigint not null
procedures.kind text not null
procedures.state text not null
procedures.unit bigint
procedures.opened_at timestamp with time zone not null
procedures.due_at timestamp with time zone
procedures.late_at timestamp with time zone
procedures.ended_at timestamp with time zone
procedures.hands bigint[] not null default '{}'::bigint[]
procedures.said jsonb not null default '{}'::jsonb
readers.name text not null
readers.tx xid8 not null default '0'::xid8
readers.id bigint not null default 0
reports.id bigint not null
reports.code text
reports.case_id bigint not null
reports.received_at timestamp with time zone not null
reports.reported_at timestamp with time zone not null
reports.channel text not null
reports.source text not null
reports.source_key text
reports.body_hash bytea
reports.text text not null
reports.address text not null default ''::text
reports.lang text not null default 'zh'::text
reports.lon double precision
reports.lat double precision
reports.raw_place jsonb
reports.category text
reports.extra jsonb
sessions.token_hash bytea not null
sessions.account bigint not null
sessions.made_at timestamp with time zone not null default now()
sessions.seen_at timestamp with time zone not null default now()
sessions.ends_at timestamp with time zone not null
settings.name text not null
settings.value jsonb not null
tasks.id bigint not null identity d
tasks.case_id bigint not null
tasks.kind text not null
tasks.state text not null
tasks.unit bigint
tasks.limit_ text
tasks.opened_at timestamp with time zone not null
tasks.due_at timestamp with time zone
tasks.accepted_at timestamp with time zone
tasks.accepted_by bigint
tasks.ended_at timestamp with time zone
tasks.ended_by bigint
tasks.result text not null default ''::text
tenures.post bigint not null
tenures.account bigint not null
tenures.held_from timestamp with time zone not null default now()
tenures.held_until timestamp with time zone
units.id bigint not null identity d
units.code text not null
units.parent bigint
units.kind text not null default ''::text
units.name_zh text not null
units.name_en text not null default ''::text
units.phone text not null default ''::text
units.active boolean not null default true
units.hours jsonb

-- constraints
accounts: accounts_lang_check CHECK ((lang = ANY (ARRAY['zh'::text, 'en'::text])))
accounts: accounts_login_check CHECK ((login = lower(login)))
accounts: accounts_login_key UNIQUE (login)
accounts: accounts_pkey PRIMARY KEY (id)
api_keys: api_keys_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
api_keys: api_keys_pkey PRIMARY KEY (key_hash)
areas: areas_check CHECK (((lo >= 0) AND (lo < hi)))
areas: areas_check1 CHECK (((valid_until IS NULL) OR (valid_until > valid_from)))
areas: areas_households_check CHECK ((households >= 0))
areas: areas_kind_fkey FOREIGN KEY (kind) REFERENCES levels(kind)
areas: areas_parent_fkey FOREIGN KEY (parent) REFERENCES areas(id)
areas: areas_pkey PRIMARY KEY (id)
assets: assets_area_fkey FOREIGN KEY (area) REFERENCES areas(id)
assets: assets_maintainer_fkey FOREIGN KEY (maintainer) REFERENCES units(id)
assets: assets_owner_fkey FOREIGN KEY (owner) REFERENCES units(id)
assets: assets_pkey PRIMARY KEY (code)
assets: assets_state_check CHECK ((state = ANY (ARRAY['good'::text, 'damaged'::text, 'lost'::text, 'abandoned'::text, 'removed'::text])))
backdrops: backdrops_pkey PRIMARY KEY (kind)
calendar_days: calendar_days_kind_check CHECK ((kind = ANY (ARRAY['holiday'::text, 'workday'::text])))
calendar_days: calendar_days_pkey PRIMARY KEY (day)
cases: cases_check CHECK (((lon IS NULL) = (lat IS NULL)))
cases: cases_check1 CHECK (((area IS NULL) = (area_code IS NULL)))
cases: cases_check2 CHECK (((stage = 'merged'::text) = (merged_into IS NOT NULL)))
cases: cases_check3 CHECK (((stage = 'merged'::text) = (before_merge IS NOT NULL)))
cases: cases_check4 CHECK ((merged_into IS DISTINCT FROM id))
cases: cases_confirmation_check CHECK ((confirmation = ANY (ARRAY['confirmed'::text, 'denied'::text])))
cases: cases_merged_into_fkey FOREIGN KEY (merged_into) REFERENCES cases(id)
cases: cases_outcome_check CHECK ((outcome = ANY (ARRAY['solved'::text, 'stage_result'::text, 'explained'::text, 'cannot'::text, 'not_as_reported'::text])))
cases: cases_pkey PRIMARY KEY (id)
cases: cases_priority_check CHECK (((priority >= 1) AND (priority <= 4)))
cases: cases_reports_check CHECK ((reports >= 1))
cases: cases_satisfied_check CHECK (((satisfied >= 1) AND (satisfied <= 5)))
cases: cases_stage_check CHECK ((stage = ANY (ARRAY['waiting_place'::text, 'not_ours'::text, 'received'::text, 'filed'::text, 'dispatched'::text, 'in_hand'::text, 'handled'::text, 'checked'::text, 'closed'::text, 'rejected'::text, 'merged'::text])))
cases: cases_version_check CHECK ((version >= 1))
cases: no_post_checks_its_own_work CHECK (((checked_post IS NULL) OR (checked_post <> handled_post)))
cases: nobody_checks_his_own_work CHECK (((checked_by IS NULL) OR (checked_by <> handled_by)))
cases: parts_are_done_first CHECK (((stage <> ALL (ARRAY['checked'::text, 'closed'::text])) OR (NOT ('assist'::text = ANY (pending)))))
cases: work_has_a_lead_unit CHECK (((stage <> ALL (ARRAY['dispatched'::text, 'in_hand'::text, 'handled'::text, 'checked'::text])) OR (unit IS NOT NULL)))
catalogues: catalogues_pkey PRIMARY KEY (version)
categories: categories_layer_check CHECK ((layer = ANY (ARRAY['component'::text, 'event'::text, 'service'::text])))
categories: categories_pkey PRIMARY KEY (id)
categories: categories_version_code_key UNIQUE (version, code)
categories: categories_version_fkey FOREIGN KEY (version) REFERENCES catalogues(version)
category_map: category_map_new_version_fkey FOREIGN KEY (new_version) REFERENCES catalogues(version)
category_map: category_map_old_version_fkey FOREIGN KEY (old_version) REFERENCES catalogues(version)
category_map: category_map_pkey PRIMARY KEY (old_version, old_code, new_version)
conditions: conditions_category_fkey FOREIGN KEY (category) REFERENCES categories(id)
conditions: conditions_n_check CHECK ((n >= 1))
conditions: conditions_pkey PRIMARY KEY (category, n)
contacts: contacts_check CHECK (((erased_at IS NULL) = (ciphertext IS NOT NULL)))
contacts: contacts_kind_check CHECK ((kind = ANY (ARRAY['phone'::text, 'email'::text, 'words'::text])))
contacts: contacts_pkey PRIMARY KEY (id)
contacts: contacts_report_id_fkey FOREIGN KEY (report_id) REFERENCES reports(id)
drawings: drawings_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
drawings: drawings_day_after_days_fkey FOREIGN KEY (day, after_days) REFERENCES lotteries(day, after_days)
drawings: drawings_fate_check CHECK ((fate = ANY (ARRAY['opened'::text, 'not_closed'::text, 'open_already'::text])))
drawings: drawings_pkey PRIMARY KEY (day, after_days, case_id)
drawings: drawings_procedure_fkey FOREIGN KEY (procedure) REFERENCES procedures(id)
drawings: opened_by_a_procedure CHECK (((fate = 'opened'::text) = (procedure IS NOT NULL)))
duty_rules: duty_rules_check CHECK (((area_lo IS NULL) = (area_hi IS NULL)))
duty_rules: duty_rules_pkey PRIMARY KEY (id)
duty_rules: duty_rules_unit_fkey FOREIGN KEY (unit) REFERENCES units(id)
facts: facts_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
facts: facts_pkey PRIMARY KEY (case_id, seq)
facts: facts_seq_check CHECK ((seq >= 1))
imports: imports_pkey PRIMARY KEY (id)
levels: levels_pkey PRIMARY KEY (kind)
levels: levels_rank_key UNIQUE (rank)
lotteries: drawn_wholly_or_not CHECK ((((seed IS NULL) = (drawn_at IS NULL)) AND ((seed IS NULL) = (population IS NULL)) AND ((seed IS NULL) = (drawn IS NULL)) AND ((seed IS NULL) OR (lost_at IS NULL))))
lotteries: lotteries_after_days_check CHECK ((after_days = ANY (ARRAY[7, 30])))
lotteries: lotteries_pkey PRIMARY KEY (day, after_days)
lotteries: lotteries_share_check CHECK (((share >= (0)::numeric) AND (share <= (1)::numeric)))
lotteries: the_seed_is_the_one_promised CHECK (((seed IS NULL) OR (sha256(seed) = commitment)))
migrations: migrations_pkey PRIMARY KEY (number)
photos: a_reporters_camera_is_not_read CHECK (((step <> 'report'::text) OR ((camera_at IS NULL) AND (metres IS NULL) AND (findings = '{}'::text[]))))
photos: photos_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
photos: photos_pkey PRIMARY KEY (id)
photos: photos_report_id_fkey FOREIGN KEY (report_id) REFERENCES reports(id)
photos: photos_step_check CHECK ((step = ANY (ARRAY['report'::text, 'before'::text, 'after'::text, 'check'::text])))
posts: posts_area_fkey FOREIGN KEY (area) REFERENCES areas(id)
posts: posts_check CHECK (((area IS NULL) OR (unit IS NULL)))
posts: posts_pkey PRIMARY KEY (id)
posts: posts_unit_fkey FOREIGN KEY (unit) REFERENCES units(id)
procedures: procedures_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
procedures: procedures_kind_check CHECK ((kind = ANY (ARRAY['verify'::text, 'assist'::text, 'extension'::text, 'hold'::text, 'transfer'::text, 'dispute'::text, 'call'::text, 'supervision'::text, 'recheck'::text, 'appeal'::text])))
procedures: procedures_pkey PRIMARY KEY (id)
procedures: procedures_unit_fkey FOREIGN KEY (unit) REFERENCES units(id)
readers: readers_pkey PRIMARY KEY (name)
reports: reports_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
reports: reports_check CHECK (((lon IS NULL) = (lat IS NULL)))
reports: reports_pkey PRIMARY KEY (id)
sessions: sessions_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
sessions: sessions_pkey PRIMARY KEY (token_hash)
settings: settings_pkey PRIMARY KEY (name)
tasks: tasks_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
tasks: tasks_kind_check CHECK ((kind = ANY (ARRAY['verify'::text, 'handle'::text, 'assist'::text, 'check'::text, 'callback'::text, 'recheck'::text])))
tasks: tasks_pkey PRIMARY KEY (id)
tasks: tasks_state_check CHECK ((state = ANY (ARRAY['open'::text, 'accepted'::text, 'done'::text, 'returned'::text, 'cancelled'::text])))
tasks: tasks_unit_fkey FOREIGN KEY (unit) REFERENCES units(id)
tenures: tenures_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
tenures: tenures_check CHECK (((held_until IS NULL) OR (held_until > held_from)))
tenures: tenures_pkey PRIMARY KEY (post, account, held_from)
tenures: tenures_post_fkey FOREIGN KEY (post) REFERENCES posts(id)
units: units_code_key UNIQUE (code)
units: units_parent_fkey FOREIGN KEY (parent) REFERENCES units(id)
units: units_pkey PRIMARY KEY (id)

-- indexes
CREATE UNIQUE INDEX accounts_login_key ON public.accounts USING btree (login)
CREATE UNIQUE INDEX accounts_pkey ON public.accounts USING btree (id)
CREATE UNIQUE INDEX api_keys_pkey ON public.api_keys USING btree (key_hash)
CREATE UNIQUE INDEX areas_code ON public.areas USING btree (kind, code, valid_from)
CREATE INDEX areas_parent ON public.areas USING btree (parent)
CREATE UNIQUE INDEX areas_pkey ON public.areas USING btree (id)
CREATE INDEX areas_span ON public.areas USING btree (lo, hi)
CREATE INDEX assets_area ON public.assets USING btree (area_code)
CREATE INDEX assets_category ON public.assets USING btree (category text_pattern_ops, code)
CREATE INDEX assets_maintainer ON public.assets USING btree (maintainer, code)
CREATE INDEX assets_owner ON public.assets USING btree (owner, code)
CREATE UNIQUE INDEX assets_pkey ON public.assets USING btree (code)
CREATE INDEX assets_place ON public.assets USING btree (lat, lon)
CREATE INDEX assets_tile ON public.assets USING btree (tile, category)
CREATE UNIQUE INDEX backdrops_pkey ON public.backdrops USING btree (kind)
CREATE UNIQUE INDEX calendar_days_pkey ON public.calendar_days USING btree (day)
CREATE INDEX cases_area ON public.cases USING btree (area_code, reported_at DESC)
CREATE INDEX cases_category ON public.cases USING btree (category, reported_at DESC, id DESC)
CREATE INDEX cases_cells ON public.cases USING gin (cells) WHERE (cells <> '{}'::bigint[])
CREATE INDEX cases_closed ON public.cases USING btree (closed_at DESC) WHERE (closed_at IS NOT NULL)
CREATE INDEX cases_due ON public.cases USING btree (due_at) WHERE (due_at IS NOT NULL)
CREATE INDEX cases_held ON public.cases USING btree (held_at) WHERE (held_at IS NOT NULL)
CREATE INDEX cases_involved ON public.cases USING gin (involved) WHERE (involved <> '{}'::bigint[])
CREATE INDEX cases_merged ON public.cases USING btree (merged_into) WHERE (merged_into IS NOT NULL)
CREATE INDEX cases_newest ON public.cases USING btree (reported_at DESC, id DESC)
CREATE INDEX cases_open ON public.cases USING btree (due_at, id) WHERE (stage = ANY (ARRAY['waiting_place'::text, 'not_ours'::text, 'received'::text, 'filed'::text, 'dispatched'::text, 'in_hand'::text, 'handled'::text, 'checked'::text]))
CREATE INDEX cases_open_newest ON public.cases USING btree (reported_at DESC, id DESC) WHERE (stage = ANY (ARRAY['waiting_place'::text, 'not_ours'::text, 'received'::text, 'filed'::text, 'dispatched'::text, 'in_hand'::text, 'handled'::text, 'checked'::text]))
CREATE INDEX cases_pending ON public.cases USING gin (pending) WHERE (pending <> '{}'::text[])
CREATE UNIQUE INDEX cases_pkey ON public.cases USING btree (id)
CREATE INDEX cases_repeat ON public.cases USING btree (repeat_of) WHERE (repeat_of IS NOT NULL)
CREATE INDEX cases_resting ON public.cases USING btree (id) WHERE ((held_at IS NOT NULL) OR ((stage = 'rejected'::text) AND (returns > 0)))
CREATE INDEX cases_same ON public.cases USING btree (tile, category, reported_at DESC, id DESC) WHERE (stage = ANY (ARRAY['received'::text, 'filed'::text, 'dispatched'::text, 'in_hand'::text]))
CREATE INDEX cases_spot ON public.cases USING btree (tile, category, closed_at DESC)
CREATE INDEX cases_ticking ON public.cases USING btree (next_at) WHERE (next_at IS NOT NULL)
CREATE INDEX cases_unit ON public.cases USING btree (unit, reported_at DESC, id DESC)
CREATE INDEX cases_words ON public.cases USING gin (words)
CREATE UNIQUE INDEX catalogues_pkey ON public.catalogues USING btree (version)
CREATE UNIQUE INDEX categories_pkey ON public.categories USING btree (id)
CREATE UNIQUE INDEX categories_version_code_key ON public.categories USING btree (version, code)
CREATE UNIQUE INDEX category_map_pkey ON public.category_map USING btree (old_version, old_code, new_version)
CREATE UNIQUE INDEX conditions_pkey ON public.conditions USING btree (category, n)
CREATE UNIQUE INDEX contacts_pkey ON public.contacts USING btree (id)
CREATE INDEX contacts_report ON public.contacts USING btree (report_id)
CREATE INDEX drawings_case ON public.drawings USING btree (case_id)
CREATE UNIQUE INDEX drawings_pkey ON public.drawings USING btree (day, after_days, case_id)
CREATE UNIQUE INDEX duty_rules_pkey ON public.duty_rules USING btree (id)
CREATE INDEX facts_happened ON public.facts USING btree (kind, at) WHERE (kind = ANY (ARRAY['case:dispatched'::text, 'case:handled'::text, 'case:closed'::text, 'case:reopened'::text, 'case:rated'::text]))
CREATE UNIQUE INDEX facts_pkey ON public.facts USING btree (case_id, seq)
CREATE UNIQUE INDEX facts_reading ON public.facts USING btree (tx, id)
CREATE UNIQUE INDEX imports_pkey ON public.imports USING btree (id)
CREATE UNIQUE INDEX levels_pkey ON public.levels USING btree (kind)
CREATE UNIQUE INDEX levels_rank_key ON public.levels USING btree (rank)
CREATE UNIQUE INDEX lotteries_pkey ON public.lotteries USING btree (day, after_days)
CREATE INDEX lotteries_waiting ON public.lotteries USING btree (day) WHERE ((drawn_at IS NULL) AND (lost_at IS NULL))
CREATE UNIQUE INDEX migrations_pkey ON public.migrations USING btree (number)
CREATE INDEX photos_case ON public.photos USING btree (case_id)
CREATE UNIQUE INDEX photos_pkey ON public.photos USING btree (id)
CREATE INDEX photos_same ON public.photos USING btree (sha256)
CREATE INDEX posts_area ON public.posts USING btree (area)
CREATE UNIQUE INDEX posts_pkey ON public.posts USING btree (id)
CREATE INDEX posts_unit ON public.posts USING btree (unit)
CREATE INDEX procedures_case ON public.procedures USING btree (case_id)
CREATE INDEX procedures_due ON public.procedures USING btree (due_at) WHERE ((ended_at IS NULL) AND (late_at IS NULL))
CREATE INDEX procedures_ended ON public.procedures USING btree (kind, ended_at) WHERE (ended_at IS NOT NULL)
CREATE UNIQUE INDEX procedures_once ON public.procedures USING btree (case_id, kind) WHERE (kind = ANY (ARRAY['appeal'::text, 'dispute'::text]))
CREATE UNIQUE INDEX procedures_one_open ON public.procedures USING btree (case_id, kind) WHERE ((ended_at IS NULL) AND (kind <> ALL (ARRAY['assist'::text, 'call'::text])))
CREATE INDEX procedures_open ON public.procedures USING btree (kind, opened_at) WHERE (ended_at IS NULL)
CREATE UNIQUE INDEX procedures_pkey ON public.procedures USING btree (id)
CREATE INDEX procedures_unit ON public.procedures USING btree (unit) WHERE (ended_at IS NULL)
CREATE UNIQUE INDEX readers_pkey ON public.readers USING btree (name)
CREATE INDEX reports_case ON public.reports USING btree (case_id)
CREATE UNIQUE INDEX reports_code ON public.reports USING btree (code) WHERE (code IS NOT NULL)
CREATE UNIQUE INDEX reports_pkey ON public.reports USING btree (id)
CREATE UNIQUE INDEX reports_source ON public.reports USING btree (source, source_key) WHERE (source_key IS NOT NULL)
CREATE UNIQUE INDEX sessions_pkey ON public.sessions USING btree (token_hash)
CREATE UNIQUE INDEX settings_pkey ON public.settings USING btree (name)
CREATE INDEX tasks_case ON public.tasks USING btree (case_id)
CREATE UNIQUE INDEX tasks_one_open ON public.tasks USING btree (case_id, kind) WHERE ((state = ANY (ARRAY['open'::text, 'accepted'::text])) AND (kind = ANY (ARRAY['verify'::text, 'handle'::text, 'check'::text])))
CREATE UNIQUE INDEX tasks_pkey ON public.tasks USING btree (id)
CREATE INDEX tenures_account ON public.tenures USING btree (account)
CREATE UNIQUE INDEX tenures_pkey ON public.tenures USING btree (post, account, held_from)
CREATE UNIQUE INDEX units_code_key ON public.units USING btree (code)
CREATE UNIQUE INDEX units_pkey ON public.units USING btree (id)

-- views

-- triggers (O: they fire)
O CREATE TRIGGER drawings_are_kept BEFORE DELETE OR UPDATE ON public.drawings FOR EACH ROW EXECUTE FUNCTION refuse_change()
O CREATE TRIGGER drawings_stay BEFORE TRUNCATE ON public.drawings FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
O CREATE TRIGGER facts_are_kept BEFORE DELETE OR UPDATE ON public.facts FOR EACH ROW EXECUTE FUNCTION refuse_change()
O CREATE TRIGGER facts_stay BEFORE TRUNCATE ON public.facts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
O CREATE TRIGGER lotteries_change_once BEFORE UPDATE ON public.lotteries FOR EACH ROW EXECUTE FUNCTION refuse_lottery_change()
O CREATE TRIGGER lotteries_stay BEFORE DELETE ON public.lotteries FOR EACH ROW EXECUTE FUNCTION refuse_change()
O CREATE TRIGGER lotteries_stay_all BEFORE TRUNCATE ON public.lotteries FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
O CREATE TRIGGER nobody_rechecks_his_own_work BEFORE INSERT ON public.facts FOR EACH ROW WHEN (((new.kind = 'procedure:moved'::text) AND ((new.says ->> 'procedure'::text) = 'recheck'::text) AND ((new.says ->> 'move'::text) = ANY (ARRAY['confirm'::text, 'deny'::text, 'unable'::text])))) EXECUTE FUNCTION refuse_own_recheck()
O CREATE TRIGGER reports_are_kept BEFORE UPDATE ON public.reports FOR EACH ROW EXECUTE FUNCTION refuse_report_change()
O CREATE TRIGGER reports_stay BEFORE DELETE ON public.reports FOR EACH ROW EXECUTE FUNCTION refuse_change()

-- functions
CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    raise exception '% is append-only: % refused', tg_table_name, tg_op
        using errcode = 'restrict_violation';
end $function$

CREATE OR REPLACE FUNCTION public.refuse_lottery_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    if old.seed is not null or old.lost_at is not null
       or (old.day, old.after_days, old.share, old.zone, old.commitment, old.committed_at)
          is distinct from
          (new.day, new.after_days, new.share, new.zone, new.commitment, new.committed_at) then
        raise exception 'a lottery is append-only: % refused', tg_op
            using errcode = 'restrict_violation';
    end if;
    return new;
end $function$

CREATE OR REPLACE FUNCTION public.refuse_own_recheck()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
end $function$

CREATE OR REPLACE FUNCTION public.refuse_report_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    if (to_jsonb(new) - 'case_id') is distinct from (to_jsonb(old) - 'case_id') then
        raise exception 'a report is immutable' using errcode = 'restrict_violation';
    end if;
    return new;
end $function$


-- row-level security
