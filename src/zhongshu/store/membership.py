"""Which cases a campaign has: one condition behind its lists and its numbers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import LiteralString

from zhongshu.core.cases.filter import InCampaign, Measure, Period
from zhongshu.store.db import Where

#: When a period begins and ends, of a row of `campaigns` (core.campaigns.bounds). Seconds, for a
#: difference in days would be taken apart by the session's zone.
_LENGTH: LiteralString = "make_interval(secs => extract(epoch from until - since)::float8)"
BOUNDS: Mapping[Period, tuple[LiteralString, LiteralString]] = {
    Period.BEFORE: (f"since - {_LENGTH}", "since"),
    Period.DURING: ("since", "until"),
    Period.AFTER: ("until", "until + interval '720 hours'"),
}

#: What each measure asks of a case; ``measured.at`` is the moment it is asked for.
COUNTED: LiteralString = "stage not in ('merged', 'rejected')"
MEASURES: Mapping[Measure, LiteralString] = {
    Measure.NEW: COUNTED,
    Measure.OPEN: f"{COUNTED} and (closed_at is null or closed_at >= measured.at)",
    Measure.OVERDUE: f"{COUNTED} and not exempted"
    " and due_at < least(coalesce(handled_at, closed_at, measured.at), measured.at)",
    Measure.REPEAT: f"{COUNTED} and repeat_of is not null",
    Measure.CLOSED: f"{COUNTED} and closed_at < measured.at",
    Measure.LEFT_OUT: f"not ({COUNTED})",
}

#: One end of the span of each area a campaign names; its value: the campaign.
_ENDS: LiteralString = (
    "select s.{} from campaigns g join areas s on s.id = any(g.areas) where g.id = %s order by s.id"
)


def moment(period: Period) -> LiteralString:
    """Return the question for when a period of a campaign is measured: its end, or now where it
    is not over. Its values: now, and the campaign.
    """
    return f"select least({BOUNDS[period][1]}, %s::timestamptz) as at from campaigns where id = %s"


def belonging(where: Where, wanted: InCampaign) -> None:
    """Add the condition that a case belongs to a campaign in a period, by its rule or by hand,
    and is counted by the measure.
    """
    begins, ends = BOUNDS[wanted.period]
    rule: LiteralString = (
        f"reported_at >= (select {begins} from campaigns where id = %s)"
        f" and reported_at < (select {ends} from campaigns where id = %s)"
        " and (category = any(array(select k.id from campaigns g cross join unnest(g.categories) p"
        "   join categories k on starts_with(k.code, p) where g.id = %s))"
        "  or (select categories = '{}' from campaigns where id = %s))"
        # The areas are looked up once, not for each case.
        f" and ((select areas = '{{}}' from campaigns where id = %s) or exists (select"
        f"   from unnest(array({_ENDS.format('lo')}), array({_ENDS.format('hi')})) as s(lo, hi)"
        "   where area_code >= s.lo and area_code < s.hi)"
        "  or cells && (select areas from campaigns where id = %s))"
    )
    values = [wanted.id] * 8
    if wanted.period is Period.DURING:
        # Arrays, not sets: so that the rule and the hand can each go by an index.
        where.add(
            f"(({rule}) or id = any(array(select case_id from campaign_cases"
            "  where campaign = %s and joined)))"
            " and id <> all(array(select case_id from campaign_cases"
            "  where campaign = %s and not joined))",
            *values, wanted.id, wanted.id,
        )  # fmt: skip
    else:
        where.add(rule, *values)
    if wanted.measure is not None:
        where.add(
            f"exists (select from ({moment(wanted.period)}) measured where {MEASURES[wanted.measure]})",
            wanted.now, wanted.id,
        )  # fmt: skip
