"""The vault: contacts as ciphertext with an end, and the photos of a case."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import LiteralString

from psycopg.rows import class_row

from zhongshu.core.cases.evidence import Judged, Seen
from zhongshu.core.pictures import Picture
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
    at: datetime, tell: bool = False,
) -> None:  # fmt: skip
    """Keep one contact of a report; ``tell``: it may be used to say how it goes on."""
    tx.execute(
        "insert into contacts (report_id, kind, masked, nonce, ciphertext, made_at, tell)"
        " values (%s, %s, %s, %s, %s, %s, %s)",
        (report, kind, masked, nonce, ciphertext, at, tell),
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
        "  join cases own on own.id = r.case_id"
        # Of a merged case it is the other's end that counts.
        "  join cases c on c.id = coalesce(own.merged_into, own.id)"
        "  where k.erased_at is null and c.closed_at < %s"
        "  and c.stage in ('closed', 'rejected') order by k.id limit %s)"
        " returning (select case_id from reports where id = report_id)",
        (at, before, limit),
    ).fetchall()
    return sorted({CaseId(row[0]) for row in rows})


def erase_of(tx: Tx, report: ReportId, *, at: datetime) -> int:
    """Erase the contacts of one report; return how many there were."""
    return tx.execute(
        "update contacts set ciphertext = null, nonce = null, masked = '', erased_at = %s"
        " where report_id = %s and erased_at is null",
        (at, report),
    ).rowcount


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


def photo_like(tx: Tx, case: CaseId, *, step: str, sha256: bytes) -> int | None:
    """Return the photo of a case that is the same to the last byte, at the same step."""
    row = tx.execute(
        "select id from photos where case_id = %s and step = %s and sha256 = %s order by id limit 1",
        (case, step, sha256),
    ).fetchone()
    return row and int(row[0])


def present(tx: Tx, photos: Sequence[int], *, seq: int) -> None:
    """Remember with which handling photos were shown: they are no evidence of a later one."""
    tx.execute(
        "update photos set presented = %s where id = any(%s) and presented is null",
        (seq, list(photos)),
    )


def same(tx: Tx, sha256: bytes, *, limit: int = 20) -> list[Seen]:
    """Return the cases that have this picture already, in sight or not: a number and no more."""
    rows = tx.execute("select case_id, number from same_picture(%s, %s)", (sha256, limit))
    return [Seen(case=case, number=number) for case, number in rows]


def photos_of(tx: Tx, case: CaseId, *, limit: int = 500) -> list[PhotoRow]:
    """Return a case's photos and those of cases merged into it, the oldest first."""
    return (
        tx.cursor(row_factory=class_row(PhotoRow))
        .execute(
            f"select {_PHOTO} from photos where case_id = any(array(select %s::bigint union all"
            " select id from cases where merged_into = %s)) order by id limit %s",
            (case, case, limit),
        )
        .fetchall()
    )


def move_photos(tx: Tx, report: ReportId, to: CaseId) -> None:
    """Let the photos of a report go with it to another case."""
    tx.execute("update photos set case_id = %s where report_id = %s", (to, report))


# ── photos that wait for the reporter's answer ───────────────────────────────────────


def hold(tx: Tx, key: str, n: int, picture: Picture, *, at: datetime) -> None:
    """Keep a cleaned photo of a report that is not sent yet, under a random key."""
    tx.execute(
        "insert into held_photos (key, n, sha256, mime, width, height, bytes, held_at)"
        " values (%s, %s, %s, %s, %s, %s, %s, %s)",
        (key, n, picture.sha256, picture.mime, picture.width, picture.height, picture.data, at),
    )


def held(tx: Tx, key: str, *, since: datetime) -> int:
    """Return how many photos wait under a key."""
    row = tx.execute(
        "select count(*) from held_photos where key = %s and held_at >= %s", (key, since)
    ).fetchone()
    assert row is not None
    return int(row[0])


def held_bytes(tx: Tx) -> int:
    """Return how many bytes of photos wait altogether."""
    row = tx.execute("select coalesce(sum(length(bytes)), 0) from held_photos").fetchone()
    assert row is not None
    return int(row[0])


def claim(
    tx: Tx, key: str, case: CaseId, report: ReportId, *, at: datetime, since: datetime
) -> int:  # fmt: skip
    """Give the photos under a key to the report they came with; return how many there were."""
    row = tx.execute(
        "with gone as (delete from held_photos where key = %s returning *),"
        " kept as (insert into photos (case_id, report_id, step, sha256, mime, width, height, bytes,"
        "  taken_at) select %s, %s, 'report', sha256, mime, width, height, bytes, %s from gone"
        "  where held_at >= %s order by n returning id)"
        " select count(*) from kept",
        (key, case, report, at, since),
    ).fetchone()
    assert row is not None
    return int(row[0])


def let_go(tx: Tx, *, before: datetime) -> int:
    """Erase photos that waited too long; return how many."""
    return tx.execute("delete from held_photos where held_at < %s", (before,)).rowcount


def photo(tx: Tx, photo_id: int) -> tuple[CaseId, str, bytes] | None:
    """Return a photo's case, type and bytes."""
    return tx.execute(
        "select case_id, mime, bytes from photos where id = %s", (photo_id,)
    ).fetchone()
