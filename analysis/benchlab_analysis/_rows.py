"""Rows of a run as cumulative charge and energy, with what the counters say of themselves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchlab.model.run import Run
from benchlab_analysis._counters import (
    Cumulative,
    counter_quantum,
    integrated,
    reset_safe,
    reset_scope,
    rest_threshold,
    time_in_doubt,
)
from benchlab_analysis._sums import Provenance

__all__ = ["Rows", "cycle_index", "read_rows"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]


class Rows(NamedTuple):
    """Rows of a run, arrays of shape (n,); charge in Ah and energy in Wh since the first row.

    Attributes
    ----------
    threshold : float
        The magnitude of current that is rest.
    bound : ndarray or None
        How far an integral may be off since the first row, in Ah; None for counters.
    quantum : float
        The smallest rise of the counters, in Ah; 0 for an integral.
    resets : ndarray of int
        The first row after each reset.
    before_first : tuple of float
        What flowed until the first row: charge, discharge and their energies.
    """

    time: Floats
    voltage: Floats
    current: Floats
    threshold: float
    charge: Floats
    discharge: Floats
    charge_energy: Floats
    discharge_energy: Floats
    bound: Floats | None
    quantum: float
    resets: Ints
    before_first: tuple[float, float, float, float]


def read_rows(run: Run, provenance: Provenance) -> Rows:
    """Return time, voltage, current, and charge and energy since the first row.

    Raises
    ------
    KeyError
        Where time, voltage or current is missing.
    """
    time, voltage, current = (
        np.asarray(run[name], dtype=np.float64)
        for name in ("test_time_second", "voltage_volt", "current_ampere")
    )
    _repeat_warnings(run, provenance)
    threshold = rest_threshold(current)
    power = current * voltage
    integrals = [
        integrated(time, np.abs(values), gate)
        for values, gate in (
            (current, current > threshold),
            (current, current < -threshold),
            (power, current > threshold),
            (power, current < -threshold),
        )
    ]
    counted = [_counter(run, name) for name in ("charging", "discharging")]
    energies = [_counter(run, name, "energy_wh") for name in ("charging", "discharging")]
    bound = None
    quantum = 0.0
    resets = np.empty(0, dtype=np.intp)
    before = [0.0, 0.0, 0.0, 0.0]
    if any(item is None for item in counted):
        provenance.source = "integration"
        a, b = integrals[0].bound, integrals[1].bound
        if a is not None and b is not None:
            bound = a + b
        total = integrals[0].values[-1] + integrals[1].values[-1] if len(time) else 0.0
        share = bound[-1] / total if bound is not None and total > 0.0 else np.nan
        doubt = time_in_doubt(time)
        provenance.notes.append(
            "THERE ARE NO COUNTERS: charge is integrated from the recorded rows by the trapezoid; "
            + (
                f"how far it is off is not known, since {doubt}"
                if doubt
                else f"it may be off by up to {100.0 * share:.2g}% where the current changes "
                "between two rows"
            )
        )
        sums = integrals[:2]
    else:
        provenance.source = "counters"
        raw = [item for item in counted if item is not None]
        sums = [reset_safe(item) for item in raw]
        quantum = max(counter_quantum(item) for item in raw)
        before[:2] = _first_rises(raw, current, time, provenance)
        _compare(sums, integrals, provenance)
        resets = _describe_resets(run, sums, provenance)
    if any(item is None for item in energies):
        energy_sums = integrals[2:]
        if provenance.source == "counters":
            provenance.notes.append("there are no energy counters: energy is integrated from rows")
    else:
        raw_energy = [item for item in energies if item is not None]
        energy_sums = [reset_safe(item) for item in raw_energy]
        for index, item in enumerate(raw_energy):
            before[2 + index] = float(item[0]) if before[index] > 0.0 else 0.0
    return Rows(
        time,
        voltage,
        current,
        threshold,
        sums[0].values,
        sums[1].values,
        energy_sums[0].values,
        energy_sums[1].values,
        bound,
        quantum,
        resets,
        (before[0], before[1], before[2], before[3]),
    )


def _repeat_warnings(run: Run, provenance: Provenance) -> None:
    """Say again what was warned of when the file was imported: each figure rests on it."""
    said = [str(text) for text in run.meta.get("warnings") or ()]
    # of joined runs only the events are left
    events = run.events["text"][run.events["kind"] == "import"].tolist()
    said += [text.removeprefix("warning: ") for text in events if text.startswith("warning: ")]
    provenance.notes += [f"import warning: {text}" for text in dict.fromkeys(said)]


def cycle_index(run: Run) -> npt.NDArray[np.generic] | None:
    """Return the cycle index; None where there is none, or where it is 0 throughout."""
    if "cycle_count" not in run:
        return None
    index: npt.NDArray[np.generic] = run["cycle_count"]
    return index if bool(index.any()) else None


def _counter(run: Run, direction: str, quantity: str = "capacity_ah") -> Floats | None:
    for name in (f"{direction}_{quantity}", f"schedule_{direction}_{quantity}"):
        if name in run:
            values = np.asarray(run[name], dtype=np.float64)
            if values.size and bool(np.isfinite(values).all()):
                return values
    return None


def _first_rises(
    raw: list[Floats], current: Floats, time: Floats, provenance: Provenance
) -> list[float]:
    """Return what the counters show in the first row, if it can have flowed since the start."""
    interval = min(float(time[0]), 2.0 * float(np.median(np.diff(time)))) if len(time) > 1 else 0.0
    possible = 1.1 * float(np.abs(np.nan_to_num(current)).max()) * max(interval, 0.0) / 3600.0
    rises = []
    for direction, values in zip(("charging", "discharging"), raw, strict=True):
        value = float(values[0])
        rises.append(value if 0.0 < value <= possible else 0.0)
        if value > possible:
            provenance.corrections.append(
                f"the {direction} counter stands at {value:.6g} Ah in the first row, more than can "
                "have flowed by then: it is charge from before the file and is not counted"
            )
    return rises


def _compare(sums: list[Cumulative], integrals: list[Cumulative], provenance: Provenance) -> None:
    parts = []
    for name, counted, integral in zip(("charge", "discharge"), sums, integrals, strict=False):
        if counted.values.size and counted.values[-1] > 0.0:
            share = integral.values[-1] / counted.values[-1] - 1.0
            parts.append(f"{name} {share:+.2%}")
            if abs(share) > 0.1:
                provenance.notes.append(
                    f"rows and counters do not agree on the {name} ({share:+.1%}): check the sign "
                    "of the current, the unit of the time and what the counters count"
                )
    provenance.integral_deviation = ", ".join(parts) or "no charge counted"


def _describe_resets(run: Run, sums: list[Cumulative], provenance: Provenance) -> Ints:
    """Return the first row after each reset, of the instrument's own counters where they are."""
    raw = sums
    schedule = ("schedule_charging_capacity_ah", "schedule_discharging_capacity_ah")
    if all(name in run for name in schedule):
        raw = [reset_safe(run[name]) for name in schedule]
    resets = np.union1d(raw[0].reset_rows, raw[1].reset_rows)
    steps = next((run[name] for name in ("step_count", "step_id") if name in run), None)
    cycle = cycle_index(run)
    if cycle is None:
        cycle = np.zeros(len(run), dtype=np.uint32)
    provenance.reset_scope = reset_scope(resets, cycle, steps)
    provenance.reset_count = int(resets.size)
    provenance.noise_drop_count = sum(int(item.noise_rows.size) for item in raw)
    provenance.noise_drop_ah = sum(item.ignored for item in raw)
    if resets.size:
        provenance.corrections.append(
            f"the counters were reset {resets.size} times (scope: {provenance.reset_scope}); "
            "their rises were summed across the resets"
        )
    return resets.astype(np.intp)
