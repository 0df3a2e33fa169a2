"""Who may do what, where: permissions, duties and sight.

An account may do what the posts it holds today allow, and see what they cover.
There is no other source of rights, so to take a post away is to take the rights away.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from types import MappingProxyType
from typing import ClassVar

from zhongshu.core.cases.lifecycle import Act, Case
from zhongshu.core.values import AccountId, Lang, PostId, Refused, Span, UnitId


class Permission(StrEnum):
    """`thing:action`. Every route names one; residents need only the public ones."""

    PUBLIC = "public:use"
    CASE_READ = "case:read"
    CASE_NOTE = "case:note"
    CASE_FILE = "case:file"
    CASE_DISPATCH = "case:dispatch"
    CASE_WORK = "case:work"
    CASE_CHECK = "case:check"
    CASE_CLOSE = "case:close"
    CASE_MERGE = "case:merge"
    CASE_APPROVE = "case:approve"
    CASE_SUPERVISE = "case:supervise"
    CASE_CALL = "case:call"
    REPORT_CREATE = "report:create"
    CONTACT_REVEAL = "contact:reveal"
    CITY_READ = "city:read"
    CITY_WRITE = "city:write"
    CITY_SWITCH = "city:switch"
    ACCOUNT_WRITE = "account:write"
    EXPORT = "case:export"


class Duty(StrEnum):
    """Kinds of post, neutral names; what a city calls them is data on the post."""

    ACCEPTOR = "acceptor"  # 受理员
    DISPATCHER = "dispatcher"  # 派遣员
    HANDLER = "handler"  # 处置员
    CHECKER = "checker"  # 核查员
    SUPERVISOR = "supervisor"  # 督办
    GRID_LEAD = "grid_lead"  # 网格长
    GRID_WORKER = "grid_worker"  # 网格员
    HOTLINE = "hotline"  # 话务员
    ADMIN = "admin"  # 管理员
    VIEWER = "viewer"  # 只读
    MACHINE = "machine"  # 另一系统 (an API key)
    CHAIN_COMMUNITY = "chain_community"  # 社区党组织
    CHAIN_ESTATE = "chain_estate"  # 小区党支部
    CHAIN_BUILDING = "chain_building"  # 楼栋党小组
    CHAIN_MEMBER = "chain_member"  # 党员骨干


P = Permission
_READ = frozenset({P.CASE_READ, P.CITY_READ, P.CASE_NOTE})
_CHAIN = _READ | {P.REPORT_CREATE}

#: What each duty allows.
ALLOWS: Mapping[Duty, frozenset[Permission]] = MappingProxyType(
    {
        Duty.ACCEPTOR: _READ
        | {P.CASE_FILE, P.CASE_MERGE, P.CASE_CLOSE, P.REPORT_CREATE, P.CONTACT_REVEAL, P.EXPORT},
        Duty.DISPATCHER: _READ
        | {P.CASE_FILE, P.CASE_DISPATCH, P.CASE_MERGE, P.CASE_APPROVE, P.CASE_CALL}
        | {P.CITY_SWITCH, P.EXPORT},
        Duty.HANDLER: _READ | {P.CASE_WORK, P.REPORT_CREATE},
        Duty.CHECKER: _READ | {P.CASE_CHECK, P.REPORT_CREATE},
        Duty.SUPERVISOR: _READ | {P.CASE_APPROVE, P.CASE_SUPERVISE, P.CITY_SWITCH, P.EXPORT},
        Duty.GRID_LEAD: _READ | {P.REPORT_CREATE, P.CASE_CHECK, P.CASE_CALL},
        Duty.GRID_WORKER: _READ | {P.REPORT_CREATE, P.CASE_CHECK},
        Duty.HOTLINE: _READ | {P.REPORT_CREATE, P.CASE_FILE, P.CASE_CLOSE, P.CONTACT_REVEAL},
        Duty.ADMIN: _READ | {P.CITY_WRITE, P.CITY_SWITCH, P.ACCOUNT_WRITE, P.EXPORT},
        Duty.VIEWER: frozenset({P.CASE_READ, P.CITY_READ}),
        Duty.MACHINE: frozenset(Permission)
        - {P.ACCOUNT_WRITE, P.CONTACT_REVEAL, P.CITY_WRITE, P.CITY_SWITCH},
        Duty.CHAIN_COMMUNITY: _CHAIN,
        Duty.CHAIN_ESTATE: _CHAIN,
        Duty.CHAIN_BUILDING: _CHAIN,
        Duty.CHAIN_MEMBER: _CHAIN,
    }
)

#: Which permission each act asks of a member of staff.
NEEDS: Mapping[Act, Permission] = MappingProxyType(
    {
        Act.LOCATE: P.CASE_FILE,
        Act.CLASSIFY: P.CASE_FILE,
        Act.FILE: P.CASE_FILE,
        Act.REJECT: P.CASE_FILE,
        Act.DISPATCH: P.CASE_DISPATCH,
        Act.WITHDRAW: P.CASE_DISPATCH,
        Act.ACCEPT: P.CASE_WORK,
        Act.RETURN: P.CASE_WORK,
        Act.HANDLE: P.CASE_WORK,
        Act.PASS: P.CASE_CHECK,
        Act.FAIL: P.CASE_CHECK,
        Act.CLOSE: P.CASE_CLOSE,
        Act.REOPEN: P.CASE_FILE,
        Act.MERGE: P.CASE_MERGE,
        Act.UNMERGE: P.CASE_MERGE,
        Act.SPLIT: P.CASE_MERGE,
        Act.LINK: P.CASE_DISPATCH,
        Act.UNLINK: P.CASE_DISPATCH,
        Act.RATE: P.PUBLIC,
        Act.NOTE: P.CASE_NOTE,
    }
)


@dataclass(frozen=True, slots=True)
class Sight:
    """What an actor may see: areas by span, units by identity. Empty means nothing.

    Every read of many cases takes one, so that forgetting permission is a type error.
    """

    everything: bool = False
    areas: tuple[Span, ...] = ()
    units: frozenset[UnitId] = frozenset()

    def covers(
        self, *, area_code: int | None, unit: UnitId | None, involved: Iterable[UnitId] = ()
    ) -> bool:
        """Say whether a case in that cell, with that lead unit and others involved, may be seen."""
        return (
            self.everything
            or (area_code is not None and any(area_code in span for span in self.areas))
            or (unit is not None and unit in self.units)
            or not self.units.isdisjoint(involved)
        )

    def shows(self, case: Case) -> bool:
        """Say whether a case may be seen."""
        return self.covers(area_code=case.area_code, unit=case.unit, involved=case.involved)


EVERYTHING = Sight(everything=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """One post an account holds today: its duty, and the area or unit it is a duty on.

    Neither area nor unit means the whole city.
    """

    post: PostId
    duty: Duty
    area: Span | None = None
    units: frozenset[UnitId] = frozenset()


@dataclass(frozen=True, slots=True, kw_only=True)
class Actor:
    """A signed-in account and the posts it holds, as one request sees them."""

    account: AccountId
    login: str
    name: str
    lang: Lang = "zh"
    holdings: tuple[Holding, ...] = ()
    viewing: PostId | None = None
    """The post looked through, which is not held: everything is seen as it does, nothing done."""

    def may(self, permission: Permission) -> bool:
        return permission is P.PUBLIC or any(permission in ALLOWS[h.duty] for h in self.holdings)

    @property
    def sight(self) -> Sight:
        """The union of what the posts cover."""
        return sight(self.holdings)

    def sight_for(self, permission: Permission) -> Sight:
        """Return what the posts cover that give a permission: where it may be used."""
        return sight(tuple(h for h in self.holdings if permission in ALLOWS[h.duty]))

    def acting(
        self, permission: Permission, *, area_code: int | None, unit: UnitId | None
    ) -> PostId | None:
        """Return the post through which the actor may do this to such a case, if any."""
        for held in self.holdings:
            if permission in ALLOWS[held.duty] and sight((held,)).covers(
                area_code=area_code, unit=unit
            ):
                return held.post
        return None


@lru_cache(maxsize=4096)
def sight(holdings: tuple[Holding, ...]) -> Sight:
    """Return what the posts together let one see."""
    readers = tuple(h for h in holdings if P.CASE_READ in ALLOWS[h.duty])
    return Sight(
        everything=any(h.area is None and not h.units for h in readers),
        areas=tuple(h.area for h in readers if h.area is not None),
        units=frozenset[UnitId]().union(*(h.units for h in readers)),
    )


class Forbidden(Refused):
    status: ClassVar[int] = 403
    message = "This needs the permission “%(value)s”, which none of your posts gives here."
    remedy = "Ask an administrator for a post that covers this place or unit."


class NotFound(Refused):
    """The same answer for what is absent and what may not be seen."""

    status: ClassVar[int] = 404
    message = "There is no %(field)s “%(value)s”."
    remedy = "Check the number, or ask somebody who may see it."
