"""A past period for the map: all its cases as columns of bytes, and the load of areas then."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response, StreamingResponse

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import Filter
from zhongshu.core.indicators import Period
from zhongshu.core.values import CategoryId
from zhongshu.flow import screen
from zhongshu.flow.city import City
from zhongshu.store import playback as store
from zhongshu.web import wanted
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.problems import BadField

router = APIRouter(tags=["playback"])
Reader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
#: The longest period, in days; a longer one is asked for in parts.
LONGEST = 3660
MAGIC = b"ZSP1"


@router.get("/history.bin")
def history(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Return the lives of all cases in sight that were open in a period (`since`, `until`; the
    last 24 hours where none is said), in an `area`, of a `category`, with a place.

    Little-endian. The letters ZSP1; the length (u32) of a JSON header and the header, padded to
    4 bytes: `since` in seconds, `codes` by number. Then chunks until one of no rows: their
    number n (u32), and the columns one after the other: `id` u32, `lon` and `lat` i32 (degrees
    × 10⁷), `start` i32 (seconds after `since`), `lasting` and `late` u32 (seconds after `start`,
    all ones: never), `class` u16 (number in `codes`, 0: none) and `flags` u8 (bit 0 danger,
    bits 1–3 priority), each padded to 4 bytes. A case that was reopened has a row for each life.
    """
    city = hub.city()
    period = asked(request.query_params, city, now=hub.clock())
    narrowed = {k: v for k, v in request.query_params.items() if k in ("area", "category")}
    chosen = wanted.wanted(narrowed, city, now=hub.clock())
    return StreamingResponse(
        _written(_Read(hub, actor, city, chosen, period)), media_type="application/octet-stream",
        headers={"Cache-Control": "no-store"},
    )  # fmt: skip


@router.get("/map/loads.json")
def loads(request: Request, hub: TheHub, actor: Reader) -> dict[str, Any]:
    """Return how many cases were open in each area of the levels drawn at a moment (`at`; now
    where none is said), by the area's identity. A past moment is counted as it is known today.
    """
    city, now = hub.city(), hub.clock()
    at = moment_of(request.query_params, city, now=now)
    with hub.db.seeing(actor.sight) as tx:
        found = screen.load(
            tx, city.tree, actor.sight, drawn(city), at=at or now, past=at is not None
        )
    return {
        "at": (at or now).isoformat(),
        "levels": {level: {str(a): n for a, n in one.items()} for level, one in found.items()},
    }


def drawn(city: City) -> list[str]:
    """Return the levels the screen draws, the coarse first: not the city, nor the very fine."""
    chain = [level.kind for level in city.levels if not level.overlay]
    kinds = [kind for kind in chain if 1 < len(city.tree.of_kind(kind)) <= 1500]
    return [kinds[0], *kinds[-2:]] if len(kinds) > 2 else kinds or ["city"]


def asked(query: Mapping[str, str], city: City, *, now: datetime) -> Period:
    """Return the period a query asks for: the last 24 hours where none is said, none after now."""
    until = min(_moment("until", query, city, now) or now, now)
    since = _moment("since", query, city, now) or until - timedelta(days=1)
    if not timedelta() < until - since <= timedelta(days=LONGEST):
        raise BadField(
            "since", query.get("since", ""),
            why=f"the period begins before it ends, and before now, and has {LONGEST} days at most",
        )  # fmt: skip
    return Period(start=since, until=until)


def moment_of(query: Mapping[str, str], city: City, *, now: datetime) -> datetime | None:
    """Return the past moment a query asks for; None: now."""
    at = _moment("at", query, city, now)
    return at if at is not None and at < now else None


def _moment(field: str, query: Mapping[str, str], city: City, now: datetime) -> datetime | None:
    """Read a moment; without an offset, as a form writes it, it is the city's own time."""
    text = query.get(field, "")
    if len(text) in (16, 19) and text[10:11] == "T":
        try:
            return datetime.fromisoformat(text).replace(tzinfo=city.zone)
        except ValueError:
            pass
    return wanted.moment(field, text, city, now)


@dataclass(frozen=True, slots=True)
class _Read:
    """What is read, chunk by chunk: no transaction waits for whoever reads slowly."""

    hub: Hub
    actor: Actor
    city: City
    chosen: Filter
    period: Period

    def reported(self, after: store.After | None) -> tuple[bytes, store.After | None]:
        with self.hub.db.seeing(self.actor.sight) as tx:
            return store.reported(
                tx, self.actor.sight, self.chosen, since=self.period.start,
                until=self.period.until, after=after,
            )  # fmt: skip

    def carried(self, after: store.After | None) -> tuple[bytes, store.After | None]:
        with self.hub.db.seeing(self.actor.sight) as tx:
            return store.carried(
                tx, self.actor.sight, self.chosen, since=self.period.start,
                until=self.period.until, after=after,
            )  # fmt: skip

    def earlier(self, _: store.After | None) -> tuple[bytes, store.After | None]:
        with self.hub.db.seeing(self.actor.sight) as tx:
            return store.earlier(
                tx, self.actor.sight, self.chosen, since=self.period.start, until=self.period.until
            ), None


def _written(read: _Read) -> Iterator[bytes]:
    codes = sorted({code for code, _ in read.city.names.values()})
    numbers = {code: n for n, code in enumerate(codes, start=1)}
    table = {CategoryId(c): numbers[code] for c, (code, _) in read.city.names.items()}
    header = json.dumps({"since": read.period.start.timestamp(), "codes": ["", *codes]}).encode()
    header += b" " * (-len(header) % 4)
    yield MAGIC + len(header).to_bytes(4, "little") + header
    for part in (read.carried, read.earlier, read.reported):
        after: store.After | None = None
        while True:
            packed, after = part(after)
            if packed:
                yield store.columns(packed, table)
            if after is None:
                break
    yield bytes(4)
