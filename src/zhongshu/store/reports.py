"""The reports: one voice each, immutable but for the case they speak of."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, LiteralString

from psycopg.rows import class_row

from zhongshu.core.values import CaseId, ReportId
from zhongshu.store.db import Tx

_COLUMNS: LiteralString = (
    "id, code, case_id, received_at, reported_at, channel, source, source_key, body_hash, text,"
    " address, lang, lon, lat, raw_place, category, extra"
)
_SHOWN: LiteralString = "id, code, case_id, received_at, reported_at, channel, source, source_key, text, address, lang, lon, lat"


@dataclass(frozen=True, slots=True, kw_only=True)
class Voice:
    """A report as it is shown: never its contact."""

    id: ReportId
    code: str | None
    case_id: CaseId
    received_at: datetime
    reported_at: datetime
    channel: str
    source: str
    source_key: str | None
    text: str
    address: str
    lang: str
    lon: float | None
    lat: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What an earlier report under the same key became."""

    source: str
    source_key: str
    id: ReportId
    code: str | None
    case_id: CaseId
    number: str
    stage: str
    body_hash: bytes | None


def add(tx: Tx, rows: Sequence[Mapping[str, Any]]) -> None:
    """Write new reports, given as JSON-ready rows of the table (`body_hash` in hex)."""
    tx.execute(
        f"insert into reports ({_COLUMNS}) select {_COLUMNS} from json_populate_recordset("
        "null::reports, %s)",
        (json.dumps(rows, ensure_ascii=False),),
    )


def known(tx: Tx, keys: Sequence[tuple[str, str]]) -> list[Known]:
    """Return the reports already here under these (source, key) pairs."""
    if not keys:
        return []
    return (
        tx.cursor(row_factory=class_row(Known))
        .execute(
            "select r.source, r.source_key, r.id, r.code, r.case_id, c.number, c.stage, r.body_hash"
            " from unnest(%s::text[], %s::text[]) as k(s, n)"
            " join reports r on r.source = k.s and r.source_key = k.n"
            " join cases c on c.id = r.case_id order by r.id",
            ([s for s, _ in keys], [n for _, n in keys]),
        )
        .fetchall()
    )


def by_code(tx: Tx, code: str) -> Voice | None:
    """Return the report a tracking code belongs to."""
    return _voices(tx, f"select {_SHOWN} from reports where code = %s", (code,)).fetchone()


def of_case(tx: Tx, case: CaseId, *, limit: int = 200) -> list[Voice]:
    """Return the reports that speak of a case, those of cases merged into it included."""
    return _voices(
        tx,
        f"select {_SHOWN} from reports where case_id = any(array(select %s::bigint union all"
        " select id from cases where merged_into = %s)) order by reported_at, id limit %s",
        (case, case, limit),
    ).fetchall()


def by_ids(tx: Tx, wanted: Sequence[ReportId]) -> list[Voice]:
    """Return these reports, the oldest first."""
    return _voices(
        tx, f"select {_SHOWN} from reports where id = any(%s) order by reported_at, id",
        (list(wanted),),
    ).fetchall()  # fmt: skip


def get(tx: Tx, report: ReportId) -> Voice | None:
    return _voices(tx, f"select {_SHOWN} from reports where id = %s", (report,)).fetchone()


def count_own(tx: Tx, case: CaseId) -> int:
    """Return how many reports speak of a case itself, without those of cases merged into it."""
    row = tx.execute("select count(*) from reports where case_id = %s", (case,)).fetchone()
    assert row is not None
    return int(row[0])


def move(tx: Tx, report: ReportId, to: CaseId) -> None:
    """Let a report speak of another case (it was split off)."""
    tx.execute("update reports set case_id = %s where id = %s", (to, report))


def _voices(tx: Tx, query: LiteralString, values: Sequence[Any]) -> Any:
    return tx.cursor(row_factory=class_row(Voice)).execute(query, values)
