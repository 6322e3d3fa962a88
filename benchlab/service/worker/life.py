"""One run of a channel: begun, carried out, held, gone on with, closed; a thread does so."""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchlab.bench.guard import Trip
from benchlab.bench.outcome import Outcome, Progress
from benchlab.bench.roles import OffProof
from benchlab.errors import BenchError, OutputNotProvenOff, StorageError
from benchlab.platform import unix_ns
from benchlab.service.bench_entries import ChannelEntry
from benchlab.service.foreground import RunOptions, check_paths, end_of
from benchlab.service.worker.closing import Closing
from benchlab.service.worker.going import Going, Rig
from benchlab.service.worker.held import HeldJournal
from benchlab.service.worker.kept import Kept
from benchlab.service.worker.listening import Listening
from benchlab.service.worker.occupancy import refuse_taken, taking_a_cell
from benchlab.service.worker.order import Made, Order, file_for, made, order_from, utc_now
from benchlab.service.worker.shop import Shop
from benchlab.service.worker.standing import Standing
from benchlab.service.worker.start import Start
from benchlab.service.worker.telling import Newest
from benchlab.store.journal import run_folder

__all__ = ["Life"]


class Life(Kept):
    """What happens on a channel, from start to closed file."""

    def __init__(
        self, name: str, entry: ChannelEntry, shop: Shop, rig: Rig, standing: Standing
    ) -> None:
        super().__init__(name, shop, standing)
        self.entry, self.rig = entry, rig
        self.listening = Listening(name, shop.tell, self._listened)
        self.going: Going | None = None
        self.off: OffProof | None = None
        self.off_known = threading.Event()
        self.settled = threading.Event()
        self.leaves = False
        self.found = standing.state
        if standing.active:  # what the file says was true of a worker that is gone
            standing.state = "starting"
        self.closing = Closing(self)
        self.newest = Newest()
        self._stop = ""
        self._operator = ""
        self._closes = False
        self._thread: threading.Thread | None = None
        self._kept = HeldJournal()
        self._since = 0.0
        self._warm = False

    @property
    def path(self) -> Path:
        """The file of the run."""
        return Path(self.standing.run["file"])

    @property
    def still_second(self) -> float:
        """How long ago the run's thread last moved; 0: there is none."""
        thread = self._thread
        if thread is None or not thread.is_alive() or self.standing.state not in MOVES:
            return 0.0
        going = self.going
        moved = going.clock.moved if going is not None else self.rig.clock.moved
        return max(0.0, time.monotonic() - max(moved, self._since))

    def _listened(self, state: str) -> None:
        """Take note of a pause, or of its end, as the run itself tells it."""
        if self.standing.state in ("running", "paused") and self.standing.state != state:
            self.put(state)

    # beginning

    def spawn(self, what: Callable[[], None]) -> None:
        """Do something in the channel's thread, then what waits in its queue."""
        self._forget_stops()

        def live() -> None:
            try:
                what()
            except Exception:  # the channel says so; the other channels go on
                text = traceback.format_exc()
                self.shop.note(text)
                self._after_a_bug(text)
            finally:
                self.off_known.set()
                self.settled.set()

        self._thread = threading.Thread(target=live, name=f"channel {self.name}", daemon=True)
        self._thread.start()

    def _forget_stops(self) -> None:
        """Let no stop of an earlier run be one of the next."""
        with self.lock:
            self._stop, self._operator, self._closes = "", "", False
            self.off = None
            self.off_known.clear()
            self.settled.clear()
            self._since = time.monotonic()

    def _take(self, order: Order, found: Made) -> None:
        """Let the channel be this order's, from here on.

        Raises
        ------
        benchlab.errors.ChannelBusy
            Its cell is on another channel.
        benchlab.errors.StorageError
        """
        with taking_a_cell(self.shop.folder), self.lock:
            refuse_taken(self.shop.folder, self.name, order)
            path = file_for(order, found, self.shop.data)
            options = RunOptions(self.rig.channel, path, reserve_bytes=self.shop.reserve)
            check_paths(options, run_folder(path))
            self._forget_stops()
            self.standing.state, self.standing.why = "starting", ""
            self.standing.run = {
                "id": "",
                "file": str(path),
                "order": order.record(),
                "protocol": found.program.name,
                "cell": found.cell.id,
                "operator": order.operator,
                "started_utc": utc_now(),
                "held_by": "",
            }
            self.save()

    def begin(self, order: Order, found: Made) -> None:
        """Take the channel for an order that passed its checks, and make its run ready to go.

        Raises
        ------
        benchlab.errors.BenchError
            Nothing was left behind; the output is off, or the error says not.
        """
        before = self.standing.state, self.standing.why, self.standing.run
        warm, self._warm = self._warm, False
        self._take(order, found)
        self.newest = Newest()
        self.listening.begin(found.program)
        try:
            going = self.rig.begin(self._start(order, found, self.path, warm=warm))
        except BenchError as error:
            self.off = self.rig.proof
            if isinstance(error, OutputNotProvenOff):
                self.alarm("output", str(error), did=self.rig.last_resort())
            with self.lock:
                state, why, self.standing.run = before
                self.put(state, why)
            raise
        self.went(going)

    def went(self, going: Going) -> None:
        """Take note of a run that is ready to go."""
        self.going = going
        self.standing.queue = [
            item
            for item in self.standing.queue
            if item.get("item") != self.standing.run["order"].get("item")
        ]
        self.put("running", id=going.run_id, held_by="", off={}, off_unix_ns=0, end={})

    def go_on(self, how: str, operator: str = "") -> Going:
        """Go on with the run of this channel in its own journal.

        Raises
        ------
        benchlab.errors.BenchError
            It is held as it was.
        """
        run = self.standing.run
        order = order_from(run["order"])
        found = made(order)
        start = self._start(
            order, found, self.path, how=how, off_unix_ns=int(run.get("off_unix_ns") or 0)
        )
        self.listening.begin(found.program)
        try:
            going = self.rig.go_on(start, self.put_aside)
        except BenchError:
            self.keep()
            raise
        if operator:
            going.event("resume", operator, how)
        self.went(going)
        return going

    def put_aside(self) -> Path:
        """Let go of the journal that is held here; return its folder.

        Raises
        ------
        benchlab.errors.StorageError
        """
        if self.going is not None:
            self.going.put_aside()
            self.going = None
        self._kept.release()
        return run_folder(self.path)

    def keep(self) -> None:
        """Keep everybody else from the journal of a run that is held."""
        if self.going is None:
            self._kept.hold(run_folder(self.path))

    def _start(self, order: Order, found: Made, path: Path, **more: Any) -> Start:
        return Start(
            channel=self.name,
            shop=self.shop,
            entry=self.entry,
            order=order,
            made=found,
            path=path,
            newest=self.newest,
            heard=self.listening.heard,
            watch=self._watch,
            asked=self.listening.asked,
            stopped=lambda: self._stop,
            leaves=lambda: self.leaves,
            **more,
        )

    def _watch(self, progress: Progress) -> None:
        self.listening.progress = progress
        going = self.going
        if going is not None:
            going.recording.look()

    # the run

    def carry_out(self) -> None:
        """Carry the run out, and hold or close it as it ended."""
        going = self.going
        if going is None or self.standing.state not in MOVES:
            return
        try:
            self._carry_out(going)
        finally:
            self.settled.set()

    def _carry_out(self, going: Going) -> None:
        if self._stop:
            going.carries.stop(self._stop)
        outcome = going.carries.run()
        self.rig.settle(outcome)
        self.off = outcome.off
        self.off_known.set()
        if not outcome.off.proven:
            self._not_off(outcome.off)
        off = {"proven": outcome.off.proven, "evidence": outcome.off.evidence}
        known: dict[str, Any] = {"off": off, "off_unix_ns": unix_ns(), "end": end_of(outcome)}
        with suppress(StorageError):
            if outcome.off.proven:
                going.sink.intent({"output": "off", "unix_time_nanosecond": unix_ns()})
            if self._stop:
                going.event("stop", self._operator or "bench", self._stop)
        if self.leaves:
            self._leave(going, known)
        elif outcome.off.proven and outcome.end_reason == "done":
            self._warm = True
            self.close(going, "done", "", known)
        elif self._ends_here(outcome):
            self.close(going, "stopped", self._stop or outcome.text, known)
        else:
            self._hold(outcome, known)

    def _ends_here(self, outcome: Outcome) -> bool:
        """Say whether nothing of the run could be gone on with, or nobody wants to."""
        stopped = outcome.end_reason == "stopped" and outcome.off.proven
        return stopped and (self._closes or self.rig.executes)

    def _hold(self, outcome: Outcome, known: Mapping[str, Any]) -> None:
        """Leave the journal open: somebody goes on, or closes the file."""
        asked = outcome.end_reason == "stopped"
        text = outcome.text
        if not isinstance(outcome.error, BenchError) and outcome.error is not None:
            text = f"a mistake in benchlab ended the run: {outcome.error!r}"
        by = "operator" if asked else "fault"
        if outcome.trip is not None and outcome.trip.spreads:
            self.shop.spread(self.name, outcome.trip)
        if not asked:
            said = "output proven off" if outcome.off.proven else "output NOT PROVEN OFF"
            done = f"{said}; the run is held, its journal open"
            owner = outcome.trip.owner if outcome.trip is not None else ""
            self.alarm(outcome.end_reason, text, did=done, owner=owner)
        self.put("held", text, held_by=by, held_unix_ns=unix_ns(), **known)

    def close(self, going: Going, state: str, why: str, known: Mapping[str, Any]) -> bool:
        """Append the closing record, and have the file written beside what comes next."""
        try:
            going.end(known["end"])
        except StorageError as error:
            self.alarm("storage", str(error), did="the run is held, its journal open")
            self.put("held", str(error), held_by="fault", held_unix_ns=unix_ns(), **known)
            return False
        going.beside.close()
        self.going = None
        self.standing.closing = [*self.standing.closing, str(going.path)]
        self.put(state, why, **known)
        self.closing.file_of(going)
        return True

    def _not_off(self, off: OffProof) -> None:
        who = self.rig.last_resort()
        text = f"the output could not be proven off ({'; '.join(off.problems) or off.evidence})"
        self.alarm("output", f"{text}; {who}", did=who)

    def _leave(self, going: Going, known: Mapping[str, Any]) -> None:
        """Leave the run for the next worker, as it is."""
        self.put(self.standing.state, "its worker was told to end", **known)
        with suppress(StorageError):
            going.recording.journal.close()
        going.recording.leave()
        going.beside.close()

    def _after_a_bug(self, text: str) -> None:
        last = text.strip().splitlines()[-1]
        self.off = self.rig.safe()
        if not self.off.proven:
            self._not_off(self.off)
        with suppress(StorageError):
            if self.going is not None:
                self.going.event("failed", "bench", text)
        if self.standing.active:
            why = f"a mistake in benchlab ended the run: {last}"
            self.alarm("failed", why, did=f"output off: {self.off.evidence}")
            self.put("held", why, held_by="fault", off_unix_ns=unix_ns())

    # stopping

    def ask_to_stop(self, why: str, operator: str, *, closes: bool = False) -> None:
        """Have the run stopped, whatever its thread is doing."""
        with self.lock:
            self._stop, self._operator, self._closes = why, operator, closes
            going = self.going
        if going is not None:
            going.carries.stop(why)
        self.rig.hurry()

    def trip(self, trip: Trip) -> bool:
        """Have the run ended by what was seen elsewhere; say whether there is one that hears it."""
        with self.lock:
            going, moves = self.going, self.standing.state in MOVES
            if moves and (going is None or self.standing.state == "starting"):
                self._stop = trip.cause
        if not moves:
            return False
        if going is not None:
            going.carries.trip(trip)
        self.rig.hurry()
        return going is not None

    def leave(self) -> None:
        """Have the run put aside for the next worker; one of an executor just goes on."""
        self.leaves = True
        if self.rig.executes:
            return
        thread = self._thread
        if thread is not None and thread.is_alive() and self.standing.state in MOVES:
            self.ask_to_stop("the worker was told to end", "bench")
            thread.join(self.rig.stop_bound_second + 5.0)
        if self.going is not None and self.standing.state == "held":
            with suppress(StorageError):
                self.going.put_aside()

    @property
    def close_asked_by(self) -> str:
        """Who asked for the file to be closed with the stop; empty: nobody."""
        return self._operator if self._closes else ""

    @property
    def stop_asked(self) -> bool:
        """Whether somebody asked for a stop since the thread was started."""
        return bool(self._stop)


MOVES = frozenset({"starting", "running", "paused"})
"""States in which a thread of the channel is at work."""
