-- What the migrations add up to. Written by “make schema”; a test compares.

-- sequences
accounts_id_seq as bigint start 1 by 1
areas_id_seq as bigint start 1 by 1
briefings_id_seq as bigint start 1 by 1
campaigns_id_seq as bigint start 1 by 1
case_id as bigint start 1 by 1
catalogue_terms_id_seq as bigint start 1 by 1
categories_id_seq as bigint start 1 by 1
city_facts_id_seq as bigint start 1 by 1
condition_limits_id_seq as bigint start 1 by 1
contacts_id_seq as bigint start 1 by 1
duty_rules_id_seq as bigint start 1 by 1
facts_id_seq as bigint start 1 by 1
grid_versions_id_seq as bigint start 1 by 1
hooks_id_seq as bigint start 1 by 1
imports_id_seq as bigint start 1 by 1
messages_id_seq as bigint start 1 by 1
notices_id_seq as bigint start 1 by 1
photos_id_seq as bigint start 1 by 1
posts_id_seq as bigint start 1 by 1
procedures_id_seq as bigint start 1 by 1
proposal_runs_id_seq as bigint start 1 by 1
proposals_id_seq as bigint start 1 by 1
replies_id_seq as bigint start 1 by 1
report_id as bigint start 1 by 1
snapshots_id_seq as bigint start 1 by 1
staff_addresses_id_seq as bigint start 1 by 1
subscriptions_id_seq as bigint start 1 by 1
tasks_id_seq as bigint start 1 by 1
texts_id_seq as bigint start 1 by 1
units_id_seq as bigint start 1 by 1
views_id_seq as bigint start 1 by 1

-- columns
accounts.id bigint not null identity d
accounts.login text not null
accounts.name text not null
accounts.password_hash text
accounts.lang text not null default 'zh'::text
accounts.disabled_at timestamp with time zone
answers.key bytea not null
answers.body bytea not null
answers.answer json
answers.at timestamp with time zone not null
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
briefings.id bigint not null identity d
briefings.since timestamp with time zone not null
briefings.until timestamp with time zone not null
briefings.area bigint
briefings.title text not null default ''::text
briefings.texts jsonb not null default '{}'::jsonb
briefings.made_by bigint
briefings.made_at timestamp with time zone not null
briefings.version integer not null default 1
briefings.snapshot bigint
briefings.frozen_by bigint
briefings.frozen_at timestamp with time zone
briefings.document text
briefings.sha256 bytea
calendar_days.day date not null
calendar_days.kind text not null
calendar_days.name text not null default ''::text
campaign_cases.campaign bigint not null
campaign_cases.case_id bigint not null
campaign_cases.joined boolean not null
campaign_cases.reason text not null default ''::text
campaign_cases.at timestamp with time zone not null
campaign_cases.account bigint
campaigns.id bigint not null identity d
campaigns.name_zh text not null
campaigns.name_en text not null default ''::text
campaigns.purpose text not null default ''::text
campaigns.since timestamp with time zone not null
campaigns.until timestamp with time zone not null
campaigns.areas bigint[] not null default '{}'::bigint[]
campaigns.categories text[] not null default '{}'::text[]
campaigns.units bigint[] not null default '{}'::bigint[]
campaigns.lead bigint
campaigns.state text not null default 'draft'::text
campaigns.steps jsonb not null default '[]'::jsonb
campaigns.summary text not null default ''::text
campaigns.frozen jsonb
campaigns.version integer not null default 1
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
cases.condition smallint
cases.asset text
cases.linked_to bigint
cases.leads boolean not null default false
cases.handled_post bigint
cases.checked_post bigint
cases.runs_out_at timestamp with time zone
catalogue_terms.id bigint not null identity a
catalogue_terms.version integer not null
catalogue_terms.valid_from date not null
catalogue_terms.withdrawn_at timestamp with time zone
catalogues.version integer not null
catalogues.name text not null
catalogues.valid_from date
catalogues.based_on integer
catalogues.set_aside timestamp with time zone
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
channels.channel text not null
channels.sent_at timestamp with time zone
channels.failures integer not null default 0
channels.failing_since timestamp with time zone
channels.failed_at timestamp with time zone
channels.last_error text not null default ''::text
channels.rests_until timestamp with time zone
city_facts.id bigint not null identity a
city_facts.at timestamp with time zone not null
city_facts.account bigint
city_facts.kind text not null
city_facts.says jsonb not null default '{}'::jsonb
condition_limits.id bigint not null identity a
condition_limits.category bigint not null
condition_limits.n integer not null
condition_limits.limit_ text not null
condition_limits.from_at timestamp with time zone not null
condition_limits.until_at timestamp with time zone
conditions.category bigint not null
conditions.n integer not null
conditions.text_zh text not null
conditions.text_en text not null default ''::text
conditions.limit_ text not null
conditions.hazard boolean not null
conditions.closing_zh text not null default ''::text
conditions.closing_en text not null default ''::text
conditions.photo_rule text not null default 'none'::text
contacts.id bigint not null identity d
contacts.report_id bigint not null
contacts.kind text not null
contacts.masked text not null
contacts.nonce bytea
contacts.ciphertext bytea
contacts.made_at timestamp with time zone not null default now()
contacts.erased_at timestamp with time zone
contacts.tell boolean not null default false
contacts.bounced_at timestamp with time zone
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
duty_rules.unit bigint
duty_rules.co_units bigint[] not null default '{}'::bigint[]
duty_rules.forbidden bigint[] not null default '{}'::bigint[]
duty_rules.clause text not null default ''::text
duty_rules.priority integer not null default 0
duty_rules.auto boolean not null default false
duty_rules.valid_from date not null default '0001-01-01'::date
duty_rules.valid_until date
duty_rules.catalogue integer
duty_rules.lead text not null default 'unit'::text
duty_rules.owner bigint
duty_rules.line bigint
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
grid_changes.version bigint not null
grid_changes.code text not null
grid_changes.name_zh text not null
grid_changes.name_en text not null default ''::text
grid_changes.parent text
grid_changes.shape bytea
grid_changes.households integer
grid_changes.gone boolean not null default false
grid_versions.id bigint not null identity a
grid_versions.title text not null
grid_versions.kind text not null
grid_versions.state text not null default 'draft'::text
grid_versions.starts_on date
grid_versions.made_at timestamp with time zone not null
grid_versions.made_by bigint
grid_versions.version integer not null default 1
grid_versions.account jsonb not null default '{}'::jsonb
held_photos.key text not null
held_photos.n integer not null
held_photos.sha256 bytea not null
held_photos.mime text not null
held_photos.width integer not null
held_photos.height integer not null
held_photos.bytes bytea not null
held_photos.held_at timestamp with time zone not null
hooks.id bigint not null identity d
hooks.title text not null
hooks.style text not null
hooks.unit bigint
hooks.area bigint
hooks.lang text not null
hooks.host text not null
hooks.nonce bytea not null
hooks.sealed bytea not null
hooks.active boolean not null default true
hooks.made_at timestamp with time zone not null
hooks.made_by bigint
imports.id bigint not null identity d
imports.source text not null
imports.file text not null
imports.began_at timestamp with time zone not null default now()
imports.ended_at timestamp with time zone
imports.read bigint not null default 0
imports.made bigint not null default 0
imports.known bigint not null default 0
imports.refused bigint not null default 0
invitations.token_hash bytea not null
invitations.account bigint not null
invitations.made_at timestamp with time zone not null
invitations.ends_at timestamp with time zone not null
invitations.used_at timestamp with time zone
key_hours.key_hash bytea not null
key_hours.hour timestamp with time zone not null
key_hours.requests integer not null
key_hours.refused integer not null
key_hours.conflicts integer not null
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
message_mutes.account bigint not null
message_mutes.medium text not null
message_mutes.kind text not null
messages.id bigint not null identity d
messages.medium text not null
messages.channel text not null
messages.hearer text not null
messages.event text not null
messages.about text not null
messages.lang text not null
messages.account bigint
messages.report_id bigint
messages.subscription bigint
messages.hook bigint
messages.case_id bigint
messages.seq integer
messages.says jsonb not null default '{}'::jsonb
messages.urgent boolean not null default false
messages.at timestamp with time zone not null
messages.made_at timestamp with time zone not null
messages.due_at timestamp with time zone not null
messages.state text not null default 'waiting'::text
messages.tries integer not null default 0
messages.next_at timestamp with time zone not null
messages.claimed_at timestamp with time zone
messages.sent_at timestamp with time zone
messages.ended_at timestamp with time zone
messages.bundle bigint
messages.last_error text not null default ''::text
messages.subject text not null default ''::text
messages.body text not null default ''::text
migrations.number integer not null
migrations.name text not null
migrations.at timestamp with time zone not null default now()
notice_mutes.account bigint not null
notice_mutes.kind text not null
notices.id bigint not null identity d
notices.account bigint
notices.post bigint not null
notices.case_id bigint
notices.kind text not null
notices.about text not null
notices.urgent boolean not null default false
notices.at timestamp with time zone not null
notices.made_at timestamp with time zone not null
notices.due_from timestamp with time zone not null
notices.read_at timestamp with time zone
notices.says jsonb not null default '{}'::jsonb
openings.account bigint not null
openings.case_id bigint not null
openings.until timestamp with time zone not null
patrols.area bigint not null
patrols.day date not null
patrols.seen integer not null default 1
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
posts.quiet_from time without time zone default '22:00:00'::time without time zone
posts.quiet_until time without time zone default '07:00:00'::time without time zone
posts.ended_at timestamp with time zone
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
proposal_run_cases.run bigint not null
proposal_run_cases.case_id bigint not null
proposal_run_cases.tags text[] not null
proposal_run_cases.late text[] not null
proposal_run_cases.unit_before bigint
proposal_run_cases.unit_after bigint
proposal_run_cases.says jsonb
proposal_run_joins.run bigint not null
proposal_run_joins.report bigint not null
proposal_run_joins.kind text not null
proposal_run_joins.case_id bigint not null
proposal_run_joins.before_case bigint
proposal_run_joins.after_case bigint
proposal_run_joins.metres double precision
proposal_run_joins.hours double precision
proposal_runs.id bigint not null identity d
proposal_runs.proposal bigint not null
proposal_runs.version integer not null
proposal_runs.changes jsonb not null
proposal_runs.since timestamp with time zone not null
proposal_runs.until timestamp with time zone not null
proposal_runs.state text not null
proposal_runs.asked_by bigint
proposal_runs.asked_at timestamp with time zone not null
proposal_runs.beat_at timestamp with time zone
proposal_runs.ended_at timestamp with time zone
proposal_runs.done integer not null default 0
proposal_runs.total integer not null default 0
proposal_runs.result jsonb
proposal_runs.problem text not null default ''::text
proposals.id bigint not null identity d
proposals.title text not null
proposals.state text not null
proposals.changes jsonb not null default '[]'::jsonb
proposals.version integer not null default 1
proposals.made_by bigint
proposals.made_at timestamp with time zone not null
proposals.starts_on date
proposals.decided_by bigint
proposals.reason text not null default ''::text
proposals.rules jsonb not null default '{}'::jsonb
readers.name text not null
readers.tx xid8 not null default '0'::xid8
readers.id bigint not null default 0
replies.id bigint not null identity d
replies.code text not null
replies.version integer not null
replies.title_zh text not null
replies.title_en text not null default ''::text
replies.text_zh text not null
replies.text_en text not null default ''::text
replies.acts text[] not null
replies.dropped boolean not null default false
replies.account bigint
replies.made_at timestamp with time zone not null
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
same_rules.category text not null
same_rules.metres double precision not null
same_rules.hours double precision not null
same_rules.apart double precision not null
same_rules."least" double precision not null
same_rules.words double precision not null
same_rules.joins boolean not null
same_rules.near_metres double precision not null
same_rules.near_hours double precision not null
same_rules.changed_at timestamp with time zone not null default now()
sessions.token_hash bytea not null
sessions.account bigint not null
sessions.made_at timestamp with time zone not null default now()
sessions.seen_at timestamp with time zone not null default now()
sessions.ends_at timestamp with time zone not null
sessions.viewing bigint
sessions.viewing_until timestamp with time zone
settings.name text not null
settings.value jsonb not null
snapshots.id bigint not null identity d
snapshots.since timestamp with time zone not null
snapshots.until timestamp with time zone not null
snapshots.upto_tx xid8 not null
snapshots.upto_id bigint not null
snapshots.frozen_at timestamp with time zone not null
snapshots.frozen_by bigint
snapshots.document text not null
snapshots.sha256 bytea not null
staff_addresses.id bigint not null identity d
staff_addresses.account bigint not null
staff_addresses.medium text not null
staff_addresses.masked text not null
staff_addresses.nonce bytea not null
staff_addresses.ciphertext bytea not null
staff_addresses.made_at timestamp with time zone not null
staff_addresses.bounced_at timestamp with time zone
subscriptions.id bigint not null identity d
subscriptions.area text not null default ''::text
subscriptions.category text not null default ''::text
subscriptions.lang text not null
subscriptions.finger bytea not null
subscriptions.masked text not null
subscriptions.nonce bytea not null
subscriptions.ciphertext bytea not null
subscriptions.made_at timestamp with time zone not null
subscriptions.confirmed_at timestamp with time zone
subscriptions.bounced_at timestamp with time zone
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
texts.id bigint not null identity d
texts.event text not null
texts.medium text not null
texts.lang text not null
texts.subject text
texts.body text
texts.account bigint
texts.at timestamp with time zone not null
units.id bigint not null identity d
units.code text not null
units.parent bigint
units.kind text not null default ''::text
units.name_zh text not null
units.name_en text not null default ''::text
units.phone text not null default ''::text
units.active boolean not null default true
units.hours jsonb
view_pins.account bigint not null
view_pins.view bigint not null
views.id bigint not null identity d
views.account bigint not null
views.title text not null
views.query text not null
views.shared boolean not null default false
views.made_at timestamp with time zone not null

-- constraints
accounts: accounts_lang_check CHECK ((lang = ANY (ARRAY['zh'::text, 'en'::text])))
accounts: accounts_login_check CHECK ((login = lower(login)))
accounts: accounts_login_key UNIQUE (login)
accounts: accounts_pkey PRIMARY KEY (id)
answers: answers_pkey PRIMARY KEY (key)
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
briefings: briefings_area_fkey FOREIGN KEY (area) REFERENCES areas(id)
briefings: briefings_check CHECK ((since < until))
briefings: briefings_frozen_by_fkey FOREIGN KEY (frozen_by) REFERENCES accounts(id)
briefings: briefings_made_by_fkey FOREIGN KEY (made_by) REFERENCES accounts(id)
briefings: briefings_pkey PRIMARY KEY (id)
briefings: briefings_snapshot_fkey FOREIGN KEY (snapshot) REFERENCES snapshots(id)
briefings: frozen_wholly_or_not CHECK ((((frozen_at IS NULL) = (document IS NULL)) AND ((frozen_at IS NULL) = (sha256 IS NULL)) AND ((frozen_at IS NOT NULL) OR (snapshot IS NULL))))
briefings: the_hash_is_of_the_briefing CHECK (((document IS NULL) OR (sha256(convert_to(document, 'UTF8'::name)) = sha256)))
calendar_days: calendar_days_kind_check CHECK ((kind = ANY (ARRAY['holiday'::text, 'workday'::text])))
calendar_days: calendar_days_pkey PRIMARY KEY (day)
campaign_cases: campaign_cases_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
campaign_cases: campaign_cases_campaign_fkey FOREIGN KEY (campaign) REFERENCES campaigns(id)
campaign_cases: campaign_cases_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
campaign_cases: campaign_cases_pkey PRIMARY KEY (campaign, case_id)
campaigns: campaigns_check CHECK ((until > since))
campaigns: campaigns_check1 CHECK (((state = 'reported'::text) = (frozen IS NOT NULL)))
campaigns: campaigns_lead_fkey FOREIGN KEY (lead) REFERENCES units(id)
campaigns: campaigns_pkey PRIMARY KEY (id)
campaigns: campaigns_state_check CHECK ((state = ANY (ARRAY['draft'::text, 'running'::text, 'ended'::text, 'reported'::text])))
cases: cases_asset_fkey FOREIGN KEY (asset) REFERENCES assets(code)
cases: cases_check CHECK (((lon IS NULL) = (lat IS NULL)))
cases: cases_check1 CHECK (((area IS NULL) = (area_code IS NULL)))
cases: cases_check2 CHECK (((stage = 'merged'::text) = (merged_into IS NOT NULL)))
cases: cases_check3 CHECK (((stage = 'merged'::text) = (before_merge IS NOT NULL)))
cases: cases_check4 CHECK ((merged_into IS DISTINCT FROM id))
cases: cases_condition_check CHECK ((condition >= 1))
cases: cases_confirmation_check CHECK ((confirmation = ANY (ARRAY['confirmed'::text, 'denied'::text])))
cases: cases_linked_to_fkey FOREIGN KEY (linked_to) REFERENCES cases(id)
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
cases: nobody_leads_himself CHECK ((linked_to IS DISTINCT FROM id))
cases: parts_are_done_first CHECK (((stage <> ALL (ARRAY['checked'::text, 'closed'::text])) OR (NOT ('assist'::text = ANY (pending)))))
cases: work_has_a_lead_unit CHECK (((stage <> ALL (ARRAY['dispatched'::text, 'in_hand'::text, 'handled'::text, 'checked'::text])) OR (unit IS NOT NULL)))
catalogue_terms: catalogue_terms_pkey PRIMARY KEY (id)
catalogue_terms: catalogue_terms_version_fkey FOREIGN KEY (version) REFERENCES catalogues(version)
catalogues: catalogues_based_on_fkey FOREIGN KEY (based_on) REFERENCES catalogues(version)
catalogues: catalogues_pkey PRIMARY KEY (version)
categories: categories_layer_check CHECK ((layer = ANY (ARRAY['component'::text, 'event'::text, 'service'::text])))
categories: categories_pkey PRIMARY KEY (id)
categories: categories_version_code_key UNIQUE (version, code)
categories: categories_version_fkey FOREIGN KEY (version) REFERENCES catalogues(version)
category_map: category_map_new_version_fkey FOREIGN KEY (new_version) REFERENCES catalogues(version)
category_map: category_map_old_version_fkey FOREIGN KEY (old_version) REFERENCES catalogues(version)
category_map: category_map_pkey PRIMARY KEY (old_version, old_code, new_version)
channels: channels_pkey PRIMARY KEY (channel)
city_facts: city_facts_pkey PRIMARY KEY (id)
condition_limits: condition_limits_category_fkey FOREIGN KEY (category) REFERENCES categories(id)
condition_limits: condition_limits_pkey PRIMARY KEY (id)
conditions: conditions_category_fkey FOREIGN KEY (category) REFERENCES categories(id)
conditions: conditions_n_check CHECK ((n >= 1))
conditions: conditions_photo_rule_check CHECK ((photo_rule = ANY (ARRAY['none'::text, 'after'::text, 'before_and_after'::text])))
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
duty_rules: a_rule_names_its_lead CHECK (((lead = 'unit'::text) = (unit IS NOT NULL)))
duty_rules: duty_rules_catalogue_fkey FOREIGN KEY (catalogue) REFERENCES catalogues(version)
duty_rules: duty_rules_check CHECK (((area_lo IS NULL) = (area_hi IS NULL)))
duty_rules: duty_rules_lead_check CHECK ((lead = ANY (ARRAY['unit'::text, 'owner'::text, 'maintainer'::text])))
duty_rules: duty_rules_owner_fkey FOREIGN KEY (owner) REFERENCES units(id)
duty_rules: duty_rules_pkey PRIMARY KEY (id)
duty_rules: duty_rules_unit_fkey FOREIGN KEY (unit) REFERENCES units(id)
facts: facts_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
facts: facts_pkey PRIMARY KEY (case_id, seq)
facts: facts_seq_check CHECK ((seq >= 1))
grid_changes: grid_changes_households_check CHECK ((households >= 0))
grid_changes: grid_changes_pkey PRIMARY KEY (version, code)
grid_changes: grid_changes_version_fkey FOREIGN KEY (version) REFERENCES grid_versions(id) ON DELETE CASCADE
grid_versions: grid_versions_check CHECK (((state = ANY (ARRAY['set'::text, 'withdrawn'::text])) = (starts_on IS NOT NULL)))
grid_versions: grid_versions_kind_fkey FOREIGN KEY (kind) REFERENCES levels(kind)
grid_versions: grid_versions_pkey PRIMARY KEY (id)
grid_versions: grid_versions_state_check CHECK ((state = ANY (ARRAY['draft'::text, 'set'::text, 'withdrawn'::text, 'dropped'::text])))
grid_versions: grid_versions_title_check CHECK (((length(title) >= 1) AND (length(title) <= 120)))
held_photos: held_photos_pkey PRIMARY KEY (key, n)
hooks: hooks_area_fkey FOREIGN KEY (area) REFERENCES areas(id)
hooks: hooks_check CHECK (((unit IS NULL) OR (area IS NULL)))
hooks: hooks_lang_check CHECK ((lang = ANY (ARRAY['zh'::text, 'en'::text])))
hooks: hooks_made_by_fkey FOREIGN KEY (made_by) REFERENCES accounts(id)
hooks: hooks_pkey PRIMARY KEY (id)
hooks: hooks_style_check CHECK ((style = ANY (ARRAY['json'::text, 'wecom'::text, 'dingtalk'::text, 'feishu'::text])))
hooks: hooks_title_check CHECK ((title <> ''::text))
hooks: hooks_unit_fkey FOREIGN KEY (unit) REFERENCES units(id)
imports: imports_pkey PRIMARY KEY (id)
invitations: invitations_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
invitations: invitations_check CHECK ((ends_at > made_at))
invitations: invitations_pkey PRIMARY KEY (token_hash)
key_hours: key_hours_key_hash_fkey FOREIGN KEY (key_hash) REFERENCES api_keys(key_hash) ON DELETE CASCADE
key_hours: key_hours_pkey PRIMARY KEY (key_hash, hour)
levels: levels_pkey PRIMARY KEY (kind)
levels: levels_rank_key UNIQUE (rank)
lotteries: drawn_wholly_or_not CHECK ((((seed IS NULL) = (drawn_at IS NULL)) AND ((seed IS NULL) = (population IS NULL)) AND ((seed IS NULL) = (drawn IS NULL)) AND ((seed IS NULL) OR (lost_at IS NULL))))
lotteries: lotteries_after_days_check CHECK ((after_days = ANY (ARRAY[7, 30])))
lotteries: lotteries_pkey PRIMARY KEY (day, after_days)
lotteries: lotteries_share_check CHECK (((share >= (0)::numeric) AND (share <= (1)::numeric)))
lotteries: the_seed_is_the_one_promised CHECK (((seed IS NULL) OR (sha256(seed) = commitment)))
message_mutes: message_mutes_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
message_mutes: message_mutes_pkey PRIMARY KEY (account, medium, kind)
messages: carried_since CHECK (((state = 'sending'::text) = (claimed_at IS NOT NULL)))
messages: messages_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
messages: messages_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
messages: messages_hearer_check CHECK ((hearer = ANY (ARRAY['staff'::text, 'reporter'::text, 'subscriber'::text])))
messages: messages_hook_fkey FOREIGN KEY (hook) REFERENCES hooks(id)
messages: messages_lang_check CHECK ((lang = ANY (ARRAY['zh'::text, 'en'::text])))
messages: messages_medium_check CHECK ((medium = ANY (ARRAY['email'::text, 'sms'::text, 'chat'::text, 'push'::text])))
messages: messages_pkey PRIMARY KEY (id)
messages: messages_report_id_fkey FOREIGN KEY (report_id) REFERENCES reports(id)
messages: messages_state_check CHECK ((state = ANY (ARRAY['waiting'::text, 'sending'::text, 'sent'::text, 'dead'::text, 'dropped'::text])))
messages: messages_subscription_fkey FOREIGN KEY (subscription) REFERENCES subscriptions(id) ON DELETE CASCADE
messages: one_hearer CHECK ((num_nonnulls(account, report_id, subscription, hook) = 1))
messages: sent_when CHECK (((state = 'sent'::text) = (sent_at IS NOT NULL)))
migrations: migrations_pkey PRIMARY KEY (number)
notice_mutes: notice_mutes_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
notice_mutes: notice_mutes_pkey PRIMARY KEY (account, kind)
notices: notices_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
notices: notices_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
notices: notices_check CHECK ((due_from >= made_at))
notices: notices_kind_check CHECK ((kind = ANY (ARRAY['clock'::text, 'hazard'::text, 'dispatched'::text, 'part'::text, 'rework'::text, 'returned'::text, 'to_check'::text, 'decide'::text, 'decided'::text, 'supervised'::text, 'reopened'::text, 'joined'::text, 'late'::text, 'rule'::text])))
notices: notices_pkey PRIMARY KEY (id)
notices: notices_post_fkey FOREIGN KEY (post) REFERENCES posts(id)
openings: openings_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
openings: openings_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
openings: openings_pkey PRIMARY KEY (account)
patrols: patrols_area_fkey FOREIGN KEY (area) REFERENCES areas(id)
patrols: patrols_pkey PRIMARY KEY (area, day)
patrols: patrols_seen_check CHECK ((seen > 0))
photos: a_reporters_camera_is_not_read CHECK (((step <> 'report'::text) OR ((camera_at IS NULL) AND (metres IS NULL) AND (findings = '{}'::text[]))))
photos: photos_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
photos: photos_pkey PRIMARY KEY (id)
photos: photos_report_id_fkey FOREIGN KEY (report_id) REFERENCES reports(id)
photos: photos_step_check CHECK ((step = ANY (ARRAY['report'::text, 'before'::text, 'after'::text, 'check'::text, 'note'::text])))
posts: posts_area_fkey FOREIGN KEY (area) REFERENCES areas(id)
posts: posts_check CHECK (((area IS NULL) OR (unit IS NULL)))
posts: posts_check1 CHECK (((quiet_from IS NULL) = (quiet_until IS NULL)))
posts: posts_check2 CHECK ((quiet_from <> quiet_until))
posts: posts_pkey PRIMARY KEY (id)
posts: posts_unit_fkey FOREIGN KEY (unit) REFERENCES units(id)
procedures: procedures_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
procedures: procedures_kind_check CHECK ((kind = ANY (ARRAY['verify'::text, 'assist'::text, 'extension'::text, 'hold'::text, 'transfer'::text, 'dispute'::text, 'call'::text, 'supervision'::text, 'recheck'::text, 'appeal'::text])))
procedures: procedures_pkey PRIMARY KEY (id)
procedures: procedures_unit_fkey FOREIGN KEY (unit) REFERENCES units(id)
proposal_run_cases: proposal_run_cases_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
proposal_run_cases: proposal_run_cases_pkey PRIMARY KEY (run, case_id)
proposal_run_cases: proposal_run_cases_run_fkey FOREIGN KEY (run) REFERENCES proposal_runs(id) ON DELETE CASCADE
proposal_run_joins: proposal_run_joins_after_case_fkey FOREIGN KEY (after_case) REFERENCES cases(id)
proposal_run_joins: proposal_run_joins_before_case_fkey FOREIGN KEY (before_case) REFERENCES cases(id)
proposal_run_joins: proposal_run_joins_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
proposal_run_joins: proposal_run_joins_kind_check CHECK ((kind = ANY (ARRAY['joins'::text, 'parts'::text, 'elsewhere'::text])))
proposal_run_joins: proposal_run_joins_pkey PRIMARY KEY (run, report)
proposal_run_joins: proposal_run_joins_report_fkey FOREIGN KEY (report) REFERENCES reports(id)
proposal_run_joins: proposal_run_joins_run_fkey FOREIGN KEY (run) REFERENCES proposal_runs(id) ON DELETE CASCADE
proposal_runs: proposal_runs_asked_by_fkey FOREIGN KEY (asked_by) REFERENCES accounts(id)
proposal_runs: proposal_runs_check CHECK ((until > since))
proposal_runs: proposal_runs_pkey PRIMARY KEY (id)
proposal_runs: proposal_runs_proposal_fkey FOREIGN KEY (proposal) REFERENCES proposals(id)
proposal_runs: proposal_runs_state_check CHECK ((state = ANY (ARRAY['queued'::text, 'running'::text, 'done'::text, 'failed'::text])))
proposals: proposals_check CHECK (((state = 'draft'::text) = (starts_on IS NULL)))
proposals: proposals_decided_by_fkey FOREIGN KEY (decided_by) REFERENCES accounts(id)
proposals: proposals_made_by_fkey FOREIGN KEY (made_by) REFERENCES accounts(id)
proposals: proposals_pkey PRIMARY KEY (id)
proposals: proposals_state_check CHECK ((state = ANY (ARRAY['draft'::text, 'scheduled'::text, 'on'::text, 'off'::text])))
readers: readers_pkey PRIMARY KEY (name)
replies: replies_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
replies: replies_code_check CHECK (((length(code) >= 1) AND (length(code) <= 40)))
replies: replies_pkey PRIMARY KEY (id)
replies: replies_version_check CHECK ((version >= 1))
reports: reports_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
reports: reports_check CHECK (((lon IS NULL) = (lat IS NULL)))
reports: reports_pkey PRIMARY KEY (id)
same_rules: same_rules_apart_check CHECK (((apart >= (0)::double precision) AND (apart <= (720)::double precision)))
same_rules: same_rules_check CHECK (((near_metres >= metres) AND (near_metres <= (500)::double precision)))
same_rules: same_rules_check1 CHECK (((near_hours >= hours) AND (near_hours <= (8784)::double precision)))
same_rules: same_rules_hours_check CHECK (((hours >= (0)::double precision) AND (hours <= (8784)::double precision)))
same_rules: same_rules_least_check CHECK ((("least" >= (0)::double precision) AND ("least" <= (1)::double precision)))
same_rules: same_rules_metres_check CHECK (((metres >= (0)::double precision) AND (metres <= (500)::double precision)))
same_rules: same_rules_pkey PRIMARY KEY (category)
same_rules: same_rules_words_check CHECK (((words >= (0)::double precision) AND (words <= (100)::double precision)))
sessions: sessions_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
sessions: sessions_pkey PRIMARY KEY (token_hash)
sessions: sessions_viewing CHECK (((viewing IS NULL) = (viewing_until IS NULL)))
sessions: sessions_viewing_fkey FOREIGN KEY (viewing) REFERENCES posts(id)
settings: settings_pkey PRIMARY KEY (name)
snapshots: snapshots_check CHECK (((since < until) AND (until <= frozen_at)))
snapshots: snapshots_frozen_by_fkey FOREIGN KEY (frozen_by) REFERENCES accounts(id)
snapshots: snapshots_pkey PRIMARY KEY (id)
snapshots: snapshots_since_until_key UNIQUE (since, until)
snapshots: the_hash_is_of_the_document CHECK ((sha256(convert_to(document, 'UTF8'::name)) = sha256))
staff_addresses: staff_addresses_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
staff_addresses: staff_addresses_medium_check CHECK ((medium = ANY (ARRAY['email'::text, 'sms'::text, 'push'::text])))
staff_addresses: staff_addresses_pkey PRIMARY KEY (id)
subscriptions: subscriptions_check CHECK (((area <> ''::text) OR (category <> ''::text)))
subscriptions: subscriptions_finger_area_category_key UNIQUE (finger, area, category)
subscriptions: subscriptions_lang_check CHECK ((lang = ANY (ARRAY['zh'::text, 'en'::text])))
subscriptions: subscriptions_pkey PRIMARY KEY (id)
tasks: tasks_case_id_fkey FOREIGN KEY (case_id) REFERENCES cases(id)
tasks: tasks_kind_check CHECK ((kind = ANY (ARRAY['verify'::text, 'handle'::text, 'assist'::text, 'check'::text, 'callback'::text, 'recheck'::text])))
tasks: tasks_pkey PRIMARY KEY (id)
tasks: tasks_state_check CHECK ((state = ANY (ARRAY['open'::text, 'accepted'::text, 'done'::text, 'returned'::text, 'cancelled'::text])))
tasks: tasks_unit_fkey FOREIGN KEY (unit) REFERENCES units(id)
tenures: tenures_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
tenures: tenures_check CHECK (((held_until IS NULL) OR (held_until > held_from)))
tenures: tenures_pkey PRIMARY KEY (post, account, held_from)
tenures: tenures_post_fkey FOREIGN KEY (post) REFERENCES posts(id)
texts: texts_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
texts: texts_check CHECK (((subject IS NULL) = (body IS NULL)))
texts: texts_lang_check CHECK ((lang = ANY (ARRAY['zh'::text, 'en'::text])))
texts: texts_pkey PRIMARY KEY (id)
units: units_code_key UNIQUE (code)
units: units_parent_fkey FOREIGN KEY (parent) REFERENCES units(id)
units: units_pkey PRIMARY KEY (id)
view_pins: view_pins_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
view_pins: view_pins_pkey PRIMARY KEY (account, view)
view_pins: view_pins_view_fkey FOREIGN KEY (view) REFERENCES views(id) ON DELETE CASCADE
views: views_account_fkey FOREIGN KEY (account) REFERENCES accounts(id)
views: views_pkey PRIMARY KEY (id)
views: views_title_check CHECK (((length(title) >= 1) AND (length(title) <= 40)))

-- indexes
CREATE UNIQUE INDEX accounts_login_key ON public.accounts USING btree (login)
CREATE UNIQUE INDEX accounts_pkey ON public.accounts USING btree (id)
CREATE INDEX answers_at ON public.answers USING btree (at)
CREATE UNIQUE INDEX answers_pkey ON public.answers USING btree (key)
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
CREATE INDEX briefings_latest ON public.briefings USING btree (until, id)
CREATE UNIQUE INDEX briefings_pkey ON public.briefings USING btree (id)
CREATE UNIQUE INDEX calendar_days_pkey ON public.calendar_days USING btree (day)
CREATE INDEX campaign_cases_case ON public.campaign_cases USING btree (case_id)
CREATE UNIQUE INDEX campaign_cases_pkey ON public.campaign_cases USING btree (campaign, case_id)
CREATE UNIQUE INDEX campaigns_pkey ON public.campaigns USING btree (id)
CREATE INDEX campaigns_since ON public.campaigns USING btree (since DESC, id DESC)
CREATE INDEX cases_area ON public.cases USING btree (area_code, reported_at DESC) INCLUDE (id, unit, involved)
CREATE INDEX cases_asset ON public.cases USING btree (asset, reported_at DESC, id DESC) WHERE (asset IS NOT NULL)
CREATE INDEX cases_category ON public.cases USING btree (category, reported_at DESC, id DESC)
CREATE INDEX cases_cells ON public.cases USING gin (cells) WHERE (cells <> '{}'::bigint[])
CREATE INDEX cases_closed ON public.cases USING btree (closed_at DESC) WHERE (closed_at IS NOT NULL)
CREATE INDEX cases_due ON public.cases USING btree (due_at) WHERE (due_at IS NOT NULL)
CREATE INDEX cases_held ON public.cases USING btree (held_at) WHERE (held_at IS NOT NULL)
CREATE INDEX cases_involved ON public.cases USING gin (involved) WHERE (involved <> '{}'::bigint[])
CREATE INDEX cases_linked ON public.cases USING btree (linked_to) WHERE (linked_to IS NOT NULL)
CREATE INDEX cases_merged ON public.cases USING btree (merged_into) WHERE (merged_into IS NOT NULL)
CREATE INDEX cases_newest ON public.cases USING btree (reported_at DESC, id DESC)
CREATE INDEX cases_open ON public.cases USING btree (due_at, id) WHERE (stage = ANY (ARRAY['waiting_place'::text, 'not_ours'::text, 'received'::text, 'filed'::text, 'dispatched'::text, 'in_hand'::text, 'handled'::text, 'checked'::text]))
CREATE INDEX cases_open_newest ON public.cases USING btree (reported_at DESC, id DESC) WHERE (stage = ANY (ARRAY['waiting_place'::text, 'not_ours'::text, 'received'::text, 'filed'::text, 'dispatched'::text, 'in_hand'::text, 'handled'::text, 'checked'::text]))
CREATE INDEX cases_pending ON public.cases USING gin (pending) WHERE (pending <> '{}'::text[])
CREATE UNIQUE INDEX cases_pkey ON public.cases USING btree (id)
CREATE INDEX cases_repeat ON public.cases USING btree (repeat_of) WHERE (repeat_of IS NOT NULL)
CREATE INDEX cases_resting ON public.cases USING btree (id) WHERE ((held_at IS NOT NULL) OR ((stage = 'rejected'::text) AND (returns > 0)))
CREATE INDEX cases_running ON public.cases USING btree (COALESCE(runs_out_at, 'infinity'::timestamp with time zone), id) WHERE (stage = ANY (ARRAY['waiting_place'::text, 'not_ours'::text, 'received'::text, 'filed'::text, 'dispatched'::text, 'in_hand'::text, 'handled'::text, 'checked'::text]))
CREATE INDEX cases_same ON public.cases USING btree (tile, category, reported_at DESC, id DESC) WHERE (stage = ANY (ARRAY['received'::text, 'filed'::text, 'dispatched'::text, 'in_hand'::text]))
CREATE INDEX cases_spot ON public.cases USING btree (tile, category, closed_at DESC)
CREATE INDEX cases_ticking ON public.cases USING btree (next_at) WHERE (next_at IS NOT NULL)
CREATE INDEX cases_unit ON public.cases USING btree (unit, reported_at DESC, id DESC)
CREATE INDEX cases_words ON public.cases USING gin (words)
CREATE UNIQUE INDEX catalogue_terms_pkey ON public.catalogue_terms USING btree (id)
CREATE INDEX catalogue_terms_version ON public.catalogue_terms USING btree (version)
CREATE UNIQUE INDEX catalogues_pkey ON public.catalogues USING btree (version)
CREATE UNIQUE INDEX categories_pkey ON public.categories USING btree (id)
CREATE UNIQUE INDEX categories_version_code_key ON public.categories USING btree (version, code)
CREATE UNIQUE INDEX category_map_pkey ON public.category_map USING btree (old_version, old_code, new_version)
CREATE UNIQUE INDEX channels_pkey ON public.channels USING btree (channel)
CREATE INDEX city_facts_kind ON public.city_facts USING btree (kind text_pattern_ops, id)
CREATE UNIQUE INDEX city_facts_pkey ON public.city_facts USING btree (id)
CREATE UNIQUE INDEX condition_limits_now ON public.condition_limits USING btree (category, n) WHERE (until_at IS NULL)
CREATE UNIQUE INDEX condition_limits_pkey ON public.condition_limits USING btree (id)
CREATE UNIQUE INDEX conditions_pkey ON public.conditions USING btree (category, n)
CREATE UNIQUE INDEX contacts_pkey ON public.contacts USING btree (id)
CREATE INDEX contacts_report ON public.contacts USING btree (report_id)
CREATE INDEX drawings_case ON public.drawings USING btree (case_id)
CREATE UNIQUE INDEX drawings_pkey ON public.drawings USING btree (day, after_days, case_id)
CREATE UNIQUE INDEX duty_rules_pkey ON public.duty_rules USING btree (id)
CREATE INDEX facts_happened ON public.facts USING btree (kind, at) WHERE (kind = ANY (ARRAY['case:dispatched'::text, 'case:handled'::text, 'case:closed'::text, 'case:reopened'::text, 'case:rated'::text]))
CREATE UNIQUE INDEX facts_pkey ON public.facts USING btree (case_id, seq)
CREATE UNIQUE INDEX facts_reading ON public.facts USING btree (tx, id)
CREATE INDEX facts_sent ON public.facts USING btree (at) WHERE (kind = ANY (ARRAY['case:dispatched'::text, 'case:returned'::text]))
CREATE INDEX facts_when ON public.facts USING brin (at)
CREATE UNIQUE INDEX grid_changes_pkey ON public.grid_changes USING btree (version, code)
CREATE UNIQUE INDEX grid_versions_pkey ON public.grid_versions USING btree (id)
CREATE INDEX held_photos_age ON public.held_photos USING btree (held_at)
CREATE UNIQUE INDEX held_photos_pkey ON public.held_photos USING btree (key, n)
CREATE UNIQUE INDEX hooks_pkey ON public.hooks USING btree (id)
CREATE UNIQUE INDEX imports_pkey ON public.imports USING btree (id)
CREATE INDEX invitations_account ON public.invitations USING btree (account)
CREATE UNIQUE INDEX invitations_pkey ON public.invitations USING btree (token_hash)
CREATE UNIQUE INDEX key_hours_pkey ON public.key_hours USING btree (key_hash, hour)
CREATE UNIQUE INDEX levels_pkey ON public.levels USING btree (kind)
CREATE UNIQUE INDEX levels_rank_key ON public.levels USING btree (rank)
CREATE UNIQUE INDEX lotteries_pkey ON public.lotteries USING btree (day, after_days)
CREATE INDEX lotteries_waiting ON public.lotteries USING btree (day) WHERE ((drawn_at IS NULL) AND (lost_at IS NULL))
CREATE UNIQUE INDEX message_mutes_pkey ON public.message_mutes USING btree (account, medium, kind)
CREATE INDEX messages_carried ON public.messages USING btree (claimed_at) WHERE (state = 'sending'::text)
CREATE INDEX messages_log ON public.messages USING btree (state, id DESC)
CREATE INDEX messages_next ON public.messages USING btree (medium, next_at) WHERE (state = 'waiting'::text)
CREATE INDEX messages_old ON public.messages USING btree (made_at)
CREATE UNIQUE INDEX messages_once ON public.messages USING btree (about, medium, COALESCE(account, (0)::bigint), COALESCE(report_id, (0)::bigint), COALESCE(subscription, (0)::bigint), COALESCE(hook, (0)::bigint))
CREATE UNIQUE INDEX messages_pkey ON public.messages USING btree (id)
CREATE INDEX messages_subscription ON public.messages USING btree (subscription) WHERE (subscription IS NOT NULL)
CREATE UNIQUE INDEX migrations_pkey ON public.migrations USING btree (number)
CREATE UNIQUE INDEX notice_mutes_pkey ON public.notice_mutes USING btree (account, kind)
CREATE INDEX notices_case ON public.notices USING btree (case_id) WHERE (case_id IS NOT NULL)
CREATE INDEX notices_inbox ON public.notices USING btree (account, id DESC)
CREATE INDEX notices_old ON public.notices USING btree (made_at)
CREATE UNIQUE INDEX notices_once ON public.notices USING btree (account, about) WHERE (account IS NOT NULL)
CREATE UNIQUE INDEX notices_pkey ON public.notices USING btree (id)
CREATE INDEX notices_unread ON public.notices USING btree (account, due_from) WHERE (read_at IS NULL)
CREATE UNIQUE INDEX notices_waiting ON public.notices USING btree (post, about) WHERE (account IS NULL)
CREATE INDEX openings_case ON public.openings USING btree (case_id)
CREATE UNIQUE INDEX openings_pkey ON public.openings USING btree (account)
CREATE UNIQUE INDEX patrols_pkey ON public.patrols USING btree (area, day)
CREATE INDEX photos_case ON public.photos USING btree (case_id)
CREATE UNIQUE INDEX photos_pkey ON public.photos USING btree (id)
CREATE INDEX photos_same ON public.photos USING btree (sha256)
CREATE INDEX posts_area ON public.posts USING btree (area)
CREATE INDEX posts_of_the_city ON public.posts USING btree (duty) WHERE ((area IS NULL) AND (unit IS NULL))
CREATE UNIQUE INDEX posts_pkey ON public.posts USING btree (id)
CREATE INDEX posts_unit ON public.posts USING btree (unit)
CREATE INDEX procedures_case ON public.procedures USING btree (case_id)
CREATE INDEX procedures_due ON public.procedures USING btree (due_at) WHERE ((ended_at IS NULL) AND (late_at IS NULL))
CREATE INDEX procedures_ended ON public.procedures USING btree (kind, ended_at) WHERE (ended_at IS NOT NULL)
CREATE UNIQUE INDEX procedures_once ON public.procedures USING btree (case_id, kind) WHERE (kind = 'appeal'::text)
CREATE UNIQUE INDEX procedures_one_open ON public.procedures USING btree (case_id, kind) WHERE ((ended_at IS NULL) AND (kind <> ALL (ARRAY['assist'::text, 'call'::text])))
CREATE INDEX procedures_open ON public.procedures USING btree (kind, opened_at) WHERE (ended_at IS NULL)
CREATE UNIQUE INDEX procedures_pkey ON public.procedures USING btree (id)
CREATE INDEX procedures_unit ON public.procedures USING btree (unit) WHERE (ended_at IS NULL)
CREATE UNIQUE INDEX proposal_run_cases_pkey ON public.proposal_run_cases USING btree (run, case_id)
CREATE INDEX proposal_run_cases_tags ON public.proposal_run_cases USING btree (run, case_id) WHERE (tags <> '{}'::text[])
CREATE UNIQUE INDEX proposal_run_joins_pkey ON public.proposal_run_joins USING btree (run, report)
CREATE UNIQUE INDEX proposal_runs_pkey ON public.proposal_runs USING btree (id)
CREATE INDEX proposal_runs_proposal ON public.proposal_runs USING btree (proposal, id DESC)
CREATE INDEX proposal_runs_waiting ON public.proposal_runs USING btree (id) WHERE (state = ANY (ARRAY['queued'::text, 'running'::text]))
CREATE UNIQUE INDEX proposals_pkey ON public.proposals USING btree (id)
CREATE INDEX proposals_state ON public.proposals USING btree (state, starts_on)
CREATE UNIQUE INDEX readers_pkey ON public.readers USING btree (name)
CREATE UNIQUE INDEX replies_pkey ON public.replies USING btree (id)
CREATE UNIQUE INDEX replies_version ON public.replies USING btree (code, version)
CREATE INDEX reports_case ON public.reports USING btree (case_id)
CREATE UNIQUE INDEX reports_code ON public.reports USING btree (code) WHERE (code IS NOT NULL)
CREATE UNIQUE INDEX reports_pkey ON public.reports USING btree (id)
CREATE UNIQUE INDEX reports_source ON public.reports USING btree (source, source_key) WHERE (source_key IS NOT NULL)
CREATE UNIQUE INDEX same_rules_pkey ON public.same_rules USING btree (category)
CREATE UNIQUE INDEX sessions_pkey ON public.sessions USING btree (token_hash)
CREATE UNIQUE INDEX settings_pkey ON public.settings USING btree (name)
CREATE UNIQUE INDEX snapshots_pkey ON public.snapshots USING btree (id)
CREATE UNIQUE INDEX snapshots_since_until_key ON public.snapshots USING btree (since, until)
CREATE INDEX staff_addresses_account ON public.staff_addresses USING btree (account)
CREATE UNIQUE INDEX staff_addresses_one ON public.staff_addresses USING btree (account, medium) WHERE (medium <> 'push'::text)
CREATE UNIQUE INDEX staff_addresses_pkey ON public.staff_addresses USING btree (id)
CREATE INDEX subscriptions_area ON public.subscriptions USING btree (area) WHERE (confirmed_at IS NOT NULL)
CREATE INDEX subscriptions_category ON public.subscriptions USING btree (category) WHERE (confirmed_at IS NOT NULL)
CREATE UNIQUE INDEX subscriptions_finger_area_category_key ON public.subscriptions USING btree (finger, area, category)
CREATE UNIQUE INDEX subscriptions_pkey ON public.subscriptions USING btree (id)
CREATE INDEX subscriptions_waiting ON public.subscriptions USING btree (made_at) WHERE (confirmed_at IS NULL)
CREATE INDEX tasks_case ON public.tasks USING btree (case_id)
CREATE UNIQUE INDEX tasks_one_open ON public.tasks USING btree (case_id, kind) WHERE ((state = ANY (ARRAY['open'::text, 'accepted'::text])) AND (kind = ANY (ARRAY['verify'::text, 'handle'::text, 'check'::text])))
CREATE UNIQUE INDEX tasks_pkey ON public.tasks USING btree (id)
CREATE INDEX tenures_account ON public.tenures USING btree (account)
CREATE UNIQUE INDEX tenures_pkey ON public.tenures USING btree (post, account, held_from)
CREATE UNIQUE INDEX texts_pkey ON public.texts USING btree (id)
CREATE INDEX texts_place ON public.texts USING btree (event, medium, lang, id DESC)
CREATE UNIQUE INDEX units_code_key ON public.units USING btree (code)
CREATE UNIQUE INDEX units_pkey ON public.units USING btree (id)
CREATE UNIQUE INDEX view_pins_pkey ON public.view_pins USING btree (account, view)
CREATE UNIQUE INDEX views_pkey ON public.views USING btree (id)
CREATE INDEX views_shared ON public.views USING btree (title, id) WHERE shared
CREATE UNIQUE INDEX views_title ON public.views USING btree (account, title)

-- views

-- triggers (O: they fire)
O CREATE TRIGGER briefings_stay BEFORE TRUNCATE ON public.briefings FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
O CREATE TRIGGER briefings_stay_frozen BEFORE DELETE OR UPDATE ON public.briefings FOR EACH ROW EXECUTE FUNCTION refuse_frozen_change()
O CREATE TRIGGER catalogue_terms_are_kept BEFORE DELETE OR UPDATE ON public.catalogue_terms FOR EACH ROW EXECUTE FUNCTION refuse_term_change()
O CREATE TRIGGER categories_in_force_are_kept BEFORE DELETE OR UPDATE ON public.categories FOR EACH ROW EXECUTE FUNCTION refuse_catalogue_change()
O CREATE TRIGGER category_map_in_force_is_kept BEFORE DELETE OR UPDATE ON public.category_map FOR EACH ROW EXECUTE FUNCTION refuse_catalogue_change()
O CREATE TRIGGER city_facts_are_kept BEFORE DELETE OR UPDATE ON public.city_facts FOR EACH ROW EXECUTE FUNCTION refuse_change()
O CREATE TRIGGER city_facts_stay BEFORE TRUNCATE ON public.city_facts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
O CREATE TRIGGER conditions_in_force_are_kept BEFORE DELETE OR UPDATE ON public.conditions FOR EACH ROW EXECUTE FUNCTION refuse_catalogue_change()
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
O CREATE TRIGGER snapshots_are_kept BEFORE DELETE OR UPDATE ON public.snapshots FOR EACH ROW EXECUTE FUNCTION refuse_change()
O CREATE TRIGGER snapshots_stay BEFORE TRUNCATE ON public.snapshots FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()
O CREATE TRIGGER texts_are_kept BEFORE DELETE OR UPDATE ON public.texts FOR EACH ROW EXECUTE FUNCTION refuse_change()
O CREATE TRIGGER texts_stay BEFORE TRUNCATE ON public.texts FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()

-- functions
CREATE OR REPLACE FUNCTION public.merged_into_seen(child bigint)
 RETURNS boolean
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
BEGIN ATOMIC
 SELECT (EXISTS ( SELECT
            FROM (cases c
              JOIN cases p ON ((p.id = c.merged_into)))
           WHERE ((c.id = merged_into_seen.child) AND (((NULLIF(current_setting('zhongshu.areas'::text, true), ''::text))::int8multirange @> p.area_code) OR (p.unit = ANY ((NULLIF(current_setting('zhongshu.units'::text, true), ''::text))::bigint[])) OR (p.involved && (NULLIF(current_setting('zhongshu.units'::text, true), ''::text))::bigint[]) OR (p.id = ANY ((NULLIF(current_setting('zhongshu.hand'::text, true), ''::text))::bigint[])))))) AS "exists";
END

CREATE OR REPLACE FUNCTION public.refuse_catalogue_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
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
end $function$

CREATE OR REPLACE FUNCTION public.refuse_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    raise exception '% is append-only: % refused', tg_table_name, tg_op
        using errcode = 'restrict_violation';
end $function$

CREATE OR REPLACE FUNCTION public.refuse_frozen_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    if old.frozen_at is not null then
        raise exception 'a frozen briefing is immutable: % refused', tg_op
            using errcode = 'restrict_violation';
    end if;
    return case when tg_op = 'DELETE' then old else new end;
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

CREATE OR REPLACE FUNCTION public.refuse_term_change()
 RETURNS trigger
 LANGUAGE plpgsql
AS $function$
begin
    if tg_op = 'DELETE' or old.withdrawn_at is not null
        or (to_jsonb(new) - 'withdrawn_at') is distinct from (to_jsonb(old) - 'withdrawn_at') then
        raise exception 'a term of the catalogue is kept: % refused', tg_op
            using errcode = 'restrict_violation';
    end if;
    return new;
end $function$

CREATE OR REPLACE FUNCTION public.same_picture(picture bytea, most integer)
 RETURNS TABLE(case_id bigint, number text)
 LANGUAGE sql
 STABLE SECURITY DEFINER
 SET search_path TO 'public', 'pg_temp'
BEGIN ATOMIC
 SELECT p.case_id,
     c.number
    FROM (photos p
      JOIN cases c ON ((c.id = p.case_id)))
   WHERE (p.sha256 = same_picture.picture)
   ORDER BY p.id
  LIMIT same_picture.most;
END


-- row-level security
cases enabled t forced t
cases: city PERMISSIVE ALL to {zhongshu_city} using (true) check ()
cases: hub PERMISSIVE ALL to {"the hub"} using (true) check ()
cases: staff PERMISSIVE ALL to {zhongshu_staff} using ((
CASE
    WHEN (( SELECT (NULLIF(current_setting('zhongshu.areas'::text, true), ''::text))::int8multirange AS "nullif") @> area_code) THEN 0
    WHEN (unit = ANY (( SELECT (NULLIF(current_setting('zhongshu.units'::text, true), ''::text))::bigint[] AS "nullif")::bigint[])) THEN 0
    WHEN (involved && ( SELECT (NULLIF(current_setting('zhongshu.units'::text, true), ''::text))::bigint[] AS "nullif")) THEN 0
    WHEN (id = ANY (( SELECT (NULLIF(current_setting('zhongshu.hand'::text, true), ''::text))::bigint[] AS "nullif")::bigint[])) THEN 0
    ELSE 1
END <> 1)) check ()
contacts enabled t forced t
contacts: city PERMISSIVE ALL to {zhongshu_city} using (true) check ()
contacts: hub PERMISSIVE ALL to {"the hub"} using (true) check ()
contacts: staff PERMISSIVE ALL to {zhongshu_staff} using ((EXISTS ( SELECT
   FROM reports r
  WHERE (r.id = contacts.report_id)))) check ()
facts enabled t forced t
facts: city PERMISSIVE ALL to {zhongshu_city} using (true) check ()
facts: hub PERMISSIVE ALL to {"the hub"} using (true) check ()
facts: staff PERMISSIVE ALL to {zhongshu_staff} using ((EXISTS ( SELECT
   FROM cases c
  WHERE (c.id = facts.case_id)))) check (((EXISTS ( SELECT
   FROM cases c
  WHERE (c.id = facts.case_id))) OR (case_id = ANY ((NULLIF(current_setting('zhongshu.hand'::text, true), ''::text))::bigint[]))))
photos enabled t forced t
photos: city PERMISSIVE ALL to {zhongshu_city} using (true) check ()
photos: hub PERMISSIVE ALL to {"the hub"} using (true) check ()
photos: staff PERMISSIVE ALL to {zhongshu_staff} using ((EXISTS ( SELECT
   FROM cases c
  WHERE (c.id = photos.case_id)))) check ()
procedures enabled t forced t
procedures: city PERMISSIVE ALL to {zhongshu_city} using (true) check ()
procedures: hub PERMISSIVE ALL to {"the hub"} using (true) check ()
procedures: staff PERMISSIVE ALL to {zhongshu_staff} using ((EXISTS ( SELECT
   FROM cases c
  WHERE (c.id = procedures.case_id)))) check ()
proposal_run_cases enabled t forced t
proposal_run_cases: city PERMISSIVE ALL to {zhongshu_city} using (true) check ()
proposal_run_cases: hub PERMISSIVE ALL to {"the hub"} using (true) check ()
proposal_run_cases: staff PERMISSIVE ALL to {zhongshu_staff} using ((EXISTS ( SELECT
   FROM cases c
  WHERE (c.id = proposal_run_cases.case_id)))) check ()
proposal_run_joins enabled t forced t
proposal_run_joins: city PERMISSIVE ALL to {zhongshu_city} using (true) check ()
proposal_run_joins: hub PERMISSIVE ALL to {"the hub"} using (true) check ()
proposal_run_joins: staff PERMISSIVE ALL to {zhongshu_staff} using ((EXISTS ( SELECT
   FROM cases c
  WHERE (c.id = proposal_run_joins.case_id)))) check ()
reports enabled t forced t
reports: city PERMISSIVE ALL to {zhongshu_city} using (true) check ()
reports: hub PERMISSIVE ALL to {"the hub"} using (true) check ()
reports: staff PERMISSIVE ALL to {zhongshu_staff} using (((EXISTS ( SELECT
   FROM cases c
  WHERE (c.id = reports.case_id))) OR merged_into_seen(case_id))) check ()
tasks enabled t forced t
tasks: city PERMISSIVE ALL to {zhongshu_city} using (true) check ()
tasks: hub PERMISSIVE ALL to {"the hub"} using (true) check ()
tasks: staff PERMISSIVE ALL to {zhongshu_staff} using ((EXISTS ( SELECT
   FROM cases c
  WHERE (c.id = tasks.case_id)))) check ()
