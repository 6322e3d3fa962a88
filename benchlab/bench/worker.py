"""Runs one program on one source, step after step, and leaves the output off."""

from __future__ import annotations

import math
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from benchlab.bench import commands
from benchlab.bench.clock import Clock
from benchlab.bench.ends import End
from benchlab.bench.guard import Trip
from benchlab.bench.operator_wait import Operator, OperatorWait
from benchlab.bench.outcome import Outcome, Progress
from benchlab.bench.roles import Edge, Mode, Reading, Setpoint, Source
from benchlab.bench.sensing import Surroundings
from benchlab.bench.setpoint import is_beyond, setpoint_for
from benchlab.bench.sink import Sink
from benchlab.bench.step_record import StepRecord
from benchlab.bench.step_runner import Ended, StepRunner
from benchlab.bench.truth import EdgeWatcher
from benchlab.bench.waiting import ChamberWait, Wait
from benchlab.errors import BenchError, CellCheckError, StorageError
from benchlab.model.amount import UnknownAmount
from benchlab.model.flags import RowFlag
from benchlab.model.program import Control, Program, StepPlan

__all__ = ["RunWorker"]

PAUSE_LOOK_SECOND = 1.0


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
    ) -> None:
        self.program = program
        around = surroundings if surroundings is not None else Surroundings()
        self._run = StepRunner(
            program, source, clock, sink, seen, around, watch, edges or EdgeWatcher()
        )
        self._run.heed = self._heed
        self.lateness = self._run.lateness
        self._operator = operator
        self._cell_id = cell_id
        self._resume = resume
        self._stop_after = ""
        self._formed = False
        self._wait: OperatorWait | None = None

    def put(self, command: commands.Command) -> None:
        """Ask for something while the run goes on; safe from any thread and signal handler."""
        self._run.inbox.put(command)

    def stop(self, why: str) -> None:
        """Ask for the run to be stopped; safe from any thread and from a signal handler."""
        self.put(commands.Stop(why))

    def run(self) -> Outcome:
        """Carry the program out. The output is off when this returns, or the outcome says not."""
        run = self._run
        error: BaseException | None = None
        try:
            self._steps()
            name = run.sequencer.walker.ended_as
            reason = "done"
            text = f"the protocol ended itself: {name}" if name else "the protocol came to its end"
            run.output.make_safe()
        except Ended as ended:
            reason, text = ended.reason, ended.text
        except BenchError as failure:
            reason, text, error = "failed", str(failure), failure
        except Exception as bug:
            reason, text, error = "failed", traceback.format_exc(), bug
        if error is not None:
            run.output.make_safe()
        # a full disk must not keep anybody from hearing how the run ended
        with suppress(StorageError):
            if run.step is not None:
                run.step.end_reason = run.step.end_reason or reason
                now = run.clock.now
                run.close_step(Edge(now, math.nan, now, math.nan))
            run.log.event(reason, "bench", text)
            proof = "proven off" if run.output.off.proven else "NOT PROVEN OFF"
            run.log.event("off", "bench", f"output {proof}: {run.output.off.evidence}")
        return Outcome(reason, text, run.output.off, self.lateness, error)

    # the program

    def _steps(self) -> None:
        run = self._run
        run.warmth.begin(run.clock.now)
        plan = self._first()
        while plan is not None:
            cycle = run.sequencer.cycle_count
            self._check_inbox()
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
            if step.end_reason == End.AT_MOST and plan.control is Control.CHAMBER:
                run.switch_off("held")
                raise Ended("held", f"the chamber did not come to {plan.chamber_celsius:g} degC")
            plan = self._next()
            if self._stop_after == "step" or (
                self._stop_after == "cycle" and run.sequencer.cycle_count != cycle
            ):
                run.switch_off("stopped")
                raise Ended("stopped", f"stopped after this {self._stop_after}, as asked for")
        run.log.intend("off")
        run.change(Setpoint(Mode.OPEN))

    def _first(self) -> StepPlan | None:
        if self._resume is None:
            return self._next()
        sequencer = self._run.sequencer
        plan = sequencer.restore(self._resume, self._run.clock.now)
        self._arm()
        at = self._resume["test_time_second"]
        self._run.log.event(
            "resumed",
            "bench",
            f"goes on inside step {sequencer.step_count}; the earlier run stood at {at:.1f} s",
        )
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
        if plan.by_host:
            setpoint = run.regulate(plan)
            sign = plan.direction
        else:
            setpoint, sign = setpoint_for(
                plan,
                self.program.limits,
                run.guard.low_volt,
                run.source.capabilities.voltage_margin_volt,
                run.voltage,
                run.direction,
            )
        edge = run.change(setpoint)
        step = run.open_step(plan, edge, sign, setpoint.voltage_volt)
        plan = step.plan
        self._prepare(plan)
        run.guard.begin(plan, sign, setpoint.voltage_volt, edge.began)
        if plan.by_host:
            run.guard.level(setpoint.current_ampere, setpoint.voltage_volt)
            run.sequencer.level(setpoint.current_ampere, setpoint.voltage_volt)
        wait = self._waits_for(plan)
        carried, restore = self._carried(edge)
        step.end_reason = run.readings(plan, edge, step, wait, carried, restore)
        self._wait = None
        return step

    def _prepare(self, plan: StepPlan) -> None:
        """Set the chamber as the step that waits for it begins."""
        chamber = self._run.surroundings.chamber
        if plan.control is Control.CHAMBER and chamber is not None:
            chamber.set_temperature(plan.chamber_celsius)
            self._run.log.event("chamber", "protocol", f"set to {plan.chamber_celsius:g} degC")

    def _waits_for(self, plan: StepPlan) -> Wait | None:
        if plan.control is Control.CHAMBER:
            return ChamberWait(plan, self._run.surroundings)
        if plan.control is Control.OPERATOR:
            self._wait = OperatorWait(
                plan, self._run, self._operator, self._cell_id, self._run.voltage
            )
            return self._wait
        return None

    def _carried(self, edge: Edge) -> tuple[tuple[float, float], Callable[[], None]]:
        """Return what the step under way moved in an earlier run, and how to stand where it was."""
        state, self._resume = self._resume, None
        if state is None:
            return (0.0, 0.0), lambda: None
        counter = state["counter"]
        carried = (counter["charge"] or 0.0, counter["_energy"] or 0.0)
        run = self._run
        sign, bound = run.sequencer.sign, run.output.setpoint.voltage_volt

        def restore() -> None:
            run.sequencer.restore(state, edge.began)
            run.sequencer.sign = sign
            run.sequencer.level(run.sequencer.plan.current_ampere, bound)
            run.sequencer.net_before = 0.0

        return carried, restore

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
        if run.step is not None and run.step.sign:
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
        step = run.open_step(plan, edge, plan.direction, math.nan)
        reading = run.believed(run.read())
        run.counter.begin(now, reading.time, reading.voltage, 0.0, direction=0, is_open=True)
        step.first(reading)
        step.end_reason = End.ALREADY_MET
        run.log.row(reading, RowFlag.STEP_START | RowFlag.STEP_END)
        run.log.event(End.ALREADY_MET.value, "bench", f"step {step.step_count} ended by it")
        return step

    # commands

    def _check_inbox(self) -> None:
        """Carry out between two steps what has come in."""
        run = self._run
        while (command := run.inbox.take()) is not None:
            if isinstance(command, commands.Stop):
                run.switch_off("stopped")
                raise Ended("stopped", command.why)
            self._quietly(command)

    def _quietly(self, command: commands.Command) -> None:
        """Carry out what changes nothing at the output."""
        log = self._run.log
        if isinstance(command, commands.StopAfter):
            self._stop_after = command.what
            log.event("stop_after", command.actor, f"stop after this {command.what}")
        elif isinstance(command, commands.AddCycles):
            done = self._run.sequencer.walker.add_rounds(command.count)
            log.event("add_cycles", command.actor, done or "refused: no repeat under way counts")
        else:
            log.event("refused", command.actor, f"{type(command).__name__}: nothing to do it to")

    def _heed(self, reading: Reading, recorded: bool) -> str | None:
        """Carry out within a step what has come in; return why it ends, where it does."""
        run = self._run
        while (command := run.inbox.take()) is not None:
            if isinstance(command, commands.Stop):
                run.switch_off("stopped", None if recorded else reading)
                raise Ended("stopped", command.why)
            if isinstance(command, commands.Skip):
                run.log.event("skip", command.actor, f"step {run.sequencer.step_count}")
                return End.SKIPPED
            if isinstance(command, commands.Pause):
                reason = self._pause(command, reading, recorded)
                if reason is not None:
                    return reason
                recorded = True
            elif isinstance(command, commands.Answer) and self._wait is not None:
                self._wait.answer(command)
            else:
                self._quietly(command)
        return None

    def _pause(self, command: commands.Pause, reading: Reading, recorded: bool) -> str | None:
        """Open the circuit until somebody resumes, skips or stops; look at the cell again."""
        run = self._run
        step = run.step
        if step is None:
            return None
        setpoint, driven = run.output.setpoint, step.plan.driven
        if not recorded:
            run.log.row(reading, 0)
        edge = run.output.apply(Setpoint(Mode.OPEN)) if driven else None
        if edge is not None:
            run.counter.pause(edge.ended)
        paused = run.clock.now
        run.log.event("pause", command.actor, f"step {run.sequencer.step_count}")
        while True:
            asked = run.inbox.take()
            if isinstance(asked, commands.Resume):
                break
            if isinstance(asked, commands.Stop):
                run.switch_off("stopped")
                raise Ended("stopped", asked.why)
            if isinstance(asked, commands.Skip):
                run.log.event("skip", asked.actor, f"step {run.sequencer.step_count}")
                return End.SKIPPED
            if asked is not None:
                self._quietly(asked)
                continue
            run.clock.sleep_until(run.clock.now + PAUSE_LOOK_SECOND)
            still = run.read()
            run.sense(still)
            if still.time >= run.log.state_due:
                run.log.save(still, run.guard.state(still.time))
        run.log.event("resume", asked.actor, f"after {run.clock.now - paused:.1f} s")
        if edge is not None:
            self._go_on(step, setpoint, edge)
        return None

    def _go_on(self, step: StepRecord, setpoint: Setpoint, left: Edge) -> None:
        """Close the circuit again as it was, if the cell is still there."""
        run = self._run
        limits = self.program.limits
        try:
            seen = run.source.look(limits.high_volt)
        except CellCheckError as error:
            run.trip(Trip(error.what, "bench"))
        if not run.guard.low_volt <= seen.voltage <= limits.high_volt:
            run.trip(Trip(f"the cell stands at {seen.voltage:.4f} V after the pause", "protocol"))
        run.log.event("look", "bench", f"the cell stands at {seen.voltage:.4f} V after the pause")
        edge = run.output.apply(setpoint)
        run.guard.begin(step.plan, step.sign, setpoint.voltage_volt, edge.began)
        run.sequencer.pause(edge.began - left.ended)
        reading = run.believed(run.read())
        run.counter.resume(edge.began, reading.time, reading.voltage, reading.current)
        run.log.row(reading, 0)
