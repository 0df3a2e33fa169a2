"""The second wall: the database itself shows staff no case out of their sight.

The first wall is the `Sight` every read of many takes. This one holds where somebody forgot
it: requests of signed-in staff run under a role that row-level security binds to the same
sight (`Database.seeing`). `wall.sql` beside this file says which tables and which rows.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from importlib.resources import files
from typing import LiteralString, cast

import psycopg

from zhongshu.store.db import CITY, STAFF, Tx

_LOCK = 0x5A53_0002

#: What an administrator of the server does once, where the hub's user may not: the roles,
#: which can never sign in, and leave to copy into tables that row-level security guards.
_ROLES: LiteralString = """\
do $$ begin create role zhongshu_staff nologin; exception when duplicate_object or unique_violation then null; end $$;
do $$ begin create role zhongshu_city nologin; exception when duplicate_object or unique_violation then null; end $$;
grant zhongshu_staff, zhongshu_city to {user} with inherit false, set true;
alter role {user} bypassrls;"""
#: And so that row-level security does not keep PostgreSQL from its indexes on words and
#: lists: these operators tell nobody anything but their answer.
_LEAKPROOF: LiteralString = """\
alter function ts_match_vq(tsvector, tsquery) leakproof;
alter function arrayoverlap(anyarray, anyarray) leakproof;
alter function arraycontains(anyarray, anyarray) leakproof;"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Standing:
    """How the wall stands: what of it is missing, and the SQL that an administrator runs."""

    roles: bool
    raised: bool
    quick: bool
    remedy: str = ""

    @property
    def stands(self) -> bool:
        return self.roles and self.raised


def standing(connection: Tx) -> Standing:
    """Look whether the hub's user may be what the wall needs, and whether this text stands."""
    row = connection.execute(
        "select quote_ident(current_user),"
        " (select rolsuper or rolbypassrls from pg_roles where rolname = current_user)"
        "  and (select count(*) = 2 and bool_and(pg_has_role(current_user, oid, 'SET'))"
        "   from pg_roles where rolname = any(%s)),"
        " (select value #>> '{}' from settings where name = 'wall') is not distinct from %s"
        # A dump restored on a server without the roles brings the mark and not the policies.
        "  and (select count(*) from pg_policies where schemaname = 'public' and roles = array[%s]::name[]) = %s,"
        " (select count(*) = 3 from pg_proc where proleakproof and pronamespace = 'pg_catalog'::regnamespace"
        "   and proname in ('ts_match_vq', 'arrayoverlap', 'arraycontains'))",
        ([STAFF, CITY], _mark(), STAFF, _text().count("create policy staff ")),
    ).fetchone()
    assert row is not None
    user, roles, raised, quick = row
    lacking = [*(() if roles else (_ROLES,)), *(() if quick else (_LEAKPROOF,))]
    return Standing(
        roles=roles, raised=raised, quick=quick, remedy="\n".join(lacking).replace("{user}", user)
    )


def build(connection: Tx) -> Standing:
    """Build what is missing, as far as the hub's user may; return how the wall stands then."""
    with connection.transaction():
        connection.execute("select pg_advisory_xact_lock(%s)", (_LOCK,))
        connection.execute("set local lock_timeout = '4s'")
        before = standing(connection)
        for part in before.remedy.splitlines():
            _as_administrator(connection, part)
        if before.raised or not standing(connection).roles:
            return standing(connection)
        # The file of this package, not anybody's input.
        connection.execute(cast("LiteralString", _text()))
        connection.execute(
            "insert into settings (name, value) values ('wall', to_jsonb(%s::text))"
            " on conflict (name) do update set value = excluded.value",
            (_mark(),),
        )
        return standing(connection)


def _as_administrator(connection: Tx, statement: str) -> None:
    """Try what only some users may do; who may not is told later, with the statement."""
    try:
        with connection.transaction():
            connection.execute(cast("LiteralString", statement))
    except psycopg.errors.InsufficientPrivilege:
        return


def _text() -> str:
    return files("zhongshu.store").joinpath("wall.sql").read_text(encoding="utf-8")


def _mark() -> str:
    return hashlib.sha256(_text().encode()).hexdigest()
