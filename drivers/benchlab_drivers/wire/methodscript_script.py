"""Scripts for MethodSCRIPT instruments: one technique after the other, each package numbered.

Each package tells its own number, the step and how many steps ran before it, so that whoever hears
only a part of the stream knows what is missing. Each step ends with a package that tells how long
it took and why it ended. Steps begin and end with the cell off; what the instrument does not keep
by itself (voltage and current limits) the script does, once in each interval, and ends the test.

The text keeps to the grammar of the maker's public examples: literals without decimal point, one
command a line, at most 127 characters.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator

from benchlab_drivers.wire.methodscript import literal
from benchlab_drivers.wire.methodscript_models import Model
from benchlab_drivers.wire.methodscript_steps import (
    Bounds,
    Constant,
    Ended,
    Hold,
    Rest,
    Spectrum,
    Sweep,
)

__all__ = ["CELL_OFF", "LONGEST_LINE", "LOOK", "Script"]

LONGEST_LINE = 127
CELL_OFF = "cell_off"
"""The script that is sent after an error, because ``on_finished:`` is not carried out then."""
LOOK = "\n".join(
    (
        "var e",
        "cell_off",
        "set_pgstat_chan 0",
        "set_pgstat_mode 2",
        "meas 100m e ab",
        "pck_start",
        "pck_add e",
        "pck_end",
    )
)
"""Measures the potential of the cell with the cell off."""

NEAR_VOLT = 0.02
SETTLED_SECOND = 2.0
IN_A_ROW = 3
APPROACH_SECOND = 3600.0
APPROACH_RATE = 0.01
SLOW_HERTZ = 40.0


class Script:
    """A script under construction for one model.

    Attributes
    ----------
    lines : list of str
    """

    _NAMES = "keistrfxhgyna"
    """Package number, potential, current, step, time, end, frequency, steps before, hold, left,
    imaginary part, in a row, real part."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._depth = self._deepest = 0
        self.lines: list[str] = []

    def text(self) -> str:
        """Return the whole script, without the ``e`` before it and the empty line after it."""
        names = [*self._NAMES, *(f"l{depth}" for depth in range(self._deepest))]
        head = [f"var {name}" for name in names]
        head += ["store_var k 0i ee", "store_var x 0i jb", "set_pgstat_chan 0"]
        lines = [*head, *self.lines, "on_finished:", "cell_off"]
        longest = max(lines, key=len)
        if len(longest) > LONGEST_LINE:
            raise ValueError(f"{longest!r} is longer than {LONGEST_LINE} characters")
        return "\n".join(lines)

    @contextlib.contextmanager
    def repeated(self, rounds: int) -> Iterator[None]:
        """Carry out what is added meanwhile so many times."""
        name = f"l{self._depth}"
        self._depth += 1
        self._deepest = max(self._deepest, self._depth)
        self._put(f"store_var {name} 0i ja", f"loop {name} < {rounds}i", f"add_var {name} 1i")
        yield
        self._put("endloop")
        self._depth -= 1

    def add(
        self, number: int, step: Rest | Constant | Sweep | Spectrum, bounds: Bounds | None = None
    ) -> None:
        """Add a step under its number; the limits are watched in each of its intervals."""
        bounds = bounds or Bounds()
        self._put(
            f"store_var s {number}i ja",
            "add_var x 1i",
            "set_pgstat_mode 2",
            "meas 100m e ab",
            "timer_start",
        )
        if isinstance(step, Rest):
            self._rest(step, bounds)
        elif isinstance(step, Constant):
            self._constant(step, bounds)
        elif isinstance(step, Sweep):
            self._sweep(step, bounds)
        else:
            self._spectrum(step)
        self._put("cell_off", "timer_get t")
        self._package("t", "r")

    # --- techniques ---------------------------------------------------------------------------

    def _rest(self, step: Rest, bounds: Bounds) -> None:
        interval, second = literal(step.interval_second), literal(step.second)
        self._ends(step.ended)
        if not step.zero:
            self._put(f"meas_loop_ocp e {interval} {second}", "timer_get t")
            self._package("t", "e")
            self._put("endloop")
            return
        self._galvanostat(0.0)
        self._put(f"meas_loop_cp e i 0 {interval} {second}")
        self._row()
        self._watch(bounds, high=True, low=True)
        self._put("endloop")

    def _constant(self, step: Constant, bounds: Bounds) -> None:
        self._ends(step.ended)
        if not step.either_way:
            self._current(step, step.ampere, bounds)
        elif self._model.galvanostat:
            self._put(f"if e < {literal(step.volt - NEAR_VOLT)}")
            self._current(step, abs(step.ampere), bounds)
            self._put(f"elseif e > {literal(step.volt + NEAR_VOLT)}")
            self._current(step, -abs(step.ampere), bounds)
            self._put("else")
            self._ends(Ended.VOLTAGE)
            self._put("endif")
        else:
            self._crawl(step.volt, bounds)
            self._ends(Ended.VOLTAGE)
        if step.hold is not None:  # held only where the current brought it there
            self._put(f"if r == {int(Ended.VOLTAGE)}i")
            self._held(step, step.hold, bounds)
            self._put("endif")

    def _current(self, step: Constant, ampere: float, bounds: Bounds) -> None:
        second = min(step.second, APPROACH_SECOND) if step.either_way else step.second
        self._galvanostat(ampere)
        self._put(
            f"meas_loop_cp e i {literal(ampere)} {literal(step.interval_second)} {literal(second)}"
        )
        self._row()
        if not math.isnan(step.volt):
            sign = ">=" if ampere > 0.0 else "<="
            self._breaks(f"e {sign} {literal(step.volt)}", Ended.VOLTAGE)
        self._watch(bounds, high=ampere > 0.0, low=ampere < 0.0)
        self._put("endloop")

    def _crawl(self, volt: float, bounds: Bounds) -> None:
        """Bring the potential from open circuit to where a step begins, slowly."""
        self._potentiostat(bounds, volt, volt)
        self._put("set_e e", "cell_on", "copy_var e g")
        rate = literal(APPROACH_RATE)
        self._put(f"meas_loop_lsv e i g {literal(volt)} 1m {rate}")
        self._row()
        self._watch(bounds, high=False, low=False)
        self._put("endloop")

    def _held(self, step: Constant, hold: Hold, bounds: Bounds) -> None:
        self._put("cell_off")
        self._potentiostat(bounds, hold.volt, hold.volt)
        volt = literal(hold.volt)
        self._put(f"set_e {volt}", "cell_on", "timer_get h")
        self._ends(step.ended)
        self._put(f"store_var g {literal(step.second)} eb", "sub_var g h")
        if hold.second < step.second:
            second = literal(hold.second)
            self._put(f"if g > {second}", f"store_var g {second} eb")
            self._ends(hold.ended)
            self._put("endif")
        self._put("store_var n 0i ja")
        self._put(f"meas_loop_ca e i {volt} {literal(step.interval_second)} g")
        self._row()
        if not math.isnan(hold.cutoff_ampere):
            cutoff = literal(hold.cutoff_ampere)
            if step.either_way:
                self._put(f"if i > {cutoff}", "store_var n 0i ja", f"elseif i < -{cutoff}")
            elif step.ampere > 0.0:
                self._put(f"if i > {cutoff}")
            else:
                self._put(f"if i < -{cutoff}")
            self._put("store_var n 0i ja", "else", "add_var n 1i", "endif")
            self._put("copy_var t f", "sub_var f h", f"if f >= {literal(SETTLED_SECOND)}")
            self._breaks(f"n >= {IN_A_ROW}i", Ended.CURRENT)
            self._put("endif")
        self._watch(bounds, high=False, low=False)
        self._put("endloop")

    def _sweep(self, step: Sweep, bounds: Bounds) -> None:
        corners = step.corners_volt
        bounds = Bounds(bounds.low_volt, bounds.high_volt, min(bounds.ampere, step.ampere))
        self._ends(Ended.COMPLETE)
        self._potentiostat(bounds, min(corners), max(corners))
        self._put("set_e e", "cell_on", "copy_var e g")
        rate, size = literal(step.rate), literal(self.sweep_step(step))
        first = literal(corners[0])
        self._segment(f"meas_loop_lsv e i g {first} {size} {rate}", bounds)
        if len(corners) in (3, 4) and corners[0] == corners[-1]:
            second, third = (literal(volt) for volt in (*corners[1:], corners[0])[:2])
            scans = f" nscans({step.times})" if step.times > 1 else ""
            path = f"{first} {second} {third}"
            self._segment(f"meas_loop_cv e i {path} {size} {rate}{scans}", bounds)
            return
        moves = list(itertools.pairwise(corners))
        back = [(corners[-1], corners[0])] if corners[0] != corners[-1] else []
        if step.times > 1:
            with self.repeated(step.times - 1):
                self._segments([*moves, *back], size, rate, bounds)
        self._segments(moves, size, rate, bounds)

    def sweep_step(self, step: Sweep) -> float:
        """Return by how much the potential moves at once (V)."""
        span = max(step.corners_volt) - min(step.corners_volt)
        size = min(step.rate * step.interval_second, span / 20.0)
        return max(size, self._model.step_volt)

    def _segments(
        self, path: list[tuple[float, float]], size: str, rate: str, bounds: Bounds
    ) -> None:
        for begin, end in path:
            self._segment(
                f"meas_loop_lsv e i {literal(begin)} {literal(end)} {size} {rate}", bounds
            )

    def _segment(self, loop: str, bounds: Bounds) -> None:
        self._put(loop)
        self._row()
        self._watch(bounds, high=False, low=False)
        self._put("endloop")

    def _spectrum(self, step: Spectrum) -> None:
        first, last = literal(step.first_hertz), literal(step.last_hertz)
        where = f"{literal(step.amplitude)} {first} {last} {step.points}i"
        highest = max(step.first_hertz, step.last_hertz)
        self._ends(Ended.COMPLETE)
        if step.galvanostatic:
            self._galvanostat(step.amplitude, highest)
            self._put(f"meas_loop_geis f a y {where} 0")
        else:
            self._put(f"set_pgstat_mode {self._mode(0.0, 0.0, highest)}")
            self._put(f"set_max_bandwidth {literal(highest)}", "set_range_minmax da e e")
            high, low = self._model.ranges[-1][1], self._model.ranges[0][1]
            self._put(f"set_range ba {literal(high)}")
            self._put(f"set_autoranging ba {literal(low)} {literal(high)}", "set_e e", "cell_on")
            self._put(f"meas_loop_eis f a y {where} e")
        self._put("timer_get t")
        self._package("t", "e", "f", "a", "y")
        if math.isfinite(step.second):
            self._breaks(f"t >= {literal(step.second)}", Ended.AT_MOST)
        self._put("endloop")

    # --- parts --------------------------------------------------------------------------------

    def _put(self, *lines: str) -> None:
        self.lines += lines

    def _ends(self, reason: Ended) -> None:
        self._put(f"store_var r {int(reason)}i jc")

    def _package(self, *names: str) -> None:
        self._put("add_var k 1i", "pck_start")
        self._put(*(f"pck_add {name}" for name in ("k", "s", "x", *names)))
        self._put("pck_end")

    def _row(self) -> None:
        self._put("timer_get t")
        self._package("t", "e", "i")

    def _breaks(self, condition: str, reason: Ended) -> None:
        self._put(f"if {condition}")
        self._ends(reason)
        self._put("breakloop", "endif")

    def _watch(self, bounds: Bounds, *, high: bool, low: bool) -> None:
        if high and math.isfinite(bounds.high_volt):
            self._trips(f"e > {literal(bounds.high_volt)}", Ended.HIGH_VOLTAGE)
        if low and math.isfinite(bounds.low_volt):
            self._trips(f"e < {literal(bounds.low_volt)}", Ended.LOW_VOLTAGE)
        if math.isfinite(bounds.ampere):
            ampere = literal(bounds.ampere)
            self._trips(f"i > {ampere}", Ended.OVER_CURRENT)
            self._trips(f"i < -{ampere}", Ended.OVER_CURRENT)

    def _trips(self, condition: str, reason: Ended) -> None:
        self._put(f"if {condition}", "cell_off")
        self._ends(reason)
        self._put("timer_get t")
        self._package("t", "r")
        self._put(f'send_string "trip {reason.name.lower()}"', "abort", "endif")

    def _mode(self, low: float, high: float, hertz: float) -> int:
        mode = self._model.mode(low, high, hertz)
        if mode is None:
            raise ValueError(
                f"{self._model.name} has no mode for {low:g} to {high:g} V up to {hertz:g} Hz"
            )
        return mode.number

    def _galvanostat(self, ampere: float, hertz: float = SLOW_HERTZ) -> None:
        full = literal(self._model.range_for(ampere, galvanostat=True)[1])
        high = literal(self._model.high_volt)
        self._put(
            "set_pgstat_mode 6",
            f"set_max_bandwidth {literal(hertz)}",
            f"set_range ab {high}",
            f"set_autoranging ab {high} {high}",
            f"set_range db {full}",
            f"set_autoranging db {full} {full}",
            "set_i 0",
            "cell_on",
        )

    def _potentiostat(self, bounds: Bounds, low: float, high: float) -> None:
        """Prepare for potentials between `low`, `high` and the open circuit in `e`."""
        model = self._model
        at_most = min(bounds.ampere, model.high_ampere)
        full = literal(model.range_for(at_most)[1])
        least = literal(model.ranges[0][1])
        lowest = min(low, max(bounds.low_volt, model.low_volt))
        highest = max(high, min(bounds.high_volt, model.high_volt))
        if highest - lowest > max(mode.span_volt for mode in model.modes):
            lowest, highest = low, high  # a narrow window cannot hold every allowed potential
        self._put(
            f"set_pgstat_mode {self._mode(lowest, highest, SLOW_HERTZ)}",
            f"set_max_bandwidth {literal(SLOW_HERTZ)}",
            f"set_range_minmax da {literal(lowest)} {literal(highest)}",
            f"set_range ba {full}",
            f"set_autoranging ba {least} {full}",
        )
