"""Turns what an instrument recorded by itself into the rows, steps and events of a run.

The program is walked along with the instrument: which step, which cycle and which results follow
from the same rules as where the host steps. Each row that is fetched becomes one row of the run, so
that a host that comes back knows from its own rows where to go on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from benchlab.bench.clock import Clock
from benchlab.bench.counter import Counter
from benchlab.bench.ends import End, is_own_end
from benchlab.bench.executor import Compiled, ExecutorRow, Fetched, StepEnd
from benchlab.bench.executor_counter import InstrumentCounter
from benchlab.bench.executor_ends import INSTRUMENT, end_reason
from benchlab.bench.guard import Guard, Suspect, Trip
from benchlab.bench.results import Finished
from benchlab.bench.roles import Edge, Reading
from benchlab.bench.run_log import RunLog
from benchlab.bench.sequencer import Sequencer
from benchlab.bench.setpoint import setpoint_for
from benchlab.bench.sink import Sink
from benchlab.bench.step_record import StepRecord
from benchlab.errors import InstrumentRefused
from benchlab.model.flags import RowFlag
from benchlab.model.program import Program, StepPlan

__all__ = ["ExecutorRecord", "Onward"]

MARGIN_VOLT = 0.010
TOLD = frozenset({End.AT_MOST, End.HOLD_TIME, End.ALREADY_MET})
"""Ends that are also events, as where the host steps."""


class Onward:
    """A `benchlab.bench.sink.Sink` that lets nothing through which was written before.

    Parameters
    ----------
    rows, steps : int
        How many are there already.
    facts : Mapping
        Added to each state: what the next host needs to find the test again.
    """

    def __init__(self, sink: Sink, rows: int, steps: int, facts: Mapping[str, Any]) -> None:
        self._sink = sink
        self._rows, self._steps = rows, steps
        self._seen = 0
        self.facts = dict(facts)

    @property
    def passes(self) -> bool:
        """Whether what was written before has gone by."""
        return self._seen >= self._rows

    def knows(self, step_count: int) -> bool:
        """Say whether a step was written before, with its events."""
        return step_count <= self._steps

    def row(self, *values: float) -> None:
        """Take one row."""
        self._seen += 1
        if self._seen > self._rows:
            self._sink.row(*values)

    def step(self, content: Mapping[str, Any]) -> None:
        """Take a step that ended."""
        if not self.knows(content["step_count"]):
            self._sink.step(content)

    def event(self, content: Mapping[str, Any]) -> None:
        """Take an event."""
        if self.passes:
            self._sink.event(content)

    def state(self, content: Mapping[str, Any]) -> None:
        """Take counters, last reading and place in the program."""
        if self.passes:
            self._sink.state({**content, "executor": self.facts})

    def end(self, content: Mapping[str, Any]) -> None:
        """Take the closing record."""
        self._sink.end(content)

    def clock(self, content: Mapping[str, Any]) -> None:
        """Take what the host's clocks say together."""
        self._sink.clock(content)

    def intent(self, content: Mapping[str, Any]) -> None:
        """Take what is about to be done to the output."""
        self._sink.intent(content)


class ExecutorRecord:
    """The record of one run that an instrument carries out.

    Attributes
    ----------
    voltage, current : float
        Of the last row.
    cause : str
        What ended a step that none of its own ends explains; put in by whoever knows.
    fast : bool
        Steps end as they begin: contact lost, or a dead cell.
    """

    def __init__(self, program: Program, compiled: Compiled, sink: Onward, clock: Clock) -> None:
        longest = max(
            (s.every_second for s in program.steps if s.every_second < math.inf), default=0
        )
        self.program = program
        self.sequencer = Sequencer(program)
        self.guard = Guard(program.limits, max(program.period_second, longest))
        self.counter = InstrumentCounter()
        self.log = RunLog(sink, clock, self.counter, self.sequencer)
        self.voltage, self.current = math.nan, 0.0
        self.fast = False
        self.cause = INSTRUMENT
        self._compiled = compiled
        self._sink = sink
        self._check = Counter()
        self._pending: ExecutorRow | None = None
        self._step: StepRecord | None = None
        self._plan: StepPlan | None = None
        self._began = self._half = 0.0
        self._elapsed = 0.0  # of the steps that the instrument ended
        self._before = (0.0, 0.0, 0.0)  # second, Ah, Wh of the first part of a step made of two
        self._own_count = True
        self._sign = 0
        self._formed = False
        self._at_hold = math.nan

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
    def place(self) -> tuple[int, int]:
        """The instrument's step number and loop counter of the last row."""
        row = self._pending
        return (0, 0) if row is None else (row.step, row.cycle)

    @property
    def complete(self) -> bool:
        """Whether every row is written and every step closed."""
        return self._pending is None and self._step is None

    # rows

    def take(self, fetched: Fetched) -> Trip | None:
        """Record what was fetched; the last row waits until it is known whether its step goes on.

        Returns
        -------
        Trip or None
            What the guard says of it.
        """
        ends = {end.last_sequence: end for end in fetched.ends}
        trip: Trip | None = None
        for row in (*fetched.rows, None):
            before, self._pending = self._pending, row
            if before is None:
                continue
            end = ends.get(before.sequence)
            if row is None and end is None:
                self._pending = before
                break
            trip = self._row(before, end, last=row is None) or trip
        for event in fetched.events:
            self.log.event(event.kind, "instrument", event.text)
        return trip

    def _event(self, time: float, kind: str, actor: str, text: str) -> None:
        """Write an event that happened at clock seconds `time`, fetched later."""
        elapsed = time - self.log.began
        self._sink.event(
            {
                "test_time_second": elapsed,
                "unix_time_nanosecond": self.log.unix_ns + round(elapsed * 1e9),
                "kind": kind,
                "actor": actor,
                "text": text,
            }
        )

    def finish(self, reason: str) -> None:
        """Write the row that waits, and close the step under way by a reason not its own."""
        row, self._pending = self._pending, None
        if row is not None:
            nothing = StepEnd(
                row.step, row.cycle, row.sequence, row.step_second, math.nan, row.voltage,
                row.current, row.charge_ah, row.energy_wh, reason,
            )  # fmt: skip
            self._row(row, nothing, last=True)
        if self._step is not None:
            at = self.log.began + self._elapsed
            self._close(Edge(at, math.nan, at, math.nan), reason, self._elapsed - self._began)

    def _row(self, row: ExecutorRow, end: StepEnd | None, *, last: bool) -> Trip | None:
        flag = 0
        if self._step is None:
            self._enter(row)
            flag = RowFlag.STEP_START
        step = self._step
        assert step is not None
        time = self.log.began + (self._elapsed + row.step_second)
        charge, energy = row.charge_ah + self._before[1], row.energy_wh + self._before[2]
        self._integrate(row, time, bool(flag))
        if charge != charge:
            self._own_count, charge, energy = False, self._check.charge, self._check.energy
        if flag:
            self.counter.open(time, row.voltage, self._sign)
            step.first(Reading(time, row.voltage, row.current))
        elif self._at_hold != self._at_hold and self._holds(row):
            flag |= RowFlag.TRANSITION
            self._transit(time, self.counter.charge)
        self.counter.take(row.voltage, charge, energy, first=bool(flag & RowFlag.STEP_START))
        reading = Reading(time, row.voltage, row.current, row.temperature, row.flags)
        verdict = self.guard.reading(time, row.voltage, row.current, charge)
        if isinstance(verdict, Suspect):
            flag |= RowFlag.SUSPECT
        over = last and self.cause != INSTRUMENT
        goes_on = end is not None and not over and row.step + 1 in self._compiled.continues
        if end is not None and not goes_on:
            flag |= RowFlag.STEP_END
        step.last(reading)
        self.log.row(reading, int(flag))
        self.voltage, self.current = row.voltage, row.current
        if end is not None:
            self._ended(end, reading, goes_on=goes_on)
        if self.log.state_due <= time:
            self.log.save(reading, self.guard.state)
        return verdict if isinstance(verdict, Trip) else None

    def _integrate(self, row: ExecutorRow, time: float, first: bool) -> None:
        """Integrate the rows, beside what the instrument counts."""
        if not first:
            self._check.reading(time, row.voltage, row.current)
            return
        edge = self.log.began + self._elapsed
        is_open = self._plan is None or not self._plan.driven
        volts = row.voltage, row.current
        self._check.begin(edge, time, *volts, direction=self._sign, is_open=is_open)

    def _holds(self, row: ExecutorRow) -> bool:
        """Say whether constant voltage has begun in a step that goes over to it."""
        plan = self._plan
        if plan is None or not plan.has_hold or not plan.direction:
            return False
        if row.step in self._compiled.continues:
            return True
        falling = abs(row.current) < 0.98 * abs(plan.current_ampere)
        return falling and abs(row.voltage - plan.hold_volt) <= MARGIN_VOLT

    def _transit(self, time: float, charge: float) -> None:
        assert self._step is not None
        assert self._plan is not None
        self._at_hold = self._elapsed
        self._step.transition(charge)
        self.sequencer.in_hold = True
        self._event(time, "transition", "instrument", f"{self._plan.hold_volt:g} V reached")

    # steps

    def _enter(self, row: ExecutorRow) -> None:
        """Go to the next step of the program, which must be the one that the instrument is in."""
        expected = self._compiled.step_ids.get(row.step)
        plan = self.sequencer.advance({}, self.counter.net_ah)
        walker = self.sequencer.walker
        for kind, text in walker.told:
            self._event(self.log.began + self._elapsed, kind, "protocol", text)
        walker.told.clear()
        if plan is None or expected != plan.step_id:
            there = "its end" if plan is None else f"step {plan.step_id} ({plan.text})"
            raise InstrumentRefused(
                f"the instrument is in its step {row.step}, where the protocol is at {there}.",
                remedy="Somebody may have changed the test at the instrument; look at it.",
            )
        if not self._formed and walker.formed_low_volt is not None:
            self._formed = True
            self.guard.arm_formed()
        began = self.log.began + self._elapsed
        setpoint, sign = setpoint_for(
            plan, self.program.limits, self.guard.low_volt, MARGIN_VOLT, self.voltage, self._sign
        )
        if sign and not plan.direction and row.current:
            sign = int(
                math.copysign(1, row.current)
            )  # only the current tells which way a hold goes
        self._sign = sign or self._sign
        count_net = self.counter.net_ah
        self.sequencer.begin(began, sign, MARGIN_VOLT, setpoint.voltage_volt, net_ah=count_net)
        self._plan = plan = self.sequencer.plan
        self.guard.begin(plan, sign, setpoint.voltage_volt, began)
        counts = self.sequencer.step_count, self.sequencer.cycle_count
        self.log.enter(counts[1], counts[0], plan.step_id)
        edge = Edge(began, self._half, began, self._half)
        self._step = StepRecord(plan, *counts, sign, edge, self.log.rows)
        self._sign = sign
        self._before, self._began = (0.0, 0.0, 0.0), self._elapsed
        self._own_count, self._at_hold = True, math.nan

    def _ended(self, end: StepEnd, reading: Reading, *, goes_on: bool) -> None:
        self._elapsed += end.second
        self._half = end.half_width_second
        if goes_on:
            second, charge, energy = self._before
            self._before = (second + end.second, charge + end.charge_ah, energy + end.energy_wh)
            return
        plan = self._plan
        assert plan is not None
        second = self._elapsed - self._began
        held = self._elapsed - self._at_hold
        charge = self.counter.charge
        reason = end_reason(
            plan, self.sequencer.sign, end, second=second, charge_ah=charge, held_second=held
        )
        if reason == INSTRUMENT:
            reason = self.cause
        at = self.log.began + self._elapsed
        half = end.half_width_second
        self._close(Edge(at, half, at, half), reason, second)

    def _close(self, edge: Edge, reason: str, second: float) -> None:
        step, self._step = self._step, None
        plan = self._plan
        assert step is not None
        assert plan is not None
        step.end_reason = reason
        own = is_own_end(plan, reason)
        totals, check = self.counter.end(edge.ended), self._check.end(edge.ended)
        content = step.record(totals, edge, self.log.began, self.log.rows - 1, own_end=own)
        if self._own_count:
            content["counter_source"] = "instrument"
        self.log.step(content)
        count = step.step_count
        fresh = not self._sink.knows(count)
        if fresh and reason in TOLD:
            self._event(edge.ended, str(reason), "instrument", f"step {count} ended by it")
        if fresh and plan.driven and self._own_count:
            self._event(
                edge.ended,
                "counter",
                "bench",
                f"step {count}: the instrument counted {totals.net_ah:.9g} Ah and"
                f" {totals.net_wh:.9g} Wh, its rows integrate to {check.net_ah:.9g} Ah and"
                f" {check.net_wh:.9g} Wh",
            )
        result = Finished(
            reason, own, totals.net_ah, totals.net_wh, second, *step.voltages, plan.label, count
        )
        self.fast = self.sequencer.ended(result, edge.ended) or self.fast

    def at_its_end(self) -> bool:
        """Say whether the program is over; nothing can be recorded afterwards."""
        return self.sequencer.advance({}, self.counter.net_ah) is None
