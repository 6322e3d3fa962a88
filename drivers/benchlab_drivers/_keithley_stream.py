"""Streaming from the reading buffer of a 2450, 2460 or 2461: trigger model, ring buffer, clock.

A timer of the trigger model asks for a sample each period, so the rate does not hang on how long a
sample takes. The trigger model is built block by block and holds no block that touches the output;
the ready-made loops are not used, as "DurationLoop" switches the output on (reference manual
2450-901-01, page 3-104). The samples go into a buffer of their own that goes round; the host drains
it by index and knows each sample by the instrument's own time, so that one that was overwritten or
never made is noticed as a hole between two times.

From the manuals: the timer (``TRIG:TIM``, 2450-901-01 page 6-170), the blocks, ``TRAC:FILL:MODE``,
the elements ``SEC`` and ``FRAC`` (UTC of the instrument's clock). Seen in public code alone: that
``TRAC:ACT:END?`` is a place in the ring, which begins at 1 again. Unconfirmed: that ``TRAC:DATA?``
is answered quickly while the trigger model runs, 0.25 ms for a sample beside its two integration
times (the data sheet's 0.01 PLC rates would allow less), that a sample's time is that of its
middle, and that newer firmware still takes ``TRIG:BLOC:MEAS`` for ``TRIG:BLOC:MDIG``.
"""

from __future__ import annotations

import math

from benchlab.bench.clock import Clock
from benchlab.bench.roles import Reading, SampleBuffer
from benchlab.bench.streaming import DeviceClock, Drained
from benchlab.errors import GarbledAnswer, InstrumentRefused, Unsupported
from benchlab.model.flags import RowFlag
from benchlab_drivers.wire.scpi_line import ScpiLine
from benchlab_drivers.wire.transport import Transport

__all__ = ["FASTEST_SECOND", "RING", "SAMPLE_BUFFER", "KeithleyStream"]

RING = 100_000
FASTEST_SECOND = 1e-3
SAMPLE_BUFFER = SampleBuffer(FASTEST_SECOND, RING * FASTEST_SECOND)
NAME = "benchlab"
BLOCK = 1000
"""Most samples in one answer: 70 kB."""
CYCLE_SECOND = 0.02
OVERHEAD_SECOND = 0.25e-3
PLCS = (1.0, 0.5, 0.2, 0.1, 0.05, 0.02, 0.01)
END = f':TRAC:ACT:END? "{NAME}"\n'.encode()
HOLE = 1.5
"""So many periods between two samples mean that one is missing."""
OVERFLOW = 9.0e37
OVERRANGE_FLAG = int(RowFlag.OVERRANGE)


class KeithleyStream:
    """The stream of one instrument.

    Attributes
    ----------
    running : bool
        Whether the trigger model was started and not ended since.
    period : float
        Between two samples, seconds; NaN while set for single readings.
    """

    def __init__(self, line: Transport, scpi: ScpiLine, clock: Clock, where: str) -> None:
        self.running = False
        self.period = math.nan
        self._query = line.query
        self._scpi = scpi
        self._clock = clock
        self._where = where
        self._made = False
        self._voltage_first = True
        self._taken = 0
        self._base: int | None = None
        self._last = math.nan
        self._device = DeviceClock()

    def set_sampling(self, period: float | None, plc: float) -> None:
        """Set integration time, automatic zero and trigger model.

        Parameters
        ----------
        plc : float
            Of single readings, in cycles of the power line.
        """
        scpi = self._scpi
        if period is None:
            self._set_meter(plc, zero=True)
            self.period = math.nan
            return
        fits = [n for n in PLCS if 2.0 * n * CYCLE_SECOND + OVERHEAD_SECOND <= period * (1 + 1e-9)]
        if not fits or period < FASTEST_SECOND * (1 - 1e-9):
            raise Unsupported(
                f"a sample every {period:g} s is asked for; its buffer takes one every"
                f" {FASTEST_SECOND:g} s.",
                where=self._where,
                remedy="Ask for fewer rows.",
            )
        if not self._made:
            self._make()
        self._set_meter(fits[0], zero=False)
        scpi.verify(
            ":TRIG:TIM1:STAT OFF"
            f";:TRIG:TIM1:DEL {period:.9g};:TRIG:TIM1:COUN 0;:TRIG:TIM1:STAR:GEN ON"
            ";:TRIG:TIM1:STAR:STIM NOT1;:TRIG:TIM1:STAT ON",
            (":TRIG:TIM1:DEL?", period),
        )
        scpi.exchange(
            f':TRIG:LOAD "Empty";:TRIG:BLOC:BUFF:CLE 1,"{NAME}";:TRIG:BLOC:NOT 2,1'
            f';:TRIG:BLOC:WAIT 3,TIM1;:TRIG:BLOC:MEAS 4,"{NAME}"'
            f';:TRIG:BLOC:BRAN:ALW 5,3;:TRAC:POIN? "{NAME}"',
            str(RING),
        )
        self.period = period

    def _make(self) -> None:
        """Make the buffer; one that an earlier program left may be of another size."""
        self._scpi.ask(f':ABOR;:TRIG:LOAD "Empty";:TRAC:DEL "{NAME}";:SYST:CLE;:SYST:ERR:COUN?')
        self._scpi.exchange(
            f':TRAC:MAKE "{NAME}",{RING};:TRAC:FILL:MODE CONT,"{NAME}";:TRAC:FILL:MODE? "{NAME}"',
            "CONT",
        )
        self._made = True

    def _set_meter(self, plc: float, *, zero: bool) -> None:
        state = "ON" if zero else "OFF"
        for function in ("VOLT", "CURR"):
            sense = f":SENS:{function}"
            # without automatic zero a sample takes a third of the time; so one before it begins
            once = "" if zero else ";:SENS:AZER:ONCE"
            self._scpi.verify(
                f"{sense}:NPLC {plc:g};{sense}:AZER {state}{once}",
                (f"{sense}:NPLC?", plc),
                (f"{sense}:AZER?", float(zero)),
            )

    def start(self, *, voltage_first: bool) -> None:
        """Start the trigger model; the buffer is empty from then on.

        Parameters
        ----------
        voltage_first : bool
            The source holds a voltage and the meter reads the current; else the other way round.
            What the buffer holds stays so, also when the source does something else at its drain.
        """
        self._voltage_first = voltage_first
        self._taken, self._base, self._last = 0, None, math.nan
        self._device = DeviceClock()
        answer = self._scpi.ask(":INIT;:TRIG:STAT?")
        if not answer.startswith(("RUNNING", "WAITING")):
            raise self._scpi.refusal(":INIT", "RUNNING", answer)
        self.running = True

    def halt(self) -> None:
        """End the stream; what the buffer holds stays there."""
        self.running = False
        answer = self._scpi.ask(":ABOR;:TRIG:STAT?")
        if answer.startswith(("RUNNING", "WAITING")):
            raise self._scpi.refusal(":ABOR", "IDLE", answer)

    def drain(self) -> Drained:
        """Take the next samples; see `benchlab.bench.streaming.StreamingSource`."""
        requested = self._clock.now
        answer = self._query(END)
        replied = self._clock.now
        try:
            end = int(answer)
        except ValueError:
            raise GarbledAnswer(END, answer, where=self._where) from None
        waiting = (end - self._taken) % RING
        if not waiting or not end:
            return Drained([])
        last = (self._taken + min(waiting, BLOCK) - 1) % RING + 1
        alone = [] if last == end else self._fetch(end, end)
        first = self._taken % RING + 1
        if first <= last:
            rows = self._fetch(first, last)
        else:
            rows = [*self._fetch(first, RING), *self._fetch(1, last)]
        self._taken = last
        newest = (alone or rows)[-1][0]
        if self.running:
            # a sample is there no later than its two integration times, less than a period
            self._device.exchange(requested, replied, newest, newest + 2.0 * self.period)
        lost = self._lost(rows)
        stamps = requested, self._clock.now
        samples = [self._reading(row, self._device.host(row[0]), stamps) for row in rows]
        ahead = None
        if alone:
            row = alone[0]
            ahead = self._reading(row, row[0] + self._device.offset, stamps)
        return Drained(samples, ahead, lost)

    def _fetch(self, first: int, last: int) -> list[tuple[float, float, float]]:
        """Return device seconds, source value and reading of places in the ring."""
        request = f':TRAC:DATA? {first},{last},"{NAME}",SOUR,READ,SEC,FRAC\n'.encode()
        answer = self._query(request)
        fields = answer.split(b",")
        try:
            if len(fields) != 4 * (last - first + 1):
                raise ValueError
            whole = list(map(int, fields[2::4]))
            base = self._base
            if base is None:
                base = self._base = whole[0]
            return [
                (second - base + float(fraction), float(source), float(measured))
                for second, fraction, source, measured in zip(
                    whole, fields[3::4], fields[0::4], fields[1::4], strict=True
                )
            ]
        except ValueError:
            raise GarbledAnswer(request, answer[:200], where=self._where) from None

    def _lost(self, rows: list[tuple[float, float, float]]) -> int:
        """Return how many samples are missing before and between these."""
        lost, last, period = 0, self._last, self.period
        for second, _, _ in rows:
            if second <= last:
                raise InstrumentRefused(
                    f"the times in its buffer run backwards, from {last:.6f} s to {second:.6f} s.",
                    where=self._where,
                    remedy="Its clock may have been set; start the step again.",
                )
            if second - last > HOLE * period:
                lost += round((second - last) / period) - 1
            last = second
        self._last = last
        return lost

    def _reading(
        self,
        row: tuple[float, float, float],
        time: float,
        stamps: tuple[float, float],
    ) -> Reading:
        _, source, measured = row
        flags = 0
        if not (-OVERFLOW < source < OVERFLOW and -OVERFLOW < measured < OVERFLOW):
            flags = OVERRANGE_FLAG
            source = measured = math.nan
        if not self._voltage_first:
            source, measured = measured, source
        return Reading(time, source, measured, math.nan, flags, *stamps)
