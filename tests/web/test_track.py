"""Following a report by its code, through HTTP: receipt, next step, the reporter's say."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from fastapi.testclient import TestClient

from tests.cast import ADA, CHENG, DING, HANA
from tests.factories import KEY, NOW, draft, same_random
from tests.web.hub import app_on, hub_on
from zhongshu.core.cases import Act, Outcome
from zhongshu.core.facts import By
from zhongshu.core.intake import shown_code
from zhongshu.flow import acts
from zhongshu.flow.acts import Form
from zhongshu.flow.city import load
from zhongshu.flow.intake import Receipt, receive
from zhongshu.store.db import Database

HTML = {"accept": "text/html", "accept-language": "zh"}
CLOSED = (
    (Act.DISPATCH, DING, Form()), (Act.ACCEPT, HANA, Form()),
    (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)), (Act.PASS, CHENG, Form()),
    (Act.CLOSE, ADA, Form()),
)  # fmt: skip


@pytest.fixture
def client(db: Database) -> Iterator[TestClient]:
    with TestClient(app_on(hub_on(db)), headers=HTML) as made:
        yield made


@pytest.fixture
def receipt(db: Database) -> Receipt:
    with db.transaction() as tx:
        one = draft(contact="13912345678")
        (made,) = receive(tx, load(tx), [one], now=NOW, random=same_random(), key=KEY)
    assert isinstance(made, Receipt)
    return made


def done(db: Database, receipt: Receipt, *steps: tuple[Act, By, Form]) -> None:
    """Let staff do acts on the case of a receipt."""
    with db.transaction() as tx:
        city = load(tx)
        for act, by, form in steps:
            acts.act(tx, city, receipt.case, act, by=by, at=NOW, form=form)


def row(db: Database, query: str) -> tuple[object, ...]:
    with db.transaction() as tx:
        found = tx.execute(query).fetchone()  # type: ignore[arg-type]
    assert found is not None
    return found


def test_the_receipt_has_the_code_large_a_qr_code_drawn_here_and_an_entry_for_the_calendar(
    client: TestClient, receipt: Receipt
) -> None:
    page = client.get(f"/t/{receipt.code}?new=1").text
    assert receipt.code is not None
    assert f'id="code">{shown_code(receipt.code)}<' in page
    assert '<svg viewBox="0 0 ' in page.split("<figure>")[1].split("</figure>")[0]
    entry = client.get(f"/t/{receipt.code}/calendar.ics")
    assert entry.headers["content-type"].startswith("text/calendar")
    lines = entry.text.split("\r\n")
    assert f"URL:http://testserver/t/{receipt.code}" in lines
    start = next(line for line in lines if line.startswith("DTSTART:"))
    assert start > f"DTSTART:{NOW:%Y%m%dT%H%M%SZ}"
    assert "<figure>" not in client.get(f"/t/{receipt.code}").text
    assert "<figure>" in client.get(f"/t/{receipt.code}?receipt=1").text


@pytest.mark.parametrize(
    ("path", "words"),
    [("", ("下一步", "派遣给责任单位", "前")), ("/en", ("What comes next", "It is sent to the unit in charge", "By 2026-11-24"))],
)  # fmt: skip
def test_it_says_what_comes_next_and_by_when(
    client: TestClient, receipt: Receipt, path: str, words: tuple[str, ...]
) -> None:
    page = client.get(f"{path}/t/{receipt.code}").text
    card = page.split('class="card next"')[1].split("</section>")[0]
    for word in words:
        assert word in card


def test_what_is_late_is_said_to_be_late_and_who_has_it(
    db: Database, client: TestClient, receipt: Receipt
) -> None:
    done(db, receipt, *CLOSED[:2])
    client.app.state.hub.clock = lambda: NOW + timedelta(days=40)  # type: ignore[attr-defined]
    card = (
        client.get(f"/t/{receipt.code}").text.split('class="card next"')[1].split("</section>")[0]
    )
    assert "已超时" in card
    assert "路灯处" in card


def test_why_it_was_not_accepted_stands_on_top_in_words(
    db: Database, client: TestClient, receipt: Receipt
) -> None:
    done(db, receipt, (Act.REJECT, ADA, Form(reason="在小区内部，请联系物业")))
    page = client.get(f"/t/{receipt.code}").text
    assert page.index("在小区内部，请联系物业") < page.index("下一步")
    assert "申请重新办理" in page


def test_solved_and_satisfied_are_asked_apart_with_one_press_each(
    db: Database, client: TestClient, receipt: Receipt
) -> None:
    done(db, receipt, *CLOSED)
    page = client.get(f"/t/{receipt.code}").text
    assert page.count("/rate") == 2
    after = client.post(f"/t/{receipt.code}/rate", data={"solved": "no"}).text
    assert row(db, "select solved, satisfied from cases") == (False, None)
    assert "您的回答：否" in after
    assert "<details open" in after  # and what to do about it is opened
    client.post(f"/t/{receipt.code}/rate", data={"satisfied": "2"})
    assert row(db, "select solved, satisfied from cases") == (False, 2)


def test_it_can_be_reopened_within_the_window_and_then_reported_anew(
    db: Database, client: TestClient, receipt: Receipt
) -> None:
    done(db, receipt, *CLOSED)
    assert "2026-12-09" in client.get(f"/t/{receipt.code}").text  # fifteen days
    client.app.state.hub.clock = lambda: NOW + timedelta(days=16)  # type: ignore[attr-defined]
    late = client.get(f"/t/{receipt.code}").text
    assert "/reopen" not in late
    assert "期限已过" in late
    refused = client.post(f"/t/{receipt.code}/reopen", data={"reason": "还是不亮"})
    assert refused.status_code == 409
    client.app.state.hub.clock = lambda: NOW + timedelta(days=15)  # type: ignore[attr-defined]
    client.post(f"/t/{receipt.code}/reopen", data={"reason": "还是不亮"})
    assert row(db, "select stage from cases") == ("filed",)


def test_the_contact_is_erased_by_the_code_alone_and_the_report_goes_on(
    db: Database, client: TestClient, receipt: Receipt
) -> None:
    assert "立即删除我的联系方式" in client.get(f"/t/{receipt.code}").text
    page = client.post(f"/t/{receipt.code}/erase").text
    assert "已删除" in page
    assert "立即删除我的联系方式" not in page
    assert row(db, "select ciphertext, nonce, masked from contacts") == (None, None, "")
    again = client.post(f"/t/{receipt.code}/erase")
    assert again.status_code == 200
    assert row(db, "select count(*) from facts where kind = 'contact:erased'") == (1,)
    assert row(db, "select stage from cases") == ("filed",)


def test_every_form_of_the_english_page_stays_english(
    db: Database, client: TestClient, receipt: Receipt
) -> None:
    done(db, receipt, *CLOSED)
    page = client.get(f"/en/t/{receipt.code}").text
    forms = re.findall(r'<form[^>]*action="([^"]+)"', page)
    own = [f for f in forms if "/t/" in f]
    assert len(own) == 4
    assert all(f.startswith("/en/") for f in own)
    assert not re.search(r"[\u4e00-\u9fff]", page.split("<main")[1].split("What you reported")[0])
