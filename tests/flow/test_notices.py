"""The reader that tells: nothing lost, nothing twice, whenever it runs and however it ends."""

from __future__ import annotations

import random
import threading
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime, time, timedelta

import pytest

from tests.cast import ADA, ADMIN, CHENG, DING, HANA
from tests.factories import NOW, draft
from tests.flow.test_intake import sent, through
from zhongshu.core.access import Actor, Duty, Holding
from zhongshu.core.cases import Act, Case, Outcome, fold
from zhongshu.core.cases.clocks import ClockKind, by_kind
from zhongshu.core.escalation import Quiet
from zhongshu.core.facts import Kind, Position
from zhongshu.core.notices import NoticeKind, notices
from zhongshu.core.values import AccountId, PostId, Refused, UnitId
from zhongshu.flow import ladder as pressing
from zhongshu.flow import notices as telling
from zhongshu.flow.acts import Form, act
from zhongshu.flow.city import City, load
from zhongshu.flow.climbing import climb
from zhongshu.flow.notices import CannotBeMuted, bearings, follow, inbox, mute, tell_idle_rules
from zhongshu.flow.proceedings import notice_late
from zhongshu.store import accounts, cases, facts, procedures
from zhongshu.store import city as city_store
from zhongshu.store import notices as store
from zhongshu.store.db import Database, Tx
from zhongshu.store.notices import NoticeFilter

DISPATCH = (Act.DISPATCH, DING, Form())
DONE = (
    DISPATCH, (Act.ACCEPT, HANA, Form()), (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)),
    (Act.PASS, CHENG, Form()), (Act.CLOSE, ADA, Form()),
)  # fmt: skip
Row = tuple[int | None, str, str]


class Killed(Exception):
    """The reader's process ends here."""


def hire(tx: Tx, login: str, duty: Duty, *, area: str | None = None, unit: str | None = None) -> AccountId:  # fmt: skip
    account = accounts.add(tx, login=login, name=login.title(), password_hash=None)
    row = tx.execute(
        "insert into posts (duty, name_zh, area, unit) values (%s, %s, (select id from areas where"
        " code = %s), (select id from units where code = %s)) returning id",
        (duty, login, area, unit),
    ).fetchone()
    assert row is not None
    accounts.appoint(tx, account, PostId(row[0]), at=datetime(2026, 1, 1, tzinfo=UTC))
    return account


def staffed(db: Database) -> City:
    """The small city with somebody above: a grid lead in the north, supervisors."""
    with db.transaction() as tx:
        hire(tx, "gina", Duty.GRID_LEAD, area="N")
        hire(tx, "sue", Duty.SUPERVISOR)
        hire(tx, "uma", Duty.SUPERVISOR, unit="U1")
        return load(tx)


def caught_up(db: Database, city: City, now: datetime) -> None:
    """Let the readers come up to now, in a city where nothing is taken back."""
    city = replace(city, said={**city.said, "undo_seconds": 0})
    for reader in (pressing.press, follow):
        more = True
        while more:
            with db.transaction() as tx:
                more = bool(
                    reader(tx, city, at=now) if reader is pressing.press else reader(tx, city, now=now)  # type: ignore[call-arg]
                )  # fmt: skip


def kept(db: Database) -> list[Row]:
    with db.transaction() as tx:
        return tx.execute("select account, kind, about from notices order by id").fetchall()


def expected(db: Database, city: City) -> set[Row]:
    """Tell every fact of the ledger from the beginning, one at a time; the slow way."""
    found: set[Row] = set()
    with db.transaction() as tx:
        (first, last) = tx.execute("select min(case_id), max(case_id) from facts").fetchone()  # type: ignore[misc]
        for case_id in range(first, last + 1):
            story = facts.of_case(tx, case_id, limit=10_000)  # type: ignore[arg-type]
            for n, fact in enumerate(story, start=1):
                case = fold(fact.case, story[:n])
                where = bearings(city, case, fact)
                directory = telling.around(tx, city, [where], at=NOW)
                found |= {
                    (n.account, n.kind.value, n.about)
                    for n in notices(fact, case, where, directory, city.rules)
                }
    return found


def told(db: Database, login: str) -> list[str]:
    """The kinds of all notices of somebody, in order."""
    with db.transaction() as tx:
        rows = tx.execute(
            "select n.kind from notices n join accounts a on a.id = n.account where a.login = %s"
            " order by n.id", (login,),
        ).fetchall()  # fmt: skip
    return [kind for (kind,) in rows]


def actor(db: Database, login: str) -> Actor:
    with db.transaction() as tx:
        rows = tx.execute(
            "select a.id, p.id, p.duty, p.unit from accounts a join tenures t on t.account = a.id"
            " join posts p on p.id = t.post where a.login = %s", (login,),
        ).fetchall()  # fmt: skip
    return Actor(
        account=AccountId(rows[0][0]), login=login, name=login,
        holdings=tuple(
            Holding(
                post=PostId(post), duty=Duty(duty),
                units=frozenset() if unit is None else frozenset({UnitId(unit)}),
            )
            for _, post, duty, unit in rows
        ),
    )  # fmt: skip


def something(db: Database, city: City, chance: random.Random, now: datetime) -> None:
    """Do one random thing to the city."""
    with suppress(Refused), db.transaction() as tx:
        what = chance.random()
        open_now = cases.following(tx, 0, limit=50)  # type: ignore[arg-type]
        if what < 0.15 or not open_now:
            text = chance.choice(["路灯不亮", "路灯不亮", "井盖丢了", "路面塌陷"])
            sent(tx, city, draft(text, lon=113.003 + 0.004 * chance.randrange(9)), now=now)
        elif what < 0.3:
            climb(tx, at=now)
            notice_late(tx, city, at=now)
        else:
            chosen = chance.choice(open_now)
            done = chance.choice([Act.DISPATCH, Act.ACCEPT, Act.HANDLE, Act.FAIL, Act.PASS, Act.CLOSE, Act.RETURN, Act.REOPEN, Act.MERGE, Act.UNMERGE])  # fmt: skip
            form = Form(
                reason="r", clause="c", outcome=Outcome.SOLVED, into=chance.choice(open_now).id
            )
            act(tx, city, chosen.id, done, by=chance.choice([ADA, DING, HANA, CHENG]), at=now, form=form)  # fmt: skip


@pytest.mark.parametrize("seed", range(4))
def test_nothing_is_lost_and_nothing_told_twice_however_the_readers_run_and_are_killed(
    db: Database, seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    city, chance, now = staffed(db), random.Random(seed), NOW
    really = facts.advance

    def sometimes(tx: Tx, reader: str, to: Position) -> None:
        if chance.random() < 0.3:
            raise Killed  # what was told is written, how far was read is not
        really(tx, reader, to)

    monkeypatch.setattr(facts, "advance", sometimes)
    for _ in range(120):
        now += timedelta(minutes=chance.choice([0, 0, 5, 60, 600]))
        something(db, city, chance, now)
        if chance.random() < 0.4:
            with suppress(Killed), db.transaction() as tx:
                if chance.random() < 0.5:
                    follow(tx, city, now=now, limit=chance.choice([1, 3, 500]))
                else:
                    pressing.press(tx, city, at=now, limit=chance.choice([1, 3, 500]))
                if chance.random() < 0.2:
                    raise Killed  # everything is written, nothing is committed
    monkeypatch.setattr(facts, "advance", really)
    caught_up(db, city, now)
    rows = kept(db)
    assert len(rows) == len(set(rows))
    assert set(rows) == expected(db, city)
    assert len(rows) > 40


def test_two_readers_at_once_do_the_work_of_one(db: Database) -> None:
    city = staffed(db)
    with db.transaction() as tx:
        for n in range(30):
            through(tx, city, sent(tx, city, draft("路灯不亮", lon=113.001 + 0.001 * n)), DISPATCH)
    done = threading.Barrier(3)

    def read() -> None:
        done.wait()
        caught_up(db, city, NOW)

    readers = [threading.Thread(target=read) for _ in range(2)]
    for reader in readers:
        reader.start()
    done.wait()
    for reader in readers:
        reader.join()
    rows = kept(db)
    assert len(rows) == len(set(rows))
    assert set(rows) == expected(db, city)


def late_case(db: Database, city: City) -> Case:
    with db.transaction() as tx:
        return through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH)


def test_the_ladder_of_a_case_nobody_works_on(db: Database) -> None:
    """Two working days from Tuesday 10:00: warned, red, overdue, then higher and higher."""
    city = staffed(db)
    case = late_case(db, city)
    handle = by_kind(case.clocks, ClockKind.HANDLE)
    assert handle is not None
    seen: list[dict[str, list[str]]] = []
    for rung in handle.rungs:
        now = rung + timedelta(seconds=1)
        with db.transaction() as tx:
            climb(tx, at=now)
        caught_up(db, city, now)
        caught_up(db, city, now)  # what the ladder itself did is told, too
        seen.append({who: told(db, who) for who in ("hana", "ding", "gina", "uma", "sue")})
    warn, red, overdue, higher, highest = seen
    assert (warn["hana"], warn["ding"]) == (["dispatched", "clock"], [])
    assert red["ding"][:1] == ["clock"]
    assert overdue["gina"] == ["clock"]
    assert (overdue["uma"], overdue["sue"]) == ([], [])
    assert higher["uma"] == ["clock"]
    assert "supervised" in higher["hana"]
    assert highest["sue"].count("clock") == 2
    assert highest["hana"].count("supervised") == 2
    with db.transaction() as tx:
        (one,) = procedures.of_case(tx, case.id)
    assert (one.level, one.said["reason"], one.hands) == (2, "ladder:higher", ())


def test_what_was_done_before_the_reader_came_is_not_pressed(db: Database) -> None:
    city = staffed(db)
    case = late_case(db, city)
    late = NOW + timedelta(days=20)
    with db.transaction() as tx:
        climb(tx, at=late)
        through(tx, city, case, *DONE[1:3])
    caught_up(db, city, late)
    with db.transaction() as tx:
        assert procedures.of_case(tx, case.id) == []


def test_a_late_answer_climbs_by_itself_to_the_highest_level_and_then_the_city_is_told(
    db: Database,
) -> None:
    city = staffed(db)
    case = late_case(db, city)
    now = NOW + timedelta(days=20)
    with db.transaction() as tx:
        climb(tx, at=now)
    caught_up(db, city, now)
    levels: list[int] = []
    for _ in range(4):
        with db.transaction() as tx:
            (one,) = procedures.of_case(tx, case.id)
            levels.append(one.level)
            now = (one.due_at or now) + timedelta(minutes=1)
            notice_late(tx, city, at=now)
        caught_up(db, city, now)
    assert levels == [2, 3, 3, 3]
    assert told(db, "sue").count("late") == 1
    assert told(db, "hana").count("supervised") == 2  # level 2, then level 3


def test_quiet_hours_hold_what_is_not_urgent_and_the_morning_gives_it_as_one_list(
    db: Database,
) -> None:
    city, night = staffed(db), datetime(2026, 11, 24, 15, tzinfo=UTC)  # 23:00 in Shanghai
    seven = datetime(2026, 11, 24, 23, tzinfo=UTC)
    with db.transaction() as tx:
        for n in range(3):
            through(tx, city, sent(tx, city, draft("路灯不亮", lon=113.005 + n / 100)), DISPATCH)
        sent(tx, city, draft("路面塌陷", lon=113.035), now=night)  # dispatched to U2 by rule
    caught_up(db, city, night)
    hana, gina = actor(db, "hana"), actor(db, "gina")
    with db.transaction() as tx:
        assert telling.unread(tx, hana, now=night) == 0
        assert telling.unread(tx, gina, now=night) == 1  # danger waits for no morning
        before = inbox(tx, hana, NoticeFilter(), now=night, after=None, limit=50)
        assert (before.waiting, before.released) == (3, seven)
        after = inbox(tx, hana, NoticeFilter(), now=seven, after=None, limit=50)
    assert {(n.due_from, n.held) for n in after.notices} == {(seven, True)}
    assert (after.unread, after.waiting, after.released) == (3, 0, None)


def test_a_post_without_quiet_hours_is_told_at_once(db: Database) -> None:
    city, night = staffed(db), datetime(2026, 11, 24, 15, tzinfo=UTC)
    with db.transaction() as tx:
        store.set_quiet(tx, None, duty=Duty.HANDLER)
        store.set_quiet(tx, Quiet(time(12), time(13)), duty=Duty.SUPERVISOR)
    late_case(db, city)
    caught_up(db, city, night)
    with db.transaction() as tx:
        assert telling.unread(tx, actor(db, "hana"), now=night) == 1
        (post,) = [p for p in store.posts_of(tx, "handler", at=NOW) if p.holders]
    assert post.quiet is None


def test_a_notice_nobody_could_get_waits_for_whoever_takes_the_post(db: Database) -> None:
    with db.transaction() as tx:
        tx.execute("update tenures set held_until = '2026-01-02'")
        city = load(tx)
    late_case(db, city)
    caught_up(db, city, NOW)
    with db.transaction() as tx:
        (row,) = tx.execute("select account, post from notices").fetchall()
        assert row[0] is None
        newcomer = accounts.add(tx, login="new", name="New", password_hash=None)
        accounts.appoint(tx, newcomer, PostId(row[1]), at=NOW)
    new = actor(db, "new")
    with db.transaction() as tx:
        assert telling.unread(tx, new, now=NOW) == 1
        assert telling.read(tx, new, NoticeFilter(), ids=None, now=NOW) == 1
        assert telling.unread(tx, new, now=NOW) == 0


def test_a_case_out_of_sight_keeps_its_title_to_itself(db: Database) -> None:
    city = staffed(db)
    late_case(db, city)
    caught_up(db, city, NOW)
    hana = actor(db, "hana")
    gone = Actor(account=hana.account, login="hana", name="Hana")
    with db.transaction() as tx:
        assert len(inbox(tx, hana, NoticeFilter(), now=NOW, after=None, limit=9).cases) == 1
        left = inbox(tx, gone, NoticeFilter(), now=NOW, after=None, limit=9)
    assert (len(left.notices), left.cases) == (1, {})


def test_reading_marks_one_some_or_all_of_ones_own_and_nobody_elses(db: Database) -> None:
    city = staffed(db)
    late_case(db, city)
    with db.transaction() as tx:
        climb(tx, at=NOW + timedelta(days=20))
    caught_up(db, city, NOW)
    hana, gina = actor(db, "hana"), actor(db, "gina")
    with db.transaction() as tx:
        mine = inbox(tx, hana, NoticeFilter(), now=NOW, after=None, limit=50)
        assert (
            telling.read(tx, gina, NoticeFilter(), ids=[n.id for n in mine.notices], now=NOW) == 0
        )
        assert telling.read(tx, hana, NoticeFilter(), ids=[mine.notices[-1].id], now=NOW) == 1
        assert telling.read(tx, hana, NoticeFilter(kind="supervised"), ids=None, now=NOW) == 1
        rest = inbox(tx, hana, NoticeFilter(unread=True), now=NOW, after=None, limit=50)
        assert (rest.unread, len(rest.notices)) == (mine.unread - 2, mine.unread - 2)
        pages, after = list[int](), None
        while True:
            page = inbox(tx, hana, NoticeFilter(), now=NOW, after=after, limit=2)
            pages += [n.id for n in page.notices]
            after = page.next
            if after is None:
                break
        assert sorted(pages) == sorted(n.id for n in mine.notices)
        unread_first = [n.read_at is None for n in inbox(tx, hana, NoticeFilter(), now=NOW, after=None, limit=50).notices]  # fmt: skip
    assert unread_first == sorted(unread_first, reverse=True)


def test_what_one_switches_off_is_not_made_and_work_cannot_be_switched_off(db: Database) -> None:
    city = staffed(db)
    hana = actor(db, "hana")
    with db.transaction() as tx:
        mute(tx, hana, [NoticeKind.JOINED])
        assert telling.muted(tx, hana) == {"joined"}
        case = through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH)
        assert sent(tx, city, draft("路灯不亮")).id == case.id
    caught_up(db, city, NOW)
    assert told(db, "hana") == ["dispatched"]
    with db.transaction() as tx, pytest.raises(CannotBeMuted):
        mute(tx, hana, [NoticeKind.CLOCK])


def test_read_notices_go_after_thirty_days_and_unread_ones_after_a_hundred_and_eighty(
    db: Database,
) -> None:
    city = staffed(db)
    late_case(db, city)
    with db.transaction() as tx:
        climb(tx, at=NOW + timedelta(days=20))
    caught_up(db, city, NOW)
    hana = actor(db, "hana")
    with db.transaction() as tx:
        telling.read(tx, hana, NoticeFilter(), ids=None, now=NOW)
        (all_of_it, read) = tx.execute("select count(*)::int, count(read_at)::int from notices").fetchone()  # type: ignore[misc]  # fmt: skip
        assert 0 < read < all_of_it
        assert telling.forget(tx, now=NOW + timedelta(days=29)) == 0
        assert telling.forget(tx, now=NOW + timedelta(days=31)) == read
        assert telling.forget(tx, now=NOW + timedelta(days=181)) == all_of_it - read


def test_a_rule_of_a_unit_no_longer_at_work_is_told_to_the_administrators_until_it_is_again(
    db: Database,
) -> None:
    with db.transaction() as tx:
        tx.execute("update units set active = false where code = 'U1'")
        city = load(tx)
        for _ in range(2):
            assert tell_idle_rules(tx, city, now=NOW) == 1
        rows = tx.execute("select account, kind, says->>'unit' from notices").fetchall()
        assert rows == [(ADMIN.account, "rule", "U1")]
        tx.execute("update units set active = true where code = 'U1'")
        assert tell_idle_rules(tx, load(tx), now=NOW) == 0
        assert tx.execute("select count(*) from notices").fetchone() == (0,)


def test_a_past_is_passed_over_and_not_told(db: Database) -> None:
    city = staffed(db)
    late_case(db, city)
    with db.transaction() as tx:
        assert follow(tx, city, now=NOW, since=NOW + timedelta(seconds=1)) > 0
    assert kept(db) == []
    with db.transaction() as tx:
        assert follow(tx, city, now=NOW) == 0


def test_a_city_s_own_rows_are_what_is_told(db: Database) -> None:
    staffed(db)
    with db.transaction() as tx:
        said = city_store.setting(tx, "city")
        rows = {"tellings": {"case:dispatched": ["city"]}, "ladder": {"handle": {"warn": {"told": ["admins"], "level": 3}}}}  # fmt: skip
        city_store.set_setting(tx, "city", {**said, **rows})
        city = load(tx)
    case = late_case(db, city)
    clock = by_kind(case.clocks, ClockKind.HANDLE)
    assert clock is not None
    with db.transaction() as tx:
        climb(tx, at=clock.rungs[0] + timedelta(seconds=1))
    caught_up(db, city, NOW)
    assert (told(db, "hana"), told(db, "admin")) == ([], ["clock"])
    assert told(db, "sue") == ["dispatched"]


def test_the_explanation_names_whom_each_rung_would_tell_and_sends_nothing(db: Database) -> None:
    city = staffed(db)
    case = late_case(db, city)
    with db.transaction() as tx:
        steps = telling.explained(tx, city, case, now=NOW)
        assert tx.execute("select count(*) from notices").fetchone() == (0,)
    handle = [s for s in steps if s.clock.kind is ClockKind.HANDLE]
    assert [s.rung.value for s in handle] == ["warn", "red", "overdue", "higher", "highest"]
    assert not any(s.passed for s in handle)
    names = [[p.name.zh for _, f in s.told for p in f.posts] for s in handle]
    assert names == [["handler"], ["handler", "dispatcher"], ["handler", "dispatcher", "gina"], ["sue", "uma"], ["sue"]]  # fmt: skip
    with db.transaction() as tx:
        assert facts.of_case(tx, case.id)[-1].kind is Kind.DISPATCHED
