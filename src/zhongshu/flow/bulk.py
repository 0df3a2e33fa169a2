"""One act on many cases: each is an act of its own with its own result; never all or nothing."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from zhongshu.core.access import NEEDS, Actor, Forbidden, Sight
from zhongshu.core.cases import Act, Case, Stage
from zhongshu.core.facts import By
from zhongshu.core.procedures import PATHS, Move, ProcedureKind
from zhongshu.core.values import Refused, UnitId
from zhongshu.flow import acts, browse, proceedings
from zhongshu.flow.city import City
from zhongshu.store.db import Database, Tx

#: So many cases in one go; a list that is longer is done in parts.
MOST = 1000


class TooManyAtOnce(Refused):
    message = "%(field)s: %(value)s cases are more than can be done at once (%(most)s)."
    remedy = "Narrow the list, and do the rest in a second go."


class NotANumber(Refused):
    message = "%(field)s: “%(value)s” is no case number."
    remedy = "Write the numbers as lists show them, such as 261124-1024."


@dataclass(frozen=True, slots=True)
class Line:
    """What became of one case: how it stands after, or why nothing was done."""

    number: str
    case: Case | None = None
    refusal: Refused | None = None


#: Does something to the case of this number within a transaction, and returns it after.
Deed = Callable[[Tx, str, int | None], Case]


def each(
    db: Database, sight: Sight, numbers: Sequence[str], deed: Deed, *, pretend: bool = False
) -> list[Line]:  # fmt: skip
    """Do a deed to each case in a transaction of its own, behind the second wall; return a line
    for each, in order.

    A number may carry the version that was seen (`261124-1024@5`): a case that moved on since
    is refused. With ``pretend`` everything is tried and nothing kept: the lines are those a
    deed now would give.
    """
    wanted = list(dict.fromkeys(numbers))
    if len(wanted) > MOST:
        raise TooManyAtOnce("cases", len(wanted), most=MOST)
    return [_line(db, sight, number, deed, pretend=pretend) for number in wanted]


def _line(db: Database, sight: Sight, given: str, deed: Deed, *, pretend: bool) -> Line:
    number, _, version = given.strip().partition("@")
    if version and not (version.isascii() and version.isdigit() and len(version) < 10):
        return Line(number, refusal=NotANumber("cases", given))
    try:
        with db.trying(sight) if pretend else db.seeing(sight) as tx:
            return Line(number, case=deed(tx, number, int(version) if version else None))
    except Refused as refusal:
        return Line(number, refusal=refusal)


def acting(city: City, actor: Actor, what: Act, form: acts.Form, *, at: datetime) -> Deed:
    """Return the deed of one act, done through the post that allows it on each case."""

    def deed(tx: Tx, number: str, version: int | None) -> Case:
        case = browse.case(tx, actor.sight, number, lock=what not in acts.OF_TWO)
        if what in acts.OF_TWO and form.into is not None:
            browse.seen(tx, actor.sight, form.into)
        return acts.act(
            tx, city, case if what not in acts.OF_TWO else case.id, what,
            by=through(actor, what, case), at=at, form=replace(form, version=version),
        )  # fmt: skip

    return deed


def finishing(city: City, actor: Actor, form: acts.Form, *, at: datetime) -> Deed:
    """Return the deed that reports a case as handled, taking it on first where nobody has."""

    def deed(tx: Tx, number: str, version: int | None) -> Case:
        case = browse.case(tx, actor.sight, number, lock=True)
        own = replace(form, version=version)
        if case.stage is Stage.DISPATCHED:
            by = through(actor, Act.ACCEPT, case)
            case = acts.act(tx, city, case, Act.ACCEPT, by=by, at=at, form=own)
            own = replace(form, version=None)
        by = through(actor, Act.HANDLE, case)
        return acts.act(tx, city, case, Act.HANDLE, by=by, at=at, form=own)

    return deed


def assisting(
    city: City, actor: Actor, unit: UnitId | None, said: Mapping[str, Any], *, at: datetime
) -> Deed:
    """Return the deed that asks a unit for a part of each case."""
    path = PATHS[ProcedureKind.ASSIST, "", Move.OPEN]

    def deed(tx: Tx, number: str, version: int | None) -> Case:
        case = browse.case(tx, actor.sight, number, lock=True)
        if version is not None and version != case.version:
            raise acts.Moved("version", version, now=case.version)
        by = proceedings.post_for(actor, path, case, None)
        after, _ = proceedings.begin(
            tx, city, case, ProcedureKind.ASSIST, by=by, at=at, said=said, unit=unit
        )
        return after

    return deed


def through(actor: Actor, what: Act, case: Case) -> By:
    """Return who acts, through the post that allows an act on a case; or refuse."""
    post = actor.acting(NEEDS[what], area_code=case.area_code, unit=case.unit)
    if post is None:
        raise Forbidden("permission", NEEDS[what].value)
    return By(account=actor.account, post=post)
