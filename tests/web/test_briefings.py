"""Briefings through HTTP: sentences whose numbers open their cases, authors' words, frozen, on paper."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import psycopg
import pytest
from starlette.testclient import TestClient

from tests.factories import NOW
from tests.web.hub import key_for
from tests.web.test_mirror import WEEK, got
from tests.web.test_snapshots import EN, a_week, of_north, reopened
from zhongshu.core.briefing import (
    Number,
    Section,
    Sentence,
    address,
    before,
    more_or_less,
    pieces,
    plain,
)
from zhongshu.core.campaigns import Campaign, CampaignState
from zhongshu.core.indicators import Period
from zhongshu.core.values import Name
from zhongshu.flow.sections import TOP
from zhongshu.link import paper
from zhongshu.store import campaigns as campaign_store
from zhongshu.store.db import Database

ZONE = ZoneInfo("Asia/Shanghai")


@pytest.fixture
def client(db: Database) -> Iterator[TestClient]:
    yield from a_week(db)


@pytest.fixture
def made(client: TestClient) -> dict[str, Any]:
    answer = client.post("/api/v1/briefings", json={"start": "2026-11-24", "until": "2026-12-01", "title": "周报"})  # fmt: skip
    assert answer.status_code == 201, answer.text
    return answer.json()


def links(html: str) -> set[tuple[str, str]]:
    found = re.findall(r'href="(/mirror/cases\?[^"]+)">([\d,]+)</a>', html)
    return {(path.replace("&amp;", "&"), n) for path, n in found}


@pytest.mark.parametrize("frozen", [False, True])
def test_every_number_of_a_briefing_opens_as_many_cases(
    client: TestClient,
    db: Database,
    made: dict[str, Any],
    frozen: bool,
) -> None:
    here = f"/brief/{made['number']}"
    if frozen:
        assert client.post(f"/api/v1/briefings/{made['number']}/freeze", json={}).status_code == 200
        reopened(db)  # what comes later does not move a number, nor the list behind it
    asked = links(client.get(here, headers=EN).text)
    assert len(asked) > 40
    for path, n in sorted(asked)[:: 3 if frozen else 9]:
        assert client.get(path, headers=EN).text.count("<tr><td>") == int(n.replace(",", "")), path


def test_the_sentences_say_the_figures_of_the_mirror_in_both_languages(
    client: TestClient,
    made: dict[str, Any],
) -> None:
    said = got(client, f"/api/v1/briefings/{made['number']}")["says"]
    figures = {o["code"]: o for o in got(client, f"/api/v1/indicators?{WEEK}")["indicators"]}
    assert [s["code"] for s in said["sections"]] == [s.value for s in Section]
    overview = {s["code"]: s for s in said["sections"]}["overview"]["sentences"]
    n, filed = figures["filing"]["denominator"], figures["filing"]["numerator"]
    assert plain(overview[0], "zh").startswith(
        f"期内接收案件 {n} 件，比上期多 {n}；其中立案 {filed} 件"
    )
    assert plain(overview[0], "en").startswith(
        f"{n} cases were reported, {n} more than in the period before; {filed} of"
    )
    assert f"{figures['closing_in_time']['percent']} %" in plain(overview[2], "zh")
    page = client.get(f"/brief/{made['number']}", headers=EN).text
    assert "cases were reported" in page
    assert "案件" in client.get(f"/brief/{made['number']}").text


def test_an_author_writes_under_his_name_and_nobody_writes_over_another(
    client: TestClient,
    made: dict[str, Any],
) -> None:
    here = f"/api/v1/briefings/{made['number']}"
    first = client.put(
        f"{here}/texts", json={"texts": {"areas": " 北区雨后积水多。 "}, "version": made["version"]}
    )
    assert first.status_code == 200
    stale = client.put(f"{here}/texts", json={"texts": {"areas": "x"}, "version": made["version"]})
    assert (stale.status_code, stale.json()["field"]) == (409, "version")
    text = got(client, here)["says"]["sections"][-1]["text"]
    assert (text["words"], text["by"]) == ("北区雨后积水多。", "Ada")
    form = client.post(f"/brief/{made['number']}/texts", data={"text-areas": "<b>改</b>", "title": "新"}, follow_redirects=False)  # fmt: skip
    assert form.status_code == 303
    page = client.get(f"/brief/{made['number']}").text
    assert "&lt;b&gt;改&lt;/b&gt;" in page
    assert "<b>改</b>" not in page
    assert client.put(f"{here}/texts", json={"texts": {"areas": ""}}).status_code == 200
    assert got(client, here)["says"]["sections"][-1]["text"] is None
    for texts, field in (({"weather": "x"}, "section"), ({"areas": "长" * 4001}, "areas")):
        refused = client.put(f"{here}/texts", json={"texts": texts})
        assert (refused.status_code, refused.json()["field"]) == (422, field)


def test_a_frozen_briefing_has_its_hash_and_its_snapshot_and_never_changes(
    client: TestClient,
    db: Database,
    made: dict[str, Any],
) -> None:
    here = f"/api/v1/briefings/{made['number']}"
    frozen = client.post(f"{here}/freeze", json={"version": made["version"]}).json()
    text = client.get(f"{here}/document").content
    assert hashlib.sha256(text).hexdigest() == frozen["sha256"]
    said = json.loads(text)
    snapshot = got(client, f"/api/v1/snapshots/{frozen['snapshot']}")
    assert (said["snapshot_sha256"], said["position"]) == (snapshot["sha256"], snapshot["position"])
    before_page = got(client, here)["says"]
    reopened(db)
    assert got(client, here)["says"] == before_page == said
    for answer in (
        client.put(f"{here}/texts", json={"texts": {"areas": "x"}}),
        client.post(f"{here}/freeze", json={}),
    ):
        assert answer.status_code == 409
    for statement in (
        "update briefings set title = 'x'",
        "delete from briefings",
        "truncate briefings",
    ):
        with pytest.raises(psycopg.Error), db.transaction() as tx:
            tx.execute(statement)  # type: ignore[arg-type]
    again = client.post(
        "/api/v1/briefings", json={"start": "2026-11-24", "until": "2026-12-01"}
    ).json()
    other = client.post(f"/api/v1/briefings/{again['number']}/freeze", json={}).json()
    assert other["snapshot"] == frozen["snapshot"]  # a period has one frozen figure
    assert frozen["sha256"][:12] in client.get("/brief").text


def test_print_view_stands_alone_and_says_it_is_a_draft(
    client: TestClient,
    made: dict[str, Any],
) -> None:
    page = client.get(f"/brief/{made['number']}/paper", headers=EN).text
    assert "/static/css/paper.css" in page
    assert "<script" not in page
    assert '<p class="draft">' in page


def test_the_pdf_is_made_of_the_same_page(
    client: TestClient,
    made: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    kept: list[str] = []
    real = paper.pdf
    monkeypatch.setattr(paper, "pdf", lambda html, css: (kept.append(html), real(html, css))[1])
    answer = client.get(f"/brief/{made['number']}/pdf")
    if answer.status_code == 503:
        assert "apt install" in answer.json()["remedy"]
        pytest.skip("this machine has no Pango: the PDF says what to install")
    assert answer.content.startswith(b"%PDF-")
    assert len(answer.content) > 20_000
    assert 'href="http://testserver/mirror/cases?' in kept[0]
    assert "期内接收案件" in kept[0]


def test_a_machine_without_pango_is_told_what_to_install(
    client: TestClient,
    made: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def missing() -> Any:
        raise paper.NoPaper("pdf", "libpango-1.0-0")

    monkeypatch.setattr(paper, "_weasyprint", missing)
    answer = client.get(f"/brief/{made['number']}/pdf", headers=EN)
    assert answer.status_code == 503
    assert "libpango-1.0-0" in answer.text
    assert "apt install" in answer.text


def test_who_sees_one_area_reads_its_briefings_and_no_others(
    client: TestClient,
    db: Database,
    made: dict[str, Any],
) -> None:
    north = client.post("/api/v1/briefings", json={"start": "2026-11-24", "until": "2026-12-01", "area": "N"}).json()  # fmt: skip
    nora = key_for(db, "nora")
    assert client.get(f"/brief/{made['number']}", headers=nora).status_code == 403
    assert (
        client.get(f"/api/v1/briefings/{made['number']}/document", headers=nora).status_code == 403
    )
    said = client.get(f"/api/v1/briefings/{north['number']}", headers=nora).json()["says"]
    assert said["area"]["code"] == "N"
    assert said["sections"][0]["table"]["rows"][0]["d"] == "6"
    assert [one["number"] for one in client.get("/api/v1/briefings", headers=nora).json()] == [
        north["number"]
    ]
    assert client.post("/api/v1/briefings", json={}, headers=nora).status_code == 403


def test_whoever_supervises_one_area_writes_of_it_and_freezes_nothing_of_the_city(
    client: TestClient,
    db: Database,
    made: dict[str, Any],
) -> None:
    of_north(db)
    client.app.state.hub.machines.clear()  # type: ignore[attr-defined]  # what a key may is known for a second
    week = {"start": "2026-11-24", "until": "2026-12-01"}
    assert client.post("/api/v1/briefings", json=week).status_code == 403
    assert client.post("/api/v1/briefings", json={**week, "area": "S"}).status_code == 403
    city = f"/api/v1/briefings/{made['number']}"
    assert client.put(f"{city}/texts", json={"texts": {"areas": "x"}}).status_code == 403
    assert client.post(f"{city}/freeze", json={}).status_code == 403
    assert "Freeze</button>" not in client.get(f"/brief/{made['number']}", headers=EN).text
    listed = client.get("/brief", headers=EN).text
    assert 'value="N"' in listed
    assert 'value="S"' not in listed
    assert "The whole city</option>" not in listed

    north = client.post("/api/v1/briefings", json={**week, "area": "N"}).json()["number"]
    assert "Freeze</button>" in client.get(f"/brief/{north}", headers=EN).text
    frozen = client.post(f"/api/v1/briefings/{north}/freeze", json={})
    assert (frozen.status_code, frozen.json()["snapshot"]) == (200, None)
    assert got(client, "/api/v1/snapshots") == []
    said = got(client, f"/api/v1/briefings/{north}")["says"]
    reopened(db)
    for path, n in sorted(links(client.get(f"/brief/{north}", headers=EN).text))[::6]:
        assert client.get(path, headers=EN).text.count("<tr><td>") == int(n.replace(",", "")), path
    assert f"up to position {said['position']}" in client.get(f"/brief/{north}", headers=EN).text


def test_campaigns_are_all_counted_and_their_cases_are_of_the_area_and_of_a_moment(
    client: TestClient,
    db: Database,
    made: dict[str, Any],
) -> None:
    with db.transaction() as tx:
        for n in range(TOP + 2):
            one = Campaign(id=0, name=Name(f"行动{n}"), since=NOW - timedelta(days=1), until=NOW + timedelta(days=5), state=CampaignState.RUNNING)  # fmt: skip
            campaign_store.add(tx, one)
    north = client.post("/api/v1/briefings", json={"start": "2026-11-24", "until": "2026-12-01", "area": "N"}).json()  # fmt: skip
    sections = {}
    for where, number in (("", made["number"]), ("N", north["number"])):
        said = got(client, f"/api/v1/briefings/{number}")["says"]["sections"]
        sections[where] = next(s for s in said if s["code"] == "campaigns")
        line = plain(sections[where]["sentences"][0], "en")
        assert line == f"{TOP + 2} campaigns ran in the period; their cases are those of 2026-12-02 10:00."  # fmt: skip
        assert len(sections[where]["table"]["rows"]) == TOP
        row = sections[where]["table"]["rows"][0]
        listed = client.get(row["n_link"].replace("/desk", "/api/v1/cases")).json()
        assert len(listed["cases"]) == int(row["n"]) > 0, where
    assert sections[""]["table"]["rows"][0]["n"] > sections["N"]["table"]["rows"][0]["n"]


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"start": "2027-01-01", "until": "2027-02-01"}, 409, "start"),
        ({"start": "x", "until": "2027-02-01"}, 422, "start"),
        ({"start": "2026-11-24", "until": "2026-11-25", "area": "moon"}, 422, "area"),
        ({"start": "2026-11-24", "until": "2026-11-25", "title": "长" * 121}, 422, "title"),
    ],
)
def test_what_no_briefing_can_be_made_of_is_refused(
    client: TestClient,
    body: dict[str, str],
    status: int,
    field: str,
) -> None:
    answer = client.post("/api/v1/briefings", json=body)
    assert (answer.status_code, answer.json()["field"]) == (status, field)


# ── the words ────────────────────────────────────────────────────────────────────────


def test_the_period_before_a_month_is_the_month_before_and_else_equally_long() -> None:
    march = Period(start=datetime(2026, 3, 1, tzinfo=ZONE), until=datetime(2026, 4, 1, tzinfo=ZONE))
    assert before(march) == Period(start=datetime(2026, 2, 1, tzinfo=ZONE), until=march.start)
    week = Period(start=march.start, until=march.start + timedelta(days=7))
    assert before(week) == Period(start=march.start - timedelta(days=7), until=march.start)


def test_a_sentence_without_its_numbers_cannot_be_made_and_its_pieces_are_its_text() -> None:
    with pytest.raises(ValueError, match="nothing fills"):
        Sentence(said=Name("共 {n} 件", "{n} in all"), numbers={})
    made = Sentence(
        said=Name("共 {n} 件", "{n} in all"), numbers={"n": Number(text="3", link="/x")}
    ).record()
    assert list(pieces(made, "zh")) == [("共 ", ""), ("3", "/x"), (" 件", "")]
    assert plain(made, "en") == "3 in all"


@pytest.mark.parametrize(
    ("now", "then", "zh", "by"),
    [(5, 5, "与上期持平", ""), (6, 4, "比上期多 {by}", "2 (50.0 %)"), (1, 4, "比上期少 {by}", "3 (75.0 %)"), (3, 0, "比上期多 {by}", "3")],
)  # fmt: skip
def test_a_change_says_its_direction(now: int, then: int, zh: str, by: str) -> None:
    name, part = more_or_less(now, then)
    assert (name.zh, part) == (zh, by)


def test_an_address_carries_whatever_stands_in_its_words() -> None:
    words = {"from": "2026-11-24T00:00:00+08:00", "area": "北 &=%?#", "upto": "12-3"}
    page, _, query = address("/mirror/cases", words).partition("?")
    assert page == "/mirror/cases"
    assert dict(parse_qsl(query, strict_parsing=True)) == words
