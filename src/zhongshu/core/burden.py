"""The burden meter 减负: what the city's own rules cost whoever works on a case.

Of processes and units, never of a person: how many acts a case took, how many forms and
fields were filled in, what was asked for that had been said before, how often a case was
sent and came back with nothing done. Numbers and their definitions, not a mark for anybody.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from zhongshu.core.values import Name, UnitId


class Load(StrEnum):
    """What the meter counts."""

    WORKED = "worked"  # 经办案件: cases on which somebody did something in the period
    ACT = "act"  # 操作: what somebody did by hand
    FORM = "form"  # 填表: acts that asked for something in writing
    FIELD = "field"  # 字段: what was filled in
    #: 重复填报: acts that asked for what had been said on the case, earlier in the same period.
    ASKED_AGAIN = "asked_again"
    CAME_BACK = "came_back"  # 退回
    MOVED = "moved"  # 流转: dispatches, but for those taken back at once
    IN_VAIN = "in_vain"  # 空转: dispatches after which nothing was done but to send it on


#: What somebody writes with an act or a step of a procedure, by the name the ledger has for it.
FIELDS = (
    "reason", "note", "clause", "cause", "outcome", "result", "plan", "owner", "next_step", "until",
    "review_at", "limit", "rating",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Gauge:
    """``of`` ÷ ``among``: how much of it there is for each."""

    code: str
    of: Load
    among: Load
    name: Name
    formula: Name


@dataclass(frozen=True, slots=True, kw_only=True)
class Burden:
    """What was counted of one unit (None: nobody had the case), or of all."""

    unit: UnitId | None
    counts: Mapping[Load, int]

    def per(self, gauge: Gauge) -> float | None:
        """Return how many there are for each; None where there is nothing to divide by."""
        among = self.counts[gauge.among]
        return self.counts[gauge.of] / among if among else None


_L = Load
GAUGES: Mapping[str, Gauge] = MappingProxyType(
    {
        one.code: one
        for one in (
            Gauge(code="acts", of=_L.ACT, among=_L.WORKED, name=Name("每案操作次数", "Acts for each case"),
                  formula=Name("期内人工操作次数 ÷ 期内有人经办的案件", "acts by hand in the period ÷ cases on which somebody acted in it")),
            Gauge(code="forms", of=_L.FORM, among=_L.WORKED, name=Name("每案填表次数", "Forms for each case"),
                  formula=Name("要求书面填写的操作 ÷ 期内有人经办的案件", "acts that asked for something in writing ÷ cases on which somebody acted")),
            Gauge(code="fields", of=_L.FIELD, among=_L.WORKED, name=Name("每案填写字段数", "Fields for each case"),
                  formula=Name("填写的字段总数 ÷ 期内有人经办的案件", "fields filled in ÷ cases on which somebody acted")),
            Gauge(code="again", of=_L.ASKED_AGAIN, among=_L.FORM, name=Name("重复填报率", "Asked for again"),
                  formula=Name("同案、同类操作、同一字段在期内此前已填过的填表 ÷ 填表次数", "forms with a field that was filled in earlier in the period on the same case for the same kind of act ÷ forms")),
            Gauge(code="returns", of=_L.CAME_BACK, among=_L.MOVED, name=Name("退回率", "Sent back"),
                  formula=Name("期内退回 ÷ 期内派遣", "returns in the period ÷ dispatches in it")),
            Gauge(code="in_vain", of=_L.IN_VAIN, among=_L.MOVED, name=Name("空转率", "Sent in vain"),
                  formula=Name("派遣后未接单即退回或改派的派遣 ÷ 期内派遣", "dispatches followed by a return or another dispatch before anybody took the case on ÷ dispatches of the period")),
        )
    }
)  # fmt: skip
