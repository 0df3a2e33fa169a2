"""What people do, in a real Chromium, on the demo as a newcomer starts it."""

from __future__ import annotations

import io
import re

import pytest
from PIL import Image
from playwright.sync_api import Page, expect

from tests.browser.chromium import CHROMIUM
from tests.demo_server import Demo

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]


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
    door.goto(f"{demo.url}/report/all")
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
    door.click("button[name=solved][value=yes]")
    door.click("button[name=satisfied][value='5']")
    expect(door.locator("#say")).to_contain_text("您的回答：很满意")
    expect(door.locator(".facts li").last).to_contain_text("已评价")


def test_the_handler_is_not_offered_the_check_of_his_own_work(demo: Demo, new_page) -> None:
    page = new_page("checker")
    page.goto(f"{demo.url}/desk?stage=handled")
    page.locator("[data-row]").first.click()
    expect(page.locator("#pane")).to_contain_text("核查通过")
    number = page.locator("#pane h1 small").inner_text()
    handler = new_page("handler")
    handler.goto(f"{demo.url}/cases/{number}")
    expect(handler.locator("main h1").first).to_be_visible()
    assert handler.locator("form[action$='/acts/pass']").count() == 0


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


def test_a_dispatch_by_one_key_is_taken_back_by_another_and_a_case_is_found_by_its_number(
    demo: Demo, new_page
) -> None:
    page = new_page("dispatcher", lang="en")
    page.goto(f"{demo.url}/desk?stage=filed")
    row = page.locator("tr", has_text="Dispatching").first.locator("[data-row]")
    row.click()
    # What the rules name is sent by one key; where they name nobody there is no such key.
    page.wait_for_selector("#pane .advice [data-press]")
    number = page.locator("#pane h1 small").inner_text()
    page.keyboard.press("d")
    expect(page.locator(".toast")).to_contain_text(f"{number} was sent to")
    expect(page.locator("#pane .tag").first).to_contain_text("To be taken on")
    page.keyboard.press("u")
    expect(page.locator("#pane .tag").first).to_contain_text("To be dispatched")
    expect(page.locator(".toast")).to_have_count(0)
    expect(page.locator("#pane .facts li").last).to_contain_text("Dispatch taken back")
    page.keyboard.press("x")
    assert page.evaluate("document.activeElement.id") == "reject-reason"
    page.keyboard.type("d")  # while one writes, a key is a letter
    expect(page.locator("#reject-reason")).to_have_value("d")
    page.keyboard.press("Control+k")
    page.keyboard.type(number)
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/cases/{number}$"))
    page.keyboard.press("g")
    page.keyboard.press("w")
    expect(page).to_have_url(re.compile("/wall"))


#: Fields and buttons that a screen reader could not name.
NAMELESS = """() => [...document.querySelectorAll("main input, main textarea, main select, main button, main a, main svg[role]")]
  .filter((e) => e.type !== "hidden" && !e.closest("[hidden]") && !(e.labels?.length || e.textContent.trim() || e.ariaLabel || e.alt)).map((e) => e.outerHTML)"""


def test_a_report_step_by_step_without_a_script_on_the_smallest_phone(demo: Demo, new_page) -> None:
    page = new_page(scripts=False, width=320)
    page.goto(demo.url)

    def fits() -> None:
        assert page.evaluate("document.documentElement.scrollWidth") <= 320, page.url
        assert page.evaluate(NAMELESS) == [], page.url

    fits()
    page.click("button[value=light]")
    page.click("#place-form .button.main")
    expect(page.get_by_role("alert")).to_contain_text("还没有说明在哪里")
    page.click("#problem a")  # leads to the field
    fits()
    while page.locator("input.ground").count() == 0:
        page.locator("#plan ul a").last.click()
        fits()
    page.locator("input.ground").click(position={"x": 120, "y": 130})
    if page.url.endswith("/known"):
        fits()
        page.click("button[value=own]")
    fits()
    page.fill("#text", "路灯杆歪了，晚上不亮")
    page.set_input_files("#photo", {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": photo()})
    page.click(".step button.main")
    fits()
    page.fill("#contact", "13912345678")
    page.click(".step button.main")
    fits()
    expect(page.locator(".answers")).to_contain_text("13912345678")
    page.click("a[aria-label='修改: 您的描述']")
    assert page.input_value("#text") == "路灯杆歪了，晚上不亮"
    page.fill("#text", "路灯杆歪了，有倒的危险")
    page.click(".step button.main")
    page.click("text=提交上报")
    fits()
    expect(page.locator(".code")).to_have_text(re.compile(r"^\w{4}-\w{3}-\w{3}$"))
    expect(page.locator(".receipt svg.qr")).to_be_visible()
    expect(page.locator("main")).to_contain_text("有倒的危险")
    page.goto(f"{demo.url}/map")
    fits()


def tab_to(page: Page, selector: str) -> None:
    """Press Tab until what is meant has the focus, as somebody without a mouse does."""
    for _ in range(60):
        page.keyboard.press("Tab")
        if page.locator(selector).first.evaluate("(e) => e === document.activeElement"):
            return
    raise AssertionError(f"{selector} is not reached by keyboard on {page.url}")


def test_a_report_by_keyboard_alone_with_the_own_place_takes_five_presses(
    demo: Demo, new_page
) -> None:
    page = new_page(lang="en", width=320)
    page.context.grant_permissions(["geolocation"])
    page.context.set_geolocation({"longitude": 113.6021, "latitude": 34.7401, "accuracy": 9})
    page.goto(f"{demo.url}/en")
    presses = 0

    def press(selector: str, path: str) -> None:
        nonlocal presses
        tab_to(page, selector)
        page.keyboard.press("Enter")
        presses += 1
        page.wait_for_url(re.compile(path))

    press("button[value=trees]", "/en/report/where$")
    press("#here", "/en/report/(known|words)$")
    if page.url.endswith("known"):
        press("button[value=own]", "/en/report/words$")
        presses -= 1
    tab_to(page, "#text")
    page.keyboard.type("A branch hangs over the path")
    press(".step button.main", "/en/report/contact$")
    press("button[value=skip]", "/en/report/check$")
    assert page.evaluate(NAMELESS) == []
    press(".step button.main", "/en/t/")
    assert presses == 5
    expect(page.locator("main")).to_contain_text("A branch hangs over the path")
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    tab_to(page, "[data-copy]")
    page.keyboard.press("Enter")
    expect(page.locator("#copied")).to_have_text("Copied.")


def test_the_public_map_moves_where_there_is_a_script(demo: Demo, new_page) -> None:
    page = new_page(width=320)
    page.goto(f"{demo.url}/map")
    expect(page.locator("#still svg")).to_be_visible()
    page.click("#move")
    page.wait_for_selector("#open-map[data-ready=yes]", timeout=60_000)
    expect(page.locator("#still")).not_to_be_visible()


def test_the_pin_moves_by_map_and_by_button(demo: Demo, new_page) -> None:
    page = new_page(lang="en")
    page.goto(f"{demo.url}/en/report/all")
    page.wait_for_selector("#pin-map[data-ready=yes]", timeout=60_000)
    page.locator("#pin-map canvas").click(position={"x": 300, "y": 150})
    west = float(page.input_value("input[name=lon]"))
    page.click("[data-nudge=e]")
    assert float(page.input_value("input[name=lon]")) > west


@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("width", [320, 1440])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/report",
        "/report/all",
        "/map",
        "/help",
        "/privacy",
        "/track",
        "/login",
        "/desk",
        "/wall",
        "/nowhere",
    ],
)
def test_no_page_overflows_sideways(demo: Demo, new_page, path: str, width: int, lang: str) -> None:
    page = new_page("dispatcher" if path in ("/desk", "/wall") else "", lang=lang, width=width)
    page.goto(demo.url + path)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.locator("html").get_attribute("lang") == ("zh-CN" if lang == "zh" else "en")


def test_a_refused_report_keeps_what_was_written(demo: Demo, new_page) -> None:
    page = new_page(scripts=False)
    page.goto(f"{demo.url}/report/all")
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
