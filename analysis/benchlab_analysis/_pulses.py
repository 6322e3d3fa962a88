"""Current pulses in a run, the resistance at a time after their edge, and where they sit."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchlab.errors import UsageError
from benchlab.model.run import Run
from benchlab_analysis._phases import Phase, complete

__all__ = [
    "Charges", "Pulse", "Resistance", "find_pulses", "resistance_at", "states_of_charge",
    "times_of",
]  # fmt: skip

Floats = npt.NDArray[np.float64]

NEAR = 0.02
"""A reading this near to the time asked for, as a share of it, is taken as it is."""

BEND = 0.15
"""A relaxation bends away from the line between two readings by no more than this share of it."""

DRIFT_SECOND = 600.0
DRIFT_SHARE = 0.2
"""The end of a rest whose drift counts: so many seconds, or so much of it if that is less."""


class Pulse(NamedTuple):
    """A short phase of current after another current, most often none.

    Attributes
    ----------
    second, voltage, current : ndarray, shape (n,)
        Readings since the edge.
    voltage_before, current_before : float
        The last reading before the edge, and the current of the phase before.
    drift : float
        V/s at the end of the phase before.
    noise : float
        V, one standard deviation, or the resolution where that is larger.
    voltage_gain : float
        Stated accuracy, as a share; NaN where none is stated.
    """

    phase: Phase
    before: Phase
    second: Floats
    voltage: Floats
    current: Floats
    voltage_before: float
    current_before: float
    drift: float
    noise: float
    voltage_gain: float

    @property
    def from_rest(self) -> bool:
        """Whether no current flowed before."""
        return self.before.sign == 0


class Resistance(NamedTuple):
    """Ohm at `second` after the edge, the half-width of its interval, and the current step."""

    ohm: float
    half_width: float
    second: float
    step_ampere: float


def times_of(text: str) -> list[float]:
    """Return times in seconds from a text such as ``0.1 1 10``.

    Raises
    ------
    benchlab.errors.UsageError
    """
    try:
        found = [float(word) for word in text.replace(",", " ").split()]
    except ValueError:
        found = []
    if not found or not all(np.isfinite(item) and item >= 0.0 for item in found):
        raise UsageError(
            f"{text!r} is no list of times.", remedy="Write seconds with blanks between: 0.1 1 10."
        )
    return sorted(found)


def find_pulses(
    run: Run, found: Sequence[Phase], *, longest_second: float, from_rest: bool = True
) -> list[Pulse]:
    """Return the pulses whose voltage before the edge was seen.

    Parameters
    ----------
    found : sequence of Phase
        Every phase of the run, in order.
    longest_second : float
        A longer phase is no pulse.
    from_rest : bool
        Only those after a rest; else only those after a shorter or longer pulse of the same
        direction and another current.
    """
    out = []
    for before, phase in pairwise(found):
        if not phase.sign or not 0.0 < phase.duration <= longest_second:
            continue
        stepped = (
            before.sign == phase.sign
            and before.duration <= longest_second
            and abs(phase.current - before.current) > 0.2 * abs(phase.current)
        )
        if before.sign == 0 if from_rest else stepped:
            pulse = _pulse(run, before, phase)
            if pulse is not None:
                out.append(pulse)
    return out


def _pulse(run: Run, before: Phase, phase: Phase) -> Pulse | None:
    rows = slice(phase.first, phase.last + 1)
    time = np.asarray(run["test_time_second"][rows], dtype=np.float64)
    voltage = np.asarray(run["voltage_volt"][rows], dtype=np.float64)
    current = np.asarray(run["current_ampere"][rows], dtype=np.float64)
    seen = np.isfinite(voltage) & np.isfinite(current) & np.isfinite(time)
    # a reading of the edge itself belongs to neither side
    seen &= np.abs(current) >= 0.9 * np.nanmedian(np.abs(current))
    past = slice(before.first, before.last + 1)
    then = np.asarray(run["test_time_second"][past], dtype=np.float64)
    volts = np.asarray(run["voltage_volt"][past], dtype=np.float64)
    known = np.isfinite(volts) & np.isfinite(then)
    if not seen.any() or not known.any():
        return None
    then, volts = then[known], volts[known]
    late = then >= then[-1] - min(DRIFT_SECOND, DRIFT_SHARE * (then[-1] - then[0]))
    drift, noise = _line(then[late], volts[late])
    return Pulse(
        phase, before, time[seen] - phase.start, voltage[seen], current[seen],
        float(volts[-1]), before.current, drift,
        max(noise, _resolution(np.concatenate((volts, voltage[seen])))),
        _voltage_gain(run, float(np.abs(volts[-1]))),
    )  # fmt: skip


def _line(time: Floats, volts: Floats) -> tuple[float, float]:
    if time.size < 2 or time[-1] <= time[0]:
        return 0.0, 0.0
    if time.size < 4:
        return float((volts[-1] - volts[0]) / (time[-1] - time[0])), 0.0
    late = slice(time.size // 2, None)  # its first part still bends
    if time[-1] <= time[late][0]:
        return 0.0, 0.0
    slope, start = np.polyfit(time[late] - time[-1], volts[late], 1)
    rest = volts[late] - start - slope * (time[late] - time[-1])
    return float(slope), float(rest.std())


def _resolution(volts: Floats) -> float:
    steps = np.abs(np.diff(np.sort(volts)))
    steps = steps[steps > 1e-9]
    return float(steps.min()) / 2.0 if steps.size else 0.0


def _voltage_gain(run: Run, volts: float) -> float:
    stated = sorted(run.instrument.get("voltage_ranges") or (), key=lambda item: item["full_scale"])
    holding: list[Any] = [item for item in stated if float(item["full_scale"]) >= volts]
    return float(holding[0]["gain"]) if holding else np.nan


def resistance_at(pulse: Pulse, second: float) -> Resistance | None:
    """Return (V(t) - V before) / (I - I before), or None where the pulse was not seen at `second`.

    A reading within 2 % of `second` is taken as it is, and its own time is stated; else V is read
    from the line between the readings on both sides. The interval is the worst case of: the
    stated gains (where none is stated, nothing is added for them), the offset of the current,
    three times the noise of both readings, the drift before the edge, the doubt about when the
    edge was, and the bend of the line.
    """
    t = pulse.second
    near = int(np.argmin(np.abs(t - second)))
    bend = 0.0
    if abs(t[near] - second) <= max(NEAR * second, 0.05):
        at, volts, ampere = float(t[near]), float(pulse.voltage[near]), float(pulse.current[near])
    elif t[0] < second < t[-1]:
        after = int(np.searchsorted(t, second))
        share = (second - t[after - 1]) / (t[after] - t[after - 1])
        low, high = pulse.voltage[after - 1], pulse.voltage[after]
        at, volts = second, float(low + share * (high - low))
        ampere = float(np.mean(pulse.current[after - 1 : after + 1]))
        bend = BEND * abs(float(high - low))
    else:
        return None
    step = ampere - pulse.current_before
    if step == 0.0:
        return None
    rise = volts - pulse.voltage_before
    ohm = rise / step
    slope = _slope(pulse, at)
    edge = pulse.phase.start_half_width * slope
    # noise of two readings, three standard deviations
    doubt = 3.0 * np.sqrt(2.0) * pulse.noise + abs(pulse.drift) * at + edge + bend
    current_gain, offset = np.nan_to_num(pulse.phase.gain), np.nan_to_num(pulse.phase.offset)
    share = np.nan_to_num(pulse.voltage_gain) + current_gain + offset / abs(step)
    return Resistance(ohm, float(doubt / abs(step) + abs(ohm) * share), at, step)


def _slope(pulse: Pulse, at: float) -> float:
    """Return the magnitude of dV/dt around a time, in V/s."""
    if pulse.second.size < 2:
        return 0.0
    rates = np.abs(np.diff(pulse.voltage) / np.maximum(np.diff(pulse.second), 1e-3))
    place = min(int(np.searchsorted(pulse.second, at)), rates.size - 1)
    return float(rates[place])


class Charges(NamedTuple):
    """States of charge by phase number, at the start of each phase, and how they were found."""

    at_start: dict[int, float]
    capacity_ah: float
    said: str


def states_of_charge(
    found: Sequence[Phase], *, capacity_ah: float | None, nominal_ah: float | None
) -> Charges:
    """Return the state of charge at the start of each phase, by counted charge from full.

    Full is the end of a complete charge. The capacity is what a complete discharge took from
    full to empty, the first one of the run, else the nominal one. Before the first full one counts
    backwards from it. NaN where nothing is known.
    """
    ends = {phase.number: phase.sign for phase in complete(found)}
    net, full = 0.0, None
    counted: list[tuple[int, float]] = []
    fulls: list[tuple[int, float]] = []
    measured = None
    for order, phase in enumerate(found):
        counted.append((phase.number, net))
        net += phase.sign * phase.charge
        if ends.get(phase.number) == 1:
            full = net
            fulls.append((order, net))
        elif ends.get(phase.number) == -1 and full is not None and measured is None:
            measured = full - net
    if capacity_ah is not None:
        capacity, origin = capacity_ah, "as asked for"
    elif measured is not None:
        capacity, origin = measured, "from full to empty, measured in this run"
    elif nominal_ah:
        capacity, origin = nominal_ah, "nominal"
    else:
        capacity, origin = np.nan, "not known"
    if not fulls:
        said = "the state of charge is not known: no complete charge in this run"
        return Charges({number: np.nan for number, _ in counted}, capacity, said)
    out = {}
    for order, (number, at) in enumerate(counted):
        before = [level for place, level in fulls if place < order]
        level = before[-1] if before else fulls[0][1]
        out[number] = 1.0 - (level - at) / capacity
    said = f"state of charge: charge counted from the last full, over {capacity:.6g} Ah ({origin})"
    return Charges(out, capacity, said)
