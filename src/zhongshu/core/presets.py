"""Presets of the screen: what it puts first, and the checklist of a plan that goes with it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar, cast

from zhongshu.core.access import Duty
from zhongshu.core.values import AccountId, Name, Refused

W = TypeVar("W", bound=StrEnum)


class Drawn(StrEnum):
    """What the map of the screen can draw beside its areas."""

    CASES = "cases"  # 案件
    DANGER = "danger"  # 险情
    ASSETS = "assets"  # 部件
    ROADS = "roads"  # 道路


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """``categories`` and ``assets`` are codes of the catalogue or the beginnings of some;
    ``steps`` a plan's, in order; ``duties`` whose posts are listed with their telephones.
    """

    code: str
    name: Name
    categories: tuple[str, ...] = ()
    assets: tuple[str, ...] = ()
    layers: frozenset[Drawn] = frozenset(Drawn)
    duties: tuple[Duty, ...] = ()
    steps: tuple[Name, ...] = ()

    def record(self) -> dict[str, Any]:
        """Return it as plain data; `read` reads it back."""
        return {
            "code": self.code, "name": [self.name.zh, self.name.en],
            "categories": list(self.categories), "assets": list(self.assets),
            "layers": sorted(self.layers), "duties": list(self.duties),
            "steps": [[step.zh, step.en] for step in self.steps],
        }  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Ticked:
    """Who did a step of the plan, and when."""

    by: AccountId
    at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Mode:
    """A preset that is on for the whole city, since when and by whom; its steps by number."""

    preset: str
    by: AccountId
    at: datetime
    steps: Mapping[int, Ticked]


class BadPreset(Refused):
    message = "The preset “%(preset)s” cannot be used: %(field)s is %(value)s."
    remedy = "Write code, name, categories, assets, layers, duties and steps as the guide shows."


STORM = Preset(
    code="storm", name=Name("雨天（防汛）", "Storm (floods)"),
    categories=("E-05-06", "E-05-P2", "E-05-03", "E-05-P1", "C-01-04", "C-01-03", "C-01-02"),
    assets=("C-01-04",),
    duties=(Duty.DISPATCHER, Duty.SUPERVISOR, Duty.GRID_LEAD),
    steps=(
        Name("核对气象预警级别，通知各街道值班室", "Check the level of the weather warning; tell the duty rooms of the subdistricts"),
        Name("排水、应急队伍到岗待命", "Drainage and emergency crews at their posts"),
        Name("巡查下穿隧道、低洼路段，备好抽水泵和路障", "Look at underpasses and low roads; pumps and barriers ready"),
        Name("清理易堵的雨水箅子", "Clear the storm drains that tend to clog"),
        Name("检查在建工地、围挡和广告牌", "Check building sites, hoardings and signs"),
        Name("开放避灾安置点", "Open the shelters"),
        Name("积水断路时封闭道路并发布绕行信息", "Close flooded roads and say how to go round them"),
        Name("雨停后复查积水点，恢复交通", "After the rain look at each flooded place again; open the roads"),
    ),
)  # fmt: skip
#: What the screen shows where nothing else is chosen, and the presets a new city has.
EVERYDAY = Preset(code="everyday", name=Name("日常", "Everyday"))
USUAL: Mapping[str, Preset] = MappingProxyType({p.code: p for p in (EVERYDAY, STORM)})


def presets(said: Mapping[str, Any]) -> dict[str, Preset]:
    """Return the presets of a city: the usual ones, its own in their place or beside them."""
    return {**USUAL, **{code: read({**one, "code": code}) for code, one in said.items()}}


def read(said: Mapping[str, Any]) -> Preset:
    """Read a preset from plain data; what is left out is as `Preset` has it, and what cannot be
    read is refused by name.
    """
    code = said.get("code", "")
    if not isinstance(code, str) or not code.isascii() or not code.replace("_", "").isalnum() or len(code) > 30:  # fmt: skip
        raise BadPreset("code", code, preset=code)
    known = {field.name for field in fields(Preset)}
    for name in said:
        if name not in known:
            raise BadPreset(name, said[name], preset=code)
    given: dict[str, Any] = {}
    for field, make in _LISTS.items():
        if field in said:
            given[field] = make(_each(code, field, said[field]))
    return Preset(code=code, name=_name((code, "name", said.get("name"))), **given)


def mode(said: Mapping[str, Any]) -> Mode | None:
    """Read which preset is on for the city; None: the everyday one."""
    if not said:
        return None
    return Mode(
        preset=said["preset"], by=said["by"], at=datetime.fromisoformat(said["at"]),
        steps={
            int(n): Ticked(by=one["by"], at=datetime.fromisoformat(one["at"]))
            for n, one in said.get("steps", {}).items()
        },
    )  # fmt: skip


#: A value as it stands in a file: the preset, the field, and what is said.
Said = tuple[str, str, Any]


def _each(code: str, field: str, said: Any) -> list[Said]:
    if not isinstance(said, list | tuple):
        raise BadPreset(field, said, preset=code)
    return [(code, field, one) for one in cast("Sequence[Any]", said)]


def _name(one: Said) -> Name:
    code, field, said = one
    parts = [said] if isinstance(said, str) else said
    if not isinstance(parts, list | tuple) or not 0 < len(cast("Sequence[Any]", parts)) < 3:
        raise BadPreset(field, said, preset=code)
    texts = [_text((code, field, part)).strip() for part in cast("Sequence[Any]", parts)]
    if not any(texts):
        raise BadPreset(field, said, preset=code)
    return Name(*texts)


def _text(one: Said) -> str:
    code, field, said = one
    if not isinstance(said, str):
        raise BadPreset(field, said, preset=code)
    return said


def _code(one: Said) -> str:
    code, field, said = one
    if not _text(one):
        raise BadPreset(field, said, preset=code)
    return said


def _word(words: type[W], one: Said) -> W:
    code, field, said = one
    try:
        return words(said)
    except ValueError:
        raise BadPreset(field, said, preset=code) from None


_LISTS: Mapping[str, Callable[[list[Said]], Any]] = MappingProxyType(
    {
        "categories": lambda said: tuple(map(_code, said)),
        "assets": lambda said: tuple(map(_code, said)),
        "layers": lambda said: frozenset(_word(Drawn, one) for one in said),
        "duties": lambda said: tuple(_word(Duty, one) for one in said),
        "steps": lambda said: tuple(map(_name, said)),
    }
)
