"""The documents say what the code is: words, paths, commands and variables."""

from __future__ import annotations

import importlib
import inspect
import pkgutil
import re
import tomllib
from enum import StrEnum
from functools import cache
from pathlib import Path

import pytest
import typer.main

import zhongshu.core
from tests.clock_guide import PATH as CLOCKS
from tests.clock_guide import printed
from zhongshu.cli import app
from zhongshu.core.grid import LEVELS

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/zhongshu"
DOCUMENTS = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")])
#: Made by a command and not here on a fresh clone.
MADE = ("docs/images/", "benchmarks/README.md")
#: Aliases that are no word of their own.
ALIASES = {"P"}

#: What must stand in a README of any language: links, commands, sign-ins.
_TOLD = re.compile(r"\]\(((?!README)[\w/.-]+)\)|^    (make \w+)|^\| (`\w+`) \|", re.MULTILINE)
_CODE = re.compile(r"`([^`]+)`")
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def glossary() -> list[tuple[str, str, str, str]]:
    rows: list[tuple[str, str, str, str]] = []
    for line in (ROOT / "GLOSSARY.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("| ") and not line.startswith(("| 中文", "| ---")):
            zh, en, code, meaning = (cell.strip() for cell in line.split("|")[1:5])
            rows.append((zh, en, code, meaning))
    return rows


def spelled() -> set[str]:
    return {word for _, _, code, _ in glossary() for word in _CODE.findall(code)}


def classes() -> list[type]:
    """Every public class of the core that is no exception."""
    found: dict[str, type] = {}
    for module in pkgutil.walk_packages(zhongshu.core.__path__, "zhongshu.core."):
        here = importlib.import_module(module.name)
        found |= {
            name: one
            for name, one in vars(here).items()
            if inspect.isclass(one) and one.__module__ == module.name and name[0] != "_"
        }
    return [
        one
        for name, one in sorted(found.items())
        if not issubclass(one, Exception) and name not in ALIASES
    ]


@cache
def source() -> str:
    files = [p for s in ("*.py", "*.sql") for p in sorted(SOURCE.rglob(s))]
    return "\n".join(path.read_text(encoding="utf-8") for path in files)


def test_the_glossary_has_every_word_in_both_languages() -> None:
    rows = glossary()
    assert len(rows) > 150
    for row in rows:
        zh, en, code, _ = row
        assert _CHINESE.search(zh), row
        assert re.search(r"[A-Za-z]", en), row
        assert not _CHINESE.search(en), row
        assert _CODE.fullmatch(code), row


def test_the_glossary_has_one_kind_of_table_each_under_a_heading_of_its_own() -> None:
    text = (ROOT / "GLOSSARY.md").read_text(encoding="utf-8")
    assert set(re.findall(r"(?m)^\| 中文 .*$", text)) == {"| 中文 | English | Code | Meaning |"}
    assert len(re.findall(r"(?m)^## ", text)) == len(re.findall(r"(?m)^\| 中文 ", text))
    words = [(zh, code) for zh, _, code, _ in glossary()]
    assert [word for word in words if words.count(word) > 1] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_documents_say_nothing_twice_and_headings_stand_free(document: Path) -> None:
    """What two branches both wrote comes out of a merge doubled, or torn."""
    text = re.sub(r"(?ms)^```.*?^```$", "", document.read_text(encoding="utf-8"))
    assert re.findall(r"(?m)^[^\n]+\n#{1,4} [^\n]+", text) == [], "a blank line before a heading"
    if document.parent.name == "scenarios":  # written by a program, of what happened twice
        return
    said = [line for line in text.splitlines() if len(line) > 60 and line.startswith(("| ", "- "))]
    assert [line for line in said if said.count(line) > 1] == []
    heads = [re.sub(r"[:：].*", "", line) for line in said if re.match(r"- \*\*[^*]+\*\*", line)]
    assert [head for head in heads if heads.count(head) > 1 and head.count("**") == 2] == []
    if document.parent.name == "decisions":
        cells = re.findall(r"(?m)^\| ([^|-][^|]+) \|", text)
        assert [cell for cell in cells if cells.count(cell) > 1] == []


@pytest.mark.parametrize("one", classes(), ids=lambda c: c.__name__)
def test_every_class_of_the_core_is_a_word_of_the_glossary(one: type) -> None:
    assert one.__name__ in spelled()


@pytest.mark.parametrize(
    "words", [c for c in classes() if issubclass(c, StrEnum)], ids=lambda c: c.__name__
)
def test_every_closed_vocabulary_stands_whole_in_the_glossary(words: type[StrEnum]) -> None:
    assert {word.value for word in words} - spelled() == set()


def test_every_level_stands_in_the_glossary_under_its_own_name() -> None:
    names = {code.strip("`"): zh for zh, _, code, meaning in glossary() if "level" in meaning}
    assert {level.kind: level.name.zh for level in LEVELS}.items() <= names.items()


def test_the_glossary_names_nothing_that_the_code_has_not() -> None:
    gone = [
        word
        for word in spelled()
        if not re.search(rf"(?<![\w-]){re.escape(word)}(?![\w-])", source(), re.IGNORECASE)
    ]
    assert gone == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_links_in_the_documents_lead_somewhere(document: Path) -> None:
    for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", document.read_text(encoding="utf-8")):
        if not re.match(r"[a-z]+:", target):
            there = (document.parent / target).resolve()
            made = str(there.relative_to(ROOT.resolve())).startswith(MADE)
            assert there.exists() or made, target


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda p: str(p.relative_to(ROOT)))
def test_commands_in_the_documents_are_there(document: Path) -> None:
    """`make x`, `zhongshu x` and ZHONGSHU_X, wherever they stand as code."""
    targets = set(
        re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    )
    group = typer.main.get_group(app)
    text = document.read_text(encoding="utf-8")
    blocks = re.findall(r"```\w*\n(.*?)```", text, re.DOTALL)
    code = "\n".join(
        [*_CODE.findall(text), *blocks, *re.findall(r"^ {4}(.+)$", text, re.MULTILINE)]
    )
    assert set(re.findall(r"(?:^|[;&] *)make (\w+)", code, re.MULTILINE)) <= targets
    for said, more in re.findall(
        r"(?:^|uv run )zhongshu ([a-z]+)(?: ([a-z-]+)(?![\w./]))?", code, re.MULTILINE
    ):
        assert said in group.commands, f"zhongshu {said}"
        if said == "import" and more:
            assert more in group.commands["import"].commands, f"zhongshu import {more}"  # type: ignore[attr-defined]
    for variable in re.findall(r"\bZHONGSHU_[A-Z_]+\b", text):
        everywhere = source() + (ROOT / "tests/conftest.py").read_text(encoding="utf-8")
        assert variable in everywhere, variable


def test_every_variable_the_hub_reads_is_explained_to_the_operator() -> None:
    read = set(re.findall(r'"(ZHONGSHU_[A-Z_]+)"', (SOURCE / "settings.py").read_text("utf-8")))
    guide = (ROOT / "docs/guides/operator.md").read_text(encoding="utf-8")
    assert {variable for variable in read if variable not in guide} == set()
    assert len(read) >= 6


def test_every_entry_of_a_mapping_is_explained_to_its_writer() -> None:
    from zhongshu.core.history import COLUMNS, Mapping

    guide = (ROOT / "docs/guides/mapping.md").read_text(encoding="utf-8")
    # The file calls the table of status words by the source's word for it.
    entries = {"status" if name == "state" else name for name in Mapping.__dataclass_fields__}
    assert {word for word in entries | set(COLUMNS) if f"`{word}`" not in guide} == set()


def test_every_indicator_and_choice_stands_in_the_guide_in_both_languages() -> None:
    from zhongshu.core.indicators import INDICATORS
    from zhongshu.flow.setup import CHOICES

    guide = (ROOT / "docs/guides/supervision.md").read_text(encoding="utf-8")
    for one in INDICATORS:
        if not one.code.startswith("outcome_"):  # those are told in a sentence
            for text in (one.name.zh, one.name.en, one.formula.zh, one.formula.en, f"`{one.code}`"):
                assert text in guide, text
    assert {name for name in CHOICES if f"`{name}`" not in guide} == set()


def test_the_map_places_every_module_and_names_none_that_is_gone() -> None:
    text = (ROOT / "docs/map.md").read_text(encoding="utf-8")
    named = set(_CODE.findall(text))
    modules = {
        str(path.relative_to(SOURCE))
        for path in SOURCE.rglob("*.py")
        if path.name not in ("__init__.py", "__main__.py")
    }
    assert modules - named == set(), "place them in docs/map.md"
    rows = re.findall(r"(?m)^\| (`[^|]+`) \|", text)
    assert sorted(rows) == sorted(set(rows))
    layers = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contract = next(
        c for c in layers["tool"]["importlinter"]["contracts"] if c.get("containers") == ["zhongshu.core"]
    )  # fmt: skip
    assert " > ".join(contract["layers"]) in " ".join(text.split()), "draw the order of the core"
    gone = [
        path
        for path in named
        if re.fullmatch(r"[\w./-]+\.(?:py|sql|toml|html|js|css|csv|po|md)", path)
        and not ((SOURCE / path).exists() or (ROOT / path).exists() or path.startswith(MADE))
    ]
    assert gone == []


def test_whoever_contributes_finds_the_files_named_and_the_names_in_them() -> None:
    for line in (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8").splitlines():
        named = [w for w in _CODE.findall(line) if "/" in w or w.endswith((".md", ".toml"))]
        files = [ROOT / w for w in named if re.fullmatch(r"[\w./-]+\.\w+", w) and not re.search(r"NAME|NNNN", w)]  # fmt: skip
        assert [path for path in files if not path.exists()] == [], line
        text = "".join(path.read_text(encoding="utf-8") for path in files)
        words = [w for w in _CODE.findall(line) if re.fullmatch(r"[A-Z][A-Z_]+", w) and files]
        assert [w for w in words if w not in text and not w.startswith("ZHONGSHU_")] == [], line


def test_decisions_are_numbered_without_a_gap_and_say_what_they_cost() -> None:
    decisions = sorted((ROOT / "docs/decisions").glob("[0-9]*.md"))
    assert [int(p.name[:4]) for p in decisions] == list(range(1, len(decisions) + 1))
    for path in decisions:
        text = path.read_text(encoding="utf-8")
        assert text.startswith(f"# {path.name[:4]} "), path.name
        for heading in ("## Decided", "## Why", "## Costs"):
            assert heading in text, (path.name, heading)
        assert len(text.splitlines()) <= 60, path.name


def test_the_guide_to_the_clocks_prints_the_tables_of_the_code() -> None:
    assert printed() in CLOCKS.read_text(encoding="utf-8"), "run “python -m tests.clock_guide”"


def test_both_readmes_tell_the_same() -> None:
    """The same commands, pictures and links in both languages."""
    english, chinese = (
        {
            found[0].replace("-zh.webp", ".webp").replace("-en.webp", ".webp")
            for found in _TOLD.finditer((ROOT / name).read_text(encoding="utf-8"))
        }
        for name in ("README.md", "README.zh-CN.md")
    )
    assert english == chinese
    assert len(english) > 20
