"""The people of the tests: each holds one post, so that permission tests read at once.

Ada accepts, Ding dispatches, Hana handles for the street lights, Cheng checks, Stranger
holds no post; Nora only sees district N.
"""

from __future__ import annotations

from zhongshu.core.facts import By
from zhongshu.core.values import AccountId
from zhongshu.store.db import Tx

PEOPLE = {
    "ada": ("acceptor", None, None),
    "ding": ("dispatcher", None, None),
    "hana": ("handler", None, "U1"),
    "cheng": ("checker", None, None),
    "nora": ("viewer", "N", None),
    "admin": ("admin", None, None),
    "stranger": (None, None, None),
}
#: Accounts are hired in this order, so their identities are known.
ADA, DING, HANA, CHENG, NORA, ADMIN, STRANGER = (
    By(account=AccountId(n)) for n in range(1, len(PEOPLE) + 1)
)


def hire(tx: Tx) -> None:
    """Write the accounts and their posts (no passwords: tests that sign in set one)."""
    for login, (duty, area, unit) in PEOPLE.items():
        row = tx.execute(
            "insert into accounts (login, name) values (%s, %s) returning id",
            (login, login.title()),
        ).fetchone()
        assert row is not None
        if duty is None:
            continue
        post = tx.execute(
            "insert into posts (duty, name_zh, area, unit) values (%s, %s,"
            " (select id from areas where code = %s), (select id from units where code = %s))"
            " returning id",
            (duty, duty, area, unit),
        ).fetchone()
        assert post is not None
        tx.execute(
            "insert into tenures (post, account, held_from) values (%s, %s, '2026-01-01')",
            (post[0], row[0]),
        )
