"""Commands that measure: how well one matter is told from another, how cases travel."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import polars as pl
import typer

from zhongshu import main
from zhongshu.core import mining
from zhongshu.core.cases import figures
from zhongshu.core.cases.matching import SameRules
from zhongshu.core.cases.measuring import replayed, truth
from zhongshu.core.history import check_columns, normalise, past, read_mapping
from zhongshu.link import eventlogs, tables
from zhongshu.terminal import out, refusals

measures = typer.Typer(no_args_is_help=True, help="Measure the hub's rules on a past.")


@measures.command("duplicates")
def measure_duplicates(
    file: Path,
    mapping: Annotated[Path, typer.Option(help="A mapping file, or the name of a shipped one.")],
    earlier: Annotated[
        float, typer.Option(help="Percent of the time-ordered rows that rules may be tuned on.")
    ] = 80.0,
    sweep: Annotated[
        Path | None, typer.Option(help="Write here what other rules come to on the earlier part.")
    ] = None,
) -> None:
    """Replay a past whose rows name their duplicates, and count how often the hub would have
    suggested the right case. No database is needed; nothing is written.
    """
    with refusals():
        read = read_mapping(tables.mapping_text(mapping))
        table = tables.open_table(file)
        check_columns(read, table.columns)
        rules = SameRules.usual(read.same)
        with out.status("reading"):
            frames = [normalise(f, read, now=main.clock()) for f in table.batches()]
        refused = sum(f.rejects.height for f in frames)
        requests = past(pl.concat([f.good for f in frames]))
        with out.status("replaying"):
            told = truth(requests)
            pairs = replayed(requests, told.group, widest=figures.WIDEST)
        cut = int(len(requests) * earlier / 100)
        typer.echo(figures.account(requests, told, rows=table.rows, refused=refused))
        for text in figures.by_kind(requests, told, pairs, rules, cut=cut):
            typer.echo(text)
        if sweep is not None:
            with out.status("sweeping"):
                tables.write(sweep, figures.swept(requests, told, pairs, rules, cut=cut))


def mine(
    file: Path,
    case: Annotated[str, typer.Option(help="The column that names the case.")],
    activity: Annotated[str, typer.Option(help="The column with what happened.")],
    time: Annotated[str, typer.Option(help="The column with the moment.")],
    least: Annotated[float, typer.Option(help="Hide arrows of fewer percent of the cases.")] = 2.0,
    folder: Annotated[Path, typer.Option(help="Where picture and tables go.")] = Path("process"),
) -> None:
    """Draw how the cases of another system's event log travel (CSV, Parquet, Excel)."""
    with refusals():
        log = eventlogs.read(file, case=case, activity=activity, time=time)
        with out.status("looking at every way"):
            found = mining.picture(log.events)
        shown = found.simplified(least / 100)
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{file.stem}.svg").write_text(mining.drawn(shown, words={}, links={}), "utf-8")
        tables.frame(found.edges).write_csv(folder / f"{file.stem}-edges.csv")
        tables.frame([{"cases": v.cases, "median_s": v.median_s, "way": " → ".join(v.steps)} for v in found.variants]).write_csv(folder / f"{file.stem}-ways.csv")  # fmt: skip
        refused = tables.Rejects(folder / f"{file.stem}-rejects.csv")
        refused.add(log.refused)
    out.print(
        f"[green]✓[/green] {len(log.events):,} events of {found.cases:,} cases; {len(found.edges)} arrows,"
        f" {len(found.edges) - len(shown.edges)} hidden in the picture; {log.refused.height:,} rows refused → {folder}"
    )
