"""Codes of areas, rendered by rule: administrative 12 digits, grids 15 or 16.

GB/T 2260 (6 digits, down to the county) + GB/T 10114 (3, subdistrict) + 3 (community)
make the 12-digit statistical code; a unit grid adds 3 digits (GB/T 30428.1 as used by
cities) or 4, as some do. Cities differ, so the digits are a rule and not a constant.
"""

from __future__ import annotations

from dataclasses import dataclass

from zhongshu.core.values import Refused


class BadCode(Refused):
    message = "%(field)s: “%(value)s” is not a code of %(digits)s digits."
    remedy = "Write all digits, with leading zeros, as in 410105 + 001 + 002."


class CodeFull(Refused):
    message = "%(field)s: number %(value)s does not fit %(digits)d digits."
    remedy = "Use a rule with more digits for this level, or divide the area first."


@dataclass(frozen=True, slots=True)
class CodeRule:
    """How many digits each step of a code has, from the county down."""

    digits: tuple[int, ...]

    @property
    def length(self) -> int:
        return sum(self.digits)

    def render(self, *parts: int) -> str:
        """Return the code of the given parts, each with its leading zeros."""
        if len(parts) != len(self.digits):
            raise BadCode("code", "-".join(map(str, parts)), digits=self.length)
        for part, width in zip(parts, self.digits, strict=True):
            if not 0 <= part < 10**width:
                raise CodeFull("code", part, digits=width)
        return "".join(f"{part:0{width}d}" for part, width in zip(parts, self.digits, strict=True))

    def parse(self, code: str) -> tuple[int, ...]:
        """Return the parts of a code; refuses any that has another shape."""
        if len(code) != self.length or not (code.isascii() and code.isdigit()):
            raise BadCode("code", code, digits=self.length)
        parts: list[int] = []
        at = 0
        for width in self.digits:
            parts.append(int(code[at : at + width]))
            at += width
        return tuple(parts)

    def below(self, parent: str, number: int) -> str:
        """Return the code of the ``number``-th area right below ``parent``."""
        width = self.digits[-1]
        if len(parent) != self.length - width or not (parent.isascii() and parent.isdigit()):
            raise BadCode("parent", parent, digits=self.length - width)
        if not 0 <= number < 10**width:
            raise CodeFull("code", number, digits=width)
        return f"{parent}{number:0{width}d}"


COMMUNITY = CodeRule((6, 3, 3))
UNIT_GRID = CodeRule((6, 3, 3, 3))
UNIT_GRID_16 = CodeRule((6, 3, 3, 4))
