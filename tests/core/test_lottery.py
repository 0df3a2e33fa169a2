"""The lottery: anybody can work it out again, nobody can steer it, everybody has the same chance."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongshu.core.lottery import (
    AHEAD,
    ROUNDS,
    Flaw,
    Lottery,
    commitment,
    days_to_promise,
    draw,
    flaws,
    is_drawn,
    seed_of,
    share_of,
    ticket,
)

DAY = date(2026, 11, 24)
SEED = bytes(range(32))
MIDNIGHT = datetime(2026, 11, 23, 16, tzinfo=UTC)  # the day's beginning in Shanghai
NUMBERS = tuple(f"261124-{n}" for n in range(1000, 21_000))
seeds = st.binary(min_size=32, max_size=32)
shares = st.decimals(0, 1, places=5)


def lottery(numbers: tuple[str, ...] = NUMBERS, share: str = "0.10") -> Lottery:
    return Lottery(
        day=DAY, after_days=7, share=Decimal(share), zone="Asia/Shanghai",
        commitment=commitment(SEED), committed_at=MIDNIGHT - timedelta(seconds=1), seed=SEED,
        drawn_at=MIDNIGHT + timedelta(days=7), population=len(numbers),
        drawn=len(draw(SEED, numbers, Decimal(share))),
    )  # fmt: skip


def test_a_ticket_is_what_any_program_works_out() -> None:
    whole = hmac.new(SEED, b"261124-1024", hashlib.sha256).hexdigest()
    assert ticket(SEED, "261124-1024") == int(whole[:16], 16)
    assert commitment(SEED).hex() == hashlib.sha256(SEED).hexdigest()


@given(seeds, st.lists(st.text(min_size=1, max_size=20), max_size=60), shares)
def test_drawing_again_draws_the_same_each_once_and_in_any_order(
    seed: bytes, numbers: list[str], share: Decimal
) -> None:
    drawn = draw(seed, numbers, share)
    assert len(set(drawn)) == len(drawn)
    assert set(drawn) == set(draw(seed, [*reversed(numbers), *numbers], share))
    assert set(drawn) <= set(numbers)


@given(seeds, st.text(max_size=20), shares, shares)
def test_who_is_drawn_with_a_small_share_is_drawn_with_a_greater(
    seed: bytes, number: str, one: Decimal, other: Decimal
) -> None:
    small, great = sorted((one, other))
    assert is_drawn(seed, number, great) or not is_drawn(seed, number, small)
    assert is_drawn(seed, number, Decimal(1))
    assert not is_drawn(seed, number, Decimal(0))


@pytest.mark.parametrize("share", ["0.05", "0.10", "0.5"])
@pytest.mark.parametrize("n", range(4))
def test_everybody_has_the_same_chance(n: int, share: str) -> None:
    """The share drawn is the share promised, of all and of every twentieth of the numbers."""
    seed = hashlib.sha256(bytes([n])).digest()
    p = float(share)
    drawn = draw(seed, NUMBERS, Decimal(share))
    assert abs(len(drawn) / len(NUMBERS) - p) < 4.5 * (p * (1 - p) / len(NUMBERS)) ** 0.5
    expected = len(NUMBERS) / 20 * p
    counts = [sum(int(x.split("-")[1]) % 20 == k for x in drawn) for k in range(20)]
    chi2 = sum((c - expected) ** 2 / (expected * (1 - p)) for c in counts)
    assert chi2 < 50.8  # 20 degrees of freedom: one in five thousand


def test_tickets_are_even_over_the_whole_range() -> None:
    bins = [0] * 64
    for number in NUMBERS:
        bins[ticket(SEED, number) >> 58] += 1
    expected = len(NUMBERS) / 64
    assert sum((n - expected) ** 2 / expected for n in bins) < 112.3  # 63 degrees, 1 in 10,000


def test_two_rounds_and_two_days_have_nothing_to_do_with_each_other() -> None:
    key = bytes(32)
    seeds_ = {seed_of(key, DAY + timedelta(days=d), r) for d in range(30) for r in ROUNDS}
    assert len(seeds_) == 60
    both = [draw(seed_of(key, DAY, r), NUMBERS, Decimal("0.2")) for r in (7, 30)]
    common = len(set(both[0]) & set(both[1]))
    assert abs(common - 0.04 * len(NUMBERS)) < 130  # 4.7 standard deviations
    assert seed_of(bytes([1]) * 32, DAY, 7) != seed_of(key, DAY, 7)


# ── what is not right is found ───────────────────────────────────────────────────────


def test_an_honest_lottery_has_no_flaw() -> None:
    one = lottery()
    assert flaws(one, NUMBERS, draw(SEED, NUMBERS, one.share)) == ()
    waiting = replace(one, seed=None, drawn_at=None, population=None, drawn=None)
    assert flaws(waiting, (), ()) == ()


def changed(**what: object) -> Lottery:
    return replace(lottery(), **what)  # type: ignore[arg-type]


DRAWN = draw(SEED, NUMBERS, Decimal("0.10"))
SPARED = next(n for n in NUMBERS if n not in DRAWN)


@pytest.mark.parametrize(
    ("one", "closed", "drawn", "flaw"),
    [
        (lottery(), NUMBERS, DRAWN[1:], Flaw.LEFT_OUT),
        (lottery(), NUMBERS, (*DRAWN[1:], SPARED), Flaw.PUT_IN),
        (lottery(), NUMBERS[:-1], DRAWN, Flaw.COUNT_WRONG),
        (lottery(), (*NUMBERS, "261124-99999"), DRAWN, Flaw.COUNT_WRONG),
        (changed(share=Decimal("0.05")), NUMBERS, DRAWN, Flaw.PUT_IN),
        (changed(share=Decimal("0.11")), NUMBERS, DRAWN, Flaw.LEFT_OUT),
        (changed(seed=SEED[::-1]), NUMBERS, DRAWN, Flaw.SEED_WRONG),
        (changed(commitment=b"x"), NUMBERS, DRAWN, Flaw.SEED_WRONG),
        (changed(committed_at=MIDNIGHT), NUMBERS, DRAWN, Flaw.COMMITTED_LATE),
        (changed(lost_at=MIDNIGHT), NUMBERS, DRAWN, Flaw.SEED_LOST),
    ],
)
def test_whoever_tampers_is_found(one: Lottery, closed, drawn, flaw: Flaw) -> None:
    assert flaw in flaws(one, closed, drawn)


@given(st.data())
def test_any_change_of_what_was_drawn_is_found(data: st.DataObject) -> None:
    numbers = NUMBERS[:200]
    one = lottery(numbers)
    drawn = data.draw(st.sets(st.sampled_from(numbers)))
    assert (flaws(one, numbers, sorted(drawn)) == ()) == (
        drawn == set(draw(SEED, numbers, one.share))
    )


# ── when seeds are fixed ─────────────────────────────────────────────────────────────


def test_the_first_seeds_are_of_days_to_come() -> None:
    days = days_to_promise(None, DAY)
    assert days == tuple(DAY + timedelta(days=n) for n in range(1, AHEAD + 1))


@given(st.lists(st.integers(0, 12), max_size=30))
def test_no_day_is_left_without_a_seed_and_none_has_two(waits: list[int]) -> None:
    fixed: list[date] = []
    today = DAY
    for wait in waits:
        today += timedelta(days=wait)
        new = days_to_promise(fixed[-1] if fixed else None, today)
        # A hub that was away no longer than it had looked ahead fixes nothing late.
        assert wait >= AHEAD or not fixed or all(day > today for day in new)
        fixed += new
        assert fixed[-1] == today + timedelta(days=AHEAD)
    assert fixed == [fixed[0] + timedelta(days=n) for n in range(len(fixed))] if fixed else True


def test_a_day_begins_in_the_city() -> None:
    one = lottery()
    assert one.begins == MIDNIGHT
    assert one.ends == MIDNIGHT + timedelta(days=1)
    autumn = replace(one, day=date(2026, 11, 1), zone="America/New_York")
    assert autumn.ends.astimezone(UTC) - autumn.begins.astimezone(UTC) == timedelta(hours=25)


@pytest.mark.parametrize(
    ("said", "share"),
    [("0.2", "0.2"), (0.2, "0.2"), (1, "1"), (0, "0"), ("many", "0.1"), (1.5, "0.1"), (-1, "0.1"), (None, "0.1"), ("NaN", "0.1")],
)  # fmt: skip
def test_a_share_that_is_none_is_not_taken(said: object, share: str) -> None:
    assert share_of(said, Decimal("0.1")) == Decimal(share)
