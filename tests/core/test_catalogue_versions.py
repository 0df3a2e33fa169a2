"""Versions of the catalogue: which is in force, what one changes, which code became which."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongshu.core.catalogue import Catalogue, Category
from zhongshu.core.catalogue_table import read_rows
from zhongshu.core.catalogue_versions import (
    VERSION_ACTS,
    ChangeKind,
    Lineage,
    Version,
    VersionAct,
    VersionMoved,
    VersionState,
    check_act,
    difference,
    in_force,
    state_of,
)
from zhongshu.core.dispatch import DutyRule
from zhongshu.core.values import CategoryId, UnitId
from zhongshu.flow.city import read_today

DAY = date(2026, 11, 24)
days = st.integers(-3, 3).map(lambda n: DAY + timedelta(days=n))


def category(code: str, name: str = "某类", id_: int = 0, **row: str) -> Category:
    (one,) = read_rows([{"code": code, "name_zh": name, "limit": "5wd", **row}]).categories
    return replace(one, id=CategoryId(id_))


def version(number: int, *codes: str, name: str = "某类") -> Catalogue:
    made = tuple(category(c, name, number * 100 + n) for n, c in enumerate(codes))
    return Catalogue(number, f"v{number}", DAY, made)


def lineage(
    current: int, *versions: Catalogue, pairs: Sequence[tuple[int, int, str, str]] = (),
    based_on: dict[int, int | None] | None = None,
) -> Lineage:  # fmt: skip
    said: dict[tuple[int, int], list[tuple[str, str]]] = {}
    for old, new, a, b in pairs:
        said.setdefault((old, new), []).append((a, b))
    above = based_on or {v.version: v.version - 1 or None for v in versions}
    return Lineage(current, {v.version: v for v in versions}, above, said)


# ── which is in force ────────────────────────────────────────────────────────────────


@given(st.lists(st.tuples(days, st.integers(1, 4)), max_size=6), days)
def test_the_latest_day_counts_and_of_one_day_the_later_decision(
    terms: list[tuple[date, int]], on: date
) -> None:
    begun = [(day, n, number) for n, (day, number) in enumerate(terms) if day <= on]
    assert in_force(terms, on) == (max(begun)[2] if begun else None)


@pytest.mark.parametrize(
    ("days_", "current", "aside", "state"),
    [
        ((), None, False, "draft"), ((), None, True, "set_aside"), ((0,), 1, False, "in_force"),
        ((-5,), 2, False, "former"), ((3,), 2, False, "scheduled"), ((-5, 3), 2, False, "scheduled"),
        ((-5, 3), 1, False, "in_force"),
    ],
)  # fmt: skip
def test_where_a_version_stands(
    days_: tuple[int, ...], current: int | None, aside: bool, state: str
) -> None:
    one = Version(number=1, name="", days=tuple(DAY + timedelta(days=n) for n in days_), set_aside=aside)  # fmt: skip
    assert state_of(one, current=current, today=DAY) == state


@pytest.mark.parametrize("state", VersionState)
@pytest.mark.parametrize("act", VersionAct)
def test_what_the_table_does_not_list_is_refused(state: VersionState, act: VersionAct) -> None:
    one = Version(number=1, name="")
    if (state, act) in VERSION_ACTS:
        check_act(one, state, act)
    else:
        with pytest.raises(VersionMoved):
            check_act(one, state, act)


def test_what_is_or_was_in_force_is_never_edited() -> None:
    editable = {state for state, act in VERSION_ACTS if act is VersionAct.EDIT}
    assert editable == {VersionState.DRAFT}


# ── what a version changes ───────────────────────────────────────────────────────────


def test_the_difference_names_added_removed_and_changed_fields() -> None:
    old = [category("C-01-01"), category("C-01-02", "井"), category("C-01-03")]
    new = [category("C-01-01"), category("C-01-02", "井盖", limit="4wh"), category("C-01-04")]
    changes = difference(old, new)
    assert [(c.kind.value, c.category.code) for c in changes] == [
        ("changed", "C-01-02"), ("removed", "C-01-03"), ("added", "C-01-04"),
    ]  # fmt: skip
    assert [(f.field, f.n, f.was, f.now) for f in changes[0].fields] == [
        ("name_zh", None, "井", "井盖"), ("limit", 1, "5wd", "4wh"),
    ]  # fmt: skip


def test_a_condition_put_before_others_changes_none_of_them() -> None:
    rows = [{"code": "C-01-01", "name_zh": "井盖", "condition_zh": t, "limit": n} for t, n in (("缺失", "2uh"), ("破损", "4wh"), ("弹跳", "2wd"))]  # fmt: skip
    (old,), (new,) = read_rows(rows[1:]).categories, read_rows(rows).categories
    (change,) = difference([old], [new])
    assert [(f.kind, f.n, f.now) for f in change.fields] == [(ChangeKind.ADDED, 1, "缺失 · 2uh")]
    (back,) = difference([new], [old])
    assert [(f.kind, f.n, f.was) for f in back.fields] == [(ChangeKind.REMOVED, 1, "缺失 · 2uh")]


def test_a_catalogue_does_not_differ_from_itself() -> None:
    one = version(1, "C-01-01", "C-01-02").categories
    assert difference(one, one) == ()


# ── which code became which ──────────────────────────────────────────────────────────


def test_the_same_code_is_the_same_category_where_nothing_is_said() -> None:
    found = lineage(2, version(1, "E-01-01", "E-01-02"), version(2, "E-01-01"))
    assert found.codes == {100: ("E-01-01",), 101: ("E-01-02",), 200: ("E-01-01",)}
    assert found.alike(CategoryId(200)) == {100, 200}
    assert found.alike(CategoryId(101)) == {101}


def test_two_generations_of_codes_do_not_mix() -> None:
    """E-01-02 was litter and is something else today; litter is E-01-10."""
    found = lineage(
        2, version(1, "E-01-02", "E-01-03"), version(2, "E-01-10", "E-01-02", "E-01-03"),
        pairs=[(1, 2, "E-01-02", "E-01-10")],
    )  # fmt: skip
    assert found.codes[100] == ("E-01-10",)
    assert found.alike(CategoryId(200)) == {100, 200}
    assert found.alike(CategoryId(201)) == {201}
    assert found.named("E-01-02") == {201}
    assert found.named("E-01-10") == {100, 200}
    assert found.named("E-01") == {100, 101, 200, 201, 202}


def test_a_code_no_longer_in_use_still_finds_its_cases() -> None:
    found = lineage(
        2, version(1, "E-09-01"), version(2, "E-01-10"), pairs=[(1, 2, "E-09-01", "E-01-10")]
    )
    assert found.named("E-09-01", exactly=True) == {100}
    assert found.successors("E-09-01") == ("E-01-10",)


def test_a_category_may_become_several_and_several_one() -> None:
    found = lineage(
        2, version(1, "E-01-01", "E-01-02", "E-01-03"), version(2, "E-02-01", "E-02-02", "E-03-01"),
        pairs=[
            (1, 2, "E-01-01", "E-02-01"), (1, 2, "E-01-01", "E-02-02"), (1, 2, "E-01-02", "E-03-01"),
            (1, 2, "E-01-03", "E-03-01"),
        ],
    )  # fmt: skip
    assert found.codes[100] == ("E-02-01", "E-02-02")
    assert found.alike(CategoryId(200)) == {100, 200}
    assert found.alike(CategoryId(202)) == {101, 102, 202}


def test_a_former_version_in_force_again_reads_the_later_one_backwards() -> None:
    found = lineage(
        1, version(1, "E-01-01", "E-01-02", "E-01-09"), version(2, "E-02-01", "E-01-09"),
        version(3, "E-03-01", "E-01-09"), based_on={1: None, 2: 1, 3: 1},
        pairs=[
            (1, 2, "E-01-01", "E-02-01"), (1, 2, "E-01-02", "E-02-01"), (1, 3, "E-01-02", "E-03-01"),
        ],
    )  # fmt: skip
    assert found.codes[200] == ("E-01-01", "E-01-02")
    assert found.codes[300] == ("E-01-02",)
    assert found.codes[301] == ("E-01-09",)
    # Between two that were made under the same one, the way leads over it.
    there = replace(found, current=3)
    assert there.codes[200] == ("E-03-01",)


def test_three_versions_are_walked_one_after_the_other() -> None:
    found = lineage(
        3, version(1, "E-01-01"), version(2, "E-02-01"), version(3, "E-03-01"),
        pairs=[(1, 2, "E-01-01", "E-02-01"), (2, 3, "E-02-01", "E-03-01")],
    )  # fmt: skip
    assert found.codes == {100: ("E-03-01",), 200: ("E-03-01",), 300: ("E-03-01",)}


def test_a_duty_rule_goes_on_under_the_code_its_category_has_today() -> None:
    found = lineage(
        2, version(1, "E-01-02", "E-01-03"), version(2, "E-01-10", "E-01-02"),
        pairs=[(1, 2, "E-01-02", "E-01-10")],
    )  # fmt: skip

    def read(code: str, catalogue: int | None) -> list[str]:
        rule = DutyRule(id=1, unit=UnitId(1), category=code, catalogue=catalogue)
        return [r.category for r in read_today(rule, found)]

    assert read("E-01-02", 1) == ["E-01-10"]
    assert read("E-01-02", 2) == ["E-01-02"]
    assert read("E-01-03", 1) == ["E-01-03"]
    assert read("E-01", 1) == ["E-01"]
    assert read("", 1) == [""]
    assert read("E-01-02", None) == ["E-01-02"]
