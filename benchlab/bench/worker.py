"""Runs one program on one source, step after step, and leaves the output off."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from benchlab.bench import commands
from benchlab.bench.clock import Clock
from benchlab.bench.continuing import Continuation, Continuing
from benchlab.bench.ended import Ended
from benchlab.bench.ends import End
from benchlab.bench.guard import Trip
from benchlab.bench.heed import Heed
from benchlab.bench.operator_wait import Operator, OperatorWait
from benchlab.bench.outcome import Outcome, Progress
from benchlab.bench.resuming import Resumption
from benchlab.bench.roles import Edge, Mode, Reading, Setpoint, Source
from benchlab.bench.sensing import Surroundings
from benchlab.bench.setpoint import is_beyond, setpoint_for
from benchlab.bench.sink import Sink
from benchlab.bench.step_record import StepRecord
from benchlab.bench.step_runner import StepRunner
from benchlab.bench.transcript import hurry
from benchlab.bench.truth import EdgeWatcher
from benchlab.bench.waiting import ChamberWait, Wait
from benchlab.bench.walker import NoStep
from benchlab.errors import BenchError, StorageError
from benchlab.model.amount import UnknownAmount
from benchlab.model.flags import RowFlag
from benchlab.model.program import Control, Program, StepPlan

__all__ = ["RunWorker"]

_MUST_COME = {
    Control.CHAMBER: "the chamber did not come to {:g} degC",
    Control.OPERATOR: "nobody answered the operator's step in time",
}


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
    surroundings
        Sensors and chamber of the channel.
    operator
        Who is asked where the program asks somebody.
    resume : Mapping, optional
        The last state of an earlier run of the same program: goes on inside its step.
    onward : Continuation, optional
        Where this very run stood when it was left: goes on in its journal.
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
        surroundings: Surroundings | None = None,
        operator: Operator | None = None,
        cell_id: str = "",
        resume: Mapping[str, Any] | None = None,
        onward: Continuation | None = None,
    ) -> None:
        self.program = program
        around = surroundings if surroundings is not None else Surroundings()
        self._run = StepRunner(
            program, source, clock, sink, seen, around, watch, edges or EdgeWatcher()
        )
        self._heed = Heed(self._run)
        self._run.heed = self._heed.within
        self.lateness = self._run.lateness
        self._operator = operator
        self._cell_id = cell_id
        self._resumed: Resumption | Continuing | None = None
        if resume is not None:
            self._resumed = Resumption(resume, self._run)
        elif onward is not None:
            self._resumed = Continuing(onward, self._run)
        self._formed = False

    def put(self, command: commands.Command) -> None:
        """Ask for something while the run goes on; safe from any thread and signal handler."""
        self._run.inbox.put(command)

    def stop(self, why: str) -> None:
        """Ask for the run to be stopped; safe from any thread and from a signal handler."""
        self.put(commands.Stop(why))
        hurry(self._run.source)

    def trip(self, trip: Trip) -> None:
        """End the run by what was seen elsewhere on the bench; safe from any thread."""
        self.put(commands.TripNow(trip))
        hurry(self._run.source)

    def run(self) -> Outcome:
        """Carry the program out. The output is off when this returns, or the outcome says not."""
        run = self._run
        error: BaseException | None = None
        edge: Edge | None = None
        trip: Trip | None = None
        try:
            self._steps()
            name = run.sequencer.walker.ended_as
            reason = "done"
            text = f"the protocol ended itself: {name}" if name else "the protocol came to its end"
            edge = run.output.switch_off()
            self._leave_chamber()
        except Ended as ended:
            reason, text, trip = ended.reason, ended.text, ended.trip
        except BenchError as failure:
            reason, text, error = "failed", str(failure), failure
        except Exception as bug:
            reason, text, error = "failed", traceback.format_exc(), bug
        except BaseException:  # nobody may end this process with the output on
            run.output.make_safe()
            raise
        if error is not None or not run.output.off.proven:
            edge = run.output.make_safe()
        # a full disk must not keep anybody from hearing how the run ended
        with suppress(StorageError):
            if isinstance(error, BenchError):
                run.log.transcript(run.source)
            if run.step is not None:
                run.step.end_reason = run.step.end_reason or reason
                now = run.clock.now
                run.close_step(edge or Edge(now, math.nan, now, math.nan))
            run.output.tell_chamber()
            run.log.event(reason, "bench", text)
            proof = "proven off" if run.output.off.proven else "NOT PROVEN OFF"
            run.log.event("off", "bench", f"output {proof}: {run.output.off.evidence}")
        return Outcome(reason, text, run.output.off, self.lateness, error, trip)

    # the program

    def _steps(self) -> None:
        run = self._run
        run.thermal.begin()
        plan = self._first()
        while plan is not None:
            walker, cycle = run.sequencer.walker, run.sequencer.cycle_count
            inside = walker.in_cycle
            self._heed.between()
            met = self._unsure(plan) and self._look(plan)
            step = self._already_met(plan) if met else self._carry_out(plan)
            counter = run.counter
            result = run.result(step, counter.charge, counter.energy, run.clock.now)
            if run.sequencer.ended(result, run.clock.now):
                run.switch_off(step.end_reason)
                raise Ended(
                    "held",
                    f"{self.program.limits.fast_steps} steps in a row ended within seconds:"
                    " contact lost, or a dead cell",
                )
            if step.end_reason == End.AT_MOST and plan.control in _MUST_COME:
                run.switch_off("held")
                raise Ended("held", _MUST_COME[plan.control].format(plan.chamber_celsius))
            plan = self._next()
            # what follows the last cycle of a loop is no part of it, be it a rest of weeks
            same = run.sequencer.cycle_count == cycle and not (inside and not walker.in_cycle)
            if plan is not None and self._heed.is_over(same_cycle=same):
                run.switch_off("stopped")
                raise Ended("stopped", f"stopped after this {self._heed.stop_after}, as asked for")
        run.log.intend("off")
        run.change(Setpoint(Mode.OPEN))

    def _first(self) -> StepPlan | None:
        if self._resumed is None:
            return self._next()
        plan = self._resumed.first()
        self._arm()
        if plan is None:  # the step under way had ended: nothing of it is left to do
            self._resumed = None
            return self._next()
        return plan

    def _next(self) -> StepPlan | None:
        run = self._run
        live = run.surroundings.live(run.voltage, run.current)
        try:
            plan = run.sequencer.advance(live, run.counter.net_ah)
        except UnknownAmount as unknown:
            run.switch_off("held")
            raise Ended(
                "held",
                f"the next step cannot be given its numbers: {unknown}; the step of that label has"
                " not come to an end of its own",
            ) from None
        except NoStep as circle:
            run.switch_off("held")
            raise Ended("held", f"no step comes any more: {circle}") from None
        walker = run.sequencer.walker
        for kind, text in walker.told:
            run.log.event(kind, "protocol", text)
        walker.told.clear()
        self._arm()
        return plan

    def _arm(self) -> None:
        if not self._formed and self._run.sequencer.walker.formed_low_volt is not None:
            self._formed = True
            self._run.guard.arm_formed()

    def _carry_out(self, plan: StepPlan) -> StepRecord:
        run = self._run
        resumed, self._resumed = self._resumed, None
        carried = (0.0, 0.0) if resumed is None else resumed.carried
        regulator = run.regulator(plan) if plan.by_host else None
        if regulator is not None:
            elapsed = 0.0 if resumed is None else resumed.elapsed
            setpoint, sign = regulator.first(run.voltage, elapsed), plan.direction
        else:
            setpoint, sign = setpoint_for(
                plan,
                self.program.limits,
                run.guard.low_volt,
                run.source.capabilities.voltage_margin_volt,
                run.voltage,
                run.direction,
            )
        run.may_begin(sign)
        run.buffered.want(plan)
        edge = run.change(setpoint)
        step = run.open_step(plan, edge, sign, setpoint.voltage_volt, carried[0])
        plan = step.plan
        run.levels.begin(regulator)
        self._prepare(plan)
        run.guard.begin(plan, sign, setpoint.voltage_volt, edge.began)
        if run.levels:
            run.levels.tell(setpoint)
        wait = self._waits_for(plan)
        step.end_reason = run.readings(
            plan, edge, step, wait, carried, lambda: self._stand(resumed, edge.began)
        )
        self._heed.wait = None
        return step

    def _stand(self, resumed: Resumption | Continuing | None, began: float) -> None:
        if resumed is not None:
            resumed.restore(began)
            if self._run.sequencer.in_hold and self._run.step is not None:
                self._run.step.transition(resumed.carried[0])

    def _prepare(self, plan: StepPlan) -> None:
        """Set the chamber as the step that waits for it begins."""
        chamber = self._run.surroundings.chamber
        if plan.control is Control.CHAMBER and chamber is not None:
            chamber.set_temperature(plan.chamber_celsius)
            self._run.log.event("chamber", "protocol", f"set to {plan.chamber_celsius:g} degC")

    def _leave_chamber(self) -> None:
        """Make a chamber that the program set safe: nobody watches it any more.

        Where setting it was the program's last step, that step says how it is to be left.
        """
        run = self._run
        if run.sequencer.walker.chamber_celsius is None:
            return
        plan = run.sequencer.plan
        if plan.control is not Control.CHAMBER:
            run.output.make_chamber_safe()
        elif run.surroundings.chamber is not None:
            run.log.event("chamber", "protocol", f"left at {plan.chamber_celsius:g} degC")

    def _waits_for(self, plan: StepPlan) -> Wait | None:
        if plan.control is Control.CHAMBER:
            return ChamberWait(plan, self._run.surroundings)
        if plan.control is Control.OPERATOR:
            asked = OperatorWait(plan, self._run, self._operator, self._cell_id, self._run.voltage)
            self._heed.wait = asked
            return asked
        return None

    def _unsure(self, plan: StepPlan) -> bool:
        """Say whether the cell must be seen at 0 A before current may flow."""
        run = self._run
        margin = run.source.capabilities.voltage_margin_volt
        return plan.driven and (run.output.blind or is_beyond(plan, run.voltage, margin))

    def _look(self, plan: StepPlan) -> bool:
        """See the cell at 0 A; return whether the step's end holds already.

        A rest under way goes on, and ends with what was seen; a driven step ends here.
        """
        run = self._run
        bound = self.program.limits.high_volt
        edge = run.output.apply(Setpoint(Mode.ZERO, 0.0, bound))
        if run.step is not None and run.step.plan.driven:
            run.close_step(edge)
        run.guard.idle(edge.began, bound)
        reading = run.believed(run.read())
        run.voltage = reading.voltage
        if run.step is not None:
            run.step.last(reading)
            run.counter.seen(reading.voltage)
            run.log.row(reading, RowFlag.STEP_END)
        return is_beyond(plan, run.voltage, run.source.capabilities.voltage_margin_volt)

    def _already_met(self, plan: StepPlan) -> StepRecord:
        """Record a step whose end held before any current flowed."""
        run = self._run
        run.edges.before_change()
        now = run.clock.now
        edge = Edge(now, 0.0, now, 0.0)
        run.close_step(edge)
        resumed, self._resumed = self._resumed, None
        carried = (0.0, 0.0) if resumed is None else resumed.carried
        step = run.open_step(plan, edge, plan.direction, math.nan, carried[0])
        reading = run.believed(run.read())
        sign = plan.direction
        run.counter.begin(
            now, reading.time, reading.voltage, 0.0, direction=sign, is_open=True, carried=carried
        )
        if resumed is not None:
            resumed.restore(now)
        step.first(reading)
        step.end_reason = End.ALREADY_MET
        run.log.row(reading, RowFlag.STEP_START | RowFlag.STEP_END)
        run.log.event(End.ALREADY_MET.value, "bench", f"step {step.step_count} ended by it")
        return step
