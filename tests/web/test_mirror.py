"""The mirror through HTTP: every number opens exactly its cases, nothing is ranked, lots are public."""

from __future__ import annotations

import csv
import hashlib
import hmac
import io
import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.cast import ADA, CHENG, DING, HANA
from tests.factories import KEY, NOW, draft, same_random
from tests.flow.test_intake import sent, through
from tests.web.hub import app_on, key_for
from zhongshu import jobs
from zhongshu.core.cases import Act, Outcome
from zhongshu.core.facts import A_REPORTER
from zhongshu.core.indicators import INDICATORS
from zhongshu.flow import lottery, setup
from zhongshu.flow.acts import Form, act
from zhongshu.flow.city import City, load
from zhongshu.store import cases
from zhongshu.store.db import Database, Tx
from zhongshu.web.hub import Hub

DAY = timedelta(days=1)
LATER = NOW + 8 * DAY


def lived(tx: Tx, city: City) -> None:
    """A week: closed with each outcome, reworked, returned, reopened, rated, repeated."""
    dispatch, accept = (Act.DISPATCH, DING, Form()), (Act.ACCEPT, HANA, Form())
    for n, outcome in enumerate(Outcome):
        case = through(
            tx, city, sent(tx, city, draft("路灯不亮", lon=113.002 + 0.004 * n)), dispatch, accept,
            (Act.HANDLE, HANA, Form(outcome=outcome)),
            *([(Act.FAIL, CHENG, Form(reason="没修")), (Act.HANDLE, HANA, Form(outcome=outcome))] if n == 0 else []),
            (Act.PASS, CHENG, Form()), (Act.CLOSE, ADA, Form()),
        )  # fmt: skip
        act(
            tx, city, case.id, Act.RATE, by=A_REPORTER, at=NOW + DAY,
            form=Form(solved=n < 2, satisfied=5 - n),
        )  # fmt: skip
        if n == 1:
            act(tx, city, case.id, Act.REOPEN, by=ADA, at=NOW + 2 * DAY, form=Form(reason="又坏了"))
    returned = sent(tx, city, draft("井盖丢了", lon=113.03, lat=34.01))
    through(
        tx, city, returned, dispatch,
        (Act.RETURN, HANA, Form(reason="不是我们的", clause="第三条", cause="not_ours")), dispatch,
    )  # fmt: skip
    sent(tx, city, draft("路灯又不亮", lon=113.002), now=NOW + 3 * DAY)


@pytest.fixture
def client(db: Database) -> Iterator[TestClient]:
    with db.transaction() as tx:
        setup.choose(tx, "lottery.7", "0.5")
        city = load(tx)
        lottery.promise(tx, city, key=KEY, at=NOW - DAY)
        lived(tx, city)
    jobs.lots(db, lambda: city, KEY, lambda: LATER)
    hub = Hub(db=db, clock=lambda: LATER, random=same_random(), key=KEY)
    with TestClient(app_on(hub)) as made:
        made.headers.update(key_for(db, "ada"))
        yield made


def got(client: TestClient, path: str) -> Any:
    answer = client.get(path)
    assert answer.status_code == 200, answer.text
    return answer.json()


WEEK = "from=2026-11-24&to=2026-12-01"


def test_every_number_of_the_interface_opens_exactly_its_cases(client: TestClient) -> None:
    found = got(client, f"/api/v1/indicators?{WEEK}")
    assert [one["code"] for one in found["indicators"]] == [one.code for one in INDICATORS]
    asked = 0
    rows = [found["indicators"], *(u["indicators"] for u in found["units"]), *(a["indicators"] for a in found["areas"])]  # fmt: skip
    for one in (one for row in rows for one in row):
        numbers = [(one["numerator"], one["cases"]["numerator"]), (one["denominator"], one["cases"]["denominator"])]  # fmt: skip
        numbers += [(out["count"], out["cases"]) for out in one["excluded"]]
        for count, path in numbers:
            assert len(got(client, path)["items"]) == count, path
            asked += 1
    assert asked > 100


def test_with_the_first_wall_gone_the_figures_are_still_of_what_is_in_sight(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    nora = {"Authorization": "Bearer zs_nora"}
    received = f"/api/v1/indicators/filing/cases?{WEEK}&part=denominator"
    with client.app.state.hub.db.transaction() as tx:  # type: ignore[attr-defined]
        tx.execute("update cases set area_code = 0 where id = (select min(id) from cases)")
    key_for(client.app.state.hub.db, "nora")  # type: ignore[attr-defined]
    before = client.get(received, headers=nora).json()["items"]
    monkeypatch.setattr(cases, "_covered", lambda *_: None)
    after = client.get(received, headers=nora).json()["items"]
    every = client.get(received).json()["items"]
    assert [one["case"] for one in after] == [one["case"] for one in before]
    assert len(before) < len(every)


def test_the_figures_are_those_of_the_week(client: TestClient) -> None:
    found = {o["code"]: o for o in got(client, f"/api/v1/indicators?{WEEK}")["indicators"]}
    shares = {code: (o["numerator"], o["denominator"]) for code, o in found.items()}
    assert shares["filing"] == (7, 7)
    assert shares["closing"] == (5, 6)  # the cover waits, and was due
    assert shares["rework"] == (1, 6)
    assert shares["first_time"] == (3, 5)
    assert shares["reopened"] == (1, 5)
    assert shares["return"] == (1, 7)
    assert shares["accurate"] == (6, 7)
    assert shares["repeat"] == (1, 7)
    assert shares["said_solved"] == (2, 5)
    assert shares["said_satisfied"] == (2, 5)
    assert [shares[f"outcome_{o}"] for o in Outcome] == [(1, 5)] * 5
    assert found["rework"]["percent"] == "16.67"
    assert found["said_solved"]["interval"]


def test_the_page_shows_the_same_numbers_as_links_that_open_as_many_rows(
    client: TestClient,
) -> None:
    page = client.get(f"/mirror?{WEEK}", headers={"accept-language": "en"}).text
    links = re.findall(r'href="(/mirror/cases\?[^"]+)">([\d,]+)</a>', page)
    assert len(links) > 60
    for path, n in {(path.replace("&amp;", "&"), n) for path, n in links}:
        rows = client.get(path, headers={"accept-language": "en"}).text.count("<tr><td>")
        assert rows == int(n), path
    for text in ("Solved, say reporters", "Returned, and why", "Rechecks by lot", "16.67 %"):
        assert text in page


@pytest.mark.parametrize("path", ["/mirror", "/mirror/areas", "/mirror/burden"])
def test_pages_of_figures_hand_on_what_was_known_in_links_and_forms(
    client: TestClient, path: str
) -> None:
    asked = f"{path}?{WEEK}&known=2026-11-30&category=E-01-01&upto=999999999-1"
    page = client.get(asked, headers={"accept-language": "en"}).text
    links = re.findall(
        r'href="(/(?:mirror(?:/areas|/cases|/burden|/burden/cases)?|api/[^"?]+)\?[^"]+)"', page
    )
    assert len(links) > 3
    free = [one for one in links if not ("known=" in one and "upto=" in one)]
    assert len(free) == 1, "only the way back to what is known today"
    assert f'{free[0]}">As it is known today' in page
    assert "category=" in free[0]
    for name in ("known", "upto"):
        assert f'type="hidden" name="{name}"' in page
    usual = client.get(f"{path}?{WEEK}", headers={"accept-language": "en"}).text
    assert "As it is known today" not in usual


def test_units_and_areas_stand_by_name_and_are_never_ranked(client: TestClient) -> None:
    page = client.get(f"/mirror?{WEEK}").text
    for word in ("排名", "名次", "第一名", "得分", "rank", "score"):
        assert word not in page.replace("不作排名", "")
    found = got(client, f"/api/v1/indicators?{WEEK}")
    codes = [a["area"] for a in found["areas"] if a["area"]]
    assert codes == sorted(codes)
    names = [u["unit"] for u in found["units"] if u["unit"]]
    assert names == sorted(names, key=["U2", "U1", "U1-1"].index)  # 市, 路: by name


def test_an_area_shows_its_own_parts_and_a_unit_only_its_own(client: TestClient) -> None:
    north = got(client, f"/api/v1/indicators?{WEEK}&area=N")
    assert [a["area"] for a in north["areas"]] == ["N-1", "N-2"]
    assert next(o for o in north["indicators"] if o["code"] == "filing")["denominator"] == 6
    lights = got(client, f"/api/v1/indicators?{WEEK}&unit=U1")
    assert [u["unit"] for u in lights["units"]] == ["U1"]


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("from=2026-12-24", "from"), ("from=2026-11-28&to=2026-11-27", "from"), ("from=soon", "from"),
        ("to=never", "to"), ("area=nowhere", "area"), ("unit=U9", "unit"), ("only=U9", "unit"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_refused_by_name(client: TestClient, query: str, field: str) -> None:
    answer = client.get(f"/api/v1/indicators?{query}")
    assert answer.status_code == 422
    assert answer.json()["field"] == field
    assert answer.json()["remedy"]


@pytest.mark.parametrize(
    ("path", "status", "field"),
    [
        ("closing/cases?part=most", 422, "part"),
        ("closing/cases?part=excluded&reason=bored", 422, "reason"),
        ("closing/cases?after=x", 422, "after"), ("return/cases?cause=x", 422, "cause"),
        ("speed/cases", 404, "indicator"),
    ],
)  # fmt: skip
def test_what_is_not_behind_a_number_is_refused(
    client: TestClient, path: str, status: int, field: str
) -> None:
    answer = client.get(f"/api/v1/indicators/{path}")
    assert (answer.status_code, answer.json()["field"]) == (status, field)


def test_tables_carry_the_same_numbers(client: TestClient) -> None:
    rows = list(csv.DictReader(io.StringIO(client.get(f"/api/v1/indicators.csv?{WEEK}").text[1:])))
    whole = {r["indicator"]: r for r in rows if r["of"] == "whole"}
    assert (whole["rework"]["numerator"], whole["rework"]["percent"]) == ("1", "16.67")
    assert {r["of"] for r in rows} == {"whole", "unit", "district"}
    behind = client.get(f"/api/v1/indicators/closing/cases.csv?{WEEK}&part=denominator").text[1:]
    assert len(list(csv.DictReader(io.StringIO(behind)))) == 6


def test_this_month_is_shown_where_none_is_asked_for(client: TestClient) -> None:
    found = got(client, "/api/v1/indicators")
    assert found["from"].startswith("2026-12-01")
    assert client.get("/mirror").status_code == 200


def test_somebody_of_one_district_sees_its_figures_only(client: TestClient, db: Database) -> None:
    client.headers.update(key_for(db, "nora"))
    found = {o["code"]: o for o in got(client, f"/api/v1/indicators?{WEEK}")["indicators"]}
    assert found["filing"]["denominator"] == 6
    assert client.get(f"/api/v1/indicators/closing/cases.csv?{WEEK}").status_code == 403


def test_lists_of_outcomes_stand_apart(client: TestClient) -> None:
    for outcome in Outcome:
        found = got(client, f"/api/v1/cases?stage=closed&outcome={outcome}&count=true")
        assert found["count"] == (0 if outcome is Outcome.STAGE_RESULT else 1)  # it was reopened
    assert client.get("/api/v1/cases?outcome=done").status_code == 422


# ── the lots, for anybody ────────────────────────────────────────────────────────────


def test_anybody_works_the_draw_out_again_from_what_is_published(db: Database, client: TestClient) -> None:  # fmt: skip
    del client.headers["authorization"]
    listed = got(client, "/api/v1/lotteries")
    drawn = next(one for one in listed if one["seed"] and one["population"])
    whole = got(client, f"/api/v1/lotteries/{drawn['day']}/{drawn['after_days']}")
    seed = bytes.fromhex(whole["seed"])
    assert hashlib.sha256(seed).hexdigest() == whole["commitment"]
    meant = {
        n for n in whole["closed"]
        if int(hmac.new(seed, n.encode(), "sha256").hexdigest()[:16], 16) < float(whole["share"]) * 2**64
    }  # fmt: skip
    assert {c["number"] for c in whole["cases"]} == meant
    assert len(whole["closed"]) == whole["population"] == 5
    assert whole["flaws"] == []
    page = client.get(f"/lotteries/{drawn['day']}/{drawn['after_days']}").text
    assert whole["seed"] in page
    assert "openssl" in page
    assert client.get("/lotteries").status_code == 200


def test_a_seed_is_secret_until_its_draw(client: TestClient) -> None:
    del client.headers["authorization"]
    waiting = next(one for one in got(client, "/api/v1/lotteries") if one["seed"] is None)
    whole = got(client, f"/api/v1/lotteries/{waiting['day']}/{waiting['after_days']}")
    assert (whole["seed"], whole["closed"]) == (None, [])
    assert client.get(f"/lotteries/{waiting['day']}/{waiting['after_days']}").status_code == 200


@pytest.mark.parametrize("path", ["yesterday/7", "2026-11-24/8", "2020-01-01/7"])
def test_a_lottery_that_is_none_is_refused(client: TestClient, path: str) -> None:
    assert client.get(f"/api/v1/lotteries/{path}").status_code in (404, 422)


def test_an_empty_city_has_a_page_and_no_rate(db: Database) -> None:
    hub = Hub(db=db, clock=lambda: NOW, random=same_random(), key=KEY)
    with TestClient(app_on(hub)) as client:
        page = client.get("/mirror", headers={**key_for(db, "ada"), "accept-language": "en"})
        assert page.status_code == 200
        assert "100.00 %" not in page.text
        assert client.get("/mirror").status_code in (303, 401)


@pytest.mark.parametrize(
    ("name", "text", "refusal"),
    [
        ("photo_rule", "before_and_after", None), ("photo_metres", "250", None),
        ("lottery.30", "0", None), ("lottery.8", "0.1", setup.UnknownSetting),
        ("photo_rule", "always", setup.BadSetting), ("photo_metres", "1", setup.BadSetting),
        ("lottery.7", "2", setup.BadSetting), ("lottery.7", "nan", setup.BadSetting),
    ],
)  # fmt: skip
def test_a_city_chooses_among_what_there_is(tx: Tx, name: str, text: str, refusal: Any) -> None:
    if refusal is not None:
        with pytest.raises(refusal):
            setup.choose(tx, name, text)
        return
    setup.choose(tx, name, text)
    city = load(tx)
    assert (city.said.get("photo_rule"), city.photo_metres, lottery.shares(city)[30]) != (None, 100, lottery.ROUNDS[30])  # fmt: skip


# ── the formula library, for anybody ─────────────────────────────────────────────────


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_every_formula_has_a_page_with_its_example_worked_out(client: TestClient, lang: str) -> None:  # fmt: skip
    del client.headers["authorization"]
    published = {one["code"]: one for one in got(client, "/api/v1/formulas")}
    assert set(published) == {one.code for one in INDICATORS}
    for one in INDICATORS:
        page = client.get(f"/mirror/formula/{one.code}", headers={"accept-language": lang}).text
        vector = published[one.code]["vector"]
        below = sum(
            row["count"] for row in vector["items"]
            if published[one.code]["among"] in row["marks"] and not set(published[one.code]["without"]) & set(row["marks"])
        )  # fmt: skip
        assert below == vector["denominator"]  # by the published words alone
        assert f"{vector['numerator']} ÷ {below:,} = {vector['percent']} %" in page, one.code
        assert "✕" not in page
        assert (one.formula.zh if lang == "zh" else one.formula.en).split("÷")[0] in page
    assert client.get("/mirror/formula/speed").status_code == 404
    assert client.get("/mirror/formula").status_code == 200
