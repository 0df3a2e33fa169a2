"""The words pages say for the values of the core, marked for translation."""

from __future__ import annotations

from collections.abc import Mapping


def N_(text: str) -> str:  # noqa: N802 — gettext's own name for “translate later”
    """Mark a text for the catalogue of translations."""
    return text


STAGES: Mapping[str, str] = {
    "waiting_place": N_("Waiting for a place"), "not_ours": N_("Not ours"), "received": N_("To be accepted"),
    "filed": N_("To be dispatched"), "dispatched": N_("To be taken on"), "in_hand": N_("In hand"),
    "handled": N_("To be checked"), "checked": N_("To be closed"), "closed": N_("Closed"),
    "rejected": N_("Not accepted"), "merged": N_("Merged"),
}  # fmt: skip
ACTS: Mapping[str, str] = {
    "locate": N_("Set the place"), "classify": N_("Set the category"), "file": N_("File"),
    "reject": N_("Do not accept"), "dispatch": N_("Dispatch"), "accept": N_("Take on"),
    "return": N_("Return"), "handle": N_("Report as handled"), "pass": N_("Check: done"),
    "fail": N_("Check: not done"), "close": N_("Close"), "reopen": N_("Reopen"),
    "merge": N_("Merge"), "unmerge": N_("Undo the merge"), "split": N_("Split off a report"),
    "rate": N_("Rate"), "note": N_("Note"),
}  # fmt: skip
OUTCOMES: Mapping[str, str] = {
    "solved": N_("Solved"), "stage_result": N_("Stage result"), "explained": N_("Explained"),
    "cannot": N_("Cannot be solved"), "not_as_reported": N_("Not as reported"),
}  # fmt: skip
KINDS: Mapping[str, str] = {
    "case:reported": N_("Reported"), "case:joined": N_("Another report joined"),
    "case:imported": N_("Imported"), "case:located": N_("Place set"),
    "case:classified": N_("Category set"), "case:filed": N_("Filed"),
    "case:rejected": N_("Not accepted"), "case:dispatched": N_("Dispatched"),
    "case:accepted": N_("Taken on"), "case:returned": N_("Returned"),
    "case:handled": N_("Handled"), "case:passed": N_("Checked: done"),
    "case:failed": N_("Checked: not done"), "case:closed": N_("Closed"),
    "case:reopened": N_("Reopened"), "case:rated": N_("Rated"), "case:merged": N_("Merged"),
    "case:unmerged": N_("Merge undone"), "case:absorbed": N_("Took in another case"),
    "case:released": N_("Released a merged case"), "case:split": N_("Report split off"),
    "case:noted": N_("Note"), "case:overdue": N_("Deadline passed"),
    "clock:climbed": N_("A clock has moved on"), "procedure:moved": N_("Procedure"),
    "contact:revealed": N_("Contact looked at"), "contact:erased": N_("Contact erased"),
}  # fmt: skip
CHANNELS: Mapping[str, str] = {
    "web": N_("Web page"), "hotline": N_("Hotline"), "field": N_("Patrol"), "sensor": N_("Sensor"),
    "partner": N_("Another system"), "api": N_("Interface"), "import": N_("Imported history"),
    "replay": N_("Replayed history"),
}  # fmt: skip
CALLS: Mapping[str, str] = {
    "110": N_("110 police"), "119": N_("119 fire and rescue"), "120": N_("120 ambulance"),
    "gas": N_("the gas company's emergency number"), "power": N_("the power company's emergency number"),
}  # fmt: skip
DUTIES: Mapping[str, str] = {
    "acceptor": N_("Acceptor"), "dispatcher": N_("Dispatcher"), "handler": N_("Handler"),
    "checker": N_("Checker"), "supervisor": N_("Supervisor"), "grid_lead": N_("Grid lead"),
    "grid_worker": N_("Grid worker"), "hotline": N_("Hotline agent"), "admin": N_("Administrator"),
    "viewer": N_("Viewer"), "machine": N_("Another system"),
    "chain_community": N_("Community organisation"), "chain_estate": N_("Estate branch"),
    "chain_building": N_("Building group"), "chain_member": N_("Key member"),
}  # fmt: skip
CLOCKS: Mapping[str, str] = {
    "accept": N_("Accepting"), "dispatch": N_("Dispatching"), "handle": N_("Handling"),
    "check": N_("Checking"), "whole": N_("The whole"),
}  # fmt: skip
CLOCK_STATES: Mapping[str, str] = {
    "running": N_("running"), "paused": N_("paused"), "folded": N_("rests, merged"),
    "stopped": N_("stopped"),
}  # fmt: skip
RUNGS: Mapping[str, str] = {
    "warn": N_("70 % used"), "red": N_("90 % used"), "overdue": N_("overdue"),
    "higher": N_("overdue by half"), "highest": N_("overdue by as much again"),
}  # fmt: skip
DAYS: Mapping[str, str] = {
    "weekend": N_("weekend"), "holiday": N_("public holiday"), "workday": N_("make-up workday"),
    "": "",
}  # fmt: skip
PROCEDURES: Mapping[str, str] = {
    "verify": N_("Verify the report"), "assist": N_("Co-handling"), "extension": N_("Extension"),
    "hold": N_("Hold"), "transfer": N_("Transfer"), "dispute": N_("Dispute"),
    "call": N_("Joint call"), "supervision": N_("Supervision"), "recheck": N_("Recheck"),
    "appeal": N_("Appeal"),
}  # fmt: skip
MOVES: Mapping[str, str] = {
    "open": N_("Begin"), "accept": N_("Accept"), "decline": N_("Decline"),
    "approve": N_("Approve"), "refuse": N_("Refuse"), "withdraw": N_("Withdraw"),
    "review": N_("Review"), "resume": N_("End the hold"), "rule": N_("Rule"),
    "arrive": N_("We have arrived"), "finish": N_("Done"), "rate": N_("Rate the help"),
    "answer": N_("Answer"), "raise": N_("Raise the level"), "lift": N_("Lift"),
    "confirm": N_("Confirmed"), "deny": N_("Not so"), "unable": N_("Cannot be checked"),
}  # fmt: skip
STATES: Mapping[str, str] = {
    "asked": N_("asked for"), "confirmed": N_("confirmed"), "not_found": N_("not found"),
    "cannot_check": N_("could not be checked"), "accepted": N_("accepted"),
    "declined": N_("declined"), "done": N_("done"), "withdrawn": N_("withdrawn"),
    "granted": N_("granted"), "refused": N_("refused"), "seconded": N_("approved once, of two"),
    "held": N_("on hold"), "resumed": N_("ended"), "proposed": N_("proposed"),
    "open": N_("open"), "ruled": N_("ruled"), "called": N_("called"), "arrived": N_("arrived"),
    "finished": N_("finished"), "answered": N_("answered"), "lifted": N_("lifted"),
    "drawn": N_("drawn"), "good": N_("found good"), "not_good": N_("found not good"),
    "upheld": N_("upheld"), "dismissed": N_("dismissed"), "lapsed": N_("lapsed"),
}  # fmt: skip
ASKS: Mapping[str, str] = {
    "reason": N_("Reason"), "clause": N_("Clause"), "unit": N_("Unit"), "limit": N_("Limit"),
    "result": N_("Result"), "owner": N_("Who keeps it"), "plan": N_("Plan"),
    "next_step": N_("Next step"), "review_at": N_("To be reviewed on"), "until": N_("Until"),
    "rating": N_("How good the help was (1 to 5)"), "level": N_("Level"),
}  # fmt: skip
CAUSES: Mapping[str, str] = {
    "not_ours": N_("not this unit's duty"), "no_power": N_("no power to act"),
    "wrong_class": N_("wrong category"), "wrong_place": N_("wrong place"),
    "duplicate": N_("a duplicate"), "other": N_("something else"),
}  # fmt: skip

ASSET_STATES: Mapping[str, str] = {
    "good": N_("in good order"), "damaged": N_("damaged"), "lost": N_("lost"),
    "abandoned": N_("abandoned"), "removed": N_("removed"),
}  # fmt: skip

# what-if for rules
SUBJECTS: Mapping[str, str] = {
    "rule": N_("Duty rule"), "limit": N_("Limit of a category"), "stage": N_("Limit of a stage"),
    "hours": N_("Work hours"), "day": N_("Day of the calendar"), "same": N_("Duplicate rule"),
}  # fmt: skip
PROPOSALS: Mapping[str, str] = {
    "draft": N_("draft"), "scheduled": N_("its day is set"), "on": N_("in force"),
    "off": N_("switched off"),
}  # fmt: skip
RUN_STATES: Mapping[str, str] = {
    "queued": N_("waiting"), "running": N_("running"), "done": N_("done"), "failed": N_("failed"),
}  # fmt: skip
DIFFERENCES: Mapping[str, str] = {
    "moved": N_("to another unit"), "no_unit": N_("no unit any more"),
    "found_unit": N_("a unit where there was none"), "auto": N_("dispatched by rule now"),
    "by_hand": N_("dispatched by hand now"), "helpers": N_("other units assist"),
    "barred": N_("its unit may not have it now"), "allowed": N_("its unit may have it now"),
    "earlier": N_("deadline earlier"), "later": N_("deadline later"),
    "late": N_("in time, would be late"), "in_time": N_("late, would be in time"),
}  # fmt: skip
JOINS: Mapping[str, str] = {
    "joins": N_("would join another case"), "parts": N_("would be a case of its own"),
    "elsewhere": N_("would join a different case"),
}  # fmt: skip
CITY_FACTS: Mapping[str, str] = {
    "proposal:scheduled": N_("Day set for a proposal"),
    "proposal:unscheduled": N_("Day of a proposal taken back"),
    "proposal:switched_on": N_("Proposal switched on"),
    "proposal:switched_off": N_("Proposal switched off"),
    "proposal:not_switched_on": N_("Proposal could not be switched on"),
}  # fmt: skip
RULE_FIELDS: Mapping[str, str] = {
    "category": N_("Category"), "area": N_("Area"), "hours": N_("Hours"), "unit": N_("Unit"),
    "co_units": N_("Assisting units"), "forbidden": N_("Forbidden units"), "clause": N_("Clause"),
    "priority": N_("Priority among equals"), "auto": N_("Dispatch by rule"),
    "valid_until": N_("Until (not included)"), "limit": N_("Limit"), "periods": N_("Work periods"),
    "days_off": N_("Days off"), "holidays_too": N_("Works through holidays"),
    "kind": N_("Kind of day"), "name": N_("Name"), "metres": N_("Metres"), "zone": N_("Time zone"),
}  # fmt: skip
WEEKDAYS: Mapping[str, str] = {
    "0": N_("Mon"), "1": N_("Tue"), "2": N_("Wed"), "3": N_("Thu"), "4": N_("Fri"),
    "5": N_("Sat"), "6": N_("Sun"),
}  # fmt: skip

#: Every family of words, by the name templates call it.
WORDS: Mapping[str, Mapping[str, str]] = {
    "stage": STAGES, "act": ACTS, "outcome": OUTCOMES, "kind": KINDS, "channel": CHANNELS,
    "call": CALLS, "duty": DUTIES, "clock": CLOCKS, "clock_state": CLOCK_STATES, "rung": RUNGS,
    "day": DAYS, "procedure": PROCEDURES, "move": MOVES, "state": STATES, "ask": ASKS,
    "cause": CAUSES, "asset_state": ASSET_STATES,
    "subject": SUBJECTS, "proposal": PROPOSALS, "run": RUN_STATES, "difference": DIFFERENCES,
    "join": JOINS, "city_fact": CITY_FACTS, "rule_field": RULE_FIELDS, "weekday": WEEKDAYS,
}  # fmt: skip
