"""One run from start to closed file: opens, checks, records, switches off, closes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchlab import __version__
from benchlab.bench.clock import Clock, RealClock, VirtualClock
from benchlab.bench.executor import ExecutorCapabilities
from benchlab.bench.operator_wait import Operator
from benchlab.bench.outcome import Outcome, Progress
from benchlab.bench.prepare import prepare
from benchlab.bench.roles import Capabilities, Identity, OffProof, Source
from benchlab.bench.truth import TruthLog
from benchlab.bench.twin import Twin, TwinSpec
from benchlab.bench.worker import RunWorker
from benchlab.errors import BenchError, FileError, FileExists, OutputNotProvenOff, StorageError
from benchlab.model.cell import Cell
from benchlab.model.program import Program
from benchlab.service.around import around
from benchlab.service.channel import Channel
from benchlab.service.checking import remarks_on
from benchlab.service.earlier import Earlier
from benchlab.service.guardian import Guardian, guarded
from benchlab.service.recording import Recording
from benchlab.service.stopper import Stopper
from benchlab.store.copy import copy_verified
from benchlab.store.journal import run_folder
from benchlab.store.journal_read import read_journal
from benchlab.store.space import Space, free_bytes

__all__ = [
    "RunOptions",
    "RunResult",
    "check_paths",
    "closing",
    "end_of",
    "head_of",
    "not_proven_off",
    "run_foreground",
]


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How to run: on which channel, into which file, on which clock; who is asked."""

    channel: Channel
    out: Path
    fast: bool = False
    seed: int = 0
    ideal: bool = False
    fresh: bool = False
    truth: Path | None = None
    operator: str = ""
    copy_to: Path | None = None
    reserve_bytes: int = 0
    sensors: tuple[Channel, ...] = ()
    chamber: Channel | None = None
    asked: Operator | None = None
    earlier: Earlier | None = None


@dataclass(frozen=True, slots=True)
class RunResult:
    """What became of a run."""

    outcome: Outcome
    path: Path
    digest: str
    rows: int
    truth: dict[str, Any] | None


def run_foreground(
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
    if options.channel.executes:
        from benchlab.service.foreground_executor import run_executor

        return run_executor(program, cell, options, note=note, watch=watch)
    folder = run_folder(options.out)
    check_paths(options, folder)
    for remark in remarks_on(program, cell, options.channel, options.sensors, options.chamber):
        note(str(remark))
    clock = VirtualClock() if options.fast else RealClock()
    guard = guarded(options.channel, folder / "guardian.log")
    with Stopper() as stopper, guard as guardian:
        source, twin = _source(program, cell, options, clock)
        truth = None if twin is None else TruthLog(twin)
        beside = around(options.sensors, options.chamber, clock, twin, program.limits, note)
        try:
            identity = source.open()
            seen = prepare(source, program.limits)
            volts = f"the cell stands at {seen.voltage:.4f} V"
            note(f"{identity.model} {identity.serial_number}: {volts}")
            head = head_of(program, cell, options, source.capabilities, identity, clock.virtual)
            recorded = Recording(
                options.out, head, note, fast=options.fast, reserve=options.reserve_bytes
            )
            with beside as surroundings, recorded as recording:
                worker = RunWorker(
                    program,
                    source,
                    clock,
                    recording.journal,
                    seen,
                    watch=_looking_after(guardian, recording, watch, note),
                    edges=truth,
                    surroundings=surroundings,
                    operator=options.asked,
                    cell_id=cell.id,
                    resume=None if options.earlier is None else options.earlier.state,
                )
                stopper.stops(worker.stop)
                outcome = worker.run()
                if guardian is not None and not outcome.off.proven:
                    guardian.act()
                with closing(outcome):
                    recording.journal.end(end_of(outcome))
                    told = _told(truth, folder, cell, options)
                    closed = recording.close()
        finally:
            source.close()
    if told is not None and options.truth is not None:
        _write_truth(options.truth, told)
    if options.copy_to is not None:
        note(f"a verified copy is {copy_verified(options.out, options.copy_to)}")
    return RunResult(outcome, options.out, closed.digest, closed.rows, told)


def check_paths(options: RunOptions, folder: Path) -> None:
    """Refuse before anything is started what could not be written at the end."""
    try:
        taken = [path for path in (options.out, folder, options.truth) if path and path.exists()]
        homes = {path.parent for path in (options.out, options.truth) if path}
        missing = [home for home in homes if not home.is_dir()]
    except OSError as error:
        raise StorageError(
            f"a file of this name cannot be made ({error.strerror}); nothing was started.",
            where=f"{str(options.out)[:80]}...",
            remedy="Choose a shorter name, or another folder.",
        ) from error
    if taken or options.truth == options.out:
        raise FileExists(
            "there is something at the output path already; nothing was started.",
            where=str(taken[0] if taken else options.out),
            remedy="Choose another name; a recording is never written over.",
        )
    if missing:
        raise StorageError(
            "the folder of the output file does not exist; nothing was started.",
            where=str(missing[0]),
            remedy="Make the folder first.",
        )
    if not options.fast:
        space = Space(free_bytes(str(options.out.parent)), options.reserve_bytes, 0, 0.0)
        if space.short:
            raise space.error(options.out.parent, "nothing was started.")


def _spec(program: Program, cell: Cell, options: RunOptions) -> TwinSpec:
    capacity = program.capacity_ah
    return TwinSpec(cell.type.name, capacity, options.seed, options.ideal, options.fresh)


def _source(
    program: Program, cell: Cell, options: RunOptions, clock: Clock
) -> tuple[Source, Twin | None]:
    if not options.channel.simulated:
        return options.channel.connect(clock), None
    return options.channel.simulate(clock, _spec(program, cell, options))


def _told(
    truth: TruthLog | None, folder: Path, cell: Cell, options: RunOptions
) -> dict[str, Any] | None:
    """Return what the twin knows of the steps that the journal holds."""
    if truth is None:
        return None
    steps = read_journal(folder, take=lambda _: None).steps
    return {
        **truth.record(steps, discharge_first=cell.counts_first == "discharge"),
        "settings": {"seed": options.seed, "ideal": options.ideal, "fresh": options.fresh},
    }


def _looking_after(
    guardian: Guardian | None,
    recording: Recording,
    watch: Callable[[Progress], None],
    note: Callable[[str], None],
) -> Callable[[Progress], None]:
    """Have guardian and recorder looked after each time that somebody is told of the progress."""

    def look(progress: Progress) -> None:
        recording.look()
        if guardian is not None and guardian.revive():
            note("the guardian of the output had been ended; another was started")
        watch(progress)

    return look


@contextmanager
def closing(outcome: Outcome) -> Iterator[None]:
    """Say how the run ended where its file could not be completed."""
    try:
        yield
    except (FileError, StorageError) as error:
        if not outcome.off.proven:
            raise not_proven_off(outcome.off) from error
        # where and what to do is said once, by the error of the closing
        said = outcome.error.what if isinstance(outcome.error, BenchError) else outcome.text
        raise type(error)(
            f"the run ended ({outcome.end_reason}: {said}) and its output is proven off,"
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


def _utc() -> str:
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def head_of(
    program: Program,
    cell: Cell,
    options: RunOptions,
    can: Capabilities | ExecutorCapabilities,
    identity: Identity,
    virtual: bool,
) -> dict[str, Any]:
    """Return what a run is made with: the journal's first record."""
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
            "protocol_canonical_sha256": program.canonical_sha256,
            "operator": options.operator,
            "simulated": options.channel.simulated,
            "limits": asdict(program.limits),
            **({} if options.earlier is None else {"continues": options.earlier.link}),
        },
    }


def end_of(outcome: Outcome) -> dict[str, Any]:
    """Return the journal's closing record."""
    return {
        "end_reason": outcome.end_reason,
        "end_text": outcome.text,
        "output_proven_off": outcome.off.proven,
        "off_evidence": outcome.off.evidence,
        "lateness": outcome.lateness.record(),
        "closed_utc": _utc(),
    }
