"""Photos as evidence: read before they are cleaned, judged against the case, never refused."""

from __future__ import annotations

import io
import random
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import ExifTags, Image

from tests.factories import NOW
from tests.photos import jpeg, shot
from zhongshu.core.cases import Act, Case, Stage
from zhongshu.core.cases.evidence import (
    CLOCKS_APART,
    TAKEN_IN,
    AfterMissing,
    BeforeMissing,
    BothMissing,
    Finding,
    Judged,
    NoPhotoNow,
    PhotoStep,
    Seen,
    Shot,
    UnknownStep,
    complete,
    fits,
    judged,
    step_of,
    step_with,
    wanting,
)
from zhongshu.core.catalogue import PhotoRule
from zhongshu.core.pictures import Camera, NotAPicture, clean
from zhongshu.core.place import METRES_PER_DEGREE
from zhongshu.core.values import CaseId, Refused

SHANGHAI = ZoneInfo("Asia/Shanghai")
BEFORE, AFTER, CHECK = PhotoStep.BEFORE, PhotoStep.AFTER, PhotoStep.CHECK
#: Reported at 10:00, dispatched an hour later, handled at 15:00 in the city.
CASE = Case(
    id=CaseId(1), number="261124-1", stage=Stage.IN_HAND, reported_at=NOW, lon=113.01, lat=34.03,
    dispatched_at=NOW + timedelta(hours=1),
)  # fmt: skip
AT = NOW + timedelta(hours=5)
HERE = (113.01, 34.03)


def found(step: PhotoStep = AFTER, *, seen: tuple[Seen, ...] = (), case: Case = CASE, **camera: Any) -> Judged:  # fmt: skip
    camera = {"taken": NOW + timedelta(hours=4), "place": HERE, **camera}
    return judged(shot(step, **camera), case, at=AT, zone=SHANGHAI, most_m=100, seen=seen)


def test_what_a_device_says_beside_a_photo_stands_in_for_marks_it_took_out() -> None:
    plain = shot(AFTER)
    beside = replace(plain, taken_at=NOW + timedelta(hours=4), metres=640)
    kept = judged(beside, CASE, at=AT, zone=SHANGHAI, most_m=100, seen=())
    assert (kept.camera_at, kept.metres) == (NOW + timedelta(hours=4), 640)
    assert kept.findings == (Finding.FAR,)
    # Where the picture has marks, they count; a case without a place has no distance.
    marked = replace(shot(AFTER, taken=NOW, place=HERE), taken_at=AT, metres=5000)
    assert judged(marked, CASE, at=AT, zone=SHANGHAI, most_m=100, seen=()).metres == 0
    placeless = replace(CASE, lon=None, lat=None)
    assert judged(beside, placeless, at=AT, zone=SHANGHAI, most_m=100, seen=()).metres is None


def test_what_a_photo_shows_that_comes_with_an_act() -> None:
    assert {act: step_with(act) for act in Act if step_with(act) is not PhotoStep.NOTE} == {
        Act.HANDLE: AFTER, Act.PASS: CHECK, Act.FAIL: CHECK
    }  # fmt: skip


# ── what a camera says ───────────────────────────────────────────────────────────────


def test_time_and_place_are_read_and_nothing_of_them_is_in_the_picture_kept() -> None:
    taken = datetime(2026, 11, 24, 11, 30, tzinfo=SHANGHAI)
    picture = clean(jpeg(taken=taken, place=(113.625, -34.747)), name="x")
    assert picture.camera.taken == taken
    assert picture.camera.lon == pytest.approx(113.625, abs=1e-6)
    assert picture.camera.lat == pytest.approx(-34.747, abs=1e-6)
    with Image.open(io.BytesIO(picture.data)) as kept:
        assert dict(kept.getexif()) == {}
        assert "exif" not in kept.info
    assert b"Phone" not in picture.data


def test_the_same_picture_is_the_same_wherever_and_whenever_its_marks_say() -> None:
    one = clean(jpeg(taken=NOW, place=HERE), name="x")
    other = clean(jpeg(), name="y")
    assert one.sha256 == other.sha256
    assert one.sha256 != clean(jpeg(shade=10), name="z").sha256


@pytest.mark.parametrize(
    ("marks", "camera"),
    [
        ({}, Camera()),
        ({"taken": "0000:00:00 00:00:00"}, Camera()),
        ({"taken": "yesterday"}, Camera()),
        ({"taken": "2026:11:24 11:30:00\0"}, Camera(taken=datetime(2026, 11, 24, 11, 30))),
        ({"taken": "2026:11:24 11:30:00.123"}, Camera(taken=datetime(2026, 11, 24, 11, 30))),
        ({"place": (0.0, 0.0)}, Camera()),  # no fix yet
        ({"place": HERE, "marks": {ExifTags.GPS.GPSStatus: "V"}}, Camera()),
        ({"place": HERE, "marks": {ExifTags.GPS.GPSLatitudeRef: "Q"}}, Camera()),
        ({"place": HERE, "marks": {ExifTags.GPS.GPSLatitude: (91.0, 0.0, 0.0)}}, Camera()),
        ({"place": HERE, "marks": {ExifTags.GPS.GPSLongitude: 113.0}}, Camera()),
    ],
)
def test_marks_that_are_nonsense_are_no_marks(marks, camera: Camera) -> None:
    assert clean(jpeg(**marks), name="x").camera == camera


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_picture_cut_and_twisted_is_read_or_refused_by_name_and_never_breaks_anything() -> None:
    whole = jpeg(taken=NOW, place=HERE)
    chance = random.Random(7)
    read = 0
    for _ in range(1500):
        data = bytearray(whole)
        # Within the marks, where a file that is made to confuse would be twisted.
        for _ in range(chance.randint(1, 6)):
            data[chance.randrange(2, 420)] = chance.randrange(256)
        if chance.random() < 0.2:
            data = data[: chance.randrange(len(data))]
        try:
            picture = clean(bytes(data), name="x")
        except NotAPicture:
            continue
        read += 1
        assert picture.camera.lon is None or -180 <= picture.camera.lon <= 180
        judged_now = judged(
            Shot(step=AFTER, picture=picture), CASE, at=AT, zone=SHANGHAI, most_m=100, seen=()
        )
        assert judged_now.metres is None or judged_now.metres >= 0
    assert read > 300


# ── what does not fit ────────────────────────────────────────────────────────────────


def test_a_photo_taken_there_and_then_has_nothing_said_of_it() -> None:
    assert found() == Judged(camera_at=NOW + timedelta(hours=4), metres=0)


@pytest.mark.parametrize(
    ("step", "camera", "finding"),
    [
        (AFTER, {"taken": None}, Finding.NO_TIME),
        (AFTER, {"place": None}, Finding.NO_PLACE),
        (AFTER, {"taken": NOW + timedelta(minutes=30)}, Finding.EARLY),  # not yet dispatched
        (BEFORE, {"taken": NOW - timedelta(hours=1)}, Finding.EARLY),  # not yet reported
        (AFTER, {"taken": AT + timedelta(hours=1)}, Finding.LATE),
        (AFTER, {"place": (113.012, 34.03)}, Finding.FAR),
    ],
)
def test_what_does_not_fit_is_said(step: PhotoStep, camera, finding: Finding) -> None:
    assert found(step, **camera).findings == (finding,)


def test_before_the_work_may_be_seen_before_it_was_dispatched() -> None:
    assert found(BEFORE, taken=NOW + timedelta(minutes=30)).findings == ()


def test_a_check_is_made_after_the_handling() -> None:
    handled = Case(
        id=CaseId(1), number="n", stage=Stage.HANDLED, reported_at=NOW, lon=113.01, lat=34.03,
        dispatched_at=NOW, handled_at=NOW + timedelta(hours=4),
    )  # fmt: skip
    assert found(CHECK, case=handled, taken=NOW + timedelta(hours=3)).findings == (Finding.EARLY,)
    assert found(CHECK, case=handled, taken=AT).findings == ()


def test_a_camera_without_an_offset_is_set_to_the_citys_time() -> None:
    taken = (NOW + timedelta(hours=4)).astimezone(SHANGHAI).replace(tzinfo=None)
    assert found(taken=taken).camera_at == NOW + timedelta(hours=4)


def test_the_same_picture_elsewhere_names_the_case_and_here_does_not() -> None:
    seen = (Seen(case=CaseId(1), number="261124-1"), Seen(case=CaseId(9), number="261101-9"))
    both = found(seen=seen)
    assert both.findings == (Finding.USED_HERE, Finding.USED_ELSEWHERE)
    assert both.same_as == ("261101-9",)


def test_of_a_reporters_photo_nothing_is_kept() -> None:
    assert found(PhotoStep.REPORT, place=(100.0, 30.0), taken=None) == Judged()


@given(st.floats(0, 400), st.floats(-10_000, 10_000))
def test_far_and_late_begin_exactly_where_they_are_said_to(metres: float, minutes: float) -> None:
    taken = (AT + timedelta(minutes=minutes)).replace(microsecond=0)
    one = found(taken=taken, place=(113.01, 34.03 + metres / METRES_PER_DEGREE))
    assert one.metres is not None
    assert abs(one.metres - metres) <= 1
    assert (Finding.FAR in one.findings) == (one.metres > 100)
    assert (Finding.LATE in one.findings) == (taken > AT + CLOCKS_APART)
    assert (Finding.EARLY in one.findings) == (taken < NOW + timedelta(hours=1) - CLOCKS_APART)


# ── which photos there must be ───────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("rule", "there", "missing", "refusal"),
    [
        (PhotoRule.NONE, [], (), None),
        (PhotoRule.AFTER, [], (AFTER,), AfterMissing),
        (PhotoRule.AFTER, [BEFORE, CHECK], (AFTER,), AfterMissing),
        (PhotoRule.AFTER, [AFTER], (), None),
        (PhotoRule.BEFORE_AFTER, [], (BEFORE, AFTER), BothMissing),
        (PhotoRule.BEFORE_AFTER, [AFTER, AFTER], (BEFORE,), BeforeMissing),
        (PhotoRule.BEFORE_AFTER, [BEFORE], (AFTER,), AfterMissing),
        (PhotoRule.BEFORE_AFTER, [AFTER, BEFORE], (), None),
    ],
)
def test_what_is_wanting_is_named(
    rule: PhotoRule, there: list[PhotoStep], missing, refusal: type[Refused] | None
) -> None:
    assert wanting(rule, there) == missing
    if refusal is None:
        complete(rule, there)
    else:
        with pytest.raises(refusal) as said:
            complete(rule, there)
        assert said.value.value == ", ".join(missing)


@pytest.mark.parametrize("stage", Stage)
@pytest.mark.parametrize("step", PhotoStep)
def test_photos_belong_to_their_stages(stage: Stage, step: PhotoStep) -> None:
    case = Case(id=CaseId(1), number="n", stage=stage, reported_at=NOW)
    if stage in TAKEN_IN[step]:
        fits(case, step)
    else:
        with pytest.raises(NoPhotoNow):
            fits(case, step)


def test_staff_bring_no_reporters_photo() -> None:
    assert step_of("after") is AFTER
    for text in ("report", "during", ""):
        with pytest.raises(UnknownStep):
            step_of(text)
