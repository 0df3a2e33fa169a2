"""The way of a campaign, written a second time by hand, and the periods it is measured in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongshu.core.campaigns import (
    CHANGEABLE,
    Campaign,
    CampaignState,
    CampaignStep,
    Fixed,
    NoLength,
    NotThatWay,
    bounds,
    changed,
    checked,
    steps_of,
    taken,
)
from zhongshu.core.cases import Period
from zhongshu.core.values import AccountId, AreaId, Name

S, T = CampaignState, CampaignStep
START = datetime(2026, 10, 1, tzinfo=UTC)
LAWFUL = {S.DRAFT: {T.START}, S.RUNNING: {T.END}, S.ENDED: {T.REPORT}, S.REPORTED: set[T]()}
NEXT = {T.START: S.RUNNING, T.END: S.ENDED, T.REPORT: S.REPORTED}


def campaign(state: S = S.DRAFT, **fields: object) -> Campaign:
    return Campaign(**{"id": 1, "name": Name("清渠"), "since": START, "until": START + timedelta(days=10), "state": state, **fields})  # type: ignore[arg-type] # fmt: skip


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize("step", T)
def test_a_campaign_goes_on_as_the_table_says_and_no_other_way(state: S, step: T) -> None:
    at = START + timedelta(days=20)
    if step in LAWFUL[state]:
        after = taken(campaign(state), step, at=at, by=AccountId(1), frozen={"x": 1})
        assert step in steps_of(campaign(state))
        assert (after.state, after.version) == (NEXT[step], 2)
        assert after.steps[-1] == {"step": step, "at": at.isoformat(), "account": 1}
        assert (after.frozen is not None) is (step is T.REPORT)
    else:
        with pytest.raises(NotThatWay):
            taken(campaign(state), step, at=at, by=None)


@pytest.mark.parametrize("state", S)
@pytest.mark.parametrize(
    ("field", "value"),
    [("name", Name("治水")), ("purpose", "p"), ("since", START - timedelta(days=1)),
     ("until", START + timedelta(days=3)), ("areas", (AreaId(1),)), ("categories", ("E",)),
     ("units", (1,)), ("lead", 1)],
)  # fmt: skip
def test_what_is_counted_stays_once_it_is_under_way(state: S, field: str, value: object) -> None:
    if field in CHANGEABLE[state]:
        after = changed(campaign(state), {field: value})
        assert (getattr(after, field), after.version) == (value, 2)
    else:
        with pytest.raises(Fixed):
            changed(campaign(state), {field: value})
        assert changed(campaign(state), {field: getattr(campaign(), field)}) == campaign(state)


def test_ended_early_it_is_measured_as_far_as_it_was_worked() -> None:
    early, late = START + timedelta(days=4), START + timedelta(days=40)
    assert taken(campaign(S.RUNNING), T.END, at=early, by=None).until == early
    assert taken(campaign(S.RUNNING), T.END, at=late, by=None).until == campaign().until


@pytest.mark.parametrize("days", [0, -1, 732])
def test_a_campaign_without_a_length_is_refused(days: int) -> None:
    with pytest.raises(NoLength):
        checked(campaign(until=START + timedelta(days=days)))


@given(st.integers(1, 700 * 24))
def test_the_time_before_is_as_long_and_the_time_after_is_thirty_days(hours: int) -> None:
    one = campaign(until=START + timedelta(hours=hours))
    (a, b), (c, d), (e, f) = (bounds(one, period) for period in Period)
    assert (b, d) == (c, e)
    assert b - a == d - c == timedelta(hours=hours)
    assert f - e == timedelta(days=30)
