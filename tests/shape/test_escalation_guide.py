"""The guide on escalation prints its tables from the code; this compares the two.

`python -m tests.shape.test_escalation_guide` writes them anew.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from zhongshu.core.cases.clocks import ClockKind, Rung
from zhongshu.core.escalation import LADDER, USUAL_QUIET, Audience
from zhongshu.core.notices import TELLINGS
from zhongshu.core.procedures import LEVELS, Reach
from zhongshu.core.values import LANGS, Lang
from zhongshu.flow.notices import KEEP_READ, KEEP_UNREAD
from zhongshu.web.look import said
from zhongshu.web.vocabulary import AUDIENCES, CLOCKS, HAPPENINGS, RUNGS

GUIDE = Path(__file__).parents[2] / "docs/guides/escalation.md"
HEADS = {
    "ladder": {"en": ("Clock", "Rung", "Told", "Supervision"), "zh": ("时钟", "阶梯", "告知", "督办")},
    "levels": {"en": ("Level", "Who", "Answer within", "Told"), "zh": ("等级", "谁可以发起", "答复时限", "告知")},
    "tellings": {"en": ("What happens", "Told"), "zh": ("发生了什么", "告知")},
}  # fmt: skip
REACH: dict[Lang, dict[Reach, str]] = {
    "en": {Reach.ANY: "any supervisor over the case", Reach.AREA: "a supervisor of an area or of the city", Reach.CITY: "a supervisor of the whole city"},
    "zh": {Reach.ANY: "任何管辖该案件的督办岗", Reach.AREA: "区域或全市督办岗", Reach.CITY: "全市督办岗"},
}  # fmt: skip


def names(told: tuple[Audience, ...], lang: Lang) -> str:
    joined = "、" if lang == "zh" else ", "
    return joined.join(said(AUDIENCES[a], lang) for a in told) or "—"


def rows(table: str, lang: Lang) -> Iterator[tuple[str, ...]]:
    if table == "ladder":
        for kind in ClockKind:
            for rung in Rung:
                row = LADDER[kind, rung]
                level = LEVELS[row.level - 1].name.said(lang) if row.level else "—"
                yield (
                    said(CLOCKS[kind], lang),
                    said(RUNGS[rung], lang),
                    names(row.told, lang),
                    level,
                )
    elif table == "levels":
        for level in LEVELS:
            told = TELLINGS[f"supervision:{level.number}"].told
            yield f"{level.number} {level.name.said(lang)}", REACH[lang][level.reach], level.within, names(told, lang)  # fmt: skip
    else:
        for name, telling in TELLINGS.items():
            if not name.startswith("supervision:"):
                yield said(HAPPENINGS[name], lang), names(telling.told, lang) + (" ⚡" if telling.urgent else "")  # fmt: skip


def printed(table: str, lang: Lang) -> str:
    head = HEADS[table][lang]
    lines = [head, ("---",) * len(head), *rows(table, lang)]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def block(table: str, lang: Lang) -> re.Pattern[str]:
    return re.compile(rf"(<!-- {table} {lang} -->\n)(?:[^\n]+\n)*?(<!-- end -->)")


@pytest.mark.parametrize("lang", LANGS)
@pytest.mark.parametrize("table", HEADS)
def test_the_tables_of_the_guide_are_those_of_the_code(table: str, lang: Lang) -> None:
    found = block(table, lang).search(GUIDE.read_text(encoding="utf-8"))
    assert found is not None
    assert found[0] == f"{found[1]}{printed(table, lang)}\n{found[2]}"


def test_the_guide_says_the_hours_and_the_days_of_the_code() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    assert f"{USUAL_QUIET.start:%H:%M}–{USUAL_QUIET.end:%H:%M}" in text
    for kept in (KEEP_READ, KEEP_UNREAD):
        assert f"{kept.days} days" in text
        assert f"{kept.days} 天" in text


def test_every_audience_happening_and_level_has_its_word() -> None:
    assert set(AUDIENCES) == set(Audience)
    assert set(TELLINGS) <= set(HAPPENINGS)


def main() -> None:
    text = GUIDE.read_text(encoding="utf-8")
    for table in HEADS:
        for lang in LANGS:
            text = block(table, lang).sub(
                lambda m, t=table, g=lang: m[1] + printed(t, g) + "\n" + m[2], text
            )
    GUIDE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
