"""The scenario book, played through the API."""

from __future__ import annotations

import pytest

from tests.scenarios.book import Scenario, scenarios
from tests.scenarios.stage import Stage
from zhongshu.store.db import Database

BOOK = scenarios()


@pytest.mark.parametrize("scenario", BOOK, ids=lambda s: s.name)
def test_scenario(db: Database, scenario: Scenario) -> None:
    Stage(db).play(scenario)


def test_the_book_has_thirty_scenarios_and_ten_of_them_go_through_the_pages() -> None:
    assert len(BOOK) >= 30
    assert len({s.name for s in BOOK}) == len(BOOK)
    assert sum(s.pages for s in BOOK) >= 10
