"""Rule proposals on a real database: run over random pasts, switched on, switched off."""

from __future__ import annotations

import random
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from typing import Any

import psycopg
import pytest

from tests.cast import ADA, ADMIN, CHENG, DING, HANA
from tests.factories import KEY, NOW, draft, same_random
from zhongshu.core.access import EVERYTHING, Sight
from zhongshu.core.assets import Asset
from zhongshu.core.cases import Act, Case, Outcome, Stage, allowed, fold
from zhongshu.core.cases.clocks import ClockKind, Tick, by_kind
from zhongshu.core.cases.matching import SameRule
from zhongshu.core.dispatch import Matter
from zhongshu.core.facts import Fact, Kind
from zhongshu.core.faults import ChangedMeanwhile, LeftWithout, NoEffect
from zhongshu.core.place import Point
from zhongshu.core.procedures import Move, ProcedureKind
from zhongshu.core.proposals import (
    Change,
    Directory,
    Proposal,
    RuleSet,
    Subject,
    UnknownKey,
    as_changed,
    rule_said,
    standing,
)
from zhongshu.core.values import CaseId, Name, Refused, UnitId
from zhongshu.flow import acts, catalogue, duties, notices, proceedings, proposals, same, whatif
from zhongshu.flow.acts import Form
from zhongshu.flow.city import City, load
from zhongshu.flow.intake import Receipt, receive
from zhongshu.store import assets, cases, city_facts, facts
from zhongshu.store import city as city_store
from zhongshu.store import pasts as pasts_store
from zhongshu.store import proposals as store
from zhongshu.store.db import Database, Tx

TODAY = date(2026, 11, 24)
MONTH = (date(2026, 10, 1), date(2026, 10, 31))
BEGIN = datetime.fromisoformat("2026-10-01T00:00:00+08:00")
PEOPLE = (ADA, DING, HANA, CHENG)
ME = ADMIN.account
assert ME is not None
ACCOUNT = ME
TEXTS = ("路灯不亮了", "井盖丢失", "道路塌陷了，有人受伤", "垃圾满地", "噪声扰民", "说不清楚的事")


def change(subject: str, key: str, now: Any) -> Change:
    return Change(subject=Subject(subject), key=key, now=now)


def made(tx: Tx, city: City, *changes: Change, title: str = "试一试") -> int:
    """Return the number of a draft with these changes."""
    number = proposals.make(tx, title=title, by=ACCOUNT, at=NOW)
    proposals.put(tx, city, number, changes, at=NOW)
    return number


def on(tx: Tx, number: int, *, starts_on: date | None = None, at: datetime = NOW) -> None:
    proposals.switch_on(tx, number, starts_on=starts_on, reason="试行", by=ACCOUNT, at=at)


def off(tx: Tx, number: int, *, at: datetime = NOW) -> None:
    proposals.switch_off(tx, number, reason="停止", by=ACCOUNT, at=at)


def loaded(tx: Tx) -> City:
    return load(tx, on=TODAY)


# ── a past, and proposals over it ────────────────────────────────────────────────────


def live(tx: Tx, city: City, dice: random.Random, count: int) -> None:
    """Let so many reports of October arrive, some about things, and people do this and that with
    their cases.
    """
    assets.put(tx, list(things(city).values()))
    due: list[tuple[datetime, CaseId | None]] = [
        (BEGIN + timedelta(minutes=dice.randrange(31 * 24 * 60)), None) for _ in range(count)
    ]
    while due:
        due.sort(key=lambda row: (row[0], row[1] or 0))
        at, case = due.pop(0)
        if case is None:
            found = arrive(tx, city, dice, at)
        else:
            found = case if step(tx, city, dice, case, at) else None
        if found is not None and at < NOW - timedelta(days=3):
            due.append((at + timedelta(minutes=dice.choice((10, 300, 2000, 9000))), found))


def things(city: City) -> dict[str, Asset]:
    """The things that cases may be about: whose they are decides in some duty rules."""
    units, here = {code: unit.id for code, unit in city.unit_codes.items()}, city.tree.named("N-1")
    assert here is not None
    return {
        f"L{n}": Asset(
            code=f"L{n}", category="C-01-37", name=Name("路灯"), place=Point(113.01, 34.03),
            area=here.id, area_code=here.span.lo, owner=owner, maintainer=units["U2"],
        )
        for n, owner in enumerate((None, units["U1"], units["U1-1"], units["U2"]))
    }  # fmt: skip


def thing_of(city: City, case: Case) -> Asset | None:
    return None if case.asset is None else things(city)[case.asset]


def arrive(tx: Tx, city: City, dice: random.Random, at: datetime) -> CaseId | None:
    place = {"lon": 113.005 + 0.005 * dice.randrange(7), "lat": 34.005 + 0.005 * dice.randrange(7)}
    thing = dice.choice([None, *things(city)])
    (told,) = receive(
        tx,
        city,
        [draft(dice.choice(TEXTS), at=at, asset=thing, **place)],
        now=at,
        random=RANDOM,
        key=KEY,
    )
    assert isinstance(told, Receipt), told
    return None if told.joined else told.case


RANDOM = same_random(10_000)


def step(tx: Tx, city: City, dice: random.Random, case: CaseId, at: datetime) -> bool:
    """Do something lawful, usually the next thing; say whether there may be more to do."""
    now = cases.get(tx, case)
    assert now is not None
    usual = [a for a in allowed(now) if a in (Act.FILE, Act.DISPATCH, Act.ACCEPT, Act.HANDLE, Act.PASS, Act.CLOSE)]  # fmt: skip
    what = dice.choice([*usual * 6, *allowed(now)])
    form = Form(
        reason="r", clause="c", note="n", outcome=Outcome.SOLVED, solved=True,
        category=dice.choice(("C-01-37", "C-01-23", "E-01-10")), place=None,
        unit=dice.choice([None, None, *city.units]),
    )  # fmt: skip
    try:
        with tx.transaction():
            if now.stage is Stage.IN_HAND and dice.random() < 0.2:
                ask_for_time(tx, city, now, at)
            else:
                acts.act(tx, city, case, what, by=dice.choice(PEOPLE), at=at, form=form)
    except Refused:
        return True
    return what not in (Act.CLOSE, Act.REJECT)


def ask_for_time(tx: Tx, city: City, case: Case, at: datetime) -> None:
    locked = cases.lock(tx, case.id)
    assert locked is not None
    after, asked = proceedings.begin(tx, city, locked, ProcedureKind.EXTENSION, by=HANA, at=at, said={"reason": "r"})  # fmt: skip
    proceedings.take(tx, city, after, asked.id, Move.APPROVE, by=DING, at=at, said={"reason": "r"})


def some_changes(dice: random.Random, city: City) -> list[Change]:
    """Return a handful of changes that can be read, of every subject now and then."""
    units = [u.code for u in city.units.values()]
    rule: dict[str, Any] = {
        "unit": dice.choice(units), "category": dice.choice(("", "C-01", "C-01-37", "E-05", "S-07")),
        "area": dice.choice(("", "N", "S-1")), "auto": dice.random() < 0.5,
        "co_units": [dice.choice(units)] if dice.random() < 0.3 else [],
        "forbidden": [dice.choice(units)] if dice.random() < 0.3 else [],
        "hours": [{"days": [0, 1, 5], "start": "20:00", "end": "07:30"}] if dice.random() < 0.5 else [],
    }  # fmt: skip
    numbers = [str(r.number) for r in city.rulebook.rules]
    offered = [
        change("rule", "", rule),
        change("rule", dice.choice(numbers), rule),
        change("rule", dice.choice(numbers), None),
        change("limit", dice.choice(("C-01-37", "C-01-23", "E-05-06")), {"limit": dice.choice(("1wd", "3uh", "9wd"))}),
        change("limit", "C-01-23:2", {"limit": "1uh"}),
        change("stage", dice.choice(("accept", "dispatch", "check", "whole")), {"limit": dice.choice(("1uh", "2wd"))}),
        change("hours", "", {"periods": [["09:00", "17:30"]], "days_off": [6]}),
        change("hours", "U1", {"periods": [["00:00", "12:00"], ["12:30", "23:00"]], "days_off": [], "holidays_too": True}),
        change("day", f"2026-10-{dice.randrange(1, 31):02}", {"kind": dice.choice(("holiday", "workday"))}),
        change("same", "", {"metres": dice.choice((10, 80)), "hours": dice.choice((6, 500))}),
        change("same", "C-01", {"joins": dice.random() < 0.5, "near_hours": 800}),
        change("rule", "", {"lead": dice.choice(("owner", "maintainer")), "category": "C-01-37", "auto": dice.random() < 0.5}),
        change("rule", "", {"unit": dice.choice(units), "owner": dice.choice(units), "category": "C"}),
    ]  # fmt: skip
    return dice.sample(offered, dice.randrange(1, 5))


@pytest.fixture
def dice(request: pytest.FixtureRequest) -> random.Random:
    return random.Random(request.param)


def run(db: Database, number: int, *, month: tuple[date, date] = MONTH) -> store.Run:
    """Ask for a run of a proposal over October and have it worked off."""
    with db.transaction() as tx:
        asked = whatif.ask(tx, loaded(tx), number, since=month[0], until=month[1], by=ACCOUNT, at=NOW)  # fmt: skip

    def city() -> City:
        with db.transaction() as tx:
            return loaded(tx)

    assert whatif.work_off(db, city, clock=lambda: NOW)
    with db.transaction() as tx:
        done = whatif.get(tx, number, asked)
    assert (done.state, done.problem) == ("done", "")
    return done


def first_dispatch(told: list[Fact]) -> int | None:
    return next((n for n, fact in enumerate(told) if fact.kind is Kind.DISPATCHED), None)


def really(tx: Tx, number: int) -> City:
    """Return the city with a proposal really written, standing for all time (to be rolled back)."""
    city = loaded(tx)
    kept = proposals.get(tx, number)
    proposals._in_force(tx, city, kept, on=TODAY, by=ACCOUNT, reason="r", at=NOW)
    tx.execute("delete from duty_rules where valid_until <= %s", (TODAY,))
    tx.execute("update duty_rules set valid_from = '0001-01-01', valid_until = null")
    return loaded(tx)


def decided(city: City, told: list[Fact], n: int) -> dict[str, Any]:
    """Return what the dispatching code itself makes of a case at its first dispatch."""
    case, at = fold(told[0].case, told[:n]), told[n].at
    work = city.work(case, at=at, asset=thing_of(city, case))
    if work is None:
        return {"unit": None, "due": None, "auto": False, "co": set()}
    sets = city.dispatched(replace(case, clocks=()), work, at)
    return {"unit": work.unit, "due": sets["due_at"], "auto": work.auto, "co": set(work.co_units)}


def clock_of(city: City, kind: ClockKind, tick: Tick, at: datetime) -> datetime | None:
    clock = by_kind(city.keeper.after((), tick, at), kind)
    return clock.due_at if clock else None


@pytest.mark.parametrize("dice", range(4), indirect=True)
def test_a_run_is_what_deciding_each_case_under_really_changed_rules_gives(
    db: Database, dice: random.Random
) -> None:
    with db.transaction() as tx:
        city = loaded(tx)
        live(tx, city, dice, 60)
        numbers = [made(tx, city, *some_changes(dice, city)) for _ in range(3)]
    differing = 0
    for number in numbers:
        try:
            done = run(db, number)
        except UnknownKey:
            continue  # the same rule was both changed and retired: it cannot be read
        with db.transaction() as tx:
            differs = {d.case_id: d for d in store.differing(tx, EVERYTHING, done.id, limit=10_000)}
            before = loaded(tx)
            told = facts.of_cases(tx, [c.id for c in cases.following(tx, CaseId(0), limit=10_000)])
        with db.transaction() as tx:
            after = really(tx, number)
            rows = {case: oracle(before, after, said) for case, said in told.items()}
            looked_at = [row for row in rows.values() if row is not None]
            for case, row in rows.items():
                assert (case in differs) == bool(row and row["tags"]), (case, row)
                if row and row["tags"]:
                    assert set(differs[case].tags) - JUDGED_ELSEWHERE == row["tags"], case
                    assert (differs[case].unit_before, differs[case].unit_after) == row["units"]
            assert done.result is not None
            assert done.result["looked_at"] == len(looked_at)
            raise psycopg.Rollback
        differing += len(differs)
    assert differing > 20  # or this test would look at nothing


#: Lateness is a matter of what happened later, and has its own oracle in tests/core.
JUDGED_ELSEWHERE = {f"{kind}:{word}" for kind in ClockKind for word in ("late", "in_time")}


def oracle(before: City, after: City, told: list[Fact]) -> dict[str, Any] | None:
    n = first_dispatch(told)
    if n is None or not BEGIN <= told[n].at < BEGIN + timedelta(days=31):
        return None
    one, other = decided(before, told, n), decided(after, told, n)
    tags: set[str] = set()
    if one["unit"] != other["unit"]:
        tags.add(
            "no_unit" if other["unit"] is None else "found_unit" if one["unit"] is None else "moved"
        )
    if one["auto"] != other["auto"]:
        tags.add("auto" if other["auto"] else "by_hand")
    if one["co"] != other["co"]:
        tags.add("helpers")
    barred = [refuses(c, told, n) for c in (before, after)]
    if barred[0] != barred[1]:
        tags.add("barred" if barred[1] else "allowed")
    deadlines = [("handle", one["due"], other["due"])]
    for kind, tick, start in stage_starts(told, n):
        deadlines.append(
            (kind, clock_of(before, kind, tick, start), clock_of(after, kind, tick, start))
        )
    for kind, was, would in deadlines:
        if was is not None and would is not None and was != would:
            tags.add(f"{kind}:{'earlier' if would < was else 'later'}")
    return {"tags": tags, "units": (one["unit"], other["unit"])}  # fmt: skip


def refuses(city: City, told: list[Fact], n: int) -> bool:
    case = fold(told[0].case, told[:n])
    unit, thing = UnitId(told[n].sets["unit"]), thing_of(city, case)
    try:
        city.check_competence(case, unit, at=told[n].at, asset=thing)
    except Refused:
        return True
    return False


def stage_starts(told: list[Fact], n: int) -> list[tuple[ClockKind, Tick, datetime]]:
    """Return when each other clock that is compared began, read from the facts anew."""
    found = [(ClockKind.ACCEPT, Tick.REPORTED, told[0].at)]
    filed = [f.at for f in told[:n] if f.sets.get("filed_at")]
    found.append((ClockKind.DISPATCH, Tick.FILED, filed[-1]))
    ended = next((k for k, f in enumerate(told) if k > n and f.kind in (Kind.CLOSED, Kind.REJECTED, Kind.MERGED)), len(told))  # fmt: skip
    run_of_it = told[: ended + 1]
    if not any(f.sets.get("held_at") or f.kind in (Kind.REJECTED, Kind.MERGED) for f in run_of_it[n:]):  # fmt: skip
        found.append((ClockKind.WHOLE, Tick.REPORTED, told[0].at))
    handled = next((f.at for f in run_of_it[n:] if f.kind is Kind.HANDLED), None)
    checked = any(f.kind in (Kind.PASSED, Kind.FAILED) for f in run_of_it[n:])
    ended_otherwise = ended < len(told) and told[ended].kind is not Kind.CLOSED
    if handled is not None and (checked or not ended_otherwise):
        found.append((ClockKind.CHECK, Tick.HANDLED, handled))
    return found


def test_a_proposal_without_changes_differs_in_nothing_over_any_past(db: Database) -> None:
    dice = random.Random(11)
    with db.transaction() as tx:
        city = loaded(tx)
        live(tx, city, dice, 40)
        # One that puts a rule anew exactly as it is: there is something to run, and no change.
        rule = city.rulebook.rules[0]
        kept = made(tx, city, change("rule", str(rule.number), rule_said(rule, proposals.directory(city))))  # fmt: skip
    done = run(db, kept)
    assert done.result is not None
    assert done.result["looked_at"] > 20
    assert (done.result["tags"], done.result["moves"], done.result["joins"]) == ({}, [], {})
    assert all(before == after for _, before, after in done.result["load"])
    assert done.total == done.done > 0


@pytest.mark.parametrize(
    ("dice", "key", "rule"),
    [
        (0, "", {"metres": 25, "hours": 30}),
        (1, "C-01-37", {"least": 0.4}),
        (2, "C-01", {"joins": False}),
        (3, "", {"apart": 12, "words": 100}),
        (4, "C-01-3", None),  # taken back: the wider one holds again
    ],
    indirect=["dice"],
)
def test_the_rules_for_the_same_matter_are_replayed_as_the_intake_would_have_joined(
    db: Database, dice: random.Random, key: str, rule: dict[str, Any] | None
) -> None:
    """Against the intake itself, run on the same reports under both rules."""
    drafts = sorted(
        (
            (
                BEGIN + timedelta(minutes=dice.randrange(6 * 24 * 60)),
                draft(dice.choice((*TEXTS[:2], "路灯坏了")), lon=113.01 + 0.0003 * dice.randrange(4), lat=34.03 + 0.0003 * dice.randrange(3)),
            )
            for _ in range(40)
        ),
        key=lambda row: row[0],
    )  # fmt: skip

    def played(tx: Tx, city: City) -> list[int | None]:
        """Return for each report which earlier one's case it joined."""
        opened: dict[int, int] = {}
        found: list[int | None] = []
        for n, (at, one) in enumerate(drafts):
            (told,) = receive(tx, city, [replace(one, at=at)], now=at, random=RANDOM, key=KEY)
            assert isinstance(told, Receipt)
            found.append(opened[told.case] if told.joined else None)
            opened.setdefault(told.case, n)
        return found

    with db.transaction() as tx:
        city = loaded(tx)
        if rule is None:
            same.set_rule(tx, city, key, SameRule(metres=30, hours=20), by=ACCOUNT, at=NOW)
            city = loaded(tx)
        number = made(tx, city, change("same", key, rule))
    with db.transaction() as tx:
        wanted = played(tx, really(tx, number))
        raise psycopg.Rollback
    with db.transaction() as tx:
        now = played(tx, city)
        ids = [row[0] for row in tx.execute("select id from reports order by reported_at, id")]
    done = run(db, number)
    with db.transaction() as tx:
        told = {j.report: j.kind for j in store.joining(tx, EVERYTHING, done.id, limit=1000)}
    kinds = {
        ids[n]: "joins" if was is None else "parts" if would is None else "elsewhere"
        for n, (was, would) in enumerate(zip(now, wanted, strict=True))
        if was != would
    }
    assert told == kinds
    assert told
    assert done.result is not None
    assert sum(done.result["joins"].values()) == len(told)


# ── in memory and written, on and off ────────────────────────────────────────────────


def said(city: City) -> dict[str, Any]:
    """Return a city's rules without the identities of their versions."""
    rules = proposals.rule_set(city, on=TODAY)
    known = proposals.directory(city)
    return {**vars(rules), "duty": by_rank(rules, known)}


def by_rank(rules: RuleSet, known: Directory) -> list[Any]:
    kept = standing(rules.duty, known)
    return [
        (rule_said(rule, known), rule.catalogue)
        for rule in sorted(kept, key=lambda rule: rule.rank)
    ]


@pytest.mark.parametrize("dice", range(12), indirect=True)
def test_what_was_tried_in_memory_is_what_is_written_and_taken_back(
    tx: Tx, dice: random.Random
) -> None:
    city = loaded(tx)
    first = said(city)
    number = made(tx, city, *some_changes(dice, city))
    changes = proposals.changes_of(proposals.get(tx, number))
    try:
        tried = as_changed(proposals.rule_set(city, on=TODAY), changes, proposals.directory(city))
        on(tx, number)
    except (UnknownKey, NoEffect, LeftWithout):
        return
    except Refused as refusal:
        assert type(refusal).__name__ in ("ForbidsItsLead", "LeadTwice", "NeverReached"), refusal  # noqa: PT017
        return
    after = said(loaded(tx))
    assert after == {**vars(tried), "duty": by_rank(tried, proposals.directory(city))}
    assert after != first
    off(tx, number)
    assert said(loaded(tx)) == first


def lamp(at: datetime) -> Matter:
    return Matter(category="C-01-37", area_code=None, at=at)


LIMIT = change("limit", "C-01-37", {"limit": "1wd"})


def dispatched(tx: Tx, city: City, at: datetime) -> tuple[str, datetime | None]:
    """Return limit and deadline of a new case that is dispatched now."""
    (told,) = receive(
        tx, city, [draft("路灯不亮", lon=113.03, lat=34.01)], now=at, random=RANDOM, key=KEY,
        join=False,
    )  # fmt: skip
    assert isinstance(told, Receipt)
    case = acts.act(tx, city, told.case, Act.DISPATCH, by=DING, at=at)
    clock = by_kind(case.clocks, ClockKind.HANDLE)
    assert clock is not None
    return clock.limit, case.due_at


def test_a_limit_is_tried_switched_on_and_off_and_each_case_keeps_what_it_got(
    db: Database,
) -> None:
    """The scenario: 3 working days become 1, over last month, then for new cases, then no more."""
    with db.transaction() as tx:
        city = loaded(tx)
        live(tx, city, random.Random(3), 40)
        usual = str(next(c for c in city.catalogue.categories if c.code == "C-01-37").conditions[0].limit)  # fmt: skip
        assert usual != "1wd"
        old = dispatched(tx, city, NOW)
        number = made(tx, city, LIMIT)
    done = run(db, number)
    assert done.result is not None
    assert done.result["tags"]["handle:earlier"] > 0
    assert done.result["clocks"]["handle"]["shift"]["p50"] < 0
    with db.transaction() as tx:
        on(tx, number)
        new = dispatched(tx, loaded(tx), NOW)
        off(tx, number)
        again = dispatched(tx, loaded(tx), NOW)
    assert (old[0], new[0], again[0]) == (usual, "1wd", usual)
    assert old[1] == again[1]
    assert new[1] is not None
    assert old[1] is not None
    assert new[1] < old[1]
    with db.transaction() as tx:
        told = [(f.kind, f.account, f.says["reason"]) for f in city_facts.browse(tx)]
    assert told == [
        ("proposal:switched_off", ACCOUNT, "停止"), ("proposal:switched_on", ACCOUNT, "试行"),
    ]  # fmt: skip


def test_rules_are_versions_with_days_and_nothing_is_deleted(tx: Tx) -> None:
    city = loaded(tx)
    lights = next(r for r in city.rulebook.rules if r.category == "C-01-37")
    number = made(tx, city, change("rule", str(lights.number), {"unit": "U2", "category": "C-01-37"}))  # fmt: skip
    on(tx, number)
    rows = tx.execute(
        "select unit, valid_from, valid_until from duty_rules where coalesce(line, id) = %s order by id",
        (lights.id,),
    ).fetchall()
    u1, u2 = city.unit_codes["U1"].id, city.unit_codes["U2"].id
    assert rows == [(u1, date.min, TODAY), (u2, TODAY, None)]
    off(tx, number, at=NOW + timedelta(days=2))
    rows = tx.execute(
        "select unit, valid_from, valid_until from duty_rules where coalesce(line, id) = %s order by id",
        (lights.id,),
    ).fetchall()
    later = TODAY + timedelta(days=2)
    assert rows == [(u1, date.min, TODAY), (u2, TODAY, later), (u1, later, None)]
    local = datetime.combine(later, time(9))
    pick = load(tx, on=later).rulebook.pick(lamp(local))
    assert pick is not None
    assert (pick.unit, pick.rule.number) == (u1, lights.id)


def test_a_day_to_come_is_waited_for(tx: Tx) -> None:
    city = loaded(tx)
    number = made(tx, city, LIMIT)
    on(tx, number, starts_on=TODAY + timedelta(days=1))
    assert proposals.get(tx, number).state == "scheduled"
    midnight = datetime.fromisoformat("2026-11-25T00:00:00+08:00")
    assert proposals.come(tx, city, at=midnight - timedelta(seconds=1)) == 0
    assert said(loaded(tx)) == said(city)
    assert proposals.come(tx, city, at=midnight) == 1
    kept = proposals.get(tx, number)
    assert (kept.state, kept.decided_by) == ("on", ACCOUNT)
    assert said(loaded(tx)) != said(city)
    assert proposals.come(tx, city, at=midnight) == 0


def test_a_day_that_comes_too_late_says_why_and_changes_nothing(tx: Tx) -> None:
    city = loaded(tx)
    number, other = made(tx, city, LIMIT), made(tx, city, change("limit", "C-01-37", {"limit": "9wd"}))  # fmt: skip
    on(tx, number, starts_on=TODAY + timedelta(days=1))
    on(tx, other)
    before = said(loaded(tx))
    proposals.come(tx, city, at=NOW + timedelta(days=1))
    assert proposals.get(tx, number).state == "draft"
    assert said(loaded(tx)) == before
    (fact,) = city_facts.browse(tx, kind="proposal:not_switched_on")
    assert fact.account is None
    assert "C-01-37" in fact.says["faults"][0]["why"]


def test_what_was_changed_again_cannot_be_switched_off_first(tx: Tx) -> None:
    city = loaded(tx)
    first = made(tx, city, LIMIT, change("rule", "", {"unit": "U1", "category": "S-07"}), title="先")  # fmt: skip
    on(tx, first)
    city = loaded(tx)
    rule = max(r.number for r in city.rulebook.rules)
    second = made(tx, city, change("limit", "C-01-37", {"limit": "5uh"}), change("rule", str(rule), {"unit": "U2", "category": "S-07"}), title="后")  # fmt: skip
    on(tx, second)
    with pytest.raises(proposals.ChangedSince) as refused:
        off(tx, first)
    assert "limit.C-01-37" in str(refused.value)
    assert f"rule.{rule}" in str(refused.value)
    assert "后" in str(refused.value)
    off(tx, second)
    off(tx, first)
    assert said(loaded(tx)) == said(load(tx, on=TODAY))
    assert proposals.get(tx, first).state == "off"


def test_what_somebody_changed_meanwhile_is_taken_over_before_it_is_switched_on(tx: Tx) -> None:
    city = loaded(tx)
    number = made(tx, city, LIMIT)
    other = made(tx, city, change("limit", "C-01-37", {"limit": "9wd"}))
    on(tx, other)
    with pytest.raises(ChangedMeanwhile):
        on(tx, number)
    proposals.take_over(tx, loaded(tx), number, at=NOW)
    on(tx, number)
    off(tx, number)
    assert str(loaded(tx).catalogue.by_code("C-01-37").conditions[0].limit) == "9wd"  # type: ignore[union-attr]


def test_only_drafts_change_and_every_switch_says_why(tx: Tx) -> None:
    city = loaded(tx)
    number = made(tx, city, LIMIT)
    with pytest.raises(proposals.NoReason):
        proposals.switch_on(tx, number, starts_on=None, reason=" ", by=ACCOUNT, at=NOW)
    with pytest.raises(proposals.DayOver):
        on(tx, number, starts_on=TODAY - timedelta(days=1))
    with pytest.raises(proposals.Moved):
        proposals.put(tx, city, number, [LIMIT], at=NOW, version=99)
    with pytest.raises(proposals.Untitled):
        proposals.make(tx, title=" ", by=ACCOUNT, at=NOW)
    with pytest.raises(proposals.NotInForce):
        off(tx, number)
    on(tx, number)
    for attempt in (
        lambda: on(tx, number),
        lambda: proposals.put(tx, city, number, [LIMIT], at=NOW),
        lambda: proposals.drop(tx, number, Subject.LIMIT, "C-01-37"),
        lambda: whatif.ask(tx, city, number, since=MONTH[0], until=MONTH[1], by=ACCOUNT, at=NOW),
    ):
        with pytest.raises(proposals.NotADraft):
            attempt()
    again = proposals.copy(tx, loaded(tx), number, title="再来", by=ACCOUNT, at=NOW)
    copied = proposals.changes_of(proposals.get(tx, again))
    assert copied == Proposal((replace(LIMIT, was={"limit": "1wd"}),))


def test_a_period_that_is_none_is_refused(tx: Tx, city: City) -> None:
    number = made(tx, city, LIMIT)
    for since, until in ((MONTH[1], MONTH[0]), (date(2020, 1, 1), MONTH[1])):
        with pytest.raises(whatif.BadPeriod):
            whatif.ask(tx, city, number, since=since, until=until, by=ACCOUNT, at=NOW)
    assert whatif.last_month(city, NOW) == MONTH
    newyear = datetime.fromisoformat("2027-01-01T00:30:00+08:00")
    assert whatif.last_month(city, newyear) == (date(2026, 12, 1), date(2026, 12, 31))


def test_a_run_nobody_finished_is_taken_up_again_and_old_ones_are_forgotten(db: Database) -> None:
    with db.transaction() as tx:
        city = loaded(tx)
        live(tx, city, random.Random(5), 10)
        number = made(tx, city, LIMIT)
        whatif.ask(tx, city, number, since=MONTH[0], until=MONTH[1], by=ACCOUNT, at=NOW)
        assert store.claim(tx, at=NOW, dead_since=NOW) is not None
        assert store.claim(tx, at=NOW, dead_since=NOW) is None
    assert not whatif.work_off(db, lambda: city, clock=lambda: NOW + timedelta(seconds=30))
    assert whatif.work_off(db, lambda: city, clock=lambda: NOW + timedelta(seconds=90))
    for _ in range(whatif.KEPT_RUNS + 2):
        run(db, number)
    with db.transaction() as tx:
        assert len(store.runs(tx, number)) == whatif.KEPT_RUNS


def test_lists_of_a_run_show_what_one_may_see(db: Database) -> None:
    with db.transaction() as tx:
        city = loaded(tx)
        live(tx, city, random.Random(7), 60)
        number = made(tx, city, LIMIT, change("rule", "", {"unit": "U2", "category": "C-01-37", "area": "N"}))  # fmt: skip
    done = run(db, number)
    north = city.tree.named("N")
    assert north is not None
    with db.transaction() as tx:
        everything = store.differing(tx, EVERYTHING, done.id, limit=1000)
        seen = store.differing(tx, Sight(areas=(north.span,)), done.id, limit=1000)
        assert store.count_differing(tx, EVERYTHING, done.id) == len(everything)
        assert store.count_differing(tx, Sight(areas=(north.span,)), done.id) == len(seen)
        assert 0 < len(seen) < len(everything)
        assert store.differing(tx, Sight(), done.id) == []
        for tag, n in done.result["tags"].items():  # type: ignore[index]
            assert store.count_differing(tx, EVERYTHING, done.id, store.Among(tag=tag)) == n
        for one, other, n in done.result["moves"]:  # type: ignore[index]
            assert (
                store.count_differing(
                    tx, EVERYTHING, done.id, store.Among(source=one or 0, target=other or 0)
                )
                == n
            )
        for kind, clock in done.result["clocks"].items():  # type: ignore[index]
            late = [store.count_differing(tx, EVERYTHING, done.id, store.Among(late=f"{kind}:{side}")) for side in ("before", "after")]  # fmt: skip
            assert late == clock["late"]
        for unit, was, would in done.result["load"]:  # type: ignore[index]
            assert store.count_differing(tx, EVERYTHING, done.id, store.Among(source=unit, alike=True)) == was[0]  # fmt: skip
            assert store.count_differing(tx, EVERYTHING, done.id, store.Among(target=unit, alike=True)) == would[0]  # fmt: skip
        assert store.count_differing(tx, EVERYTHING, done.id, store.Among(alike=True)) == done.result["looked_at"]  # type: ignore[index] # fmt: skip
        october = {"since": BEGIN, "until": BEGIN + timedelta(days=31)}
        for sight in (EVERYTHING, Sight(areas=(north.span,))):
            fired = pasts_store.fired(tx, sight, **october)
            assert fired
            for rule, n in fired.items():
                assert len(pasts_store.fired_on(tx, sight, [rule], **october)) == n


@pytest.mark.parametrize("statement", ["update city_facts set kind = 'x'", "delete from city_facts", "truncate city_facts"])  # fmt: skip
def test_the_history_of_the_citys_rules_cannot_be_rewritten(tx: Tx, statement: str) -> None:
    city_facts.add(tx, "proposal:made", {}, account=ACCOUNT, at=NOW)
    with pytest.raises(psycopg.Error, match="append-only"), tx.transaction():
        tx.execute(statement)  # type: ignore[arg-type]


def test_a_rule_of_a_unit_at_rest_is_told_and_can_be_given_to_another(tx: Tx) -> None:
    tx.execute("update units set active = false where code = 'U1'")
    city = loaded(tx)
    (idle,) = city.idle_rules
    number = made(tx, city, change("rule", str(idle.number), {"unit": "U2", "category": "C-01-37"}))
    on(tx, number)
    after = loaded(tx)
    assert [r for r in after.idle_rules if r.in_force(TODAY)] == []
    pick = after.rulebook.pick(lamp(datetime(2026, 11, 24, 9)))
    assert pick is not None
    assert pick.rule.number == idle.number
    assert city_store.duty_rules(tx)[-1].line == idle.id


def test_a_version_of_a_rule_that_is_over_is_nobodys_any_more(tx: Tx) -> None:
    """Neither the fallback, nor told as idle, nor listed; a table keeps under which number it is."""
    city = loaded(tx)
    general = next(r for r in city.rulebook.rules if r.general)
    lights = next(r for r in city.rulebook.rules if r.category == "C-01-37")
    number = made(
        tx, city, change("rule", str(general.number), {"unit": "U1-1"}),
        change("rule", str(lights.number), {"unit": "U2", "category": "C-01-37"}),
    )  # fmt: skip
    on(tx, number)
    assert loaded(tx).fallback == city.unit_codes["U1-1"].id
    tx.execute("update units set active = false where code = 'U1'")
    after = loaded(tx)
    assert [r.id for r in after.idle_rules] == [lights.id]
    assert notices.tell_idle_rules(tx, after, now=NOW) == 0
    told = duties.bring_in(tx, after, duties.rows(tx, after))
    assert (told.known, told.refused) == (told.read, ())
    assert {r.number for r in city_store.duty_rules(tx)} == {r.number for r in city.written_rules}


def test_the_limit_of_one_condition_is_that_of_whoever_chose_it(tx: Tx) -> None:
    city = loaded(tx)
    manhole = city.coded("C-01-23")
    assert manhole is not None
    on(tx, made(tx, city, change("limit", "C-01-23:3", {"limit": "9ud"})))
    after = loaded(tx)
    for n, old in enumerate(manhole.conditions, start=1):
        case = Case(
            id=CaseId(1), number="n", stage=Stage.FILED, reported_at=NOW, category=manhole.id,
            condition=n,
        )  # fmt: skip
        work = after.work(case, at=NOW, asset=None)
        assert work is not None
        assert str(work.limit) == ("9ud" if n == 3 else str(old.limit))


def test_a_version_keeps_its_limits_and_its_copy_begins_with_them(tx: Tx) -> None:
    """A later version takes over the limits that held; cases of the earlier one keep theirs."""
    who = catalogue.Hand(account=ACCOUNT, at=NOW, today=TODAY)
    city = loaded(tx)
    before = city.coded("C-01-37")
    on(tx, made(tx, city, LIMIT))
    catalogue.enact(tx, who, catalogue.copy(tx, who, city.lineage.current, "二版"), TODAY)
    city = loaded(tx)
    after = city.coded("C-01-37")
    assert before is not None
    assert after is not None
    assert after.id != before.id
    assert [str(city.category(c.id).conditions[0].limit) for c in (before, after)] == ["1wd", "1wd"]  # type: ignore[union-attr]
    on(tx, made(tx, city, change("limit", "C-01-37", {"limit": "7uh"})))
    city = loaded(tx)
    assert [str(city.category(c.id).conditions[0].limit) for c in (before, after)] == ["1wd", "7uh"]  # type: ignore[union-attr]
