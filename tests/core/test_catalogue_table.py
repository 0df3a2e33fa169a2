"""A catalogue as a table: read row by row, written back the same, never silently wrong."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openpyxl import Workbook, load_workbook

from tests.factories import default_catalogue
from zhongshu.core.calendar import Limit, LimitUnit
from zhongshu.core.catalogue import LAYERS, Category, Condition, PhotoRule
from zhongshu.core.catalogue_table import (
    HEADERS,
    ROW_REFUSALS,
    NoColumn,
    NoSuchField,
    carried,
    check_headers,
    fingerprint,
    plain,
    read_rows,
    rows_of,
)
from zhongshu.core.values import CategoryId, Name
from zhongshu.link import sheets

WIDE = {"code": "E-01-13", "name_zh": "道路破损", "limit_ordinary": "5wd", "limit_hazard": "1wd"}
LONG = {"code": "C-01-01", "name_zh": "上水井盖", "condition_zh": "破损", "limit": "4wh"}

words = st.text(min_size=1, max_size=12).map(plain).filter(bool)
maybe = st.text(max_size=12).map(plain)
names = st.builds(Name, words, maybe)
limits = st.builds(
    Limit, st.decimals("0.001", "9999", places=3).filter(lambda d: d > 0), st.sampled_from(LimitUnit)
)  # fmt: skip
conditions = st.builds(
    Condition, text=names | st.builds(Name, st.just(""), words), limit=limits, hazard=st.booleans(),
    closing=st.none() | names | st.builds(Name, st.just(""), words), photos=st.sampled_from(PhotoRule),
)  # fmt: skip
codes = st.from_regex(r"[CES]-[0-9]{2}-[0-9A-Z]{2,3}", fullmatch=True)
keywords = words.map(lambda w: plain(w.replace(";", " ").replace("；", " "))).filter(bool)


@st.composite
def catalogues(draw: st.DrawFn) -> tuple[Category, ...]:
    return tuple(
        Category(
            id=CategoryId(n), code=code, layer=LAYERS[code[0]], major=draw(names), name=draw(names),
            unit_type=draw(maybe), active=draw(st.booleans()),
            keywords=tuple(draw(st.lists(keywords, max_size=3, unique=True))),
            conditions=tuple(draw(st.lists(conditions, min_size=1, max_size=3))),
        )
        for n, code in enumerate(draw(st.lists(codes, max_size=4, unique=True)), start=1)
    )  # fmt: skip


@settings(max_examples=60)
@given(catalogues(), st.sampled_from(["csv", "xlsx"]), st.booleans())
def test_what_is_written_is_read_again_exactly(
    made: tuple[Category, ...], kind: str, chinese: bool
) -> None:
    headers = list(HEADERS.values() if chinese else HEADERS)
    rows = [list(row.values()) for row in rows_of(made)]
    data = sheets.as_csv(headers, rows) if kind == "csv" else sheets.as_xlsx("x", headers, rows)
    reading = read_rows(sheets.read(f"a.{kind}", data).rows)
    assert reading.rejects == ()
    assert reading.read == reading.taken == len(rows)
    assert reading.categories == made


@pytest.mark.parametrize("sign", ["=1+1", "+1", "-1", "@SUM(A1)", "'quoted", "'=1", "''", "_x0041_", "007", "1e5", "TRUE", "#N/A", "2026-01-01"])  # fmt: skip
@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_no_cell_runs_and_none_is_changed(sign: str, kind: str) -> None:
    made = Category(
        id=CategoryId(1), code="E-01-01", layer=LAYERS["E"], major=Name(sign), name=Name(sign, sign),
        unit_type=sign, keywords=(sign,),
        conditions=(Condition(text=Name(sign), limit=Limit(Decimal(1), LimitUnit.WD), hazard=False),),
    )  # fmt: skip
    rows = [list(row.values()) for row in rows_of((made,))]
    data = sheets.as_csv(list(HEADERS), rows) if kind == "csv" else sheets.as_xlsx("x", list(HEADERS), rows)  # fmt: skip
    sheet = sheets.read(f"a.{kind}", data)
    assert read_rows(sheet.rows).categories == (made,)
    cells = _cells_of_csv(data) if kind == "csv" else _cells_of_workbook(data)
    assert cells
    assert not [cell for cell in cells if cell[0] in "=+-@\t\r"]


def _cells_of_csv(data: bytes) -> list[str]:
    return [c for row in csv.reader(io.StringIO(data.decode("utf-8-sig"))) for c in row if c]


def _cells_of_workbook(data: bytes) -> list[str]:
    cells = [c for row in load_workbook(io.BytesIO(data)).worksheets[0].iter_rows() for c in row if c.value]  # fmt: skip
    assert {c.data_type for c in cells} == {"s"}
    return [str(c.value) for c in cells]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({**WIDE, "code": "X-1"}, "code"),
        ({**WIDE, "code": ""}, "code"),
        ({**WIDE, "name_zh": ""}, "name_zh"),
        ({**WIDE, "limit_ordinary": "种植季节15工作日"}, "limit_ordinary"),
        ({**WIDE, "limit_ordinary": ""}, "limit_ordinary"),
        ({**WIDE, "limit_hazard": "1紧急工作时制止"}, "limit_hazard"),
        ({**LONG, "limit": "1紧急工作时制止"}, "limit"),
        ({**LONG, "limit": ""}, "limit"),
        ({**LONG, "hazard": "perhaps"}, "hazard"),
        ({**LONG, "photo_rule": "two"}, "photo_rule"),
        ({**LONG, "layer": "事件"}, "layer"),
        ({**LONG, "layer": "人口"}, "layer"),
        ({**LONG, "condition_zh": "破" * 2001}, "condition_zh"),
        ({**LONG, "active": "later"}, "active"),
    ],
)
def test_a_bad_row_is_named_and_the_rest_goes_on(row: dict[str, str], field: str) -> None:
    reading = read_rows([{**WIDE, "code": "E-01-01"}, row, {**WIDE, "code": "E-01-02"}])
    assert [c.code for c in reading.categories] == ["E-01-01", "E-01-02"]
    assert [(r.row, r.field) for r in reading.rejects] == [(2, field)]
    assert reading.rejects[0].reason
    assert reading.read == reading.taken + len(reading.rejects) == 3
    kept = reading.rejects[0].record()
    assert ROW_REFUSALS[kept["why"]].message % kept["details"] in reading.rejects[0].reason


def test_a_code_given_twice_is_refused_the_second_time_where_a_row_is_a_category() -> None:
    reading = read_rows([WIDE, WIDE])
    assert (len(reading.categories), reading.rejects[0].row) == (1, 2)


def test_rows_of_one_code_are_the_conditions_of_one_category() -> None:
    rows = [
        {**LONG, "condition_zh": "缺失，存在安全隐患", "limit": "2紧急工作时"},
        {**LONG, "condition_zh": "破损超过25cm²", "limit": "4工作时"},
        {"code": "C-01-01", "name_zh": "", "condition_zh": "弹跳", "limit": "5天"},
    ]
    (one,) = read_rows(rows).categories
    assert [str(c.limit) for c in one.conditions] == ["2uh", "4wh", "5ud"]
    # The table says nothing of hazards: the words do.
    assert [c.hazard for c in one.conditions] == [True, False, False]
    assert one.number(hazard=True) == 1
    assert one.number(hazard=False) == 2
    assert one.number(hazard=True, chosen=3) == 3
    assert one.number(hazard=True, chosen=9) == 1


def test_one_code_cannot_be_two_things() -> None:
    rows = [LONG, {**LONG, "name_zh": "污水井盖"}, {**LONG, "unit_type": "水务"}]
    reading = read_rows(rows)
    assert [(r.row, r.field) for r in reading.rejects] == [(2, "name_zh"), (3, "unit_type")]


def test_a_name_stands_even_where_its_first_condition_is_refused() -> None:
    rows = [{**LONG, "limit": "soon"}, {"code": "C-01-01", "name_zh": "", "limit": "1wd"}]
    reading = read_rows(rows)
    assert [(c.name.zh, len(c.conditions)) for c in reading.categories] == [("上水井盖", 1)]
    assert [r.row for r in reading.rejects] == [1]


def test_a_code_is_put_together_from_layer_major_and_minor_class() -> None:
    row = {
        "kind": "部件",
        "l1_code": "1",
        "l2_code": "3",
        "小类": "雨水\n井盖",
        "办理时限": "4小时",
    }
    (one,) = read_rows([row]).categories
    assert (one.code, one.name.zh, one.major.zh) == ("C-01-03", "雨水井盖", "公用设施")
    (two,) = read_rows([{"类型": "事件", "小类编号": "0110", "名称": "垃圾", "时限": "1wd"}], {"code": "小类编号"}).categories  # fmt: skip
    assert two.code == "E-01-10"


def test_empty_rows_are_none() -> None:
    reading = read_rows([LONG, {"code": "", "name_zh": " "}, {}])
    assert (reading.read, reading.taken) == (1, 1)


def test_a_table_without_what_every_catalogue_needs_is_refused_as_a_whole() -> None:
    check_headers(["大类代码", "小类代码", "小类名称", "处置时限"], {})
    with pytest.raises(NoColumn, match="limit"):
        check_headers(["code", "name_zh"], {})
    with pytest.raises(NoColumn, match="小类代码"):
        check_headers(["code", "name_zh", "limit"], {"code": "小类代码"})
    with pytest.raises(NoSuchField):
        check_headers(["code"], {"colour": "code"})


def test_what_a_table_does_not_speak_of_is_taken_over() -> None:
    before = [c for c in default_catalogue().categories if c.code == "C-01-01"]
    reading = read_rows([{**LONG, "unit_type": "水务局"}])
    (one,) = carried(reading, before)
    assert one.keywords == before[0].keywords
    assert one.name.en == before[0].name.en
    assert one.unit_type == "水务局"
    # Another thing under the same code takes nothing over, nor does a table that says it itself.
    (other,) = carried(read_rows([{**LONG, "name_zh": "别的"}]), before)
    assert other.keywords == ()
    (told,) = carried(read_rows([{**LONG, "keywords": ""}]), before)
    assert told.keywords == ()


def test_two_states_of_a_category_have_two_fingerprints() -> None:
    (one,) = read_rows([LONG]).categories
    (two,) = read_rows([{**LONG, "limit": "5wh"}]).categories
    assert fingerprint(one) != fingerprint(two)
    assert fingerprint(one) == fingerprint(read_rows([LONG]).categories[0])


@pytest.mark.real_data
def test_the_municipal_standard_comes_in_row_by_row(shared_data: Path) -> None:
    sheet = sheets.open_sheet(shared_data / "zh_city_mgmt_standard/standard.parquet")
    check_headers(sheet.headers, {})
    reading = read_rows(sheet.rows)
    assert (reading.read, reading.taken) == (519, 518)
    assert [(r.row, r.field, r.value) for r in reading.rejects] == [(402, "limit", "1紧急工作时制止")]  # fmt: skip
    assert len(reading.categories) == 190
    assert sum(len(c.conditions) for c in reading.categories) == 518
    limits = [str(c.limit) for c in reading.categories[0].conditions]
    assert limits == ["2uh", "4uh", "2ud", "5ud"]


def test_a_workbook_with_merged_cells_says_the_same_in_all_their_places() -> None:
    book = Workbook()
    sheet = book.worksheets[0]
    for line in (
        ["一张标准表"], ["类型", "大类代码", "小类代码", "小类名称", "立案条件", "处置时限"],
        ["部件", 1, 2.0, "污水井盖", "缺失", "2紧急工作时"], [None, None, None, None, "破损", "4小时"],
    ):  # fmt: skip
        sheet.append(line)
    sheet.delete_rows(1)
    for column in "ABCD":
        sheet.merge_cells(f"{column}2:{column}3")
    out = io.BytesIO()
    book.save(out)
    (one,) = read_rows(sheets.read("a.xlsx", out.getvalue()).rows).categories
    assert (one.code, [c.text.zh for c in one.conditions]) == ("C-01-02", ["缺失", "破损"])


def test_a_csv_of_a_chinese_spreadsheet_is_read_in_its_own_encoding() -> None:
    text = "代码,小类名称,处置时限\r\nC-01-01,上水井盖,4工作时\r\n"
    (one,) = read_rows(sheets.read("a.csv", text.encode("gb18030")).rows).categories
    assert one.name.zh == "上水井盖"
