"""Running a rule proposal over a period of the ledger: asked for here, worked off by a job."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import cache
from typing import Any, ClassVar

from zhongshu.core.assets import Asset
from zhongshu.core.calendar import due, worked_seconds
from zhongshu.core.cases.clocks import ClockKind
from zhongshu.core.cases.matching import SameRule
from zhongshu.core.dispatch import Incompetent
from zhongshu.core.faults import unreadable
from zhongshu.core.proposals import STAGES, Proposal
from zhongshu.core.values import AccountId, CategoryId, Refused
from zhongshu.core.whatif import (
    Decision,
    Findings,
    Join,
    Joining,
    Past,
    Rejoined,
    Side,
    Verdict,
    judged,
    past,
    rejoined,
)
from zhongshu.flow import proposals
from zhongshu.flow.city import City
from zhongshu.flow.things import Things
from zhongshu.store import pasts
from zhongshu.store import proposals as store
from zhongshu.store.db import Database, Tx
from zhongshu.store.proposals import Run

#: The longest period of one run; a year of a big city takes minutes.
MOST_DAYS = 400
#: A run whose runner gave no sign for so long is taken up by another.
DEAD_AFTER = timedelta(seconds=60)
#: How many runs of a proposal are kept, and how often a run says how far it is.
KEPT_RUNS, EVERY = 3, 2000


class BadPeriod(Refused):
    message = "%(field)s: a period until %(value)s cannot be run."
    remedy = "Choose a period of at most 400 days whose end comes after its beginning."


class NoSuchRun(Refused):
    status: ClassVar[int] = 404
    message = "There is no run “%(value)s” of this proposal."
    remedy = "Choose one of the runs the page of the proposal lists."


def last_month(city: City, at: datetime) -> tuple[date, date]:
    """Return the first day of the month before a moment's, and its last day, in the city."""
    first = proposals.today(city, at).replace(day=1)
    end = first - timedelta(days=1)
    return end.replace(day=1), end


def period(city: City, since: date, until: date) -> tuple[datetime, datetime]:
    """Return the moments from the beginning of one day of the city to the end of another."""
    if until < since:
        raise BadPeriod("until", until.isoformat())
    if (until - since).days >= MOST_DAYS:
        raise BadPeriod("until", until.isoformat())
    return _begin(city, since), _begin(city, until + timedelta(days=1))


def _begin(city: City, day: date) -> datetime:
    return datetime(day.year, day.month, day.day, tzinfo=city.zone)


def ask(
    tx: Tx, city: City, proposal: int, *, since: date, until: date, by: AccountId, at: datetime
) -> int:
    """Ask for a run; return its number. What cannot be applied at all is refused here."""
    kept = proposals.get(tx, proposal, lock=True)
    start, end = period(city, since, until)
    known, rules = proposals.directory(city), proposals.rule_set(city, on=proposals.today(city, at))
    found = unreadable(rules, proposals.changes_of(kept), known)
    if found and kept.state == "draft":
        raise found[0]
    if kept.state in ("on", "off"):
        raise proposals.NotADraft("proposal", kept.state)
    store.forget_runs(tx, kept.id, keep=KEPT_RUNS - 1)
    return store.ask(tx, kept, since=start, until=end, by=by, at=at)


def get(tx: Tx, proposal: int, run: int) -> Run:
    """Return a run of a proposal."""
    found = store.run(tx, run) if 0 < run < 2**62 else None
    if found is None or found.proposal != proposal:
        raise NoSuchRun("run", str(run))
    return found


# ── working it off ───────────────────────────────────────────────────────────────────


def work_off(db: Database, city: Callable[[], City], *, clock: Callable[[], datetime]) -> bool:
    """Take one run that waits and do it; say whether there was one."""
    with db.transaction() as tx:
        run = store.claim(tx, at=clock(), dead_since=clock() - DEAD_AFTER)
    if run is None:
        return False
    result: dict[str, Any] | None = None
    problem = ""
    try:
        result = _done(db, city(), run, clock)
    except Refused as refusal:
        problem = f"{refusal} {refusal.advice}"
    except Exception as error:  # noqa: BLE001 — whoever waits for it must be told, whatever it is
        problem = f"{type(error).__name__}: {error}"
    with db.transaction() as tx:
        if store.run(tx, run.id) is not None:
            store.finish(tx, run.id, result=result, problem=problem, at=clock())
    return True


def _done(db: Database, city: City, run: Run, clock: Callable[[], datetime]) -> dict[str, Any]:
    """Run it in one reading transaction; how far it is, and what differs, is written beside."""
    with db.transaction() as tx:
        store.clear(tx, run.id)
    with db.transaction() as reading:
        pasts.patiently(reading)
        compared = Compared.of(
            city, proposals.changes_of(run), on=proposals.today(city, run.asked_at),
            things=Things(reading),
        )  # fmt: skip
        total = pasts.count(reading, since=run.since, until=run.until)
        _beat(db, run, 0, total, clock)
        findings = Findings()
        for n, rows in enumerate(_batches(_judged(reading, compared, run, findings)), start=1):
            with db.transaction() as tx:
                store.add_cases(tx, [_row(run, verdict) for verdict in rows])
                store.beat(tx, run.id, done=min(total, n * EVERY), total=total, at=clock())
        changed = _rejoined(reading, compared, run)
    with db.transaction() as tx:
        store.add_joins(tx, [_join_row(run, one) for one in changed])
    joins: dict[str, int] = {}
    for one in changed:
        joins[one.change] = joins.get(one.change, 0) + 1
    return {**findings.record(), "joins": joins, "joins_compared": compared.joins_differ}


def _beat(db: Database, run: Run, done: int, total: int, clock: Callable[[], datetime]) -> None:
    with db.transaction() as tx:
        store.beat(tx, run.id, done=done, total=total, at=clock())


@dataclass(frozen=True, slots=True)
class Compared:
    """A city as it is and as proposed, and what of the two is worth comparing."""

    before: City
    after: City
    one: Side
    other: Side
    stages: tuple[ClockKind, ...]

    @classmethod
    def of(cls, city: City, changes: Proposal, *, on: date, things: Things) -> Compared:
        before = proposals.proposed(city, Proposal(), on=on)
        after = proposals.proposed(city, changes, on=on)
        same_hours = before.calendar == after.calendar
        return cls(
            before, after, side(before, things), side(after, things),
            tuple(
                kind for kind in STAGES
                if not same_hours or before.keeper.limits[kind] != after.keeper.limits[kind]
            ),
        )  # fmt: skip

    @property
    def joins_differ(self) -> bool:
        return self.before.same.rules != self.after.same.rules


def side(city: City, things: Things) -> Side:
    """Return how a city's rules decide: by the same functions that dispatch a case."""
    barring = any(rule.forbidden for rule in city.rulebook.rules)

    def decide(past: Past) -> Decision:
        asset = things(past.case)
        work = city.work(past.case, at=past.at, asset=asset)
        barred = barring and _barred(city, past, asset)
        if work is None:
            return Decision(barred=barred)
        return Decision(
            unit=work.unit, co_units=work.co_units, limit=str(work.limit), due=work.due_at,
            auto=work.auto, barred=barred,
        )  # fmt: skip

    return Side(
        decide=decide,
        due=lambda kind, start: due(city.calendar, start, city.keeper.limits[kind]),
        worked=lambda unit, start, end: worked_seconds(city.hours(unit), start, end),
    )


def _barred(city: City, past: Past, asset: Asset | None) -> bool:
    """Say whether the unit a case was really sent to may not be given it."""
    if past.sent_to is None:
        return False
    try:
        city.check_competence(past.case, past.sent_to, at=past.at, asset=asset)
    except Incompetent:
        return True
    return False


def _judged(tx: Tx, compared: Compared, run: Run, findings: Findings) -> Iterator[Verdict]:
    """Decide each case first dispatched in the period under both sides, adding it up."""
    for case, steps in pasts.steps(tx, since=run.since, until=run.until):
        known = past(case, steps)
        if known is None or not run.since <= known.at < run.until:
            continue
        verdict = judged(
            known, compared.one, compared.other, stages=compared.stages, now=run.asked_at
        )
        findings.add(verdict, compared.one, compared.other)
        yield verdict


def _batches(verdicts: Iterator[Verdict]) -> Iterator[list[Verdict]]:
    batch: list[Verdict] = []
    for verdict in verdicts:
        batch.append(verdict)
        if len(batch) == EVERY:
            yield batch
            batch = []
    yield batch


def _rejoined(tx: Tx, compared: Compared, run: Run) -> Sequence[Rejoined]:
    """Return the reports that would join otherwise; nothing where the rule stays as it is."""
    if not compared.joins_differ:
        return ()
    before, after = compared.before, compared.after
    heard = pasts.heard(
        tx, since=run.since, until=run.until,
        lead_in=timedelta(hours=max(before.same.longest, after.same.longest)),
    )  # fmt: skip
    return rejoined(heard, joining(before), joining(after), since=run.since)


def joining(city: City) -> Joining:
    """Return how a city's rules for the same matter join reports: as the intake asks them."""

    def rule(category: CategoryId) -> SameRule:
        return city.same.of(city.code_now(category))

    return Joining(rule=cache(rule), alike=cache(city.alike))


def _row(run: Run, verdict: Verdict) -> tuple[Any, ...]:
    one, other = verdict.before, verdict.after
    says = None if not verdict.tags else {
        "limit": [one.limit, other.limit],
        "auto": [one.auto, other.auto],
        "co_units": [list(one.co_units), list(other.co_units)],
        "sent_to": verdict.past.sent_to, "last_unit": verdict.past.last_unit,
        "returned": verdict.past.returned,
        "due": [_iso(one.due), _iso(other.due)],
        "handled_at": _iso(verdict.past.handled_at),
        "clocks": {
            kind: [_iso(start), _iso(was), _iso(would), _iso(end)]
            for kind, (start, end, was, would) in verdict.clocks.items()
            if was != would
        },
    }  # fmt: skip
    return (
        run.id, verdict.past.case.id, list(verdict.tags), list(verdict.late), one.unit, other.unit,
        says,
    )  # fmt: skip


def _join_row(run: Run, one: Rejoined) -> tuple[Any, ...]:
    near = one.after or one.before
    assert near is not None
    return (
        run.id, one.heard.report, str(one.change), one.heard.case, _case(one.before),
        _case(one.after), round(near.metres, 1), round(near.hours, 2),
    )  # fmt: skip


def _case(join: Join | None) -> int | None:
    return None if join is None else join.to.case


def _iso(at: datetime | None) -> str | None:
    return at.isoformat() if at else None
