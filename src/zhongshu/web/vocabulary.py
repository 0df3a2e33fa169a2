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
    "reject": N_("Do not accept"), "dispatch": N_("Dispatch"), "withdraw": N_("Take the dispatch back"), "accept": N_("Take on"),
    "return": N_("Return"), "handle": N_("Report as handled"), "pass": N_("Check: done"),
    "fail": N_("Check: not done"), "close": N_("Close"), "reopen": N_("Reopen"),
    "merge": N_("Merge"), "unmerge": N_("Undo the merge"), "split": N_("Split off a report"),
    "link": N_("Link to a leading case"), "unlink": N_("Take apart"),
    "rate": N_("Rate"), "note": N_("Note"),
}  # fmt: skip
BLANKS: Mapping[str, str] = {
    "number": N_("the case number"), "category": N_("the category"), "place": N_("the place"),
    "unit": N_("the unit"), "deadline": N_("the deadline"), "reported": N_("when it was reported"),
    "outcome": N_("what came of it"), "days": N_("for how many days it can be reopened"), "today": N_("today’s date"),
}  # fmt: skip
ORDERS: Mapping[str, str] = {
    "clock": N_("What runs out first"), "newest": N_("Newest first"), "due": N_("By the deadline of the work"),
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
    "case:withdrawn": N_("Dispatch taken back"), "case:accepted": N_("Taken on"), "case:returned": N_("Returned"),
    "case:handled": N_("Handled"), "case:passed": N_("Checked: done"),
    "case:failed": N_("Checked: not done"), "case:closed": N_("Closed"),
    "case:reopened": N_("Reopened"), "case:rated": N_("Rated"), "case:merged": N_("Merged"),
    "case:unmerged": N_("Merge undone"), "case:absorbed": N_("Took in another case"),
    "case:released": N_("Released a merged case"), "case:split": N_("Report split off"),
    "case:linked": N_("Linked: shares the clock of"), "case:unlinked": N_("Taken apart: own clock again"),
    "case:led": N_("Another case shares its clock"), "clock:shared": N_("The shared clock has moved"),
    "case:noted": N_("Note"), "case:pictured": N_("Photos added"), "case:overdue": N_("Deadline passed"),
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
    "stopped": N_("stopped"), "shared": N_("shared with the leading case"),
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
    "call": N_("Joint call"), "supervision": N_("Supervision order"), "recheck": N_("Recheck"),
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

LAYERS: Mapping[str, str] = {
    "component": N_("Components"), "event": N_("Events"), "service": N_("Services"),
}  # fmt: skip
PHOTO_RULES: Mapping[str, str] = {
    "none": N_("no photos asked for"), "after": N_("a photo after"),
    "before_and_after": N_("photos before and after"),
}  # fmt: skip
VERSION_STATES: Mapping[str, str] = {
    "draft": N_("draft"), "scheduled": N_("waits for its day"), "in_force": N_("in force"),
    "former": N_("was in force"), "set_aside": N_("set aside"),
}  # fmt: skip
CHANGES: Mapping[str, str] = {
    "added": N_("added"), "removed": N_("removed"), "changed": N_("changed"),
}  # fmt: skip
#: The columns of a catalogue as people read them.
CATALOGUE_COLUMNS: Mapping[str, str] = {
    "code": N_("Category code"), "layer": N_("Layer"), "major_zh": N_("Major class, Chinese"),
    "major_en": N_("Major class, English"), "name_zh": N_("Name, Chinese"),
    "name_en": N_("Name, English"), "unit_type": N_("Responsible unit"), "keywords": N_("Keywords"),
    "active": N_("In use"), "condition_zh": N_("Filing condition, Chinese"),
    "condition_en": N_("Filing condition, English"), "hazard": N_("Hazard"), "limit": N_("Limit"),
    "closing_zh": N_("Closing condition, Chinese"), "closing_en": N_("Closing condition, English"),
    "photo_rule": N_("Photos"), "condition": N_("Filing condition"),
    "replaces": N_("Takes the place of"), "major_code": N_("Code of the major class"),
    "minor_code": N_("Code of the minor class"), "limit_ordinary": N_("Ordinary limit"),
    "limit_hazard": N_("Limit for a hazard"), "columns": N_("Columns"),
}  # fmt: skip
CATALOGUE_FACTS: Mapping[str, str] = {
    "catalogue:drafted": N_("Draft begun"), "catalogue:imported": N_("Brought in from a table"),
    "catalogue:edited": N_("Category edited"), "catalogue:enacted": N_("Put in force"),
    "catalogue:withdrawn": N_("Withdrawn"),
}  # fmt: skip
TIES: Mapping[str, str] = {
    "same": N_("the same class"), "major": N_("a class of the same kind"),
    "unknown": N_("class not known yet"), "other": N_("another class"),
}  # fmt: skip
#: Limits in words: of one, and of several.
LIMITS: Mapping[str, str] = {
    "uh1": N_("1 continuous hour"), "uh": N_("%(n)s continuous hours"),
    "ud1": N_("1 continuous day"), "ud": N_("%(n)s continuous days"),
    "wh1": N_("1 working hour"), "wh": N_("%(n)s working hours"),
    "wd1": N_("1 working day"), "wd": N_("%(n)s working days"),
}  # fmt: skip
AUDIENCES: Mapping[str, str] = {
    "handlers": N_("handlers of the unit"), "asked_unit": N_("handlers of the unit asked"),
    "unit_above": N_("supervisor over the unit"), "acceptors": N_("acceptors"),
    "dispatchers": N_("dispatchers"), "checkers": N_("checkers"),
    "grid_workers": N_("grid worker of the cell"), "area_lead": N_("grid lead of the cell"),
    "area_above": N_("lead of the area above"),
    "chain": N_("nearest post of the organisation chain"),
    "chain_above": N_("next post up the organisation chain"),
    "supervisors": N_("nearest supervisor"), "city": N_("supervisors of the city"),
    "admins": N_("administrators"),
}  # fmt: skip
NOTICES: Mapping[str, str] = {
    "clock": N_("Clocks"), "hazard": N_("Danger"), "dispatched": N_("New work"),
    "part": N_("Asked of my unit"), "rework": N_("Rework"), "returned": N_("Returned"),
    "to_check": N_("To be looked at"), "decide": N_("To be decided"), "decided": N_("Decided"),
    "supervised": N_("Supervision order"), "reopened": N_("Reopened"), "joined": N_("Reported again"),
    "late": N_("Procedure late"), "rule": N_("Rule out of use"),
}  # fmt: skip
#: What is told of besides clocks; a sentence that stands alone in a list.
HAPPENINGS: Mapping[str, str] = {
    "hazard": N_("A case is dangerous"), "case:dispatched": N_("A case was sent to the unit"),
    "case:returned": N_("A unit returned the case"),
    "case:handled": N_("Reported as handled: somebody else has to check"),
    "case:failed": N_("The check found it not done"),
    "case:reopened": N_("A closed case was reopened"),
    "case:revived": N_("A rejected case was taken up again"),
    "case:joined": N_("Another report joined the case"),
    "case:absorbed": N_("Another case was merged into it"),
    "verify:asked": N_("Somebody has to look whether it is there"),
    "verify:confirmed": N_("It is there as reported"), "verify:not_found": N_("Nothing was found there"),
    "verify:cannot_check": N_("It could not be verified"), "verify:late": N_("Verification is late"),
    "assist:asked": N_("A part is asked of the unit"), "assist:declined": N_("A part was declined"),
    "assist:done": N_("A part is done"), "assist:withdrawn": N_("A part was taken back"),
    "assist:late": N_("A part is late"),
    "extension:asked": N_("An extension is asked for"), "extension:granted": N_("The extension was granted"),
    "extension:refused": N_("The extension was refused"), "extension:late": N_("A decision on an extension is late"),
    "hold:asked": N_("A hold is asked for"), "hold:seconded": N_("A hold needs its second approval"),
    "hold:held": N_("The case is on hold"), "hold:refused": N_("The hold was refused"),
    "hold:resumed": N_("The hold is over: the clock runs"), "hold:late": N_("A hold waits for its review or decision"),
    "transfer:proposed": N_("The case is to move to the unit, if it agrees"),
    "transfer:accepted": N_("The case moved to another unit"), "transfer:declined": N_("The other unit declined"),
    "transfer:withdrawn": N_("The transfer was taken back"), "transfer:late": N_("An answer to a transfer is late"),
    "dispute:open": N_("Two units disagree: the panel has to rule"), "dispute:ruled": N_("The panel has ruled"),
    "dispute:late": N_("A ruling is late"),
    "call:called": N_("The unit is called to the place"), "call:arrived": N_("The unit called has arrived"),
    "call:finished": N_("The joint call is finished"), "call:withdrawn": N_("The joint call was taken back"),
    "call:late": N_("The unit called has not arrived in time"),
    "supervision:1": N_("Supervision, level 1"), "supervision:2": N_("Supervision, level 2"),
    "supervision:3": N_("Supervision, level 3"),
    "supervision:answered": N_("The unit answered the supervision"), "supervision:lifted": N_("The supervision was lifted"),
    "supervision:late": N_("No answer at the highest level of supervision"),
    "recheck:drawn": N_("A closed case was drawn for a recheck"), "recheck:good": N_("The recheck found it good"),
    "recheck:not_good": N_("The recheck found it not good"), "recheck:cannot_check": N_("The recheck could not be done"),
    "recheck:late": N_("A recheck is late"),
    "appeal:asked": N_("A unit appeals"), "appeal:seconded": N_("An appeal needs its second reviewer"),
    "appeal:upheld": N_("The appeal was upheld"), "appeal:dismissed": N_("The appeal was dismissed"),
    "appeal:late": N_("A decision on an appeal is late"),
    "rule": N_("A duty rule names a unit that is no longer at work"),
}  # fmt: skip
#: Reasons that the hub's own rules give.
BECAUSE: Mapping[str, str] = {
    "answer_late": N_("By rule: no answer in time"),
    "ladder:warn": N_("By rule: 70 % of the time is used"),
    "ladder:red": N_("By rule: 90 % of the time is used"),
    "ladder:overdue": N_("By rule: overdue"),
    "ladder:higher": N_("By rule: overdue by half its time"),
    "ladder:highest": N_("By rule: overdue by as much again"),
}  # fmt: skip
#: What those who reported a matter read of its steps; others' reports and their own apart.
STEPS: Mapping[str, str] = {
    "case:reported": N_("Your report came in"), "case:joined": N_("Your report joined a matter already known"),
    "case:imported": N_("Your report was taken over from the earlier system"),
    "case:located": N_("The place was found"), "case:classified": N_("It was put into a category"),
    "case:filed": N_("The city accepted it as a case"), "case:rejected": N_("The city did not accept it"),
    "case:dispatched": N_("It was sent to the unit in charge"), "case:accepted": N_("The unit took it on"),
    "case:returned": N_("The unit gave it back; another is being found"),
    "case:handled": N_("The unit says it is done; somebody else will check"),
    "case:passed": N_("Somebody else checked: it is done"),
    "case:failed": N_("Somebody else checked: not done yet, back to the unit"),
    "case:closed": N_("The case was closed"), "case:reopened": N_("It is being worked on again"),
    "case:rated": N_("It was rated"), "case:merged": N_("It goes on together with the same matter reported by others"),
    "case:unmerged": N_("It goes on by itself again"),
}  # fmt: skip
OTHERS_STEPS: Mapping[str, str] = {
    "case:reported": N_("Somebody reported the matter first"), "case:joined": N_("Somebody else reported the same"),
    "case:imported": N_("The matter was taken over from the earlier system"),
}  # fmt: skip
#: What comes next, as the reporter is told.
NEXT: Mapping[str, str] = {
    "waiting_place": N_("Somebody finds the place; where you left a number you may be called."),
    "not_ours": N_("It seems to lie outside the city; somebody says whose it is."),
    "received": N_("The city looks whether it is its matter, and accepts it or says why not."),
    "filed": N_("It is sent to the unit in charge."), "dispatched": N_("The unit takes it on."),
    "in_hand": N_("The unit does the work."),
    "handled": N_("Somebody other than the handler looks whether it is done."),
    "checked": N_("It is closed, and you are asked two questions."),
    "closed": N_("Nothing, unless you say that it is not solved."),
    "rejected": N_("Nothing, unless you say why it should be looked at again."),
    "merged": N_("It goes on together with the same matter reported by others"),
}  # fmt: skip
PUBLIC_STATES: Mapping[str, str] = {
    "new": N_("being looked at"), "in_work": N_("in work"), "checking": N_("being checked"),
}  # fmt: skip
SATISFIED: Mapping[str, str] = {
    "1": N_("not at all"), "2": N_("hardly"), "3": N_("so-so"), "4": N_("satisfied"),
    "5": N_("very"),
}  # fmt: skip
#: Which condition of a duty rule spoke.
SPOKE: Mapping[str, str] = {
    "category": N_("the rule names this category"), "area": N_("the rule is for this area"),
    "owner": N_("the rule names the owner of the thing"),
    "to_owner": N_("the thing's owner is to handle it"),
    "to_maintainer": N_("who maintains the thing is to handle it"),
    "hours": N_("the rule is for these hours"), "clause": N_("a clause stands behind it"),
    "fallback": N_("no closer rule fits: the fallback"),
}  # fmt: skip
#: Why one duty rule stands before the next.
AHEAD: Mapping[str, str] = {
    "ownership": N_("it goes by whose the thing is (the owner first, then the territory)"),
    "category": N_("it names the category more closely"),
    "owner": N_("it names the owner more closely"), "area": N_("its area is narrower"),
    "hours": N_("it is bound to hours"), "priority": N_("its priority is higher"),
    "age": N_("it is the older rule"),
}  # fmt: skip

CAMPAIGN_STATES: Mapping[str, str] = {
    "draft": N_("in preparation"), "running": N_("under way"), "ended": N_("over"),
    "reported": N_("reported on"),
}  # fmt: skip
CAMPAIGN_STEPS: Mapping[str, str] = {
    "start": N_("Started"), "end": N_("Ended"), "report": N_("Reported on"),
}  # fmt: skip
CAMPAIGN_DO: Mapping[str, str] = {
    "start": N_("Start it"), "end": N_("End it"), "report": N_("Report on it"),
}  # fmt: skip
PERIODS: Mapping[str, str] = {
    "before": N_("Equally long before"), "during": N_("During"),
    "after": N_("Thirty days after"),
}  # fmt: skip
PERIODS_SHORT: Mapping[str, str] = {
    "before": N_("bef."), "during": N_("dur."), "after": N_("aft."),
}  # fmt: skip
MEASURES: Mapping[str, str] = {
    "new": N_("Cases reported"), "closed": N_("of them closed"), "open": N_("of them still open"),
    "overdue": N_("of them overdue"), "repeat": N_("of them repeated"),
    "left_out": N_("Left out: merged or not accepted"),
}  # fmt: skip
# what-if for rules
SUBJECTS: Mapping[str, str] = {
    "rule": N_("Duty rule"), "limit": N_("Limit of a category"), "stage": N_("Limit of a stage"),
    "hours": N_("Work hours"), "day": N_("Day of the calendar"), "same": N_("The same matter"),
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
    "messages:media": N_("By which medium somebody is told"),
    "proposal:scheduled": N_("Day set for a proposal"),
    "proposal:unscheduled": N_("Day of a proposal taken back"),
    "proposal:switched_on": N_("Proposal switched on"),
    "proposal:switched_off": N_("Proposal switched off"),
    "proposal:not_switched_on": N_("Proposal could not be switched on"),
    "same:set": N_("Rule for the same matter set by hand"),
    "same:dropped": N_("Rule for the same matter taken back by hand"),
    "screen:switched": N_("The screen switched to another preset"),
    "screen:step": N_("A step of the plan marked"),
    "screen:preset": N_("A preset of the screen changed"),
}  # fmt: skip
#: Who has access, and how an account stands.
ACCESS_FACTS: Mapping[str, str] = {
    "access:made": N_("Account made"), "access:renamed": N_("Account renamed"),
    "access:rekeyed": N_("Password taken away, link made"), "access:chosen": N_("Password chosen"),
    "access:blocked": N_("Account blocked"), "access:unblocked": N_("Account let in again"),
    "access:post_made": N_("Post made"), "access:post_changed": N_("Post changed"),
    "access:post_ended": N_("Post ended"), "access:post_again": N_("Post is again"),
    "access:appointed": N_("Appointed"), "access:relieved": N_("Relieved"),
    "access:viewed": N_("Looked as a post"), "access:view_ended": N_("Stopped looking as a post"),
}  # fmt: skip
GRID_FACTS: Mapping[str, str] = {
    "grid:made": N_("Draft of the grid begun"), "grid:brought": N_("Draft of the grid brought in"),
    "grid:set": N_("Day set for a version of the grid"),
    "grid:withdrawn": N_("Version of the grid withdrawn"),
    "grid:dropped": N_("Draft of the grid dropped"),
}  # fmt: skip
GRID_STATES: Mapping[str, str] = {
    "draft": N_("draft"), "set": N_("waits for its day"), "in_force": N_("in force"),
    "withdrawn": N_("withdrawn"), "dropped": N_("put away"),
}  # fmt: skip
GRID_CHANGES: Mapping[str, str] = {
    "added": N_("added"), "ended": N_("ends"), "changed": N_("other borders"),
    "named": N_("other name"),
}  # fmt: skip
DATUMS: Mapping[str, str] = {
    "wgs84": N_("WGS-84 (GPS)"), "cgcs2000": N_("CGCS2000 (surveying)"),
    "gcj02": N_("GCJ-02 (Amap, Tencent)"), "bd09": N_("BD-09 (Baidu)"),
}  # fmt: skip
KEY_FACTS: Mapping[str, str] = {
    "key:made": N_("Key made"), "key:revoked": N_("Key called back"),
    "key:rotated": N_("Key replaced"), "key:again": N_("Key works on"),
}  # fmt: skip
#: What a replay was told last.
REPLAY_ORDERS: Mapping[str, str] = {
    "run": N_("play"), "pause": N_("stand still"), "stop": N_("stop"),
}  # fmt: skip
SET_UP_FACTS: Mapping[str, str] = {
    "words:changed": N_("Word changed"), "city:named": N_("City named"),
    "city:days": N_("Holidays brought in"), "city:units": N_("Units brought in"),
}  # fmt: skip
START_STEPS: Mapping[str, str] = {
    "name": N_("Name, languages, time zone"), "levels": N_("Levels"),
    "areas": N_("Areas and their polygons"), "units": N_("Units"), "rules": N_("Duty catalogue"),
    "calendar": N_("Calendar"), "catalogue": N_("Catalogue"), "accounts": N_("First accounts"),
    "vacancies": N_("Posts that nobody holds"),
}  # fmt: skip
DOCTOR: Mapping[str, str] = {
    "clock": N_("Clock"), "database": N_("Database"), "disk": N_("Disk"), "fonts": N_("Fonts"),
    "second wall": N_("Second wall"), "vault key": N_("Key of the vault"), "mail": N_("Mail"),
}  # fmt: skip
FACT_FAMILIES: Mapping[str, str] = {
    "access:": N_("Access: all"), "catalogue:": N_("Catalogue: all"), "grid:": N_("Grid: all"),
    "key:": N_("Keys: all"), "proposal:": N_("Proposals: all"), "same:": N_("The same matter: all"),
    "words:": N_("Words: all"), "city:": N_("Set-up: all"), "screen:": N_("Screen: all"),
    "messages:": N_("Messages: all"),
}  # fmt: skip
ACCOUNT_STATES: Mapping[str, str] = {
    "open": N_("active"), "waiting": N_("has no password yet"), "blocked": N_("blocked"),
    "machine": N_("another system"), "without": N_("holds no post"),
}  # fmt: skip
RULE_FIELDS: Mapping[str, str] = {
    "category": N_("Category"), "area": N_("Area"), "owner": N_("Owner of the thing"),
    "hours": N_("Hours"), "lead": N_("Who leads"), "unit": N_("Unit"),
    "co_units": N_("Assisting units"), "forbidden": N_("Forbidden units"), "clause": N_("Clause"),
    "priority": N_("Priority among equals"), "auto": N_("Dispatch by rule"),
    "valid_until": N_("Until (not included)"), "limit": N_("Limit"), "periods": N_("Work periods"),
    "days_off": N_("Days off"), "holidays_too": N_("Works through holidays"),
    "kind": N_("Kind of day"), "name": N_("Called"), "zone": N_("Time zone"),
}  # fmt: skip
SAME_FIELDS: Mapping[str, str] = {
    "metres": N_("Joins within"), "hours": N_("Joins up to"), "apart": N_("But not within"),
    "least": N_("Least share of words"), "joins": N_("By itself"),
    "near_metres": N_("Suggests within"), "near_hours": N_("Suggests up to"),
    "words": N_("Weight of words"),
}  # fmt: skip
LEADS: Mapping[str, str] = {
    "unit": N_("a unit of the city"), "owner": N_("the owner of the thing"),
    "maintainer": N_("who maintains the thing"),
}  # fmt: skip
WEEKDAYS: Mapping[str, str] = {
    "0": N_("Mon"), "1": N_("Tue"), "2": N_("Wed"), "3": N_("Thu"), "4": N_("Fri"),
    "5": N_("Sat"), "6": N_("Sun"),
}  # fmt: skip

PHOTO_STEPS: Mapping[str, str] = {
    "report": N_("Reporter's photo"), "before": N_("Before"), "after": N_("After"), "check": N_("Of the check"),
    "note": N_("With a note"),
}  # fmt: skip
FINDINGS: Mapping[str, str] = {
    "no_time": N_("the camera gave no time"), "no_place": N_("the camera gave no place"),
    "early": N_("taken before the work it is to show"), "late": N_("taken later than it was shown: the camera's clock is wrong, or the picture is"),
    "far": N_("taken too far from the place"), "used_here": N_("the same picture is on this case already"),
    "used_elsewhere": N_("the same picture is on another case"),
}  # fmt: skip

FLAWS: Mapping[str, str] = {
    "committed_late": N_("promised when its day had begun: it proves nothing"),
    "seed_lost": N_("the seed could not be had any more (the hub's key is another): nothing was drawn"),
    "seed_wrong": N_("the seed is not the one that was promised"),
    "count_wrong": N_("the number of cases is not the one that was kept"),
    "left_out": N_("cases that had to be drawn were not"),
    "put_in": N_("cases were drawn that had not to be"),
}  # fmt: skip
FATES: Mapping[str, str] = {
    "opened": N_("recheck opened"), "not_closed": N_("reopened by then: nothing to recheck"),
    "open_already": N_("another recheck was open"),
}  # fmt: skip
