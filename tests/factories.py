"""A small city to test in: two districts of two communities, each 0.02° wide.

┌────────┬────────┐ 34.04      Longitudes 113.00 … 113.04. The north is district N,
│  N-1   │  N-2   │            the south district S. One overlay, a market, lies
├────────┼────────┤ 34.02      across the middle.
│  S-1   │  S-2   │
└────────┴────────┘ 34.00
"""

from __future__ import annotations

import csv
from datetime import UTC, date, datetime
from importlib.resources import files

import shapely

from zhongshu.core.catalogue import Catalogue
from zhongshu.core.catalogue_table import read_rows
from zhongshu.core.dispatch import DutyRule
from zhongshu.core.grid import LEVELS, LINE, Area, allot
from zhongshu.core.intake import Draft
from zhongshu.core.values import Name, Span, UnitId
from zhongshu.store import catalogues
from zhongshu.store import city as store
from zhongshu.store.db import Tx

#: A Tuesday morning at work in Shanghai.
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=UTC)
KEY = bytes(range(32))


def draft(text: str = "路灯不亮了", **fields: object) -> Draft:
    """A report inside N-1 unless told otherwise."""
    given: dict[str, object] = {"lon": 113.01, "lat": 34.03, **fields}
    return Draft(text=text, **given)  # type: ignore[arg-type]


def same_random(start: int = 0):  # noqa: ANN201 — a counter of bytes
    """Random bytes that never repeat and are the same in every run."""
    state = [start]

    def random(count: int) -> bytes:
        state[0] += 1
        return (state[0] * 0x9E3779B97F4A7C15 % 2 ** (8 * count)).to_bytes(count, "big")

    return random


def default_catalogue() -> Catalogue:
    text = files("zhongshu.core").joinpath("data/catalogue.csv").read_text(encoding="utf-8")
    reading = read_rows(csv.DictReader(text.splitlines()))
    assert not reading.rejects
    return Catalogue(1, "default", date(2026, 1, 1), reading.categories)


def build_city(tx: Tx) -> None:
    """Write the small city."""
    store.set_setting(
        tx, "city", {"name_zh": "测试市", "name_en": "Testville", "zone": "Asia/Shanghai"}
    )
    store.add_levels(tx, LEVELS)
    _areas(tx)
    catalogues.add(tx, default_catalogue())
    lights, _ = store.add_unit(tx, code="U1", name=Name("路灯处", "Street lighting"))
    crew, _ = store.add_unit(
        tx, code="U1-1", name=Name("路灯一班", "Lighting crew 1"), parent=lights
    )
    works, _ = store.add_unit(tx, code="U2", name=Name("市政处", "Municipal works"))
    for rule in (
        DutyRule(id=0, unit=works, clause="兜底"),
        DutyRule(id=0, unit=lights, category="C-01-37", clause="路灯管理办法第三条"),
        DutyRule(id=0, unit=works, category="E-05", clause="应急", auto=True),
    ):
        store.add_duty_rule(tx, rule)
    assert crew == UnitId(crew)


def _areas(tx: Tx) -> None:
    ids = iter(store.area_ids(tx, 20))
    root_span = allot(LINE, (), 1)[0]
    city = _area(next(ids), "990000", "city", "测试市", None, root_span, (113, 34, 113.04, 34.04))
    made = [city]
    for district, span in zip("NS", allot(root_span, (), 2), strict=True):
        south = 34.02 if district == "N" else 34.0
        box = (113, south, 113.04, south + 0.02)
        made.append(_area(next(ids), district, "district", district + "区", city, span, box))
        above = made[-1]
        for n, below in enumerate(allot(span, (), 2), start=1):
            west = 113 + 0.02 * (n - 1)
            made.append(
                _area(
                    next(ids), f"{district}-{n}", "community", f"{district}{n}社区", above, below,
                    (west, south, west + 0.02, south + 0.02),
                )
            )  # fmt: skip
    market = allot(root_span, (made[1].span, made[4].span), 1)[0]
    made.append(
        _area(
            next(ids), "M-1", "exclusive", "市场", city, market, (113.015, 34.015, 113.025, 34.025)
        )
    )
    store.add_areas(tx, made)


def _area(
    identity: int, code: str, kind: str, zh: str, parent: Area | None, span: Span,
    box: tuple[float, float, float, float],
) -> Area:  # fmt: skip
    return Area(
        id=identity, code=code, kind=kind, name=Name(zh, code), span=span,  # type: ignore[arg-type]
        parent=parent.id if parent else None, shape=shapely.box(*box),
    )  # fmt: skip
