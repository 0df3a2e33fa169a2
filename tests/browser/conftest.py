"""One browser and one demo for all browser tests of a worker."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Playwright, expect, sync_playwright

from tests.browser.chromium import CHROMIUM, FLAGS, PATIENCE_MS
from tests.demo_server import Demo, running

expect.set_options(timeout=30_000)


@pytest.fixture(scope="package")
def demo() -> Iterator[Demo]:
    with running() as found:
        yield found


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    """The driver of browsers; a process can have only one."""
    with sync_playwright() as driver:
        yield driver


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    launched = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
    yield launched
    launched.close()


@pytest.fixture
def new_page(browser: Browser, demo: Demo) -> Iterator:
    """Return a maker of pages: each with its own cookies; scripts' errors fail the test."""
    errors: list[str] = []
    contexts = []

    def make(
        who: str = "", *, lang: str = "zh", width: int = 1280, height: int = 900,
        scripts: bool = True, url: str = demo.url, by: Browser = browser,
    ) -> Page:  # fmt: skip
        context = by.new_context(
            viewport={"width": width, "height": height}, java_script_enabled=scripts,
            locale="zh-CN" if lang == "zh" else "en-US", reduced_motion="reduce",
        )  # fmt: skip
        contexts.append(context)
        context.add_cookies([{"name": "lang", "value": lang, "url": url}])
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "request",
            lambda r: (
                None
                if r.url.startswith((url, "blob:", "data:"))
                else errors.append(f"asked elsewhere: {r.url}")
            ),
        )
        if who:
            page.goto(f"{url}/login")
            page.fill("#login", who)
            page.fill("#password", demo.password)
            page.click("main button")
            expect(page).to_have_url(re.compile("/desk"))
        return page

    yield make
    for context in contexts:
        context.close()
    assert errors == []
