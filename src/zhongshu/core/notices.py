"""Notices: what whoever holds a post is told, worked out from one fact of the ledger.

`TELLINGS` says of what happens on a case whom it is told; what clocks tell is the ladder's
(`escalation`). Nobody is told of his own act, nobody twice of one thing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from types import MappingProxyType
from typing import Any
from zoneinfo import ZoneInfo

from zhongshu.core.cases import Case
from zhongshu.core.cases.clocks import ClockKind, Rung, by_kind
from zhongshu.core.escalation import (
    Audience,
    Bearings,
    Directory,
    Found,
    Post,
    RungRule,
    among,
    audiences,
    passed,
    sought,
)
from zhongshu.core.facts import Fact, Kind
from zhongshu.core.values import AccountId, CaseId, PostId


class NoticeKind(StrEnum):
    """What a notice is about; each may be switched off by oneself but for `MANDATORY`."""

    CLOCK = "clock"  # 时钟: a clock reached a rung
    HAZARD = "hazard"  # 险情: a case is dangerous
    DISPATCHED = "dispatched"  # 新派: a case was sent to my unit
    PART = "part"  # 请求协同: something is asked of my unit
    REWORK = "rework"  # 返工: the check found it not done
    RETURNED = "returned"  # 退单: a unit gave it back
    TO_CHECK = "to_check"  # 待核: something waits to be looked at
    DECIDE = "decide"  # 待决: a procedure waits for a decision
    DECIDED = "decided"  # 已决: … and was decided
    SUPERVISED = "supervised"  # 督办
    REOPENED = "reopened"  # 重办
    JOINED = "joined"  # 又有上报: another report on a case I handle
    LATE = "late"  # 程序逾期: what was asked for is not decided in time
    RULE = "rule"  # 规则停用: a duty rule names a unit no longer at work


#: What nobody can switch off: work that waits for the post, and danger.
MANDATORY: frozenset[NoticeKind] = frozenset(
    {
        NoticeKind.CLOCK, NoticeKind.HAZARD, NoticeKind.DISPATCHED, NoticeKind.PART,
        NoticeKind.REWORK, NoticeKind.DECIDE, NoticeKind.SUPERVISED,
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Telling:
    """Whom something that happens is told, and whether quiet hours wait for it."""

    kind: NoticeKind
    told: tuple[Audience, ...] = ()
    urgent: bool = False


_A, _N = Audience, NoticeKind
#: What is told to whom where a city says nothing else: by the kind of fact, or the kind of
#: procedure and the state it came to (`happenings`).
TELLINGS: Mapping[str, Telling] = MappingProxyType(
    {
        "hazard": Telling(kind=_N.HAZARD, told=(_A.DISPATCHERS, _A.AREA_LEAD)),
        "case:dispatched": Telling(kind=_N.DISPATCHED, told=(_A.HANDLERS,)),
        "case:returned": Telling(kind=_N.RETURNED, told=(_A.DISPATCHERS,)),
        "case:handled": Telling(kind=_N.TO_CHECK, told=(_A.CHECKERS,)),
        "case:failed": Telling(kind=_N.REWORK, told=(_A.HANDLERS,)),
        "case:reopened": Telling(kind=_N.REOPENED, told=(_A.DISPATCHERS,)),
        "case:revived": Telling(kind=_N.REOPENED, told=(_A.ACCEPTORS,)),
        "case:joined": Telling(kind=_N.JOINED, told=(_A.HANDLERS,)),
        "case:absorbed": Telling(kind=_N.JOINED, told=(_A.HANDLERS,)),

        "verify:asked": Telling(kind=_N.TO_CHECK, told=(_A.GRID_WORKERS,)),
        "verify:confirmed": Telling(kind=_N.DECIDED, told=(_A.ACCEPTORS,)),
        "verify:not_found": Telling(kind=_N.DECIDED, told=(_A.ACCEPTORS,)),
        "verify:cannot_check": Telling(kind=_N.DECIDED, told=(_A.ACCEPTORS,)),
        "verify:late": Telling(kind=_N.LATE, told=(_A.GRID_WORKERS, _A.ACCEPTORS)),

        "assist:asked": Telling(kind=_N.PART, told=(_A.ASKED_UNIT,)),
        "assist:declined": Telling(kind=_N.DECIDED, told=(_A.HANDLERS, _A.DISPATCHERS)),
        "assist:done": Telling(kind=_N.DECIDED, told=(_A.HANDLERS,)),
        "assist:withdrawn": Telling(kind=_N.DECIDED, told=(_A.ASKED_UNIT,)),
        "assist:late": Telling(kind=_N.LATE, told=(_A.ASKED_UNIT, _A.DISPATCHERS)),

        "extension:asked": Telling(kind=_N.DECIDE, told=(_A.DISPATCHERS,)),
        "extension:granted": Telling(kind=_N.DECIDED, told=(_A.HANDLERS,)),
        "extension:refused": Telling(kind=_N.DECIDED, told=(_A.HANDLERS,)),
        "extension:late": Telling(kind=_N.LATE, told=(_A.DISPATCHERS, _A.SUPERVISORS)),

        "hold:asked": Telling(kind=_N.DECIDE, told=(_A.DISPATCHERS,)),
        "hold:seconded": Telling(kind=_N.DECIDE, told=(_A.SUPERVISORS,)),
        "hold:held": Telling(kind=_N.DECIDED, told=(_A.HANDLERS, _A.DISPATCHERS)),
        "hold:refused": Telling(kind=_N.DECIDED, told=(_A.HANDLERS,)),
        "hold:resumed": Telling(kind=_N.DECIDED, told=(_A.HANDLERS, _A.DISPATCHERS)),
        "hold:late": Telling(kind=_N.LATE, told=(_A.DISPATCHERS, _A.SUPERVISORS)),

        "transfer:proposed": Telling(kind=_N.PART, told=(_A.ASKED_UNIT,)),
        "transfer:accepted": Telling(kind=_N.DECIDED, told=(_A.DISPATCHERS,)),
        "transfer:declined": Telling(kind=_N.DECIDED, told=(_A.HANDLERS,)),
        "transfer:withdrawn": Telling(kind=_N.DECIDED, told=(_A.ASKED_UNIT,)),
        "transfer:late": Telling(kind=_N.LATE, told=(_A.ASKED_UNIT, _A.DISPATCHERS)),

        "dispute:open": Telling(kind=_N.DECIDE, told=(_A.SUPERVISORS,)),
        "dispute:ruled": Telling(kind=_N.DECIDED, told=(_A.HANDLERS, _A.DISPATCHERS)),
        "dispute:late": Telling(kind=_N.LATE, told=(_A.SUPERVISORS, _A.CITY)),

        "call:called": Telling(kind=_N.PART, told=(_A.ASKED_UNIT,), urgent=True),
        "call:arrived": Telling(kind=_N.DECIDED, told=(_A.AREA_LEAD, _A.DISPATCHERS)),
        "call:finished": Telling(kind=_N.DECIDED, told=(_A.ASKED_UNIT,)),
        "call:withdrawn": Telling(kind=_N.DECIDED, told=(_A.ASKED_UNIT,)),
        "call:late": Telling(kind=_N.LATE, told=(_A.ASKED_UNIT, _A.AREA_LEAD, _A.SUPERVISORS), urgent=True),

        "supervision:1": Telling(kind=_N.SUPERVISED, told=(_A.HANDLERS, _A.DISPATCHERS)),
        "supervision:2": Telling(kind=_N.SUPERVISED, told=(_A.HANDLERS, _A.DISPATCHERS, _A.UNIT_ABOVE, _A.AREA_LEAD)),
        "supervision:3": Telling(kind=_N.SUPERVISED, told=(_A.HANDLERS, _A.DISPATCHERS, _A.UNIT_ABOVE, _A.AREA_LEAD, _A.CITY)),
        "supervision:answered": Telling(kind=_N.DECIDE, told=(_A.SUPERVISORS,)),
        "supervision:lifted": Telling(kind=_N.DECIDED, told=(_A.HANDLERS,)),
        "supervision:late": Telling(kind=_N.LATE, told=(_A.UNIT_ABOVE, _A.CITY)),

        "recheck:drawn": Telling(kind=_N.TO_CHECK, told=(_A.CHECKERS,)),
        "recheck:good": Telling(kind=_N.DECIDED),
        "recheck:not_good": Telling(kind=_N.DECIDED, told=(_A.SUPERVISORS,)),
        "recheck:cannot_check": Telling(kind=_N.DECIDED, told=(_A.SUPERVISORS,)),
        "recheck:late": Telling(kind=_N.LATE, told=(_A.CHECKERS, _A.SUPERVISORS)),

        "appeal:asked": Telling(kind=_N.DECIDE, told=(_A.SUPERVISORS,)),
        "appeal:seconded": Telling(kind=_N.DECIDE, told=(_A.SUPERVISORS,)),
        "appeal:upheld": Telling(kind=_N.DECIDED, told=(_A.HANDLERS,)),
        "appeal:dismissed": Telling(kind=_N.DECIDED, told=(_A.HANDLERS,)),
        "appeal:late": Telling(kind=_N.LATE, told=(_A.SUPERVISORS, _A.CITY)),
    }
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One thing told to one account through a post. ``account`` None: nobody anywhere holds
    a post that could be told, and it waits for whoever takes this one.

    ``about`` names the thing: nobody is told the same twice.
    """

    post: Post
    account: AccountId | None
    kind: NoticeKind
    about: str
    at: datetime
    case: CaseId | None = None
    urgent: bool = False
    says: Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Whom a city tells: its ladder, and of what else happens."""

    ladder: Mapping[tuple[ClockKind, Rung], RungRule]
    tellings: Mapping[str, Telling]


def tellings(said: Mapping[str, Any]) -> Mapping[str, Telling]:
    """Return what is told to whom, with the audiences a city has said."""
    rows = dict(TELLINGS)
    for name, told in said.items():
        among("happening", name, list(TELLINGS))
        rows[name] = replace(TELLINGS[name], told=audiences(told))
    return MappingProxyType(rows)


#: Steps of a procedure after which the state alone does not say what happened.
_NAMED_BY_MOVE = {"review": "reviewed", "rate": "rated"}


def happenings(fact: Fact) -> tuple[str, ...]:
    """Return the names under which `TELLINGS` knows what a fact says happened."""
    dangerous = fact.kind in (Kind.REPORTED, Kind.JOINED) and fact.sets.get("hazard") is True
    found = ["hazard"] if dangerous else []
    if fact.kind is Kind.PROCEDURE:
        found.append(_of_procedure(fact))
    elif fact.kind is Kind.REOPENED and fact.sets.get("stage") == "received":
        found.append("case:revived")
    else:
        found.append(fact.kind.value)
    return tuple(found)


def _of_procedure(fact: Fact) -> str:
    kind, state, move = (str(fact.says.get(n, "")) for n in ("procedure", "state", "move"))
    if fact.by.rule == "deadline":
        return f"{kind}:late"
    if kind == "supervision" and state == "open":
        return f"supervision:{fact.says.get('said', {}).get('level', 1)}"
    if (kind, state, move) == ("call", "finished", "answer"):
        return "call:rated"
    return f"{kind}:{_NAMED_BY_MOVE.get(move) or state}"


def concerns(fact: Fact, rules: Rules) -> bool:
    """Say whether anybody may have to be told of a fact; most facts concern nobody."""
    if fact.kind in (Kind.CLIMBED, Kind.OVERDUE):
        return True
    return any(name in rules.tellings and rules.tellings[name].told for name in happenings(fact))


def notices(
    fact: Fact, case: Case, bearings: Bearings, directory: Directory, rules: Rules
) -> tuple[Notice, ...]:
    """Return what is told of a fact. ``case`` is as the fact left it, and ``bearings`` are its."""
    urgent = case.hazard or case.priority == 1
    found: dict[tuple[str, AccountId | None, PostId | None], Notice] = {}
    for one in _asked(fact, case, rules):
        who = sought(one.audience, bearings, directory)
        for notice in _to(who, fact, case, one, urgent=urgent or one.urgent):
            post = notice.post.id if notice.account is None else None
            key = (one.thing, notice.account, post)
            found[key] = _joined(found[key], notice) if key in found else notice
    return tuple(found.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class _Asked:
    """Something to be told to an audience. Of one ``thing`` an account hears once."""

    thing: str
    about: str
    kind: NoticeKind
    audience: Audience
    urgent: bool = False
    says: Mapping[str, Any]


def _asked(fact: Fact, case: Case, rules: Rules) -> Iterator[_Asked]:
    if fact.kind in (Kind.CLIMBED, Kind.OVERDUE):
        yield from _climbed(fact, case, rules)
        return
    for name in happenings(fact):
        telling = rules.tellings.get(name)
        for audience in telling.told if telling else ():
            assert telling is not None
            yield _Asked(
                thing=name, about=f"{name}:{case.id}:{fact.seq}", kind=telling.kind,
                audience=audience, urgent=telling.urgent, says={"what": name, **_words(fact)},
            )  # fmt: skip


def _climbed(fact: Fact, case: Case, rules: Rules) -> Iterator[_Asked]:
    """Yield what the rungs just passed tell, the highest first: who is named by two hears of
    that one.
    """
    said: Mapping[str, Any] = fact.says.get("clocks") or {}
    if not said and case.is_open:  # imported: it has a deadline and no clock
        said = {ClockKind.HANDLE: Rung.OVERDUE}
    for kind, rungs in passed(said, fact.says.get("passed") or {}).items():
        clock = by_kind(case.clocks, kind)
        run = f"{clock.started_at.isoformat()}:{clock.extended}" if clock else ""
        due = clock.due_at.isoformat() if clock and clock.due_at else fact.says.get("due_at")
        for rung in reversed(rungs):
            for audience in rules.ladder[kind, rung].told:
                yield _Asked(
                    thing=kind.value, about=f"clock:{case.id}:{kind}:{rung}:{run}",
                    kind=NoticeKind.CLOCK, audience=audience,
                    says={"what": "clock", "clock": kind.value, "rung": rung.value, "due_at": due},
                )  # fmt: skip


def _words(fact: Fact) -> dict[str, Any]:
    """Return what a notice repeats of a fact: which procedure, its level, its moment."""
    said: Mapping[str, Any] = fact.says.get("said") or {}
    kept = {name: said[name] for name in ("level", "until") if said.get(name)}
    if fact.says.get("procedure"):
        kept |= {"procedure": fact.says["procedure"], "state": fact.says.get("state")}
    return kept


def _to(found: Found, fact: Fact, case: Case, asked: _Asked, *, urgent: bool) -> Iterator[Notice]:
    vacant = [
        {"id": p.id, "zh": p.name.zh, "en": p.name.en, "area": p.area, "unit": p.unit}
        for p in found.vacant
    ]
    says = {
        **asked.says, "to": asked.audience.value, **({"vacant": vacant} if vacant else {}),
        **({"instead": found.instead.value} if found.instead else {}),
    }  # fmt: skip
    # Nobody in the whole city: it waits for whoever takes the post that should have heard.
    for post in found.posts or found.vacant[:1]:
        for account in post.holders or (None,):
            if account is None or account != fact.by.account:
                yield Notice(
                    post=post, account=account, kind=asked.kind, about=asked.about, at=fact.at,
                    case=case.id, urgent=urgent, says=says,
                )  # fmt: skip


def _joined(first: Notice, other: Notice) -> Notice:
    """Return the first of two notices of one thing to one account, with all the vacant posts."""
    known = {v["id"] for v in first.says.get("vacant", ())}
    more = [v for v in other.says.get("vacant", ()) if v["id"] not in known]
    urgent = first.urgent or other.urgent
    if not more and urgent == first.urgent:
        return first
    says = {**first.says, "vacant": [*first.says.get("vacant", ()), *more]} if more else first.says
    return replace(first, urgent=urgent, says=says)


def released(notice: Notice, now: datetime, zone: ZoneInfo) -> datetime:
    """Return from when a notice disturbs: at once, or when the quiet hours of its post end."""
    if notice.urgent or notice.post.quiet is None:
        return now
    return notice.post.quiet.until(now, zone) or now


def heard(found: Iterable[Notice], muted: frozenset[tuple[AccountId, str]]) -> list[Notice]:
    """Leave out what accounts have switched off for themselves."""
    return [
        n
        for n in found
        if n.account is None or n.kind in MANDATORY or (n.account, n.kind.value) not in muted
    ]
