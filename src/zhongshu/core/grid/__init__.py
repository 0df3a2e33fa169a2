"""The grid: areas in a tree, read from files, generated, and found by place."""

from zhongshu.core.grid.areas import LEVELS, LINE, Area, Draft, Level, NoRoom, Tree, allot, at
from zhongshu.core.grid.cells import Cell, make_cells
from zhongshu.core.grid.codes import COMMUNITY, UNIT_GRID, UNIT_GRID_16, BadCode, CodeFull, CodeRule
from zhongshu.core.grid.covering import Cover, cover, square_metres
from zhongshu.core.grid.locate import Locator, Where
from zhongshu.core.grid.posts import CHAIN, POSTS, PostKind
from zhongshu.core.grid.reading import (
    Columns,
    NoCrs,
    NotGeoJson,
    Reading,
    Reject,
    Repair,
    Stray,
    read_features,
    read_table,
    with_parents,
)
from zhongshu.core.grid.samples import Sample, samples

__all__ = [
    "CHAIN", "COMMUNITY", "LEVELS", "LINE", "POSTS", "UNIT_GRID", "UNIT_GRID_16", "Area",
    "BadCode", "Cell", "CodeFull", "CodeRule", "Columns", "Cover", "Draft", "Level", "Locator",
    "NoCrs", "NoRoom", "NotGeoJson", "PostKind", "Reading", "Reject", "Repair", "Sample", "Stray", "Tree",
    "Where", "allot", "at", "cover", "make_cells", "read_features", "read_table", "samples",
    "square_metres", "with_parents",
]  # fmt: skip
