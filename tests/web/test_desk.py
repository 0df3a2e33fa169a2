"""The desk through HTTP: the queue by what runs out, many rows at once, undo, who was first."""

from __future__ import annotations

import gzip
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from html import unescape
from zoneinfo import ZoneInfo

import pytest
from fastapi.testclient import TestClient
from openpyxl import load_workbook

from tests.cast import DING
from tests.factories import KEY, NOW, draft, same_random
from tests.flow.test_intake import sent
from tests.web.hub import app_on, key_for
from tests.web.test_door import HTML
from zhongshu.core.access import EVERYTHING
from zhongshu.core.cases import Act, Case, Filter, Order, Stage, fold
from zhongshu.flow import browse, openings
from zhongshu.flow.acts import act
from zhongshu.flow.city import load
from zhongshu.flow.notices import follow
from zhongshu.store import cases, facts
from zhongshu.store.db import Database, Tx
from zhongshu.web import columns, workbook
from zhongshu.web.hub import Hub


@dataclass
class Desk:
    """A hub whose clock the test sets, and who asks."""

    db: Database
    client: TestClient
    now: datetime = NOW

    def as_(self, who: str, *, page: bool = True) -> TestClient:
        self.client.headers = {**key_for(self.db, who), **(HTML if page else {}), "accept-language": "en"}  # fmt: skip
        return self.client

    def case(self, text: str = "路灯不亮", **fields: object) -> Case:
        with self.db.transaction() as tx:
            return sent(tx, load(tx), draft(text, **fields), now=self.now)

    def get(self, number: str) -> Case:
        with self.db.transaction() as tx:
            return browse.case(tx, EVERYTHING, number)

    def do(self, who: str, number: str, what: str, **fields: object) -> int:
        return self.as_(who).post(f"/cases/{number}/acts/{what}", data=fields).status_code


@pytest.fixture
def desk(db: Database) -> Iterator[Desk]:
    made = Desk(db, None)  # type: ignore[arg-type]
    hub = Hub(db=db, clock=lambda: made.now, random=same_random(), key=KEY)
    with TestClient(app_on(hub), follow_redirects=False) as made.client:
        yield made


def rows(page: str) -> list[str]:
    return re.findall(r'data-here="([\d-]+)"', page)


# ── what runs out first ──────────────────────────────────────────────────────────────


def test_the_queue_is_ordered_by_the_clock_that_runs_and_what_rests_comes_last(desk: Desk) -> None:
    filed = desk.case()  # to be dispatched within a quarter of an hour
    sent_out = desk.case(lon=113.03)
    held = desk.case(lon=113.005, lat=34.005)
    assert desk.do("ding", sent_out.number, "dispatch") == 303
    assert desk.do("ding", held.number, "dispatch") == 303
    with desk.db.transaction() as tx:
        tx.execute(
            "update cases set held_at = %s, runs_out_at = null where id = %s", (NOW, held.id)
        )
    page = desk.as_("ding").get("/desk").text
    assert rows(page) == [filed.number, sent_out.number, held.number]
    assert "Dispatching</small> 0:15 left" in page
    desk.now += timedelta(minutes=20)
    page = desk.as_("ding").get("/desk?open=1").text
    assert "Dispatching</small> 0:05 late" in page
    newest = desk.as_("ding").get("/desk?open=1&order=newest").text
    assert rows(newest)[0] == held.number
    assert desk.as_("ding").get("/desk?order=loudest").status_code == 422


def test_pages_of_the_queue_never_overlap_and_the_count_is_of_all(desk: Desk) -> None:
    with desk.db.transaction() as tx:
        many_cases(tx, 130)
    seen: list[str] = []
    path = "/desk?open=1"
    for _ in range(3):
        page = desk.as_("ding").get(path).text
        assert "130 cases" in page
        seen += rows(page)
        following = re.search(r'href="(/desk\?open=1&amp;after=[^"]+)"', page)
        path = unescape(following[1]) if following else ""
    assert (len(seen), len(set(seen)), path) == (130, 130, "")
    api = desk.as_("ding", page=False).get("/api/v1/cases?open=1&order=clock&limit=200").json()
    assert [c["number"] for c in api["cases"]] == seen


def many_cases(tx: Tx, n: int) -> None:
    """Write open cases of which every third rests, without their facts."""
    tx.execute(
        "insert into cases (id, number, stage, reported_at, version, area, area_code, runs_out_at)"
        " select i, '261124-' || i, 'filed', %(at)s, 1, 1, 1,"
        " case when i %% 3 > 0 then %(at)s + make_interval(mins => i %% 7) end"
        " from generate_series(1, %(n)s) i",
        {"at": NOW, "n": n},
    )


def test_a_page_of_the_queue_begins_in_its_index(tx: Tx) -> None:
    many_cases(tx, 500)
    tx.execute("set local enable_seqscan = off")
    tx.execute("set local enable_sort = off")
    found = cases.page(
        tx, EVERYTHING, Filter(open_only=True), order=Order.CLOCK, after=None, limit=60
    )
    plan = "\n".join(
        row[0]
        for row in tx.execute(
            f"explain select id from cases where {cases.IS_OPEN} and ({cases._RUNS_OUT}, id) >"
            f" (coalesce(%s::timestamptz, 'infinity'), %s) order by {cases._RUNS_OUT}, id limit 50",
            (found[-1].runs_out_at, found[-1].id), prepare=False,
        )
    )  # fmt: skip
    assert re.search(r"Index.* Scan using cases_running", plan), plan
    assert re.search(r"Index Cond: .*ROW\(COALESCE", plan), plan


def test_what_the_database_keeps_of_the_clock_is_what_the_case_says(desk: Desk) -> None:
    case = desk.case()
    for who, what, fields in (
        ("ding", "dispatch", {}), ("hana", "accept", {}),
        ("hana", "return", {"reason": "r", "clause": "c", "cause": "not_ours"}),
        ("ding", "dispatch", {"unit": "U2"}), ("ding", "note", {"note": "x"}),
    ):  # fmt: skip
        assert desk.do(who, case.number, what, **fields) == 303, what
        with desk.db.transaction() as tx:
            assert cases.runs_out_at(tx, case.id) == desk.get(case.number).runs_out_at
            assert cases.runs_out_at(tx, case.id) is not None


# ── taken back ───────────────────────────────────────────────────────────────────────


def test_a_dispatch_is_taken_back_within_its_window_as_if_it_had_not_been(desk: Desk) -> None:
    before = desk.case()
    assert desk.do("ding", before.number, "dispatch", version=before.version) == 303
    desk.now += timedelta(seconds=4)
    page = desk.as_("ding").get(f"/desk?case={before.number}").text
    assert f"{before.number} was sent to Street lighting, which is told in 6 s." in page
    assert "toast" not in desk.as_("admin").get(f"/cases/{before.number}").text.split("<main")[1]
    assert (
        desk.as_("ada", page=False).post(f"/api/v1/cases/{before.number}/undo").status_code == 409
    )
    assert desk.as_("ding").post(f"/cases/{before.number}/undo").status_code == 303
    after = desk.get(before.number)
    with desk.db.transaction() as tx:
        story = facts.of_case(tx, before.id)
        assert fold(before.id, story) == after
        assert [f.kind.value for f in story][-2:] == ["case:dispatched", "case:withdrawn"]
        assert tx.execute("select state from tasks where case_id = %s", (before.id,)).fetchall() == [("cancelled",)]  # fmt: skip
        # Nobody is told of it, however late the reader comes.
        desk.now += timedelta(minutes=1)
        while follow(tx, load(tx), now=desk.now):
            pass
        assert tx.execute("select count(*) from notices where kind = 'dispatched'").fetchone() == (0,)  # fmt: skip
    changed = {n for n in Case.__dataclass_fields__ if getattr(after, n) != getattr(before, n)}
    assert changed == {"version"}
    # … and it can be sent again, elsewhere.
    assert desk.do("ding", before.number, "dispatch", unit="U2") == 303


def test_the_window_closes_by_time_and_by_whoever_acts(desk: Desk) -> None:
    slow, taken = desk.case(), desk.case(lon=113.03)
    for case in (slow, taken):
        assert desk.do("ding", case.number, "dispatch") == 303
    assert desk.do("hana", taken.number, "accept") == 303
    assert desk.as_("ding").post(f"/cases/{taken.number}/undo").status_code == 409
    with desk.db.transaction() as tx:
        # Until the window is over the unit is told nothing; then it is.
        reader = load(tx)
        while follow(tx, reader, now=desk.now + timedelta(seconds=9)):
            pass
        assert tx.execute("select count(*) from notices").fetchone() == (0,)
        while follow(tx, reader, now=desk.now + timedelta(seconds=10)):
            pass
        told = tx.execute("select count(*) from notices where kind = 'dispatched'").fetchone()
    desk.now += timedelta(seconds=10)
    refused = desk.as_("ding").post(f"/cases/{slow.number}/undo")
    assert refused.status_code == 409
    assert "can still be taken back" in refused.text
    assert desk.do("ding", slow.number, "withdraw") == 409
    assert "toast" not in desk.as_("ding").get(f"/cases/{slow.number}").text.split("<main")[1]
    assert desk.get(slow.number).stage is Stage.DISPATCHED
    assert told == (2,)


def test_a_merge_is_taken_back_and_neither_side_hears_of_it(desk: Desk) -> None:
    one, other = desk.case(), desk.case(lon=113.03)
    with desk.db.transaction() as tx:
        city = load(tx)
        act(tx, city, other.id, Act.DISPATCH, by=DING, at=desk.now - timedelta(hours=1))
    with desk.db.transaction() as tx:
        while follow(tx, city, now=desk.now):
            pass
        tx.execute("delete from notices")
    assert desk.do("ding", one.number, "merge", into=other.number) == 303
    assert desk.as_("ding", page=False).post(f"/api/v1/cases/{one.number}/undo").json()["stage"] == "filed"  # fmt: skip
    assert desk.get(other.number).reports == 1
    with desk.db.transaction() as tx:
        while follow(tx, load(tx), now=desk.now + timedelta(minutes=5)):
            pass
        assert tx.execute("select count(*) from notices").fetchone() == (0,)


def test_a_city_may_do_without_a_window(desk: Desk) -> None:
    with desk.db.transaction() as tx:
        tx.execute("""update settings set value = value || '{"undo_seconds": 0}' where name = 'city'""")  # fmt: skip
    case = desk.case()
    assert desk.do("ding", case.number, "dispatch") == 303
    assert desk.as_("ding").post(f"/cases/{case.number}/undo").status_code == 409


# ── many rows ────────────────────────────────────────────────────────────────────────


def test_many_rows_are_shown_first_then_done_each_with_its_line_and_taken_back(desk: Desk) -> None:
    lamp, hole, closed = desk.case(), desk.case("井盖丢了", lon=113.03), desk.case(lon=113.005, lat=34.005)  # fmt: skip
    assert desk.do("ding", closed.number, "reject", reason="x") == 303
    chosen = [f"{c.number}@{c.version}" for c in (lamp, hole, closed)]
    page = desk.as_("ding").get("/desk").text
    assert f'name="case" value="{chosen[0]}"' in page
    form = {"case": chosen, "act": "dispatch", "back": "/desk?open=1"}
    preview = desk.as_("ding").post("/desk/many", data=form).text
    assert "Nothing was done yet." in preview
    assert "2 would be done, 1 refused" in preview
    assert "Street lighting" in preview
    assert "Municipal works" in preview
    assert preview.count(">due 2026-") == 2
    assert desk.get(lamp.number).stage is Stage.FILED
    # Somebody is quicker with one of them: its line says so, the others are done.
    assert desk.do("ding", hole.number, "note", note="x") == 303
    ticked = re.findall(r'type="checkbox" name="case" value="([^"]+)" checked', preview)
    done = desk.as_("ding").post("/desk/many", data={**form, "case": ticked, "sure": "1"}).text
    assert "1 done, 1 refused" in done
    assert "has moved on since you saw it" in done
    assert desk.get(lamp.number).stage is Stage.DISPATCHED
    undone = desk.as_("ding").post("/desk/many", data={"case": [lamp.number], "act": "undo", "back": "//evil"})  # fmt: skip
    assert "1 done, 0 refused" in undone.text
    assert 'href="//evil"' not in undone.text
    assert desk.get(lamp.number).stage is Stage.FILED
    assert desk.as_("ding").post("/desk/many", data={"act": "dispatch"}).status_code == 422
    # What is no act, or none for many, is refused by name; nothing is previewed as a note.
    for word in ("egg", "handle", ""):
        refused = desk.as_("ding").post("/desk/many", data={**form, "act": word})
        assert refused.status_code == 422
        assert "one of: dispatch, file, merge, reject, accept, close, note" in refused.text


def test_a_refusal_without_its_reason_is_asked_for_and_the_interface_previews_too(
    desk: Desk,
) -> None:
    case = desk.case()
    form = {"case": [case.number], "act": "reject"}
    first = desk.as_("ding").post("/desk/many", data=form).text
    assert "0 would be done, 1 refused" in first
    assert 'id="many-reason"' in first
    assert "1 would be done" in desk.as_("ding").post("/desk/many", data={**form, "reason": "twice"}).text  # fmt: skip
    body = {"cases": [case.number], "reason": "twice", "preview": True}
    said = desk.as_("ding", page=False).post("/api/v1/acts/reject", json=body).json()["lines"]
    assert said[0]["stage"] == "rejected"
    assert desk.get(case.number).stage is Stage.FILED
    hana = desk.as_("hana", page=False).post("/api/v1/acts/reject", json={**body, "preview": False})
    assert hana.json()["lines"][0]["problem"]["status"] in (403, 404)


# ── who was first ────────────────────────────────────────────────────────────────────


def test_the_row_and_the_case_show_who_has_it_open_for_a_while_and_nothing_is_kept(
    desk: Desk,
) -> None:
    case = desk.case()
    ding = desk.as_("ding").get(f"/desk?case={case.number}").text
    assert "is working on it" not in re.sub(r'data-busy="[^"]*"', "", ding)
    ada = desk.as_("ada").get("/desk").text
    assert "Ding is working on it" in ada
    assert "Ding is working on it too" in desk.as_("ada").get(f"/desk/case/{case.number}").text
    asked = desk.as_("ada").get(f"/desk/here?case={case.number}&case=261124-99").json()
    assert asked == {case.number: ["Ding"]}
    # A viewer has nothing to do there, and is not shown; one row an account, and none later.
    desk.as_("nora").get(f"/cases/{case.number}")
    desk.now += timedelta(minutes=2)
    assert desk.as_("ding").get(f"/desk/here?at={case.number}").status_code == 200
    desk.now += timedelta(minutes=2)
    assert desk.as_("nora").get(f"/desk/here?case={case.number}").json() == {case.number: ["Ding"]}
    desk.now += timedelta(minutes=2)
    assert desk.as_("nora").get(f"/desk/here?case={case.number}").json() == {}
    with desk.db.transaction() as tx:
        assert openings.forget(tx, at=desk.now) == 2
        kept = tx.execute("select relpersistence::text from pg_class where relname = 'openings'")
        assert kept.fetchone() == ("u",)


def test_who_comes_second_sees_what_changed_and_keeps_what_he_wrote(desk: Desk) -> None:
    case = desk.case()
    assert desk.do("ding", case.number, "dispatch", version=case.version) == 303
    late = desk.as_("ding").post(
        f"/cases/{case.number}/acts/reject",
        data={"reason": "reported <twice>", "version": case.version, "back": "/desk?open=1"},
    )
    assert late.status_code == 409
    assert "Somebody was first" in late.text
    assert "Street lighting" in late.text
    assert "can no longer be done" in late.text
    assert "reported &lt;twice&gt;</textarea>" in late.text
    again = desk.as_("ding").post(
        f"/cases/{case.number}/acts/note", data={"note": "call them", "version": case.version}
    )
    assert "Do it all the same" in again.text
    fresh = re.search(r'acts/note".*?name="version" value="(\d+)"', again.text, re.DOTALL)
    assert fresh
    assert desk.do("ding", case.number, "note", note="call them", version=fresh[1]) == 303


# ── why this unit ────────────────────────────────────────────────────────────────────


def test_the_suggestion_shows_numbers_that_lead_to_their_cases(desk: Desk) -> None:
    case = desk.case()
    page = desk.as_("ding").get(f"/desk?case={case.number}").text
    advice = page.split('class="advice"')[1].split("</form>")[0]
    links = [unescape(path) for path in re.findall(r'<a href="(/desk\?[^"]+)">(?:\d+)</a>', advice)]
    assert len(links) == 3
    for link, n in zip(links, (1, 0, 0), strict=True):
        shown = desk.as_("ding").get(link).text
        assert f"<span>{n} cases</span>" in shown, link
    assert "sent now it would be due" in advice
    assert 'aria-keyshortcuts="d"' in advice or "aria-keyshortcuts=d" in advice


# ── taking a call ────────────────────────────────────────────────────────────────────


def call(page: str, **fields: str) -> dict[str, str]:
    token = re.search(r'name="token" value="(\w+)"', page)
    assert token
    return {"token": token[1], **fields}


def test_a_call_finds_place_category_danger_and_what_is_known_then_joins_it(desk: Desk) -> None:
    known = desk.case("小区门口路灯不亮", address="湖滨街道8号")
    page = desk.as_("ada").get("/desk/new").text
    said = call(page, text="路灯不亮了", where="湖滨街道")
    found = desk.as_("ada").post("/desk/new/while", data=said).text
    place = re.search(r'name="place" value="([^"]+)"', found)
    assert place
    assert place[1] == "113.01,34.03"
    assert "C-01-37" in found
    assert known.number not in found  # no place is chosen yet
    said |= {"place": place[1]}
    found = desk.as_("ada").post("/desk/new/while", data=said).text
    assert f'name="joins" value="{known.number}"' in found
    # The same without a script: the button of the form looks up, and files nothing.
    looked = desk.as_("ada").post("/desk/new", data={**said, "look": "1"})
    assert f'name="joins" value="{known.number}"' in looked.text
    done = desk.as_("ada").post("/desk/new", data={**said, "joins": known.number, "contact": "13800000000"})  # fmt: skip
    assert done.status_code == 303
    receipt = desk.as_("ada").get(done.headers["location"]).text
    assert known.number in receipt
    assert receipt.count("<b>") >= 10
    assert desk.get(known.number).reports == 2
    again = desk.as_("ada").post("/desk/new", data={**said, "joins": known.number, "contact": "13800000000"})  # fmt: skip
    assert again.headers["location"] == done.headers["location"]
    made_up = desk.as_("ada").post("/desk/new/while", data={"place": "1,x"})
    assert made_up.status_code == 422
    assert "none of the places that were offered" in made_up.text
    danger = desk.as_("ada").post("/desk/new/while", data={"text": "家里有煤气味"}).text
    assert danger.index("119") < 400


def test_a_call_without_a_place_waits_for_one_and_an_empty_one_is_refused_with_what_was_said(
    desk: Desk,
) -> None:
    page = desk.as_("ada").get("/desk/new").text
    area = desk.as_("ada").post("/desk/new/while", data={"where": "N1社区"}).text
    assert 'value="area:N-1"' in area
    said = call(page, text="路灯不亮", where="小学旁边", place="area:N-1")
    done = desk.as_("ada").post("/desk/new", data=said)
    assert "N1社区 小学旁边" in desk.as_("ada").get(done.headers["location"]).text
    empty = desk.as_("ada").post("/desk/new", data=call(page, text=" ", where="小学旁边"))
    assert empty.status_code == 422
    assert 'value="小学旁边"' in empty.text
    assert desk.as_("ada").post("/desk/new", data=call(page, text="x", place="egg")).status_code == 422  # fmt: skip
    assert desk.as_("ding").get("/desk/new").status_code == 403


# ── saved views ──────────────────────────────────────────────────────────────────────


def test_saved_views_show_counts_and_the_pinned_one_comes_first(desk: Desk) -> None:
    desk.case()
    for title, query in (("a", "stage=closed"), ("b", "stage=filed")):
        desk.as_("ding").post("/desk/views", data={"title": title, "query": query, "shared": "1"})
    page = desk.as_("ada").get("/desk").text
    view = re.search(r'/desk/views/(\d+)/pin"[^>]*>(?:(?!</form>).)*: b"', page, re.DOTALL)
    assert view
    number = re.findall(r"/desk/views/(\d+)/pin", page)[1]
    assert desk.as_("ada").post(f"/desk/views/{number}/pin", data={"on": "1"}).status_code == 303
    kept = desk.as_("ada").get("/desk").text.split('class="kept"')
    assert "▲" in kept[1]
    assert "stage=filed" in kept[1]
    assert "<span>1</span>" in kept[1]
    assert "▲" not in desk.as_("ding").get("/desk").text  # a pin is one's own
    desk.as_("ada").post(f"/desk/views/{number}/pin", data={"on": ""})
    assert "▲" not in desk.as_("ada").get("/desk").text
    assert desk.as_("ada").post("/desk/views/999/pin", data={"on": "1"}).status_code == 404


# ── standard replies ─────────────────────────────────────────────────────────────────

REPLY = {
    "code": "private", "title_zh": "私人产权", "title_en": "Private property",
    "text_zh": "{number}：{place}不属公共设施。", "text_en": "{number} at {place}: not a public thing. {unit}",
    "acts": ["reject", "close"],
}  # fmt: skip


def test_a_reply_is_kept_in_versions_filled_from_the_case_and_told_to_the_reporter(
    desk: Desk,
) -> None:
    case = desk.case(address="湖滨街道8号")
    assert desk.as_("ding").post("/workshop/replies", data=REPLY).status_code == 403
    shown = desk.as_("admin").post("/workshop/replies", data={**REPLY, "preview": "1"})
    assert f"{case.number} at N-1 湖滨街道8号: not a public thing. —" in shown.text
    for text in ("old {number}", REPLY["text_en"]):
        assert desk.as_("admin").post("/workshop/replies", data={**REPLY, "text_en": text}).status_code == 303  # fmt: skip
    page = desk.as_("admin").get("/workshop/replies?code=private").text
    assert "old {number}" in page
    assert "Admin" in page
    assert "Private property" in desk.as_("ding").get(f"/desk?case={case.number}").text
    field = desk.as_("ding").get(f"/cases/{case.number}/reply?act=reject&reply=private").text
    assert field.strip().startswith('<textarea id="reject-reason" name="reason" required>')
    assert "湖滨街道8号: not a public thing." in field
    # Without a script the form asks for the page again, with the words in it.
    whole = desk.as_("ding").get(f"/cases/{case.number}?act=reject&reply=private").text
    assert "湖滨街道8号: not a public thing. —</textarea>" in whole
    said = desk.as_("ding", page=False).get(f"/api/v1/cases/{case.number}/replies/private").json()
    assert said["text"] in whole
    assert desk.as_("admin").post("/workshop/replies/private/drop").status_code == 303
    assert desk.as_("ding").get(f"/cases/{case.number}/reply?act=reject&reply=private").status_code == 404  # fmt: skip
    assert desk.as_("ding", page=False).get("/api/v1/replies").json() == []


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("text_zh", "您好{phone}", "“{phone}” is no blank"),
        ("acts", [], "Choose at least one of: reject"), ("acts", ["dispatch"], "“dispatch” is no form"),
        ("code", "Two Words", "“Two Words” is no short name"), ("text_zh", " ", "1 to 2000 characters"),
    ],
)  # fmt: skip
def test_a_reply_that_cannot_be_kept_is_refused_by_name(
    desk: Desk, field: str, value: object, said: str
) -> None:
    page = desk.as_("admin").post("/workshop/replies", data={**REPLY, field: value})
    assert page.status_code == 422
    assert said in unescape(page.text)
    body = {k: v for k, v in {**REPLY, field: value}.items() if k != "code"}
    code = value if field == "code" else "private"
    answer = desk.as_("admin", page=False).put(f"/api/v1/replies/{code}", json=body)
    assert (answer.status_code, answer.json()["field"]) == (422, field)


def test_what_the_city_answers_when_it_closes_is_told_to_the_reporter(desk: Desk) -> None:
    case = desk.case()
    for who, what, fields in (
        ("ding", "dispatch", {}), ("hana", "accept", {}), ("hana", "handle", {"outcome": "explained"}),
        ("cheng", "pass", {}), ("ada", "close", {"reason": "We have written to the owner."}),
    ):  # fmt: skip
        assert desk.do(who, case.number, what, **fields) == 303, what
    with desk.db.transaction() as tx:
        row = tx.execute("select code from reports where case_id = %s", (case.id,)).fetchone()
    assert row
    assert "We have written to the owner." in desk.client.get(f"/t/{row[0]}", headers=HTML).text


# ── taken along ──────────────────────────────────────────────────────────────────────


def test_the_workbook_is_exactly_the_filtered_list_and_says_what_it_is(desk: Desk) -> None:
    desk.case("=HYPERLINK(1) 路灯不亮")
    desk.case("井盖丢了", lon=113.03)
    answer = desk.as_("ding", page=False).get(
        "/api/v1/cases.xlsx?category=C-01-37&open=1&order=clock"
    )
    assert answer.headers["content-type"] == workbook.KIND
    book = load_workbook(io.BytesIO(answer.content))
    assert book.sheetnames == ["Cases", "What it means"]
    head, *lines = book["Cases"].iter_rows(values_only=True)
    assert [len(lines), len(head)] == [1, len(columns.COLUMNS)]
    line = dict(zip(head, lines[0], strict=True))
    assert line["Matter"] == "'=HYPERLINK(1) 路灯不亮"
    assert (line["Stage"], line["Reports"], line["Longitude"]) == ("To be dispatched", 1, 113.01)
    assert line["Reported"] == "2026-11-24 10:00:00"
    assert all(c.data_type != "f" for row in book["Cases"].iter_rows() for c in row)
    notes = dict(book["What it means"].iter_rows(values_only=True))
    assert notes["Asked for by"] == "Ding"
    assert notes["At"] == "2026-11-24 10:00:00 Asia/Shanghai"
    assert notes["Category"] in ("Street lamp", columns.COLUMNS["category"][1])
    assert notes["Cases when it was asked for"] == "1"
    assert {heading for heading, _ in columns.COLUMNS.values()} <= notes.keys()
    assert desk.as_("hana", page=False).get("/api/v1/cases.xlsx").status_code == 403
    assert desk.as_("ding", page=False).get("/api/v1/cases.xlsx?stage=egg").status_code == 422


def test_a_long_list_is_sent_in_pieces_and_goes_on_in_another_sheet(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(workbook, "MOST_ROWS", 1000)
    made: list[int] = []

    def rows() -> Iterator[dict[str, object]]:
        for n in range(2500):
            made.append(n)
            yield {"n": n, "text": "路灯" * 40}

    sent_at: list[int] = []
    parts: list[bytes] = []
    for part in workbook.parts(rows(), {"n": "N", "text": "T"}, [("a", "b")], titles=("L", "N"), zone=ZoneInfo("UTC")):  # fmt: skip
        parts.append(part)
        sent_at.append(len(made))
    assert sent_at[2] < 1000  # it leaves while rows are still being read
    assert max(map(len, parts)) < 3 * workbook.CHUNK
    book = load_workbook(io.BytesIO(b"".join(parts)))
    assert book.sheetnames == ["L", "L 2", "L 3", "N"]
    numbers = [row[0] for name in book.sheetnames[:3] for row in book[name].iter_rows(min_row=2, values_only=True)]  # fmt: skip
    assert numbers == list(range(2500))


def test_the_list_goes_on_paper_with_what_was_asked_for(desk: Desk) -> None:
    case = desk.case()
    desk.case("井盖丢了", lon=113.03)
    page = desk.as_("ding").get("/desk/print?category=C-01-37").text
    assert case.number in page
    assert "<h1>Testville · 1 cases" in page
    assert "Category: " in page
    assert "Ding" in page


# ── light ────────────────────────────────────────────────────────────────────────────


def test_the_first_look_at_the_desk_is_at_most_80_kb(desk: Desk) -> None:
    with desk.db.transaction() as tx:
        many_cases(tx, 60)
    page = desk.as_("ding").get("/desk")
    files = set(re.findall(r'(?:src|href)="(/static/[^"]+)"', page.text))
    assert "/static/js/keys.js" in files
    weight = len(gzip.compress(page.content))
    for path in files:
        answer = desk.client.get(path)
        if answer.status_code == 404:
            pytest.skip(f"{path} is not fetched yet: “make assets”")
        weight += len(gzip.compress(answer.content))
    assert weight <= 80_000, f"{weight:,} bytes"
