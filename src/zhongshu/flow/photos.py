"""Photos kept with a case: which step they show, and when they were taken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from zhongshu.core.pictures import Picture
from zhongshu.core.values import CaseId, ReportId
from zhongshu.store import vault
from zhongshu.store.db import Tx


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A cleaned photo, the step it belongs to, and when it was taken."""

    picture: Picture
    step: str
    taken_at: datetime


def keep(
    tx: Tx, case: CaseId, shots: Iterable[Shot], *, report: ReportId | None = None
) -> list[int]:
    """Keep photos with a case and return their identities; one that is there is there once."""
    return [_kept(tx, case, shot, report) for shot in shots]


def _kept(tx: Tx, case: CaseId, shot: Shot, report: ReportId | None) -> int:
    picture = shot.picture
    known = vault.photo_like(tx, case, step=shot.step, sha256=picture.sha256)
    if known is not None:
        return known
    return vault.add_photo(
        tx, case, report=report, step=shot.step, sha256=picture.sha256, mime=picture.mime,
        width=picture.width, height=picture.height, data=picture.data, at=shot.taken_at,
    )  # fmt: skip
