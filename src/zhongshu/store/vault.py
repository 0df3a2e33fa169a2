"""The vault: contacts as ciphertext with an end, and the photos of a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg.rows import class_row

from zhongshu.core.cases.evidence import Judged, Seen
from zhongshu.core.values import CaseId, ReportId
from zhongshu.store.db import Tx

NOTHING_FOUND = Judged()


@dataclass(frozen=True, slots=True, kw_only=True)
class Kept:
    """A contact as the database knows it."""

    id: int
    report_id: ReportId
    kind: str
    masked: str
    nonce: bytes | None
    ciphertext: bytes | None


@dataclass(frozen=True, slots=True, kw_only=True)
class PhotoRow:
    """A photo without its bytes: when it came in, and what is kept of what its camera said."""

    id: int
    case_id: CaseId
    report_id: ReportId | None
    step: str
    width: int
    height: int
    taken_at: datetime
    camera_at: datetime | None
    metres: int | None
    findings: list[str]
    same_as: list[str]
    presented: int | None
    sha256: bytes


_PHOTO: LiteralString = (
    "id, case_id, report_id, step, width, height, taken_at, camera_at, metres, findings, same_as,"
    " presented, sha256"
)


def keep(
    tx: Tx, report: ReportId, *, kind: str, masked: str, nonce: bytes, ciphertext: bytes,
    at: datetime,
) -> None:  # fmt: skip
    """Keep one contact of a report."""
    tx.execute(
        "insert into contacts (report_id, kind, masked, nonce, ciphertext, made_at)"
        " values (%s, %s, %s, %s, %s, %s)",
        (report, kind, masked, nonce, ciphertext, at),
    )


def of_reports(tx: Tx, reports: Sequence[ReportId]) -> list[Kept]:
    """Return the contacts of these reports."""
    return (
        tx.cursor(row_factory=class_row(Kept))
        .execute(
            "select id, report_id, kind, masked, nonce, ciphertext from contacts"
            " where report_id = any(%s) order by id",
            (list(reports),),
        )
        .fetchall()
    )


def erase_closed(tx: Tx, *, before: datetime, at: datetime, limit: int = 1000) -> list[CaseId]:
    """Erase contacts of cases closed before a moment; return whose they were."""
    rows = tx.execute(
        "update contacts set ciphertext = null, nonce = null, masked = '', erased_at = %s"
        " where id in (select k.id from contacts k join reports r on r.id = k.report_id"
        "  join cases c on c.id = r.case_id where k.erased_at is null and c.closed_at < %s"
        "  and c.stage in ('closed', 'rejected') order by k.id limit %s)"
        " returning (select case_id from reports where id = report_id)",
        (at, before, limit),
    ).fetchall()
    return sorted({CaseId(row[0]) for row in rows})


def add_photo(
    tx: Tx, case: CaseId, *, report: ReportId | None, step: str, sha256: bytes, mime: str,
    width: int, height: int, data: bytes, at: datetime, found: Judged = NOTHING_FOUND,
) -> int:  # fmt: skip
    """Keep a photo, already cleaned, with the step it belongs to."""
    row = tx.execute(
        "insert into photos (case_id, report_id, step, sha256, mime, width, height, bytes, taken_at,"
        " camera_at, metres, findings, same_as)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) returning id",
        (
            case, report, step, sha256, mime, width, height, data, at, found.camera_at,
            found.metres, [f.value for f in found.findings], list(found.same_as),
        ),
    ).fetchone()  # fmt: skip
    assert row is not None
    return int(row[0])


def present(tx: Tx, photos: Sequence[int], *, seq: int) -> None:
    """Remember with which handling photos were shown: they are no evidence of a later one."""
    tx.execute(
        "update photos set presented = %s where id = any(%s) and presented is null",
        (seq, list(photos)),
    )


def same(tx: Tx, sha256: bytes, *, limit: int = 20) -> list[Seen]:
    """Return the cases that have this picture already."""
    rows = tx.execute(
        "select p.case_id, c.number from photos p join cases c on c.id = p.case_id"
        " where p.sha256 = %s order by p.id limit %s",
        (sha256, limit),
    )
    return [Seen(case=case, number=number) for case, number in rows]


def photos_of(tx: Tx, case: CaseId, *, limit: int = 50) -> list[PhotoRow]:
    """Return a case's photos, the oldest first."""
    return (
        tx.cursor(row_factory=class_row(PhotoRow))
        .execute(
            f"select {_PHOTO} from photos where case_id = %s order by id limit %s", (case, limit)
        )
        .fetchall()
    )


def photo(tx: Tx, photo_id: int) -> tuple[CaseId, str, bytes] | None:
    """Return a photo's case, type and bytes."""
    return tx.execute(
        "select case_id, mime, bytes from photos where id = %s", (photo_id,)
    ).fetchone()
