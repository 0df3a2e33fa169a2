"""Presets of the screen: switched on for the whole city and off, ticked off, and changed as data."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any, ClassVar, cast

from zhongshu.core import presets
from zhongshu.core.access import Actor, Forbidden, NotFound, Permission
from zhongshu.core.presets import EVERYDAY, BadPreset, Mode, Preset
from zhongshu.core.values import AccountId, Refused
from zhongshu.flow.city import City
from zhongshu.store import accounts, city_facts
from zhongshu.store import city as store
from zhongshu.store.db import Tx


class NotOn(Refused):
    status: ClassVar[int] = 409
    message = "The preset “%(value)s” is not on."
    remedy = "Switch it on first, or look at the screen again: somebody switched it off."


def of(city: City) -> dict[str, Preset]:
    """Return the presets of a city by their code."""
    return presets.presets(city.said.get("presets") or {})


def mode(city: City) -> Mode | None:
    """Return what is switched on for the whole city; None: the everyday preset."""
    return presets.mode(city.said.get("mode") or {})


def shown(city: City, asked: str = "") -> Preset:
    """Return the preset a screen shows: the one asked for, else what is on for the city."""
    known, on = of(city), mode(city)
    if asked and asked not in known:
        raise NotFound("preset", asked)
    return known.get(asked or (on.preset if on else ""), EVERYDAY)


def ticked_by(tx: Tx, city: City) -> dict[int, str]:
    """Return the names of whoever switched the preset on and did its steps."""
    on = mode(city)
    if on is None:
        return {}
    return accounts.names(tx, sorted({on.by, *(one.by for one in on.steps.values())}))


def switch(tx: Tx, code: str, *, by: AccountId, at: datetime) -> None:
    """Switch a preset on for every screen of the city; the everyday one switches it off. What
    is on already stays as it is, with its checklist.
    """

    def change(said: dict[str, Any]) -> None:
        if code not in presets.presets(said.get("presets") or {}):
            raise NotFound("preset", code)
        was = (said.get("mode") or {}).get("preset", EVERYDAY.code)
        if was == code:
            return
        said["mode"] = (
            {} if code == EVERYDAY.code
            else {"preset": code, "by": by, "at": at.isoformat(), "steps": {}}
        )  # fmt: skip
        city_facts.add(tx, "screen:switched", {"was": was, "now": code}, account=by, at=at)

    store.change(tx, change)


def tick(tx: Tx, code: str, step: int, *, done: bool, by: AccountId, at: datetime) -> None:
    """Mark a step of the plan of the preset that is on as done, or not."""

    def change(said: dict[str, Any]) -> None:
        now = said.get("mode") or {}
        if now.get("preset") != code:
            raise NotOn("preset", code)
        known = presets.presets(said.get("presets") or {})[code].steps
        if not 0 <= step < len(known):
            raise NotFound("step", step)
        steps = dict(now.get("steps", {}))
        if done == (str(step) in steps):
            return
        steps.pop(str(step), None)
        if done:
            steps[str(step)] = {"by": by, "at": at.isoformat()}
        said["mode"] = {**now, "steps": steps}
        says = {"preset": code, "step": step, "text": known[step].zh, "done": done}
        city_facts.add(tx, "screen:step", says, account=by, at=at)

    store.change(tx, change)


def of_text(text: str) -> list[Preset]:
    """Read presets as a JSON file says them: a list, each as `Preset.record` writes it."""
    try:
        said = json.loads(text)
    except json.JSONDecodeError as error:
        raise BadPreset("file", str(error)) from None
    rows = cast("list[Any]", said) if isinstance(said, list) else [said]
    for row in rows:
        if not isinstance(row, dict):
            raise BadPreset("preset", str(row))
    return [presets.read(cast("dict[str, Any]", row)) for row in rows]


def as_text(city: City) -> str:
    """Return the presets of a city as such a file."""
    return json.dumps([p.record() for p in of(city).values()], ensure_ascii=False, indent=2)


def put(tx: Tx, city: City, preset: Preset, *, by: AccountId | None, at: datetime) -> None:
    """Keep a preset, in the place of the one with its code; classes no catalogue of the city
    ever had are refused.
    """
    for code in (*preset.categories, *preset.assets):
        if not city.lineage.named(code):
            raise BadPreset("categories", code)

    def change(said: dict[str, Any]) -> None:
        kept = said.get("presets") or {}
        said["presets"] = {**kept, preset.code: preset.record()}
        says = {"was": kept.get(preset.code), "now": preset.record()}
        city_facts.add(tx, "screen:preset", says, account=by, at=at)

    store.change(tx, change)


def covering(actor: Actor) -> AccountId:
    """Return the account, where its post to switch is one for the whole city."""
    if not actor.sight_for(Permission.CITY_SWITCH).everything:
        raise Forbidden("permission", Permission.CITY_SWITCH.value)
    return actor.account
