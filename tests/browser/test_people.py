"""What people do, in a real Chromium, on the demo as a newcomer starts it."""

from __future__ import annotations

import io
import re
import shutil
from collections.abc import Iterator

import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.demo_server import Demo, running

CHROMIUM = shutil.which("chromium")
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]
#: How long a browser that shares two cores with everything else may take for one step.
PATIENCE_MS = 90_000
expect.set_options(timeout=30_000)
FLAGS = [
    "--no-sandbox", "--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture(scope="module")
def demo() -> Iterator[Demo]:
    with running() as found:
        yield found


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with sync_playwright() as playwright:
        launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield launched
        launched.close()


@pytest.fixture
def new_page(browser: Browser, demo: Demo) -> Iterator:
    """Return a maker of pages: each with its own cookies; scripts' errors fail the test."""
    errors: list[str] = []
    contexts = []

    def make(who: str = "", *, lang: str = "zh", width: int = 1280, scripts: bool = True) -> Page:
        context = browser.new_context(
            viewport={"width": width, "height": 900}, java_script_enabled=scripts,
            locale="zh-CN" if lang == "zh" else "en-US", reduced_motion="reduce",
        )  # fmt: skip
        contexts.append(context)
        context.add_cookies([{"name": "lang", "value": lang, "url": demo.url}])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "request",
            lambda r: (
                None
                if r.url.startswith((demo.url, "blob:", "data:"))
                else errors.append(f"asked elsewhere: {r.url}")
            ),
        )
        if who:
            page.goto(f"{demo.url}/login")
            page.fill("#login", who)
            page.fill("#password", demo.password)
            page.click("main button")
            expect(page).to_have_url(re.compile("/desk"))
        return page

    yield make
    for context in contexts:
        context.close()
    assert errors == []


def photo(colour: str = "#888") -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (400, 300), colour).save(out, "JPEG")
    return out.getvalue()


def test_a_report_goes_from_the_door_to_the_screen_and_through_four_pairs_of_hands(
    demo: Demo, new_page
) -> None:
    wall = new_page("supervisor")
    wall.goto(f"{demo.url}/wall")
    wall.wait_for_selector("#live[data-state=on]", timeout=30_000)
    wall.wait_for_selector("#city-map[data-ready=yes]", timeout=60_000)

    # Without a script: the pin's fields are filled as the form would.
    door = new_page(scripts=False, width=360)
    door.goto(f"{demo.url}/report")
    door.check("input[name=group][value=light]")
    door.fill("#text", "门口的路灯不亮了，晚上看不见路")
    door.fill("#address", "湖滨街道8号")
    door.set_input_files(
        "#photo", {"name": "lamp.jpg", "mimeType": "image/jpeg", "buffer": photo()}
    )
    door.locator("input[name=lon]").evaluate("(e) => { e.value = '113.6251' }")
    door.locator("input[name=lat]").evaluate("(e) => { e.value = '34.7433' }")
    door.click("text=提交上报")
    code = door.locator(".code").inner_text()
    number = door.locator("dl.about dd").first.inner_text()
    wall.wait_for_selector(f'#feed a[href="/cases/{number}"]', timeout=10_000)

    for who, button, fills in (
        ("dispatcher", "派遣", {}),
        ("handler", "接单", {}),
        ("handler", "处置完成", {"#handle-note": "已更换灯泡"}),
        ("checker", "核查通过", {}),
        ("acceptor", "结案", {}),
    ):
        page = new_page(who)
        page.goto(f"{demo.url}/cases/{number}")
        for field, text in fills.items():
            page.fill(field, text)
        if button == "处置完成":  # the city asks for both photos of a lamp that is solved
            for field, colour in (("#before", "#222"), ("#after", "#eee")):
                picture = {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": photo(colour)}
                page.set_input_files(field, picture)
        page.locator(f"button:text-is('{button}')").first.click()
        expect(page.locator(".facts li").last).to_contain_text(
            {"派遣": "派遣", "接单": "接单", "处置完成": "处置完成"}.get(button, button)
        )

    door.goto(f"{demo.url}/track")
    door.fill("#code", code.lower())
    door.click("text=查看进度")
    expect(door.locator("main")).to_contain_text("已结案")
    expect(door.locator("main")).to_contain_text("由处置人以外的人员核查：已完成")
    assert door.locator(".photos img").count() == 2  # what was reported, and the work done
    door.check("input[name=solved][value=yes]")
    door.check("input[name=satisfied][value='5']")
    door.click("button:text-is('提交')")
    expect(door.locator(".facts li").last).to_contain_text("已评价")


def test_the_handler_is_not_offered_the_check_of_his_own_work(demo: Demo, new_page) -> None:
    page = new_page("checker")
    page.goto(f"{demo.url}/desk?stage=handled")
    page.locator("[data-row]").first.click()
    expect(page.locator("#pane")).to_contain_text("核查通过")
    number = page.locator("#pane h1 small").inner_text()
    handler = new_page("handler")
    handler.goto(f"{demo.url}/cases/{number}")
    expect(handler.locator("main")).not_to_contain_text("核查通过")


def test_the_desk_filters_pages_and_opens_cases_with_the_keyboard(demo: Demo, new_page) -> None:
    page = new_page("dispatcher", lang="en")
    page.goto(f"{demo.url}/desk?stage=closed&order=newest")
    first = page.locator("[data-row]").first.get_attribute("href")
    page.click("text=Next page")
    assert page.locator("[data-row]").first.get_attribute("href") != first
    page.goto(f"{demo.url}/desk")
    page.keyboard.press("j")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.locator("#pane h1")).to_be_visible()
    page.keyboard.press("/")
    page.keyboard.type("路灯")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("text="))
    for row in page.locator(".queue .what").all_inner_texts():
        assert "路灯" in row


def test_keys_press_only_what_the_page_offers_and_can_be_switched_off(demo: Demo, new_page) -> None:
    page = new_page("dispatcher", lang="en")
    page.goto(f"{demo.url}/desk")
    page.keyboard.press("?")
    expect(page.locator("#keys")).to_be_visible()
    page.click("#keys button")
    expect(page.locator("#keys")).not_to_be_visible()
    page.keyboard.press("j")
    assert page.evaluate("document.activeElement.dataset.row") == ""
    # For a frame after it closed the sheet still holds the focus: a key pressed then counts.
    page.evaluate(
        "document.querySelector('#keys button')"
        ".dispatchEvent(new KeyboardEvent('keydown', {key: 'j', bubbles: true}))"
    )
    expect(page.locator("[data-row]").nth(1)).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("#pane h1")).to_be_visible()
    page.keyboard.press("a")  # a dispatcher does not take cases on: nothing to press
    page.keyboard.press("n")
    assert page.evaluate("document.activeElement.closest('form').action").endswith("/acts/note")
    page.keyboard.press("Control+k")
    page.keyboard.type("overdue")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("overdue=1"))
    page.keyboard.press("?")
    page.check("#keys-off")
    page.click("#keys button")
    page.keyboard.press("?")
    expect(page.locator("#keys")).not_to_be_visible()


def test_the_pin_moves_by_map_and_by_button(demo: Demo, new_page) -> None:
    page = new_page(lang="en")
    page.goto(f"{demo.url}/en/report")
    page.wait_for_selector("#pin-map[data-ready=yes]", timeout=60_000)
    page.locator("#pin-map canvas").click(position={"x": 300, "y": 150})
    west = float(page.input_value("input[name=lon]"))
    page.click("[data-nudge=e]")
    assert float(page.input_value("input[name=lon]")) > west


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("width", [320, 1440])
@pytest.mark.parametrize("path", ["/", "/report", "/track", "/login", "/desk", "/wall", "/nowhere"])
def test_no_page_overflows_sideways(demo: Demo, new_page, path: str, width: int, lang: str) -> None:
    page = new_page("dispatcher" if path in ("/desk", "/wall") else "", lang=lang, width=width)
    page.goto(demo.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("html").get_attribute("lang") == ("zh-CN" if lang == "zh" else "en")


def test_a_refused_report_keeps_what_was_written(demo: Demo, new_page) -> None:
    page = new_page(scripts=False)
    page.goto(f"{demo.url}/report")
    page.fill("#text", "路灯不亮")
    page.fill("#contact", "call me")
    page.set_input_files("#photo", {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": b"not a picture"})  # fmt: skip
    page.click("text=提交上报")
    expect(page.get_by_role("alert")).to_contain_text("不是可读的图片")
    assert page.input_value("#text") == "路灯不亮"


def test_an_administrator_draws_the_grid_on_the_map(demo: Demo, new_page) -> None:
    page = new_page("admin", lang="en")
    page.goto(f"{demo.url}/workshop/grid")
    page.fill("#title1", "Drawn in a browser")
    page.get_by_role("button", name="Begin a draft").click()
    version = page.url.rsplit("/", 1)[1].partition("#")[0]
    shapes = page.request.get(f"{demo.url}/api/v1/map/areas.geojson?level=grid").json()["features"]
    one = next(f for f in shapes if f["geometry"]["type"] == "Polygon")
    page.goto(f"{demo.url}/workshop/grid/{version}?area={one['properties']['code']}")
    page.wait_for_selector("[data-grid][data-ready=yes]")
    # A corner is moved by keys alone, and its neighbours come along.
    corner = page.locator("button.corner:not(.half)").first
    corner.focus()
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    expect(page.locator("[data-said]")).to_contain_text("Moved; areas changed")
    told = page.request.get(f"{demo.url}/api/v1/grid/versions/{version}").json()
    moved = {c["code"] for c in told["changes"]}
    assert one["properties"]["code"] in moved
    assert sum(c["overlap_m2"] for c in told["covers"]) == 0
    # A line drawn across the chosen area splits it.
    page.get_by_role("button", name="Line to split by").click()
    box = page.locator("[data-grid]").bounding_box()
    assert box
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 12)
    page.mouse.click(box["x"] + box["width"] / 2 + 3, box["y"] + box["height"] - 12)
    expect(page.locator("[data-said]")).to_contain_text("Places: 2")
    page.fill("#split-code", one["properties"]["code"])
    page.get_by_role("button", name="Split", exact=True).click()
    expect(page.get_by_text("added", exact=True)).to_be_visible()
    page.get_by_role("link", name="Try it on the open cases").click()
    expect(page.get_by_text("another cell")).to_be_visible()
    page.go_back()
    page.fill("input[name=day]", "2031-01-01")
    page.get_by_role("button", name="Put in force").click()
    page.get_by_role("button", name="Withdraw").click()
    expect(page.get_by_text("withdrawn")).to_be_visible()
