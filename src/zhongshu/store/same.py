"""The rules for the same matter, as the city set them."""

from __future__ import annotations

from dataclasses import asdict
from datetime import datetime
from typing import LiteralString

from psycopg.rows import dict_row

from zhongshu.core.cases.matching import SameRule
from zhongshu.core.values import CategoryId
from zhongshu.store.db import Tx

_PARTS: LiteralString = "metres, hours, apart, least, words, joins, near_metres, near_hours"


def rules(tx: Tx) -> dict[str, SameRule]:
    """Return the rules by the beginning of a category's code (empty: everything)."""
    rows = tx.cursor(row_factory=dict_row).execute(
        f"select category, {_PARTS} from same_rules order by category"
    )
    return {row.pop("category"): SameRule(**row) for row in rows}


def set_rule(tx: Tx, category: str, rule: SameRule, *, at: datetime) -> None:
    """Write the rule for a beginning of a code, new or changed."""
    tx.execute(
        f"insert into same_rules (category, {_PARTS}, changed_at) values (%(category)s, %(metres)s,"
        " %(hours)s, %(apart)s, %(least)s, %(words)s, %(joins)s, %(near_metres)s, %(near_hours)s,"
        " %(at)s) on conflict (category) do update set metres = excluded.metres,"
        " hours = excluded.hours, apart = excluded.apart, least = excluded.least,"
        " words = excluded.words, joins = excluded.joins, near_metres = excluded.near_metres,"
        " near_hours = excluded.near_hours, changed_at = excluded.changed_at",
        {"category": category, "at": at, **asdict(rule)},
    )


def drop_rule(tx: Tx, category: str) -> bool:
    """Take a rule back; say whether there was one."""
    gone = tx.execute(
        "delete from same_rules where category = %s returning category", (category,)
    ).fetchone()
    return gone is not None


def joined_since(tx: Tx, *, since: datetime) -> dict[CategoryId, tuple[int, int]]:
    """Return for each class how many reports came since, and how many of them joined a case."""
    rows = tx.execute(
        "select category, sum(reports)::int, sum(reports - 1)::int from cases"
        " where reported_at >= %s and category is not null and stage <> 'merged' group by category",
        (since,),
    ).fetchall()
    return {CategoryId(category): (every, joined) for category, every, joined in rows}
