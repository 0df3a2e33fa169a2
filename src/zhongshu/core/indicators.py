"""Indicators of supervision 监督指标: what is counted, among what, and what is left out.

An indicator is data. What happened in a period is a list of items (a report that came in, a
deadline that fell due, a handling, a closing…), each with the marks that say what is true of
it; an indicator names the mark its numerator carries, the mark of its denominator, and the
marks that leave an item out. The same marks find the cases behind each number again. Items
are of cases, units and places; nothing here knows a person.

Nothing vanishes: what was closed and then reopened is a closing and a reopening, each in the
period it happened, and the deadline that its first closing kept or missed stays counted.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta, tzinfo
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from types import MappingProxyType

from zhongshu.core.facts import Position
from zhongshu.core.values import AreaId, CaseId, Name, UnitId


class Family(StrEnum):
    """What is counted: items of one family are read together."""

    RECEIVED = "received"  # 接收: cases reported in the period
    DUE = "due"  # 应办: work whose deadline lies in the period, one for each round of a case
    HANDLED = "handled"  # 处置: reports that work is done
    CLOSED = "closed"  # 结案: closings, and reopenings
    DISPATCHED = "dispatched"  # 派遣: dispatches
    RATED = "rated"  # 评价: the last answer to each question
    RECHECKED = "rechecked"  # 复查: rechecks that came to an end


class Mark(StrEnum):
    """What is true of an item."""

    RECEIVED = "received"
    FILED = "filed"
    REPEAT = "repeat"
    SELF_FOUND = "self_found"
    ANSWERED_IN_TIME = "answered_in_time"
    UNCLOCKED = "unclocked"
    PATROLLED = "patrolled"
    PATROL_VALID = "patrol_valid"
    PATROLLABLE = "patrollable"
    MISSED = "missed"
    DUE = "due"
    LATE_OPEN = "late_open"
    HANDLED = "handled"
    HANDLED_IN_TIME = "handled_in_time"
    CLOSED = "closed"
    CLOSED_IN_TIME = "closed_in_time"
    CHECKED = "checked"
    CHECKED_IN_TIME = "checked_in_time"
    REWORKED = "reworked"
    UNCHECKED = "unchecked"
    FIRST_TIME = "first_time"
    REOPENED = "reopened"
    RATED = "rated"
    SOLVED = "solved"
    STAGE_RESULT = "stage_result"
    EXPLAINED = "explained"
    CANNOT = "cannot"
    NOT_AS_REPORTED = "not_as_reported"
    NO_OUTCOME = "no_outcome"
    BROUGHT = "brought"
    DISPATCHED = "dispatched"
    ACCURATE = "accurate"
    RETURNED = "returned"
    FALLBACK = "fallback"
    ANSWERED_SOLVED = "answered_solved"
    SAID_SOLVED = "said_solved"
    ANSWERED_SATISFIED = "answered_satisfied"
    SAID_SATISFIED = "said_satisfied"
    RECHECKED = "rechecked"
    BY_LOT = "by_lot"
    GOOD = "good"
    NOT_GOOD = "not_good"
    CANNOT_CHECK = "cannot_check"
    LAPSED = "lapsed"
    MERGED = "merged"
    REJECTED = "rejected"
    EXEMPTED = "exempted"
    HELD = "held"


class Group(StrEnum):
    """What an indicator tells of."""

    COURSE = "course"  # 办理
    HONESTY = "honesty"  # 真办结
    OUTCOME = "outcome"  # 结果
    VOICE = "voice"  # 群众评价


class Part(StrEnum):
    """Which of its items one wants to see."""

    NUMERATOR = "numerator"
    DENOMINATOR = "denominator"
    EXCLUDED = "excluded"


#: Causes of a return that say the dispatch was wrong (`flow.acts.Cause`); a duplicate or
#: something else says nothing of it.
WRONG_DISPATCH = ("not_ours", "no_power", "wrong_class", "wrong_place")
#: A rate of fewer says little, and is shown so.
FEW = 10
#: From how many of five on a reporter counts as satisfied.
SATISFIED_FROM = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A half-open stretch of time ``[start, until)``. What it says of days and months is of the
    zone its ends carry.
    """

    start: datetime
    until: datetime

    @classmethod
    def month(cls, at: datetime) -> Period:
        """Return the month a moment lies in."""
        first = midnight(at).replace(day=1)
        return cls(start=first, until=(first + timedelta(days=32)).replace(day=1))

    @property
    def days(self) -> tuple[date, date]:
        """Its first day and its last."""
        return self.start.date(), (self.until - timedelta(microseconds=1)).date()

    def local(self, zone: tzinfo) -> Period:
        """Return it with its ends in a zone."""
        return Period(start=self.start.astimezone(zone), until=self.until.astimezone(zone))

    def before(self) -> Period:
        """Return the period before: of a whole month the month before, else one equally long."""
        if self == Period.month(self.start):
            return Period.month(self.start - timedelta(days=1))
        return Period(start=self.start - (self.until - self.start), until=self.start)


def midnight(at: datetime) -> datetime:
    """Return when the day of a moment began."""
    return at.replace(hour=0, minute=0, second=0, microsecond=0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """How much of the ledger is counted: what stands up to a position, and of that what
    happened before a moment (None: all of it).
    """

    upto: Position | None = None
    before: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Item:
    """Something that happened to a case, or fell due, in a period.

    ``seq`` is the fact that says so (0: the case as it stands); ``unit`` the one that had
    the case then.
    """

    case: CaseId
    seq: int
    at: datetime
    unit: UnitId | None
    area: AreaId | None
    marks: frozenset[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """How many items of one unit and area have the same marks."""

    unit: UnitId | None
    area: AreaId | None
    marks: frozenset[str]
    count: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Indicator:
    """``of`` ÷ ``among``, without the items that carry a mark of ``without``.

    ``sample`` says that it speaks of some for all, and is shown with an interval.
    """

    code: str
    name: Name
    group: Group
    family: Family
    of: Mark
    among: Mark
    without: tuple[Mark, ...] = ()
    formula: Name
    source: str
    sample: bool = False
    #: Moves on whenever the formula means something else; figures of two versions are not compared.
    version: int = 1

    def wanted(
        self, part: Part, reason: Mark | None = None
    ) -> tuple[frozenset[str], frozenset[str]]:
        """Return which marks the items of a part carry, and which they must not. A reason
        picks one of those that leave an item out: the first that fits is its reason.
        """
        if part is Part.EXCLUDED:
            assert reason is not None
            before = self.without[: self.without.index(reason)]
            return frozenset({self.among, reason}), frozenset(before)
        mark = self.of if part is Part.NUMERATOR else self.among
        return frozenset({mark}), frozenset(self.without)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """An indicator with its numbers."""

    indicator: Indicator
    numerator: int
    denominator: int
    excluded: Mapping[Mark, int]

    @property
    def rate(self) -> float | None:
        """The share, from 0 to 1; None where there is nothing to divide by."""
        return self.numerator / self.denominator if self.denominator else None

    @property
    def percent(self) -> str:
        """The rate as cities print it, with two decimals."""
        if not self.denominator:
            return ""
        exact = Decimal(100 * self.numerator) / Decimal(self.denominator)
        return str(exact.quantize(Decimal("0.01"), ROUND_HALF_UP))

    def points_over(self, other: Measured) -> float | None:
        """Return how many percentage points it is above another, as both are printed; None where
        one of both has no rate.
        """
        if not self.denominator or not other.denominator:
            return None
        return float(Decimal(self.percent) - Decimal(other.percent))

    @property
    def interval(self) -> tuple[float, float] | None:
        """Where the true share lies, nineteen times of twenty (Wilson's score interval)."""
        if not self.denominator or self.numerator > self.denominator:
            return None
        n, p, z2 = self.denominator, self.numerator / self.denominator, 1.96**2
        middle = (p + z2 / (2 * n)) / (1 + z2 / n)
        half = 1.96 * (p * (1 - p) / n + z2 / (4 * n * n)) ** 0.5 / (1 + z2 / n)
        return max(0.0, middle - half), min(1.0, middle + half)


def measure(indicator: Indicator, tallies: Iterable[Tally]) -> Measured:
    """Count an indicator over tallies of its family."""
    counted = list(tallies)

    def count(part: Part, reason: Mark | None = None) -> int:
        carry, lack = indicator.wanted(part, reason)
        return sum(t.count for t in counted if carry <= t.marks and not lack & t.marks)

    excluded = {reason: count(Part.EXCLUDED, reason) for reason in indicator.without}
    return Measured(
        indicator=indicator, numerator=count(Part.NUMERATOR), denominator=count(Part.DENOMINATOR),
        excluded={reason: n for reason, n in excluded.items() if n},
    )  # fmt: skip


_CITY = "GB/T 30428.4, CJ/T 292"
_OURS = "Zhongshu 中枢"
_LEFT_OUT = (Mark.MERGED, Mark.REJECTED, Mark.EXEMPTED, Mark.HELD)

#: The indicators the ledger can give, in the order they are shown.
INDICATORS: tuple[Indicator, ...] = (
    Indicator(
        code="filing", name=Name("立案率", "Filed"), group=Group.COURSE, family=Family.RECEIVED,
        of=Mark.FILED, among=Mark.RECEIVED, without=(Mark.MERGED,), source=_CITY,
        formula=Name("期内接收并立案的案件 ÷ 期内接收的案件；已并案的只在合并后的案件中计一次",
                     "cases reported in the period and filed ÷ cases reported in it; a merged case counts once, where it goes on"),
    ),
    Indicator(
        code="answered_in_time", name=Name("响应率", "Answered in time"), group=Group.COURSE, family=Family.RECEIVED,
        of=Mark.ANSWERED_IN_TIME, among=Mark.RECEIVED, without=(Mark.MERGED, Mark.UNCLOCKED), source="三率",
        formula=Name("受理时限内立案或说明理由不予受理的案件 ÷ 期内接收的案件；没有受理时限的不计",
                     "cases filed, or turned away with a reason, within the limit for acceptance ÷ cases reported in the period; without those that had no such limit"),
    ),
    Indicator(
        code="closing", name=Name("结案率", "Closed"), group=Group.COURSE, family=Family.DUE,
        of=Mark.CLOSED, among=Mark.DUE, without=_LEFT_OUT, source=f"{_CITY}; 金华 Jinhua: − 缓办",
        formula=Name("期末前已结案 ÷ 期内到期的应办案件（每一轮办理计一次；缓办、申诉豁免等不计）",
                     "closed by the end of the period ÷ work whose deadline lies in it (each round of a case once; without what is held or exempted)"),
    ),
    Indicator(
        code="closing_in_time", name=Name("按期结案率", "Closed, and in time"), group=Group.COURSE, family=Family.DUE,
        of=Mark.CLOSED_IN_TIME, among=Mark.DUE, without=_LEFT_OUT, source=f"{_CITY}; 金华 Jinhua: − 缓办",
        formula=Name("期末前已结案且处置未超时限 ÷ 期内到期的应办案件",
                     "closed by the end of the period and handled before the deadline ÷ work whose deadline lies in it"),
    ),
    Indicator(
        code="handling", name=Name("处置率", "Handled"), group=Group.COURSE, family=Family.DUE,
        of=Mark.HANDLED, among=Mark.DUE, without=_LEFT_OUT, source=_CITY,
        formula=Name("期末前已处置 ÷ 期内到期的应办案件", "handled by the end of the period ÷ work whose deadline lies in it"),
    ),
    Indicator(
        code="handling_in_time", name=Name("按期处置率", "Handled in time"), group=Group.COURSE, family=Family.DUE,
        of=Mark.HANDLED_IN_TIME, among=Mark.DUE, without=_LEFT_OUT, source=_CITY,
        formula=Name("时限内处置 ÷ 期内到期的应办案件", "handled before the deadline ÷ work whose deadline lies in the period"),
    ),
    Indicator(
        code="overdue", name=Name("超时未处置率", "Overdue at the end"), group=Group.COURSE, family=Family.DUE,
        of=Mark.LATE_OPEN, among=Mark.DUE, without=_LEFT_OUT, source=_OURS,
        formula=Name("期末仍未处置的到期案件 ÷ 期内到期的应办案件", "work past its deadline and not handled by the end of the period ÷ work whose deadline lies in it"),
    ),
    Indicator(
        code="accurate", name=Name("准确派遣率", "Dispatched right"), group=Group.COURSE, family=Family.DISPATCHED,
        of=Mark.ACCURATE, among=Mark.DISPATCHED, without=(Mark.FALLBACK,), source=_CITY,
        formula=Name("未因派错而退回的派遣 ÷ 期内派遣；先办后议的兜底派遣不计",
                     "dispatches not returned as wrong ÷ dispatches of the period; without those to the fallback unit while a panel rules"),
    ),
    Indicator(
        code="return", name=Name("回退率", "Returned"), group=Group.COURSE, family=Family.DISPATCHED,
        of=Mark.RETURNED, among=Mark.DISPATCHED, source=_CITY,
        formula=Name("被退回的派遣（不论原因） ÷ 期内单位收到的派遣", "dispatches returned, whatever the cause ÷ dispatches units got in the period"),
    ),
    Indicator(
        code="check", name=Name("核查率", "Checked"), group=Group.COURSE, family=Family.HANDLED,
        of=Mark.CHECKED, among=Mark.HANDLED, source=_CITY,
        formula=Name("期末前已核查 ÷ 期内处置完成提交核查", "checked by the end of the period ÷ handlings reported in it"),
    ),
    Indicator(
        code="check_in_time", name=Name("按时核查率", "Checked in time"), group=Group.COURSE, family=Family.HANDLED,
        of=Mark.CHECKED_IN_TIME, among=Mark.HANDLED, without=(Mark.UNCLOCKED,), source=_CITY,
        formula=Name("核查时限内完成核查 ÷ 期内处置完成提交核查；没有核查时限的不计",
                     "checked within the limit for the check ÷ handlings reported in the period; without those that had no such limit"),
    ),
    Indicator(
        code="self_found", name=Name("主动发现率", "Found by the city itself"), group=Group.COURSE, family=Family.RECEIVED,
        of=Mark.SELF_FOUND, among=Mark.RECEIVED, without=(Mark.MERGED,), source=_CITY,
        formula=Name("巡查和传感器发现的案件 ÷ 期内接收的案件", "cases found by patrols and sensors ÷ cases reported in the period"),
    ),
    Indicator(
        code="patrol_valid", name=Name("有效上报率", "Patrol reports that hold"), group=Group.COURSE, family=Family.RECEIVED,
        of=Mark.PATROL_VALID, among=Mark.PATROLLED, without=(Mark.MERGED,), source=_CITY,
        formula=Name("巡查上报并立案的案件 ÷ 期内巡查上报的案件", "cases reported by patrols and filed ÷ cases reported by patrols in the period"),
    ),
    Indicator(
        code="missed", name=Name("漏报率", "Missed by patrols"), group=Group.COURSE, family=Family.RECEIVED,
        of=Mark.MISSED, among=Mark.PATROLLABLE, without=(Mark.MERGED,), source=_CITY,
        formula=Name("由他人（群众、热线等）上报的部件、事件 ÷ 期内立案的部件、事件（他人上报 + 巡查和传感器发现）",
                     "components and events that others reported (residents, the hotline…) ÷ components and events filed of the period (those and what patrols and sensors found)"),
    ),
    Indicator(
        code="rework", name=Name("返工率", "Reworked"), group=Group.HONESTY, family=Family.HANDLED,
        of=Mark.REWORKED, among=Mark.HANDLED, without=(Mark.UNCHECKED,), source=_CITY,
        formula=Name("核查未通过的处置 ÷ 期内提交且已核查的处置", "handlings that failed their check ÷ handlings of the period that were checked"),
    ),
    Indicator(
        code="first_time", name=Name("一次完成率", "Done at the first go"), group=Group.HONESTY, family=Family.CLOSED,
        of=Mark.FIRST_TIME, among=Mark.CLOSED, without=(Mark.BROUGHT,), source="一次完成: 地方口径 local usage",
        formula=Name("从未返工、未重开（至期末）的结案 ÷ 期内结案；导入的历史案件没有核查，不计",
                     "closings never reworked, nor reopened by the end of the period ÷ closings of the period; an imported past knows no checks and is left out"),
    ),
    Indicator(
        code="reopened", name=Name("重开率", "Reopened"), group=Group.HONESTY, family=Family.CLOSED,
        of=Mark.REOPENED, among=Mark.CLOSED, source=_OURS,
        formula=Name("期内重开 ÷ 期内结案；先结案后重开的，结案、重开各计一次", "reopenings of the period ÷ closings of the period; closed and then reopened counts as both"),
    ),
    Indicator(
        code="repeat", name=Name("重复案件率", "Repeated"), group=Group.HONESTY, family=Family.RECEIVED,
        of=Mark.REPEAT, among=Mark.RECEIVED, without=(Mark.MERGED,), source=_CITY,
        formula=Name("结案后 30 日内同地点同类别再次发生的案件 ÷ 期内接收的案件", "cases of the class and place of one closed within 30 days before ÷ cases reported in the period"),
    ),
    Indicator(
        code="recheck", name=Name("复查合格率", "Rechecked and found good"), group=Group.HONESTY, family=Family.RECHECKED,
        of=Mark.GOOD, among=Mark.RECHECKED, without=(Mark.CANNOT_CHECK, Mark.LAPSED), source=_OURS, sample=True,
        formula=Name("复查合格 ÷ 期内完成的复查；无法核实的和案件已重新办理的不计",
                     "rechecks that found it good ÷ rechecks that came to an end in the period; without those that could not be made, or whose case was worked on anew meanwhile"),
    ),
    *(
        Indicator(
            code=f"outcome_{mark}", name=name, group=Group.OUTCOME, family=Family.CLOSED, of=mark,
            among=Mark.CLOSED, source=_OURS,
            formula=Name(f"结果为“{name.zh}”的结案 ÷ 期内结案", f"closings with the outcome “{name.en}” ÷ closings of the period"),
        )
        for mark, name in (
            (Mark.SOLVED, Name("已解决", "Solved")), (Mark.STAGE_RESULT, Name("阶段性办结", "Stage result")),
            (Mark.EXPLAINED, Name("解释说明", "Explained")), (Mark.CANNOT, Name("无法解决", "Cannot be solved")),
            (Mark.NOT_AS_REPORTED, Name("不属实", "Not as reported")), (Mark.NO_OUTCOME, Name("未写明", "Not said")),
        )
    ),
    Indicator(
        code="answered", name=Name("参评率", "Rated"), group=Group.VOICE, family=Family.CLOSED,
        of=Mark.RATED, among=Mark.CLOSED, source=_OURS,
        formula=Name("期末前得到评价的结案 ÷ 期内结案", "closings that were rated by the end of the period ÷ closings of the period"),
    ),
    Indicator(
        code="said_solved", name=Name("群众认可的解决率", "Solved, say reporters"), group=Group.VOICE, family=Family.RATED,
        of=Mark.SAID_SOLVED, among=Mark.ANSWERED_SOLVED, source="三率", sample=True,
        formula=Name("回答“已解决” ÷ 期内回答此问题的案件（每案取最后一次）", "cases said to be solved ÷ cases of which somebody answered in the period (the last answer)"),
    ),
    Indicator(
        code="said_satisfied", name=Name("满意率", "Satisfied, say reporters"), group=Group.VOICE, family=Family.RATED,
        of=Mark.SAID_SATISFIED, among=Mark.ANSWERED_SATISFIED, source="三率", sample=True,
        formula=Name("评分 4 或 5 ÷ 期内评分的案件（每案取最后一次）", "cases rated 4 or 5 of 5 ÷ cases rated in the period (the last rating)"),
    ),
)  # fmt: skip
BY_CODE: Mapping[str, Indicator] = MappingProxyType({one.code: one for one in INDICATORS})
