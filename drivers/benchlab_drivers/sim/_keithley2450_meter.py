"""The meter of the simulated 2450: one closure per configuration, so that a reading costs little.

A reading is taken at the middle of its exchange. With read-back the source value is measured just
before the reading, one integration time apart.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchlab_drivers.sim._keithley2450_buffers import OVERFLOW, Buffer, Entry, Facts, written
from benchlab_drivers.sim._keithley2450_errors import RangeError

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchlab_drivers.sim.keithley2450 import SimulatedKeithley2450

    Reader = Callable[[float], bytes]

__all__ = ["make_reader"]

OPEN_LEAD_VOLT = 50e-6
ROUND = 6755399441055744.0
"""1.5 * 2**52: adding it and taking it away rounds to whole numbers."""
UNITS = {"VOLT": "Volt DC", "CURR": "Amp DC", "RES": "Ohm"}
HYSTERESIS = 0.9
"""An automatic range is left downwards below this part of the next lower one's end."""


def _pick(
    ranges: tuple[RangeError, ...], fixed: float | None
) -> Callable[[float], tuple[float, ...]]:
    """Return what finds the range of a value: its errors, and the values between which it stays."""

    def find(value: float) -> tuple[float, ...]:
        size = abs(value) if fixed is None else fixed
        k = next((k for k, r in enumerate(ranges) if size <= 1.05 * r.full_scale), len(ranges) - 1)
        r = ranges[k]
        low = HYSTERESIS * 1.05 * ranges[k - 1].full_scale if k and fixed is None else -1.0
        steps = 1.0 / r.resolution if r.resolution else 0.0
        return (
            low,
            1.05 * r.full_scale,
            r.gain_positive,
            r.offset_positive,
            r.gain_negative,
            r.offset_negative,
            r.scatter,
            steps,
            r.resolution,
        )

    return find


def make_reader(k: SimulatedKeithley2450, buffer: Buffer, elements: tuple[str, ...]) -> Reader:
    """Return what measures at a given clock second, stores the reading and writes the answer."""
    s = k.settings
    source = s.source[s.function]
    sense_v, sense_i = s.sense["VOLT"], s.sense["CURR"]
    kind = s.sense_function
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
    sample, gauss, cell = k.cell.sample, k.gauss, k.cell
    ideal = k.ideal
    lag = 0.0 if ideal or not source.readback else 0.5 * k.aperture
    if not voltage_source:
        lag = -lag
    open_leads = k.open_leads
    lead_ohm = k.lead_ohm
    level, readback = source.level, source.readback
    store = buffer.entries.append if buffer.round_and_round else buffer.store
    number = f"%+.{(s.precision or 7) - 1}E"
    count = len(elements)
    pair = (number + "," + number + "\n").encode()
    single = (number + "\n").encode()
    shape = {("SOUR", "READ"): 0, ("READ",): 1}.get(elements, 2)

    v_low, v_high, v_gp, v_op, v_gn, v_on, v_scatter, v_steps, v_step = find_v(0.0)
    i_low, i_high, i_gp, i_op, i_gn, i_on, i_scatter, i_steps, i_step = find_i(0.0)

    def read(second: float) -> bytes:
        nonlocal v_low, v_high, v_gp, v_op, v_gn, v_on, v_scatter, v_steps, v_step
        nonlocal i_low, i_high, i_gp, i_op, i_gn, i_on, i_scatter, i_steps, i_step
        volts, ampere = sample(second, lag)
        if open_leads:
            volts = 0.0 if ideal else OPEN_LEAD_VOLT * gauss()
        elif lead_ohm:
            volts += ampere * lead_ohm
        size = volts if volts >= 0.0 else -volts
        if not v_low < size <= v_high:
            v_low, v_high, v_gp, v_op, v_gn, v_on, v_scatter, v_steps, v_step = find_v(volts)
        over_v = size > v_high
        size = ampere if ampere >= 0.0 else -ampere
        if not i_low < size <= i_high:
            i_low, i_high, i_gp, i_op, i_gn, i_on, i_scatter, i_steps, i_step = find_i(ampere)
        over_i = size > i_high
        if not ideal:
            if volts >= 0.0:
                volts = volts * v_gp + v_op + v_scatter * gauss()
            else:
                volts = volts * v_gn + v_on + v_scatter * gauss()
            volts = (volts * v_steps + ROUND - ROUND) * v_step
            if ampere >= 0.0:
                ampere = ampere * i_gp + i_op + i_scatter * gauss()
            else:
                ampere = ampere * i_gn + i_on + i_scatter * gauss()
            ampere = (ampere * i_steps + ROUND - ROUND) * i_step
        if over_v:
            volts = OVERFLOW
        if over_i:
            ampere = OVERFLOW
        if kind == "CURR":
            reading = ampere
        elif kind == "VOLT":
            reading = volts
        else:
            reading = volts / ampere if ampere else OVERFLOW
        value = (volts if voltage_source else ampere) if readback else level
        entry: Entry = (second, value, reading, cell.held is not voltage_source, facts)
        store(entry)
        if shape == 0:
            return pair % (value, reading)
        if shape == 1:
            return single % reading
        first = buffer.first_second
        if first is None:
            first = buffer.first_second = second
        if count == 3 and elements == ("SOUR", "READ", "REL"):
            return (number + "," + number + "," + number + "\n").encode() % (
                value,
                reading,
                second - first,
            )
        return (",".join(written(entry, e, number, first) for e in elements) + "\n").encode()

    return read
