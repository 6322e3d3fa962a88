"""What is to be said of a program on an instrument that runs it by itself; pure."""

from __future__ import annotations

from collections.abc import Sequence, Set

from benchlab.bench.checks.host import software_limits
from benchlab.bench.checks.reach import poor_accuracy
from benchlab.bench.checks.seen import missing_sensors, unwatched_temperature
from benchlab.bench.executor import ExecutorCapabilities
from benchlab.errors import BenchError
from benchlab.model.checks import Remark, Severity, in_order
from benchlab.model.program import Program

__all__ = ["check_executor_channel"]


def check_executor_channel(
    program: Program,
    can: ExecutorCapabilities,
    name: str,
    refusal: BenchError | None,
    notes: Sequence[str],
    *,
    channels: Set[str] = frozenset(),
) -> list[Remark]:
    """Return what is to be said of a program on an executor before it starts, the worst first.

    Parameters
    ----------
    refusal : benchlab.errors.BenchError or None
        Of `benchlab.bench.executor.Executor.compile`.
    notes : sequence of str
        What the compiled program does differently.
    channels : set of str
        Columns that sensors beside the instrument give.
    """
    refused = () if refusal is None else (refusal, *refusal.others)
    error, note = Severity.ERROR, Severity.NOTE
    return in_order(
        [
            *(Remark("beyond-instrument", error, e.where, e.what, e.remedy) for e in refused),
            *(Remark("compiled", note, program.source, f"{name}: {text}.") for text in notes),
            *missing_sensors(program, channels),
            *poor_accuracy(program, can, name),
            *unwatched_temperature(program, channels),
            _host_dies(program, can, name),
            *software_limits(program, can, name),
        ]
    )


def _host_dies(program: Program, can: ExecutorCapabilities, name: str) -> Remark:
    return Remark(
        "host-dies",
        Severity.NOTE if can.replayable else Severity.WARNING,
        program.source,
        f"{name}: if this program dies, {can.host_dies}.",
        "" if can.replayable else "Start it where the computer is left alone until the end.",
    )
