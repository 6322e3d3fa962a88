"""Turns what an instrument recorded by itself into the rows, steps and events of a run.

The program is walked along with the instrument: which step, which cycle and which results follow
from the same rules as where the host steps. Times are seconds of the test, never of the host's
clock: whoever records it, and when, writes the same numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from benchlab.bench.clock import Clock
from benchlab.bench.counter import Counter
from benchlab.bench.ends import End, is_own_end
from benchlab.bench.executor import Compiled, ExecutorRow, Fetched, StepEnd
from benchlab.bench.executor_counter import RowCounter
from benchlab.bench.executor_ends import INSTRUMENT, end_reason
from benchlab.bench.executor_onward import Onward
from benchlab.bench.executor_order import Order
from benchlab.bench.guard import Guard, Suspect, Trip
from benchlab.bench.plain import plain
from benchlab.bench.results import Finished
from benchlab.bench.roles import Edge, Reading
from benchlab.bench.run_log import RunLog
from benchlab.bench.sequencer import Sequencer
from benchlab.bench.setpoint import setpoint_for
from benchlab.bench.step_record import StepRecord
from benchlab.errors import InstrumentRefused
from benchlab.model.flags import RowFlag
from benchlab.model.program import Program, StepPlan

__all__ = ["ExecutorRecord"]

MARGIN_VOLT = 0.010
LATE_SECOND = 2.0
"""By so much a step may seem to begin late before the host's clock is believed instead."""
TOLD = frozenset({End.AT_MOST, End.HOLD_TIME, End.ALREADY_MET})
"""Ends that are also events, as where the host steps."""
_KEPT = (
    *("voltage", "current", "skipped", "_began", "_half", "_elapsed", "_before"),
    *("_sign", "_formed", "_at_hold"),
)


class ExecutorRecord:
    """The record of one run that an instrument carries out.

    Parameters
    ----------
    counts : bool
        The instrument counts charge and energy by itself; else its rows are integrated.

    Attributes
    ----------
    voltage, current : float
        Of the last row.
    cause : str
        What ended a step that none of its own ends explains; put in by whoever knows.
    skipped : (int, int)
        The instrument's step number and loop counter of the step that somebody skipped last.
    fast : bool
        Steps end as they begin: contact lost, or a dead cell.
    """

    def __init__(
        self,
        program: Program,
        compiled: Compiled,
        sink: Onward,
        clock: Clock,
        *,
        counts: bool = True,
    ) -> None:
        self.program = program
        self.sequencer = Sequencer(program)
        self.guard = Guard(program.limits, program.period_second)
        self.rows = RowCounter(counts=counts)
        self.counter: Counter = self.rows.counter
        self.log = RunLog(sink, clock, self.counter, self.sequencer)
        self.voltage, self.current = math.nan, 0.0
        self.fast = False
        self.cause = INSTRUMENT
        self.skipped = (0, 0)
        self.order = Order()
        self._compiled = compiled
        self._sink = sink
        self._reading: Reading | None = None
        self._step: StepRecord | None = None
        self._plan: StepPlan | None = None
        self._began = self._half = 0.0
        self._elapsed = 0.0  # of the steps that the instrument ended
        self._kept = 0.0
        self._before = (0.0, 0.0, 0.0)  # second, Ah, Wh of the first part of a step made of two
        self._sign = 0
        self._formed = False
        self._at_hold = math.nan
        sink.kept = self._state

    def start(self, began: float, half_width: float, voltage: float) -> None:
        """Count test time from these clock seconds on."""
        self.log.start(began)
        self._half = half_width
        self.voltage = voltage

    @property
    def plan(self) -> StepPlan | None:
        """The step under way."""
        return self._plan if self._step is not None else None

    @property
    def complete(self) -> bool:
        """Whether every row is written and every step closed."""
        return self.order.pending is None and self._step is None

    def at_its_end(self) -> bool:
        """Say whether the program is over; nothing can be recorded afterwards."""
        return self.sequencer.advance({}, self.counter.net_ah) is None

    # rows

    def take(self, fetched: Fetched) -> Trip | None:
        """Record what was fetched; return what the guard says of it.

        The last row waits until it is known whether its step goes on.
        """
        trip: Trip | None = None
        for row, end, after in self.order.sort(fetched):
            trip = self._row(row, end, after) or trip
        for event in fetched.events:
            self.log.event(event.kind, "instrument", event.text)
        return trip

    def finish(self, reason: str) -> None:
        """Write the row that waits, and close the step under way by a reason not its own."""
        row, self.order.pending = self.order.pending, None
        if row is not None:
            nothing = StepEnd(
                row.step, row.cycle, row.sequence, row.step_second, math.nan, row.voltage,
                row.current, row.charge_ah, row.energy_wh, reason,
            )  # fmt: skip
            self._row(row, nothing, 0)
        if self._step is not None:
            at = self._elapsed
            self._close(Edge(at, math.nan, at, math.nan), reason, at - self._began)

    def _row(self, row: ExecutorRow, end: StepEnd | None, after: int) -> Trip | None:
        self._stood_still(row)
        flag = 0
        if self._step is None:
            self._enter(row)
            flag = RowFlag.STEP_START
        step, plan = self._step, self._plan
        assert step is not None
        assert plan is not None
        time = self._elapsed + row.step_second
        reading = Reading(time, row.voltage, row.current, row.temperature, row.flags)
        if not flag and self._at_hold != self._at_hold and self._holds(row):
            flag |= RowFlag.TRANSITION
            self._at_hold, self.sequencer.in_hold = self._elapsed, True
            step.transition(self.counter.charge)
            self._event(time, "transition", "instrument", f"{plan.hold_volt:g} V reached")
        first = bool(flag & RowFlag.STEP_START)
        edge = (self._elapsed, self._sign) if first else None
        self.rows.take(row, time, plan, self._before, first=edge)
        if first:
            step.first(reading)
        self.guard.hear(time)  # rows come when they come: silence is the line's
        verdict = self.guard.reading(time, row.voltage, row.current, self.counter.charge)
        if isinstance(verdict, Suspect):
            flag |= RowFlag.SUSPECT
        goes_on = end is not None and self._goes_on(row, after)
        if end is not None and not goes_on:
            flag |= RowFlag.STEP_END
        step.last(reading)
        self.log.row(reading, int(flag), elapsed=time)
        self.order.written(row)
        if "frequency_hertz" in row.values:
            self._spectrum(row, time)
        self.voltage, self.current = row.voltage, row.current
        if end is not None:
            self._ended(end, reading, goes_on=goes_on)
        self._reading = reading
        # what a stream said is not said again: the next host begins at the last state
        streamed = row.heard == row.heard
        again = streamed and (end is not None or abs(time - self._kept) >= 1.0)
        if again or self.log.state_due <= self.log.began + time:
            if streamed:
                self.log.changed()
            self.keep()
        return verdict if isinstance(verdict, Trip) else None

    def _goes_on(self, row: ExecutorRow, after: int) -> bool:
        """Say whether the instrument's next step is a part of the same step of the program."""
        if (row.step, row.cycle) == self.skipped or row.step + 1 not in self._compiled.continues:
            return False
        if after:
            return after == row.step + 1
        return self.cause == INSTRUMENT

    def _stood_still(self, row: ExecutorRow) -> None:
        """Let time go by in which the instrument itself stood still between two rows."""
        second = self.order.pause_before(row)
        if second and self.order.paused:
            self.order.paused = False
            self._elapsed += second
            self._half = max(self._half, 1.0)
            if self._step is not None:  # the time of the step itself stood still
                self._began += second
        elif second:
            self._event(
                self._elapsed,
                "clock",
                "instrument",
                f"its clock leapt by {second:.0f} s between two rows: it was set, or it was paused"
                " while nobody looked; test time does not count it",
            )
        late = row.heard - self.log.began - row.step_second - self._elapsed
        if self._step is None and late > LATE_SECOND:
            self._elapsed += late
            self._half = max(self._half, late / 2.0)

    def _holds(self, row: ExecutorRow) -> bool:
        """Say whether constant voltage has begun in a step that goes over to it."""
        plan = self._plan
        if plan is None or not plan.has_hold or not plan.direction:
            return False
        if row.step in self._compiled.continues:
            return True
        falling = abs(row.current) < 0.98 * abs(plan.current_ampere)
        return falling and abs(row.voltage - plan.hold_volt) <= MARGIN_VOLT

    def _spectrum(self, row: ExecutorRow, time: float) -> None:
        self._sink.spectrum(
            {
                "test_time_second": time,
                "unix_time_nanosecond": self.log.unix_ns + round(time * 1e9),
                "step_count": self.sequencer.step_count,
                "cycle_count": self.sequencer.cycle_count,
                "frequency_hertz": row.values["frequency_hertz"],
                "real_impedance_ohm": row.values["real_impedance_ohm"],
                "imaginary_impedance_ohm": row.values["imaginary_impedance_ohm"],
            }
        )

    def _event(self, time: float, kind: str, actor: str, text: str) -> None:
        """Write an event that happened in that second of the test, fetched later."""
        self._sink.event(
            {
                "test_time_second": time,
                "unix_time_nanosecond": self.log.unix_ns + round(time * 1e9),
                "kind": kind,
                "actor": actor,
                "text": text,
            }
        )

    # steps

    def _enter(self, row: ExecutorRow) -> None:
        """Go to the next step of the program, which must be the one that the instrument is in."""
        expected = self._compiled.step_ids.get(row.step)
        plan, missed = self._next(), 0
        streamed = row.heard == row.heard
        while streamed and plan is not None and self.sequencer.step_count < row.cycle:
            missed += 1
            plan = self._next()
        if missed:
            lost = f"{missed} whole steps before step {self.sequencer.step_count} were not heard"
            self._event(self._elapsed, "gap", "bench", lost)
        if plan is None or expected != plan.step_id:
            there = "its end" if plan is None else f"step {plan.step_id} ({plan.text})"
            raise InstrumentRefused(
                f"the instrument is in its step {row.step}, where the protocol is at {there}.",
                remedy="Somebody may have changed the test at the instrument; look at it.",
            )
        walker = self.sequencer.walker
        if not self._formed and walker.formed_low_volt is not None:
            self._formed = True
            self.guard.arm_formed()
        began = self._elapsed
        setpoint, sign = setpoint_for(
            plan, self.program.limits, self.guard.low_volt, MARGIN_VOLT, self.voltage, self._sign
        )
        if sign and not plan.direction and row.current:
            # only the current tells which way a hold goes
            sign = int(math.copysign(1, row.current))
        self._sign = sign or self._sign
        bound, net = setpoint.voltage_volt, self.counter.net_ah
        self.sequencer.begin(began, sign, MARGIN_VOLT, bound, net_ah=net)
        self._plan = plan = self.sequencer.plan
        self.guard.begin(plan, sign, bound, began)
        counts = self.sequencer.step_count, self.sequencer.cycle_count
        self.log.enter(counts[1], counts[0], plan.step_id)
        full = row.values.get("current_range_ampere", math.nan)
        edge = Edge(began, self._half, began, self._half, full)
        self._step = StepRecord(plan, *counts, sign, edge, self.log.rows)
        self._sign = sign
        self._before, self._began = (0.0, 0.0, 0.0), self._elapsed
        self._at_hold = math.nan

    def _next(self) -> StepPlan | None:
        plan = self.sequencer.advance({}, self.counter.net_ah)
        walker = self.sequencer.walker
        for kind, text in walker.told:
            self._event(self._elapsed, kind, "protocol", text)
        walker.told.clear()
        return plan

    def _ended(self, end: StepEnd, reading: Reading, *, goes_on: bool) -> None:
        self._elapsed += end.second
        self._half = end.half_width_second
        if goes_on:
            second, charge, energy = self._before
            self._before = (second + end.second, charge + end.charge_ah, energy + end.energy_wh)
            return
        plan, second = self._plan, self._elapsed - self._began
        assert plan is not None
        reason: str = End.SKIPPED
        if (end.step, end.cycle) != self.skipped:
            held, moved = self._elapsed - self._at_hold, self.counter.charge
            sign = self.sequencer.sign
            reason = end_reason(plan, sign, end, second=second, charge_ah=moved, held_second=held)
        if reason == INSTRUMENT:
            reason = self.cause
        at, half = self._elapsed, end.half_width_second
        self._close(Edge(at, half, at, half), reason, second)

    def _close(self, edge: Edge, reason: str, second: float) -> None:
        step, self._step = self._step, None
        plan = self._plan
        assert step is not None
        assert plan is not None
        step.end_reason = reason
        own = is_own_end(plan, reason)
        totals, told = self.rows.end(edge.ended)
        content = step.record(totals, edge, 0.0, self.log.rows - 1, own_end=own)
        content["counter_source"] = self.rows.source
        self.log.step(content)
        count = step.step_count
        fresh = not self._sink.knows(count)
        if fresh and reason in TOLD:
            self._event(edge.ended, str(reason), "instrument", f"step {count} ended by it")
        if fresh and plan.driven and told:
            self._event(edge.ended, "counter", "bench", f"step {count}: {told}")
        result = Finished(
            reason, own, totals.net_ah, totals.net_wh, second, *step.voltages, plan.label, count
        )
        self.fast = self.sequencer.ended(result, edge.ended) or self.fast

    # what the next host begins from

    def keep(self) -> None:
        """Write the state now."""
        reading = self._reading
        if reading is not None:
            self._kept = reading.time
            shown = reading._replace(time=self.log.began + reading.time)
            self.log.save(shown, self.guard.state, reading.time)

    def _state(self) -> Mapping[str, Any] | None:
        """Return what stands beside counters, guard and place in the program; JSON carries it."""
        if self._reading is None:
            return None
        at = self._reading.time
        return {
            "at": at,
            "rows": self.log.rows,
            "own": {name: plain(getattr(self, name)) for name in _KEPT},
            "order": self.order.state(),
            "check": self.rows.check.state(at),
            "step": None if self._step is None else self._step.state(),
        }

    def restore(self, state: Mapping[str, Any]) -> int:
        """Stand behind the last row that a whole state knows of; return its number, or 0: none."""
        kept = (state.get("executor") or {}).get("record")
        if not kept:
            return 0
        at, walker = kept["at"], self.sequencer.walker
        self.sequencer.restore(state, at)
        self.counter.restore(state["counter"], at)
        self.guard.restore(state["guard"], at)
        self.rows.check.restore(kept["check"], at)
        for name in _KEPT:
            value = math.nan if kept["own"][name] is None else kept["own"][name]
            setattr(self, name, tuple(value) if isinstance(value, list) else value)
        self._plan = self.sequencer.plan
        if kept["step"] is not None:
            self._step = StepRecord.restored(self._plan, kept["step"])
        self.log.rows = kept["rows"]
        self.log.enter(walker.cycle_count, walker.step_count, self._plan.step_id)
        self._sink.begin_after(kept["rows"])
        return self.order.restore(kept["order"])
