"""The pages of the field app, through HTTP: light, installable, usable without a script."""

from __future__ import annotations

import gzip
import io
import json
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from fastapi.testclient import TestClient
from PIL import Image

from tests.factories import NOW
from tests.web.hub import app_on, hub_on, key_for
from tests.web.test_api import act
from tests.web.test_field import dispatched, hire, kinds
from zhongshu.flow.signin import hashed_password
from zhongshu.store.db import Database
from zhongshu.web import appfiles

Headers = dict[str, str]
#: What a phone with a bad connection may be asked to fetch before it sees its tasks.
FIRST_LOAD = 60_000


@pytest.fixture
def client(db: Database) -> Iterator[TestClient]:
    with TestClient(app_on(hub_on(db))) as made:
        made.headers["accept"] = "text/html"
        yield made


@pytest.fixture
def wei(db: Database) -> Headers:
    return hire(db, "wei", "grid_worker", area="N-1")


def packed(content: bytes) -> int:
    return len(gzip.compress(content, 6))


def asked_for(html: str) -> set[str]:
    """What a page makes a browser fetch at once."""
    found = re.findall(r'<(?:script|link|img)[^>]*? (?:src|href)="(/[^"]+)"', html)
    return {url for url in found if "manifest" not in url}


def test_the_first_load_is_light_with_a_full_list_of_tasks(
    client: TestClient, db: Database, wei: Headers
) -> None:
    for n in range(100):
        dispatched(client, db, wei, lat=34.0205 + n // 10 * 0.0018, lon=113.0005 + n % 10 * 0.0018)
    html = client.get("/m", headers=key_for(db, "hana"))
    assert html.text.count("data-number=") == 100
    files = {name: appfiles.read(path) for name, path in appfiles.FILES.items()}
    # All files of the app, whether this page runs them or not: the worker fetches them all.
    whole = packed(html.content) + sum(map(packed, files.values())) + packed(appfiles.worker().encode())  # fmt: skip
    assert whole <= FIRST_LOAD, whole
    at = f"/m/app/{appfiles.version()}/"
    for url in asked_for(html.text) - {"/static/icon.svg", "/m/icon-180.png"}:
        assert url.startswith(at), url
        assert url.removeprefix(at) in files


def test_more_tasks_ask_no_more_questions_of_the_database(
    client: TestClient, db: Database, wei: Headers, monkeypatch: pytest.MonkeyPatch
) -> None:
    hana, asked = key_for(db, "hana"), []
    real = psycopg.Cursor.execute

    def counting(self: Any, *args: Any, **more: Any) -> Any:
        # Whether the city changed, and what a machine may, is asked once a second, whoever comes.
        asked.extend(["x"] * (not any(w in str(args[0]) for w in ("city_version", "api_keys"))))
        return real(self, *args, **more)

    counts: list[int] = []
    for _ in range(2):
        for n in range(4):
            dispatched(client, db, wei, lat=34.0205 + n * 0.0018, lon=113.001 + len(counts) * 0.002)
        client.get("/m", headers=hana)
        # The stream and the tally ask in the background: of three times the fewest is the page's.
        times: list[int] = []
        for _ in range(3):
            with monkeypatch.context() as patched:
                patched.setattr(psycopg.Cursor, "execute", counting)
                asked.clear()
                shown = client.get("/m", headers=hana).text
            assert shown.count("data-number=") == 4 * len(counts) + 4
            times.append(len(asked))
        counts.append(min(times))
    assert counts[0] == counts[1] > 0


def test_every_file_the_app_imports_is_one_it_keeps(client: TestClient) -> None:
    for path in appfiles.FILES.values():
        text = appfiles.read(path).decode()
        for name in re.findall(r'(?:from|import\() ?"\./([\w.]+)"', text):
            assert name in appfiles.FILES, (path, name)
        assert not re.search(r"https?://(?!www\.w3\.org)", text), path
    for name in appfiles.FILES:
        answer = client.get(f"/m/app/{appfiles.version()}/{name}")
        assert answer.status_code == 200
        assert "immutable" in answer.headers["cache-control"]
    assert client.get("/m/app/older/app.js").headers["cache-control"] == "no-store"
    assert client.get("/m/app/x/..%2Fcss%2Fapp.css").status_code == 404


def test_the_worker_is_another_as_soon_as_a_file_is(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = client.get("/m/sw.js")
    assert answer.headers["service-worker-allowed"] == "/m"
    assert answer.headers["content-type"].startswith("text/javascript")
    for name in appfiles.FILES:
        assert f"/m/app/{appfiles.version()}/{name}" in answer.text
    real = appfiles.read
    monkeypatch.setattr(appfiles, "read", lambda path: real(path) + b" " * path.endswith("geo.js"))
    appfiles.version.cache_clear()
    try:
        assert client.get("/m/sw.js").text != answer.text
    finally:
        monkeypatch.undo()
        appfiles.version.cache_clear()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_app_can_be_installed(client: TestClient, lang: str) -> None:
    answer = client.get(f"/m/manifest.webmanifest?lang={lang}")
    assert answer.headers["content-type"].startswith("application/manifest+json")
    said = json.loads(answer.text)
    assert (said["start_url"], said["scope"], said["display"]) == ("/m", "/m", "standalone")
    assert said["short_name"] == {"zh": "现场", "en": "Field"}[lang]
    for icon in said["icons"]:
        drawn = Image.open(io.BytesIO(client.get(icon["src"]).content))
        assert f"{drawn.width}x{drawn.height}" == icon["sizes"]
        corner = drawn.convert("RGBA").getpixel((0, 0))
        assert isinstance(corner, tuple)
        assert (corner[3] == 255) is (icon.get("purpose") == "maskable")
    assert client.get("/m/icon-1.png").status_code == 404


def test_the_way_in_is_shown_to_those_who_go_out(client: TestClient, db: Database) -> None:
    for who, shown in (("hana", True), ("cheng", True), ("ada", False), ("nora", False)):
        page = client.get("/desk", headers=key_for(db, who)).text
        assert ('href="/m"' in page) is shown, who


def test_the_tabs_are_those_ones_posts_allow(
    client: TestClient, db: Database, wei: Headers
) -> None:
    def tabs(who: Headers) -> set[str]:
        page = client.get("/m", headers=who).text
        return set(
            re.findall(r'href="(/m[\w/]*)"', page[page.index("<nav") : page.index("</nav>")])
        )

    assert tabs(wei) == {"/m", "/m/patrol", "/m/report", "/m/me"}
    assert tabs(key_for(db, "hana")) == {"/m", "/m/report", "/m/me"}
    assert tabs(key_for(db, "nora")) == {"/m", "/m/me"}


def test_a_task_page_has_a_form_for_each_act_it_allows_and_no_other(
    client: TestClient, db: Database, wei: Headers
) -> None:
    hana = key_for(db, "hana")
    number = dispatched(client, db, wei)

    def forms(who: Headers) -> list[str]:
        page = client.get(f"/m/{number}", headers=who).text
        visible = re.sub(r'<section[^>]*data-then-of="accept" hidden>.*?</section>', "", page, flags=re.DOTALL)  # fmt: skip
        return re.findall(r'action="/cases/[\d-]+/acts/(\w+)"', visible)

    assert set(forms(hana)) == {"accept", "return", "note"}
    assert set(forms(wei)) == {"note"}
    act(client, hana, number, "accept")
    assert set(forms(hana)) == {"handle", "return", "note"}
    act(client, hana, number, "handle", outcome="solved")
    assert set(forms(hana)) == {"note"}
    assert set(forms(wei)) == {"pass", "fail", "note"}


def test_a_task_page_tells_the_way_by_the_persons_own_map(
    client: TestClient, db: Database, wei: Headers
) -> None:
    number = dispatched(client, db, wei)
    page = client.get(f"/m/{number}", headers=key_for(db, "hana")).text
    assert f'href="geo:34.030000,113.010000?q=34.030000,113.010000({number})"' in page


def test_the_app_keeps_no_contact_of_a_reporter(
    client: TestClient, db: Database, wei: Headers
) -> None:
    number = dispatched(client, db, wei, contact="13800001234")
    hana = key_for(db, "hana")
    for path in ("/m", f"/m/{number}", "/api/v1/field/tasks"):
        text = client.get(path, headers=hana).text
        assert "1234" not in text.replace(number, "")


def test_a_report_without_a_script_is_one_report_however_often_the_button_is_pressed(
    client: TestClient, db: Database, wei: Headers
) -> None:
    page = client.get("/m/report", headers=wei).text
    token = re.findall(r'name="token" value="(\w+)"', page)[0]
    out = io.BytesIO()
    Image.new("RGB", (40, 30)).save(out, "JPEG")
    form = {"category": "C-01-37", "lon": "113.01", "lat": "34.03", "token": token}
    places: list[str] = []
    for _ in range(2):
        answer = client.post(
            "/m/report", data=form, files={"photo": ("x.jpg", out.getvalue())}, headers=wei,
            follow_redirects=False,
        )  # fmt: skip
        assert answer.status_code == 303, answer.text
        places.append(answer.headers["location"])
    assert places[0] == places[1]
    with db.transaction() as tx:
        assert tx.execute("select text, channel from reports").fetchall() == [("路灯", "field")]
        assert tx.execute("select step from photos").fetchall() == [("report",)]


def test_a_report_that_is_refused_comes_back_as_it_was_written(
    client: TestClient, wei: Headers
) -> None:
    form = {"text": "路灯", "lon": "113.01", "lat": "north", "address": "北门"}
    answer = client.post("/m/report", data=form, headers=wei)
    assert answer.status_code == 422
    assert 'value="北门"' in answer.text
    assert ">路灯</textarea>" in answer.text
    form = {"lon": "113.01", "lat": "34.03"}
    assert client.post("/m/report", data=form, headers=wei).status_code == 422


def test_kinds_reported_here_lately_come_first(
    client: TestClient, db: Database, wei: Headers
) -> None:
    for n in range(3):
        dispatched(client, db, wei, lat=34.022 + 0.003 * n)
    client.post(
        "/api/v1/reports", json={"text": "井盖丢了", "lon": 113.03, "lat": 34.01}, headers=wei
    )
    page = client.get("/m/report", headers=wei).text
    first = re.findall(r'name="category" value="([\w-]+)"', page[page.index("data-often") :])
    assert first[0] == "C-01-37"
    # Elsewhere is not here: the manhole of the south is not among the grid worker's own.
    often = page[page.index("data-often") : page.index("<details>")]
    assert re.findall(r'value="([\w-]+)"', often) == ["C-01-37"]


def test_places_are_looked_at_by_a_form_too(client: TestClient, db: Database, wei: Headers) -> None:
    lead = hire(db, "gina", "grid_lead", area="N")
    page = client.get("/m/patrol", headers=lead).text
    assert page.count("<path d=") >= 2
    assert re.findall(r'name="area" value="([\w-]+)"', page) == ["N-1", "N-2"]
    answer = client.post(
        "/m/patrol", data={"area": "N-1", "back": "N"}, headers=lead, follow_redirects=False
    )
    assert answer.headers["location"] == "/m/patrol?area=N"
    page = client.get("/m/patrol?area=N", headers=lead).text
    assert "1 / 2" in page
    assert re.findall(r'name="area" value="([\w-]+)"', page) == ["N-2", "N-1"]
    assert client.get("/m/patrol?area=S", headers=lead).status_code == 403
    assert client.get("/m/patrol?area=N-1", headers=wei).status_code == 200
    # A checker of the whole city sees the city's parts, not its thousand cells.
    whole = client.get("/m/patrol", headers=key_for(db, "cheng")).text
    assert 'href="/m/patrol?area=N"' in whole


def test_signing_out_goes_by_the_page_that_clears_the_device_where_there_is_something(
    client: TestClient, db: Database
) -> None:
    with db.transaction() as tx:
        tx.execute("update accounts set password_hash = %s where login = 'hana'", (hashed_password("open sesame, long enough"),))  # fmt: skip
    for visits, goal in (((), "/"), (("/m",), "/m/left")):
        client.cookies.clear()
        signed = {"login": "hana", "password": "open sesame, long enough", "next": "/desk"}
        assert client.post("/login", data=signed).status_code == 200
        for path in visits:
            client.get(path)
        left = client.post("/logout", follow_redirects=False)
        assert left.headers["location"] == goal
    cleared = client.get("/m/left")
    assert cleared.status_code == 200
    assert "field" not in client.cookies


def test_when_it_was_done_stands_on_the_page_of_the_case(
    client: TestClient, db: Database, wei: Headers
) -> None:
    hana = key_for(db, "hana")
    number = dispatched(client, db, wei)
    done = (NOW - timedelta(hours=3)).isoformat()
    assert act(client, hana, number, "note", note="x", done_at=done).status_code == 200
    page = client.get(f"/cases/{number}?lang=en", headers=hana).text
    assert "done on the spot at 2026-11-24 07:00" in page
    assert kinds(client, db, number)[-1] == "case:noted"
