"""The command `zhongshu`: serve, demo, migrate, import, replay, export, verify, doctor."""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import numpy as np
import typer
from granian.constants import Interfaces
from granian.server import Server
from rich.console import Console

from zhongshu import jobs, main
from zhongshu.core.values import Refused
from zhongshu.demo import build as demo_build
from zhongshu.demo.life import live
from zhongshu.demo.people import SIGN_INS
from zhongshu.settings import Settings
from zhongshu.web.hub import Hub

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
out = Console(stderr=True, highlight=False)


@contextmanager
def refusals() -> Iterator[None]:
    """Say a refusal in two lines instead of a traceback."""
    try:
        yield
    except Refused as refusal:
        out.print(f"[red]✕[/red] {refusal}")
        if refusal.advice:
            out.print(f"  → {refusal.advice}")
        raise typer.Exit(1) from None


@app.command()
def serve() -> None:
    """Serve pages and API until stopped."""
    _serve(demo=False)


@app.command()
def demo() -> None:
    """Build the demo city if it is not there, serve it, and keep it alive."""
    _serve(demo=True)


@app.command()
def migrate() -> None:
    """Bring the database up to date."""
    _logs()
    with refusals(), main.database(Settings.read()):
        out.print("[green]✓[/green] the database is up to date")


def _serve(*, demo: bool) -> None:
    _logs()
    settings = Settings.read()
    with refusals(), main.database(settings, watch=True) as url:
        hub = main.hub(url, settings, connections=4)
        stop = threading.Event()
        if demo:
            _build_demo(hub, settings)
            _enliven(hub, stop)
        jobs.run(hub.db, clock=main.clock, stop=stop)
        # Web processes inherit where the database is.
        os.environ["ZHONGSHU_DATABASE_URL"] = url
        os.environ["ZHONGSHU_FOLDER"] = str(main.folder(settings))
        out.print(f"[green]✓[/green] http://{settings.host}:{settings.port}/ — /wall the screen, /desk the desk. Ctrl-C stops.")  # fmt: skip
        try:
            Server(
                "zhongshu.main:application", factory=True, address=settings.host, port=settings.port,
                interface=Interfaces.ASGI, workers=settings.workers, respawn_failed_workers=True,
                workers_kill_timeout=5, log_access=False,
            ).serve()  # fmt: skip
        finally:
            stop.set()
            hub.db.close()


def _build_demo(hub: Hub, settings: Settings) -> None:
    path = main.folder(settings) / "demo-password.txt"
    password = path.read_text().strip() if path.exists() else secrets.token_urlsafe(12)
    with hub.db.transaction() as tx, out.status("building the demo city") as status:
        tx.execute("set local statement_timeout = 0")
        demo_build.build(
            tx, password=password, now=main.clock(), random=secrets.token_bytes,
            said=lambda said: status.update(said),
        )  # fmt: skip
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(password + "\n")
    out.print(f"[green]✓[/green] sign in as {', '.join(SIGN_INS)} with the password [bold]{password}[/bold]")


def _enliven(hub: Hub, stop: threading.Event) -> None:
    with hub.db.transaction() as tx:
        built = demo_build.found(tx)
    if not built.people:
        out.print("this database holds another city: no demo life is added to it")
        return
    threading.Thread(
        target=live, daemon=True, args=(hub.db, hub.city, built.crowd, built.people),
        kwargs={
            "stop": stop, "rng": np.random.default_rng(), "clock": main.clock,
            "random": secrets.token_bytes, "key": hub.key,
        },
    ).start()  # fmt: skip


def _logs() -> None:
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


if __name__ == "__main__":
    app()
