"""The outbox: messages as files in a folder, for a hub that is to send nothing to anybody."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from zhongshu.core.messages import Delivery, Parcel, taken

#: So many files of each medium are kept, the newest.
MOST = 500


@dataclass(frozen=True, slots=True)
class Outbox:
    """A folder that takes everything."""

    folder: Path

    def carry(self, parcels: Sequence[Parcel]) -> Iterator[Delivery]:
        """Write each parcel to a file of its own; the same one twice is one file."""
        self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        for parcel in parcels:
            name = f"{parcel.medium}-{int(parcel.key):09d}"
            part = self.folder / f".{name}"
            part.write_text(
                json.dumps(asdict(parcel), ensure_ascii=False, indent=1) + "\n", encoding="utf-8"
            )
            part.rename(self.folder / f"{name}.json")
            yield taken(parcel)
        for medium in {parcel.medium for parcel in parcels}:
            for old in sorted(self.folder.glob(f"{medium}-*.json"))[:-MOST]:
                old.unlink(missing_ok=True)
