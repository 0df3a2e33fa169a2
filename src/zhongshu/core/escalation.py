"""The ladder: who is told when a clock reaches a rung, and what else that sets going.

Posts are told, not persons: whoever holds the post at that moment. A post that nobody holds
passes what it should have heard to the post above, and says so. `LADDER` is the whole rule,
a city may change each row of it; docs/guides/escalation.md prints it for people.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from zhongshu.core.access import Duty
from zhongshu.core.cases.clocks import ClockKind, Rung
from zhongshu.core.procedures import LEVELS
from zhongshu.core.values import AccountId, AreaId, Name, PostId, Refused, UnitId


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of every day in which a post is not disturbed, in the city's time: from ``start``
    until before ``end``, over midnight where the end is not after the start.
    """

    start: time
    end: time

    def holds(self, local: time) -> bool:
        """Say whether a time of day lies in the quiet hours."""
        if self.start < self.end:
            return self.start <= local < self.end
        return local >= self.start or local < self.end

    def until(self, at: datetime, zone: ZoneInfo) -> datetime | None:
        """Return when the quiet hours around a moment end; None outside of them."""
        local = at.astimezone(zone)
        if not self.holds(local.time()):
            return None
        day = local.date() + timedelta(days=int(local.time() >= self.end))
        # When the clocks are set back an hour there are two such moments.
        ends = sorted(
            datetime.combine(day, self.end, zone).replace(fold=fold).astimezone(at.tzinfo)
            for fold in (0, 1)
        )
        free = (e for e in ends if e > at and not self.holds(e.astimezone(zone).time()))
        return next(free, ends[-1])


#: From ten at night until seven in the morning.
USUAL_QUIET = Quiet(time(22), time(7))


@dataclass(frozen=True, slots=True, kw_only=True)
class Post:
    """A post as the ladder sees it. Neither area nor unit: the whole city.

    ``holders`` are the accounts that hold it at this moment; ``quiet`` None: told at any hour.
    """

    id: PostId
    duty: Duty
    name: Name
    area: AreaId | None = None
    unit: UnitId | None = None
    quiet: Quiet | None = USUAL_QUIET
    holders: tuple[AccountId, ...] = ()


class Audience(StrEnum):
    """Whom a row of the ladder names. `PATHS_UP` says where each is looked for."""

    HANDLERS = "handlers"  # 责任单位处置岗
    ASKED_UNIT = "asked_unit"  # 被请求单位处置岗
    UNIT_ABOVE = "unit_above"  # 上级单位督办岗
    ACCEPTORS = "acceptors"  # 受理岗
    DISPATCHERS = "dispatchers"  # 派遣岗
    CHECKERS = "checkers"  # 核查岗
    GRID_WORKERS = "grid_workers"  # 网格员
    AREA_LEAD = "area_lead"  # 网格长
    AREA_ABOVE = "area_above"  # 上一级网格长
    CHAIN = "chain"  # 组织链最近一级
    CHAIN_ABOVE = "chain_above"  # 组织链上一级
    SUPERVISORS = "supervisors"  # 最近的督办岗
    CITY = "city"  # 市级督办岗
    ADMINS = "admins"  # 管理员


class Line(StrEnum):
    """Along which line of places an audience is looked for, the nearest first."""

    AREAS = "areas"  # the cells of the case and all above, then the whole city
    LEAD = "lead"  # the lead unit and those above, then the whole city
    ASKED = "asked"  # the unit something is asked of, and those above
    WHOLE_CITY = "whole_city"  # the area of the city itself, then posts without area or unit


@dataclass(frozen=True, slots=True, kw_only=True)
class PathUp:
    """Where an audience is looked for.

    At each place the ``duties`` are asked in turn; the first step with a holder is told, or
    with ``above`` the next one after so many. Where nobody is found ``then`` is asked
    instead, but for an ``optional`` audience of which the city has no post at all.
    """

    line: Line
    duties: tuple[Duty, ...]
    then: Audience | None
    above: int = 0
    optional: bool = False


_A = Audience
_CHAIN_UP = (Duty.CHAIN_MEMBER, Duty.CHAIN_BUILDING, Duty.CHAIN_ESTATE, Duty.CHAIN_COMMUNITY)
PATHS_UP: Mapping[Audience, PathUp] = MappingProxyType(
    {
        _A.HANDLERS: PathUp(line=Line.LEAD, duties=(Duty.HANDLER,), then=_A.UNIT_ABOVE),
        _A.ASKED_UNIT: PathUp(line=Line.ASKED, duties=(Duty.HANDLER,), then=_A.CITY),
        _A.UNIT_ABOVE: PathUp(line=Line.LEAD, duties=(Duty.SUPERVISOR,), then=_A.CITY),
        _A.ACCEPTORS: PathUp(line=Line.AREAS, duties=(Duty.ACCEPTOR,), then=_A.SUPERVISORS),
        _A.DISPATCHERS: PathUp(line=Line.AREAS, duties=(Duty.DISPATCHER,), then=_A.SUPERVISORS),
        _A.CHECKERS: PathUp(line=Line.AREAS, duties=(Duty.CHECKER,), then=_A.SUPERVISORS),
        _A.GRID_WORKERS: PathUp(
            line=Line.AREAS, duties=(Duty.GRID_WORKER, Duty.GRID_LEAD), then=_A.SUPERVISORS
        ),
        _A.AREA_LEAD: PathUp(line=Line.AREAS, duties=(Duty.GRID_LEAD,), then=_A.SUPERVISORS),
        _A.AREA_ABOVE: PathUp(
            line=Line.AREAS, duties=(Duty.GRID_LEAD,), then=_A.SUPERVISORS, above=1
        ),
        _A.CHAIN: PathUp(line=Line.AREAS, duties=_CHAIN_UP, then=_A.AREA_LEAD, optional=True),
        _A.CHAIN_ABOVE: PathUp(
            line=Line.AREAS, duties=_CHAIN_UP, then=_A.AREA_ABOVE, above=1, optional=True
        ),
        _A.SUPERVISORS: PathUp(line=Line.AREAS, duties=(Duty.SUPERVISOR,), then=_A.CITY),
        _A.CITY: PathUp(line=Line.WHOLE_CITY, duties=(Duty.SUPERVISOR,), then=_A.ADMINS),
        _A.ADMINS: PathUp(line=Line.WHOLE_CITY, duties=(Duty.ADMIN,), then=None),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bearings:
    """Where a case lies: its areas (cells that cut across first, then the deepest, then all
    above), its lead unit and the unit something is asked of, each followed by those above.
    """

    areas: tuple[AreaId, ...] = ()
    lead: tuple[UnitId, ...] = ()
    asked: tuple[UnitId, ...] = ()


#: A place of a line: an area, a unit, or the whole city.
_Place = tuple[str, int | None]
_CITY: _Place = ("city", None)


class Directory:
    """The posts around some cases, found by duty and place."""

    def __init__(self, posts: Iterable[Post]) -> None:
        found: dict[tuple[Duty, _Place], list[Post]] = {}
        for post in sorted(posts, key=lambda post: post.id):
            found.setdefault((post.duty, _place(post)), []).append(post)
        self._found = {key: tuple(posts) for key, posts in found.items()}

    def at(self, duty: Duty, place: _Place) -> tuple[Post, ...]:
        return self._found.get((duty, place), ())


def _place(post: Post) -> _Place:
    if post.area is not None:
        return ("area", post.area)
    return ("unit", post.unit) if post.unit is not None else _CITY


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """Who is told for an audience: posts with holders (none: nobody in the whole city could
    be found), the ``vacant`` ones passed on the way, and the audience that is told
    ``instead`` where the one asked for has no holder anywhere.
    """

    posts: tuple[Post, ...] = ()
    vacant: tuple[Post, ...] = ()
    instead: Audience | None = None


def sought(audience: Audience, bearings: Bearings, directory: Directory) -> Found:
    """Return who is told for an audience around a case."""
    asked, vacant = audience, dict[PostId, Post]()
    while True:
        path = PATHS_UP[asked]
        if not _begins(path.line, bearings):
            return Found()
        steps = list(_steps(path, bearings, directory))
        if not steps and path.optional:
            return Found()
        reached, empty = _reached(steps, path.above)
        vacant |= {post.id: post for post in empty}
        if reached or path.then is None:
            return Found(
                posts=reached, vacant=tuple(vacant.values()),
                instead=asked if asked is not audience else None,
            )  # fmt: skip
        asked = path.then


def _reached(
    steps: Sequence[tuple[Post, ...]], above: int
) -> tuple[tuple[Post, ...], tuple[Post, ...]]:
    """Return the posts with holders of the first such step above so many others, and the
    vacant ones passed since the step before.
    """
    vacant: list[Post] = []
    for step in steps:
        held = tuple(post for post in step if post.holders)
        if not held:
            vacant += step
        elif above == 0:
            return held, tuple(vacant)
        else:
            above, vacant = above - 1, []
    return (), tuple(vacant)


def _begins(line: Line, bearings: Bearings) -> bool:
    """Say whether there is anything to look along: without a lead unit it has no handlers."""
    if line is Line.LEAD:
        return bool(bearings.lead)
    return bool(bearings.asked) if line is Line.ASKED else True


def _steps(
    path: PathUp, bearings: Bearings, directory: Directory
) -> Iterator[tuple[Post, ...]]:  # fmt: skip
    """Yield the posts along a line, the nearest place first, and there duty by duty."""
    for place in _places(path.line, bearings):
        for duty in path.duties:
            posts = directory.at(duty, place)
            if posts:
                yield posts


def _places(line: Line, bearings: Bearings) -> Iterator[_Place]:
    match line:
        case Line.AREAS:
            yield from (("area", area) for area in bearings.areas)
        case Line.LEAD:
            yield from (("unit", unit) for unit in bearings.lead)
        case Line.ASKED:
            yield from (("unit", unit) for unit in bearings.asked)
        case Line.WHOLE_CITY:
            yield from (("area", area) for area in bearings.areas[-1:])
    yield _CITY


# ── the ladder ───────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class RungRule:
    """What a rung does: who is told, and the level of supervision (督办) that has to be open
    from now on; 0: telling is all.
    """

    told: tuple[Audience, ...] = ()
    level: int = 0


_K, _R = ClockKind, Rung
#: What happens where a city says nothing else.
LADDER: Mapping[tuple[ClockKind, Rung], RungRule] = MappingProxyType(
    {
        (_K.ACCEPT, _R.WARN): RungRule(told=(_A.ACCEPTORS,)),
        (_K.ACCEPT, _R.RED): RungRule(),
        (_K.ACCEPT, _R.OVERDUE): RungRule(told=(_A.ACCEPTORS,)),
        (_K.ACCEPT, _R.HIGHER): RungRule(told=(_A.SUPERVISORS,)),
        (_K.ACCEPT, _R.HIGHEST): RungRule(told=(_A.CITY,)),

        (_K.DISPATCH, _R.WARN): RungRule(told=(_A.DISPATCHERS,)),
        (_K.DISPATCH, _R.RED): RungRule(),
        (_K.DISPATCH, _R.OVERDUE): RungRule(told=(_A.DISPATCHERS,)),
        (_K.DISPATCH, _R.HIGHER): RungRule(told=(_A.SUPERVISORS,)),
        (_K.DISPATCH, _R.HIGHEST): RungRule(told=(_A.CITY,)),

        (_K.HANDLE, _R.WARN): RungRule(told=(_A.HANDLERS,)),
        (_K.HANDLE, _R.RED): RungRule(told=(_A.HANDLERS, _A.DISPATCHERS)),
        (_K.HANDLE, _R.OVERDUE): RungRule(told=(_A.HANDLERS, _A.DISPATCHERS, _A.AREA_LEAD, _A.CHAIN)),
        (_K.HANDLE, _R.HIGHER): RungRule(told=(_A.AREA_ABOVE, _A.UNIT_ABOVE, _A.CHAIN_ABOVE), level=1),
        (_K.HANDLE, _R.HIGHEST): RungRule(told=(_A.CITY,), level=2),

        (_K.CHECK, _R.WARN): RungRule(told=(_A.CHECKERS,)),
        (_K.CHECK, _R.RED): RungRule(),
        (_K.CHECK, _R.OVERDUE): RungRule(told=(_A.CHECKERS,)),
        (_K.CHECK, _R.HIGHER): RungRule(told=(_A.SUPERVISORS,)),
        (_K.CHECK, _R.HIGHEST): RungRule(told=(_A.CITY,)),

        (_K.WHOLE, _R.WARN): RungRule(told=(_A.DISPATCHERS,)),
        (_K.WHOLE, _R.RED): RungRule(),
        (_K.WHOLE, _R.OVERDUE): RungRule(told=(_A.SUPERVISORS,)),
        (_K.WHOLE, _R.HIGHER): RungRule(told=(_A.CITY,)),
        (_K.WHOLE, _R.HIGHEST): RungRule(),
    }
)  # fmt: skip


class NoSuchWord(Refused):
    message = "%(field)s: “%(value)s” is not one of: %(choices)s."
    remedy = "Choose among the words listed."


class NotSoFar(Refused):
    message = "%(field)s: %(value)s is no level of supervision: 0 to %(most)s."
    remedy = "0 tells people and opens nothing."


def ladder(said: Mapping[str, Any]) -> Mapping[tuple[ClockKind, Rung], RungRule]:
    """Return the ladder with the rows a city has said: clock → rung → who is told, level."""
    rows = dict(LADDER)
    for kind, rungs in said.items():
        for rung, row in rungs.items():
            clock = ClockKind(among("clock", kind, list(ClockKind)))
            step = Rung(among("rung", rung, list(Rung)))
            rows[clock, step] = RungRule(
                told=audiences(row.get("told", ())), level=level(row.get("level", 0))
            )
    return MappingProxyType(rows)


def audiences(words: Iterable[str]) -> tuple[Audience, ...]:
    """Read whom a row names, each once, in the order of `Audience`."""
    said = {Audience(among("told", word, list(Audience))) for word in words}
    return tuple(one for one in Audience if one in said)


def level(number: int) -> int:
    """Read a level of supervision; 0 is none."""
    if not 0 <= number <= len(LEVELS):
        raise NotSoFar("level", number, most=len(LEVELS))
    return number


def among(field: str, word: str, choices: Sequence[str]) -> str:
    """Return a word that is one of the choices, or refuse it."""
    if word not in choices:
        raise NoSuchWord(field, word, choices=", ".join(choices))
    return word


def passed(clocks: Mapping[str, Any], said: Mapping[str, Any]) -> dict[ClockKind, tuple[Rung, ...]]:
    """Return the rungs a fact of climbing passed, by clock: what it says, or at least the
    highest of each.
    """
    return {
        ClockKind(kind): tuple(Rung(r) for r in said.get(kind) or ([rung] if rung else []))
        for kind, rung in clocks.items()
    }
