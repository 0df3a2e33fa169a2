"""专项行动, joint campaigns: what is counted, in which periods, and how one goes on.

A campaign names areas, classes and a period; cases are in it by that rule, or by hand. The
same indicator is measured for its period, for the equally long one before, and for thirty
days after: so that a city sees whether it did any good, and where.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from enum import StrEnum
from types import MappingProxyType
from typing import Any, ClassVar

from zhongshu.core.cases.filter import Period
from zhongshu.core.values import AccountId, AreaId, Name, Refused, UnitId

#: How long after its end a campaign's effect is looked at.
AFTER = timedelta(days=30)
LONGEST = timedelta(days=731)


class CampaignState(StrEnum):
    """How far a campaign is."""

    DRAFT = "draft"  # 筹备
    RUNNING = "running"  # 进行中
    ENDED = "ended"  # 已结束
    REPORTED = "reported"  # 已总结: its numbers are frozen


class CampaignStep(StrEnum):
    """What takes a campaign on."""

    START = "start"
    END = "end"
    REPORT = "report"


#: The whole way of a campaign.
STEPS: Mapping[tuple[CampaignState, CampaignStep], CampaignState] = MappingProxyType(
    {
        (CampaignState.DRAFT, CampaignStep.START): CampaignState.RUNNING,
        (CampaignState.RUNNING, CampaignStep.END): CampaignState.ENDED,
        (CampaignState.ENDED, CampaignStep.REPORT): CampaignState.REPORTED,
    }
)
#: What may still be changed in which state; what is counted stays once it is under way.
CHANGEABLE: Mapping[CampaignState, frozenset[str]] = MappingProxyType(
    {
        CampaignState.DRAFT: frozenset(
            {"name", "purpose", "since", "until", "areas", "categories", "units", "lead"}
        ),
        CampaignState.RUNNING: frozenset({"name", "purpose", "until", "units", "lead"}),
        CampaignState.ENDED: frozenset({"name", "purpose"}),
        CampaignState.REPORTED: frozenset(),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Campaign:
    """One campaign, from ``since`` until before ``until``. Empty areas: the whole city; empty
    categories: every class (they are codes, or beginnings of codes). ``steps`` say who took it
    on, and when; ``frozen`` is the comparison as it was reported.
    """

    id: int
    name: Name
    purpose: str = ""
    since: datetime
    until: datetime
    areas: tuple[AreaId, ...] = ()
    categories: tuple[str, ...] = ()
    units: tuple[UnitId, ...] = ()
    lead: UnitId | None = None
    state: CampaignState = CampaignState.DRAFT
    steps: tuple[Mapping[str, Any], ...] = ()
    summary: str = ""
    frozen: Mapping[str, Any] | None = None
    version: int = 1


class NoLength(Refused):
    message = "%(field)s: a campaign ends after it begins, and within two years."
    remedy = "Choose a later day for its end."


class NotThatWay(Refused):
    status: ClassVar[int] = 409
    message = "The campaign is at “%(state)s”: “%(value)s” cannot be done now."
    remedy = "Reload it and choose one of the steps it offers."


class Fixed(Refused):
    status: ClassVar[int] = 409
    message = "%(field)s cannot be changed any more: the campaign is at “%(state)s”."
    remedy = "What is counted stays once a campaign is under way; begin another one."


class Overtaken(Refused):
    status: ClassVar[int] = 409
    message = "The campaign was changed since you saw it (version %(value)s, now %(now)s)."
    remedy = "Look at it as it is now, and change it again."


def checked(campaign: Campaign) -> Campaign:
    """Return a campaign whose period can be measured, or refuse it."""
    if not timedelta(0) < campaign.until - campaign.since <= LONGEST:
        raise NoLength("until")
    return campaign


def changed(campaign: Campaign, changes: Mapping[str, Any]) -> Campaign:
    """Return a campaign with what may still be changed, or refuse the first field that may not."""
    real = {name: value for name, value in changes.items() if getattr(campaign, name) != value}
    fixed = sorted(real.keys() - CHANGEABLE[campaign.state])
    if fixed:
        raise Fixed(fixed[0], state=campaign.state.value)
    return checked(replace(campaign, **real, version=campaign.version + 1)) if real else campaign


def taken(
    campaign: Campaign, step: CampaignStep, *, at: datetime, by: AccountId | None,
    summary: str = "", frozen: Mapping[str, Any] | None = None,
) -> Campaign:  # fmt: skip
    """Return a campaign one step on. Ended before its time it ends then: the period that is
    measured is the one that was worked. Reporting freezes its numbers.
    """
    state = STEPS.get((campaign.state, step))
    if state is None:
        raise NotThatWay("step", step.value, state=campaign.state.value)
    early = step is CampaignStep.END and campaign.since < at < campaign.until
    return replace(
        campaign, state=state, version=campaign.version + 1,
        until=at if early else campaign.until,
        steps=(*campaign.steps, {"step": step.value, "at": at.isoformat(), "account": by}),
        summary=summary or campaign.summary,
        frozen=frozen if step is CampaignStep.REPORT else campaign.frozen,
    )  # fmt: skip


def steps_of(campaign: Campaign) -> tuple[CampaignStep, ...]:
    """Return the steps a campaign may take now."""
    return tuple(step for step in CampaignStep if (campaign.state, step) in STEPS)


def bounds(campaign: Campaign, period: Period) -> tuple[datetime, datetime]:
    """Return when a period begins and ends."""
    match period:
        case Period.BEFORE:
            return campaign.since - (campaign.until - campaign.since), campaign.since
        case Period.DURING:
            return campaign.since, campaign.until
        case Period.AFTER:
            return campaign.until, campaign.until + AFTER
