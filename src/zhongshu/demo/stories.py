"""What the demo city is in the middle of on its first day, besides the sunny cases.

Told through the same flows as everything else, so that every page of a procedure has
something lawful on it: holds, extensions, a dispute, help of other units, a joint call, a
transfer, a burst pipe with many cases, reports that joined, and a campaign under way.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from itertools import islice

from zhongshu.core.access import EVERYTHING
from zhongshu.core.campaigns import Campaign, CampaignStep
from zhongshu.core.cases import Act, Case, Filter, Order, Stage
from zhongshu.core.facts import By
from zhongshu.core.intake import Draft
from zhongshu.core.procedures import Move, ProcedureKind
from zhongshu.core.values import AccountId, Name
from zhongshu.demo.voices import SOURCE
from zhongshu.flow import acts, campaigns, proceedings
from zhongshu.flow.acts import Form
from zhongshu.flow.city import City
from zhongshu.flow.intake import Random, receive
from zhongshu.store import cases
from zhongshu.store.db import Tx

Said = Mapping[str, object]
_ME_TOO = ("我也遇到了，一直没有好", "路过看到了，麻烦尽快处理", "Same here, it has been days")


class _Teller:
    """Who does what at one moment, by the demo city's sign-ins."""

    def __init__(self, tx: Tx, city: City, crew: Mapping[str, AccountId], now: datetime) -> None:
        self.tx, self.city, self.now = tx, city, now
        self._crew = crew

    def by(self, login: str) -> By:
        return By(account=self._crew[login])

    def asks(
        self, case: Case, kind: ProcedureKind, login: str, said: Said, *, unit: str = ""
    ) -> int:  # fmt: skip
        """Begin a procedure; return its identity."""
        _, begun = proceedings.begin(
            self.tx, self.city, self._now(case), kind, by=self.by(login), at=self.now, said=said,
            unit=self.city.unit_codes[unit].id if unit else None,
        )  # fmt: skip
        return begun.id

    def moves(self, case: Case, procedure: int, move: Move, login: str, said: Said) -> None:
        proceedings.take(
            self.tx, self.city, self._now(case), procedure, move, by=self.by(login), at=self.now,
            said=said,
        )  # fmt: skip

    def acts(self, case: Case, what: Act, login: str, form: Form) -> None:
        acts.act(self.tx, self.city, case.id, what, by=self.by(login), at=self.now, form=form)

    def days(self, many: int) -> str:
        return (self.now + timedelta(days=many)).isoformat()

    def _now(self, case: Case) -> Case:
        found = cases.lock(self.tx, case.id)
        assert found is not None
        return found


def begin(
    tx: Tx, city: City, crew: Mapping[str, AccountId], *, now: datetime, random: Random, key: bytes
) -> None:
    """Put the city into the middle of it."""
    teller = _Teller(tx, city, crew, now)
    work = _worked_on(tx, now=now)
    for story in (
        _held,
        _held,
        _hold_asked,
        _longer,
        _longer_asked,
        _helped,
        _called,
        _handed_over,
    ):
        story(teller, next(work))
    _disputed(teller, next(_of(tx, Stage.DISPATCHED)))
    _one_cause(teller, work)
    _campaign(teller)
    _joined(teller, work, random=random, key=key)


def _worked_on(tx: Tx, *, now: datetime) -> Iterator[Case]:
    """Yield cases at work whose deadline is ahead, one after the other."""
    return (
        case for case in _of(tx, Stage.IN_HAND) if case.due_at is not None and case.due_at > now
    )


def _of(tx: Tx, stage: Stage) -> Iterator[Case]:
    wanted = Filter(stages=frozenset({stage}))
    yield from cases.page(tx, EVERYTHING, wanted, order=Order.NEWEST, after=None, limit=200)


def _held(teller: _Teller, case: Case) -> None:
    hold = _hold_asked(teller, case)
    teller.moves(case, hold, Move.APPROVE, "dispatcher", {})
    teller.moves(case, hold, Move.APPROVE, "supervisor", {})


def _hold_asked(teller: _Teller, case: Case) -> int:
    return teller.asks(
        case, ProcedureKind.HOLD, "handler",
        {
            "reason": "配件需定制", "owner": "值班处置岗", "plan": "到货后更换，其间设围挡",
            "next_step": "与厂家确认发货", "review_at": teller.days(14), "until": teller.days(45),
        },
    )  # fmt: skip


def _longer(teller: _Teller, case: Case) -> None:
    teller.moves(case, _longer_asked(teller, case), Move.APPROVE, "dispatcher", {})


def _longer_asked(teller: _Teller, case: Case) -> int:
    return teller.asks(case, ProcedureKind.EXTENSION, "handler", {"reason": "连日降雨，无法施工"})


def _helped(teller: _Teller, case: Case) -> None:
    others = [c for c in ("JJ", "HW", "SW") if teller.city.unit_codes[c].id != case.unit]
    teller.asks(case, ProcedureKind.ASSIST, "dispatcher", {"limit": "4wh"}, unit=others[0])
    part = teller.asks(case, ProcedureKind.ASSIST, "dispatcher", {"limit": "1wd"}, unit=others[1])
    teller.moves(case, part, Move.ACCEPT, "handler", {})


def _called(teller: _Teller, case: Case) -> None:
    teller.asks(
        case, ProcedureKind.CALL, "gridlead",
        {"reason": "多部门交叉，请到现场会商", "until": teller.days(1)}, unit="CG",
    )  # fmt: skip


def _handed_over(teller: _Teller, case: Case) -> None:
    unit = "SZ" if teller.city.unit_codes["SZ"].id != case.unit else "CG"
    said = {"reason": "现场核实为养护范围"}
    teller.asks(case, ProcedureKind.TRANSFER, "handler", said, unit=unit)


def _disputed(teller: _Teller, case: Case) -> None:
    """Let two units return it: a panel has to rule, and the fallback handles it meanwhile."""
    back = Form(reason="权属不在本单位", clause="权责清单", cause="not_ours")
    teller.acts(case, Act.RETURN, "handler", back)
    teller.acts(
        case, Act.DISPATCH, "dispatcher", Form(unit=teller.city.unit_codes["SW"].id, reason="改派")
    )
    teller.acts(case, Act.RETURN, "handler", back)


def _one_cause(teller: _Teller, work: Iterator[Case]) -> None:
    """Link cases to a leading one whose clock they share, as after a burst pipe."""
    lead = next(work)
    form = Form(into=lead.id, reason="同一处管道爆裂所致")
    for _ in range(4):
        teller.acts(next(work), Act.LINK, "dispatcher", form)


def _campaign(teller: _Teller) -> None:
    """Take a campaign on that began ten days ago."""
    city = teller.city
    made = campaigns.make(
        teller.tx,
        Campaign(
            id=0, name=Name("冬季井盖专项整治", "Winter manhole campaign"),
            purpose="两个区的井盖与雨水箅子一次排查到位",
            since=teller.now - timedelta(days=10), until=teller.now + timedelta(days=20),
            areas=tuple(area.id for area in city.tree.children(city.tree.children(None)[0].id))[:2],
            categories=("C-01",), units=(city.unit_codes["PS"].id, city.unit_codes["SZ"].id),
            lead=city.unit_codes["CG"].id,
        ),
    )  # fmt: skip
    campaigns.step(
        teller.tx, city, made.id, CampaignStep.START, at=teller.now, by=teller.by("supervisor")
    )


def _joined(teller: _Teller, work: Iterator[Case], *, random: Random, key: bytes) -> None:
    """Let others speak of what is known already."""
    drafts = [
        Draft(
            text=_ME_TOO[n % len(_ME_TOO)], lon=case.lon, lat=case.lat, joins=case.number,
            source=SOURCE,
        )
        for n, case in enumerate(islice((c for c in work if c.lon is not None), 24))
    ]  # fmt: skip
    receive(teller.tx, teller.city, drafts, now=teller.now, random=random, key=key)
