"""A channel of an instrument that carries the protocol out by itself; the box is shared."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from benchlab.bench.executor import ChannelState, Compiled
from benchlab.bench.executor_shared import Share, SharedLine
from benchlab.bench.executor_worker import EarlierHost, ExecutorWorker, prepare_executor
from benchlab.bench.outcome import Outcome
from benchlab.bench.roles import Identity, OffProof
from benchlab.bench.sensing import Surroundings
from benchlab.bench.twin import Twin, TwinSpec
from benchlab.errors import BenchError, RunStopped, Unsupported
from benchlab.model.program import Program
from benchlab.service.channel import Channel
from benchlab.service.checking import remarks_compiled
from benchlab.service.expected import refuse_another
from benchlab.service.foreground import head_of
from benchlab.service.line_lock import LineLock
from benchlab.service.recording import Recording
from benchlab.service.worker.beside import beside
from benchlab.service.worker.channel_limits import narrowed
from benchlab.service.worker.contact import Contact
from benchlab.service.worker.going import Going
from benchlab.service.worker.run_clock import RunClock
from benchlab.service.worker.start import Start
from benchlab.service.worker.telling import TellingSink
from benchlab.store.journal import JournalWriter
from benchlab.store.journal_read import read_journal

__all__ = ["Box", "ExecutorRig"]


class Box:
    """One instrument with several channels: one line, opened when it is first needed."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self.clock = RunClock()
        self.identity: Identity | None = None
        self.twin: Twin | None = None
        self._line: SharedLine | None = None
        self._own: Share | None = None
        self._lock = threading.Lock()

    def share(self, spec: TwinSpec) -> tuple[Share, Identity]:
        """Return a share of the line, open, and who answers there.

        Parameters
        ----------
        spec : TwinSpec
            Of the cell behind one that is simulated in this process.

        Raises
        ------
        benchlab.errors.BenchError
        """
        with self._lock:
            if self._line is None:
                executor, self.twin = self.channel.executor(self.clock, spec)
                line = SharedLine(executor)
                own = line.share()  # keeps the line open from run to run
                try:
                    self.identity = own.open()
                except BenchError:
                    own.close()
                    raise
                self._line, self._own = line, own
            share = self._line.share()
        return share, share.open()

    @property
    def open(self) -> bool:
        """Whether the line is."""
        return self._line is not None

    def close(self) -> None:
        """Release the line, once its last run has left."""
        with self._lock:
            own, self._own, self._line = self._own, None, None
        if own is not None:
            own.close()


class ExecutorRig:
    """One channel of a box; the test in it goes on whatever becomes of this process."""

    executes = True

    def __init__(self, channel: Channel, box: Box) -> None:
        self.channel = channel
        self.clock = RunClock()
        self.number = channel.number or "1"
        self.stop_bound_second = channel.capabilities().stop_bound_second
        self.proof: OffProof | None = None
        self._box = box
        self._lock: LineLock | None = None
        self._share: Share | None = None
        self._contact = Contact(forever=True)

    def facts(self) -> Mapping[str, Any]:
        """Return what is known of the instrument."""
        identity = self._box.identity
        known = {} if identity is None else {"model": identity.model}
        if identity is not None:
            known["serial_number"] = identity.serial_number
        return {
            "driver": self.channel.driver,
            "resource": self.channel.resource or "sim",
            "number": self.number,
            "owned": self._lock is not None or self.channel.simulated,
            "open": self._box.open,
            **known,
        }

    def claim(self) -> None:
        """Be the only program of this computer that uses the channel.

        Raises
        ------
        benchlab.errors.LinkRefused
        """
        if self._lock is None and not self.channel.simulated:
            self._lock = LineLock(f"{self.channel.resource}#{self.number}")

    def begin(self, start: Start) -> Going:
        """Compile, look at the cell, and make the journal.

        Raises
        ------
        benchlab.errors.BenchError
            Nothing was started, and no file was made.
        """
        self.claim()
        program = narrowed(start.made.program, start.entry.limits)
        spec = TwinSpec(start.made.cell.type.name, program.capacity_ah)
        share, identity = self._shared(spec)
        refuse_another(start.shop.bench, start.entry.instrument, identity)
        compiled = share.compile(program)
        can = share.capabilities
        sensors, _ = start.shop.bench.around(start.channel)
        remarks_compiled(program, start.made.cell, self.channel, sensors, can, compiled.notes)
        self._contact.close(start, self.clock, self._box.twin)
        prepare_executor(share, self.number, program.limits)
        with ExitStack() as undo:
            surroundings, release = beside(start, self.clock, program.limits, self._box.twin)
            undo.callback(release.close)
            if start.stopped():
                raise RunStopped(f"{start.stopped()} before any current flowed.")
            head = head_of(
                program,
                start.made.cell,
                start.options(self.channel),
                can,
                identity,
                virtual=False,
            )
            head["instrument"]["channel"] = self.number
            recording = start.recording(head)
            undo.callback(recording.leave)
            going = self._going(start, program, compiled, recording, surroundings, release)
            undo.pop_all()
        return going

    def go_on(self, start: Start, put_aside: Callable[[], Path]) -> Going:
        """Attach to the test that goes on in the instrument, behind the rows that are recorded.

        Raises
        ------
        benchlab.errors.BenchError
            The test was left alone.
        """
        self.claim()
        program = narrowed(start.made.program, start.entry.limits)
        share, identity = self._shared()
        refuse_another(start.shop.bench, start.entry.instrument, identity)
        compiled = share.compile(program)
        self._refuse_ended(start)
        self._contact.close(start, self.clock, self._box.twin)
        with ExitStack() as undo:
            surroundings, release = beside(start, self.clock, program.limits, self._box.twin)
            undo.callback(release.close)
            folder = put_aside()
            content = read_journal(folder, take=lambda _: None)
            facts = content.state.get("executor") or {}
            journal = JournalWriter.resume(
                folder, content, durable=True, reserve=start.shop.reserve, tell=start.shop.note
            )
            undo.callback(journal.release)
            recording = start.recording(content.head, journal)
            undo.callback(recording.leave)
            earlier = EarlierHost(
                facts.get("run_id", ""),
                facts.get("unix_time_nanosecond", 0),
                journal.row_count,
                len(content.steps),
                content.state,
            )
            going = self._going(start, program, compiled, recording, surroundings, release, earlier)
            undo.pop_all()
        return going

    def hurry(self) -> None:
        """Wake the run's thread; the line is the other channels', too."""
        self.clock.wake()

    def settle(self, outcome: Outcome) -> None:
        """Cut the cell off where its relay can; the line is the other channels', too."""
        self._contact.open()

    def safe(self) -> OffProof:
        """End the test of this channel, and prove it; never raises."""
        try:
            self.claim()
            share, _ = self._shared()
            return share.safe(self.number)
        except BenchError as error:
            return OffProof(False, "nothing is known of it", (str(error),))

    def last_resort(self) -> str:
        """Return that there is nobody else."""
        return "switch it off by hand"

    def close(self) -> None:
        """Release the line where this is its last channel, and the claim."""
        if self._share is not None:
            self._share.close()
        self._box.close()
        lock, self._lock = self._lock, None
        if lock is not None:
            lock.release()

    def _shared(self, spec: TwinSpec | None = None) -> tuple[Share, Identity]:
        if self._share is None:
            self._share, identity = self._box.share(spec or TwinSpec(""))
            return self._share, identity
        return self._share, self._share.open()

    def _refuse_ended(self, start: Start) -> None:
        """Refuse to go on with what this process has ended in the instrument itself."""
        if not start.off_unix_ns:
            return
        share, _ = self._shared()
        if share.status(self.number).state not in (ChannelState.RUNNING, ChannelState.PAUSED):
            raise Unsupported(
                "the test was ended in the instrument, which cannot take it up again.",
                where=f"channel {self.number}",
                remedy="Close its file with stop, and start another with what is left to do.",
            )

    def _going(
        self,
        start: Start,
        program: Program,
        compiled: Compiled,
        recording: Recording,
        surroundings: Surroundings,
        release: ExitStack,
        earlier: EarlierHost | None = None,
    ) -> Going:
        """Return what follows the test: from its start, or behind an earlier host's rows."""
        share, _ = self._shared()
        journal = recording.journal
        sink = TellingSink(journal, start.newest, start.heard)
        worker = ExecutorWorker(
            program,
            compiled,
            share,
            self.number,
            self.clock,
            sink,
            name=start.made.cell.id,
            watch=start.watch,
            surroundings=surroundings,
            earlier=earlier,
        )
        run_id, clock = str(journal.run_id), self.clock
        return Going(run_id, start.path, worker, recording, sink, start.newest, clock, release)
