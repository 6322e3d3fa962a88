"""Carries one step out, from edge to edge: reads, guards, counts, decides, records."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NoReturn

from benchlab.bench.buffered import BufferedReader, EveryRow, is_buffered
from benchlab.bench.clock import Clock
from benchlab.bench.commands import Inbox
from benchlab.bench.counter import Counter
from benchlab.bench.ended import tripped
from benchlab.bench.ends import End, is_own_end
from benchlab.bench.guard import Guard, Suspect, Trip
from benchlab.bench.lateness import Lateness
from benchlab.bench.levels import Levels
from benchlab.bench.outcome import Progress
from benchlab.bench.output import Output
from benchlab.bench.regulate import Regulator
from benchlab.bench.results import Finished
from benchlab.bench.roles import Edge, Reading, Setpoint, Source
from benchlab.bench.row_rule import RowRule
from benchlab.bench.run_log import RunLog
from benchlab.bench.sensing import Surroundings
from benchlab.bench.sequencer import Sequencer
from benchlab.bench.sink import Sink
from benchlab.bench.steady import SteadyReader
from benchlab.bench.step_record import StepRecord
from benchlab.bench.thermal import Thermal
from benchlab.bench.truth import EdgeWatcher
from benchlab.bench.waiting import Wait
from benchlab.errors import LinkError
from benchlab.model.flags import RowFlag
from benchlab.model.program import Control, Program, StepPlan

__all__ = ["StepRunner"]

CONFIRM = int(RowFlag.CONFIRMATION)
TOLD = (End.AT_MOST, End.HOLD_TIME, End.VOLTAGE_LIMIT, End.ALREADY_MET)
"""Ends that somebody wants to hear of."""


class StepRunner:
    """The bench of one run as its steps need it; `RunWorker` says which step comes next.

    Attributes
    ----------
    voltage : float
        The cell's last known voltage.
    direction : int
        Of the last driven step.
    heed
        Carries out what waits in the inbox; returns a reason where that ends the step.
    """

    def __init__(
        self,
        program: Program,
        source: Source,
        clock: Clock,
        sink: Sink,
        seen: Reading,
        surroundings: Surroundings,
        watch: Callable[[Progress], None],
        edges: EdgeWatcher,
    ) -> None:
        self.program = program
        self.source = source
        self.clock = clock
        self.edges = edges
        self.surroundings = surroundings
        self.sequencer = Sequencer(program)
        self.guard = Guard(program.limits, program.period_second)
        self.guard.seen(seen.voltage)
        self.counter = Counter()
        self.log = RunLog(sink, clock, self.counter, self.sequencer)
        self.inbox = Inbox(clock.wake)
        self.lateness = Lateness()
        self.output = Output(source, clock, self.log, edges, surroundings.chamber)
        self.thermal = Thermal(surroundings, program.limits, clock, self.log, self.sequencer)
        self.levels = Levels(self.output, self.counter, self.guard, self.sequencer, self.log)
        self.voltage = seen.voltage
        self.current = 0.0
        self.direction = 0
        self.step: StepRecord | None = None
        self.heed: Callable[[Reading, bool], str | None] = lambda *_: None
        self._watch = watch
        self.buffered = BufferedReader(self, source)
        self.output.applied = self.buffered.applied
        self._steady = SteadyReader(source, self.log, self.buffered.one)
        self.read = self._steady.read
        self._margin = source.capabilities.voltage_margin_volt

    # the output

    def change(self, setpoint: Setpoint) -> Edge:
        """Change the output, and end the step under way at the edge."""
        edge = self.output.apply(setpoint)
        self.close_step(edge)
        return edge

    def switch_off(self, reason: str, reading: Reading | None = None) -> None:
        """Make the output safe before anything else, then the chamber, then record it."""
        edge = self.output.make_safe()
        if self.step is not None:
            if reading is not None:
                self.log.row(reading, RowFlag.STEP_END)
                self.step.last(reading)
            self.buffered.finish()
            self.step.end_reason = self.step.end_reason or reason
            self.close_step(edge)
        self.output.tell_chamber()

    def trip(self, trip: Trip, reading: Reading | None = None) -> NoReturn:
        """Switch off, and end the run by it."""
        self.switch_off("tripped", reading)
        self.log.event("trip", trip.owner, trip.cause)
        raise tripped(trip)

    # steps

    def open_step(
        self, plan: StepPlan, edge: Edge, sign: int, bound: float, carried_ah: float = 0.0
    ) -> StepRecord:
        """Begin a step at its edge; its numbers are put in once more, as they are known now."""
        if self.step is None and not self.log.rows:
            self.log.start(edge.began)
            self.log.event("start", "bench", f"the cell stands at {self.voltage:.4f} V")
        self.direction = sign or self.direction
        elapsed = edge.began - self.log.began
        self.sequencer.begin(
            edge.began,
            sign,
            self._margin,
            bound,
            net_ah=self.counter.net_ah,
            unix_ns=self.log.unix_ns + round(elapsed * 1e9),
        )
        plan = self.sequencer.plan
        count, cycle = self.sequencer.step_count, self.sequencer.cycle_count
        self.log.enter(cycle, count, plan.step_id)
        self.log.state_due = 0.0  # a restart must find the step that it is in
        self.step = StepRecord(plan, count, cycle, sign, edge, self.log.rows, carried_ah)
        return self.step

    def close_step(self, edge: Edge) -> None:
        """End the step under way at an edge, and record it."""
        step, self.step = self.step, None
        if step is None:
            return
        self.levels.settle(self.voltage)
        ah, wh = self.counter.carried
        totals = self.counter.end(edge.ended)
        own = is_own_end(step.plan, step.end_reason)
        record = step.record(totals, edge, self.log.began, self.log.rows - 1, own_end=own)
        self.log.step(record)
        moved = totals.net_ah + ah, totals.net_wh + wh
        self.sequencer.walker.finished(self.result(step, *moved, edge.ended))
        self.edges.step_ended(step.step_count, step.sign)

    def result(self, step: StepRecord, net_ah: float, net_wh: float, at: float) -> Finished:
        """Return what a step came to, for those that ask for it by its label."""
        first, last = step.voltages
        own = step.ran and is_own_end(step.plan, step.end_reason)
        second = at - self.sequencer.step_began
        label, count = step.plan.label, step.step_count
        return Finished(step.end_reason, own, net_ah, net_wh, second, first, last, label, count)

    def regulator(self, plan: StepPlan) -> Regulator:
        """Return what regulates a step that the instrument cannot regulate by itself."""
        c_ah = self.sequencer.walker.known.get("C", 0.0)
        return Regulator(plan, self.program, self.guard.low_volt, self._margin, c_ah)

    # readings

    def readings(
        self,
        plan: StepPlan,
        edge: Edge,
        step: StepRecord,
        wait: Wait | None = None,
        carried: tuple[float, float] = (0.0, 0.0),
        restore: Callable[[], object] = lambda: None,
    ) -> str:
        """Read until the step ends, and return why; the loop that all speed depends on."""
        clock, counter, sequencer = self.clock, self.counter, self.sequencer
        sleep_until, period = clock.sleep_until, self.program.period_second
        buffered, guard_reading = is_buffered(plan, self.source), self.guard.reading
        read = self.buffered.newest if buffered else self.source.read
        sequencer_reading = sequencer.reading
        both = plan.control in (Control.SWEEP, Control.PROFILE)
        counter_reading = counter.reading_both if both else counter.reading
        late = None if clock.virtual else self.lateness.add
        log, inbox, surroundings = self.log, self.inbox.waiting, self.surroundings
        levels = self.levels
        reading = self.read()
        if plan.control is Control.HOLD and reading.current * step.sign < 0.0:
            # near its voltage only the current tells which way a hold goes, if two readings agree
            before, reading = reading, self.read()
            if reading.current * before.current > 0.0:
                self.direction = step.sign = sequencer.sign = -step.sign
                self.guard.begin(plan, step.sign, plan.hold_volt, edge.began)
        reading = self.believed(reading)
        time, voltage, current, _, flags, requested, replied = reading
        counter.begin(
            edge.began,
            time,
            voltage,
            current,
            direction=0 if both else step.sign,
            is_open=plan.is_open,
            both=both,
            carried=carried,
        )
        restore()
        step.first(reading)
        log.row(reading, RowFlag.STEP_START)
        fastest = self.source.capabilities.fastest_period_second
        usual = RowRule(plan, edge.began, time, period, fastest)
        rule: RowRule | EveryRow = EveryRow() if buffered else usual
        charge, final, recorded = counter.charge, False, True
        rule.first(voltage, current, charge)
        voltage_before = charge_before = math.nan
        began = log.began
        planned = began + period * math.floor((replied - began) / period)
        watching = bool(sequencer.watches)
        extra = bool(surroundings.sensors or levels or wait)
        while True:
            confirm = 0
            if watching:
                sequencer.energy = counter.energy
            end = sequencer_reading(time, voltage, current, charge)
            if end is None:
                voltage_before, charge_before = voltage, charge
            elif end is End.CONFIRM:
                step.crossed((voltage_before, charge_before), (voltage, charge))
                confirm = CONFIRM
            elif end is End.TRANSITION:
                step.transition(charge)
                log.row(reading, RowFlag.TRANSITION)
                recorded = True
                rule.first(voltage, current, charge)
                log.event("transition", "instrument", f"{plan.hold_volt:g} V reached")
            else:
                return self.end_of(end, reading, recorded)
            if rule.is_row(time, voltage, current, charge) and not recorded:
                log.row(reading, 0)
                recorded = True  # it may be the step's last reading too
            if time >= log.state_due:
                log.save(reading, self.guard.state)
                self._watch(self.progress(reading))
            if extra:
                self.sense(reading)
                if wait is not None:
                    if (reason := wait.over(time)) is not None:
                        return self.end_of(reason, reading, recorded)
                    if wait.idle_second:
                        sequencer.pause(wait.idle_second)
                if not (confirm or final):
                    levels.move(clock.now, voltage, current)
            if final and not confirm:
                sleep_until(sequencer.wake)
                timed = sequencer.tick(clock.now)
                if timed is not None:
                    return self.end_of(timed, reading, recorded)
            if not confirm:
                if planned <= replied:
                    missed = math.floor((replied - planned) / period)
                    if missed:
                        self._overdue(missed)
                    planned += period * (missed + 1)
                wake = planned
                lead = replied - requested + 1e-3
                look = min(sequencer.look, rule.look)
                if look < wake:
                    wake = max(look - lead / 2.0, replied)
                if levels:
                    wake = max(min(wake, levels.due(clock.now) - lead), replied)
                final = sequencer.wake - lead <= wake
                if final:
                    wake = sequencer.wake - lead
                    if wake < replied:
                        # no time for another reading: the step ends on time, not with it
                        sleep_until(sequencer.wake)
                        return self.end_of(sequencer.time_end, reading, recorded)
                sleep_until(wake)
                if inbox:
                    reason = self.heed(reading, recorded)
                    if reason is not None:
                        return self.end_of(reason, reading, recorded)
                    planned += period * max(0, math.floor((clock.now - planned) / period))
                if late is not None:
                    late(clock.now - wake)
            try:
                reading = read()
            except LinkError as error:
                reading = self._steady.again(error)
            time, voltage, current, _, flags, requested, replied = reading
            verdict = guard_reading(time, voltage, current, charge)
            if verdict is not None:
                reading = self.confirmed(verdict, reading)
                time, voltage, current, _, flags, requested, replied = reading
            if levels.left is None:
                counter_reading(time, voltage, current)
            else:
                levels.first(time, voltage, current)
            charge = counter.charge
            if confirm:
                reading = reading._replace(flags=flags | CONFIRM)
            recorded = False

    def sense(self, reading: Reading, *, paused: bool = False) -> None:
        """Read the sensors where they are due, and trip by what they say."""
        charging = not paused and self._charges(reading.current)
        trip = self.thermal.sense(reading.time, charging=charging)
        if trip is not None:
            self.trip(trip, reading)

    def _charges(self, ampere: float) -> bool:
        """Say whether the cell is being charged; noise around 0 A charges nothing."""
        if self.step is None or not self.step.plan.driven:
            return False
        return self.step.sign > 0 or (not self.step.sign and ampere > 0.0)

    def may_begin(self, sign: int) -> None:
        """Trip before current flows in a direction for which the cell is too cold or too warm."""
        trip = self.thermal.may_begin(sign)
        if trip is not None:
            self.trip(trip)

    def believed(self, reading: Reading) -> Reading:
        """Return the first reading of a step or look, or the next one that the guard believes."""
        verdict = self.guard.reading(reading.time, reading.voltage, reading.current, 0.0)
        return reading if verdict is None else self.confirmed(verdict, reading)

    def confirmed(self, verdict: Suspect | Trip, reading: Reading) -> Reading:
        """Return a reading that the guard believes, asked for at once, or trip.

        One that it does not believe is recorded as such, and neither counted nor decided upon.
        """
        while True:
            if isinstance(verdict, Trip):
                self.trip(verdict, reading)
            self.log.row(reading, RowFlag.SUSPECT)
            self.counter.disbelieved()
            reading = self.read()
            after = self.guard.reading(
                reading.time, reading.voltage, reading.current, self.counter.charge
            )
            if after is None:
                return reading._replace(flags=reading.flags | CONFIRM)
            verdict = after

    def end_of(self, end: str, reading: Reading, recorded: bool) -> str:
        """Record the last reading of a step, and what else its end means."""
        self.buffered.ended()
        if not recorded:
            self.log.row(reading, RowFlag.STEP_END)
        self.voltage = reading.voltage if reading.voltage == reading.voltage else self.voltage
        self.current = reading.current
        count = self.sequencer.step_count
        if self.step is not None:
            self.step.last(reading)
            plan = self.step.plan
            text = plan.texts.get(end, "")
            for wanted, flag in plan.flags:
                if wanted in text.split(" or "):
                    self.log.event("flag", "protocol", f"step {count}: {flag}")
            if text and any(item.reason == end for item in plan.watched):
                self.log.event("condition", "protocol", f"step {count} ended by {text}")
        if end in TOLD:
            self.log.event(str(end), "bench", f"step {count} ended by it")
        self._watch(self.progress(reading))
        return str(end)

    def _overdue(self, missed: int) -> None:
        trip = self.guard.tick(self.clock.now)
        if trip is not None:
            self.trip(trip)
        if not self.lateness.missed:
            self.log.event("late", "bench", f"{missed} control periods passed without a reading")
        self.lateness.missed += missed

    def progress(self, reading: Reading) -> Progress:
        """Return where the run stands."""
        now = self.sequencer
        place = (now.plan, now.step_count, now.cycle_count, reading.time - self.log.began)
        return Progress(*place, reading.voltage, reading.current)
