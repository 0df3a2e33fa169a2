"""Cases of one cause share a clock, are handled by one act, and come apart as they were."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from starlette.testclient import TestClient

from tests.cast import ADA, CHENG, DING, HANA
from tests.factories import KEY, NOW, draft, same_random
from tests.flow.test_intake import folded, sent, through
from tests.web.hub import app_on, hub_on, key_for
from zhongshu.core.access import EVERYTHING, Actor, Duty, Holding
from zhongshu.core.cases import Act, Case, Filter, Outcome, Stage
from zhongshu.core.cases.clocks import ClockKind, ClockState, by_kind
from zhongshu.core.facts import By
from zhongshu.core.procedures import Move, ProcedureKind
from zhongshu.core.values import AccountId, PostId
from zhongshu.flow import acts, browse, field, links, proceedings
from zhongshu.flow.acts import Form, act
from zhongshu.flow.city import City
from zhongshu.flow.climbing import climb
from zhongshu.flow.intake import receive
from zhongshu.store import cases, facts, procedures
from zhongshu.store.db import Database, Tx

DISPATCH = (Act.DISPATCH, DING, Form())
HOUR = timedelta(hours=1)


def lamps(tx: Tx, city: City, count: int, *, first: float = 113.001) -> list[Case]:
    """So many dark lamps, each a case of its own."""
    return [sent(tx, city, draft("路灯不亮", lon=first + 0.0009 * n)) for n in range(count)]


def now_of(tx: Tx, case: Case) -> Case:
    found = cases.get(tx, case.id)
    assert found is not None
    return found


def linked(tx: Tx, city: City, lead: Case, case: Case, at: Any = NOW) -> Case:
    return act(tx, city, case.id, Act.LINK, by=DING, at=at, form=Form(into=lead.id))


def asked(tx: Tx, city: City, case: Case, kind: ProcedureKind, at: Any, **said: Any) -> Any:
    locked = cases.lock(tx, case.id)
    assert locked is not None
    unit = said.pop("unit", None)
    return proceedings.begin(tx, city, locked, kind, by=HANA, at=at, said={"reason": "r", **said}, unit=unit)[1]  # fmt: skip


def decided(tx: Tx, city: City, case: Case, one: Any, move: Move, by: By, at: Any) -> Case:
    locked = cases.lock(tx, case.id)
    assert locked is not None
    return proceedings.take(tx, city, locked, one.id, move, by=by, at=at, said={"reason": "r"})


def test_a_linked_case_has_the_leading_cases_deadline_and_its_own_back_exactly(
    tx: Tx, city: City
) -> None:
    lead, other = lamps(tx, city, 2)
    other = through(tx, city, other, DISPATCH)
    lead = act(tx, city, lead.id, Act.DISPATCH, by=DING, at=NOW + 5 * HOUR)
    assert lead.due_at != other.due_at
    after = linked(tx, city, lead, other, NOW + 6 * HOUR)
    assert (after.due_at, after.linked_to) == (lead.due_at, lead.id)
    assert now_of(tx, lead).leads
    back = act(tx, city, other.id, Act.UNLINK, by=DING, at=NOW + 30 * HOUR)
    assert (back.clocks, back.due_at, back.linked_to) == (other.clocks, other.due_at, None)
    assert folded(tx, back) == back


def test_one_that_no_unit_has_goes_to_the_leading_cases_unit(tx: Tx, city: City) -> None:
    lead, other = lamps(tx, city, 2)
    lead = through(tx, city, lead, (Act.DISPATCH, DING, Form(unit=city.unit_codes["U2"].id)))
    after = linked(tx, city, lead, other)
    assert (after.stage, after.unit) == (Stage.DISPATCHED, lead.unit)
    kinds = [f.kind for f in facts.of_case(tx, other.id)]
    assert kinds[-2:] == ["case:dispatched", "case:linked"]


def test_extension_and_hold_of_the_leading_case_move_all(tx: Tx, city: City) -> None:
    lead, *others = (through(tx, city, c, DISPATCH) for c in lamps(tx, city, 3))
    for other in others:
        linked(tx, city, lead, other)
    one = asked(tx, city, lead, ProcedureKind.EXTENSION, NOW + HOUR)
    lead = decided(tx, city, lead, one, Move.APPROVE, DING, NOW + HOUR)
    assert {now_of(tx, c).due_at for c in others} == {lead.due_at}
    plan = {
        "owner": "o", "plan": "p", "next_step": "n",
        "review_at": (NOW + 48 * HOUR).isoformat(), "until": (NOW + 90 * HOUR).isoformat(),
    }  # fmt: skip
    hold = asked(tx, city, lead, ProcedureKind.HOLD, NOW + HOUR, **plan)
    decided(tx, city, lead, hold, Move.APPROVE, DING, NOW + HOUR)
    held = decided(tx, city, lead, hold, Move.APPROVE, By(account=AccountId(9)), NOW + 2 * HOUR)
    assert held.held_at is not None
    assert [(now_of(tx, c).due_at, now_of(tx, c).held_at) for c in others] == [(None, None)] * 2
    proceedings.notice_late(tx, city, at=NOW + 91 * HOUR)
    lead = now_of(tx, lead)
    assert lead.due_at is not None
    assert {now_of(tx, c).due_at for c in others} == {lead.due_at}
    assert all(folded(tx, c) == now_of(tx, c) for c in others)


def test_the_linked_are_warned_of_once_and_marked_overdue_each(tx: Tx, city: City) -> None:
    lead, *others = (through(tx, city, c, DISPATCH) for c in lamps(tx, city, 4))
    for other in others:
        linked(tx, city, lead, other)
    before = {c.id: now_of(tx, c).version for c in others}
    climb(tx, at=lead.due_at - HOUR)  # type: ignore[operator]
    assert {c.id: now_of(tx, c).version for c in others} == before  # nobody was warned thrice
    climb(tx, at=lead.due_at + HOUR)  # type: ignore[operator]
    for other in others:
        now = now_of(tx, other)
        assert now.overdue_at == lead.due_at + HOUR  # type: ignore[operator]
        assert facts.of_case(tx, other.id)[-1].says["lead"] == lead.number
    late = Filter(overdue=lead.due_at + HOUR)  # type: ignore[operator]
    assert cases.count(tx, EVERYTHING, late) == 4
    climb(tx, at=lead.due_at + 2 * HOUR)  # type: ignore[operator]
    assert sum(f.kind == "case:overdue" for f in facts.of_case(tx, others[0].id)) == 1


def test_an_extension_of_a_linked_case_alone_is_refused(tx: Tx, city: City) -> None:
    from zhongshu.core.procedures import NoClock

    lead, other = (through(tx, city, c, DISPATCH) for c in lamps(tx, city, 2))
    linked(tx, city, lead, other)
    with pytest.raises(NoClock):
        asked(tx, city, other, ProcedureKind.EXTENSION, NOW)


def test_what_cannot_lead_or_be_linked_is_refused(tx: Tx, city: City) -> None:
    lead, other, third, filed = lamps(tx, city, 4)
    lead, other, third = (through(tx, city, c, DISPATCH) for c in (lead, other, third))
    for into, case in ((filed, other), (other, other)):
        with pytest.raises(links.NotLinkable), tx.transaction():
            linked(tx, city, into, case)
    linked(tx, city, lead, other)
    for into, case, why in (
        (other, third, links.NotLinkable),  # no chains
        (third, lead, links.NotLinkable),  # who leads is not led
        (third, other, links.AlreadyLinked),
    ):
        with pytest.raises(why), tx.transaction():
            linked(tx, city, into, case)
    with pytest.raises(links.NotLinked), tx.transaction():
        act(tx, city, third.id, Act.UNLINK, by=DING, at=NOW)
    with pytest.raises(links.LeadsOthers), tx.transaction():
        act(tx, city, lead.id, Act.MERGE, by=DING, at=NOW, form=Form(into=third.id))
    act(tx, city, other.id, Act.UNLINK, by=DING, at=NOW)
    act(tx, city, lead.id, Act.MERGE, by=DING, at=NOW, form=Form(into=third.id))


def test_a_return_or_a_merge_gives_the_own_clock_back_first(tx: Tx, city: City) -> None:
    lead, *others = (through(tx, city, c, DISPATCH) for c in lamps(tx, city, 4, first=113.001))
    for other in others:
        linked(tx, city, lead, other, NOW + HOUR)
    returned = act(tx, city, others[0].id, Act.RETURN, by=HANA, at=NOW + 2 * HOUR, form=Form(reason="r", clause="c"))  # fmt: skip
    alone = through(tx, city, sent(tx, city, draft("路灯不亮", lon=113.03)), DISPATCH)
    slow = act(tx, city, alone.id, Act.RETURN, by=HANA, at=NOW + 2 * HOUR, form=Form(reason="r", clause="c"))  # fmt: skip
    left = [by_kind(c.clocks, ClockKind.HANDLE).left_s for c in (returned, slow)]  # type: ignore[union-attr]
    assert left[0] == left[1]
    assert returned.linked_to is None
    merged = act(tx, city, others[1].id, Act.MERGE, by=DING, at=NOW + 2 * HOUR, form=Form(into=lead.id))  # fmt: skip
    assert merged.linked_to is None
    back = act(tx, city, others[1].id, Act.UNMERGE, by=DING, at=NOW + 3 * HOUR)
    assert (back.clocks, back.due_at) == (others[1].clocks, others[1].due_at)


def test_a_transfer_of_a_linked_case_leaves_the_link(tx: Tx, city: City) -> None:
    lead, other = (through(tx, city, c, DISPATCH) for c in lamps(tx, city, 2))
    linked(tx, city, lead, other)
    one = asked(tx, city, other, ProcedureKind.TRANSFER, NOW + HOUR, unit=city.unit_codes["U2"].id)
    after = decided(tx, city, other, one, Move.ACCEPT, CHENG, NOW + 2 * HOUR)
    clock = by_kind(after.clocks, ClockKind.HANDLE)
    assert clock is not None
    assert (after.linked_to, clock.state, clock.own) == (None, ClockState.RUNNING, None)


def test_when_the_leading_case_is_handled_the_others_go_on_and_are_handled_later(
    tx: Tx, city: City
) -> None:
    lead, other = (through(tx, city, c, DISPATCH, (Act.ACCEPT, HANA, Form())) for c in lamps(tx, city, 2))  # fmt: skip
    linked(tx, city, lead, other)
    lead = through(tx, city, lead, (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)))
    now = now_of(tx, other)
    clock = by_kind(now.clocks, ClockKind.HANDLE)
    assert clock is not None
    assert (clock.state, now.due_at) == (ClockState.RUNNING, lead.due_at)
    done = through(tx, city, other, (Act.HANDLE, HANA, Form(outcome=Outcome.EXPLAINED)))
    assert (done.outcome, done.linked_to) == (Outcome.EXPLAINED, lead.id)
    failed = through(tx, city, done, (Act.FAIL, CHENG, Form(reason="r")))
    assert by_kind(failed.clocks, ClockKind.HANDLE).state is ClockState.RUNNING  # type: ignore[union-attr]
    # A failed check of the leading case moves only its own clock.
    through(tx, city, lead, (Act.FAIL, CHENG, Form(reason="r")))
    assert now_of(tx, other).due_at == failed.due_at


def test_what_stands_near_is_offered_by_distance(tx: Tx, city: City) -> None:
    lead = through(tx, city, lamps(tx, city, 1, first=113.01)[0], DISPATCH)
    near = lamps(tx, city, 3, first=113.0109)
    far = sent(tx, city, draft("路灯不亮", lon=113.03))
    wet = sent(tx, city, draft("井盖丢了", lon=113.0105))
    found = links.offered(tx, lead, EVERYTHING)
    assert [c.id for c, _ in found] == [wet.id, *(c.id for c in near)]
    assert [m for _, m in found] == sorted(m for _, m in found)
    assert far.id not in {c.id for c, _ in found}
    same = links.offered(tx, lead, EVERYTHING, category=lead.category)
    assert [c.id for c, _ in same] == [c.id for c in near]


# ── parts of the work ────────────────────────────────────────────────────────────────


@pytest.fixture
def manhole(tx: Tx, city: City) -> Case:
    """A case at work with U1, of which U2 does a part."""
    case = through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH, (Act.ACCEPT, HANA, Form()))  # fmt: skip
    asked(tx, city, case, ProcedureKind.ASSIST, NOW, unit=city.unit_codes["U2"].id, limit="4wh")
    return now_of(tx, case)


def finish(tx: Tx, city: City, case: Case) -> None:
    (part,) = [p for p in procedures.of_case(tx, case.id) if p.kind is ProcedureKind.ASSIST]
    decided(tx, city, case, part, Move.ACCEPT, CHENG, NOW)
    locked = cases.lock(tx, case.id)
    assert locked is not None
    proceedings.take(tx, city, locked, part.id, Move.FINISH, by=CHENG, at=NOW, said={"result": "x"})


def offered_outside(tx: Tx, city: City, actor: Actor, case: Case) -> set[Act]:
    """What the field app offers of a check, in its list and on the spot alike."""
    (listed,) = [e for e in field.tasks(tx, actor)[0] if e.case.id == case.id]
    assert field.spot(tx, city, actor, case.number).errand.acts == listed.acts
    return set(listed.acts) & {Act.PASS, Act.FAIL}


def test_merged_into_another_the_parts_still_have_to_be_done(
    tx: Tx, city: City, manhole: Case
) -> None:
    other = through(tx, city, sent(tx, city, draft("路灯不亮", lon=113.03)), DISPATCH, (Act.ACCEPT, HANA, Form()))  # fmt: skip
    act(tx, city, manhole.id, Act.MERGE, by=DING, at=NOW, form=Form(into=other.id))
    other = through(tx, city, other, (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)))
    with pytest.raises(acts.PartsOpen), tx.transaction():
        through(tx, city, other, (Act.PASS, CHENG, Form()))
    checker = Actor(
        account=AccountId(5), login="c", name="c",
        holdings=(Holding(post=PostId(5), duty=Duty.CHECKER),),
    )  # fmt: skip
    assert offered_outside(tx, city, checker, other) == {Act.FAIL}
    finish(tx, city, manhole)
    assert offered_outside(tx, city, checker, other) == {Act.PASS, Act.FAIL}
    done = through(tx, city, other, (Act.PASS, CHENG, Form()), (Act.CLOSE, ADA, Form()))
    assert done.stage is Stage.CLOSED


def test_a_part_that_comes_by_a_merge_after_the_check_stops_the_closing(
    tx: Tx, city: City, manhole: Case
) -> None:
    other = through(
        tx, city, sent(tx, city, draft("路灯不亮", lon=113.03)), DISPATCH, (Act.ACCEPT, HANA, Form()),
        (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)), (Act.PASS, CHENG, Form()),
    )  # fmt: skip
    act(tx, city, manhole.id, Act.MERGE, by=DING, at=NOW, form=Form(into=other.id))
    with pytest.raises(acts.PartsOpen), tx.transaction():
        through(tx, city, other, (Act.CLOSE, ADA, Form()))
    act(tx, city, manhole.id, Act.UNMERGE, by=DING, at=NOW)
    assert through(tx, city, other, (Act.CLOSE, ADA, Form())).stage is Stage.CLOSED


def test_handed_over_the_parts_still_have_to_be_done(tx: Tx, city: City, manhole: Case) -> None:
    one = asked(tx, city, manhole, ProcedureKind.TRANSFER, NOW, unit=city.unit_codes["U1-1"].id)
    case = decided(tx, city, manhole, one, Move.ACCEPT, CHENG, NOW)
    case = through(tx, city, case, (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)))
    with pytest.raises(acts.PartsOpen), tx.transaction():
        through(tx, city, case, (Act.PASS, CHENG, Form()))
    finish(tx, city, case)
    assert through(tx, city, case, (Act.PASS, CHENG, Form())).stage is Stage.CHECKED


def test_returned_and_sent_out_again_nobody_is_asked_twice(tx: Tx) -> None:
    from zhongshu.core.dispatch import DutyRule
    from zhongshu.flow.city import load
    from zhongshu.store import city as city_store

    codes = dict(tx.execute("select code, id from units").fetchall())
    city_store.add_duty_rule(
        tx, DutyRule(id=0, unit=codes["U2"], category="C-01-23", co_units=(codes["U1"], codes["U2"]))
    )  # fmt: skip
    city = load(tx)
    case = through(tx, city, sent(tx, city, draft("井盖丢了")), DISPATCH)
    case = through(tx, city, case, (Act.RETURN, HANA, Form(reason="r", clause="c")), DISPATCH)
    parts = [p for p in procedures.of_case(tx, case.id) if p.kind is ProcedureKind.ASSIST]
    assert [(city.code_of(p.unit), p.open) for p in parts] == [("U1", True)]
    # Reopened, the work starts anew, and so do the parts.
    finish(tx, city, case)
    case = through(
        tx, city, case, (Act.ACCEPT, HANA, Form()), (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)),
        (Act.PASS, CHENG, Form()), (Act.CLOSE, ADA, Form()), (Act.REOPEN, ADA, Form(reason="r")),
        DISPATCH,
    )  # fmt: skip
    assert case.pending == ("assist",)
    case = through(tx, city, case, (Act.ACCEPT, HANA, Form()), (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)))  # fmt: skip
    with pytest.raises(acts.PartsOpen):
        through(tx, city, case, (Act.PASS, CHENG, Form()))


def test_returned_twice_without_a_fallback_it_is_the_dispatchers_and_the_panels(tx: Tx) -> None:
    from zhongshu.flow.city import load

    tx.execute("delete from duty_rules where category = ''")
    city = load(tx)
    assert city.fallback is None
    back = (Act.RETURN, HANA, Form(reason="r", clause="c"))
    case = through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH, back, DISPATCH, back)
    assert (case.stage, case.pending, case.unit) == (Stage.FILED, ("dispute",), None)
    clock = by_kind(case.clocks, ClockKind.DISPATCH)
    assert clock is not None
    assert clock.state is ClockState.RUNNING
    again = through(tx, city, case, DISPATCH)
    with pytest.raises(acts.NoThirdReturn), tx.transaction():
        through(tx, city, again, back)
    (dispute,) = procedures.of_case(tx, case.id)
    locked = cases.lock(tx, case.id)
    assert locked is not None
    proceedings.take(
        tx, city, locked, dispute.id, Move.RULE, by=CHENG, at=NOW,
        said={"reason": "r", "clause": "c"}, unit=city.unit_codes["U2"].id,
    )  # fmt: skip
    ruled = now_of(tx, case)
    assert (ruled.stage, city.code_of(ruled.unit)) == (Stage.DISPATCHED, "U2")


def test_reopened_a_case_may_be_disputed_anew(tx: Tx, city: City) -> None:
    back = (Act.RETURN, HANA, Form(reason="r", clause="c"))
    case = through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH, back, DISPATCH, back)
    case = through(
        tx, city, case, (Act.ACCEPT, HANA, Form()), (Act.HANDLE, HANA, Form(outcome=Outcome.SOLVED)),
        (Act.PASS, CHENG, Form()), (Act.CLOSE, ADA, Form()), (Act.REOPEN, ADA, Form(reason="r")),
        DISPATCH, back, DISPATCH, back,
    )  # fmt: skip
    disputes = [p for p in procedures.of_case(tx, case.id) if p.kind is ProcedureKind.DISPUTE]
    assert [p.state for p in disputes] == ["lapsed", "open"]
    assert (case.stage, case.returns) == (Stage.DISPATCHED, 2)


# ── many at once ─────────────────────────────────────────────────────────────────────


def test_many_are_linked_and_handled_by_one_act_and_failures_are_listed(db: Database) -> None:
    with db.transaction() as tx:
        city = browse_city(tx)
        drafts = [draft("路灯不亮", lon=113.0005 + 0.0007 * n) for n in range(12)]
        receive(tx, city, drafts, now=NOW, random=same_random(5), key=KEY, join=False)
        made = cases.page(tx, EVERYTHING, Filter(), order=browse.Order.NEWEST, after=None, limit=99)
        lead, *others = (c.number for c in reversed(made))
    with TestClient(app_on(hub_on(db))) as client:
        ding, hana, cheng = (key_for(db, n) for n in ("ding", "hana", "cheng"))
        assert client.post(f"/api/v1/cases/{lead}/acts/dispatch", json={}, headers=ding).status_code == 200  # fmt: skip
        offered = client.get(f"/api/v1/cases/{lead}/linked", headers=ding).json()["offered"]
        assert {o["case"] for o in offered} <= set(others)
        link = f"/api/v1/cases/{lead}/link-all"
        body = {"cases": [*others, "261124-999999", f"{others[0]}@99"]}
        tried = client.post(link, json={**body, "preview": True}, headers=ding).json()["lines"]
        nothing = client.get(f"/api/v1/cases?linked_to={lead}&count=true", headers=ding).json()
        assert nothing["count"] == 0
        lines = client.post(link, json=body, headers=ding).json()["lines"]
        assert [("problem" in line, line["case"]) for line in lines] == [("problem" in line, line["case"]) for line in tried]  # fmt: skip
        assert [line["case"] for line in lines if "problem" in line] == ["261124-999999", others[0]]
        refused = client.post(link, json={"cases": others}, headers=cheng).json()["lines"]
        assert all(line["problem"]["status"] == 403 for line in refused)
        page = client.get(f"/cases/{lead}/together", headers=hana)
        assert "全部报处置完成（12 件）" in page.text
        act_on = client.post(f"/api/v1/cases/{others[3]}/acts/return", json={"reason": "r", "clause": "c"}, headers=hana)  # fmt: skip
        assert act_on.status_code == 200
        answer = client.post(
            f"/cases/{lead}/handle-all", data={"outcome": "solved"},
            headers={**hana, "accept": "text/html"},
        )  # fmt: skip
        assert "完成 11 件，拒绝 0 件。" in answer.text
        after = client.get("/api/v1/cases?stage=handled&count=true&limit=50", headers=ding).json()
        assert after["count"] == 11
        assert {c["number"] for c in after["cases"]} == {lead, *others} - {others[3]}
        bad = client.post(f"/api/v1/cases/{lead}/handle-all", json={"outcome": "great"}, headers=hana)  # fmt: skip
        assert bad.json()["field"] == "outcome"
    with db.transaction() as tx:
        for case in made:
            assert folded(tx, case) == cases.get(tx, case.id)


def browse_city(tx: Tx) -> City:
    from zhongshu.flow.city import load

    return load(tx)


def test_a_joint_call_takes_a_limit_and_is_rated_once_from_each_side(db: Database) -> None:
    with db.transaction() as tx:
        city = browse_city(tx)
        case = through(tx, city, sent(tx, city, draft("路灯不亮")), DISPATCH)
    with TestClient(app_on(hub_on(db))) as client:
        ding, hana = key_for(db, "ding"), key_for(db, "hana")
        at = f"/api/v1/cases/{case.number}/procedures"
        page = client.get(f"/cases/{case.number}", headers=ding).text
        assert "紧急：30 分钟内" in page
        body = {"unit": "U1", "reason": "封路", "within": "0.5uh"}
        call = client.post(f"{at}/call", json=body, headers=ding).json()
        assert call["due_at"][:16] == "2026-11-24T02:30"
        past = client.post(f"{at}/call", json={**body, "unit": "U2", "until": "2026-11-23T10:00"}, headers=ding)  # fmt: skip
        assert (past.status_code, past.json()["field"]) == (422, "until")
        assert client.post(f"{at}/{call['id']}/arrive", json={}, headers=hana).status_code == 200
        assert client.post(f"{at}/{call['id']}/finish", json={"result": "好"}, headers=ding).status_code == 200  # fmt: skip
        # In whichever order they speak, each side's word is its own.
        client.post(f"{at}/{call['id']}/answer", json={"rating": 2}, headers=hana)
        said = client.post(f"{at}/{call['id']}/rate", json={"rating": 5}, headers=ding).json()
        assert (said["said"]["rating_of_help"], said["said"]["rating_of_call"]) == (5, 2)
        assert said["said"]["arrived_at"].startswith("2026-11-24T02:00")
        assert said["moves"] == []
        again = client.post(f"{at}/{call['id']}/rate", json={"rating": 1}, headers=ding)
        assert again.status_code == 409
        page = client.get(f"/cases/{case.number}", headers=hana).text
        assert "不评价任何个人" in page
