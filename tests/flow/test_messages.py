"""Messages: written beside what happened, carried at least once, exactly once without a kill."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.cast import ADA, CHENG, DING
from tests.factories import KEY, NOW, draft, same_random
from tests.flow import test_notices
from tests.flow.test_intake import sent, through
from tests.flow.test_notices import DISPATCH, DONE, Killed, actor
from tests.link.outside import mail_server, web_server
from zhongshu import jobs
from zhongshu.core.cases import Act, Case
from zhongshu.core.messages import (
    LEASE,
    WAITS,
    Delivery,
    Fault,
    Parcel,
    next_try,
    sendings,
    usual_media,
)
from zhongshu.core.texts import Hearer, Medium, NoSuchVariable, Text, check, filled, usual
from zhongshu.core.values import Refused
from zhongshu.flow import (
    addresses,
    notices,
    outward,
    sending,
    setup,
    subscriptions,
    texts,
    undo,
)
from zhongshu.flow.acts import Form, act
from zhongshu.flow.city import City, load
from zhongshu.flow.outward import Outlet
from zhongshu.link.hooks import Groups
from zhongshu.link.mail import Smtp
from zhongshu.store import city as city_store
from zhongshu.store import messages as store
from zhongshu.store.db import Database
from zhongshu.web.look import worded

OUT = Outlet(media=frozenset(Medium), words=worded, site="https://hub.example", key=KEY)
CHANCE = same_random(10_000)


@dataclass
class Carrier:
    """Takes everything, unless told otherwise; remembers what, and how often."""

    taken: list[Parcel] = field(default_factory=list)
    answer: Callable[[Parcel], Delivery | None] = lambda _: None

    def __call__(self, parcels: Sequence[Parcel]) -> Iterator[Delivery]:
        for parcel in parcels:
            said = self.answer(parcel)
            if said is None:
                self.taken.append(parcel)
                said = Delivery(ids=parcel.ids, channel=parcel.channel)
            yield said
            if said.fault is Fault.CHANNEL:
                return

    def subjects(self) -> list[str]:
        return [parcel.subject for parcel in self.taken]


def fails(parcel: Parcel, fault: Fault = Fault.MESSAGE, *, permanent: bool = False) -> Delivery:
    return Delivery(
        ids=parcel.ids, channel=parcel.channel, error=f"no: {parcel.to}", fault=fault,
        permanent=permanent,
    )  # fmt: skip


def staffed(db: Database, *, window: int = 0) -> City:
    """The small city with somebody above, where so many seconds are left to take back."""
    test_notices.staffed(db)
    with db.transaction() as tx:
        setup.choose(tx, "undo_seconds", str(window))
        return load(tx)


def reached(db: Database, *logins: str, medium: Medium = Medium.EMAIL) -> None:
    """Let these have a work address."""
    for login in logins:
        who = actor(db, login)
        to = f"{login}@city.example" if medium is Medium.EMAIL else "13800138000"
        with db.transaction() as tx:
            addresses.keep(tx, who.account, medium, to, key=KEY, random=CHANCE, at=NOW)


def told(db: Database, city: City, now: datetime = NOW, out: Outlet = OUT) -> None:
    """Let the readers come up to the end of the ledger."""
    for reader in (notices.follow, outward.follow):
        more = True
        while more:
            with db.transaction() as tx:
                more = bool(
                    notices.follow(tx, city, now=now, out=out)
                    if reader is notices.follow
                    else outward.follow(tx, city, out, now=now)
                )


def carried(db: Database, city: City, carrier: Any, now: datetime = NOW, medium: Medium = Medium.EMAIL) -> None:  # fmt: skip
    jobs.send_all(db, lambda: city, medium, carrier, OUT, lambda: now)


def states(db: Database) -> dict[str, int]:
    with db.transaction() as tx:
        return dict(tx.execute("select state, count(*)::int from messages group by 1").fetchall())


def asked(db: Database, city: City, contact: str = "li@example.org", **more: Any) -> Case:
    with db.transaction() as tx:
        return sent(tx, city, draft("路灯不亮", contact=contact, **{"tell": True, **more}))


# ── staff ────────────────────────────────────────────────────────────────────────────


def test_a_case_sent_to_a_unit_reaches_its_handler_by_mail_once(db: Database) -> None:
    city = staffed(db)
    reached(db, "hana", "ding")
    with db.transaction() as tx:
        case = through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH)
    told(db, city)
    told(db, city)
    carrier = Carrier()
    carried(db, city, carrier)
    carried(db, city, carrier)
    # Ding dispatched it himself: nobody is told of his own act.
    assert [p.to for p in carrier.taken] == ["hana@city.example"]
    (parcel,) = carrier.taken
    assert case.number in parcel.subject
    assert f"https://hub.example/cases/{case.number}" in parcel.body
    assert "路灯不亮" in parcel.body
    assert states(db) == {"sent": 1}


def test_without_an_address_or_a_channel_nothing_is_written(db: Database) -> None:
    city = staffed(db)
    with db.transaction() as tx:
        through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH)
    told(db, city)
    assert states(db) == {}
    reached(db, "hana")
    with db.transaction() as tx:
        through(tx, city, sent(tx, city, draft("路灯不亮", lon=113.03)), DISPATCH)
    told(db, city, out=Outlet(media=frozenset(), words=worded, site="", key=KEY))
    assert states(db) == {}


def test_the_night_is_one_mail_in_the_morning_and_danger_is_a_mail_at_once(db: Database) -> None:
    city, night = staffed(db), datetime(2026, 11, 24, 15, tzinfo=UTC)
    reached(db, "hana", "gina")
    with db.transaction() as tx:
        for n in range(3):
            through(tx, city, sent(tx, city, draft("路灯不亮", lon=113.005 + n / 100)), DISPATCH)
        sent(tx, city, draft("路面塌陷", lon=113.035), now=night)
    told(db, city, night)
    carrier = Carrier()
    carried(db, city, carrier, night)
    assert [p.to for p in carrier.taken] == ["gina@city.example"]
    carried(db, city, carrier, night + timedelta(hours=8, seconds=1))
    assert [p.to for p in carrier.taken[1:]] == ["hana@city.example"]
    assert "3" in carrier.subjects()[1]
    assert carrier.taken[1].body.count("案件：") == 3
    assert carrier.taken[1].body.count("接收方式") == 1


def test_kinds_that_are_no_duty_can_be_switched_off_by_medium_and_work_cannot(db: Database) -> None:
    city = staffed(db)
    reached(db, "hana")
    with db.transaction() as tx:
        addresses.mute(tx, actor(db, "hana"), [("email", "joined"), ("email", "dispatched")])
        case = through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH)
        assert sent(tx, city, draft("路灯不亮")).id == case.id
    told(db, city)
    with db.transaction() as tx:
        rows = tx.execute("select event from messages").fetchall()
        assert tx.execute("select count(*) from notices where kind = 'joined'").fetchone() == (1,)
    assert rows == [("case:dispatched",)]


def test_a_city_says_by_which_medium_whom(db: Database) -> None:
    staffed(db)
    reached(db, "hana")
    reached(db, "hana", medium=Medium.SMS)
    with db.transaction() as tx:
        said = city_store.setting(tx, "city")
        rows = {"messages": {"staff": {"case:dispatched": {"handlers": ["sms"]}}}}
        city_store.set_setting(tx, "city", {**said, **rows})
        city = load(tx)
        through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH)
    told(db, city)
    with db.transaction() as tx:
        assert tx.execute("select medium from messages").fetchall() == [("sms",)]
    with pytest.raises(Refused, match="pigeon"):
        sendings({"staff": {"hazard": {"handlers": ["pigeon"]}}})


def test_a_group_is_told_once_whoever_holds_posts_and_without_anybody_s_words(db: Database) -> None:
    city = staffed(db)
    with db.transaction() as tx:
        more = {"place": "", "lang": "zh", "by": None, "key": KEY, "random": CHANCE, "at": NOW, "secret": "s"}  # fmt: skip
        addresses.add_hook(
            tx, city, title="Duty", style="json", url="https://chat.example/a", **more
        )
        addresses.add_hook(tx, city, title="Works", style="json", url="https://chat.example/b", **{**more, "place": "U2"})  # fmt: skip
        sent(tx, city, draft("路面塌陷 张三家门口", address="1 号楼 101", contact="13800138000"))
    told(db, city)
    carrier = Carrier()
    carried(db, city, carrier, medium=Medium.CHAT)
    (parcel,) = carrier.taken  # dispatchers and the grid lead: one group, one message
    assert parcel.channel == "chat:1"
    assert "张三" not in parcel.body
    assert "101" not in parcel.body
    with db.transaction() as tx:
        row = tx.execute("select sealed, host from hooks order by id limit 1").fetchone()
    assert row is not None
    assert b"chat.example" not in bytes(row[0])


# ── reporters ────────────────────────────────────────────────────────────────────────


def test_everybody_who_reported_is_told_each_step_and_only_who_agreed(db: Database) -> None:
    city = staffed(db)
    case = asked(db, city)
    for contact, more in (
        ("wang@example.org", {}),
        ("zhao@example.org", {"tell": False}),
        ("", {}),
    ):
        assert asked(db, city, contact, **more).id == case.id
    with db.transaction() as tx:
        through(tx, city, case, *DONE)
        act(tx, city, case.id, Act.REOPEN, by=ADA, at=NOW, form=Form(reason="r"))
    told(db, city)
    carrier = Carrier()
    carried(db, city, carrier)
    by_address: dict[str, list[str]] = {}
    for parcel in carrier.taken:
        by_address.setdefault(parcel.to, []).append(parcel.subject.partition("（")[0])
    assert set(by_address) == {"li@example.org", "wang@example.org"}
    assert all(len(subjects) == 1 for subjects in by_address.values())  # together, as one mail
    for body in (parcel.body for parcel in carrier.taken):
        for step in ("已派给责任单位", "单位报告已办完", "已结案", "已重新办理"):
            assert body.count(step) == 1, (step, body)


def test_a_refusal_says_why_and_the_log_has_neither_address_nor_code(db: Database) -> None:
    city = staffed(db)
    with db.transaction() as tx:
        case = sent(tx, city, draft("很奇怪的事", contact="li@example.org", tell=True))
        act(tx, city, case.id, Act.REJECT, by=ADA, at=NOW, form=Form(reason="属于物业 {stop}"))
        (code,) = tx.execute("select code from reports where case_id = %s", (case.id,)).fetchone()  # type: ignore[misc]  # fmt: skip
    told(db, city)
    carrier = Carrier()
    carried(db, city, carrier)
    refusal = carrier.taken[-1]
    assert "属于物业 (stop)" in refusal.body
    assert f"https://hub.example/t/{code}" in refusal.body
    assert refusal.stop == f"https://hub.example/t/{code}/stop"
    with db.transaction() as tx:
        rows = str(tx.execute("select * from messages").fetchall())
    assert code not in rows
    assert "li@" not in rows


def test_a_joined_report_hears_of_the_merge_and_what_is_undone_in_time_is_told_nobody(
    db: Database,
) -> None:
    city = staffed(db, window=60)
    case = asked(db, city)
    with db.transaction() as tx:
        other = sent(tx, city, draft("井盖丢了", lat=34.01))
        act(tx, city, case.id, Act.MERGE, by=ADA, at=NOW, form=Form(into=other.id))
    told(db, city)
    carrier = Carrier()
    carried(db, city, carrier)
    (receipt,) = carrier.taken  # at once: only the merge may still be taken back
    assert receipt.body.count("案件：") == 1
    with db.transaction() as tx:
        undo.undo(tx, city, actor(db, "ada"), case.number, at=NOW + timedelta(seconds=30))
    later = NOW + timedelta(seconds=61)
    told(db, city, later)
    carried(db, city, carrier, later)
    with db.transaction() as tx:
        rows = tx.execute("select event, state, last_error from messages order by id").fetchall()
    assert [row for row in rows if "merged" in row[0]] == [
        ("case:merged", "dropped", "undone"), ("case:unmerged", "dropped", "undone"),
    ]  # fmt: skip
    assert not any("合并" in p.subject and "case:merged" in p.subject for p in carrier.taken)


def test_a_merge_that_is_undone_by_its_own_act_is_told_as_what_it_was(db: Database) -> None:
    city = staffed(db, window=60)
    case = asked(db, city)
    with db.transaction() as tx:
        other = sent(tx, city, draft("井盖丢了", lat=34.01))
        act(tx, city, case.id, Act.MERGE, by=ADA, at=NOW, form=Form(into=other.id))
        act(tx, city, case.id, Act.UNMERGE, by=ADA, at=NOW)
    later = NOW + timedelta(seconds=61)
    told(db, city, later)
    carried(db, city, Carrier(), later)
    with db.transaction() as tx:
        rows = tx.execute("select event, state from messages").fetchall()
    assert {("case:merged", "sent"), ("case:unmerged", "sent")} <= set(rows)


def test_danger_does_not_wait_for_what_nobody_can_take_back(db: Database) -> None:
    city = staffed(db, window=60)
    reached(db, "gina")
    with db.transaction() as tx:
        sent(tx, city, draft("路面塌陷"))
    told(db, city)
    carrier = Carrier()
    carried(db, city, carrier)
    assert [p.to for p in carrier.taken] == ["gina@city.example"]


def test_what_the_city_answers_on_closing_is_in_the_mail(db: Database) -> None:
    city = staffed(db)
    case = asked(db, city)
    with db.transaction() as tx:
        through(tx, city, case, *DONE[:-1])
        act(tx, city, case.id, Act.CLOSE, by=ADA, at=NOW, form=Form(reason="灯管已换"))
    told(db, city)
    carrier = Carrier()
    carried(db, city, carrier)
    assert carrier.taken[-1].body.count("答复：灯管已换") == 1


def test_a_push_of_several_cases_leads_to_the_list_and_of_one_to_it(db: Database) -> None:
    city = staffed(db)
    who = actor(db, "hana")
    with db.transaction() as tx:
        key = {"key": KEY, "random": CHANCE, "at": NOW}
        addresses.add_browser(tx, who.account, url="https://push.example/a", p256dh="p", auth="a", **key)  # fmt: skip
        one = through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH)
    told(db, city)
    carrier = Carrier()
    carried(db, city, carrier, medium=Medium.PUSH)
    with db.transaction() as tx:
        for n in (1, 2):
            through(tx, city, sent(tx, city, draft("路灯不亮", lon=113.005 + n / 100)), DISPATCH)
    told(db, city)
    carried(db, city, carrier, medium=Medium.PUSH)
    assert [p.link for p in carrier.taken] == [
        f"https://hub.example/cases/{one.number}", "https://hub.example/inbox",
    ]  # fmt: skip


def test_who_wants_no_more_gets_no_more_what_waits_included(db: Database) -> None:
    city = staffed(db)
    case = asked(db, city)
    told(db, city)
    with db.transaction() as tx:
        (code,) = tx.execute("select code from reports where case_id = %s", (case.id,)).fetchone()  # type: ignore[misc]  # fmt: skip
        assert addresses.stop(tx, code, at=NOW)
        through(tx, city, case, DISPATCH)
    told(db, city)
    carrier = Carrier()
    carried(db, city, carrier)
    assert carrier.taken == []
    assert states(db) == {"dropped": 1}


def test_residents_are_not_written_to_at_night_but_for_their_receipt(db: Database) -> None:
    city, night = staffed(db), datetime(2026, 11, 24, 15, tzinfo=UTC)
    with db.transaction() as tx:
        case = sent(tx, city, draft("路灯不亮", contact="li@example.org", tell=True), now=night)
        act(tx, city, case.id, Act.DISPATCH, by=DING, at=night, form=Form())
    told(db, city, night)
    carrier = Carrier()
    carried(db, city, carrier, night)
    assert len(carrier.taken) == 1
    carried(db, city, carrier, night + timedelta(hours=8, seconds=1))
    assert len(carrier.taken) == 2
    assert "已派给" in carrier.subjects()[1]


def test_an_address_that_is_none_is_marked_and_not_written_to_again(db: Database) -> None:
    city = staffed(db)
    case = asked(db, city)
    told(db, city)
    carried(db, city, Carrier(answer=lambda p: fails(p, Fault.ADDRESS, permanent=True)))
    with db.transaction() as tx:
        (at, error) = tx.execute("select k.bounced_at, m.last_error from contacts k, messages m").fetchone()  # type: ignore[misc]  # fmt: skip
        through(tx, city, case, DISPATCH)
    assert at == NOW
    assert error == "no: [EMAIL]"
    told(db, city)
    assert states(db) == {"dead": 1}


# ── subscribers ──────────────────────────────────────────────────────────────────────


def subscribed(db: Database, city: City, address: str = "wu@example.org", **to: str) -> None:
    with db.transaction() as tx:
        wanted = subscriptions.followed(city, **{"area": "", "category": "", **to})
        subscriptions.subscribe(tx, OUT, wanted, address, lang="zh", random=CHANCE, at=NOW)


def test_a_subscription_is_confirmed_by_its_link_told_in_the_morning_and_erased_by_the_other(
    db: Database,
) -> None:
    city = staffed(db)
    subscribed(db, city, area="N-1")
    subscribed(db, city, area="N-1")  # asked twice: one mail
    carrier = Carrier()
    carried(db, city, carrier)
    (confirm,) = carrier.taken
    word = confirm.link.rpartition("/")[2]
    assert confirm.link in confirm.body
    with db.transaction() as tx:
        sent(tx, city, draft("路灯不亮", lat=34.031))
    told(db, city)
    assert states(db) == {"sent": 1}  # not confirmed: nothing
    with db.transaction() as tx:
        with pytest.raises(subscriptions.OldLink):
            subscriptions.confirm(tx, KEY, word[:-1] + ("0" if word[-1] != "0" else "1"), at=NOW)
        subscriptions.confirm(tx, KEY, word, at=NOW)
        sent(tx, city, draft("井盖丢了", lat=34.025))
        sent(tx, city, draft("垃圾满了", lat=34.035))
        sent(tx, city, draft("垃圾满了", lat=34.005))  # in the south
    told(db, city)
    carried(db, city, carrier)
    assert len(carrier.taken) == 1
    carried(db, city, carrier, NOW + timedelta(hours=23))
    (_, mail) = carrier.taken
    assert mail.body.count("\n") >= 2
    assert "N1社区" in mail.body
    assert mail.stop.startswith("https://hub.example/subscribe/")
    assert "井盖丢了" not in mail.body  # nobody's words
    with db.transaction() as tx:
        subscriptions.unsubscribe(tx, KEY, word)
        subscriptions.unsubscribe(tx, KEY, word)
        assert tx.execute("select count(*) from subscriptions").fetchone() == (0,)
        assert tx.execute("select count(*) from messages").fetchone() == (0,)


def test_a_day_with_more_news_than_a_lot_is_still_one_mail_to_each(db: Database) -> None:
    city = staffed(db)
    people = [f"wu{n}@example.org" for n in range(4)]
    for address in people:
        subscribed(db, city, address, category="light")
    with db.transaction() as tx:
        tx.execute("update subscriptions set confirmed_at = %s", (NOW,))
        tx.execute("delete from messages")
        ids = [n for (n,) in tx.execute("select id from subscriptions order by id").fetchall()]
        moment, each = NOW.isoformat(), 20
        rows = [
            {
                "medium": "email", "channel": "email", "hearer": "subscriber", "event": "case:filed",
                "about": str(n), "lang": "zh", "subscription": one, "at": moment, "made_at": moment,
                "due_at": moment,
            }
            for n in range(each) for one in ids
        ]  # fmt: skip
        assert store.add(tx, rows) == len(people) * each > sending.LOT
    carrier = Carrier(answer=fails)
    carried(db, city, carrier)
    assert states(db) == {"waiting": len(people) * each}
    with db.transaction() as tx:
        keys = tx.execute(
            "select bundle, count(*), min(tries), max(tries) from messages group by 1"
        )
        assert [row[1:] for row in keys.fetchall()] == [(each, 1, 1)] * len(people)
    carrier.answer = lambda _: None
    carried(db, city, carrier, NOW + timedelta(hours=1))
    assert sorted(p.to for p in carrier.taken) == people
    assert {len(p.ids) for p in carrier.taken} == {each}
    assert len({p.key for p in carrier.taken}) == len(people)


def test_more_than_a_lot_for_one_hearer_goes_in_parts_each_under_a_key_of_its_own(
    db: Database,
) -> None:
    city = staffed(db)
    reached(db, "hana")
    with db.transaction() as tx:
        moment = NOW.isoformat()
        rows = [
            {
                "medium": "email", "channel": "email", "hearer": "staff", "event": "case:dispatched",
                "about": str(n), "lang": "zh", "account": actor(db, "hana").account, "at": moment,
                "made_at": moment, "due_at": moment,
            }
            for n in range(sending.LOT + 1)
        ]  # fmt: skip
        store.add(tx, rows)
    carrier = Carrier()
    carried(db, city, carrier)
    assert [len(p.ids) for p in carrier.taken] == [sending.LOT, 1]
    assert len({p.key for p in carrier.taken}) == 2


def test_what_is_never_confirmed_is_erased_after_two_days(db: Database) -> None:
    city = staffed(db)
    subscribed(db, city, category="light")
    for days, left in ((1, 1), (3, 0)):
        with db.transaction() as tx:
            addresses.forget(tx, now=NOW + timedelta(days=days))
            assert tx.execute("select count(*) from subscriptions").fetchone() == (left,)


# ── a channel that is broken, and dead letters ───────────────────────────────────────


def test_a_broken_channel_rests_holds_up_no_other_and_loses_nothing(db: Database) -> None:
    city = staffed(db)
    reached(db, "hana", "ding", "gina")
    reached(db, "hana", medium=Medium.SMS)
    with db.transaction() as tx:
        said = city_store.setting(tx, "city")
        city_store.set_setting(tx, "city", {**said, "messages": {"staff": {"case:dispatched": {"handlers": ["email", "sms"]}}}})  # fmt: skip
        city = load(tx)
        for n in range(3):
            through(tx, city, sent(tx, city, draft("路灯不亮", lon=113.005 + n / 100)), DISPATCH)
        sent(tx, city, draft("路面塌陷", lon=113.035))
    told(db, city)
    waiting = states(db)["waiting"]
    carrier = Carrier(answer=lambda p: fails(p, Fault.CHANNEL))
    carried(db, city, carrier)
    texts_ = Carrier()
    carried(db, city, texts_, medium=Medium.SMS)
    assert len(texts_.taken) == 1
    with db.transaction() as tx:
        (failures, rests) = tx.execute("select failures, rests_until from channels where channel = 'email'").fetchone()  # type: ignore[misc]  # fmt: skip
    assert (failures, rests) == (1, NOW + WAITS[0])
    carrier.answer = lambda _: None
    carried(db, city, carrier, NOW + timedelta(seconds=30))
    assert carrier.taken == []
    carried(db, city, carrier, NOW + timedelta(hours=1))
    assert states(db) == {"sent": waiting}
    with db.transaction() as tx:
        assert tx.execute("select failures, failing_since from channels where channel = 'email'").fetchone() == (0, None)  # fmt: skip


def test_what_is_never_taken_is_given_up_and_may_be_sent_again(db: Database) -> None:
    city, now = staffed(db), NOW
    reached(db, "hana")
    with db.transaction() as tx:
        through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH)
    told(db, city)
    carrier, tries = Carrier(answer=fails), 0
    while states(db) != {"dead": 1} and tries <= len(WAITS):
        carried(db, city, carrier, now)
        now += timedelta(hours=12, seconds=1)
        tries += 1
    assert tries == len(WAITS) + 1
    with db.transaction() as tx:
        (identity,) = tx.execute("select id from messages").fetchone()  # type: ignore[misc]
        assert addresses.again(tx, [identity, 12345], at=now) == 1
    carrier.answer = lambda _: None
    carried(db, city, carrier, now)
    assert (len(carrier.taken), states(db)) == (1, {"sent": 1})


@pytest.mark.parametrize("seed", range(2))
def test_each_message_is_handed_over_at_least_once_and_without_a_kill_exactly_once(
    db: Database, seed: int
) -> None:
    city, chance, now = staffed(db), random.Random(seed), NOW
    reached(db, "hana", "ding", "gina", "sue", "uma")
    kills = seed == 1

    def moody(parcel: Parcel) -> Delivery | None:
        mood = chance.random()
        if mood < 0.15:
            return fails(parcel, Fault.CHANNEL)
        return fails(parcel) if mood < 0.3 else None

    carrier = Carrier(answer=moody)

    def carry(parcels: Sequence[Parcel]) -> Iterator[Delivery]:
        for delivery in carrier(parcels):
            if kills and chance.random() < 0.2:
                raise Killed  # it was handed over, and nobody wrote that down
            yield delivery

    cases: list[Case] = []
    for _ in range(40):
        now += timedelta(minutes=chance.choice([0, 1, 5, 30]))
        with suppress(Refused), db.transaction() as tx:
            if not cases or chance.random() < 0.4:
                text = chance.choice(["路灯不亮", "井盖丢了", "路面塌陷"])
                cases.append(sent(tx, city, draft(text, lon=113.002 + 0.004 * chance.randrange(9), contact="li@example.org", tell=True), now=now))  # fmt: skip
            else:
                step = chance.choice(DONE)
                act(tx, city, chance.choice(cases).id, step[0], by=step[1], at=now, form=step[2])
        told(db, city, now)
        with suppress(Killed):
            carried(db, city, carry, now)
    kills, carrier.answer = False, lambda _: None
    for _ in range(4):
        now += timedelta(days=1)
        carried(db, city, carry, now)
    assert set(states(db)) == {"sent"}
    handed = [n for parcel in carrier.taken for n in parcel.ids]
    assert len(set(handed)) == states(db)["sent"] > 20
    if seed == 0:
        assert len(handed) == len(set(handed))
    else:
        again = [p for p in carrier.taken if carrier.taken.count(p) > 1]
        assert {p.key for p in again} == {p.key for p in carrier.taken if sum(q.ids == p.ids for q in carrier.taken) > 1}  # fmt: skip


def test_what_a_killed_worker_had_in_hand_is_carried_again_under_the_same_key(db: Database) -> None:
    city = staffed(db)
    reached(db, "hana")
    with db.transaction() as tx:
        for n in range(3):
            through(tx, city, sent(tx, city, draft("路灯不亮", lon=113.005 + n / 100)), DISPATCH)
    told(db, city)
    with db.transaction() as tx:
        (lost,) = sending.claim(tx, city, Medium.EMAIL, OUT, now=NOW)
    carrier = Carrier()
    carried(db, city, carrier, NOW + LEASE - timedelta(seconds=1))
    assert carrier.taken == []
    carried(db, city, carrier, NOW + LEASE + timedelta(seconds=1))
    assert carrier.taken == [lost]


# ── the whole way, to real servers ───────────────────────────────────────────────────


def test_to_a_real_mail_server_and_a_group_that_fails_and_then_works(db: Database) -> None:
    city = staffed(db)
    reached(db, "gina")
    with mail_server() as box, web_server((503, {}), (200, {})) as wall:
        with db.transaction() as tx:
            addresses.add_hook(tx, city, title="Duty", style="json", url=wall.url, secret="s", place="", lang="en", by=None, key=KEY, random=CHANCE, at=NOW)  # fmt: skip
            sent(tx, city, draft("路面塌陷", contact="li@example.org", tell=True, lang="en"))
        told(db, city)
        mail = Smtp(host="127.0.0.1", port=box.port, tls="none", sender="hub@city.example")
        groups = Groups(inside=frozenset({"127.0.0.1"}))
        carried(db, city, groups.carry, medium=Medium.CHAT)
        carried(db, city, mail.carry)
        assert {letter["To"] for letter in box.letters} == {"gina@city.example", "li@example.org"}
        assert len(wall.posts) == 1
        carried(db, city, groups.carry, NOW + timedelta(minutes=2), medium=Medium.CHAT)
        carried(db, city, groups.carry, NOW + timedelta(minutes=9), medium=Medium.CHAT)
    assert [said["id"] for said in wall.said()] == [wall.said()[0]["id"]] * 2
    assert set(states(db)) == {"sent"}
    (letter,) = box.to("li@example.org")
    assert "/stop" in letter["List-Unsubscribe"]


# ── texts ────────────────────────────────────────────────────────────────────────────


def test_a_text_is_written_with_its_author_counts_at_once_and_is_taken_back(db: Database) -> None:
    city = staffed(db)
    place = ("reporter/case:filed", "email", "zh")
    with db.transaction() as tx:
        for n in (1, 2):
            texts.write(tx, *place, Text(f"s{n} {{what}}", "b\r\n{link}"), by=ADA.account, at=NOW)
        for expected in ("s2 {what}", "s1 {what}"):
            assert texts.now(tx, Hearer.REPORTER, "case:filed", Medium.EMAIL, "zh").subject == expected  # fmt: skip
            texts.undo(tx, *place, by=CHENG.account, at=NOW)
        assert texts.now(tx, Hearer.REPORTER, "case:filed", Medium.EMAIL, "zh") == usual(Hearer.REPORTER, "case:filed", Medium.EMAIL, "zh")  # fmt: skip
        with pytest.raises(texts.NothingBefore):
            texts.undo(tx, *place, by=None, at=NOW)
        kept = texts.versions(tx, *place)
        assert [v.account for v in kept] == [CHENG.account, CHENG.account, ADA.account, ADA.account]
        texts.write(tx, "reporter", "email", "zh", Text("总", "{what}"), by=None, at=NOW)
        assert texts.now(tx, Hearer.REPORTER, "case:closed", Medium.EMAIL, "zh").subject == "总"
        case = sent(tx, city, draft("路灯不亮"))
        shown = sending.preview(tx, city, case, Hearer.STAFF, "hazard", Medium.EMAIL, "en", usual(Hearer.STAFF, "hazard", Medium.EMAIL, "en"), OUT)  # fmt: skip
    assert case.number in shown.body
    assert "{" not in shown.body


@pytest.mark.parametrize("name", ["title", "reason", "phone", "", "what "])
def test_a_variable_that_is_none_here_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(NoSuchVariable, match=f"{{{name}}}"):
        check(Text("", f"a {{what}} b {{{name}}}"), Hearer.STAFF, Medium.CHAT)


@given(st.text(alphabet="ab{}\n x", max_size=30), st.text(alphabet="ab{}\n x", max_size=10))
def test_what_is_filled_in_is_never_taken_for_a_variable(text: str, value: str) -> None:
    from zhongshu.core.texts import plain

    once = filled(text, {"a": plain(value), "b": ""})
    assert filled(once, {"x": "!"}).count("!") == once.count("{x}")
    assert "{" not in plain(value)


def test_every_usual_text_names_only_what_is_there() -> None:
    from zhongshu.core.messages import events
    from zhongshu.core.texts import VARIABLES

    for hearer, medium in VARIABLES:
        for event in events(hearer):
            for lang in ("zh", "en"):
                assert check(usual(hearer, event, medium, lang), hearer, medium)


def test_the_log_is_forgotten_whole_however_long_it_is(db: Database) -> None:
    staffed(db)
    with db.transaction() as tx:
        tx.execute(
            "insert into messages (medium, channel, hearer, event, about, lang, state, account, at,"
            " made_at, due_at, next_at, sent_at, ended_at) select 'chat', 'chat:1', 'staff', 'test',"
            " n::text, 'zh', 'sent', (select min(id) from accounts), %(at)s, %(at)s, %(at)s, %(at)s, %(at)s, %(at)s"
            " from generate_series(1, 10001) n", {"at": NOW - sending.KEEP - timedelta(days=1)},
        )  # fmt: skip
    jobs.erase(db, lambda: NOW)
    assert states(db) == {}


def test_waits_grow_and_end() -> None:
    moments = [next_try(n, NOW) for n in range(1, len(WAITS) + 2)]
    assert moments[-1] is None
    assert moments[:-1] == sorted(moments[:-1])  # type: ignore[type-var]
    assert Medium.SMS in usual_media("hazard")
    assert Medium.SMS not in usual_media("case:joined")
