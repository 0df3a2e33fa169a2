"""Reporting step by step, through HTTP: forms as a browser without scripts sends them."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from html import unescape

import pytest
from fastapi.testclient import TestClient
from httpx2 import Response
from PIL import Image

from tests.web.hub import app_on, hub_on
from zhongshu.core.assets import Asset
from zhongshu.core.place import Point
from zhongshu.flow.city import load
from zhongshu.store import assets
from zhongshu.store.db import Database

HTML = {"accept": "text/html", "accept-language": "zh"}


@pytest.fixture
def client(db: Database) -> Iterator[TestClient]:
    with TestClient(app_on(hub_on(db)), headers=HTML) as made:
        yield made


def photo() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), (90, 120, 160)).save(out, "JPEG")
    return out.getvalue()


def at(answer: Response) -> str:
    """Return the path of the page one came to."""
    return answer.url.path


def one(db: Database, query: str) -> tuple[object, ...]:
    with db.transaction() as tx:
        row = tx.execute(query).fetchone()  # type: ignore[arg-type]
    assert row is not None
    return row


def walked(client: TestClient, root: str = "", **more: str) -> Response:
    """Go from the first question to the check; return the check's page."""
    client.post(f"{root}/report/what", data={"group": "light"})
    client.post(f"{root}/report/where", data={"lon": "113.01", "lat": "34.03", **more})
    client.post(f"{root}/report/words", data={"text": "路灯不亮"})
    return client.post(f"{root}/report/contact", data={"do": "skip"})


@pytest.mark.parametrize(
    ("root", "words"),
    [
        ("", ["您看到了什么问题？", "在什么地方？", "出了什么问题？", "可以回访您吗？", "请核对", "您的查询码"]),
        ("/en", ["What do you see?", "Where is it?", "What is wrong?", "May we ask back?", "Check what you say", "Your code"]),
    ],
)  # fmt: skip
def test_the_whole_way_in_both_languages(
    client: TestClient, db: Database, root: str, words: list[str]
) -> None:
    def asks(answer: Response, path: str, n: int) -> None:
        assert at(answer) == f"{root}/report{path}"
        assert words[n] in answer.text

    asks(client.get(f"{root}/report"), "", 0)
    asks(client.post(f"{root}/report/what", data={"group": "light"}), "/where", 1)
    said = {"address": "湖滨路8号", "lon": "113.01", "lat": "34.03"}
    asks(client.post(f"{root}/report/where", data=said), "/words", 2)
    files = [("photo", (f"{n}.jpg", photo(), "image/jpeg")) for n in range(2)]
    written = client.post(f"{root}/report/words", data={"text": "路灯不亮了"}, files=files)
    asks(written, "/contact", 3)
    checked = client.post(f"{root}/report/contact", data={"contact": "13912345678"})
    asks(checked, "/check", 4)
    for answer in ("湖滨路8号", "路灯不亮了", "13912345678", ">2<"):
        assert answer in checked.text
    assert one(db, "select count(*) from reports") == (0,)
    receipt = client.post(f"{root}/report/check")
    assert at(receipt).startswith(f"{root}/t/")
    assert words[5] in receipt.text
    assert one(db, "select text, address, lon, lang, channel from reports") == (
        "路灯不亮了", "湖滨路8号", 113.01, "en" if root else "zh", "web",
    )  # fmt: skip
    assert one(db, "select count(*) from photos") == (2,)
    assert one(db, "select kind from contacts") == ("phone",)
    # It is sent and gone: the browser holds nothing any more.
    assert "begun" not in client.cookies
    assert at(client.get(f"{root}/report/check")) == f"{root}/report"


def test_an_address_is_taken_back_by_whoever_gave_it(client: TestClient) -> None:
    client.post("/report/what", data={"group": "light"})
    client.post("/report/where", data={"address": "北门街3号", "lon": "113.01", "lat": "34.03"})
    client.post("/report/words", data={"text": "路灯不亮"})
    # A press on the plan, or “go on”, carries no such field and changes no words …
    assert at(client.post("/report/where", data={"area": "N-1", "spot.x": "90", "spot.y": "90"})) == "/report/contact"  # fmt: skip
    checked = client.post("/report/contact", data={"do": "skip"})
    assert "北门街3号" in checked.text
    # … the field emptied takes them back; the place that was pressed stays.
    assert at(client.post("/report/where", data={"address": ""})) == "/report/check"
    checked = client.get("/report/check")
    assert "北门街3号" not in checked.text
    client.post("/report/where", data={"address": "北门街3号"})
    where = client.post("/report/where", data={"do": "forget"})
    assert at(where) == "/report/where"
    assert "北门街3号" not in where.text, "another place has other words"
    assert client.post("/report/where", data={"address": ""}).status_code == 422


def test_nothing_said_stands_in_an_address_or_readable_in_the_browser(client: TestClient) -> None:
    client.post("/report/what", data={"group": "light"})
    seen = [client.post("/report/where", data={"address": "湖滨路8号"})]
    seen.append(client.post("/report/words", data={"text": "Lamp dark"}))
    seen.append(client.post("/report/contact", data={"contact": "13912345678"}))
    for answer in seen:
        assert not answer.url.query
        assert "httponly" in answer.history[0].headers["set-cookie"].lower()
    assert "139" not in client.cookies["begun"]


def test_pressing_send_twice_sends_one_report(client: TestClient, db: Database) -> None:
    walked(client)
    held = client.cookies["begun"]
    first = client.post("/report/check")
    client.cookies.set("begun", held)
    second = client.post("/report/check")
    assert at(first) == at(second)
    assert one(db, "select count(*) from reports") == (1,)


def test_a_question_cannot_be_skipped_by_its_address(client: TestClient) -> None:
    assert at(client.get("/report/check")) == "/report"
    client.post("/report/what", data={"group": "light"})
    assert at(client.get("/report/check")) == "/report/where"
    assert at(client.post("/report/check")) == "/report/where"
    assert client.get("/report/nonsense").status_code == 422


@pytest.mark.parametrize(
    ("step", "said", "field", "words"),
    [
        ("what", {"group": "x"}, "group", "还没有选择问题类别"),
        ("where", {"address": " "}, "address", "还没有说明在哪里"),
        ("where", {"lon": "999", "lat": "1"}, "lon", "经度在"),
        ("words", {"text": " "}, "text", "还没有说明出了什么问题"),
        ("contact", {"contact": "call me"}, "contact", "既不是电话号码"),
    ],
)
def test_a_mistake_is_summed_up_with_a_link_to_its_field(
    client: TestClient, step: str, said: dict[str, str], field: str, words: str
) -> None:
    walked(client)
    answer = client.post(f"/report/{step}", data=said)
    if step == "where" and "address" in said:
        # A place is there already: nothing is wrong, and one goes on.
        assert at(answer) == "/report/check"
        client.cookies.clear()
        client.post("/report/what", data={"group": "light"})
        answer = client.post("/report/where", data=said)
    assert answer.status_code == 422
    summary = answer.text.split('role="alert"')[1].split("</div>")[0]
    assert words in unescape(summary)
    assert f'href="#{field}"' in summary
    assert f'id="{field}"' in answer.text or field == "lon"
    assert "<title>有误：" in answer.text


def test_an_answer_can_be_changed_from_the_check_and_one_comes_back_there(
    client: TestClient, db: Database
) -> None:
    page = walked(client).text
    for step in ("", "/where", "/words", "/contact"):
        assert f'href="/report{step}"' in page
    assert "路灯不亮" in client.get("/report/words").text
    back = client.post("/report/words", data={"text": "路灯一直闪"})
    assert at(back) == "/report/check"
    assert at(client.post("/report/what", data={"group": "road"})) == "/report/check"
    client.post("/report/check")
    assert one(db, "select text from reports") == ("路灯一直闪",)


def test_the_language_is_changed_in_the_middle_and_nothing_is_lost(client: TestClient) -> None:
    client.post("/report/what", data={"group": "light"})
    client.post("/report/where", data={"address": "湖边"})
    page = client.get("/report/words").text
    back = re.search(r'name="back" value="([^"]*)"', page)
    assert back is not None
    answer = client.post("/language", data={"lang": "en", "back": unescape(back[1])})
    assert at(answer) == "/report/words"
    assert "What is wrong?" in answer.text


def test_a_report_begun_is_offered_again_or_begun_anew(client: TestClient) -> None:
    client.post("/report/what", data={"group": "light"})
    assert "没有写完的上报" in client.get("/report").text
    assert "没有写完的上报" not in client.get("/report?new=1").text
    assert "begun" not in client.cookies


@pytest.mark.parametrize("how", ["chosen", "written"])
def test_danger_is_told_whom_to_call_before_anything_else_and_only_once(
    client: TestClient, how: str
) -> None:
    if how == "chosen":
        page = client.post("/report/what", data={"group": "danger"})
    else:
        client.post("/report/what", data={"group": "light"})
        client.post("/report/where", data={"address": "湖边"})
        page = client.post("/report/words", data={"text": "闻到燃气味"})
    assert at(page) == "/report/call"
    for number in ("119", "120"):
        assert f'href="tel:{number}"' in page.text
    on = client.post("/report/call")
    assert at(on) == ("/report/where" if how == "chosen" else "/report/contact")
    if how == "chosen":
        client.post("/report/where", data={"address": "湖边"})
        on = client.post("/report/words", data={"text": "闻到燃气味"})
        assert at(on) == "/report/contact"


@pytest.mark.parametrize("group", ["heat", "estate"])
def test_where_gas_or_a_lift_may_be_meant_the_numbers_stand_on_top(
    client: TestClient, group: str
) -> None:
    page = client.post("/report/what", data={"group": group}).text
    assert page.index("tel:119") < page.index("<h1>")


def test_a_place_is_picked_on_the_plan_by_pressing_into_an_area(
    client: TestClient, db: Database
) -> None:
    client.post("/report/what", data={"group": "light"})
    top = client.get("/report/where").text
    assert 'href="/report/where?within=N#plan"' in top
    below = client.get("/report/where?within=N").text
    assert 'href="/report/where?within=N-1#plan"' in below
    leaf = client.get("/report/where?within=N-1").text
    image = re.search(r'<input type="image"[^>]* src="([^"]+)" width="(\d+)"', leaf)
    assert image is not None
    assert client.get(image[1]).headers["content-type"] == "image/svg+xml"
    side = int(image[2])
    middle = {"area": "N-1", "spot.x": str(side // 2), "spot.y": str(side // 2)}
    assert at(client.post("/report/where", data=middle)) == "/report/words"
    client.post("/report/words", data={"text": "路灯不亮"})
    client.post("/report/contact", data={"do": "skip"})
    client.post("/report/check")
    lon, lat = one(db, "select lon, lat from reports")
    assert (lon, lat) == pytest.approx((113.01, 34.03), abs=1e-4)


def test_by_keyboard_an_area_itself_can_be_chosen(client: TestClient, db: Database) -> None:
    walked(client, lon="", lat="", area="S-2", **{"spot.x": "0", "spot.y": "0"})
    client.post("/report/check")
    with db.transaction() as tx:
        city = load(tx)
    lon, lat = one(db, "select lon, lat from reports")
    found = city.where(Point(float(str(lon)), float(str(lat))))
    assert found is not None
    assert city.tree.by_id[found["area"]].code == "S-2"


def test_a_place_is_looked_up_by_area_street_or_plate(client: TestClient, db: Database) -> None:
    with db.transaction() as tx:
        where = load(tx).where(Point(113.03, 34.01))
        assert where is not None
        lamp = Asset(
            code="L-77", category="C-01-37", name=load(tx).name, place=Point(113.03, 34.01),
            area=where["area"], area_code=where["area_code"],
        )  # fmt: skip
        assets.put(tx, [lamp])
        line = {"type": "LineString", "coordinates": [[113.001, 34.03], [113.019, 34.03]]}
        roads = {"type": "FeatureCollection", "features": [{"type": "Feature", "properties": {"zh": "湖滨路", "en": "Lake Road"}, "geometry": line}]}  # fmt: skip
        tx.execute(
            "insert into backdrops (kind, shape) values ('road', %s)",
            (__import__("json").dumps(roads),),
        )
    client.post("/report/what", data={"group": "light"})

    def sought(words: str) -> str:
        page = client.post("/report/where", data={"address": words, "do": "search"}).text
        return page.split('id="found"')[1].split("</section>")[0]

    assert "within=N-1" in sought("N1社区")
    assert "within=N-1" in sought("我在N1社区东门")
    assert "within=N#" in sought("湖滨路8号")
    assert "没有找到" in sought("月球")
    assert 'name="thing" value="L-77"' in sought("l-77")
    assert at(client.post("/report/where", data={"thing": "L-77"})) == "/report/words"
    client.post("/report/words", data={"text": "坏了"})
    assert "L-77" in client.post("/report/contact", data={"do": "skip"}).text
    client.post("/report/check")
    assert one(db, "select asset, lon from cases") == ("L-77", 113.03)


def test_what_is_known_at_the_place_is_asked_in_between(client: TestClient, db: Database) -> None:
    walked(client)
    client.post("/report/check")
    (number,) = one(db, "select number from cases")
    client.post("/report/what", data={"group": "light"})
    asked = client.post("/report/where", data={"lon": "113.01", "lat": "34.03"})
    assert at(asked) == "/report/known"
    assert f'value="{number}"' in asked.text
    assert "路灯不亮" not in asked.text.split("<main")[1]  # nobody's words
    checked = client.post("/report/known", data={"joins": str(number)})
    assert at(checked) == "/report/check"
    assert str(number) in checked.text
    client.post("/report/check")
    assert one(db, "select count(*) from cases") == (1,)
    assert one(db, "select text from reports order by id desc") == ("与已反映的是同一件事。",)
    client.post("/report/what", data={"group": "light"})
    client.post("/report/where", data={"lon": "113.01", "lat": "34.03"})
    assert at(client.post("/report/known", data={"joins": "own"})) == "/report/words"


def test_what_moved_on_meanwhile_is_said_at_the_end_and_nothing_is_lost(
    client: TestClient, db: Database
) -> None:
    walked(client)
    client.post("/report/check")
    (number,) = one(db, "select number from cases")
    walked(client)
    client.post("/report/known", data={"joins": str(number)})
    with db.transaction() as tx:
        tx.execute("update cases set stage = 'rejected', closed_at = now(), clocks = '[]'")
    refused = client.post("/report/check")
    assert refused.status_code == 409
    assert "已不能再并入" in refused.text
    assert at(client.post("/report/check")).startswith("/t/")


def test_photos_can_be_taken_away_again(client: TestClient, db: Database) -> None:
    walked(client)
    file = [("photo", ("a.jpg", photo(), "image/jpeg"))]
    client.post("/report/words", data={"text": "路灯不亮"}, files=file)
    assert "已保存 1 张照片" in client.get("/report/words").text
    client.post("/report/words", data={"text": "路灯不亮", "drop": "1"})
    client.post("/report/check")
    assert one(db, "select count(*) from photos") == (0,)


def test_words_too_long_for_the_browser_are_refused_and_stay_on_the_page(
    client: TestClient,
) -> None:
    walked(client)
    rare = "".join(chr(0x4E00 + i * 7919 % 20000) for i in range(3000))
    answer = client.post("/report/words", data={"text": rare})
    assert answer.status_code == 422
    assert rare[:200] in answer.text
    assert "一页填完" in answer.text
