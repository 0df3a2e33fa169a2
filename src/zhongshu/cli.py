"""The command `zhongshu`: serve, demo, migrate, import, replay, export, verify, doctor."""

from __future__ import annotations

import base64
import logging
import secrets
import signal
import threading
import time
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from zhongshu import basemaps, jobs, main, measuring, proofs
from zhongshu.core.access import Duty, NotFound
from zhongshu.core.catalogue_table import HEADERS, rows_of
from zhongshu.core.grid import Columns, read_features, read_table
from zhongshu.core.history import Mapping, check_columns, normalise, read_mapping
from zhongshu.core.values import Name
from zhongshu.demo import build as demo_build
from zhongshu.demo import houses as demo_houses
from zhongshu.demo.people import SIGN_INS
from zhongshu.flow import (
    assets,
    catalogue,
    connectors,
    duties,
    history,
    people,
    presets,
    same,
    signin,
)
from zhongshu.flow import replay as replaying
from zhongshu.flow import setup as setup_flow
from zhongshu.flow.city import City, load
from zhongshu.flow.replay import Order
from zhongshu.link import holidays, sheets, tables, webserver
from zhongshu.settings import Settings
from zhongshu.store import accounts
from zhongshu.store.db import Database, Tx
from zhongshu.terminal import bar, database, out, refusals
from zhongshu.web.hub import Hub

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False)
imports = typer.Typer(
    no_args_is_help=True, help="Bring in areas, assets, units, a catalogue, or past cases."
)
app.add_typer(imports, name="import")
app.add_typer(basemaps.commands, name="basemap")
app.add_typer(measuring.measures, name="measure")
app.command("mine")(measuring.mine)
app.command("verify")(proofs.verify)
app.add_typer(proofs.lots, name="lottery")
app.add_typer(proofs.frozen, name="frozen")


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
    with refusals(), database() as db, db.transaction() as tx:
        setup_flow.begin(
            tx, Name(name_zh, name_en), zone=zone, catalogue=demo_build.default_catalogue(),
            days=holidays.china(range(2024, 2028)) if zone == "Asia/Shanghai" else {},
        )  # fmt: skip
    out.print(
        "[green]✓[/green] the city is set up; next: zhongshu import areas,"
        " and zhongshu rekey admin --name NAME --duty admin: then sign in and go on at /workshop/start"
    )


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
    with refusals(), database() as db:
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
    with refusals(), database() as db:
        with db.transaction() as tx:
            city = load(tx, at=main.clock())
        named = dict(pair.split("=", 1) for pair in column or () if "=" in pair)
        total, declared, batches = tables.numbered(file, named)
        refused = tables.Rejects(rejects or Path("rejects") / f"{file.stem}-assets.csv")
        with bar() as shown:
            task = shown.add_task(file.name, total=total)
            tally = assets.run(
                db, city, batches, crs=crs or declared or "",
                rejects=lambda bad: refused.add(tables.frame(bad)),
                progress=lambda n: shown.advance(task, n),
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
    with refusals(), database() as db:
        table = tables.open_table(file)
        with db.transaction() as tx:
            new, known, bad = setup_flow.add_units(tx, table.lazy.collect().to_dicts())
    for row, field, value, why in bad:
        out.print(f"  [red]refused[/red] row {row}: {field} “{value}”: {why}")
    out.print(f"[green]✓[/green] {new} new, {known} already there, {len(bad)} refused")


@imports.command("duty-rules")
def import_duty_rules(file: Path) -> None:
    """Import duty rules from a table: category, area, owner, hours, lead (a unit's code, or owner
    or maintainer), co_units, forbidden, clause, priority, auto, valid_from, valid_until. A row
    with an id changes that rule; the same file twice adds nothing.
    """
    with refusals(), database() as db:
        rows = tables.open_table(file).lazy.collect().to_dicts()
        with db.transaction() as tx:
            told = duties.bring_in(tx, load(tx, at=main.clock()), rows)
    for reject in told.refused:
        out.print(
            f"  [red]refused[/red] row {reject.row}: {reject.field} “{reject.value}”: {reject.reason}"
        )
    out.print(
        f"rows read {told.read:,} = new {told.new:,} + changed {told.changed:,} + already there"
        f" {told.known:,} + refused {len(told.refused):,}"
    )


@imports.command("catalogue")
def import_catalogue(
    file: Path,
    name: Annotated[str, typer.Option(help="What to call this version.")] = "",
    valid_from: Annotated[
        str,
        typer.Option(help="The day from which it is in force, such as 2027-01-01; today if none."),
    ] = "",
    column: Annotated[
        list[str] | None,
        typer.Option("--column", "--columns", help="What a column is called here: code=小类代码."),
    ] = None,
    draft: Annotated[
        bool, typer.Option("--draft", help="Leave it a draft, to be looked at first.")
    ] = False,
    rejects: Annotated[Path | None, typer.Option(help="Where refused rows go.")] = None,
) -> None:
    """Import a new version of the catalogue from Excel, CSV or Parquet: one row for each filing
    condition. A row that cannot be read is named and left out.
    """
    with refusals(), database() as db:
        sheet = sheets.open_sheet(file)
        columns = dict(pair.split("=", 1) for pair in column or () if "=" in pair)
        with db.transaction() as tx:
            hand = _hand(load(tx, at=main.clock()))
            brought = catalogue.bring(
                tx, hand, sheet.headers, sheet.rows, name=name or file.stem, columns=columns
            )
            day = _day(valid_from) if valid_from else hand.today
            if not draft:
                catalogue.enact(tx, hand, brought.version, day)
        refused = tables.Rejects(rejects or Path("rejects") / f"{file.stem}-catalogue.csv")
        refused.add(tables.frame([{"row": r.row, "field": r.field, "value": r.value, "reason": r.reason} for r in brought.reading.rejects]))  # fmt: skip
    read = brought.reading
    for reject in read.rejects:
        out.print(f"  [red]refused[/red] row {reject.row}: {reject.reason}")
    out.print(f"rows read {read.read:,} = taken {read.taken:,} + refused {len(read.rejects):,}")
    if read.rejects:
        out.print(f"refused rows, with their reasons: {refused.path}")
    stands = "a draft" if draft else f"in force from {day}"
    out.print(
        f"[green]✓[/green] version {brought.version}, {stands}: {brought.categories} categories,"
        f" {brought.conditions} filing conditions"
    )


def _hand(city: City) -> catalogue.Hand:
    return catalogue.Hand(account=None, at=main.clock(), today=city.day)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter(f"“{text}” is no day: write 2027-01-01") from None


@imports.command("cases")
def import_cases(
    file: Path,
    mapping: Annotated[Path, typer.Option(help="A mapping file, or the name of a shipped one.")],
    rejects: Annotated[Path | None, typer.Option(help="Where refused rows go.")] = None,
) -> None:
    """Import a past: a table of requests, through a mapping written once per source."""
    with refusals(), database() as db:
        read = read_mapping(tables.mapping_text(mapping))
        table = tables.open_table(file)
        check_columns(read, table.columns)
        with db.transaction() as tx:
            history.add_local_categories(tx, load(tx, at=main.clock()), read.local)
            same.adopt(tx, read.same, at=main.clock())
        with db.transaction() as tx:
            city = load(tx, at=main.clock())
        refused = tables.Rejects(rejects or Path("rejects") / f"{file.stem}-{read.source}.csv")
        with bar() as shown:
            task = shown.add_task(file.name, total=table.rows)
            account = history.run(
                db, city, read, table.batches(), file=str(file), now=main.clock(),
                rejects=refused.add, progress=lambda n: shown.advance(task, n),
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
    with refusals(), database() as db:
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
        history.add_local_categories(tx, load(tx, at=main.clock()), mapping.local)
    hub = Hub(db=db, clock=main.clock, random=secrets.token_bytes, key=main.vault_key(main.folder(Settings.read())))  # fmt: skip
    past = replaying.events(normalise(f, mapping, now=main.clock()).good for f in table.batches())
    with bar() as shown:
        task = shown.add_task("replay", total=len(past))
        done = replaying.play(
            db, hub.city, mapping, past, speed=speed, clock=main.clock, wait=time.sleep,
            random=secrets.token_bytes, key=hub.key,
            progress=lambda d, at: shown.update(task, completed=d.reports + d.closed + d.left + d.refused, description=f"{at:%Y-%m-%d %H:%M}"),
        )  # fmt: skip
    out.print(
        f"[green]✓[/green] {done.reports} reports, {done.closed} closed, {done.left} left to people, {done.refused} refused"
    )


@app.command()
def export(
    file: Path,
    what: Annotated[str, typer.Option(help="cases, or duty-rules.")] = "cases",
) -> None:
    """Write all cases, or the duty rules, to a Parquet or CSV file."""
    if what not in ("cases", "duty-rules"):
        raise typer.BadParameter("--what is cases or duty-rules")
    with refusals(), database() as db:
        with db.transaction() as tx:
            city = load(tx, at=main.clock())
            rules = duties.rows(tx, city) if what == "duty-rules" else []
        count = tables.write(
            file, iter(rules) if what != "cases" else setup_flow.all_cases(db, city)
        )
    out.print(f"[green]✓[/green] {count:,} {what.replace('-', ' ')} in {file}")


@app.command("export-catalogue")
def export_catalogue(
    file: Path,
    version: Annotated[int, typer.Option(help="Which version; the one in force if none.")] = 0,
    lang: Annotated[str, typer.Option(help="Headers in zh or en.")] = "zh",
) -> None:
    """Write a version of the catalogue to an Excel or CSV file that can be imported again."""
    with refusals(), database() as db:
        with db.transaction() as tx:
            number = version or load(tx, at=main.clock()).catalogue.version
            found = catalogue.content(tx, number)
        headers = list(HEADERS.values() if lang == "zh" else HEADERS)
        count = sheets.write(file, found.name, headers, [list(row.values()) for row in rows_of(found.categories)])  # fmt: skip
    out.print(f"[green]✓[/green] version {number}: {count:,} rows in {file}")


@app.command("set")
def choose(name: str, value: str) -> None:
    """Set one of the city's choices: photo_rule, photo_metres, undo_seconds, lottery.7, lottery.30."""
    with refusals(), database() as db, db.transaction() as tx:
        setup_flow.choose(tx, name, value)
    out.print(f"[green]✓[/green] {name} = {value}")


@app.command()
def preset(file: Annotated[Path | None, typer.Argument(help="JSON; without one they are printed", exists=True, dir_okay=False)] = None) -> None:  # fmt: skip
    """Print the presets of the screen as JSON, or keep those of a file in their place."""
    with refusals(), database() as db, db.transaction() as tx:
        city = load(tx)
        if file is None:
            typer.echo(presets.as_text(city))
            return
        brought = presets.of_file(file.name, file.read_bytes())
        for one in brought:
            presets.put(tx, city, one, by=None, at=main.clock())
    out.print(f"[green]✓[/green] {', '.join(one.code for one in brought)}")


@app.command()
def key(login: str, duty: str = "machine") -> None:
    """Make an API key for another system; it is shown this once."""
    token = f"zs_{secrets.token_urlsafe(32)}"
    with refusals(), database() as db, db.transaction() as tx:
        connectors.make(tx, _typed(tx), login=login, name=login, key=token, duty=_duty(duty))
    typer.echo(token)


def _typed(tx: Tx) -> people.Hand:
    """Return the hand of whoever types commands: nobody's account."""
    at = main.clock()
    return people.Hand(account=None, at=at, zone=load(tx, at=at).zone)


def _duty(word: str) -> Duty:
    if word not in set(Duty):
        raise NotFound("duty", word)
    return Duty(word)


@app.command()
def account(login: str, name: str, duty: str, area: str = "", unit: str = "") -> None:
    """Make an account with a post; its password is asked for."""
    password = typer.prompt("password", hide_input=True, confirmation_prompt=True)
    token = secrets.token_bytes(signin.TOKEN_BYTES)
    with refusals(), database() as db, db.transaction() as tx:
        hand = _typed(tx)
        placed = people.placed(load(tx, at=hand.at), area, unit)
        made = people.make(tx, hand, login=login, name=name, lang="zh", token=token)
        post = people.make_post(tx, hand, duty=duty, name_zh=name, **placed)
        people.appoint(tx, hand, post, made, since=hand.today)
        people.choose(tx, token, password, now=hand.at)
    out.print(f"[green]✓[/green] {login}: {duty}")


@app.command()
def rekey(
    login: str,
    name: Annotated[str, typer.Option(help="Make the account if it is not there, so named.")] = "",
    duty: Annotated[str, typer.Option(help="And let it hold a new post of this duty.")] = "",
) -> None:
    """Print a one-time link to choose a password: for the first administrator, or a lost one."""
    token = secrets.token_bytes(signin.TOKEN_BYTES)
    with refusals(), database() as db, db.transaction() as tx:
        hand = _typed(tx)
        found = accounts.by_login(tx, login.lower())
        if found is not None and (name or duty):
            raise people.MadeAlready("--name" if name else "--duty", login)
        if found is not None:
            people.rekey(tx, hand, found.id, token=token)
        elif name:
            made = people.make(tx, hand, login=login, name=name, lang="zh", token=token)
            if duty:
                post = people.make_post(tx, hand, duty=duty, name_zh=name)
                people.appoint(tx, hand, post, made, since=hand.today)
        else:
            raise NotFound("account", login)
    written = base64.urlsafe_b64encode(token).decode().rstrip("=")
    typer.echo(f"{main.site(Settings.read())}/key/{written}")


@app.command()
def doctor() -> None:
    """Check database, second wall, disk, clock, fonts, keys and mail, and say what to do."""
    settings = Settings.read()
    bad = 0
    for finding in main.findings(settings, settings.database_url):
        bad += not finding.good
        out.print(
            f"{'[green]✓[/green]' if finding.good else '[red]✕[/red]'} {finding.what}: {finding.found}"
        )
        if not finding.good:
            out.print(f"  → {finding.remedy}")
    raise typer.Exit(1 if bad else 0)


def _serve(*, demo: bool) -> None:
    _logs()
    settings = Settings.read()
    if demo:  # a demo sends nothing to anybody
        settings = replace(settings, outbox=main.folder(settings) / "outbox")
    with refusals(), main.database(settings, watch=True) as url:
        hub = main.hub(url, settings, connections=4)
        stop = threading.Event()
        if demo:
            _build_demo(hub, settings)
            if not demo_build.enliven(hub.db, hub.city, stop=stop, clock=main.clock, random=secrets.token_bytes, key=hub.key):  # fmt: skip
                out.print("this database holds another city: no demo life is added to it")
        jobs.run(
            hub.db, hub.city, clock=main.clock, key=hub.key, stop=stop, out=hub.outlet,
            carriers=main.carriers(settings),
        )  # fmt: skip
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
                    **({"ZHONGSHU_OUTBOX": str(settings.outbox)} if settings.outbox else {}),
                },
            )  # fmt: skip
        finally:
            stop.set()
            hub.db.close()


def _build_demo(hub: Hub, settings: Settings) -> None:
    password = main.demo_password(main.folder(settings))
    drawing = main.folder(settings) / "maps" / "demo.pmtiles"
    if not drawing.exists():
        with out.status("drawing the map of the demo city"):
            demo_houses.write(drawing)
    with hub.db.transaction() as tx, out.status("building the demo city") as status:
        tx.execute("set local statement_timeout = 0")
        demo_build.build(
            tx, password=password, now=main.clock(), random=secrets.token_bytes, key=hub.key,
            said=status.update,
        )  # fmt: skip
    assert hub.outlet is not None
    demo_build.tell(hub.db, now=main.clock(), out=hub.outlet, random=secrets.token_bytes)
    out.print(
        f"[green]✓[/green] sign in as {', '.join(SIGN_INS)} with the password [bold]{password}[/bold]"
    )


def _logs() -> None:
    logging.basicConfig(
        level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s"
    )


if __name__ == "__main__":
    app()
