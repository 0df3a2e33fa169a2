"""The second wall: a bare question shows exactly what the core says may be seen."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient

from tests.cast import ADA, DING, HANA
from tests.factories import NOW, draft
from tests.flow.test_intake import sent
from tests.shape.test_routes import Fill, guards, walk
from tests.web.hub import app_on, hub_on, key_for
from zhongshu.core.access import EVERYTHING, Sight
from zhongshu.core.cases import Act, Case, Outcome
from zhongshu.core.cases.filter import Filter
from zhongshu.core.facts import Kind
from zhongshu.core.mining import BEGIN
from zhongshu.core.place import Point
from zhongshu.core.values import CaseId, Span, UnitId
from zhongshu.flow import acts, browse
from zhongshu.flow.acts import Form
from zhongshu.flow.city import City, load
from zhongshu.store import cases, facts, reports, tasks, vault, wall
from zhongshu.store.db import CITY, STAFF, Database, Tx, _step_behind
from zhongshu.store.migrate import migrate
from zhongshu.web.guard import Anybody

#: A case's rows, and how each is traced to its case.
ROWS = {
    "cases": "select id from cases",
    "facts": "select case_id from facts",
    "tasks": "select case_id from tasks",
    "procedures": "select case_id from procedures",
    "photos": "select case_id from photos",
    "proposal_run_cases": "select case_id from proposal_run_cases",
    "proposal_run_joins": "select case_id from proposal_run_joins",
}
#: Tables without rows to hide, which staff may read.
READABLE = {
    "settings", "levels", "areas", "units", "catalogues", "categories", "conditions",
    "category_map", "calendar_days", "duty_rules", "backdrops", "assets", "posts", "tenures", "views", "catalogue_terms", "city_facts",
    "accounts",
    "same_rules", "answers", "patrols",
    "campaigns", "campaign_cases", "condition_limits", "proposals", "proposal_runs",
    "lotteries", "replies", "view_pins", "snapshots", "briefings",
}  # fmt: skip
#: And those they may not touch at all.
CLOSED = {
    "sessions",
    "api_keys",
    "readers",
    "imports",
    "migrations",
    "held_photos",
    "notices",
    "notice_mutes",
    "drawings",
    "messages",
    "channels",
    "hooks",
    "texts",
    "staff_addresses",
    "message_mutes",
    "subscriptions",
    "openings",
    "invitations",
    "grid_versions",
    "grid_changes",
    "key_hours",
}

codes = st.one_of(st.none(), st.integers(0, 30))
units = st.integers(1, 6).map(UnitId)
placed = st.tuples(codes, st.one_of(st.none(), units), st.frozensets(units, max_size=2))
spans = st.builds(lambda lo, long: Span(lo, lo + long), st.integers(0, 30), st.integers(1, 12))
sights = st.builds(
    Sight, everything=st.sampled_from([False] * 9 + [True]),
    areas=st.lists(spans, max_size=3).map(tuple), units=st.frozensets(units, max_size=3),
)  # fmt: skip


@contextmanager
def behind(tx: Tx, sight: Sight) -> Iterator[Tx]:
    """Ask as staff with a sight, and be the hub again afterwards; nothing done is kept."""
    with tx.transaction(force_rollback=True):
        _step_behind(tx, sight)
        yield tx


def written(tx: Tx, rows: list[tuple[int | None, UnitId | None, frozenset[UnitId]]]) -> None:
    """Write cases 1, 2, … with one row of each kind."""
    tx.execute("insert into proposals (id, title, state, made_at) values (1, 'x', 'draft', %s)", (NOW,))  # fmt: skip
    tx.execute(
        "insert into proposal_runs (id, proposal, version, changes, since, until, state, asked_at)"
        " values (1, 1, 1, '[]', %s, %s, 'done', %s)", (NOW, NOW + timedelta(days=1), NOW),
    )  # fmt: skip
    for n, (code, unit, involved) in enumerate(rows, start=1):
        tx.execute(
            "insert into cases (id, number, stage, reported_at, version, area, area_code, unit, involved)"
            " values (%s, 'n', 'received', %s, 1, %s, %s, %s, %s)",
            (n, NOW, None if code is None else 1, code, unit, sorted(involved)),
        )
        tx.execute("insert into facts (case_id, seq, kind, at) values (%s, 1, 'x', %s)", (n, NOW))
        tx.execute("insert into tasks (case_id, kind, state, opened_at) values (%s, 'check', 'open', %s)", (n, NOW))  # fmt: skip
        tx.execute("insert into procedures (case_id, kind, state, opened_at) values (%s, 'hold', 'x', %s)", (n, NOW))  # fmt: skip
        tx.execute(
            "insert into reports (id, case_id, received_at, reported_at, channel, source, text)"
            " values (%s, %s, %s, %s, 'web', 'web', 'x')", (n, n, NOW, NOW),
        )  # fmt: skip
        tx.execute("insert into proposal_run_cases (run, case_id, tags, late) values (1, %s, '{}', '{}')", (n,))  # fmt: skip
        tx.execute("insert into proposal_run_joins (run, report, kind, case_id) values (1, %s, 'joins', %s)", (n, n))  # fmt: skip
        tx.execute("insert into photos (case_id, sha256, mime, width, height, bytes) values (%s, '', '', 1, 1, '')", (n,))  # fmt: skip
        tx.execute(
            "insert into contacts (report_id, kind, masked, ciphertext, nonce) values (%s, 'words', '', '', '')",
            (n,),
        )


def shown(tx: Tx, question: str) -> set[int]:
    return {row[0] for row in tx.execute(question)}  # type: ignore[arg-type] # one of ours


@settings(max_examples=60)
@given(rows=st.lists(placed, min_size=1, max_size=12), sight=sights)
def test_without_a_condition_one_sees_what_the_core_says(
    tx: Tx, rows: list[tuple[int | None, UnitId | None, frozenset[UnitId]]], sight: Sight
) -> None:
    expected = {
        n
        for n, (code, unit, involved) in enumerate(rows, start=1)
        if sight.covers(area_code=code, unit=unit, involved=involved)
    }
    with tx.transaction(force_rollback=True):
        written(tx, rows)
        assert {c.id for c in cases.page(tx, sight, Filter(), order=cases.Order.NEWEST, after=None, limit=99)} == expected  # fmt: skip
        with behind(tx, sight):
            for table, question in ROWS.items():
                assert shown(tx, question) == expected, table
            assert shown(tx, "select case_id from reports") == expected
            assert shown(tx, "select report_id from contacts") == expected
            # With the first wall still there, nothing is lost between the two.
            assert cases.count(tx, sight, Filter()) == len(expected)
        assert shown(tx, "select id from cases") == set(range(1, len(rows) + 1))


def test_without_a_sight_the_role_sees_nothing(tx: Tx) -> None:
    written(tx, [(5, UnitId(1), frozenset({UnitId(2)})), (None, None, frozenset())])
    with tx.transaction(force_rollback=True):
        tx.execute(f"set local role {STAFF}")
        for question in ROWS.values():
            assert shown(tx, question) == set()


def test_reports_of_a_case_merged_into_one_in_sight_are_heard(tx: Tx) -> None:
    written(tx, [(1, None, frozenset()), (20, None, frozenset()), (20, None, frozenset())])
    tx.execute("update cases set stage = 'merged', merged_into = 1, before_merge = 'received' where id = 2")  # fmt: skip
    with behind(tx, Sight(areas=(Span(0, 5),))):
        assert [v.id for v in reports.of_case(tx, CaseId(1))] == [1]  # asked through the cases
        assert shown(tx, "select case_id from reports") == {1, 2}
        assert shown(tx, "select report_id from contacts") == {1, 2}
        assert shown(tx, "select id from cases") == {1}


def test_every_table_was_thought_of(tx: Tx) -> None:
    """A new table is closed to staff until `wall.sql` says otherwise; a case's rows are walled."""
    tables = shown(tx, "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace")  # fmt: skip
    walled = shown(tx, "select relname from pg_class where relrowsecurity and relforcerowsecurity and relnamespace = 'public'::regnamespace")  # fmt: skip
    assert walled == {*ROWS, "reports", "contacts"}
    assert tables == walled | READABLE | CLOSED
    of_cases = shown(tx, "select table_name from information_schema.columns where table_schema = 'public' and column_name in ('case_id', 'report_id')")  # fmt: skip
    # A notice is for one account, and read by nobody else; a campaign's cases are found in
    # `cases`; what was drawn by lot is published as numbers, by the hub itself; the log of
    # messages is the administrators', read by the hub for them; who has a case open is looked
    # up for cases a list shows already.
    assert of_cases <= walled | {"notices", "campaign_cases", "drawings", "messages", "openings"}
    policies = tx.execute("select tablename, array_agg(policyname::text order by policyname) from pg_policies group by 1").fetchall()  # fmt: skip
    assert dict(policies) == {table: ["city", "hub", "staff"] for table in walled}
    for role in (STAFF, CITY):
        may = "select relname from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace and has_any_column_privilege({0}, oid, 'select')"
        assert shown(tx, may.format(f"'{role}'")) == walled | READABLE


@pytest.mark.parametrize(
    "statement",
    [
        "select password_hash from accounts", "select * from sessions", "select * from api_keys",
        "update facts set kind = 'x'", "delete from cases", "update reports set text = ''",
        "update contacts set masked = ''", "insert into settings values ('x', '1')",
        "update accounts set name = ''", "truncate tasks",
    ],
)  # fmt: skip
def test_what_no_role_of_staff_may_do(tx: Tx, statement: str) -> None:
    for sight in (EVERYTHING, Sight(areas=(Span(0, 9),))):
        with behind(tx, sight), pytest.raises(psycopg.errors.InsufficientPrivilege):
            tx.execute(statement)  # type: ignore[arg-type]


def test_what_is_out_of_sight_cannot_be_changed_either(tx: Tx) -> None:
    written(tx, [(1, None, frozenset()), (20, None, frozenset())])
    with behind(tx, Sight(areas=(Span(0, 5),))):
        assert tx.execute("update cases set title = 'x'").rowcount == 1
        assert tx.execute("update tasks set result = 'x'").rowcount == 1
        assert cases.lock(tx, CaseId(2)) is None
    for statement in (
        "insert into facts (case_id, seq, kind, at) values (2, 2, 'x', now())",
        "insert into tasks (case_id, kind, state, opened_at) values (2, 'handle', 'open', now())",
        "insert into cases (id, number, stage, reported_at, version, area, area_code) values (9, 'n', 'received', now(), 1, 1, 20)",
        # Not in hand: it may not be lost sight of by the way.
        "update cases set area_code = 20 where id = 1",
    ):
        with (
            behind(tx, Sight(areas=(Span(0, 5),))),
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            tx.execute(statement)  # type: ignore[arg-type]


# ── acts that lead out of sight ──────────────────────────────────────────────────────


def north(city: City) -> Sight:
    area = city.tree.named("N")
    assert area is not None
    return Sight(areas=(area.span,))


def street_lights(city: City) -> Sight:
    return Sight(units=city.units_under(city.unit_codes["U1"].id))


def test_a_case_in_hand_may_be_moved_out_of_sight_and_is_gone_afterwards(
    tx: Tx, city: City
) -> None:
    found = sent(tx, city, draft("路灯不亮"))
    with behind(tx, north(city)):
        after = acts.act(
            tx, city, found.id, Act.LOCATE, by=ADA, at=NOW, form=Form(place=Point(113.01, 34.01))
        )
        assert not browse._covers(north(city), after)
        # The rest of the transaction goes on with it; the next one does not see it.
        acts.act(tx, city, found.id, Act.NOTE, by=ADA, at=NOW, form=Form(note="moved"))
        tx.execute("select set_config('zhongshu.hand', '', true)")
        assert cases.get(tx, found.id) is None
        assert facts.of_case(tx, found.id) == []


def taken_on(tx: Tx, city: City, found: Case) -> None:
    for what, by, form in (
        (Act.DISPATCH, DING, Form()), (Act.ACCEPT, HANA, Form()),
        (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)), (Act.PASS, ADA, Form()),
        (Act.CLOSE, ADA, Form()),
    ):  # fmt: skip
        acts.act(tx, city, found.id, what, by=by, at=NOW, form=form)


def test_the_tasks_come_along_when_a_unit_loses_sight_by_its_own_act(tx: Tx, city: City) -> None:
    found = sent(tx, city, draft("路灯不亮"))
    taken_on(tx, city, found)
    with behind(tx, street_lights(city)):
        after = acts.act(tx, city, found.id, Act.REOPEN, by=HANA, at=NOW, form=Form(reason="r"))
        assert after.unit is None
        assert cases.lock(tx, found.id) == after
        tasks.open_(tx, found.id, "callback", at=NOW)
        assert [t.kind for t in tasks.of_case(tx, found.id)][-1] == "callback"


def test_unmerging_gives_back_what_a_case_out_of_sight_had_absorbed(tx: Tx, city: City) -> None:
    one = sent(tx, city, draft("路灯不亮", lat=34.021))
    other = sent(tx, city, draft("井盖丢了", lat=34.01))
    acts.act(tx, city, one.id, Act.MERGE, by=ADA, at=NOW, form=Form(into=other.id))
    with behind(tx, north(city)):
        assert cases.get(tx, other.id) is None
        after = acts.act(tx, city, one.id, Act.UNMERGE, by=ADA, at=NOW)
        assert after.merged_into is None
        survivor = cases.get(tx, other.id)
        assert survivor is not None
        assert survivor.reports == 1


def test_a_report_split_off_may_lie_out_of_sight(tx: Tx, city: City) -> None:
    one = sent(tx, city, draft("路灯不亮"))
    two = sent(tx, city, draft("路灯不亮", lon=113.0101))
    assert one.id == two.id
    acts.act(tx, city, one.id, Act.DISPATCH, by=DING, at=NOW)
    voice = reports.of_case(tx, one.id)[1]
    with behind(tx, street_lights(city)):
        acts.act(tx, city, one.id, Act.SPLIT, by=HANA, at=NOW, form=Form(report=voice.id))
        moved = reports.get(tx, voice.id)
        assert moved is not None
        assert moved.case_id != one.id
        own = facts.of_case(tx, moved.case_id)
        assert own[0].says["split_from"] == one.number


def test_one_cannot_merge_into_what_one_does_not_see(db: Database) -> None:
    with db.transaction() as tx:
        city = load(tx)
        one, other = sent(tx, city, draft()), sent(tx, city, draft("井盖丢了", lat=34.01))
        tx.execute("update posts set duty = 'acceptor' where duty = 'viewer'")
    for walled in (True, False):
        with Database(db.conninfo, walled=walled) as there, TestClient(app_on(hub_on(there))) as client:  # fmt: skip
            answer = client.post(
                f"/api/v1/cases/{one.number}/acts/merge", json={"into": other.number},
                headers=key_for(there, "nora") if walled else {"Authorization": "Bearer zs_nora"},
            )  # fmt: skip
            assert answer.status_code == 404, answer.text


# ── with the first wall gone ─────────────────────────────────────────────────────────


@pytest.mark.parametrize("walled", [True, False])
def test_with_every_check_of_the_program_gone_no_page_shows_more(
    db: Database, monkeypatch: pytest.MonkeyPatch, walled: bool
) -> None:
    """And without the second wall they would: the test can fail."""
    with db.transaction() as tx:
        city = load(tx)
        seen = sent(tx, city, draft("路灯不亮", lon=113.0199, lat=34.0201))
        hidden = sent(tx, city, draft("路灯不亮", lon=113.0199, lat=34.0195))
        picture = vault.add_photo(tx, hidden.id, report=None, step="after", sha256=b"", mime="image/png", width=1, height=1, data=b"hidden-picture", at=NOW)  # fmt: skip
    headers = key_for(db, "nora")
    monkeypatch.setattr(Sight, "covers", lambda *_, **__: True)
    monkeypatch.setattr(cases, "_covered", lambda *_: None)
    leaks: set[str] = set()
    with Database(db.conninfo, walled=walled) as there, TestClient(app_on(hub_on(there))) as client:  # fmt: skip
        for number in (seen.number, hidden.number):
            for path, route in walk(client.app):  # type: ignore[arg-type]
                if isinstance(guards(route)[0], Anybody) or "GET" not in (route.methods or ()) or path == "/events":  # fmt: skip
                    continue
                asked = path.format_map(Fill({"number": number, "other": number, "photo_id": picture, "code": "L1", "kind": "xlsx"})) + "?" + urlencode({"from": BEGIN, "to": Kind.REPORTED, "since": "2026-11-01", "bbox": "112,33,114,35"})  # fmt: skip
                answer = client.get(asked, headers={**headers, "Accept": "text/html"})
                assert answer.status_code in (200, 403, 404, 422), (asked, answer.text[:300])
                told = answer.text.replace(number, "") if answer.status_code == 404 else answer.text
                if hidden.number in told or "hidden-picture" in told:
                    leaks.add(path)
        counted = client.get("/api/v1/counts?by=stage", headers=headers).json()["total"]
    if walled:
        assert leaks == set()
        assert counted == 1
    else:
        assert len(leaks) >= 8
        assert counted == 2


@pytest.mark.parametrize("walled", [True, False])
@pytest.mark.parametrize(
    ("duty", "path", "said"),
    [
        ("acceptor", "/api/v1/acts/note", {"note": "n", "preview": True}),
        ("acceptor", "/api/v1/acts/note", {"note": "n"}),
        ("admin", "/api/v1/texts/preview", {"place": "staff", "medium": "email", "lang": "zh", "body": "{number}", "subject": "s"}),
    ],
)  # fmt: skip
def test_with_every_check_gone_nothing_out_of_sight_is_done_tried_or_looked_at(
    db: Database, monkeypatch: pytest.MonkeyPatch, duty: str, path: str, said: dict[str, Any],
    walled: bool,
) -> None:  # fmt: skip
    with db.transaction() as tx:
        hidden = sent(tx, load(tx), draft("路灯不亮", lon=113.0199, lat=34.0195))
        tx.execute("update posts set duty = %s where duty = 'viewer'", (duty,))
    headers = {**key_for(db, "nora"), "accept": "application/json"}
    monkeypatch.setattr(Sight, "covers", lambda *_, **__: True)
    monkeypatch.setattr(cases, "_covered", lambda *_: None)
    with Database(db.conninfo, walled=walled) as there, TestClient(app_on(hub_on(there))) as client:  # fmt: skip
        which = {"case": hidden.number} if "texts" in path else {"cases": [hidden.number]}
        answer = client.post(path, json={**said, **which}, headers=headers)
    assert ('"status":404' in answer.text) is walled, answer.text


# ── where the hub may not make roles ─────────────────────────────────────────────────


def test_an_ordinary_user_is_told_what_an_administrator_runs(server: str) -> None:
    name = "plain_hub"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f"drop database if exists {name}")
        admin.execute(f"drop role if exists {name}")
        admin.execute(f"create role {name} createdb")
        admin.execute(f"create database {name} owner {name}")
    try:
        with psycopg.connect(server, dbname=name, autocommit=True) as connection:
            connection.execute(f"set role {name}")
            migrate(connection)
            before = wall.build(connection)
            assert not before.stands
            assert f"to {name} with inherit false, set true" in before.remedy
            assert "bypassrls" in before.remedy
            assert shown(connection, "select relname from pg_class where relrowsecurity") == set()
            connection.execute("reset role")
            connection.execute(before.remedy)  # type: ignore[arg-type]
            connection.execute(f"set role {name}")
            after = wall.build(connection)
            assert after.stands
            assert after.quick
            assert after.remedy == ""
            with connection.transaction():
                # An import copies into walled tables, and a role of staff sees nothing of it.
                with connection.cursor().copy("copy cases (id, number, stage, reported_at, version) from stdin (format csv)") as into:  # fmt: skip
                    into.write(b"1,n,received,2026-11-24T00:00:00Z,1\n")
                assert shown(connection, "select id from cases") == {1}
                connection.execute(f"set local role {STAFF}")
                assert shown(connection, "select id from cases") == set()
    finally:
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f"drop database {name} with (force)")
            admin.execute(f"drop owned by {name}; drop role {name}")


@pytest.mark.parametrize(
    "statement",
    [
        "update settings set value = '\"of yesterday\"' where name = 'wall'",
        "drop policy staff on facts",  # as after a restore on a server without the roles
    ],
)
def test_a_wall_that_is_not_as_it_should_be_is_built_anew(db: Database, statement: str) -> None:
    with db.reading() as connection:
        assert wall.standing(connection).stands
        connection.execute(statement)  # type: ignore[arg-type]
        assert not wall.standing(connection).stands
        assert wall.build(connection).stands
        assert shown(connection, "select tablename from pg_policies where policyname = 'staff'") == {*ROWS, "reports", "contacts"}  # fmt: skip
