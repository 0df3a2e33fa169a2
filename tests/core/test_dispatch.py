"""The duty rules, against an oracle that asks every rule."""

from __future__ import annotations

from datetime import date, datetime, time
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongshu.core.dispatch import DutyRule, Incompetent, Lead, Matter, Rulebook, Window
from zhongshu.core.values import Span, UnitId

NIGHT = Window(days=frozenset({4}), start=time(22), end=time(6))
windows = st.builds(
    Window,
    days=st.frozensets(st.integers(0, 6), min_size=1),
    start=st.times().map(lambda t: t.replace(microsecond=0)),
    end=st.times().map(lambda t: t.replace(microsecond=0)),
)
#: A small tree of units: 1 is above 2, 2 above 3; 4 and 5 stand alone.
ABOVE = {1: (1,), 2: (2, 1), 3: (3, 2, 1), 4: (4,), 5: (5,)}
DEPTH = {unit: len(chain) - 1 for unit, chain in ABOVE.items()}


@st.composite
def some_rules(draw: st.DrawFn) -> DutyRule:
    lead = draw(st.sampled_from([Lead.UNIT, Lead.UNIT, Lead.OWNER, Lead.MAINTAINER]))
    owner = draw(st.one_of(st.none(), st.integers(1, 5)))
    area = draw(st.one_of(st.none(), st.tuples(st.integers(0, 9), st.integers(1, 9))))
    return DutyRule(
        id=draw(st.integers(1, 50)), lead=lead,
        unit=UnitId(draw(st.integers(1, 5))) if lead is Lead.UNIT else None,
        category=draw(st.sampled_from(["", "E", "E-01", "E-01-13", "E-05", "C-01"])),
        area=Span(area[0], area[0] + area[1]) if area else None,
        owner=None if owner is None else UnitId(owner), owner_depth=DEPTH.get(owner or 0, 0),
        hours=tuple(draw(st.lists(windows, max_size=2))), priority=draw(st.integers(0, 2)),
        forbidden=draw(st.frozensets(st.integers(1, 5).map(UnitId), max_size=1)),
        valid_until=draw(st.one_of(st.none(), st.just(date(2026, 6, 1)))),
    )  # fmt: skip


@st.composite
def matters(draw: st.DrawFn) -> Matter:
    owner = draw(st.one_of(st.none(), st.integers(1, 5)))
    return Matter(
        category=draw(st.sampled_from(["E-01-13", "E-05-06", "C-01-37", "S-07-01"])),
        area_code=draw(st.one_of(st.none(), st.integers(0, 20))),
        at=draw(st.datetimes(datetime(2026, 5, 1), datetime(2026, 7, 1))),
        owner=None if owner is None else UnitId(owner),
        owners=frozenset(UnitId(u) for u in ABOVE.get(owner or 0, ())),
        maintainer=draw(st.one_of(st.none(), st.integers(1, 5).map(UnitId))),
    )  # fmt: skip


def better(a: DutyRule, b: DutyRule) -> str:
    """The slow way to compare two rules that fit: ask one question after the other. Return
    which question put ``a`` first; nothing where ``b`` is first.
    """
    width_a = a.area.hi - a.area.lo if a.area else 10**30
    width_b = b.area.hi - b.area.lo if b.area else 10**30
    depth_a = -1 if a.owner is None else DEPTH[a.owner]
    depth_b = -1 if b.owner is None else DEPTH[b.owner]
    owned_a = a.owner is not None or a.unit is None
    owned_b = b.owner is not None or b.unit is None
    questions = (
        ("ownership", owned_a, owned_b), ("category", len(a.category), len(b.category)),
        ("owner", depth_a, depth_b), ("area", -width_a, -width_b),
        ("hours", bool(a.hours), bool(b.hours)), ("priority", a.priority, b.priority),
        ("age", -a.id, -b.id),
    )  # fmt: skip
    for name, mine, theirs in questions:
        if mine != theirs:
            return name if mine > theirs else ""
    raise AssertionError("two rules of one identity")


@given(book=st.lists(some_rules(), max_size=12, unique_by=lambda rule: rule.id), matter=matters())
def test_the_candidates_are_those_that_fit_in_the_order_of_the_questions(
    book: list[DutyRule], matter: Matter
) -> None:
    fitting = [r for r in book if r.fits(matter)]
    for n in range(len(fitting)):  # a sort by swapping neighbours, as slow as can be
        for k in range(len(fitting) - 1 - n):
            if not better(fitting[k], fitting[k + 1]):
                fitting[k], fitting[k + 1] = fitting[k + 1], fitting[k]
    found = Rulebook(book).candidates(matter)
    assert [c.rule for c in found] == fitting
    assert [c.ahead for c in found] == [better(a, b) for a, b in pairwise(fitting)] + [""][: len(fitting)]  # fmt: skip
    forbidden = {unit for rule in fitting for unit in rule.forbidden}
    assert {c.unit for c in found if c.barred} == {c.unit for c in found} & forbidden
    leading = [c for c in found if c.unit not in forbidden]
    picked = Rulebook(book).pick(matter)
    assert (picked and (picked.rule, picked.unit)) == ((leading and (leading[0].rule, leading[0].unit)) or None)  # fmt: skip
    second = picked.runner_up if picked else None
    assert (second and second.rule) == (leading[1].rule if len(leading) > 1 else None)


def rule(id_: int, **fields: object) -> DutyRule:
    unit = None if fields.get("lead") in (Lead.OWNER, Lead.MAINTAINER) else UnitId(id_)
    return DutyRule(id=id_, **{"unit": unit, **fields})  # type: ignore[arg-type]


def matter(category: str, area: int | None = None, at: str = "2026-11-24T12:00", **whose: object) -> Matter:  # fmt: skip
    return Matter(category=category, area_code=area, at=datetime.fromisoformat(at), **whose)  # type: ignore[arg-type]


def test_category_outweighs_area_and_area_outweighs_hours() -> None:
    everyday = Window(days=frozenset(range(7)), start=time(0), end=time(23, 59))
    book = Rulebook(
        [
            rule(1),
            rule(2, hours=(everyday,)),
            rule(3, area=Span(0, 100)),
            rule(4, area=Span(10, 20)),
            rule(5, category="E"),
            rule(6, category="E-01-13"),
        ]
    )

    def unit(category: str, area: int | None) -> int:
        picked = book.pick(matter(category, area))
        assert picked is not None
        return picked.unit

    assert unit("E-01-13", 15) == 6
    assert unit("E-05-06", 15) == 5
    assert unit("C-01-37", 15) == 4
    assert unit("C-01-37", 50) == 3
    assert unit("C-01-37", None) == 2


def test_the_owner_comes_first_and_then_the_territory() -> None:
    """先主后属地: a component goes to whoever owns it; one without an owner to the territory."""
    book = Rulebook(
        [
            rule(1),
            rule(2, category="C-01-37", area=Span(0, 10)),
            rule(3, category="C", lead=Lead.OWNER),
            rule(4, category="C", owner=UnitId(70)),
        ]
    )

    def to(**whose: object) -> tuple[int, int] | None:
        picked = book.pick(matter("C-01-37", 5, **whose))
        return picked and (picked.rule.id, picked.unit)

    assert to() == (2, 2)
    assert to(owner=UnitId(9), owners=frozenset({UnitId(9)})) == (3, 9)
    assert to(owner=UnitId(71), owners=frozenset({UnitId(71), UnitId(70)})) == (4, 4)
    assert to(maintainer=UnitId(9)) == (2, 2)
    event = book.pick(matter("E-01-13", 5, owner=UnitId(9), owners=frozenset({UnitId(9)})))
    assert event is not None
    assert event.unit == 1  # events go to the territory first: no rule of theirs asks the owner


def test_a_rule_names_exactly_one_lead() -> None:
    for fields in ({"lead": Lead.OWNER, "unit": UnitId(1)}, {"unit": None}):
        with pytest.raises(ValueError, match="names a unit"):
            DutyRule(id=1, **fields)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("at", "inside"),
    [
        ("2026-11-20T21:59", False), ("2026-11-20T22:00", True), ("2026-11-21T05:59", True),
        ("2026-11-21T06:00", False), ("2026-11-20T05:00", False),
    ],
)  # fmt: skip
def test_a_night_belongs_to_the_day_it_began(at: str, inside: bool) -> None:
    assert NIGHT.holds(datetime.fromisoformat(at)) is inside


def test_no_rule_is_said_and_not_raised() -> None:
    assert Rulebook([rule(1, category="E")]).pick(matter("C-01-37", 5)) is None


def test_a_unit_without_the_power_is_refused_with_the_clause() -> None:
    book = Rulebook([rule(1, category="S-07", forbidden=frozenset({UnitId(9)}), clause="供热条例")])
    with pytest.raises(Incompetent, match="供热条例"):
        book.check(UnitId(9), matter("S-07-01"))
    book.check(UnitId(9), matter("E-01-13"))


def test_a_pick_says_which_conditions_spoke() -> None:
    picked = Rulebook([rule(1, category="E", area=Span(0, 9), clause="§3")]).pick(
        matter("E-01-13", 3)
    )
    assert picked is not None
    assert picked.reasons == ("category", "area", "clause")


def test_a_unit_that_a_rule_forbids_is_passed_over_and_shown_with_the_clause() -> None:
    book = Rulebook(
        [
            rule(1),
            rule(2, category="S-07-01", area=Span(0, 10)),
            rule(3, category="S-07", forbidden=frozenset({UnitId(2)}), clause="供热条例"),
        ]
    )
    picked = book.pick(matter("S-07-01", 5))
    assert picked is not None
    assert (picked.unit, picked.runner_up and picked.runner_up.unit) == (3, 1)
    shown = book.candidates(matter("S-07-01", 5))
    assert [(c.unit, c.barred and c.barred.clause) for c in shown] == [
        (2, "供热条例"), (3, None), (1, None),
    ]  # fmt: skip
