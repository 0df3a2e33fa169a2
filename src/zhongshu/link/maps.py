"""The base maps of this hub: files beside its database, and services named in `maps.toml`."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from zhongshu.core.basemap import Tile
from zhongshu.core.values import Refused
from zhongshu.link import mapfiles, mapservices
from zhongshu.link.mapfiles import MapFile
from zhongshu.link.mapservices import Asked, Part, Service

#: For how long a process goes on with the files it knows, in seconds.
_FRESH_S = 2.0
Base = MapFile | Service


@dataclass(frozen=True, slots=True)
class Known:
    """The base maps in the order they are offered, and what is wrong with the others."""

    bases: Sequence[Base]
    wrong: Sequence[Refused]


class Maps:
    """Base maps of a folder: `maps.toml` first, as it orders them, then the files there."""

    def __init__(self, folder: Path, inside: frozenset[str] = frozenset()) -> None:
        self._folder = folder
        self.asked = Asked(folder / "kept", inside)
        self._known = Known((), ())
        self._looked = float("-inf")

    def known(self) -> Known:
        """Return the base maps there are."""
        if time.monotonic() - self._looked >= _FRESH_S:
            self._known = self._look()
            self._looked = time.monotonic()
        return self._known

    def base(self, name: str) -> Base | None:
        """Return a base map by its name."""
        return next((base for base in self.known().bases if base.id == name), None)

    def tile(self, base: Base, tile: Tile, part: Part = "ground") -> bytes:
        """Return a tile of a base map; nothing where nothing lies."""
        if isinstance(base, Service):
            return self.asked.tile(base, tile, part)
        return mapfiles.tile(base, tile) or b""

    def _look(self) -> Known:
        services, faults = mapservices.read(self._folder / "maps.toml")
        bases: list[Base] = list(services)
        wrong: list[Refused] = list(faults)
        for path in sorted(self._folder.glob("*.pmtiles")):
            try:
                found = mapfiles.described(path)
            except Refused as refusal:
                wrong.append(refusal)
                continue
            if found.id not in {base.id for base in bases}:
                bases.append(found)
        return Known(tuple(bases), tuple(wrong))
