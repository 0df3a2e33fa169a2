"""Keeping standard replies, and filling one for a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from zhongshu.core.access import NotFound
from zhongshu.core.cases import Case
from zhongshu.core.replies import Blank, Reply, check, filled
from zhongshu.core.values import AccountId, Lang
from zhongshu.flow.city import City
from zhongshu.store import replies as store
from zhongshu.store.db import Tx


def keep(tx: Tx, reply: Reply, *, by: AccountId, at: datetime) -> Reply:
    """Keep a reply as the next version of its code."""
    store.lock(tx)
    before = store.versions(tx, reply.code)
    fresh = check(
        replace(
            reply, version=before[0].version + 1 if before else 1, dropped=False, account=by,
            made_at=at,
        )
    )  # fmt: skip
    store.add(tx, fresh)
    return fresh


def drop(tx: Tx, code: str, *, by: AccountId, at: datetime) -> None:
    """Offer a reply no more; its versions stay, with who wrote them."""
    store.lock(tx)
    last = latest(tx, code)
    store.add(tx, replace(last, version=last.version + 1, dropped=True, account=by, made_at=at))


def latest(tx: Tx, code: str) -> Reply:
    """Return the version of a reply that is offered now."""
    found = store.versions(tx, code)
    if not found or found[0].dropped:
        raise NotFound("reply", code)
    return found[0]


def offered(tx: Tx) -> Sequence[Reply]:
    """Return the replies that can be chosen."""
    return store.current(tx)


def said(city: City, case: Case, reply: Reply, lang: Lang, *, outcome: str, now: datetime) -> str:
    """Return the text of a reply for a case; ``outcome`` is the word for what came of it."""
    category, unit = city.category_name(case.category), city.units.get(case.unit or 0)  # type: ignore[call-overload]
    area = city.tree.by_id.get(case.area) if case.area is not None else None
    place = " ".join(filter(None, (area.name.said(lang) if area else "", case.address)))

    def day(at: datetime | None) -> str:
        return f"{at.astimezone(city.zone):%Y-%m-%d %H:%M}" if at else ""

    return filled(
        reply,
        {
            Blank.NUMBER: case.number, Blank.CATEGORY: category.said(lang) if category else "",
            Blank.PLACE: place, Blank.UNIT: unit.name.said(lang) if unit else "",
            Blank.DEADLINE: day(case.due_at), Blank.REPORTED: day(case.reported_at),
            Blank.OUTCOME: outcome, Blank.TODAY: day(now)[:10],
            Blank.DAYS: str(city.reopen_days),
        },
        lang,
    )  # fmt: skip
