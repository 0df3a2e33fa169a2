"""The grid: areas in a tree, read from files, generated, and found by place."""

from zhongshu.core.grid.areas import LEVELS, LINE, Area, Level, NoRoom, Tree, allot
from zhongshu.core.grid.cells import Cell, make_cells
from zhongshu.core.grid.codes import COMMUNITY, UNIT_GRID, UNIT_GRID_16, BadCode, CodeFull, CodeRule
from zhongshu.core.grid.locate import Locator, Where
from zhongshu.core.grid.reading import (
    Columns,
    Cover,
    Draft,
    NoCrs,
    NotGeoJson,
    Reading,
    Reject,
    Repair,
    cover,
    read_features,
    square_metres,
    with_parents,
)

__all__ = [
    "COMMUNITY", "LEVELS", "LINE", "UNIT_GRID", "UNIT_GRID_16", "Area", "BadCode", "Cell",
    "CodeFull", "CodeRule", "Columns", "Cover", "Draft", "Level", "Locator", "NoCrs", "NoRoom",
    "NotGeoJson", "Reading", "Reject", "Repair", "Tree", "Where", "allot", "cover", "make_cells",
    "read_features", "square_metres", "with_parents",
]  # fmt: skip
