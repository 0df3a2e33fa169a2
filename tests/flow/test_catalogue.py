"""Keeping the catalogue: drafts, days, what a switch leaves alone, and who changed what."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from typer.testing import CliRunner

from tests.cast import ADA, ADMIN, DING, HANA
from tests.factories import KEY, NOW, draft, same_random
from zhongshu.cli import app
from zhongshu.core.access import EVERYTHING, NotFound
from zhongshu.core.cases import Act, Case, Filter, Order
from zhongshu.core.cases.clocks import ClockKind, by_kind
from zhongshu.core.catalogue import Category, PhotoRule
from zhongshu.core.catalogue_table import fingerprint, read_rows, rows_of
from zhongshu.core.catalogue_versions import NoCategories, PastDay, VersionMoved, VersionState
from zhongshu.core.dispatch import DutyRule
from zhongshu.flow import acts, catalogue, setup
from zhongshu.flow.acts import Form, NoSuchCondition
from zhongshu.flow.catalogue import CodeTaken, EditedSince, Hand, NoOldCode, NothingRead
from zhongshu.flow.city import City, load
from zhongshu.flow.intake import UnknownCategory, receive
from zhongshu.flow.verify import ledger
from zhongshu.link import sheets
from zhongshu.store import cases, catalogues, city_facts, facts
from zhongshu.store import city as city_store
from zhongshu.store.db import Database, Tx
from zhongshu.web.hub import Hub

TODAY = NOW.date()
RANDOM = same_random(7000)
LATER = TODAY + timedelta(days=7)
WHO = Hand(account=ADMIN.account, at=NOW, today=TODAY)


def on(day: Any, tx: Tx) -> City:
    return load(tx, on=day)


def hand(**changes: Any) -> Hand:
    return replace(WHO, **changes)


def one(code: str, name: str = "某类", **row: str) -> Category:
    return read_rows([{"code": code, "name_zh": name, "limit": "5wd", **row}]).categories[0]


def sent(tx: Tx, city: City, at: Any = NOW, **fields: Any) -> Case:
    (receipt,) = receive(tx, city, [draft(**fields)], now=at, random=RANDOM, key=KEY)
    assert not isinstance(receipt, Exception), receipt
    found = cases.get(tx, receipt.case)
    assert found is not None
    return found


def renumbered(tx: Tx) -> int:
    """A draft in which street lights are C-01-99 and C-01-37 is something else."""
    number = catalogue.copy(tx, WHO, 1, "新版")
    light = catalogue.content(tx, number).by_code("C-01-37")
    assert light is not None
    catalogue.put(tx, WHO, number, replace(light, code="C-01-99"), was="C-01-37")
    catalogue.put(tx, WHO, number, one("C-01-37", "别的东西"))
    return number


# ── which condition ──────────────────────────────────────────────────────────────────


def several(tx: Tx) -> City:
    """A city whose street lights have three conditions."""
    number = catalogue.copy(tx, WHO, 1, "三条")
    rows = [
        {"code": "C-01-37", "name_zh": "路灯", "condition_zh": t, "limit": n, "hazard": h, "photo_rule": p}
        for t, n, h, p in (("漏电", "2uh", "yes", "before_and_after"), ("不亮", "1wd", "no", "after"), ("灯罩缺损", "5wd", "no", "none"))
    ]  # fmt: skip
    light = read_rows(rows).categories[0]
    catalogue.put(tx, WHO, number, light, was="C-01-37")
    catalogue.enact(tx, WHO, number, TODAY)
    return on(TODAY, tx)


def test_without_a_choice_the_first_condition_that_fits_the_hazard_gives_the_limit(tx: Tx) -> None:
    city = several(tx)
    case = sent(tx, city, category="C-01-37")
    after = acts.act(tx, city, case, Act.DISPATCH, by=DING, at=NOW)
    handle = by_kind(after.clocks, ClockKind.HANDLE)
    assert handle is not None
    assert (handle.limit, after.condition) == ("1wd", None)
    applies = city.condition(after)
    assert applies is not None
    assert (applies[0], applies[1].photos) == (2, PhotoRule.AFTER)
    raised = city.condition(replace(after, hazard=True))
    assert raised is not None
    assert (raised[0], raised[1].photos) == (1, PhotoRule.BEFORE_AFTER)


def test_a_condition_says_which_photos_it_asks_for_and_the_city_where_it_asks_for_none(
    tx: Tx,
) -> None:
    city = several(tx)
    case = sent(tx, city, category="C-01-37")
    hazard, cracked = replace(case, hazard=True), replace(case, condition=3)
    asked = [city.photo_rule(c) for c in (case, hazard, cracked)]
    assert asked == [PhotoRule.AFTER, PhotoRule.BEFORE_AFTER, PhotoRule.NONE]
    setup.choose(tx, "photo_rule", "before_and_after")
    city = on(TODAY, tx)
    asked = [city.photo_rule(c) for c in (case, hazard, cracked)]
    assert asked == [PhotoRule.AFTER, PhotoRule.BEFORE_AFTER, PhotoRule.BEFORE_AFTER]


def test_a_dispatcher_chooses_the_condition_and_the_work_has_its_limit(tx: Tx) -> None:
    city = several(tx)
    case = sent(tx, city, category="C-01-37")
    after = acts.act(tx, city, case, Act.DISPATCH, by=DING, at=NOW, form=Form(condition=3))
    handle = by_kind(after.clocks, ClockKind.HANDLE)
    assert handle is not None
    assert (handle.limit, after.condition) == ("5wd", 3)
    fact = facts.of_case(tx, case.id)[-1]
    assert (fact.sets["condition"], fact.says["condition"], fact.says["limit"]) == (3, 3, "5wd")
    assert cases.get(tx, case.id) == after


def test_a_condition_the_category_has_not_is_refused_by_name(tx: Tx) -> None:
    city = several(tx)
    case = sent(tx, city, category="C-01-37")
    for n in (0, 4):
        with pytest.raises(NoSuchCondition) as refused:
            acts.act(tx, city, case, Act.DISPATCH, by=DING, at=NOW, form=Form(condition=n))
        assert (refused.value.field, refused.value.value) == ("condition", n)


def test_another_category_forgets_the_condition(tx: Tx) -> None:
    city = several(tx)
    case = sent(tx, city, category="C-01-37")
    case = acts.act(tx, city, case, Act.CLASSIFY, by=ADA, at=NOW, form=Form(category="C-01-37", condition=3))  # fmt: skip
    assert case.condition == 3
    case = acts.act(tx, city, case, Act.CLASSIFY, by=ADA, at=NOW, form=Form(category="C-01-23"))
    assert case.condition is None


def test_back_at_the_unit_that_returned_it_another_condition_starts_its_clock_anew(tx: Tx) -> None:
    city = several(tx)
    case = sent(tx, city, category="C-01-37")
    case = acts.act(tx, city, case, Act.DISPATCH, by=DING, at=NOW)
    back = Form(reason="不是", clause="三")
    case = acts.act(tx, city, case, Act.RETURN, by=HANA, at=NOW + timedelta(hours=1), form=back)
    later = NOW + timedelta(hours=2)
    same = city.dispatched(case, _work(city, case, later), later)
    other = replace(case, condition=3)
    anew = city.dispatched(other, _work(city, other, later), later)
    handle = {kind: by_kind(sets["clocks"], ClockKind.HANDLE) for kind, sets in (("same", same), ("anew", anew))}  # fmt: skip
    assert handle["same"] is not None
    assert handle["anew"] is not None
    assert (handle["same"].started_at, handle["same"].limit) == (NOW, "1wd")
    assert (handle["anew"].started_at, handle["anew"].limit) == (later, "5wd")


def _work(city: City, case: Case, at: Any) -> Any:
    work = city.work(case, at=at, asset=None)
    assert work is not None
    return work


# ── drafts ───────────────────────────────────────────────────────────────────────────


def test_a_draft_changes_nothing_until_its_day(tx: Tx) -> None:
    number = renumbered(tx)
    assert on(TODAY, tx).catalogue.version == 1
    assert catalogue.enact(tx, WHO, number, LATER) is VersionState.SCHEDULED
    assert on(LATER - timedelta(days=1), tx).catalogue.version == 1
    assert on(LATER, tx).catalogue.version == number


def test_what_was_written_from_a_version_comes_back_the_same_through_the_database(tx: Tx) -> None:
    first = catalogue.content(tx, 1)
    rows = list(rows_of(first.categories))
    brought = catalogue.bring(tx, WHO, list(rows[0]), rows, name="again")
    again = catalogue.content(tx, brought.version)
    assert [replace(c, id=0) for c in again.categories] == [replace(c, id=0) for c in first.categories]  # type: ignore[arg-type]  # fmt: skip
    assert catalogue.impact(tx, on(TODAY, tx), brought.version) == catalogue.Impact(changes=(), lost=())  # fmt: skip


def test_a_table_is_accounted_for_and_its_refused_rows_are_kept_with_their_reasons(tx: Tx) -> None:
    rows = [
        {"code": "E-01-10", "name_zh": "暴露垃圾", "limit": "2工作时"},
        {"code": "E-01-11", "name_zh": "渣土", "limit": "种植季节15工作日"},
    ]
    brought = catalogue.bring(tx, WHO, list(rows[0]), rows, name="表")
    assert (brought.reading.read, brought.reading.taken, brought.categories) == (2, 1, 1)
    (fact,) = city_facts.browse(tx, kind="catalogue:imported")
    assert fact.account == ADMIN.account
    assert [(r["row"], r["why"]) for r in fact.says["refused"]] == [(2, "UnreadableLimit")]
    with pytest.raises(NothingRead):
        catalogue.bring(tx, WHO, list(rows[0]), rows[1:], name="表")


def test_a_category_is_written_whole_and_the_change_is_kept_field_by_field(tx: Tx) -> None:
    number = catalogue.copy(tx, WHO, 1, "改")
    was = catalogue.content(tx, number).by_code("C-01-01")
    assert was is not None
    now = replace(was, unit_type="水务局", conditions=one("C-01-01", limit="7wd").conditions)
    catalogue.put(tx, WHO, number, now, was="C-01-01", seen=fingerprint(was))
    found = catalogue.content(tx, number).by_code("C-01-01")
    assert found is not None
    assert (found.unit_type, [str(c.limit) for c in found.conditions]) == ("水务局", ["7wd"])
    fact = city_facts.browse(tx, kind="catalogue:edited")[0]
    assert (fact.says["code"], fact.says["version"]) == ("C-01-01", number)
    assert {"unit_type", "limit"} <= {f["field"] for f in fact.says["fields"]}
    with pytest.raises(EditedSince):
        catalogue.put(tx, WHO, number, was, was="C-01-01", seen=fingerprint(was))


def test_an_edit_that_changes_nothing_is_not_a_change(tx: Tx) -> None:
    number = catalogue.copy(tx, WHO, 1, "改")
    same = catalogue.content(tx, number).by_code("C-01-01")
    assert same is not None
    catalogue.put(tx, WHO, number, same, was="C-01-01")
    assert city_facts.browse(tx, kind="catalogue:edited") == []


def test_codes_are_taken_once_and_old_ones_must_be_known(tx: Tx) -> None:
    number = catalogue.copy(tx, WHO, 1, "改")
    with pytest.raises(CodeTaken):
        catalogue.put(tx, WHO, number, one("C-01-01"))
    with pytest.raises(CodeTaken):
        catalogue.put(tx, WHO, number, one("C-01-01"), was="C-01-02")
    with pytest.raises(NoOldCode):
        catalogue.put(tx, WHO, number, one("C-01-98"), replaces=["C-09-99"])
    with pytest.raises(NotFound):
        catalogue.put(tx, WHO, number, one("C-01-98"), was="C-09-99")


def test_retired_and_removed_categories_take_no_new_cases(tx: Tx) -> None:
    number = catalogue.copy(tx, WHO, 1, "改")
    catalogue.use(tx, WHO, number, "C-01-37", active=False)
    catalogue.remove(tx, WHO, number, "C-01-23")
    catalogue.enact(tx, WHO, number, TODAY)
    city = on(TODAY, tx)
    for code in ("C-01-37", "C-01-23"):
        (answer,) = receive(tx, city, [draft(category=code)], now=NOW, random=RANDOM, key=KEY)
        assert isinstance(answer, UnknownCategory)
    assert all(g.category.code != "C-01-37" for g in city.guesses("路灯不亮"))
    kinds = [f.says["kind"] for f in city_facts.browse(tx, kind="catalogue:edited")]
    assert kinds == ["removed", "changed"]


# ── in force, and undone ─────────────────────────────────────────────────────────────


def test_what_is_or_was_in_force_is_not_edited_by_anybody(tx: Tx) -> None:
    number = renumbered(tx)
    catalogue.enact(tx, WHO, number, LATER)
    for frozen in (1, number):
        with pytest.raises(VersionMoved):
            catalogue.put(tx, WHO, frozen, one("C-01-98"))
        with pytest.raises(VersionMoved):
            catalogue.remove(tx, WHO, frozen, "C-01-01")


@pytest.mark.parametrize(
    "statement",
    [
        "update conditions set limit_ = '9wd'",
        "delete from conditions",
        "update categories set name_zh = '别的' where version = 1",
        "delete from categories where version = 1",
        "update catalogue_terms set valid_from = '2020-01-01'",
        "delete from catalogue_terms",
        "update city_facts set account = null",
        "delete from city_facts",
        "truncate city_facts",
    ],
)
def test_the_database_itself_keeps_what_was_in_force_and_who_did_it(tx: Tx, statement: str) -> None:
    catalogue.copy(tx, WHO, 1, "改")
    with pytest.raises(psycopg.Error, match=r"append-only|not a draft|is kept"), tx.transaction():
        tx.execute(statement)  # type: ignore[arg-type]


def test_a_past_day_and_an_empty_version_are_refused(tx: Tx) -> None:
    number = catalogue.copy(tx, WHO, 1, "改")
    with pytest.raises(PastDay):
        catalogue.enact(tx, WHO, number, TODAY - timedelta(days=1))
    for c in catalogue.content(tx, number).categories:
        catalogue.remove(tx, WHO, number, c.code)
    with pytest.raises(NoCategories):
        catalogue.enact(tx, WHO, number, TODAY)


def test_a_version_that_waits_is_withdrawn_and_can_be_put_in_force_on_another_day(tx: Tx) -> None:
    number = renumbered(tx)
    catalogue.enact(tx, WHO, number, LATER)
    assert catalogue.withdraw(tx, WHO, number) is VersionState.DRAFT
    assert on(LATER, tx).catalogue.version == 1
    catalogue.put(tx, WHO, number, one("C-01-98"))
    catalogue.enact(tx, WHO, number, LATER + timedelta(days=1))
    assert on(LATER, tx).catalogue.version == 1
    assert on(LATER + timedelta(days=1), tx).catalogue.version == number
    assert catalogue.withdraw(tx, WHO, number) is VersionState.DRAFT
    assert catalogue.withdraw(tx, WHO, number) is VersionState.SET_ASIDE
    with pytest.raises(VersionMoved):
        catalogue.withdraw(tx, WHO, 1)


def test_one_in_force_is_undone_by_putting_the_one_before_in_force_again(tx: Tx) -> None:
    number = renumbered(tx)
    catalogue.enact(tx, WHO, number, TODAY)
    assert on(TODAY, tx).catalogue.version == number
    assert catalogue.enact(tx, WHO, 1, TODAY) is VersionState.IN_FORCE
    assert on(TODAY, tx).catalogue.version == 1
    states = {x.version.number: x.state for x in catalogue.listing(tx, today=TODAY)}
    assert states == {1: VersionState.IN_FORCE, number: VersionState.FORMER}
    kinds = [f.kind for f in city_facts.browse(tx, kind="catalogue:enacted")]
    assert kinds == ["catalogue:enacted"] * 2


# ── what a switch leaves alone, and what goes on ─────────────────────────────────────


def test_an_open_case_keeps_category_condition_and_clocks_across_a_switch(db: Database) -> None:
    with db.transaction() as tx:
        before = on(TODAY, tx)
        case = sent(tx, before, category="C-01-37")
        case = acts.act(tx, before, case, Act.DISPATCH, by=DING, at=NOW, form=Form(condition=1))
        waiting = sent(tx, before, category="C-01-37", lon=113.03)
        number = renumbered(tx)
        for code in ("C-01-99", "C-01-37"):
            light = catalogue.content(tx, number).by_code(code)
            assert light is not None
            catalogue.put(tx, WHO, number, replace(light, conditions=one(code, limit="9wd").conditions), was=code)  # fmt: skip
        catalogue.enact(tx, WHO, number, LATER)
        city = on(LATER, tx)
    at = NOW + timedelta(days=7)
    with db.transaction() as tx:
        still = cases.get(tx, case.id)
        assert still == case
        name = city.category_name(still.category)
        assert name is not None
        assert name.zh == "路灯"
        after = acts.act(tx, city, still, Act.ACCEPT, by=HANA, at=at)
        assert by_kind(after.clocks, ClockKind.HANDLE) == by_kind(case.clocks, ClockKind.HANDLE)
        assert (after.category, after.condition, after.due_at) == (case.category, 1, case.due_at)
        # One that had no unit yet is dispatched with the limit it was filed under …
        late = acts.act(tx, city, waiting.id, Act.DISPATCH, by=DING, at=at)
        handle = by_kind(late.clocks, ClockKind.HANDLE)
        assert handle is not None
        assert handle.limit != "9wd"
        assert city.code_of(late.unit) == "U1"
        # … and a new one with the new.
        new = sent(tx, city, at, category="C-01-99", lon=113.005)
        assert new.category != case.category
        work = city.work(new, at=at, asset=None)
        assert work is not None
        assert str(work.limit) == "9wd"
    assert list(ledger(db)) == []


def test_lists_filters_and_duty_rules_written_on_the_old_code_go_on(tx: Tx) -> None:
    before = on(TODAY, tx)
    old = sent(tx, before, category="C-01-37")
    number = renumbered(tx)
    catalogue.enact(tx, WHO, number, LATER)
    city = on(LATER, tx)
    at = NOW + timedelta(days=7)
    new = sent(tx, city, at, category="C-01-99", lon=113.03)
    other = sent(tx, city, at, category="C-01-37", lon=113.035)
    # The rule says C-01-37 and was written for street lights: it follows them.
    picked = {x.id: city.pick(x, at=at, asset=None) for x in (old, new, other)}
    assert {k: city.code_of(p.unit) if p else "" for k, p in picked.items()} == {old.id: "U1", new.id: "U1", other.id: "U2"}  # fmt: skip

    def listed(code: str) -> set[int]:
        wanted = Filter(categories=city.lineage.named(code))
        return {c.id for c in cases.page(tx, EVERYTHING, wanted, order=Order.NEWEST, after=None, limit=50)}  # fmt: skip

    assert listed("C-01-99") == {old.id, new.id}
    assert listed("C-01-37") == {other.id}
    assert listed("C-01") >= {old.id, new.id, other.id}


def test_a_new_report_joins_an_open_case_of_the_version_before(tx: Tx) -> None:
    before = on(TODAY, tx)
    old = sent(tx, before, category="C-01-37")
    number = renumbered(tx)
    catalogue.enact(tx, WHO, number, TODAY + timedelta(days=1))
    city = on(TODAY + timedelta(days=1), tx)
    at = NOW + timedelta(hours=20)
    (joined,) = receive(tx, city, [draft(category="C-01-99")], now=at, random=RANDOM, key=KEY)
    assert not isinstance(joined, Exception)
    assert joined.case == old.id
    (apart,) = receive(tx, city, [draft(category="C-01-37")], now=at, random=RANDOM, key=KEY)
    assert not isinstance(apart, Exception)
    assert apart.case != old.id


def test_another_system_may_go_on_sending_an_old_code(tx: Tx) -> None:
    number = catalogue.copy(tx, WHO, 1, "改")
    light = catalogue.content(tx, number).by_code("C-01-37")
    assert light is not None
    catalogue.put(tx, WHO, number, replace(light, code="C-01-99"), was="C-01-37")
    catalogue.enact(tx, WHO, number, TODAY)
    city = on(TODAY, tx)
    found = city.category(sent(tx, city, category="C-01-37").category)
    assert found is not None
    assert found.code == "C-01-99"


def test_what_would_lead_nowhere_is_said_before_it_happens(tx: Tx) -> None:
    sent(tx, on(TODAY, tx), category="C-01-37")
    number = catalogue.copy(tx, WHO, 1, "改")
    catalogue.remove(tx, WHO, number, "C-01-37")
    (lost,) = catalogue.impact(tx, on(TODAY, tx), number).lost
    assert (lost.category.code, lost.open_cases, lost.rules) == ("C-01-37", 1, 1)
    catalogue.put(tx, WHO, number, one("C-01-98"), replaces=["C-01-37"])
    assert catalogue.impact(tx, on(TODAY, tx), number).lost == ()


def test_a_rule_is_written_in_the_version_in_force_unless_it_says_another(tx: Tx) -> None:
    unit = next(iter(on(TODAY, tx).units))
    city_store.add_duty_rule(tx, DutyRule(id=0, unit=unit, category="E-01-13"))
    assert city_store.duty_rules(tx)[-1].catalogue == 1


def test_the_hub_switches_at_midnight_in_the_city_without_anybody_touching_it(db: Database) -> None:
    with db.transaction() as tx:
        number = renumbered(tx)
        catalogue.enact(tx, WHO, number, LATER)
    # Midnight in Shanghai is 16:00 the day before in UTC.
    moment = [NOW.replace(hour=15, minute=59) + timedelta(days=6)]
    hub = Hub(db=db, clock=lambda: moment[0], random=RANDOM, key=KEY)
    assert hub.city().catalogue.version == 1
    moment[0] += timedelta(minutes=1)
    hub.look_again()
    assert hub.city().catalogue.version == number


# ── commands and the real table ──────────────────────────────────────────────────────


def run(conninfo: str, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> Any:
    monkeypatch.setenv("ZHONGSHU_DATABASE_URL", conninfo)
    return CliRunner().invoke(app, list(arguments))


def test_the_command_imports_a_version_from_a_day_and_exports_it_again(
    db: Database, conninfo: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text(
        "小类编号,层次,名称,立案条件,处理时限\n"
        "E-01-10,事件,暴露垃圾,一般,2工作时\nE-01-10,,,较多,1工作日\nE-01-11,事件,渣土,,1紧急工作时制止\n",
        encoding="utf-8",
    )  # fmt: skip
    done = run(conninfo, monkeypatch, "import", "catalogue", "t.csv", "--valid-from", "2999-01-01", "--column", "code=小类编号", "--column", "limit=处理时限")  # fmt: skip
    assert done.exit_code == 0, done.output
    assert "rows read 3 = taken 2 + refused 1" in done.output
    assert "1紧急工作时制止" in (tmp_path / "rejects/t-catalogue.csv").read_text()
    with db.transaction() as tx:
        assert [str(d) for v in catalogues.versions(tx) if v.number == 2 for d in v.days] == ["2999-01-01"]  # fmt: skip
    done = run(conninfo, monkeypatch, "export-catalogue", "out.xlsx", "--version", "2")
    assert done.exit_code == 0, done.output
    again = read_rows(sheets.open_sheet(tmp_path / "out.xlsx").rows).categories
    with db.transaction() as tx:
        kept = catalogue.content(tx, 2).categories
    assert [replace(c, id=0) for c in again] == [replace(c, id=0) for c in kept]  # type: ignore[arg-type]
    refused = run(conninfo, monkeypatch, "import", "catalogue", "t.csv", "--valid-from", "2020-01-01", "--column", "code=小类编号", "--column", "limit=处理时限")  # fmt: skip
    assert refused.exit_code == 1
    assert "2020-01-01 is past" in " ".join(refused.output.split())


@pytest.mark.real_data
def test_the_municipal_standard_becomes_a_version(tx: Tx, shared_data: Path) -> None:
    sheet = sheets.open_sheet(shared_data / "zh_city_mgmt_standard/standard.parquet")
    brought = catalogue.bring(tx, WHO, sheet.headers, sheet.rows, name="运城标准")
    read = brought.reading
    assert (read.read, read.taken, len(read.rejects)) == (519, 518, 1)
    assert (brought.categories, brought.conditions) == (190, 518)
    catalogue.enact(tx, WHO, brought.version, TODAY)
    city = on(TODAY, tx)
    cover = city.catalogue.by_code("C-01-01")
    assert cover is not None
    assert [str(c.limit) for c in cover.conditions] == ["2uh", "4uh", "2ud", "5ud"]
    # Words that point at a category were kept where code and name are the same.
    assert city.guesses("路灯不亮")[0].category.code == "C-01-37"
