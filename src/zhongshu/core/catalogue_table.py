"""A catalogue as a table: one row for each filing condition, read by row and written back.

Several conditions of a category stand in several rows with the same code. Whatever cannot be
read is refused by its row, and the rest goes on. `rows_of` and `read_rows` are each other's
inverse. Headers are known in several spellings (`KNOWN_AS`); a city's own go in ``columns``.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from zhongshu.core.calendar import UnreadableLimit, parse_limit
from zhongshu.core.catalogue import (
    LAYERS,
    MAJORS,
    Category,
    Condition,
    PhotoRule,
)
from zhongshu.core.values import CategoryId, Name, Refused

#: What a cell may hold, in characters.
MOST = 2000

#: The columns that are written, with their Chinese headers. One row is one condition.
HEADERS: Mapping[str, str] = {
    "code": "类别代码", "layer": "层次", "major_zh": "大类名称", "major_en": "大类英文名称",
    "name_zh": "小类名称", "name_en": "小类英文名称", "unit_type": "责任单位", "keywords": "关键词",
    "active": "启用", "condition_zh": "立案条件", "condition_en": "立案条件英文",
    "hazard": "安全隐患", "limit": "处置时限", "closing_zh": "结案条件", "closing_en": "结案条件英文",
    "photo_rule": "照片要求",
}  # fmt: skip
#: What else a table may have: the parts of a code, the codes of the version before that a
#: category takes the place of, and both limits of a category in one row.
_ALSO = ("major_code", "minor_code", "replaces", "limit_ordinary", "limit_hazard")
FIELDS: tuple[str, ...] = (*HEADERS, *_ALSO)
#: Other spellings of headers, as municipal tables have them.
KNOWN_AS: Mapping[str, str] = {
    **{zh: name for name, zh in HEADERS.items()}, **{name: name for name in FIELDS},
    "编码": "code", "代码": "code", "类型": "layer", "类别": "layer", "kind": "layer",
    "大类代码": "major_code", "l1_code": "major_code", "小类代码": "minor_code", "l2_code": "minor_code",
    "大类": "major_zh", "l1_name": "major_zh", "小类": "name_zh", "名称": "name_zh", "l2_name": "name_zh",
    "英文名称": "name_en", "处置单位": "unit_type", "responsible_unit": "unit_type",
    "filing_condition": "condition_zh", "结案标准": "closing_zh", "closing_condition": "closing_zh",
    "时限": "limit", "办理时限": "limit", "time_limit": "limit", "是否隐患": "hazard",
    "替代代码": "replaces",
}  # fmt: skip

_LAYER_WORDS: Mapping[str, str] = {
    "部件": "C", "事件": "E", "服务": "S", **{layer.value: letter for letter, layer in LAYERS.items()},
    **{letter: letter for letter in LAYERS},
}  # fmt: skip
_YES = frozenset(("yes", "y", "true", "1", "是", "√", "有"))
_NO = frozenset(("no", "n", "false", "0", "否", "无", "×", ""))
_PHOTO_WORDS: Mapping[str, PhotoRule] = {
    "": PhotoRule.NONE, "不要求": PhotoRule.NONE, "处置后": PhotoRule.AFTER,
    "处置前后": PhotoRule.BEFORE_AFTER, **{rule.value: rule for rule in PhotoRule},
}  # fmt: skip
#: Where a table has no column for the hazard, these words of a condition say it.
_HAZARD_WORDS = re.compile(r"隐患|危险|危及|险情|影响安全|hazard|danger", re.IGNORECASE)
_HAZARD = Name("存在安全隐患", "A hazard to people")
_ORDINARY = Name("一般情形", "Ordinary")
_CODE = re.compile(r"[CES][-.\w]{1,30}", re.ASCII)
_PARTED = re.compile(r"(\d{2})-?(\w{2,3})", re.ASCII)


class MissingCell(Refused):
    message = "%(field)s is empty."
    remedy = "Fill it in, or name the column that holds it."


class BadCode(Refused):
    message = "%(field)s: “%(value)s” is not the code of a category."
    remedy = "Write the letter of the layer (C component, E event, S service) and the classes, such as C-01-37."


class UnknownLayer(Refused):
    message = "%(field)s: “%(value)s” is no layer of the code."
    remedy = (
        "Write component, event or service (部件, 事件, 服务), as the code begins with C, E or S."
    )


class CodeTwice(Refused):
    message = "%(field)s: row %(first)s has the code “%(value)s” already."
    remedy = (
        "Give each category one row here; several conditions need a column “limit” and a row each."
    )


class Disagrees(Refused):
    message = "%(field)s: “%(value)s” is not what row %(first)s says of %(code)s."
    remedy = "One code is one category: write the same in all its rows, or leave it empty after the first."


class NotYesNo(Refused):
    message = "%(field)s: “%(value)s” is neither yes nor no."
    remedy = "Write yes or no (是, 否)."


class NoSuchPhotoRule(Refused):
    message = "%(field)s: “%(value)s” is no rule for photos."
    remedy = "Write none, after or before_and_after (不要求, 处置后, 处置前后)."


class TooLong(Refused):
    message = "%(field)s is longer than %(most)s characters."
    remedy = "Say it in fewer words."


class NoColumn(Refused):
    message = "No column of the table is known as “%(value)s”."
    remedy = "Say which it is, as in %(value)s=…; the table has: %(headers)s."


class NoSuchField(Refused):
    message = "A catalogue has no column “%(value)s”."
    remedy = "Name one of: %(choices)s."


#: What can be wrong with a row, by name: so that a kept reject can be said in any language.
ROW_REFUSALS: Mapping[str, type[Refused]] = {
    kind.__name__: kind
    for kind in (
        MissingCell, BadCode, UnknownLayer, CodeTwice, Disagrees, NotYesNo, NoSuchPhotoRule,
        TooLong, UnreadableLimit,
    )
}  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class RowReject:
    """A row that was not taken: which (1 is the first below the header), and why."""

    row: int
    refusal: Refused

    @property
    def field(self) -> str:
        return self.refusal.field

    @property
    def value(self) -> str:
        return "" if self.refusal.value is None else str(self.refusal.value)

    @property
    def reason(self) -> str:
        """What is wrong and what to do, in English."""
        return f"{self.refusal} {self.refusal.advice}"

    def record(self) -> dict[str, Any]:
        """Return it JSON-ready, to be kept and said again later."""
        return {
            "row": self.row,
            "why": type(self.refusal).__name__,
            "details": self.refusal.details,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class TableReading:
    """What a table gave. Each of the ``read`` rows was ``taken`` or is among the rejects;
    empty rows are none. ``columns`` are the fields the table speaks of, ``replaced`` the pairs
    (code of the version before, code here).
    """

    categories: tuple[Category, ...]
    rejects: tuple[RowReject, ...]
    read: int
    taken: int
    columns: frozenset[str]
    replaced: tuple[tuple[str, str], ...] = ()


@dataclass(slots=True)
class _Making:
    """A category on its way: the row that began it, and the conditions found so far."""

    row: int
    category: Category
    conditions: list[Condition] = field(default_factory=list[Condition])
    replaced: list[str] = field(default_factory=list[str])


def read_rows(
    rows: Iterable[Mapping[str, str | None]], columns: Mapping[str, str] | None = None
) -> TableReading:
    """Read categories from rows of text; a bad row is named with its reason, the rest goes on.

    ``columns`` says what fields are called in this table (field → header). Identities are
    given in order from 1; the store replaces them with its own.
    """
    named = _named(columns or {})
    made: dict[str, _Making] = {}
    rejects: list[RowReject] = []
    seen: set[str] = set()
    read = 0
    for number, row in enumerate(rows, start=1):
        said = _said(row, named)
        seen |= said.keys()
        if not any(said.values()):
            continue
        read += 1
        try:
            _take(said, number, made)
        except Refused as refusal:
            rejects.append(RowReject(row=number, refusal=refusal))
    whole = [one for one in made.values() if one.conditions]
    return TableReading(
        categories=tuple(
            replace(one.category, id=CategoryId(n), conditions=tuple(one.conditions))
            for n, one in enumerate(whole, start=1)
        ),
        rejects=tuple(rejects), read=read, taken=read - len(rejects), columns=frozenset(seen),
        replaced=tuple((old, one.category.code) for one in whole for old in one.replaced),
    )  # fmt: skip


def read_one(
    rows: Iterable[Mapping[str, str | None]],
) -> tuple[Category | None, tuple[RowReject, ...]]:
    """Read the one category an editor wrote, a row for each condition; or what is wrong."""
    reading = read_rows(rows)
    if reading.rejects or len(reading.categories) != 1:
        return None, reading.rejects or (RowReject(row=1, refusal=MissingCell("limit")),)
    return reading.categories[0], ()


def check_headers(headers: Iterable[str], columns: Mapping[str, str]) -> None:
    """Refuse a table that lacks what every catalogue needs: a code, a name and a limit."""
    there = [plain(header) for header in headers]
    named = _named(columns)
    fields = {named[header] for header in there if header in named}
    shown = ", ".join(there)[:500]
    for name, header in columns.items():
        if header not in there:
            raise NoColumn("columns", f"{name}={header}", headers=shown)
    for name, others in (("code", "minor_code"), ("name_zh", ""), ("limit", "limit_ordinary")):
        if name not in fields and others not in fields:
            raise NoColumn("columns", name, headers=shown)


def _named(columns: Mapping[str, str]) -> Mapping[str, str]:
    """Return header → field: what is known, and over it what this table calls them."""
    for name in columns:
        if name not in FIELDS:
            raise NoSuchField("columns", name, choices=", ".join(FIELDS))
    taken = {header: name for name, header in columns.items()}
    # A field that was named is not also read from its usual header.
    usual = {h: f for h, f in KNOWN_AS.items() if f not in columns}
    return {**usual, **taken}


def _said(row: Mapping[str, str | None], named: Mapping[str, str]) -> dict[str, str]:
    said: dict[str, str] = {}
    for header, text in row.items():
        known = named.get(plain(header))
        if known is not None and not said.get(known):
            said[known] = plain(text or "")
    return said


def plain(text: str) -> str:
    """Return a text in one line, without what cannot be seen; a line broken inside Chinese
    is joined.
    """
    joined = re.sub(r"(?<=[^\x00-\x7f])[ \t]*[\r\n]+[ \t]*(?=[^\x00-\x7f])", "", text)
    shown = (c if c.isprintable() or unicodedata.category(c) == "Co" else " " for c in joined)
    return " ".join("".join(shown).split())


def _take(said: Mapping[str, str], number: int, made: dict[str, _Making]) -> None:
    """Take one row into the categories made so far. What it says of the category stands even
    where its condition is refused: the rows below may leave that out.
    """
    for name, text in said.items():
        if len(text) > MOST:
            raise TooLong(name, text, most=MOST)
    code = _code(said)
    known = made.get(code)
    if known is not None and said.get("limit_ordinary"):
        raise CodeTwice("code", code, first=known.row)
    making = known or _Making(number, _category(code, said))
    if known is not None:
        _agrees(said, known)
    made[code] = making
    making.conditions += _conditions(said)
    making.replaced += [c for c in _listed(said.get("replaces", "")) if c not in making.replaced]


def _code(said: Mapping[str, str]) -> str:
    """Return the code as written, or put together from layer, major and minor class."""
    letter = _letter(said)
    written = said.get("code", "")
    if not written:
        major, minor = said.get("major_code", ""), said.get("minor_code", "")
        if not minor:
            raise MissingCell("code")
        written = f"{_two(major)}-{_two(minor)}" if major else minor
    parted = _PARTED.fullmatch(written)
    if parted is not None and letter:
        written = f"{letter}-{parted[1]}-{parted[2]}"
    if not _CODE.fullmatch(written):
        raise BadCode("code", written)
    if letter and letter != written[0]:
        raise UnknownLayer("layer", said["layer"])
    return written


def _two(digits: str) -> str:
    return digits.zfill(2) if digits.isascii() and digits.isdigit() else digits


def _letter(said: Mapping[str, str]) -> str:
    word = said.get("layer", "")
    letter = _LAYER_WORDS.get(word.lower()) or _LAYER_WORDS.get(word.upper(), "")
    if word and not letter:
        raise UnknownLayer("layer", word)
    return letter


def _category(code: str, said: Mapping[str, str]) -> Category:
    if not said.get("name_zh"):
        raise MissingCell("name_zh")
    return Category(
        id=CategoryId(0), code=code, layer=LAYERS[code[0]], major=_major(code, said),
        name=Name(said["name_zh"], said.get("name_en", "")),
        unit_type=said.get("unit_type", ""), keywords=_listed(said.get("keywords", "")),
        active=_yes("active", said.get("active", "")) if said.get("active") else True,
    )  # fmt: skip


def _major(code: str, said: Mapping[str, str]) -> Name:
    usual = MAJORS.get(code[:4], Name("其他", "Other"))
    zh, en = said.get("major_zh", ""), said.get("major_en", "")
    if not zh and not en:
        return usual
    return Name(zh, en or (usual.en if zh == usual.zh and "major_en" not in said else ""))


def _agrees(said: Mapping[str, str], known: _Making) -> None:
    """Refuse a row that says something else of the category than the row that began it."""
    first = cells_of(known.category)
    again = cells_of(_category(known.category.code, {"name_zh": known.category.name.zh, **_filled(said)}))  # fmt: skip
    for name in _OF_CATEGORY:
        if said.get(name) and again[name] != first[name]:
            raise Disagrees(name, said[name], first=known.row, code=known.category.code)


def _filled(said: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in said.items() if text}


def _conditions(said: Mapping[str, str]) -> list[Condition]:
    """Return the condition of a row; of a row with both limits, one or two."""
    if said.get("limit") or "limit_ordinary" not in said:
        return [_condition(said)]
    made = [Condition(text=_ORDINARY, limit=parse_limit(_needed(said, "limit_ordinary"), field="limit_ordinary"), hazard=False)]  # fmt: skip
    hazard = said.get("limit_hazard", "")
    if hazard not in ("", "-"):
        made.append(Condition(text=_HAZARD, limit=parse_limit(hazard, field="limit_hazard"), hazard=True))  # fmt: skip
    return made


def _needed(said: Mapping[str, str], name: str) -> str:
    """Return a cell that must be filled; one absent altogether is asked for as “limit”."""
    if name not in said:
        raise MissingCell("limit")
    if not said[name]:
        raise MissingCell(name)
    return said[name]


def _condition(said: Mapping[str, str]) -> Condition:
    limit = parse_limit(_needed(said, "limit"))
    zh, en = said.get("condition_zh", ""), said.get("condition_en", "")
    if "hazard" in said:
        hazard = _yes("hazard", said["hazard"])
    else:
        hazard = bool(_HAZARD_WORDS.search(f"{zh} {en}"))
    photos = _PHOTO_WORDS.get(said.get("photo_rule", "").lower())
    if photos is None:
        raise NoSuchPhotoRule("photo_rule", said["photo_rule"])
    closing_zh, closing_en = said.get("closing_zh", ""), said.get("closing_en", "")
    return Condition(
        text=Name(zh, en) if zh or en else _HAZARD if hazard else _ORDINARY, limit=limit,
        hazard=hazard, closing=Name(closing_zh, closing_en) if closing_zh or closing_en else None,
        photos=photos,
    )  # fmt: skip


def _yes(name: str, text: str) -> bool:
    if text.lower() in _YES:
        return True
    if text.lower() in _NO:
        return False
    raise NotYesNo(name, text)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(w for part in re.split("[;；]", text) if (w := part.strip())))


# ── writing ──────────────────────────────────────────────────────────────────────────

_OF_CATEGORY = (
    "code", "layer", "major_zh", "major_en", "name_zh", "name_en", "unit_type", "keywords", "active",
)  # fmt: skip


def rows_of(categories: Iterable[Category]) -> Iterable[dict[str, str]]:
    """Yield one row for each condition, with all the columns of `HEADERS`."""
    for category in categories:
        head = cells_of(category)
        for condition in category.conditions:
            yield {**head, **condition_cells(condition)}


def cells_of(category: Category) -> dict[str, str]:
    """Return what a row says of the category itself."""
    return {
        "code": category.code, "layer": category.layer.value,
        "major_zh": category.major.zh, "major_en": category.major.en,
        "name_zh": category.name.zh, "name_en": category.name.en,
        "unit_type": category.unit_type, "keywords": ";".join(category.keywords),
        "active": "yes" if category.active else "no",
    }  # fmt: skip


def condition_cells(condition: Condition) -> dict[str, str]:
    """Return what a row says of one condition."""
    return {
        "condition_zh": condition.text.zh, "condition_en": condition.text.en,
        "hazard": "yes" if condition.hazard else "no", "limit": str(condition.limit),
        "closing_zh": condition.closing.zh if condition.closing else "",
        "closing_en": condition.closing.en if condition.closing else "",
        "photo_rule": condition.photos.value,
    }  # fmt: skip


def fingerprint(category: Category) -> str:
    """Return what tells one state of a category from another: an editor sends it back."""
    said = "\x1f".join(cell for row in rows_of((category,)) for cell in row.values())
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def carried(reading: TableReading, before: Iterable[Category]) -> tuple[Category, ...]:
    """Return the categories read, with what their table has no column for taken from the
    category of the same code and name before: English names, keywords, photo rules.
    """
    known = {(c.code, c.name.zh): c for c in before}
    return tuple(
        _carried(one, known[one.code, one.name.zh], reading.columns)
        if (one.code, one.name.zh) in known
        else one
        for one in reading.categories
    )


def _carried(one: Category, was: Category, columns: frozenset[str]) -> Category:
    name = one.name if "name_en" in columns else Name(one.name.zh, was.name.en)
    conditions = one.conditions
    if "photo_rule" not in columns:
        rules = {c.text.zh: c.photos for c in was.conditions}
        conditions = tuple(
            replace(c, photos=rules.get(c.text.zh, PhotoRule.NONE)) for c in conditions
        )
    return replace(
        one, name=name, conditions=conditions,
        keywords=one.keywords if "keywords" in columns else was.keywords,
        unit_type=one.unit_type if "unit_type" in columns else was.unit_type,
    )  # fmt: skip
