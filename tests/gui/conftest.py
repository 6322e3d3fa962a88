"""A recorded run to look at, made with the product's own writer; the arithmetic is in the open."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from benchlab.model.columns import COLUMNS, ROW_COLUMNS, STEP_COLUMNS
from benchlab.model.run import ProtocolRecord
from benchlab.model.table import Table
from benchlab.store.closed import write_closed

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

CYCLES, ROWS_A_HALF, HALF_SECOND = 6, 300, 3000.0
LOSS = 0.002  # of each charge is not discharged again


def _columns(names: tuple[str, ...], size: int) -> dict[str, np.ndarray]:
    made = {}
    for name in names:
        text = COLUMNS[name].dtype == "text"
        made[name] = np.full(size, "", object) if text else np.zeros(size, COLUMNS[name].dtype)
    return made


def write_run(path: Path, *, spike_volt: float | None = None) -> Path:
    """Write a run of six cycles at 1 A; optionally its very last row is an over-voltage."""
    halves = 2 * CYCLES
    rows = _columns(ROW_COLUMNS, halves * ROWS_A_HALF)
    steps = _columns(STEP_COLUMNS, halves)
    charged = discharged = clock = 0.0
    for half in range(halves):
        charging = half % 2 == 0
        length = HALF_SECOND * (1.0 if charging else 1.0 - LOSS)
        inside = slice(half * ROWS_A_HALF, (half + 1) * ROWS_A_HALF)
        elapsed = np.linspace(0.0, length, ROWS_A_HALF)
        part = elapsed / HALF_SECOND
        rows["test_time_second"][inside] = clock + elapsed
        rows["voltage_volt"][inside] = 3.0 + 0.6 * (part if charging else 1.0 - part)
        rows["current_ampere"][inside] = 1.0 if charging else -1.0
        rows["cycle_count"][inside] = half // 2 + 1
        rows["step_count"][inside] = half + 1
        rows["step_id"][inside] = half % 2
        rows["charging_capacity_ah"][inside] = charged + charging * elapsed / 3600.0
        rows["discharging_capacity_ah"][inside] = discharged + (not charging) * elapsed / 3600.0
        moved = length / 3600.0
        charged, discharged = charged + charging * moved, discharged + (not charging) * moved
        steps["step_count"][half] = half + 1
        steps["step_id"][half] = half % 2
        steps["step_type"][half] = "CC_CHG" if charging else "CC_DCH"
        steps["cycle_count"][half] = half // 2 + 1
        steps["cycle_kind"][half] = "cycle"
        steps["first_row"][half] = inside.start
        steps["last_row"][half] = inside.stop - 1
        steps["start_time_second"][half] = clock
        steps["end_time_second"][half] = clock + length
        steps["start_voltage_volt"][half] = rows["voltage_volt"][inside][0]
        steps["end_voltage_volt"][half] = rows["voltage_volt"][inside][-1]
        for name in ("start_current_ampere", "end_current_ampere", "set_current_ampere"):
            steps[name][half] = 1.0 if charging else -1.0
        direction = "charging" if charging else "discharging"
        steps[f"step_{direction}_capacity_ah"][half] = moved
        steps[f"step_{direction}_energy_wh"][half] = moved * 3.3
        steps["step_net_capacity_ah"][half] = moved if charging else -moved
        steps["crossing_capacity_ah"][half] = np.nan
        steps["current_range_ampere"][half] = 1.0
        steps["reading_count"][half] = ROWS_A_HALF
        steps["counter_source"][half] = "host"
        steps["end_reason"][half] = "voltage"
        steps["own_end"][half] = 1
        clock += length
    if spike_volt is not None:
        rows["voltage_volt"][-1] = spike_volt
    write_closed(
        path,
        rows=rows,
        steps=Table(steps),
        events=Table({"test_time_second": np.zeros(0), "text": np.zeros(0, object)}),
        cell={"name": "LFP-26-140", "first_half_cycle": "charge"},
        protocol=ProtocolRecord(name="six cycles"),
        instrument={},
        meta={"origin": "benchlab"},
    )
    return path


@pytest.fixture
def record() -> Callable[..., Path]:
    return write_run


@pytest.fixture
def recorded(tmp_path: Path) -> Path:
    return write_run(tmp_path / "LFP-26-140.h5")
