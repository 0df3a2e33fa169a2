"""Setting a city up from its own files."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from typer.testing import CliRunner

from tests.cast import ADA
from tests.factories import NOW
from zhongshu import main
from zhongshu.cli import app
from zhongshu.core.grid import Columns, read_features, read_table
from zhongshu.core.presets import STORM
from zhongshu.flow import ladder, outbox, people, presets, setup, start, terms
from zhongshu.flow.city import load
from zhongshu.link.tables import NoSuchColumn, rows
from zhongshu.store import accounts, city_facts
from zhongshu.store import city as city_store
from zhongshu.store.db import Database, Tx

CODES = Columns(code="code", name_zh="name", parent="parent")


@pytest.mark.real_data
def test_zhengzhou_is_known_by_its_codes_down_to_the_communities(
    db: Database, shared_data: Path
) -> None:
    file = shared_data / "admin_codes/zhengzhou_5level_2016.parquet"
    with db.transaction() as tx:
        root = read_table(rows(file, only="level=city"), kind="city", columns=Columns(code="code", name_zh="name"))  # fmt: skip
        assert setup.add_areas(tx, root).new == 1
        for kind, level, count in (
            ("district", "county", 13), ("subdistrict", "town", 181), ("community", "village", 2713),
        ):  # fmt: skip
            reading = read_table(rows(file, only=f"level={level}"), kind=kind, columns=CODES)
            told = setup.add_areas(tx, reading)
            assert (told.new, told.known, told.rejects) == (count, 0, ())
            assert setup.add_areas(tx, reading).known == count
        tree = load(tx).tree
    village = tree.of_kind("community")[-1]
    assert [a.kind for a in tree.chain(village.id)][1:3] in (["district", "subdistrict"], ["subdistrict", "community"])  # fmt: skip
    for area in tree:
        if area.parent is not None:
            assert tree.by_id[area.parent].span.holds(area.span)


@pytest.mark.real_data
def test_boston_is_mended_measured_and_below_nothing(db: Database, shared_data: Path) -> None:
    data = (shared_data / "boundaries/click_that_hood/boston.geojson").read_bytes()
    reading = read_features(
        data, kind="micro_grid", columns=Columns(code="name", name_en="name"), crs="wgs84"
    )
    assert len(reading.repairs) == 4
    with db.transaction() as tx:
        told = setup.add_areas(tx, reading)
    # The test city lies elsewhere: none of the areas overlaps any of its communities.
    assert told.new == 0
    assert len(told.rejects) == 26


BY = people.Hand(account=ADA.account, at=NOW, zone=ZoneInfo("Asia/Shanghai"))
#: Everything that changes one thing of the setting “city”, and the thing.
CHANGES: dict[str, Callable[[Tx], object]] = {
    "name_en": lambda tx: start.name(tx, BY, zh="测试市", en="Changed", zone="Asia/Shanghai"),
    "words": lambda tx: terms.change(tx, BY, "duty:grid_lead", zh="格长", en=""),
    "photo_metres": lambda tx: setup.choose(tx, "photo_metres", "77"),
    "lottery": lambda tx: setup.choose(tx, "lottery.30", "0.5"),
    "ladder": lambda tx: ladder.set_rung(tx, "handle", "warn", told=["handlers"]),
    "tellings": lambda tx: ladder.set_telling(tx, "hazard", told=["handlers"]),
    "messages": lambda tx: outbox.set_media(tx, "hazard", "handlers", ["sms"], by=None, at=NOW),
    "mode": lambda tx: presets.switch(tx, STORM.code, by=ADA.account, at=NOW),  # type: ignore[arg-type]
}  # fmt: skip


def test_two_who_change_the_city_at_the_same_time_keep_each_others_changes(db: Database) -> None:
    for key, deed in CHANGES.items():
        with db.transaction() as tx:
            setup.choose(tx, "undo_seconds", "1")
        with db.transaction() as first:
            setup.choose(first, "undo_seconds", "2")
            other = threading.Thread(target=_does, args=(db, deed))
            other.start()
            while not _waits(db):
                assert other.is_alive(), f"{key} did not wait"
        other.join()
        with db.transaction() as tx:
            said = city_store.setting(tx, "city")
        assert said["undo_seconds"] == 2, f"{key} wrote over what another had just written"
        assert key in said


def _does(db: Database, deed: Callable[[Tx], object]) -> None:
    with db.transaction() as tx:
        deed(tx)


def _waits(db: Database) -> bool:
    with db.reading() as connection:
        return connection.execute("select from pg_locks where not granted").rowcount > 0


def test_units_name_what_is_wrong_with_a_row_and_the_rest_goes_on(db: Database) -> None:
    with db.transaction() as tx:
        new, known, bad = setup.add_units(
            tx,
            [
                {"code": "A", "name_zh": "甲局", "categories": "E-01;C-02", "area": "N"},
                {"code": "", "name_zh": "无码"},
                {"code": "B", "name_zh": "乙局", "parent": "nobody"},
                {"code": "C", "name_zh": "丙局", "area": "nowhere"},
                {"code": "A", "name_zh": "甲局"},
                {"code": "D", "name_en": "Crew", "parent": "A"},
            ],
        )
        city = load(tx)
    assert (new, known) == (2, 1)
    assert [(row, field) for row, field, _, _ in bad] == [(2, "code"), (3, "parent"), (4, "area")]
    unit = city.unit_codes["A"].id
    assert city.units_under(unit) == {unit, city.unit_codes["D"].id}
    assert {r.category for r in city.rulebook.rules if r.unit == unit} == {"E-01", "C-02"}


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    assert rows(tmp_path / "x.csv", only="a=1") == [{"a": "1", "b": "2"}]
    with pytest.raises(NoSuchColumn):
        rows(tmp_path / "x.csv", only="c=1")


def said(conninfo: str, *arguments: str, typed: str = "") -> tuple[int, str]:
    """Run a command of `zhongshu` on a database; return its exit status and what it said."""
    done = CliRunner().invoke(
        app, list(arguments), input=typed, env={"ZHONGSHU_DATABASE_URL": conninfo}
    )
    return done.exit_code, done.stdout + done.stderr


def test_who_is_let_in_by_a_command_is_told_like_any_change_of_access(
    db: Database, conninfo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ZHONGSHU_SITE", "https://hub.example/")
    password = "correct horse battery"
    rc, _ = said(conninfo, "account", "li", "李明", "dispatcher", "--area", "N", typed=f"{password}\n{password}\n")  # fmt: skip
    assert rc == 0
    rc, key = said(conninfo, "key", "sensors")
    assert (rc, key[:3]) == (0, "zs_")
    rc, link = said(conninfo, "rekey", "new", "--name", "新来", "--duty", "admin")
    assert rc == 0
    assert link.startswith("https://hub.example/key/"), "as people type it"
    for refused in (
        ("rekey", "li", "--name", "李"), ("rekey", "li", "--duty", "admin"), ("rekey", "nobody"),
        ("rekey", "sensors"), ("key", "li"), ("key", "x2", "--duty", "wizard"),
    ):  # fmt: skip
        rc, why = said(conninfo, *refused)
        assert (rc, "→" in why) == (1, True), refused
    assert said(conninfo, "rekey", "li")[0] == 0
    with db.transaction() as tx:
        found = {a.login: a for a in accounts.everybody(tx, now=main.clock())}
        told = [f.kind for f in city_facts.browse(tx, access=True)]
        posts = {p.name_zh: p for p in accounts.posts(tx)}
    assert (found["li"].password, found["li"].invited_until is not None) == (False, True)
    assert (found["sensors"].machine, found["sensors"].password) == (True, False)
    assert posts["李明"].area is not None
    assert {t for t in told if t != "access:post_made"} == {
        "access:made", "access:chosen", "access:appointed", "access:rekeyed", "key:made",
    }  # fmt: skip
