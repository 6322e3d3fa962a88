"""The cycle table while rows come in, and on rows with faults: the same numbers, clear words."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchlab_analysis import cycle_table
from benchlab_analysis._stretches import StretchSums
from benchlab_analysis.cycles import LiveCycles


def made(seed: int = 0, cycles: int = 4, fault: bool = True) -> dict[str, np.ndarray]:
    """Return rows of CC-CV charge, rest, discharge, rest, with noise and, if wanted, faults."""
    rng = np.random.default_rng(seed)
    count = 25
    current = np.concatenate(
        [np.zeros(5), np.ones(count), np.geomspace(1.0, 0.1, count), np.zeros(5), -np.ones(count)]
        * cycles
    )
    current += np.where(current != 0.0, rng.normal(0.0, 1e-3, current.size), 0.0)
    volts = np.concatenate(
        [
            np.full(5, 3.3),
            np.linspace(3.4, 4.2, count),
            np.full(count, 4.2),
            np.full(5, 4.15),
            np.linspace(4.0, 3.0, count),
        ]
        * cycles
    )
    time = 60.0 * np.arange(current.size, dtype=float)
    rows = {
        "test_time_second": time,
        "voltage_volt": volts + rng.normal(0.0, 1e-4, volts.size),
        "current_ampere": current,
        "cycle_count": np.repeat(np.arange(1, cycles + 1, dtype=np.uint32), current.size // cycles),
        "surface_temperature_celsius": (25.0 + rng.normal(0, 0.1, volts.size)).astype(np.float32),
    }
    for name, sign in (("charging", 1.0), ("discharging", -1.0)):
        flow = np.maximum(sign * current, 0.0)
        rows[f"{name}_capacity_ah"] = np.cumsum(flow) / 60.0
        rows[f"{name}_energy_wh"] = np.cumsum(flow * volts) / 60.0
    if fault:
        rows["charging_capacity_ah"][100:] -= rows["charging_capacity_ah"][99]  # a reset
        rows["discharging_capacity_ah"][140:] -= 1e-6  # noise
        rows["voltage_volt"][20] = 5.3
        rows["test_time_second"][30] = np.nan
        rows["test_time_second"][200:] -= 120.0
    return rows


def first(run_of, rows, count):
    return run_of(rows={name: values[:count] for name, values in rows.items()})


def assert_same(one, other):
    assert list(one) == list(other)
    for name in one:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    assert one.provenance == other.provenance


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 5), st.lists(st.integers(1, 339), max_size=6), st.booleans())
def test_rows_added_in_any_parts_give_the_same_stretches(seed, cuts, fault):
    rows = made(seed, fault=fault)
    rows = {name: np.asarray(v, dtype=v.dtype) for name, v in rows.items()}
    whole, parts = StretchSums(0.005), StretchSums(0.005)
    whole.add(rows)
    places = sorted({0, *cuts, len(rows["voltage_volt"])})
    for begin, end in pairwise(places):
        parts.add({name: values[begin:end] for name, values in rows.items()})
        parts.stretches()  # a look on the way changes nothing
    for one, other in zip(whole.stretches()[:2], parts.stretches()[:2], strict=True):
        for name in one:
            np.testing.assert_array_equal(one[name], other[name], err_msg=name)
    kept, seen = whole.stretches()[2], parts.stretches()[2]
    for name in ("blank_rows", "glitches", "time_back", "time_stands", "noise_drops", "first"):
        assert getattr(kept, name) == getattr(seen, name), name
    assert kept.quantum() == seen.quantum()


@pytest.mark.parametrize("index", [True, False])
def test_live_looks_equal_the_table_of_the_rows_so_far(from_steps, index):
    rows = made()
    if not index:
        del rows["cycle_count"]
    live = LiveCycles()
    for count in (1, 3, 17, 60, 61, 150, 151, 280, 340):
        run = first(from_steps, rows, count)
        assert_same(live.table(run), cycle_table(run))


def test_a_current_that_moves_the_threshold_is_read_again(from_steps):
    rows = made()
    rows["current_ampere"][200:] *= 50.0
    live = LiveCycles()
    live.table(first(from_steps, rows, 150))
    run = first(from_steps, rows, 340)
    assert_same(live.table(run), cycle_table(run))


def test_blocks_of_a_file_give_what_memory_gives(from_steps, monkeypatch):
    monkeypatch.setattr("benchlab_analysis._rows.BLOCK_ROWS", 37)
    rows = made()
    run = from_steps(rows=rows)
    read = replace(run, load_part=lambda name, start, stop: rows[name][start:stop])
    assert_same(cycle_table(read), cycle_table(run))


def test_faults_are_corrected_aloud(from_steps):
    clean = cycle_table(from_steps(rows=made(fault=False)))
    table = cycle_table(from_steps(rows=made()))
    for name in ("cycle_charging_capacity_ah", "cycle_discharging_capacity_ah"):
        np.testing.assert_allclose(table[name], clean[name], rtol=1e-5)
    assert table["charging_end_voltage_volt"].max() < 4.3
    told = " | ".join(table.provenance.corrections)
    assert "1 rows without a time or a counter are left out" in told
    assert "1 single rows whose voltage is far from both their neighbours (first: 5.3 V)" in told
    assert "1 times the time goes back" in told
    assert "the counters were reset 1 times" in told
    assert table.provenance.noise_drop_count == 1


def test_constant_voltage_part_relaxation_and_temperature(from_steps):
    table = cycle_table(from_steps(rows=made(fault=False)))
    held = np.geomspace(1.0, 0.1, 25)[1:].sum() / 60.0  # its first row still has the full current
    np.testing.assert_allclose(table["charging_cv_capacity_ah"], held, rtol=0.01)
    np.testing.assert_array_equal(table["discharging_cv_capacity_ah"], 0.0)
    np.testing.assert_allclose(
        table["charging_cc_capacity_ah"] + table["charging_cv_capacity_ah"],
        table["cycle_charging_capacity_ah"],
    )
    np.testing.assert_allclose(table["charging_relaxation_volt"], -0.05, atol=1e-3)
    np.testing.assert_allclose(table["discharging_relaxation_volt"][:-1], 0.3, atol=1e-3)
    assert np.isnan(table["discharging_relaxation_volt"][-1])
    np.testing.assert_allclose(table["surface_temperature_mean_celsius"], 25.0, atol=0.1)
    np.testing.assert_allclose(
        table["voltage_efficiency"], table["energy_efficiency"] / table["coulombic_efficiency"]
    )


@pytest.mark.parametrize("count", [0, 1, 5])
def test_no_cycle_is_said(from_steps, count):
    table = cycle_table(first(from_steps, made(), count))
    assert any(text.startswith("NO CYCLE") for text in table.provenance.notes)
