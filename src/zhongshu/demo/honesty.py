"""What makes the demo city's closings worth looking at: repeats, lots drawn, photos."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import numpy as np
from PIL import ExifTags, Image, ImageDraw

from zhongshu.core.access import EVERYTHING
from zhongshu.core.cases import Act, Case, Filter, Order, Outcome, Stage
from zhongshu.core.cases.evidence import PhotoStep, Shot
from zhongshu.core.catalogue import Catalogue, PhotoRule
from zhongshu.core.facts import By, Fact, Kind
from zhongshu.core.pictures import clean
from zhongshu.core.procedures import Move, ProcedureKind
from zhongshu.core.values import AccountId, Refused
from zhongshu.demo.people import RECHECKER
from zhongshu.flow import acts, lottery, proceedings
from zhongshu.flow.acts import Form
from zhongshu.flow.city import City
from zhongshu.store import cases, procedures
from zhongshu.store.db import Tx

#: A case worked on anew is closed again before the lots of its first closing are drawn, or
#: stays open: what a lot opens must not come before what happened earlier.
_SOON = timedelta(days=5)
#: Street lamps.
LAMPS = "C-01-37"
_FOUND = ((Move.CONFIRM, 0.88), (Move.DENY, 0.08), (Move.UNABLE, 0.04))


def asking(whole: Catalogue) -> Catalogue:
    """Let the street lamps of a catalogue ask for photos from before and after the work."""
    return replace(
        whole,
        categories=tuple(
            replace(c, conditions=tuple(replace(k, photos=PhotoRule.BEFORE_AFTER) for k in c.conditions))
            if c.code == LAMPS else c
            for c in whole.categories
        ),
    )  # fmt: skip


def again(lately: Sequence[Case], at: datetime, rng: np.random.Generator) -> Case | None:
    """Return a case closed not long ago that comes back, once in a while."""
    if rng.random() > 0.025:
        return None
    done = [c for c in lately if c.closed_at is not None and c.closed_at < at]
    return done[int(rng.integers(len(done)))] if done else None


def too_late(act: Act, facts: Sequence[Fact], at: datetime) -> bool:
    """Say whether a case that was closed before would be closed anew, or reopened, too late."""
    closed = next((f.at for f in facts if f.kind is Kind.CLOSED), None)
    return act in (Act.CLOSE, Act.REOPEN) and closed is not None and at > closed + _SOON


def lots(
    tx: Tx, city: City, crew: Mapping[str, AccountId], rng: np.random.Generator, *, days: int,
    now: datetime, key: bytes,
) -> None:  # fmt: skip
    """Live through the lotteries of the past: promised, drawn, and most of them rechecked."""
    early = now.astimezone(city.zone).replace(hour=3, minute=0, second=0, microsecond=0)
    for back in range(days, -1, -1):
        morning = early - timedelta(days=back)
        if morning > now:
            continue
        lottery.promise(tx, city, key=key, at=morning)
        while lottery.draw(tx, city, key=key, at=morning) is not None:
            pass
        _rechecked(tx, city, crew[RECHECKER], rng, now=morning + timedelta(hours=12), last=now)


def _rechecked(
    tx: Tx, city: City, who: AccountId, rng: np.random.Generator, *, now: datetime, last: datetime
) -> None:
    """Let somebody else look at most of what was drawn."""
    waiting = Filter(pending=ProcedureKind.RECHECK)
    for found in cases.page(tx, EVERYTHING, waiting, order=Order.NEWEST, after=None, limit=200):
        if rng.random() < 0.3 or now > last:
            continue
        case = cases.lock(tx, found.id)
        assert case is not None
        open_one = next(p for p in procedures.of_case(tx, case.id) if p.kind is ProcedureKind.RECHECK and p.open)  # fmt: skip
        move = _FOUND[int(rng.choice(len(_FOUND), p=[p for _, p in _FOUND]))][0]
        proceedings.take(
            tx, city, case, open_one.id, move, by=By(account=who), at=now,
            said={"reason": "现场复查：问题仍在" if move is Move.DENY else "现场无法确认"},
        )  # fmt: skip


# ── photos ───────────────────────────────────────────────────────────────────────────


def photos(tx: Tx, city: City, crew: Mapping[str, AccountId], *, now: datetime) -> None:
    """Report some street lamps as mended with photos, a few of which do not fit."""
    lamps = city.catalogue.by_code(LAMPS)
    assert lamps is not None
    working = Filter(stages=frozenset({Stage.IN_HAND}), categories=frozenset({lamps.id}))
    found = cases.page(tx, EVERYTHING, working, order=Order.NEWEST, after=None, limit=9)
    for n, case in enumerate(found):
        aside = 0.0065 if n % 4 == 1 else 0.0002  # one of four stood somewhere else
        early = timedelta(days=20) if n % 4 == 2 else timedelta()  # … or brought an old picture
        form = Form(
            outcome=Outcome.SOLVED, note="已更换灯具",
            photos=_shots(case, now=now, aside=aside, early=early),
        )  # fmt: skip
        try:
            acts.act(tx, city, case.id, Act.HANDLE, by=By(account=crew["handler"]), at=now, form=form)  # fmt: skip
        except Refused:  # on hold, or waiting for others
            continue


def brought(city: City, case: Case, form: Form, *, now: datetime) -> Form:
    """Return a form with the photos that calling the case solved asks for."""
    if form.outcome is not Outcome.SOLVED or city.photo_rule(case) is PhotoRule.NONE:
        return form
    return replace(form, photos=_shots(case, now=now))


def _shots(
    case: Case, *, now: datetime, aside: float = 0.0002, early: timedelta = timedelta()
) -> tuple[Shot, ...]:  # fmt: skip
    """Return a lamp before and after, no two of them alike."""
    began = case.dispatched_at or case.reported_at
    seed = 1000 * case.id + case.version
    before = _photo(case, began + (now - began) / 3, lit=False, seed=seed, aside=0.0002)
    taken = max(now - timedelta(minutes=20), began) - early
    after = _photo(case, taken, lit=True, seed=seed, aside=aside)
    return (
        Shot(step=PhotoStep.BEFORE, picture=clean(before, name="before.jpg")),
        Shot(step=PhotoStep.AFTER, picture=clean(after, name="after.jpg")),
    )


def _photo(case: Case, taken: datetime, *, lit: bool, seed: int, aside: float) -> bytes:
    """Draw a street lamp at dusk, dark or lit, as a phone would have taken it."""
    rng = np.random.default_rng(seed)
    image = Image.new("RGB", (640, 480))
    draw = ImageDraw.Draw(image)
    for y in range(480):
        dusk = 20 + y // 6
        draw.line((0, y, 640, y), fill=(dusk, dusk + 8, dusk + 45))
    for x in range(0, 640, 80):  # houses
        top = int(rng.integers(150, 300))
        draw.rectangle((x, top, x + 78, 400), fill=(28, 30, 40))
    draw.rectangle((0, 400, 640, 480), fill=(48, 48, 52))
    lamp = int(rng.integers(220, 420))
    if lit:
        draw.polygon(((lamp - 40, 110), (lamp - 180, 440), (lamp + 100, 440)), fill=(120, 108, 66))
    draw.line((lamp, 400, lamp, 110), fill=(90, 95, 100), width=8)
    draw.line((lamp, 110, lamp - 50, 100), fill=(90, 95, 100), width=6)
    draw.ellipse((lamp - 62, 92, lamp - 36, 116), fill=(255, 232, 150) if lit else (50, 52, 56))
    exif = Image.Exif()
    exif.get_ifd(ExifTags.IFD.Exif).update(
        {
            ExifTags.Base.DateTimeOriginal: f"{taken:%Y:%m:%d %H:%M:%S}",
            ExifTags.Base.OffsetTimeOriginal: f"{taken:%z}"[:3] + ":00",
        }
    )
    exif.get_ifd(ExifTags.IFD.GPSInfo).update(_place((case.lon or 0) + aside, case.lat or 0))
    out = io.BytesIO()
    image.save(out, "JPEG", exif=exif)
    return out.getvalue()


def _place(lon: float, lat: float) -> dict[int, object]:
    """Return a place of the north and east as cameras write it."""

    def parts(degrees: float) -> tuple[float, float, float]:
        minutes = degrees % 1 * 60
        return float(int(degrees)), float(int(minutes)), minutes % 1 * 60

    return {
        ExifTags.GPS.GPSLatitudeRef: "N", ExifTags.GPS.GPSLatitude: parts(lat),
        ExifTags.GPS.GPSLongitudeRef: "E", ExifTags.GPS.GPSLongitude: parts(lon),
    }  # fmt: skip
