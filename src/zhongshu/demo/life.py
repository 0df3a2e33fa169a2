"""How cases of the demo city move on: the next lawful act, by the hands it belongs to."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

import numpy as np
import psycopg
from psycopg_pool import PoolTimeout

from zhongshu.core.access import EVERYTHING
from zhongshu.core.cases import Act, Case, Filter, Order, Outcome, Stage
from zhongshu.core.facts import A_REPORTER, By
from zhongshu.core.values import AccountId, Refused
from zhongshu.demo import honesty
from zhongshu.demo.voices import SOURCE, Crowd
from zhongshu.flow import acts, climbing
from zhongshu.flow.acts import Form
from zhongshu.flow.city import City
from zhongshu.flow.intake import Random, receive
from zhongshu.store import cases, reports
from zhongshu.store.db import Database, Tx

_OUTCOMES = (Outcome.SOLVED, Outcome.STAGE_RESULT, Outcome.EXPLAINED, Outcome.CANNOT, Outcome.NOT_AS_REPORTED)  # fmt: skip
_SHARES = (0.82, 0.06, 0.05, 0.03, 0.04)
#: How many open cases the trickle keeps about.
STEADY = 260


def next_act(
    case: Case, people: Mapping[str, AccountId], rng: np.random.Generator
) -> tuple[Act, By, Form] | None:
    """Return what somebody would do with a case now; None leaves it for later."""
    chance = rng.random()
    who = {login: By(account=account) for login, account in people.items()}
    match case.stage:
        case Stage.RECEIVED:
            if chance < 0.3:
                return Act.REJECT, who["acceptor"], Form(reason="不属于受理范围，已告知办理途径")
            return Act.FILE, who["acceptor"], Form(category="S-07-19")
        case Stage.FILED:
            return Act.DISPATCH, who["dispatcher"], Form()
        case Stage.DISPATCHED:
            if chance < 0.05 and case.returns == 0:
                return (
                    Act.RETURN,
                    who["handler"],
                    Form(
                        reason="权属不在本单位，请核对责任清单", clause="职责清单", cause="not_ours"
                    ),
                )
            return Act.ACCEPT, who["handler"], Form()
        case Stage.IN_HAND:
            outcome = _OUTCOMES[int(rng.choice(len(_OUTCOMES), p=_SHARES))]
            return Act.HANDLE, who["handler"], Form(outcome=outcome, note="已到现场处置")
        case Stage.HANDLED:
            if chance < 0.07:
                return Act.FAIL, who["checker"], Form(reason="现场问题仍在")
            return Act.PASS, who["checker"], Form()
        case Stage.CHECKED:
            return Act.CLOSE, who["acceptor"], Form()
        case Stage.CLOSED if chance < 0.4 and case.solved is None:
            solved = bool(rng.random() < 0.86)
            return Act.RATE, A_REPORTER, Form(solved=solved, satisfied=int(rng.integers(3, 6) if solved else rng.integers(1, 4)))  # fmt: skip
        case Stage.CLOSED if case.solved is False and chance < 0.5:
            return Act.REOPEN, A_REPORTER, Form(reason="现场看还是老样子，没有解决")
        case _:
            return None


def tick(
    tx: Tx, city: City, crowd: Crowd, people: Mapping[str, AccountId], rng: np.random.Generator,
    *, now: datetime, random: Random, key: bytes,
) -> None:  # fmt: skip
    """Let about one thing happen: a report, or a step of a case that was made up here.

    What a visitor reported waits for the visitor, who wants to work on it with four hands.
    """
    open_now = sum(cases.count_by(tx, "stage", EVERYTHING, Filter(open_only=True)).values())
    if rng.random() < (0.14 if open_now < STEADY else 0.05):
        # Half of them leave an address, made up, and want to hear how it goes on.
        contact = f"v{int(rng.integers(10_000)):04d}@voice.example" if rng.random() < 0.5 else ""
        draft = replace(crowd.say(rng), contact=contact, tell=bool(contact))
        receive(tx, city, [draft], now=now, random=random, key=key)
    else:
        # Now what is due first, so that nothing is forgotten for ever, now what is new.
        order = Order.DUE if rng.random() < 0.5 else Order.NEWEST
        stage = (Stage.RECEIVED, Stage.FILED, Stage.DISPATCHED, Stage.IN_HAND, Stage.HANDLED, Stage.CHECKED, Stage.CLOSED)[int(rng.integers(7))]  # fmt: skip
        found = cases.page(tx, EVERYTHING, Filter(stages=frozenset({stage})), order=order, after=None, limit=40)  # fmt: skip
        if found:
            case = found[int(rng.integers(len(found)))]
            step = next_act(case, people, rng) if _made_up(tx, case) else None
            if step is not None:
                act, by, form = step
                if acts.hindered(case, act) is None:
                    form = honesty.brought(city, case, form, now=now)
                    acts.act(tx, city, case.id, act, by=by, at=now, form=form)
    climbing.climb(tx, at=now)


def _made_up(tx: Tx, case: Case) -> bool:
    return all(report.source == SOURCE for report in reports.of_case(tx, case.id))


def live(
    db: Database, city: Callable[[], City], crowd: Crowd, people: Mapping[str, AccountId], *,
    stop: threading.Event, rng: np.random.Generator, clock: Callable[[], datetime],
    random: Random, key: bytes, every_s: float = 1.0,
) -> None:  # fmt: skip
    """Keep the city alive until told to stop; a refused step or a restarting database is no end."""
    while not stop.wait(every_s * float(rng.uniform(0.5, 1.5))):
        try:
            with db.transaction() as tx:
                tick(tx, city(), crowd, people, rng, now=clock(), random=random, key=key)
        except (Refused, psycopg.Error, PoolTimeout):
            continue
