"""Acts on a case: one lock, one step of the table, one transaction.

What an act changes beyond the stage (a unit, a deadline, a place) is worked out here from
the city; what it may do at all is the table's business (`core.cases`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, ClassVar

from zhongshu.core import procedures
from zhongshu.core.cases import Act, Case, Outcome, Stage, allowed, begun, changed, fold, step
from zhongshu.core.cases.clocks import Tick
from zhongshu.core.cases.evidence import Shot
from zhongshu.core.cases.undo import taken_back
from zhongshu.core.catalogue import Category
from zhongshu.core.facts import A_REPORTER, By, Kind
from zhongshu.core.intake import by_device, start
from zhongshu.core.place import Point
from zhongshu.core.values import CaseId, Refused, ReportId, UnitId
from zhongshu.flow import evidence, followup, links, pending, things
from zhongshu.flow.city import City
from zhongshu.store import cases, facts, reports, tasks, vault
from zhongshu.store.db import Tx

#: What reaches the hub within this time of being done was never waiting on a device.
SENT_AT_ONCE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """What comes with an act; each act reads only its own fields. ``asset`` is the code of the
    thing it is about; empty: it is about none.

    ``version`` is the case's version the person saw: an act on a case that has moved
    since is refused instead of being done to something else. ``done_at`` is when it was done
    by the clock of a device that had no net: said beside the fact, and no clock of the hub
    goes by it. ``undoes`` is the fact that is taken back (`flow.undo`).
    """

    reason: str = ""
    clause: str = ""
    cause: str = ""
    note: str = ""
    version: int | None = None
    done_at: datetime | None = None
    unit: UnitId | None = None
    category: str | None = None
    condition: int | None = None
    place: Point | None = None
    address: str = ""
    outcome: Outcome | None = None
    into: CaseId | None = None
    report: ReportId | None = None
    solved: bool | None = None
    satisfied: int | None = None
    asset: str | None = None
    photos: tuple[Shot, ...] = ()
    undoes: int | None = None


class Moved(Refused):
    status: ClassVar[int] = 409
    message = "The case has moved on since you saw it (version %(value)s, now %(now)s)."
    remedy = "Look at the case as it is now, and decide again."


class Missing(Refused):
    message = "%(field)s is missing."
    remedy = "This act needs it."


class NoSuchCondition(Refused):
    message = "%(field)s: the category %(code)s has no filing condition %(value)s."
    remedy = "Choose one of its %(count)s conditions, or none: then the first that fits applies."


class NoUnit(Refused):
    message = "No duty rule names a unit for this case."
    remedy = "Choose a unit, or add a rule for this category and area."


class NoSuchUnit(Refused):
    message = "There is no unit “%(value)s” at work."
    remedy = "Choose one of the active units."


class Held(Refused):
    status: ClassVar[int] = 409
    message = "The case is on hold: “%(value)s” cannot be done now."
    remedy = "End the hold first."


class PartsOpen(Refused):
    status: ClassVar[int] = 409
    message = "Parts of other units are not done yet: “%(value)s” has to wait."
    remedy = "Wait for the co-handling units, or take their parts back with a reason."


class UnknownCause(Refused):
    message = "%(field)s: “%(value)s” is not one of: %(choices)s."
    remedy = "Say which cause of return it is."


class NoThirdReturn(Refused):
    status: ClassVar[int] = 409
    message = "The case was returned twice: its unit is for the panel to say."
    remedy = "Handle it first; what the panel rules moves it."


class WindowClosed(Refused):
    status: ClassVar[int] = 409
    message = "It was closed on %(value)s: after %(days)s days it cannot be reopened here."
    remedy = "Report it anew; the new report is linked to this one."


class NotMergeable(Refused):
    status: ClassVar[int] = 409
    message = "The case cannot be merged into %(value)s."
    remedy = "Choose another open case that is itself not merged."


class OnlyReport(Refused):
    status: ClassVar[int] = 409
    message = "The case has only this report: there is nothing to split off."
    remedy = "Split a case that several reports were joined to."


class NoSuchCase(Refused):
    status: ClassVar[int] = 404
    message = "There is no case “%(value)s”."
    remedy = "Check the number."


def act(
    tx: Tx, city: City, case: CaseId | Case, what: Act, *, by: By, at: datetime, form: Form = Form()
) -> Case:
    """Do one act to one case, keep the fact of it, and return the case after.

    A `Case` is one that the caller has locked; an identity is locked here.
    """
    if not isinstance(case, Case):
        # In the order of their identities, so that two merges cannot wait for each other.
        for each in sorted({case, *_others(tx, case, what, form)}):
            _locked(tx, each)
        case = _locked(tx, case)
    if form.version is not None and form.version != case.version:
        raise Moved("version", form.version, now=case.version)
    return _DO.get(what, _plainly)(tx, city, case, what, by, at, form)


def _others(tx: Tx, case: CaseId, what: Act, form: Form) -> tuple[CaseId, ...]:
    """Return which other case an act touches."""
    if what in OF_TWO and form.into is not None:
        return (form.into,)
    if what is Act.UNMERGE:
        now = cases.get(tx, case)
        if now is not None and now.merged_into is not None:
            return (now.merged_into,)
    return ()


#: Acts that change another case too (`Form.into`), and lock both.
OF_TWO = frozenset({Act.MERGE, Act.LINK})
#: Acts that end a case's share in the clock of a leading one: its own is given back first.
_ENDS_LINK = frozenset({Act.RETURN, Act.MERGE})
#: What each act is to the clocks; dispatching is two things and says so itself.
TICKS: dict[Act, Tick] = {
    Act.FILE: Tick.FILED, Act.WITHDRAW: Tick.RETURNED, Act.RETURN: Tick.RETURNED, Act.HANDLE: Tick.HANDLED,
    Act.PASS: Tick.PASSED, Act.FAIL: Tick.FAILED, Act.CLOSE: Tick.CLOSED,
    Act.REJECT: Tick.REJECTED, Act.MERGE: Tick.MERGED, Act.UNMERGE: Tick.UNMERGED,
    Act.UNLINK: Tick.UNLINKED,
}  # fmt: skip
_NOT_WHILE_HELD = frozenset({Act.ACCEPT, Act.RETURN, Act.HANDLE, Act.MERGE, Act.LINK, Act.UNLINK})
_OF_THE_WORK = (
    procedures.ProcedureKind.EXTENSION, procedures.ProcedureKind.TRANSFER, procedures.ProcedureKind.HOLD,
)  # fmt: skip
#: Which open procedures lose their meaning with an act.
_LAPSE: dict[Act, tuple[procedures.ProcedureKind, ...]] = {
    Act.RETURN: _OF_THE_WORK, Act.HANDLE: _OF_THE_WORK, Act.CLOSE: tuple(procedures.ProcedureKind),
    Act.REJECT: tuple(procedures.ProcedureKind), Act.REOPEN: (procedures.ProcedureKind.RECHECK,),
}  # fmt: skip


def hindered(case: Case, what: Act) -> type[Refused] | None:
    """Return what stands in the way of an act the table would allow."""
    if what in _NOT_WHILE_HELD and case.held_at is not None:
        return Held
    if what in (Act.PASS, Act.CLOSE) and procedures.ProcedureKind.ASSIST in case.pending:
        return PartsOpen
    if what is Act.RETURN and case.returns >= 2:
        return NoThirdReturn
    if what is Act.LINK and case.linked_to is not None:
        return links.AlreadyLinked
    if what is Act.UNLINK and case.linked_to is None:
        return links.NotLinked
    return None


def parts_open(tx: Tx, case: Case) -> bool:
    """Say whether a case merged into this one has a part of another unit that is not done."""
    return case.reports > 1 and cases.merged_with_pending(
        tx, case.id, procedures.ProcedureKind.ASSIST
    )


class Cause(StrEnum):
    """Why a unit returned a case; returns are counted by it."""

    NOT_OURS = "not_ours"  # 非本单位职责
    NO_POWER = "no_power"  # 无处置权限
    WRONG_CLASS = "wrong_class"  # 类别错误
    WRONG_PLACE = "wrong_place"  # 位置错误
    DUPLICATE = "duplicate"  # 重复
    OTHER = "other"  # 其他


def _return(tx: Tx, city: City, case: Case, what: Act, by: By, at: datetime, form: Form) -> Case:
    """Return it once, with reason and clause; the second time a panel has to rule, and until
    it does the named fallback unit handles it (先办后议).
    """
    if not form.clause.strip():
        raise Missing("clause")
    try:
        cause = Cause(form.cause or Cause.OTHER)
    except ValueError:
        raise UnknownCause("cause", form.cause, choices=", ".join(Cause)) from None
    after = _plainly(
        tx, city, case, what, by, at, form,
        says={"clause": form.clause, "cause": cause, "unit": case.unit},
    )  # fmt: skip
    if after.returns < 2:
        return after
    rule = By(rule="second_return")
    parties = sorted({u for u in (case.returned_by, case.unit) if u is not None})
    after, _ = pending.opened(
        tx, city, after, procedures.ProcedureKind.DISPUTE, by=rule, at=at,
        said={"reason": form.reason, "parties": parties, "fallback": city.fallback},
    )  # fmt: skip
    first = city.fallback
    if first is None or city.work(after, at=at, asset=things.of(tx, after), unit=first) is None:
        return after
    return _dispatch(tx, city, after, Act.DISPATCH, By(rule="handle_first"), at, Form(unit=first))


def reopen_until(city: City, case: Case) -> datetime | None:
    """Return until when the reporter may have a case worked on anew; None while it is open."""
    return case.closed_at and case.closed_at + timedelta(days=city.reopen_days)


def _reopen(tx: Tx, city: City, case: Case, what: Act, by: By, at: datetime, form: Form) -> Case:
    """Work on it anew. The reporter may ask for that within a window, and no page but this
    function keeps it.
    """
    until = reopen_until(city, case)
    if by == A_REPORTER and until is not None and case.closed_at is not None and at > until:
        day = f"{case.closed_at.astimezone(city.zone):%Y-%m-%d}"
        raise WindowClosed("closed_at", day, days=city.reopen_days)
    tick = Tick.REOPENED if case.stage is Stage.CLOSED else Tick.REVIVED
    return _plainly(tx, city, case, what, by, at, form, sets=city.ticked(case, tick, at))


def _plainly(
    tx: Tx, city: City, case: Case, what: Act, by: By, at: datetime, form: Form,
    sets: dict[str, Any] | None = None, says: dict[str, Any] | None = None,
) -> Case:  # fmt: skip
    """Take the step, write it, and bring the tasks along."""
    hindrance = hindered(case, what)
    if hindrance is not None:
        raise hindrance("act", what)
    if what in (Act.PASS, Act.CLOSE) and parts_open(tx, case):
        raise PartsOpen("act", what)
    if case.linked_to is not None and what in _ENDS_LINK:
        case = _plainly(tx, city, case, Act.UNLINK, by, at, Form())
    shown = _shown(tx, city, case, what, at, form) if what in allowed(case) else {}
    spoken = {
        **({"note": form.note} if form.note else {}), **_earlier(form, at), **shown, **(says or {}),
    }  # fmt: skip
    ticked = city.ticked(case, TICKS[what], at) if what in TICKS else {}
    after, fact = step(
        case, what, by=by, at=at, sets={**ticked, **(sets or {})}, reason=form.reason, says=spoken
    )
    cases.save(tx, after, fact)
    followup.tasks_of(tx, after, what, by, at, said=form.note or form.reason)
    links.told(tx, city, after, Tick.DISPATCHED if what is Act.DISPATCH else TICKS.get(what), at=at)
    return pending.lapsed(tx, after, _LAPSE.get(what, ()), by=by, at=at)


def _shown(
    tx: Tx, city: City, case: Case, what: Act, at: datetime, form: Form
) -> dict[str, Any]:  # fmt: skip
    """Keep the photos that come with an act, and return what its fact says of them."""
    if what is Act.HANDLE:
        return evidence.for_handling(tx, city, case, form.photos, form.outcome, at=at)
    return evidence.along(tx, city, case, form.photos, at=at)


def _earlier(form: Form, at: datetime) -> dict[str, str]:
    """Return when it was done, where that was well before it reached the hub."""
    done = by_device(form.done_at, now=at)
    return {"done_at": done.isoformat()} if at - done > SENT_AT_ONCE else {}


def _locate(tx: Tx, city: City, case: Case, what: Act, by: By, at: datetime, form: Form) -> Case:
    if form.place is None:
        raise Missing("place")
    found = city.where(form.place)
    # Still outside the city: the stage says so, whatever the table's usual way.
    stage = {} if found else {"stage": Stage.NOT_OURS}
    place: dict[str, Any] = {
        "lon": form.place.lon, "lat": form.place.lat,
        **(found or {"area": None, "area_code": None, "cells": ()}), **stage,
    }  # fmt: skip
    if form.address:
        place["address"] = form.address
    place |= things.named(tx, form.asset)
    after = _plainly(tx, city, case, what, by, at, form, sets=place)
    return _filed_if_ready(tx, city, after, by, at)


def _classify(tx: Tx, city: City, case: Case, what: Act, by: By, at: datetime, form: Form) -> Case:
    named = things.named(tx, form.asset)
    # Naming the thing a case is about leaves its category as it is.
    sets = {**_classified(city, form), **named} if form.category or not named else named
    after = _plainly(tx, city, case, what, by, at, form, sets=sets)
    return _filed_if_ready(tx, city, after, by, at)


def _classified(city: City, form: Form) -> dict[str, Any]:
    """Return the category a form names, and which of its conditions; another category's
    condition means nothing any more.
    """
    category = city.coded(form.category or "")
    if category is None:
        raise Missing("category", form.category)
    return {"category": category.id, "condition": _condition(category, form)}


def _condition(category: Category | None, form: Form) -> int | None:
    if form.condition is None:
        return None
    count = len(category.conditions) if category else 0
    if not 1 <= form.condition <= count:
        code = category.code if category else "—"
        raise NoSuchCondition("condition", form.condition, code=code, count=count)
    return form.condition


def _chosen(city: City, case: Case, form: Form) -> dict[str, Any]:
    """Return the condition a form chooses for the category the case has; nothing where it says none."""
    n = _condition(city.category(case.category), form)
    return {} if n is None else {"condition": n}


def _filed_if_ready(tx: Tx, city: City, case: Case, by: By, at: datetime) -> Case:
    """The explicit rule that files a case once its place and category are known."""
    if case.stage is Stage.RECEIVED and case.category is not None and case.area is not None:
        return _plainly(tx, city, case, Act.FILE, by, at, Form())
    return case


def _file(tx: Tx, city: City, case: Case, what: Act, by: By, at: datetime, form: Form) -> Case:
    if form.category:
        case = _plainly(tx, city, case, Act.CLASSIFY, by, at, Form(), sets=_classified(city, form))
    if case.category is None:
        raise Missing("category")
    sets = {**_chosen(city, case, form), **things.named(tx, form.asset)}
    return _plainly(tx, city, case, what, by, at, form, sets=sets)


def _dispatch(tx: Tx, city: City, case: Case, what: Act, by: By, at: datetime, form: Form) -> Case:
    chosen, asset = _chosen(city, case, form), things.of(tx, case)
    work = city.work(replace(case, **chosen), at=at, asset=asset, unit=form.unit)
    if work is None:
        raise NoUnit("unit")
    unit = city.units.get(work.unit)
    if unit is None or not unit.active:
        raise NoSuchUnit("unit", work.unit)
    city.check_competence(case, work.unit, at=at, asset=asset)
    after = _plainly(
        tx,
        city,
        case,
        what,
        by,
        at,
        form,
        sets={**chosen, **city.dispatched(case, work, at)},
        says=dict(work.says),
    )
    tasks.open_(
        tx, case.id, "handle", at=at, unit=work.unit, limit=str(work.limit), due_at=after.due_at
    )
    return pending.ask_others(tx, city, after, work, at=at)


def _withdraw(tx: Tx, city: City, case: Case, what: Act, by: By, at: datetime, form: Form) -> Case:
    """Take a dispatch back as if it had not been: unit, deadline and clocks as they were."""
    story = facts.of_case(tx, case.id)
    was = taken_back(case.number, story, by, what, form.undoes, at=at, window=city.undo_window)
    before = fold(case.id, story[: was.fact.seq - 1])
    asked = {procedures.ProcedureKind.ASSIST} - set(map(procedures.ProcedureKind, before.pending))
    case = pending.lapsed(tx, case, asked, by=by, at=at)
    sets = {name: getattr(before, name) for name in (*was.fact.sets, "involved") if name != "stage"}
    return _plainly(
        tx, city, case, what, by, at, form, sets=sets,
        says={"undoes": was.fact.seq, "unit": case.unit},
    )  # fmt: skip


def _handle(tx: Tx, city: City, case: Case, what: Act, by: By, at: datetime, form: Form) -> Case:
    if form.outcome is None:
        raise Missing("outcome")
    return _plainly(tx, city, case, what, by, at, form, sets={"outcome": form.outcome})


def _rate(tx: Tx, city: City, case: Case, what: Act, by: By, at: datetime, form: Form) -> Case:
    if form.solved is None and form.satisfied is None:
        raise Missing("solved")
    said = {"solved": form.solved, "satisfied": form.satisfied}
    given = {name: value for name, value in said.items() if value is not None}
    # Said anew it is an answer anew, also where it changes nothing: indicators count answers.
    return _plainly(tx, city, case, what, by, at, form, sets=given, says=given)


def _merge(tx: Tx, city: City, case: Case, what: Act, by: By, at: datetime, form: Form) -> Case:
    """Merge into another open case; both keep their facts, and un-merging restores both."""
    if form.into is None:
        raise Missing("into")
    other = _locked(tx, form.into)
    if other.id == case.id or not other.is_open or cases.merged_into(tx, case.id, limit=1):
        raise NotMergeable("into", other.number)
    if links.leads_now(tx, case):
        raise links.LeadsOthers("act", what)
    after = _plainly(
        tx, city, case, what, by, at, form, sets={"merged_into": other.id}, says={"into": other.number}
    )  # fmt: skip
    survivor, fact = changed(
        other, Kind.ABSORBED, {"reports": other.reports + case.reports}, by=by, at=at,
        says={"case": case.id, "number": case.number, "reports": case.reports},
    )  # fmt: skip
    cases.save(tx, survivor, fact)
    return after


def _link(tx: Tx, city: City, case: Case, what: Act, by: By, at: datetime, form: Form) -> Case:
    """Let a case share the clock of a leading one; one that no unit has yet goes to its unit."""
    if form.into is None:
        raise Missing("into")
    lead = _locked(tx, form.into)
    if (hindrance := hindered(case, what)) is not None:
        raise hindrance("act", what)
    links.check(tx, case, lead)
    if case.stage is Stage.FILED:
        case = _dispatch(tx, city, case, Act.DISPATCH, by, at, Form(unit=lead.unit))
    sets = {"linked_to": lead.id, **city.ticked(case, Tick.LINKED, at, lead=lead)}
    after = _plainly(tx, city, case, what, by, at, form, sets=sets, says={"lead": lead.number})
    led, fact = changed(
        lead, Kind.LED, {"leads": True}, by=by, at=at, says={"case": case.id, "number": case.number}
    )
    cases.save(tx, led, fact)
    return after


def _unmerge(tx: Tx, city: City, case: Case, what: Act, by: By, at: datetime, form: Form) -> Case:
    said = {} if form.undoes is None else {"undoes": form.undoes}
    if said:
        story = facts.of_case(tx, case.id)
        taken_back(case.number, story, by, what, form.undoes, at=at, window=city.undo_window)
    after = _plainly(tx, city, case, what, by, at, form, says=said)
    if case.merged_into is not None:
        other = _locked(tx, case.merged_into)
        released, fact = changed(
            other, Kind.RELEASED, {"reports": other.reports - case.reports}, by=by, at=at,
            says={
                "case": case.id, "number": case.number, "reports": case.reports,
                **({"undone": True} if said else {}),
            },
        )  # fmt: skip
        cases.save(tx, released, fact)
    return after


def _split(tx: Tx, city: City, case: Case, what: Act, by: By, at: datetime, form: Form) -> Case:
    """Undo a joining: let one report open a case of its own."""
    if form.report is None:
        raise Missing("report")
    voice = reports.get(tx, form.report)
    if voice is None or voice.case_id != case.id:
        raise Missing("report", form.report)
    # Those of cases merged into it do not count: un-merging takes them away again.
    if reports.count_own(tx, case.id) < 2:
        raise OnlyReport("report", form.report)
    own = _of_its_own(tx, city, case, voice, by, at)
    reports.move(tx, voice.id, own.id)
    vault.move_photos(tx, voice.id, own.id)
    return _plainly(
        tx, city, case, what, by, at, form,
        sets={"reports": case.reports - 1}, says={"report": voice.id, "number": own.number},
    )  # fmt: skip


def _of_its_own(tx: Tx, city: City, case: Case, voice: reports.Voice, by: By, at: datetime) -> Case:
    (new_id,), _ = cases.ids(tx, cases=1, reports=0)
    cases.take_in_hand(tx, CaseId(new_id))
    place = None if voice.lon is None or voice.lat is None else Point(voice.lon, voice.lat)
    found = city.where(place) if place else None
    first = Case(
        id=CaseId(new_id), number=city.number(voice.reported_at, CaseId(new_id)),
        stage=start(place=place, inside=found is not None, classified=case.category is not None),
        reported_at=voice.reported_at, title=voice.text[:80], address=voice.address,
        channel=voice.channel, category=case.category,
        lon=voice.lon, lat=voice.lat, **(found or {}),
    )  # fmt: skip
    if first.stage is Stage.FILED:
        first = replace(first, filed_at=at)
    first = replace(first, clocks=city.first_clocks(first, at))
    own, fact = begun(
        first, Kind.REPORTED, by=by, at=at, says={"report": voice.id, "split_from": case.number}
    )
    cases.add(tx, [own], [fact], {own.id: voice.text})
    return own


def _locked(tx: Tx, case_id: CaseId) -> Case:
    case = cases.lock(tx, case_id)
    if case is None:
        raise NoSuchCase("case", case_id)
    return case


_Do = Callable[[Tx, City, Case, Act, By, datetime, Form], Case]
_DO: dict[Act, _Do] = {
    Act.LOCATE: _locate,
    Act.CLASSIFY: _classify,
    Act.FILE: _file,
    Act.DISPATCH: _dispatch,
    Act.WITHDRAW: _withdraw,
    Act.HANDLE: _handle,
    Act.RATE: _rate,
    Act.RETURN: _return,
    Act.REOPEN: _reopen,
    Act.MERGE: _merge,
    Act.UNMERGE: _unmerge,
    Act.SPLIT: _split,
    Act.LINK: _link,
}


def reopened_by_reporter(tx: Tx, city: City, case_id: CaseId, *, at: datetime, reason: str) -> Case:
    """Let the reporter reopen a closed or rejected case, saying why."""
    return act(tx, city, case_id, Act.REOPEN, by=A_REPORTER, at=at, form=Form(reason=reason))
