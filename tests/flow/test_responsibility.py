"""Whose matter it is: by the owner first, explained, and mended by what is returned."""

from __future__ import annotations

import csv
import io
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.testclient import TestClient
from typer.testing import CliRunner

from tests.cast import ADA, DING, HANA
from tests.factories import KEY, NOW, draft, same_random
from tests.flow.test_assets import lamp, put
from tests.flow.test_intake import sent, through
from tests.web.hub import app_on, hub_on, key_for
from zhongshu.cli import app
from zhongshu.core.access import EVERYTHING, Sight
from zhongshu.core.cases import Act, Case, Filter
from zhongshu.core.dispatch import DutyRule, Incompetent, Lead
from zhongshu.core.values import Refused, UnitId
from zhongshu.flow import acts, browse, candidates, duties, returns, things
from zhongshu.flow.acts import Cause, Form
from zhongshu.flow.city import City, load
from zhongshu.flow.intake import receive
from zhongshu.flow.things import NoSuchAsset
from zhongshu.store import cases, facts
from zhongshu.store import city as city_store
from zhongshu.store.db import Database, Tx


def unit(city: City, code: str) -> UnitId:
    return city.unit_codes[code].id


@pytest.fixture
def owned(tx: Tx, city: City) -> City:
    """The city with a rule that gives components to their owners, and three lamps."""
    city_store.add_duty_rule(tx, DutyRule(id=0, lead=Lead.OWNER, category="C", clause="先主后属地"))
    put(
        tx, city, lamp("L1", owner="U1"), lamp("L2", owner="U2", lon=113.0101),
        lamp("L3", owner="", maintainer="", lon=113.0102),
    )  # fmt: skip
    return load(tx)


# ── the thing a case is about ────────────────────────────────────────────────────────


def test_a_scanned_code_says_what_it_is_about_and_where(tx: Tx, owned: City) -> None:
    case = sent(tx, owned, draft("坏了", lon=None, lat=None, asset="L2"))
    assert (case.asset, case.lon, case.lat) == ("L2", 113.0101, 34.03)
    assert owned.category(case.category).code == "C-01-37"  # type: ignore[union-attr]
    assert case.stage == "filed"


def test_an_unknown_code_is_refused_by_name_and_its_neighbours_go_on(tx: Tx, owned: City) -> None:
    bad, good = receive(
        tx, owned, [draft("坏了", asset="L9"), draft("坏了", asset="L1")], now=NOW,
        random=same_random(), key=KEY,
    )  # fmt: skip
    assert isinstance(bad, NoSuchAsset)
    assert (bad.field, bad.value) == ("asset", "L9")
    assert not isinstance(good, Refused)


def test_two_lamps_side_by_side_are_two_matters_and_one_lamp_is_one(tx: Tx, owned: City) -> None:
    first = sent(tx, owned, draft("路灯不亮", asset="L1"))
    other = sent(tx, owned, draft("路灯不亮", asset="L2"))
    again = sent(tx, owned, draft("路灯不亮", asset="L1"))
    plain = sent(tx, owned, draft("路灯不亮", lon=113.0105))
    assert other.id != first.id == again.id
    assert plain.id in (first.id, other.id)  # without a code, near is near


def test_a_later_voice_may_name_the_thing_of_a_case(tx: Tx, owned: City) -> None:
    case = sent(tx, owned, draft("路灯不亮"))
    assert case.asset is None
    assert sent(tx, owned, draft("路灯不亮", asset="L1")).asset == "L1"


def test_a_person_names_the_thing_puts_it_right_and_takes_it_back(tx: Tx, owned: City) -> None:
    case = sent(tx, owned, draft("路灯不亮"))
    assert [a.code for a, _ in things.near(tx, owned, case)] == ["L1", "L2", "L3"]
    case = through(tx, owned, case, (Act.CLASSIFY, ADA, Form(asset="L1")))
    assert (case.asset, case.stage) == ("L1", "filed")
    case = through(tx, owned, case, (Act.LOCATE, ADA, Form(asset="L2", place=draft_place())))
    assert case.asset == "L2"
    with pytest.raises(NoSuchAsset):
        through(tx, owned, case, (Act.CLASSIFY, ADA, Form(asset="L9")))
    assert through(tx, owned, case, (Act.CLASSIFY, ADA, Form(asset=""))).asset is None
    with pytest.raises(acts.Missing):
        through(tx, owned, case, (Act.CLASSIFY, ADA, Form()))


def draft_place() -> Any:
    from zhongshu.core.place import Point

    return Point(113.01, 34.03)


def test_an_open_class_offers_the_things_of_every_class(tx: Tx, owned: City) -> None:
    put(tx, owned, lamp("T1", category="C-04-02"))
    case = sent(tx, owned, draft("有点不对劲"))
    assert {a.code for a, _ in things.near(tx, owned, case)} == {"L1", "L2", "L3", "T1"}


def test_the_cases_of_a_thing_are_a_list(tx: Tx, owned: City) -> None:
    mine = [sent(tx, owned, draft("路灯不亮", asset="L1"))]
    sent(tx, owned, draft("路灯不亮", asset="L2"))
    listed = cases.page(tx, EVERYTHING, Filter(asset="L1"), order=browse.Order.NEWEST, after=None, limit=9)  # fmt: skip
    assert [c.id for c in listed] == [c.id for c in mine]


# ── by the owner first ───────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("asset", "expected", "why"),
    [("L2", "U2", "to_owner"), ("L1", "U1", "to_owner"), ("L3", "U1", "category"), (None, "U1", "category")],
)  # fmt: skip
def test_a_component_goes_to_its_owner_and_else_to_the_territory(
    tx: Tx, owned: City, asset: str | None, expected: str, why: str
) -> None:
    case = sent(tx, owned, draft("路灯不亮", asset=asset))
    case = through(tx, owned, case, (Act.DISPATCH, DING, Form()))
    assert owned.code_of(case.unit) == expected
    assert facts.of_case(tx, case.id)[-1].says["duty_rule"]
    picked = owned.pick(case, at=NOW, asset=things.of(tx, case))
    assert picked is not None
    assert why in picked.reasons


def test_an_owner_no_longer_at_work_is_nobody(tx: Tx, owned: City) -> None:
    tx.execute("update units set active = false where code = 'U2'")
    city = load(tx)
    case = through(
        tx, city, sent(tx, city, draft("路灯不亮", asset="L2")), (Act.DISPATCH, DING, Form())
    )
    assert city.code_of(case.unit) == "U1"


def test_a_rule_of_a_named_owner_fits_what_units_below_it_own(tx: Tx, city: City) -> None:
    city_store.add_duty_rule(
        tx, DutyRule(id=0, unit=unit(city, "U2"), owner=unit(city, "U1"), auto=True, clause="代管")
    )
    put(tx, city, lamp("L1", owner="U1-1"))
    city = load(tx)
    case = sent(tx, city, draft("路灯不亮", asset="L1"))
    assert (city.code_of(case.unit), case.stage) == ("U2", "dispatched")


def test_whom_a_rule_forbids_it_forbids_with_all_below(tx: Tx, city: City) -> None:
    city_store.add_duty_rule(
        tx,
        DutyRule(id=0, unit=unit(city, "U2"), category="C-01", forbidden=frozenset({unit(city, "U1")}), clause="66号文"),
    )  # fmt: skip
    city = load(tx)
    case = sent(tx, city, draft("路灯不亮"))
    with pytest.raises(Incompetent, match="66号文"):
        through(tx, city, case, (Act.DISPATCH, DING, Form(unit=unit(city, "U1-1"))))
    # The closer rule leads to a unit that may not have it: the pick goes on to the next.
    assert city.code_of(through(tx, city, case, (Act.DISPATCH, DING, Form())).unit) == "U2"


def test_the_ranking_shows_load_returns_and_who_may_not_have_it(tx: Tx, owned: City) -> None:
    other = sent(tx, owned, draft("路灯不亮", lon=113.03))
    through(tx, owned, other, (Act.DISPATCH, DING, Form()))
    back = sent(tx, owned, draft("路灯不亮", lon=113.035))
    through(
        tx, owned, back, (Act.DISPATCH, DING, Form()),
        (Act.RETURN, HANA, Form(reason="r", clause="c")),
    )  # fmt: skip
    case = sent(tx, owned, draft("路灯不亮", asset="L2"))
    ranked = candidates.ranking(tx, owned, case, things.of(tx, case), EVERYTHING, now=NOW)
    assert ranked is not None
    told = [
        (owned.code_of(s.candidate.unit), s.candidate.ahead, s.load, s.dispatches, s.returns)
        for s in ranked.standing
    ]
    assert told == [("U2", "ownership", 0, 0, 0), ("U1", "category", 1, 2, 1), ("U2", "", 0, 0, 0)]
    linked = Filter(units=owned.units_under(unit(owned, "U1")), stages=candidates.AT_WORK)
    assert cases.count(tx, EVERYTHING, linked) == 1
    nothing = candidates.ranking(tx, owned, case, None, Sight(), now=NOW)
    assert nothing is not None
    assert [s.load for s in nothing.standing] == [0, 0]


# ── returns ──────────────────────────────────────────────────────────────────────────

CAUSES = [c.value for c in Cause]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=12, deadline=None)  # fmt: skip
@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 6), st.integers(0, 30)), max_size=12))
def test_the_statistics_are_those_of_a_hand_that_counts_the_ledger(
    tx: Tx, city: City, story: list[tuple[int, int, int]]
) -> None:
    with tx.transaction(force_rollback=True):
        made = _lived(tx, city, story)
        since, until = NOW + timedelta(days=5), NOW + timedelta(days=25)
        found = returns.statistics(tx, city, EVERYTHING, Filter(), since=since, until=until)
        slow = _by_hand(tx, city, made, since, until)
        assert (found.returns, found.dispatches) == (slow["all", "r"], slow["all", "d"])
        for by, lines in found.by.items():
            for line in lines:
                dispatches = slow["all", "d"] if by == "cause" else slow[by, line.key, "d"]
                assert (line.returns, line.dispatches) == (slow[by, line.key, "r"], dispatches)
                for kind, number in (("returned", line.returns), ("dispatched", line.dispatches)):
                    behind = returns.behind(
                        tx, city, EVERYTHING, Filter(), kind=kind, by=by, key=line.key,
                        since=since, until=until,
                    )  # fmt: skip
                    assert len(behind) <= number
                    assert bool(behind) == bool(number)
            assert sum(line.returns for line in lines) == found.returns


def _lived(tx: Tx, city: City, story: list[tuple[int, int, int]]) -> list[Case]:
    """Cases dispatched and returned at odd moments: (which, what, day)."""
    made = [sent(tx, city, draft(text, lon=113.005 + 0.012 * n)) for n, text in enumerate(("路灯不亮", "井盖丢了", "路灯不亮"))]  # fmt: skip
    for which, what, day in sorted(story, key=lambda s: s[2]):
        case = cases.get(tx, made[which].id)
        assert case is not None
        at = NOW + timedelta(days=day)
        form = Form(reason="r", clause="c", cause=CAUSES[what % 6])
        if case.stage == "filed":
            by_hand = Form(unit=unit(city, ("U1", "U2")[what % 2])) if what % 3 == 0 else Form()
            acts.act(tx, city, case.id, Act.DISPATCH, by=DING, at=at, form=by_hand)
        elif case.returns < 2:
            acts.act(tx, city, case.id, Act.RETURN, by=HANA, at=at, form=form)
    return made


def _by_hand(tx: Tx, city: City, made: list[Case], since: Any, until: Any) -> Counter[Any]:
    slow: Counter[Any] = Counter()
    for case in made:
        now = cases.get(tx, case.id)
        assert now is not None
        category = city.names[now.category][0]  # type: ignore[index]
        lead, rule = None, None
        for fact in facts.of_case(tx, case.id):
            if fact.kind == "case:dispatched":
                lead, rule = fact.sets["unit"], fact.says.get("duty_rule")
            if fact.kind not in ("case:dispatched", "case:returned") or not since <= fact.at < until:  # fmt: skip
                continue
            one = "d" if fact.kind == "case:dispatched" else "r"
            keys = {"unit": city.code_of(lead), "category": category, "rule": str(rule or "")}
            slow["all", one] += 1
            for by, key in keys.items():
                slow[by, key, one] += 1
            if one == "r":
                slow["cause", str(fact.says["cause"]), "r"] += 1
    return slow


def test_returns_are_counted_in_sight_only(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft("路灯不亮"))
    through(tx, city, case, (Act.DISPATCH, DING, Form()), (Act.RETURN, HANA, Form(reason="r", clause="c")))  # fmt: skip
    until = NOW + timedelta(days=1)
    south = Sight(areas=(city.tree.named("S").span,))  # type: ignore[union-attr]
    assert returns.statistics(tx, city, south, Filter(), since=NOW, until=until).returns == 0
    north = Sight(areas=(city.tree.named("N").span,))  # type: ignore[union-attr]
    assert returns.statistics(tx, city, north, Filter(), since=NOW, until=until).returns == 1


# ── the catalogue in and out ─────────────────────────────────────────────────────────


def test_what_goes_out_comes_in_again_and_changes_nothing(tx: Tx, owned: City) -> None:
    city_store.add_duty_rule(
        tx,
        DutyRule(id=0, unit=unit(owned, "U2"), area=owned.tree.named("N-1").span, forbidden=frozenset({unit(owned, "U1")})),
    )  # fmt: skip
    city = load(tx)
    out = duties.rows(tx, city)
    told = duties.bring_in(tx, city, out)
    assert (told.read, told.new, told.changed, told.known) == (5, 0, 0, 5)
    assert told.refused == ()
    fresh = [{**row, "id": ""} for row in out]
    assert duties.bring_in(tx, city, fresh).known == 5
    assert duties.rows(tx, city) == out


def test_a_row_with_its_number_changes_that_rule_and_bad_rows_are_named(tx: Tx, city: City) -> None:
    lamps = next(r for r in duties.rows(tx, city) if r["category"] == "C-01-37")
    told = duties.bring_in(
        tx, city,
        [
            {**lamps, "hours": "mon-fri 08:00-18:00", "co_units": "U2"}, {**lamps, "id": "999999"},
            {"lead": "U1", "area": "M-1"}, {"lead": "nobody"}, {"lead": "owner", "category": "C*"},
        ],
    )  # fmt: skip
    assert (told.read, told.new, told.changed, told.known) == (5, 1, 1, 0)
    assert [(r.row, r.field) for r in told.refused] == [(2, "id"), (3, "area"), (4, "lead")]
    book = load(tx).rulebook.rules
    assert [r.lead for r in book if r.by_owner] == [Lead.OWNER]
    assert len([r for r in book if r.hours and r.co_units]) == 1


def test_the_command_brings_rules_in_and_out(
    conninfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHONGSHU_DATABASE_URL", conninfo)
    path = tmp_path / "rules.csv"
    out = CliRunner().invoke(app, ["export", str(path), "--what", "duty-rules"])
    assert out.exit_code == 0, out.output
    rows = list(csv.DictReader(io.StringIO(path.read_text("utf-8-sig"))))
    assert len(rows) == 3
    rows += [{"lead": "U1-1", "category": "C-01-37", "hours": "daily 22:00-06:00"}, {"lead": "X"}]  # type: ignore[list-item]
    with path.open("w", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    told = CliRunner().invoke(app, ["import", "duty-rules", str(path)])
    assert "rows read 5 = new 1 + changed 0 + already there 3 + refused 1" in told.output
    assert "lead “X”" in told.output


# ── through HTTP ─────────────────────────────────────────────────────────────────────


def test_pages_and_interface_tell_the_same(db: Database) -> None:
    with db.transaction() as tx:
        city = load(tx)
        put(tx, city, lamp("L1", owner="U2"))
        city_store.add_duty_rule(
            tx,
            DutyRule(id=0, lead=Lead.OWNER, category="C", clause="先主后属地", forbidden=frozenset({unit(city, "U1-1")})),
        )  # fmt: skip
        city_store.changed(tx)
    with TestClient(app_on(hub_on(db))) as client:
        ding, ada = key_for(db, "ding"), key_for(db, "ada")
        assert "路灯" in client.get("/report?asset=L1").text
        assert client.get("/report?asset=L9").status_code == 200
        refused = client.post("/report", data={"text": "x", "asset": "L9"})
        assert refused.status_code == 422
        client.post("/report", data={"text": "坏了", "asset": "L1"}, follow_redirects=False)
        (made,) = client.get("/api/v1/cases?asset=L1", headers=ding).json()["cases"]
        found = client.get(f"/api/v1/cases/{made['number']}/candidates", headers=ding).json()
        assert [(c["unit"]["code"], c["ahead_by"]) for c in found["candidates"]] == [
            ("U2", "ownership"), ("U1", "category"), ("U2", None),
        ]  # fmt: skip
        assert [b["unit"] for b in found["barred"]] == ["U1-1"]
        page = client.get(f"/cases/{made['number']}", headers=ding).text
        assert "先主后属地" in page
        assert "全部候选单位" in page
        assert "全部候选单位" not in client.get(f"/cases/{made['number']}", headers=ada).text
        client.post(f"/api/v1/cases/{made['number']}/acts/dispatch", json={}, headers=ding)
        client.post(f"/api/v1/cases/{made['number']}/acts/dispatch", json={}, headers=ding)
        with db.transaction() as tx:
            hand = through(tx, load(tx), cases.get(tx, browse.number_id(made["number"])), (Act.RETURN, HANA, Form(reason="r", clause="c", cause="no_power")))  # type: ignore[arg-type] # fmt: skip
        assert hand.returns == 1
        said = client.get("/api/v1/returns?until=2026-11-24", headers=ding).json()
        assert (said["returns"], said["dispatches"]) == (1, 1)
        assert said["by"]["cause"] == [{"key": "no_power", "returns": 1, "dispatches": 1}]
        page = client.get("/mirror/returns?until=2026-11-24", headers=ding).text
        assert "无处置权限" in page
        link = page.split('href="/mirror/returns/cases?')[1].split('"')[0].replace("&amp;", "&")
        assert made["number"] in client.get(f"/mirror/returns/cases?{link}", headers=ding).text
        table = client.get("/api/v1/returns.csv?by=cause&until=2026-11-24", headers=ding).text
        assert "no_power" in table
        assert client.get("/api/v1/returns.csv?by=who", headers=ding).status_code == 422
        assert client.get("/mirror/returns/cases?kind=lost", headers=ding).status_code == 422
        rules = client.get("/duty-rules?category=C-01-37", headers=ding).text
        assert "部件的权属单位" in rules
        listed = client.get("/api/v1/duty-rules", headers=ding).json()["rules"]
        assert next(r["lead"] for r in listed) == "owner"
        table = client.get("/api/v1/duty-rules.csv", headers=ding).text.lstrip("\ufeff")
        with db.transaction() as tx:
            told = duties.bring_in(tx, load(tx), list(csv.DictReader(io.StringIO(table))))
        assert (told.read, told.known, told.refused) == (4, 4, ())
        asset = client.get("/assets/L1", headers=ding).text
        assert made["number"] in asset
