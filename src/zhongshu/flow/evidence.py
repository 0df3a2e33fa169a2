"""Photos of the work: judged against the case when they come in, kept, and shown with an act."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, ClassVar

from zhongshu.core.access import Actor, Permission
from zhongshu.core.cases import Case, Outcome, changed
from zhongshu.core.cases.evidence import (
    TAKEN_IN,
    Finding,
    Judged,
    PhotoStep,
    Shot,
    complete,
    fits,
    judged,
    record,
    wanting,
)
from zhongshu.core.facts import By, Fact, Kind
from zhongshu.core.intake import by_device
from zhongshu.core.values import CaseId, Refused, ReportId
from zhongshu.flow.city import City
from zhongshu.store import cases, vault
from zhongshu.store.db import Tx

#: Whose photos: what a step's photos need.
NEEDS = {
    PhotoStep.BEFORE: Permission.CASE_WORK, PhotoStep.AFTER: Permission.CASE_WORK,
    PhotoStep.CHECK: Permission.CASE_CHECK,
}  # fmt: skip
#: Photos of the work that one case may have.
MOST_PHOTOS = 40


class EnoughPhotos(Refused):
    status: ClassVar[int] = 409
    message = "The case has %(value)s photos; more are not taken in."
    remedy = "A few that show the work are enough."


def add(
    tx: Tx, city: City, case: Case, shots: Sequence[Shot], *, by: By, at: datetime
) -> Case:  # fmt: skip
    """Keep photos that come by themselves, before the act they are for; return the case after."""
    for step in {shot.step for shot in shots}:
        fits(case, step)
    said = _kept(tx, city, case, shots, at=at)
    after, fact = changed(case, Kind.PICTURED, {}, by=by, at=at, says={"photos": said})
    cases.save(tx, after, fact)
    return after


def with_report(
    tx: Tx, case: CaseId, report: ReportId, shots: Sequence[Shot], *, at: datetime
) -> None:  # fmt: skip
    """Keep the photos of a report: nothing their camera said, and one that is sent again once."""
    for shot in shots:
        picture = shot.picture
        if vault.photo_like(tx, case, step=shot.step, sha256=picture.sha256) is None:
            vault.add_photo(
                tx, case, report=report, step=shot.step, sha256=picture.sha256, mime=picture.mime,
                width=picture.width, height=picture.height, data=picture.data,
                at=by_device(shot.taken_at, now=at),
            )  # fmt: skip


def for_handling(
    tx: Tx, city: City, case: Case, shots: Sequence[Shot], outcome: Outcome | None, *,
    at: datetime,
) -> dict[str, Any]:  # fmt: skip
    """Keep the photos that come with a handling, and return what its fact says of all that
    show it. Refuse it as solved while a photo the city's rule asks for is missing.
    """
    new = _kept(tx, city, case, shots, at=at)
    shown = current(vault.photos_of(tx, case.id), case)
    if outcome is Outcome.SOLVED:
        complete(city.photo_rule(case), [PhotoStep(photo.step) for photo in shown])
    if not shown:
        return {}
    vault.present(tx, [photo.id for photo in shown], seq=case.version + 1)
    fresh = {said["id"]: said for said in new}
    return {"photos": [fresh.get(photo.id) or as_said(photo) for photo in shown]}


def along(
    tx: Tx, city: City, case: Case, shots: Sequence[Shot], *, at: datetime
) -> dict[str, Any]:  # fmt: skip
    """Keep the photos that come with a check, a note or a step of a procedure, and return what
    its fact says of them.
    """
    return {"photos": _kept(tx, city, case, shots, at=at)} if shots else {}


def current(photos: Sequence[vault.PhotoRow], case: Case) -> list[vault.PhotoRow]:
    """Return the photos that show the work under way: those from before it since it was
    dispatched, those from after it that no earlier handling was shown with.
    """
    began = case.dispatched_at or case.reported_at
    return [
        photo
        for photo in photos
        if photo.case_id == case.id and photo.taken_at >= began
        and (photo.step == PhotoStep.BEFORE or (photo.step == PhotoStep.AFTER and photo.presented is None))
    ]  # fmt: skip


def steps_for(case: Case, actor: Actor) -> tuple[PhotoStep, ...]:
    """Return the steps an actor may add photos for now."""
    return tuple(
        step
        for step, needed in NEEDS.items()
        if case.stage in TAKEN_IN[step]
        and actor.acting(needed, area_code=case.area_code, unit=case.unit) is not None
    )


def as_said(photo: vault.PhotoRow) -> dict[str, Any]:
    """Return what a fact says of a photo kept earlier."""
    found = Judged(
        camera_at=photo.camera_at, metres=photo.metres, same_as=tuple(photo.same_as),
        findings=tuple(Finding(f) for f in photo.findings),
    )  # fmt: skip
    return record(PhotoStep(photo.step), bytes(photo.sha256), found, id=photo.id)


def _kept(
    tx: Tx, city: City, case: Case, shots: Sequence[Shot], *, at: datetime
) -> list[dict[str, Any]]:
    """Judge and keep photos one after the other, so that the second of a pair knows the first."""
    if not shots:
        return []
    here = sum(photo.case_id == case.id for photo in vault.photos_of(tx, case.id))
    if here + len(shots) > MOST_PHOTOS:
        raise EnoughPhotos("photo", here)
    said: list[dict[str, Any]] = []
    for shot in shots:
        picture = shot.picture
        found = judged(
            shot, case, at=at, zone=city.zone, most_m=city.photo_metres,
            seen=vault.same(tx, picture.sha256),
        )  # fmt: skip
        photo = vault.add_photo(
            tx, case.id, report=None, step=shot.step, sha256=picture.sha256, mime=picture.mime,
            width=picture.width, height=picture.height, data=picture.data, at=at, found=found,
        )  # fmt: skip
        said.append(record(shot.step, picture.sha256, found, id=photo))
    return said


@dataclass(frozen=True, slots=True, kw_only=True)
class Arranged:
    """A case's photos as they are looked at: before beside after, and what belongs to work
    that was done over.
    """

    reported: Sequence[vault.PhotoRow] = ()
    before: Sequence[vault.PhotoRow] = ()
    after: Sequence[vault.PhotoRow] = ()
    check: Sequence[vault.PhotoRow] = ()
    note: Sequence[vault.PhotoRow] = ()
    earlier: Sequence[vault.PhotoRow] = ()


def missing(tx: Tx, city: City, case: Case) -> tuple[PhotoStep, ...]:
    """Return the steps that “solved” would still need a photo for."""
    shown = current(vault.photos_of(tx, case.id), case)
    return wanting(city.photo_rule(case), [PhotoStep(photo.step) for photo in shown])


def arranged(
    photos: Sequence[vault.PhotoRow], facts: Sequence[Fact], case: CaseId
) -> Arranged:  # fmt: skip
    """Sort photos by what they show, those of an earlier round of the work apart, and of the
    work on cases merged into it.
    """
    began = max((f.seq for f in facts if f.kind in (Kind.DISPATCHED, Kind.REOPENED)), default=0)
    shown = max((f.seq for f in facts if f.kind is Kind.HANDLED), default=0)
    since = {PhotoStep.BEFORE: began, PhotoStep.AFTER: max(began, shown)}
    old = {
        p.id
        for p in photos
        if (p.presented is not None and p.presented < since.get(PhotoStep(p.step), 0))
        or (p.case_id != case and p.step != PhotoStep.REPORT)
    }
    by_step = {
        step: [p for p in photos if p.step == step and p.id not in old] for step in PhotoStep
    }
    return Arranged(
        reported=by_step[PhotoStep.REPORT], before=by_step[PhotoStep.BEFORE],
        after=by_step[PhotoStep.AFTER], check=by_step[PhotoStep.CHECK],
        note=by_step[PhotoStep.NOTE],
        earlier=[p for p in photos if p.id in old],
    )  # fmt: skip
