"""Map services of others, asked on behalf of the reader: the key stays here, each answer is kept.

What they draw in a shifted datum is cut anew, so that everything on a map of the hub stands in
the hub's own (`core.place`).
"""

from __future__ import annotations

import hashlib
import io
import math
import os
import threading
import time
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Literal

from PIL import Image

from zhongshu.core.basemap import PIXELS, Tile, shift
from zhongshu.core.place import Datum
from zhongshu.core.values import Name, Refused
from zhongshu.link import posting

#: A tile is some ten kilobytes; what is larger is none.
_MOST_TILE = 2 * 1024 * 1024
#: A service that did not answer is left alone for so long, in seconds.
_LEFT_ALONE_S = 20.0
_DAY_S = 86_400.0
_AGENT = {"User-Agent": "Zhongshu (a city's hub; it keeps every tile it is given)"}

#: What a tile's address may leave open, and what a base map's entry may say.
_BLANKS = ("{z}", "{x}", "{y}")
Part = Literal["ground", "labels"]


class BadService(Refused):
    message = "maps.toml: %(field)s: “%(value)s”: %(why)s."
    remedy = "Mend the entry; the other base maps work meanwhile."


class NoTile(Refused):
    status: ClassVar[int] = 502
    message = "The map service “%(value)s” gives no tile: %(why)s."
    remedy = "The map goes on without it; “zhongshu doctor” and the workshop say what is wrong."


@dataclass(frozen=True, slots=True, kw_only=True)
class Service:
    """A service of tiles. ``tiles`` and ``labels`` are addresses with {z}, {x}, {y} and {key}."""

    id: str
    name: Name
    kind: Literal["raster", "vector"]
    schema: str
    tiles: str
    labels: str = ""
    attribution: str
    datum: Datum
    min_zoom: int = 0
    max_zoom: int = 18
    keep_days: int = 30
    key: str = field(default="", repr=False)

    @property
    def stamp(self) -> str:
        """Another wherever other tiles would come."""
        said = f"{self.tiles} {self.labels} {self.datum}"
        return hashlib.sha256(said.encode()).hexdigest()[:12]


@dataclass(slots=True)
class Health:
    """How a service did in this process: when it last gave a tile, and what was last wrong."""

    good_at: float | None = None
    bad_at: float | None = None
    wrong: str = ""


# ── what the operator wrote ──────────────────────────────────────────────────────────


def read(path: Path) -> tuple[list[Service], list[BadService]]:
    """Return the services of a file, in its order, and what is wrong with the others."""
    try:
        said = tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return [], []
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        return [], [BadService("file", path.name, why=str(error))]
    services: list[Service] = []
    wrong: list[BadService] = []
    entries: Any = said.get("base", [])
    for entry in entries if isinstance(entries, list) else []:
        try:
            service = _service(entry, path.parent)
            if service.id in {s.id for s in services}:
                raise BadService("id", service.id, why="two base maps have this name")
            services.append(service)
        except BadService as bad:
            wrong.append(bad)
    return services, wrong


def _service(said: dict[str, Any], folder: Path) -> Service:
    words = {k: str(said.get(k, "")).strip() for k in ("id", "name_zh", "name_en", "tiles", "labels", "attribution")}  # fmt: skip
    if not words["id"].replace("-", "").isalnum() or not words["id"].isascii():
        raise BadService("id", words["id"], why="letters, digits and hyphens name a base map")
    for at in ("tiles", "labels"):
        if (at == "tiles" or words[at]) and not all(blank in words[at] for blank in _BLANKS):
            raise BadService(
                f"{words['id']}.{at}", words[at], why="the address needs {z}, {x} and {y}"
            )
    if not words["attribution"]:
        raise BadService(
            f"{words['id']}.attribution", "", why="whose map it is must be said, in China with its approval number (审图号)",
        )  # fmt: skip
    return Service(
        id=words["id"], name=Name(words["name_zh"] or words["id"], words["name_en"]),
        kind=_one_of(said, "kind", ("raster", "vector"), "raster"),
        schema=_one_of(said, "schema", ("zhongshu", "openmaptiles"), "openmaptiles"),
        tiles=words["tiles"], labels=words["labels"], attribution=words["attribution"],
        datum=_datum(said), min_zoom=_number(said, "min_zoom", 0, 24), max_zoom=_number(said, "max_zoom", 18, 24),
        keep_days=_number(said, "keep_days", 30, 3650), key=_key(said, folder),
    )  # fmt: skip


def _one_of(said: dict[str, Any], name: str, words: tuple[str, ...], usual: str) -> Any:
    found = said.get(name, usual)
    if found not in words:
        raise BadService(f"{said['id']}.{name}", found, why=f"one of {', '.join(words)}")
    return found


def _datum(said: dict[str, Any]) -> Datum:
    """Return the datum a service draws in: it must be said, for a wrong guess moves every owner."""
    found = said.get("datum", "")
    if found not in {Datum.WGS84, Datum.CGCS2000, Datum.GCJ02}:
        raise BadService(f"{said['id']}.datum", found, why="wgs84, cgcs2000 or gcj02 must be said")
    datum = Datum(found)
    if datum is Datum.GCJ02 and said.get("kind") == "vector":
        raise BadService(f"{said['id']}.datum", found, why="only pictures can be cut anew")
    return datum


def _number(said: dict[str, Any], name: str, usual: int, most: int) -> int:
    found = said.get(name, usual)
    if not isinstance(found, int) or not 0 <= found <= most:
        raise BadService(f"{said['id']}.{name}", found, why=f"a whole number from 0 to {most}")
    return found


def _key(said: dict[str, Any], folder: Path) -> str:
    if not said.get("key_file"):
        return str(said.get("key", ""))
    try:
        return (
            (folder / str(said["key_file"])).read_text(encoding="utf-8").partition("\n")[0].strip()
        )
    except OSError as error:
        raise BadService(f"{said['id']}.key_file", said["key_file"], why=error.strerror or "it cannot be read") from None  # fmt: skip


# ── asked, and kept ──────────────────────────────────────────────────────────────────


class Asked:
    """The services as this process asks them. ``inside``: hosts that may be no public ones."""

    def __init__(self, folder: Path, inside: frozenset[str]) -> None:
        self._folder, self._inside = folder, inside
        self._health: dict[str, Health] = {}
        #: One asker for a tile; the others of the same tile wait for what it brings.
        self._asking = tuple(threading.Lock() for _ in range(32))

    def health(self, service: Service) -> Health:
        """Return how a service did."""
        return self._health.setdefault(service.id, Health())

    def tile(self, service: Service, tile: Tile, part: Part) -> bytes:
        """Return a tile in the hub's datum; nothing where the service has nothing there."""
        if service.datum is not Datum.GCJ02:
            return self._kept(service, tile, part)
        return _recut(tile, lambda t: self._kept(service, t, part))

    def _kept(self, service: Service, tile: Tile, part: Part) -> bytes:
        path = self._folder / f"{service.id}-{service.stamp}" / part / f"{tile.zoom}" / f"{tile.x}" / f"{tile.y}"  # fmt: skip
        with self._asking[hash(path) % len(self._asking)]:
            age = _age_s(path)
            if age is not None and age < service.keep_days * _DAY_S:
                return path.read_bytes()
            try:
                data = self._fetched(service, tile, part)
            except NoTile:
                if age is None:
                    raise
                return path.read_bytes()  # an old street is better than none
            path.parent.mkdir(parents=True, exist_ok=True)
            draft = path.with_suffix(f".{os.getpid()}")
            draft.write_bytes(data)
            draft.replace(path)
            return data

    def _fetched(self, service: Service, tile: Tile, part: Part) -> bytes:
        health, now = self.health(service), time.time()
        if health.bad_at is not None and now - health.bad_at < _LEFT_ALONE_S:
            raise NoTile("service", service.id, why=health.wrong)
        address = service.tiles if part == "ground" else service.labels
        for blank, value in (("z", tile.zoom), ("x", tile.x), ("y", tile.y), ("key", service.key)):
            address = address.replace(f"{{{blank}}}", str(value))
        try:
            answer = posting.get(address, _AGENT, inside=self._inside, most=_MOST_TILE)
            wrong = _wrong(service, answer)
        except posting.NotThere as error:
            answer, wrong = None, str(error)
        if answer is None or wrong:
            health.bad_at, health.wrong = now, wrong
            raise NoTile("service", service.id, why=wrong)
        health.good_at, health.bad_at = now, None
        return answer.body if answer.status == 200 else b""


def _age_s(path: Path) -> float | None:
    try:
        return time.time() - path.stat().st_mtime
    except FileNotFoundError:
        return None


def _wrong(service: Service, answer: posting.Answer) -> str:
    """Return what is wrong with an answer; services say “no key” with status 200 and a page."""
    if answer.status in {204, 404}:
        return ""
    if answer.status != 200:
        return f"it answers with status {answer.status}"
    if service.kind == "raster" and media_type(answer.body) == "application/octet-stream":
        return "what it sends is no picture; is its key right?"
    return ""


def media_type(data: bytes) -> str:
    """Return what kind of picture some bytes are."""
    if data.startswith(b"\x89PNG"):
        return "image/png"
    if data.startswith(b"\xff\xd8"):
        return "image/jpeg"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "image/webp"
    return "application/octet-stream"


# ── cut anew ─────────────────────────────────────────────────────────────────────────


def _recut(tile: Tile, fetched: Any) -> bytes:
    """Return a tile of ours, cut out of the up to four of the service that lie under it."""
    right, down = shift(tile, Datum.GCJ02)
    # Where our tile begins on theirs, in whole pixels.
    left, top = round(tile.x * PIXELS + right), round(tile.y * PIXELS + down)
    whole = Image.new("RGBA", (PIXELS, PIXELS))
    for x, y in _under(left, top):
        theirs = Tile(tile.zoom, x, y)
        if theirs.inside() and (data := fetched(theirs)):
            with Image.open(io.BytesIO(data)) as picture:
                whole.paste(picture.convert("RGBA"), (x * PIXELS - left, y * PIXELS - top))
    out = io.BytesIO()
    whole.save(out, "PNG")
    return out.getvalue()


def _under(left: int, top: int) -> Iterator[tuple[int, int]]:
    for y in range(math.floor(top / PIXELS), math.floor((top + PIXELS - 1) / PIXELS) + 1):
        for x in range(math.floor(left / PIXELS), math.floor((left + PIXELS - 1) / PIXELS) + 1):
            yield x, y
