"""Scenarios of the book through the pages: people sign in, open the case, press its buttons.

The browser's requests are answered by the application itself in this process, so that the
scenario's clock is the hub's; checks between the steps ask the API.
"""

from __future__ import annotations

import shutil
from typing import Any
from urllib.parse import urlsplit

import pytest
from httpx2 import Cookies
from playwright.sync_api import Browser, Locator, Page, Route

from tests.browser.chromium import PATIENCE_MS
from tests.scenarios.book import Scenario, Step, scenarios
from tests.scenarios.stage import Stage
from zhongshu.flow.signin import hashed_password
from zhongshu.store.db import Database

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(shutil.which("chromium") is None, reason="no Chromium here"),
]
BOOK = [scenario for scenario in scenarios() if scenario.pages]
SITE = "http://hub.test"


class Pages(Stage):
    """A stage on which everybody works through pages."""

    def __init__(self, db: Database, browser: Browser) -> None:
        super().__init__(db)
        self.browser = browser
        self.people: dict[str, Page] = {}
        #: What tells people apart who share one application.
        self.cookies: dict[str, Cookies] = {}
        self.status = 0
        with db.transaction() as tx:
            tx.execute(
                "update accounts set password_hash = %s",
                (hashed_password("open sesame, long enough"),),
            )

    def page(self, who: str) -> Page:
        """Return somebody's page, with cookies of its own."""
        if who not in self.people:
            page = self.browser.new_context(locale="zh-CN").new_page()
            page.set_default_timeout(PATIENCE_MS)
            page.route("**/*", lambda route: self.answer(who, route))
            self.people[who] = page
        return self.people[who]

    def open(self, who: str, path: str) -> Page:
        """Open a page, signing in where the session is none or over."""
        page = self.page(who)
        page.goto(f"{SITE}{path}")
        if page.locator("#password").count():
            page.fill("#login", who)
            page.fill("#password", "open sesame, long enough")
            page.click("main button")
            page.goto(f"{SITE}{path}")
        return page

    def answer(self, who: str, route: Route) -> None:
        """Answer a request of somebody's browser by the application."""
        asked = route.request
        where = urlsplit(asked.url)
        if where.path == "/events":
            route.fulfill(status=204)
            return
        kept = ("content-type", "accept", "accept-language", "origin", "sec-fetch-site")
        self.client.cookies = self.cookies.get(who, Cookies())
        said = self.client.request(
            asked.method, asked.url, content=asked.post_data_buffer,
            headers={k: v for k, v in asked.headers.items() if k in kept}, follow_redirects=True,
        )  # fmt: skip
        self.cookies[who] = self.client.cookies
        if asked.method == "POST":
            self.status = said.status_code
        headers = {k: v for k, v in said.headers.items() if k == "content-type"}
        route.fulfill(status=said.status_code, headers=headers, body=said.content)

    def post(self, step: Step, path: str, body: dict[str, Any]) -> int:
        page = self.open(step.who, f"/cases/{self.numbers[step.case]}")
        form = page.locator(f'form[action$="/cases/{self.numbers[step.case]}/{path}"]').last
        if form.count() == 0:
            return int(step.then.get("refused", "404"))  # no button: the page refuses before
        self.unfold(form)
        for name, value in body.items():
            self.fill(form, name, str(value))
        form.locator("button").last.click()
        page.wait_for_load_state()
        return self.status

    @staticmethod
    def unfold(form: Locator) -> None:
        """Open what the form is folded into, and what is folded into it."""
        form.evaluate(
            "f => { for (let e = f; e; e = e.parentElement) if (e.tagName === 'DETAILS') e.open = true;"
            " for (const d of f.querySelectorAll('details')) d.open = true }"
        )

    @staticmethod
    def fill(form: Locator, name: str, value: str) -> None:
        field = form.locator(f'[name="{name}"]').last
        if field.evaluate("e => e.tagName") == "SELECT":
            field.select_option(value)
        elif field.get_attribute("type") != "hidden":
            field.fill(value)

    def close(self) -> None:
        for page in self.people.values():
            page.context.close()


@pytest.mark.parametrize("scenario", BOOK, ids=lambda s: s.name)
def test_scenario_through_the_pages(db: Database, browser: Browser, scenario: Scenario) -> None:
    stage = Pages(db, browser)
    try:
        stage.play(scenario)
    finally:
        stage.close()
