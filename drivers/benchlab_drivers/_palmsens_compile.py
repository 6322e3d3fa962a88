"""From a program to a script for a MethodSCRIPT instrument, or why it cannot express it.

The instrument carries out steps and counted repeats. What hangs on a result while the test runs
(branches, a measured C, kept values) it cannot do; neither does it regulate power or resistance.
"""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from typing import NoReturn

from benchlab.errors import Unsupported
from benchlab.model.amount import UnknownAmount
from benchlab.model.instructions import Arm, Do, Enter, Leave
from benchlab.model.program import Control, Program, StepPlan
from benchlab_drivers.wire.methodscript_models import Model
from benchlab_drivers.wire.methodscript_script import Script
from benchlab_drivers.wire.methodscript_steps import (
    Bounds,
    Constant,
    Ended,
    Hold,
    Rest,
    Spectrum,
    Sweep,
)

__all__ = ["CONTROLS", "spectrum_of", "to_script"]

CONTROLS = frozenset(
    {Control.OPEN, Control.ZERO, Control.CURRENT, Control.HOLD, Control.SWEEP, Control.EIS}
)
_SPECTRUM = re.compile(
    r"(\S+) (mHz|Hz|kHz|MHz) to (\S+) (mHz|Hz|kHz|MHz), (\S+) ([VA]), (\d+) points per decade"
)
_HERTZ = {"mHz": 1e-3, "Hz": 1.0, "kHz": 1e3, "MHz": 1e6}
_DIFFERENT = {
    "or_change_volt": "changes of voltage",
    "or_change_ampere": "changes of current",
    "or_change_ah": "changes of charge",
    "log_per_decade": "logarithmic times",
    "at_second": "single times",
}


def to_script(program: Program, model: Model) -> tuple[str, tuple[str, ...]]:
    """Return the script of a program, and what differs from the protocol.

    A step's number in the script is its ``step_id`` plus 1.

    Raises
    ------
    benchlab.errors.Unsupported
        Naming step, line and field of what the instrument cannot express.
    """
    return _Writer(program, model).write()


def spectrum_of(plan: StepPlan) -> Spectrum:
    """Return the numbers of a step that asks for a spectrum.

    Raises
    ------
    ValueError
    """
    found = _SPECTRUM.fullmatch(plan.eis)
    if found is None:
        raise ValueError(plan.eis)
    first, last = (float(found[k]) * _HERTZ[found[k + 1]] for k in (1, 3))
    points = round(abs(math.log10(first / last)) * int(found[7])) + 1
    return Spectrum(
        first_hertz=first,
        last_hertz=last,
        points=points,
        amplitude=float(found[5]),
        galvanostatic=found[6] == "A",
        second=plan.at_most_second,
    )


class _Writer:
    """One pass over the code of a program."""

    def __init__(self, program: Program, model: Model) -> None:
        self._program, self._model = program, model
        self._script = Script(model)
        self._notes: dict[str, None] = {}
        limits = program.limits
        self._bounds = Bounds(
            low_volt=limits.low_volt,
            high_volt=limits.high_volt,
            ampere=max(limits.charge_ampere, limits.discharge_ampere),
        )

    def write(self) -> tuple[str, tuple[str, ...]]:
        self._carry_out(0, len(self._program.code))
        return self._script.text(), tuple(self._notes)

    def _carry_out(self, first: int, end: int) -> None:
        place = first
        code = self._program.code
        while place < end:
            instruction = code[place]
            if isinstance(instruction, Do):
                self._step(self._program.steps[instruction.step_id])
            elif isinstance(instruction, Enter):
                block = self._program.blocks[instruction.block]
                if block.every or block.variable or block.until is not None:
                    raise Unsupported(
                        "this block hangs on something else than a number of rounds.",
                        where=block.where or block.label,
                        remedy=_OTHER,
                    )
                inside = (block.first + 1, block.last)
                if block.rounds > 1:
                    with self._script.repeated(block.rounds):
                        self._carry_out(*inside)
                else:
                    self._carry_out(*inside)
                place = block.last
            elif isinstance(instruction, Arm):
                self._bounds = replace(self._bounds, low_volt=instruction.low_volt)
            elif not isinstance(instruction, Leave):
                raise Unsupported(
                    f"'{type(instruction).__name__}' is decided while the test runs, which this"
                    " instrument cannot do.",
                    where=getattr(instruction, "where", ""),
                    remedy=_OTHER,
                )
            place += 1

    # --- steps --------------------------------------------------------------------------------

    def _step(self, plan: StepPlan) -> None:
        try:
            plan = plan.with_numbers(self._program.known)
        except UnknownAmount as unknown:
            self._refuse(plan, f"its numbers are not known before the start: {unknown}.")
        if plan.control not in CONTROLS:
            self._refuse(plan, f"it does not regulate '{plan.control}'.")
        for end in plan.watched:
            self._refuse(plan, f"it cannot watch for '{end.end.text}'.")
        if plan.all_ends:
            self._refuse(plan, "it ends a step by its first end, not when all of them hold.")
        self._within_its_ranges(plan)
        for name, words in _DIFFERENT.items():
            if getattr(plan, name) not in (math.inf, 0, ()):
                self._note(f"{words} add no rows: packages come at a fixed interval")
        number = plan.step_id + 1
        try:
            self._script.add(number, self._technique(plan), self._bounds)
        except ValueError as problem:
            self._refuse(plan, f"{problem}.")

    def _technique(self, plan: StepPlan) -> Rest | Constant | Sweep | Spectrum:
        interval = self._interval(plan)
        if plan.control in (Control.OPEN, Control.ZERO):
            if not math.isnan(plan.end_volt):
                self._refuse(plan, "a rest ends by time only.")
            second, ended = self._time(plan)
            zero = plan.control is Control.ZERO
            if zero and not self._model.galvanostat:
                self._refuse(plan, "it is no galvanostat, so it cannot regulate 0 A.")
            return Rest(second, interval, zero, ended)
        if plan.control is Control.SWEEP:
            return self._sweep(plan, interval)
        if plan.control is Control.EIS:
            return self._spectrum(plan)
        return self._constant(plan, interval)

    def _constant(self, plan: StepPlan, interval: float) -> Constant:
        held = plan.control is Control.HOLD
        if not (held or self._model.galvanostat):
            self._refuse(plan, "it is no galvanostat, so it cannot regulate a current.")
        second, ended = self._time(plan)
        if plan.end_charge_ah < math.inf:
            if plan.has_hold:
                self._refuse(plan, "it does not count charge, which would end a constant voltage.")
            by_charge = plan.end_charge_ah * 3600.0 / abs(plan.current_ampere)
            self._note("a charge that ends a step is the set current times the time")
            if by_charge <= second:
                second, ended = by_charge, Ended.CAPACITY
        self._note(
            "in constant current the instrument tells the set current, in constant voltage the set"
            " voltage"
        )
        if not plan.has_hold:
            return Constant(plan.current_ampere, plan.end_volt, second, interval, ended=ended)
        if not math.isnan(plan.end_volt):
            self._refuse(plan, "a constant voltage ends by current or time only.")
        self._note("the cell is off for some milliseconds between current and voltage")
        hold = Hold(plan.hold_volt, abs(plan.cutoff_ampere), plan.hold_end_second)
        if plan.hold_own_end:
            hold = replace(hold, ended=Ended.TIME)
        if held and not self._model.galvanostat:
            self._note("a hold is reached at 10 mV/s: the instrument is no galvanostat")
        return Constant(
            plan.current_ampere, plan.hold_volt, second, interval, hold, ended, either_way=held
        )

    def _sweep(self, plan: StepPlan, interval: float) -> Sweep:
        if not math.isnan(plan.end_volt) or plan.end_charge_ah < math.inf:
            self._refuse(plan, "a sweep ends with its last corner only.")
        sweep = Sweep(
            corners_volt=plan.corners_volt,
            rate=plan.rate_volt_per_second,
            interval_second=interval,
            ampere=abs(plan.current_ampere),
            times=plan.times,
        )
        moved = sum(abs(b - a) for a, b in itertools.pairwise(sweep.corners_volt))
        back = abs(sweep.corners_volt[-1] - sweep.corners_volt[0]) * (sweep.times - 1)
        whole = (moved * sweep.times + back) / sweep.rate
        if min(plan.end_time_second, plan.at_most_second) < whole * (1.0 - 1e-6):
            self._refuse(plan, "a sweep ends with its last corner only, not by time.")
        self._note("a sweep comes from open circuit to its first corner at its own rate")
        self._note("a current beyond the bound of a sweep ends the test")
        return sweep

    def _spectrum(self, plan: StepPlan) -> Spectrum:
        try:
            spectrum = spectrum_of(plan)
        except ValueError:
            self._refuse(plan, f"found the spectrum '{plan.eis}'.")
        highest = max(spectrum.first_hertz, spectrum.last_hertz)
        if highest > self._model.highest_hertz:
            self._refuse(plan, f"{highest:g} Hz is above its {self._model.highest_hertz:g} Hz.")
        if spectrum.galvanostatic and not self._model.galvanostat:
            self._refuse(plan, "it is no galvanostat: give the amplitude in volts.")
        if spectrum.galvanostatic and spectrum.amplitude > self._model.high_ampere:
            self._refuse(plan, f"the amplitude is above its {self._model.high_ampere:g} A.")
        self._note("a spectrum is taken at the open circuit potential found when it begins")
        return spectrum

    # --- numbers ------------------------------------------------------------------------------

    def _interval(self, plan: StepPlan) -> float:
        wanted = min(self._program.period_second, plan.every_second)
        if wanted < self._model.interval_second:
            self._note(f"packages come every {self._model.interval_second:g} s at most")
        return max(wanted, self._model.interval_second)

    def _time(self, plan: StepPlan) -> tuple[float, Ended]:
        if plan.end_time_second <= plan.at_most_second:
            second, ended = plan.end_time_second, Ended.TIME
        else:
            second, ended = plan.at_most_second, Ended.AT_MOST
        if not math.isfinite(second):
            self._refuse(plan, "it has no bound in time.")
        return second, ended

    def _within_its_ranges(self, plan: StepPlan) -> None:
        model = self._model
        volts = [plan.hold_volt, plan.end_volt, *plan.corners_volt]
        for volt in volts:
            if not math.isnan(volt) and not model.low_volt <= volt <= model.high_volt:
                self._refuse(
                    plan, f"{volt:g} V is outside {model.low_volt:g} to {model.high_volt:g} V."
                )
        ampere = abs(plan.current_ampere)
        if plan.control is Control.CURRENT and not ampere <= model.high_ampere:
            self._refuse(plan, f"{ampere:g} A is above its {model.high_ampere:g} A.")

    def _note(self, text: str) -> None:
        self._notes[text] = None

    def _refuse(self, plan: StepPlan, why: str) -> NoReturn:
        place = f"{plan.source or self._program.source}:{plan.line}"
        raise Unsupported(
            f"step {plan.step_id} ('{plan.text}'): the {self._model.name} cannot do this: {why}",
            where=f"{place}, {plan.field}" if plan.field else place,
            remedy="Change the step, or choose an instrument that is stepped by the host.",
        )


_OTHER = "Take it out, or choose an instrument that is stepped by the host."
