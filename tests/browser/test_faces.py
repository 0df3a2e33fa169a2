"""Every page, as axe sees it: WCAG 2.2 AA in both themes, with what a demo city puts on it."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page

from tests.browser.chromium import CHROMIUM
from tests.demo_server import Demo
from tests.shape.test_routes import guards, walk
from tests.web.hub import app_on
from zhongshu.core.access import ALLOWS, Permission
from zhongshu.demo.people import SIGN_INS

pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here"),
]
AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
LEVEL = {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]}
#: What a theme changes.
COLOURS = {"type": "rule", "values": ["color-contrast", "link-in-text-block"]}
#: Who looks at what: whose face it is, else the first of them who may.
WHO = ("", "dispatcher", "supervisor", "gridlead", "admin")
FACES = {
    "supervisor": re.compile(r"^/(wall|mirror|brief|campaigns)\b"),
    "admin": re.compile(r"^/workshop\b"),
}
#: No page of its own: a part of one, a file, the stream.
NO_PAGE = re.compile(
    r"^/(api|events|photos)|\.(csv|js|png|svg|webmanifest|atom|xlsx|pdf|json|bin|ics)$"
)
#: At least so many pages somebody finds by following links; one without its data is not found.
LEAST = {"": 12, "dispatcher": 10, "supervisor": 10, "gridlead": 2, "admin": 20}


def pages_of(who: str) -> list[str]:
    """Return the paths of the pages that somebody is the first to be allowed."""

    def may(one: str, needed: Permission) -> bool:
        return needed is Permission.PUBLIC or (
            bool(one) and needed in ALLOWS[SIGN_INS[one][2]]
        )  # fmt: skip

    found: list[str] = []
    for path, route in walk(app_on(None)):  # type: ignore[arg-type] # only its routes are read
        if "GET" not in (route.methods or ()) or NO_PAGE.search(path) or not guards(route):
            continue
        needed = guards(route)[0].permission
        able = [one for one in WHO if may(one, needed)]
        theirs = [one for one in able if one in FACES and FACES[one].search(path)]
        if (theirs or able)[0] == who:
            found.append(path)
    return found


def pattern(path: str) -> re.Pattern[str]:
    return re.compile("^" + re.sub(r"\{\w+(:\w+)?\}", "[^/]+", path) + "$")


def violations(page: Page) -> list[str]:
    """Return what axe has against a page as it stands, in light and in dark."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found: list[str] = []
    for theme, rules in (("light", LEVEL), ("dark", COLOURS)):
        page.emulate_media(color_scheme=theme, reduced_motion="reduce")  # type: ignore[arg-type]
        said = page.evaluate(
            "async runOnly => (await axe.run(document, {runOnly,"
            " resultTypes: ['violations']})).violations"
            ".map(v => [v.id, v.nodes.length, v.nodes[0].target.join(' '), v.nodes[0].failureSummary])",
            rules,
        )
        found += [f"{theme}: {id_} ×{n} {where}: {why}" for id_, n, where, why in said]
    return found


@pytest.mark.parametrize("who", WHO)
def test_axe_has_nothing_against_a_page_that_links_lead_to(demo: Demo, new_page, who: str) -> None:
    page: Page = new_page(who, width=1280)
    wanted = {path: pattern(path) for path in pages_of(who)}
    waiting = [path for path in wanted if "{" not in path]
    links: set[str] = set()
    if not who:  # a report's own page is found by its code alone
        # Away from where other tests report: theirs must not find it known already.
        place = {"lon": "113.6401", "lat": "34.7511"}
        form = {"text": "行道树断枝", "token": "axe", "joins": "own", **place}
        filed = page.request.post(f"{demo.url}/report", form=form, max_redirects=0)
        links.add(filed.headers["location"])
    against: dict[str, list[str]] = {}
    looked_at: set[str] = set()
    while waiting:
        path = waiting.pop(0)
        answer = page.goto(demo.url + path, wait_until="load")
        assert answer is not None
        done = [route for route, like in wanted.items() if like.match(urlsplit(path).path)]
        for route in done:
            del wanted[route]
        if not page.locator("html[lang]").count() or answer.status != 200:
            continue  # a part of a page
        looked_at.add(path)
        links |= set(
            page.eval_on_selector_all("a[href^='/']", "all => all.map(a => a.getAttribute('href'))")
        )
        if found := violations(page):
            against[path] = found
        if not waiting:  # what has a name in its path is found by following a link to one
            for like in wanted.values():
                link = next((at for at in sorted(links) if like.match(urlsplit(at).path)), None)
                if link is not None:
                    waiting.append(link)
                    break
    assert not against, "\n".join(
        f"{path}: {said}" for path, all_ in against.items() for said in all_
    )
    assert len(looked_at) >= LEAST[who], looked_at
