"""Reports in: one at a time, or a stream of them; and what became of each."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import Response, StreamingResponse
from pydantic import BaseModel, ConfigDict, ValidationError
from starlette.types import Receive

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import Act, Case
from zhongshu.core.cases.evidence import PhotoStep, Shot
from zhongshu.core.cases.voices import WITH_REASON
from zhongshu.core.facts import A_REPORTER
from zhongshu.core.intake import Draft, typed_code
from zhongshu.core.values import Refused
from zhongshu.flow import acts, browse, evidence
from zhongshu.flow.intake import Receipt, receive
from zhongshu.web.answer import answer
from zhongshu.web.guard import Anybody, Needs, TheHub
from zhongshu.web.hub import Hub
from zhongshu.web.look import language
from zhongshu.web.problems import BadField, problem
from zhongshu.web.shots import PhotoIn, shots

router = APIRouter(tags=["reports"])
#: How many lines of a bulk stream are written in one transaction.
CHUNK = 500
MAX_LINE = 64 * 1024


class ReportIn(BaseModel):
    """One report. Coordinates are in `datum`: wgs84, cgcs2000, gcj02 or bd09.

    `joins` says what the reporter chose of `/matters/near`: the number of a case, or “own” for
    a matter of its own; left out, the rule decides. `asset` is the code on the thing it is
    about: its place and class count where the report says none. `tell`: the contact may be used
    to say how it goes on.
    """

    model_config = ConfigDict(extra="forbid")

    text: str
    channel: str = "api"
    at: datetime | None = None
    lon: float | None = None
    lat: float | None = None
    datum: str = "wgs84"
    address: str = ""
    category: str | None = None
    contact: str = ""
    lang: str = "zh"
    source: str = ""
    key: str | None = None
    joins: str = ""
    photos: list[PhotoIn] = []
    asset: str | None = None
    tell: bool = False


def draft_of(body: ReportIn, *, source: str, key: str | None) -> Draft:
    """Return what the flow takes. A source of one's own keeps two senders' keys apart."""
    return Draft(
        text=body.text, channel=body.channel, at=body.at, lon=body.lon, lat=body.lat,
        datum=body.datum, address=body.address, category=body.category, contact=body.contact,
        lang="en" if body.lang == "en" else "zh", source=source, key=key or body.key,
        joins=body.joins,
        asset=body.asset or None, tell=body.tell,
    )  # fmt: skip


@router.post("/reports", status_code=201, response_model=dict[str, Any])
async def create_report(
    request: Request, body: ReportIn,
    actor: Annotated[Actor, Depends(Needs(Permission.REPORT_CREATE))],
    idempotency_key: Annotated[str | None, Header()] = None,
) -> Response:  # fmt: skip
    """Take one report in. The same `Idempotency-Key` with the same body is the same report."""
    receipt = await filed(request, actor, body, idempotency_key)
    return answer(receipt_json(receipt), status=200 if receipt.again else 201)


async def filed(request: Request, actor: Actor, body: ReportIn, key: str | None) -> Receipt:
    """Take one report in with its photos, or refuse it."""
    hub: Hub = request.app.state.hub
    draft = draft_of(body, source=f"api:{actor.account}", key=key)
    taken = await asyncio.to_thread(shots, body.photos, step=PhotoStep.REPORT)
    receipt = await request.app.state.reports.send(draft)
    if taken:
        # A retry brings them again: what the first time did not get to keep is kept now.
        await asyncio.to_thread(_keep, hub, receipt, taken)
    return receipt


def _keep(hub: Hub, receipt: Receipt, taken: Sequence[Shot]) -> None:
    with hub.db.transaction() as tx:
        evidence.with_report(tx, receipt.case, receipt.report, taken, at=hub.clock())


def receipt_json(receipt: Receipt) -> dict[str, Any]:
    """Return a receipt as the API shows it."""
    return {
        "code": receipt.code, "case": receipt.number, "stage": receipt.stage,
        "again": receipt.again,
        "joined": receipt.joined and {
            "metres": round(receipt.joined.metres, 1), "hours": round(receipt.joined.hours, 1),
            "likeness": round(receipt.joined.likeness, 2),
        },
        "danger": receipt.danger and {"word": receipt.danger.word, "call": receipt.danger.call},
    }  # fmt: skip


@router.post("/reports/bulk")
async def bulk(
    request: Request, actor: Annotated[Actor, Depends(Needs(Permission.REPORT_CREATE))]
) -> StreamingResponse:
    """Take a stream of reports in, one JSON object a line; answer a line for each, in order."""
    return _Conversation(
        _answers(request, source=f"api:{actor.account}"), media_type="application/x-ndjson"
    )


class _Conversation(StreamingResponse):
    """Answers while the request still speaks: nobody else may listen to it meanwhile."""

    async def listen_for_disconnect(self, receive: Receive) -> None:  # noqa: ARG002
        await asyncio.Event().wait()


async def _answers(request: Request, *, source: str) -> AsyncIterator[bytes]:
    hub: Hub = request.app.state.hub
    waiting: list[tuple[int, bytes]] = []
    rest, number = b"", 0
    async for piece in request.stream():
        *lines, rest = (rest + piece).split(b"\n")
        for line in lines:
            number += 1
            if line.strip():
                waiting.append((number, line))
            if len(waiting) >= CHUNK:
                yield await asyncio.to_thread(_chunk, hub, waiting, source, language(request))
                waiting = []
    if rest.strip():
        waiting.append((number + 1, rest))
    if waiting:
        yield await asyncio.to_thread(_chunk, hub, waiting, source, language(request))


def _chunk(hub: Hub, lines: list[tuple[int, bytes]], source: str, lang: Any) -> bytes:
    """Write one chunk; a line that cannot be read is answered, and the others go on."""
    said: dict[int, dict[str, Any]] = {}
    drafts: list[tuple[int, Draft]] = []
    for number, line in lines:
        try:
            drafts.append((number, draft_of(_read_line(line), source=source, key=None)))
        except Refused as refusal:
            said[number] = {"problem": problem(refusal, lang)}
    with hub.db.transaction() as tx:
        answers = receive(
            tx, hub.city(), [d for _, d in drafts], now=hub.clock(), random=hub.random, key=hub.key
        )
    for (number, _), became in zip(drafts, answers, strict=True):
        said[number] = (
            {"problem": problem(became, lang)}
            if isinstance(became, Refused)
            else receipt_json(became)
        )
    return b"".join(
        json.dumps({"line": number, **said[number]}, ensure_ascii=False).encode() + b"\n"
        for number, _ in lines
    )


def _read_line(line: bytes) -> ReportIn:
    if len(line) > MAX_LINE:
        raise BadField("line", f"{len(line)} bytes", why="a line holds at most 64 KiB")
    try:
        return ReportIn.model_validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"]) or "line"
        raise BadField(where, first.get("input"), why=first["msg"]) from None


class RatingIn(BaseModel):
    solved: bool | None = None
    satisfied: int | None = None


class ReopenIn(BaseModel):
    reason: str


@router.get("/reports/{code}")
def track(code: str, hub: TheHub, _: Annotated[Actor | None, Depends(Anybody())]) -> dict[str, Any]:
    """Return how far the matter of a report has come. The code is all one needs."""
    with hub.db.transaction() as tx:
        return progress_json(browse.progress(tx, typed_code(code)), hub)


def progress_json(found: browse.Progress, hub: Hub) -> dict[str, Any]:
    case = found.current
    unit = hub.city().units.get(case.unit) if case.unit is not None else None
    return {
        "code": found.code, "case": case.number, "stage": case.stage, "outcome": case.outcome,
        "confirmation": case.confirmation, "due_at": case.due_at, "reports": case.reports,
        "unit": unit and {"zh": unit.name.zh, "en": unit.name.en},
        "merged": found.survivor is not None, "text": found.voice.text,
        "history": [
            {
                "kind": f.kind, "at": f.at, "own": found.own(f),
                "reason": f.says.get("reason") if f.kind in WITH_REASON else None,
            }
            for f in found.facts
        ],
    }  # fmt: skip


@router.post("/reports/{code}/rate")
def rate(
    code: str, body: RatingIn, hub: TheHub, _: Annotated[Actor | None, Depends(Anybody())]
) -> dict[str, Any]:
    """Say whether it was solved, and how satisfied one is (1 to 5), apart."""
    if body.satisfied is not None and not 1 <= body.satisfied <= 5:
        raise BadField("satisfied", body.satisfied, why="1 to 5")
    _by_reporter(hub, code, Act.RATE, acts.Form(solved=body.solved, satisfied=body.satisfied))
    return track(code, hub, None)


@router.post("/reports/{code}/reopen")
def reopen(
    code: str, body: ReopenIn, hub: TheHub, _: Annotated[Actor | None, Depends(Anybody())]
) -> dict[str, Any]:
    """Say that it is not solved, and why; the case is worked on anew."""
    _by_reporter(hub, code, Act.REOPEN, acts.Form(reason=body.reason))
    return track(code, hub, None)


def _by_reporter(hub: Hub, code: str, act: Act, form: acts.Form) -> Case:
    with hub.db.writing() as tx:
        found = browse.progress(tx, typed_code(code))
        return acts.act(
            tx, hub.city(), found.current.id, act, by=A_REPORTER, at=hub.clock(), form=form
        )
