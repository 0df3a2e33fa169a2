"""The command `zhongshu`: serve, demo, migrate, import, replay, export, verify, doctor."""

from __future__ import annotations

import logging
import secrets
import signal
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from rich.console import Console
from rich.progress import MofNCompleteColumn
from rich.progress import Progress as RichProgress

from zhongshu import jobs, main
from zhongshu.core import mining
from zhongshu.core.access import Duty
from zhongshu.core.grid import Columns, read_features, read_table
from zhongshu.core.history import Mapping, check_columns, normalise, read_mapping
from zhongshu.core.lottery import ROUNDS
from zhongshu.core.values import Name, Refused
from zhongshu.demo import build as demo_build
from zhongshu.demo.life import live
from zhongshu.demo.people import SIGN_INS
from zhongshu.flow import assets, history, lottery
from zhongshu.flow import replay as replaying
from zhongshu.flow import setup as setup_flow
from zhongshu.flow.city import load
from zhongshu.flow.replay import Order
from zhongshu.flow.signin import token_hash
from zhongshu.flow.verify import ledger
from zhongshu.link import checks, eventlogs, holidays, tables, webserver
from zhongshu.settings import Settings
from zhongshu.store.db import Database
from zhongshu.web.hub import Hub

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
imports = typer.Typer(
    no_args_is_help=True, help="Bring in areas, assets, units, a catalogue, or past cases."
)
app.add_typer(imports, name="import")
lots = typer.Typer(no_args_is_help=True, help="The lottery of rechecks.")
app.add_typer(lots, name="lottery")
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


@app.command()
def setup(
    name_zh: Annotated[str, typer.Option(help="The city's Chinese name.")],
    name_en: Annotated[str, typer.Option(help="Its English name.")],
    zone: Annotated[str, typer.Option(help="Its IANA time zone.")] = "Asia/Shanghai",
) -> None:
    """Name the city, and give it the usual levels, the default catalogue and holidays."""
    with refusals(), _database() as db, db.transaction() as tx:
        setup_flow.begin(
            tx, Name(name_zh, name_en), zone=zone, catalogue=demo_build.default_catalogue(),
            days=holidays.china(range(2024, 2028)) if zone == "Asia/Shanghai" else {},
        )  # fmt: skip
    out.print("[green]✓[/green] the city is set up; next: zhongshu import areas")


@imports.command("areas")
def import_areas(
    file: Path,
    level: Annotated[str, typer.Option(help="The level, such as city, district, community.")],
    code: Annotated[str, typer.Option(help="The property that holds the code.")],
    name_zh: Annotated[str, typer.Option(help="The property with the Chinese name.")] = "",
    name_en: Annotated[str, typer.Option(help="The property with the English name.")] = "",
    parent: Annotated[str, typer.Option(help="The property with the parent's code.")] = "",
    crs: Annotated[
        str | None, typer.Option(help="wgs84, cgcs2000, gcj02, bd09 or an EPSG code.")
    ] = None,
    only: Annotated[str, typer.Option(help="Of a table, only the rows where column=value.")] = "",
) -> None:
    """Import one level of areas: polygons from GeoJSON, repaired and measured; or, from a
    table, areas known only by their codes. Nothing is silently dropped.
    """
    columns = Columns(code=code, name_zh=name_zh, name_en=name_en, parent=parent)
    with refusals(), _database() as db:
        if file.suffix.lower() in (".csv", ".parquet", ".xlsx"):
            reading = read_table(tables.rows(file, only=only), kind=level, columns=columns)
        else:
            reading = read_features(tables.read_bytes(file), kind=level, columns=columns, crs=crs)
        with db.transaction() as tx:
            told = setup_flow.add_areas(tx, reading)
    for repair in told.repairs:
        out.print(f"  mended {repair.code}: {repair.reason} ({repair.change_m2:+.1f} m²)")
    for reject in told.rejects:
        out.print(
            f"  [red]refused[/red] row {reject.row} {reject.code}: {reject.field}: {reject.reason}"
        )
    for stray in told.strays:
        out.print(f"  {stray.code}: {stray.outside_share:.0%} of it lies outside {stray.parent}")
    for name, cover in told.covers:
        out.print(f"  {name}: overlaps {cover.overlap_m2:,.0f} m², gaps {cover.gap_m2:,.0f} m², outside {cover.outside_m2:,.0f} m²")  # fmt: skip
    out.print(
        f"[green]✓[/green] {told.new} new, {told.known} already there, {len(told.rejects)} refused"
    )


@imports.command("assets")
def import_assets(
    file: Path,
    crs: Annotated[
        str, typer.Option(help="What lon and lat are in: wgs84, cgcs2000, gcj02, bd09 or EPSG.")
    ] = "",
    column: Annotated[
        list[str] | None, typer.Option(help="What a column is called here: code=OBJECTID.")
    ] = None,
    rejects: Annotated[Path | None, typer.Option(help="Where refused rows go.")] = None,
) -> None:
    """Import things of the city from GeoJSON or a table: code, category, name_zh, name_en, lon,
    lat, owner, maintainer, state, surveyed. The same file twice adds nothing.
    """
    with refusals(), _database() as db:
        with db.transaction() as tx:
            city = load(tx, on=main.clock().date())
        named = dict(pair.split("=", 1) for pair in column or () if "=" in pair)
        total, declared, batches = tables.numbered(file, named)
        refused = tables.Rejects(rejects or Path("rejects") / f"{file.stem}-assets.csv")
        with _bar() as bar:
            task = bar.add_task(file.name, total=total)
            tally = assets.run(
                db, city, batches, crs=crs or declared or "",
                rejects=lambda bad: refused.add(tables.frame(bad)),
                progress=lambda n: bar.advance(task, n),
            )  # fmt: skip
    out.print(
        f"rows read {tally.read:,} = new {tally.new:,} + changed {tally.changed:,} + already there"
        f" {tally.known:,} + refused {tally.refused:,}"
    )
    if tally.refused:
        out.print(f"refused rows, with their reasons: {refused.path}")


@imports.command("units")
def import_units(file: Path) -> None:
    """Import units and their duties: CSV with code, name_zh, name_en, parent, phone,
    categories (codes or beginnings, separated by ;), area (a code).
    """
    with refusals(), _database() as db:
        table = tables.open_table(file)
        with db.transaction() as tx:
            new, known, bad = setup_flow.add_units(tx, table.lazy.collect().to_dicts())
    for row, field, value, why in bad:
        out.print(f"  [red]refused[/red] row {row}: {field} “{value}”: {why}")
    out.print(f"[green]✓[/green] {new} new, {known} already there, {len(bad)} refused")


@imports.command("catalogue")
def import_catalogue(
    file: Path, name: Annotated[str, typer.Option(help="What to call this version.")] = ""
) -> None:
    """Import a new version of the catalogue from a table; a bad row is named and left out."""
    with refusals(), _database() as db:
        rows = tables.open_table(file).lazy.collect().to_dicts()
        with db.transaction() as tx:
            version, taken, bad = setup_flow.add_catalogue(tx, rows, name=name or file.stem, on=main.clock().date())  # fmt: skip
    for reject in bad:
        out.print(
            f"  [red]refused[/red] row {reject.row}: {reject.field} “{reject.value}”: {reject.reason}"
        )
    out.print(f"[green]✓[/green] version {version}: {taken} categories, {len(bad)} rows refused")


@imports.command("cases")
def import_cases(
    file: Path,
    mapping: Annotated[Path, typer.Option(help="A mapping file, or the name of a shipped one.")],
    rejects: Annotated[Path | None, typer.Option(help="Where refused rows go.")] = None,
) -> None:
    """Import a past: a table of requests, through a mapping written once per source."""
    with refusals(), _database() as db:
        read = read_mapping(tables.mapping_text(mapping))
        table = tables.open_table(file)
        check_columns(read, table.columns)
        with db.transaction() as tx:
            history.add_local_categories(tx, load(tx, on=main.clock().date()), read.local)
        with db.transaction() as tx:
            city = load(tx, on=main.clock().date())
        refused = tables.Rejects(rejects or Path("rejects") / f"{file.stem}-{read.source}.csv")
        with _bar() as bar:
            task = bar.add_task(file.name, total=table.rows)
            account = history.run(
                db, city, read, table.batches(), file=str(file), now=main.clock(),
                rejects=refused.add, progress=lambda n: bar.advance(task, n),
            )  # fmt: skip
    out.print(
        f"rows read {account.read:,} = new {account.made:,} + already there {account.known:,}"
        f" + refused {account.refused:,}   ({account.merged:,} merged as duplicates)"
    )
    if account.refused:
        out.print(f"refused rows, with their reasons: {refused.path}")
    if not account.balanced:
        out.print("[red]✕ the account does not balance[/red]")
        raise typer.Exit(1)
    out.print("[green]✓[/green] the account balances")


@app.command()
def replay(
    file: Annotated[Path | None, typer.Argument()] = None,
    mapping: Annotated[
        Path | None, typer.Option(help="A mapping file, or the name of a shipped one.")
    ] = None,
    speed: Annotated[float, typer.Option(help="Seconds of the past in one second.")] = 3600,
    pause: Annotated[bool, typer.Option("--pause", help="Let the running replay pause.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Let it go on.")] = False,
    stop: Annotated[
        bool, typer.Option("--stop", help="Let it stop; the next one goes on there.")
    ] = False,
) -> None:
    """Play a past again through the live door, in its own rhythm."""
    order = Order.PAUSE if pause else Order.RUN if resume else Order.STOP if stop else None
    with refusals(), _database() as db:
        if order is not None:
            with db.transaction() as tx:
                replaying.command(tx, order)
            out.print(f"[green]✓[/green] told the replay: {order}")
            return
        if file is None or mapping is None:
            raise typer.BadParameter("say which FILE, and --mapping which")
        _replay(db, file, read_mapping(tables.mapping_text(mapping)), speed)


def _replay(db: Database, file: Path, mapping: Mapping, speed: float) -> None:
    table = tables.open_table(file)
    check_columns(mapping, table.columns)
    with db.transaction() as tx:
        history.add_local_categories(tx, load(tx, on=main.clock().date()), mapping.local)
    hub = Hub(db=db, clock=main.clock, random=secrets.token_bytes, key=main.vault_key(main.folder(Settings.read())))  # fmt: skip
    past = replaying.events(normalise(f, mapping, now=main.clock()).good for f in table.batches())
    with _bar() as bar:
        task = bar.add_task("replay", total=len(past))
        done = replaying.play(
            db, hub.city, mapping, past, speed=speed, clock=main.clock, wait=time.sleep,
            random=secrets.token_bytes, key=hub.key,
            progress=lambda d, at: bar.update(task, completed=d.reports + d.closed + d.left + d.refused, description=f"{at:%Y-%m-%d %H:%M}"),
        )  # fmt: skip
    out.print(
        f"[green]✓[/green] {done.reports} reports, {done.closed} closed, {done.left} left to people, {done.refused} refused"
    )


@app.command()
def export(file: Path) -> None:
    """Write all cases to a Parquet or CSV file."""
    with refusals(), _database() as db:
        with db.transaction() as tx:
            city = load(tx)
        count = tables.write(file, setup_flow.all_cases(db, city))
    out.print(f"[green]✓[/green] {count:,} cases in {file}")


@app.command()
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


@app.command()
def verify() -> None:
    """Fold the facts of every case, and name each whose row says something else."""
    with refusals(), _database() as db, _bar() as bar:
        task = bar.add_task("ledger", total=None)
        wrong = list(ledger(db, progress=lambda n: bar.advance(task, n)))
    for difference in wrong:
        out.print(f"  [red]{difference.number}[/red]: {', '.join(difference.fields)}")
    if wrong:
        raise typer.Exit(1)
    out.print("[green]✓[/green] every case is what its facts say")


@app.command("set")
def choose(name: str, value: str) -> None:
    """Set one of the city's choices: photo_rule, photo_metres, lottery.7, lottery.30."""
    with refusals(), _database() as db, db.transaction() as tx:
        setup_flow.choose(tx, name, value)
    out.print(f"[green]✓[/green] {name} = {value}")


@lots.command("verify")
def verify_lottery(
    day: Annotated[str, typer.Argument(help="The day of closing, such as 2026-11-24.")],
) -> None:
    """Work the draws of a day out again from its seed, and say whatever is not right."""
    try:
        closed = date.fromisoformat(day)
    except ValueError:
        raise typer.BadParameter(f"{day} is no day; write 2026-11-24") from None
    with refusals(), _database() as db, db.transaction() as tx:
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


@app.command()
def key(login: str, duty: str = "machine") -> None:
    """Make an API key for another system; it is shown this once."""
    token = f"zs_{secrets.token_urlsafe(32)}"
    with refusals(), _database() as db, db.transaction() as tx:
        setup_flow.add_machine(tx, login, Duty(duty), token_hash(token.encode()), at=main.clock())
    typer.echo(token)


@app.command()
def account(login: str, name: str, duty: str, area: str = "", unit: str = "") -> None:
    """Make an account with a post; its password is asked for."""
    password = typer.prompt("password", hide_input=True, confirmation_prompt=True)
    with refusals(), _database() as db, db.transaction() as tx:
        setup_flow.add_account(
            tx, login=login, name=name, password=password, duty=Duty(duty), area=area, unit=unit,
            at=main.clock(),
        )  # fmt: skip
    out.print(f"[green]✓[/green] {login}: {duty}")


@app.command()
def doctor() -> None:
    """Check database, disk, clock, fonts and keys, and say what to do."""
    settings = Settings.read()
    bad = 0
    for finding in checks.all_of(main.folder(settings), settings.database_url):
        bad += not finding.good
        out.print(
            f"{'[green]✓[/green]' if finding.good else '[red]✕[/red]'} {finding.what}: {finding.found}"
        )
        if not finding.good:
            out.print(f"  → {finding.remedy}")
    raise typer.Exit(1 if bad else 0)


@contextmanager
def _database() -> Generator[Database]:
    with main.database(Settings.read()) as url, Database(url, size=6) as db:
        yield db


def _bar() -> RichProgress:
    return RichProgress(*RichProgress.get_default_columns(), MofNCompleteColumn(), console=out)


def _serve(*, demo: bool) -> None:
    _logs()
    settings = Settings.read()
    with refusals(), main.database(settings, watch=True) as url:
        hub = main.hub(url, settings, connections=4)
        stop = threading.Event()
        if demo:
            _build_demo(hub, settings)
            _enliven(hub, stop)
        jobs.run(hub.db, hub.city, clock=main.clock, key=hub.key, stop=stop)
        out.print(
            f"[green]✓[/green] http://{settings.host}:{settings.port}/ — /wall the screen, /desk the desk."
            " Ctrl-C stops."
        )
        for sig in (signal.SIGINT, signal.SIGTERM):
            signal.signal(sig, lambda *_: stop.set())
        try:
            webserver.keep(
                "zhongshu.main:application", host=settings.host, port=settings.port,
                workers=settings.workers, stop=stop,
                environment={
                    "ZHONGSHU_DATABASE_URL": url, "ZHONGSHU_FOLDER": str(main.folder(settings)),
                },
            )  # fmt: skip
        finally:
            stop.set()
            hub.db.close()


def _build_demo(hub: Hub, settings: Settings) -> None:
    path = main.folder(settings) / "demo-password.txt"
    # Kept before the city is: a start that is cut off must not leave a password nobody knows.
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(12) + "\n")
    password = path.read_text().strip()
    with hub.db.transaction() as tx, out.status("building the demo city") as status:
        tx.execute("set local statement_timeout = 0")
        demo_build.build(
            tx, password=password, now=main.clock(), random=secrets.token_bytes, key=hub.key,
            said=status.update,
        )  # fmt: skip
    out.print(
        f"[green]✓[/green] sign in as {', '.join(SIGN_INS)} with the password [bold]{password}[/bold]"
    )


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
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )


if __name__ == "__main__":
    app()
