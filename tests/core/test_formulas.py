"""The formula library: every vector comes out, and every vector tries what its formula says."""

from __future__ import annotations

import pytest

from zhongshu.core.formulas import VECTORS, tallied, worked
from zhongshu.core.indicators import BY_CODE, INDICATORS, Indicator, measure


def test_every_indicator_has_a_vector_and_no_vector_is_of_none() -> None:
    assert set(VECTORS) == set(BY_CODE)


@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda i: i.code)
def test_the_formula_gives_what_was_worked_out_by_hand(indicator: Indicator) -> None:
    vector = VECTORS[indicator.code]
    found = measure(indicator, tallied(vector))
    assert (found.numerator, found.denominator, found.percent) == (
        vector.numerator, vector.denominator, vector.percent,
    )  # fmt: skip


@pytest.mark.parametrize("indicator", INDICATORS, ids=lambda i: i.code)
def test_the_worked_example_takes_each_row_as_the_formula_does(indicator: Indicator) -> None:
    found, rows = worked(indicator)
    assert sum(row.count for row in rows if row.above) == found.numerator
    assert sum(row.count for row in rows if row.below) == found.denominator
    for reason in indicator.without:
        left = sum(row.count for row in rows if row.reason is reason)
        assert left == found.excluded.get(reason, 0)
        # Tianmen did not publish how many were merged.
        assert left or indicator.code == "filing", f"the vector of {indicator.code} leaves out no {reason}"  # fmt: skip
    assert any(not row.above for row in rows if row.below), "a vector in which all is well tries nothing"  # fmt: skip
