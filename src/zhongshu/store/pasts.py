"""The ledger as pasts: the facts of the cases dispatched in a period, and what was reported."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from psycopg import sql

from zhongshu.core.access import Sight
from zhongshu.core.cases import Filter
from zhongshu.core.facts import Kind
from zhongshu.core.place import Point
from zhongshu.core.values import CaseId, CategoryId
from zhongshu.core.whatif import STEPS, UNREAD, Heard, Step
from zhongshu.store.cases import matching
from zhongshu.store.db import Tx
from zhongshu.store.facts import STANDS

#: Cases with a dispatch in the period: an imported one was dispatched as it was reported.
_CHOSEN = (
    "select distinct case_id from facts where at >= %s and at < %s and (kind = 'case:dispatched'"
    " or (kind = 'case:imported' and sets->>'dispatched_at' is not null))"
)
#: The facts after which a new report no longer joins a case.
_LEAVES = "('case:handled', 'case:rejected', 'case:merged', 'case:closed')"


def patiently(tx: Tx) -> None:
    """Let the statements of this transaction take their time, and see one state of things."""
    tx.execute("set transaction isolation level repeatable read")
    tx.execute("set local statement_timeout = 0")


def count(tx: Tx, *, since: datetime, until: datetime) -> int:
    """Return how many cases have a dispatch in the period."""
    row = tx.execute(f"select count(*) from ({_CHOSEN}) c", (since, until)).fetchone()
    assert row is not None
    return int(row[0])


def steps(tx: Tx, *, since: datetime, until: datetime) -> Iterator[tuple[CaseId, list[Step]]]:
    """Yield each case that has a dispatch in the period with its steps, as they come from the
    database: a hundred thousand cases are never all in memory.
    """
    with tx.cursor(name="pasts") as cursor:
        cursor.itersize = 5000
        cursor.execute(
            f"with chosen as ({_CHOSEN}) select f.case_id, f.kind, f.at, f.sets - %s::text[]"
            " from chosen join facts f using (case_id) where f.kind = any(%s)"
            " order by f.case_id, f.seq",
            (since, until, list(UNREAD), [kind.value for kind in STEPS]),
        )
        case: CaseId | None = None
        found: list[Step] = []
        for id_, kind, at, sets in cursor:
            if id_ != case:
                if case is not None:
                    yield case, found
                case, found = CaseId(id_), []
            found.append(Step(Kind(kind), at, sets))
        if case is not None:
            yield case, found


def heard(tx: Tx, *, since: datetime, until: datetime, lead_in: timedelta) -> Sequence[Heard]:
    """Return, in order of time, the reports with a place in the city whose category was known,
    from so long before the period on.
    """
    rows = tx.execute(
        "select r.id, r.case_id, r.reported_at, r.lon, r.lat, r.text, first,"
        " case when first then (f.sets->>'category')::bigint else c.category end, l.at,"
        " b.asset, coalesce(b.chosen, false)"
        " from cases c join reports r on r.case_id = c.id"
        " join facts f on f.case_id = c.id and f.seq = 1"
        " cross join lateral (select coalesce((f.says->>'report')::bigint = r.id, false) as first) o"
        f" left join lateral (select min(g.at) as at from facts g where g.case_id = c.id and g.kind in {_LEAVES}) l on true"
        " left join lateral (select g.sets->>'asset' as asset, g.says ?| array['chosen', 'not_same_as'] as chosen"
        "  from facts g where g.case_id = c.id and g.kind in ('case:reported', 'case:joined')"
        "  and (g.says->>'report')::bigint = r.id order by g.seq limit 1) b on true"
        " where c.reported_at >= %(from)s - %(back)s and c.reported_at < %(until)s"
        " and r.reported_at >= %(from)s and r.reported_at < %(until)s"
        " and r.lon is not null and c.area is not null order by r.reported_at, r.id",
        {"from": since - lead_in, "until": until, "back": lead_in},
    ).fetchall()  # fmt: skip
    return [
        Heard(
            report=report, case=CaseId(case), at=at, place=Point(lon, lat), text=text, first=first,
            category=CategoryId(category), open_until=left, asset=asset, chosen=chosen,
        )
        for report, case, at, lon, lat, text, first, category, left, asset, chosen in rows
        if category is not None
    ]  # fmt: skip


def fired(tx: Tx, sight: Sight, *, since: datetime, until: datetime) -> dict[int, int]:
    """Return how many cases in sight were dispatched in the period by each version of a rule."""
    where = matching(sight, Filter())
    where.add("f.at >= %s and f.at < %s and f.kind = 'case:dispatched' and" + STANDS, since, until)
    query = sql.SQL(
        "select (f.says->>'duty_rule')::bigint, count(distinct f.case_id)"
        " from facts f join cases on cases.id = f.case_id"
        " where f.says->>'duty_rule' is not null and {} group by 1"
    ).format(where.sql)
    return dict(tx.execute(query, where.values).fetchall())


def fired_on(
    tx: Tx, sight: Sight, rules: Sequence[int], *, since: datetime, until: datetime,
    limit: int = 500,
) -> Sequence[tuple[str, str, datetime]]:  # fmt: skip
    """Return number, title and moment of the cases in sight dispatched by these rules."""
    where = matching(sight, Filter())
    where.add("f.at >= %s and f.at < %s and f.kind = 'case:dispatched' and" + STANDS, since, until)
    where.add("(f.says->>'duty_rule')::bigint = any(%s)", list(rules))
    query = sql.SQL(
        "select number, title, min(f.at) from facts f join cases on cases.id = f.case_id where {}"
        " group by cases.id, number, title order by 3 desc, cases.id desc limit %s"
    ).format(where.sql)
    return tx.execute(query, (*where.values, limit)).fetchall()
