"""Rule proposals as pages: what one changes, what a run found, on from a day, and off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import RedirectResponse, Response, StreamingResponse

from zhongshu.core.access import Actor, Permission
from zhongshu.core.faults import ChangedMeanwhile
from zhongshu.core.whatif import Difference
from zhongshu.flow import proposals, whatif
from zhongshu.flow.city import City
from zhongshu.store import accounts
from zhongshu.store import proposals as store
from zhongshu.store.db import Tx
from zhongshu.store.proposals import Kept
from zhongshu.web import rulewords, sheets
from zhongshu.web.api.proposals import after, among, case_json, join_kind
from zhongshu.web.forms import Sent, text
from zhongshu.web.guard import Needs, TheHub
from zhongshu.web.hands import decides, writes
from zhongshu.web.look import language, page
from zhongshu.web.pages.rules import (
    Exporter,
    Reader,
    Writer,
    day_of,
    number,
    subject_of,
)
from zhongshu.web.problems import problem

router = APIRouter(include_in_schema=False, prefix="/workshop/rules/proposals")
CaseReader = Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
PAGE = 100


@router.get("")
def listing(request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show all proposals, the newest first."""
    with hub.db.transaction() as tx:
        found = store.listing(tx)
        names = _names(tx, found)
    return page(
        request, "proposals.html", {"proposals": found, "names": names, "writes": writes(actor)}
    )


@router.post("")
def make(hub: TheHub, actor: Writer, sent: Sent) -> Response:
    """Begin an empty draft."""
    with hub.db.transaction() as tx:
        made = proposals.make(
            tx, title=text(sent, "title"), by=decides(actor).account, at=hub.clock()
        )
    return _to(made)


@router.get("/{proposal}")
def proposal(proposal: int, request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show a proposal: its changes, its runs, and the switch."""
    city, at, lang = hub.city(), hub.clock(), language(request)
    with hub.db.transaction() as tx:
        kept = proposals.get(tx, proposal)
        runs = store.runs(tx, proposal)
        names = _names(tx, [kept])
    day = proposals.today(city, at)
    faults = proposals.faults_of(city, kept, on=day) if kept.state == "draft" else ()
    since, until = whatif.last_month(city, at)
    return page(
        request, "proposal.html",
        {
            "kept": kept, "runs": runs, "names": names, "writes": writes(actor), "today": day,
            "told": [rulewords.told(c, city, lang) for c in proposals.changes_of(kept).changes],
            "faults": [problem(fault, lang) for fault in faults], "since": since, "until": until,
            "run_ends": lambda run: run.until - timedelta(hours=1),
            "stale": any(isinstance(f, ChangedMeanwhile) for f in faults),
        },
    )  # fmt: skip


@router.post("/{proposal}/drop")
def drop(proposal: int, hub: TheHub, actor: Writer, sent: Sent) -> Response:
    """Take a change out of a draft."""
    decides(actor)
    with hub.db.transaction() as tx:
        proposals.drop(tx, proposal, subject_of(text(sent, "subject")), text(sent, "key"))
    return _to(proposal)


@router.post("/{proposal}/take-over")
def take_over(proposal: int, hub: TheHub, actor: Writer) -> Response:
    """Let a draft start from the rules as they are now."""
    decides(actor)
    with hub.db.transaction() as tx:
        proposals.take_over(tx, hub.city(), proposal, at=hub.clock())
    return _to(proposal)


@router.post("/{proposal}/copy")
def copy(proposal: int, hub: TheHub, actor: Writer, sent: Sent) -> Response:
    """Make a draft with the same changes."""
    with hub.db.transaction() as tx:
        made = proposals.copy(
            tx, hub.city(), proposal, title=text(sent, "title"), by=decides(actor).account,
            at=hub.clock(),
        )  # fmt: skip
    return _to(made)


@router.post("/{proposal}/run")
def run(proposal: int, hub: TheHub, actor: Writer, sent: Sent) -> Response:
    """Ask for a run over a period of the past."""
    city = hub.city()
    since, until = whatif.last_month(city, hub.clock())
    with hub.db.transaction() as tx:
        asked = whatif.ask(
            tx, city, proposal, since=day_of(text(sent, "since"), "since", since),
            until=day_of(text(sent, "until"), "until", until), by=decides(actor).account,
            at=hub.clock(),
        )  # fmt: skip
    return _to(f"{proposal}/runs/{asked}")


@router.post("/{proposal}/on")
def on(proposal: int, hub: TheHub, actor: Writer, sent: Sent) -> Response:
    """Switch it on from a day."""
    today = proposals.today(hub.city(), hub.clock())
    with hub.db.transaction() as tx:
        proposals.switch_on(
            tx, proposal, starts_on=day_of(text(sent, "starts_on"), "starts_on", today),
            reason=text(sent, "reason"), version=number(text(sent, "version")) or None,
            by=decides(actor).account, at=hub.clock(),
        )  # fmt: skip
    return _to(proposal)


@router.post("/{proposal}/off")
def off(proposal: int, hub: TheHub, actor: Writer, sent: Sent) -> Response:
    """Switch it off, or take its day back."""
    with hub.db.transaction() as tx:
        proposals.switch_off(
            tx, proposal, reason=text(sent, "reason"), by=decides(actor).account, at=hub.clock()
        )
    return _to(proposal)


# ── what a run found ─────────────────────────────────────────────────────────────────


@router.get("/{proposal}/runs/{run}")
def result(proposal: int, run: int, request: Request, hub: TheHub, actor: Reader) -> Response:
    """Show how far a run is, or what it found: every number opens its cases."""
    city = hub.city()
    with hub.db.transaction() as tx:
        kept = proposals.get(tx, proposal)
        found = whatif.get(tx, proposal, run)
    here = f"/workshop/rules/proposals/{proposal}/runs/{run}"
    return page(
        request, "proposal_run.html",
        {
            "kept": kept, "run": found, "here": here, "writes": writes(actor),
            "last": found.until - timedelta(hours=1), "Difference": Difference,
            **(_figures(found.result, city, here) if found.result is not None else {}),
        },
    )  # fmt: skip


def _figures(result: Mapping[str, Any], city: City, here: str) -> dict[str, Any]:
    """Return a result with what a page needs to draw it: names, links, shares."""
    moves = [
        {
            "one": _name(city, a), "other": _name(city, b), "cases": n,
            "link": f"{here}/cases?{urlencode({'from': _code(city, a), 'to': _code(city, b)})}",
        }
        for a, b, n in result["moves"]
    ]  # fmt: skip
    load: list[dict[str, Any]] = [
        {"unit": _name(city, unit), "code": _code(city, unit), "before": before, "after": would}
        for unit, before, would in result["load"]
    ]
    load.sort(key=lambda row: (-abs(row["after"][0] - row["before"][0]), -row["before"][0]))
    return {"found": result, "moves": moves, "load": load}


def _name(city: City, unit: int | None) -> Any:
    known = city.units.get(unit) if unit is not None else None  # type: ignore[call-overload]
    return known.name if known else None


def _code(city: City, unit: int | None) -> str:
    return city.code_of(unit) or "-"  # type: ignore[arg-type]


@router.get("/{proposal}/runs/{run}/cases")
def run_cases(
    proposal: int, run: int, request: Request, hub: TheHub, actor: CaseReader
) -> Response:  # fmt: skip
    """List the cases in sight behind a number of a run."""
    query, city, lang = dict(request.query_params), hub.city(), language(request)
    asked = among(query, city)
    with hub.db.seeing(actor.sight) as tx:
        kept = proposals.get(tx, proposal)
        whatif.get(tx, proposal, run)
        count = store.count_differing(tx, actor.sight, run, asked)
        found = store.differing(tx, actor.sight, run, asked, after=after(query), limit=PAGE + 1)
    query.pop("after", None)
    query.pop("lang", None)
    return page(
        request, "proposal_cases.html",
        {
            "kept": kept, "run": run, "cases": found[:PAGE], "count": count, "asked": asked,
            "named": lambda unit: _name(city, unit or None), "writes": writes(actor),
            "query_text": urlencode(query), "exports": actor.may(Permission.EXPORT),
            "next": found[PAGE - 1].case_id if len(found) > PAGE else None,
            "tag_words": lambda each: rulewords.tag_words(each, lang),
        },
    )  # fmt: skip


@router.get("/{proposal}/runs/{run}/cases.csv")
def run_cases_csv(
    proposal: int, run: int, request: Request, hub: TheHub, actor: Exporter
) -> StreamingResponse:
    """Stream the same list, before and after side by side."""
    query, city = request.query_params, hub.city()
    asked = among(query, city)
    with hub.db.transaction() as tx:
        whatif.get(tx, proposal, run)

    def rows() -> Iterator[dict[str, Any]]:
        last = 0
        while True:
            with hub.db.seeing(actor.sight) as tx:
                found = store.differing(tx, actor.sight, run, asked, after=last, limit=1000)
            yield from (case_json(case, city) for case in found)
            if len(found) < 1000:
                return
            last = found[-1].case_id

    return sheets.download(f"run-{run}.csv", rows())


@router.get("/{proposal}/runs/{run}/reports")
def run_reports(
    proposal: int, run: int, request: Request, hub: TheHub, actor: CaseReader
) -> Response:  # fmt: skip
    """List the reports that would join otherwise."""
    query, kind = dict(request.query_params), join_kind(request.query_params)
    with hub.db.seeing(actor.sight) as tx:
        kept = proposals.get(tx, proposal)
        whatif.get(tx, proposal, run)
        found = store.joining(
            tx, actor.sight, run, kind=kind, after=after(query), limit=PAGE + 1
        )  # fmt: skip
    return page(
        request, "proposal_reports.html",
        {
            "kept": kept, "run": run, "reports": found[:PAGE], "kind": kind, "writes": writes(actor),
            "next": found[PAGE - 1].report if len(found) > PAGE else None,
        },
    )  # fmt: skip


def _names(tx: Tx, found: Sequence[Kept]) -> dict[int, str]:
    ids = {who for kept in found for who in (kept.made_by, kept.decided_by) if who is not None}
    return accounts.names(tx, sorted(ids))


def _to(where: object) -> Response:
    return RedirectResponse(f"/workshop/rules/proposals/{where}", 303)
