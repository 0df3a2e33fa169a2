"""The live screen in a real Chromium: played back, cut off, without WebGL, and not too heavy."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, Response, expect

from tests.browser.chromium import CHROMIUM, PATIENCE_MS
from tests.browser.wire import Wire
from tests.demo_server import Demo

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]
FLAGS = ["--no-sandbox", "--disable-background-networking", "--disable-component-update", "--disable-sync"]  # fmt: skip
DRAWS = ["--use-gl=angle", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
#: What the first look at the screen may weigh, as a server in front of the hub sends it.
MOST_BYTES = 900_000


@pytest.fixture(scope="module")
def browsers(playwright: Playwright) -> Iterator[dict[str, Browser]]:
    made = {
        name: playwright.chromium.launch(executable_path=CHROMIUM, args=[*FLAGS, *more])
        for name, more in (
            ("draws", DRAWS), ("bare", ["--disable-gpu", "--disable-software-rasterizer"]),
        )
    }  # fmt: skip
    yield made
    for each in made.values():
        each.close()


@pytest.fixture
def signed_in(browsers: dict[str, Browser], demo: Demo, new_page) -> Callable[..., Page]:
    """Return a maker of small pages signed in as the supervisor, by the browser of a name."""

    def make(browser: str = "draws", *, url: str = demo.url, lang: str = "en") -> Page:
        return new_page(
            "supervisor", lang=lang, width=760, height=480, url=url, by=browsers[browser]
        )

    return make


def weight(answers: list[Response], url: str) -> dict[str, int]:
    """What each answer weighs, packed; not the cases, which grow with the city."""
    paths = {answer.url.removeprefix(url): answer for answer in answers if answer.status == 200}
    apart = ("/events", "/api/v1/map/cases", "/photos", "/login", "/desk")
    return {
        path: len(gzip.compress(answer.body(), 6))
        for path, answer in paths.items() if not path.startswith(apart)
    }  # fmt: skip


def test_playback_moves_map_and_tiles_and_the_address_keeps_the_moment(
    demo: Demo, signed_in
) -> None:
    page = signed_in()
    answers: list[Response] = []
    page.on("response", lambda answer: answers.append(answer))  # noqa: PLW0108 — it hangs itself on a function
    page.goto(f"{demo.url}/wall?map=gl")
    page.wait_for_selector("#city-map[data-drawn=map]")
    weights = weight(answers, demo.url)
    assert any("maplibre-gl-worker" in path for path in weights)
    assert any("/map/tiles/demo/" in path for path in weights)
    assert sum(weights.values()) <= MOST_BYTES, sorted(weights.items(), key=lambda w: -w[1])[:8]
    page.locator("#slider").focus()
    page.keyboard.press("Home")
    expect(page.locator(".asof")).to_contain_text("Playback")
    expect(page.locator("#held")).to_contain_text("cases loaded")
    first = page.inner_text("#moment")
    page.keyboard.press("PageUp")
    expect(page.locator("#moment")).not_to_have_text(first)
    page.click("#speeds [value='256']")
    page.click("#play")
    expect(page.locator("#play")).to_have_attribute("aria-pressed", "true")
    # It reaches the end; a processor that draws alone needs its time.
    expect(page.locator("#play")).to_have_attribute("aria-pressed", "false", timeout=PATIENCE_MS)
    moment = page.inner_text("#moment").replace(",", "")
    expect(page.locator(".asof")).to_contain_text(moment)
    assert "speed=256" in page.url
    assert "at=" in page.url
    other = signed_in()  # a link shows another person the same
    other.goto(page.url.replace("map=gl", "map=plan"))
    expect(other.locator(".asof")).to_contain_text(moment)
    page.click("#now")
    expect(page.locator(".asof")).not_to_contain_text("Playback")
    assert "at=" not in page.url


def test_numbers_that_may_be_old_are_grey_and_say_since_when(demo: Demo, signed_in) -> None:
    with Wire(int(demo.url.rpartition(":")[2])) as wire:
        page = signed_in(url=f"http://127.0.0.1:{wire.port}")
        page.clock.install()
        page.goto(f"http://127.0.0.1:{wire.port}/wall?map=plan")
        page.clock.run_for(2000)
        expect(page.locator("#live")).to_have_attribute("data-state", "on")
        expect(page.locator("#wall")).not_to_have_class(re.compile("stale"))
        wire.dead = True
        page.clock.run_for(3000)
        page.evaluate("dispatchEvent(new Event('offline'))")
        # The stream gives no sign: not at once, but before numbers could be taken for live.
        page.clock.fast_forward(41_000)
        expect(page.locator("#live")).to_have_text("Connecting again")
        expect(page.locator("#wall")).to_have_class(re.compile("stale"))
        page.clock.fast_forward(30_000)
        expect(page.locator("#live")).to_have_text(re.compile(r"Stopped at \d\d:\d\d$"))
        assert float(page.locator(".tile strong").first.evaluate("e => getComputedStyle(e).opacity")) < 1  # fmt: skip
        wire.dead = False
        page.clock.run_for(20_000)
        expect(page.locator("#live")).to_have_text(re.compile("Live"))
        expect(page.locator("#wall")).not_to_have_class(re.compile("stale"))


def test_tabs_share_one_stream_and_the_next_takes_it_on(demo: Demo, signed_in) -> None:
    desk = signed_in()  # its bell holds the stream
    with desk.expect_request("**/events*"):
        desk.reload()
    wall, asked = desk.context.new_page(), []
    wall.on("request", lambda r: asked.append(r.url) if "/events" in r.url else None)
    wall.goto(f"{demo.url}/wall?map=plan")
    expect(wall.locator("#live")).to_have_attribute("data-state", "on")
    assert asked == []
    with wall.expect_request("**/events?after=*"):
        desk.close()
    expect(wall.locator("#live")).to_have_attribute("data-state", "on")
    assert len(asked) == 1, asked


def test_without_webgl_a_plan_stands_in_the_maps_place(demo: Demo, signed_in) -> None:
    page = signed_in("bare")
    asked: list[str] = []
    page.on("request", lambda r: asked.append(r.url))
    page.goto(f"{demo.url}/wall")
    page.wait_for_selector("#city-map[data-drawn=plan]")
    assert not [url for url in asked if "maplibre-gl.mjs" in url], "nothing is loaded in vain"
    shapes = page.locator(".wallplan a")
    assert shapes.count() > 10
    expect(page.locator(".nomap")).to_be_visible()
    old = page.locator(".wallplan").element_handle()
    page.locator("#slider").focus()
    page.keyboard.press("Home")  # the past has another plan
    expect(page.locator(".asof")).to_contain_text("Playback")
    assert old is not None
    assert not old.evaluate("e => e.isConnected"), "the plan is renewed with the numbers"
    assert "/wall/cases?at=" in (shapes.first.get_attribute("href") or "")
    page.click("#now")
    expect(page.locator(".asof")).not_to_contain_text("Playback")
    href = shapes.first.get_attribute("href")
    assert href
    assert page.goto(demo.url + href).ok  # type: ignore[union-attr]
    expect(page).to_have_url(re.compile("/desk"))


def test_a_machine_is_told_what_it_lacks(demo: Demo, signed_in) -> None:
    page = signed_in("bare")
    page.goto(f"{demo.url}/diag")
    page.wait_for_selector("body[data-measured=yes]")
    assert page.locator("tr[data-result]").count() == 9
    expect(page.locator("[data-check=webgl]")).to_contain_text("hardware acceleration")
    expect(page.locator("[data-check=clock]")).to_contain_text("agrees")
    page.goto(f"{demo.url}/wall?kiosk=1&presets=everyday,storm&every=5")
    expect(page.locator(".top nav")).not_to_be_visible()
    expect(page.locator("#live")).to_be_visible()
    expect(page.locator(".preset")).to_contain_text("Storm", timeout=30_000)
