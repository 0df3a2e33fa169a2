"""Process mining against pictures made by hand, and against the real logs."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from zhongshu.core.mining import BEGIN, END, Edge, drawn, layers, percentile, picture
from zhongshu.link import eventlogs

EVENTS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from("RDHCX"), st.integers(0, 50)), max_size=40
)


@given(EVENTS)
def test_the_picture_counts_what_a_hand_counts(events: list[tuple[str, str, int]]) -> None:
    found = picture((c, a, float(t)) for c, a, t in events)
    ways = {
        case: [
            a for _, a in sorted(((t, a) for c, a, t in events if c == case), key=lambda x: x[0])
        ]
        for case in {c for c, _, _ in events}
    }
    assert found.cases == len(ways)
    hand: dict[tuple[str, str], list[str]] = {}
    for case, way in ways.items():
        for pair in zip([BEGIN, *way], [*way, END], strict=True):
            hand.setdefault(pair, []).append(case)
    assert {(e.source, e.target): (e.count, e.cases) for e in found.edges} == {
        pair: (len(cases), len(set(cases))) for pair, cases in hand.items()
    }
    assert sum(v.cases for v in found.variants) == len(ways)
    assert all(list(v.steps) in ways.values() for v in found.variants)
    # What goes into a step comes out of it.
    for step in {a for way in ways.values() for a in way}:
        assert sum(e.count for e in found.edges if e.target == step) == sum(
            e.count for e in found.edges if e.source == step
        )


@given(EVENTS)
def test_the_layers_hold_every_step_once_and_begin_at_the_top(
    events: list[tuple[str, str, int]],
) -> None:
    found = picture((c, a, float(t)) for c, a, t in events)
    rows = layers(found.edges)
    names = [name for row in rows for name in row]
    assert sorted(names) == sorted(
        {e.source for e in found.edges} | {e.target for e in found.edges}
    )
    if rows:
        assert rows[0] == (BEGIN,)
        assert END in rows[-1]
        assert rows == layers(tuple(reversed(found.edges)))


def test_times_between_steps_are_medians_and_nine_of_ten() -> None:
    events = [(str(n), a, t) for n in range(11) for a, t in (("R", 0.0), ("D", float(n)))]
    edge = next(e for e in picture(events).edges if (e.source, e.target) == ("R", "D"))
    assert (edge.median_s, edge.p90_s) == (5.0, 9.0)
    assert percentile([7.0], 90) == 7.0


def test_rare_edges_are_left_out_of_the_drawing_only() -> None:
    events = [(str(n), a, float(t)) for n in range(99) for t, a in enumerate("RDC")] + [("x", "R", 0.0), ("x", "C", 1.0)]  # fmt: skip
    whole = picture(events)
    assert ("R", "C") in {(e.source, e.target) for e in whole.edges}
    assert ("R", "C") not in {(e.source, e.target) for e in whole.simplified(0.02).edges}
    assert whole.simplified(0.02).cases == 100


def test_loops_are_the_steps_taken_again() -> None:
    (way,) = picture([("1", a, float(t)) for t, a in enumerate("RDRDC")]).variants
    assert way.loops == ("D", "R")


def test_the_drawing_escapes_what_logs_say_and_links_each_edge() -> None:
    shown = picture([("1", "<script>", 0.0), ("1", "b", 1.0)])
    svg = drawn(shown, words={}, links={("<script>", "b"): "/process/cases?x=1&y=2"})
    assert "<script>" not in svg
    assert 'href="/process/cases?x=1&amp;y=2"' in svg
    assert svg.count("marker-end") == len(shown.edges)


def test_no_arrow_leaves_the_drawing() -> None:
    # A long way round on each side: a step that jumps four rows down, and one that goes back.
    way = ["a", "b", "c", "d", "e"]
    events = [("1", step, float(t)) for t, step in enumerate([*way, "b", "c", "d", "e"])]
    events += [("2", step, float(t)) for t, step in enumerate(["a", "x", "e"])] + [("3", "a", 0.0), ("3", "e", 1.0)]  # fmt: skip
    svg = drawn(picture(events), words={}, links={})
    box = re.search(r'viewBox="(-?\d+) 0 (\d+) \d+"', svg)
    assert box is not None
    west, width = int(box[1]), int(box[2])
    for path in re.findall(r' d="M([^"]+)" stroke-width', svg):
        if " c" in path:  # a loop of one step is drawn relative to it
            continue
        numbers = [float(n) for n in re.findall(r"-?\d+", path)]
        points = [(1 - t) ** 3 * numbers[0] + 3 * (1 - t) ** 2 * t * numbers[2] + 3 * (1 - t) * t**2 * numbers[4] + t**3 * numbers[6] for t in (0, 0.25, 0.5, 0.75, 1)]  # fmt: skip
        assert west <= min(points)
        assert max(points) <= west + width


def test_an_empty_log_is_an_empty_picture() -> None:
    assert picture([]).cases == 0
    assert "<svg" in drawn(picture([]), words={}, links={})
    assert layers((Edge(source="a", target="a", count=1, cases=1),)) == (("a",),)


LOGS = {
    "bpic2013_volvo_incidents": ("case:concept:name", "concept:name", "time:timestamp"),
    "bpic2014_rabobank_incident_activities": ("incident_id", "incident_activity_type", "data_stamp"),
    "bpic2015_municipality1_permits": ("case_concept.name", "event_concept.name", "event_time.timestamp"),
    "servicenow_incident_log": ("number", "incident_state", "sys_updated_at"),
    "wabo_receipt_phase": ("case:concept:name", "concept:name", "time:timestamp"),
}  # fmt: skip


@pytest.mark.parametrize("name", LOGS)
def test_real_logs_are_read_whole(shared_data: Path, name: str) -> None:
    path = shared_data / "process_logs" / f"{name}.parquet"
    if not path.exists():
        pytest.skip("the real logs are not here")
    case, activity, time = LOGS[name]
    log = eventlogs.read(path, case=case, activity=activity, time=time)
    assert len(log.events) > 5_000
    assert log.refused.height < 0.01 * len(log.events)
    found = picture(log.events)
    assert sum(e.cases for e in found.edges if e.source == BEGIN) == found.cases
    assert sum(e.count for e in found.edges if e.target == END) == found.cases
    assert sum(e.count for e in found.edges) == len(log.events) + found.cases
