from __future__ import annotations

import numpy as np
import pytest

from benchlab_analysis import cycle_table
from benchlab_analysis._figures import cycle_figure, png

KINDS = ["formation cycle", "cycle", "imposed cycle", *["cycle"] * 7]
PAIRS = [
    (1.0, 0.8),
    (0.9, 0.895),
    (0.9, 0.9),
    *[(0.896 - 1e-4 * n, 0.893 - 1e-4 * n) for n in range(7)],
]


@pytest.fixture
def figure(recorded, ranges):
    table = cycle_table(recorded(PAIRS, kinds=KINDS, instrument={"current_ranges": ranges}))
    return cycle_figure(table, title="made")


def drawn(axes):
    return {
        (float(x), float(y))
        for line in axes.lines
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    }


def test_axes_carry_units_and_kinds_their_own_markers(figure):
    above, below = figure.axes
    assert above.get_ylabel() == "Cycle Discharging Capacity / Ah"
    assert below.get_ylabel() == "Coulombic Efficiency / 1"
    assert below.get_xlabel() == "Cycle Count / 1"
    labels = [text.get_text() for text in above.get_legend().get_texts()]
    assert labels == ["formation cycle", "cycle", "imposed cycle"]
    assert len({line.get_marker() for line in above.lines[:3]}) == 3


def test_imposed_cycles_stay_out_of_the_efficiency(figure):
    assert 3.0 not in {x for x, _ in drawn(figure.axes[1])}
    assert 3.0 in {x for x, _ in drawn(figure.axes[0])}


def test_what_the_axis_does_not_hold_is_drawn_at_its_edge_and_named(figure):
    below = figure.axes[1]
    low, high = below.get_ylim()
    assert low > 0.8  # one formation cycle does not flatten the rest
    assert (1.0, low) in drawn(below)
    assert "outside the axis: cycle 1: 0.8" in below.get_title(loc="left")
    inside = [y for x, y in drawn(below) if x in (4.0, 5.0, 10.0)]
    assert all(low <= y <= high for y in inside)


def test_intervals_are_drawn_inside_the_axis(figure):
    below = figure.axes[1]
    low, high = below.get_ylim()
    bars = [path.vertices for item in below.collections for path in item.get_paths()]
    own = [bar for bar in bars if bar[0, 0] == 4.0]
    assert len(own) == 1
    assert low < own[0][:, 1].min() < own[0][:, 1].max() < high
    assert "worst case of the stated accuracy" in below.get_title(loc="left")


def test_empty_and_incomplete_tables_can_be_drawn(recorded, from_steps):
    for run in (from_steps([]), recorded([]), recorded([(1.0, 0.9)], state="interrupted")):
        if run.steps.rows:
            assert png(cycle_figure(cycle_table(run)), dots_per_inch=40).startswith(b"\x89PNG")


def test_the_same_table_gives_the_same_picture(recorded):
    run = recorded(PAIRS, kinds=KINDS)
    first, second = (png(cycle_figure(cycle_table(run)), dots_per_inch=50) for _ in range(2))
    assert first == second
    assert np.frombuffer(first, dtype=np.uint8).size > 1000
