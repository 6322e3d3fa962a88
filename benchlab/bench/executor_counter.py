"""Sums an instrument's own counters, which begin anew with each step; pure."""

from __future__ import annotations

from benchlab.bench.counter import Counter

__all__ = ["InstrumentCounter"]


class InstrumentCounter(Counter):
    """A `Counter` that is told charge and energy instead of integrating a current."""

    __slots__ = ()

    def open(self, time: float, voltage: float, direction: int) -> None:
        """Begin a step with its first row, at clock seconds `time`."""
        self.begin(time, time, voltage, 0.0, direction=direction, is_open=True)

    def take(self, voltage: float, charge_ah: float, energy_wh: float, *, first: bool) -> None:
        """Take the net charge and energy of the step so far, as the instrument counted them."""
        if not first:
            self.seen(voltage)
        self.charge, self._energy = charge_ah, energy_wh
