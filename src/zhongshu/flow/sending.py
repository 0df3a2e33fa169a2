"""Sending: what is due is taken in hand, put into words and addressed; what came of it is kept.

Three short transactions and the network between them: taken in hand (`claim`), carried by whoever
can, settled (`settle`). Who is killed in between leaves it in hand; after a while it is carried
again under the same key.
"""

from __future__ import annotations

import hmac
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from zhongshu.core.cases import Case
from zhongshu.core.cases.undo import undone
from zhongshu.core.cases.voices import WITH_REASON
from zhongshu.core.facts import Fact
from zhongshu.core.messages import LEASE, Delivery, Fault, Parcel, next_try, rest
from zhongshu.core.privacy import opened, stripped
from zhongshu.core.texts import CONFIRM, TEST, Hearer, Medium, Text, filled, plain
from zhongshu.core.values import AccountId, AreaId, CaseId, Lang
from zhongshu.flow import intake
from zhongshu.flow.city import City
from zhongshu.flow.outward import Outlet, classes
from zhongshu.flow.texts import Own, chosen, own
from zhongshu.store import addresses, cases, facts
from zhongshu.store import messages as store
from zhongshu.store.addresses import Address, Asker, Hook, Subscription
from zhongshu.store.db import Tx
from zhongshu.store.messages import Message

#: How many messages are taken in hand at once.
LOT = 50
#: What could not be sent for so long is no news any more.
TOO_OLD = timedelta(days=7)
#: How long the log is kept.
KEEP = timedelta(days=90)
#: A short message and a push show no more.
MOST_SHORT = 480
#: Why a message was dropped; the pages have the words.
NO_ADDRESS, STOPPED, UNDONE, TOO_LATE = "no_address", "stopped", "undone", "too_old"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Book:
    """What a lot of messages needs to be put into words and addressed."""

    texts: Own
    cases: Mapping[CaseId, Case]
    stories: Mapping[CaseId, Sequence[Fact]]
    undone: Mapping[CaseId, frozenset[int]]
    staff: Mapping[tuple[int, str], Sequence[Address]]
    askers: Mapping[int, Asker]
    subscriptions: Mapping[int, Subscription]
    hooks: Mapping[int, Hook]


def claim(
    tx: Tx, city: City, medium: Medium, out: Outlet, *, now: datetime, limit: int = LOT
) -> list[Parcel]:
    """Take what is due of a medium in hand, and return it ready to be carried."""
    store.reclaim(tx, medium, before=now - LEASE, at=now)
    rows = _uncut(tx, store.claim(tx, medium, at=now, limit=limit), limit)
    if not rows:
        return []
    book = _book(tx, rows)
    parcels: list[Parcel] = []
    for group in _bundles(rows):
        ids = [m.id for m in group]
        if now - group[0].made_at > TOO_OLD and group[0].tries > 1:
            store.failed(tx, ids, TOO_LATE, again=None, at=now)
            continue
        heard = [m for m in group if not _taken_back(m, book)]
        store.dropped(tx, [m.id for m in group if m not in heard], UNDONE, at=now)
        made = _parcel(city, heard, book, out) if heard else None
        if isinstance(made, str):
            store.dropped(tx, [m.id for m in heard], made, at=now)
        elif made is not None:
            parcel, shown = made
            store.written(tx, parcel.ids, bundle=int(parcel.key), subject=shown.subject, body=shown.body)  # fmt: skip
            parcels.append(parcel)
    return parcels


def settle(tx: Tx, delivery: Delivery, *, now: datetime) -> None:
    """Keep what came of carrying a parcel."""
    for address in delivery.gone:
        addresses.drop_one(tx, int(address))
    if delivery.fault is None:
        store.sent(tx, delivery.ids, at=now)
        store.channel_works(tx, delivery.channel, at=now)
        return
    error = stripped(delivery.error)[:300]
    first = store.get(tx, delivery.ids[0])
    again = None if delivery.permanent or first is None else next_try(first.tries, now)
    store.failed(tx, delivery.ids, error, again=again, at=now)
    if delivery.fault is Fault.ADDRESS and delivery.permanent and first is not None:
        _bounced(tx, first, now)
    if delivery.fault is Fault.CHANNEL:
        known = store.channel(tx, delivery.channel)
        until = rest((known.failures if known else 0) + 1, now)
        store.channel_fails(tx, delivery.channel, error, rests_until=until, at=now)


def lay_back(tx: Tx, parcels: Iterable[Parcel]) -> None:
    """Lay parcels back that nobody tried to hand over."""
    store.laid_back(tx, [id_ for parcel in parcels for id_ in parcel.ids])


def forget(tx: Tx, *, now: datetime) -> int:
    """Delete messages that ended long ago; return how many."""
    return store.forget(tx, before=now - KEEP)


def _bounced(tx: Tx, message: Message, now: datetime) -> None:
    """Mark the address a message could not reach."""
    if message.account is not None:
        addresses.bounced(tx, message.account, message.medium, at=now)
    if message.report_id is not None:
        addresses.contact_bounced(tx, message.report_id, at=now)
    if message.subscription is not None:
        addresses.subscription_bounced(tx, message.subscription, at=now)


# ── from messages to a parcel ────────────────────────────────────────────────────────


def _book(tx: Tx, rows: Sequence[Message]) -> _Book:
    accounts = sorted({m.account for m in rows if m.account is not None})
    reports = sorted({m.report_id for m in rows if m.report_id is not None})
    wanted = sorted({m.case_id for m in rows if m.case_id is not None})
    told = sorted({m.case_id for m in rows if m.case_id is not None and m.seq is not None})
    staff: dict[tuple[int, str], list[Address]] = {}
    for address in addresses.of_accounts(tx, accounts):
        staff.setdefault((address.account, address.medium), []).append(address)
    subscribed = sorted({m.subscription for m in rows if m.subscription is not None})
    stories = facts.of_cases(tx, told)
    return _Book(
        texts=own(tx), staff=staff, cases={c.id: c for c in cases.some(tx, wanted)},
        stories=stories, undone={case: undone(story) for case, story in stories.items()},
        askers={a.report_id: a for a in addresses.askers(tx, reports)},
        subscriptions={s.id: s for s in addresses.subscriptions(tx, subscribed)},
        hooks={h.id: h for h in addresses.hooks(tx)} if any(m.hook for m in rows) else {},
    )  # fmt: skip


def _uncut(tx: Tx, rows: list[Message], limit: int) -> list[Message]:
    """Lay back what the last hearer of a full lot gets, for the rest of it may still wait: the
    next lot begins with it. Where there is no other hearer it goes as it is.
    """
    last = _together(rows[-1]) if len(rows) == limit else ("alone", 0)
    cut = [m for m in rows if _together(m) == last]
    if last[0] == "alone" or len(cut) == len(rows):
        return rows
    store.laid_back(tx, [m.id for m in cut])
    return [m for m in rows if m not in cut]


def _bundles(rows: Sequence[Message]) -> list[list[Message]]:
    """Put together what one hearer gets at once, the newest last."""
    found: dict[tuple[str, int], list[Message]] = {}
    for m in rows:
        found.setdefault(_together(m), []).append(m)
    return [sorted(group, key=lambda m: m.id) for group in found.values()]


def _together(m: Message) -> tuple[str, int]:
    """Return what messages have in common that go as one: what was carried together before
    stays so, danger goes alone, all else with what the same hearer gets.
    """
    if m.bundle:
        return "bundle", m.bundle
    if m.urgent or m.event in (TEST, CONFIRM):
        return "alone", m.id
    whose = (
        ("account", m.account), ("report", m.report_id), ("subscription", m.subscription),
        ("hook", m.hook), ("alone", m.id),
    )  # fmt: skip
    return next((name, n) for name, n in whose if n is not None)


def _taken_back(m: Message, book: _Book) -> bool:
    """Say whether what a message tells of was undone before it left."""
    return m.case_id is not None and m.seq in book.undone.get(m.case_id, ())


def _parcel(
    city: City, group: Sequence[Message], book: _Book, out: Outlet
) -> tuple[Parcel, Text] | str:
    """Return a parcel and what of its text may be kept, or why nobody is to get it."""
    first = group[0]
    to = _address(first, book, out.key)
    if to is None:
        return STOPPED if first.report_id is not None else NO_ADDRESS
    kept = _worded(city, group, book, out)
    ways = _ways(first, book, out)
    # Of several cases none is the one to go to.
    about = first if len({m.case_id for m in group}) == 1 else None
    return Parcel(
        key=f"{first.bundle or first.id}", ids=tuple(m.id for m in group), channel=first.channel,
        medium=Medium(first.medium), to=to, subject=filled(kept.subject, ways),
        body=filled(kept.body, ways), link=ways.get("link", "") or _link(about, book, out),
        stop=ways.get("stop", ""),
    ), kept  # fmt: skip


def _address(m: Message, book: _Book, key: bytes) -> str | None:
    """Return where a message goes, in the clear; None where it may not be sent any more."""
    if m.hook is not None:
        hook = book.hooks.get(m.hook)
        if hook is None or not hook.active:
            return None
        said = opened(
            bytes(hook.sealed), key=key, nonce=bytes(hook.nonce), about=hook_about(hook.id)
        )
        return json.dumps({**json.loads(said), "style": hook.style})
    if m.account is not None:
        mine = [a for a in book.staff.get((m.account, m.medium), ()) if a.bounced_at is None]
        found = {
            a.id: opened(
                bytes(a.ciphertext),
                key=key,
                nonce=bytes(a.nonce),
                about=staff_about(a.account, a.medium),
            )
            for a in mine
        }
        if m.medium == Medium.PUSH:
            return json.dumps({str(n): json.loads(said) for n, said in found.items()}) if found else None  # fmt: skip
        return next(iter(found.values()), None)
    if m.subscription is not None:
        one = book.subscriptions.get(m.subscription)
        if one is None or one.bounced_at or (one.confirmed_at is None and m.event != CONFIRM):
            return None
        return opened(
            bytes(one.ciphertext), key=key, nonce=bytes(one.nonce),
            about=subscription_about(bytes(one.finger)),
        )  # fmt: skip
    asker = book.askers.get(m.report_id or 0)
    if asker is None or not asker.tell or asker.bounced_at:
        return None
    if asker.ciphertext is None or asker.nonce is None:
        return None
    about = intake.about(asker.report_id, asker.kind)
    return opened(bytes(asker.ciphertext), key=key, nonce=bytes(asker.nonce), about=about)


def staff_about(account: AccountId, medium: str) -> str:
    """What the ciphertext of a staff address is bound to."""
    return f"staff:{account}:{medium}"


def hook_about(hook: int) -> str:
    """What the ciphertext of a hook is bound to."""
    return f"hook:{hook}"


def subscription_about(finger: bytes) -> str:
    """What the ciphertext of a subscriber's address is bound to."""
    return f"subscription:{finger.hex()}"


def token(key: bytes, subscription: int) -> str:
    """Return what stands in the links of a subscription: nobody can make another's."""
    digest = hmac.digest(key, f"subscription-link:{subscription}".encode(), "sha256")
    return f"{subscription}-{digest[:16].hex()}"


def _ways(m: Message, book: _Book, out: Outlet) -> dict[str, str]:
    """Return what is filled in last and kept nowhere: the ways to somebody's own pages."""
    if m.report_id is not None:
        code = book.askers[m.report_id].code or ""
        return {"link": f"{out.site}/t/{code}", "stop": f"{out.site}/t/{code}/stop"}
    if m.subscription is not None:
        word = token(out.key, m.subscription)
        return {"link": f"{out.site}/subscribe/{word}", "stop": f"{out.site}/subscribe/{word}/stop"}
    return {}


def _link(m: Message | None, book: _Book, out: Outlet) -> str:
    """Return where staff goes from a message, or from several."""
    case = book.cases.get(m.case_id) if m is not None and m.case_id is not None else None
    return f"{out.site}/cases/{case.number}" if case else f"{out.site}/inbox"


def _worded(city: City, group: Sequence[Message], book: _Book, out: Outlet) -> Text:
    """Return the text of a group: each in turn, what stands under it once; the newest is what
    its subject says.
    """
    newest = group[-1]
    lang: Lang = "en" if newest.lang == "en" else "zh"
    hearer, medium = Hearer(newest.hearer), Medium(newest.medium)
    heads: list[str] = []
    for m in group:
        text = chosen(book.texts, hearer, m.event, medium, lang)
        values = _values(city, m, book, out, lang, n=len(group))
        heads.append(filled(text.parts[0], values))
    text = chosen(book.texts, hearer, newest.event, medium, lang)
    values = _values(city, newest, book, out, lang, n=len(group))
    subject = filled(text.subject, values)
    if len(group) > 1 and hearer is Hearer.STAFF:
        subject = filled(out.words("message", "several", lang), {**values, "n": str(len(group))})
    foot = filled(text.parts[1], values)
    between = "\n" if hearer is Hearer.SUBSCRIBER else "\n\n"
    body = between.join(heads) + _under(foot, medium)
    if medium in (Medium.SMS, Medium.PUSH) and len(body) > MOST_SHORT:
        body = body[: MOST_SHORT - 1] + "…"
    return Text(subject, body)


def _under(foot: str, medium: Medium) -> str:
    if not foot:
        return ""
    return f"\n\n-- \n{foot}" if medium is Medium.EMAIL else f"\n{foot}"


def _values(
    city: City, m: Message, book: _Book, out: Outlet, lang: Lang, *, n: int
) -> dict[str, str]:
    """Return what the variables of a message stand for."""
    case = book.cases.get(m.case_id) if m.case_id is not None else None
    fact = book.stories[m.case_id][m.seq - 1] if m.case_id is not None and m.seq else None
    values = of_case(city, case, fact, lang)
    values |= {"what": said_of(out, Hearer(m.hearer), m.event, lang), "n": str(n)}
    if m.hearer == Hearer.STAFF:
        values |= {"link": _link(m, book, out), "settings": f"{out.site}/inbox#media"}
        values |= {"due": _moment(city, m.says["due_at"])} if m.says.get("due_at") else {}
    if m.subscription is not None and (one := book.subscriptions.get(m.subscription)) is not None:
        values["about"] = plain(subscribed_to(city, one.area, one.category, lang))
    return values


def said_of(out: Outlet, hearer: Hearer, event: str, lang: Lang) -> str:
    """Return the words for what happened."""
    if event in (TEST, CONFIRM):
        return out.words("message", event, lang)
    if hearer is not Hearer.STAFF:
        return out.words("step" if hearer is Hearer.REPORTER else "news", event, lang)
    parts = event.split(":")
    if len(parts) == 3 and parts[0] == "clock":
        return f"{out.words('clock', parts[1], lang)}: {out.words('rung', parts[2], lang)}"
    return out.words("happening", event, lang)


def of_case(city: City, case: Case | None, fact: Fact | None, lang: Lang) -> dict[str, str]:
    """Return what the variables that speak of a case stand for; all empty without one."""
    names = ("number", "category", "area", "unit", "due", "title", "reason")
    values = {**dict.fromkeys((str(n) for n in names), ""), "city": plain(city.name.said(lang))}
    if case is None:
        return values
    unit = city.units.get(case.unit) if case.unit is not None else None
    category = city.category_name(case.category)
    due = case.due_at if case.stage in ("dispatched", "in_hand") else None
    reason = fact.says.get("reason", "") if fact is not None and fact.kind in WITH_REASON else ""
    said = {
        "number": case.number, "category": category.said(lang) if category else "",
        "area": place_words(city, case.area, lang), "unit": unit.name.said(lang) if unit else "",
        "title": case.title, "reason": str(reason or ""), "due": _moment(city, due) if due else "",
    }  # fmt: skip
    return values | {name: plain(value) for name, value in said.items()}


def place_words(city: City, area: AreaId | None, lang: Lang) -> str:
    """Return a place no nearer than its community."""
    chain = city.tree.chain(area) if area in city.tree.by_id else ()
    coarse = [a for a in chain if a.kind in ("district", "subdistrict", "community")]
    return " ".join(a.name.said(lang) for a in (coarse or chain[:1]))


def subscribed_to(city: City, area: str, category: str, lang: Lang) -> str:
    """Return what somebody subscribed to, in words."""
    place = city.tree.named(area) if area else None
    kind = classes(city, category) if category else None
    return " · ".join(
        part for part in (
            place.name.said(lang) if place else area, kind[lang] if kind else category,
        ) if part
    )  # fmt: skip


def _moment(city: City, at: Any) -> str:
    moment = datetime.fromisoformat(at) if isinstance(at, str) else at
    return f"{moment.astimezone(city.zone):%Y-%m-%d %H:%M}"


def preview(
    tx: Tx, city: City, case: Case, hearer: Hearer, event: str, medium: Medium, lang: Lang,
    text: Text, out: Outlet,
) -> Text:  # fmt: skip
    """Return a text as it would read of a real case. Nothing is kept or sent."""
    story = facts.of_case(tx, case.id)
    fact = next((f for f in reversed(story) if f.kind.value == event), None)
    values = of_case(city, case, fact, lang)
    values |= {
        "what": said_of(out, hearer, event, lang) if event else out.words("message", "example", lang),
        "n": "1", "about": values["area"], "link": f"{out.site}/…", "stop": f"{out.site}/…/stop",
        "settings": f"{out.site}/inbox#media",
    }  # fmt: skip
    head, foot = text.parts
    body = filled(head, values) + _under(filled(foot, values), medium)
    return Text(filled(text.subject, values), body)
