"""The words pages say for figures: indicators, snapshots, briefings, the burden; marked for translation."""

from __future__ import annotations

from collections.abc import Mapping

from zhongshu.web.vocabulary import N_

GROUPS: Mapping[str, str] = {
    "course": N_("How cases are worked on"), "honesty": N_("Whether closed means done"),
    "outcome": N_("What came of it"), "voice": N_("What reporters say"),
}  # fmt: skip
LEFT_OUT: Mapping[str, str] = {
    "merged": N_("merged"), "rejected": N_("turned back"), "exempted": N_("exempted on appeal"),
    "held": N_("on hold"), "unchecked": N_("not yet checked"), "brought": N_("imported"),
    "fallback": N_("to the fallback unit"), "cannot_check": N_("could not be checked"),
    "lapsed": N_("worked on anew meanwhile"), "unclocked": N_("without such a limit"),
}  # fmt: skip
#: What may be true of something counted.
MARKS: Mapping[str, str] = {
    "received": N_("reported in the period"), "filed": N_("filed"),
    "repeat": N_("the same matter as one closed shortly before"),
    "self_found": N_("found by a patrol or a sensor"),
    "answered_in_time": N_("filed or turned away in time"),
    "patrolled": N_("reported by a patrol"), "patrol_valid": N_("reported by a patrol, and filed"),
    "patrollable": N_("a component or an event, filed"),
    "missed": N_("a component or an event that others reported"),
    "due": N_("its deadline lies in the period"), "late_open": N_("not handled at the end, and late"),
    "handled": N_("handled"), "handled_in_time": N_("handled in time"), "closed": N_("closed"),
    "closed_in_time": N_("closed, and handled in time"), "checked": N_("checked"),
    "checked_in_time": N_("checked in time"), "reworked": N_("failed its check"),
    "first_time": N_("done at the first go"), "reopened": N_("reopened"), "rated": N_("rated"),
    "solved": N_("solved"), "stage_result": N_("a stage result"), "explained": N_("explained"),
    "cannot": N_("cannot be solved"), "not_as_reported": N_("not as reported"),
    "no_outcome": N_("no outcome said"), "dispatched": N_("dispatched"),
    "accurate": N_("not returned as wrong"), "returned": N_("returned"),
    "answered_solved": N_("its reporter said whether it is solved"),
    "said_solved": N_("solved, says the reporter"),
    "answered_satisfied": N_("its reporter said how satisfied he is"),
    "said_satisfied": N_("satisfied, says the reporter"), "rechecked": N_("rechecked"),
    "by_lot": N_("drawn by lot"), "good": N_("found good"), "not_good": N_("found not good"),
}  # fmt: skip
SNAPSHOT_FLAWS: Mapping[str, str] = {
    "hash_wrong": N_("the document is not the one its hash is of"),
    "recount_differs": N_("the ledger up to its position adds up to something else"),
}  # fmt: skip
#: What kinds of fact are called where a list tells what came later.
LATER: Mapping[str, str] = {
    "case:reported": N_("reported"), "case:joined": N_("another report joined"),
    "case:imported": N_("brought in from a past"), "case:located": N_("its place was set"),
    "case:classified": N_("its category was set"), "case:filed": N_("filed"),
    "case:rejected": N_("not accepted"), "case:dispatched": N_("dispatched"),
    "case:accepted": N_("taken on"), "case:returned": N_("returned"), "case:handled": N_("handled"),
    "case:passed": N_("passed its check"), "case:failed": N_("failed its check"),
    "case:closed": N_("closed"), "case:reopened": N_("reopened"), "case:rated": N_("rated"),
    "case:merged": N_("merged into another"), "case:unmerged": N_("taken apart again"),
    "case:absorbed": N_("took in another"), "case:released": N_("let another go"),
    "procedure:moved": N_("a procedure went on"),
}  # fmt: skip
LOADS: Mapping[str, str] = {
    "worked": N_("Cases worked on"), "act": N_("Acts by hand"), "form": N_("Forms filled in"),
    "field": N_("Fields filled in"), "asked_again": N_("Asked for again"),
    "came_back": N_("Sent back"), "moved": N_("Dispatches"), "in_vain": N_("Sent in vain"),
}  # fmt: skip
#: What is filled in with an act.
FILLED: Mapping[str, str] = {
    "reason": N_("Reason"), "note": N_("Note"), "clause": N_("Clause"), "cause": N_("Cause"),
    "outcome": N_("Outcome"), "result": N_("Result"), "plan": N_("Plan"), "owner": N_("Owner"),
    "next_step": N_("Next step"), "until": N_("Until"), "review_at": N_("Review on"),
    "limit": N_("Limit"), "rating": N_("Rating"),
}  # fmt: skip
SECTIONS: Mapping[str, str] = {
    "overview": N_("Overview"), "categories": N_("What was reported most"),
    "overdue": N_("Overdue and on hold"), "repeats": N_("Come again, reopened, done anew"),
    "lots": N_("Rechecks by lot"), "campaigns": N_("Campaigns"), "areas": N_("By area"),
}  # fmt: skip
PARTS: Mapping[str, str] = {
    "numerator": N_("Counted above the line"), "denominator": N_("Counted below the line"),
    "excluded": N_("Left out"),
}  # fmt: skip
#: Kinds of unit that are compared among themselves; a city may name others.
TIERS: Mapping[str, str] = {
    "bureau": N_("Bureaus and companies"), "subdistrict": N_("Subdistrict offices"),
    "": N_("Units"), "-": N_("Not with a unit yet"),
}  # fmt: skip
