"""A report begun: which question comes next, and how it travels sealed."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.factories import KEY, NOW
from zhongshu.core.begun import (
    FOR,
    MOST_LETTERS,
    MOST_TEXT,
    Begun,
    Step,
    TooMuch,
    after,
    begin,
    open_again,
    shut,
)

NONCE = bytes(12)
NEW = begin(random=bytes(range(12)), now=NOW)
letters = st.text(max_size=40)


@given(text=letters, address=letters, contact=letters, called=st.booleans())
def test_what_was_said_comes_back_as_it_was(
    text: str, address: str, contact: str, called: bool
) -> None:
    said = replace(NEW, text=text, address=address, contact=contact, called=called)
    assert open_again(shut(said, key=KEY, nonce=NONCE), key=KEY, now=NOW) == said


def test_what_a_browser_holds_can_be_read_by_nobody_else() -> None:
    sealed = shut(replace(NEW, text="门牌", contact="13912345678"), key=KEY, nonce=NONCE)
    assert "139" not in sealed
    assert open_again(sealed, key=KEY[::-1], now=NOW) is None
    for at in (0, len(sealed) // 2, len(sealed) - 3):
        other = "A" if sealed[at] != "A" else "B"
        assert open_again(sealed[:at] + other + sealed[at + 1 :], key=KEY, now=NOW) is None
    for nonsense in ("", "x", "é" * 40, "A" * (MOST_LETTERS + 1)):
        assert open_again(nonsense, key=KEY, now=NOW) is None


def test_after_an_hour_it_is_gone() -> None:
    sealed = shut(NEW, key=KEY, nonce=NONCE)
    assert open_again(sealed, key=KEY, now=NOW + FOR - timedelta(seconds=1)) == NEW
    assert open_again(sealed, key=KEY, now=NOW + FOR) is None


def test_the_longest_words_fit_and_longer_ones_are_refused_aloud() -> None:
    common = (
        "的一是不了在人有我他这中大来上个国和地到说时要就出会可也你对生能而子那得于着下自之年过"
    )
    # Letters in an order that repeats nowhere: no packing makes them short.
    words = "".join(common[(i * i + 7 * i) % len(common)] for i in range(MOST_TEXT))
    full = replace(NEW, text=words, address="湖滨路八号门前公交站旁" * 4, contact="a" * 60)
    assert len(shut(full, key=KEY, nonce=NONCE)) <= MOST_LETTERS
    rare = "".join(chr(0x4E00 + i * 7919 % 20000) for i in range(3000))
    with pytest.raises(TooMuch):
        shut(replace(NEW, text=rare), key=KEY, nonce=NONCE)


def test_every_state_leads_through_all_open_questions_to_the_check() -> None:
    groups, texts, places = ("", "light", "danger"), ("", "路灯不亮", "闻到燃气味"), ("", "湖边")
    for group, text, address, joins, asked, called in product(
        groups, texts, places, ("", "own", "261124-1"), (False, True), (False, True)
    ):
        said = replace(
            NEW, group=group, text=text, address=address, joins=joins, asked=asked, called=called
        )
        for step in Step:
            following = after(step, said)
            if said.urgent:
                assert following is Step.CALL
            elif following is Step.CHECK:
                assert said.open_steps() == ()
            elif following is not Step.KNOWN:
                assert following is said.open_steps()[0]
        # Nobody comes to the end past a question that is open.
        assert said.may_be_at(Step.CHECK) is (said.open_steps() or (Step.CHECK,))[0]


def test_danger_is_said_once_and_before_everything_else() -> None:
    for said in (replace(NEW, group="danger"), replace(NEW, group="light", text="着火了")):
        assert after(Step.WHAT, said) is Step.CALL
        assert after(Step.CALL, replace(said, called=True)) is not Step.CALL
    assert after(Step.WHAT, replace(NEW, group="light")) is Step.WHERE


def test_who_follows_a_known_matter_need_not_say_it_again() -> None:
    said = replace(NEW, group="light", address="湖边", joins="261124-1")
    assert after(Step.KNOWN, said) is Step.CHECK
    assert after(Step.KNOWN, replace(said, joins="own")) is Step.WORDS
    assert Begun(key=NEW.key, at=NEW.at).open_steps()[0] is Step.WHAT
