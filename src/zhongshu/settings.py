"""What the operator decides, read once from the environment. Only `main` and `cli` look here."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The operator's choices.

    ``ZHONGSHU_DATABASE_URL`` any PostgreSQL 18; empty: the built-in one in ``folder``.
    ``ZHONGSHU_FOLDER`` where the built-in database, the vault key and logs live.
    ``ZHONGSHU_HOST``, ``ZHONGSHU_PORT`` where pages are served.
    ``ZHONGSHU_WORKERS`` web processes. ``ZHONGSHU_HTTPS`` 1 when a proxy ends TLS.
    """

    database_url: str | None = None
    folder: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8321
    workers: int = 1
    https: bool = False

    @classmethod
    def read(cls) -> Settings:
        env = os.environ
        folder = env.get("ZHONGSHU_FOLDER")
        return cls(
            database_url=env.get("ZHONGSHU_DATABASE_URL") or None,
            folder=Path(folder) if folder else None,
            host=env.get("ZHONGSHU_HOST", "127.0.0.1"),
            port=int(env.get("ZHONGSHU_PORT", "8321")),
            workers=int(env.get("ZHONGSHU_WORKERS", "1")),
            https=env.get("ZHONGSHU_HTTPS", "") in {"1", "true", "yes"},
        )
