"""The field app in a real Chromium: without net, with a cut connection, with somebody quicker."""

from __future__ import annotations

import base64
import io
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import httpx2
import psycopg
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, expect

from tests.browser.chromium import CHROMIUM, PATIENCE_MS
from tests.browser.wire import Wire
from zhongshu.flow import connectors, people, setup, signin
from zhongshu.flow.verify import ledger
from zhongshu.store.db import Database

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]
PATIENCE_MS = int(os.environ.get("PATIENCE", PATIENCE_MS))
PASSWORD = "open sesame, long enough"
MACHINE = {"Authorization": "Bearer zs_of_the_field_test"}
#: A place in N-1, and one 400 m further east.
HERE = {"longitude": 113.01, "latitude": 34.03, "accuracy": 8}


@dataclass
class Hub:
    """A hub on the small city, its database, and a wire to it."""

    wire: Wire
    direct: str
    conninfo: str

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.wire.port}"

    def ask(self, query: str, *values: Any) -> list[Any]:
        with psycopg.connect(self.conninfo, autocommit=True) as connection:
            return connection.execute(query, values).fetchall()  # type: ignore[arg-type]

    def post(self, path: str, **body: Any) -> dict[str, Any]:
        answer = httpx2.post(f"{self.direct}/api/v1{path}", json=body, headers=MACHINE, timeout=30)
        assert answer.status_code < 300, answer.text
        return answer.json()

    def dispatched(self, n: int = 0, text: str = "路灯不亮") -> str:
        """A case of the street lights, each some metres from the last."""
        number = self.post("/reports", text=text, lon=113.002 + 0.0012 * n, lat=34.032)["case"]
        self.post(f"/cases/{number}/acts/dispatch")
        return number

    def kinds(self, number: str) -> list[str]:
        rows = self.ask(
            "select f.kind from facts f join cases c on c.id = f.case_id where c.number = %s"
            " order by f.seq", number,
        )  # fmt: skip
        return [kind for (kind,) in rows]


@pytest.fixture(scope="module")
def hub(server: str, template: str) -> Iterator[Hub]:
    name = f"field_{uuid.uuid4().hex[:8]}"
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(f'create database "{name}" template "{template}"')  # type: ignore[arg-type]
    conninfo = psycopg.conninfo.make_conninfo(server, dbname=name)
    with psycopg.connect(conninfo) as tx:
        # A moment of the past, for the hub that is served has the real clock.
        began = tx.execute("select '2020-01-01'::timestamptz").fetchone()
        assert began is not None
        hand = people.Hand(account=None, at=began[0], zone=ZoneInfo("Asia/Shanghai"))
        connectors.make(tx, hand, login="other", name="", key="zs_of_the_field_test")
        tx.execute("update accounts set password_hash = %s", (signin.hashed_password(PASSWORD),))
        tx.execute("insert into accounts (login, name, password_hash) select 'wei', 'Wei', password_hash from accounts where login = 'hana'")  # fmt: skip
        tx.execute("insert into posts (duty, name_zh, area) select 'grid_worker', '网格员', id from areas where code = 'N'")  # fmt: skip
        tx.execute("insert into tenures (post, account, held_from) select p.id, a.id, '2020-01-01' from posts p, accounts a where p.duty = 'grid_worker' and a.login = 'wei'")  # fmt: skip
        tx.execute("update tenures set held_from = '2020-01-01'")
        setup.choose(tx, "photo_rule", "after")
    folder = Path(tempfile.mkdtemp(prefix="zhongshu-field-"))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    process = subprocess.Popen(
        [sys.executable, "-m", "granian", "--interface", "asgi", "--factory", "--port", str(port),
         "--no-ws", "--log-level", "warning", "zhongshu.main:application"],
        env={**os.environ, "ZHONGSHU_DATABASE_URL": conninfo, "ZHONGSHU_FOLDER": str(folder)},
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    direct = f"http://127.0.0.1:{port}"
    try:
        for _ in range(400):
            assert process.poll() is None, "the hub ended by itself"
            with suppress(httpx2.HTTPError):
                if httpx2.get(direct, timeout=5).status_code == 200:
                    break
            time.sleep(0.2)
        with Wire(port) as wire:
            yield Hub(wire, direct, conninfo)
        with Database(conninfo, size=2) as db:
            assert list(ledger(db, progress=lambda _: None)) == []
    finally:
        process.terminate()
        process.wait(20)
        shutil.rmtree(folder, ignore_errors=True)
        with psycopg.connect(server, autocommit=True) as admin:
            admin.execute(f'drop database "{name}" with (force)')  # type: ignore[arg-type]


class Phone:
    """A phone in somebody's hand: one browser with a memory of its own."""

    def __init__(self, browser: Browser, hub: Hub, lang: str, width: int, *, scripts: bool) -> None:
        self.hub = hub
        self.errors: list[str] = []
        self.context: BrowserContext = browser.new_context(
            viewport={"width": width, "height": 780}, locale="zh-CN" if lang == "zh" else "en-US",
            reduced_motion="reduce", geolocation=HERE, java_script_enabled=scripts, has_touch=True,
            permissions=["geolocation", "camera"], base_url=hub.url,
        )  # fmt: skip
        self.context.add_cookies([{"name": "lang", "value": lang, "url": hub.url}])
        self.page: Page = self.context.new_page()
        self.page.set_default_timeout(PATIENCE_MS)
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on(
            "request",
            lambda r: (
                None
                if r.url.startswith((hub.url, "blob:", "data:", "chrome"))
                else self.errors.append(f"asked elsewhere: {r.url}")
            ),
        )

    def sign_in(self, who: str, *, password: str = PASSWORD) -> None:
        self.page.goto("/login?next=/m")
        self.page.fill("#login", who)
        self.page.fill("#password", password)
        self.page.click("main button")
        self.page.wait_for_url("**/m")

    def taken(self) -> None:
        """Wait until the phone has everything of this moment with it."""
        self.page.wait_for_selector("html[data-taken=yes]")

    def open(self, path: str) -> None:
        self.page.goto(path)
        self.page.wait_for_selector("html[data-ready=yes]")

    def photo(self, field: str, colour: str = "#446688") -> None:
        self.page.set_input_files(
            field, {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": jpeg(colour)}
        )

    def unsent(self) -> list[dict[str, Any]]:
        """What waits in the outbox, as the phone itself keeps it."""
        return self.page.evaluate(
            "async () => (await Outbox.all(document.body.dataset.account)).filter(i => i.state !== 'sent')"
            ".map(i => ({title: i.title, state: i.state, photos: i.photos.length, tries: i.tries, act: i.act}))"
        )

    def all_sent(self) -> None:
        expect(self.page.locator("#unsent")).to_be_hidden(timeout=PATIENCE_MS)
        assert self.unsent() == []


@pytest.fixture
def phone(browser: Browser, hub: Hub) -> Iterator[Any]:
    made: list[Phone] = []

    def make(who: str = "", *, lang: str = "zh", width: int = 390, scripts: bool = True) -> Phone:
        one = Phone(browser, hub, lang, width, scripts=scripts)
        made.append(one)
        if who:
            one.sign_in(who)
        return one

    yield make
    hub.wire.deaf = hub.wire.dead = False
    for one in made:
        one.context.close()
    assert [error for one in made for error in one.errors] == []


def jpeg(colour: str = "#446688", *, size: tuple[int, int] = (2400, 1800)) -> bytes:
    """A photo as a phone takes it: large, and with the place hidden in it."""
    image = Image.new("RGB", size, colour)
    hidden = Image.Exif()
    hidden[0x010F] = "SECRETMAKER"
    out = io.BytesIO()
    image.save(out, "JPEG", exif=hidden)
    return out.getvalue()


# ── without net ──────────────────────────────────────────────────────────────────────


def test_a_day_without_net_arrives_whole_and_once(hub: Hub, phone) -> None:
    number = hub.dispatched(0)
    reports = hub.ask("select count(*) from reports")[0][0]
    hana = phone("hana")
    hana.taken()
    page = hana.page
    hana.context.set_offline(True)

    # Take it on and handle it with a photo, both before the hub hears of either.
    hana.open(f"/m/{number}")
    expect(page.locator("#net")).to_be_visible()
    page.click("button:text-is('接单')")
    page.wait_for_url("**/m")
    expect(page.locator(f"li[data-number='{number}'] .go")).to_contain_text("接单")
    hana.open(f"/m/{number}")
    handle = page.locator("form[data-act=handle]")
    handle.locator("[name=note]").fill("已换灯泡")
    handle.locator("button.big").click()
    expect(handle.locator("[data-wrong]")).to_contain_text("需要处置后照片")
    hana.photo("form[data-act=handle] input[type=file]")
    handle.locator("button.big").click()
    page.wait_for_url("**/m")

    # Report something else on the way.
    hana.open("/m/report")
    hana.photo("#photo", "#884422")
    page.click("#here")
    expect(page.locator("#placed")).to_contain_text("精度 8 米")
    page.locator("details", has_text="道路、井盖").locator("summary").click()
    page.locator("input[name=category][value='C-01-23']").check()
    page.click("button:text-is('提交')")
    expect(page.locator("#notes")).to_contain_text("我要上报: 等待网络")

    # Close the app, open it again: all of it is still here.
    hana.open("/m")
    page.reload()
    page.wait_for_selector("html[data-ready=yes]")
    expect(page.locator("#unsent")).to_contain_text("3")
    assert [(i["title"], i["state"], i["photos"]) for i in hana.unsent()] == [
        ("接单", "waiting", 0), ("处置完成", "waiting", 1), ("我要上报", "waiting", 1)
    ]  # fmt: skip
    assert hub.kinds(number) == ["case:reported", "case:dispatched"]

    hana.context.set_offline(False)
    hana.all_sent()
    assert hub.kinds(number) == ["case:reported", "case:dispatched", "case:accepted", "case:handled"]  # fmt: skip
    rows = hub.ask("select text, channel, category, lon from reports order by id desc limit 1")
    assert rows[0][1:3] == ("field", "C-01-23")
    assert hub.ask("select count(*) from reports")[0][0] == reports + 1
    assert [s for (s,) in hub.ask("select step from photos order by id")] == ["after", "report"]

    # Once, however often it is driven.
    for _ in range(2):
        page.reload()
        hana.taken()
    assert hub.kinds(number).count("case:handled") == 1
    assert hub.ask("select count(*) from reports")[0][0] == reports + 1
    assert len(hub.ask("select id from photos")) == 2


def test_before_and_after_go_out_in_order_and_the_distance_without_the_place(
    hub: Hub, phone
) -> None:
    """Both photos are asked for, taken without net, and the acts after them know of them."""
    with psycopg.connect(hub.conninfo) as tx:
        setup.choose(tx, "photo_rule", "before_and_after")
    number = hub.dispatched(13)
    hub.post(f"/cases/{number}/acts/accept")
    hana = phone("hana")
    hana.taken()
    page = hana.page
    hana.context.set_offline(True)
    hana.open(f"/m/{number}")
    handle = page.locator("form[data-act=handle]")
    handle.locator("button.big").click()
    expect(handle.locator("[data-wrong]")).to_contain_text("需要处置前照片")
    page.locator("#before-form [data-measure]").check()
    hana.photo("#before", "#112233")
    expect(page.locator("#before-form [data-measured]")).to_contain_text(re.compile(r"\d+米"))
    page.click("text=保存照片")
    expect(page.locator("#notes")).to_contain_text("处置前照片: 等待网络")
    hana.open(f"/m/{number}")
    handle.locator("button.big").click()
    expect(handle.locator("[data-wrong]")).to_contain_text("需要处置后照片")
    hana.photo("form[data-act=handle] input[type=file]", "#332211")  # the box is remembered
    handle.locator("button.big").click()
    page.wait_for_url("**/m")
    page.wait_for_selector("html[data-ready=yes]")
    expect(page.locator("#unsent")).to_contain_text("2")
    bodies: list[str] = []
    page.on("request", lambda r: bodies.append(r.post_data or "") if r.method == "POST" else None)
    hana.context.set_offline(False)
    hana.all_sent()
    assert hub.kinds(number)[-2:] == ["case:pictured", "case:handled"]
    rows = hub.ask("select p.step, p.metres, p.camera_at is not null, p.findings from photos p join cases c on c.id = p.case_id where c.number = %s order by p.id", number)  # fmt: skip
    assert [row[0] for row in rows] == ["before", "after"]
    for _, metres, timed, findings in rows:
        assert timed
        assert metres is not None
        assert "no_place" not in findings
    said = " ".join(bodies)
    assert "metres" in said
    assert str(HERE["longitude"]) not in said
    assert str(HERE["latitude"]) not in said
    with psycopg.connect(hub.conninfo) as tx:
        setup.choose(tx, "photo_rule", "after")


def test_photos_leave_the_device_small_and_with_nothing_hidden(hub: Hub, phone) -> None:
    number = hub.dispatched(1)
    hana = phone("hana")
    hana.taken()
    hana.context.set_offline(True)
    hana.open(f"/m/{number}")
    page = hana.page
    page.locator("summary", has_text="备注").click()
    page.locator("form[data-act=note] [name=note]").fill("照片")
    hana.photo("form[data-act=note] input[type=file]")
    page.locator("form[data-act=note] button.big").click()
    page.wait_for_url("**/m")
    kept = page.evaluate(
        """async () => {
          const [item] = await Outbox.all(document.body.dataset.account);
          const {blob, taken} = item.photos[0], bytes = new Uint8Array(await blob.arrayBuffer());
          const image = await createImageBitmap(blob);
          return {type: blob.type, width: image.width, height: image.height, taken,
                  bytes: Array.from(bytes)};
        }"""
    )
    assert (kept["type"], kept["width"], kept["height"]) == ("image/jpeg", 1600, 1200)
    assert b"SECRETMAKER" not in bytes(kept["bytes"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:.]+Z", kept["taken"])


def test_an_answer_nobody_heard_makes_no_second(hub: Hub, phone) -> None:
    """The hub took it, the connection broke before the answer: sent again, done once."""
    number = hub.dispatched(2)
    before = hub.ask("select count(*) from reports")[0][0]
    hana = phone("hana")
    hana.taken()
    page = hana.page
    hub.wire.deaf = True
    swallowed = hub.wire.swallowed
    hana.open(f"/m/{number}")
    page.click("button:text-is('接单')")
    page.wait_for_url("**/m")
    hana.open("/m/report")
    page.fill("#address", "北门")
    page.fill("#text", "路面塌了一块")
    page.click("button:text-is('提交')")
    expect(page.locator("#notes")).to_contain_text("我要上报")
    page.wait_for_selector("html[data-ready=yes]")
    assert hub.wire.swallowed >= swallowed + 2
    # The hub has both already; the phone knows of neither.
    assert hub.kinds(number)[-1] == "case:accepted"
    assert hub.ask("select count(*) from reports")[0][0] == before + 1
    assert {i["state"] for i in hana.unsent()} <= {"waiting", "sending"}
    assert len(hana.unsent()) == 2
    hub.wire.deaf = False
    hana.open("/m/me")
    page.click("#send-now")
    hana.all_sent()
    assert hub.kinds(number).count("case:accepted") == 1
    assert hub.ask("select count(*) from reports")[0][0] == before + 1


def test_a_kept_page_says_how_old_it_is(hub: Hub, phone) -> None:
    hana = phone("hana")
    hana.taken()
    page = hana.page
    expect(page.locator("#age")).to_be_hidden()
    hana.context.set_offline(True)
    hana.open("/m")
    page.evaluate(
        "() => { document.body.dataset.at = '2026-11-24T00:30:00+00:00'; dispatchEvent(new Event('offline')); }"
    )
    expect(page.locator("#age")).to_have_text("截至 11/24 08:30")
    expect(page.locator("#net")).to_contain_text("没有网络")


def test_a_page_that_is_not_here_says_so_in_both_languages(hub: Hub, phone) -> None:
    hana = phone("hana")
    hana.taken()
    hana.context.set_offline(True)
    hana.page.goto("/m/261124-999999")
    expect(hana.page.locator("main")).to_contain_text("这一页不在本机上")
    expect(hana.page.locator("main")).to_contain_text("not on this device")


def test_kinds_used_here_and_those_of_tasks_close_by_come_first(hub: Hub, phone) -> None:
    wei = phone("wei")
    wei.taken()
    page = wei.page
    wei.open("/m/report")
    page.fill("#address", "东门")
    page.locator("summary", has_text="树木、绿化").click()
    page.locator("input[name=category][value='C-04-02']").check()
    page.click("button:text-is('提交')")
    expect(page.locator("#notes")).to_contain_text("已上报：案件")
    # Sent without a word: the kind says it.
    text = hub.ask("select text, category from reports order by id desc limit 1")
    assert text[0][1] == "C-04-02"
    assert text[0][0]
    wei.open("/m/report")
    expect(page.locator("[data-often] input").first).to_have_value("C-04-02")
    # Danger is said first, and stays until somebody has read it.
    page.fill("#text", "路面塌陷，有个大坑")
    page.fill("#address", "东门")
    page.click("button:text-is('提交')")
    expect(page.locator("#notes")).to_contain_text("119")
    wei.open("/m/report")
    page.locator("#notes [data-key=danger] button").click()
    wei.open("/m/report")
    expect(page.locator("#notes")).not_to_contain_text("119")
    # A task 60 m away: its kind is likelier still.
    page.evaluate(
        "() => Outbox.remember(document.body.dataset.account, 'tasks',"
        " [{category: {code: 'C-01-23'}, lon: 113.0106, lat: 34.03}, {category: {code: 'E-05-06'}, lon: 113.03, lat: 34.03}])"
    )
    page.click("#here")
    expect(page.locator("[data-often] input").first).to_have_value("C-01-23")
    assert page.locator("[data-often] input[value='E-05-06']").count() == 0


def test_the_worker_sends_what_waits_with_no_page_of_the_app_open(hub: Hub, phone) -> None:
    number = hub.dispatched(10)
    hana = phone("hana")
    hana.taken()
    page = hana.page
    hub.wire.dead = True
    hana.open(f"/m/{number}")
    page.click("button:text-is('接单')")
    page.wait_for_url("**/m")
    assert len(hana.unsent()) == 1
    hub.wire.dead = False
    page.goto("/login")
    found: list[str] = []
    wire = hana.context.new_cdp_session(page)
    wire.on(
        "ServiceWorker.workerRegistrationUpdated",
        lambda said: found.extend(r["registrationId"] for r in said["registrations"]),
    )
    wire.send("ServiceWorker.enable")
    for _ in range(50):
        if found:
            break
        page.wait_for_timeout(100)
    if hub.kinds(number)[-1] != "case:accepted":  # the browser itself may have been quicker
        wire.send(
            "ServiceWorker.dispatchSyncEvent",
            {"origin": hub.url, "registrationId": found[0], "tag": "outbox", "lastChance": False},
        )
    for _ in range(300):
        if hub.kinds(number)[-1] == "case:accepted":
            break
        page.wait_for_timeout(100)
    assert hub.kinds(number)[-1] == "case:accepted"


# ── somebody was quicker ─────────────────────────────────────────────────────────────


def conflicting(hub: Hub, phone, n: int, meanwhile: str, **body: Any) -> tuple[Phone, str]:
    """Handle a case without net while somebody else acts on it; open the dialog."""
    number = hub.dispatched(n)
    hub.post(f"/cases/{number}/acts/accept")
    hana = phone("hana")
    hana.taken()
    hana.context.set_offline(True)
    hana.open(f"/m/{number}")
    form = hana.page.locator("form[data-act=handle]")
    form.locator("[name=note]").fill("已换灯泡")
    hana.photo("form[data-act=handle] input[type=file]")
    form.locator("button.big").click()
    hana.page.wait_for_url("**/m")
    hub.post(f"/cases/{number}/acts/{meanwhile}", **body)
    hana.context.set_offline(False)
    dialog = hana.page.locator("#dialog")
    expect(dialog).to_be_visible(timeout=PATIENCE_MS)
    # Both sides, in words: mine with its photo, and what happened meanwhile.
    expect(dialog).to_contain_text("已换灯泡")
    expect(dialog.locator("img")).to_have_count(1)
    return hana, number


def test_a_conflict_shows_both_sides_and_mine_can_be_done_on_top(hub: Hub, phone) -> None:
    hana, number = conflicting(hub, phone, 3, "note", note="居民来电催办")
    dialog = hana.page.locator("#dialog")
    expect(dialog).to_contain_text("居民来电催办")
    dialog.locator("text=按最新情况再做一次").click()
    hana.all_sent()
    assert hub.kinds(number)[-2:] == ["case:noted", "case:handled"]


def test_what_cannot_be_done_any_more_is_kept_as_a_note_with_its_photo(hub: Hub, phone) -> None:
    hana, number = conflicting(hub, phone, 4, "handle", outcome="explained", note="电话已说明")
    dialog = hana.page.locator("#dialog")
    expect(dialog).to_contain_text("电话已说明")
    expect(dialog.locator("text=按最新情况再做一次")).to_be_disabled()
    dialog.locator("text=作为备注保留").click()
    hana.all_sent()
    assert hub.kinds(number)[-2:] == ["case:handled", "case:noted"]
    note = hub.ask("select says->>'note' from facts where kind = 'case:noted' order by id desc limit 1")  # fmt: skip
    assert "已换灯泡" in note[0][0]
    photos = hub.ask("select count(*) from photos p join cases c on c.id = p.case_id where c.number = %s", number)  # fmt: skip
    assert photos == [(1,)]


def test_a_conflict_left_alone_stays_and_dropping_asks_twice(hub: Hub, phone) -> None:
    hana, number = conflicting(hub, phone, 5, "note", note="居民来电催办")
    dialog = hana.page.locator("#dialog")
    dialog.locator("text=稍后再定").click()
    hana.open("/m/me")
    expect(hana.page.locator("#items li").first).to_contain_text("案件已有变化")
    assert hub.kinds(number)[-1] == "case:noted"
    hana.page.locator("#items button").click()
    dialog.locator("text=放弃我的").click()
    expect(dialog).to_contain_text("将被删除")
    dialog.locator("text=放弃我的").click()
    hana.all_sent()
    assert hub.kinds(number)[-1] == "case:noted"


# ── whose it is ──────────────────────────────────────────────────────────────────────


def test_a_session_that_ended_loses_nothing_and_nobody_else_sends_it(hub: Hub, phone) -> None:
    number = hub.dispatched(6)
    hana = phone("hana")
    hana.taken()
    page = hana.page
    hana.open(f"/m/{number}")
    hub.ask("delete from sessions returning 1")
    page.click("button:text-is('接单')")
    page.wait_for_url("**/login?next=/m")
    # Somebody else signs in on the same phone: nothing of hers is shown, nothing is sent.
    hana.sign_in("cheng")
    page.wait_for_selector("html[data-ready=yes]")
    expect(page.locator("#unsent")).to_be_hidden()
    assert hana.unsent() == []
    assert hub.kinds(number)[-1] == "case:dispatched"
    assert page.evaluate("async n => !(await caches.match('/m/' + n))", number)
    hana.sign_in("hana")
    page.wait_for_selector("html[data-ready=yes]")
    hana.all_sent()
    assert hub.kinds(number)[-1] == "case:accepted"
    rows = hub.ask("select a.login from facts f join accounts a on a.id = f.account join cases c on c.id = f.case_id where c.number = %s order by f.seq desc limit 1", number)  # fmt: skip
    assert rows == [("hana",)]


def test_the_end_of_a_session_is_shown_where_one_stands(hub: Hub, phone) -> None:
    number = hub.dispatched(7)
    hana = phone("hana")
    hana.taken()
    hub.ask("delete from sessions returning 1")
    hana.page.evaluate(
        "async n => { const {keep, drain} = await import(document.body.dataset.app + '/app.js');"
        " await keep({kind: 'act', act: 'note', number: n, title: '备注', url: `/api/v1/cases/${n}/acts/note`, body: {note: 'x'}, words: 'x'});"
        " await drain(); }", number,
    )  # fmt: skip
    expect(hana.page.locator("#notes")).to_contain_text("登录已过期")
    assert len(hana.unsent()) == 1


def test_signing_out_clears_the_device_and_asks_about_what_is_not_sent(hub: Hub, phone) -> None:
    number = hub.dispatched(8)
    hana = phone("hana")
    hana.taken()
    page = hana.page
    assert page.evaluate("async n => !!(await caches.match('/m/' + n))", number)
    hub.wire.dead = True
    hana.page.evaluate(
        "async n => { const {keep} = await import(document.body.dataset.app + '/app.js');"
        " await keep({kind: 'act', act: 'note', number: n, title: '备注', url: `/api/v1/cases/${n}/acts/note`, body: {note: 'x'}, words: 'x'}); }",
        number,
    )  # fmt: skip
    hana.open("/m/me")
    hub.wire.dead = False
    # From the desk's own button, which knows nothing of the app.
    page.evaluate("() => { const f = document.createElement('form'); f.method = 'post'; f.action = '/logout'; document.body.append(f); f.submit(); }")  # fmt: skip
    page.wait_for_url("**/m/left")
    expect(page.locator("#unsent-left")).to_contain_text("1")
    expect(page.locator("#cleared")).to_be_hidden()
    page.click("#delete-left")
    expect(page.locator("#cleared")).to_be_visible()
    left = page.evaluate(
        "async () => [await caches.has('field-data'), (await indexedDB.databases()).map(d => d.name), localStorage.fieldAccount ?? null]"
    )
    assert left == [False, [], None]


# ── places, order, camera ────────────────────────────────────────────────────────────


def test_places_looked_at_without_net_are_counted_once_each(hub: Hub, phone) -> None:
    wei = phone("wei", lang="en")
    wei.taken()
    wei.open("/m/patrol")
    page = wei.page
    expect(page.locator("main")).to_contain_text("0 of 2 cells looked at today")
    wei.context.set_offline(True)
    wei.open("/m/patrol")
    for _ in range(2):
        page.locator("[data-cell='N-1'] form button").click()
        expect(page.locator("[data-cell='N-1'] form button")).to_be_enabled()
    expect(page.locator("[data-cell='N-1']")).to_have_class(re.compile("seen"))
    wei.context.set_offline(False)
    wei.all_sent()
    assert hub.ask("select a.code, p.seen from patrols p join areas a on a.id = p.area") == [("N-1", 2)]  # fmt: skip
    page.reload()
    expect(page.locator("main")).to_contain_text("1 of 2 cells looked at today")


def test_near_me_and_the_route_ask_for_the_place_only_when_pressed(hub: Hub, phone) -> None:
    for n in (20, 24, 21):
        hub.dispatched(n)
    hana = phone("hana")
    page = hana.page
    page.evaluate(
        "() => { window.asked = 0; const real = navigator.geolocation.getCurrentPosition.bind(navigator.geolocation);"
        " navigator.geolocation.getCurrentPosition = (...a) => { window.asked++; real(...a); }; }"
    )
    sent: list[str] = []
    page.on("request", lambda r: sent.append(f"{r.url} {r.post_data or ''}"))
    hana.taken()
    assert page.evaluate("window.asked") == 0
    page.click("[data-sort=near]")
    expect(page.locator("#sorted")).to_contain_text("精度 8 米")
    far = page.evaluate(
        "() => [...document.querySelectorAll('#tasks > li')].map(li => Math.hypot((li.dataset.lon - 113.01) * 92, (li.dataset.lat - 34.03) * 111))"
    )
    assert far == sorted(far)
    page.click("[data-sort=route]")
    expect(page.locator("#route")).to_be_visible()
    assert page.locator("#tasks > li[data-n='1']").count() == 1
    assert page.evaluate("window.asked") == 2
    assert not [s for s in sent if "113.01" in s and "34.03" in s]


def test_the_walk_is_never_longer_than_greedy_and_near_the_best(phone, hub: Hub) -> None:
    """Against all orders of seven places, and against the nearest-next walk of forty."""
    hana = phone("hana")
    worst, worse_than_greedy = hana.page.evaluate(
        """async () => {
          const {route, length, metres} = await import(document.body.dataset.app + "/geo.js");
          let seed = 7;
          const dice = () => (seed = (seed * 16807) % 2147483647) / 2147483647;
          const spots = (n) => Array.from({length: n}, () => ({lon: 113 + dice() * 0.04, lat: 34 + dice() * 0.04}));
          const every = (list) => list.length < 2 ? [list] : list.flatMap((x, i) => every([...list.slice(0, i), ...list.slice(i + 1)]).map((r) => [x, ...r]));
          const start = {lon: 113.02, lat: 34.02};
          let worst = 0;
          for (let round = 0; round < 5; round++) {
            const places = spots(7), best = Math.min(...every([0, 1, 2, 3, 4, 5, 6]).map((o) => length(start, places, o)));
            const order = route(start, places);
            if (new Set(order).size !== 7) throw new Error("an order leaves somebody out");
            worst = Math.max(worst, length(start, places, order) / best);
          }
          let worse = 0;
          for (let round = 0; round < 5; round++) {
            const places = spots(40), left = new Set(places.keys()), greedy = [];
            for (let at = start; left.size; ) {
              const next = [...left].reduce((a, b) => (metres(at, places[a]) <= metres(at, places[b]) ? a : b));
              greedy.push(next); left.delete(next); at = places[next];
            }
            if (length(start, places, route(start, places)) > length(start, places, greedy) + 1e-6) worse++;
          }
          return [worst, worse];
        }"""
    )
    assert worse_than_greedy == 0
    assert 1 <= worst < 1.2


def test_the_picture_before_lies_over_the_camera(hub: Hub, phone) -> None:
    number = hub.dispatched(9)
    hub.post(f"/cases/{number}/acts/accept")
    hana = phone("hana")
    page = hana.page
    hana.open(f"/m/{number}")
    hana.photo("#before")
    page.click("text=保存照片")
    expect(page.locator("#notes")).to_contain_text("处置前照片: 已上传")
    hana.open(f"/m/{number}")
    page.click("text=对照处置前照片拍摄")
    expect(page.locator("#dialog video")).to_be_visible()
    expect(page.locator("#dialog .ghost img")).to_be_visible()
    page.wait_for_timeout(500)
    page.locator("#dialog button.main").click()
    expect(page.locator("form[data-act=handle] [data-shots] img")).to_have_count(1)
    page.locator("form[data-act=handle] button.big").click()
    page.wait_for_url("**/m")
    hana.all_sent()
    steps = hub.ask("select p.step from photos p join cases c on c.id = p.case_id where c.number = %s order by p.id", number)  # fmt: skip
    assert steps == [("before",), ("after",)]


def test_without_a_live_picture_the_one_before_stands_beside(hub: Hub, phone) -> None:
    number = hub.dispatched(11)
    hub.post(f"/cases/{number}/acts/accept")
    picture = base64.b64encode(jpeg(size=(40, 30))).decode()
    hub.post(f"/cases/{number}/photos", step="before", photos=[{"data": picture}])
    hana = phone("hana")
    page = hana.page
    hana.open(f"/m/{number}")
    page.evaluate(
        "() => { navigator.mediaDevices.getUserMedia = () => Promise.reject(new Error('no')); }"
    )
    page.click("text=对照处置前照片拍摄")
    expect(page.locator("#dialog .ghost.side img")).to_be_visible()
    with page.expect_file_chooser() as chooser:
        page.locator("#dialog button.main").click()
    chooser.value.set_files({"name": "p.jpg", "mimeType": "image/jpeg", "buffer": jpeg()})
    expect(page.locator("form[data-act=handle] [data-shots] img")).to_have_count(1)


# ── how it looks ─────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("width", [320, 430])
def test_no_page_of_the_app_overflows_and_every_target_is_large(
    hub: Hub, phone, width: int, lang: str
) -> None:
    number = hub.dispatched(13 + 2 * (width == 430) + (lang == "en"))
    hub.post(f"/cases/{number}/acts/accept")
    for who, paths in (
        ("hana", ("/m", f"/m/{number}", "/m/report", "/m/me")),
        ("wei", ("/m", "/m/patrol", "/m/patrol?area=N-1")),
    ):
        one = phone(who, lang=lang, width=width)
        for path in paths:
            one.page.goto(path)
            for large in ("", "1"):
                one.page.evaluate("l => { localStorage['field-large'] = l; }", large)
                one.page.reload()
                one.page.wait_for_selector("html[data-ready=yes]")
                assert one.page.evaluate("document.documentElement.scrollWidth") <= width, path
            small = one.page.evaluate(
                """() => [...document.querySelectorAll("button, a.button, a.task, .tabs a, select, .chips label")]
                  .filter((e) => e.offsetParent && !e.closest("dialog"))
                  .map((e) => [e.textContent.trim().slice(0, 20), e.getBoundingClientRect()])
                  .filter(([, r]) => r.width < 40 || r.height < 40).map(([t, r]) => `${t} ${r.width}x${r.height}`)"""
            )
            assert small == [], path
            unnamed = one.page.evaluate(
                """() => [...document.querySelectorAll("button, a, input:not([type=hidden]), select, textarea")]
                  .filter((e) => e.offsetParent && !(e.textContent.trim() || e.getAttribute("aria-label") || e.labels?.length || e.querySelector("img[alt]")))
                  .map((e) => e.outerHTML.slice(0, 90))"""
            )
            assert unnamed == [], path


def test_without_a_script_the_app_is_a_list_with_forms(hub: Hub, phone) -> None:
    number = hub.dispatched(12)
    hana = phone("hana", scripts=False)
    page = hana.page
    page.click(f"a[href='/m/{number}']")
    page.click("button:text-is('接单')")
    expect(page.locator("main")).to_contain_text("处置中")
    page.check("form[data-act=handle] input[value=explained]")
    page.locator("form[data-act=handle] button.big").click()
    assert hub.kinds(number)[-1] == "case:handled"
    page.goto("/m/report")
    page.fill("#address", "南门")
    page.locator("summary", has_text="全部类别").click()
    page.select_option("#every-kind", "C-01-37")
    page.set_input_files("#photo", {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": jpeg(size=(40, 30))})  # fmt: skip
    page.click("button:text-is('提交')")
    expect(page.locator("main")).to_contain_text("已上报：案件")
    assert hub.ask("select channel, category, text from reports order by id desc limit 1") == [("field", "C-01-37", "路灯")]  # fmt: skip
