"""People with access: made, appointed from a day, blocked, undone; looking through a post."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from starlette.testclient import TestClient

from tests.cast import ADMIN, DING, HANA
from tests.factories import NOW, draft
from tests.flow.test_intake import sent
from tests.shape.test_routes import Fill, guards, walk
from tests.web.hub import HTML, app_on, key_for, signed_in
from zhongshu.flow import signin
from zhongshu.store import accounts, city_facts
from zhongshu.store.db import LOOKING, Database
from zhongshu.web.guard import Anybody
from zhongshu.web.hub import Hub


@pytest.fixture
def client(hub: Hub) -> Iterator[TestClient]:
    with TestClient(app_on(hub), headers=HTML, follow_redirects=False) as client:
        yield client


@pytest.fixture
def admin(client: TestClient, db: Database) -> TestClient:
    client.cookies.update(signed_in(db, ADMIN.account))  # type: ignore[arg-type]
    return client


def kinds(db: Database) -> list[str]:
    with db.transaction() as tx:
        return [fact.kind for fact in city_facts.browse(tx, kind="access:", access=True)]


def post_of(db: Database, duty: str) -> int:
    with db.transaction() as tx:
        return next(p.id for p in accounts.posts(tx) if p.duty == duty)


def test_a_new_account_chooses_its_password_once_and_holds_a_post_from_a_day(
    admin: TestClient, db: Database, hub: Hub
) -> None:
    made = admin.post("/workshop/accounts", data={"login": "Li.Ming", "name": "李明", "lang": "zh"})
    link = re.search(r"http://testserver(/key/[\w-]+)", made.text)
    assert made.status_code == 200
    assert link, "the link is shown"
    assert link[1] not in admin.get("/workshop/accounts").text, "this once"
    with db.transaction() as tx:
        found = accounts.by_login(tx, "li.ming")
        assert found is not None
        assert found.password_hash is None
    with TestClient(app_on(hub), headers=HTML, follow_redirects=False) as other:
        assert "李明" in other.get(link[1]).text
        assert other.post(link[1], data={"password": "short", "again": "short"}).status_code == 422
        assert other.post(link[1], data={"password": "a few words", "again": "x"}).status_code == 422  # fmt: skip
        words = "correct horse battery"
        assert other.post(link[1], data={"password": words, "again": words}).status_code == 303
        assert other.get(link[1]).status_code == 410, "it works once"
        assert other.post("/login", data={"login": "li.ming", "password": words}).status_code == 303
        assert other.get("/desk").status_code == 403, "it holds no post yet"
        post = post_of(db, "dispatcher")
        sent = {"account": str(found.id), "since": "2026-11-25"}
        assert admin.post(f"/workshop/posts/{post}/appoint", data=sent).status_code == 303
        assert other.get("/desk").status_code == 403, "not before its day"
        hub.clock = lambda: NOW + timedelta(days=1)
        token = base64.urlsafe_b64decode(other.cookies["zhongshu"])
        with db.transaction() as tx:
            tx.execute("update sessions set ends_at = %s where token_hash = %s", (NOW + timedelta(days=9), signin.token_hash(token)))  # fmt: skip
        assert other.get("/desk").status_code == 200
    assert kinds(db) == ["access:appointed", "access:chosen", "access:made"]


def test_a_blocked_account_is_out_at_once_and_can_be_let_in_again(
    admin: TestClient, db: Database, hub: Hub
) -> None:
    with TestClient(app_on(hub), headers=HTML, follow_redirects=False) as ding:
        ding.cookies.update(signed_in(db, DING.account))  # type: ignore[arg-type]
        assert ding.get("/desk").status_code == 200
        admin.post(f"/workshop/accounts/{DING.account}/block")
        assert ding.get("/desk").status_code == 303, "to the sign-in"
    assert "Blocked" not in admin.get("/workshop/accounts?state=open").text
    assert "Ding" in admin.get("/workshop/accounts?state=blocked").text
    assert "vacant" in admin.get("/workshop/posts?which=vacant").text
    with db.transaction() as tx:
        blocked = city_facts.browse(tx, kind="access:blocked", access=True)[0]
    assert admin.post(f"/workshop/history/{blocked.id}/undo").status_code == 303
    assert "Ding" not in admin.get("/workshop/accounts?state=blocked").text
    assert kinds(db) == ["access:unblocked", "access:blocked"]


def test_the_last_administrator_cannot_be_taken_away(admin: TestClient, db: Database) -> None:
    refused = admin.post(f"/workshop/accounts/{ADMIN.account}/block")
    assert refused.status_code == 409
    assert "Appoint another administrator" in refused.text
    post = post_of(db, "admin")
    sent = {"account": str(ADMIN.account), "on": "2026-12-01"}
    assert admin.post(f"/workshop/posts/{post}/relieve", data=sent).status_code == 409
    assert admin.get("/workshop/accounts").status_code == 200
    assert kinds(db) == []


def test_a_tenure_ends_on_a_day_and_undoing_lets_it_go_on(admin: TestClient, db: Database) -> None:
    post = post_of(db, "handler")
    assert admin.post(f"/workshop/posts/{post}/end").status_code == 409, "it is held"
    sent = {"account": str(HANA.account), "on": "2026-11-20"}
    assert admin.post(f"/workshop/posts/{post}/relieve", data=sent).status_code == 422, "past"
    assert admin.post(f"/workshop/posts/{post}/relieve", data={**sent, "on": "2026-12-01"}).status_code == 303  # fmt: skip
    again = admin.post(f"/workshop/posts/{post}/appoint", data={"account": sent["account"], "since": "2026-11-28"})  # fmt: skip
    assert again.status_code == 409
    assert "holds this post in that time already" in again.text
    with db.transaction() as tx:
        fact = city_facts.browse(tx, kind="access:relieved", access=True)[0]
        ends = [t.held_until for t in accounts.tenures(tx) if t.post == post]
    assert [f"{end:%Y-%m-%d}" for end in ends if end] == ["2026-11-30"], "midnight in Shanghai"
    assert admin.post(f"/workshop/history/{fact.id}/undo").status_code == 303
    with db.transaction() as tx:
        assert [t.held_until for t in accounts.tenures(tx) if t.post == post] == [None]


def test_only_who_may_change_accounts_of_the_whole_city_sees_who_has_access(
    client: TestClient, db: Database
) -> None:
    client.cookies.update(signed_in(db, DING.account))  # type: ignore[arg-type]
    for path in ("/workshop/accounts", "/workshop/posts", "/workshop/chain"):
        assert client.get(path).status_code == 403
    assert client.post("/workshop/posts/1/view").status_code == 403


# ── looking through a post ───────────────────────────────────────────────────────────


def test_looking_shows_what_the_post_sees_under_a_bar_and_is_kept(
    admin: TestClient, db: Database
) -> None:
    post = post_of(db, "viewer")  # of district N only
    assert admin.post(f"/workshop/posts/{post}/view").status_code == 303
    desk = admin.get("/desk")
    assert "Stop looking" in desk.text
    assert "viewer" in desk.text
    assert admin.get("/workshop/accounts").status_code == 403, "the post may not"
    assert admin.post("/viewing/end").status_code == 303
    assert "Stop looking" not in admin.get("/desk").text
    assert admin.get("/workshop/accounts").status_code == 200
    assert kinds(db) == ["access:view_ended", "access:viewed"]


@pytest.mark.parametrize("duty", ["dispatcher", "viewer"])
def test_cases_can_be_looked_at_through_a_post_and_nobody_is_seen_at_them(
    admin: TestClient, db: Database, hub: Hub, duty: str
) -> None:
    with db.transaction() as tx:
        case = sent(tx, hub.city(), draft("路灯不亮", lat=34.031))  # in district N
    admin.post(f"/workshop/posts/{post_of(db, duty)}/view")
    paths = (
        f"/cases/{case.number}", f"/desk?case={case.number}", f"/desk/case/{case.number}",
        f"/desk/here?case={case.number}&at={case.number}",
    )  # fmt: skip
    for path in paths:
        assert admin.get(path).status_code == 200, path
    with db.transaction() as tx:
        assert tx.execute("select count(*) from openings").fetchone() == (0,)


def test_nothing_can_be_written_while_looking(admin: TestClient, db: Database, hub: Hub) -> None:
    """Every act is refused before it begins, whatever the post would allow."""
    assert admin.post(f"/workshop/posts/{post_of(db, 'admin')}/view").status_code == 303
    before = state(db)
    tried = 0
    for whole, route in walk(app_on(hub)):
        for method in (route.methods or set()) - {"GET", "HEAD"}:
            path = whole.format_map(Fill(ROUTE))
            if path in ("/viewing/end", "/logout", "/language"):
                continue
            answer = admin.request(method, path)
            tried += 1
            refused = answer.status_code == 403 and "nothing can be done" in answer.text
            # A body that is missing may be refused first; nothing was done either way.
            assert refused or (isinstance(guards(route)[0], Anybody) and answer.status_code == 422) or answer.status_code == 422, (method, path)  # fmt: skip
    assert tried > 60
    assert state(db) == before


ROUTE = {"number": "261124-1", "other": "261124-2", "act": "note", "kind": "hold", "move": "approve", "clock": "handle", "rung": "warn", "happening": "hazard", "code": "L1"}  # fmt: skip


def state(db: Database) -> list[int]:
    tables = ("facts", "city_facts", "accounts", "tenures", "posts", "answers", "views", "notices")
    with db.transaction() as tx:
        return [tx.execute(f"select count(*) from {t}").fetchone()[0] for t in tables]  # type: ignore[arg-type, index]


def test_even_what_only_reads_cannot_write_for_somebody_who_looks(
    admin: TestClient, db: Database, hub: Hub
) -> None:
    """The database itself refuses, should a page write something while it is drawn."""

    def naughty() -> str:
        with db.transaction() as tx:
            accounts.rename(tx, DING.account, "changed")  # type: ignore[arg-type]
        return "done"

    hub.random, kept = (lambda n: naughty().encode().ljust(n)), hub.random
    admin.post(f"/workshop/posts/{post_of(db, 'admin')}/view")
    hub.random = kept
    app = app_on(hub)
    from fastapi import Depends

    from zhongshu.core.access import Permission
    from zhongshu.web.guard import Needs

    app.get("/naughty", dependencies=[Depends(Needs(Permission.CITY_READ))])(naughty)
    with TestClient(app, headers=HTML, cookies=dict(admin.cookies)) as other:
        assert other.get("/naughty").status_code == 403
        other.post("/viewing/end")
        assert other.get("/naughty").status_code == 200
    assert not LOOKING.get()


def test_looking_ends_by_itself_and_with_the_right_to_look(
    admin: TestClient, db: Database, hub: Hub
) -> None:
    post = post_of(db, "viewer")
    admin.post(f"/workshop/posts/{post}/view")
    hub.clock = lambda: NOW + timedelta(minutes=59)
    assert "Stop looking" in admin.get("/desk").text
    hub.clock = lambda: NOW + timedelta(minutes=61)
    assert "Stop looking" not in admin.get("/desk").text
    hub.clock = lambda: NOW
    with db.transaction() as tx:
        tx.execute("update tenures set held_until = %s where account = %s", (NOW, ADMIN.account))
    assert admin.get("/desk").status_code == 403, "an administrator no more sees through no post"


def test_the_api_does_the_same(admin: TestClient, db: Database) -> None:
    api = {"accept": "application/json"}
    made = admin.post("/api/v1/accounts", json={"login": "wang", "name": "王芳"}, headers=api)
    assert made.status_code == 201
    assert made.json()["link"].startswith("/key/")
    new = {"duty": "grid_worker", "name_zh": "网格员", "area": "N-1"}
    post = admin.post("/api/v1/posts", json=new, headers=api).json()["id"]
    vacant = admin.get("/api/v1/posts?which=vacant", headers=api).json()
    assert [p["id"] for p in vacant] == [post]
    sent = {"account": made.json()["id"], "since": "2026-11-24"}
    assert admin.post(f"/api/v1/posts/{post}/appoint", json=sent, headers=api).status_code == 201
    assert admin.get("/api/v1/posts?which=vacant", headers=api).json() == []
    wang = admin.get("/api/v1/accounts?text=wang", headers=api).json()[0]
    assert (wang["state"], len(wang["tenures"])) == ("waiting", 1)
    twice = admin.post("/api/v1/accounts", json={"login": "WANG", "name": "x"}, headers=api)
    assert (twice.status_code, twice.json()["field"]) == (422, "login")


def test_changes_are_listed_filtered_and_exported(admin: TestClient, db: Database) -> None:
    admin.post(f"/workshop/accounts/{DING.account}/rename", data={"name": "Ding Er"})
    admin.post(f"/workshop/accounts/{DING.account}/block")
    page = admin.get("/workshop/history?kind=access:")
    assert page.text.count("Ding Er") >= 2, "named as the account is named today"
    rows = admin.get("/workshop/history/history.csv?kind=access:blocked").text.splitlines()
    assert len(rows) == 2
    assert "Admin" in rows[1]
    assert "No such change" in admin.get("/workshop/history?until=2026-11-01").text
    led = admin.get("/workshop/rules/history?kind=access:")
    assert (led.status_code, led.headers["location"]) == (303, "/workshop/history?kind=access:")
    assert admin.get("/workshop/history?since=nonsense").status_code == 422


@pytest.mark.parametrize("login", ["viv", "ding"])
def test_who_has_access_and_by_which_keys_is_told_to_nobody_else(
    admin: TestClient, db: Database, hub: Hub, login: str
) -> None:
    admin.post("/workshop/connectors", data={"login": "sensors", "name": "传感平台"})
    admin.post(f"/workshop/accounts/{DING.account}/rename", data={"name": "Ding Er"})
    admin.post("/workshop/words", data={"about": "level:grid", "zh": "片区", "en": "Patch"})
    with db.transaction() as tx:
        viewer = accounts.add(tx, login="viv", name="Viv", password_hash=None)
        post = accounts.add_post(tx, duty="viewer", name_zh="观察")
        accounts.appoint(tx, viewer, post, at=NOW - timedelta(days=1))
        (renamed,) = city_facts.browse(tx, kind="access:renamed", access=True)
        (key,) = city_facts.browse(tx, kind="key:", access=True)
    as_machine = {"accept": "application/json", **key_for(db, login)}
    with TestClient(app_on(hub), follow_redirects=False) as machine:
        for kind in ("", "access:", "access:renamed", "a", "%", "_ccess:", "key:", "k", "key:made"):
            found = machine.get("/api/v1/city-facts", params={"kind": kind}, headers=as_machine)
            assert found.status_code == 200, kind
            kinds_seen = {f["kind"] for f in found.json()["facts"]}
            assert kinds_seen == ({"words:changed"} if kind == "" else set()), kind
        for fact in (renamed, key):
            answer = machine.post(f"/api/v1/city-facts/{fact.id}/undo", headers=as_machine)
            assert answer.status_code == 403
        page = machine.get("/workshop/history?lang=en", headers={**HTML, **key_for(db, login)})
    assert page.status_code == 200
    assert "Word changed" in page.text
    assert "/undo" not in page.text
    assert "history.csv" not in page.text
    for hidden in ("Key made", "Account renamed", "Access: all", "Keys: all"):
        assert hidden not in page.text
    assert "Access: all" in admin.get("/workshop/history").text
    seen = admin.get("/api/v1/city-facts", headers={"accept": "application/json"}).json()["facts"]
    assert {f["kind"] for f in seen} == {"words:changed", "access:renamed", "key:made"}


def test_the_interface_undoes_what_the_page_undoes(admin: TestClient, db: Database) -> None:
    admin.post(f"/workshop/accounts/{DING.account}/block")
    with db.transaction() as tx:
        (fact,) = city_facts.browse(tx, kind="access:blocked", access=True)
    url, api = f"/api/v1/city-facts/{fact.id}/undo", {"accept": "application/json"}
    assert admin.post(url, headers=api).json() == {"undone": fact.id}
    assert kinds(db) == ["access:unblocked", "access:blocked"]
    assert admin.post("/api/v1/city-facts/999999/undo", headers=api).status_code == 404


# ── several tenures, other systems, commands ─────────────────────────────────────────


def days_of(db: Database, post: int) -> list[tuple[str, str]]:
    with db.transaction() as tx:
        return sorted(
            (f"{t.held_from:%m-%d}", f"{t.held_until:%m-%d}" if t.held_until else "")
            for t in accounts.tenures(tx)
            if t.post == post and not t.over(NOW)
        )


def test_one_of_several_tenures_is_ended_and_undone_and_the_others_stay(
    admin: TestClient, db: Database
) -> None:
    post, at = post_of(db, "handler"), f"/workshop/posts/{post_of(db, 'handler')}"
    sent = {"account": str(HANA.account)}
    assert admin.post(f"{at}/relieve", data={**sent, "on": "2026-12-01"}).status_code == 303
    assert admin.post(f"{at}/appoint", data={**sent, "since": "2027-01-01"}).status_code == 303
    before = days_of(db, post)
    (now_held, later) = before
    assert now_held[1] == "11-30", "midnight in Shanghai"
    assert later == ("12-31", "")

    def undo(kind: str) -> int:
        with db.transaction() as tx:
            fact = city_facts.browse(tx, kind=kind, access=True)[0]
        return admin.post(f"/workshop/history/{fact.id}/undo").status_code

    assert undo("access:appointed") == 303
    assert days_of(db, post) == [now_held], "the tenure that runs is not touched"
    assert undo("access:relieved") == 303, "the later one is again"
    assert days_of(db, post) == before
    with db.transaction() as tx:
        fact = city_facts.browse(tx, kind="access:appointed", access=True)[0]
    assert fact.says["held_from"] == "2026-12-31T16:00:00+00:00", (
        "the fact says the days that stand"
    )
    with db.transaction() as tx:
        held = max(t.held_from for t in accounts.tenures(tx) if t.post == post)
    page = admin.get(at).text
    assert f'name="held_from" value="{held.isoformat()}"' in page
    assert f'name="held_from" value="{held.isoformat()}"' in admin.get(f"/workshop/accounts/{HANA.account}").text  # fmt: skip
    chosen = {**sent, "on": "2026-11-24", "held_from": held.isoformat()}
    assert admin.post(f"{at}/relieve", data={**chosen, "held_from": "x"}).status_code == 422
    assert admin.post(f"{at}/relieve", data=chosen).status_code == 303
    assert days_of(db, post) == [now_held], "the one that was pointed at"


def test_what_was_relieved_at_once_goes_on_from_now_and_the_fact_says_so(
    admin: TestClient, db: Database, hub: Hub
) -> None:
    post = post_of(db, "handler")
    at = f"/workshop/posts/{post}"
    sent = {"account": str(HANA.account), "on": "2026-11-24"}
    assert admin.post(f"{at}/relieve", data=sent).status_code == 303
    hub.clock = lambda: NOW + timedelta(minutes=5)
    with db.transaction() as tx:
        fact = city_facts.browse(tx, kind="access:relieved", access=True)[0]
    assert admin.post(f"/workshop/history/{fact.id}/undo").status_code == 303
    with db.transaction() as tx:
        told = city_facts.browse(tx, kind="access:appointed", access=True)[0]
    assert datetime.fromisoformat(told.says["held_from"]) == NOW + timedelta(minutes=5)
    assert admin.post(f"/workshop/history/{told.id}/undo").status_code == 303
    assert [t for t in days_of(db, post) if t[1] == ""] == []


def test_another_system_is_never_given_a_password(admin: TestClient, db: Database) -> None:
    admin.post("/workshop/connectors", data={"login": "sensors", "name": "传感平台"})
    with db.transaction() as tx:
        found = accounts.by_login(tx, "sensors")
    assert found is not None
    refused = admin.post(f"/workshop/accounts/{found.id}/rekey")
    assert refused.status_code == 409
    assert "has keys, and never a password" in refused.text
    assert kinds(db) == []


def test_a_post_is_vacant_on_the_wall_and_at_a_case_as_it_is_in_the_workshop(
    admin: TestClient, db: Database
) -> None:
    def held() -> int:
        with db.transaction() as tx:
            row = tx.execute("select unit from posts where id = %s", (post,)).fetchone()
            assert row is not None
            (found,) = [p for p in accounts.posts_on(tx, [], row[0], now=NOW) if p.id == post]
            return found.held

    post = post_of(db, "handler")
    before = held()
    assert before >= 1
    at, sent = f"/workshop/posts/{post}", {"account": str(DING.account)}
    assert admin.post(f"{at}/appoint", data={**sent, "since": "2026-12-01"}).status_code == 303
    assert held() == before, "who will hold it does not hold it now"
    admin.post(f"/workshop/accounts/{HANA.account}/block")
    assert held() == before - 1, "who may not sign in does not hold it"
