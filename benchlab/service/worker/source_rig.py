"""A source behind one channel: its line, its guardian, and how a run on it begins and goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchlab.bench.continuing import Continuation
from benchlab.bench.outcome import Outcome
from benchlab.bench.prepare import prepare
from benchlab.bench.roles import Identity, OffProof, Reading, Source
from benchlab.bench.sensing import Surroundings
from benchlab.bench.transcript import hurry
from benchlab.bench.twin import Twin, TwinSpec
from benchlab.bench.worker import RunWorker
from benchlab.errors import BenchError, CellCheckError, LinkError, RunStopped
from benchlab.model.program import Program
from benchlab.service.channel import Channel
from benchlab.service.expected import refuse_another
from benchlab.service.foreground import head_of
from benchlab.service.guardian import Guardian
from benchlab.service.line_lock import LineLock
from benchlab.service.recording import Recording
from benchlab.service.takeover import Left, read_left, take_over
from benchlab.service.worker.beside import beside
from benchlab.service.worker.channel_limits import narrowed
from benchlab.service.worker.contact import Contact
from benchlab.service.worker.going import Going
from benchlab.service.worker.run_clock import RunClock
from benchlab.service.worker.start import Start
from benchlab.service.worker.telling import TellingSink
from benchlab.store.journal import run_folder

__all__ = ["SourceRig"]

NEAR_VOLT = 0.05
"""An open cell that was left at rest is expected so near to where it was seen last."""


class SourceRig:
    """One source, owned by this process from the claim on; used by one thread at a time.

    The line stays open from run to run of a queue, and the guardian as long as the worker lives.
    """

    executes = False

    def __init__(self, channel: Channel, log: Path, changed: Callable[[], None]) -> None:
        self.channel = channel
        self._log = log
        self.clock = RunClock()
        self.stop_bound_second = channel.capabilities().stop_bound_second
        self.proof: OffProof | None = None
        self._changed = changed
        self._lock: LineLock | None = None
        self._guardian: Guardian | None = None
        self._source: Source | None = None
        self._identity: Identity | None = None
        self._twin: Twin | None = None
        self._contact = Contact(forever=False)

    def facts(self) -> Mapping[str, Any]:
        """Return what is known of the instrument."""
        identity = self._identity
        known = {} if identity is None else {"model": identity.model}
        if identity is not None:
            known["serial_number"] = identity.serial_number
        guardian = self._guardian
        return {
            "driver": self.channel.driver,
            "resource": self.channel.resource or "sim",
            "owned": self._lock is not None or self.channel.simulated,
            "open": self._source is not None,
            **known,
            **({} if guardian is None else {"guardian": guardian.process}),
        }

    def claim(self) -> None:
        """Be the only program of this computer that drives it; have a guardian from here on.

        Raises
        ------
        benchlab.errors.LinkRefused
        """
        if self.channel.simulated:
            return
        if self._lock is None:
            self._lock = LineLock(self.channel.resource)
        if self._guardian is None:
            self._guardian = Guardian(self.channel, self._log, self._lock.descriptor, at_rest=True)
            self._changed()

    def begin(self, start: Start) -> Going:
        """Open, arm, look at the cell, and make the journal.

        Raises
        ------
        benchlab.errors.BenchError
            The output is off, or the error says not; no file was made.
        """
        program = narrowed(start.made.program, start.entry.limits)
        folder = run_folder(start.path)
        with ExitStack() as undo:
            seen = self._ready(start, folder, warm=start.warm)
            surroundings, release = beside(start, self.clock, program.limits, self._twin)
            undo.callback(release.close)
            self._may_go_on(start)
            source, identity = self._open_one()
            head = head_of(
                program,
                start.made.cell,
                start.options(self.channel),
                source.capabilities,
                identity,
                virtual=False,
            )
            recording = start.recording(head)
            undo.callback(recording.leave)
            going = self._going(start, program, seen, recording, surroundings, release)
            undo.pop_all()
        return going

    def go_on(self, start: Start, put_aside: Callable[[], Path]) -> Going:
        """Go on with a run in its own journal; the output is off meanwhile.

        Raises
        ------
        benchlab.errors.BenchError
            The run is as it was.
        """
        program = narrowed(start.made.program, start.entry.limits)
        with ExitStack() as undo:
            seen = self._ready(start, run_folder(start.path), warm=False)
            surroundings, release = beside(start, self.clock, program.limits, self._twin)
            undo.callback(release.close)
            self._may_go_on(start)
            left = read_left(put_aside())
            _refuse_moved(left, seen)
            taken = take_over(
                left,
                self.clock,
                how=start.how,
                off_unix_ns=start.off_unix_ns,
                reserve=start.shop.reserve,
                tell=start.shop.note,
            )
            undo.callback(taken.journal.release)
            recording = start.recording(left.content.head, taken.journal)
            undo.callback(recording.leave)
            going = self._going(
                start, program, seen, recording, surroundings, release, taken.onward
            )
            undo.pop_all()
        return going

    def hurry(self) -> None:
        """Have whatever is waited for at the line waited for no longer."""
        self.clock.wake()
        if self._source is not None:
            hurry(self._source)

    def settle(self, outcome: Outcome) -> None:
        """Let the guardian rest where the output is proven off; trust the line if all was well."""
        self._contact.open()
        if outcome.off.proven:
            self._at_rest()
        if outcome.end_reason != "done" or not outcome.off.proven:
            self._drop()

    def safe(self) -> OffProof:
        """Switch off and prove it; never raises."""
        if self.channel.simulated and self._source is None:
            return OffProof(True, "it is simulated in this process, and nothing of it runs")
        try:
            self.claim()
            if self._source is None:
                self._source = self.channel.connect(self.clock)
                self._identity = self._source.open()
            proof = self._source.safe()
            self._contact.open()
        except BenchError as error:
            self._drop()
            return OffProof(False, "nothing is known of it", (str(error),))
        if proof.proven:
            self._at_rest()
        else:
            self._drop()
        return proof

    def last_resort(self) -> str:
        """Have the guardian switch off: what this process can do was not enough."""
        cut, how = self._contact.open()
        also = f"; the cell was cut off: {how}" if cut else ""
        guardian, self._guardian = self._guardian, None
        if guardian is None:
            return f"switch it off by hand{also}"
        guardian.act()
        return f"the guardian goes on trying to switch it off; switch it off by hand{also}"

    def close(self) -> None:
        """Release line, guardian and claim."""
        self._drop()
        guardian, self._guardian = self._guardian, None
        if guardian is not None:
            guardian.release()
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    # inside

    def _ready(self, start: Start, folder: Path, *, warm: bool) -> Reading:
        """Return what the armed source sees of the cell; the output is off."""
        self.claim()
        limits = narrowed(start.made.program, start.entry.limits).limits
        if self._guardian is not None:
            self._guardian.watch(folder / "guardian.log")
        try:
            if warm and self._source is not None:
                try:
                    self._contact.close(start, self.clock, self._twin)
                    seen = prepare(self._source, limits)
                except LinkError:
                    self._drop()
            if not warm or self._source is None:
                self._open(start)
                source, _ = self._open_one()
                self._contact.close(start, self.clock, self._twin)
                seen = prepare(source, limits)
        except BenchError:
            self._give_up()
            raise
        return seen

    def _open(self, start: Start) -> None:
        if self.channel.simulated:
            if self._source is None:  # a cell that was under test stays the same one
                cell, program = start.made.cell, start.made.program
                spec = TwinSpec(cell.type.name, program.capacity_ah)
                self._source, self._twin = self.channel.simulate(self.clock, spec)
        else:
            self._drop()
            self._source = self.channel.connect(self.clock)
        source = self._source
        if source is not None:
            self._identity = source.open()
            refuse_another(start.shop.bench, start.entry.instrument, self._identity)

    def _open_one(self) -> tuple[Source, Identity]:
        if self._source is None or self._identity is None:
            raise LinkError(
                "the instrument is not open.", where=self.channel.resource, remedy="Start again."
            )
        return self._source, self._identity

    def _going(
        self,
        start: Start,
        program: Program,
        seen: Reading,
        recording: Recording,
        surroundings: Surroundings,
        release: ExitStack,
        onward: Continuation | None = None,
    ) -> Going:
        """Return what carries the run out: from its first step, or on from where it was left."""
        source, _ = self._open_one()
        journal = recording.journal
        sink = TellingSink(journal, start.newest, start.heard)
        worker = RunWorker(
            program,
            source,
            self.clock,
            sink,
            seen,
            watch=self._watch(start),
            surroundings=surroundings,
            operator=start.asked,
            cell_id=start.made.cell.id,
            onward=onward,
        )
        run_id, clock = str(journal.run_id), self.clock
        return Going(run_id, start.path, worker, recording, sink, start.newest, clock, release)

    def _may_go_on(self, start: Start) -> None:
        why = start.stopped()
        if why:
            self._give_up()
            raise RunStopped(f"{why} before any current flowed; nothing was recorded.")

    def _give_up(self) -> None:
        """Leave the output off, or the guardian at work on it."""
        self.proof = None if self._source is None else self._source.safe()
        self._contact.open()
        if self.proof is None or self.proof.proven:
            self._at_rest()
        else:
            self.last_resort()
        if not self.channel.simulated:
            self._drop()

    def _at_rest(self) -> None:
        if self._guardian is not None:
            self._guardian.rest()

    def _drop(self) -> None:
        if self.channel.simulated:
            return
        source, self._source = self._source, None
        if source is not None:
            source.close()

    def _watch(self, start: Start) -> Callable[[Any], None]:
        def watch(progress: Any) -> None:
            start.watch(progress)
            guardian = self._guardian
            if guardian is not None and guardian.revive():
                start.shop.note("the guardian of an output had been ended; another was started")
                self._changed()

        return watch


def _refuse_moved(left: Left, seen: Reading) -> None:
    """Refuse a cell that is not where it was after the computer was switched off meanwhile.

    Raises
    ------
    benchlab.errors.CellCheckError
    """
    if left.rebooted and not abs(seen.voltage - left.volt) <= NEAR_VOLT:
        raise CellCheckError(
            f"the computer was started again meanwhile, and the cell stands at {seen.voltage:.4f} V"
            f" where {left.volt:.4f} V was read last; no current was sent.",
            remedy="See that it is the same cell, well connected, and resume.",
        )
