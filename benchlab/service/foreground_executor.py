"""One run on an instrument that carries it out by itself, from start to closed file.

There is no guardian: a healthy test goes on when this process dies, by the instrument alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from benchlab.bench.clock import RealClock, VirtualClock
from benchlab.bench.executor_worker import EarlierHost, ExecutorWorker, prepare_executor
from benchlab.bench.outcome import Progress
from benchlab.bench.twin import TwinSpec
from benchlab.errors import UsageError
from benchlab.model.cell import Cell
from benchlab.model.program import Program
from benchlab.service.around import around
from benchlab.service.channel import Channel
from benchlab.service.checking import remarks_compiled
from benchlab.service.foreground import RunOptions, RunResult, check_paths, closing, end_of, head_of
from benchlab.service.line_lock import LineLock
from benchlab.service.recording import Recording
from benchlab.service.stopper import Stopper
from benchlab.store.copy import copy_verified
from benchlab.store.journal import JournalWriter, run_folder
from benchlab.store.journal_read import read_journal
from benchlab.store.recorder import close_in_child

__all__ = ["attach_executor", "run_executor"]


def run_executor(
    program: Program,
    cell: Cell,
    options: RunOptions,
    *,
    note: Callable[[str], None],
    watch: Callable[[Progress], None],
) -> RunResult:
    """Have a program carried out and return what became of it.

    Raises
    ------
    benchlab.errors.BenchError
        Where the run could not start; nothing was started and no file was made.
    """
    if options.chamber is not None or options.truth is not None:
        word = "--truth" if options.chamber is None else "--chamber"
        raise UsageError(
            f"{options.channel.driver} runs the protocol by itself, and {word} is not for that.",
            remedy="Leave it out, or use an instrument that is stepped by the host.",
        )
    check_paths(options, run_folder(options.out))
    clock = VirtualClock() if options.fast else RealClock()
    spec = TwinSpec(cell.type.name, program.capacity_ah, options.seed, options.ideal, options.fresh)
    number = options.channel.number or "1"
    with Stopper() as stopper, _alone(options.channel):
        executor, twin = options.channel.executor(clock, spec)
        try:
            identity = executor.open()
            compiled = executor.compile(program)
            can = executor.capabilities
            for remark in remarks_compiled(
                program, cell, options.channel, options.sensors, can, compiled.notes
            ):
                note(str(remark))
            seen = prepare_executor(executor, number, program.limits)
            volts = f"the cell stands at {seen.voltage:.4f} V"
            note(f"{identity.model} {identity.serial_number}, channel {number}: {volts}")
            head = head_of(program, cell, options, executor.capabilities, identity, clock.virtual)
            head["instrument"]["channel"] = number
            recorded = Recording(
                options.out, head, note, fast=options.fast, reserve=options.reserve_bytes
            )
            beside = around(options.sensors, None, clock, twin, program.limits, note)
            with beside as surroundings, recorded as recording:

                def look(progress: Progress) -> None:
                    recording.look()
                    watch(progress)

                worker = ExecutorWorker(
                    program,
                    compiled,
                    executor,
                    number,
                    clock,
                    recording.journal,
                    name=cell.id,
                    watch=look,
                    surroundings=surroundings,
                )
                stopper.stops(worker.stop)
                outcome = worker.run()
                with closing(outcome):
                    recording.journal.end(end_of(outcome))
                    closed = recording.close()
        finally:
            executor.close()
    if options.copy_to is not None:
        note(f"a verified copy is {copy_verified(options.out, options.copy_to)}")
    return RunResult(outcome, options.out, closed.digest, closed.rows, None)


def attach_executor(
    program: Program,
    channel: Channel,
    folder: Path,
    *,
    note: Callable[[str], None],
    watch: Callable[[Progress], None],
) -> RunResult:
    """Record a test to its end that a host left running, behind the rows that it wrote.

    Raises
    ------
    benchlab.errors.UsageError
        Another protocol, or a run that no instrument carries out by itself.
    benchlab.errors.BenchError
    """
    content = read_journal(folder, take=lambda _: None)
    facts = content.state.get("executor") or {}
    started_as = content.head.get("meta", {}).get("protocol_canonical_sha256")
    if not facts or channel.simulated or not channel.executes:
        raise UsageError(
            f"{folder.name} holds no test that goes on in an instrument by itself.",
            remedy="`benchlab recover` closes what any other run left.",
        )
    if started_as != program.canonical_sha256:
        raise UsageError(
            f"{folder.name} was started with another protocol; the test was left alone.",
            remedy="Name the protocol that it was started with.",
        )
    number, clock, out = channel.number or "1", RealClock(), folder.with_suffix(".h5")
    if facts["channel"] != number:
        raise UsageError(
            f"{folder.name} is of channel {facts['channel']}; the test was left alone.",
            remedy=f"Write #{facts['channel']}.",
        )
    spec = TwinSpec("")  # nothing is simulated here
    with Stopper() as stopper, _alone(channel):
        executor, _ = channel.executor(clock, spec)
        journal = JournalWriter.resume(folder, content, durable=True)
        try:
            executor.open()
            worker = ExecutorWorker(
                program,
                executor.compile(program),
                executor,
                number,
                clock,
                journal,
                watch=watch,
                earlier=EarlierHost(
                    facts["run_id"],
                    facts["unix_time_nanosecond"],
                    journal.row_count,
                    len(content.steps),
                    content.state,
                ),
            )
            stopper.stops(worker.stop)
            note(f"goes on with test {facts['run_id']} behind {journal.row_count} rows")
            outcome = worker.run()
            with closing(outcome):
                journal.end(end_of(outcome))
                journal.close()
                closed = close_in_child(folder, out)
        finally:
            journal.release()
            executor.close()
    return RunResult(outcome, out, closed.digest, closed.rows, None)


@contextmanager
def _alone(channel: Channel) -> Iterator[None]:
    """Let nobody else of this computer use a channel of a real instrument meanwhile."""
    if channel.simulated:
        yield
        return
    lock = LineLock(f"{channel.resource}#{channel.number or '1'}")
    try:
        yield
    finally:
        lock.release()
