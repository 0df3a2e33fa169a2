"""The inbox, the ladder and the procedures through HTTP, as a browser without scripts and as
a program.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from fastapi.testclient import TestClient

from tests.factories import KEY, NOW, same_random
from tests.flow.test_notices import caught_up, hire
from tests.web.hub import HTML, app_on, key_for
from zhongshu.core.access import Duty
from zhongshu.flow.city import load
from zhongshu.flow.climbing import climb
from zhongshu.flow.proceedings import notice_late
from zhongshu.flow.signin import hashed_password
from zhongshu.store.db import Database
from zhongshu.web.hub import Hub

PASSWORD = "a long enough password"


class Desk:
    """A hub whose clock is set, and people who sign in to it."""

    def __init__(self, db: Database) -> None:
        self.db, self.now = db, NOW
        with db.transaction() as tx:
            hire(tx, "gina", Duty.GRID_LEAD, area="N")
            hire(tx, "sue", Duty.SUPERVISOR)
            hire(tx, "uma", Duty.SUPERVISOR, unit="U1")
            tx.execute("update accounts set password_hash = %s", (hashed_password(PASSWORD),))
        self.hub = Hub(db=db, clock=lambda: self.now, random=same_random(), key=KEY)
        self.client = TestClient(app_on(self.hub), follow_redirects=False, headers=HTML)

    def wait(self, **span: float) -> None:
        """Let time pass, with the background work."""
        self.now += timedelta(**span)
        with self.db.transaction() as tx:
            climb(tx, at=self.now)
            notice_late(tx, load(tx), at=self.now)
        for _ in range(2):  # what the ladder did is told, too
            caught_up(self.db, self.hub.city(), self.now)

    def as_(self, who: str) -> TestClient:
        self.client.cookies.clear()
        said = {"login": who, "password": PASSWORD}
        assert self.client.post("/login", data=said).status_code == 303
        return self.client

    def head(self, who: str) -> dict[str, str]:
        self.hub.machines.clear()
        return {**key_for(self.db, who), "accept": "application/json"}

    def report(
        self, text: str = "路灯不亮", lon: float = 113.01, lat: float = 34.03
    ) -> dict[str, Any]:
        head = {"Authorization": "Bearer zs_gina"}
        body = {"text": text, "lon": lon, "lat": lat}
        return self.client.post("/api/v1/reports", json=body, headers=head).json()

    def dispatched(self, **where: float) -> str:
        number = self.report(**where)["case"]
        head = {"Authorization": "Bearer zs_ding", "accept": "application/json"}
        assert self.client.post(f"/api/v1/cases/{number}/acts/dispatch", json={}, headers=head).status_code == 200  # fmt: skip
        return number


@pytest.fixture
def desk(db: Database) -> Iterator[Desk]:
    made = Desk(db)
    with made.client:
        made.head("gina")
        made.head("ding")
        yield made


def bell(page: str) -> str:
    """What the bell shows; nothing where it shows no number."""
    found = re.search(r"data-bell.*?<b( hidden)?>(\w+)</b>", page, re.DOTALL)
    assert found is not None
    return "" if found[1] else found[2]


def test_the_bell_counts_what_waits_and_the_inbox_shows_it_by_case(desk: Desk) -> None:
    number = desk.dispatched()
    other = desk.dispatched(lon=113.03)
    assert bell(desk.as_("hana").get("/desk").text) == ""
    desk.wait(days=2, hours=1)
    hana = desk.as_("hana")
    assert bell(hana.get("/desk").text) == "4"
    page = hana.get("/inbox").text
    assert "A case was sent to the unit" in page
    assert "Handling: overdue" in page
    assert page.index(number) != page.index(other)
    assert page.count('<section class="card told') == 2
    assert "Handling: overdue" not in hana.get("/inbox?kind=dispatched").text
    assert "Nothing waits" in hana.get("/inbox?urgent=1").text


def test_reading_one_case_leaves_the_others_and_all_leaves_nothing(desk: Desk) -> None:
    desk.dispatched()
    desk.dispatched(lon=113.03)
    desk.wait(days=2, hours=1)
    hana = desk.as_("hana")
    first = hana.get("/inbox").text.split("<section")[1]
    ids = re.findall(r'name="id" value="(\d+)"', first)
    assert len(ids) == 2
    back = "/inbox?kind=clock"
    answer = hana.post("/inbox/read", data={"id": ids, "back": back})
    assert answer.headers["location"] == back
    assert bell(hana.get("/inbox").text) == "2"
    assert hana.post("/inbox/read", data={"all": "1", "back": "//elsewhere"}).headers["location"] == "/inbox"  # fmt: skip
    page = hana.get("/inbox").text
    assert bell(page) == ""
    assert "Nothing waits for you here." in page
    assert "Your posts are told of:" in page
    assert hana.get("/inbox?all=1").text.count("Handling: overdue") == 2


def test_nobody_reads_for_another_and_nobody_sees_whether_it_was_read(desk: Desk) -> None:
    number = desk.dispatched()
    desk.wait(days=2, hours=1)
    hana, ding = desk.head("hana"), {"Authorization": "Bearer zs_ding"}
    mine = desk.client.get("/api/v1/notices", headers=hana).json()
    ids = [n["id"] for n in mine["notices"]]
    assert desk.client.post("/api/v1/notices/read", json={"ids": ids}, headers=ding).json() == {"read": 0}  # fmt: skip
    assert desk.client.post("/api/v1/notices/read", json={"ids": ids}, headers=hana).json() == {"read": 2}  # fmt: skip
    for path in (f"/api/v1/cases/{number}/escalation", "/api/v1/notices", f"/api/v1/cases/{number}/facts"):  # fmt: skip
        said = desk.client.get(path, headers={**ding, "accept": "application/json"}).text
        assert '"read_at":"' not in said, path


def test_the_night_comes_as_one_list_and_can_be_looked_at_before(desk: Desk) -> None:
    desk.dispatched()
    desk.dispatched(lon=113.03)
    desk.now = datetime.fromisoformat("2026-11-24T23:30+08:00")
    caught_up(desk.db, desk.hub.city(), desk.now)
    hana = desk.as_("hana")
    page = hana.get("/inbox").text
    assert bell(page) == ""
    assert "2 more wait until your quiet hours end at 11-25 07:00" in page
    assert "A case was sent" in hana.get("/inbox?waiting=1").text
    desk.now = datetime.fromisoformat("2026-11-25T07:00+08:00")
    page = desk.as_("hana").get("/inbox").text
    assert bell(page) == "2"
    assert page.count("From the night, in one list") == 1
    assert page.count('<section class="card told') == 1


def test_one_chooses_what_one_is_told_of_but_for_work(desk: Desk) -> None:
    hana = desk.as_("hana")
    page = hana.get("/inbox").text
    assert re.search(r'value="clock" checked disabled', page)
    assert hana.post("/inbox/kinds", data={"on": ["returned"]}).status_code == 303
    page = hana.get("/inbox?kept=1").text
    assert re.search(r'value="joined"> ', page)
    assert re.search(r'value="clock" checked disabled', page)
    head = desk.head("hana")
    kinds = {k["kind"]: k for k in desk.client.get("/api/v1/notices/kinds", headers=head).json()}
    assert (kinds["joined"]["on"], kinds["returned"]["on"], kinds["clock"]["mandatory"]) == (False, True, True)  # fmt: skip
    refused = desk.client.put("/api/v1/notices/kinds", json={"kinds": ["clock"]}, headers=head)
    assert refused.status_code == 409
    assert refused.json()["remedy"]
    assert desk.client.put("/api/v1/notices/kinds", json={"kinds": []}, headers=head).json()[-1][
        "on"
    ]


def test_the_interface_lists_counts_pages_and_refuses_by_name(desk: Desk) -> None:
    for n in range(5):
        desk.dispatched(lon=113.001 + 0.007 * n)
    desk.wait(days=2, hours=1)
    head = desk.head("hana")
    seen: list[int] = []
    after = ""
    while after is not None:
        page = desk.client.get(f"/api/v1/notices?limit=3&after={after}", headers=head).json()
        seen += [n["id"] for n in page["notices"]]
        after = page["next"]
    assert len(seen) == len(set(seen)) == page["count"] == 10
    assert desk.client.get("/api/v1/notices/count", headers=head).json() == {"unread": 10}
    assert desk.client.get("/api/v1/notices?kind=clock&limit=1", headers=head).json()["count"] == 5
    for path in (
        "/api/v1/notices?kind=egg",
        "/api/v1/notices?after=egg",
        "/api/v1/notices?limit=0",
    ):
        refused = desk.client.get(path, headers=head)
        assert refused.status_code == 422, path
        assert refused.json()["field"] in path
    nothing = desk.client.post("/api/v1/notices/read", json={}, headers=head)
    assert (nothing.status_code, nothing.json()["field"]) == (422, "ids")


def test_a_worker_without_a_post_or_unit_reads_why_and_not_an_empty_inbox(desk: Desk) -> None:
    for path in ("/inbox", "/procedures", "/workshop/ladder"):
        page = desk.as_("stranger").get(path)
        assert page.status_code == 403
        assert "holds no post" in page.text
        assert "Ask an administrator" in page.text


# ── who would be told ────────────────────────────────────────────────────────────────


def test_the_explanation_says_who_when_why_and_that_somebody_is_missing(desk: Desk) -> None:
    with desk.db.transaction() as tx:
        tx.execute("update tenures set held_until = held_from + interval '1 day' where account = (select id from accounts where login = 'hana')")  # fmt: skip
    number = desk.dispatched()
    page = desk.as_("sue").get(f"/workshop/ladder?case={number}").text
    assert "nobody holds:" in page
    assert "Supervision order: level 1 (Ordinary)" in page
    said = desk.client.get(f"/api/v1/cases/{number}/escalation", headers=desk.head("sue")).json()
    rungs = {(r["clock"], r["rung"]): r for r in said["rungs"]}
    (handlers,) = rungs["handle", "warn"]["told"]
    assert [v["unit"] for v in handlers["vacant"]] == ["U1"]
    assert (handlers["instead"], handlers["posts"][0]["unit"]) == ("unit_above", "U1")
    assert rungs["handle", "overdue"]["at"].startswith("2026-11-26T02:00")
    assert rungs["handle", "highest"]["supervision"] == 2
    with desk.db.transaction() as tx:
        assert tx.execute("select count(*) from notices").fetchone() == (0,)


def test_the_explanation_knows_the_quiet_hours_and_what_is_urgent(desk: Desk) -> None:
    desk.now = datetime.fromisoformat("2026-11-24T21:50+08:00")
    filed = desk.report()["case"]
    danger = desk.report("路面塌陷", lon=113.03)["case"]
    head = desk.head("sue")
    quiet = {
        number: {
            (r["clock"], r["rung"]): [p["quiet_until"] for t in r["told"] for p in t["posts"]]
            for r in desk.client.get(f"/api/v1/cases/{number}/escalation", headers=head).json()["rungs"]
        }
        for number in (filed, danger)
    }  # fmt: skip
    assert quiet[filed]["dispatch", "highest"] == ["2026-11-24T23:00:00Z"]
    assert not any(until for moments in quiet[danger].values() for until in moments)


def test_only_who_keeps_the_city_s_data_changes_the_ladder(desk: Desk) -> None:
    ding = desk.as_("ding")
    page = ding.get("/workshop/ladder").text
    assert "The ladder of the clocks" in page
    assert "/workshop/ladder/rungs/" not in page
    for path in ("rungs/handle/warn", "tellings/hazard", "quiet"):
        assert ding.post(f"/workshop/ladder/{path}", data={}).status_code == 403


def test_a_rung_is_changed_said_to_be_so_and_set_back(desk: Desk) -> None:
    admin = desk.as_("admin")
    row = "/workshop/ladder/rungs/handle/warn"
    assert admin.post(row, data={"told": ["city", "handlers"], "level": "1"}).status_code == 303
    desk.hub._checked = 0.0
    assert "changed by the city" in admin.get("/workshop/ladder").text
    assert admin.post(row, data={"told": ["mayor"]}).status_code == 422
    assert admin.post(row, data={"level": "9"}).status_code == 422
    assert admin.post("/workshop/ladder/rungs/handle/egg", data={}).status_code == 422
    assert admin.post(row, data={"usual": "1"}).status_code == 303
    desk.hub._checked = 0.0
    assert "changed by the city" not in admin.get("/workshop/ladder").text


def test_something_that_happens_is_told_to_others_when_the_city_says_so(desk: Desk) -> None:
    admin = desk.as_("admin")
    row = "/workshop/ladder/tellings/case:dispatched"
    assert admin.post(row, data={"told": ["city"]}).status_code == 303
    assert admin.post("/workshop/ladder/tellings/egg", data={"told": ["city"]}).status_code == 422
    desk.hub._checked = 0.0
    desk.dispatched()
    desk.wait(minutes=1)
    assert bell(desk.as_("sue").get("/inbox").text) == "1"
    assert bell(desk.as_("hana").get("/inbox").text) == ""
    assert desk.as_("admin").post(row, data={"usual": "1"}).status_code == 303


def test_quiet_hours_are_set_for_one_post_or_a_whole_duty(desk: Desk) -> None:
    admin = desk.as_("admin")
    quiet = "/workshop/ladder/quiet"
    assert admin.post(quiet, data={"duty": "handler", "start": "23:00", "end": "06:30"}).status_code == 303  # fmt: skip
    assert "23:00–06:30" in admin.get("/workshop/ladder").text
    page = admin.get("/workshop/ladder?duty=handler").text
    (post,) = re.findall(r'name="post" value="(\d+)"', page)
    assert admin.post(quiet, data={"post": post, "start": "", "end": ""}).status_code == 303
    assert "told at any hour" in admin.get("/workshop/ladder").text
    assert "No such post." in admin.get("/workshop/ladder?duty=handler&text=nowhere%25").text
    for said in (
        {"duty": "handler", "start": "22:00", "end": ""}, {"duty": "egg", "start": "1:00", "end": "2:00"},
        {"duty": "handler", "start": "22:00", "end": "22:00"}, {"duty": "egg", "start": "22:00", "end": "23:00"},
    ):  # fmt: skip
        assert admin.post(quiet, data=said).status_code == 422, said
    assert admin.post(quiet, data={"post": "99999", "start": "", "end": ""}).status_code == 404


# ── procedures ───────────────────────────────────────────────────────────────────────


def begin(desk: Desk, who: str, number: str, kind: str, **said: Any) -> Any:
    return desk.client.post(
        f"/api/v1/cases/{number}/procedures/{kind}", json={"reason": "r", **said},
        headers={"Authorization": f"Bearer zs_{who}", "accept": "application/json"},
    )  # fmt: skip


def test_all_procedures_are_listed_filtered_counted_and_exported(desk: Desk) -> None:
    for who in ("hana", "sue"):
        desk.head(who)
    first, second = desk.dispatched(), desk.dispatched(lon=113.03)
    south = desk.dispatched(lon=113.03, lat=34.01)
    until = {"until": "2026-11-25T10:00:00+08:00"}
    assert begin(desk, "sue", first, "supervision", level=3, **until).status_code == 201
    assert begin(desk, "sue", second, "supervision", **until).status_code == 201
    assert begin(desk, "hana", south, "extension").status_code == 201
    head = {"Authorization": "Bearer zs_ding", "accept": "application/json"}

    def found(query: str, headers: dict[str, str] = head) -> list[tuple[str, Any]]:
        said = desk.client.get(f"/api/v1/procedures?{query}", headers=headers).json()
        return [(p["case"], p["level"]) for p in said["procedures"]]

    assert found("") == [(first, 3), (second, 1), (south, None)]
    assert found("kind=supervision&level=3") == [(first, 3)]
    assert found("level=1") == [(second, 1)]
    assert found("kind=extension&unit=U1") == [(south, None)]
    assert found("unit=U2") == []
    assert found("overdue=1") == found("ended=1") == []
    paged = desk.client.get("/api/v1/procedures?limit=2", headers=head).json()
    assert (paged["count"], len(paged["procedures"])) == (3, 2)
    assert found(f"limit=2&after={paged['next'].replace('+', '%2B')}") == [(south, None)]
    for word in ("kind=egg", "level=9", "unit=egg"):
        refused = desk.client.get(f"/api/v1/procedures?{word}", headers=head)
        assert (refused.status_code, refused.json()["field"]) == (422, word.split("=")[0])
    lines = desk.client.get(
        "/api/v1/procedures.csv?kind=supervision", headers=head
    ).text.splitlines()
    assert len(lines) == 3
    assert lines[0].startswith("\ufeffid,case,kind,level")
    # Who sees only the north sees only what is pressed in the north.
    nora = desk.head("nora")
    assert found("", nora) == [(first, 3), (second, 1)]
    page = desk.as_("sue").get("/procedures?kind=supervision").text
    assert "Of the city" in page
    assert south not in page
    desk.now += timedelta(days=2)
    assert [case for case, _ in found("overdue=1")] == [first, second, south]
    assert "3 of them" in desk.as_("sue").get("/procedures?overdue=1").text


def test_a_level_that_is_none_and_a_moment_that_has_passed_are_refused(desk: Desk) -> None:
    desk.head("sue")
    number = desk.dispatched()
    late = begin(desk, "sue", number, "supervision", until="2026-11-23T10:00:00+08:00")
    assert (late.status_code, late.json()["field"]) == (422, "until")
    for level in (0, 4):
        none = begin(desk, "sue", number, "supervision", level=level, until="2026-11-25T10:00:00+08:00")  # fmt: skip
        assert (none.status_code, none.json()["field"]) == (422, "level")


# ── who reported it ──────────────────────────────────────────────────────────────────


def steps(desk: Desk, code: str) -> list[str]:
    page = desk.client.get(f"/t/{code}").text
    return re.findall(r"</time><div>(.*?)<", page)


def test_who_joined_reads_every_step_and_nothing_of_the_staff_s_own(desk: Desk) -> None:
    for who in ("hana", "cheng", "ada"):
        desk.head(who)
    first, second = desk.report(), desk.report()
    assert first["case"] == second["case"]
    number = first["case"]
    for who, act, form in (
        ("ding", "dispatch", {}), ("hana", "return", {"reason": "张三说不归我们", "clause": "c"}),
        ("ding", "dispatch", {"unit": "U1"}), ("hana", "accept", {}), ("ada", "note", {"note": "内部"}),
        ("hana", "handle", {"outcome": "solved"}), ("cheng", "pass", {}), ("ada", "close", {}),
    ):  # fmt: skip
        head = {"Authorization": f"Bearer zs_{who}", "accept": "application/json"}
        assert desk.client.post(f"/api/v1/cases/{number}/acts/{act}", json=form, headers=head).status_code == 200  # fmt: skip
        desk.wait(minutes=1)
    shared = [
        "It was sent to the unit in charge", "The unit gave it back; another is being found",
        "It was sent to the unit in charge", "The unit took it on",
        "The unit says it is done; somebody else will check",
        "Somebody else checked: it is done", "The case was closed",
    ]  # fmt: skip
    assert steps(desk, first["code"]) == ["Your report came in", "Somebody else reported the same", *shared]  # fmt: skip
    assert steps(desk, second["code"]) == ["Somebody reported the matter first", "Your report joined a matter already known", *shared]  # fmt: skip
    for code in (first["code"], second["code"]):
        for text in (desk.client.get(f"/t/{code}").text, desk.client.get(f"/api/v1/reports/{code}").text):  # fmt: skip
            assert "张三" not in text
            assert "内部" not in text
            assert "clock" not in text


def test_a_refusal_says_its_reason_to_who_asked(desk: Desk) -> None:
    made = desk.report("说不清楚的事情")
    head = desk.head("ada")
    said = {"reason": "不属受理范围，请拨打12345"}
    assert desk.client.post(f"/api/v1/cases/{made['case']}/acts/reject", json=said, headers=head).status_code == 200  # fmt: skip
    assert "请拨打12345" in desk.client.get(f"/t/{made['code']}").text


def test_a_merged_report_reads_its_own_steps_and_those_of_the_case_it_goes_on_as(
    desk: Desk,
) -> None:
    one, other = desk.report(), desk.report(lon=113.03)
    head = {"Authorization": "Bearer zs_ding", "accept": "application/json"}

    def act(number: str, what: str, **form: str) -> None:
        desk.wait(minutes=1)
        answer = desk.client.post(f"/api/v1/cases/{number}/acts/{what}", json=form, headers=head)
        assert answer.status_code == 200, answer.text

    act(other["case"], "merge", into=one["case"])
    act(one["case"], "dispatch")
    together = "It goes on together with the same matter reported by others"
    assert steps(desk, other["code"]) == [
        "Somebody reported the matter first", "Your report came in", together,
        "It was sent to the unit in charge",
    ]  # fmt: skip
    act(other["case"], "unmerge")
    assert steps(desk, other["code"]) == ["Your report came in", together, "It goes on by itself again"]  # fmt: skip
    assert steps(desk, one["code"]) == ["Your report came in", "It was sent to the unit in charge"]
