"""What the operator decides, read once from the environment. Only `main` and `cli` look here."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """The operator's choices.

    ``ZHONGSHU_DATABASE_URL`` any PostgreSQL 18; empty: the built-in one in ``folder``.
    ``ZHONGSHU_FOLDER`` where the built-in database, the vault key and logs live.
    ``ZHONGSHU_HOST``, ``ZHONGSHU_PORT`` where pages are served.
    ``ZHONGSHU_WORKERS`` web processes. ``ZHONGSHU_HTTPS`` 1 when a proxy ends TLS: cookies are
    bound to it, and the last address of ``X-Forwarded-For`` is believed.
    ``ZHONGSHU_SITE`` the hub's address as people type it, for links in messages.
    ``ZHONGSHU_SMTP_HOST``, ``_PORT``, ``_TLS`` (starttls, tls, none), ``_USER``, ``_PASSWORD`` or
    ``_PASSWORD_FILE``, ``_FROM``: the mail server; without a host no mail leaves.
    ``ZHONGSHU_SMS_URL``, ``ZHONGSHU_SMS_SECRET`` or ``_SECRET_FILE``: the gateway.
    ``ZHONGSHU_CHAT``, ``ZHONGSHU_PUSH`` 1 to let chat groups and browsers be told.
    ``ZHONGSHU_INSIDE`` hosts that may be posted to though they are no public ones.
    ``ZHONGSHU_OUTBOX`` a folder that takes all messages instead: nothing is sent.
    """

    database_url: str | None = None
    folder: Path | None = None
    host: str = "127.0.0.1"
    port: int = 8321
    workers: int = 1
    https: bool = False
    site: str = ""
    smtp_host: str = ""
    smtp_port: int = 587
    smtp_tls: str = "starttls"
    smtp_user: str = ""
    smtp_password: str = field(default="", repr=False)
    smtp_from: str = ""
    sms_url: str = field(default="", repr=False)
    sms_secret: str = field(default="", repr=False)
    chat: bool = False
    push: bool = False
    inside: frozenset[str] = frozenset()
    outbox: Path | None = None

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
            https=_yes(env.get("ZHONGSHU_HTTPS", "")),
            site=env.get("ZHONGSHU_SITE", "").rstrip("/"),
            smtp_host=env.get("ZHONGSHU_SMTP_HOST", ""),
            smtp_port=int(env.get("ZHONGSHU_SMTP_PORT", "587")),
            smtp_tls=env.get("ZHONGSHU_SMTP_TLS", "starttls"),
            smtp_user=env.get("ZHONGSHU_SMTP_USER", ""),
            smtp_password=_secret(env, "ZHONGSHU_SMTP_PASSWORD", "ZHONGSHU_SMTP_PASSWORD_FILE"),
            smtp_from=env.get("ZHONGSHU_SMTP_FROM", ""),
            sms_url=env.get("ZHONGSHU_SMS_URL", ""),
            sms_secret=_secret(env, "ZHONGSHU_SMS_SECRET", "ZHONGSHU_SMS_SECRET_FILE"),
            chat=_yes(env.get("ZHONGSHU_CHAT", "")),
            push=_yes(env.get("ZHONGSHU_PUSH", "")),
            inside=frozenset(h for h in env.get("ZHONGSHU_INSIDE", "").replace(",", " ").split()),
            outbox=Path(env["ZHONGSHU_OUTBOX"]) if env.get("ZHONGSHU_OUTBOX") else None,
        )


def _yes(text: str) -> bool:
    return text in {"1", "true", "yes"}


def _secret(env: Mapping[str, str], name: str, file: str) -> str:
    """Return a secret from the environment, or the first line of the file named there."""
    if env.get(file):
        return Path(env[file]).read_text(encoding="utf-8").partition("\n")[0].strip()
    return env.get(name, "")
