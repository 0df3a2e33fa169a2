"""A workbook of Excel sent while its rows are still being read, in memory that does not grow.

Every cell of text is a string to the program that opens it and never a formula; what would run
once it is saved as CSV is made plain text as `web.sheets` does.
"""

from __future__ import annotations

import io
import zipfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import IO, Any, cast
from xml.sax.saxutils import escape, quoteattr
from zoneinfo import ZoneInfo

from fastapi.responses import StreamingResponse

from zhongshu.web.sheets import cell

#: So many rows a sheet may hold; a longer list goes on in another.
MOST_ROWS = 1_048_575
#: So many bytes of a sheet are packed together.
CHUNK = 65_536
KIND = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"
_TYPES = "application/vnd.openxmlformats-officedocument.spreadsheetml"
_OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
_MAIN = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
_PACKAGE = "http://schemas.openxmlformats.org/package/2006"
_XML = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_STYLES = (
    f'{_XML}<styleSheet xmlns="{_MAIN}"><fonts count="2"><font/><font><b/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills><borders count="1"><border/></borders>'
    '<cellStyleXfs count="1"><xf/></cellStyleXfs><cellXfs count="2"><xf xfId="0"/>'
    '<xf fontId="1" xfId="0" applyFont="1"/></cellXfs><cellStyles count="1"><cellStyle name="Normal" xfId="0" builtinId="0"/></cellStyles></styleSheet>'
)  # fmt: skip


class _Pipe:
    """Takes what the packer writes, until it is sent on; it cannot be wound back."""

    def __init__(self) -> None:
        self._held = bytearray()

    def write(self, data: bytes) -> int:
        self._held += data
        return len(data)

    def flush(self) -> None:
        """Nothing: it is all sent on when it is taken."""

    def taken(self) -> bytes:
        held = bytes(self._held)
        self._held.clear()
        return held


def download(
    name: str, rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str],
    notes: Sequence[tuple[str, str]], *, titles: tuple[str, str], zone: ZoneInfo,
) -> StreamingResponse:  # fmt: skip
    """Return rows as a workbook to keep. ``columns`` are the names and headings; ``notes`` the
    lines of a second sheet that says what the first one means; ``titles`` those of both.
    """
    return StreamingResponse(
        parts(rows, columns, notes, titles=titles, zone=zone), media_type=KIND,
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )  # fmt: skip


def parts(
    rows: Iterable[Mapping[str, Any]], columns: Mapping[str, str], notes: Sequence[tuple[str, str]],
    *, titles: tuple[str, str], zone: ZoneInfo,
) -> Iterator[bytes]:  # fmt: skip
    """Yield the bytes of a workbook: the list, what it means, and the directory of both."""
    pipe, names = _Pipe(), [titles[1]]
    with zipfile.ZipFile(
        cast("IO[bytes]", pipe), "w", zipfile.ZIP_DEFLATED, compresslevel=4
    ) as file:
        yield from _sheet(file, pipe, 1, [_line(note, bold=n == 0) for n, note in enumerate(notes)])
        source, more = iter(rows), True
        while more:
            names.append(titles[0] if len(names) == 1 else f"{titles[0]} {len(names)}")
            head = _line(tuple(columns.values()), bold=True)
            counted = _Counted(source, MOST_ROWS)
            lines = (_line([row.get(c) for c in columns], zone=zone) for row in counted)
            yield from _sheet(file, pipe, len(names), [head], lines)
            more = not counted.ended
        _directory(file, names)
    yield pipe.taken()


class _Counted:
    """So many rows of a source, and whether it has come to its end."""

    def __init__(self, source: Iterator[Mapping[str, Any]], most: int) -> None:
        self._source, self._left, self.ended = source, most, False

    def __iter__(self) -> Iterator[Mapping[str, Any]]:
        while self._left:
            try:
                row = next(self._source)
            except StopIteration:
                self.ended = True
                return
            self._left -= 1
            yield row


def _sheet(
    file: zipfile.ZipFile, pipe: _Pipe, n: int, first: Iterable[str], then: Iterable[str] = ()
) -> Iterator[bytes]:
    with file.open(f"xl/worksheets/sheet{n}.xml", "w", force_zip64=True) as out:
        out.write(f'{_XML}<worksheet xmlns="{_MAIN}"><sheetData>'.encode())
        held = io.StringIO()
        for lines in (first, then):
            for line in lines:
                held.write(line)
                if held.tell() > CHUNK:
                    out.write(held.getvalue().encode())
                    held = io.StringIO()
                    yield pipe.taken()
        out.write(f"{held.getvalue()}</sheetData></worksheet>".encode())
    yield pipe.taken()


def _line(values: Sequence[Any], *, bold: bool = False, zone: ZoneInfo | None = None) -> str:
    style = ' s="1"' if bold else ""
    return f"<row>{''.join(_cell(value, style, zone) for value in values)}</row>"


def _cell(value: Any, style: str, zone: ZoneInfo | None) -> str:
    """Return a cell: a number, or a text that stays one; moments in the city's own time."""
    if isinstance(value, bool):
        value = int(value)
    if isinstance(value, int | float):
        return f"<c{style}><v>{value}</v></c>"
    if isinstance(value, datetime) and zone is not None:
        value = f"{value.astimezone(zone):%Y-%m-%d %H:%M:%S}"
    if isinstance(value, tuple):
        value = ",".join(map(str, value))  # pyright: ignore[reportUnknownArgumentType] # of ours
    text = "".join(c for c in cell(value) if c >= " " or c in "\t\n")[:32_767]
    return f'<c{style} t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def _directory(file: zipfile.ZipFile, names: Sequence[str]) -> None:
    """Write what a workbook says of its sheets. The list is shown first, its notes behind it."""
    order = [*range(2, len(names) + 1), 1]
    sheets = "".join(
        f'<sheet name={quoteattr(names[n - 1])} sheetId="{n}" r:id="rId{n}"/>' for n in order
    )
    file.writestr(
        "xl/workbook.xml",
        f'{_XML}<workbook xmlns="{_MAIN}" xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets></workbook>',
    )
    links = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/worksheet" Target="worksheets/sheet{n}.xml"/>'
        for n in order
    )
    file.writestr(
        "xl/_rels/workbook.xml.rels",
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships">{links}'
        f'<Relationship Id="rId0" Type="{_OFFICE}/styles" Target="styles.xml"/></Relationships>',
    )
    file.writestr("xl/styles.xml", _STYLES)
    file.writestr(
        "_rels/.rels",
        f'{_XML}<Relationships xmlns="{_PACKAGE}/relationships"><Relationship Id="rId1"'
        f' Type="{_OFFICE}/officeDocument" Target="xl/workbook.xml"/></Relationships>',
    )
    kinds = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{_TYPES}.worksheet+xml"/>'
        for n in order
    )
    file.writestr(
        "[Content_Types].xml",
        f'{_XML}<Types xmlns="{_PACKAGE}/content-types">'
        '<Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{_TYPES}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{_TYPES}.styles+xml"/>{kinds}</Types>',
    )
