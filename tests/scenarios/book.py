"""Reading the scenario book: each table row of docs/scenarios is a step and what must follow.

| time | who | case | does | then |

`time` is a moment in the city (`2026-11-27 17:30`), a wait (`+2h`, `+15m`, `+3d`) or empty.
`does` is an act with its fields (`return reason=… clause=…`), `report TEXT at=LON,LAT`,
`begin KIND field=…`, `KIND MOVE field=…`, `wait` (only time passes), `photo STEP at=… taken=…
shade=…`, `choose NAME VALUE` for the city, `promise` and `draw` for the lottery or, for the
reporter, `rate` and `reopen`. `then` lists what must hold after: `stage=filed; unit=U1; refused=409`.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

HERE = Path(__file__).parents[2] / "docs/scenarios"
ZONE = ZoneInfo("Asia/Shanghai")
_WAIT = re.compile(r"\+(\d+)([mhd])")


@dataclass(frozen=True)
class Step:
    line: int
    time: str
    who: str
    case: str
    does: tuple[str, ...]
    fields: dict[str, str]
    then: dict[str, str]

    def at(self, now: datetime) -> datetime:
        """Return when it happens."""
        if not self.time:
            return now
        wait = _WAIT.fullmatch(self.time)
        if wait is None:
            return datetime.fromisoformat(self.time).replace(tzinfo=ZONE)
        unit = {"m": "minutes", "h": "hours", "d": "days"}[wait[2]]
        return now + timedelta(**{unit: int(wait[1])})


@dataclass(frozen=True)
class Scenario:
    name: str
    pages: bool
    steps: tuple[Step, ...]


def scenarios() -> list[Scenario]:
    """Return every scenario of the book: a second-level heading with a table under it."""
    return [found for path in sorted(HERE.glob("[0-9]*.md")) for found in _read(path)]


def _read(path: Path) -> Iterator[Scenario]:
    name, pages, steps = "", False, list[Step]()
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("## "):
            if steps:
                yield Scenario(name, pages, tuple(steps))
            name, pages, steps = line[3:].strip(), False, []
        elif line.strip() == "*Also through the pages.*":
            pages = True
        elif line.startswith("|") and not re.match(r"\|[ \-|]+\|$|\| time ", line):
            steps.append(_step(number, [cell.strip() for cell in line.strip("|").split("|")]))
    if steps:
        yield Scenario(name, pages, tuple(steps))


def _step(number: int, cells: list[str]) -> Step:
    time, who, case, does, then = cells
    words = shlex.split(does)
    fields = dict(w.split("=", 1) for w in words if "=" in w)
    return Step(
        line=number, time=time, who=who, case=case or "A",
        does=tuple(w for w in words if "=" not in w), fields=fields,
        then=dict(e.strip().split("=", 1) for e in then.split(";") if e.strip()),
    )  # fmt: skip
