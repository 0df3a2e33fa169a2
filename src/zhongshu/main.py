"""Where the pieces are put together: the only place that knows them all.

`application` is what each web process runs; `serving` keeps database, keys and the
background work alive around it.
"""

from __future__ import annotations

import logging
import os
import secrets
import smtplib
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
from fastapi import FastAPI

from zhongshu.core.privacy import KEY_BYTES
from zhongshu.core.texts import Medium
from zhongshu.flow.outward import Outlet
from zhongshu.jobs import Carry
from zhongshu.link import checks, push
from zhongshu.link.checks import Finding
from zhongshu.link.embedded import Embedded, default_folder
from zhongshu.link.hooks import Groups, SmsGateway
from zhongshu.link.mail import Smtp
from zhongshu.link.maps import Maps
from zhongshu.link.outbox import Outbox
from zhongshu.link.push import Push
from zhongshu.settings import Settings
from zhongshu.store.db import Database
from zhongshu.store.migrate import migrate
from zhongshu.store.wall import Standing, build, standing
from zhongshu.web.app import create_app
from zhongshu.web.hub import Hub
from zhongshu.web.look import worded

log = logging.getLogger("zhongshu")


def clock() -> datetime:
    return datetime.now(UTC)


def folder(settings: Settings) -> Path:
    return settings.folder or default_folder()


@contextmanager
def database(settings: Settings, *, watch: bool = False) -> Generator[str]:
    """Yield the connection string of a migrated database: the one given, or the built-in."""
    if settings.database_url:
        _migrated(settings.database_url)
        yield settings.database_url
        return
    embedded = Embedded(folder(settings))
    url = embedded.start(lambda said: log.info("%s", said))
    try:
        _migrated(url)
        if watch and embedded.owned:
            embedded.watch()
        yield url
    finally:
        embedded.stop()


def _migrated(url: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        for migration in migrate(connection):
            log.info("migrated: %s", migration.name)
        wall = build(connection)
    finding = _wall_finding(wall)
    if wall.remedy:
        log.warning("%s: %s. %s", finding.what, finding.found, finding.remedy)


def look_at_wall(url: str) -> Finding:
    """Return what `zhongshu doctor` says of the second wall."""
    try:
        with psycopg.connect(url, autocommit=True) as connection:
            return _wall_finding(standing(connection))
    except psycopg.Error as error:
        return Finding(
            what="second wall", good=False, found=str(error).strip().splitlines()[0],
            remedy="Start the hub once: it makes its tables, and the wall.",
        )  # fmt: skip


def _wall_finding(wall: Standing) -> Finding:
    if not wall.stands:
        found = "it does not stand: nothing holds where this program forgets what somebody may see"
    elif not wall.quick:
        found = "it stands; who sees a part of the city waits longer for searches than need be"
    else:
        found = "it stands: the database shows staff no case out of their sight"
    return Finding(
        what="second wall", good=not wall.remedy, found=found,
        remedy=f"An administrator of the server runs once, in the hub's database; then start the hub again:\n{wall.remedy}",
    )  # fmt: skip


def demo_password(at: Path) -> str:
    """Return the password of the demo's sign-ins, made for this machine at the first start.

    Kept before the city is: a start that is cut off must not leave a password nobody knows.
    """
    path = at / "demo-password.txt"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(12) + "\n")
    return path.read_text().strip()


def vault_key(at: Path) -> bytes:
    """Return the key of the contact vault, made at the first start and never shipped."""
    path = at / "vault.key"
    try:
        key = path.read_bytes()
    except FileNotFoundError:
        at.mkdir(parents=True, exist_ok=True)
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        key = secrets.token_bytes(KEY_BYTES)
        with os.fdopen(handle, "wb") as file:
            file.write(key)
            file.flush()
            os.fsync(file.fileno())
    if len(key) != KEY_BYTES:
        raise ValueError(f"{path} must hold {KEY_BYTES} bytes; restore it from your backup")
    return key


def carriers(settings: Settings) -> dict[Medium, Carry]:
    """Return who carries the messages of each medium: what the operator has set up."""
    if settings.outbox is not None:
        return dict.fromkeys(Medium, Outbox(settings.outbox).carry)
    found: dict[Medium, Carry] = {}
    if (server := mail_server(settings)) is not None:
        found[Medium.EMAIL] = server.carry
    if settings.sms_url:
        gateway = SmsGateway(
            url=settings.sms_url, secret=settings.sms_secret, inside=settings.inside
        )
        found[Medium.SMS] = gateway.carry
    if settings.chat:
        found[Medium.CHAT] = Groups(inside=settings.inside).carry
    if settings.push:
        found[Medium.PUSH] = Push(
            key=push.own_key(folder(settings) / "push.key"), inside=settings.inside,
            contact=f"mailto:{parseaddr(sender(settings))[1]}",
        ).carry  # fmt: skip
    return found


def sender(settings: Settings) -> str:
    """Return whom mail is from."""
    return settings.smtp_from or f"zhongshu@{urlsplit(site(settings)).hostname or 'localhost'}"


def mail_server(settings: Settings) -> Smtp | None:
    """Return the mail server the operator named."""
    if not settings.smtp_host:
        return None
    return Smtp(
        host=settings.smtp_host, port=settings.smtp_port, tls=settings.smtp_tls,
        user=settings.smtp_user, password=settings.smtp_password, sender=sender(settings),
    )  # fmt: skip


def look_at_mail(settings: Settings) -> Finding:
    """Return what `zhongshu doctor` says of the mail server."""
    if settings.outbox is not None:
        return Finding(what="mail", good=True, found=f"goes as files into {settings.outbox}")
    server = mail_server(settings)
    if server is None:
        return Finding(what="mail", good=True, found="no server named: no mail leaves (ZHONGSHU_SMTP_HOST)")  # fmt: skip
    try:
        return Finding(what="mail", good=True, found=server.greet())
    except (OSError, smtplib.SMTPException) as error:
        return Finding(
            what="mail", good=False, found=f"{settings.smtp_host}:{settings.smtp_port}: {error}"[:200],
            remedy="Check ZHONGSHU_SMTP_HOST, _PORT, _TLS, _USER and _PASSWORD_FILE; messages wait meanwhile.",
        )  # fmt: skip


def findings(settings: Settings, url: str | None) -> list[Finding]:
    """Return what `zhongshu doctor` and the set-up page say: the machine, the second wall where
    the database answers, the mail server, the base maps.
    """
    found = list(checks.all_of(folder(settings), url))
    target = checks.reachable(folder(settings), url)
    if target is not None and found[0].good:
        found.insert(1, look_at_wall(target))
    return [*found, look_at_mail(settings), *look_at_maps(settings)]


def site(settings: Settings) -> str:
    """Return the hub's address for links in messages."""
    return settings.site or f"http://{settings.host}:{settings.port}"


def outlet(settings: Settings) -> Outlet:
    """Return by what messages leave this hub, and in which words."""
    return Outlet(
        media=frozenset(carriers(settings)), words=worded, site=site(settings),
        key=vault_key(folder(settings)),
    )  # fmt: skip


def hub(url: str, settings: Settings, *, connections: int = 12) -> Hub:
    """Return what one process works with."""
    db = Database(url, size=connections)
    db.open()
    with db.reading() as connection:
        db.walled = standing(connection).stands
    return Hub(
        db=db, clock=clock, random=secrets.token_bytes, key=vault_key(folder(settings)),
        https=settings.https, outlet=outlet(settings), push_key=_push_key(settings), maps=maps(settings),
        checks=lambda: findings(settings, url),
    )  # fmt: skip


def maps(settings: Settings) -> Maps:
    """Return the base maps beside the database."""
    return Maps(folder(settings) / "maps", settings.inside)


def look_at_maps(settings: Settings) -> Iterator[Finding]:
    """Yield what `zhongshu doctor` says of the base maps."""
    known = maps(settings).known()
    for bad in known.wrong:
        yield Finding(what="base maps", good=False, found=str(bad), remedy=bad.advice)
    names = ", ".join(base.id for base in known.bases)
    yield Finding(
        what="base maps", good=True,
        found=names or "none: maps show areas only (zhongshu basemap build, or maps.toml)",
    )  # fmt: skip


def _push_key(settings: Settings) -> str:
    if not settings.push or settings.outbox is not None:
        return ""
    return push.encoded(push.public(push.own_key(folder(settings) / "push.key")))


def application() -> FastAPI:
    """Return the application of a web process; its parent says where the database is."""
    settings = Settings.read()
    if not settings.database_url:
        raise RuntimeError("a web process is started by “zhongshu serve”")
    return create_app(hub(settings.database_url, settings))
