"""What leaves the hub is written down here: for staff beside each notice, for reporters and
subscribers by a reader of the ledger of its own. Nothing is sent: a message waits for its time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from zhongshu.core.cases import Case
from zhongshu.core.cases.undo import UNDOES
from zhongshu.core.cases.voices import OF_ONE
from zhongshu.core.catalogue import DOOR_GROUPS
from zhongshu.core.escalation import Post
from zhongshu.core.facts import Fact, Kind
from zhongshu.core.messages import (
    by_day,
    event_of,
    next_morning,
    said_to_subscribers,
)
from zhongshu.core.notices import MANDATORY, Notice
from zhongshu.core.texts import Hearer, Medium
from zhongshu.core.values import AccountId, AreaId, Lang, ReportId
from zhongshu.flow.browse import voices_of
from zhongshu.flow.city import City
from zhongshu.store import addresses, cases, facts
from zhongshu.store import messages as store
from zhongshu.store.addresses import Asker, Hook
from zhongshu.store.db import Tx

READER = "outward"
#: How many facts are read in one transaction.
BATCH = 500
#: What happened longer ago is no news to residents: a past that was brought in, above all.
NEWS_FOR = timedelta(days=7)
#: A word of the product in a language, by its family and key.
Words = Callable[[str, str, Lang], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """By which media this hub can send at all, and what it needs to say something: its words,
    its address in the net, the key of the vault.
    """

    media: frozenset[Medium]
    words: Words
    site: str
    key: bytes


# ── staff: beside each notice ────────────────────────────────────────────────────────


def of_notices(
    tx: Tx, city: City, fresh: Sequence[tuple[Notice, datetime]], out: Outlet, *, at: datetime
) -> int:  # fmt: skip
    """Write the messages that go out with new notices; return how many."""
    accounts = sorted({n.account for n, _ in fresh if n.account is not None})
    reach = {(a.account, a.medium) for a in addresses.of_accounts(tx, accounts) if not a.bounced_at}
    off, langs = addresses.mutes(tx, accounts), addresses.langs(tx, accounts)
    hooks = addresses.hooks(tx, active=True) if Medium.CHAT in out.media else []
    rows: list[dict[str, Any]] = []
    for notice, due in fresh:
        event = event_of(notice.says)
        about = {
            **_row(Hearer.STAFF, event, notice.about, at=notice.at, made_at=at),
            "case_id": notice.case, "says": dict(notice.says), "urgent": notice.urgent,
            "due_at": due.isoformat(),
        }  # fmt: skip
        for medium in city.sendings.media(event, notice.says["to"]):
            if medium not in out.media:
                continue
            if medium is Medium.CHAT:
                rows += [
                    {**about, "medium": medium, "channel": f"chat:{h.id}", "hook": h.id, "lang": h.lang}
                    for h in hooks if _hears(city, h, notice.post)
                ]  # fmt: skip
            elif notice.account is not None and _wanted(notice, medium, reach, off):
                rows.append(
                    {
                        **about, "medium": medium, "channel": medium.value,
                        "account": notice.account, "lang": langs.get(notice.account, "zh"),
                    }
                )  # fmt: skip
    return store.add(tx, rows)


def _wanted(
    notice: Notice, medium: Medium, reach: set[tuple[AccountId, str]],
    off: frozenset[tuple[AccountId, str, str]],
) -> bool:  # fmt: skip
    """Say whether an account can be reached by a medium and has not switched the kind off;
    work that waits cannot be switched off, only the address taken away.
    """
    assert notice.account is not None
    if (notice.account, medium.value) not in reach:
        return False
    return notice.kind in MANDATORY or (notice.account, medium.value, notice.kind.value) not in off


def _hears(city: City, hook: Hook, post: Post) -> bool:
    """Say whether a group is told what a post is told: that of its unit or area, or the city's.
    It keeps the version of the area it was made for: it is for what that is today.
    """
    if hook.unit is not None:
        return hook.unit == post.unit
    known = city.tree.by_id
    return hook.area is None or (
        post.area is not None and known.get(hook.area) is known.get(post.area)
    )


def _row(
    hearer: Hearer, event: str, about: str, *, at: datetime, made_at: datetime
) -> dict[str, Any]:
    return {
        "hearer": hearer, "event": event, "about": about, "at": at.isoformat(),
        "made_at": made_at.isoformat(),
    }  # fmt: skip


# ── reporters and subscribers: a reader of the ledger ────────────────────────────────


def follow(
    tx: Tx, city: City, out: Outlet, *, now: datetime, since: datetime | None = None,
    limit: int = BATCH,
) -> int:  # fmt: skip
    """Read on in the ledger and write what residents are told; return how many facts were read.
    What happened before ``since``, or long ago, is passed over: a past is no news.
    """
    read = facts.read(tx, after=facts.position(tx, READER), limit=limit)
    if not read:
        return 0
    oldest = max(since or now - NEWS_FOR, now - NEWS_FOR)
    news = [one.fact for one in read if one.fact.at >= oldest]
    rows = _to_reporters(tx, city, news, out, now)
    if Medium.EMAIL in out.media and addresses.any_subscription(tx):
        rows += _to_subscribers(tx, city, news, now)
    store.add(tx, rows)
    facts.advance(tx, READER, read[-1].position)
    return len(read)


def _to_reporters(
    tx: Tx, city: City, news: Sequence[Fact], out: Outlet, now: datetime
) -> list[dict[str, Any]]:
    """Return a message for each report that hears of a fact, left a contact and agreed to it."""
    told = city.sendings.reporters
    heard: list[tuple[Fact, Sequence[ReportId]]] = []
    for fact in news:
        if not set(told.get(fact.kind, ())) & out.media:
            continue
        one = fact.says.get("report") if fact.kind in OF_ONE else None
        # Most facts are of one report; who else hears is read from the story of the case.
        heard.append((fact, [one] if one is not None else [v.id for v in voices_of(tx, fact)]))
    wanted = sorted({report for _, reports in heard for report in reports})
    askers: dict[ReportId, list[Asker]] = {}
    for asker in addresses.askers(tx, wanted) if wanted else ():
        askers.setdefault(asker.report_id, []).append(asker)
    return [
        _to_reporter(city, fact, asker, medium, now)
        for fact, reports in heard
        for report in reports
        for asker in askers.get(report, ())
        for medium in _reached_by(asker)
        if medium in out.media and medium in told[fact.kind]
    ]


def _reached_by(asker: Asker) -> tuple[Medium, ...]:
    """Return by which medium a reporter may be told, if at all."""
    if not asker.tell or asker.ciphertext is None or asker.bounced_at is not None:
        return ()
    return (Medium.EMAIL if asker.kind == "email" else Medium.SMS,)


def _to_reporter(
    city: City, fact: Fact, asker: Asker, medium: Medium, now: datetime
) -> dict[str, Any]:  # fmt: skip
    # Nobody is told of what may still be taken back.
    due = max(now, fact.at + city.undo_window) if fact.kind in UNDOES else now
    # Whoever has just reported gets his code at once, at whatever hour.
    receipt = fact.kind in (Kind.REPORTED, Kind.JOINED)
    return {
        **_row(Hearer.REPORTER, fact.kind, f"{fact.case}:{fact.seq}", at=fact.at, made_at=now),
        "medium": medium, "channel": medium.value, "report_id": asker.report_id,
        "lang": asker.lang, "case_id": fact.case, "seq": fact.seq,
        "due_at": (due if receipt else by_day(due, city.zone)).isoformat(),
    }  # fmt: skip


def _to_subscribers(
    tx: Tx, city: City, news: Sequence[Fact], now: datetime
) -> Iterator[dict[str, Any]]:  # fmt: skip
    """Yield a line for each fact and subscription it concerns: they go as one mail in the
    morning.
    """
    told = [(fact, kind) for fact in news if (kind := said_to_subscribers(fact)) is not None]
    about = {case.id: case for case in cases.some(tx, sorted({fact.case for fact, _ in told}))}
    due = next_morning(now, city.zone).isoformat()
    for fact, kind in told:
        case = about[fact.case]
        for one in addresses.subscriptions_to(tx, area_codes(city, case), class_codes(city, case)):
            yield {
                **_row(Hearer.SUBSCRIBER, kind, f"{fact.case}:{fact.seq}", at=fact.at, made_at=now),
                "medium": Medium.EMAIL, "channel": Medium.EMAIL.value, "subscription": one.id,
                "lang": one.lang, "case_id": fact.case, "seq": fact.seq, "due_at": due,
            }  # fmt: skip


def area_codes(city: City, case: Case) -> list[str]:
    """Return the codes of the areas a case lies in, those that cut across too."""
    chain = city.tree.chain(case.area) if case.area in city.tree.by_id else ()
    cells = [city.tree.by_id[cell] for cell in map(AreaId, case.cells) if cell in city.tree.by_id]
    return sorted({area.code for area in (*chain, *cells)})


def class_codes(city: City, case: Case) -> list[str]:
    """Return by what a case's class may be asked for: its code today, the beginnings of that,
    and the groups of the door it belongs to.
    """
    found: set[str] = set()
    for code in city.codes_now(case.category):
        parts = code.split("-")
        found |= {"-".join(parts[:n]) for n in range(1, len(parts) + 1)}
        found |= {group.key for group in DOOR_GROUPS if code in group.codes}
    return sorted(found)


def classes(city: City, said: str) -> Mapping[str, str] | None:
    """Return the name of what a code of a class, its beginning or a group of the door means, in
    both languages; None where it means nothing.
    """
    group = next((g for g in DOOR_GROUPS if g.key == said), None)
    named = group.name if group else None
    if named is None and (found := city.catalogue.by_code(said)) is not None:
        named = found.name
    return None if named is None else {"zh": named.said("zh"), "en": named.said("en")}
