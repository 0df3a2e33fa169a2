"""Keys of other systems and what the city calls its levels and duties."""

from __future__ import annotations

import base64
from datetime import date, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends
from pydantic import BaseModel, Field

from zhongshu.core.access import Actor, Duty, Permission
from zhongshu.flow import connectors, terms
from zhongshu.flow.city import City
from zhongshu.store import connectors as store
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hands import decides, governs, hand_of
from zhongshu.web.hub import Hub

router = APIRouter(tags=["workshop"])
Governor = Annotated[Actor, Depends(Needs(Permission.ACCOUNT_WRITE))]
Reader = Annotated[Actor, Depends(Needs(Permission.CITY_READ))]
Writer = Annotated[Actor, Depends(Needs(Permission.CITY_WRITE))]


class DayIn(BaseModel):
    on: date


class WordIn(BaseModel):
    about: str = Field(examples=["level:grid", "duty:grid_lead"])
    zh: str = ""
    en: str = ""


@router.get("/connectors")
def keys(hub: TheHub, actor: Governor) -> list[dict[str, Any]]:
    """List the keys of other systems with the counts of the last day: never what was sent."""
    governs(actor)
    with hub.db.transaction() as tx:
        found = store.keys(tx, since=hub.clock() - timedelta(days=1))
    return [
        {
            "key": k.hash, "login": k.login, "name": k.name, "duties": k.duties, "made_at": k.made_at,
            "works": k.works(hub.clock()), "until": k.disabled_at, "last_hour": k.last_hour,
            "requests": k.requests, "refused": k.refused, "conflicts": k.conflicts,
        }
        for k in found
    ]  # fmt: skip


@router.post("/connectors/{key}/revoke")
def revoke(hub: TheHub, actor: Governor, key: str, sent: DayIn) -> dict[str, Any]:
    """Let a key work no more from a day on."""
    with hub.db.transaction() as tx:
        connectors.revoke(tx, hand_of(hub, governs(actor)), key, on=sent.on)
    hub.machines.clear()
    return {"key": key}


@router.post("/connectors/{key}/rotate", status_code=201)
def rotate(hub: TheHub, actor: Governor, key: str, sent: DayIn) -> dict[str, Any]:
    """Make a second key, said this once; the first works until before that day."""
    new = new_key(hub)
    with hub.db.transaction() as tx:
        connectors.rotate(tx, hand_of(hub, governs(actor)), key, new=new, until=sent.on)
    hub.machines.clear()
    return {"key": new}


def new_key(hub: Hub) -> str:
    """Return a new key as its system keeps it."""
    return f"zs_{base64.urlsafe_b64encode(hub.random(32)).decode().rstrip('=')}"


@router.get("/words")
def words(hub: TheHub, _: Reader) -> list[dict[str, Any]]:
    """List what the city calls its levels and duties; a duty without a word has its usual one."""
    return words_said(hub.city())


def words_said(city: City) -> list[dict[str, Any]]:
    own = city.said.get("words", {})
    return [
        *({"about": f"level:{x.kind}", "zh": x.name.zh, "en": x.name.en} for x in city.levels),
        *({"about": f"duty:{d}", **own.get(f"duty:{d}", {"zh": "", "en": ""})} for d in Duty),
    ]


@router.post("/words")
def name(hub: TheHub, actor: Writer, sent: WordIn) -> dict[str, Any]:
    """Call a level or a duty something else."""
    with hub.db.transaction() as tx:
        hand = hand_of(hub, decides(actor))
        changed = terms.change(tx, hand, sent.about, zh=sent.zh, en=sent.en)
    hub.look_again()
    return {"about": sent.about, "changed": changed}
