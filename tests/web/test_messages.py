"""Messages through HTTP: the workshop, one's own addresses, residents who follow or want no more."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from typing import Any
from xml.etree import ElementTree as ET

import pytest
from fastapi.testclient import TestClient

from tests.factories import KEY, NOW, draft, same_random
from tests.flow.test_intake import sent
from tests.flow.test_messages import OUT, Carrier, carried, fails, staffed, states, told
from tests.flow.test_notices import DISPATCH, through
from tests.web.hub import app_on, key_for
from zhongshu.core.messages import Fault
from zhongshu.flow.city import City
from zhongshu.flow.signin import hashed_password
from zhongshu.store.db import Database
from zhongshu.web.hub import Hub

PASSWORD = "a long enough password"


class Office:
    def __init__(self, db: Database) -> None:
        self.db, self.now = db, NOW
        self.city: City = staffed(db)
        with db.transaction() as tx:
            tx.execute("update accounts set password_hash = %s", (hashed_password(PASSWORD),))
        self.hub = Hub(db=db, clock=lambda: self.now, random=same_random(), key=KEY, outlet=OUT)
        html = {"accept": "text/html", "accept-language": "en"}
        self.client = TestClient(app_on(self.hub), follow_redirects=False, headers=html)

    def as_(self, who: str) -> TestClient:
        self.client.cookies.clear()
        if who:
            said = {"login": who, "password": PASSWORD}
            assert self.client.post("/login", data=said).status_code == 303
        return self.client

    def api(self, who: str, method: str, path: str, **more: Any) -> Any:
        self.hub.machines.clear()
        head = {**key_for(self.db, who), "accept": "application/json"}
        return self.client.request(method, f"/api/v1{path}", headers=head, **more)

    def dispatched(self, lon: float = 113.01) -> str:
        with self.db.transaction() as tx:
            case = through(tx, self.city, sent(tx, self.city, draft("路灯不亮", lon=lon)), DISPATCH)
        told(self.db, self.city, self.now)
        return case.number


@pytest.fixture
def office(db: Database) -> Iterator[Office]:
    made = Office(db)
    with made.client:
        yield made


def test_an_address_is_kept_masked_used_and_erased(office: Office) -> None:
    hana = office.as_("hana")
    assert hana.post("/inbox/media", data={"email": "hana@city.example", "on": ["email:joined"]}).status_code == 303  # fmt: skip
    shown = hana.get("/inbox").text
    assert "h***@city.example" in shown
    assert "hana@city.example" not in shown
    refused = hana.post("/inbox/media", data={"sms": "hana@city.example"})
    assert refused.status_code == 422
    mine = office.api("hana", "GET", "/notices/addresses").json()
    assert mine["addresses"] == [{"medium": "email", "address": "h***@city.example", "bounced": False}]  # fmt: skip
    assert ["email", "to_check"] in mine["off"]
    assert ["email", "joined"] not in mine["off"]
    office.dispatched()
    carrier = Carrier()
    carried(office.db, office.city, carrier)
    assert [p.to for p in carrier.taken] == ["hana@city.example"]
    assert office.api("hana", "PUT", "/notices/addresses", json={"email": ""}).json()["addresses"] == []  # fmt: skip


def test_the_workshop_shows_channels_and_log_sends_again_tries_and_exports(office: Office) -> None:
    office.as_("hana").post("/inbox/media", data={"email": "hana@city.example"})
    number = office.dispatched()
    carried(office.db, office.city, Carrier(answer=lambda p: fails(p, Fault.MESSAGE, permanent=True)))  # fmt: skip
    admin = office.as_("admin")
    shown = admin.get("/workshop/messages?state=dead").text
    assert number in shown
    assert "Hana h***@city.example" in shown
    assert "no: [EMAIL]" in shown
    (identity,) = re.findall(r'name="id" value="(\d+)"', shown)
    detail = admin.get(f"/workshop/messages/{identity}").text
    assert "路灯不亮" in detail
    rows = list(csv.DictReader(io.StringIO(admin.get("/workshop/messages.csv").text.lstrip("\ufeff"))))  # fmt: skip
    assert [(r["case"], r["state"], r["to"]) for r in rows] == [(number, "dead", "Hana h***@city.example")]  # fmt: skip
    assert admin.post("/workshop/messages/again", data={"id": identity}).status_code == 303
    assert states(office.db) == {"waiting": 1}
    assert admin.post("/workshop/messages/try", data={"channel": "email"}).status_code == 409
    admin.post("/inbox/media", data={"email": "admin@city.example"})
    assert admin.post("/workshop/messages/try", data={"channel": "email"}).status_code == 303
    carrier = Carrier()
    carried(office.db, office.city, carrier)
    assert [p.to for p in carrier.taken] == ["admin@city.example", "hana@city.example"]
    listed = office.api("admin", "GET", "/messages?state=sent&medium=email").json()
    assert listed["count"] == 2
    (mail,) = [c for c in office.api("admin", "GET", "/messages/channels").json() if c["channel"] == "email"]  # fmt: skip
    assert (mail["sent_last_day"], mail["waiting"], mail["failing_since"]) == (2, 0, None)
    assert office.api("admin", "GET", "/messages?state=odd").status_code == 422


def test_a_group_s_address_is_never_shown_and_it_can_be_switched_off(office: Office) -> None:
    admin = office.as_("admin")
    said = {"title": "Duty group", "style": "wecom", "url": "https://qy.example/send?key=TOPSECRET", "secret": "HUSH", "place": "U1", "lang": "en"}  # fmt: skip
    assert admin.post("/workshop/messages/groups", data=said).status_code == 303
    assert admin.post("/workshop/messages/groups", data={**said, "url": "qy"}).status_code == 422
    shown = admin.get("/workshop/messages").text
    assert "Duty group" in shown
    assert "qy.example" in shown
    assert "TOPSECRET" not in shown
    assert "HUSH" not in shown
    office.dispatched()
    assert states(office.db) == {}  # a case sent to a unit is not the group's by itself
    body = {"event": "case:dispatched", "audience": "handlers", "on": ["chat"]}
    assert admin.post("/workshop/messages/media", data=body).status_code == 303
    assert admin.get("/workshop/messages/media").text.count("As usual again") == 1
    office.city = office.hub.city()
    office.dispatched(113.03)
    assert states(office.db) == {"waiting": 1}
    office.client.post("/workshop/messages/groups/1", data={"active": ""})
    office.dispatched(113.035)
    carried(office.db, office.city, Carrier(), medium="chat")  # type: ignore[arg-type]
    assert set(states(office.db)) == {"dropped"}  # switched off before it left


def test_a_text_is_previewed_kept_refused_by_name_and_taken_back(office: Office) -> None:
    number = office.dispatched()
    admin = office.as_("admin")
    place = {"place": "staff/case:dispatched", "medium": "email", "lang": "en", "case": number}
    asked = "/workshop/texts?place=staff/case:dispatched&medium=email&lang=en"
    assert number in admin.get(asked).text  # without a case, the newest in sight
    look = admin.post("/workshop/texts", data={**place, "subject": "S", "body": "At {area}: {title}", "look": "1"})  # fmt: skip
    assert "At N N-1: 路灯不亮" in look.text
    bad = admin.post("/workshop/texts", data={**place, "subject": "S", "body": "{phone}"})
    assert bad.status_code == 422
    assert "there is no {phone} here" in bad.text
    assert "{phone}</textarea>" in bad.text
    assert admin.post("/workshop/texts", data={**place, "subject": "S", "body": "At {area}"}).status_code == 303  # fmt: skip
    assert "At {area}</textarea>" in admin.get(asked).text
    assert "Admin" in admin.get(asked).text
    said = office.api("admin", "POST", "/texts/preview", json={**place, "subject": "{what}", "body": "{number}"})  # fmt: skip
    assert said.json() == {"subject": "A case was sent to the unit", "body": number}
    office.as_("admin")
    assert admin.post("/workshop/texts/undo", data=place).status_code == 303
    assert "At {area}</textarea>" not in admin.get(asked).text
    assert office.api("admin", "POST", "/texts/undo", json={**place, "case": ""}).status_code == 409
    assert admin.get("/workshop/texts?place=reporter&medium=chat").status_code == 422


def test_who_keeps_no_data_of_the_city_sees_neither_log_nor_texts(office: Office) -> None:
    for path in ("/messages", "/messages/channels", "/texts?place=staff&medium=email"):
        assert office.api("ding", "GET", path).status_code == 403


def test_a_resident_is_told_by_mail_only_where_the_box_is_ticked_and_stops_it(office: Office) -> None:  # fmt: skip
    client = office.as_("")
    codes = {}
    for name, tick in (("li", {"tell": "1"}), ("wu", {})):
        said = {"text": "路灯不亮", "lon": "113.01", "lat": "34.03", "contact": f"{name}@example.org", "token": name, "joins": "own", **tick}  # fmt: skip
        answer = client.post("/report", data=said)
        codes[name] = answer.headers["location"].rpartition("/")[2].partition("?")[0]
    told(office.db, office.city)
    carrier = Carrier()
    carried(office.db, office.city, carrier)
    assert [p.to for p in carrier.taken] == ["li@example.org"]
    (parcel,) = carrier.taken
    assert parcel.link == f"https://hub.example/t/{codes['li']}"
    way = parcel.stop.removeprefix("https://hub.example")
    assert "Write no more" in client.get(way).text
    assert client.post(way).status_code == 303  # as a mail program does, without a page
    assert "Nothing more is written" in client.get(f"/t/{codes['li']}?stopped=1").text
    with office.db.transaction() as tx:
        assert tx.execute("select count(*) from contacts where tell").fetchone() == (0,)
    assert client.get("/t/NOSUCHCODE/stop").status_code == 404


def test_subscribing_takes_a_link_and_pressing_and_ends_with_another(office: Office) -> None:
    client = office.as_("")
    assert "Follow a place" in client.get("/").text
    assert client.post("/subscribe", data={"address": "wu@example.org"}).status_code == 422
    assert client.post("/subscribe", data={"address": "nonsense", "area": "N-1"}).status_code == 422
    for _ in range(2):
        asked = client.post("/subscribe", data={"address": "wu@example.org", "area": "N-1", "category": "light"})  # fmt: skip
        assert "Look into your mail" in asked.text
    carrier = Carrier()
    carried(office.db, office.city, carrier)
    (parcel,) = carrier.taken
    way = parcel.link.removeprefix("https://hub.example")
    assert "Do you want to follow" in client.get(way).text
    with office.db.transaction() as tx:  # a mail program that opened the link confirmed nothing
        assert tx.execute("select count(confirmed_at) from subscriptions").fetchone() == (0,)
    assert "You are subscribed" in client.post(way).text
    assert "Erased" in client.post(f"{way}/stop").text
    with office.db.transaction() as tx:
        assert tx.execute("select count(*) from subscriptions").fetchone() == (0,)
    assert client.get(way).status_code == 404


def test_this_door_cannot_be_used_to_flood_an_address(office: Office) -> None:
    for area in ("N", "S", "N-1", "N-2", "S-1", "S-2", "990000"):
        assert office.client.post("/api/v1/subscriptions", json={"address": "wu@example.org", "area": area}).status_code == 202  # fmt: skip
    assert states(office.db) == {"waiting": 4}


def test_a_feed_is_well_formed_and_says_nobody_s_words(office: Office) -> None:
    with office.db.transaction() as tx:
        case = sent(tx, office.city, draft("张三家门口路灯不亮", address="1 号楼"))
        sent(tx, office.city, draft("路灯不亮", lat=34.005))
        sent(tx, office.city, draft("很奇怪的事"))  # not accepted yet
    client = office.as_("")
    answer = client.get("/feed/area/N.atom?lang=en")
    assert answer.headers["content-type"].startswith("application/atom+xml")
    atom = {"a": "http://www.w3.org/2005/Atom"}
    feed = ET.fromstring(answer.text)
    (entry,) = feed.findall("a:entry", atom)
    assert (entry.findtext("a:title", None, atom) or "").endswith("N N-1: To be dispatched")
    assert case.number in (entry.findtext("a:id", None, atom) or "")
    for private in ("张三", "1 号楼", "113.01"):
        assert private not in answer.text
    assert len(ET.fromstring(client.get("/feed/category/light.atom").text).findall("a:entry", atom)) == 2  # fmt: skip
    assert len(ET.fromstring(client.get("/feed/area/S.atom?category=trees").text).findall("a:entry", atom)) == 0  # fmt: skip
    for gone in ("/feed/area/M-1.atom", "/feed/area/X.atom", "/feed/category/x.atom"):
        assert client.get(gone).status_code == 404
