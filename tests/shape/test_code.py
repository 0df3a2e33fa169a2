"""Tests about the code itself."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from pathlib import Path

import pytest

import zhongshu
from zhongshu.core.values import Refused
from zhongshu.web.extract import msgids
from zhongshu.web.look import said

ROOT = Path(__file__).parents[2]
SOURCES = sorted((ROOT / "src").rglob("*.py"))


def refusals() -> list[type[Refused]]:
    for module in pkgutil.walk_packages(zhongshu.__path__, "zhongshu."):
        importlib.import_module(module.name)
    found: list[type[Refused]] = []
    waiting = list(Refused.__subclasses__())
    while waiting:
        one = waiting.pop()
        found.append(one)
        waiting += one.__subclasses__()
    return sorted(found, key=lambda c: c.__name__)


@pytest.mark.parametrize("refusal", refusals(), ids=lambda c: c.__name__)
def test_every_refusal_says_what_to_do(refusal: type[Refused]) -> None:
    assert refusal.message
    assert refusal.remedy
    names = set(re.findall(r"%\((\w+)\)", refusal.message + refusal.remedy))
    assert (refusal.message + refusal.remedy) % dict.fromkeys(names, 1)


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: str(p.relative_to(ROOT / "src")))
def test_every_module_says_what_it_is_for_and_is_not_too_long(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    assert not text.strip() or ast.get_docstring(ast.parse(text))
    assert len(text.splitlines()) <= 560


def test_every_text_has_its_chinese() -> None:
    missing = [text for text in msgids() if said(text, "zh") == text]
    assert missing == []


def test_translations_keep_their_blanks() -> None:
    for text in msgids():
        blanks = set(re.findall(r"%\(\w+\)[sd]", text))
        assert set(re.findall(r"%\(\w+\)[sd]", said(text, "zh"))) == blanks, text


def test_the_pages_ask_no_other_site_for_anything() -> None:
    static = ROOT / "src/zhongshu/web"
    for path in [*static.glob("templates/*.html"), *static.glob("static/js/*.js"), *static.glob("static/css/*.css")]:  # fmt: skip
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(?:src|href|url\()\s*=?\s*[\"'(]?https?://", text), path


def test_the_glossary_pairs_both_languages() -> None:
    rows = [
        line.split("|")
        for line in (ROOT / "GLOSSARY.md").read_text(encoding="utf-8").splitlines()
        if line.startswith("| ") and not line.startswith(("| 中文", "| ---"))
    ]
    assert len(rows) > 60
    for row in rows:
        zh, en, code = (cell.strip() for cell in row[1:4])
        assert re.search(r"[\u4e00-\u9fff]", zh), row
        assert re.search(r"[A-Za-z]", en), row
        assert code, row
