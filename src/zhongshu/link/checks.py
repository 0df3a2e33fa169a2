"""What `zhongshu doctor` looks at: each finding says what is, and what to do about it."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg

from zhongshu.link import postmaster
from zhongshu.link.embedded import Embedded


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """One thing looked at."""

    what: str
    good: bool
    found: str
    remedy: str = ""


def all_of(folder: Path, url: str | None) -> Iterator[Finding]:
    """Look at everything but the second wall, which is the store's to know."""
    yield _database(folder, url)
    yield _disk(folder)
    yield _clock(folder, url)
    yield _fonts()
    yield _key(folder)


def reachable(folder: Path, url: str | None) -> str | None:
    """Return where the database answers, if it is running."""
    running = url is not None or postmaster.ready_postmaster(folder / "database") is not None
    return url or Embedded(folder).url if running else None


def _database(folder: Path, url: str | None) -> Finding:
    target = reachable(folder, url)
    if target is None:
        made = (folder / "database" / "PG_VERSION").exists()
        return Finding(
            what="database", good=True, found="built-in, not running now" if made else "built-in, not made yet",
        )  # fmt: skip
    try:
        with psycopg.connect(target, connect_timeout=5) as connection:
            version = connection.info.server_version // 10000
    except psycopg.OperationalError as error:
        return Finding(
            what="database", good=False, found=str(error).strip()[:200],
            remedy="Start it, and check ZHONGSHU_DATABASE_URL.",
        )  # fmt: skip
    return Finding(
        what="database", good=version >= 18, found=f"PostgreSQL {version} answers",
        remedy="The hub needs PostgreSQL 18 or later.",
    )  # fmt: skip


def _disk(folder: Path) -> Finding:
    there = next(p for p in (folder, *folder.parents) if p.exists())
    free = shutil.disk_usage(there).free // 1_048_576
    return Finding(
        what="disk", good=free >= 2048, found=f"{free:,} MB free at {there}",
        remedy="Free some space: PostgreSQL stops when the disk is full.",
    )  # fmt: skip


def _clock(folder: Path, url: str | None) -> Finding:
    target = url or Embedded(folder).url
    try:
        with psycopg.connect(target, connect_timeout=5) as connection:
            row = connection.execute("select extract(epoch from clock_timestamp())").fetchone()
        apart = abs(float(row[0]) - time.time()) if row else 0.0
    except psycopg.OperationalError:
        sane = time.time() > 1_767_225_600  # 2026: a machine without a battery starts in 1970
        return Finding(what="clock", good=sane, found="set" if sane else "long ago", remedy="Set the clock (NTP).")  # fmt: skip
    return Finding(
        what="clock", good=apart < 2, found=f"{apart:.2f} s from the database's",
        remedy="Keep both machines on the same time server.",
    )  # fmt: skip


def _fonts() -> Finding:
    tool = shutil.which("fc-list")
    if tool is None:
        return Finding(
            what="fonts",
            good=True,
            found="not looked at: fc-list is not here; viewers use their own",
        )
    listed = subprocess.run(
        [tool, ":lang=zh", "family"], capture_output=True, text=True, check=False
    ).stdout
    return Finding(
        what="fonts", good=bool(listed.strip()), found=listed.splitlines()[0] if listed.strip() else "none for Chinese",
        remedy="Install a Chinese font on machines that show the screen (Debian: fonts-noto-cjk).",
    )  # fmt: skip


def _key(folder: Path) -> Finding:
    path = folder / "vault.key"
    if not path.exists():
        return Finding(what="vault key", good=True, found="not made yet")
    private = path.stat().st_mode & 0o077 == 0
    return Finding(
        what="vault key", good=private and path.stat().st_size == 32, found=str(path),
        remedy="It must be 32 bytes, readable by its owner only (chmod 600); keep a copy off this machine.",
    )  # fmt: skip
