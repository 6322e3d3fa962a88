"""What lies beyond an instrument: voltages, currents, power, period, and what it regulates."""

from __future__ import annotations

import math

from benchlab.bench.executor import ExecutorCapabilities
from benchlab.bench.roles import Capabilities, Mode
from benchlab.model import instructions as code
from benchlab.model.checks.remark import Remark, Severity, where_of
from benchlab.model.program import Control, Program, StepPlan

__all__ = ["beyond_instrument", "poor_accuracy"]

_MODES = {
    Control.OPEN: Mode.OPEN,
    Control.CHAMBER: Mode.OPEN,
    Control.OPERATOR: Mode.OPEN,
    Control.ZERO: Mode.ZERO,
    Control.SWEEP: Mode.VOLTAGE,
}
WORST_SHARE = 0.05
"""A current whose stated error is more than this part of it measures little."""


def beyond_instrument(program: Program, can: Capabilities, name: str) -> list[Remark]:
    """Return what the instrument cannot do, for the whole program and for each step."""
    found = []
    whole = "Choose another instrument."
    if program.period_second < can.fastest_period_second:
        found.append(
            _refused(
                program,
                f"a control period of {program.period_second:g} s is asked for;"
                f" {name} takes {can.fastest_period_second:g} s.",
                "Raise control.period.",
            )
        )
    low, high = can.voltage_volt
    limits = program.limits
    if not (low <= limits.low_volt and limits.high_volt <= high):
        found.append(
            _refused(
                program,
                f"the limits {limits.low_volt:g} V to {limits.high_volt:g} V are beyond {name}"
                f" ({low:g} V to {high:g} V).",
                whole,
            )
        )
    for step in program.steps:
        problem = _problem(program, step, can, name)
        if problem:
            found.append(
                _refused(
                    program,
                    f"{problem}: '{step.text}'.",
                    "Change the step, or choose an instrument that can do it.",
                    where_of(program, step),
                )
            )
    return found


def _refused(program: Program, reason: str, remedy: str, where: str = "") -> Remark:
    return Remark("beyond-instrument", Severity.ERROR, where or program.source, reason, remedy)


def _problem(program: Program, step: StepPlan, can: Capabilities, name: str) -> str:
    if step.control is Control.EIS:
        return f"{name} cannot measure a spectrum"
    mode = _MODES.get(step.control, Mode.CURRENT)
    if mode not in can.modes:
        return f"{name} has no mode '{mode.value}'"
    ampere = _largest_ampere(program, step)
    if math.isnan(ampere):
        return ""  # measured on the way; limits and driver bound it
    lowest, largest = can.current_ampere
    if not lowest <= ampere <= largest:
        return f"{abs(ampere):g} A is beyond {name} ({lowest:g} to {largest:g} A)"
    high = program.limits.high_volt
    most = _carried(can, high)
    if step.driven and abs(ampere) > most:
        return (
            f"{abs(ampere):g} A is beyond {name}, which carries {most:g} A where the upper voltage"
            f" limit is {high:g} V"
        )
    volt = _highest_volt(program, step)
    if abs(ampere) * volt > can.power_watt:
        return f"{abs(ampere):g} A up to {volt:g} V is beyond {name} ({can.power_watt:g} W)"
    return ""


def _largest_ampere(program: Program, step: StepPlan) -> float:
    """Return the largest current of a step, signed, with C set as high as it may be."""
    ampere = step.current_ampere
    known = program.known.get("C")
    by_c = any(field == "current_ampere" and a.of == "C" for field, a in step.unknown)
    if known and by_c:
        highs = [item.high_ah for item in program.code if isinstance(item, code.SetC)]
        ampere *= max([known, *highs]) / known
    return ampere


def _carried(can: Capabilities, high_volt: float) -> float:
    """Return the largest current where the voltage may rise so high."""
    if not can.envelope:
        return math.inf
    return next((ampere for volt, ampere in can.envelope if high_volt <= volt), 0.0)


def _highest_volt(program: Program, step: StepPlan) -> float:
    high = program.limits.high_volt
    if step.direction <= 0:
        return high
    end = step.hold_volt if step.has_hold else step.end_volt
    return high if math.isnan(end) else min(end, high)


def poor_accuracy(
    program: Program, can: Capabilities | ExecutorCapabilities, name: str
) -> list[Remark]:
    """Return, as one remark, the steps whose current is hardly more than the meter's error."""
    poor: list[tuple[float, float, float, StepPlan]] = []
    for step in program.steps:
        if step.control is Control.CURRENT and can.current_ranges:
            for ampere in (abs(step.current_ampere), step.cutoff_ampere):
                error = _error(can, abs(step.current_ampere), ampere)
                if ampere > 0.0 and error > WORST_SHARE * ampere:
                    poor.append((error / ampere, ampere, error, step))
    if not poor:
        return []
    share, ampere, error, worst = max(poor, key=lambda item: item[0])
    lines = ", ".join(dict.fromkeys(str(step.line) for *_, step in poor))
    return [
        Remark(
            "poor-accuracy",
            Severity.WARNING,
            where_of(program, worst),
            f"{ampere:g} A is measured by {name} to +-{error:.2g} A ({share:.0%}):"
            f" '{worst.text}'. Lines with a set or final current known to less than"
            f" {WORST_SHARE:.0%}: {lines}.",
            "Choose an instrument with a smaller range.",
        )
    ]


def _error(can: Capabilities | ExecutorCapabilities, set_ampere: float, ampere: float) -> float:
    ranges = sorted(can.current_ranges, key=lambda item: item.full_scale)
    used = next((item for item in ranges if set_ampere <= item.full_scale * 1.05), None)
    return 0.0 if used is None else used.gain * ampere + used.offset
