"""The application, put together: routes, refusals, headers, the gatherer and the stream."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Sequence
from contextlib import asynccontextmanager, suppress
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
from zhongshu.flow.intake import receive
from zhongshu.web import headers, problems
from zhongshu.web.api import (
    assets,
    briefings,
    burden,
    campaigns,
    cases,
    casework,
    catalogue,
    city,
    field,
    formulas,
    indicators,
    joint,
    lotteries,
    notices,
    photos,
    procedures,
    process,
    proposals,
    reports,
    responsibility,
    same,
    snapshots,
    views,
)
from zhongshu.web.gather import Answer, Gatherer
from zhongshu.web.guard import Needs
from zhongshu.web.hub import Hub
from zhongshu.web.pages import assets as asset_pages
from zhongshu.web.pages import briefings as briefing_pages
from zhongshu.web.pages import burden as burden_pages
from zhongshu.web.pages import campaigns as campaign_pages
from zhongshu.web.pages import casework as casework_pages
from zhongshu.web.pages import catalogue as catalogue_pages
from zhongshu.web.pages import (
    desk,
    door,
    inbox,
    ladder,
    mirror,
    proceedings,
    signin,
    wall,
    workshop,
)
from zhongshu.web.pages import field as field_pages
from zhongshu.web.pages import joint as joint_pages
from zhongshu.web.pages import process as process_pages
from zhongshu.web.pages import proposals as proposal_pages
from zhongshu.web.pages import responsibility as responsibility_pages
from zhongshu.web.pages import rules as rule_pages
from zhongshu.web.pages import same as same_pages
from zhongshu.web.pages import snapshots as snapshot_pages
from zhongshu.web.stream import Stream

#: How many flows run at once in one process; each holds a connection while it runs. More
#: of them only wait for one interpreter and for each other: 16 did a quarter less work.
THREADS = 6


def create_app(hub: Hub) -> FastAPI:
    """Return the application of one process."""

    @asynccontextmanager
    async def alive(app: FastAPI) -> AsyncGenerator[None]:
        import anyio.to_thread  # noqa: PLC0415 — only inside a running loop

        anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
        gatherer, stream = Gatherer(_receiver(hub)), Stream(hub)
        app.state.gatherer, app.state.stream = gatherer, stream
        gatherer.start()
        stream.start()
        try:
            yield
        finally:
            await stream.stop()
            await gatherer.stop()

    app = FastAPI(
        title="Zhongshu 中枢", version=__version__, lifespan=alive, docs_url=None, redoc_url=None,
        openapi_url="/api/v1/openapi.json",
    )  # fmt: skip
    app.state.hub = hub
    app.add_middleware(headers.Headers)
    for part in (
        reports, cases, photos, casework, field, process, indicators, lotteries, assets, catalogue,
        same, notices, procedures, responsibility, joint, campaigns, views, city, proposals, snapshots, formulas,
        briefings, burden,
    ):  # fmt: skip
        app.include_router(part.router, prefix="/api/v1")
    for part in (
        door,
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
        workshop,
        inbox,
        ladder,
        proceedings,
        responsibility_pages,
        joint_pages,
        campaign_pages,
        rule_pages,
        proposal_pages,
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


def _receiver(hub: Hub):  # noqa: ANN202 — the type stands in `gather`
    def write(drafts: Sequence[Draft]) -> list[Answer]:
        city = hub.city()
        with hub.db.transaction() as tx:
            return receive(tx, city, drafts, now=hub.clock(), random=hub.random, key=hub.key)

    return write
