"""The application, put together: routes, refusals, headers, what is gathered, and the stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from importlib.resources import files
from pathlib import Path
from typing import Annotated

from fastapi import Depends, FastAPI, Request
from fastapi.responses import StreamingResponse
from starlette.staticfiles import StaticFiles

from zhongshu import __version__
from zhongshu.core.access import Actor, Permission
from zhongshu.core.facts import Position
from zhongshu.core.intake import Draft
from zhongshu.core.values import Refused
from zhongshu.flow.intake import Receipt, receive
from zhongshu.web import headers, problems
from zhongshu.web.api import (
    acts,
    assets,
    briefings,
    burden,
    campaigns,
    cases,
    casework,
    catalogue,
    changes,
    city,
    field,
    formulas,
    grid,
    indicators,
    joint,
    lotteries,
    maps,
    messages,
    notices,
    openmap,
    people,
    photos,
    playback,
    procedures,
    process,
    proposals,
    replies,
    reports,
    responsibility,
    same,
    snapshots,
    views,
)
from zhongshu.web.api import workshop as workshop_api
from zhongshu.web.gather import Gatherer
from zhongshu.web.guard import Needs
from zhongshu.web.hub import Hub
from zhongshu.web.pages import assets as asset_pages
from zhongshu.web.pages import briefings as briefing_pages
from zhongshu.web.pages import burden as burden_pages
from zhongshu.web.pages import campaigns as campaign_pages
from zhongshu.web.pages import casework as casework_pages
from zhongshu.web.pages import catalogue as catalogue_pages
from zhongshu.web.pages import changes as change_pages
from zhongshu.web.pages import (
    connectors,
    desk,
    diag,
    door,
    feeds,
    inbox,
    ladder,
    many,
    mirror,
    proceedings,
    signin,
    start,
    steps,
    subscribe,
    track,
    wall,
    workshop,
)
from zhongshu.web.pages import field as field_pages
from zhongshu.web.pages import grid as grid_pages
from zhongshu.web.pages import intake as intake_pages
from zhongshu.web.pages import joint as joint_pages
from zhongshu.web.pages import maps as map_pages
from zhongshu.web.pages import messages as message_pages
from zhongshu.web.pages import openmap as open_pages
from zhongshu.web.pages import people as people_pages
from zhongshu.web.pages import presets as preset_pages
from zhongshu.web.pages import process as process_pages
from zhongshu.web.pages import proposals as proposal_pages
from zhongshu.web.pages import replies as reply_pages
from zhongshu.web.pages import responsibility as responsibility_pages
from zhongshu.web.pages import rules as rule_pages
from zhongshu.web.pages import same as same_pages
from zhongshu.web.pages import snapshots as snapshot_pages
from zhongshu.web.pages import texts as text_pages
from zhongshu.web.stream import Stream
from zhongshu.web.tally import Tally

#: How many flows run at once in one process; each holds a connection while it runs. More
#: of them only wait for one interpreter and for each other: 16 did a quarter less work.
THREADS = 6


def create_app(hub: Hub) -> FastAPI:
    """Return the application of one process."""

    @asynccontextmanager
    async def alive(app: FastAPI) -> AsyncGenerator[None]:
        import anyio.to_thread  # noqa: PLC0415 — only inside a running loop

        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        on: Hub = app.state.hub
        app.state.reports = Gatherer(_receiver(on), what="reports")
        app.state.acts = Gatherer(partial(acts.together, on), what="acts")
        app.state.stream = Stream(on)
        workers = (app.state.reports, app.state.acts, app.state.stream, app.state.tally)
        for worker in workers:
            worker.start()
        try:
            yield
        finally:
            for worker in reversed(workers):
                await worker.stop()

    app = FastAPI(
        title="Zhongshu 中枢", version=__version__, lifespan=alive, docs_url=None, redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )  # fmt: skip
    app.state.hub = hub
    app.state.tally = Tally(hub)
    app.add_middleware(headers.Headers)
    for part in (
        reports, acts, cases, photos, casework, field, process, indicators, lotteries, assets,
        catalogue, same, maps, notices, openmap, messages, procedures, responsibility, joint,
        campaigns, views, city, proposals, changes, people, grid, workshop_api, snapshots, formulas,
        briefings, burden, playback, replies,
    ):  # fmt: skip
        app.include_router(part.router, prefix="/api/v1")
    for part in (
        door,
        intake_pages,
        reply_pages,
        many,
        steps,
        track,
        open_pages,
        desk,
        asset_pages,
        casework_pages,
        catalogue_pages,
        process_pages,
        mirror,
        snapshot_pages,
        briefing_pages,
        burden_pages,
        field_pages,
        same_pages,
        wall,
        preset_pages,
        diag,
        workshop,
        inbox,
        ladder,
        proceedings,
        responsibility_pages,
        joint_pages,
        campaign_pages,
        rule_pages,
        proposal_pages,
        message_pages,
        text_pages,
        subscribe,
        feeds,
        people_pages,
        change_pages,
        grid_pages,
        connectors,
        map_pages,
        start,
        signin,
    ):
        app.include_router(part.router)
    app.add_api_route("/events", events, methods=["GET"], tags=["stream"])
    app.mount("/static", StaticFiles(directory=Path(str(files("zhongshu.web").joinpath("static")))))
    problems.install(app)
    return app


async def events(
    request: Request, actor: Annotated[Actor, Depends(Needs(Permission.CASE_READ))]
) -> StreamingResponse:
    """Stream what happens, as server-sent events; `Last-Event-ID` resumes."""
    last = request.headers.get("last-event-id") or request.query_params.get("after") or ""
    after: Position | None = None
    with suppress(ValueError):
        after = Position.parse(last) if last else None
    stream: Stream = request.app.state.stream
    return StreamingResponse(
        stream.listen(actor.sight, after),
        media_type="text/event-stream",
        headers={"X-Accel-Buffering": "no", "Cache-Control": "no-store"},
    )


def _receiver(hub: Hub) -> Callable[[Sequence[Draft]], list[Receipt | Refused]]:
    def write(drafts: Sequence[Draft]) -> list[Receipt | Refused]:
        city = hub.city()
        with hub.db.transaction() as tx:
            return receive(tx, city, drafts, now=hub.clock(), random=hub.random, key=hub.key)

    return write
