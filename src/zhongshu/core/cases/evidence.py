"""Photos as evidence: what is kept beside one, and what of it does not fit the case.

A finding is said to whoever checks the result; it refuses nothing by itself, for cameras
have wrong clocks and streets have bad reception. Of the place where somebody stood only the
distance from the case is kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar

from zhongshu.core.cases.lifecycle import Act, Case, Stage
from zhongshu.core.catalogue import PhotoRule
from zhongshu.core.pictures import Camera, Picture
from zhongshu.core.place import Point, metres
from zhongshu.core.values import CaseId, Refused


class PhotoStep(StrEnum):
    """What a photo shows."""

    REPORT = "report"  # 上报照片: a reporter's; nothing its camera said is kept
    BEFORE = "before"  # 处置前
    AFTER = "after"  # 处置后
    CHECK = "check"  # 核查照片
    NOTE = "note"  # 随附照片: brought with a note, or with an act that is neither work nor check


class Finding(StrEnum):
    """What does not fit."""

    NO_TIME = "no_time"  # 无拍摄时间
    NO_PLACE = "no_place"  # 无拍摄位置
    EARLY = "early"  # 早于派遣: before the work it is to show could begin
    LATE = "late"  # 晚于提交: after it was shown
    FAR = "far"  # 偏离位置
    USED_HERE = "used_here"  # 本案重复使用
    USED_ELSEWHERE = "used_elsewhere"  # 他案使用过


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """A picture brought for a step. A device that takes hidden marks out of its pictures may
    say beside one when it was taken and how many metres from the case: never where.
    """

    step: PhotoStep
    picture: Picture
    taken_at: datetime | None = None
    metres: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A case that has the same picture already."""

    case: CaseId
    number: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What is kept beside a photo: when by its camera, how far from the case (whole metres),
    what does not fit, and which other cases have the same picture.
    """

    camera_at: datetime | None = None
    metres: int | None = None
    findings: tuple[Finding, ...] = ()
    same_as: tuple[str, ...] = ()


#: How far a camera's clock and the hub's may be apart before anything is said.
CLOCKS_APART = timedelta(minutes=5)
#: How far from the case a photo may be taken, where the city says nothing.
MOST_METRES = 100
#: In which stages a step's photos are taken in. A check looks at closed cases too (复查).
TAKEN_IN: Mapping[PhotoStep, frozenset[Stage]] = MappingProxyType(
    {
        PhotoStep.REPORT: frozenset(),
        PhotoStep.BEFORE: frozenset({Stage.DISPATCHED, Stage.IN_HAND}),
        PhotoStep.AFTER: frozenset({Stage.DISPATCHED, Stage.IN_HAND}),
        PhotoStep.CHECK: frozenset({Stage.HANDLED, Stage.CLOSED}),
        PhotoStep.NOTE: frozenset(),
    }
)
#: What photos show that come with an act.
_WITH: Mapping[Act, PhotoStep] = MappingProxyType(
    {Act.HANDLE: PhotoStep.AFTER, Act.PASS: PhotoStep.CHECK, Act.FAIL: PhotoStep.CHECK}
)
_ASKED: Mapping[PhotoRule, tuple[PhotoStep, ...]] = MappingProxyType(
    {
        PhotoRule.NONE: (),
        PhotoRule.AFTER: (PhotoStep.AFTER,),
        PhotoRule.BEFORE_AFTER: (PhotoStep.BEFORE, PhotoStep.AFTER),
    }
)


class NoPhotoNow(Refused):
    status: ClassVar[int] = 409
    message = "The case is at “%(stage)s”: a photo for “%(value)s” cannot be added now."
    remedy = "Photos before and after belong to the work, photos of a check to the check."


class UnknownStep(Refused):
    message = "%(field)s: “%(value)s” is not one of: %(choices)s."
    remedy = "Say what the photo shows: before the work, after it, or a check."


class BeforeMissing(Refused):
    message = "A photo from before the work is missing: the case cannot be reported as solved."
    remedy = "Add the photo for “before”, or choose the outcome that is true."


class AfterMissing(Refused):
    message = "A photo from after the work is missing: the case cannot be reported as solved."
    remedy = "Add the photo for “after”, or choose the outcome that is true."


class BothMissing(Refused):
    message = (
        "Photos from before and after the work are missing: the case cannot be reported as solved."
    )
    remedy = "Add both photos, or choose the outcome that is true."


def step_of(text: str) -> PhotoStep:
    """Read a step that staff may bring photos for."""
    choices = (PhotoStep.BEFORE, PhotoStep.AFTER, PhotoStep.CHECK)
    if text not in choices:
        raise UnknownStep("step", text, choices=", ".join(choices))
    return PhotoStep(text)


def step_with(act: Act) -> PhotoStep:
    """Return what the photos that come with an act show."""
    return _WITH.get(act, PhotoStep.NOTE)


def fits(case: Case, step: PhotoStep) -> None:
    """Refuse a photo that does not belong to the stage the case is at."""
    if case.stage not in TAKEN_IN[step]:
        raise NoPhotoNow("step", step, stage=case.stage.value)


def wanting(rule: PhotoRule, photos: Iterable[PhotoStep]) -> tuple[PhotoStep, ...]:
    """Return the steps a rule asks a photo for that none of ``photos`` shows, in order."""
    there = set(photos)
    return tuple(step for step in _ASKED[rule] if step not in there)


def complete(rule: PhotoRule, photos: Iterable[PhotoStep]) -> None:
    """Refuse work called solved of which a photo is missing, and say which."""
    match wanting(rule, photos):
        case ():
            return
        case (PhotoStep.BEFORE,):
            raise BeforeMissing("photo", PhotoStep.BEFORE)
        case (PhotoStep.AFTER,):
            raise AfterMissing("photo", PhotoStep.AFTER)
        case missing:
            raise BothMissing("photo", ", ".join(missing))


def judged(
    shot: Shot, case: Case, *, at: datetime, zone: tzinfo, most_m: int, seen: Sequence[Seen]
) -> Judged:
    """Compare what the camera said (or the device beside it) with the case at a moment.

    ``zone`` is the city's: a camera that gives no offset is taken to be set to it. ``seen``
    are the cases that have the same picture already.
    """
    if shot.step is PhotoStep.REPORT:
        return Judged()
    camera_at = _moment(shot.picture.camera.taken, zone) or _moment(shot.taken_at, zone)
    far = _distance(shot.picture.camera, case)
    if far is None and case.lon is not None:
        far = shot.metres
    since = _since(shot.step, case)
    found = (
        (Finding.NO_TIME, camera_at is None),
        (Finding.NO_PLACE, far is None and case.lon is not None),
        (Finding.EARLY, camera_at is not None and camera_at < since - CLOCKS_APART),
        (Finding.LATE, camera_at is not None and camera_at > at + CLOCKS_APART),
        (Finding.FAR, far is not None and far > most_m),
        (Finding.USED_HERE, any(one.case == case.id for one in seen)),
        (Finding.USED_ELSEWHERE, any(one.case != case.id for one in seen)),
    )
    return Judged(
        camera_at=camera_at, metres=far, findings=tuple(f for f, holds in found if holds),
        same_as=tuple(sorted({one.number for one in seen if one.case != case.id}))[:5],
    )  # fmt: skip


def _since(step: PhotoStep, case: Case) -> datetime:
    """Return the moment before which nothing a step is to show can have been seen."""
    began = case.dispatched_at or case.reported_at
    if step in (PhotoStep.BEFORE, PhotoStep.NOTE):
        return case.reported_at
    return (case.handled_at or began) if step is PhotoStep.CHECK else began


def _moment(taken: datetime | None, zone: tzinfo) -> datetime | None:
    """Return when the picture was taken; a clock that was never set is no time."""
    if taken is None or not 1990 < taken.year < 3000:
        return None
    return taken if taken.tzinfo else taken.replace(tzinfo=zone)


def _distance(camera: Camera, case: Case) -> int | None:
    if camera.lon is None or camera.lat is None or case.lon is None or case.lat is None:
        return None
    return round(metres(Point(camera.lon, camera.lat), Point(case.lon, case.lat)))


def record(step: PhotoStep, picture: bytes, found: Judged, *, id: int) -> dict[str, Any]:
    """Return what a fact says of a photo, JSON-ready. ``picture`` is its SHA-256."""
    return {
        "id": id, "step": step.value, "sha256": picture.hex(),
        "camera_at": found.camera_at.isoformat() if found.camera_at else None,
        "metres": found.metres, "findings": [f.value for f in found.findings],
        "same_as": list(found.same_as),
    }  # fmt: skip
