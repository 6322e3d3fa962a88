"""Runs one program on one source: reads, guards, counts, decides, records, and switches off."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn

from benchlab.bench.clock import Clock
from benchlab.bench.counter import Counter
from benchlab.bench.guard import Guard, Suspect, Trip
from benchlab.bench.lateness import Lateness
from benchlab.bench.outcome import Outcome, Progress
from benchlab.bench.roles import Edge, Mode, OffProof, Reading, Setpoint, Source
from benchlab.bench.run_log import RunLog
from benchlab.bench.sequencer import OWN_ENDS, End, Sequencer
from benchlab.bench.setpoint import is_beyond, setpoint_for
from benchlab.bench.sink import Sink
from benchlab.bench.steady import SteadyReader
from benchlab.bench.step_record import StepRecord
from benchlab.bench.truth import EdgeWatcher
from benchlab.errors import BenchError, LinkError, StorageError
from benchlab.model.flags import RowFlag
from benchlab.model.program import Program, StepPlan

__all__ = ["RunWorker"]

CONFIRM = int(RowFlag.CONFIRMATION)


class _Ended(Exception):
    def __init__(self, reason: str, text: str) -> None:
        super().__init__(reason, text)
        self.reason = reason
        self.text = text


class RunWorker:
    """Carries a program out, to its end, a stop, a trip or a fault; the output ends off.

    Parameters
    ----------
    seen : Reading
        The cell before any current, from `benchlab.bench.prepare.prepare`.
    watch
        Called about once a second of the clock and at each step's end.
    edges
        Told before each change of the output, and after it which step ended.
    """

    def __init__(
        self,
        program: Program,
        source: Source,
        clock: Clock,
        sink: Sink,
        seen: Reading,
        *,
        watch: Callable[[Progress], None] = lambda _: None,
        edges: EdgeWatcher | None = None,
    ) -> None:
        self.program = program
        self.lateness = Lateness()
        self._source = source
        self._clock = clock
        self._watch = watch
        self._edges = edges or EdgeWatcher()
        self._sequencer = Sequencer(program)
        self._guard = Guard(program.limits, program.period_second)
        self._counter = Counter()
        self._log = RunLog(sink, clock, self._counter, self._sequencer)
        self._steady = SteadyReader(source, self._log)
        self._read = self._steady.read
        self._margin = source.capabilities.voltage_margin_volt
        self._stop = ""
        self._on = False
        self._voltage = seen.voltage
        self._direction = 0
        self._blind = False
        self._step: StepRecord | None = None
        self._off = OffProof(False, "nothing was sent")

    def stop(self, why: str) -> None:
        """Ask for the run to be stopped; safe from any thread and from a signal handler."""
        self._stop = why
        self._clock.wake()

    def run(self) -> Outcome:
        """Carry the program out. The output is off when this returns, or the outcome says not."""
        error: BaseException | None = None
        try:
            self._steps()
            reason, text = "done", "the protocol came to its end"
            self._off = self._source.safe()
        except _Ended as ended:
            reason, text = ended.reason, ended.text
        except BenchError as failure:
            reason, text, error = "failed", str(failure), failure
        except Exception as bug:
            reason, text, error = "failed", traceback.format_exc(), bug
        if error is not None:
            self._edges.before_change()
            self._off = self._source.safe()
        # a full disk must not keep anybody from hearing how the run ended
        with suppress(StorageError):
            if self._step is not None:
                self._step.end_reason = self._step.end_reason or reason
                now = self._clock.now
                self._close_step(Edge(now, math.nan, now, math.nan))
            self._log.event(reason, "bench", text)
            proof = "proven off" if self._off.proven else "NOT PROVEN OFF"
            self._log.event("off", "bench", f"output {proof}: {self._off.evidence}")
        return Outcome(reason, text, self._off, self.lateness, error)

    def _steps(self) -> None:
        plan = self._sequencer.advance()
        while plan is not None:
            if self._stop:
                self._switch_off("stopped")
                raise _Ended("stopped", self._stop)
            met = self._unsure(plan) and self._look(plan)
            step = self._already_met(plan) if met else self._carry_out(plan)
            if self._sequencer.ended(End(step.end_reason), self._clock.now):
                self._switch_off(step.end_reason)
                raise _Ended(
                    "held",
                    "three steps in a row ended within seconds: contact lost, or a dead cell",
                )
            plan = self._sequencer.advance()
        self._log.intend("off")
        self._change(Setpoint(Mode.OPEN))

    def _carry_out(self, plan: StepPlan) -> StepRecord:
        setpoint, sign = setpoint_for(
            plan, self.program.limits, self._margin, self._voltage, self._direction
        )
        edge = self._change(setpoint)
        step = self._open_step(plan, edge, sign, setpoint.voltage_volt)
        self._guard.begin(plan, sign, setpoint.voltage_volt, edge.began)
        step.end_reason = self._readings(plan, edge, step)
        return step

    def _unsure(self, plan: StepPlan) -> bool:
        """Say whether the cell must be seen at 0 A before current may flow."""
        return plan.driven and (self._blind or is_beyond(plan, self._voltage, self._margin))

    def _look(self, plan: StepPlan) -> bool:
        """See the cell at 0 A; return whether the step's end holds already.

        A rest under way goes on, and ends with what was seen; a driven step ends here.
        """
        self._intend_on()
        self._edges.before_change()
        bound = self.program.limits.high_volt
        edge = self._source.apply(Setpoint(Mode.ZERO, 0.0, bound))
        self._blind = False
        if self._step is not None and self._step.sign:
            self._close_step(edge)
        self._guard.idle(edge.began, bound)
        reading = self._believed(self._read())
        self._voltage = reading.voltage
        if self._step is not None:
            self._step.last(reading)
            self._counter.seen(reading.voltage)
            self._log.row(reading, RowFlag.STEP_END)
        return is_beyond(plan, self._voltage, self._margin)

    def _already_met(self, plan: StepPlan) -> StepRecord:
        """Record a step whose end held before any current flowed."""
        self._edges.before_change()
        now = self._clock.now
        edge = Edge(now, 0.0, now, 0.0)
        self._close_step(edge)
        step = self._open_step(plan, edge, plan.direction, math.nan)
        reading = self._believed(self._read())
        self._counter.begin(now, reading.time, reading.voltage, 0.0, direction=0, is_open=True)
        step.first(reading)
        step.end_reason = End.ALREADY_MET
        self._log.row(reading, RowFlag.STEP_START | RowFlag.STEP_END)
        self._log.event(End.ALREADY_MET.value, "bench", f"step {step.step_count} ended by it")
        return step

    def _intend_on(self) -> None:
        if not self._on:
            self._on = True
            self._log.intend("on")

    def _change(self, setpoint: Setpoint) -> Edge:
        """Change the output, and end the step under way at the edge."""
        if setpoint.mode is not Mode.OPEN:
            self._intend_on()
        self._edges.before_change()
        edge = self._source.apply(setpoint)
        can_see = self._source.capabilities.measures_when_off
        self._blind = setpoint.mode is Mode.OPEN and not can_see
        self._close_step(edge)
        return edge

    def _open_step(self, plan: StepPlan, edge: Edge, sign: int, bound: float) -> StepRecord:
        if self._step is None and not self._log.rows:
            self._log.start(edge.began)
            self._log.event("start", "bench", f"the cell stands at {self._voltage:.4f} V")
        self._direction = sign or self._direction
        self._sequencer.begin(edge.began, sign, self._margin, bound)
        count, cycle = self._sequencer.step_count, self._sequencer.cycle_count
        self._log.enter(cycle, count, plan.step_id)
        self._step = StepRecord(plan, count, cycle, sign, edge, self._log.rows)
        return self._step

    def _readings(self, plan: StepPlan, edge: Edge, step: StepRecord) -> End:
        """Read until the step ends, and return why; the loop that all speed depends on."""
        clock, counter, sequencer = self._clock, self._counter, self._sequencer
        sleep_until, period = clock.sleep_until, self.program.period_second
        read, guard_reading = self._source.read, self._guard.reading
        sequencer_reading, counter_reading = sequencer.reading, counter.reading
        late = None if clock.virtual else self.lateness.add
        log = self._log
        every, change = plan.every_second, plan.or_change_volt
        reading = self._read()
        if plan.direction == 0 and reading.current * step.sign < 0.0:
            # near its voltage only the current tells which way a hold goes
            self._direction = step.sign = sequencer.sign = -step.sign
            self._guard.begin(plan, step.sign, plan.hold_volt, edge.began)
        reading = self._believed(reading)
        time, voltage, current, _, flags, requested, replied = reading
        counter.begin(
            edge.began,
            time,
            voltage,
            current,
            direction=step.sign,
            is_open=plan.output == "open",
        )
        step.first(reading)
        self._log.row(reading, RowFlag.STEP_START)
        due, last_voltage, recorded = time + every - period / 2.0, voltage, True
        voltage_before = charge_before = math.nan
        charge, final = counter.charge, False
        began = log.began
        planned = began + period * math.floor((replied - began) / period)
        while True:
            confirm = 0
            end = sequencer_reading(time, voltage, current, charge)
            if end is None:
                voltage_before, charge_before = voltage, charge
            elif end is End.CONFIRM:
                step.crossed((voltage_before, charge_before), (voltage, charge))
                confirm = CONFIRM
            elif end is End.TRANSITION:
                step.transition(charge)
                self._log.row(reading, RowFlag.TRANSITION)
                recorded, last_voltage = True, voltage
                self._log.event("transition", "instrument", f"{plan.hold_volt:g} V reached")
            else:
                return self._end_of(end, reading, recorded)
            if time >= due or abs(voltage - last_voltage) >= change:
                if not recorded:
                    self._log.row(reading, 0)
                    recorded = True  # it may be the step's last reading too
                last_voltage = voltage
                # a row for a change of voltage must not put the next timed one off any further
                due = due + every if time >= due else time + every - period / 2.0
                if due <= time:
                    due = time + every - period / 2.0
            if time >= log.state_due:
                log.save(reading)
                self._watch(self._progress(reading))
            if final and not confirm:
                sleep_until(sequencer.wake)
                timed = sequencer.tick(clock.now)
                if timed is not None:
                    return self._end_of(timed, reading, recorded)
            if not confirm:
                if planned <= replied:
                    missed = math.floor((replied - planned) / period)
                    if missed:
                        self._overdue(missed)
                    planned += period * (missed + 1)
                wake = planned
                lead = replied - requested + 1e-3
                if sequencer.look < wake:
                    wake = max(sequencer.look - lead / 2.0, replied)
                final = sequencer.wake - lead <= wake
                if final:
                    wake = sequencer.wake - lead
                    if wake < replied:
                        # no time for another reading: the step ends on time, not with it
                        sleep_until(sequencer.wake)
                        return self._end_of(sequencer.time_end, reading, recorded)
                sleep_until(wake)
                if self._stop:
                    self._halt(reading, recorded)
                if late is not None:
                    late(clock.now - wake)
            try:
                reading = read()
            except LinkError as error:
                reading = self._steady.again(error)
            time, voltage, current, _, flags, requested, replied = reading
            verdict = guard_reading(time, voltage, current, charge)
            if verdict is not None:
                reading = self._confirmed(verdict, reading)
                time, voltage, current, _, flags, requested, replied = reading
            counter_reading(time, voltage, current)
            charge = counter.charge
            if confirm:
                reading = reading._replace(flags=flags | CONFIRM)
            recorded = False

    def _believed(self, reading: Reading) -> Reading:
        """Return the first reading of a step or look, or the next one that the guard believes."""
        verdict = self._guard.reading(reading.time, reading.voltage, reading.current, 0.0)
        return reading if verdict is None else self._confirmed(verdict, reading)

    def _confirmed(self, verdict: Suspect | Trip, reading: Reading) -> Reading:
        """Return a reading that the guard believes, asked for at once, or trip.

        One that it does not believe is recorded as such, and neither counted nor decided upon.
        """
        while True:
            if isinstance(verdict, Trip):
                self._trip(verdict, reading)
            self._log.row(reading, RowFlag.SUSPECT)
            self._counter.disbelieved()
            reading = self._read()
            after = self._guard.reading(
                reading.time, reading.voltage, reading.current, self._counter.charge
            )
            if after is None:
                return reading._replace(flags=reading.flags | CONFIRM)
            verdict = after

    def _end_of(self, end: End, reading: Reading, recorded: bool) -> End:
        if not recorded:
            self._log.row(reading, RowFlag.STEP_END)
        self._voltage = reading.voltage if reading.voltage == reading.voltage else self._voltage
        if self._step is not None:
            self._step.last(reading)
        if end in (End.AT_MOST, End.HOLD_TIME, End.VOLTAGE_LIMIT):
            self._log.event(end.value, "bench", f"step {self._sequencer.step_count} ended by it")
        self._watch(self._progress(reading))
        return end

    def _close_step(self, edge: Edge) -> None:
        step, self._step = self._step, None
        if step is None:
            return
        totals = self._counter.end(edge.ended)
        end = step.end_reason
        self._log.step(
            step.record(totals, edge, self._log.began, self._log.rows - 1, own_end=end in OWN_ENDS)
        )
        self._edges.step_ended(step.step_count, step.sign)

    def _trip(self, trip: Trip, reading: Reading | None = None) -> NoReturn:
        self._switch_off("tripped", reading)
        self._log.event("trip", trip.owner, trip.cause)
        raise _Ended("tripped", f"{trip.cause} (limit of the {trip.owner}); output switched off")

    def _halt(self, reading: Reading, recorded: bool) -> None:
        self._switch_off("stopped", None if recorded else reading)
        raise _Ended("stopped", self._stop)

    def _switch_off(self, reason: str, reading: Reading | None = None) -> None:
        """Make the output safe before anything else, then record how the step ended."""
        self._edges.before_change()
        before = self._clock.now
        self._off = self._source.safe()
        after = self._clock.now
        middle, half = (before + after) / 2.0, (after - before) / 2.0
        if self._step is not None:
            if reading is not None:
                self._log.row(reading, RowFlag.STEP_END)
                self._step.last(reading)
            self._step.end_reason = self._step.end_reason or reason
            self._close_step(Edge(middle, half, middle, half))

    def _overdue(self, missed: int) -> None:
        trip = self._guard.tick(self._clock.now)
        if trip is not None:
            self._trip(trip)
        if not self.lateness.missed:
            self._log.event("late", "bench", f"{missed} control periods passed without a reading")
        self.lateness.missed += missed

    def _progress(self, reading: Reading) -> Progress:
        sequencer = self._sequencer
        return Progress(
            sequencer.plan,
            sequencer.step_count,
            sequencer.cycle_count,
            reading.time - self._log.began,
            reading.voltage,
            reading.current,
        )
