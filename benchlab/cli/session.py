"""One run from start to closed file: opens, checks, records, switches off, closes."""

from __future__ import annotations

import json
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchlab import __version__
from benchlab.bench.checks import check_instrument
from benchlab.bench.clock import RealClock, VirtualClock
from benchlab.bench.outcome import Outcome, Progress
from benchlab.bench.prepare import prepare
from benchlab.bench.roles import Identity, OffProof, Source
from benchlab.bench.truth import TruthLog
from benchlab.bench.twin import TwinSpec
from benchlab.bench.worker import RunWorker
from benchlab.cli.channel import Channel
from benchlab.cli.guardian import Guardian
from benchlab.errors import FileError, FileExists, OutputNotProvenOff, StorageError
from benchlab.model.cell import Cell
from benchlab.model.program import Program
from benchlab.store.compact import close_run
from benchlab.store.journal import JournalWriter, run_folder
from benchlab.store.journal_read import read_journal
from benchlab.store.recorder import Recorder, close_in_child
from benchlab.store.space import Space, free_bytes

__all__ = ["RunOptions", "RunResult", "not_proven_off", "run_session"]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run: on which channel, into which file, on which clock."""

    channel: Channel
    out: Path
    fast: bool = False
    seed: int = 0
    ideal: bool = False
    fresh: bool = False
    truth: Path | None = None
    operator: str = ""
    reserve_bytes: int = 0


@dataclass(frozen=True, slots=True)
class RunResult:
    """What became of a run."""

    outcome: Outcome
    path: Path
    digest: str
    rows: int
    truth: dict[str, Any] | None


def run_session(
    program: Program,
    cell: Cell,
    options: RunOptions,
    *,
    note: Callable[[str], None] = lambda _: None,
    watch: Callable[[Progress], None] = lambda _: None,
) -> RunResult:
    """Carry a program out and return what became of it; nothing is left behind if it cannot start.

    Raises
    ------
    benchlab.errors.BenchError
        Where the run could not start; the output is off and no file was made.
    """
    folder = run_folder(options.out)
    for taken in (options.out, folder):
        if taken.exists():
            raise FileExists(
                "there is something at the output path already; nothing was started.",
                where=str(taken),
                remedy="Choose another name; a recording is never written over.",
            )
    if not options.out.parent.is_dir():
        raise StorageError(
            "the folder of the output file does not exist; nothing was started.",
            where=str(options.out.parent),
            remedy="Make the folder first.",
        )
    if not options.fast:
        _check_space(options)
    for text in check_instrument(
        program, options.channel.module().CAPABILITIES, options.channel.driver
    ):
        note(text)
    clock = VirtualClock() if options.fast else RealClock()
    truth = None
    if options.channel.simulated:
        spec = TwinSpec(
            cell.type.name, program.capacity_ah, options.seed, options.ideal, options.fresh
        )
        source, twin = options.channel.simulate(clock, spec)
        truth = TruthLog(twin)
    else:
        source = options.channel.connect(clock)
    try:
        identity = source.open()
        seen = prepare(source, program.limits)
        note(f"{identity.model} {identity.serial_number}: the cell stands at {seen.voltage:.4f} V")
        head = _head(program, cell, options, source, identity, clock.virtual)
        journal = JournalWriter(
            folder, durable=not options.fast, reserve=options.reserve_bytes, tell=note
        )
        recorder = None
        try:
            journal.open_record(head)
            recorder = None if options.fast else _start_recorder(folder, options.out, note)
            worker = RunWorker(program, source, clock, journal, seen, watch=watch, edges=truth)
            outcome = _guarded(worker, options.channel, folder)
            told = None
            with _closing(outcome):
                journal.end(_end(outcome))
                if truth is not None:
                    steps = read_journal(folder, take=lambda _: None).steps
                    told = truth.record(steps, discharge_first=cell.counts_first == "discharge")
                    told["settings"] = asdict(spec)
                journal.close()
                child, recorder = recorder, None
                if child is not None:
                    closed = child.finish()
                else:
                    closed = (close_run if options.fast else close_in_child)(folder, options.out)
        finally:
            journal.release()
            if recorder is not None:
                recorder.leave()
    finally:
        source.close()
    if told is not None and options.truth is not None:
        _write_truth(options.truth, told)
    return RunResult(outcome, options.out, closed.digest, closed.rows, told)


def _start_recorder(folder: Path, out: Path, note: Callable[[str], None]) -> Recorder | None:
    """Start the recorder; a run does not need it."""
    try:
        return Recorder(folder, out)
    except OSError as error:
        note(f"there is no live view of this run: its process cannot be started ({error})")
        return None


def _check_space(options: RunOptions) -> None:
    space = Space(free_bytes(options.out.parent), options.reserve_bytes, 0, 0.0)
    if space.short:
        raise space.error(options.out.parent, "nothing was started.")


@contextmanager
def _closing(outcome: Outcome) -> Iterator[None]:
    """Say how the run ended where its file could not be completed."""
    try:
        yield
    except FileError as error:
        if not outcome.off.proven:
            raise not_proven_off(outcome.off) from error
        raise
    except StorageError as error:
        if not outcome.off.proven:
            raise not_proven_off(outcome.off) from error
        raise StorageError(
            f"the run ended ({outcome.end_reason}: {outcome.text}) and its output is proven off,"
            f" but {error.what}",
            where=error.where,
            remedy=error.remedy,
        ) from error


def not_proven_off(off: OffProof) -> OutputNotProvenOff:
    """Return the error that outweighs every other one."""
    return OutputNotProvenOff(
        f"the output could not be proven off ({'; '.join(off.problems)}).",
        remedy="Switch the instrument off by hand now.",
    )


def _write_truth(path: Path, told: dict[str, Any]) -> None:
    try:
        path.write_text(json.dumps(told, indent=1) + "\n", encoding="utf-8")
    except OSError as error:
        raise StorageError(
            f"the truth cannot be written ({error.strerror}); the recording itself is complete.",
            where=str(path),
            remedy="Choose a file in a folder that exists and is writable.",
        ) from error


def _guarded(worker: RunWorker, channel: Channel, folder: Path) -> Outcome:
    """Run with a guardian beside a real instrument; it goes only when the output is proven off."""
    guardian = None if channel.simulated else Guardian(channel, folder / "guardian.log")
    with _signals(worker):
        outcome = worker.run()
    if guardian is not None and outcome.off.proven:
        guardian.release()
    return outcome


@contextmanager
def _signals(worker: RunWorker) -> Iterator[None]:
    """Turn Ctrl-C, a polite kill and a closed terminal into a stop that switches off."""
    names = [n for n in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, n)]
    before = {}
    for name in names:
        number = getattr(signal, name)

        def stop(_: int, __: object, name: str = name) -> None:
            worker.stop(f"stopped by the operator ({name})")

        before[number] = signal.signal(number, stop)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _utc() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def _head(
    program: Program,
    cell: Cell,
    options: RunOptions,
    source: Source,
    identity: Identity,
    virtual: bool,
) -> dict[str, Any]:
    can = source.capabilities
    protocol = program.record()
    return {
        "cell": {**cell.record(), "capacity_ah": program.capacity_ah},
        "protocol": {
            "name": protocol.name,
            "text": protocol.text,
            "sha256": protocol.sha256,
            "steps": list(protocol.steps),
        },
        "instrument": {
            "driver": options.channel.driver,
            **asdict(identity),
            "current_ranges": [asdict(item) for item in can.current_ranges],
            "voltage_ranges": [asdict(item) for item in can.voltage_ranges],
        },
        "meta": {
            "origin": "benchlab",
            "benchlab_version": __version__,
            "started_utc": _utc(),
            "clock": "virtual" if virtual else "real",
            "control_period_second": program.period_second,
            "capacity_basis": program.capacity_basis,
            "operator": options.operator,
            "simulated": options.channel.simulated,
            "limits": asdict(program.limits),
        },
    }


def _end(outcome: Outcome) -> dict[str, Any]:
    return {
        "end_reason": outcome.end_reason,
        "end_text": outcome.text,
        "output_proven_off": outcome.off.proven,
        "off_evidence": outcome.off.evidence,
        "lateness": outcome.lateness.record(),
        "closed_utc": _utc(),
    }
