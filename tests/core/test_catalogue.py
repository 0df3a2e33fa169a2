"""The catalogue: searched by words, and its words for danger."""

from __future__ import annotations

import pytest

from tests.factories import default_catalogue
from zhongshu.core.catalogue import DOOR_GROUPS, Layer, danger_in

CATALOGUE = default_catalogue()


def test_the_default_catalogue_is_whole() -> None:
    assert len(CATALOGUE.categories) == 112
    for category in CATALOGUE.categories:
        assert category.name.zh
        assert category.name.en
        assert category.keywords
        assert not category.condition(hazard=False).hazard
    assert {c.layer for c in CATALOGUE.categories} == set(Layer)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("小区门口路灯不亮", "C-01-37"), ("Streetlights out on the corner", "C-01-37"),
        ("There is a big pothole on Main Street", "E-01-13"), ("路面有坑", "E-01-13"),
        ("家里暖气不热才14度", "S-07-01"), ("no heat since Friday", "S-07-01"),
        ("井盖丢了", "C-01-23"), ("污水井盖破了", "C-01-02"), ("垃圾桶满了没人收", "E-01-92"),
        ("解放路下穿隧道积水了", "E-05-P2"), ("大树倒了压到车", "E-05-P1"),
        ("夜间施工太吵", "E-03-01"), ("电梯困人", "S-07-07"), ("共享单车堆满了", "E-04-93"),
    ],
)  # fmt: skip
def test_the_words_of_a_resident_find_the_category(text: str, code: str) -> None:
    assert CATALOGUE.guess(text)[0].category.code == code


@pytest.mark.parametrize("text", ["", "你好", "spotholed streetlightning", "something else"])
def test_words_inside_other_words_do_not_count(text: str) -> None:
    assert CATALOGUE.guess(text) == ()


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("闻到煤气味", "119"), ("smell gas in the hall", "119"), ("电梯困人了", "119"),
        ("有人受伤", "120"), ("路面塌陷", "119"),
    ],
)  # fmt: skip
def test_danger_is_named_with_whom_to_call(text: str, first: str) -> None:
    danger = danger_in(text)
    assert danger is not None
    assert danger.call[0] == first


def test_no_danger_is_seen_where_none_is() -> None:
    assert danger_in("路灯不亮") is None


def test_the_door_offers_only_categories_there_are() -> None:
    assert 6 <= len(DOOR_GROUPS) <= 9
    assert all(CATALOGUE.by_code(code) for group in DOOR_GROUPS for code in group.codes)
