"""The same matter: chosen by who reports, explained to who decides, undone to the letter."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from importlib.resources import files

import pytest

from tests.cast import ADA, ADMIN, CHENG, DING, HANA
from tests.factories import KEY, NOW, draft, same_random
from tests.flow.test_intake import RANDOM, folded, send, sent, through
from zhongshu.core.access import EVERYTHING, NotFound, Sight
from zhongshu.core.cases import Act, Case, Outcome, Stage
from zhongshu.core.cases.matching import SameRule, Tie
from zhongshu.core.cases.undo import NothingToUndo
from zhongshu.core.intake import OWN
from zhongshu.core.pictures import Picture
from zhongshu.core.place import Point, tile
from zhongshu.core.values import CaseId, Refused, UnitId
from zhongshu.flow import browse, contacts, same, waiting
from zhongshu.flow.acts import Form, OnlyReport, act
from zhongshu.flow.city import City, load
from zhongshu.flow.intake import KeyReused, NotOpen, Receipt, TooFar, receive
from zhongshu.store import cases, city_facts, facts, reports, tasks, vault
from zhongshu.store.db import Tx

HERE = Point(113.01, 34.03)
FAR = 113.0108  # 74 m east: outside the inner circle, within the outer


def received(tx: Tx, city: City, one: object, **kw: object) -> Receipt:
    (answer,) = send(tx, city, one, **kw)  # type: ignore[arg-type]
    assert isinstance(answer, Receipt), answer
    return answer


def got(tx: Tx, case: Case) -> Case:
    found = cases.get(tx, case.id)
    assert found is not None
    assert folded(tx, found) == found
    return found


def last(tx: Tx, case: Case) -> dict[str, object]:
    return dict(facts.of_case(tx, case.id)[-1].says)


# ── chosen by the reporter ───────────────────────────────────────────────────────────


def test_a_report_joins_the_case_its_reporter_names_beyond_the_inner_circle(
    tx: Tx, city: City
) -> None:
    case = sent(tx, city, draft("路灯不亮"))
    receipt = received(tx, city, draft("路灯坏了", lon=FAR, joins=case.number))
    assert receipt.case == case.id
    assert receipt.joined is not None
    assert receipt.joined.metres == pytest.approx(74, abs=2)
    assert got(tx, case).reports == 2
    assert last(tx, case)["chosen"] == "reporter"
    assert browse.progress(tx, receipt.code or "").case.id == case.id


def test_without_a_choice_the_rule_decides_and_the_fact_says_no_chooser(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft("路灯不亮"))
    assert received(tx, city, draft("路灯坏了")).case == case.id
    assert "chosen" not in last(tx, case)


def test_mine_is_another_matter_is_respected_and_the_desk_sees_the_other(
    tx: Tx, city: City
) -> None:
    case = sent(tx, city, draft("路灯不亮"))
    receipt = received(tx, city, draft("路灯不亮", joins=OWN))
    assert receipt.case != case.id
    assert receipt.joined is None
    own = cases.get(tx, receipt.case)
    assert own is not None
    assert facts.of_case(tx, own.id)[0].says["not_same_as"] == case.number
    assert [s.match.case.id for s in same.similar(tx, city, own, EVERYTHING)] == [case.id]
    assert folded(tx, own) == own


def test_a_merged_case_named_leads_to_the_one_it_goes_on_as(tx: Tx, city: City) -> None:
    one = sent(tx, city, draft("路灯不亮"))
    other = sent(tx, city, draft("路灯不亮", lon=FAR))
    act(tx, city, other.id, Act.MERGE, by=DING, at=NOW, form=Form(into=one.id))
    receipt = received(tx, city, draft("路灯坏了", lon=FAR, joins=other.number))
    assert receipt.case == one.id
    assert got(tx, one).reports == 3


@pytest.mark.parametrize("number", ["261124-999999", "nonsense", "261124-99999999999999999999"])
def test_a_case_that_is_not_there_cannot_be_joined(tx: Tx, city: City, number: str) -> None:
    before, answer, after = send(
        tx, city, draft("路灯不亮"), draft("路灯坏了", joins=number), draft("井盖丢了", lon=113.03)
    )
    assert isinstance(answer, NotOpen)
    assert answer.field == "joins"
    assert answer.advice
    assert isinstance(before, Receipt)
    assert isinstance(after, Receipt)


def test_a_handled_case_cannot_be_joined_for_then_it_is_not_fixed(tx: Tx, city: City) -> None:
    case = through(
        tx, city, sent(tx, city, draft("路灯不亮")), (Act.DISPATCH, DING, Form()),
        (Act.ACCEPT, HANA, Form()), (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)),
    )  # fmt: skip
    (answer,) = send(tx, city, draft("路灯还是不亮", joins=case.number))
    assert isinstance(answer, NotOpen)
    assert answer.status == 409


@pytest.mark.parametrize("place", [{"lon": 113.03}, {"lon": None, "lat": None}])
def test_a_case_far_away_cannot_be_joined(tx: Tx, city: City, place: dict[str, object]) -> None:
    case = sent(tx, city, draft("路灯不亮"))
    (answer,) = send(tx, city, draft("路灯坏了", joins=case.number, **place))
    assert isinstance(answer, TooFar)
    assert got(tx, case).reports == 1


def test_two_in_one_batch_may_name_the_same_case_and_danger_raises_it(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft("路灯不亮"))
    send(
        tx, city, draft("路灯坏了", lon=FAR, joins=case.number),
        draft("路灯漏电，有人触电", lon=FAR, joins=case.number), draft("路灯不亮"),
    )  # fmt: skip
    after = got(tx, case)
    assert (after.reports, after.hazard) == (4, True)


def test_a_choice_is_part_of_what_a_key_stands_for(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft("路灯不亮"))
    one = draft("路灯坏了", lon=FAR, joins=case.number, key="k", source="api:1")
    first, again = received(tx, city, one), received(tx, city, one)
    assert again.again
    assert again.code == first.code
    (other,) = send(tx, city, replace(one, joins=OWN))
    assert isinstance(other, KeyReused)
    assert got(tx, case).reports == 2


def test_where_nothing_may_join_a_choice_is_nothing(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft("路灯不亮"))
    (answer,) = receive(
        tx, city, [draft("路灯坏了", joins=case.number)], now=NOW, random=RANDOM, key=KEY, join=False
    )  # fmt: skip
    assert isinstance(answer, Receipt)
    assert answer.case != case.id


# ── what is known here ───────────────────────────────────────────────────────────────


def test_what_is_known_here_is_told_coarsely(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft("路灯不亮，我住三楼张家"))
    found = same.known_here(
        tx, city, Point(113.0102, 34.0301), at=NOW + timedelta(minutes=90), code="C-01-37"
    )
    (known,) = (same.told(m, city) for m in found)
    assert (known.number, known.metres, known.hours, known.likely) == (case.number, 30, 2, True)
    assert "张家" not in repr(known)
    assert not hasattr(known, "lon")


@pytest.mark.parametrize(
    ("asked", "count"),
    [
        ({"code": "C-01-37"}, 1),
        ({"code": "E-05-01"}, 0),  # not related
        ({"group": ("C-01-37", "C-02-19")}, 1),
        ({"group": ("E-01-10",)}, 0),
        ({}, 1),  # class unknown, but within the inner circle
    ],
)
def test_who_is_asked_depends_on_class(
    tx: Tx, city: City, asked: dict[str, object], count: int
) -> None:
    sent(tx, city, draft("路灯不亮"))
    found = same.known_here(tx, city, HERE, at=NOW, **asked)  # type: ignore[arg-type]
    assert len(found) == count


def test_at_most_three_are_shown_and_none_that_is_done_with(tx: Tx, city: City) -> None:
    for n in range(5):
        sent(tx, city, draft("路灯不亮", lon=113.01 + n * 0.00001, joins=OWN))
    assert len(same.known_here(tx, city, HERE, at=NOW, code="C-01-37")) == 3
    for case in cases.following(tx, CaseId(0), limit=10):
        act(tx, city, case.id, Act.REJECT, by=ADA, at=NOW, form=Form(reason="r"))
    assert same.known_here(tx, city, HERE, at=NOW, code="C-01-37") == ()


# ── at the desk ──────────────────────────────────────────────────────────────────────


def test_the_desk_sees_similar_cases_with_reasons_as_far_as_it_may_see(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft("小区门口路灯不亮"))
    sent(tx, city, draft("路灯又不亮了", lon=FAR), now=NOW + timedelta(hours=5))
    sent(tx, city, draft("井盖丢了", lon=113.0101))
    sent(tx, city, draft("说不清楚的事情", lon=113.0101))
    seen = same.similar(tx, city, case, EVERYTHING)
    assert [s.match.tie for s in seen] == [Tie.SAME, Tie.MAJOR, Tie.UNKNOWN]
    assert seen[0].shared == ("路灯", "不亮")
    assert seen[0].match.hours == pytest.approx(5)
    assert not seen[0].match.joins
    assert same.similar(tx, city, case, Sight(units=frozenset({UnitId(1)}))) == []


def test_things_of_the_city_are_a_reason(tx: Tx, city: City) -> None:
    place = (113.01, 34.03)
    for code, lon in (("L1", place[0]), ("L2", place[0] + 0.0006)):
        tx.execute(
            "insert into assets (code, category, name_zh, lon, lat, area, area_code, state, tile)"
            " select %s, 'C-01-37', '路灯', %s, %s, id, lo, 'good', %s from areas where code = 'N-1'",
            (code, lon, place[1], tile(lon, place[1])),
        )
    case = sent(tx, city, draft("路灯不亮"))
    sent(tx, city, draft("路灯坏了", lon=113.01005, joins=OWN))
    sent(tx, city, draft("路灯坏了", lon=113.01055, joins=OWN))
    told = {s.thing.code: s.one_thing for s in same.similar(tx, city, case, EVERYTHING) if s.thing}
    assert told == {"L1": True, "L2": False}


def test_two_cases_compare_however_far_apart(tx: Tx, city: City) -> None:
    one, other = sent(tx, city, draft("路灯不亮")), sent(tx, city, draft("树倒了", lon=113.03))
    seen = same.beside(tx, city, one, other)
    assert seen is not None
    assert (seen.match.tie, seen.match.joins) == (Tie.OTHER, False)
    assert seen.match.metres > 1000


# ── merged and un-merged ─────────────────────────────────────────────────────────────


def test_taking_a_merge_back_is_looked_at_again_under_the_lock(tx: Tx, city: City) -> None:
    one, other = sent(tx, city, draft("路灯不亮")), sent(tx, city, draft("井盖丢了", lat=34.01))
    merged = act(tx, city, other.id, Act.MERGE, by=DING, at=NOW, form=Form(into=one.id))
    undoing = Form(undoes=merged.version)
    late = NOW + city.undo_window
    for by, at, form in (
        (DING, late, undoing), (ADA, NOW, undoing), (DING, NOW, Form(undoes=merged.version - 1)),
    ):  # fmt: skip
        with pytest.raises(NothingToUndo):
            act(tx, city, other.id, Act.UNMERGE, by=by, at=at, form=form)
    act(tx, city, other.id, Act.UNMERGE, by=DING, at=NOW, form=undoing)


def test_what_undoing_would_restore_is_what_it_restores(tx: Tx, city: City) -> None:
    one = sent(tx, city, draft("路灯不亮"))
    other = through(
        tx, city, sent(tx, city, draft("路灯不亮", lon=113.03)), (Act.DISPATCH, DING, Form()),
        (Act.ACCEPT, HANA, Form()),
    )  # fmt: skip
    received(tx, city, draft("路灯坏了", lon=113.03))
    other = got(tx, other)
    merged = act(tx, city, other.id, Act.MERGE, by=DING, at=NOW, form=Form(into=one.id))
    received(tx, city, draft("路灯坏了"))  # joins the survivor meanwhile
    survivor = got(tx, one)
    promised = same.restored(merged, survivor)
    assert (promised.stage, promised.left, survivor.reports) == (Stage.IN_HAND, 2, 4)
    back = act(tx, city, other.id, Act.UNMERGE, by=DING, at=NOW + timedelta(hours=1))
    assert replace(back, version=0) == replace(other, version=0)
    assert [c.kind for c in promised.clocks] == [
        c.kind for c in back.clocks if c.state == "running"
    ]
    assert {c.due_at for c in promised.clocks} == {c.due_at for c in back.clocks if c.due_at and c.state == "running"}  # fmt: skip
    assert got(tx, one).reports == promised.left == 2


def test_the_task_comes_back_as_it_was_taken_on(tx: Tx, city: City) -> None:
    one = sent(tx, city, draft("路灯不亮"))
    other = through(
        tx, city, sent(tx, city, draft("路灯不亮", lon=113.03)), (Act.DISPATCH, DING, Form()),
        (Act.ACCEPT, HANA, Form()),
    )  # fmt: skip
    before = tasks.of_case(tx, other.id)
    act(tx, city, other.id, Act.MERGE, by=DING, at=NOW, form=Form(into=one.id))
    assert [t.state for t in tasks.of_case(tx, other.id)] == ["cancelled"]
    act(tx, city, other.id, Act.UNMERGE, by=DING, at=NOW + timedelta(hours=1))
    assert tasks.of_case(tx, other.id) == before
    assert before[0].state == "accepted"


def test_merged_reporters_see_the_other_case_with_their_own_photo_and_then_their_own_again(
    tx: Tx, city: City
) -> None:
    one = sent(tx, city, draft("路灯不亮"))
    receipt = received(tx, city, draft("路灯不亮", lon=113.03))
    code = receipt.code or ""
    photo(tx, receipt)
    act(tx, city, receipt.case, Act.MERGE, by=DING, at=NOW, form=Form(into=one.id))
    act(tx, city, one.id, Act.DISPATCH, by=DING, at=NOW)
    seen = browse.progress(tx, code)
    assert (seen.current.id, seen.current.stage) == (one.id, Stage.DISPATCHED)
    assert len(seen.photos) == 1
    assert len(vault.photos_of(tx, one.id)) == 1
    act(tx, city, receipt.case, Act.UNMERGE, by=DING, at=NOW)
    seen = browse.progress(tx, code)
    assert (seen.current.id, seen.current.stage) == (receipt.case, Stage.FILED)
    assert len(seen.photos) == 1
    assert vault.photos_of(tx, one.id) == []


def photo(tx: Tx, receipt: Receipt) -> None:
    vault.add_photo(
        tx, receipt.case, report=receipt.report, step="report", sha256=b"x", mime="image/jpeg",
        width=1, height=1, data=b"x", at=NOW,
    )  # fmt: skip


def test_a_report_split_off_takes_its_photo_along(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft("路灯不亮"))
    receipt = received(tx, city, draft("路灯坏了"))
    photo(tx, receipt)
    act(tx, city, case.id, Act.SPLIT, by=DING, at=NOW, form=Form(report=receipt.report))
    assert vault.photos_of(tx, case.id) == []
    assert len(browse.progress(tx, receipt.code or "").photos) == 1


def test_the_last_report_of_its_own_cannot_be_split_off_a_case_that_took_another_in(
    tx: Tx, city: City
) -> None:
    receipt = received(tx, city, draft("路灯不亮"))
    other = sent(tx, city, draft("路灯不亮", lon=113.03))
    act(tx, city, other.id, Act.MERGE, by=DING, at=NOW, form=Form(into=receipt.case))
    with pytest.raises(OnlyReport):
        act(tx, city, receipt.case, Act.SPLIT, by=DING, at=NOW, form=Form(report=receipt.report))
    (theirs,) = [v for v in reports.of_case(tx, receipt.case) if v.case_id == other.id]
    with pytest.raises(Refused):  # nor one of the other's: that is for undoing the merge
        act(tx, city, receipt.case, Act.SPLIT, by=DING, at=NOW, form=Form(report=theirs.id))


def test_contacts_of_a_merged_case_are_erased_when_the_other_was_closed_long_ago(
    tx: Tx, city: City
) -> None:
    one = sent(tx, city, draft("路灯不亮"))
    other = sent(tx, city, draft("路灯不亮", lon=113.03, contact="13912345678"))
    act(tx, city, other.id, Act.MERGE, by=DING, at=NOW, form=Form(into=one.id))
    through(
        tx, city, one, (Act.DISPATCH, DING, Form()), (Act.ACCEPT, HANA, Form()),
        (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)), (Act.PASS, CHENG, Form()),
        (Act.CLOSE, ADA, Form()),
    )  # fmt: skip
    assert contacts.erase(tx, at=NOW + timedelta(days=179)) == 0
    assert contacts.erase(tx, at=NOW + timedelta(days=181)) == 1
    assert tx.execute("select masked, ciphertext from contacts").fetchall() == [("", None)]
    assert got(tx, other).stage is Stage.MERGED


# ── rules of the city ────────────────────────────────────────────────────────────────


def test_a_rule_set_for_a_kind_of_matter_holds_for_the_next_report(tx: Tx, city: City) -> None:
    near = draft("路灯坏了", lon=113.0102)
    same.set_rule(tx, city, "C-01", SameRule(metres=10), by=ADMIN.account, at=NOW)
    strict = load(tx)
    assert strict.version == city.version + 1
    case = sent(tx, strict, draft("路灯不亮"))
    assert received(tx, strict, near).case != case.id
    same.set_rule(tx, city, "C-01", SameRule(joins=False), by=ADMIN.account, at=NOW)
    assert received(tx, load(tx), draft("路灯坏了")).joined is None
    same.drop_rule(tx, "C-01", by=ADMIN.account, at=NOW)
    assert load(tx).same == city.same
    with pytest.raises(NotFound):
        same.drop_rule(tx, "C-01", by=ADMIN.account, at=NOW)


def test_who_set_a_rule_by_hand_is_kept_with_what_was_and_what_is(tx: Tx, city: City) -> None:
    same.set_rule(tx, city, "C-01", SameRule(metres=10), by=ADMIN.account, at=NOW)
    same.set_rule(
        tx, city, "C-01", SameRule(metres=10), by=ADMIN.account, at=NOW
    )  # says nothing new
    same.adopt(tx, {"E-04": SameRule(metres=20), "C-01": SameRule()}, at=NOW)
    same.drop_rule(tx, "C-01", by=ADMIN.account, at=NOW)
    told = [
        (f.kind, f.account, one["key"], (one["was"] or {}).get("metres"), (one["now"] or {}).get("metres"))
        for f in city_facts.browse(tx, kind="same:")
        for one in f.says["changes"]
    ]  # fmt: skip
    assert told == [
        ("same:dropped", ADMIN.account, "C-01", 10, None), ("same:set", None, "E-04", None, 20),
        ("same:set", ADMIN.account, "C-01", None, 10),
    ]  # fmt: skip


def test_a_rule_for_no_category_is_refused(tx: Tx, city: City) -> None:
    with pytest.raises(same.NoSuchClass) as refused:
        same.set_rule(tx, city, "X-9", SameRule(), by=None, at=NOW)
    assert refused.value.advice


def test_the_book_counts_what_came_of_each_rule(tx: Tx, city: City) -> None:
    sent(tx, city, draft("路灯不亮"))
    received(tx, city, draft("路灯坏了"))
    received(tx, city, draft("游商占道", category="E-04-06"))
    book = {row.category: row for row in same.book(tx, city, now=NOW)}
    assert (book[""].reports, book[""].joined, book[""].own) == (3, 1, False)
    assert (book["E-04"].reports, book["E-04"].joined) == (1, 0)
    assert book["E-04"].name.zh
    same.adopt(tx, {"E-04": SameRule(hours=5), "E-05": SameRule(hours=6)}, at=NOW)
    same.adopt(tx, {"E-04": SameRule(hours=7)}, at=NOW)
    assert (load(tx).same.of("E-04-06").hours, load(tx).same.of("E-05-01").hours) == (5, 6)


def test_the_setting_of_the_first_release_became_a_rule(tx: Tx) -> None:
    """What 0003 does with {"same": {"metres": 120}}."""
    tx.execute("update settings set value = value || %s where name = 'city'", (json.dumps({"same": {"metres": 120}}),))  # fmt: skip
    text = files("zhongshu.store").joinpath("migrations/0006_same_matter.sql").read_text("utf-8")
    insert = text[text.index("insert into same_rules") : text.index("create unlogged")]
    tx.execute(insert)  # type: ignore[arg-type]
    assert load(tx).same.of("C-01-37") == SameRule(metres=120, near_metres=120)


# ── photos that wait ─────────────────────────────────────────────────────────────────


def picture(n: int = 0) -> Picture:
    return Picture(sha256=bytes([n]), width=1, height=1, data=b"photo%d" % n)


def test_photos_wait_under_a_random_key_an_hour_and_go_with_the_report(tx: Tx, city: City) -> None:
    chance = same_random()
    key = waiting.hold(tx, "", [picture(1), picture(2)], at=NOW, random=chance)
    assert len(key) == 32
    assert waiting.hold(tx, key, [picture(3), picture(4)], at=NOW, random=chance) == key
    assert waiting.count(tx, key, at=NOW) == 3  # three are the most
    receipt = received(tx, city, draft("路灯不亮"))
    assert waiting.claim(tx, key, receipt, at=NOW + timedelta(minutes=59)) == 3
    assert [p.report_id for p in vault.photos_of(tx, receipt.case)] == [receipt.report] * 3
    assert waiting.claim(tx, key, receipt, at=NOW) == 0


def test_photos_whose_hour_is_over_are_nobodys(tx: Tx, city: City) -> None:
    key = waiting.hold(tx, "", [picture()], at=NOW, random=same_random())
    receipt = received(tx, city, draft("路灯不亮"))
    late = NOW + timedelta(minutes=61)
    assert waiting.count(tx, key, at=late) == 0
    assert waiting.let_go(tx, at=NOW + timedelta(minutes=59)) == 0
    assert waiting.let_go(tx, at=late) == 1
    assert waiting.claim(tx, key, receipt, at=late) == 0


def test_without_room_nothing_is_held(tx: Tx, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(waiting, "MOST_BYTES", 5)
    assert waiting.hold(tx, "", [picture()], at=NOW, random=same_random()) == ""
