"""How the pages look: fifteen of them beside stored pictures, so that nothing is spoilt unseen.

A picture is kept small, each of its points a square of eight pixels: letters become grey, so
that another release of a font or of the browser passes, and a block that is gone, moved or of
another colour does not. `make looks` stores them anew; look at them before you commit.
"""

from __future__ import annotations

import io
import os
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psycopg
import pytest
from PIL import Image
from playwright.sync_api import Browser, Route
from starlette.testclient import TestClient

from tests.browser.chromium import CHROMIUM
from tests.cast import ADMIN, CHENG, DING, HANA
from tests.conftest import copy_of
from tests.factories import KEY, NOW, draft, same_random
from tests.flow.test_intake import sent
from tests.web.hub import app_on, signed_in
from tests.web.test_wall import ACCEPT, DISPATCH, HANDLE, LATER, lived
from zhongshu.core.facts import By
from zhongshu.flow.acts import act
from zhongshu.flow.city import load
from zhongshu.store.db import Database
from zhongshu.web.hub import Hub

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]
STORED = Path(__file__).with_name("looks")
HUB = "http://hub.test"
SQUARE = 8
#: Of 255; and the share of a picture's points that may differ by more, and how far the mean may.
FAR, MOST_FAR, MOST_MEAN = 30, 0.02, 2.5

PHONE, DESK, WALL = (390, 844), (1440, 900), (1920, 1080)
#: Name: path, who looks, how large, language, scheme.
PAGES = {
    "door": ("/", None, PHONE, "zh", "light"),
    "door-where": ("/en/report/where", None, PHONE, "en", "dark"),
    "public-map": ("/map", None, DESK, "zh", "light"),
    "help": ("/en/help", None, PHONE, "en", "light"),
    "wall": ("/wall", DING, WALL, "zh", "dark"),
    "queue": ("/desk", DING, DESK, "zh", "light"),
    "queue-phone": ("/desk", DING, PHONE, "en", "dark"),
    "case": ("/cases/261124-1", HANA, DESK, "en", "light"),
    "tasks": ("/m", HANA, PHONE, "zh", "light"),
    "mirror": ("/mirror", CHENG, DESK, "zh", "light"),
    "areas": ("/mirror/areas", ADMIN, DESK, "en", "dark"),
    "workshop": ("/workshop", ADMIN, DESK, "zh", "light"),
    "rules": ("/workshop/rules", ADMIN, DESK, "en", "light"),
    "accounts": ("/workshop/accounts", ADMIN, DESK, "zh", "dark"),
    "grid": ("/workshop/grid", ADMIN, DESK, "zh", "light"),
    "messages": ("/workshop/messages", ADMIN, PHONE, "zh", "light"),
}


@dataclass
class Looker:
    """A hub whose clock stands still, and a browser that speaks to it without a net."""

    client: TestClient
    db: Database
    browser: Browser

    sessions: dict[int, dict[str, str]]

    def at(
        self, path: str, who: By | None, size: tuple[int, int], lang: str, scheme: str
    ) -> Image.Image:
        cookies = {"lang": lang} | (self.sessions[who.account] if who and who.account else {})
        width, height = size
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, reduced_motion="reduce",  # type: ignore[arg-type]
            locale="zh-CN" if lang == "zh" else "en-US", service_workers="block",
        )  # fmt: skip

        def give(route: Route) -> None:
            asked = urlsplit(route.request.url)
            if asked.path == "/events" or route.request.method != "GET":
                route.abort()  # the stream has no end
                return
            self.client.cookies.clear()
            self.client.cookies.update(cookies)
            answer = self.client.get(
                asked._replace(scheme="", netloc="").geturl(),
                headers={"accept": route.request.headers["accept"], "accept-language": lang},
            )
            kept = {
                k: v
                for k, v in answer.headers.items()
                if k not in {"content-encoding", "content-length"}
            }
            route.fulfill(status=answer.status_code, headers=kept, body=answer.content)

        try:
            page = context.new_page()
            page.clock.set_fixed_time(LATER)
            page.route("**/*", give)
            page.goto(HUB + path, wait_until="load")
            page.evaluate("document.fonts.ready")
            page.wait_for_timeout(400)
            return Image.open(io.BytesIO(page.screenshot(animations="disabled"))).convert("RGB")
        finally:
            context.close()


@pytest.fixture(scope="module")
def looker(server: str, template: str, browser: Browser) -> Iterator[Looker]:
    name = f"looks_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(copy_of(template, name))  # type: ignore[arg-type]
    with Database(psycopg.conninfo.make_conninfo(server, dbname=name), size=6) as db:
        with db.transaction() as tx:
            tx.execute("update tenures set held_from = '2020-01-01'")
            city = load(tx, at=NOW)
            lived(tx, city)
            for n in range(24):
                words = ("路灯不亮", "井盖丢了", "垃圾满溢", "树倒了")[n % 4]
                case = sent(
                    tx, city, draft(f"{words} {n}", lon=113.003 + n % 6 * 0.006, lat=34.003 + n // 6 * 0.009),
                    now=LATER - timedelta(hours=3 * n + 1),
                )  # fmt: skip
                for what, by, form in (DISPATCH, ACCEPT, HANDLE)[: 0 if n % 4 else n // 4 % 4]:
                    act(
                        tx, city, case.id, what, by=by, at=LATER - timedelta(hours=3 * n), form=form
                    )
        hub = Hub(db=db, clock=lambda: LATER, random=same_random(), key=KEY)
        with TestClient(app_on(hub), base_url=HUB) as client:
            yield Looker(
                client,
                db,
                browser,
                {
                    who.account: signed_in(db, who.account, at=LATER)
                    for who in (DING, HANA, CHENG, ADMIN)
                },
            )  # type: ignore[misc]
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'drop database "{name}" with (force)')  # type: ignore[arg-type]


@pytest.mark.parametrize("name", PAGES)
def test_a_page_looks_as_it_did(name: str, looker: Looker, tmp_path: Path) -> None:
    seen = small(looker.at(*PAGES[name]))
    path = STORED / f"{name}.png"
    if os.environ.get("LOOKS") == "store":
        path.parent.mkdir(exist_ok=True)
        seen.save(path, optimize=True)
        return
    stored = Image.open(path).convert("RGB")
    assert seen.size == stored.size
    apart = np.abs(np.asarray(seen, int) - np.asarray(stored, int)).max(axis=2)
    if (apart > FAR).mean() > MOST_FAR or apart.mean() > MOST_MEAN:
        seen.save(tmp_path / f"{name}.png")
        pytest.fail(
            f"{name}: {(apart > FAR).mean():.1%} of the page is far from its picture, {apart.mean():.1f} in the"
            f" mean; as it is now: {tmp_path / name}.png. If it is meant: make looks, and look at it"
        )


def small(picture: Image.Image) -> Image.Image:
    """Return a picture of which each point is a square of pixels."""
    return picture.resize((picture.width // SQUARE, picture.height // SQUARE), Image.Resampling.BOX)
