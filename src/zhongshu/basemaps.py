"""Commands of base maps: built from a town's own files, and listed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Annotated

import shapely
import typer

from zhongshu import main
from zhongshu.core.basemap import Box, Drawn, Layer, cut, geojson, over
from zhongshu.core.values import Name
from zhongshu.flow.city import load
from zhongshu.flow.places import around
from zhongshu.link import mapfiles, tables
from zhongshu.settings import Settings
from zhongshu.store import city as city_store
from zhongshu.terminal import bar, database, out, refusals

commands = typer.Typer(no_args_is_help=True, help="What maps are drawn on.")


@commands.command("build")
def build(
    source: Annotated[Path, typer.Argument(help="A .osm.pbf, .osm or .geojson file, or a folder of them.")],
    id: Annotated[str, typer.Option(help="What the file is called: letters, digits, hyphens.")] = "town",
    name_zh: Annotated[str, typer.Option(help="Its Chinese name, in the list of base maps.")] = "本市底图",
    name_en: Annotated[str, typer.Option(help="Its English name.")] = "The city's own",
    attribution: Annotated[str, typer.Option(help="Whose data it is; shown on every map.")] = "",
    last: Annotated[int, typer.Option(help="The last zoom that is cut; maps enlarge it further.")] = 15,
    everything: Annotated[bool, typer.Option("--everything", help="What lies far outside the city too.")] = False,
    streets: Annotated[bool, typer.Option(help="Also let places be found by the names of these streets.")] = True,
) -> None:  # fmt: skip
    """Cut a town's own roads, water, parks and houses into a base map (PMTiles). Nothing is
    fetched; what cannot be read is listed with its reason.
    """
    with refusals(), database() as db:
        with db.transaction() as tx:
            box = None if everything else around(load(tx, at=main.clock()))
        found = _read(mapfiles.source_files(source), box, Path("rejects") / f"{id}-basemap.csv")
        path = main.folder(Settings.read()) / "maps" / f"{id}.pmtiles"
        frame = _frame(found)
        zooms = range(8, last + 1)
        with bar() as progress:
            tiles = progress.track(
                cut(found, zooms), total=sum(1 for z in zooms for _ in over(frame, z)), description="tiles",
            )  # fmt: skip
            made = mapfiles.write(path, tiles, name=Name(name_zh, name_en), attribution=attribution, box=frame)  # fmt: skip
        if streets:
            with db.transaction() as tx:
                for layer in (Layer.ROAD, Layer.WATER, Layer.PARK):
                    city_store.set_backdrop(tx, layer.value, geojson(t for t in found if t.layer is layer and t.rank <= 3))  # fmt: skip
                city_store.changed(tx)
    out.print(f"[green]✓[/green] {path}: {made:,} tiles, {path.stat().st_size / 1e6:.1f} MB")


def _read(files: Sequence[Path], box: Box | None, rejects: Path) -> list[Drawn]:
    """Read what is drawn, near the city if a box says where that is; write down what is not read."""
    refused = tables.Rejects(rejects)
    found: list[Drawn] = []
    far = bad = 0
    with bar() as progress:
        for one in progress.track(_all(files), description="reading"):
            if isinstance(one, str):
                bad += 1
                refused.add(tables.frame([{"reason": one}]))
            elif box is None or shapely.box(*box).intersects(one.shape):
                found.append(one)
            else:
                far += 1
    out.print(f"drawn {len(found):,}, too far from the city {far:,}, refused {bad:,}{f' ({rejects})' if bad else ''}")  # fmt: skip
    if not found:
        raise mapfiles.NotAMap("file", str(files[0]), why="nothing in it is drawn near the city (--everything takes all)")  # fmt: skip
    return found


def _all(files: Iterable[Path]) -> Iterator[Drawn | str]:
    for path in files:
        yield from mapfiles.things(path)


def _frame(found: Sequence[Drawn]) -> Box:
    west, south, east, north = (float(v) for v in shapely.total_bounds([t.shape for t in found]))
    return west, south, east, north


@commands.command("list")
def listing() -> None:
    """List the base maps there are, and what is wrong with others."""
    known = main.maps(Settings.read()).known()
    for base in known.bases:
        out.print(f"{base.id}: {base.name.zh} · {base.name.en}, zooms {base.min_zoom}–{base.max_zoom}, {base.attribution or 'no attribution'}")  # fmt: skip
    for bad in known.wrong:
        out.print(f"[red]✕[/red] {bad}")
    raise typer.Exit(1 if known.wrong else 0)
