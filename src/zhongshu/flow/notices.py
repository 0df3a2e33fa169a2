"""Telling people: a reader of the ledger makes notices, and each account keeps its own list.

The acts know nothing of it. How far was read and what was told are kept in one transaction,
so a reader that is killed tells nothing twice and leaves nothing out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import takewhile
from typing import ClassVar

from zhongshu.core.access import Actor
from zhongshu.core.cases import Case, fold
from zhongshu.core.cases.clocks import RUNGS, Clock, ClockState, Rung
from zhongshu.core.cases.undo import undone, waits
from zhongshu.core.escalation import Audience, Bearings, Directory, Found, Post, RungRule, sought
from zhongshu.core.facts import Fact
from zhongshu.core.notices import (
    MANDATORY,
    Notice,
    NoticeKind,
    concerns,
    heard,
    notices,
    released,
)
from zhongshu.core.values import PostId, Refused, UnitId
from zhongshu.flow import outward
from zhongshu.flow.city import City
from zhongshu.flow.outward import Outlet
from zhongshu.store import cases, facts
from zhongshu.store import notices as store
from zhongshu.store.db import Tx
from zhongshu.store.notices import Kept, NoticeFilter

READER = "notices"
#: How many facts are read in one transaction.
BATCH = 500
#: How long notices are kept: read ones since they were read, unread ones since they were made.
KEEP_READ = timedelta(days=30)
KEEP_UNREAD = timedelta(days=180)


class CannotBeMuted(Refused):
    status: ClassVar[int] = 409
    message = "Notices of the kind “%(value)s” cannot be switched off."
    remedy = "They are work that waits for a post. Give the post to somebody else instead."


def follow(
    tx: Tx, city: City, *, now: datetime, since: datetime | None = None, limit: int = BATCH,
    out: Outlet | None = None,
) -> int:  # fmt: skip
    """Read on in the ledger and tell; return how many facts were read.

    What happened before ``since`` is passed over: a past is no news. What may still be taken
    back is waited for, and what was taken back is not told. With ``out`` the messages that
    leave the hub are written beside the notices.
    """
    ledger = facts.read(tx, after=facts.position(tx, READER), limit=limit)
    read = _settled(ledger, now=now, window=city.undo_window)
    if not read:
        return 0
    news = [
        one.fact
        for one in read
        if (since is None or one.fact.at >= since) and concerns(one.fact, city.rules)
    ]
    if news:
        _keep(tx, city, _made(tx, city, news, now=now), now=now, out=out)
    facts.advance(tx, READER, read[-1].position)
    return len(read)


def _settled(read: Sequence[facts.Read], *, now: datetime, window: timedelta) -> list[facts.Read]:
    """Leave out everything from the first fact on that may still be taken back."""
    return list(takewhile(lambda one: not waits(one.fact, at=now, window=window), read))


def _made(tx: Tx, city: City, news: Sequence[Fact], *, now: datetime) -> list[Notice]:
    """Return what is told of some facts, each with its case as the fact left it."""
    stories = facts.of_cases(tx, sorted({fact.case for fact in news}))
    gone = {case: undone(story) for case, story in stories.items()}
    about = [(fact, fold(fact.case, stories[fact.case][: fact.seq])) for fact in news]
    where = [bearings(city, case, fact) for fact, case in about]
    directory = around(tx, city, where, at=now)
    return [
        notice
        for (fact, case), place in zip(about, where, strict=True)
        if fact.seq not in gone[fact.case]
        for notice in notices(fact, case, place, directory, city.rules)
    ]


def _keep(tx: Tx, city: City, made: Iterable[Notice], *, now: datetime, out: Outlet | None) -> None:
    told = list(made)
    accounts = sorted({n.account for n in told if n.account is not None})
    muted = store.muted(tx, accounts)
    kept = [(n, released(n, now, city.zone)) for n in heard(told, muted)]
    if kept:
        fresh = store.add(tx, kept, at=now)
        if out is not None and fresh:
            outward.of_notices(tx, city, fresh, out, at=now)


def bearings(city: City, case: Case, fact: Fact | None = None) -> Bearings:
    """Return where a case lies among areas and units."""
    chain = city.tree.chain(case.area) if case.area in city.tree.by_id else ()
    cells = tuple(area.id for area in map(city.tree.by_id.get, case.cells) if area is not None)  # type: ignore[arg-type]
    asked = fact.says.get("unit") if fact is not None else None
    return Bearings(
        areas=(*cells, *(area.id for area in reversed(chain))),
        lead=_upward(city, case.unit), asked=_upward(city, asked),
    )  # fmt: skip


def _upward(city: City, unit: UnitId | None) -> tuple[UnitId, ...]:
    """Return a unit and those above it, the nearest first."""
    found: list[UnitId] = []
    while unit is not None and unit in city.units and unit not in found:
        found.append(unit)
        unit = city.units[unit].parent
    return tuple(found)


def around(tx: Tx, city: City, where: Iterable[Bearings], *, at: datetime) -> Directory:
    """Return the posts around some cases, with who holds each at a moment."""
    places = list(where)
    found = store.posts_around(
        tx, areas=city.tree.versions({area for b in places for area in b.areas}),
        units=sorted({unit for b in places for unit in (*b.lead, *b.asked)}), at=at,
    )  # fmt: skip
    # A post keeps the version of the area it was made on: it is on what that is today.
    return Directory(
        replace(post, area=city.tree.by_id[post.area].id)
        if post.area is not None and post.area in city.tree.by_id
        else post
        for post in found
    )


def tell_idle_rules(
    tx: Tx, city: City, *, now: datetime, out: Outlet | None = None
) -> int:  # fmt: skip
    """Tell the administrators of duty rules that name a unit no longer at work; what is no
    longer so is taken back. Return how many such rules there are.
    """
    directory = around(tx, city, (), at=now)
    idle = [rule for rule in city.idle_rules if not rule.over(city.day)]
    found = sought(Audience.ADMINS, Bearings(), directory)
    told = [
        Notice(
            post=post, account=account, kind=NoticeKind.RULE, about=f"rule:{rule.id}", at=now,
            says={
                "what": "rule", "to": Audience.ADMINS.value, "rule": rule.id,
                "unit": city.code_of(rule.unit), "category": rule.category, "clause": rule.clause,
            },
        )
        for rule in idle
        for post in found.posts or found.vacant[:1]
        for account in post.holders or (None,)
    ]  # fmt: skip
    store.withdraw(tx, NoticeKind.RULE, but=[f"rule:{rule.id}" for rule in idle])
    _keep(tx, city, told, now=now, out=out)
    return len(idle)


def forget(tx: Tx, *, now: datetime) -> int:
    """Delete notices whose time is up; return how many."""
    return store.forget(tx, read_before=now - KEEP_READ, made_before=now - KEEP_UNREAD)


# ── one's own list ───────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Inbox:
    """One page of somebody's notices, with the cases among them that he may (still) see."""

    notices: Sequence[Kept]
    cases: dict[int, Case]
    next: tuple[bool, int] | None
    unread: int
    wanted: int
    waiting: int
    released: datetime | None


def held(actor: Actor) -> list[PostId]:
    """Return the posts an actor holds now."""
    return [holding.post for holding in actor.holdings]


def unread(tx: Tx, actor: Actor, *, now: datetime) -> int:
    """Return how many notices wait for an account: what the bell shows."""
    return store.count(tx, actor.account, held(actor), NoticeFilter(unread=True), now=now)


def inbox(
    tx: Tx, actor: Actor, wanted: NoticeFilter, *, now: datetime, after: tuple[bool, int] | None,
    limit: int,
) -> Inbox:  # fmt: skip
    """Return one page of an account's own notices."""
    mine = (actor.account, held(actor))
    found = store.page(tx, *mine, wanted, now=now, after=after, limit=limit + 1)
    page = found[:limit]
    ids = sorted({n.case_id for n in page if n.case_id is not None})
    waiting = NoticeFilter(unread=True, waiting=True)
    last = page[-1] if len(found) > limit else None
    return Inbox(
        notices=page, cases={c.id: c for c in cases.in_sight(tx, actor.sight, ids)},
        next=(last.read_at is None, last.id) if last else None,
        unread=unread(tx, actor, now=now), wanted=store.count(tx, *mine, wanted, now=now),
        waiting=store.count(tx, *mine, waiting, now=now),
        released=store.next_release(tx, *mine, now=now),
    )  # fmt: skip


def read(
    tx: Tx, actor: Actor, wanted: NoticeFilter, *, ids: Sequence[int] | None, now: datetime
) -> int:
    """Mark own notices as read: these, or all that are wanted; return how many were unread."""
    return store.read(tx, actor.account, held(actor), wanted, ids=ids, at=now)


def mute(tx: Tx, actor: Actor, kinds: Iterable[NoticeKind]) -> None:
    """Switch kinds off for oneself, and all others on."""
    chosen = sorted(set(kinds))
    for kind in chosen:
        if kind in MANDATORY:
            raise CannotBeMuted("kind", kind)
    store.mute(tx, actor.account, chosen)


def muted(tx: Tx, actor: Actor) -> frozenset[str]:
    """Return the kinds an account has switched off."""
    return frozenset(kind for _, kind in store.muted(tx, [actor.account]))


# ── who would be told, and why ───────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A rung of a running clock of a case: when it is reached, whom it tells and why."""

    clock: Clock
    rung: Rung
    at: datetime
    passed: bool
    rule: RungRule
    told: Sequence[tuple[Audience, Found]]


def explained(tx: Tx, city: City, case: Case, *, now: datetime) -> list[Step]:
    """Return whom each rung of the running clocks would tell now. Nothing is sent."""
    place = bearings(city, case)
    directory = around(tx, city, [place], at=now)
    return [
        Step(
            clock=clock, rung=rung, at=at, passed=n < clock.climbed, rule=rule,
            told=[(audience, sought(audience, place, directory)) for audience in rule.told],
        )
        for clock in case.clocks
        if clock.state is ClockState.RUNNING
        for n, (rung, at) in enumerate(zip(RUNGS, clock.rungs, strict=True))
        for rule in (city.rules.ladder[clock.kind, rung],)
    ]  # fmt: skip


def quiet_until(city: City, case: Case, post: Post, at: datetime) -> datetime | None:
    """Return until when a post would not be disturbed for a case at a moment; None: at once."""
    if case.hazard or case.priority == 1 or post.quiet is None:
        return None
    return post.quiet.until(at, city.zone)
