"""The public map, help and privacy through HTTP: what anybody may see, and nothing else."""

from __future__ import annotations

import csv
import gzip
import io
import re
from collections.abc import Iterator
from importlib.resources import files

import pytest
from fastapi.testclient import TestClient

from tests.cast import ADA, CHENG, DING, HANA
from tests.factories import KEY, NOW, draft, same_random
from tests.web.hub import app_on, hub_on
from zhongshu.core.cases import Act, Outcome
from zhongshu.core.coarse import SIDE_M
from zhongshu.core.place import Point, metres
from zhongshu.flow import acts
from zhongshu.flow.acts import Form
from zhongshu.flow.city import load
from zhongshu.flow.intake import Receipt, receive
from zhongshu.store.db import Database

HTML = {"accept": "text/html", "accept-language": "zh"}
#: One source for all reports of a test: no two have the same code.
CHANCE = same_random(50_000)
LAMP, HEAT = "学校门口的路灯不亮", "家里暖气不热，没有供暖"


@pytest.fixture
def client(db: Database) -> Iterator[TestClient]:
    with TestClient(app_on(hub_on(db)), headers=HTML) as made:
        yield made


def sent(db: Database, count: int, text: str = LAMP, lon: float = 113.01) -> list[Receipt]:
    """Take reports in that each open a case, some metres from one another."""
    with db.transaction() as tx:
        drafts = [draft(text, lon=lon + n * 1e-5, lat=34.03) for n in range(count)]
        made = receive(tx, load(tx), drafts, now=NOW, random=CHANCE, key=KEY, join=False)
    return [r for r in made if isinstance(r, Receipt)]


def told(client: TestClient, query: str = "") -> list[dict]:
    answer = client.get(f"/api/v1/open/matters{query}")
    assert answer.status_code == 200, answer.text
    return answer.json()["matters"]


def test_three_in_a_square_are_told_and_nobody_s_words_point_or_number_with_them(
    db: Database, client: TestClient
) -> None:
    receipts = sent(db, 3)
    (square,) = told(client)
    assert (square["kind"], square["count"], square["area"]) == ("square", 3, "N-1")
    wide = metres(Point(square["west"], 34.03), Point(square["east"], 34.03))
    assert wide >= SIDE_M * 0.99
    assert square["west"] <= 113.01 <= square["east"]
    for path in ("/map", "/en/map", "/map.csv", "/api/v1/open/matters", "/api/v1/open/matters.geojson"):  # fmt: skip
        text = client.get(path).text
        assert LAMP not in text
        assert "113.01" not in text.replace(str(square["west"]), "").replace(
            str(square["east"]), ""
        )
        assert not [r for r in receipts if r.number in text or (r.code or "?") in text]


def test_two_in_a_square_are_counted_with_the_area_around_and_homes_always_are(
    db: Database, client: TestClient
) -> None:
    sent(db, 2)
    sent(db, 3, HEAT)
    (one,) = told(client)
    assert (one["kind"], one["area"], one["count"]) == ("area", "N-1", 5)
    assert one["classes"] == {"S-07": 3, "": 2} or one["classes"] == {"": 5}
    assert "<rect" not in client.get("/map").text


def test_no_filter_opens_a_smaller_number(db: Database, client: TestClient) -> None:
    sent(db, 3)
    for query in ("?class=C-01&state=new&area=N-1", "?class=C-01", "?state=new", "?area=N"):
        assert [t["count"] for t in told(client, query)] == [3]
    for query in ("?class=E-05", "?state=in_work", "?area=S"):
        assert told(client, query) == []
    for query in ("?area=nowhere", "?class=Z-99", "?state=closed"):
        refused = client.get(f"/api/v1/open/matters{query}", headers={"accept": "*/*"})
        assert refused.status_code == 422
        assert refused.json()["remedy"]


def test_the_page_the_list_and_the_table_say_the_same(db: Database, client: TestClient) -> None:
    sent(db, 4)
    sent(db, 3, lon=113.03)
    page = client.get("/map").text
    assert page.count("<rect") == 2
    assert [int(n) for n in re.findall(r'<td class="num">(\d+)</td>', page)] == [4, 3]
    table = list(csv.DictReader(io.StringIO(client.get("/map.csv").text.removeprefix("\ufeff"))))
    assert [(row["kind"], row["area"], row["count"]) for row in table] == [
        ("square", "N-1", "4"), ("square", "N-2", "3"),
    ]  # fmt: skip
    assert 'href="/map?area=N' in page
    assert client.get("/map?area=N-1").text.count("<rect") == 1


def test_the_figures_of_areas_have_numerator_denominator_and_no_small_numbers(
    db: Database, client: TestClient
) -> None:
    receipts = sent(db, 4)
    with db.transaction() as tx:
        city = load(tx)
        for receipt in receipts:
            for act, by, form in (
                (Act.DISPATCH, DING, Form()), (Act.ACCEPT, HANA, Form()),
                (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)), (Act.PASS, CHENG, Form()),
                (Act.CLOSE, ADA, Form()),
            ):  # fmt: skip
                acts.act(tx, city, receipt.case, act, by=by, at=NOW, form=form)
    client.app.state.hub.clock = lambda: NOW.replace(day=26)  # type: ignore[attr-defined]
    north, south = client.get("/api/v1/open/figures").json()["areas"]
    repeat = next(f for f in north["figures"] if f["code"] == "reopened")
    assert (repeat["numerator"], repeat["denominator"]) == (0, 4)
    assert all(f["fewer_than"] == 3 for f in south["figures"])
    assert "0 / 4" in client.get("/map").text
    # And the help says how long such things took, only where there are five.
    assert "暂无数据" in client.get("/help").text


def test_how_long_things_took_is_told_with_its_number(db: Database, client: TestClient) -> None:
    sent(db, 5)
    with db.transaction() as tx:
        tx.execute(
            "update cases set stage = 'closed', clocks = '[]', outcome = 'solved',"
            " closed_at = reported_at + interval '36 hours'"
        )
    client.app.state.hub.clock = lambda: NOW.replace(day=28)  # type: ignore[attr-defined]
    row = client.get("/help").text.split("公用设施</td>")[1].split("</tr>")[0]
    assert row.count("36 小时") == 2
    assert ">5<" in row


def test_who_asks_too_often_is_asked_to_wait(client: TestClient) -> None:
    client.get("/map")
    client.app.state.openly.pace._most = 5  # type: ignore[attr-defined]
    answers = [client.get("/api/v1/open/matters").status_code for _ in range(8)]
    assert answers[-1] == 429
    assert answers[0] == 200


@pytest.mark.parametrize("proxied", [True, False])
def test_the_pace_is_of_the_address_a_proxy_names_and_of_nothing_anybody_invents(
    db: Database, *, proxied: bool
) -> None:
    hub = hub_on(db)
    hub.https = proxied

    def asked(forwarded: str) -> int:
        return client.get(
            "/api/v1/open/matters", headers={"x-forwarded-for": forwarded}
        ).status_code

    with TestClient(app_on(hub), headers=HTML) as client:
        client.get("/map")
        client.app.state.openly.pace._most = 5  # type: ignore[attr-defined]
        answers = [asked(f"203.0.113.{n}, 198.51.100.7") for n in range(8)]
        assert answers[-1] == 429, "what stands before the proxy's own word changes nothing"
        other = asked("203.0.113.1, 198.51.100.8")
    assert other == (200 if proxied else 429), "each its own pace, where the proxy says who asks"


def test_many_who_ask_at_once_cost_the_database_one_count(db: Database, client: TestClient) -> None:
    sent(db, 3)
    assert told(client)[0]["count"] == 3
    sent(db, 3)  # not yet seen: the answer is a minute old at the most
    assert told(client)[0]["count"] == 3


@pytest.mark.parametrize(
    "path", ["/", "/report", "/report/all", "/track", "/map", "/help", "/privacy"]
)
def test_every_page_of_the_door_is_there_in_both_languages(client: TestClient, path: str) -> None:
    chinese = client.get(path)
    english = client.get(f"/en{path}".rstrip("/"))
    assert chinese.status_code == english.status_code == 200
    assert '<html lang="zh-CN"' in chinese.text
    assert '<html lang="en"' in english.text
    body = english.text.split("<main")[1].split("</main>")[0]
    assert not re.search(r"[\u4e00-\u9fff]", body)
    for href in re.findall(r'href="(/(?:report|track|map|help|privacy)[^"]*)"', english.text):
        assert href.startswith("/map.csv"), href


def test_large_text_and_easy_words_are_kept_in_a_cookie_that_says_nothing_else(
    client: TestClient,
) -> None:
    usual = client.get("/en/report").text
    answer = client.post("/ease", data={"easy": "1", "back": "/en/report?x=1"})
    assert str(answer.url).endswith("/en/report?x=1")
    assert "data-text=large" in answer.text
    assert "Press what fits best." in answer.text
    assert "Press what fits best." not in usual
    assert client.cookies["easy"] == "1"
    client.post("/ease", data={"easy": "0", "back": "/"})
    assert "easy" not in client.cookies
    outside = client.post("/ease", data={"easy": "1", "back": "//elsewhere.example"}, follow_redirects=False)  # fmt: skip
    assert outside.headers["location"] == "/"


#: What a phone may have to fetch before the first question stands (ui.md: 30 kB).
MOST_BYTES = 30_000


@pytest.mark.parametrize("path", ["/", "/report", "/en", "/en/report", "/report/where"])
def test_the_door_is_light(client: TestClient, path: str) -> None:
    if path.endswith("where"):
        client.post("/report/what", data={"group": "light"})
    page = client.get(path).text
    parts = [page.encode()]
    wanted = re.findall(r'(?:src|href)="/static/([^"?]+\.(?:js|mjs|css|svg))"', page)
    assert "css/app.css" in wanted
    for name in wanted:
        parts.append(files("zhongshu.web").joinpath("static", name).read_bytes())
    sizes = [len(gzip.compress(part, 6)) for part in parts]
    assert sum(sizes) <= MOST_BYTES, dict(zip([path, *wanted], sizes, strict=True))
