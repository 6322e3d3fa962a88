"""One channel: what can be asked of it, and what becomes of it at the worker's start."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from benchlab.bench import commands
from benchlab.bench.guard import Trip
from benchlab.errors import (
    BenchError,
    ChannelBusy,
    LinkRefused,
    OutputNotProvenOff,
    UsageError,
)
from benchlab.platform import unix_ns
from benchlab.service.bench_entries import ChannelEntry
from benchlab.service.worker.after_crash import after_crash, finish_closing
from benchlab.service.worker.closing_held import close_held
from benchlab.service.worker.going import Rig
from benchlab.service.worker.life import Life
from benchlab.service.worker.named_checks import checked, told_of
from benchlab.service.worker.order import Order
from benchlab.service.worker.queue import Queue
from benchlab.service.worker.shop import Shop
from benchlab.service.worker.standing import read_standing
from benchlab.service.worker.status import snapshot_of, status_of

__all__ = ["Seat"]

HEARD_SECOND = 2.0
"""How long an answer waits for what the run says to a command."""
GRACE_SECOND = 1.0
TWICE_SECOND = 3.0
"""A stop pressed twice within it is one."""


class Seat:
    """A channel of this worker; every method is safe from any thread."""

    def __init__(self, name: str, entry: ChannelEntry, shop: Shop, rig: Rig) -> None:
        standing = read_standing(shop.folder.channels / f"{name}.json")
        self.life = Life(name, entry, shop, rig, standing)
        self.queue = Queue(self.life)
        self.name, self.rig = name, rig
        self._busy = threading.Lock()
        self._told = 0.0

    @property
    def standing(self) -> Any:
        """How the channel stands."""
        return self.life.standing

    def wake_up(self) -> None:
        """Go on where an earlier worker left the channel."""
        finish_closing(self.life)
        try:
            self.rig.claim()
        except LinkRefused as error:  # a guardian may be at work; it is tried again at each start
            self.life.shop.note(f"channel {self.name}: {error}")
        if self.standing.active:
            self.life.spawn(lambda: self._live(self._after_crash))
        elif self.standing.state in ("idle", "done") and self.standing.queue:
            self.life.spawn(lambda: self._live(lambda: None))

    def _after_crash(self) -> None:
        after_crash(self.life)
        operator = self.life.close_asked_by
        if operator and self.standing.state == "held":
            close_held(self.life, operator, f"closed by {operator}")

    def trip(self, trip: Trip, *, known: bool = False) -> bool:
        """Have the run ended by what was seen elsewhere; say whether there is one, not yet told."""
        return not known and self.life.trip(trip)

    def leave(self) -> None:
        """Put the run aside for the next worker, and let the instrument go."""
        self.life.leave()
        self.life.closing.wait(5.0)
        self.rig.close()

    # looking

    def status(self) -> dict[str, Any]:
        """Return how the channel stands."""
        return status_of(self.life, self.queue)

    def snapshot(self) -> dict[str, Any]:
        """Return the newest reading where it is newer than the one returned last."""
        told = snapshot_of(self.life)
        at = told.get("unix_time_nanosecond", 0)
        if not told or at == self._told:
            return {}
        self._told = at
        return told

    def check(self, order: Order) -> dict[str, Any]:
        """Make the named checks, and start nothing."""
        return told_of(self.life, order)

    # starting

    def start(self, order: Order) -> dict[str, Any]:
        """Make every check at this instant, and start.

        Raises
        ------
        benchlab.errors.BenchError
            Nothing was started.
        """
        with self._one_at_a_time():
            ready, found = checked(self.life, order)
            if self.standing.state == "held":
                close_held(self.life, order.operator, "another test was started here")
            self._spawn(lambda: self.life.begin(ready, found))
        run = self.standing.run
        return {"run": run["id"], "file": run["file"], "item": ready.item, **self._brief()}

    def resume(self, operator: str) -> dict[str, Any]:
        """Go on with a run that is paused or held, or with a queue that stands still.

        Raises
        ------
        benchlab.errors.BenchError
        """
        state = self.standing.state
        if state == "paused":
            return self.command(commands.Resume(operator), {"resume", "resume_asked"})
        with self._one_at_a_time():
            if state == "held":
                why = self.standing.why
                self.life.put("starting", "goes on")

                def go_on() -> None:
                    try:
                        self.life.go_on(f"resumed by {operator}", operator)
                    except BenchError:
                        self.life.put("held", why)
                        raise

                self._spawn(go_on)
            elif not self.standing.active and self.standing.queue:
                self._spawn(self._next)
            else:
                raise UsageError(
                    f"nothing is paused, held or waiting here ({state}).",
                    where=f"channel {self.name}",
                    remedy="Start a test.",
                )
        return self._brief()

    def enqueue(self, order: Order) -> dict[str, Any]:
        """Have a test wait; where nothing is before it, it starts at once.

        Raises
        ------
        benchlab.errors.BenchError
        """
        told = self.queue.add(order)
        self._event("enqueue", order.operator, f"test {told['item']} waits behind this one")
        with self._busy:
            if self.standing.state in ("idle", "done") and not self.standing.active:
                self.life.spawn(lambda: self._live(lambda: None))
        return told

    def _next(self) -> None:
        """Start what waits, or say why it cannot be."""
        try:
            self.queue.start_next()
        except BenchError as error:
            why = f"the next test could not be started: {error}"
            self.life.put("failed", why)
            self.life.alarm("queue", why, did="the queue stands still")
            raise

    def _spawn(self, begin: Callable[[], None]) -> None:
        """Begin in the channel's thread; return once it goes, raise where it does not."""
        done = threading.Event()
        failed: list[BenchError] = []

        def first() -> None:
            try:
                begin()
            except BenchError as error:
                failed.append(error)
            finally:
                done.set()

        self.life.spawn(lambda: self._live(first, failed))
        done.wait()
        if failed:
            raise failed[0]

    def _live(self, begin: Callable[[], None], failed: list[BenchError] | None = None) -> None:
        """Be the channel's thread: carry out what was begun, and what waits behind it."""
        begin()
        if failed:
            return
        self.life.carry_out()
        while not self.life.leaves and self.standing.state in ("idle", "done"):
            try:
                self._next()
            except BenchError:
                return
            if not self.standing.active:
                return
            self.life.carry_out()

    # stopping

    def stop(self, operator: str, *, closes: bool = False) -> dict[str, Any]:
        """Open the circuit, and say whether that is proven; of a held run, close the file.

        Raises
        ------
        benchlab.errors.OutputNotProvenOff
        """
        began = time.monotonic()
        life, standing = self.life, self.standing
        if standing.state == "held":
            since = (unix_ns() - standing.run.get("held_unix_ns", 0)) / 1e9
            twice = standing.run.get("held_by") == "operator" and since < TWICE_SECOND
            if twice and not closes:
                return {"off": standing.run.get("off"), "closed": False, **self._brief()}
            with self._one_at_a_time():
                known = close_held(life, operator, f"closed by {operator}")
            return {"off": known, "closed": True, **self._brief()}
        if standing.state not in ("starting", "running", "paused"):
            return {"off": None, "closed": False, "text": "no run is here", **self._brief()}
        life.ask_to_stop(f"stopped by {operator}", operator, closes=closes)
        bound = self.rig.stop_bound_second + GRACE_SECOND
        if not life.off_known.wait(bound):
            who = self.rig.last_resort()
            text = f"the output was not proven off within {bound:g} s of a stop"
            life.alarm("output", f"{text}; {who}", did=who)
            raise OutputNotProvenOff(
                f"{text}; {who}.",
                where=f"channel {self.name}",
                remedy="Switch the instrument off by hand now.",
            )
        took = time.monotonic() - began
        life.settled.wait(GRACE_SECOND)
        off = life.off
        if off is None:  # it had not begun
            return {"off": None, "closed": False, "second": took, **self._brief()}
        if not off.proven:
            raise OutputNotProvenOff(
                f"the output could not be proven off ({'; '.join(off.problems)}).",
                where=f"channel {self.name}",
                remedy="Switch the instrument off by hand now.",
            )
        told = {"proven": True, "evidence": off.evidence}
        closed = not standing.active
        return {"off": told, "second": round(took, 4), "closed": closed, **self._brief()}

    # asking a run

    def command(self, command: commands.Command, kinds: set[str]) -> dict[str, Any]:
        """Ask something of the run under way; say what it said to it.

        Raises
        ------
        benchlab.errors.UsageError
            There is none, or it refused.
        """
        going = self.life.going
        if going is None or self.standing.state not in ("running", "paused"):
            raise UsageError(
                f"no test is under way here ({self.standing.state}); nothing was done.",
                where=f"channel {self.name}",
                remedy="`status` says how it stands.",
            )
        asked = self.life.listening.wait_for(
            frozenset(kinds), command.actor, lambda: going.carries.put(command), HEARD_SECOND
        )
        if asked.kind == "refused":
            raise UsageError(
                f"the run refused it: {asked.text}", where=f"channel {self.name}", remedy=""
            )
        text = asked.text if asked.kind else "asked for; the run has not come to it yet"
        return {"done": bool(asked.kind), "text": text, **self._brief()}

    def acknowledge(self, alarm: str, operator: str) -> dict[str, Any]:
        """Say that an alarm is known.

        Raises
        ------
        benchlab.errors.UsageError
            It does not stand.
        benchlab.errors.StorageError
        """
        shop = self.life.shop
        known = shop.alarms.acknowledge(self.name, alarm, operator)
        shop.tell("alarm", known, "")
        self._event("acknowledge", operator, f"alarm {alarm}: {known['text']}")
        return {"alarms": shop.alarms.standing(self.name)}

    def event(self, kind: str, operator: str, text: str) -> None:
        """Have the run under way record what was asked about it."""
        self._event(kind, operator, text)

    def _event(self, kind: str, operator: str, text: str) -> None:
        going = self.life.going
        if going is not None:
            going.later(kind, operator, text, at_once=self.standing.state == "held")

    def _brief(self) -> dict[str, Any]:
        return {"channel": self.name, "state": self.standing.state, "why": self.standing.why}

    def _one_at_a_time(self) -> _Busy:
        return _Busy(self._busy, self.name)


class _Busy:
    """Refuses a second start, resume or closing while one is under way."""

    def __init__(self, lock: threading.Lock, channel: str) -> None:
        self._lock, self._channel = lock, channel

    def __enter__(self) -> None:
        if not self._lock.acquire(timeout=0.2):
            raise ChannelBusy(
                "somebody else starts, resumes or closes a test here just now; nothing was done.",
                where=f"channel {self._channel}",
                remedy="Look at it again in a second.",
            )

    def __exit__(self, *_: object) -> None:
        self._lock.release()
