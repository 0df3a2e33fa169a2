"""The same matter twice: suggested to who reports, explained to who decides, set by the city."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from zhongshu.core.access import NotFound, Sight
from zhongshu.core.assets import Asset
from zhongshu.core.cases import Case, Stage
from zhongshu.core.cases.clocks import Clock, ClockState
from zhongshu.core.cases.matching import (
    Match,
    Matter,
    SameRule,
    SameRules,
    between,
    suggestions,
    worth_asking,
)
from zhongshu.core.place import Point, squares
from zhongshu.core.proposals import Change, Subject
from zhongshu.core.values import AccountId, Name, Refused
from zhongshu.core.words import phrases
from zhongshu.flow.city import City
from zhongshu.store import assets, cases, city_facts
from zhongshu.store import city as city_store
from zhongshu.store import same as store
from zhongshu.store.db import Tx

#: How many are shown to somebody who reports, and to the desk.
TO_REPORTER, TO_DESK = 3, 8
#: How near a thing of the city must stand to be the one that is meant.
THING_WITHIN_M = 20.0
#: For how long reports are counted beside the rules.
COUNTED_DAYS = 30
_LAYERS = {
    "": Name("全部类别", "Everything"), "C": Name("部件", "Components"),
    "E": Name("事件", "Events"), "S": Name("服务", "Services"),
}  # fmt: skip


class NoSuchClass(Refused):
    message = "%(field)s: no category of the catalogue begins with “%(value)s”."
    remedy = "Use a code of GET /api/v1/categories or its beginning; leave it empty for all."


# ── at the door ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """An open matter as anybody may know it: no word of a reporter, no photo, no exact place.

    ``metres`` and ``hours`` are rounded up; ``likely`` says that the rule would join it.
    """

    number: str
    name: Name | None
    stage: Stage
    metres: int
    hours: int
    reports: int
    likely: bool


def known_here(
    tx: Tx, city: City, place: Point, *, at: datetime, text: str = "", code: str = "",
    group: Collection[str] = (), most: int = TO_REPORTER,
) -> Sequence[Match]:  # fmt: skip
    """Return the open matters a reporter is to be asked about, the most alike first.

    ``code`` is the category where it is known, ``group`` those it may be of where it is not.
    """
    matter = Matter.said(text, at=at, place=place, code=code)
    found = suggestions(matter, _open_near(tx, city, matter), city.same, city.code)
    if group and not code:
        found = [m for m in found if city.code(m.case) in {*group, ""}]
    return worth_asking(found, city.same, code)[:most]


def told(match: Match, city: City) -> Known:
    """Return what anybody may know of a suggested case."""
    case = match.case
    return Known(
        number=case.number, name=city.category_name(case.category), stage=case.stage,
        metres=max(10, math.ceil(match.metres / 10) * 10), hours=math.ceil(match.hours),
        reports=case.reports, likely=match.joins,
    )  # fmt: skip


def _open_near(tx: Tx, city: City, matter: Matter) -> list[Case]:
    rule = city.same.of(matter.code)
    far, back = (rule.near_metres, rule.near_hours) if matter.code else city.same.widest
    since = matter.at - timedelta(hours=back)
    return cases.open_in(tx, squares(matter.place, far), since=since)


# ── at the desk ──────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Similar:
    """A case that may be the same matter, as the desk sees it.

    ``shared`` are the common words as a person reads them; ``thing`` is what stands nearest
    to that case, ``one_thing`` whether it is the very thing nearest to this one (None where
    either stands by nothing of the class).
    """

    match: Match
    shared: tuple[str, ...]
    thing: Asset | None = None
    one_thing: bool | None = None


def similar(tx: Tx, city: City, found: Case, sight: Sight) -> Sequence[Similar]:
    """Return other open cases in sight that may be the same matter, the most alike first."""
    matter = _matter(city, found)
    if matter is None or not found.is_open:
        return ()
    seen = suggestions(matter, _open_near(tx, city, matter), city.same, city.code)
    here = _thing(tx, city, found)
    return [
        _explained(tx, city, m, found, here)
        for m in seen
        if m.case.id != found.id and sight.shows(m.case)
    ][:TO_DESK]  # fmt: skip


def beside(tx: Tx, city: City, one: Case, other: Case) -> Similar | None:
    """Return how two cases compare, however far apart; None where one has no place."""
    matter = _matter(city, one)
    if matter is None:
        return None
    code = city.code(other)
    match = between(matter, other, code=code, rule=city.same.of(matter.code or code))
    return None if match is None else _explained(tx, city, match, one, _thing(tx, city, one))


def _explained(tx: Tx, city: City, match: Match, found: Case, here: Asset | None) -> Similar:
    there = _thing(tx, city, match.case) if here is not None else None
    return Similar(
        match=match, shared=phrases(found.title, frozenset(match.shared)), thing=there,
        one_thing=here.code == there.code if here is not None and there is not None else None,
    )  # fmt: skip


def _matter(city: City, case: Case) -> Matter | None:
    if case.lon is None or case.lat is None:
        return None
    place = Point(case.lon, case.lat)
    return Matter.said(case.title, at=case.reported_at, place=place, code=city.code(case))


def _thing(tx: Tx, city: City, case: Case) -> Asset | None:
    """Return the thing of a case's class that it stands by, if there is one."""
    code = city.code(case)
    if not code or case.lon is None or case.lat is None:
        return None
    place = Point(case.lon, case.lat)
    found = assets.near(tx, place, category=code, within_m=THING_WITHIN_M)
    return found[0][0] if found else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Restored:
    """What un-merging a case would give back: to itself, and to the one it was merged into."""

    case: Case
    survivor: Case
    stage: Stage
    clocks: Sequence[Clock]
    left: int


def restored(case: Case, survivor: Case) -> Restored:
    """Return what un-merging would restore: the stage, the reports, the clocks that rest."""
    return Restored(
        case=case, survivor=survivor, stage=case.before_merge or Stage.RECEIVED,
        clocks=[
            replace(clock, state=ClockState.RUNNING)
            for clock in case.clocks if clock.state is ClockState.FOLDED
        ],
        left=survivor.reports - case.reports,
    )  # fmt: skip


# ── in the workshop ──────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """A row of the book: the beginning of a code, its rule, and what came of it lately.

    ``own`` says that the city set it; of the ``reports`` of codes that begin so in the last
    `COUNTED_DAYS`, ``joined`` joined a case that was there.
    """

    category: str
    name: Name
    rule: SameRule
    own: bool
    reports: int
    joined: int


def book(tx: Tx, city: City, *, now: datetime) -> Sequence[Ruled]:
    """Return every rule with the reports of the last `COUNTED_DAYS` that it was applied to."""
    own = store.rules(tx)
    rules = SameRules.usual(own)
    since = now - timedelta(days=COUNTED_DAYS)
    counted = [
        (city.names[category][0], every, joined)
        for category, (every, joined) in store.joined_since(tx, since=since).items()
        if category in city.names
    ]
    return [
        Ruled(
            category=category, name=called(city, category), rule=rule, own=category in own,
            reports=sum(every for code, every, _ in counted if code.startswith(category)),
            joined=sum(joined for code, _, joined in counted if code.startswith(category)),
        )
        for category, rule in sorted(rules.rules.items())
    ]  # fmt: skip


def rule_now(tx: Tx, category: str) -> SameRule:
    """Return the rule that holds for a beginning of a code, as it was set a moment ago."""
    return SameRules.usual(store.rules(tx)).of(category)


def set_rule(
    tx: Tx, city: City, category: str, rule: SameRule, *, by: AccountId | None, at: datetime
) -> None:
    """Set the rule for a beginning of a code; it holds for the next report."""
    if category and not any(c.code.startswith(category) for c in city.catalogue.categories):
        raise NoSuchClass("category", category)
    _set(tx, category, rule, store.rules(tx).get(category), by=by, at=at)
    city_store.changed(tx)


def adopt(tx: Tx, brought: Mapping[str, SameRule], *, at: datetime) -> None:
    """Set the rules that a source brings along with its categories, where there are none yet."""
    here = store.rules(tx)
    for category, rule in brought.items():
        if category not in here:
            _set(tx, category, rule, None, by=None, at=at)
    if brought.keys() - here.keys():
        city_store.changed(tx)


def drop_rule(tx: Tx, category: str, *, by: AccountId | None, at: datetime) -> None:
    """Take a city's own rule back: what ships with the hub, or a shorter beginning, holds."""
    was = store.rules(tx).get(category)
    if was is None or not store.drop_rule(tx, category):
        raise NotFound("rule", category)
    _keep(tx, "same:dropped", category, was, None, by=by, at=at)
    city_store.changed(tx)


def _set(
    tx: Tx, category: str, rule: SameRule, was: SameRule | None, *, by: AccountId | None,
    at: datetime,
) -> None:  # fmt: skip
    store.set_rule(tx, category, rule, at=at)
    if rule != was:
        _keep(tx, "same:set", category, was, rule, by=by, at=at)


def _keep(
    tx: Tx, kind: str, category: str, was: SameRule | None, now: SameRule | None, *,
    by: AccountId | None, at: datetime,
) -> None:  # fmt: skip
    """Keep what was changed by hand, in the form in which a proposal keeps it."""
    change = Change(
        subject=Subject.SAME, key=category, was=None if was is None else asdict(was),
        now=None if now is None else asdict(now),
    )  # fmt: skip
    city_facts.add(tx, kind, {"changes": [change.record()]}, account=by, at=at)


def called(city: City, category: str) -> Name:
    """Return what a beginning of a code is called."""
    if category.removesuffix("-") in _LAYERS:
        return _LAYERS[category.removesuffix("-")]
    exact = city.catalogue.by_code(category)
    if exact is not None:
        return exact.name
    under = [c for c in city.catalogue.categories if c.code.startswith(category)]
    return under[0].major if under else Name(category)
