"""Rule proposals: read, checked, applied and taken back, with no database anywhere."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime, time, timedelta

import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.test_dispatch import some_rules
from zhongshu.core.calendar import UnreadableLimit, parse_limit
from zhongshu.core.cases.clocks import ClockKind, Keeper
from zhongshu.core.cases.matching import BadRule, SameRule
from zhongshu.core.catalogue import Catalogue, Category, Condition, Layer
from zhongshu.core.dispatch import DutyRule, Lead, Matter, Rulebook, Window
from zhongshu.core.faults import (
    ChangedMeanwhile,
    ForbidsItsLead,
    LeadTwice,
    LeftWithout,
    NeverReached,
    NoEffect,
    NothingProposed,
    OverAlready,
    UnknownClass,
    faults,
    unreadable,
)
from zhongshu.core.grid.areas import Area, Tree
from zhongshu.core.proposals import (
    Change,
    Directory,
    LeadUnclear,
    LimitTooLong,
    Proposal,
    RuleSet,
    Subject,
    UnknownArea,
    UnknownKey,
    UnknownPart,
    UnknownSubject,
    UnknownUnit,
    UnreadableDay,
    UnreadableHours,
    UnreadableSame,
    as_changed,
    normal,
    present,
    rule_read,
    rule_said,
    standing,
)
from zhongshu.core.values import AreaId, CategoryId, Name, Refused, Span, UnitId

TODAY = date(2026, 11, 24)
CODES = ("C-01-37", "E-01-13", "E-05-06", "S-07-01")


def area(id_: int, code: str, span: Span, parent: int | None = None) -> Area:
    return Area(
        id=AreaId(id_), code=code, kind="district", name=Name(code), span=span,
        parent=None if parent is None else AreaId(parent), shape=shapely.box(0, 0, 1, 1),
    )  # fmt: skip


KNOWN = Directory(
    units={f"U{n}": UnitId(n) for n in range(1, 7)},
    active=frozenset(UnitId(n) for n in range(1, 6)),  # U6 is no longer at work
    tree=Tree(
        [area(1, "city", Span(0, 20)), area(2, "N", Span(1, 10), 1), area(3, "S", Span(10, 19), 1)]
    ),
)


def category(n: int, code: str) -> Category:
    given = (("2wd", False), ("4uh", True))
    return Category(
        id=CategoryId(n), code=code, layer=Layer.EVENT, major=Name("m"), name=Name(code),
        conditions=tuple(Condition(text=Name("c"), limit=parse_limit(t), hazard=h) for t, h in given),
    )  # fmt: skip


def rule_set(*duty: DutyRule) -> RuleSet:
    return RuleSet(
        duty=duty,
        catalogue=Catalogue(1, "c", date.min, tuple(category(n, c) for n, c in enumerate(CODES, 1))),
        stages={ClockKind(k): v for k, v in Keeper.USUAL.items()},
        hours={"": {"periods": [["08:00", "12:00"], ["14:00", "18:00"]], "days_off": [5, 6], "holidays_too": False}},
        days={date(2026, 10, 1): ("holiday", "国庆")}, same={"E-05": SameRule(metres=20)},
    )  # fmt: skip


def rule(id_: int, unit: int = 1, **fields: object) -> DutyRule:
    return DutyRule(id=id_, unit=UnitId(unit), **fields)  # type: ignore[arg-type]


def change(subject: str, key: str, now: object, was: object = None) -> Change:
    return Change(subject=Subject(subject), key=key, was=was, now=now)  # type: ignore[arg-type]


def stated(rules: RuleSet, *changes: Change) -> Proposal:
    """Return changes as a draft keeps them: with what is there now, in one form."""
    whole = Proposal()
    for one in changes:
        was = present(rules, KNOWN, one.subject, one.key)
        whole = whole.with_change(normal(rules, replace(one, was=was), KNOWN))
    return whole


BASE = rule_set(rule(1), rule(2, 2, category="C-01-37", clause="第三条"), rule(3, 3, category="E-05", area=Span(1, 10)))  # fmt: skip
NEW = {"unit": "U4", "category": "E-05", "area": "S"}


#: Which version of a rule it is, and how the city reads it, is not what it says.
UNSAID = {"id", "line", "valid_from", "catalogue", "owner_depth"}


# ── data ─────────────────────────────────────────────────────────────────────────────


@given(duty=some_rules(), extra=st.sampled_from([(), (UnitId(4),), (UnitId(4), UnitId(2))]))
def test_a_rule_said_and_read_is_the_same_rule(duty: DutyRule, extra: tuple[UnitId, ...]) -> None:
    # Windows are said to the minute.
    hours = tuple(replace(w, start=w.start.replace(second=0), end=w.end.replace(second=0)) for w in duty.hours)  # fmt: skip
    duty = replace(duty, hours=hours, co_units=extra, forbidden=frozenset(extra), clause="甲")
    again = rule_read(rule_said(duty, KNOWN), KNOWN, field="rule", id=duty.id, line=duty.line)
    assert replace(again, valid_from=duty.valid_from, owner_depth=duty.owner_depth) == duty


def test_a_rule_names_units_and_areas_by_their_codes() -> None:
    said = rule_said(rule(1, 2, area=Span(1, 10), co_units=(UnitId(3),)), KNOWN)
    assert (said["unit"], said["area"], said["co_units"]) == ("U2", "N", ["U3"])
    assert UNSAID.isdisjoint(said)
    assert rule_said(rule(1, area=Span(2, 5)), KNOWN)["area"] == "2-5"


def test_every_field_of_a_rule_is_carried_along() -> None:
    """A condition the rules learn later must not be lost in a proposal."""
    kept = rule_said(rule(1), KNOWN).keys() | UNSAID
    assert kept == set(DutyRule.__dataclass_fields__)


@pytest.mark.parametrize(
    ("now", "refusal", "field"),
    [
        ({"unit": "U9"}, UnknownUnit, "rule.new-1.unit"),
        ({}, UnknownUnit, "rule.new-1.unit"),
        ({"unit": "U1", "co_units": ["?"]}, UnknownUnit, "rule.new-1.co_units"),
        ({"unit": "U1", "area": "X"}, UnknownArea, "rule.new-1.area"),
        ({"unit": "U1", "area": "9-3"}, UnknownArea, "rule.new-1.area"),
        ({"unit": "U1", "colour": "red"}, UnknownPart, "rule.new-1"),
        ({"unit": "U1", "id": 4}, UnknownPart, "rule.new-1"),
        ({"unit": "U1", "owner": "?"}, UnknownUnit, "rule.new-1.owner"),
        ({"unit": "U1", "lead": "boss"}, LeadUnclear, "rule.new-1.lead"),
        ({"unit": "U1", "lead": "owner"}, LeadUnclear, "rule.new-1.lead"),
        ({"unit": "U1", "valid_until": "soon"}, UnreadableDay, "rule.new-1.valid_until"),
        ({"unit": "U1", "hours": [{"days": [], "start": "08:00", "end": "09:00"}]}, UnreadableHours, "rule.new-1.hours"),
        ({"unit": "U1", "hours": [{"days": [1], "start": "8", "end": "25:00"}]}, UnreadableHours, "rule.new-1.hours"),
    ],
)  # fmt: skip
def test_a_rule_that_cannot_be_read_is_refused_by_field(
    now: dict[str, object], refusal: type[Refused], field: str
) -> None:
    found = unreadable(BASE, Proposal((change("rule", "new-1", now),)), KNOWN)
    assert [type(f) for f in found] == [refusal]
    assert found[0].field == field


@pytest.mark.parametrize(
    ("made", "refusal"),
    [
        (change("rule", "99", {"unit": "U1"}), UnknownKey),
        (change("rule", "99", None), UnknownKey),
        (change("rule", "new-1", None), UnknownKey),
        (change("limit", "X-1", {"limit": "1wd"}), UnknownKey),
        (change("limit", "E-05-06:x", {"limit": "1wd"}), UnknownKey),
        (change("limit", "E-05-06:1", {"limit": "1wd"}), UnknownKey),  # the first has one name
        (change("limit", "E-05-06:3", {"limit": "1wd"}), UnknownKey),
        (change("limit", "E-05-06", {"limit": "soon"}), UnreadableLimit),
        (change("limit", "E-05-06", {"limit": "9999wd"}), LimitTooLong),
        (change("stage", "handle", {"limit": "1wd"}), UnknownKey),
        (change("stage", "accept", {"limit": ""}), UnreadableLimit),
        (change("hours", "", None), UnknownKey),
        (change("hours", "U9", {"periods": [["08:00", "12:00"]]}), UnknownUnit),
        (change("hours", "", {"periods": [["12:00", "08:00"]]}), UnreadableHours),
        (change("hours", "", {"periods": []}), UnreadableHours),
        (change("hours", "", {"periods": [["08:00", "12:00"]], "days_off": list(range(7))}), UnreadableHours),
        (change("day", "2026-13-01", {"kind": "holiday"}), UnreadableDay),
        (change("day", "2026-12-01", {"kind": "party"}), UnreadableDay),
        (change("same", "", {"metres": 501}), BadRule),
        (change("same", "E-05", {"metres": 200}), BadRule),  # wider than what is suggested
        (change("same", "", {"metres": "near"}), UnreadableSame),
        (change("same", "", {"metres": True}), UnreadableSame),
        (change("same", "", {"joins": 1}), UnreadableSame),
        (change("same", "", {"miles": 1}), UnknownPart),
        (change("same", "X", {"metres": 1}), UnknownKey),
        (change("same", "X", None), UnknownKey),
    ],
)  # fmt: skip
def test_what_cannot_be_applied_is_refused(made: Change, refusal: type[Refused]) -> None:
    was = present(BASE, KNOWN, made.subject, made.key) if made.subject is not Subject.DAY else None
    found = unreadable(BASE, Proposal((replace(made, was=was),)), KNOWN)
    assert [type(f) for f in found] == [refusal]


def test_an_unknown_subject_and_an_empty_proposal_are_refused() -> None:
    with pytest.raises(UnknownSubject):
        Change.read({"subject": "weather", "key": ""})
    assert isinstance(unreadable(BASE, Proposal(), KNOWN)[0], NothingProposed)


# ── applying ─────────────────────────────────────────────────────────────────────────

EVERY = (
    change("rule", "new-1", NEW),
    change("rule", "2", {"unit": "U5", "category": "C-01-37"}),
    change("rule", "3", None),
    change("limit", "E-05-06", {"limit": "1个工作日"}),
    change("limit", "E-05-06:2", {"limit": "2uh"}),
    change("stage", "accept", {"limit": "1uh"}),
    change("hours", "U2", {"periods": [["06:00", "14:00"]], "days_off": [6]}),
    change("day", "2026-12-31", {"kind": "holiday"}),
    change("day", "2026-10-01", None),
    change("same", "", {"metres": 80, "hours": 24}),
    change("same", "E-05", None),
    change("same", "C-01", {"joins": False}),
)


def some_of(least: int = 0) -> st.SearchStrategy[list[Change]]:
    numbers = st.lists(st.integers(0, len(EVERY) - 1), unique=True, min_size=least)
    return numbers.map(lambda chosen: [EVERY[n] for n in chosen])


@given(some_of())
def test_a_proposal_changes_what_it_says_and_nothing_else(chosen: list[Change]) -> None:
    whole = stated(BASE, *chosen)
    after = as_changed(BASE, whole, KNOWN)
    for one in whole.changes:
        key = str(max(r.id for r in after.duty if r.number > 3)) if one.key == "new-1" else one.key
        assert present(after, KNOWN, one.subject, key) == one.now
    for other in EVERY:
        if whole.find(other.subject, other.key) is None:
            was = present(BASE, KNOWN, other.subject, other.key)
            assert present(after, KNOWN, other.subject, other.key) == was


@given(some_of(1))
def test_stored_and_read_it_is_the_same_proposal(chosen: list[Change]) -> None:
    whole = stated(BASE, *chosen)
    assert Proposal(tuple(Change.read(c.record()) for c in whole.changes)) == whole


def test_a_change_of_the_same_thing_takes_the_place_of_the_first() -> None:
    first, second = change("stage", "accept", {"limit": "1uh"}), change("stage", "accept", {"limit": "2uh"})  # fmt: skip
    whole = Proposal().with_change(first).with_change(EVERY[0]).with_change(second)
    assert whole.changes == (second, EVERY[0])
    assert whole.without(Subject.STAGE, "accept").changes == (EVERY[0],)
    assert whole.fresh_key() == "new-2"


def test_a_changed_rule_keeps_its_place_among_its_equals() -> None:
    """Of two rules that are alike the older wins, also when the older one is changed."""
    pair = rule_set(rule(1), rule(2, 2, category="E"), rule(3, 3, category="E", priority=0))
    whole = stated(pair, change("rule", "2", {"unit": "U4", "category": "E"}))
    duty = standing(as_changed(pair, whole, KNOWN).duty, KNOWN)
    pick = Rulebook(duty).pick(
        Matter(category="E-05-06", area_code=5, at=datetime(2026, 11, 24, 9))
    )
    assert pick is not None
    assert (pick.unit, pick.rule.number) == (UnitId(4), 2)


# ── what is wrong ────────────────────────────────────────────────────────────────────


def wrong(rules: RuleSet, *changes: Change) -> list[type[Refused]]:
    return [type(f) for f in faults(rules, stated(rules, *changes), KNOWN, on=TODAY)]


@pytest.mark.parametrize(
    ("now", "refusal"),
    [
        ({**NEW, "forbidden": ["U4"]}, ForbidsItsLead),
        ({**NEW, "co_units": ["U4"]}, LeadTwice),
        ({**NEW, "unit": "U6"}, UnknownUnit),
        ({**NEW, "category": "Z"}, UnknownClass),
        ({**NEW, "valid_until": "2026-11-24"}, OverAlready),
        ({**NEW, "hours": [{"days": [0], "start": "08:00", "end": "08:00"}]}, None),  # all day
        ({"unit": "U4"}, NeverReached),  # rule 1 is older and has the same conditions
        ({"unit": "U4", "forbidden": ["U1"]}, None),  # but this one also forbids
        ({"unit": "U4", "priority": 1}, None),  # and this one goes first
        (NEW, None),
    ],
)
def test_a_rule_that_would_do_harm_or_nothing_is_refused(
    now: dict[str, object], refusal: type[Refused] | None
) -> None:
    found = wrong(BASE, change("rule", "new-1", now))
    assert found == ([] if refusal is None else [refusal])


def test_a_change_that_changes_nothing_is_refused() -> None:
    assert wrong(BASE, change("limit", "E-05-06", {"limit": "2工作日"})) == [NoEffect]
    assert wrong(BASE, change("rule", "2", rule_said(BASE.duty[1], KNOWN))) == [NoEffect]
    assert wrong(BASE, change("day", "2026-12-01", None)) == [NoEffect]


def test_what_somebody_changed_meanwhile_is_not_overwritten() -> None:
    whole = stated(BASE, EVERY[1], EVERY[3])
    meanwhile = as_changed(BASE, stated(BASE, change("rule", "2", {"unit": "U3"})), KNOWN)
    found = faults(meanwhile, whole, KNOWN, on=TODAY)
    assert [(type(f), f.value) for f in found] == [(ChangedMeanwhile, "2")]


def test_a_place_left_without_any_rule_is_named() -> None:
    bare = rule_set(rule(2, 2, category="C-01-37"), rule(3, 3, category="E-05", area=Span(1, 10)))
    (found,) = faults(bare, stated(bare, EVERY[2]), KNOWN, on=TODAY)
    assert isinstance(found, LeftWithout)
    assert found.value == "N × E-05-06"
    assert wrong(BASE, EVERY[2]) == []  # rule 1 takes all that no other does


def test_the_owners_of_things_are_not_left_without_a_rule_either() -> None:
    owned = rule_set(DutyRule(id=1, lead=Lead.OWNER, category="C-01"), rule(2, category="E"), rule(3, category="S"))  # fmt: skip
    assert wrong(owned, change("rule", "1", None)) == [LeftWithout]
    assert wrong(owned, change("rule", "1", {"lead": "owner", "category": "C-01-3"})) == []
    assert wrong(owned, change("rule", "1", {"lead": "maintainer", "category": "C-01"})) == []
    assert wrong(owned, change("rule", "1", {"lead": "owner", "owner": "U2", "category": "C-01"})) == [LeftWithout]  # fmt: skip


def test_a_rule_behind_one_whose_unit_may_be_forbidden_is_reached() -> None:
    """The one before is passed over where another rule forbids its unit."""
    second = change("rule", "new-1", {"unit": "U4"})
    assert wrong(BASE, second) == [NeverReached]
    barring = rule_set(*BASE.duty, rule(4, 4, category="E-05-06", forbidden=frozenset({UnitId(1)})))
    assert wrong(barring, second) == []


def test_a_code_that_became_others_is_read_as_the_city_reads_it() -> None:
    """A rule written in an earlier catalogue is not told that its class is unknown."""

    def read(rule: DutyRule) -> list[DutyRule]:
        old = {"L-01": ("E-01-13", "E-05-06")}
        return [replace(rule, category=code) for code in old.get(rule.category, (rule.category,))]

    known = replace(KNOWN, read=read)
    rules = rule_set(rule(1), replace(rule(2, 2, category="L-01"), catalogue=0))
    change_of_unit = Change(
        subject=Subject.RULE, key="2", was=present(rules, known, Subject.RULE, "2"),
        now={"unit": "U3", "category": "L-01"},
    )  # fmt: skip
    whole = Proposal((normal(rules, change_of_unit, known),))
    assert faults(rules, whole, known, on=TODAY) == ()
    after = as_changed(rules, whole, known)
    assert [r.catalogue for r in after.duty] == [None, 0]
    book = Rulebook(standing(after.duty, known))
    for code in ("E-01-13", "E-05-06"):
        pick = book.pick(Matter(category=code, area_code=None, at=datetime(2026, 11, 24, 9)))
        assert pick is not None
        assert (pick.unit, pick.rule.number) == (UnitId(3), 2)
    other = replace(change_of_unit, now={"unit": "U3", "category": "E-01"})
    moved = as_changed(rules, Proposal((normal(rules, other, known),)), known)
    assert moved.duty[-1].catalogue == rules.catalogue.version


@settings(max_examples=50)
@given(
    book=st.lists(some_rules(), min_size=1, max_size=6, unique_by=lambda r: r.id),
    retired=st.sets(st.integers(0, 5), min_size=1),
)
def test_places_left_without_a_rule_are_all_found(book: list[DutyRule], retired: set[int]) -> None:
    """Against an oracle that asks for every matter in every hour of a week."""
    book = [
        replace(r, valid_until=None, hours=tuple(_hourly(w) for w in r.hours), owner_depth=0)
        for r in book
    ]
    rules = rule_set(*book)
    gone = [change("rule", str(book[n].number), None) for n in retired if n < len(book)]
    if not gone:
        return
    found = faults(rules, stated(rules, *gone), KNOWN, on=TODAY)
    left = [r for r in book if str(r.number) not in {c.key for c in gone}]
    owners = {0, 6, *(r.owner or 0 for r in book)}
    before, after = (_given(some, owners) for some in (book, left))
    assert any(isinstance(f, LeftWithout) for f in found) == bool(before - after)


def _given(book: list[DutyRule], owners: set[int]) -> set[tuple[str, int, int, int]]:
    """Return every matter that a rule gives to a unit no fitting rule forbids."""
    found: set[tuple[str, int, int, int]] = set()
    for code in CODES:
        near = [r for r in book if code.startswith(r.category)]
        for place in (0, 1, 10):
            for owner in owners:
                for n in range(7 * 24):
                    whose = UnitId(owner) if owner else None
                    asked = Matter(
                        category=code, area_code=place, owner=whose, maintainer=whose,
                        owners=frozenset({whose} if whose else ()),
                        at=datetime(2024, 1, 1) + timedelta(hours=n),
                    )  # fmt: skip
                    fitting = [r for r in near if r.fits(asked)]
                    barred = {unit for r in fitting for unit in r.forbidden}
                    if any(r.leads_to(asked) not in barred for r in fitting):
                        found.add((code, place, owner, n))
    return found


def _hourly(window: Window) -> Window:
    start, end = (t.replace(minute=0, second=0) for t in (window.start, window.end))
    return replace(window, start=start, end=end if end != start else time((start.hour + 1) % 24))
