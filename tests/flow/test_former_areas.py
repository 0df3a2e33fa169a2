"""Areas drawn anew: what was filed, posted and told under the version before counts as today's."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from tests.factories import KEY, NOW, draft
from tests.flow.test_intake import sent
from tests.flow.test_messages import CHANCE, Carrier, carried, staffed, told
from tests.web.test_mirror import lived
from zhongshu.core.access import EVERYTHING
from zhongshu.core.cases import Filter
from zhongshu.core.grid import Tree
from zhongshu.core.indicators import BY_CODE, Period
from zhongshu.core.texts import Medium
from zhongshu.flow import addresses, briefings, mirror, outward, screen, snapshots
from zhongshu.flow.city import City, load
from zhongshu.store import cases
from zhongshu.store.db import Database, Tx
from zhongshu.store.indicators import Scope

WEEK = Period(start=NOW - timedelta(days=1), until=NOW + timedelta(days=7))
LATER = NOW + timedelta(days=8)


def redrawn(tx: Tx) -> City:
    """Give every area below the city another version from tomorrow on; return that city."""
    tx.execute("update areas set valid_until = '2026-11-25' where kind <> 'city'")
    tx.execute(
        "insert into areas (code, kind, name_zh, name_en, parent, lo, hi, shape, valid_from)"
        " select code, kind, name_zh, name_en, parent, lo, hi, shape, valid_until from areas"
        " where valid_until is not null"
    )
    return load(tx, at=LATER)


@pytest.fixture
def two(tx: Tx) -> tuple[Tx, City, City]:
    lived(tx, load(tx, at=NOW))
    before = load(tx, at=NOW)
    after = redrawn(tx)
    old, new = ({a.id for a in c.tree if a.kind != "city"} for c in (before, after))
    assert not old & new
    return tx, before, after


def figures(tx: Tx, city: City) -> dict[str, Any]:
    """What each part of the product counts of each area, by code."""
    one, found = BY_CODE["filing"], {}
    for code in ("", "N"):
        within = city.tree.named(code) if code else None
        scope = Scope(cases=Filter(area=within.span if within else None))
        level, series = mirror.series(tx, city, EVERYTHING, one, [WEEK], scope, within=within)
        found["series", level] = {s.area and s.area.code: s.points[0].denominator for s in series}
        rows = mirror.look(tx, city, EVERYTHING, WEEK, scope, within=within).areas
        found["areas", level] = {r.area and r.area.code: r.figures[1].denominator for r in rows}
        outside = Scope(outside=mirror.covered(city, level))
        found["nowhere", level] = [
            m.denominator for m in mirror.whole(tx, EVERYTHING, WEEK, outside)
        ]
        loads = screen.load(tx, city.tree, EVERYTHING, [level], at=LATER, past=False)[level]
        found["load", level] = {city.tree.by_id[a].code: n for a, n in loads.items()}
    counted = snapshots.count(tx, city, WEEK, upto=None, at=LATER)
    found["snapshot"] = {row.key: row.figures for row in counted.rows}
    made = briefings.make(tx, city, WEEK, area=None, title="", by=1, at=LATER, field="from")  # type: ignore[arg-type]
    said = briefings.document(tx, city, briefings.find(tx, made), now=LATER)["sections"]
    table = next(s["table"] for s in said if s["code"] == "areas")
    found["briefing"] = {row["code"]: (row["n"], row["due"]) for row in table["rows"]}
    return found


def test_cases_filed_before_areas_were_drawn_anew_count_where_they_counted(
    two: tuple[Tx, City, City],
) -> None:
    tx, before, after = two
    was, is_ = figures(tx, before), figures(tx, after)
    for what, numbers in was.items():
        assert is_[what] == numbers, what
    assert sum(was["series", "district"].values()) == 7
    assert sum(was["nowhere", "district"]) == 0


def test_a_tree_knows_the_home_of_every_version(two: tuple[Tx, City, City]) -> None:
    _, before, after = two
    homes = after.tree.homes("district")
    for area in (*before.tree, *after.tree):
        home = homes.get(area.id)
        assert (home and after.tree.by_id[home].code) == (area.code[0] if area.code[0] in "NS" else None)  # fmt: skip
    assert Tree([]).homes("district") == {}


def test_a_case_is_told_by_the_code_of_the_market_it_lay_in(two: tuple[Tx, City, City]) -> None:
    tx, before, after = two
    case = cases.get(tx, sent(tx, before, draft("井盖丢了", lon=113.02, lat=34.02)).id)
    assert case is not None
    assert "M-1" in outward.area_codes(after, case) == outward.area_codes(before, case)


def test_a_group_that_was_given_an_area_hears_what_its_posts_are_told_today(
    db: Database,
) -> None:
    city = staffed(db)
    with db.transaction() as tx:
        tx.execute("update posts set area = (select id from areas where code = 'N') where duty = 'dispatcher'")  # fmt: skip
        addresses.add_hook(
            tx, city, title="North", style="json", url="https://chat.example/n", place="N", lang="zh",
            by=None, key=KEY, random=CHANCE, at=NOW, secret="s",
        )  # fmt: skip
        city = redrawn(tx)
        sent(tx, city, draft("路面塌陷"), now=LATER)
    told(db, city, now=LATER)
    carrier = Carrier()
    carried(db, city, carrier, now=LATER, medium=Medium.CHAT)
    assert [parcel.channel for parcel in carrier.taken] == ["chat:1"]
