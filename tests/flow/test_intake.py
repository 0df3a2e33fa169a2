"""Reports become cases: located, classified, matched, filed; nothing accepted is lost."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.cast import ADA, CHENG, DING, HANA
from tests.factories import KEY, NOW, draft, same_random
from zhongshu.core.cases import Act, Case, Outcome, OwnCheck, Stage, fold
from zhongshu.core.cases.clocks import ClockKind, Rung
from zhongshu.core.intake import Draft, Empty, ImpossibleTime, TooLong
from zhongshu.core.place import Point
from zhongshu.core.values import Refused
from zhongshu.flow.acts import Form, NotMergeable, act
from zhongshu.flow.browse import voices_of
from zhongshu.flow.city import City
from zhongshu.flow.climbing import climb
from zhongshu.flow.intake import KeyReused, Receipt, UnknownCategory, receive
from zhongshu.store import cases, facts, reports, tasks
from zhongshu.store.db import Tx

RANDOM = same_random()


def send(tx: Tx, city: City, *drafts: Draft, now: datetime = NOW) -> list[Receipt | Refused]:
    return receive(tx, city, drafts, now=now, random=RANDOM, key=KEY)


def sent(tx: Tx, city: City, one: Draft, *, now: datetime = NOW) -> Case:
    (receipt,) = send(tx, city, one, now=now)
    assert isinstance(receipt, Receipt), receipt
    case = cases.get(tx, receipt.case)
    assert case is not None
    return case


def folded(tx: Tx, case: Case) -> Case:
    return fold(case.id, facts.of_case(tx, case.id))


def area_code(city: City, case: Case) -> str:
    assert case.area is not None
    return city.tree.by_id[case.area].code


def test_a_report_is_located_classified_and_filed(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft("小区门口路灯不亮"))
    assert case.stage is Stage.FILED
    assert area_code(city, case) == "N-1"
    category = city.category(case.category)
    assert category is not None
    assert category.code == "C-01-37"
    assert case.filed_at == NOW
    assert folded(tx, case) == case


@pytest.mark.parametrize(
    ("one", "stage"),
    [
        (Draft(text="路灯不亮"), Stage.WAITING_PLACE),
        (draft("路灯不亮", lon=100.0, lat=30.0), Stage.NOT_OURS),
        (draft("说不清楚的事情"), Stage.RECEIVED),
        (draft("路灯不亮"), Stage.FILED),
        (draft("路面塌陷"), Stage.DISPATCHED),  # a rule dispatches emergencies by itself
    ],
)
def test_what_is_missing_decides_where_a_case_waits(
    tx: Tx, city: City, one: Draft, stage: Stage
) -> None:
    case = sent(tx, city, one)
    assert case.stage is stage
    assert folded(tx, case) == case


def test_a_place_on_the_border_belongs_to_the_lowest_code(tx: Tx, city: City) -> None:
    assert area_code(city, sent(tx, city, draft(lon=113.02, lat=34.02))) == "N-1"
    assert area_code(city, sent(tx, city, draft(lon=113.03, lat=34.02))) == "N-2"


def test_a_place_has_its_cell_on_the_levels_that_cut_across(tx: Tx, city: City) -> None:
    inside = sent(tx, city, draft(lon=113.02, lat=34.021))
    assert [city.tree.by_id[cell].code for cell in inside.cells] == ["M-1"]  # type: ignore[index]
    assert sent(tx, city, draft(lon=113.001, lat=34.001)).cells == ()


@pytest.mark.parametrize(
    ("one", "refusal", "field"),
    [
        (draft(""), Empty, "text"),
        (draft(" \x00 "), Empty, "text"),
        (draft("长" * 10_000_000), TooLong, "text"),
        (draft(at=NOW + timedelta(days=1)), ImpossibleTime, "at"),
        (draft(at=datetime(1, 1, 1, tzinfo=NOW.tzinfo)), ImpossibleTime, "at"),
        (draft(at=datetime(2026, 1, 1)), Refused, "at"),
        (draft(lat=None), Refused, "lat"),
        (draft(lon=213.0), Refused, "lon"),
        (draft(lat=float("nan")), Refused, "lat"),
        (draft(datum="mars"), Refused, "datum"),
        (draft(channel="rumour"), Refused, "channel"),
        (draft(category="C-99"), UnknownCategory, "category"),
        (draft(contact="call me"), Refused, "contact"),
    ],
)
def test_bad_input_is_refused_by_field_with_a_remedy_and_spoils_no_neighbour(
    tx: Tx, city: City, one: Draft, refusal: type[Refused], field: str
) -> None:
    before, answer, after = send(tx, city, draft(), one, draft(lon=113.03))
    assert isinstance(before, Receipt)
    assert isinstance(after, Receipt)
    assert isinstance(answer, refusal)
    assert answer.field == field
    assert answer.advice


def test_a_gcj02_place_is_converted_once_and_kept_as_it_came(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft(lon=113.01, lat=34.03, datum="gcj02"))
    assert case.lon != 113.01
    (voice,) = reports.of_case(tx, case.id)
    raw = tx.execute("select raw_place from reports where id = %s", (voice.id,)).fetchone()
    assert raw == ({"lon": 113.01, "lat": 34.03, "datum": "gcj02"},)


def test_the_same_key_is_the_same_report_and_another_body_is_refused(tx: Tx, city: City) -> None:
    one = draft(source="api:1", key="k1")
    (first,) = send(tx, city, one)
    (again,) = send(tx, city, one, now=NOW + timedelta(minutes=1))
    (other,) = send(tx, city, replace(one, text="别的事情"))
    assert isinstance(first, Receipt)
    assert isinstance(again, Receipt)
    assert again.again
    assert (again.case, again.code) == (first.case, first.code)
    assert isinstance(other, KeyReused)


def test_a_contact_is_encrypted_and_a_phone_in_the_text_is_cut_out(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft("路灯不亮，电话13812345678", contact="13912345678"))
    assert "[PHONE]" in case.title
    everything = tx.execute(
        "select coalesce(json_agg(t)::text, '') from (select masked, encode(ciphertext, 'escape')"
        " from contacts) t"
    ).fetchone()
    assert everything is not None
    assert "139****5678" in everything[0]
    assert "13912345678" not in everything[0]
    assert "13812345678" not in everything[0]


def test_a_second_voice_near_in_place_time_and_class_joins_the_open_case(
    tx: Tx, city: City
) -> None:
    case = sent(tx, city, draft("路灯不亮"))
    near = draft("路灯坏了", lon=113.0102, lat=34.0301)
    (receipt,) = send(tx, city, near, now=NOW + timedelta(hours=2))
    assert isinstance(receipt, Receipt)
    assert receipt.joined is not None
    assert receipt.case == case.id
    assert receipt.joined.metres == pytest.approx(21.5, abs=1)
    joined = cases.get(tx, case.id)
    assert joined is not None
    assert joined.reports == 2
    assert folded(tx, joined) == joined


@pytest.mark.parametrize(
    "other",
    [
        draft("路灯不亮", lon=113.0110),  # 92 m away
        draft("井盖丢了"),  # another class
    ],
)
def test_far_or_different_reports_do_not_join(tx: Tx, city: City, other: Draft) -> None:
    case = sent(tx, city, draft("路灯不亮"))
    assert sent(tx, city, other, now=NOW + timedelta(hours=1)).id != case.id


def test_a_report_three_days_later_does_not_join(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft("路灯不亮"))
    assert sent(tx, city, draft("路灯不亮"), now=NOW + timedelta(hours=73)).id != case.id


def test_two_voices_in_one_batch_join_each_other(tx: Tx, city: City) -> None:
    one, other = send(tx, city, draft("路灯不亮"), draft("路灯坏了"))
    assert isinstance(one, Receipt)
    assert isinstance(other, Receipt)
    assert one.case == other.case
    case = cases.get(tx, one.case)
    assert case is not None
    assert case.reports == 2
    assert folded(tx, case) == case


def test_one_batch_joins_several_cases_and_one_of_them_twice(tx: Tx, city: City) -> None:
    """Joined cases are written together: each as its last voice left it, with every fact."""
    here, there = draft("路灯不亮"), draft("路灯不亮", lon=113.03, lat=34.03)
    one, other = sent(tx, city, here), sent(tx, city, there)
    assert one.id != other.id
    urgent = replace(here, text="路灯不亮，电线掉下来有人触电")
    receipts = send(tx, city, here, there, urgent, now=NOW + timedelta(minutes=5))
    assert [r.case for r in receipts if isinstance(r, Receipt)] == [one.id, other.id, one.id]
    first, second = cases.get(tx, one.id), cases.get(tx, other.id)
    assert first is not None
    assert second is not None
    assert (first.reports, first.hazard, first.version) == (3, True, one.version + 2)
    assert (second.reports, second.hazard, second.version) == (2, False, other.version + 1)
    assert (folded(tx, first), folded(tx, second)) == (first, second)


def test_a_joining_can_be_undone(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft("路灯不亮"))
    (receipt,) = send(tx, city, draft("路灯坏了"))
    assert isinstance(receipt, Receipt)
    after = act(tx, city, case.id, Act.SPLIT, by=DING, at=NOW, form=Form(report=receipt.report))
    assert after.reports == 1
    voice = reports.get(tx, receipt.report)
    assert voice is not None
    assert voice.case_id != case.id
    own = cases.get(tx, voice.case_id)
    assert own is not None
    assert (own.stage, own.reports) == (Stage.FILED, 1)
    assert folded(tx, own) == own


def through(tx: Tx, city: City, case: Case, *steps: tuple[Act, object, Form]) -> Case:
    for what, by, form in steps:
        case = act(tx, city, case.id, what, by=by, at=NOW, form=form)  # type: ignore[arg-type]
        assert folded(tx, case) == case
        assert cases.get(tx, case.id) == case
    return case


DISPATCH = (Act.DISPATCH, DING, Form())
ACCEPT = (Act.ACCEPT, HANA, Form())
HANDLE = (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED))
PASS = (Act.PASS, CHENG, Form())
CLOSE = (Act.CLOSE, ADA, Form())


def test_a_case_goes_all_the_way_through_four_pairs_of_hands(tx: Tx, city: City) -> None:
    case = through(
        tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH, ACCEPT, HANDLE, PASS, CLOSE,
        (Act.RATE, ADA, Form(solved=True, satisfied=4)),
    )  # fmt: skip
    assert case.stage is Stage.CLOSED
    assert (case.outcome, case.confirmation) == (Outcome.SOLVED, "confirmed")
    assert (case.solved, case.satisfied) == (True, 4)
    assert [(t.kind, t.state) for t in tasks.of_case(tx, case.id)] == [
        ("handle", "done"), ("check", "done"),
    ]  # fmt: skip


def test_the_clock_starts_at_dispatch_and_not_at_accepting(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft("路灯不亮"))
    assert case.due_at is None
    case = through(tx, city, case, DISPATCH)
    # 2 working days for a street light, dispatched on Tuesday 10:00.
    assert case.due_at == NOW + timedelta(days=2)
    assert through(tx, city, case, ACCEPT).due_at == case.due_at


def test_nobody_checks_his_own_work_and_the_database_says_so_too(tx: Tx, city: City) -> None:
    case = through(tx, city, sent(tx, city, draft()), DISPATCH, ACCEPT, HANDLE)
    with pytest.raises(OwnCheck):
        act(tx, city, case.id, Act.PASS, by=HANA, at=NOW)
    with pytest.raises(Exception, match="nobody_checks_his_own_work"), tx.transaction():
        tx.execute("update cases set checked_by = handled_by where id = %s", (case.id,))


def test_a_return_goes_back_to_the_dispatcher_and_stops_the_clock(tx: Tx, city: City) -> None:
    case = through(
        tx, city, sent(tx, city, draft()), DISPATCH, ACCEPT,
        (Act.RETURN, HANA, Form(reason="产权属于市政处", clause="三定方案第四条")),
    )  # fmt: skip
    assert (case.stage, case.unit, case.due_at) == (Stage.FILED, None, None)
    assert [t.state for t in tasks.of_case(tx, case.id)] == ["returned"]
    again = through(tx, city, case, DISPATCH)
    assert again.due_at is not None


def test_a_failed_check_sends_it_back_to_the_same_unit(tx: Tx, city: City) -> None:
    case = through(
        tx, city, sent(tx, city, draft()), DISPATCH, ACCEPT, HANDLE,
        (Act.FAIL, CHENG, Form(reason="还是不亮")),
    )  # fmt: skip
    assert (case.stage, case.outcome, case.confirmation) == (Stage.IN_HAND, None, "denied")
    assert [(t.kind, t.state) for t in tasks.of_case(tx, case.id)][-1] == ("handle", "open")


def test_reopening_starts_the_work_anew(tx: Tx, city: City) -> None:
    case = through(
        tx, city, sent(tx, city, draft()), DISPATCH, ACCEPT, HANDLE, PASS, CLOSE,
        (Act.REOPEN, ADA, Form(reason="又坏了")), DISPATCH,
    )  # fmt: skip
    assert case.stage is Stage.DISPATCHED
    assert (case.closed_at, case.outcome, case.handled_by) == (None, None, None)


def test_merging_and_unmerging_restores_both(tx: Tx, city: City) -> None:
    one = through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH)
    other = sent(tx, city, draft("路灯不亮", lon=113.03))
    merged = act(tx, city, other.id, Act.MERGE, by=DING, at=NOW, form=Form(into=one.id))
    assert (merged.stage, merged.merged_into) == (Stage.MERGED, one.id)
    survivor = cases.get(tx, one.id)
    assert survivor is not None
    assert survivor.reports == 2
    assert len(reports.of_case(tx, one.id)) == 2
    back = act(tx, city, other.id, Act.UNMERGE, by=DING, at=NOW)
    restored = cases.get(tx, one.id)
    assert restored is not None
    assert replace(back, version=0) == replace(other, version=0)
    assert replace(restored, version=0) == replace(one, version=0)
    assert folded(tx, back) == back
    assert folded(tx, restored) == restored


def test_a_case_cannot_be_merged_into_itself_or_in_a_ring(tx: Tx, city: City) -> None:
    one = sent(tx, city, draft("路灯不亮"))
    other = sent(tx, city, draft("路灯不亮", lon=113.03))
    third = sent(tx, city, draft("路灯不亮", lon=113.035, lat=34.01))
    with pytest.raises(NotMergeable):
        act(tx, city, one.id, Act.MERGE, by=DING, at=NOW, form=Form(into=one.id))
    act(tx, city, other.id, Act.MERGE, by=DING, at=NOW, form=Form(into=one.id))
    with pytest.raises(NotMergeable):
        act(tx, city, third.id, Act.MERGE, by=DING, at=NOW, form=Form(into=other.id))
    with pytest.raises(NotMergeable):
        act(tx, city, one.id, Act.MERGE, by=DING, at=NOW, form=Form(into=third.id))


def test_a_place_given_later_files_the_case(tx: Tx, city: City) -> None:
    case = sent(tx, city, Draft(text="路灯不亮"))
    after = act(
        tx, city, case.id, Act.LOCATE, by=ADA, at=NOW, form=Form(place=Point(113.03, 34.01))
    )
    assert after.stage is Stage.FILED
    assert area_code(city, after) == "S-2"
    assert folded(tx, after) == after
    outside = act(
        tx, city, sent(tx, city, Draft(text="路灯不亮")).id, Act.LOCATE, by=ADA, at=NOW,
        form=Form(place=Point(100, 30)),
    )  # fmt: skip
    assert outside.stage is Stage.NOT_OURS


def test_a_passed_deadline_is_said_once(tx: Tx, city: City) -> None:
    case = through(tx, city, sent(tx, city, draft()), DISPATCH)
    assert case.due_at is not None
    climb(tx, at=case.due_at)
    warned = cases.get(tx, case.id)
    assert warned is not None
    assert warned.overdue_at is None
    assert [c.rung for c in warned.clocks if c.kind is ClockKind.HANDLE] == [Rung.RED]
    late = case.due_at + timedelta(seconds=1)
    assert climb(tx, at=late) == 1
    assert climb(tx, at=late) == 0
    marked = cases.get(tx, case.id)
    assert marked is not None
    assert marked.overdue_at == late
    assert folded(tx, marked) == marked


def test_an_act_on_a_case_that_moved_is_refused(tx: Tx, city: City) -> None:
    case = sent(tx, city, draft())
    act(tx, city, case.id, Act.DISPATCH, by=DING, at=NOW, form=Form(version=case.version))
    with pytest.raises(Refused) as refusal:
        act(tx, city, case.id, Act.DISPATCH, by=DING, at=NOW, form=Form(version=case.version))
    assert refusal.value.status == 409


def test_the_reports_to_be_told_follow_a_case_through_merging_and_its_undoing(
    tx: Tx, city: City
) -> None:
    """Asked at the end, each fact still names those who were one matter when it happened."""
    here, there = draft("路灯不亮"), draft("路灯不亮", lon=113.03)
    first, joined = (sent(tx, city, here) for _ in range(2))
    assert first.id == joined.id
    other = sent(tx, city, there)
    voices = {case.id: [v.id for v in reports.of_case(tx, case.id)] for case in (first, other)}
    act(tx, city, other.id, Act.MERGE, by=DING, at=NOW, form=Form(into=first.id))
    act(tx, city, first.id, Act.DISPATCH, by=DING, at=NOW)
    act(tx, city, other.id, Act.UNMERGE, by=DING, at=NOW)
    late = sent(tx, city, there)
    assert late.id == other.id
    act(tx, city, first.id, Act.ACCEPT, by=HANA, at=NOW)
    act(tx, city, first.id, Act.NOTE, by=HANA, at=NOW, form=Form(note="n"))
    act(tx, city, other.id, Act.DISPATCH, by=DING, at=NOW)
    told = {
        (case.id, fact.kind.value): [v.id for v in voices_of(tx, fact)]
        for case in (first, other)
        for fact in facts.of_case(tx, case.id)
    }
    own, his = voices[first.id], voices[other.id]
    assert told[first.id, "case:dispatched"] == sorted([*own, *his])
    assert told[first.id, "case:accepted"] == own
    assert told[first.id, "case:noted"] == []
    assert told[other.id, "case:merged"] == his
    assert told[other.id, "case:dispatched"] == [v.id for v in reports.of_case(tx, other.id)]
    assert len(told[other.id, "case:dispatched"]) == 2
