"""Which texts need a translation: all msgids of templates, of `look` and of refusals."""

from __future__ import annotations

import ast
import re
from importlib.resources import files
from pathlib import Path

_IN_TEMPLATE = re.compile(r"""_\('((?:[^'\\]|\\.)*)'""")


def msgids() -> dict[str, str]:
    """Return every msgid and where it first stands."""
    root = Path(str(files("zhongshu")))
    found: dict[str, str] = {}
    for path in sorted(root.glob("web/templates/*.html")):
        for match in _IN_TEMPLATE.finditer(path.read_text(encoding="utf-8")):
            found.setdefault(match[1].replace("\\'", "'"), path.name)
    for path in sorted(root.rglob("*.py")):
        for text in _in_python(path):
            found.setdefault(text, path.name)
    return found


def _in_python(path: Path) -> list[str]:
    """Return texts marked by `N_`, and the message and remedy of refusals."""
    found: list[str] = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "N_":
            found += [
                a.value
                for a in node.args
                if isinstance(a, ast.Constant) and isinstance(a.value, str)
            ]
        if isinstance(node, ast.ClassDef):
            found += [
                item.value.value
                for item in node.body
                if isinstance(item, ast.Assign | ast.AnnAssign)
                and isinstance(item.value, ast.Constant)
                and isinstance(item.value.value, str)
                and _target(item) in ("message", "remedy")
            ]
    return [text for text in found if text]


def _target(item: ast.Assign | ast.AnnAssign) -> str:
    target = item.targets[0] if isinstance(item, ast.Assign) else item.target
    return target.id if isinstance(target, ast.Name) else ""
