"""Photos of the work in the flow and through the interface, and checks by somebody else."""

from __future__ import annotations

import base64
from dataclasses import replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from starlette.testclient import TestClient

from tests.cast import ADA, CHENG, DING, HANA
from tests.factories import NOW, draft
from tests.flow.test_intake import folded, sent, through
from tests.photos import jpeg, shot
from tests.web.hub import app_on, hub_on, key_for
from zhongshu.core.access import Actor, Duty, Holding
from zhongshu.core.cases import Act, Case, Outcome, OwnCheck, Stage
from zhongshu.core.cases.evidence import AfterMissing, BeforeMissing, BothMissing, PhotoStep, Shot
from zhongshu.core.catalogue import PhotoRule
from zhongshu.core.facts import By, Kind
from zhongshu.core.procedures import Move, ProcedureKind, SameHand
from zhongshu.core.values import AccountId, PostId
from zhongshu.flow import browse, evidence, proceedings
from zhongshu.flow.acts import Form, Moved, act
from zhongshu.flow.city import City, load
from zhongshu.store import cases, facts, procedures, vault
from zhongshu.store import city as city_store
from zhongshu.store.db import Database, Tx

BEFORE, AFTER, CHECK = PhotoStep.BEFORE, PhotoStep.AFTER, PhotoStep.CHECK
HERE = (113.01, 34.03)
TAKEN_ON = ((Act.DISPATCH, DING, Form()), (Act.ACCEPT, HANA, Form()))
SOLVED = Form(outcome=Outcome.SOLVED)


def asking(tx: Tx, rule: PhotoRule) -> City:
    """The city, asking for photos."""
    city_store.set_setting(tx, "city", {**city_store.setting(tx, "city"), "photo_rule": rule})
    return load(tx)


def b64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def in_hand(tx: Tx, city: City, **place: float) -> Case:
    return through(tx, city, sent(tx, city, draft("路灯不亮", **place)), *TAKEN_ON)


def with_photos(
    *shots: Shot, outcome: Outcome = Outcome.SOLVED, version: int | None = None
) -> Form:
    return Form(outcome=outcome, photos=shots, version=version)


def handled(tx: Tx, city: City, case: Case, *shots: Shot, hours: float = 1) -> Case:
    at = NOW + timedelta(hours=hours)
    return act(tx, city, case.id, Act.HANDLE, by=HANA, at=at, form=with_photos(*shots))


def said(tx: Tx, case: Case, kind: Kind = Kind.HANDLED) -> list[dict]:
    return [f for f in facts.of_case(tx, case.id) if f.kind is kind][-1].says.get("photos", [])


# ── which photos there must be ───────────────────────────────────────────────────────


def test_without_a_rule_none_is_asked_for(tx: Tx, city: City) -> None:
    assert handled(tx, city, in_hand(tx, city)).stage is Stage.HANDLED


@pytest.mark.parametrize(
    ("rule", "brought", "refusal"),
    [
        (PhotoRule.AFTER, (), AfterMissing),
        (PhotoRule.AFTER, (BEFORE,), AfterMissing),
        (PhotoRule.BEFORE_AFTER, (AFTER,), BeforeMissing),
        (PhotoRule.BEFORE_AFTER, (), BothMissing),
    ],
)
def test_solved_without_its_photos_is_refused_and_other_outcomes_need_none(
    tx: Tx, rule: PhotoRule, brought: tuple[PhotoStep, ...], refusal
) -> None:
    city = asking(tx, rule)
    case = in_hand(tx, city)
    shots = [shot(step, shade=n) for n, step in enumerate(brought)]
    with pytest.raises(refusal), tx.transaction():
        handled(tx, city, case, *shots)
    # Refused wholly: what came along with it is not there either.
    assert vault.photos_of(tx, case.id) == []
    after = act(
        tx, city, case.id, Act.HANDLE, by=HANA, at=NOW, form=Form(outcome=Outcome.EXPLAINED)
    )
    assert after.stage is Stage.HANDLED


def test_photos_posted_before_count_and_each_handling_needs_its_own_after(tx: Tx) -> None:
    city = asking(tx, PhotoRule.BEFORE_AFTER)
    case = in_hand(tx, city)
    case = evidence.add(tx, city, case, [shot(BEFORE, shade=1)], by=HANA, at=NOW)
    case = evidence.add(tx, city, case, [shot(AFTER, shade=2)], by=HANA, at=NOW)
    case = handled(tx, city, case)
    assert [photo["step"] for photo in said(tx, case)] == ["before", "after"]
    case = through(tx, city, case, (Act.FAIL, CHENG, Form(reason="还没修好")))
    with pytest.raises(AfterMissing), tx.transaction():
        handled(tx, city, case, hours=2)
    case = handled(tx, city, case, shot(AFTER, shade=3), hours=2)
    assert [photo["step"] for photo in said(tx, case)] == ["before", "after"]
    shown = evidence.arranged(vault.photos_of(tx, case.id), facts.of_case(tx, case.id), case.id)
    assert (len(shown.before), len(shown.after), len(shown.earlier)) == (1, 1, 1)
    assert folded(tx, case) == case


def test_worked_on_anew_it_is_photographed_anew(tx: Tx) -> None:
    city = asking(tx, PhotoRule.BEFORE_AFTER)
    case = handled(tx, city, in_hand(tx, city), shot(BEFORE, shade=1), shot(AFTER, shade=2))
    case = through(
        tx, city, case, (Act.PASS, CHENG, Form()), (Act.CLOSE, ADA, Form()),
        (Act.REOPEN, ADA, Form(reason="又坏了")),
    )  # fmt: skip
    shown = evidence.arranged(vault.photos_of(tx, case.id), facts.of_case(tx, case.id), case.id)
    assert (len(shown.before), len(shown.after), len(shown.earlier)) == (0, 0, 2)
    for what, by in ((Act.DISPATCH, DING), (Act.ACCEPT, HANA)):
        case = act(tx, city, case.id, what, by=by, at=NOW + timedelta(days=1))
    with pytest.raises(BothMissing):
        handled(tx, city, case, hours=25)


def test_a_form_seen_too_early_is_refused_before_its_photos_are_looked_at(
    tx: Tx, city: City
) -> None:
    case = in_hand(tx, city)
    old = with_photos(shot(AFTER), version=case.version - 1)
    with pytest.raises(Moved), tx.transaction():
        act(tx, city, case.id, Act.HANDLE, by=HANA, at=NOW, form=old)
    assert vault.photos_of(tx, case.id) == []
    now = with_photos(shot(BEFORE, shade=1), shot(AFTER), version=case.version)
    assert act(tx, city, case.id, Act.HANDLE, by=HANA, at=NOW, form=now).version == case.version + 1


# ── what is said of them ─────────────────────────────────────────────────────────────


def test_the_fact_keeps_when_and_how_far_and_what_does_not_fit_but_not_where(
    tx: Tx, city: City
) -> None:
    case = in_hand(tx, city)
    far = shot(AFTER, taken=NOW - timedelta(days=3), place=(113.0164, 34.0300))
    case = handled(tx, city, case, far)
    (photo,) = said(tx, case)
    assert photo["findings"] == ["early", "far"]
    assert 500 < photo["metres"] < 700
    assert photo["camera_at"] == (NOW - timedelta(days=3)).isoformat()
    kept = tx.execute(
        "select to_jsonb(p) - 'bytes' from photos p where case_id = %s", (case.id,)
    ).fetchone()
    everything = f"{kept} {[f.says for f in facts.of_case(tx, case.id)]}"
    assert "113.0164" not in everything
    assert folded(tx, case) == case


def test_a_picture_used_before_is_found_on_this_case_and_on_others(tx: Tx, city: City) -> None:
    first = handled(tx, city, in_hand(tx, city), shot(AFTER, taken=NOW, place=HERE))
    other = in_hand(tx, city, lon=113.03)
    # The same picture with other marks: it is the picture that is compared.
    other = handled(tx, city, other, shot(AFTER), shot(BEFORE, shade=5), shot(BEFORE, shade=5))
    (again, one, twice) = said(tx, other)
    assert "used_elsewhere" in again["findings"]
    assert again["same_as"] == [first.number]
    assert "used_here" not in one["findings"]
    assert "used_here" in twice["findings"]


def test_a_photo_of_the_check_stands_in_the_fact_of_the_check(tx: Tx, city: City) -> None:
    case = handled(tx, city, in_hand(tx, city))
    form = Form(reason="没修", photos=(shot(CHECK),))
    case = act(tx, city, case.id, Act.FAIL, by=CHENG, at=NOW + timedelta(hours=2), form=form)
    (photo,) = said(tx, case, Kind.FAILED)
    assert photo["step"] == "check"


def test_of_a_reporters_photo_the_database_keeps_no_time_and_no_place(tx: Tx, city: City) -> None:
    case = in_hand(tx, city)
    with pytest.raises(psycopg.errors.CheckViolation, match="camera"), tx.transaction():
        tx.execute(
            "insert into photos (case_id, step, sha256, mime, width, height, bytes, metres)"
            " values (%s, 'report', '', '', 1, 1, '', 12)",
            (case.id,),
        )


# ── through the interface ────────────────────────────────────────────────────────────


def test_photos_go_in_by_the_interface_and_solved_without_them_is_refused(db: Database) -> None:
    with db.transaction() as tx:
        case = in_hand(tx, asking(tx, PhotoRule.BEFORE_AFTER))
    path = f"/api/v1/cases/{case.number}"
    with TestClient(app_on(hub_on(db))) as client:
        hana = key_for(db, "hana")
        cheng = key_for(db, "cheng")

        def post(step: str, who, data: bytes) -> Any:
            return client.post(
                f"{path}/photos", headers=who, json={"step": step, "photos": [{"data": b64(data)}]}
            )

        refused = client.post(f"{path}/acts/handle", json={"outcome": "solved"}, headers=hana)
        assert (refused.status_code, refused.json()["value"]) == (422, "before, after")
        assert refused.json()["remedy"]
        assert post("report", hana, jpeg()).status_code == 422
        assert post("before", cheng, jpeg()).status_code == 403
        assert post("check", hana, jpeg()).status_code == 403
        assert post("check", cheng, jpeg()).status_code == 409
        assert post("after", hana, b"not a picture").json()["field"] == "photos"
        added = post("after", hana, jpeg(taken=NOW, place=(113.02, 34.03), shade=9))
        assert added.status_code == 201
        assert [(p["step"], p["findings"]) for p in added.json()["photos"]] == [("after", ["far"])]
        refused = client.post(f"{path}/acts/handle", json={"outcome": "solved"}, headers=hana)
        assert refused.json()["type"] == "/problems/BeforeMissing"
        assert post("before", hana, jpeg(shade=3)).status_code == 201
        done = client.post(f"{path}/acts/handle", json={"outcome": "solved"}, headers=hana)
        assert done.status_code == 200
        listed = client.get(f"{path}/photos", headers=cheng).json()
        assert [p["step"] for p in listed] == ["after", "before"]
        shown = client.get(listed[0]["href"], headers=cheng)
        assert shown.headers["content-type"] == "image/jpeg"
        page = client.get(f"/cases/{case.number}", headers={**cheng, "accept-language": "en"})
        assert "taken too far from the place" in page.text
        assert "the camera gave no time" in page.text


def test_the_page_takes_before_and_after_apart_and_shows_them_side_by_side(db: Database) -> None:
    with db.transaction() as tx:
        case = in_hand(tx, asking(tx, PhotoRule.BEFORE_AFTER))
    with TestClient(app_on(hub_on(db))) as client:
        hana = key_for(db, "hana")
        answer = client.post(
            f"/cases/{case.number}/acts/handle", data={"outcome": "solved"}, headers=hana,
            files=[
                ("photo_before", ("b.jpg", jpeg(shade=1), "image/jpeg")),
                ("photo", ("a.jpg", jpeg(shade=2), "image/jpeg")),
            ], follow_redirects=False,
        )  # fmt: skip
        assert answer.status_code == 303
        page = client.get(f"/cases/{case.number}", headers=hana).text
        before, after = page.index(">处置前<"), page.index(">处置后<")
        assert 0 < before < after
        assert page.count("<figure>") == 2


def test_on_the_tracking_page_only_the_photos_after_the_work_are_shown(db: Database) -> None:
    with TestClient(app_on(hub_on(db))) as client:
        ada, hana = key_for(db, "ada"), key_for(db, "hana")
        body = {"text": "路灯不亮", "lon": 113.01, "lat": 34.03}
        made = client.post("/api/v1/reports", json=body, headers=ada).json()
        with db.transaction() as tx:
            city = load(tx)
            case = browse.number_id(made["case"])
            for what, by, _ in TAKEN_ON:
                act(tx, city, case, what, by=by, at=NOW)
        for step, shade in (("before", 1), ("after", 2)):
            client.post(
                f"/api/v1/cases/{made['case']}/photos", headers=hana,
                json={"step": step, "photos": [{"data": b64(jpeg(shade=shade, place=(100.0, 30.0)))}]},
            )  # fmt: skip
        page = client.get(f"/t/{made['code']}", headers={"accept-language": "en"}).text
        assert page.count("<img") == 1
        for word in ("metres", "too far", " m from the place"):
            assert word not in page
        ids = [
            p["id"] for p in client.get(f"/api/v1/cases/{made['case']}/photos", headers=hana).json()
        ]
        status = [client.get(f"/photos/{made['code']}/{i}").status_code for i in ids]
        assert status == [404, 200]


# ── somebody else checks, and through another post ───────────────────────────────────

POST_7, POST_8 = PostId(7), PostId(8)


def done_by(tx: Tx, city: City, hand: By) -> Case:
    case = in_hand(tx, city)
    return act(tx, city, case.id, Act.HANDLE, by=hand, at=NOW, form=SOLVED)


@pytest.mark.parametrize("what", [Act.PASS, Act.FAIL])
@pytest.mark.parametrize(
    "checker",
    [
        By(account=AccountId(3), post=POST_8),  # the same person through another post
        By(account=AccountId(4), post=POST_7),  # another person through the same post
    ],
)
def test_neither_the_person_nor_the_post_that_handled_it_checks_it(
    tx: Tx, city: City, what: Act, checker: By
) -> None:
    case = done_by(tx, city, By(account=AccountId(3), post=POST_7))
    with pytest.raises(OwnCheck):
        act(tx, city, case.id, what, by=checker, at=NOW, form=Form(reason="r"))


def test_the_check_is_not_offered_to_whoever_handled_it(tx: Tx, city: City) -> None:
    case = done_by(tx, city, By(account=AccountId(3), post=POST_7))

    def offered(account: int, *posts: PostId) -> bool:
        holdings = tuple(Holding(post=post, duty=Duty.CHECKER) for post in posts)
        actor = Actor(account=AccountId(account), login="x", name="x", holdings=holdings)
        return Act.PASS in browse.acts_for(case, actor, parts_open=False)

    assert offered(4, POST_8)
    assert not offered(3, POST_8)
    assert not offered(4, POST_7)


def closed_by(tx: Tx, city: City, handler: By, checker: By) -> Case:
    case = done_by(tx, city, handler)
    act(tx, city, case.id, Act.PASS, by=checker, at=NOW)
    return act(tx, city, case.id, Act.CLOSE, by=ADA, at=NOW)


HANDLER, CHECKER = By(account=AccountId(3), post=POST_7), By(account=AccountId(4), post=POST_8)


@pytest.mark.parametrize(
    "hand",
    [
        By(account=AccountId(3), post=PostId(9)), By(account=AccountId(9), post=POST_7),
        By(account=AccountId(4), post=PostId(9)), By(account=AccountId(9), post=POST_8),
    ],
)  # fmt: skip
@pytest.mark.parametrize("move", [Move.CONFIRM, Move.DENY, Move.UNABLE])
def test_a_recheck_is_for_a_third_person_and_a_third_post(
    tx: Tx, city: City, hand: By, move: Move
) -> None:
    case = closed_by(tx, city, HANDLER, CHECKER)
    case, recheck = proceedings.begin(
        tx, city, case, ProcedureKind.RECHECK, by=By(rule="lottery"), at=NOW, said={}
    )
    with pytest.raises(SameHand):
        proceedings.take(tx, city, case, recheck.id, move, by=hand, at=NOW, said={"reason": "r"})
    # The database refuses it too, whatever the program above does.
    with pytest.raises(psycopg.errors.CheckViolation, match="recheck"), tx.transaction():
        tx.execute(
            "insert into facts (case_id, seq, kind, at, account, post, says)"
            " values (%s, %s, 'procedure:moved', %s, %s, %s,"
            " jsonb_build_object('procedure', 'recheck', 'move', %s::text))",
            (case.id, case.version + 1, NOW, hand.account, hand.post, move.value),
        )


def test_a_third_hand_may_recheck_and_a_lot_is_no_hand(tx: Tx, city: City) -> None:
    case = closed_by(tx, city, HANDLER, CHECKER)
    case, recheck = proceedings.begin(
        tx, city, case, ProcedureKind.RECHECK, by=By(rule="lottery"), at=NOW, said={}
    )
    third = By(account=AccountId(9), post=PostId(9))
    case = proceedings.take(tx, city, case, recheck.id, Move.CONFIRM, by=third, at=NOW, said={})
    assert case.stage is Stage.CLOSED
    (kept,) = procedures.of_case(tx, case.id)
    assert (kept.state, kept.hands) == ("good", (9,))


@pytest.mark.parametrize(
    ("column", "value"), [("checked_by", 3), ("checked_post", 7)]
)  # fmt: skip
def test_the_database_refuses_a_check_by_the_handlers_hand_or_post(
    tx: Tx, city: City, column: str, value: int
) -> None:
    case = done_by(tx, city, HANDLER)
    with pytest.raises(psycopg.errors.CheckViolation, match="own_work"), tx.transaction():
        tx.execute(f"update cases set {column} = %s where id = %s", (value, case.id))  # type: ignore[arg-type]


def test_a_recheck_that_waits_lapses_when_the_case_is_worked_on_anew(tx: Tx, city: City) -> None:
    case = closed_by(tx, city, HANDLER, CHECKER)
    case, _ = proceedings.begin(
        tx, city, case, ProcedureKind.RECHECK, by=By(rule="lottery"), at=NOW, said={}
    )
    case = act(tx, city, case.id, Act.REOPEN, by=ADA, at=NOW, form=Form(reason="r"))
    assert case.pending == ()
    assert [p.state for p in procedures.of_case(tx, case.id)] == ["lapsed"]
    assert folded(tx, case) == case == cases.get(tx, case.id)


def test_a_new_round_begins_without_the_old_ones_hands_and_opinions(tx: Tx, city: City) -> None:
    case = closed_by(tx, city, HANDLER, CHECKER)
    case = act(tx, city, case.id, Act.RATE, by=By(), at=NOW, form=Form(solved=False, satisfied=2))
    case = act(tx, city, case.id, Act.REOPEN, by=ADA, at=NOW, form=Form(reason="r"))
    fresh = replace(case, handled_by=None, handled_post=None, checked_by=None, checked_post=None, solved=None, satisfied=None)  # fmt: skip
    assert case == fresh
