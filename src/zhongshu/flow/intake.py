"""The one way in: reports of any channel become cases, a whole batch in one transaction.

    check and clean → locate → classify → same matter? → file → (an explicit rule dispatches)

“Same matter?” is answered by the reporter where he was asked (`Draft.joins`), else by the rule.

A report that is refused comes back as its refusal; its neighbours go on.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from typing import Any

from zhongshu.core.assets import Asset
from zhongshu.core.cases import Act, Case, Stage, begun, changed, step
from zhongshu.core.cases.matching import JOINABLE, Match, Matter, SameRule, between, same_matter
from zhongshu.core.catalogue import Category, Danger, Guess, danger_in
from zhongshu.core.facts import A_REPORTER, THE_HUB, Fact, Kind
from zhongshu.core.intake import OWN, RECEIPT_BYTES, Draft, Report, read, receipt_code, start
from zhongshu.core.place import Point, metres, squares, tile
from zhongshu.core.privacy import NONCE_BYTES, ContactKind, masked, sealed
from zhongshu.core.values import CaseId, CategoryId, Refused, ReportId
from zhongshu.flow.city import City, Work
from zhongshu.flow.pending import ask_others
from zhongshu.flow.things import NoSuchAsset
from zhongshu.store import assets, cases, reports, tasks, vault
from zhongshu.store.db import Tx

Random = Callable[[int], bytes]
#: So long after its closing a case counts as repeated, where the city says nothing.
REPEAT_DAYS = 30


class UnknownCategory(Refused):
    message = "%(field)s: the catalogue has no category “%(value)s”."
    remedy = "Use a code of GET /api/v1/categories, or leave it out."


class KeyReused(Refused):
    message = "The key “%(value)s” was used before for a different report."
    remedy = "Use a new Idempotency-Key for each report; send the same body only when retrying."


class KeyTwice(Refused):
    status = 409
    message = "A report under the key “%(value)s” is being taken in at this moment."
    remedy = "Send it again in a second to get its receipt."


class NotOpen(Refused):
    status = 409
    message = "The matter “%(value)s” cannot be joined any more."
    remedy = "Leave the number out, or send “own” to open a case of its own."


class TooFar(Refused):
    message = "The matter “%(value)s” is too far from the place of this report to be the same."
    remedy = "Set the place where it is, within %(most)d m of it, or open a case of its own."


@dataclass(frozen=True, slots=True, kw_only=True)
class Receipt:
    """What the sender gets: a code to track by, and what became of the report.

    ``joined`` names the open case the report was joined to and why; ``again`` says the
    same report was already here. ``danger`` must be shown first where it is present.
    """

    report: ReportId
    code: str | None
    case: CaseId
    number: str
    stage: Stage
    joined: Match | None = None
    again: bool = False
    danger: Danger | None = None


@dataclass(slots=True)
class _Pending:
    """One report on its way through the steps (local to one call)."""

    n: int
    report: Report
    category: Category | None = None
    guesses: tuple[Guess, ...] = ()
    danger: Danger | None = None
    spot: tuple[int, ...] = ()
    where: Mapping[str, Any] = field(default_factory=dict[str, Any])
    inside: bool = False
    rule: SameRule | None = None
    alike: frozenset[CategoryId] = frozenset()
    asset: Asset | None = None


#: What joining a report may change of a case.
JOINING = ("reports", "hazard", "priority", "asset")


@dataclass(slots=True)
class _Written:
    """What a batch will write: cases as they end up, and the facts that led there."""

    new: dict[CaseId, Case] = field(default_factory=dict[CaseId, Case])
    joined: dict[CaseId, Case] = field(default_factory=dict[CaseId, Case])
    facts: list[Fact] = field(default_factory=list[Fact])
    joins: list[Fact] = field(default_factory=list[Fact])
    texts: dict[CaseId, str] = field(default_factory=dict[CaseId, str])
    rows: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    work: list[tuple[CaseId, Work]] = field(default_factory=list[tuple[CaseId, Work]])


def receive(
    tx: Tx, city: City, drafts: Sequence[Draft], *, now: datetime, random: Random, key: bytes,
    join: bool = True,
) -> list[Receipt | Refused]:  # fmt: skip
    """Take a batch of reports in; return an answer for each, in order.

    ``key`` encrypts contacts; ``join=False`` lets every report open a case of its own.
    """
    answers: dict[int, Receipt | Refused] = {}
    pending: list[_Pending] = []
    codes = [draft.asset for draft in drafts if draft.asset]
    known = assets.some(tx, codes) if codes else {}
    for n, draft in enumerate(drafts):
        try:
            pending.append(_understood(_Pending(n, read(draft, now=now)), city, known))
        except Refused as refusal:
            answers[n] = refusal
    pending = _without_known(tx, pending, answers)
    if pending:
        _written(tx, city, pending, answers, random=random, key=key, join=join)
    return [answers[n] for n in range(len(drafts))]


def _understood(pending: _Pending, city: City, known: Mapping[str, Asset]) -> _Pending:
    """Find the thing it is about, the place's cells and the category."""
    _about(pending, known)
    report = pending.report
    if report.place is not None:
        found = city.where(report.place)
        pending.inside = found is not None
        pending.where = {"lon": report.place.lon, "lat": report.place.lat, **(found or {})}
    pending.danger = danger_in(report.text)
    if report.category is not None:
        pending.category = city.coded(report.category)
        if pending.category is None:
            raise UnknownCategory("category", report.category)
    else:
        pending.guesses = city.guesses(report.text)
        pending.category = _clear_winner(pending.guesses)
        if pending.category is None and pending.asset is not None:
            pending.category = city.coded(pending.asset.category)
    if pending.category is not None:
        pending.alike = city.alike(pending.category.id)
    if report.place is not None and pending.inside and pending.category is not None:
        pending.rule = city.same.of(pending.category.code)
        pending.spot = squares(report.place, pending.rule.metres)
    return pending


def _about(pending: _Pending, known: Mapping[str, Asset]) -> None:
    """Take the thing a report names; where the report has no place, it is where the thing is."""
    code = pending.report.asset
    if code is None:
        return
    pending.asset = known.get(code)
    if pending.asset is None:
        raise NoSuchAsset("asset", code)
    if pending.report.place is None:
        pending.report = replace(pending.report, place=pending.asset.place)


def _clear_winner(guesses: Sequence[Guess]) -> Category | None:
    """Return the category the keyword rules point at, unless two are equally likely."""
    if not guesses or (len(guesses) > 1 and guesses[0].score <= guesses[1].score):
        return None
    return guesses[0].category


def _without_known(
    tx: Tx, pending: Iterable[_Pending], answers: dict[int, Receipt | Refused]
) -> list[_Pending]:
    """Answer reports that are here already; return the others, each key once."""
    fresh: list[_Pending] = []
    waiting = list(pending)
    keyed = [(p.report.source, p.report.key) for p in waiting if p.report.key]
    here = {(k.source, k.source_key): k for k in reports.known(tx, [(s, k) for s, k in keyed if k])}
    seen: dict[tuple[str, str], bytes] = {}
    for one in waiting:
        name = (one.report.source, one.report.key or "")
        known = here.get(name)
        if known is not None:
            same = known.body_hash is None or bytes(known.body_hash) == one.report.body_hash
            answers[one.n] = (
                Receipt(
                    report=known.id, code=known.code, case=known.case_id, number=known.number,
                    stage=Stage(known.stage), again=True, danger=one.danger,
                )
                if same
                else KeyReused("Idempotency-Key", one.report.key)
            )  # fmt: skip
        elif one.report.key and name in seen:
            # The same key twice in one batch: the caller retries and finds the first.
            answers[one.n] = KeyTwice("Idempotency-Key", one.report.key)
        else:
            seen[name] = one.report.body_hash
            fresh.append(one)
    return fresh


def _written(
    tx: Tx, city: City, pending: Sequence[_Pending], answers: dict[int, Receipt | Refused],
    *, random: Random, key: bytes, join: bool,
) -> None:  # fmt: skip
    written = _Written()
    near = _candidates(tx, pending) if join else {}
    done = cache(lambda: _done_nearby(tx, city, pending))  # asked once, where a case is opened
    named = _named(pending) if join else {}
    locked = cases.lock_all(tx, sorted({*_likely(pending, near), *named.values()}))
    case_ids, report_ids = cases.ids(tx, cases=len(pending), reports=len(pending))
    kept: list[tuple[_Pending, ReportId]] = []
    for one, case_id, number in zip(pending, case_ids, report_ids, strict=True):
        report_id = ReportId(number)
        try:
            match, joined = _same(tx, city, one, near if join else None, named, written, locked)
        except Refused as refusal:
            answers[one.n] = refusal
            continue
        if joined is None or match is None:
            before = _repeated(city, one, done())
            case = _opened(written, city, one, CaseId(case_id), report_id, before, match)
            _remember(near, case)
            match = None
        else:
            case = _joined(written, joined, one, report_id, match)
        code = receipt_code(random(RECEIPT_BYTES))
        written.rows.append(_row(one.report, report_id, case.id, code))
        kept.append((one, report_id))
        answers[one.n] = Receipt(
            report=report_id, code=code, case=case.id, number=case.number,
            stage=case.stage, joined=match, danger=one.danger,
        )  # fmt: skip
    # Nothing here waits for an answer: all of it goes in one round trip.
    with tx.pipeline():
        _store(tx, written)
        for one, report_id in kept:
            _vaulted(tx, one.report, report_id, random=random, key=key)
    for case_id, work in written.work:
        ask_others(tx, city, written.new[case_id], work, at=pending[0].report.received_at)


def _same(
    tx: Tx, city: City, one: _Pending, near: _Near | None, named: Mapping[str, CaseId],
    written: _Written, locked: dict[CaseId, Case],
) -> tuple[Match | None, Case | None]:  # fmt: skip
    """Return the match of a report and the case it joins, locked; no case: it opens its own.

    A match without a case is what the rule would have joined, had the reporter not said that
    it is another matter.
    """
    if near is None:
        return None, None
    if one.report.joins and one.report.joins != OWN:
        return _chosen(tx, city, one, named, written, locked)
    match = _match(one, near)
    if match is None:
        return None, None
    if one.report.joins == OWN:
        return match, None
    joined = _still_joinable(tx, match, written, locked)
    return (match, joined) if joined is not None else (None, None)


def _named(pending: Sequence[_Pending]) -> dict[str, CaseId]:
    """Return the identities of the cases that reporters named as the same matter."""
    numbers = {one.report.joins for one in pending} - {"", OWN}
    found = {number: City.case_id(number) for number in numbers}
    return {number: case for number, case in found.items() if case is not None}


def _chosen(
    tx: Tx, city: City, one: _Pending, named: Mapping[str, CaseId], written: _Written,
    locked: dict[CaseId, Case],
) -> tuple[Match, Case]:  # fmt: skip
    """Return the open case a reporter named, or the one it was merged into; or refuse it."""
    number = one.report.joins
    found = locked.get(named[number]) if number in named else None
    if found is None or found.number != number:
        raise NotOpen("joins", number)
    if found.merged_into is not None:
        found = locked.get(found.merged_into) or cases.lock(tx, found.merged_into)
        assert found is not None
    now = written.joined.get(found.id, found)
    if now.stage not in JOINABLE:
        raise NotOpen("joins", number)
    code = city.code(now)
    rule = city.same.of(code)
    me = _matter(one)
    match = between(me, now, code=code, rule=rule) if me is not None else None
    if match is None or match.metres > rule.near_metres:
        raise TooFar("joins", number, most=rule.near_metres)
    locked[now.id] = now
    return match, now


def _matter(one: _Pending) -> Matter | None:
    """Return what a report is compared by; None where it has no place."""
    if one.report.place is None:
        return None
    return Matter.said(
        one.report.text, at=one.report.at, place=one.report.place,
        code=one.category.code if one.category else "",
    )  # fmt: skip


#: Open cases by the ~100 m square they lie in: a report is compared with nine squares only.
_Near = dict[int, list[Case]]


def _candidates(tx: Tx, pending: Sequence[_Pending]) -> _Near:
    asking = [one for one in pending if one.rule is not None and one.rule.joins]
    if not asking:
        return {}
    oldest = min(one.report.at - timedelta(hours=one.rule.hours) for one in asking if one.rule)
    near: _Near = {}
    for case in cases.near(tx, _spots(asking), since=oldest):
        _remember(near, case)
    return near


def _spots(pending: Sequence[_Pending]) -> list[tuple[int, CategoryId]]:
    """Return the squares and classes in which the same matter may be."""
    return sorted(
        {(square, category) for one in pending for category in one.alike for square in one.spot}
    )


def _remember(near: _Near, case: Case) -> None:
    if case.lon is not None and case.lat is not None:
        near.setdefault(tile(case.lon, case.lat), []).append(case)


def _match(one: _Pending, near: _Near) -> Match | None:
    if one.category is None or one.report.place is None or one.rule is None:
        return None
    found = same_matter(
        at=one.report.at, place=one.report.place, category=one.category.id,
        text=one.report.text, rule=one.rule, alike=one.alike,
        candidates=[
            case for square in one.spot for case in near.get(square, ())
            # Two lamps side by side are two matters, where their plates were read.
            if one.asset is None or case.asset in (None, one.asset.code)
        ],
    )  # fmt: skip
    return found[0] if found else None


def _likely(pending: Sequence[_Pending], near: _Near) -> list[CaseId]:
    """Return the cases the reports will join as far as can be said now, to lock them at once."""
    matches = (_match(one, near) for one in pending if not one.report.joins)
    return [match.case.id for match in matches if match is not None]


def _still_joinable(
    tx: Tx, match: Match, written: _Written, locked: dict[CaseId, Case]
) -> Case | None:
    """Return the matched case as it is now, locked; None if somebody moved it on."""
    case_id = match.case.id
    ours = written.new.get(case_id) or written.joined.get(case_id)
    if ours is not None:
        return ours
    now = locked.get(case_id) or cases.lock(tx, case_id)
    return now if now is not None and now.stage == match.case.stage else None


def _done_nearby(tx: Tx, city: City, pending: Sequence[_Pending]) -> Sequence[Case]:
    days = int(city.said.get("repeat_days", REPEAT_DAYS))
    oldest = min(one.report.at for one in pending) - timedelta(days=days)
    return cases.closed_near(tx, _spots(pending), since=oldest)


def _repeated(city: City, one: _Pending, done: Sequence[Case]) -> Case | None:
    """Return the case closed last at this place, of this class, that the report repeats."""
    place = one.report.place
    if one.category is None or place is None or one.rule is None:
        return None
    days = timedelta(days=int(city.said.get("repeat_days", REPEAT_DAYS)))
    for case in done:
        if case.category not in one.alike or case.lon is None or case.lat is None:
            continue
        assert case.closed_at is not None
        if (
            timedelta(0) <= one.report.at - case.closed_at <= days
            and metres(place, Point(case.lon, case.lat)) <= one.rule.metres
        ):
            return case
    return None


def _opened(
    written: _Written, city: City, one: _Pending, case_id: CaseId, report_id: ReportId,
    before: Case | None, instead: Match | None,
) -> Case:  # fmt: skip
    """Open a case of its own; file it, and dispatch it where a rule says so.

    ``instead`` is what the rule would have joined, had the reporter not said otherwise.
    """
    report = one.report
    category = one.category
    first = Case(
        id=case_id,
        number=city.number(report.at, case_id),
        stage=start(place=report.place, inside=one.inside, classified=category is not None),
        reported_at=report.at,
        title=report.title,
        address=report.address,
        channel=report.channel,
        category=category.id if category else None,
        hazard=one.danger is not None,
        priority=1 if one.danger else 3,
        repeat_of=before.id if before else None,
        asset=one.asset.code if one.asset else None,
        **one.where,
    )
    if first.stage is Stage.FILED:
        first = replace(first, filed_at=report.received_at)
    first = replace(first, clocks=city.first_clocks(first, report.received_at))
    case, fact = begun(
        first, Kind.REPORTED, by=A_REPORTER, at=report.received_at,
        says={
            "report": report_id, "channel": report.channel, **_reasons(one),
            **({"repeats": before.number} if before else {}),
            **({"not_same_as": instead.case.number} if instead else {}),
        },
    )  # fmt: skip
    written.facts.append(fact)
    if case.stage is Stage.FILED:
        case = _by_rule(written, city, case, one.asset, report.received_at)
    written.new[case.id] = case
    written.texts[case.id] = report.text
    return case


def _by_rule(
    written: _Written, city: City, case: Case, asset: Asset | None, at: datetime
) -> Case:  # fmt: skip
    """Dispatch at once where the duty rule that fits says it needs no person."""
    work = city.work(case, at=at, asset=asset)
    if work is None or not work.auto:
        return case
    after, fact = step(
        case, Act.DISPATCH, by=THE_HUB, at=at,
        sets=city.dispatched(case, work, at), says=work.says,
    )  # fmt: skip
    written.facts.append(fact)
    written.work.append((case.id, work))
    return after


def _joined(
    written: _Written, case: Case, one: _Pending, report_id: ReportId, match: Match
) -> Case:
    """Join the open case; a more urgent voice raises it."""
    raised = {"hazard": True, "priority": 1} if one.danger else {}
    about = {"asset": one.asset.code} if one.asset and case.asset is None else {}
    after, fact = changed(
        case, Kind.JOINED, {"reports": case.reports + 1, **raised, **about},
        by=A_REPORTER, at=one.report.received_at,
        says={
            "report": report_id, "channel": one.report.channel, "metres": round(match.metres, 1),
            "hours": round(match.hours, 1), "likeness": round(match.likeness, 2),
            **({"chosen": "reporter"} if one.report.joins else {}),
        },
    )  # fmt: skip
    if case.id in written.new:
        written.new[case.id] = after
        written.facts.append(fact)
    else:
        written.joined[case.id] = after
        written.joins.append(fact)
    return after


def _store(tx: Tx, written: _Written) -> None:
    if written.new:
        cases.add(tx, list(written.new.values()), written.facts, written.texts)
    cases.save_all(tx, list(written.joined.values()), written.joins, JOINING)
    reports.add(tx, written.rows)
    for case_id, work in written.work:
        case = written.new[case_id]
        assert case.dispatched_at is not None
        tasks.open_(
            tx, case_id, "handle", at=case.dispatched_at, unit=work.unit, limit=str(work.limit),
            due_at=work.due_at,
        )  # fmt: skip


def _vaulted(tx: Tx, report: Report, report_id: ReportId, *, random: Random, key: bytes) -> None:
    """Keep the contact, and the words that were cut out of the text, as ciphertext."""
    secrets: list[tuple[ContactKind, str, str]] = []
    if report.contact is not None:
        secrets.append((report.contact.kind, report.contact.value, masked(report.contact.value)))
    if report.had_marks is not None:
        secrets.append((ContactKind.WORDS, report.had_marks, ""))
    for kind, value, shown in secrets:
        nonce = random(NONCE_BYTES)
        vault.keep(
            tx, report_id, kind=kind, masked=shown, nonce=nonce, at=report.received_at,
            ciphertext=sealed(value, key=key, nonce=nonce, about=about(report_id, kind)),
            tell=report.tell and kind is not ContactKind.WORDS,
        )  # fmt: skip


def about(report: ReportId, kind: str) -> str:
    """What a ciphertext of the vault is bound to."""
    return f"contact:{report}:{kind}"


def _reasons(one: _Pending) -> dict[str, Any]:
    """Why this category, why urgent: what the fact of filing keeps."""
    said: dict[str, Any] = {}
    if one.report.category is None and one.guesses:
        said["guesses"] = [
            {"category": g.category.code, "score": round(g.score, 3), "because": list(g.reasons)}
            for g in one.guesses[:3]
        ]
    if one.danger is not None:
        said["danger"] = one.danger.word
    return said


def _row(report: Report, report_id: int, case: CaseId, code: str) -> dict[str, Any]:
    return {
        "id": report_id, "code": code, "case_id": case,
        "received_at": report.received_at.isoformat(), "reported_at": report.at.isoformat(),
        "channel": report.channel, "source": report.source, "source_key": report.key,
        "body_hash": "\\x" + report.body_hash.hex(), "text": report.text,
        "address": report.address, "lang": report.lang,
        "lon": report.place.lon if report.place else None,
        "lat": report.place.lat if report.place else None,
        "raw_place": dict(report.raw_place) if report.raw_place else None,
        "category": report.category, "extra": dict(report.extra) if report.extra else None,
    }  # fmt: skip
