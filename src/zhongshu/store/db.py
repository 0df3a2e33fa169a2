"""The way to the database: connections, transactions, and a list of conditions."""

from __future__ import annotations

import select
from collections.abc import Collection, Generator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, LiteralString, Self

import psycopg
from psycopg import sql
from psycopg_pool import ConnectionPool

from zhongshu.core.access import Sight

#: A connection inside an open transaction. Functions that take one never commit.
Tx = psycopg.Connection[Any]

#: Set while somebody only looks, as another post does: no transaction writes anything then.
LOOKING: ContextVar[bool] = ContextVar("looking", default=False)

#: How long a statement of a page or an API call may take, in milliseconds.
STATEMENT_TIMEOUT_MS = 15_000
_READ_ONLY = "set transaction read only"
#: The roles of the second wall (wall.sql): whoever does not see everything, and whoever does.
STAFF, CITY = "zhongshu_staff", "zhongshu_city"


class Database:
    """A pool of connections to one PostgreSQL (18 or later).

    ``walled=False`` leaves the second wall out, where the server has no roles for it.
    """

    def __init__(self, conninfo: str, *, size: int = 8, walled: bool = True) -> None:
        self.conninfo = conninfo
        self.walled = walled
        self._pool: ConnectionPool[Tx] = ConnectionPool(
            conninfo,
            min_size=1,
            max_size=size,
            open=False,
            check=_alive,
            configure=_configure,
            kwargs={"autocommit": True},
        )

    def open(self, *, wait_s: float = 30.0) -> None:
        """Open the pool and wait until one connection stands."""
        self._pool.open()
        self._pool.wait(timeout=wait_s)

    def close(self) -> None:
        self._pool.close()

    @contextmanager
    def transaction(self) -> Generator[Tx]:
        """Yield a transaction: committed at the end, rolled back on any error."""
        with self._pool.connection() as connection, connection.transaction():
            if LOOKING.get():
                connection.execute(_READ_ONLY)
            yield connection

    @contextmanager
    def writing(self) -> Generator[Tx]:
        """Yield a transaction whose statements wait for an answer only where one is read:
        its beginning goes with the first, its commit with the last. Not for COPY.
        """
        with self._pool.connection() as connection:
            try:
                # Begun and ended by hand: the driver's own transaction waits three times for
                # what is one answer.
                with connection.pipeline():
                    connection.execute("begin read only" if LOOKING.get() else "begin")
                    yield connection
                    connection.execute("commit")
            except BaseException:
                if not connection.closed:
                    connection.rollback()
                raise

    @contextmanager
    def seeing(self, sight: Sight) -> Generator[Tx]:
        """Yield a transaction of somebody who is signed in: whatever is asked in it, the
        database shows and changes only what is in sight. As `writing` in all else.
        """
        with self.writing() as tx:
            if self.walled:
                _step_behind(tx, sight)
            yield tx

    @contextmanager
    def trying(self, sight: Sight) -> Generator[Tx]:
        """Yield a transaction of somebody who is signed in that is rolled back at its end: what
        would be, without being.
        """
        with self._pool.connection() as connection, connection.transaction(force_rollback=True):
            if LOOKING.get():
                connection.execute(_READ_ONLY)
            if self.walled:
                _step_behind(connection, sight)
            yield connection

    @contextmanager
    def reading(self) -> Generator[Tx]:
        """Yield a connection for one statement that stands alone (no transaction is opened)."""
        if LOOKING.get():
            with self.transaction() as tx:
                yield tx
            return
        with self._pool.connection() as connection:
            yield connection

    def __enter__(self) -> Self:
        self.open()
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


@contextmanager
def connect(conninfo: str) -> Generator[Tx]:
    """Yield one transaction on a connection of its own (commands, imports)."""
    with psycopg.connect(conninfo, autocommit=True) as connection, connection.transaction():
        yield connection


def _step_behind(tx: Tx, sight: Sight) -> None:
    """Become, until the transaction ends, the role that the second wall binds to a sight."""
    if sight.everything:
        tx.execute("select set_config('role', %s, true)", (CITY,))
        return
    tx.execute(
        "select set_config('role', %s, true), set_config('zhongshu.areas', %s, true),"
        " set_config('zhongshu.units', %s, true), set_config('zhongshu.hand', '', true),"
        # One person sees a thousand times what another sees: a plan that was kept from
        # somebody else's question would fit badly.
        " set_config('plan_cache_mode', 'force_custom_plan', true)",
        (
            STAFF,
            "{" + ",".join(f"[{area.lo},{area.hi})" for area in sight.areas) + "}",
            "{" + ",".join(str(unit) for unit in sorted(sight.units)) + "}",
        ),
    )


def _alive(connection: Tx) -> None:
    """Find out before use a connection that the database dropped (it was killed).

    A healthy idle connection has nothing to say; one that is readable has been closed, or
    has a notice, and only then is the question worth a round trip.
    """
    # Not select(): it knows no descriptor above 1,023, and a thousand open screens come first.
    asking = select.poll()
    asking.register(connection.fileno(), select.POLLIN)
    if asking.poll(0):
        ConnectionPool.check_connection(connection)


def _configure(connection: Tx) -> None:
    connection.execute(f"set statement_timeout = {STATEMENT_TIMEOUT_MS}")  # pyright: ignore[reportArgumentType, reportCallIssue] # an int constant


class Where:
    """Conditions of a query: literal SQL on one side, values on the other, never mixed."""

    def __init__(self) -> None:
        self._parts: list[LiteralString] = []
        self.values: list[Any] = []

    def add(self, condition: LiteralString, *values: Any) -> None:
        self._parts.append(condition)
        self.values.extend(values)

    def among(self, column: LiteralString, values: Collection[Any]) -> None:
        """Ask for one of some values. A single one is asked for with ``=``: only then can an
        index on the column give the order of the rows too.
        """
        if len(values) == 1:
            self.add(column + " = %s", *values)
        else:
            self.add(column + " = any(%s)", list(values))

    @property
    def text(self) -> LiteralString:
        """The conditions joined by ``and``; ``true`` when there are none."""
        return " and ".join(self._parts) or "true"

    @property
    def sql(self) -> sql.SQL:
        """The conditions, to be composed."""
        return sql.SQL(self.text)

    def named(self, prefix: LiteralString) -> tuple[sql.SQL, dict[str, Any]]:
        """Return the same with names for the values, for a query that names its own."""
        first, *rest = self.text.split("%s")
        text = first + "".join(f"%({prefix}{n})s{part}" for n, part in enumerate(rest))
        return sql.SQL(text), {f"{prefix}{n}": value for n, value in enumerate(self.values)}  # pyright: ignore[reportArgumentType] # made of our own texts
