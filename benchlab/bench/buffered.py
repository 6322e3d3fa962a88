"""Rows faster than single readings: drains an instrument's buffer at each control period.

The control period stays what it is. At each of them every sample that came since the last one goes
to the guard, to the counter and into a row; the newest is the control period's reading, by which
the step is decided as always. So nothing waits for a block: it is as long as a control period, and
where it became longer (a line that was down) the newest sample is asked for, and judged, first.
"""

from __future__ import annotations

import math
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING

from benchlab.bench.guard import Suspect, Trip
from benchlab.bench.roles import Mode, Reading, Setpoint, Source
from benchlab.bench.streaming import StreamingSource
from benchlab.errors import BenchError, InstrumentRefused
from benchlab.model.flags import RowFlag
from benchlab.model.program import StepPlan

if TYPE_CHECKING:
    from benchlab.bench.step_runner import StepRunner

__all__ = ["BufferedReader", "EveryRow", "is_buffered"]

STILL_SECOND = 0.5
STILL_PERIODS = 20.0
"""A buffer into which nothing comes for so long stands still."""
CONFIRM = int(RowFlag.CONFIRMATION)


def is_buffered(plan: StepPlan, source: Source) -> bool:
    """Say whether a step's rows come from the instrument's buffer."""
    can = source.capabilities
    return can.buffer is not None and plan.every_second < can.fastest_period_second * (1.0 - 1e-9)


class EveryRow:
    """The record rule of a step whose samples are its rows; see `benchlab.bench.row_rule`."""

    look = math.inf

    def first(self, voltage: float, current: float, charge: float) -> None:
        """Take note of the step's first row."""

    def is_row(self, time: float, voltage: float, current: float, charge: float) -> bool:
        """Return True: each sample is a row."""
        return True


class BufferedReader:
    """Reads a source that may sample into its own buffer; else it only passes on.

    Attributes
    ----------
    lost : int
        Samples that never came, in all steps.
    """

    def __init__(self, run: StepRunner, source: Source) -> None:
        self.lost = 0
        self._run = run
        self._single = source.read
        self._source = source if isinstance(source, StreamingSource) else None
        self._wanted = math.nan
        self._set = math.nan
        self._waiting: deque[Reading] = deque()
        self._streams = False
        self._behind = False

    def want(self, plan: StepPlan) -> None:
        """Prepare the step that begins next; called before its edge, as it takes a while."""
        source = self._source
        if source is None:
            return
        self._wanted = plan.every_second if is_buffered(plan, source) else math.nan
        if self._wanted == self._wanted and not self._streams:
            self._sample_every(self._wanted)

    def applied(self, setpoint: Setpoint) -> None:
        """Take the rest of what was sampled before this change of the output, and begin anew."""
        source = self._source
        if source is None:
            return
        self._rest()
        self._sample_every(self._wanted)
        open_ = setpoint.mode is Mode.OPEN and not source.capabilities.measures_when_off
        if self._wanted == self._wanted and not open_:
            source.stream()
            self._streams = True

    def ended(self) -> None:
        """Let the next change of the output begin no stream: the step is over."""
        self._wanted = math.nan

    def finish(self) -> None:
        """Take the rest of what was sampled before the output was made safe."""
        with suppress(BenchError):  # the output is off; nothing else matters now
            self._rest()

    def _sample_every(self, period: float) -> None:
        wanted, is_set = (None if math.isnan(p) else p for p in (period, self._set))
        if self._source is not None and wanted != is_set:
            self._set = period
            self._source.set_sampling(wanted)

    def _rest(self) -> None:
        """Count and record what came before the stream was ended by a change of the output."""
        if not self._streams or self._source is None:
            return
        self._streams = False
        while samples := self._drained():
            self._waiting.extend(samples)
        while self._waiting:
            self._keep(self._waiting.popleft())

    # readings

    def one(self) -> Reading:
        """Return the next sample, or take a single reading where nothing streams."""
        if not self._streams:
            return self._single()
        if not self._waiting:
            self._waiting.extend(self._come())
        return self._waiting.popleft()

    def newest(self) -> Reading:
        """Return the newest sample; those before it are guarded, counted and recorded."""
        if not self._streams:
            return self._single()
        samples = self._drained()
        while samples:
            self._waiting.extend(samples)
            samples = self._drained() if self._behind else []
        if not self._waiting:
            self._waiting.extend(self._come())
        believed = True
        while len(self._waiting) > 1:
            believed = self._judged(self._waiting.popleft(), believed)
        reading = self._waiting.popleft()
        return reading if believed else reading._replace(flags=reading.flags | CONFIRM)

    def _judged(self, reading: Reading, believed: bool) -> bool:
        """Guard, count and record a sample; return whether it was believed."""
        run = self._run
        verdict = run.guard.reading(
            reading.time, reading.voltage, reading.current, run.counter.charge
        )
        if isinstance(verdict, Trip):
            run.trip(verdict, reading)
        if isinstance(verdict, Suspect):
            run.log.row(reading, RowFlag.SUSPECT)
            run.counter.disbelieved()
            return False
        self._keep(reading if believed else reading._replace(flags=reading.flags | CONFIRM))
        return True

    def _keep(self, reading: Reading) -> None:
        run = self._run
        run.counter.reading(reading.time, reading.voltage, reading.current)
        run.log.row(reading, 0)

    def _come(self) -> list[Reading]:
        """Wait for the next samples."""
        clock, period = self._run.clock, self._set
        ends = clock.now + max(STILL_SECOND, STILL_PERIODS * period)
        while True:
            samples = self._drained()
            if samples:
                return samples
            if clock.now >= ends:
                raise InstrumentRefused(
                    "no sample comes into its buffer any more.",
                    remedy="Look at the instrument: somebody may have used its front panel.",
                )
            clock.sleep_until(clock.now + max(period, 1e-3))

    def _drained(self) -> list[Reading]:
        """Take samples out of the buffer; judge the newest at once where more are waiting."""
        run = self._run
        if self._source is None:
            return []
        drained = self._source.drain()
        self._behind = drained.newest is not None
        if drained.newest is not None and self._streams:
            ahead = drained.newest
            verdict = run.guard.reading(
                ahead.time, ahead.voltage, ahead.current, run.counter.charge
            )
            if isinstance(verdict, Trip):
                run.trip(verdict, ahead)
        if drained.lost:
            self.lost += drained.lost
            run.log.event(
                "gap",
                "instrument",
                f"{drained.lost} samples of its buffer are missing before"
                f" {drained.samples[-1].time - run.log.began:.3f} s: it went round, or had no time",
            )
        return drained.samples
