"""Commands that work out again what the hub says: its ledger, its lots, its frozen figures."""

from __future__ import annotations

from datetime import date
from typing import Annotated

import typer

from zhongshu.core.lottery import ROUNDS
from zhongshu.flow import briefings, lottery, snapshots
from zhongshu.flow.city import load
from zhongshu.flow.verify import ledger
from zhongshu.store import briefings as briefing_store
from zhongshu.store import snapshots as snapshot_store
from zhongshu.terminal import bar, database, out, refusals

lots = typer.Typer(no_args_is_help=True, help="The lottery of rechecks.")
frozen = typer.Typer(no_args_is_help=True, help="Frozen snapshots and briefings.")


def verify() -> None:
    """Fold the facts of every case, and name each whose row says something else."""
    with refusals(), database() as db, bar() as shown:
        task = shown.add_task("ledger", total=None)
        wrong = list(ledger(db, progress=lambda n: shown.advance(task, n)))
    for difference in wrong:
        out.print(f"  [red]{difference.number}[/red]: {', '.join(difference.fields)}")
    if wrong:
        raise typer.Exit(1)
    out.print("[green]✓[/green] every case is what its facts say")


@lots.command("verify")
def verify_lottery(
    day: Annotated[str, typer.Argument(help="The day of closing, such as 2026-11-24.")],
) -> None:
    """Work the draws of a day out again from its seed, and say whatever is not right."""
    try:
        closed = date.fromisoformat(day)
    except ValueError:
        raise typer.BadParameter(f"{day} is no day; write 2026-11-24") from None
    with refusals(), database() as db, db.transaction() as tx:
        proofs = [lottery.proof(tx, closed, after_days) for after_days in ROUNDS]
    for one in proofs:
        drawn = one.lottery
        out.print(f"closed on {drawn.day}, {drawn.after_days} days after: share {drawn.share:f}, commitment {drawn.commitment.hex()} of {drawn.committed_at:%Y-%m-%d %H:%M} UTC")  # fmt: skip
        if drawn.seed is None:
            out.print(f"  to be drawn on {drawn.due}")
        else:
            out.print(f"  seed {drawn.seed.hex()}: {len(one.drawings)} drawn of {len(one.closed)} closed")  # fmt: skip
            for number in sorted(one.drawn):
                out.print(f"    {number}")
        for flaw in one.flaws:
            out.print(f"  [red]✕ {flaw.replace('_', ' ')}[/red]")
    if any(one.flaws for one in proofs):
        raise typer.Exit(1)
    out.print("[green]✓[/green] nothing is wrong with it")


@frozen.command("verify")
def verify_frozen() -> None:
    """Hash every frozen document again, count every snapshot again from the ledger up to its
    position, and say whatever does not come out.
    """
    wrong = False
    with refusals(), database() as db:
        before: int | None = None
        while True:
            with db.transaction() as tx:
                some = snapshot_store.latest(tx, before=before, limit=20)
            if not some:
                break
            for one in some:
                with db.transaction() as tx:
                    flaws, _ = snapshots.checked(tx, load(tx), snapshots.find(tx, one.id))
                out.print(f"snapshot {one.id}: {one.period.start:%Y-%m-%d %H:%M} to {one.period.until:%Y-%m-%d %H:%M}, sha256 {one.sha256.hex()}")  # fmt: skip
                for flaw in flaws:
                    wrong = True
                    out.print(f"  [red]✕ {flaw.replace('_', ' ')}[/red]")
            before = some[-1].id
        with db.transaction() as tx:
            written = briefing_store.latest(tx, areas=None, limit=100_000)
        for each in written:
            with db.transaction() as tx:
                found = briefings.checked(briefings.find(tx, each.id))
            if found is not None:
                out.print(f"briefing {each.id}: from snapshot {found.snapshot or 'none'}")
                if not found.hash_right:
                    wrong = True
                    out.print("  [red]✕ hash wrong[/red]")
    if wrong:
        raise typer.Exit(1)
    out.print("[green]✓[/green] every hash is right, and every figure comes out again")
