"""What people of the demo city say: believable reports made of templates and places."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely

from zhongshu.core.grid import Area
from zhongshu.core.intake import Channel, Draft

#: category: (weight, Chinese sentences, English sentences); {p} is a place.
_SAYINGS: tuple[tuple[str, int, tuple[str, ...], tuple[str, ...]], ...] = (
    ("E-01-10", 10, ("{p}有一堆生活垃圾没人清理", "{p}垃圾成堆，味道很大"), ("Pile of garbage at {p}",)),
    ("E-01-92", 9, ("{p}的垃圾桶满了，溢出来了", "{p}垃圾满溢两天了"), ("Overflowing bin at {p}",)),
    ("E-01-13", 9, ("{p}路面有坑，电动车差点摔倒", "{p}道路破损，坑洼很多"), ("Big pothole at {p}",)),
    ("C-01-37", 8, ("{p}路灯不亮，晚上很黑", "{p}好几盏路灯坏了"), ("Street light out at {p}",)),
    ("C-01-23", 5, ("{p}井盖松动，车一压就响", "{p}有个井盖破了"), ("Loose manhole cover at {p}",)),
    ("E-04-10", 6, ("{p}非机动车乱停，挡住人行道",), ("Bicycles parked all over the pavement at {p}",)),
    ("E-04-06", 5, ("{p}有人占道经营，过不去",), ("Trading on the road at {p}",)),
    ("C-02-84", 5, ("{p}人行道地砖翘起来了",), ("Pavement tiles are loose at {p}",)),
    ("E-05-06", 4, ("{p}道路积水，没过脚踝",), ("Flooded street at {p}",)),
    ("E-05-03", 3, ("{p}下水道堵了，往外冒水",), ("Blocked drain at {p}",)),
    ("S-07-01", 5, ("{p}家里暖气不热，只有十五度",), ("No heat in the flat at {p}",)),
    ("S-07-08", 4, ("{p}电梯停运三天了",), ("Elevator out of service at {p}",)),
    ("S-07-15", 4, ("{p}晚上噪音很大，睡不着",), ("Loud music every night at {p}",)),
    ("E-03-01", 4, ("{p}工地夜间施工，太吵了",), ("Construction noise at night at {p}",)),
    ("C-04-02", 3, ("{p}行道树枯死了，怕掉下来",), ("Dead tree at {p}",)),
    ("E-05-P1", 1, ("{p}大树倒了，压住半条路",), ("Fallen tree at {p}",)),
    ("E-02-01", 3, ("{p}墙上贴满小广告",), ("Graffiti on the wall at {p}",)),
    ("S-07-03", 2, ("{p}从早上开始停水",), ("No water since morning at {p}",)),
    ("E-04-96", 2, ("{p}消防通道被车堵住了",), ("Fire lane blocked at {p}",)),
    ("E-05-02", 1, ("{p}闻到燃气味，怀疑漏气",), ("Smell of gas at {p}",)),
    ("", 2, ("{p}的事情想反映一下，请联系社区",), ("Something is not right at {p}",)),
)  # fmt: skip
_CHANNELS = (
    (Channel.FIELD, 0.46), (Channel.WEB, 0.22), (Channel.HOTLINE, 0.2), (Channel.SENSOR, 0.08),
    (Channel.PARTNER, 0.04),
)  # fmt: skip


#: The source of every made-up report: what people report themselves is theirs to handle.
SOURCE = "demo"


@dataclass(frozen=True, slots=True)
class Crowd:
    """Where people speak from: grids with their weight, so that there are hot spots."""

    grids: Sequence[Area]
    streets: dict[int, Area]
    weights: np.ndarray

    @classmethod
    def of(cls, grids: Sequence[Area], streets: dict[int, Area], rng: np.random.Generator) -> Crowd:
        weights = rng.gamma(0.7, 1.0, len(grids))
        return cls(grids, streets, weights / weights.sum())

    def say(self, rng: np.random.Generator) -> Draft:
        """Return one report."""
        _, zh, en = _pick(rng)
        grid = self.grids[int(rng.choice(len(self.grids), p=self.weights))]
        street = self.streets[grid.id]
        english = rng.random() < 0.12
        house = int(rng.integers(1, 260))
        where = f"{house} {street.name.en}" if english else f"{street.name.zh}{house}号附近"
        said = (en if english else zh)[int(rng.integers(len(en if english else zh)))].format(
            p=where
        )
        lon, lat = _spot(grid, rng)
        return Draft(
            text=said, lon=lon, lat=lat, address=where, lang="en" if english else "zh", source=SOURCE,
            channel=_CHANNELS[int(rng.choice(len(_CHANNELS), p=[w for _, w in _CHANNELS]))][0],
        )  # fmt: skip


def _pick(rng: np.random.Generator) -> tuple[str, tuple[str, ...], tuple[str, ...]]:
    weights = np.array([w for _, w, _, _ in _SAYINGS], dtype=float)
    code, _, zh, en = _SAYINGS[int(rng.choice(len(_SAYINGS), p=weights / weights.sum()))]
    return code, zh, en


def _spot(grid: Area, rng: np.random.Generator) -> tuple[float, float]:
    assert grid.shape is not None
    west, south, east, north = grid.shape.bounds
    for _ in range(50):
        x, y = rng.uniform(west, east), rng.uniform(south, north)
        if shapely.contains_xy(grid.shape, x, y):
            return float(x), float(y)
    point = grid.shape.representative_point()
    return point.x, point.y
