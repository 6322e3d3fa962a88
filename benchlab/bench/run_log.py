"""Writes a run's rows, steps, states and events into its sink, on the time base of the run."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any

from benchlab import platform
from benchlab.bench.clock import Clock
from benchlab.bench.counter import Counter
from benchlab.bench.roles import Reading
from benchlab.bench.sequencer import Sequencer
from benchlab.bench.sink import Sink
from benchlab.bench.transcript import transcript_of

__all__ = ["RunLog"]

STATE_SECOND = 1.0
VIRTUAL_STATE_SECOND = 3600.0
WHOLE_STATE_SECOND = 60.0
CLOCK_SECOND = 60.0
CLOCK_SET_SECOND = 1.0
MOST_TRANSCRIPTS = 20


class RunLog:
    """The record of one run.

    Attributes
    ----------
    began : float
        Clock seconds of the start of the test.
    rows : int
        Rows written so far.
    state_due : float
        Clock seconds at which the next state is due.
    """

    def __init__(self, sink: Sink, clock: Clock, counter: Counter, sequencer: Sequencer) -> None:
        self.began = clock.now
        self.rows = 0
        self.state_due = 0.0
        self._sink = sink
        self._clock = clock
        self._counter = counter
        self._sequencer = sequencer
        self._unix = clock.unix_ns()
        self._clock_due = math.inf if clock.virtual else 0.0
        self._drift_ns = 0
        self._place = (0, 0, 0)
        self._transcripts = 0
        self._whole_place: tuple[int, bool] | None = None
        self._whole_at = -math.inf
        self.celsius = math.nan
        """The latest surface temperature of a sensor beside the instrument."""

    def start(self, began: float) -> None:
        """Count test time from these clock seconds on."""
        self.began = began
        self._unix = self._clock.unix_ns() - round((self._clock.now - began) * 1e9)

    def go_on(self, rows: int, began: float, unix_ns: int) -> None:
        """Record behind what a run has already, on its own time base.

        Parameters
        ----------
        began : float
            Clock seconds at which its test began.
        unix_ns : int
            UTC of that instant.
        """
        self.rows, self.began, self._unix = rows, began, unix_ns

    def enter(self, cycle_count: int, step_count: int, step_id: int) -> None:
        """Count the rows from here on to a step."""
        self._place = (cycle_count, step_count, step_id)

    def row(self, reading: Reading, flag: int, elapsed: float | None = None) -> None:
        """Write a reading as a row.

        Parameters
        ----------
        elapsed : float, optional
            Seconds since the start of the test, where they are known exactly.
        """
        charging, discharging, charged, discharged = self._counter.totals()
        if elapsed is None:
            elapsed = reading.time - self.began
        self._sink.row(
            elapsed,
            self._unix + round(elapsed * 1e9),
            reading.voltage,
            reading.current,
            *self._place,
            charging,
            discharging,
            charged,
            discharged,
            reading.temperature if reading.temperature == reading.temperature else self.celsius,
            reading.flags | flag,
        )
        self.rows += 1

    def step(self, content: dict[str, Any]) -> None:
        """Write a step that ended."""
        self._sink.step(content)

    def changed(self) -> None:
        """Let the next state be a whole one, and soon: somebody changed the program's way."""
        self._whole_place, self.state_due = None, 0.0

    def save(
        self,
        reading: Reading,
        guard: Callable[[float], Mapping[str, Any]],
        at: float | None = None,
    ) -> None:
        """Write counters and last reading, and now and then all that a restart needs.

        A whole state is ten times as long: with one each second a channel would write 100 MB a day.

        Parameters
        ----------
        guard : callable
            Returns the state of the guard at an instant.
        at : float, optional
            Clock seconds at which the step stands still; as of the reading where left out.
        """
        at = reading.time if at is None else at
        interval = VIRTUAL_STATE_SECOND if self._clock.virtual else STATE_SECOND
        self.state_due = reading.time + interval
        sequencer = self._sequencer
        now = {
            "test_time_second": reading.time - self.began,
            "unix_time_nanosecond": self._unix + round((reading.time - self.began) * 1e9),
            "voltage_volt": reading.voltage,
            "current_ampere": reading.current,
            "counters": self._counter.totals(),
            "step_charge_ah": self._counter.charge,
            "step_energy_wh": self._counter.energy,
        }
        place = (sequencer.step_count, sequencer.in_hold)
        if place == self._whole_place and 0.0 <= at - self._whole_at < WHOLE_STATE_SECOND:
            self._sink.state({"since_second": at - self._whole_at, **now})
        else:
            self._whole_place, self._whole_at = place, at
            states = {"counter": self._counter.state(at), "guard": guard(at)}
            self._sink.state({**now, **states, **sequencer.state(at)})
        if reading.time >= self._clock_due:
            self._tell_clocks()

    def _tell_clocks(self) -> None:
        """Record what the clocks say, and say where somebody set the computer's."""
        now, unix = self._clock.now, self._clock.unix_ns()
        self._clock_due = now + CLOCK_SECOND
        boot = platform.boot_id()
        told = {"monotonic_second": now, "unix_time_nanosecond": unix, "boot_id": boot}
        self._sink.clock({**told, "began_second": self.began})
        drift = unix - self._unix - round((now - self.began) * 1e9)
        set_by, self._drift_ns = (drift - self._drift_ns) / 1e9, drift
        if abs(set_by) >= CLOCK_SET_SECOND:
            self.event(
                "clock",
                "computer",
                f"the computer's clock was set by {set_by:+.1f} s; every time in this run is"
                " counted on from its start",
            )

    def intend(self, what: str) -> None:
        """Write what is about to be done to the output."""
        self._sink.intent({"output": what, "unix_time_nanosecond": self._clock.unix_ns()})

    @property
    def unix_ns(self) -> int:
        """UTC of the start of the test, in nanoseconds since 1970."""
        return self._unix

    def transcript(self, source: object) -> None:
        """Write what went over an instrument's line last, at most so many times a run."""
        text = transcript_of(source, self._clock.now)
        if text and self._transcripts < MOST_TRANSCRIPTS:
            self._transcripts += 1
            self.event("transcript", "bench", text)

    def event(self, kind: str, actor: str, text: str) -> None:
        """Write an event that happens now."""
        elapsed = self._clock.now - self.began
        content: dict[str, Any] = {
            "test_time_second": elapsed,
            "unix_time_nanosecond": self._unix + round(elapsed * 1e9),
            "kind": kind,
            "actor": actor,
            "text": text,
        }
        self._sink.event(content)
