"""Tests about the code itself."""

from __future__ import annotations

import ast
import importlib
import pkgutil
import re
from collections import Counter
from pathlib import Path

import pytest

import zhongshu
from zhongshu.core.catalogue_versions import CatalogueFact
from zhongshu.core.values import Refused
from zhongshu.flow.connectors import KeyFact
from zhongshu.flow.grid import GridFact
from zhongshu.flow.people import AccessFact
from zhongshu.flow.terms import WordsFact
from zhongshu.store import city_facts
from zhongshu.web.extract import msgids
from zhongshu.web.look import TOKENS, said
from zhongshu.web.vocabulary import (
    ACCESS_FACTS,
    CATALOGUE_FACTS,
    CITY_FACTS,
    GRID_FACTS,
    KEY_FACTS,
    SET_UP_FACTS,
)
from zhongshu.web.wordbook import WORDS

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


def test_every_change_of_the_city_has_its_words_once_and_a_family_to_filter_by() -> None:
    kinds = {
        kind.value
        for family in (AccessFact, CatalogueFact, GridFact, KeyFact, WordsFact)
        for kind in family
    }
    # Kinds that are written as plain text where they happen.
    for path in (ROOT / "src/zhongshu/flow").glob("*.py"):
        kinds |= set(
            re.findall(r'"((?:city|messages|proposal|same|screen):\w+)"', path.read_text("utf-8"))
        )
    assert set(WORDS["city_fact"]) == kinds
    families = {f"{kind.partition(':')[0]}:" for kind in kinds}
    assert set(WORDS["fact_family"]) == families
    assert set(city_facts.OF_ACCESS) <= families
    parts = (CITY_FACTS, CATALOGUE_FACTS, ACCESS_FACTS, GRID_FACTS, KEY_FACTS, SET_UP_FACTS)
    assert sum(map(len, parts)) == len(kinds), "each kind stands in one table"


def test_every_text_has_its_chinese() -> None:
    missing = [text for text in msgids() if said(text, "zh") == text]
    assert missing == []


def test_no_text_is_translated_twice() -> None:
    text = (ROOT / "src/zhongshu/web/locale/zh_Hans.po").read_text(encoding="utf-8")
    ids = re.findall(r'(?m)^msgid "(.+)"$', text)
    assert [one for one, n in Counter(ids).items() if n > 1] == []


def test_translations_keep_their_blanks() -> None:
    for text in msgids():
        blanks = set(re.findall(r"%\(\w+\)[sd]", text))
        assert set(re.findall(r"%\(\w+\)[sd]", said(text, "zh"))) == blanks, text


def test_the_pages_ask_no_other_site_for_anything() -> None:
    static = ROOT / "src/zhongshu/web"
    for path in [*static.glob("templates/*.html"), *static.glob("static/js/*.js"), *static.glob("static/css/*.css")]:  # fmt: skip
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"(?:src|href|url\()\s*=?\s*[\"'(]?https?://", text), path


@pytest.mark.parametrize(
    ("what", "where"),
    [
        ("new EventSource", ["stream.js"]), ('getElementById("words")', ["words.js"]),
        ("vendor/maplibre-gl.css", ["fetch-map.js"]), ("new maplibregl.Map", ["map.js"]),
        ("map/bases", ["ground.js"]), ("level=${roots", ["map.js"]),
        ('type: "FeatureCollection"', ["map.js"]),
    ],
)  # fmt: skip
def test_what_scripts_share_stands_in_one_of_them(what: str, where: list[str]) -> None:
    scripts = (ROOT / "src/zhongshu/web/static/js").glob("*.js")
    assert [p.name for p in scripts if what in p.read_text(encoding="utf-8")] == where


def test_colours_are_tokens_and_classes_are_words() -> None:
    """A colour by its number is of one theme; a class with a number at its end says nothing."""
    web = ROOT / "src/zhongshu/web"
    for path in (web / "static/css").glob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        rules = re.findall(r"\{([^{}]*)\}", text)
        assert not [one for one in rules if re.search(r"#[0-9a-fA-F]{3,8}\b", one)], path.name
        named = set(re.findall(r"\.([a-z]+\d)\b", " ".join(re.findall(r"([^{}]+)\{", text))))
        assert {one for one in named if one not in TOKENS} == set(), path.name
    for path in (web / "templates").glob("*.html"):
        drawn = re.findall(r"(?:fill|stroke)=\"(#[0-9a-fA-F]+)", path.read_text(encoding="utf-8"))
        assert drawn == [], path.name


def test_a_class_is_laid_out_in_one_place() -> None:
    """Two pages that give one class two layouts spoil each other; narrow screens may differ."""
    text = (ROOT / "src/zhongshu/web/static/css/app.css").read_text(encoding="utf-8")
    text = re.sub(r"/\*.*?\*/", "", text, flags=re.DOTALL)
    text = re.sub(r"@media[^{]*\{(?:[^{}]*\{[^{}]*\})*[^{}]*\}", "", text)
    laid_out = Counter(
        selector.strip()
        for selectors, rule in re.findall(r"([^{}]+)\{([^{}]*)\}", text)
        for selector in selectors.split(",")
        if re.search(r"(?:^|;)\s*display:", rule) and re.fullmatch(r"\s*\.[\w-]+\s*", selector)
    )
    assert laid_out, "the style sheet is read"
    assert [selector for selector, n in laid_out.items() if n > 1] == []
    pages = "".join(
        p.read_text("utf-8") for p in (ROOT / "src/zhongshu/web").glob("templates/*.html")
    )
    of_tables = " ".join(re.findall(r'<table class="([^"{]*)', pages)).split()
    assert of_tables, "the pages are read"
    assert {f".{name}" for name in of_tables} & laid_out.keys() == set(), "a table stays a table"


def calls(path: Path) -> set[str]:
    """The dotted names a file calls, as far as they are plainly written."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {ast.unparse(node.func) for node in ast.walk(tree) if isinstance(node, ast.Call)}


def inside(path: Path) -> str:
    return str(path.relative_to(ROOT / "src/zhongshu"))


def test_only_main_asks_what_day_it_is() -> None:
    asking = re.compile(r"\b(?:datetime|date|dt)\.(?:now|utcnow|today)$")
    assert {inside(p) for p in SOURCES if any(map(asking.search, calls(p)))} == {"main.py"}


@pytest.mark.parametrize("layer", ["core", "store", "flow"])
def test_time_and_chance_are_given_to_the_inner_layers(layer: str) -> None:
    taking = re.compile(
        r"^time\.(?:time|monotonic|perf_counter|sleep)|^(?:random|secrets|uuid)\.|^os\.urandom|\.default_rng$|^np\.random|^uuid\d"
    )
    taken = {
        (inside(p), call)
        for p in SOURCES
        if inside(p).startswith(f"{layer}/")
        for call in calls(p)
        if taking.search(call) and call != "secrets.append"
    }
    assert taken == set()


def test_sql_stands_in_the_store() -> None:
    """And where a database is looked at that is not the hub's, or not by its own reading of it."""
    speaking = {inside(p) for p in SOURCES if any(c.endswith(".execute") for c in calls(p))}
    outside = {path for path in speaking if not path.startswith("store/")}
    assert outside <= {"link/checks.py", "link/geofiles.py", "demo/build.py", "cli.py"}


def test_nobody_else_commits() -> None:
    """One call of a flow is one transaction; a function that is given one never ends it. Only
    what gives them out does.
    """
    ending = (".commit", ".rollback")
    assert {inside(p) for p in SOURCES if any(c.endswith(ending) for c in calls(p))} == {"store/db.py"}  # fmt: skip


def test_whoever_asks_within_a_sight_asks_behind_the_second_wall() -> None:
    """A transaction in which the web asks what somebody may see is one that only shows that."""
    for path in (ROOT / "src/zhongshu/web").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if not isinstance(node, ast.With):
                continue
            begun = {ast.unparse(item.context_expr).rpartition(".")[2] for item in node.items}
            if begun & {"transaction()", "writing()"}:
                asked = {n.attr for n in ast.walk(node) if isinstance(n, ast.Attribute)}
                assert not asked & {"sight", "sight_for"}, f"{path.name}:{node.lineno}"


def test_no_file_is_named_after_nothing() -> None:
    assert [p.name for p in SOURCES if p.stem in ("utils", "helpers", "manager", "misc", "common", "base")] == []  # fmt: skip
