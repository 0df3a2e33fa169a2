"""Looking at a contact, with a purpose and a trace; erasing contacts when their time is up."""

from __future__ import annotations

from datetime import datetime, timedelta

from zhongshu.core.access import NotFound
from zhongshu.core.cases import Case, changed
from zhongshu.core.facts import A_REPORTER, By, Kind
from zhongshu.core.privacy import Purpose, opened
from zhongshu.flow.intake import about
from zhongshu.store import cases, reports, vault
from zhongshu.store.db import Tx

#: Contacts are erased so long after their case was closed (a proposal; the city sets it).
KEPT_FOR = timedelta(days=180)


def reveal(
    tx: Tx, case: Case, contact_id: int, *, key: bytes, by: By, purpose: Purpose, at: datetime
) -> str:
    """Return a contact in the clear. The fact is written in the same transaction: no trace,
    no contact.
    """
    voices = reports.of_case(tx, case.id)
    kept = next(
        (k for k in vault.of_reports(tx, [v.id for v in voices]) if k.id == contact_id), None
    )
    if kept is None or kept.ciphertext is None or kept.nonce is None:
        raise NotFound("contact", contact_id)
    locked = cases.lock(tx, case.id)
    assert locked is not None
    after, fact = changed(
        locked, Kind.REVEALED, {}, by=by, at=at, says={"contact": contact_id, "purpose": purpose}
    )
    cases.save(tx, after, fact)
    return opened(
        bytes(kept.ciphertext),
        key=key,
        nonce=bytes(kept.nonce),
        about=about(kept.report_id, kept.kind),
    )


def erase(tx: Tx, *, at: datetime, kept_for: timedelta = KEPT_FOR) -> int:
    """Erase contacts whose time is up; each case gets the fact. Return how many cases."""
    erased = vault.erase_closed(tx, before=at - kept_for, at=at)
    for case_id in erased:
        case = cases.lock(tx, case_id)
        assert case is not None
        after, fact = changed(case, Kind.ERASED, {}, by=By(rule="retention"), at=at)
        cases.save(tx, after, fact)
    return len(erased)


def kept(tx: Tx, voice: reports.Voice) -> bool:
    """Say whether a contact of a report is still kept, or words that were cut out of it."""
    return any(k.ciphertext is not None for k in vault.of_reports(tx, [voice.id]))


def erase_own(tx: Tx, voice: reports.Voice, *, at: datetime) -> bool:
    """Erase the contact of one report, as its reporter wishes; say whether there was any."""
    if not vault.erase_of(tx, voice.id, at=at):
        return False
    case = cases.lock(tx, voice.case_id)
    assert case is not None
    after, fact = changed(case, Kind.ERASED, {}, by=A_REPORTER, at=at, says={"report": voice.id})
    cases.save(tx, after, fact)
    return True
