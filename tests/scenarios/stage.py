"""The stage the scenarios are played on: the small city, its people, a clock that is set."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.testclient import TestClient

from tests.factories import KEY, NOW, same_random
from tests.photos import jpeg
from tests.scenarios.book import ZONE, Scenario, Step
from tests.web.hub import app_on
from zhongshu import jobs
from zhongshu.core.cases import Period
from zhongshu.core.dispatch import DutyRule, Lead
from zhongshu.flow import assets, climbing, ladder, notices, proceedings, setup, signin
from zhongshu.flow.city import load
from zhongshu.flow.verify import ledger
from zhongshu.store import accounts
from zhongshu.store import city as city_store
from zhongshu.store.db import Database, Tx
from zhongshu.web.hub import Hub

#: Who plays besides the cast: login, duty, area, unit.
MORE = (
    ("will", "handler", None, "U2"), ("sue", "supervisor", None, None),
    ("sam", "supervisor", None, None), ("gina", "grid_lead", "N", None),
    ("carl", "checker", None, None), ("dora", "dispatcher", None, None),
    ("nick", "supervisor", "N", None), ("uma", "supervisor", None, "U1"),
)  # fmt: skip
HOLIDAYS = {f"2026-10-{d:02d}": "holiday" for d in range(1, 8)} | {"2026-10-10": "workday", "2026-12-31": "holiday"}  # fmt: skip


def furnish(tx: Tx) -> None:
    """Hire the other players, and give the city what the scenarios ask of it."""
    for login, duty, area, unit in MORE:
        account = accounts.add(tx, login=login, name=login.title(), password_hash=None)
        found = tx.execute(
            "insert into posts (duty, name_zh, area, unit) values (%s, %s, (select id from areas"
            " where code = %s), (select id from units where code = %s)) returning id",
            (duty, duty, area, unit),
        ).fetchone()
        assert found is not None
        accounts.appoint(tx, account, found[0], at=datetime(2026, 1, 1, tzinfo=ZONE))
    said = city_store.setting(tx, "city")
    city_store.set_setting(tx, "city", {**said, "fallback_unit": "U2", "reopen_days": 15})
    days = {datetime.fromisoformat(d).date(): (kind, "") for d, kind in HOLIDAYS.items()}
    city_store.add_calendar_days(tx, days)
    rows = dict(tx.execute("select code, id from units").fetchall())
    city_store.add_duty_rule(
        tx,
        DutyRule(
            id=0, unit=rows["U2"], category="C-01-23", co_units=(rows["U1"],),
            forbidden=frozenset({rows["U1-1"]}), clause="井盖管理办法第五条",
        ),
    )  # fmt: skip
    # Components go to their owner first: a lamp of U1, and one on a bridge that U2 owns.
    city_store.add_duty_rule(
        tx, DutyRule(id=0, lead=Lead.OWNER, category="C-01-37", clause="先主后属地")
    )
    city = load(tx)
    lamps = [
        {"code": code, "category": "C-01-37", "name_zh": "路灯", "lon": 113.01 + 0.0001 * n,
         "lat": 34.03, "owner": owner}
        for n, (code, owner) in enumerate((("L1", "U1"), ("L2", "U2"), ("L3", "")))
    ]  # fmt: skip
    assets.put(tx, assets.known(city), list(enumerate(lamps)), assets.Tally(), crs="wgs84")
    city_store.changed(tx)


#: How each reader of the ledger calls the moment it is given.
_NOW = {ladder.press: "at", notices.follow: "now"}


class Stage:
    """One scenario being played through the API."""

    def __init__(self, db: Database) -> None:
        self.now = NOW
        self.db = db
        with db.transaction() as tx:
            furnish(tx)
        self.hub = Hub(db=db, clock=lambda: self.now, random=same_random(), key=KEY)
        self.numbers: dict[str, str] = {}
        self.codes: dict[str, str] = {}
        self.keys: dict[str, dict[str, str]] = {}
        self.many: dict[str, list[str]] = {}
        self.lines: list[dict[str, Any]] = []

    def play(self, scenario: Scenario) -> None:
        with TestClient(app_on(self.hub)) as self.client:
            for step in scenario.steps:
                self.now = step.at(self.now)
                self.jobs()
                status = self.do(step)
                self.must(scenario, step, status)
        with self.db.transaction():
            assert list(ledger(self.db, progress=lambda _: None)) == []

    def jobs(self) -> None:
        """Let the background work come up to now."""
        with self.db.transaction() as tx:
            while climbing.climb(tx, at=self.now):
                pass
        with self.db.transaction() as tx:
            proceedings.notice_late(tx, self.hub.city(), at=self.now)
        for read in (ladder.press, notices.follow):
            more = True
            while more:
                with self.db.transaction() as tx:
                    more = read(tx, self.hub.city(), **{_NOW[read]: self.now}) > 0  # type: ignore[operator]

    def headers(self, who: str) -> dict[str, str]:
        if who not in self.keys:
            token = f"zs_{who}"
            with self.db.transaction() as tx:
                found = accounts.by_login(tx, who)
                assert found is not None, who
                accounts.add_key(tx, found.id, signin.token_hash(token.encode()), name=who)
            self.keys[who] = {"Authorization": f"Bearer {token}"}
        self.hub.machines.clear()
        return self.keys[who]

    def do(self, step: Step) -> int:
        """Take the step; return the status it was answered with."""
        match step.does:
            case ("wait",):
                return 200
            case ("photo", shown):
                return self.photo(step, shown)
            case ("choose", name, value):
                return self.choose(name, value)
            case ("promise",) | ("draw",):
                jobs.lots(self.db, self.hub.city, KEY, lambda: self.now)
                return 200
            case ("report", text):
                return self.report(step, text)
            case ("storm", text):
                return self.storm(step, text)
            case ("link-all",) | ("handle-all",):
                return self.at_once(step)
            case ("campaign", what):
                return self.in_campaign(step, what)
            case ("rate",) | ("reopen",) if step.who == "reporter":
                return self._reporter(step)
            case ("begin", kind):
                return self.post(step, f"procedures/{kind}", self.values(step))
            case (kind, move):
                return self.post(step, f"procedures/{self.procedure(step, kind)}/{move}", self.values(step))  # fmt: skip
            case (act,):
                return self.post(step, f"acts/{act}", self.values(step))
        raise AssertionError(f"line {step.line}: {step.does}")

    def report(self, step: Step, text: str) -> int:
        lon, lat = (float(x) for x in step.fields.get("at", "113.01,34.03").split(","))
        body: dict[str, Any] = {"text": text, "lon": lon, "lat": lat, "channel": "web", "asset": step.fields.get("asset")}  # fmt: skip
        if "joins" in step.fields:
            body["joins"] = self.numbers.get(step.fields["joins"], step.fields["joins"])
        answer = self.client.post("/api/v1/reports", json=body, headers=self.headers("gina"))
        made = answer.json()
        if answer.status_code == 201:
            self.numbers[step.case], self.codes[step.case] = made["case"], made["code"]
        self.joined, self.said = made.get("joined"), made
        return answer.status_code

    def storm(self, step: Step, text: str) -> int:
        """Send many reports, each from a place of its own; the step's label is all of them."""
        places = [(113.0008 + 0.0009 * (n % 40), 34.0208 + 0.0006 * (n // 40)) for n in range(int(step.fields["count"]))]  # fmt: skip
        lines = "\n".join(json.dumps({"text": text, "lon": lon, "lat": lat}) for lon, lat in places)
        answer = self.client.post(
            "/api/v1/reports/bulk", content=lines, headers=self.headers("gina")
        )
        made = [json.loads(line) for line in answer.text.splitlines()]
        assert not [one for one in made if "problem" in one or one["joined"]]
        self.many[step.case] = [one["case"] for one in made]
        return answer.status_code

    def at_once(self, step: Step) -> int:
        """Link all of a storm to a case, or handle all that are linked to it."""
        body = {k: v for k, v in step.fields.items() if k != "of"}
        if "of" in step.fields:
            body["cases"] = [n for n in self.many[step.fields["of"]] if n != self.numbers[step.case]]  # fmt: skip
        answer = self.client.post(
            f"/api/v1/cases/{self.numbers[step.case]}/{step.does[0]}", json=body,
            headers=self.headers(step.who),
        )  # fmt: skip
        self.said = answer.json()
        self.lines = self.said.get("lines", [])
        return answer.status_code

    def in_campaign(self, step: Step, what: str) -> int:
        """Make a campaign, take it on, let a case in by hand or out, or act on many of its cases."""
        body: dict[str, Any] = dict(step.fields)
        path = f"/{getattr(self, 'campaign', '')}"
        match what:
            case "make":
                body |= {n: body[n].split(",") for n in ("areas", "categories", "units") if n in body}  # fmt: skip
                path = ""
            case "start" | "end" | "report":
                path += f"/steps/{what}"
            case "in" | "out":
                path += "/cases"
                body |= {"cases": [self.numbers[step.case]], "joined": what == "in"}
            case _:
                path += "/bulk"
                body |= {"preview": body.get("preview") == "yes"}
        answer = self.client.post(f"/api/v1/campaigns{path}", json=body, headers=self.headers(step.who))  # fmt: skip
        self.said = answer.json()
        self.lines = self.said.get("lines", [])
        if what == "make" and answer.status_code == 201:
            self.campaign = self.said["id"]
        return answer.status_code

    def photo(self, step: Step, shown: str) -> int:
        """Bring a photo, taken now at the case's place unless a field says otherwise."""
        lon, lat = (float(x) for x in step.fields.get("at", "113.01,34.03").split(","))
        taken = datetime.fromisoformat(step.fields["taken"]).replace(tzinfo=ZONE) if "taken" in step.fields else self.now  # fmt: skip
        data = jpeg(taken=taken, place=(lon, lat), shade=int(step.fields.get("shade", "90")))
        answer = self.client.post(
            f"/api/v1/cases/{self.numbers[step.case]}/photos", headers=self.headers(step.who),
            json={"step": shown, "photos": [{"data": base64.b64encode(data).decode()}]},
        )  # fmt: skip
        self.said = answer.json()
        return answer.status_code

    def choose(self, name: str, value: str) -> int:
        with self.db.transaction() as tx:
            setup.choose(tx, name, value)
        self.hub._city = None  # not in a second: at once
        return 200

    def _reporter(self, step: Step) -> int:
        body: dict[str, Any] = dict(step.fields)
        if step.does == ("rate",):
            body = {"solved": step.fields["solved"] == "yes", "satisfied": int(step.fields.get("satisfied", "3"))}  # fmt: skip
        path = f"/api/v1/reports/{self.codes[step.case]}/{step.does[0]}"
        return self.client.post(path, json=body).status_code

    def values(self, step: Step) -> dict[str, Any]:
        """Return a step's fields as the API takes them: labels become numbers."""
        values: dict[str, Any] = dict(step.fields)
        if values.get("into") in self.numbers:
            values["into"] = self.numbers[values["into"]]
        if "rating" in values:
            values["rating"] = int(values["rating"])
        if "level" in values:
            values["level"] = int(values["level"])
        if "version" in values:
            values["version"] = int(values["version"])
        return values

    def post(self, step: Step, path: str, body: dict[str, Any]) -> int:
        answer = self.client.post(
            f"/api/v1/cases/{self.numbers[step.case]}/{path}", json=body, headers=self.headers(step.who)
        )  # fmt: skip
        self.said = answer.json()
        return answer.status_code

    def get(self, path: str, who: str = "sue") -> Any:
        answer = self.client.get(f"/api/v1/{path}", headers=self.headers(who))
        assert answer.status_code == 200, answer.text
        return answer.json()

    def procedure(self, step: Step, kind: str) -> int:
        """Return the latest procedure of a kind (for one unit, where a step says `of=`)."""
        found = self.get(f"cases/{self.numbers[step.case]}/procedures")["procedures"]
        of = step.fields.pop("of", None)
        return [p["id"] for p in found if p["kind"] == kind and of in (None, p["unit"])][-1]

    # ── what must hold ───────────────────────────────────────────────────────────────

    def must(self, scenario: Scenario, step: Step, status: int) -> None:
        where = f"{scenario.name}, line {step.line}: {' '.join(step.does)}"
        refused = int(step.then.get("refused", "0"))
        said = getattr(self, "said", "") if status >= 400 else ""
        assert status == refused if refused else status < 400, f"{where}: {status} {said}"
        for name, wanted in step.then.items():
            if name != "refused":
                found = self.found(step, name)
                assert self.same(found, wanted), f"{where}: {name} is {found}, not {wanted}"

    def found(self, step: Step, name: str) -> Any:
        """Return what a name of `then` speaks of."""
        if name in ("done", "listed"):
            return sum(("problem" in line) == (name == "listed") for line in self.lines)
        if name == "cases":
            return len(self.many[step.case])
        if name == "why":
            return [line["problem"]["title"] for line in self.lines if "problem" in line]
        if name == "members":
            return self.get(f"cases?campaign={self.campaign}&count=true")["count"]
        if name.partition(".")[0] in list(Period):
            period, _, measure = name.partition(".")
            columns = self.get(f"campaigns/{self.campaign}")["comparison"]["columns"]
            found = {c["period"]: c["whole"] for c in columns}.get(period, {})
            listed = self.get(f"cases?campaign={self.campaign}&period={period}&measure={measure}&count=true")["count"]  # fmt: skip
            assert found.get(measure, 0) == listed
            return listed
        number = self.numbers[step.case]
        if name == "linked":
            return self.get(f"cases?linked_to={number}&count=true")["count"]
        if name == "joined":
            return number if self.joined else "no"
        if name.startswith(("told.", "held.")):
            return self._told(name)
        if name.startswith("level."):
            all_of_it = self.get(f"cases/{number}/procedures")["procedures"]
            return [p["level"] for p in all_of_it if p["kind"] == name.removeprefix("level.")][-1]
        if name == "similar":
            return [one["case"] for one in self.get(f"cases/{number}/similar")]
        if name == "progress":
            code = self.codes[step.case]
            return self.client.get(f"/api/v1/reports/{code}").json()["case"]
        if name.startswith("clock."):
            _, kind, *rest = name.split(".")
            clock = {c["kind"]: c for c in self.get(f"cases/{number}/clocks")}.get(kind, {})
            return self.local(clock.get({"due": "due_at"}.get(rest[0], rest[0]) if rest else "state"))  # fmt: skip
        if name.startswith("is."):
            kind = name.removeprefix("is.")
            all_of_it = self.get(f"cases/{number}/procedures")["procedures"]
            return [p["state"] for p in all_of_it if p["kind"] == kind][-1:]
        if name.startswith("count."):
            kind = name.removeprefix("count.")
            facts = self.get(f"cases/{number}/facts")
            return sum(fact["kind"].endswith(":" + kind) for fact in facts)
        if name == "findings":
            return self.get(f"cases/{number}/photos")[-1]["findings"]
        if name.startswith("rate."):
            figures = self.get("indicators?from=2026-11-01&to=2027-03-01")["indicators"]
            one = next(f for f in figures if f["code"] == name.removeprefix("rate."))
            return f"{one['numerator']}/{one['denominator']}"
        case = self.get(f"cases/{number}")
        if name == "acts":
            mine = self.client.get(f"/api/v1/cases/{number}", headers=self.headers(step.who)).json()
            return [a["act"] for a in mine["acts"]]
        value = case[{"due": "due_at", "overdue": "overdue_at", "held": "held_at"}.get(name, name)]
        return self.local(value["code"] if isinstance(value, dict) else value)

    def _told(self, name: str) -> Any:
        """Return what somebody is told and has not read: kinds, and rungs of clocks as
        `handle/overdue`; how many more the quiet hours hold back; `told.X.new` empties the list.
        """
        what, who, *rest = name.split(".")
        answer = self.get("notices?unread=1&limit=200", who)
        if what == "held":
            return answer["waiting"]
        if rest == ["new"]:
            self.client.post("/api/v1/notices/read", json={"all": True}, headers=self.headers(who))
        return [
            f"{n['says']['clock']}/{n['says']['rung']}" if n["kind"] == "clock" else n["kind"]
            for n in answer["notices"]
        ]

    @staticmethod
    def local(value: Any) -> Any:
        """Return a moment as the book writes it: in the city, to the minute."""
        if isinstance(value, str) and len(value) > 18 and value[10] == "T":
            return f"{datetime.fromisoformat(value).astimezone(ZONE):%Y-%m-%d %H:%M}"
        return value

    def same(self, found: Any, wanted: str) -> bool:
        special: dict[str, Callable[[], bool]] = {
            "none": lambda: found in (None, [], "", "no", {}),
            "yes": lambda: found not in (None, [], "", False, "no"),
            "no": lambda: found in (None, [], "", False, "no"),
        }
        if wanted in special:
            return special[wanted]()
        if wanted.startswith("~"):
            return wanted[1:] in found
        if wanted.startswith("!"):
            return wanted[1:] not in found
        if isinstance(found, list) and wanted in self.numbers:
            return self.numbers[wanted] in found
        if wanted in self.numbers:
            return str(found) in (self.numbers[wanted], self.numbers[wanted].split("-")[1])
        return (wanted in found) if isinstance(found, list) else str(found) == wanted
