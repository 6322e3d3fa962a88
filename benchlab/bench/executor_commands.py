"""Carries out what somebody asks of a run on an instrument that executes it by itself."""

from __future__ import annotations

from contextlib import suppress

from benchlab.bench import commands
from benchlab.bench.executor import ChannelState, Compiled, Executor
from benchlab.bench.executor_record import ExecutorRecord
from benchlab.errors import BenchError, InstrumentRefused, LinkError, Unsupported

__all__ = ["Asked"]


class Asked:
    """What was asked for, and is not over yet.

    Parameters
    ----------
    channel : str
        As the driver names it.
    """

    def __init__(
        self, executor: Executor, channel: str, compiled: Compiled, record: ExecutorRecord
    ) -> None:
        self._executor, self._channel = executor, channel
        self._compiled, self._record = compiled, record
        self._stop_after = ""
        self._counts = (0, 0)
        self._reserve = False

    def carry_out(self, command: commands.Command) -> None:
        """Pass a command on to the instrument, or say why that cannot be."""
        log = self._record.log
        try:
            kind, text = self._done(command)
        except (Unsupported, InstrumentRefused, LinkError) as error:
            log.event("refused", command.actor, _reason(command, error))
        else:
            log.event(kind, command.actor, text)

    def is_over(self, *, paused: bool) -> str:
        """Say why the run is to be stopped now, if it is."""
        step_count, cycle_count = self._counts
        now = self._record.sequencer
        if self._reserve and self._in_last_part():
            self._reserve = False
            with suppress(Unsupported, InstrumentRefused, LinkError):
                self._executor.pause(self._channel)
        if self._stop_after == "step" and (paused or now.step_count > step_count):
            return f"after step {step_count}, as it was asked for"
        if self._stop_after == "cycle" and now.cycle_count > cycle_count:
            return f"after cycle {cycle_count}, as it was asked for"
        return ""

    def _done(self, command: commands.Command) -> tuple[str, str]:
        executor, channel = self._executor, self._channel
        now = self._record.sequencer
        step = f"step {now.step_count}"
        if isinstance(command, commands.Pause):
            return "pause_asked", f"{step}: the circuit opens {executor.pause(channel)}"
        if isinstance(command, commands.Resume):
            executor.resume(channel)
            return "resume_asked", step
        if isinstance(command, commands.Skip):
            return "skip", f"{step}; {self._skip()}"
        if isinstance(command, commands.StopAfter) and command.what in ("step", "cycle"):
            return "stop_after", self._stop_after_this(command.what)
        if isinstance(command, commands.AddCycles):
            why = "the number of rounds was handed over to the instrument at the start"
        else:
            why = "nothing to do it to"
        raise Unsupported(f"{why}.")

    def _skip(self) -> str:
        executor, channel = self._executor, self._channel
        status = executor.status(channel)
        if status.state is not ChannelState.RUNNING or not status.step:
            raise InstrumentRefused(f"no step is under way ({status.text}).")
        target = status.step + 1
        while target in self._compiled.continues:  # the rest of the same step
            target += 1
        executor.skip(channel, target)
        self._record.skipped = (status.step, status.cycle)
        self._record.log.changed()
        self._record.keep()
        return f"the instrument left its step {status.step} for {target}"

    def _stop_after_this(self, what: str) -> str:
        now = self._record.sequencer
        self._stop_after, self._counts = what, (now.step_count, now.cycle_count)
        # a pause behind the step leaves nothing of the next one to be ended
        self._reserve = what == "step"
        return (
            f"stop after this {what}: an instrument that begins the next step is stopped as soon as"
            " that is seen"
        )

    def _in_last_part(self) -> bool:
        """Say whether the instrument's step under way is the last part of that of the program."""
        row = self._record.order.pending
        return row is not None and row.step + 1 not in self._compiled.continues


def _reason(command: commands.Command, error: BenchError) -> str:
    return f"{type(command).__name__}: {error.what}"
