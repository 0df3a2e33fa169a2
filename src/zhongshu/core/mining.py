"""过程挖掘, process mining: how cases really travel, from the log of what happened to them.

A directly-follows picture counts how often one step came right after another and how long
that took; variants are whole ways; loops are steps that a case took again. Activities are
kinds of acts, never people.
"""

from __future__ import annotations

import html
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import quantiles

#: The node before the first and after the last step of every case.
BEGIN, END = "▶", "■"


@dataclass(frozen=True, slots=True, kw_only=True)
class Edge:
    """One step right after another: how often, in how many cases, and how long (seconds)."""

    source: str
    target: str
    count: int
    cases: int
    median_s: float = 0.0
    p90_s: float = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Variant:
    """A whole way, the cases that went it, and how long it took them (median, seconds)."""

    steps: tuple[str, ...]
    cases: int
    median_s: float

    @property
    def loops(self) -> tuple[str, ...]:
        """The steps taken more than once."""
        return tuple(sorted(step for step, n in Counter(self.steps).items() if n > 1))


@dataclass(frozen=True, slots=True, kw_only=True)
class Picture:
    """A directly-follows picture of so many cases."""

    cases: int
    edges: tuple[Edge, ...]
    variants: tuple[Variant, ...] = ()

    def simplified(self, share: float) -> Picture:
        """Return it without the edges that fewer than a share of the cases went."""
        kept = tuple(e for e in self.edges if e.cases >= share * self.cases)
        return Picture(cases=self.cases, edges=kept, variants=self.variants)


def picture(events: Iterable[tuple[str, str, float]], *, top: int = 20) -> Picture:
    """Return the picture of events ``(case, activity, seconds)``; equal times keep their order.

    Percentiles are those of `statistics.quantiles` with the inclusive method.
    """
    ways: dict[str, list[tuple[float, str]]] = defaultdict(list)
    for case, activity, at in events:
        ways[case].append((at, activity))
    times: dict[tuple[str, str], list[float]] = defaultdict(list)
    seen: dict[tuple[str, str], set[str]] = defaultdict(set)
    whole: dict[tuple[str, ...], list[float]] = defaultdict(list)
    for case, way in ways.items():
        way.sort(key=lambda step: step[0])
        first, last = way[0][0], way[-1][0]
        whole[tuple(name for _, name in way)].append(last - first)
        steps = [(first, BEGIN), *way, (last, END)]
        for (at, one), (then, other) in pairwise(steps):
            times[one, other].append(then - at)
            seen[one, other].add(case)
    edges = tuple(
        Edge(
            source=a, target=b, count=len(spans), cases=len(seen[a, b]),
            median_s=percentile(spans, 50), p90_s=percentile(spans, 90),
        )
        for (a, b), spans in sorted(times.items(), key=lambda kv: (-len(kv[1]), kv[0]))
    )  # fmt: skip
    common = sorted(whole.items(), key=lambda kv: (-len(kv[1]), kv[0]))[:top]
    variants = tuple(
        Variant(steps=steps, cases=len(spans), median_s=percentile(spans, 50))
        for steps, spans in common
    )
    return Picture(cases=len(ways), edges=edges, variants=variants)


def percentile(values: Sequence[float], percent: int) -> float:
    """Return a percentile (1 to 99) of at least one value, between neighbours by share."""
    if len(values) == 1:
        return values[0]
    return quantiles(values, n=100, method="inclusive")[percent - 1]


def layers(edges: Sequence[Edge]) -> tuple[tuple[str, ...], ...]:
    """Return the steps in rows: each below whatever most cases did before it.

    Walks the edges from the most travelled down and leaves out those that would close a
    ring, so the picture is a stable one whatever the order of its edges.
    """
    below: dict[str, set[str]] = defaultdict(set)
    names = sorted({e.source for e in edges} | {e.target for e in edges})
    for edge in sorted(edges, key=lambda e: (-e.cases, e.source, e.target)):
        if edge.source != edge.target and not _reaches(below, edge.target, edge.source):
            below[edge.source].add(edge.target)
    # What nothing leads to but a ring stands right below the beginning.
    depth = {name: int(BEGIN in names and name != BEGIN) for name in names}
    for _ in names:
        for source in names:
            for target in below[source]:
                depth[target] = max(depth[target], depth[source] + 1)
    if END in depth:
        depth[END] = max(depth.values()) + (0 if depth[END] == max(depth.values()) else 1)
    rows: dict[int, list[str]] = defaultdict(list)
    for name in names:
        rows[depth[name]].append(name)
    return tuple(tuple(rows[level]) for level in sorted(rows))


def _reaches(below: Mapping[str, set[str]], start: str, goal: str) -> bool:
    todo, seen = [start], set[str]()
    while todo:
        here = todo.pop()
        if here == goal:
            return True
        if here not in seen:
            seen.add(here)
            todo += below.get(here, ())
    return False


# ── drawing ──────────────────────────────────────────────────────────────────────────

_W, _H, _GAP_X, _GAP_Y, _MARGIN = 168, 44, 36, 62, 24


def drawn(shown: Picture, *, words: Mapping[str, str], links: Mapping[tuple[str, str], str]) -> str:
    """Return the picture as SVG. ``words`` say the steps, ``links`` open an edge's cases.

    Colours are classes (``node``, ``edge``, ``back``), so the page's style decides.
    """
    rows = layers(shown.edges)
    widest = max((len(row) for row in rows), default=1) * (_W + _GAP_X) - _GAP_X
    height = len(rows) * (_H + _GAP_Y) + _MARGIN
    at: dict[str, tuple[float, float, int]] = {}
    for level, row in enumerate(rows):
        left = (widest - len(row) * (_W + _GAP_X) + _GAP_X) / 2
        for n, name in enumerate(row):
            at[name] = (left + n * (_W + _GAP_X), _MARGIN / 2 + level * (_H + _GAP_Y), level)
    most = max((e.cases for e in shown.edges), default=1)
    reach = [_reach(e, at) for e in shown.edges]
    west, east = min([0.0, *reach]) - 2 * _MARGIN, max([widest, *reach]) + 2 * _MARGIN
    parts = [f'<svg class="process" viewBox="{west:.0f} 0 {east - west:.0f} {height:.0f}" width="{east - west:.0f}" role="group" xmlns="http://www.w3.org/2000/svg">',
             '<defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerUnits="userSpaceOnUse" markerWidth="11" markerHeight="11" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" class="tip"/></marker></defs>']  # fmt: skip
    parts += [_edge(e, at, most, shown.cases, links) for e in shown.edges]
    parts += [_node(name, x, y, words) for name, (x, y, _) in at.items()]
    return "".join([*parts, "</svg>"])


def _node(name: str, x: float, y: float, words: Mapping[str, str]) -> str:
    text = html.escape(words.get(name, name))
    short = text if len(text) <= 22 else text[:21] + "…"
    return (
        f'<g class="node"><rect x="{x:.0f}" y="{y:.0f}" width="{_W}" height="{_H}" rx="9"/>'
        f'<text x="{x + _W / 2:.0f}" y="{y + _H / 2 + 5:.0f}" text-anchor="middle">{short}<title>{text}</title></text></g>'
    )


_At = Mapping[str, tuple[float, float, int]]


def _bend(edge: Edge, at: _At) -> float:
    """How far an edge that passes over rows of others swings out to the side."""
    (x1, _, up), (x2, _, down) = at[edge.source], at[edge.target]
    return 0.0 if down - up == 1 else (_W + 30 * (down - up)) * (1 if x1 >= x2 else -1)


def _side(edge: Edge, at: _At) -> float:
    """How far to the right an edge that goes back swings out."""
    (x1, _, up), (x2, _, down) = at[edge.source], at[edge.target]
    return max(x1, x2) + _W + 26 + 8 * (up - down)


def _reach(edge: Edge, at: _At) -> float:
    """How far to the side an edge gets: three quarters of the way to where it is pulled."""
    (x1, _, up), (x2, _, down) = at[edge.source], at[edge.target]
    if down <= up:
        return _side(edge, at)
    bend = _bend(edge, at)
    return (min(x1, x2) if bend < 0 else max(x1, x2)) + _W / 2 + 0.75 * bend


def _edge(
    edge: Edge, at: _At, most: int, cases: int,
    links: Mapping[tuple[str, str], str],
) -> str:  # fmt: skip
    (x1, y1, up), (x2, y2, down) = at[edge.source], at[edge.target]
    stroke = 1.2 + 5 * edge.cases / most
    back = down <= up
    if edge.source == edge.target:
        path = f"M{x1 + _W:.0f} {y1 + 14:.0f} c34 -10 34 26 0 18"
        lx, ly = x1 + _W + 30, y1 + 10
    elif back:
        side = _side(edge, at)
        path = f"M{x1 + _W:.0f} {y1 + _H / 2:.0f} C{side:.0f} {y1:.0f} {side:.0f} {y2 + _H:.0f} {x2 + _W:.0f} {y2 + _H / 2:.0f}"
        lx, ly = side - 14, (y1 + y2 + _H) / 2
    else:
        bend = _bend(edge, at)
        path = f"M{x1 + _W / 2:.0f} {y1 + _H:.0f} C{x1 + _W / 2 + bend:.0f} {y1 + _H + _GAP_Y / 2:.0f} {x2 + _W / 2 + bend:.0f} {y2 - _GAP_Y / 2:.0f} {x2 + _W / 2:.0f} {y2 - 2:.0f}"
        lx, ly = (x1 + x2) / 2 + _W / 2 + bend * 0.75, (y1 + _H + y2) / 2 + 4
    label = f"{edge.cases:,}"
    title = f"{edge.cases:,} / {cases:,}"
    body = (
        f'<path class="{"back" if back else "edge"}" d="{path}" stroke-width="{stroke:.1f}" marker-end="url(#tip)"><title>{title}</title></path>'
        f'<text class="count" x="{lx:.0f}" y="{ly:.0f}" text-anchor="middle">{label}</text>'
    )
    link = links.get((edge.source, edge.target))
    return f'<a href="{html.escape(link)}">{body}</a>' if link else body
