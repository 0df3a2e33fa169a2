"""The tables of the ledger as they were known: a query put behind `as_known` finds them so.

The names `facts`, `cases` and `procedures` then mean what was known: facts up to a position
of the ledger (and before a moment), the cases those facts add up to, and the procedures that
had ended by them. A case that nothing happened to since is its row as it is.
How cases stood at a moment by what is known today is another question: `store.moments`.
"""

from __future__ import annotations

import json
from dataclasses import MISSING, fields
from typing import Any, LiteralString

from psycopg import sql

from zhongshu.core.cases import Case, plain
from zhongshu.core.indicators import Known

#: What a case is where its facts say nothing: the first leaves out what is usual.
_UNSAID = json.dumps(
    plain({f.name: f.default for f in fields(Case) if f.default is not MISSING and f.default is not None})
)  # fmt: skip

#: Of ``procedures`` only those that ended are looked for; what ended is not moved again.
_TABLES: LiteralString = (
    "with later as materialized (select distinct f.case_id from public.facts f where {unknown}),"
    " facts as not materialized (select f.* from public.facts f where not ({unknown})),"
    " cases as not materialized (select c.* from public.cases c where c.id not in (select case_id from later)"
    "  union all"
    "  select c.* from later l cross join lateral (select jsonb_object_agg(e.key, e.value order by f.seq) as said"
    "   from facts f cross join jsonb_each(f.sets) e where f.case_id = l.case_id) h"
    "  cross join lateral jsonb_populate_record(null::public.cases,"
    "   %(unsaid)s::jsonb || h.said || jsonb_build_object('id', l.case_id)) c where h.said is not null),"
    " procedures as not materialized (select p.* from public.procedures p where p.ended_at is not null"
    "  and not exists (select from public.facts f where f.case_id = p.case_id"
    "   and f.kind || '' = 'procedure:moved' and (f.says->>'id')::bigint = p.id and ({unknown})))"
    " {query}"
)


def as_known(
    known: Known | None, query: sql.Composed, values: dict[str, Any]
) -> tuple[sql.Composed, dict[str, Any]]:
    """Return a query over the tables as they were known, and its values; None: as they are."""
    if known is None:
        return query, values
    parts: list[sql.Composable] = []
    more: dict[str, Any] = {"unsaid": _UNSAID}
    if known.upto is not None:
        parts.append(sql.SQL("(f.tx, f.id) > (%(upto_tx)s::text::xid8, %(upto_id)s)"))
        more |= {"upto_tx": str(known.upto.tx), "upto_id": known.upto.id}
    if known.before is not None:
        parts.append(sql.SQL("f.at >= %(known_before)s"))
        more["known_before"] = known.before
    unknown = sql.SQL(" or ").join(parts) if parts else sql.SQL("false")
    return sql.SQL(_TABLES).format(unknown=unknown, query=query), values | more
