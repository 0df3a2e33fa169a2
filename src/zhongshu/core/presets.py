"""Presets of the screen: what it puts first, and the checklist of a plan that goes with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, TypeVar

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
    layers: frozenset[Drawn] = frozenset({Drawn.CASES, Drawn.DANGER, Drawn.ROADS})
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
    message = "The preset cannot be used: %(field)s is %(value)s."
    remedy = "Write code, name, categories, assets, layers, duties and steps as the guide shows."


STORM = Preset(
    code="storm", name=Name("雨天（防汛）", "Storm (floods)"),
    categories=("E-05-06", "E-05-P2", "E-05-03", "E-05-P1", "C-01-04", "C-01-03", "C-01-02"),
    assets=("C-01-04",),
    layers=frozenset(Drawn), duties=(Duty.DISPATCHER, Duty.SUPERVISOR, Duty.GRID_LEAD),
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
    """Read a preset from plain data; what cannot be read is refused by name."""
    code = str(said.get("code", ""))
    if not code.isascii() or not code.replace("_", "").isalnum() or len(code) > 30:
        raise BadPreset("code", code)
    return Preset(
        code=code, name=_name("name", said.get("name")),
        categories=_texts("categories", said), assets=_texts("assets", said),
        layers=frozenset(_word("layers", Drawn, one) for one in said.get("layers", [*Drawn])),
        duties=tuple(_word("duties", Duty, one) for one in said.get("duties", [])),
        steps=tuple(_name("steps", one) for one in said.get("steps", [])),
    )  # fmt: skip


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


def _name(field: str, said: Any) -> Name:
    if isinstance(said, str) and said.strip():
        return Name(said.strip())
    if not isinstance(said, list | tuple) or not any(said) or len(said) > 2:
        raise BadPreset(field, said)
    return Name(*(str(part).strip() for part in said))


def _texts(field: str, said: Mapping[str, Any]) -> tuple[str, ...]:
    texts = said.get(field, [])
    if not isinstance(texts, list | tuple) or not all(isinstance(one, str) and one for one in texts):  # fmt: skip
        raise BadPreset(field, texts)
    return tuple(texts)


def _word(field: str, words: type[W], said: Any) -> W:
    try:
        return words(said)
    except ValueError:
        raise BadPreset(field, said) from None
