"""What every command needs: where it speaks, how it says a refusal, and the database."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager

import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn
from rich.progress import Progress as RichProgress

from zhongshu import main
from zhongshu.core.values import Refused
from zhongshu.settings import Settings
from zhongshu.store.db import Database

out = Console(stderr=True, highlight=False)


@contextmanager
def refusals() -> Generator[None]:
    """Say a refusal in two lines instead of a traceback."""
    try:
        yield
    except Refused as refusal:
        out.print(f"[red]✕[/red] {refusal}")
        if refusal.advice:
            out.print(f"  → {refusal.advice}")
        raise typer.Exit(1) from None


@contextmanager
def database() -> Generator[Database]:
    """Yield the hub's database."""
    with main.database(Settings.read()) as url, Database(url, size=6) as db:
        yield db


def bar() -> RichProgress:
    """Return a bar that counts."""
    return RichProgress(*RichProgress.get_default_columns(), MofNCompleteColumn(), console=out)
