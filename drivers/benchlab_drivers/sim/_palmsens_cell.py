"""A potentiostat and galvanostat with its errors, and the simulated cell between its leads."""

from __future__ import annotations

import math

from benchlab_drivers.cells.ledger import LedgerCell
from benchlab_drivers.cells.sources import OPEN, current_source, voltage_source
from benchlab_drivers.sim._errors import Drawing, RangeError, gaussians
from benchlab_drivers.wire.methodscript import Status
from benchlab_drivers.wire.methodscript_models import Model

__all__ = ["PotentiostatCell"]

BEYOND = 1.2
"""How much more than its highest range a potentiostat drives before it is overloaded."""
SCATTER = 2e-5
STEPS = 2e-6
"""Scatter and steps of a reading, as parts of its full scale."""
UNDERLOAD = 1e-3


class PotentiostatCell:
    """What is at the terminals, at times that never run backwards.

    Attributes
    ----------
    on : bool
        Whether the cell is on.
    """

    def __init__(self, cell: LedgerCell, model: Model, *, seed: int, ideal: bool) -> None:
        self.cell, self._model = cell, model
        self.on = False
        draw = Drawing([seed, 4], ideal=ideal)
        self._noise = gaussians(seed + 4).__next__
        stated = model.current_ranges
        fulls = [entry.full_scale for entry in stated]
        self._meter = draw.ranges(
            stated, [full * STEPS for full in fulls], [full * SCATTER for full in fulls]
        )
        volts = model.voltage_ranges
        self._voltmeter: RangeError = draw.ranges(volts, [1e-6], [2e-5])[0]
        self._volts: RangeError = draw.ranges(volts, [model.step_volt], [0.0])[0]
        self._source = draw.ranges(stated, [full * STEPS for full in fulls], [0.0] * len(fulls))
        self._angle = 1.0 + draw.bounded(model.current_gain)

    def off(self, time: float) -> None:
        """Open the circuit."""
        self.cell.set_source(time, OPEN)
        self.on = False

    def hold(self, time: float, volt: float) -> None:
        """Regulate a potential, wrong by the source's error."""
        most = BEYOND * self._model.high_ampere
        self.cell.set_source(time, voltage_source(self._volts.apply(volt), most))
        self.on = True

    def drive(self, time: float, ampere: float) -> None:
        """Regulate a current, wrong by the source's error, inside its compliance."""
        k = self._place(ampere)
        real = self._source[k].apply(ampere)
        most = BEYOND * self._model.high_ampere
        self.cell.set_source(time, current_source(real, self._model.high_volt, most))
        self.on = True

    def volts(self, time: float) -> tuple[float, int]:
        """Return the measured potential and its status."""
        shown = self._voltmeter.apply(self.cell.sample(time)[0])
        shown += self._voltmeter.scatter * self._noise()
        return shown, Status.OVERLOAD if abs(shown) > self._model.high_volt else 0

    def amperes(self, time: float, least: float, most: float) -> tuple[float, int, int]:
        """Return the measured current, its status and range, of those between two full scales."""
        true = self.cell.sample(time)[1]
        ranges = [full for _, full in self._model.ranges]
        allowed = [k for k, full in enumerate(ranges) if least * 0.999 <= full <= most * 1.001]
        allowed = allowed or [len(ranges) - 1]
        k = next((k for k in allowed if ranges[k] >= abs(true)), allowed[-1])
        meter = self._meter[k]
        shown = meter.apply(true) + meter.scatter * self._noise()
        status = 0
        if abs(shown) > BEYOND * ranges[k]:
            shown, status = math.copysign(BEYOND * ranges[k], shown), Status.OVERLOAD
        elif abs(shown) < UNDERLOAD * ranges[k]:
            status = Status.UNDERLOAD
        return shown, status, self._model.ranges[k][0]

    def impedance(self, time: float, hertz: float) -> complex:
        """Return the measured impedance in ohm."""
        self.cell.advance(time)
        noise = 1.0 + SCATTER * self._noise() if self._angle != 1.0 else 1.0
        return self.cell.impedance(hertz) * self._angle * noise

    def _place(self, ampere: float) -> int:
        full = self._model.range_for(ampere)[1]
        return next(k for k, entry in enumerate(self._model.ranges) if entry[1] == full)
