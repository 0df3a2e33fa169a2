"""The clocks of a case: what each act does to each of them, and when the next rung is due.

A case carries one clock for each stage somebody answers for and one for the whole. They
are fields of the case like any other, so the ledger explains them and folding it gives
them back. `EFFECTS` is the whole rule; docs/guides/clocks.md prints it for people.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar

from zhongshu.core.calendar import Calendar, Limit, advance, parse_limit, spent


class ClockKind(StrEnum):
    """What a clock measures, and so who answers for it."""

    ACCEPT = "accept"  # 受理: the acceptor, until the case is filed
    DISPATCH = "dispatch"  # 派遣: the dispatcher, until a unit has it
    HANDLE = "handle"  # 处置: the lead unit, from dispatch until handled
    CHECK = "check"  # 核查: the checker
    WHOLE = "whole"  # 全程: the city, from the report until it is closed


class ClockState(StrEnum):
    RUNNING = "running"
    PAUSED = "paused"  # keeps what is left, has no deadline
    FOLDED = "folded"  # the case is merged: the deadline stays, nobody is warned
    SHARED = "shared"  # 捆绑计时: it shows the leading case's clock, which warns for both
    STOPPED = "stopped"


class Rung(StrEnum):
    """The steps of the ladder a running clock climbs, and the share of its time each stands at."""

    WARN = "warn"  # 预警
    RED = "red"  # 告急
    OVERDUE = "overdue"  # 超时
    HIGHER = "higher"  # 升级: the next post above is told
    HIGHEST = "highest"  # 再升级


RUNGS: Mapping[Rung, float] = MappingProxyType(
    {Rung.WARN: 0.7, Rung.RED: 0.9, Rung.OVERDUE: 1.0, Rung.HIGHER: 1.5, Rung.HIGHEST: 2.0}
)
_LADDER = tuple(RUNGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Clock:
    """One clock. ``length_s`` is all the time it gives, extensions included (seconds:
    running ones, or working ones where the limit is in wh or wd); ``left_s`` what was left
    when it last stood still. ``calendar`` is the code of the unit whose hours it keeps
    (empty: the city's). ``rungs`` are the moments of `RUNGS` while it runs; ``climbed``
    counts those already passed. ``own`` is, on a clock that came from a leading case, the
    clock the case had before: it is given back as it was.
    """

    kind: ClockKind
    state: ClockState
    limit: str
    started_at: datetime
    length_s: float
    calendar: str = ""
    due_at: datetime | None = None
    left_s: float | None = None
    stopped_at: datetime | None = None
    extended: int = 0
    climbed: int = 0
    rungs: tuple[datetime, ...] = ()
    own: Clock | None = None

    @property
    def next_at(self) -> datetime | None:
        """When the next rung is due; None where nobody is to be told of anything more."""
        if self.state is not ClockState.RUNNING or self.climbed >= len(self.rungs):
            return None
        return self.rungs[self.climbed]

    @property
    def rung(self) -> Rung | None:
        """The highest rung climbed."""
        return _LADDER[self.climbed - 1] if self.climbed else None

    @property
    def late(self) -> bool:
        """Say whether it ran out: it stopped after its deadline, or the rung was climbed."""
        return self.left_s < 0 if self.left_s is not None else self.climbed > 2

    def record(self) -> dict[str, Any]:
        """Return it JSON-ready, without what is nothing."""
        said = {
            "kind": self.kind.value, "state": self.state.value, "limit": self.limit,
            "started_at": self.started_at.isoformat(), "length_s": self.length_s,
            "calendar": self.calendar, "left_s": self.left_s, "extended": self.extended,
            "climbed": self.climbed, "rungs": [at.isoformat() for at in self.rungs],
            "due_at": self.due_at.isoformat() if self.due_at else None,
            "stopped_at": self.stopped_at.isoformat() if self.stopped_at else None,
            "own": self.own.record() if self.own else None,
        }  # fmt: skip
        return {name: value for name, value in said.items() if value not in (None, "", 0, [])}

    @classmethod
    def read(cls, said: Mapping[str, Any]) -> Clock:
        """Undo `record`."""
        return cls(
            kind=ClockKind(said["kind"]), state=ClockState(said["state"]), limit=said["limit"],
            started_at=datetime.fromisoformat(said["started_at"]), length_s=said["length_s"],
            calendar=said.get("calendar", ""), due_at=_moment(said.get("due_at")),
            left_s=said.get("left_s"), stopped_at=_moment(said.get("stopped_at")),
            extended=said.get("extended", 0), climbed=said.get("climbed", 0),
            rungs=tuple(datetime.fromisoformat(at) for at in said.get("rungs", ())),
            own=cls.read(said["own"]) if "own" in said else None,
        )  # fmt: skip


def _moment(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


class Tick(StrEnum):
    """What can happen to the clocks. Most are acts; the last ones come from procedures."""

    REPORTED = "reported"
    FILED = "filed"
    DISPATCHED = "dispatched"  # to a unit that did not have it before
    DISPATCHED_AGAIN = "dispatched_again"  # to the unit that returned it
    RETURNED = "returned"
    HANDLED = "handled"
    PASSED = "passed"
    FAILED = "failed"
    CLOSED = "closed"
    REJECTED = "rejected"
    REOPENED = "reopened"  # a closed one: back to the dispatcher
    REVIVED = "revived"  # a rejected one: back to the acceptor
    MERGED = "merged"
    UNMERGED = "unmerged"
    HELD = "held"  # 挂账 begins
    RESUMED = "resumed"  # … and ends
    EXTENDED = "extended"  # 延期
    LINKED = "linked"  # 捆绑: to a leading case …
    UNLINKED = "unlinked"  # … and apart again


class Effect(StrEnum):
    START = "start"  # anew, with all its time
    STOP = "stop"
    PAUSE = "pause"
    RESUME = "resume"  # with the time that was left
    DROP = "drop"  # the run is over and another will start: only the ledger keeps it
    FOLD = "fold"
    UNFOLD = "unfold"
    EXTEND = "extend"  # by the whole limit once more
    SHARE = "share"  # show the leading case's clock; its own rests inside
    GIVE_BACK = "give_back"  # its own again, exactly as it was
    FOLLOW = "follow"  # show what has become of the leading case's clock
    GO_ON = "go_on"  # run on by itself with the time the shared clock had left


_K, _E = ClockKind, Effect

#: What happens to which clock. A clock not named goes on as it was; an effect on a clock
#: that is not there, or that stands in a state it does not fit, is none.
EFFECTS: Mapping[Tick, Mapping[ClockKind, Effect]] = MappingProxyType(
    {
        Tick.REPORTED: {_K.ACCEPT: _E.START, _K.WHOLE: _E.START},
        Tick.FILED: {_K.ACCEPT: _E.STOP, _K.DISPATCH: _E.START},
        Tick.DISPATCHED: {_K.DISPATCH: _E.STOP, _K.HANDLE: _E.START},
        Tick.DISPATCHED_AGAIN: {_K.DISPATCH: _E.STOP, _K.HANDLE: _E.RESUME},
        Tick.RETURNED: {_K.HANDLE: _E.PAUSE, _K.DISPATCH: _E.START},
        Tick.HANDLED: {_K.HANDLE: _E.STOP, _K.CHECK: _E.START},
        Tick.FAILED: {_K.CHECK: _E.STOP, _K.HANDLE: _E.RESUME},
        Tick.PASSED: {_K.CHECK: _E.STOP},
        Tick.CLOSED: {_K.WHOLE: _E.STOP},
        Tick.REJECTED: dict.fromkeys(ClockKind, _E.STOP),
        Tick.REOPENED: {
            _K.ACCEPT: _E.DROP, _K.HANDLE: _E.DROP, _K.CHECK: _E.DROP,
            _K.DISPATCH: _E.START, _K.WHOLE: _E.START,
        },
        Tick.REVIVED: {
            _K.DISPATCH: _E.DROP, _K.HANDLE: _E.DROP, _K.CHECK: _E.DROP,
            _K.ACCEPT: _E.START, _K.WHOLE: _E.START,
        },
        Tick.MERGED: dict.fromkeys(ClockKind, _E.FOLD),
        Tick.UNMERGED: dict.fromkeys(ClockKind, _E.UNFOLD),
        Tick.HELD: {_K.HANDLE: _E.PAUSE, _K.WHOLE: _E.PAUSE},
        Tick.RESUMED: {_K.HANDLE: _E.RESUME, _K.WHOLE: _E.RESUME},
        Tick.EXTENDED: {_K.HANDLE: _E.EXTEND},
        Tick.LINKED: {_K.HANDLE: _E.SHARE},
        Tick.UNLINKED: {_K.HANDLE: _E.GIVE_BACK},
    }
)  # fmt: skip

#: What a tick of the leading case does to the handling clocks of the cases linked to it. A tick
#: not named does nothing to them; a leading case is not merged while others are linked to it.
SHARED_EFFECTS: Mapping[Tick, Effect] = MappingProxyType(
    {
        Tick.DISPATCHED: _E.FOLLOW, Tick.DISPATCHED_AGAIN: _E.FOLLOW, Tick.RETURNED: _E.FOLLOW,
        Tick.HELD: _E.FOLLOW, Tick.RESUMED: _E.FOLLOW, Tick.EXTENDED: _E.FOLLOW,
        Tick.HANDLED: _E.GO_ON, Tick.REJECTED: _E.GO_ON,
    }
)  # fmt: skip

#: The states an effect finds something to do in; None: there is no such clock yet.
FITS: Mapping[Effect, frozenset[ClockState | None]] = MappingProxyType(
    {
        _E.START: frozenset({None, *ClockState}),
        _E.STOP: frozenset({ClockState.RUNNING, ClockState.PAUSED, ClockState.SHARED}),
        _E.PAUSE: frozenset({ClockState.RUNNING}),
        _E.RESUME: frozenset({ClockState.PAUSED, ClockState.STOPPED}),
        _E.DROP: frozenset(ClockState),
        _E.FOLD: frozenset({ClockState.RUNNING}),
        _E.UNFOLD: frozenset({ClockState.FOLDED}),
        _E.EXTEND: frozenset({ClockState.RUNNING}),
        _E.SHARE: frozenset({ClockState.RUNNING}),
        _E.GIVE_BACK: frozenset({ClockState.SHARED, ClockState.RUNNING}),
        _E.FOLLOW: frozenset({ClockState.SHARED}),
        _E.GO_ON: frozenset({ClockState.SHARED}),
    }
)


@dataclass(frozen=True)
class Keeper:
    """Keeps the clocks: how long each gives, and by whose hours.

    ``units`` are the calendars of units that have one of their own, by code.
    """

    limits: Mapping[ClockKind, Limit]
    calendar: Calendar
    units: Mapping[str, Calendar]

    #: Where a city says nothing: the dispatcher's quarter of an hour is a city's rule
    #: (domain notes 1.3); the others are proposals.
    USUAL: ClassVar[Mapping[ClockKind, str]] = MappingProxyType(
        {_K.ACCEPT: "0.5uh", _K.DISPATCH: "0.25uh", _K.CHECK: "1wd", _K.WHOLE: "15wd"}
    )

    @classmethod
    def usual(
        cls, calendar: Calendar, *, units: Mapping[str, Calendar], said: Mapping[str, str]
    ) -> Keeper:
        """Return a keeper with the usual limits, but for those ``said``."""
        limits = {
            kind: parse_limit(said.get(kind, text), field=f"limits.{kind}")
            for kind, text in cls.USUAL.items()
        }
        return cls(limits, calendar, units)

    def after(
        self, clocks: tuple[Clock, ...], tick: Tick, at: datetime, *, work: Limit | None = None,
        unit: str = "", lead: Clock | None = None,
    ) -> tuple[Clock, ...]:  # fmt: skip
        """Return the clocks after something happened.

        ``work`` is the limit of the work and ``unit`` the code of the unit it goes to: only
        a handling clock that starts asks for them. ``lead`` is the handling clock of the
        leading case, for one that is linked to it.
        """
        return self._after(clocks, EFFECTS[tick], at, work, unit, lead)

    def shared(
        self, clocks: tuple[Clock, ...], tick: Tick, at: datetime, *, lead: Clock | None
    ) -> tuple[Clock, ...]:
        """Return the clocks of a linked case after something happened to the leading one, whose
        handling clock is now ``lead``.
        """
        effect = SHARED_EFFECTS.get(tick)
        if effect is None:
            return clocks
        return self._after(clocks, {ClockKind.HANDLE: effect}, at, None, "", lead)

    def _after(
        self, clocks: tuple[Clock, ...], effects: Mapping[ClockKind, Effect], at: datetime,
        work: Limit | None, unit: str, lead: Clock | None,
    ) -> tuple[Clock, ...]:  # fmt: skip
        kept = {clock.kind: clock for clock in clocks}
        for kind, effect in effects.items():
            old = kept.get(kind)
            if (old.state if old else None) not in FITS[effect]:
                continue
            new = self._apply(effect, kind, old, at, work, unit, lead)
            if new is None:
                kept.pop(kind, None)
            else:
                kept[kind] = new
        return tuple(kept[kind] for kind in ClockKind if kind in kept)

    def _apply(
        self, effect: Effect, kind: ClockKind, old: Clock | None, at: datetime,
        work: Limit | None, unit: str, lead: Clock | None,
    ) -> Clock | None:  # fmt: skip
        if effect is Effect.START:
            limit = work if kind is ClockKind.HANDLE else self.limits[kind]
            return None if limit is None else self._started(kind, limit, at, unit)
        assert old is not None
        match effect:
            case Effect.DROP:
                return None
            case Effect.FOLD:
                return replace(old, state=ClockState.FOLDED)
            case Effect.UNFOLD:
                return replace(old, state=ClockState.RUNNING)
            case Effect.STOP:
                left = self._left(old, at)
                return replace(
                    old, state=ClockState.STOPPED, stopped_at=at, left_s=left, rungs=(), own=None
                )
            case Effect.PAUSE:
                left = self._left(old, at)
                return replace(old, state=ClockState.PAUSED, left_s=left, due_at=None, rungs=())
            case Effect.RESUME:
                return self._resumed(old, at)
            case Effect.EXTEND:
                return self._extended(old)
            case Effect.SHARE:
                return _showing(lead, own=old) or old
            case Effect.GIVE_BACK:
                return old.own or old
            case Effect.FOLLOW:
                return _showing(lead, own=old.own) or old
            case Effect.GO_ON:
                return self._gone_on(old, at)

    def _started(self, kind: ClockKind, limit: Limit, at: datetime, unit: str) -> Clock:
        code = unit if kind is ClockKind.HANDLE and unit in self.units else ""
        length = self._hours(code).seconds(limit)
        fresh = Clock(
            kind=kind, state=ClockState.RUNNING, limit=str(limit), started_at=at,
            length_s=length, calendar=code,
        )  # fmt: skip
        return self._until(fresh, self._moved(fresh, at, length))

    def _resumed(self, old: Clock, at: datetime) -> Clock:
        """Let it run again. Time overdrawn stays overdrawn: it is late at once."""
        running = replace(old, state=ClockState.RUNNING, left_s=None, stopped_at=None)
        return self._until(running, max(at, self._moved(running, at, old.left_s or 0.0)))

    def _gone_on(self, old: Clock, at: datetime) -> Clock:
        """Let it run by itself. What the leading case was warned of is not said again, but that
        it is overdue each case says for itself.
        """
        if old.due_at is None:
            return self._resumed(old, at)
        passed = min(sum(rung < at for rung in old.rungs), _LADDER.index(Rung.OVERDUE))
        return replace(old, state=ClockState.RUNNING, climbed=passed)

    def _extended(self, old: Clock) -> Clock:
        assert old.due_at is not None
        more = self._hours(old.calendar).seconds(parse_limit(old.limit))
        longer = replace(old, length_s=old.length_s + more, extended=old.extended + 1, climbed=0)
        return self._until(longer, self._moved(longer, old.due_at, more))

    def _until(self, clock: Clock, due_at: datetime) -> Clock:
        """Give it its deadline and the moments of its rungs."""
        rungs = tuple(
            due_at if share == 1
            else self._moved(clock, due_at, (share - 1) * clock.length_s)
            for share in RUNGS.values()
        )  # fmt: skip
        return replace(clock, due_at=due_at, rungs=rungs)

    def _left(self, clock: Clock, at: datetime) -> float:
        if clock.due_at is None:
            return clock.left_s or 0.0
        hours = self._hours(clock.calendar)
        return spent(hours, at, clock.due_at, working=_working(clock))

    def _moved(self, clock: Clock, at: datetime, seconds: float) -> datetime:
        return advance(self._hours(clock.calendar), at, seconds, working=_working(clock))

    def _hours(self, code: str) -> Calendar:
        return self.units.get(code, self.calendar)

    def hours(self, clock: Clock) -> Calendar:
        """Return the calendar a clock keeps."""
        return self._hours(clock.calendar)


def _showing(lead: Clock | None, *, own: Clock | None) -> Clock | None:
    """Return a clock that shows another's, and warns nobody itself; none where there is none."""
    return replace(lead, state=ClockState.SHARED, own=own) if lead is not None else None


def _working(clock: Clock) -> bool:
    return parse_limit(clock.limit).working


def climbed(clocks: tuple[Clock, ...], at: datetime) -> tuple[tuple[Clock, ...], tuple[Clock, ...]]:
    """Return the clocks with every rung climbed that ``at`` has passed, and those that climbed."""
    after = tuple(_climbed(clock, at) for clock in clocks)
    return after, tuple(new for old, new in zip(clocks, after, strict=True) if new != old)


def passing(before: tuple[Clock, ...], moved: tuple[Clock, ...]) -> dict[str, Any]:
    """Return what a fact says of clocks that climbed: the rung each stands on, and all passed."""
    was = {clock.kind: clock.climbed for clock in before}
    return {
        "clocks": {clock.kind.value: clock.rung for clock in moved},
        "passed": {c.kind.value: _LADDER[was[c.kind] : c.climbed] for c in moved},
    }


def _climbed(clock: Clock, at: datetime) -> Clock:
    if clock.state is not ClockState.RUNNING:
        return clock
    return replace(clock, climbed=max(clock.climbed, sum(rung < at for rung in clock.rungs)))


def next_at(clocks: tuple[Clock, ...]) -> datetime | None:
    """Return when the first rung of any clock is due."""
    return min((at for clock in clocks if (at := clock.next_at) is not None), default=None)


def waiting(clocks: tuple[Clock, ...]) -> Clock | None:
    """Return the clock that runs now for whoever has the case, the first to run out; that of the
    whole only where no other does. None: all rest.
    """
    going = [
        clock for clock in clocks
        if clock.state in (ClockState.RUNNING, ClockState.SHARED) and clock.due_at is not None
    ]  # fmt: skip
    return min(going, key=lambda c: (c.kind is ClockKind.WHOLE, c.due_at), default=None)


def by_kind(clocks: tuple[Clock, ...], kind: ClockKind) -> Clock | None:
    """Return the clock of a kind, if there is one."""
    return next((clock for clock in clocks if clock.kind is kind), None)
