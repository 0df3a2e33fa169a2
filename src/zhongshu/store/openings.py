"""Which case is open at whose desk: one short-lived row for an account, overwritten each time.

The table is unlogged and holds no past: it says nothing of what anybody worked on.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from zhongshu.core.values import AccountId, CaseId
from zhongshu.store.db import Tx


def put(tx: Tx, account: AccountId, case: CaseId, *, until: datetime) -> None:
    """Say that an account has a case open, and none other."""
    tx.execute(
        "insert into openings (account, case_id, until) values (%s, %s, %s)"
        " on conflict (account) do update set case_id = excluded.case_id, until = excluded.until",
        (account, case, until),
    )


def go_on(tx: Tx, account: AccountId, case: CaseId, *, until: datetime) -> None:
    """Let an opening that is still there last longer."""
    tx.execute(
        "update openings set until = %s where account = %s and case_id = %s", (until, account, case)
    )


def drop(tx: Tx, account: AccountId) -> None:
    """Say that an account has no case open."""
    tx.execute("delete from openings where account = %s", (account,))


def others(
    tx: Tx, cases: Sequence[CaseId], *, but: AccountId, at: datetime
) -> dict[CaseId, list[str]]:
    """Return the names of the others who have any of these cases open at a moment."""
    found: dict[CaseId, list[str]] = {}
    for case, name in tx.execute(
        "select o.case_id, a.name from openings o join accounts a on a.id = o.account"
        " where o.case_id = any(%s) and o.account <> %s and o.until > %s order by a.name",
        (list(cases), but, at),
    ):
        found.setdefault(CaseId(case), []).append(name)
    return found


def forget(tx: Tx, *, before: datetime) -> int:
    """Delete what is over; return how many rows."""
    return tx.execute("delete from openings where until <= %s", (before,)).rowcount
