"""Carries out what somebody asks of a run while it goes on: between its steps, and within one."""

from __future__ import annotations

from benchlab.bench import commands
from benchlab.bench.ended import Ended
from benchlab.bench.ends import End
from benchlab.bench.guard import Trip
from benchlab.bench.operator_wait import OperatorWait
from benchlab.bench.roles import Edge, Mode, Reading, Setpoint
from benchlab.bench.step_record import StepRecord
from benchlab.bench.step_runner import StepRunner
from benchlab.errors import CellCheckError

__all__ = ["Heed"]

PAUSE_LOOK_SECOND = 1.0


class Heed:
    """Hears the commands of one run.

    Attributes
    ----------
    stop_after : {"", "step", "cycle"}
        After what the run is to be stopped.
    wait : OperatorWait or None
        The operator's step under way.
    """

    def __init__(self, run: StepRunner) -> None:
        self.stop_after = ""
        self.wait: OperatorWait | None = None
        self._run = run

    def between(self) -> None:
        """Carry out between two steps what has come in; a pause waits for the next step."""
        run = self._run
        waiting = run.inbox.waiting
        while waiting and not isinstance(waiting[0], commands.Pause):
            command = waiting.popleft()
            self._end_by(command)
            self._quietly(command)

    def within(self, reading: Reading, recorded: bool) -> str | None:
        """Carry out within a step what has come in; return why it ends, where it does."""
        run = self._run
        while (command := run.inbox.take()) is not None:
            if isinstance(command, commands.Stop):
                run.switch_off("stopped", None if recorded else reading)
                run.log.save(reading, run.guard.state, run.clock.now)
                raise Ended("stopped", command.why)
            if isinstance(command, commands.TripNow):
                run.trip(command.trip, None if recorded else reading)
            if isinstance(command, commands.Skip):
                run.log.event("skip", command.actor, f"step {run.sequencer.step_count}")
                return End.SKIPPED
            if isinstance(command, commands.Pause):
                reason = self._pause(command, reading, recorded)
                if reason is not None:
                    return reason
                recorded = True
            elif isinstance(command, commands.Answer) and self.wait is not None:
                self.wait.answer(command)
            else:
                self._quietly(command)
        return None

    def is_over(self, *, same_cycle: bool) -> bool:
        """Say whether the run is to be stopped now that a step ended, and maybe a cycle."""
        return self.stop_after == "step" or (self.stop_after == "cycle" and not same_cycle)

    def _end_by(self, command: commands.Command | None) -> None:
        """Switch off and end the run where that is what was asked for."""
        if isinstance(command, commands.TripNow):
            self._run.trip(command.trip)
        if isinstance(command, commands.Stop):
            self._run.switch_off("stopped")
            raise Ended("stopped", command.why)

    def _quietly(self, command: commands.Command) -> None:
        """Carry out what changes nothing at the output."""
        log = self._run.log
        if isinstance(command, commands.StopAfter) and command.what in ("step", "cycle"):
            self.stop_after = command.what
            log.event("stop_after", command.actor, f"stop after this {command.what}")
        elif isinstance(command, commands.AddCycles):
            done = self._run.sequencer.walker.add_rounds(command.count)
            log.changed()
            log.event(
                "add_cycles" if done else "refused",
                command.actor,
                done or f"{command.count} cycles: no repeat under way counts any, or none to add",
            )
        else:
            log.event("refused", command.actor, f"{type(command).__name__}: nothing to do it to")

    def _pause(self, command: commands.Pause, reading: Reading, recorded: bool) -> str | None:
        """Open the circuit until somebody resumes, skips or stops; look at the cell again."""
        run = self._run
        step = run.step
        if step is None:
            return None
        setpoint = run.output.setpoint
        if not recorded:
            run.log.row(reading, 0)
        edge = None
        if setpoint.mode is not Mode.OPEN:
            edge = run.output.apply(Setpoint(Mode.OPEN))
            run.levels.settle(reading.voltage)
            run.counter.pause(edge.ended)
        paused = run.clock.now
        run.log.event("pause", command.actor, f"step {run.sequencer.step_count}")
        while True:
            asked = run.inbox.take()
            if isinstance(asked, commands.Resume):
                break
            self._end_by(asked)
            if isinstance(asked, commands.Skip):
                run.log.event("skip", asked.actor, f"step {run.sequencer.step_count}")
                return End.SKIPPED
            if asked is not None:
                self._quietly(asked)
                continue
            self._look_on(step, paused)
        run.log.event("resume", asked.actor, f"after {run.clock.now - paused:.1f} s")
        if edge is not None:
            self._go_on(step, setpoint, edge)
        run.guard.hear(run.clock.now)
        return None

    def _look_on(self, step: StepRecord, paused: float) -> None:
        """Wait a moment of a pause; instrument and sensors are read, and the state is kept."""
        run = self._run
        run.clock.sleep_until(run.clock.now + PAUSE_LOOK_SECOND)
        still = run.read()
        run.sense(still, paused=True)
        if still.time >= run.log.state_due:
            at = paused if step.plan.driven else still.time
            run.log.save(still, run.guard.state, at)

    def _go_on(self, step: StepRecord, setpoint: Setpoint, left: Edge) -> None:
        """Close the circuit again as it was, if the cell is still there."""
        run = self._run
        limits = run.program.limits
        try:
            seen = run.source.look(limits.high_volt)
        except CellCheckError as error:
            run.trip(Trip(error.what, "bench"))
        if not run.guard.low_volt <= seen.voltage <= limits.high_volt:
            run.trip(Trip(f"the cell stands at {seen.voltage:.4f} V after the pause", "protocol"))
        run.log.event("look", "bench", f"the cell stands at {seen.voltage:.4f} V after the pause")
        if setpoint.mode is not Mode.ZERO:
            run.may_begin(step.sign)
        edge = run.output.apply(setpoint)
        run.guard.begin(step.plan, step.sign, setpoint.voltage_volt, edge.began)
        run.guard.seen(seen.voltage)
        if run.levels:
            run.levels.tell(setpoint)
        if step.plan.driven:
            run.sequencer.pause(edge.began - left.ended)
        reading = run.believed(run.read())
        run.counter.resume(edge.began, reading.time, reading.voltage, reading.current)
        run.log.row(reading, 0)
