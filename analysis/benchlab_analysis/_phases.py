"""A run as phases, each with one direction of current: from its step index, or from its rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchlab.model.run import Run
from benchlab_analysis._counters import integrated, reset_safe, rest_threshold
from benchlab_analysis._recorded import is_recorded

__all__ = [
    "PULSE_SHARE", "Phase", "chamber_setting", "complete", "large", "moved", "phases",
    "temperature",
]  # fmt: skip

Floats = npt.NDArray[np.float64]

PULSE_SHARE = 0.02
"""A phase with less charge than this share of the largest one is a pulse, not a half cycle."""

LEVEL = 0.10
"""A current that changes by a larger share from row to row, flat on both sides, is a new phase."""

FLAT = 0.02

END_SHARE = 0.02
"""An end voltage this near, as a share of the window, is the end of the window."""

_DRIVEN = ("CC", "CV", "CP", "CR")
_OWN_REASONS = ("voltage", "current", "hold_at_most", "already_met")


class Phase(NamedTuple):
    """Neighbouring rows with one direction of current, or a rest.

    Attributes
    ----------
    number : int
        The step count of a recorded run, else the place in the order.
    sign : int
        +1 charge, -1 discharge, 0 rest.
    first, last : int
        Its rows.
    start, end, start_half_width, end_half_width : float
        Seconds of test time.
    charge, energy : float
        Ah and Wh, as magnitudes.
    current : float
        The mean, signed; 0 in a rest.
    start_voltage, end_voltage : float
        NaN where the instrument was blind.
    end_reason : str
        Empty where the file does not say.
    gain, offset : float
        The stated accuracy of the current range: a share, and A; NaN where none is stated.
    """

    number: int
    label: str
    sign: int
    first: int
    last: int
    start: float
    end: float
    start_half_width: float
    end_half_width: float
    charge: float
    energy: float
    current: float
    start_voltage: float
    end_voltage: float
    cycle: int
    kind: str
    end_reason: str
    gain: float
    offset: float

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.end - self.start

    @property
    def charge_half_width(self) -> float:
        """Worst case of the charge in Ah that the stated accuracy and the edges allow; or NaN."""
        edges = abs(self.current) * (self.start_half_width + self.end_half_width)
        return self.gain * self.charge + (self.offset * self.duration + edges) / 3600.0


def phases(run: Run) -> list[Phase]:
    """Return every phase of a run, in order; empty where it has fewer than two rows.

    A recorded run gives its steps. Of a foreign one, a phase ends where the step number changes,
    where the direction of the current does (rest by a threshold of the cell's own), and, without
    step numbers, where the current goes from one level to another.
    """
    if len(run) < 2:
        return []
    return _recorded(run) if is_recorded(run) else _foreign(run)


def _recorded(run: Run) -> list[Phase]:
    stated = {float(item["full_scale"]): item for item in run.instrument.get("current_ranges", ())}
    found = []
    for step in run.steps.records():
        net = step["step_charging_capacity_ah"] - step["step_discharging_capacity_ah"]
        driven = step["step_type"].startswith(_DRIVEN) and net != 0.0
        seconds = step["end_time_second"] - step["start_time_second"]
        own = _range(stated, step["current_range_ampere"])
        energy = step["step_charging_energy_wh"] - step["step_discharging_energy_wh"]
        found.append(
            Phase(
                step["step_count"], step["label"], int(np.sign(net)) if driven else 0,
                step["first_row"], step["last_row"],
                step["start_time_second"], step["end_time_second"],
                _or_zero(step["start_half_width_second"]), _or_zero(step["end_half_width_second"]),
                abs(net) if driven else 0.0, abs(energy) if driven else 0.0,
                net * 3600.0 / seconds if driven and seconds > 0.0 else 0.0,
                step["start_voltage_volt"], step["end_voltage_volt"],
                step["cycle_count"], step["cycle_kind"], step["end_reason"],
                float(own["gain"]) if own else np.nan, float(own["offset"]) if own else np.nan,
            )
        )  # fmt: skip
    return [phase for phase in found if phase.last >= phase.first >= 0]


def _or_zero(value: float) -> float:
    return value if np.isfinite(value) else 0.0


def _range(stated: dict[float, Any], used: float) -> Any:
    near = [item for scale, item in stated.items() if np.isclose(scale, used, rtol=1e-6, atol=0.0)]
    return near[0] if near else None


class _Rows(NamedTuple):
    """Rows of a foreign run: sums since the first row, by direction."""

    time: Floats
    voltage: Floats
    current: Floats
    threshold: float
    charge: dict[int, Floats]
    energy: dict[int, Floats]


def _foreign(run: Run) -> list[Phase]:
    rows = _read(run)
    current = np.nan_to_num(rows.current)
    sign = np.where(np.abs(current) > rows.threshold, np.sign(current), 0.0)
    turns = sign[1:] != sign[:-1]
    steps = next((run[name] for name in ("step_count", "step_id") if name in run), None)
    if steps is not None and np.unique(steps).size > 1:
        turns |= steps[1:] != steps[:-1]
    else:
        turns |= _levels(current, sign)
    starts = np.concatenate(([0], np.flatnonzero(turns) + 1))
    ends = np.concatenate((starts[1:] - 1, [len(rows.time) - 1]))
    index = run["cycle_count"] if "cycle_count" in run else np.zeros(len(run), dtype=np.uint32)
    return [
        _from_rows(number, rows, int(sign[a]), int(a), int(b), int(index[a]))
        for number, (a, b) in enumerate(zip(starts, ends, strict=True), start=1)
    ]


def _read(run: Run) -> _Rows:
    """Return the rows; charge from the counters, reset-safe, else by the trapezoid."""
    time, voltage, current = (
        np.asarray(run[name], dtype=np.float64)
        for name in ("test_time_second", "voltage_volt", "current_ampere")
    )
    threshold = rest_threshold(current)
    charge, energy = {}, {}
    for sign, name in ((1, "charging"), (-1, "discharging")):
        flows = sign * np.nan_to_num(current) > threshold
        amount = np.abs(np.nan_to_num(current))
        charge[sign] = _sums(run, f"{name}_capacity_ah", time, amount, flows)
        power = amount * np.nan_to_num(voltage)
        energy[sign] = _sums(run, f"{name}_energy_wh", time, power, flows)
    return _Rows(time, voltage, current, threshold, charge, energy)


def moved(run: Run) -> dict[int, Floats]:
    """Return Ah since the first row for each row, by direction: +1 charge, -1 discharge."""
    return _read(run).charge


def _sums(
    run: Run, name: str, time: Floats, values: Floats, flows: npt.NDArray[np.bool_]
) -> Floats:
    for known in (name, f"schedule_{name}"):
        if known in run:
            raw = np.asarray(run[known], dtype=np.float64)
            if np.isfinite(raw).all():
                return reset_safe(raw).values
    return integrated(time, values, flows).values


def _levels(current: Floats, sign: Floats) -> npt.NDArray[np.bool_]:
    change = np.abs(np.diff(current))
    larger = np.maximum(np.abs(current[1:]), np.abs(current[:-1]))
    still = np.concatenate(([True], change <= FLAT * larger, [True]))
    jump: npt.NDArray[np.bool_] = (
        (change > LEVEL * larger)
        & (sign[1:] == sign[:-1])
        & (sign[1:] != 0)
        & still[:-2]
        & still[2:]
    )
    return jump


def _from_rows(number: int, rows: _Rows, sign: int, a: int, b: int, cycle: int) -> Phase:
    before = max(a - 1, 0)
    counter, energy = rows.charge[sign or 1], rows.energy[sign or 1]
    half = (rows.time[a] - rows.time[before]) / 2.0
    start, end = float(rows.time[a] - half), float(rows.time[b])
    after = min(b + 1, len(rows.time) - 1)
    end_half = (rows.time[after] - rows.time[b]) / 2.0
    end += end_half
    moved = float(counter[b] - counter[before]) if sign else 0.0
    seconds = end - start
    return Phase(
        number, "", sign, a, b, start, end, float(half), float(end_half),
        moved, float(energy[b] - energy[before]) if sign else 0.0,
        sign * moved * 3600.0 / seconds if seconds > 0.0 else 0.0,
        float(rows.voltage[a]), float(rows.voltage[b]), cycle, "", "", np.nan, np.nan,
    )  # fmt: skip


def large(found: Sequence[Phase]) -> list[Phase]:
    """Return the phases that move charge and are no pulses."""
    most = max((phase.charge for phase in found), default=0.0)
    return [phase for phase in found if phase.sign and phase.charge >= PULSE_SHARE * most]


def complete(found: Sequence[Phase]) -> list[Phase]:
    """Return the large phases that went to the end of the voltage window in their direction.

    Where the file says how a step ended, only a step ended by the cell counts (its voltage, or
    the current of its hold). The ends of the window are the farthest end voltages of any phase.
    """
    chosen = [phase for phase in large(found) if np.isfinite(phase.end_voltage)]
    ends = {
        sign: [sign * phase.end_voltage for phase in chosen if phase.sign == sign]
        for sign in (1, -1)
    }
    high, low = max(ends[1], default=np.nan), -max(ends[-1], default=np.nan)
    reach = END_SHARE * (high - low) if high > low else 0.02
    out = []
    for phase in chosen:
        limit = high if phase.sign > 0 else low
        near = phase.sign * (limit - phase.end_voltage) <= reach
        if near and (not phase.end_reason or phase.end_reason in _OWN_REASONS):
            out.append(phase)
    return out


def temperature(run: Run, phase: Phase) -> tuple[float, str]:
    """Return the temperature of a phase in degC, and where it is from; NaN where not known.

    The surface where a sensor was recorded, else the air, else what the chamber was set to.
    """
    for name, source in (
        ("surface_temperature_celsius", "surface"),
        ("ambient_temperature_celsius", "ambient"),
        ("temperature_t1_celsius", "channel 1"),
    ):
        if name in run:
            values = np.asarray(run[name][phase.first : phase.last + 1], dtype=np.float64)
            values = values[np.isfinite(values)]
            if values.size:
                return float(values.mean()), source
    celsius = chamber_setting(run, phase.start)
    return celsius, "chamber setting" if np.isfinite(celsius) else "not known"


def chamber_setting(run: Run, second: float) -> float:
    """Return what the chamber was set to last before a test time, in degC; NaN: nothing known."""
    events = run.events
    if "kind" in events and events.rows:
        before = (events["kind"] == "chamber") & (events["test_time_second"] <= second)
        for text in reversed(events["text"][before].tolist()):
            words = text.split()
            if text.startswith("set to ") and words[-1] == "degC":
                return float(words[-2])
    return np.nan
