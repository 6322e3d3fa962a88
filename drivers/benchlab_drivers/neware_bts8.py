r"""Neware BTS 8: a cycler of many channels that runs step files by itself, over TCP.

The interface belongs to the BTS client on the PC of the cycler (port 502, to be activated there).
Seen in captures of others: frames, bodies, the vendor's spelling, signs and units of the rows, row
numbers from 1, rows at the start and end of each step, times in tenths of a second, which states
allow a start. Unconfirmed: whether several connections are served at once, how soon a stop acts,
that ``inquiredf`` says ``true`` once all rows of an ended test are there (and not in a pause), that
a pause reserved for cycle and step -1 comes behind the step under way and leaves the circuit open,
that ``goto`` closes the step it leaves, ratings and accuracy, and whatever
`benchlab_drivers.neware.step_file` names as such. It has no serial number: the channel map takes
its place.

A step file is started by a path **on the PC of the cycler**. It is written into a folder of its own
on this computer, or into the one that ``BENCHLAB_NEWARE_FOLDER`` names: ``/mnt/bts`` where both
computers call it so, ``/mnt/bts=C:\protocols`` where the cycler calls it otherwise.
"""

from __future__ import annotations

import math
import os
import shutil
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from benchlab.bench.executor import (
    Attached,
    ChannelState,
    ChannelStatus,
    Compiled,
    ExecutorCapabilities,
    ExecutorEvent,
    Fetched,
)
from benchlab.bench.executor_checks import check_executor
from benchlab.bench.roles import Identity, OffProof, Reading
from benchlab.errors import (
    BenchError,
    IdentityError,
    InstrumentRefused,
    StorageError,
    UsageError,
)
from benchlab.model.flags import RowFlag
from benchlab.model.program import Control
from benchlab_drivers.neware.line import open_frame_socket
from benchlab_drivers.neware.ratings import (
    AMPERE,
    CURRENT_RANGES,
    TICK_SECOND,
    VOLT,
    VOLTAGE_RANGES,
)
from benchlab_drivers.neware.requests import Count, Place, Requests, end_of, ends_within
from benchlab_drivers.neware.step_file import write_step_file
from benchlab_drivers.neware.watched import Watched
from benchlab_drivers.neware.who import WHO
from benchlab_drivers.wire.transport import DirectTransport, Transport

if TYPE_CHECKING:
    from benchlab.bench.clock import Clock
    from benchlab.bench.twin import Twin, TwinSpec
    from benchlab.model.program import Program

__all__ = ["CAPABILITIES", "WHO", "connect", "driver_on", "simulate"]

STOP_BOUND_SECOND = 10.0
START_BOUND_SECOND = 10.0
LOOK_AGAIN_SECOND = 0.25
BATCH = 1000
FOLDER = "BENCHLAB_NEWARE_FOLDER"
STARTED = "100000"
"""The log code of a start."""
SAFE_TRIES = 3
STATES = {
    "working": ChannelState.RUNNING,
    "pause": ChannelState.PAUSED,
    "finish": ChannelState.FINISHED,
    "stop": ChannelState.STOPPED,
    "protect": ChannelState.TRIPPED,
}
BUSY = frozenset({ChannelState.RUNNING, ChannelState.PAUSED})

CAPABILITIES = ExecutorCapabilities(
    voltage_volt=(-VOLT, VOLT),
    current_ampere=(-AMPERE, AMPERE),
    power_watt=VOLT * AMPERE,
    controls=frozenset({Control.OPEN, Control.ZERO, Control.CURRENT, Control.HOLD}),
    replayable=True,
    counts=True,
    channels=tuple(str(number) for number in range(1, 9)),
    period_second=(TICK_SECOND, 3600.0),
    fetch_second=1.0,
    stop_bound_second=STOP_BOUND_SECOND,
    off_leaves="an open circuit",
    host_dies="the test goes on to its end by the cycler alone, within the protections of its file",
    arms=(
        ("high voltage", "protection of the step file"),
        ("low voltage", "protection of the step file"),
        ("charge current", "protection of the step file"),
        ("discharge current", "protection of the step file"),
    ),
    current_ranges=CURRENT_RANGES,
    voltage_ranges=VOLTAGE_RANGES,
)


class NewareBts8:
    """A `benchlab.bench.executor.Executor` for the channels of one BTS 8.

    A channel is named by its place in the unit's list, from ``1``, or as ``devid-subdevid-chlid``.
    """

    def __init__(self, line: Transport, clock: Clock, *, resource: str) -> None:
        self.capabilities = CAPABILITIES
        self.line = line
        self.resource = resource
        self._clock = clock
        self._requests = Requests(line, resource)
        self._watched = Watched(self._requests, clock)
        self._map: tuple[Place, ...] = ()
        self._own_folder = ""

    # --- who is there -------------------------------------------------------------------------

    def open(self) -> Identity:
        """Log in and read the channel map; a test that runs is left alone."""
        if not self._requests.login():
            raise InstrumentRefused(
                "the BTS client refused the login.",
                where=self.resource,
                remedy="Activate its interface, and check who may use it.",
            )
        found, firmware = self._requests.channels()
        if not found:
            raise IdentityError(
                "the BTS client knows no channel; nothing was sent to any.",
                where=self.resource,
                remedy="Check that the cycler is on and connected to its PC.",
            )
        if self._map and found != self._map:
            raise IdentityError(
                "the BTS client shows other channels than before; nothing was sent to them.",
                where=self.resource,
                remedy="Check which cycler is connected to this PC.",
            )
        self._map = found
        units = dict.fromkeys(f"{p.devtype}-{p.devid}" for p in found)
        return Identity("Neware", "BTS 8", "+".join(units), firmware, self.resource)

    def attach(self, channel: str) -> Attached:
        """Connect and say what runs at a channel; nothing is changed."""
        identity = self.open()
        return Attached(identity, self.status(channel))

    def recover(self) -> None:
        """Open the line anew, and believe it if the channel map is the same."""
        self._watched.clear()
        self.line.open()
        self.open()

    def _place(self, channel: str) -> Place:
        if channel.isdigit() and 1 <= int(channel) <= len(self._map):
            return self._map[int(channel) - 1]
        for place in self._map:
            if channel == f"{place.devid}-{place.subdevid}-{place.chlid}":
                return place
        raise UsageError(
            f"there is no channel {channel!r}; the unit has {len(self._map)}.",
            where=self.resource,
            remedy="Write #1 for the first, or #DEVID-SUBDEVID-CHLID.",
        )

    # --- states -------------------------------------------------------------------------------

    def status(self, channel: str) -> ChannelStatus:
        """Ask where a channel stands, and which test it runs or ran last."""
        place = self._place(channel)
        said, (test, count, _) = self._watched.ask(place)
        # a word that is not known (light, waiting, …) is not idle: nothing may be started
        state = STATES.get(said.word, ChannelState.PAUSED)
        if not count and state is ChannelState.FINISHED:
            state = ChannelState.IDLE
        running = state is ChannelState.RUNNING
        return ChannelStatus(
            state,
            test,
            said.step if running else 0,
            said.cycle if running else 0,
            said.volt,
            said.ampere,
            said.text,
        )

    def look(self, channel: str) -> Reading:
        """Read the cell's voltage with the circuit open."""
        requested = self._clock.now
        said = self._requests.inquire((self._place(channel),))[0]
        replied = self._clock.now
        if STATES.get(said.word, ChannelState.PAUSED) in BUSY:
            raise InstrumentRefused(
                f"channel {channel} is in use ({said.text}); it was left alone.",
                where=self.resource,
                remedy="Wait for its test to end, or take another channel.",
            )
        middle, flags = (requested + replied) / 2.0, int(RowFlag.OPEN_CIRCUIT)
        return Reading(middle, said.volt, 0.0, math.nan, flags, requested, replied)

    # --- a test -------------------------------------------------------------------------------

    def compile(self, program: Program) -> Compiled:
        """Return the program as a step file; nothing is sent."""
        check_executor(program, self.capabilities, "neware_bts8")
        now = datetime.fromtimestamp(self._clock.unix_ns() // 1_000_000_000, UTC)
        return write_step_file(program, f"{now:%Y%m%d%H%M%S}")

    def start(self, channel: str, compiled: Compiled, name: str) -> str:
        """Hand the step file over, start it, and return the number of the test."""
        place = self._touched(channel)
        before, _, _ = self._latest(place)
        path = self._hand_over(compiled.content, place)
        if not self._requests.start(place, path, name):
            raise InstrumentRefused(
                f"channel {channel} refused to start {path}.",
                where=self.resource,
                remedy="See that the cycler's PC finds the file under that path"
                f" ({FOLDER}), that the channel is free, and what its plate allows.",
            )
        ends = self._clock.now + START_BOUND_SECOND
        while True:
            test, _, _ = self._latest(place)
            if test != before:
                return test
            if self._clock.now >= ends:
                raise InstrumentRefused(
                    f"channel {channel} accepted the start, but no test began within"
                    f" {START_BOUND_SECOND:g} s.",
                    where=self.resource,
                    remedy="Look at the BTS client.",
                )
            self._clock.sleep_until(self._clock.now + LOOK_AGAIN_SECOND)

    def _touched(self, channel: str) -> Place:
        """Return a channel to which something is done: what was told of it is worthless."""
        place = self._place(channel)
        self._watched.forget(place)
        return place

    def _latest(self, place: Place) -> Count:
        return self._requests.counts((place,), "0")[0]

    def _hand_over(self, content: bytes, place: Place) -> str:
        """Write a step file where the cycler's PC finds it, and return its path there."""
        here, _, there = os.environ.get(FOLDER, "").partition("=")
        name = f"benchlab-{'-'.join(place[1:])}.xml"
        try:
            if not here:
                self._own_folder = self._own_folder or tempfile.mkdtemp(prefix="benchlab-neware-")
                here = self._own_folder
            path = Path(here) / name
            path.write_bytes(content)
        except OSError as error:
            raise StorageError(
                f"the step file cannot be written ({error.strerror}); nothing was started.",
                where=here,
                remedy=f"Set {FOLDER} to a folder that both computers reach.",
            ) from error
        if not there:
            return str(path)
        return there.rstrip("\\/") + ("\\" if "\\" in there else "/") + name

    def fetch(self, channel: str, run_id: str, since: int) -> Fetched:
        """Return rows after a cursor, and the ends of the steps among them.

        A step has ended where the next one begins, or where the test is complete.
        """
        place = self._place(channel)
        test, count, complete = self._watched.count(place, run_id)
        if test != run_id or count < since:
            raise InstrumentRefused(
                f"channel {channel} does not hold test {run_id} any more (it says {test}, {count}"
                " rows).",
                where=self.resource,
                remedy="Export the test from the BTS client, and import the file.",
            )
        if not count or (count == since and not complete):
            return Fetched(since)
        first = max(since, 1)  # the row before tells whether a step ended with it
        rows = self._requests.rows(place, run_id, first, min(BATCH, count - first + 1))
        last = rows[-1].sequence
        ends = ends_within(rows)
        events: tuple[ExecutorEvent, ...] = ()
        if complete and last >= count:
            ends.append(end_of(rows[-1]))
            events = tuple(
                ExecutorEvent("instrument", f"log code {code} at {wall} of its clock", row)
                for row, code, wall in self._requests.log(place, run_id)
                if code != STARTED
            )
        new = tuple(row for row in rows if row.sequence > since)
        return Fetched(last, new, tuple(ends), events, last < count)

    def pause(self, channel: str) -> str:
        """Reserve a pause behind the step under way: the unit has none within a step."""
        place = self._touched(channel)
        self._must(self._requests.reserve_pause(place), channel, "a pause")
        return "when its step under way has ended, and stays open until somebody resumes"

    def resume(self, channel: str) -> None:
        """Go on after a pause, or take back one that was not reached yet."""
        place = self._touched(channel)
        if self._requests.inquire((place,))[0].word == "pause":
            self._must(self._requests.go_on(place), channel, "to go on")
        else:
            self._must(self._requests.cancel_pause(place), channel, "to take the pause back")

    def skip(self, channel: str, step: int) -> None:
        """Leave the step under way for the one of that number."""
        place = self._touched(channel)
        self._must(self._requests.go_to(place, step), channel, f"to go to its step {step}")

    def _must(self, accepted: bool, channel: str, what: str) -> None:
        if not accepted:
            raise InstrumentRefused(
                f"channel {channel} refused {what}.",
                where=self.resource,
                remedy="Look at the BTS client.",
            )

    def stop(self, channel: str) -> OffProof:
        """End the test, and return once the unit says that it has ended."""
        place = self._touched(channel)
        proof = self._off(place)
        if proof.proven:
            return proof
        self._requests.stop(place)
        ends = self._clock.now + STOP_BOUND_SECOND
        while True:
            proof = self._off(place)
            if proof.proven or self._clock.now >= ends:
                return proof
            self._clock.sleep_until(self._clock.now + LOOK_AGAIN_SECOND)

    def _off(self, place: Place) -> OffProof:
        said = self._requests.inquire((place,))[0]
        evidence = f"the unit says {said.word!r} and {said.ampere:g} A"
        if STATES.get(said.word, ChannelState.PAUSED) not in BUSY and said.ampere == 0.0:
            return OffProof(True, evidence)
        return OffProof(False, evidence, (evidence,))

    def safe(self, channel: str) -> OffProof:
        """Stop and prove it; idempotent, never raises."""
        problems: list[str] = []
        for attempt in range(SAFE_TRIES):
            try:
                if attempt or not self._map:
                    self.recover()
                proof = self.stop(channel)
                if proof.proven:
                    return OffProof(True, proof.evidence, tuple(problems))
                problems.extend(proof.problems)
            except (BenchError, OSError) as error:
                problems.append(str(error))
        return OffProof(False, "no answer proved the test ended", tuple(problems))

    def close(self) -> None:
        """Release the line, and remove the step file that only this driver knew of."""
        self.line.close()
        if self._own_folder:
            shutil.rmtree(self._own_folder, ignore_errors=True)
            self._own_folder = ""


def driver_on(line: Transport, clock: Clock, resource: str) -> NewareBts8:
    """Return the driver on a line; nothing was sent yet."""
    return NewareBts8(line, clock, resource=resource)


def connect(resource: str, clock: Clock) -> NewareBts8:
    """Return the driver on an open line to ``TCPIP::host::502::SOCKET``; nothing was sent yet.

    Raises
    ------
    benchlab.errors.LinkRefused, benchlab.errors.UsageError
    """
    return driver_on(open_frame_socket(resource, clock), clock, resource)


def simulate(clock: Clock, spec: TwinSpec, channel: str = "1") -> tuple[NewareBts8, Twin]:
    """Return the driver on a simulated BTS 8 in this process, and the cell at a channel of it."""
    from benchlab_drivers.sim.neware_bts8 import ChannelTwin, make

    unit = make(clock, spec)
    driver = driver_on(DirectTransport(unit), clock, "sim:neware_bts8")
    return driver, ChannelTwin(unit, int(channel), clock)
