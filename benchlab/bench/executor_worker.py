"""Carries a run on an instrument that executes it by itself: starts, fetches, judges, stops.

The instrument goes on whatever becomes of the host. A host that comes back gives what its journal
holds: it stands where the last whole state was taken, fetches what was recorded since, and writes
what is new: no row is lost or doubled, however long the test is. Where the instrument only streams,
what nobody heard is a gap.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from contextlib import suppress
from typing import NoReturn, TypeVar

from benchlab.bench import commands
from benchlab.bench.clock import Clock
from benchlab.bench.ended import Ended, tripped
from benchlab.bench.executor import ChannelState, ChannelStatus, Compiled, Executor
from benchlab.bench.executor_commands import Asked
from benchlab.bench.executor_onward import Onward
from benchlab.bench.executor_record import ExecutorRecord
from benchlab.bench.executor_start import EarlierHost, prepare_executor
from benchlab.bench.guard import Trip
from benchlab.bench.lateness import Lateness
from benchlab.bench.outcome import Outcome, Progress
from benchlab.bench.roles import OffProof
from benchlab.bench.sensing import Surroundings
from benchlab.bench.sink import Sink
from benchlab.bench.thermal import Thermal
from benchlab.errors import (
    BenchError,
    InstrumentRefused,
    LinkError,
    StorageError,
    Unsupported,
)
from benchlab.model.program import Program

__all__ = ["EarlierHost", "ExecutorWorker", "prepare_executor"]

VIRTUAL_POLL_SECOND = 60.0
STREAM_POLL_SECOND = 1.0
"""The same of an instrument that streams: when it is heard tells when it was."""
LINK_PATIENCE_SECOND = 600.0
LINK_AGAIN_SECOND = 2.0
LAST_ROWS_SECOND = 30.0
"""How long rows of a test that has ended may still be on their way."""
BUSY = frozenset({ChannelState.RUNNING, ChannelState.PAUSED})
Answer = TypeVar("Answer")


class ExecutorWorker:
    """Carries one program out on one channel; the test has ended when `run` returns.

    Parameters
    ----------
    channel : str
        As the driver names it.
    name : str
        Under which the instrument keeps the test.
    watch
        Called at each look at the instrument.
    surroundings
        Sensors of the channel; nothing sets a chamber here.
    earlier : EarlierHost, optional
        Attach to the test that it left running, and write only what it had not.
    """

    def __init__(
        self,
        program: Program,
        compiled: Compiled,
        executor: Executor,
        channel: str,
        clock: Clock,
        sink: Sink,
        *,
        name: str = "",
        watch: Callable[[Progress], None] = lambda _: None,
        surroundings: Surroundings | None = None,
        earlier: EarlierHost | None = None,
    ) -> None:
        self._executor = executor
        self._channel = channel
        self._clock = clock
        self._compiled = compiled
        self._name = name
        self._watch = watch
        self._earlier = earlier
        rows, steps = (earlier.rows, earlier.steps) if earlier is not None else (0, 0)
        self._sink = Onward(sink, rows, steps, {"channel": channel})
        can = executor.capabilities
        self._record = ExecutorRecord(program, compiled, self._sink, clock, counts=can.counts)
        self._around = surroundings if surroundings is not None else Surroundings()
        log, sequencer = self._record.log, self._record.sequencer
        self._thermal = Thermal(self._around, program.limits, clock, log, sequencer)
        self._inbox = commands.Inbox(clock.wake)
        self._run_id = ""
        self._cursor = 0
        self._off = OffProof(False, "nothing was sent")
        self._stopped = False
        self._ours = self._paused = False
        self._asked_for = Asked(executor, channel, compiled, self._record)
        slow = VIRTUAL_POLL_SECOND if can.replayable else STREAM_POLL_SECOND
        self._poll = max(can.fetch_second, slow) if clock.virtual else can.fetch_second
        self.lateness = Lateness()

    def put(self, command: commands.Command) -> None:
        """Ask for something while the run goes on; safe from any thread and signal handler."""
        self._inbox.put(command)

    def stop(self, why: str) -> None:
        """Ask for the test to be ended; safe from any thread and from a signal handler."""
        self.put(commands.Stop(why))

    def trip(self, trip: Trip) -> None:
        """End the run by what was seen elsewhere on the bench; safe from any thread."""
        self.put(commands.TripNow(trip))

    def run(self) -> Outcome:
        """Start the test, or attach to it, and record it to its end.

        The circuit is open when this returns, or the outcome says not.

        Raises
        ------
        benchlab.errors.BenchError
            Nothing was started, or the test there is not ours: it was left alone.
        """
        error: BaseException | None = None
        trip: Trip | None = None
        try:
            if self._earlier is None:
                self._start()
            else:
                self._attach(self._earlier)
            self._thermal.begin()
            self._follow()
            reason, text = self._ended_by_itself()
        except Ended as ended:
            reason, text, trip = ended.reason, ended.text, ended.trip
        except BenchError as failure:
            if not self._ours:
                raise
            reason, text, error = "failed", str(failure), failure
        except Exception as bug:
            reason, text, error = "failed", traceback.format_exc(), bug
        if not self._stopped:
            self._off = self._executor.safe(self._channel)
        log = self._record.log
        # a full disk must not keep anybody from hearing how the run ended
        with suppress(StorageError):
            self._record.finish(reason)
            log.event(reason, "bench", text)
            proof = "proven off" if self._off.proven else "NOT PROVEN OFF"
            log.event("off", "bench", f"output {proof}: {self._off.evidence}")
        return Outcome(reason, text, self._off, self.lateness, error, trip)

    # the beginning

    def _start(self) -> None:
        """Look at the cell, tell what is meant to be done, and start."""
        executor, log = self._executor, self._record.log
        seen = prepare_executor(executor, self._channel, self._record.program.limits)
        log.intend("on")
        self._ours = True
        sent = self._clock.now
        self._run_id = executor.start(self._channel, self._compiled, self._name)
        told = self._clock.now
        self._record.start((sent + told) / 2.0, (told - sent) / 2.0, seen.voltage)
        self._facts(log.unix_ns, (told - sent) / 2.0)
        log.save(seen._replace(time=log.began), self._record.guard.state, 0.0)
        log.event("start", "bench", f"the cell stands at {seen.voltage:.4f} V")
        test = f"test {self._run_id} on channel {self._channel}"
        log.event("started", "instrument", f"{test}: the instrument runs it by itself")

    def _attach(self, earlier: EarlierHost) -> None:
        """Find the test that an earlier host started; it is not touched."""
        executor = self._executor
        status = executor.attach(self._channel).status
        streams = not executor.capabilities.replayable
        if streams and status.state not in BUSY:
            raise Unsupported(
                "the test ended while nobody listened, and this instrument only streams: the rest"
                " of its rows is gone.",
                remedy="`benchlab recover` closes the file with what was recorded.",
            )
        self._run_id = earlier.run_id or status.run_id
        if status.run_id != self._run_id and not (streams and not status.run_id):
            raise InstrumentRefused(
                f"channel {self._channel} runs test {status.run_id} by now, not {self._run_id};"
                " it was left alone.",
                remedy="Export the test from the instrument, and import the file.",
            )
        unix = earlier.unix_ns or self._clock.unix_ns()
        began = self._clock.now - (self._clock.unix_ns() - unix) / 1e9
        half = (earlier.state.get("executor") or {}).get("start_half_width_second", 0.0)
        self._record.start(began, half, status.voltage)
        self._facts(unix, half)
        self._cursor = self._record.restore(earlier.state)
        if streams:  # what is written behind that state is not said again
            self._record.log.rows = earlier.rows
            self._sink.begin_after(earlier.rows)
        first = executor.fetch(self._channel, self._run_id, self._cursor)
        self._cursor = first.cursor
        trip = self._record.take(first)
        self._ours = True  # it holds that test, and its rows are those of the protocol
        if trip is not None and self._sink.passes:
            self._trip(trip)

    def _facts(self, unix_ns: int, half: float) -> None:
        """Let each whole state tell the next host which test this is, and since when."""
        self._sink.facts |= {
            "run_id": self._run_id,
            "unix_time_nanosecond": unix_ns,
            "start_half_width_second": half,
        }

    # the test goes on

    def _follow(self) -> None:
        """Fetch and judge until the test has ended and every row of it is here."""
        record, clock = self._record, self._clock
        gone = 0.0
        told = self._earlier is None
        while True:
            status = self._asked(lambda: self._executor.status(self._channel))
            over = status.state not in BUSY
            record.cause = str(status.state) if over else record.cause
            self._judge_now(status)
            more = True
            while more:
                fetched = self._asked(
                    lambda: self._executor.fetch(self._channel, self._run_id, self._cursor)
                )
                self._cursor = fetched.cursor
                trip = record.take(fetched)
                more = fetched.more
                if trip is not None and self._sink.passes:
                    self._trip(trip)
            if not told:
                told = True
                there = f"test {self._run_id} on channel {self._channel} went on without a host"
                record.log.event("attached", "bench", there)
            if record.fast:
                steps = record.program.limits.fast_steps
                self._end_now("held")
                raise Ended(
                    "held",
                    f"{steps} steps in a row ended within seconds: contact lost, or a dead cell",
                )
            self._notice(status)
            self._heed()
            self._look_around(status)
            if over:
                if record.complete or gone >= LAST_ROWS_SECOND:
                    return
                gone += self._poll
            clock.sleep_until(clock.now + self._poll)

    def _notice(self, status: ChannelStatus) -> None:
        """Take note of a pause, whoever asked for it, and stop where that was asked for."""
        record, before = self._record, self._paused
        self._paused = status.state is ChannelState.PAUSED
        if self._paused and not before:
            record.order.paused = True
            record.log.event("pause", "instrument", f"it stands still ({status.text})")
            record.log.changed()
            record.keep()
        elif before and not self._paused:
            record.log.event("resume", "instrument", f"it goes on ({status.text})")
        text = self._asked_for.is_over(paused=self._paused)
        if text:
            self._end_now("stopped")
            raise Ended("stopped", text)

    def _ended_by_itself(self) -> tuple[str, str]:
        """Return how a test ended that nobody here ended."""
        status = self._asked(lambda: self._executor.status(self._channel))
        if status.state is ChannelState.FINISHED and self._record.at_its_end():
            return "done", "the protocol came to its end"
        if status.state is ChannelState.TRIPPED:
            return "tripped", f"a protection of the instrument acted ({status.text})"
        if status.state is ChannelState.STOPPED:
            return "stopped", f"ended at the instrument ({status.text})"
        return "held", f"the instrument ended before the protocol did ({status.text})"

    def _asked(self, ask: Callable[[], Answer]) -> Answer:
        """Return an answer of the instrument; where the line is lost, open it anew and ask again.

        The test goes on meanwhile: nothing is stopped for a line.
        """
        clock = self._clock
        since = clock.now
        failure: LinkError | None = None
        while True:
            try:
                if failure is not None:
                    self._executor.recover()
                answer = ask()
            except LinkError as error:
                if failure is None:
                    self._record.log.event("link", "bench", f"lost: {error.what}")
                failure = error
                if clock.now - since >= LINK_PATIENCE_SECOND:
                    raise
            else:
                if failure is not None:
                    back = f"back after {clock.now - since:.1f} s; the test went on meanwhile"
                    self._record.log.event("link", "bench", back)
                return answer
            self._heed()
            clock.sleep_until(clock.now + LINK_AGAIN_SECOND)

    # judging

    def _judge_now(self, status: ChannelStatus) -> None:
        """Hold what the channel shows at this moment against the limits, twice if need be."""
        cause = self._beyond(status)
        if not cause or status.state not in BUSY:
            return
        again = self._asked(lambda: self._executor.status(self._channel))
        cause = self._beyond(again)
        if cause and again.state in BUSY:
            self._trip(Trip(cause, "protocol"))

    def _beyond(self, status: ChannelStatus) -> str:
        limits, low = self._record.program.limits, self._record.guard.low_volt
        volt, ampere = status.voltage, status.current  # NaN: nothing is known yet
        if volt < low or volt > limits.high_volt:
            return f"voltage {status.voltage:g} V beyond {low:g} V to {limits.high_volt:g} V"
        if ampere < -limits.discharge_ampere or ampere > limits.charge_ampere:
            return f"current {status.current:g} A beyond the limits"
        return ""

    def _look_around(self, status: ChannelStatus) -> None:
        trip = self._thermal.sense(self._clock.now, charging=status.current > 0.0)
        if trip is not None:
            self._trip(trip)
        record, plan = self._record, self._record.plan
        if plan is not None:
            now = record.sequencer
            second = self._clock.now - record.log.began
            place = (plan, now.step_count, now.cycle_count, second)
            self._watch(Progress(*place, record.voltage, record.current))

    def _trip(self, trip: Trip) -> NoReturn:
        """End the test, and the run by it."""
        self._end_now("tripped")
        self._record.log.event("trip", trip.owner, trip.cause)
        raise tripped(trip)

    def _end_now(self, reason: str) -> None:
        """Open the circuit before anything else; then record what came until it was."""
        log = self._record.log
        log.intend("off")
        self._off = self._executor.safe(self._channel)
        self._stopped = True
        self._record.cause = reason
        with suppress(LinkError, InstrumentRefused):
            more = True
            while more:
                fetched = self._executor.fetch(self._channel, self._run_id, self._cursor)
                self._cursor, more = fetched.cursor, fetched.more
                self._record.take(fetched)
        self._record.finish(reason)

    # commands

    def _heed(self) -> None:
        """Carry out what has come in."""
        while (command := self._inbox.take()) is not None:
            if isinstance(command, commands.Stop):
                self._end_now("stopped")
                raise Ended("stopped", command.why)
            if isinstance(command, commands.TripNow):
                self._trip(command.trip)
            self._asked_for.carry_out(command)
