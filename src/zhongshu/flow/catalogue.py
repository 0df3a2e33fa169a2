"""Keeping the catalogue: drafts are copied, brought in and edited, put in force from a day,
withdrawn; each change is kept with its author. What is or was in force never changes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date, datetime
from typing import Any, ClassVar

from zhongshu.core.access import NotFound
from zhongshu.core.catalogue import Catalogue, Category
from zhongshu.core.catalogue_table import (
    TableReading,
    carried,
    cells_of,
    check_headers,
    fingerprint,
    read_rows,
)
from zhongshu.core.catalogue_versions import (
    CatalogueFact,
    CategoryChange,
    ChangeKind,
    FieldChange,
    NoCategories,
    PastDay,
    Version,
    VersionAct,
    VersionState,
    changes_of,
    check_act,
    difference,
    in_force,
    state_of,
)
from zhongshu.core.values import AccountId, Refused
from zhongshu.flow.city import City
from zhongshu.store import catalogues, city_facts
from zhongshu.store import city as city_store
from zhongshu.store.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Hand:
    """Who changes the city's data, and when. No account: a command of the operator."""

    account: AccountId | None
    at: datetime
    today: date


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed:
    """A version as it stands on a day; ``since`` is its day in force that counts, if any."""

    version: Version
    state: VersionState
    since: date | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Brought:
    """What a table brought in: the version made of it, and the account of its rows."""

    version: int
    reading: TableReading
    categories: int
    conditions: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Lost:
    """A category in force that leads nowhere in another version, and what still hangs on it."""

    category: Category
    open_cases: int
    rules: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Impact:
    """What a version would change: category by category, and what would lead nowhere."""

    changes: tuple[CategoryChange, ...]
    lost: tuple[Lost, ...]

    def of(self, kind: ChangeKind) -> int:
        return sum(change.kind is kind for change in self.changes)


class CodeTaken(Refused):
    status: ClassVar[int] = 409
    message = "%(field)s: version %(version)s has a category “%(value)s” already."
    remedy = "Edit that one, or choose another code."


class NoOldCode(Refused):
    message = "%(field)s: version %(version)s, which this one follows, has no code “%(value)s”."
    remedy = "Write codes of that version, separated by semicolons."


class EditedSince(Refused):
    status: ClassVar[int] = 409
    message = "Somebody changed the category “%(value)s” since you opened it."
    remedy = "Open it again and look at what stands there now."


class NothingRead(Refused):
    message = "%(field)s: none of the %(rows)s rows could be read."
    remedy = "Look at the reasons; the first is: %(first)s"


# ── looking ──────────────────────────────────────────────────────────────────────────


def listing(tx: Tx, *, today: date) -> list[Listed]:
    """Return all versions as they stand on a day, the newest first."""
    current = in_force(catalogues.terms(tx), today)
    return [_listed(version, current, today) for version in catalogues.versions(tx)]


def _listed(version: Version, current: int | None, today: date) -> Listed:
    state = state_of(version, current=current, today=today)
    ahead = [day for day in version.days if day > today]
    since = ahead[0] if state is VersionState.SCHEDULED else max(version.days, default=None)
    return Listed(version=version, state=state, since=since)


def one(tx: Tx, number: int, *, today: date) -> Listed:
    """Return one version as it stands on a day."""
    for listed in listing(tx, today=today):
        if listed.version.number == number:
            return listed
    raise NotFound("version", number)


def content(tx: Tx, number: int) -> Catalogue:
    """Return all that stands in a version."""
    found = catalogues.whole(tx, [number]).get(number)
    if found is None:
        raise NotFound("version", number)
    return found


def replaced_by(tx: Tx, version: Version) -> Mapping[str, tuple[str, ...]]:
    """Return code → the codes of the version before whose place it takes, as was said."""
    found: dict[str, tuple[str, ...]] = {}
    if version.based_on is not None:
        for old, new in catalogues.pairs(tx).get((version.based_on, version.number), ()):
            found[new] = (*found.get(new, ()), old)
    return found


def impact(tx: Tx, city: City, number: int) -> Impact:
    """Return what a version would change of the catalogue in force today."""
    there = content(tx, number)
    known = {version.number: version.based_on for version in catalogues.versions(tx)}
    then = replace(
        city.lineage, current=number, versions={**city.lineage.versions, number: there},
        based_on=known, pairs=catalogues.pairs(tx),
    )  # fmt: skip
    now = city.lineage.current
    gone = [c for c in city.catalogue.categories if not then.successors(c.code, now)]
    ids = {c.id: sorted(city.alike(c.id)) for c in gone}
    open_ = catalogues.open_cases(tx, sorted({i for each in ids.values() for i in each}))
    rules = (*city.rulebook.rules, *city.idle_rules)
    return Impact(
        changes=difference(city.catalogue.categories, there.categories),
        lost=tuple(
            Lost(
                category=c, open_cases=sum(open_.get(i, 0) for i in ids[c.id]),
                rules=sum(rule.category == c.code for rule in rules),
            )
            for c in gone
        ),
    )  # fmt: skip


# ── drafts ───────────────────────────────────────────────────────────────────────────


def copy(tx: Tx, hand: Hand, source: int, name: str) -> int:
    """Begin a draft with all that stands in another version."""
    # With the limits that stand in place of its own today, or they would end with its term.
    there = content(tx, source).limited(catalogues.limits(tx))
    number = _begun(tx, hand, name or there.name)
    catalogues.add_categories(tx, number, there.categories)
    # A copy of a version that came later than the one in force keeps what it said of codes.
    now = in_force(catalogues.terms(tx), hand.today)
    if now is not None:
        catalogues.add_pairs(tx, now, number, catalogues.pairs(tx).get((now, source), ()))
    _keep(tx, hand, CatalogueFact.DRAFTED, number, source=source, name=name or there.name)
    return number


def bring(
    tx: Tx, hand: Hand, headers: Sequence[str], rows: Iterable[Mapping[str, str | None]], *,
    name: str, columns: Mapping[str, str] | None = None,
) -> Brought:  # fmt: skip
    """Make a draft of a table: every readable row, and every other named with its reason.

    What the table has no column for is taken over from the version in force.
    """
    check_headers(headers, columns or {})
    reading = read_rows(rows, columns)
    if not reading.categories:
        first = reading.rejects[0].reason if reading.rejects else "—"
        raise NothingRead("file", name, rows=reading.read, first=first)
    now = in_force(catalogues.terms(tx), hand.today)
    before = content(tx, now).categories if now is not None else ()
    made = carried(reading, before)
    number = _begun(tx, hand, name)
    catalogues.add_categories(tx, number, made)
    if now is not None:
        for old, _ in reading.replaced:
            _check_old(old, now, before)
        catalogues.add_pairs(tx, now, number, reading.replaced)
    conditions = sum(len(c.conditions) for c in made)
    _keep(
        tx, hand, CatalogueFact.IMPORTED, number, name=name, read=reading.read, taken=reading.taken,
        categories=len(made), conditions=conditions,
        refused=[reject.record() for reject in reading.rejects],
    )  # fmt: skip
    return Brought(
        version=number, reading=reading, categories=len(made), conditions=conditions
    )  # fmt: skip


def put(
    tx: Tx, hand: Hand, number: int, category: Category, *, was: str = "",
    replaces: Sequence[str] = (), seen: str = "",
) -> None:  # fmt: skip
    """Write a category of a draft: a new one, or the one whose code ``was``.

    ``replaces`` are codes of the version this one follows; ``seen`` is the fingerprint the
    editor opened. A code that is changed takes the place of its old one.
    """
    version = _open(tx, hand, number, VersionAct.EDIT)
    here = content(tx, number)
    before = here.by_code(was) if was else None
    if was and before is None:
        raise NotFound("category", was)
    if before is not None and seen and fingerprint(before) != seen:
        raise EditedSince("category", was)
    if category.code != was and here.by_code(category.code) is not None:
        raise CodeTaken("code", category.code, version=number)
    pairs = _pairs(tx, version, category.code, was, replaces)
    if before is not None:
        catalogues.remove(tx, number, was)
    catalogues.add_categories(tx, number, (category,))
    if version.based_on is not None:
        catalogues.add_pairs(tx, version.based_on, number, pairs)
    _edited(tx, hand, number, before, category, replaces=[old for old, _ in pairs])


def _pairs(
    tx: Tx, version: Version, code: str, was: str, replaces: Sequence[str]
) -> list[tuple[str, str]]:
    """Return what is said of a category's code: that given, and a code it just gave up."""
    if version.based_on is None:
        return []
    before = content(tx, version.based_on)
    for old in replaces:
        _check_old(old, version.based_on, before.categories)
    given_up = [was] if was and was != code and before.by_code(was) is not None else []
    told = list(dict.fromkeys((*replaces, *given_up)))
    # Of a code said to be its own nothing needs saying, unless others are named beside it.
    return [] if told == [code] else [(old, code) for old in told]


def use(tx: Tx, hand: Hand, number: int, code: str, *, active: bool) -> None:
    """Retire a category of a draft, or take it back into use."""
    _open(tx, hand, number, VersionAct.EDIT)
    before = content(tx, number).by_code(code)
    if before is None:
        raise NotFound("category", code)
    if before.active is not active:
        after = replace(before, active=active)
        catalogues.set_active(tx, number, code, active=active)
        _edited(tx, hand, number, before, after)


def remove(tx: Tx, hand: Hand, number: int, code: str) -> None:
    """Take a category out of a draft."""
    _open(tx, hand, number, VersionAct.EDIT)
    before = content(tx, number).by_code(code)
    if before is None:
        raise NotFound("category", code)
    catalogues.remove(tx, number, code)
    _edited(tx, hand, number, before, None)


# ── in force ─────────────────────────────────────────────────────────────────────────


def enact(tx: Tx, hand: Hand, number: int, day: date) -> VersionState:
    """Let a version be in force from a day on: a draft, or a former one again.

    Before anything is in force, the day may be past.
    """
    _open(tx, hand, number, VersionAct.ENACT)
    now = in_force(catalogues.terms(tx), hand.today)
    if now is not None and day < hand.today:
        raise PastDay("valid_from", day.isoformat(), today=hand.today.isoformat())
    if not any(c.active and c.conditions for c in content(tx, number).categories):
        raise NoCategories("version", number)
    catalogues.enact(tx, number, day)
    _keep(tx, hand, CatalogueFact.ENACTED, number, valid_from=day.isoformat(), before=now)
    city_store.changed(tx)
    return one(tx, number, today=hand.today).state


def withdraw(tx: Tx, hand: Hand, number: int) -> VersionState:
    """Undo what has not happened yet: a version that waits for its day is a draft again (or
    former), a draft is set aside. Nothing is deleted.
    """
    version = _open(tx, hand, number, VersionAct.WITHDRAW)
    ahead = [day.isoformat() for day in version.days if day > hand.today]
    if ahead:
        catalogues.withdraw(tx, number, after=hand.today, at=hand.at)
    else:
        catalogues.set_aside(tx, number, at=hand.at)
    _keep(tx, hand, CatalogueFact.WITHDRAWN, number, days=ahead)
    city_store.changed(tx)
    return one(tx, number, today=hand.today).state


def _open(tx: Tx, hand: Hand, number: int, act: VersionAct) -> Version:
    """Return a version, locked, that this may be done to now."""
    catalogues.lock(tx, number)
    listed = one(tx, number, today=hand.today)
    check_act(listed.version, listed.state, act)
    return listed.version


def _begun(tx: Tx, hand: Hand, name: str) -> int:
    return catalogues.draft(tx, name, based_on=in_force(catalogues.terms(tx), hand.today))


def _check_old(old: str, number: int, before: Iterable[Category]) -> None:
    if all(c.code != old for c in before):
        raise NoOldCode("replaces", old, version=number)


def _edited(
    tx: Tx, hand: Hand, number: int, before: Category | None, after: Category | None, **more: Any
) -> None:
    """Keep what an edit changed; an edit that changed nothing is none."""
    shown = after or before
    assert shown is not None
    fields: Sequence[FieldChange] = changes_of(before, after) if before and after else ()
    if before and after and not fields and not more.get("replaces"):
        return
    kind = ChangeKind.CHANGED if before and after else ChangeKind.ADDED if after else ChangeKind.REMOVED  # fmt: skip
    _keep(
        tx, hand, CatalogueFact.EDITED, number, code=shown.code, kind=kind,
        zh=shown.name.zh, en=shown.name.en, fields=[asdict(field) for field in fields],
        **({"was": cells_of(before)} if before and not after else {}), **more,
    )  # fmt: skip


def _keep(tx: Tx, hand: Hand, what: CatalogueFact, number: int, **says: Any) -> None:
    city_facts.add(
        tx, what, {"version": number, **says}, account=hand.account, at=hand.at
    )  # fmt: skip
