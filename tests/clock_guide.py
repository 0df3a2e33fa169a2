"""The tables of docs/guides/clocks.md, printed from the code: `python -m tests.clock_guide`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from zhongshu.core.cases.clocks import EFFECTS, RUNGS, SHARED_EFFECTS, ClockKind, Keeper, Tick

ROOT = Path(__file__).parents[1]
PATH = ROOT / "docs/guides/clocks.md"
BEGIN, END = "<!-- printed from the code -->", "<!-- until here -->"


def words() -> Mapping[tuple[str, str], str]:
    """Return the names of the glossary's section on clocks, by the class they stand under."""
    text = (ROOT / "GLOSSARY.md").read_text(encoding="utf-8")
    section = text.split("## Clocks and procedures")[1].split("\n## ")[0]
    found: dict[tuple[str, str], str] = {}
    family = ""
    for zh, en, code in re.findall(r"^\| (.+?) \| (.+?) \| `(.+?)` \|", section, re.MULTILINE):
        if code[0].isupper():
            family = code
        found.setdefault((family, code), f"{zh} {en}")
    return found


def printed() -> str:
    """Return the tables as they must stand between the two marks."""
    return "\n".join([BEGIN, "", *_effects(), "", *_shared(), "", *_limits(), "", END])


def _effects() -> Iterator[str]:
    said = words()
    yield "| | " + " | ".join(said["ClockKind", kind] for kind in ClockKind) + " |"
    yield "| --- |" + " --- |" * len(ClockKind)
    for tick in Tick:
        cells = [
            said["Effect", effect] if (effect := EFFECTS[tick].get(kind)) else "·"
            for kind in ClockKind
        ]
        yield f"| {said['Tick', tick]} | " + " | ".join(cells) + " |"


def _shared() -> Iterator[str]:
    said = words()
    yield "| 主案 the leading case | 共用的处置时钟 the shared handling clock |"
    yield "| --- | --- |"
    for tick in Tick:
        effect = SHARED_EFFECTS.get(tick)
        yield f"| {said['Tick', tick]} | {said['Effect', effect] if effect else '·'} |"


def _limits() -> Iterator[str]:
    said = words()
    yield "| 时钟 clock | 时限 limit | " + " | ".join(said["Rung", rung] for rung in RUNGS) + " |"
    yield "| --- | --- |" + " --- |" * len(RUNGS)
    for kind in ClockKind:
        limit = Keeper.USUAL.get(kind, "立案条件 the filing condition")
        shares = " | ".join(f"{share:.0%}" for share in RUNGS.values())
        yield f"| {said['ClockKind', kind]} | {limit} | {shares} |"


def main() -> None:
    text = PATH.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    PATH.write_text(before + printed() + after, encoding="utf-8")


if __name__ == "__main__":
    main()
