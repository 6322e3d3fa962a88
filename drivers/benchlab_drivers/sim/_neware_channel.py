"""One channel of the simulated BTS 8: carries a step file out by itself on its own cell.

Nothing happens while nobody asks: the channel then catches up with the clock, segment by segment of
the cell. In each one the instant at which a condition holds is found as a root, and the step ends
at the next tenth of a second, as if the unit had looked every tenth.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from benchlab_drivers.cells import make_cell
from benchlab_drivers.cells.roots import root
from benchlab_drivers.cells.sources import OPEN, Staircase
from benchlab_drivers.neware.ratings import CURRENT_RANGES, TICK_SECOND, VOLTAGE_RANGES, range_for
from benchlab_drivers.sim._errors import Drawing, RangeError, gaussians
from benchlab_drivers.sim._neware_steps import DRIVEN, END, HOLDS, LOOP, FileStep, StepFile

if TYPE_CHECKING:
    from benchlab.bench.twin import Truth, TwinSpec

__all__ = ["Row", "SimulatedChannel"]

VOLT_STEP, VOLT_SCATTER = 1e-5, 2e-5
AMPERE_STEP, AMPERE_SCATTER = 1e-6, 2e-6
"""Resolution and scatter; those of the current as a part of the range (unconfirmed)."""
INTO_NEXT_SECOND = 1e-6
STARTED, ENDED, PROTECTED, PAUSED = "100000", "100001", "108000", "108001"
"""The first two were seen, the others made up."""


class Row(NamedTuple):
    """One recorded row: volts, signed amperes, counters as magnitudes."""

    step: int
    cycle: int
    name: str
    step_ms: int
    unix_second: int
    volt: float
    ampere: float
    ah: float
    wh: float


class Seen(NamedTuple):
    """What the unit measures at one instant, without scatter; counters as magnitudes."""

    volt: float
    ampere: float
    ah: float
    wh: float


Condition = Callable[[Seen], float]
"""Rises through zero where it comes true."""


class SimulatedChannel:
    """A channel and its cell.

    Parameters
    ----------
    now : float
        Clock seconds.
    unix_zero : float
        UTC seconds at clock second 0.

    Attributes
    ----------
    state : str
        As ``workstatus`` says it.
    step : FileStep
        The one under way.
    rows, layers, log
        Of the latest test: rows; first and last row of each step that ended; (row, code, UTC).
    truths : list of Truth
        The cell's exact integrals at the start and at each step's end of the latest test.
    """

    def __init__(self, now: float, unix_zero: float, spec: TwinSpec, number: int) -> None:
        own = replace(spec, seed=spec.seed + number - 1)
        self.cell = make_cell(own, now)
        drawing = Drawing([own.seed, 8, number], ideal=spec.ideal)
        scatters = [AMPERE_SCATTER * item.full_scale for item in CURRENT_RANGES]
        steps = [AMPERE_STEP * item.full_scale for item in CURRENT_RANGES]
        self._volts = drawing.ranges(VOLTAGE_RANGES, [VOLT_STEP], [VOLT_SCATTER])[0]
        self._amperes = drawing.ranges(CURRENT_RANGES, steps, scatters)
        self._meter = self._amperes[0]
        self._gauss = gaussians(own.seed).__next__
        self._unix_zero = unix_zero
        self.state, self.barcode, self.test_id, self.cycle = "finish", "", 0, 1
        self.step = FileStep(0, END)
        self.rows: list[Row] = []
        self.layers: list[tuple[int, int]] = []
        self.log: list[tuple[int, str, int]] = []
        self.truths: list[Truth] = []
        self.began = self._at = self._step_began = now
        self._file: StepFile | None = None
        self._turns: dict[int, int] = {}
        self._start_charge = self._start_energy = 0.0
        self._first_row, self._next, self.pause_reserved = 1, 0, False
        self._end_due = self._row_due = self._change_due = math.inf
        self._protect_due = self._stop_due = math.inf
        self._seen_at_row = Seen(math.nan, math.nan, 0.0, 0.0)

    # --- what it is told and asked ------------------------------------------------------------

    def start(self, now: float, file: StepFile, barcode: str) -> bool:
        """Start a file, if the channel is free."""
        if self.state not in ("finish", "stop", "protect"):
            return False
        self.advance(now)
        self.test_id += 1
        self.rows, self.layers, self.log, self.truths = [], [], [], []
        self.barcode, self._file = barcode, file
        self.state, self.began = "working", now
        self.cycle, self._turns, self.pause_reserved = 1, {}, False
        self._stop_due = self._protect_due = math.inf
        self._tell(STARTED)
        self.cell.advance(now)
        self.truths.append(self.cell.truth())
        self._enter(1)
        return True

    def stop(self, when: float) -> bool:
        """End the test at an instant to come."""
        if self.state == "pause":
            self._leave("stop", ENDED)
            return True
        if self.state != "working":
            return False
        self._stop_due = min(self._stop_due, when)
        return True

    def reserve(self, wanted: bool) -> bool:
        """Let the test pause when the step under way has ended, or not."""
        if self.state != "working" or self.pause_reserved is wanted:
            return False
        self.pause_reserved = wanted
        return True

    def go_on(self, now: float) -> bool:
        """Go on after a pause."""
        if self.state != "pause":
            return False
        self.state, self._at = "working", now
        self._enter(self._next)
        return True

    def go_to(self, now: float, number: int) -> bool:
        """Leave the step under way for another one."""
        steps = self._file.steps if self._file is not None else ()
        known = self.state == "working" and 1 <= number <= len(steps)
        if known:
            self._at = now
            self._record()
            self._close()
            self._enter(number)
        return known

    def advance(self, now: float) -> None:
        """Let the channel do what it does by itself, up to `now`."""
        while self.state == "working" and self._at < now:
            self._piece(min(now, self._stop_due))
        if self.state != "working" and now > self._at:
            self.cell.advance(now)
            self._at = now

    def seen(self) -> Seen:
        """Return what is measured now."""
        return self._seen(self._at)

    @property
    def step_second(self) -> float:
        """Seconds since the step began."""
        return self._at - self._step_began

    def unix_second(self, at: float) -> int:
        """UTC of clock seconds, in whole seconds."""
        return math.floor(self._unix_zero + at)

    # --- the program --------------------------------------------------------------------------

    def _enter(self, number: int) -> None:
        """Begin a step at once; carry out the loops that stand before it."""
        assert self._file is not None
        step = self._file.steps[number - 1]
        while step.type == LOOP:
            turn = self._turns.pop(step.number, 1)
            self.cycle += 1
            number = step.number + 1
            if turn < step.cycle_count:
                self._turns[step.number] = turn + 1
                number = step.start_step
            step = self._file.steps[number - 1]
        self.step = step
        if step.type == END:
            self._leave("finish", ENDED)
            return
        now = self._step_began = self._at
        self._meter = self._amperes[range_for(step.ampere)]
        self.cell.set_source(now, self._staircase(step))
        self.cell.sample(now)
        truth = self.cell.truth()
        self._start_charge = truth.charged_ah - truth.discharged_ah
        self._start_energy = truth.charged_wh - truth.discharged_wh
        self._end_due = now + step.second
        self._first_row = len(self.rows) + 1
        self._record()

    def _staircase(self, step: FileStep) -> Staircase:
        if step.type not in DRIVEN:
            return OPEN
        gain, offset = _line(self._meter, step.sign)
        ampere = (step.sign * step.ampere - offset) / gain
        if step.type not in HOLDS:
            return (ampere,), ()
        gain, offset = _line(self._volts, 1)
        # it never drives the current the other way round
        return ((ampere, 0.0) if step.sign > 0 else (0.0, ampere)), ((step.volt - offset) / gain,)

    def _piece(self, now: float) -> None:
        """Go on within one segment of the cell, at most to the next thing that is due."""
        before = self._at
        low, high = self.cell.segment_second
        inside = low <= before < high
        due = min(self._end_due, self._row_due, self._change_due, self._protect_due)
        until = min(now, due, high if inside else before + INTO_NEXT_SECOND)
        if until > before:
            first = self._seen(before) if inside else None
            last = self._seen(until)
            for condition, meet in self._conditions():
                if condition(last) < 0.0:
                    continue
                when = until
                if first is not None:
                    met = condition(first) >= 0.0
                    when = before if met else root(self._over(condition), before, until, 1e-7)
                meet(self._tick(when))
            if inside:
                until = max(before, min(until, self._end_due, self._change_due))
        self.cell.sample(until)
        self._at = until
        if self._stop_due <= until:
            self._leave("stop", ENDED)
        elif self._protect_due <= until:
            self._protect()
        elif self._end_due <= until:
            self._record()
            self._close()
            if self.pause_reserved:
                self._pause()
            else:
                self._enter(self.step.number + 1)
        elif min(self._change_due, self._row_due) <= until:
            self._record()

    def _over(self, condition: Condition) -> Callable[[float], float]:
        return lambda time: condition(self._seen(time))

    def _tick(self, when: float) -> float:
        """Return the next instant at which the unit looks."""
        count = math.ceil((when - self._step_began) / TICK_SECOND - 1e-6)
        tick = self._step_began + max(count, 1) * TICK_SECOND
        return tick if tick > self._at else tick + TICK_SECOND

    def _conditions(self) -> list[tuple[Condition, Callable[[float], None]]]:
        """Return what may come true in this step, and what happens then."""
        step, row, sign = self.step, self._seen_at_row, self.step.sign
        assert self._file is not None
        guard = self._file.protection
        found: list[tuple[Condition, Callable[[float], None]]] = []
        if self._end_due == self._step_began + step.second:
            for is_set, condition in (
                (not math.isnan(step.stop_volt), lambda s: sign * (s.volt - step.stop_volt)),
                (not math.isnan(step.stop_ampere), lambda s: step.stop_ampere - sign * s.ampere),
                (math.isfinite(step.stop_ah), lambda s: s.ah - step.stop_ah),
            ):
                if is_set:
                    found.append((condition, self._ends_at))
        if self._change_due == math.inf:
            for change, changed in (
                (step.change_volt, lambda s: abs(s.volt - row.volt) - step.change_volt),
                (step.change_ampere, lambda s: abs(s.ampere - row.ampere) - step.change_ampere),
            ):
                if change < math.inf:
                    found.append((changed, self._changes_at))
        if self._protect_due == math.inf:
            found.append((lambda s: _beyond(s, guard.low_volt, guard.high_volt), self._protects_at))
            if sign:
                found.append((lambda s: s.ampere - guard.high_ampere, self._protects_at))
                found.append((lambda s: guard.low_ampere - s.ampere, self._protects_at))
                found.append((lambda s: s.ah - guard.step_ah, self._protects_at))
        return found

    def _ends_at(self, when: float) -> None:
        self._end_due = min(self._end_due, when)

    def _changes_at(self, when: float) -> None:
        self._change_due = when

    def _protects_at(self, when: float) -> None:
        assert self._file is not None
        self._protect_due = when + self._file.protection.delay_second

    def _protect(self) -> None:
        """Switch off if what was beyond its limit still is."""
        assert self._file is not None
        guard, seen = self._file.protection, self._seen(self._at)
        self._protect_due = math.inf
        if (
            _beyond(seen, guard.low_volt, guard.high_volt) >= 0.0
            or not guard.low_ampere <= seen.ampere <= guard.high_ampere
            or seen.ah >= guard.step_ah
        ):
            self._leave("protect", PROTECTED)

    def _pause(self) -> None:
        self.state, self.pause_reserved, self._next = "pause", False, self.step.number + 1
        self.cell.set_source(self._at, OPEN)
        self._tell(PAUSED)

    def _leave(self, state: str, code: str) -> None:
        if self.step.type != END and self.state != "pause":
            self._record()
            self._close()
        self.state = state
        self.cell.set_source(self._at, OPEN)
        self._tell(code)

    def _close(self) -> None:
        self.layers.append((self._first_row, len(self.rows)))
        self.cell.sample(self._at)
        self.truths.append(self.cell.truth())

    def _tell(self, code: str) -> None:
        self.log.append((len(self.rows), code, self.unix_second(self._at)))

    # --- measuring ----------------------------------------------------------------------------

    def _seen(self, at: float) -> Seen:
        volt, ampere = self.cell.sample(at)
        gain_v, offset_v = _line(self._volts, 1)
        measured = volt * gain_v + offset_v
        sign = self.step.sign if self.state == "working" else 0
        if not sign:
            return Seen(measured, 0.0, 0.0, 0.0)
        gain, offset = _line(self._meter, sign)
        truth = self.cell.truth()
        hours = (at - self._step_began) / 3600.0
        charge = truth.charged_ah - truth.discharged_ah - self._start_charge
        energy = truth.charged_wh - truth.discharged_wh - self._start_energy
        ah = gain * charge + offset * hours
        wh = gain * (gain_v * energy + offset_v * charge) + offset * measured * hours
        return Seen(measured, ampere * gain + offset, sign * ah, sign * wh)

    def _record(self) -> None:
        """Keep a row, unless there is one of this instant already; plan for the next."""
        now, step = self._at, self.step
        seen = self._seen(now)
        elapsed = now - self._step_began
        milliseconds = round(1e3 * elapsed)
        again = len(self.rows) >= self._first_row and self.rows[-1].step_ms == milliseconds
        if not again:
            volt, ampere = self._rounded(seen)
            place = (step.number, self.cycle, step.name, milliseconds, self.unix_second(now))
            self.rows.append(Row(*place, volt, ampere, seen.ah, seen.wh))
        self._seen_at_row = seen
        self._change_due = math.inf
        turns = math.floor(elapsed / step.every_second + 1e-6) + 1
        self._row_due = self._step_began + turns * step.every_second

    def _rounded(self, seen: Seen) -> tuple[float, float]:
        volts, meter = self._volts, self._meter
        volt = seen.volt + volts.scatter * self._gauss()
        if volts.resolution:
            volt = round(volt / volts.resolution) * volts.resolution
        if not self.step.sign:
            return volt, 0.0
        ampere = seen.ampere + meter.scatter * self._gauss()
        if meter.resolution:
            ampere = round(ampere / meter.resolution) * meter.resolution
        return volt, ampere


def _line(error: RangeError, sign: int) -> tuple[float, float]:
    """Return gain and offset of a range for a polarity."""
    if sign < 0:
        return error.gain_negative, error.offset_negative
    return error.gain_positive, error.offset_positive


def _beyond(seen: Seen, low: float, high: float) -> float:
    """Return how far the voltage is beyond its limits; negative inside."""
    return max(seen.volt - high, low - seen.volt)
