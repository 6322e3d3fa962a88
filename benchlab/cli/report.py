"""What a run in the foreground shows: notes before it, one live line, and how it ended."""

from __future__ import annotations

import json
import sys
from types import TracebackType

from rich.console import Console
from rich.status import Status

from benchlab.bench.outcome import Progress
from benchlab.errors import BenchError, RunStopped, RunTripped
from benchlab.model.program import Program
from benchlab.service.foreground import RunResult, not_proven_off

__all__ = ["Reporter"]


class Reporter:
    """Shows one run on stderr; stdout carries only the result.

    Parameters
    ----------
    quiet : bool
        Print the result as JSON and nothing else.
    """

    def __init__(self, program: Program, *, quiet: bool = False) -> None:
        self._program = program
        self._quiet = quiet
        self._console = Console(stderr=True, quiet=quiet, highlight=False)
        self._cycles = program.cycles()
        self._status: Status | None = None

    def __enter__(self) -> Reporter:
        for text in self._program.notes:
            self.note(text)
        if self._console.is_terminal:
            self._status = self._console.status("starting")
            self._status.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._status is not None:
            self._status.stop()

    def note(self, text: str) -> None:
        """Print a sentence."""
        self._console.print(text, markup=False, soft_wrap=True)

    def watch(self, progress: Progress) -> None:
        """Show where the run stands."""
        if self._status is not None:
            plan = progress.plan
            self._status.update(
                f"cycle {progress.cycle_count}/{self._cycles}"
                f"  step {progress.step_count} {plan.label or plan.step_type}"
                f"  {progress.voltage_volt:.4f} V  {progress.current_ampere:+.6g} A"
                f"  {_clock(progress.test_time_second)}"
            )

    def result(self, result: RunResult) -> int:
        """Print how the run ended and return its exit code."""
        outcome = result.outcome
        error: BenchError | None = None
        if outcome.end_reason == "stopped":
            error = RunStopped(outcome.text)
        elif outcome.end_reason in ("tripped", "held"):
            error = RunTripped(outcome.text)
        elif isinstance(outcome.error, BenchError):
            error = outcome.error
        elif outcome.error is not None:
            error = BenchError(outcome.text)
        if not outcome.off.proven:
            error = not_proven_off(outcome.off)
        code = error.exit_code if error else 0
        late = outcome.lateness.record()
        if self._quiet:
            facts = {
                "file": str(result.path),
                "end_reason": outcome.end_reason,
                "text": outcome.text,
                "output_proven_off": outcome.off.proven,
                "rows": result.rows,
                "digest": result.digest,
                "lateness": late,
                "exit_code": code,
            }
            print(json.dumps(facts))
        else:
            self.note(
                f"output {'off' if outcome.off.proven else 'NOT OFF'}: {outcome.off.evidence}"
            )
            if late["count"]:
                self.note(
                    f"{late['count']} control periods, {late['missed']} without a reading; late by"
                    f" {late['p50_second'] * 1e3:.2f} ms (median),"
                    f" {late['p99_second'] * 1e3:.2f} ms (99 %),"
                    f" {late['worst_second'] * 1e3:.2f} ms (worst)"
                )
            print(f"{outcome.end_reason}: {result.rows} rows in {result.path}")
        if error is not None:
            print(f"benchlab: {error}", file=sys.stderr)
        return code


def _clock(second: float) -> str:
    whole = int(second)
    days, hours = divmod(whole // 3600, 24)
    text = f"{hours:02d}:{whole // 60 % 60:02d}:{whole % 60:02d}"
    return f"{days} d {text}" if days else text
