"""The things of the city: written by code, found by class, area, owner and place."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, LiteralString

from psycopg import sql
from psycopg.rows import kwargs_row

from zhongshu.core.assets import Asset, AssetFilter, AssetState
from zhongshu.core.place import Point, metres, neighbours, tile
from zhongshu.core.values import Name
from zhongshu.store.db import Tx, Where

_COLUMNS: LiteralString = "code, category, name_zh, name_en, lon, lat, area, area_code, owner, maintainer, state, surveyed"


def put(tx: Tx, assets: Sequence[Asset]) -> tuple[int, int]:
    """Write assets by their codes; return how many were new and how many changed."""
    if not assets:
        return 0, 0
    row = tx.execute(
        "with given as (select * from json_to_recordset(%s) as a(code text, category text,"
        "  name_zh text, name_en text, lon float8, lat float8, area bigint, area_code bigint,"
        "  owner bigint, maintainer bigint, state text, surveyed date, tile bigint)),"
        f" put as (insert into assets ({_COLUMNS}, tile) select {_COLUMNS}, tile from given"
        "  on conflict (code) do update set category = excluded.category,"
        "   name_zh = excluded.name_zh, name_en = excluded.name_en, lon = excluded.lon,"
        "   lat = excluded.lat, area = excluded.area, area_code = excluded.area_code,"
        "   owner = excluded.owner, maintainer = excluded.maintainer, state = excluded.state,"
        "   surveyed = excluded.surveyed, tile = excluded.tile, changed_at = now()"
        "  where (assets.category, assets.name_zh, assets.name_en, assets.lon, assets.lat, assets.area,"
        "   assets.owner, assets.maintainer, assets.state, assets.surveyed) is distinct from"
        "   (excluded.category, excluded.name_zh, excluded.name_en, excluded.lon, excluded.lat,"
        "   excluded.area, excluded.owner, excluded.maintainer, excluded.state, excluded.surveyed)"
        "  returning xmax = 0 as fresh)"
        " select count(*) filter (where fresh), count(*) filter (where not fresh) from put",
        (json.dumps([_row(a) for a in assets], ensure_ascii=False),),
    ).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])


def get(tx: Tx, code: str) -> Asset | None:
    return (
        tx.cursor(row_factory=kwargs_row(_asset))
        .execute(f"select {_COLUMNS} from assets where code = %s", (code,))
        .fetchone()
    )


def page(tx: Tx, wanted: AssetFilter, *, after: str = "", limit: int) -> list[Asset]:
    """Return assets by code, after one."""
    where = _matching(wanted)
    if after:
        where.add("code > %s", after)
    query = sql.SQL("select {} from assets where {} order by code limit %s").format(
        sql.SQL(_COLUMNS), where.sql
    )
    cursor = tx.cursor(row_factory=kwargs_row(_asset))
    return cursor.execute(query, (*where.values, limit)).fetchall()


def count(tx: Tx, wanted: AssetFilter) -> int:
    where = _matching(wanted)
    query = sql.SQL("select count(*) from assets where {}").format(where.sql)
    row = tx.execute(query, where.values).fetchone()
    assert row is not None
    return int(row[0])


def count_by_category(tx: Tx) -> dict[str, int]:
    """Return how many things there are of each class."""
    rows = tx.execute("select category, count(*) from assets group by category order by 2 desc")
    return dict(rows.fetchall())


def some(tx: Tx, codes: Sequence[str]) -> dict[str, Asset]:
    """Return those of these assets that are there, by code."""
    cursor = tx.cursor(row_factory=kwargs_row(_asset))
    cursor.execute(f"select {_COLUMNS} from assets where code = any(%s)", (list(codes),))
    return {asset.code: asset for asset in cursor.fetchall()}


def near(
    tx: Tx, place: Point, *, category: str | None, within_m: float
) -> list[tuple[Asset, float]]:
    """Return assets of a class (None: of any) around a place with their distance in metres, the
    nearest first.

    Looks at the nine ~100 m squares around, so ``within_m`` should not pass 50.
    """
    found = (
        tx.cursor(row_factory=kwargs_row(_asset))
        .execute(
            f"select {_COLUMNS} from assets where tile = any(%s)"
            " and (%s::text is null or category = %s) order by code limit 500",
            (list(neighbours(tile(place.lon, place.lat))), category, category),
        )
        .fetchall()
    )
    ranged = sorted(((a, metres(place, a.place)) for a in found), key=lambda p: (p[1], p[0].code))
    return [(asset, far) for asset, far in ranged if far <= within_m]


def _matching(wanted: AssetFilter) -> Where:
    where = Where()
    if wanted.category:
        where.add("category like %s", wanted.category.replace("%", "").replace("_", "") + "%")
    if wanted.area is not None:
        where.add("area_code >= %s and area_code < %s", *wanted.area)
    if wanted.owner is not None:
        where.add("owner = %s", wanted.owner)
    if wanted.maintainer is not None:
        where.add("maintainer = %s", wanted.maintainer)
    if wanted.state is not None:
        where.add("state = %s", wanted.state.value)
    if wanted.text:
        where.add(
            "(starts_with(code, %s) or strpos(name_zh, %s) > 0 or strpos(lower(name_en), lower(%s)) > 0)",
            wanted.text, wanted.text, wanted.text,
        )  # fmt: skip
    if wanted.box is not None:
        west, south, east, north = wanted.box
        where.add("lon between %s and %s and lat between %s and %s", west, east, south, north)
    return where


def _row(asset: Asset) -> dict[str, Any]:
    return {
        "code": asset.code, "category": asset.category, "name_zh": asset.name.zh,
        "name_en": asset.name.en, "lon": asset.place.lon, "lat": asset.place.lat,
        "area": asset.area, "area_code": asset.area_code, "owner": asset.owner,
        "maintainer": asset.maintainer, "state": asset.state.value,
        "surveyed": asset.surveyed.isoformat() if asset.surveyed else None,
        "tile": tile(asset.place.lon, asset.place.lat),
    }  # fmt: skip


def _asset(*, name_zh: str, name_en: str, lon: float, lat: float, state: str, **row: Any) -> Asset:
    return Asset(name=Name(name_zh, name_en), place=Point(lon, lat), state=AssetState(state), **row)
