"""Briefings: made as drafts, filled with what the period came to, written on, frozen."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, ClassVar

from zhongshu.core import briefing as words
from zhongshu.core.access import Actor, NotFound, Permission, Sight
from zhongshu.core.briefing import FORMAT, Section
from zhongshu.core.cases import Filter
from zhongshu.core.grid import Area
from zhongshu.core.indicators import Known, Measured, Period
from zhongshu.core.snapshots import canonical, digest
from zhongshu.core.values import AccountId, Refused
from zhongshu.flow import mirror, sections, snapshots
from zhongshu.flow.city import City
from zhongshu.flow.sections import Told
from zhongshu.store import accounts, facts, lotteries
from zhongshu.store import briefings as store
from zhongshu.store import snapshots as kept
from zhongshu.store.briefings import Briefing, Entry
from zhongshu.store.db import Tx
from zhongshu.store.indicators import Scope

MOST_WORDS = 4000
MOST_TITLE = 120


class FrozenBriefing(Refused):
    status: ClassVar[int] = 409
    message = "The briefing %(value)s is frozen: nothing of it changes any more."
    remedy = "Make another of the same period; both stay in the list."


class MovedBriefing(Refused):
    status: ClassVar[int] = 409
    message = "Somebody wrote on this briefing since you saw it (version %(value)s, now %(now)s)."
    remedy = "Look at it as it is now, and write again."


class NoSuchSection(Refused):
    message = "%(field)s: there is no section “%(value)s”."
    remedy = "It is one of the sections the briefing lists."


class TooManyWords(Refused):
    message = "%(field)s has %(value)s characters; it may have %(most)s."
    remedy = "Say it shorter, or spread it over several sections."


class NotBegun(Refused):
    status: ClassVar[int] = 409
    message = "%(field)s: the period begins on %(value)s, and has not begun."
    remedy = "Choose a period that is over."


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """Whether a frozen briefing is what its hash says, and the snapshot it was counted with."""

    hash_right: bool
    snapshot: int | None


def make(
    tx: Tx, city: City, period: Period, *, area: Area | None, title: str, by: AccountId, at: datetime,
    field: str,
) -> int:  # fmt: skip
    """Make a draft and return its number; a period that is not over ends now. ``field`` is what
    the period's beginning was named by.
    """
    if period.start >= at:
        raise NotBegun(field, f"{period.start.astimezone(city.zone):%Y-%m-%d}")
    over = replace(period, until=min(period.until, at))
    return store.add(
        tx, over, area=area.id if area else None, title=_short("title", title, MOST_TITLE), by=by, at=at
    )  # fmt: skip


def find(tx: Tx, identity: int, *, lock: bool = False) -> Briefing:
    found = store.get(tx, identity, lock=lock)
    if found is None:
        raise NotFound("briefing", identity)
    return found


def area_of(city: City, briefing: Entry) -> Area | None:
    return city.tree.by_id.get(briefing.area) if briefing.area is not None else None


def only_whole(
    actor: Actor, area: Area | None, *, to: Permission = Permission.CASE_READ
) -> None:  # fmt: skip
    """Refuse whoever has no such permission for all of what a briefing is about."""
    snapshots.only_whole(actor, area.span if area else None, to=to)


def may(actor: Actor, city: City, briefing: Entry) -> bool:
    """Say whether somebody may write on a briefing."""
    area = area_of(city, briefing)
    return snapshots.whole(actor.sight_for(Permission.CASE_SUPERVISE), area.span if area else None)


def latest(tx: Tx, city: City, sight: Sight) -> Sequence[Entry]:
    """Return the briefings of what is wholly in sight, the latest period first."""
    if sight.everything:
        return store.latest(tx, areas=None)
    known = city.tree.by_id.items()
    return store.latest(tx, areas=[i for i, area in known if snapshots.whole(sight, area.span)])


def write(
    tx: Tx, identity: int, texts: Mapping[str, str], *, title: str | None, by: AccountId, at: datetime,
    version: int | None,
) -> None:  # fmt: skip
    """Write an author's own words into sections of a draft; empty ones take them out."""
    draft = _draft(tx, identity, version)
    kept = dict(draft.texts)
    for section, said in texts.items():
        if section not in list(Section):
            raise NoSuchSection("section", section)
        told = _short(section, said, MOST_WORDS)
        if told == kept.get(section, {}).get("words", ""):
            continue
        kept.pop(section, None)
        if told:
            kept[section] = {"words": told, "by": by, "at": at.isoformat()}
    name = draft.title if title is None else _short("title", title, MOST_TITLE)
    store.write(tx, identity, title=name, texts=kept)


def freeze(
    tx: Tx, city: City, identity: int, *, by: AccountId, at: datetime, version: int | None,
    whole: bool,
) -> Briefing:  # fmt: skip
    """Freeze a draft: counted as the snapshot of its period was; hashed, and never changed
    again. Where there is none one is made by whoever may freeze the figures of the ``whole``
    city; for others the ledger is counted as it stands.
    """
    draft = _draft(tx, identity, version)
    snapshot = kept.of_period(tx, draft.period)
    if snapshot is None and whole:
        snapshot = snapshots.freeze(tx, city, draft.period, by=by, at=at)
    upto = snapshot.upto if snapshot else facts.newest(tx)
    document = canonical(
        {
            **composed(tx, city, draft, known=Known(upto=upto), now=at),
            "position": str(upto), "frozen_at": at.isoformat(),
            "snapshot": snapshot and snapshot.id,
            "snapshot_sha256": snapshot and snapshot.sha256.hex(),
        }
    )  # fmt: skip
    store.freeze(
        tx, identity, by=by, at=at, snapshot=snapshot.id if snapshot else None, document=document,
        sha256=digest(document),
    )  # fmt: skip
    return find(tx, identity)


def document(tx: Tx, city: City, briefing: Briefing, *, now: datetime) -> dict[str, Any]:
    """Return what a briefing says: as it was frozen, or as it would be now."""
    if briefing.document is not None:
        said: dict[str, Any] = json.loads(briefing.document)
        return said
    return composed(tx, city, briefing, known=None, now=now)


def checked(briefing: Briefing) -> Checked | None:
    """Hash a frozen briefing again; None where it is a draft."""
    if briefing.document is None:
        return None
    return Checked(
        hash_right=digest(briefing.document) == briefing.sha256, snapshot=briefing.snapshot
    )


def composed(
    tx: Tx, city: City, briefing: Briefing, *, known: Known | None, now: datetime
) -> dict[str, Any]:  # fmt: skip
    """Return a briefing as a document: the sections with their sentences, tables and texts."""
    area = area_of(city, briefing)
    told = _told(tx, city, briefing.period, area, known, now)
    signed = accounts.names(tx, [int(t["by"]) for t in briefing.texts.values()])
    return {
        "format": FORMAT, "title": briefing.title,
        "from": told.period.start.isoformat(), "until": told.period.until.isoformat(),
        "before_from": told.before.start.isoformat(), "before_until": told.before.until.isoformat(),
        "area": {"code": area.code, "zh": area.name.zh, "en": area.name.en} if area else None,
        "city": {"zh": city.name.zh, "en": city.name.en}, "counted_at": now.isoformat(),
        "sections": [
            {"code": section.value, **make_(told), "text": _text(briefing, section, signed)}
            for section, make_ in sections.SECTIONS.items()
        ],
    }  # fmt: skip


def _told(
    tx: Tx, city: City, period: Period, area: Area | None, known: Known | None, now: datetime
) -> Told:  # fmt: skip
    here = Period(
        start=period.start.astimezone(city.zone), until=period.until.astimezone(city.zone)
    )
    scope = Scope(cases=Filter(area=area.span if area else None), known=known)
    return Told(
        tx=tx, city=city, period=here, before=words.before(here), area=area, scope=scope, now=now,
        whole=_by_code(mirror.whole(tx, sections.WHOLE, here, scope)),
        then=_by_code(mirror.whole(tx, sections.WHOLE, words.before(here), scope)),
        lots=lotteries.drawn_between(tx, here.start, here.until),
    )  # fmt: skip


def _by_code(figures: Sequence[Measured]) -> dict[str, Measured]:
    return {one.indicator.code: one for one in figures}


def _text(briefing: Briefing, section: Section, signed: Mapping[int, str]) -> dict[str, Any] | None:
    said = briefing.texts.get(section.value)
    if said is None:
        return None
    return {"words": said["words"], "by": signed.get(int(said["by"]), ""), "at": said["at"]}


def _draft(tx: Tx, identity: int, version: int | None) -> Briefing:
    """Return a draft, locked, that nobody has written on since ``version``."""
    draft = find(tx, identity, lock=True)
    if draft.frozen_at is not None:
        raise FrozenBriefing("briefing", identity)
    if version is not None and version != draft.version:
        raise MovedBriefing("version", version, now=draft.version)
    return draft


def _short(field: str, text: str, most: int) -> str:
    told = text.strip().replace("\r\n", "\n")
    if len(told) > most:
        raise TooManyWords(field, len(told), most=most)
    return told
