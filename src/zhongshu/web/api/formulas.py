"""The formula library, published: every formula with its version and its test vector."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Depends

from zhongshu.core.access import Actor
from zhongshu.core.formulas import VECTORS
from zhongshu.core.indicators import INDICATORS, Indicator
from zhongshu.web.api.snapshots import indicator_of
from zhongshu.web.guard import Anybody

router = APIRouter(tags=["indicators"])
Public = Annotated[Actor | None, Depends(Anybody())]


@router.get("/formulas")
def listed(_: Public) -> list[dict[str, Any]]:
    """List every formula. An item counts for the denominator if it carries the mark `among`
    and none of `without`; for the numerator likewise with `of`; what carries `among` and a
    mark of `without` is left out, for the first of them.
    """
    return [as_json(one) for one in INDICATORS]


@router.get("/formulas/{code}")
def one(code: str, _: Public) -> dict[str, Any]:
    """Return one formula."""
    return as_json(indicator_of(code))


def as_json(one: Indicator) -> dict[str, Any]:
    vector = VECTORS[one.code]
    return {
        "code": one.code, "version": one.version, "zh": one.name.zh, "en": one.name.en,
        "formula": {"zh": one.formula.zh, "en": one.formula.en}, "source": one.source,
        "family": one.family, "of": one.of, "among": one.among, "without": list(one.without),
        "vector": {
            "origin": {"zh": vector.origin.zh, "en": vector.origin.en},
            "items": [{"count": n, "marks": sorted(marks)} for n, marks in vector.rows],
            "numerator": vector.numerator, "denominator": vector.denominator,
            "percent": vector.percent,
        },
    }  # fmt: skip
