"""The lotteries of rechecks, published: promises before, seeds and draws after, for anybody."""

from __future__ import annotations

from datetime import date
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request

from zhongshu.core.access import Actor
from zhongshu.core.lottery import ROUNDS, Lottery
from zhongshu.flow import lottery
from zhongshu.store import lotteries as store
from zhongshu.web.guard import Anybody, TheHub
from zhongshu.web.problems import BadField

router = APIRouter(tags=["lotteries"])
Public = Annotated[Actor | None, Depends(Anybody())]


@router.get("/lotteries")
def lotteries(request: Request, hub: TheHub, _: Public) -> list[dict[str, Any]]:
    """List the lotteries, the latest day of closing first, at most 60; `before` (a day) goes
    on. `commitment` is the SHA-256 of the `seed`, which is published with the draw.
    """
    text = request.query_params.get("before", "")
    with hub.db.transaction() as tx:
        return [as_json(one) for one in store.latest(tx, before=day_of(text) if text else None)]


@router.get("/lotteries/{day}/{after_days}")
def proof(day: str, after_days: int, hub: TheHub, _: Public) -> dict[str, Any]:
    """Return a lottery with the numbers of all cases closed on its day and of those drawn. A
    case is drawn if the first 64 bits of HMAC-SHA256(seed, case number), as a share of 2^64,
    are below `share`. `flaws` is what the hub itself finds wrong.
    """
    with hub.db.transaction() as tx:
        found = lottery.proof(tx, day_of(day), round_of(after_days))
    return {
        **as_json(found.lottery), "closed": list(found.closed),
        "cases": [{"number": d.number, "fate": d.fate, "recheck": d.state} for d in found.drawings],
        "flaws": list(found.flaws),
    }  # fmt: skip


def day_of(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise BadField("day", text, why="write 2026-11-24") from None


def round_of(after_days: int) -> int:
    if after_days not in ROUNDS:
        raise BadField("after_days", after_days, why=f"one of: {', '.join(map(str, ROUNDS))}")
    return after_days


def as_json(one: Lottery) -> dict[str, Any]:
    return {
        "day": one.day, "after_days": one.after_days, "drawn_on": one.due, "zone": one.zone,
        "share": str(one.share), "commitment": one.commitment.hex(),
        "committed_at": one.committed_at, "seed": one.seed.hex() if one.seed else None,
        "drawn_at": one.drawn_at, "population": one.population, "drawn": one.drawn,
        "lost_at": one.lost_at,
    }  # fmt: skip
