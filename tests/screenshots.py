"""`make screenshots`: the pictures of the README, of the demo as a newcomer starts it."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.chromium import FLAGS
from tests.demo_server import Demo, running

IMAGES = Path(__file__).parents[1] / "docs/images"
#: face: (path in Chinese, in English, who, width, height)
FACES = {
    "screen": ("/wall?map=gl", "/wall?map=gl", "supervisor", 1920, 1080),
    "desk": ("/desk?stage=filed", "/desk?stage=filed", "dispatcher", 1440, 900),
    "field": ("/m", "/m", "handler", 390, 844),
    "door": ("/", "/en", "", 390, 844),
    "mirror": ("/mirror", "/mirror", "supervisor", 1440, 900),
    "workshop": ("/workshop/rules", "/workshop/rules", "admin", 1440, 900),
}


def main() -> None:
    IMAGES.mkdir(parents=True, exist_ok=True)
    with running() as demo, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=FLAGS)
        for face, (zh, en, who, width, height) in FACES.items():
            for lang, path in (("zh", zh), ("en", en)):
                page = _page(browser, demo, who, lang, width, height)
                page.goto(demo.url + path)
                _settle(page, path)
                image = Image.open(io.BytesIO(page.screenshot()))
                image.save(IMAGES / f"{face}-{lang}.webp", quality=82, method=6)
                print(IMAGES / f"{face}-{lang}.webp")
                page.context.close()
        browser.close()


def _page(browser: Browser, demo: Demo, who: str, lang: str, width: int, height: int) -> Page:
    context = browser.new_context(viewport={"width": width, "height": height})
    context.add_cookies([{"name": "lang", "value": lang, "url": demo.url}])
    page = context.new_page()
    if who:
        page.goto(f"{demo.url}/login")
        page.fill("#login", who)
        page.fill("#password", demo.password)
        page.click("main button")
    return page


def _settle(page: Page, path: str) -> None:
    """Wait until the map is drawn, something has happened, or a case is open."""
    if path.startswith("/wall"):
        page.wait_for_selector("#city-map[data-ready=yes]", timeout=60_000)
        page.wait_for_timeout(12_000)
    elif path == "/report":
        page.wait_for_selector("#pin-map[data-ready=yes]", timeout=60_000)
        page.wait_for_timeout(2_000)
    elif path.startswith("/desk"):
        page.locator("[data-row]").first.click()
        page.wait_for_selector("#pane h1")
        page.wait_for_timeout(500)


if __name__ == "__main__":
    main()
