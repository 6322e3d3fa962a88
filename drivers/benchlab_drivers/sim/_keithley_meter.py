"""The meter of a simulated 2450, 2460 or 2461: a closure per configuration, to be quick.

A reading is taken at the middle of its exchange. With read-back the source value is measured just
before the reading, one integration time apart.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from benchlab_drivers.sim._errors import RangeError
from benchlab_drivers.sim._keithley_buffers import OVERFLOW, UNITS, Buffer, Facts, written

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchlab_drivers.sim._keithley_smu import SimulatedKeithley

    Reader = Callable[[float], bytes]
    Finder = Callable[[float], tuple[float, ...]]

__all__ = ["make_reader"]

OPEN_LEAD_VOLT = 50e-6
ROUND = 6755399441055744.0
"""1.5 * 2**52: adding it and taking it away rounds to whole numbers."""
TINY = 5e-324
HYSTERESIS = 0.9
"""An automatic range is left downwards below this part of the next lower one's end."""


def _pick(ranges: tuple[RangeError, ...], fixed: float | None) -> Finder:
    """Return what finds the range of a value, for its polarity.

    It answers with the values between which that holds, then gain, offset and scatter in steps of
    the resolution, the steps per unit (0: not rounded) and the step.
    """

    def find(value: float) -> tuple[float, ...]:
        size = abs(value) if fixed is None else fixed
        k = next((k for k, r in enumerate(ranges) if size <= 1.05 * r.full_scale), len(ranges) - 1)
        r = ranges[k]
        low = HYSTERESIS * 1.05 * ranges[k - 1].full_scale if k and fixed is None else -TINY
        high = 1.05 * r.full_scale
        if abs(value) > high:
            return math.inf, math.inf, 0.0, OVERFLOW, 0.0, 0.0, 0.0
        gain, offset = r.gain_positive, r.offset_positive
        if value < 0.0:
            gain, offset = r.gain_negative, r.offset_negative
            low, high = -high, -max(low, TINY)
        if not r.resolution:
            return low, high, gain, offset, r.scatter, 0.0, 0.0
        steps = 1.0 / r.resolution
        return low, high, gain * steps, offset * steps, r.scatter * steps, steps, r.resolution

    return find


def make_reader(k: SimulatedKeithley, buffer: Buffer, elements: tuple[str, ...]) -> Reader:
    """Return what measures at a given clock second, stores the reading and writes the answer."""
    s = k.settings
    source = s.source[s.function]
    sense_v, sense_i = s.sense["VOLT"], s.sense["CURR"]
    kind = s.sense_function
    unit = s.sense[kind].unit
    current = kind == "CURR" and unit in ("", "AMP")
    voltage = kind == "VOLT" and unit in ("", "VOLT")
    shift = s.sense[kind].relative if s.sense[kind].relative_on else 0.0
    voltage_source = s.function == "VOLT"
    facts = Facts(
        UNITS[kind],
        UNITS[s.function],
        s.terminals == "FRON",
        s.output,
        s.output and s.sense[kind].four_wire,
        source.readback,
        k.unix_at_zero,
    )
    fixed_v = sense_v.range if kind == "VOLT" and not sense_v.auto else None
    if voltage_source and kind != "VOLT":
        fixed_v = k.errors.source_voltage[source.range].full_scale
    fixed_i = sense_i.range if kind == "CURR" and not sense_i.auto else None
    if not voltage_source and kind != "CURR":
        fixed_i = k.errors.source_current[source.range].full_scale
    find_v = _pick(k.errors.measure_voltage, fixed_v)
    find_i = _pick(k.errors.measure_current, fixed_i)
    sample, gauss, cell = k.load.sample, k.gauss, k.load
    lag = 0.0 if k.ideal or not source.readback else 0.5 * k.aperture
    if not voltage_source:
        lag = -lag
    open_leads = k.open_leads
    lead_ohm = k.lead_ohm
    plain = not open_leads and not lead_ohm
    level, readback = source.level, source.readback
    store = buffer.entries.append if buffer.quick else buffer.store
    number = f"%+.{(s.precision or 7) - 1}E"
    single, pair, triple = ((",".join([number] * n) + "\n").encode() for n in (1, 2, 3))
    shape = {("SOUR", "READ"): 0, ("READ",): 1, ("SOUR", "READ", "REL"): 2}.get(elements, 3)

    exact = k.ideal
    v_low, v_high, v_gain, v_offset, v_scatter, v_steps, v_step = find_v(0.0)
    i_low, i_high, i_gain, i_offset, i_scatter, i_steps, i_step = find_i(0.0)

    def read(second: float) -> bytes:
        nonlocal v_low, v_high, v_gain, v_offset, v_scatter, v_steps, v_step
        nonlocal i_low, i_high, i_gain, i_offset, i_scatter, i_steps, i_step
        volts, ampere = sample(second, lag)
        if not plain:
            if open_leads:
                volts = 0.0 if exact else OPEN_LEAD_VOLT * gauss()
            else:
                volts += ampere * lead_ohm
        if not v_low < volts <= v_high:
            v_low, v_high, v_gain, v_offset, v_scatter, v_steps, v_step = find_v(volts)
        if not i_low < ampere <= i_high:
            i_low, i_high, i_gain, i_offset, i_scatter, i_steps, i_step = find_i(ampere)
        volts = volts * v_gain + v_offset
        if v_steps:
            volts = (volts + v_scatter * gauss() + ROUND - ROUND) * v_step
        ampere = ampere * i_gain + i_offset
        if i_steps:
            ampere = (ampere + i_scatter * gauss() + ROUND - ROUND) * i_step
        if current:
            reading = ampere
        elif voltage:
            reading = volts
        elif unit == "WATT":
            reading = volts * ampere
        else:
            reading = volts / ampere if ampere else OVERFLOW
        reading -= shift
        value = (volts if voltage_source else ampere) if readback else level
        store((second, value, reading, cell.held, facts))
        if shape == 0:
            return pair % (value, reading)
        if shape == 1:
            return single % reading
        first = buffer.started()
        if shape == 2:
            return triple % (value, reading, second - first)
        entry = buffer.entries[-1]
        return (",".join(written(entry, e, number, first) for e in elements) + "\n").encode()

    def read_pair(second: float) -> bytes:
        volts, ampere = sample(second, lag)
        if v_low < volts <= v_high and i_low < ampere <= i_high:
            volts = (volts * v_gain + v_offset + v_scatter * gauss() + ROUND - ROUND) * v_step
            ampere = (ampere * i_gain + i_offset + i_scatter * gauss() + ROUND - ROUND) * i_step
            store((second, volts, ampere, cell.held, facts))
            return pair % (volts, ampere)
        return read(second)

    usual = voltage_source and current and readback and plain and shape == 0 and not exact
    return read_pair if usual else read
