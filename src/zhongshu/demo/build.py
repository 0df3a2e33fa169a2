"""Building the demo city: ground, people, and thirty days behind it."""

from __future__ import annotations

import csv
import json
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from importlib.resources import files
from itertools import pairwise
from typing import Any

import numpy as np
import shapely

from zhongshu.core.cases import Act, Case, Stage, begun, step
from zhongshu.core.cases.clocks import Tick, next_at
from zhongshu.core.catalogue import Catalogue, danger_in
from zhongshu.core.catalogue_table import read_rows
from zhongshu.core.facts import A_REPORTER, Fact, Kind
from zhongshu.core.grid import LEVELS, Area
from zhongshu.core.intake import RECEIPT_BYTES, Draft, read, receipt_code, start
from zhongshu.core.messages import HookStyle
from zhongshu.core.texts import Medium
from zhongshu.core.values import AccountId, CaseId
from zhongshu.demo import ground, honesty, people, stories
from zhongshu.demo.life import live, next_act
from zhongshu.demo.voices import Crowd
from zhongshu.flow import acts, addresses, areas, assets, climbing, notices, outward
from zhongshu.flow.city import City, load
from zhongshu.flow.outward import Outlet
from zhongshu.link.holidays import china
from zhongshu.store import addresses as hooks
from zhongshu.store import cases, catalogues, reports, tasks
from zhongshu.store import city as store
from zhongshu.store.db import Database, Tx

DAYS = 30
PER_DAY = 240
#: Share of a day's reports in each hour, from midnight.
_RHYTHM = np.array(
    [1, 1, 1, 1, 1, 2, 4, 8, 10, 10, 9, 8, 6, 7, 9, 9, 8, 7, 6, 5, 4, 3, 2, 1], float
)
Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Built:
    """What `life` needs of the city just built, or found; nobody where it is not ours."""

    people: Mapping[str, AccountId]
    crowd: Crowd


def default_catalogue() -> Catalogue:
    """Return the catalogue the project brings with it."""
    text = files("zhongshu.core").joinpath("data/catalogue.csv").read_text(encoding="utf-8")
    reading = read_rows(csv.DictReader(text.splitlines()))
    if reading.rejects:
        raise ValueError(f"the project's own catalogue has a bad row: {reading.rejects[0]}")
    return Catalogue(1, "默认目录 · Default catalogue", date(2026, 1, 1), reading.categories)


def build(
    tx: Tx, *, password: str, now: datetime, random: Callable[[int], bytes], key: bytes,
    said: Progress,
) -> None:  # fmt: skip
    """Build the city, unless there is one."""
    if store.levels(tx):
        return
    rng = np.random.default_rng(ground.SEED)
    said("drawing the ground")
    made = ground.make(rng)
    store.set_setting(tx, "city", {"name_zh": "清河市", "name_en": "Qinghe City", "zone": "Asia/Shanghai", "demo": True})  # fmt: skip
    store.add_levels(tx, LEVELS)
    for kind in ("city", "district", "subdistrict", "community", "grid", "unit_grid", "exclusive"):
        areas.add(tx, made.areas[kind], official=False)
    for kind, shape in made.backdrops.items():
        store.set_backdrop(tx, kind, shape)
    said("calling the offices together")
    catalogues.add(tx, honesty.asking(default_catalogue()))
    store.add_calendar_days(tx, china(range(2026, 2028)))
    by_kind = _by_kind(store.areas(tx))
    streets = by_kind["subdistrict"]
    units = people.add_units(tx, streets)
    people.add_rules(tx, default_catalogue().categories, units, streets)
    crew = people.add_people(tx, password=password, areas=by_kind, units=units, now=now)
    store.changed(tx)
    said("living through thirty days")
    city = load(tx, at=now)
    _things(tx, city, made.backdrops["road"], rng)
    _past(tx, city, crew, rng, now=now, random=random)
    honesty.lots(tx, city, crew, rng, days=DAYS, now=now, key=key)
    honesty.photos(tx, city, crew, now=now)
    # What is late by now says so from the start, not in one burst of the first second.
    climbing.climb(tx, at=now)
    stories.begin(tx, city, crew, now=now, random=random, key=key)


def tell(db: Database, *, now: datetime, out: Outlet, random: Callable[[int], bytes]) -> None:
    """Let the readers that tell come up to now; of the past only the last day is news, of what
    leaves the hub the last quarter of an hour. Those who sign in have an address at work.
    """
    with db.transaction() as tx:
        city = load(tx, on=now.date())
    more = True
    while more:
        with db.transaction() as tx:
            more = notices.follow(tx, city, now=now, since=now - timedelta(days=1), limit=5000) > 0
    with db.transaction() as tx:
        _reachable(tx, city, out, now=now, random=random)
    more = True
    while more:
        with db.transaction() as tx:
            since = now - timedelta(minutes=15)
            more = outward.follow(tx, city, out, now=now, since=since, limit=5000) > 0


def _reachable(
    tx: Tx, city: City, out: Outlet, *, now: datetime, random: Callable[[int], bytes]
) -> None:  # fmt: skip
    """Give those who sign in a made-up address, and the duty desk a group, unless they have."""
    if hooks.hooks(tx) or not (store.setting(tx, "city") or {}).get("demo"):
        return
    for login, account in found(tx).people.items():
        addresses.keep(
            tx, account, Medium.EMAIL, f"{login}@qinghe.example", key=out.key, random=random, at=now
        )
    addresses.add_hook(
        tx, city, title="指挥中心值班群", style=HookStyle.WECOM, url="https://qyapi.example/send?key=demo",
        secret="", place="", lang="zh", by=None, key=out.key, random=random, at=now,
    )  # fmt: skip


def found(tx: Tx) -> Built:
    """Return the people and the crowd of the demo city that is here; nobody in a real city."""
    if not (store.setting(tx, "city") or {}).get("demo"):
        # A city's own accounts may bear the same logins: no made-up report is for them.
        return Built({}, Crowd((), {}, np.zeros(0)))
    by_kind = _by_kind(store.areas(tx))
    rows = tx.execute(
        "select login, id from accounts where login = any(%s)",
        ([*people.SIGN_INS, people.RECHECKER],),
    )
    return Built(dict(rows.fetchall()), _crowd(by_kind, np.random.default_rng(ground.SEED + 1)))


def enliven(
    db: Database, city: Callable[[], City], *, stop: threading.Event, clock: Callable[[], datetime],
    random: Callable[[int], bytes], key: bytes,
) -> bool:  # fmt: skip
    """Keep the demo city alive beside the server; say whether it is ours to do so."""
    with db.transaction() as tx:
        built = found(tx)
    if not built.people:
        return False
    threading.Thread(
        target=live, daemon=True, args=(db, city, built.crowd, built.people),
        kwargs={
            "stop": stop, "rng": np.random.default_rng(), "clock": clock, "random": random,
            "key": key,
        },
    ).start()  # fmt: skip
    return True


def _by_kind(found: list[Area]) -> dict[str, list[Area]]:
    kinds: dict[str, list[Area]] = {}
    for area in found:
        kinds.setdefault(area.kind, []).append(area)
    return kinds


def _crowd(by_kind: Mapping[str, list[Area]], rng: np.random.Generator) -> Crowd:
    above = {a.id: a for kind in ("community", "subdistrict") for a in by_kind[kind]}
    street: dict[int, Area] = {g.id: above[above[g.parent].parent] for g in by_kind["grid"]}  # type: ignore[index]
    return Crowd.of(by_kind["grid"], street, rng)


#: Things along the roads: class, name, code letter, metres between two, metres from the middle.
_ALONG = (
    ("C-01-37", "路灯", "Street light", "L", 170.0, 6.0),
    ("C-01-23", "检查井盖", "Manhole cover", "M", 310.0, 2.0),
    ("C-01-04", "雨水箅子", "Storm-drain grate", "D", 430.0, 5.0),
    ("C-04-02", "行道树", "Street tree", "T", 260.0, 8.0),
)


def _things(tx: Tx, city: City, roads: Mapping[str, Any], rng: np.random.Generator) -> None:
    """Put lamps, covers, grates and trees along the greater roads, as a survey would find them."""
    rows: list[dict[str, Any]] = []
    greater = [f for f in roads["features"] if f["properties"].get("class") in (1, 2)]
    for category, zh, en, letter, apart, aside in _ALONG:
        for road in greater:
            line = shapely.from_geojson(json.dumps(road["geometry"]))
            for nth in range(1, int(line.length * _METRES / apart)):
                at = line.interpolate(nth * apart / _METRES)
                rows.append(
                    {
                        "code": f"{letter}{len(rows):05d}", "category": category, "name_zh": zh,
                        "name_en": en, "lon": at.x + rng.choice((-1, 1)) * aside / _METRES,
                        "lat": at.y + rng.choice((-1, 1)) * aside / _METRES,
                        "state": "damaged" if rng.random() < 0.02 else "good",
                        "owner": _unit_for(city, category), "maintainer": _unit_for(city, category),
                        "surveyed": "2026-06-30",
                    }
                )  # fmt: skip
    numbered = list(enumerate(rows, start=1))
    assets.put(tx, assets.known(city), numbered, assets.Tally(), crs="wgs84")


#: Metres of a degree, near enough to set lamps by.
_METRES = 100_000.0


def _unit_for(city: City, category: str) -> str:
    rules = [r for r in city.rulebook.rules if r.category == category and r.area is None]
    return city.code_of(rules[0].unit) if rules else ""


# ── thirty days, told by the same table ──────────────────────────────────────────────


def _past(
    tx: Tx, city: City, crew: Mapping[str, AccountId], rng: np.random.Generator, *,
    now: datetime, random: Callable[[int], bytes],
) -> None:  # fmt: skip
    crowd = _crowd(_by_kind(list(city.tree)), rng)
    moments = sorted(_moments(rng, now))
    case_ids, report_ids = cases.ids(tx, cases=len(moments), reports=len(moments))
    lives: list[_Life] = []
    done: list[Case] = []
    for c, r, at in zip(case_ids, report_ids, moments, strict=True):
        before = honesty.again(done[-1500:], at, rng)
        draft = crowd.say(rng)
        if before is not None:  # the same thing at the same place, soon after it was closed
            draft = replace(draft, text=before.title, lon=before.lon, lat=before.lat, address=before.address)  # fmt: skip
        lives.append(_life(city, draft, CaseId(c), r, at, now, crew, rng, random, before))
        done += [lives[-1].case] if lives[-1].case.stage is Stage.CLOSED else []
    for first, last in pairwise([*range(0, len(lives), 500), len(lives)]):
        part = lives[first:last]
        cases.add(
            tx, [life.case for life in part], [f for life in part for f in life.facts],
            {life.case.id: life.text for life in part},
    )  # fmt: skip
        reports.add(tx, [life.row for life in part])
    for life in lives:
        case = life.case
        if case.stage in (Stage.DISPATCHED, Stage.IN_HAND) and case.dispatched_at is not None:
            tasks.open_(
                tx, case.id, "handle", at=case.dispatched_at, unit=case.unit, due_at=case.due_at
            )
        elif case.stage is Stage.HANDLED and case.handled_at is not None:
            tasks.open_(tx, case.id, "check", at=case.handled_at)


@dataclass(frozen=True, slots=True)
class _Life:
    case: Case
    facts: list[Fact]
    row: dict[str, Any]
    text: str


def _life(
    city: City, draft: Draft, case_id: CaseId, report_id: int, at: datetime, now: datetime,
    crew: Mapping[str, AccountId], rng: np.random.Generator, random: Callable[[int], bytes],
    before: Case | None = None,
) -> _Life:  # fmt: skip
    report = read(replace(draft, at=at), now=at)
    assert report.place is not None
    where = city.where(report.place)
    guesses = city.guesses(report.text)
    category = guesses[0].category if guesses else None
    danger = danger_in(report.text)
    stage = start(place=report.place, inside=where is not None, classified=category is not None)
    first = Case(
        id=case_id, number=city.number(at, case_id), stage=stage, reported_at=at,
        title=report.title, address=report.address, channel=report.channel,
        category=category.id if category else None, hazard=danger is not None,
        priority=1 if danger else 3, lon=report.place.lon, lat=report.place.lat,
        filed_at=at if stage is Stage.FILED else None,
        repeat_of=before.id if before else None, **(where or {}),
    )  # fmt: skip
    case, fact = begun(
        replace(first, clocks=city.first_clocks(first, at)),
        Kind.REPORTED, by=A_REPORTER, at=at, says={"report": report_id, "channel": report.channel},
    )  # fmt: skip
    facts = [fact]
    moment: datetime | None = at
    while moment is not None:
        case, moment = _moved(city, case, facts, moment, now, crew, rng)
    row = {
        "id": report_id, "code": receipt_code(random(RECEIPT_BYTES)), "case_id": case_id,
        "received_at": at.isoformat(), "reported_at": at.isoformat(), "channel": report.channel,
        "source": report.source, "source_key": None, "body_hash": None, "text": report.text,
        "address": report.address, "lang": report.lang, "lon": report.place.lon,
        "lat": report.place.lat, "raw_place": None, "category": None, "extra": None,
    }  # fmt: skip
    return _Life(case, facts, row, report.text)


#: How long a step takes in hours, as the parameters of a lognormal law: dispatchers are quick.
_WAITS = {Act.DISPATCH: (-2.3, 0.7), Act.HANDLE: (1.5, 1.3)}


def _moved(
    city: City, case: Case, facts: list[Fact], moment: datetime, now: datetime,
    crew: Mapping[str, AccountId], rng: np.random.Generator,
) -> tuple[Case, datetime | None]:  # fmt: skip
    """Take the next step of a life if there is time for it before now; its clocks go on
    meanwhile. Return the case after, and when that was (None: the life has come to now).
    """
    chosen = next_act(case, crew, rng)
    if chosen is None:
        return _watched(case, facts, now), None
    act, by, form = chosen
    # Most work is quick; some waits for days, and a little of that becomes late.
    wait = timedelta(hours=float(rng.lognormal(*_WAITS.get(act, (0.1, 1.1)))))
    at = moment + wait
    if at > now:
        return _watched(case, facts, now), None
    if honesty.too_late(act, facts, at):
        return _watched(case, facts, now), None
    case = _watched(case, facts, at)
    sets = city.ticked(case, acts.TICKS[act], at) if act in acts.TICKS else {}
    says: dict[str, Any] = {"note": form.note} if form.note else {}
    if act is Act.DISPATCH:
        work = city.work(case, at=at, asset=None)
        if work is None:
            return case, None
        sets, says = city.dispatched(case, work, at), dict(work.says)
    elif act is Act.FILE and case.category is None:
        category = city.catalogue.by_code(form.category or "")
        assert category is not None
        sets["category"] = category.id
    elif act is Act.HANDLE:
        sets["outcome"] = form.outcome
    elif act is Act.RETURN:
        says = {"clause": form.clause, "cause": form.cause, "unit": case.unit}
    elif act is Act.REOPEN:
        sets = city.ticked(case, Tick.REOPENED, at)
    elif act is Act.RATE:
        sets = says = {"solved": form.solved, "satisfied": form.satisfied}
    after, fact = step(case, act, by=by, at=at, sets=sets, reason=form.reason, says=says)
    facts.append(fact)
    return after, at


def _watched(case: Case, facts: list[Fact], until: datetime) -> Case:
    """Let the clocks climb their rungs, each at its moment."""
    while (rung := next_at(case.clocks)) is not None and rung < until:
        said = climbing.climbing(case, at=rung + timedelta(seconds=1))
        if said is None:
            break
        case, fact = said
        facts.append(fact)
    return case


def _moments(rng: np.random.Generator, now: datetime) -> list[datetime]:
    """Return when the reports of the days before came, in a city's daily rhythm."""
    zone_ahead = 8
    midnight = (now + timedelta(hours=zone_ahead)).replace(
        hour=0, minute=0, second=0, microsecond=0
    )
    found: list[datetime] = []
    for back in range(DAYS + 1):
        day = midnight - timedelta(days=back, hours=zone_ahead)
        count = int(rng.poisson(PER_DAY * (0.8 if day.weekday() >= 5 else 1.0)))
        hours = rng.choice(24, count, p=_RHYTHM / _RHYTHM.sum()) + rng.random(count)
        found += [day.astimezone(UTC) + timedelta(hours=float(h)) for h in hours]
    return [at.replace(microsecond=0) for at in found if at < now - timedelta(seconds=30)]
