"""Carries out what a regulator asks for within a step, and tells everybody that has to know."""

from __future__ import annotations

import math

from benchlab.bench.counter import Counter
from benchlab.bench.guard import Guard
from benchlab.bench.output import Output
from benchlab.bench.regulate import Regulator
from benchlab.bench.roles import Edge, Mode, Setpoint
from benchlab.bench.run_log import RunLog
from benchlab.bench.sequencer import Sequencer

__all__ = ["Levels"]

EARLY_SECOND = 2e-3
"""A set point that is due within this time is set at once."""


class Levels:
    """The set points of a step that the host itself regulates; none in every other step.

    Attributes
    ----------
    left : Edge or None
        At which the output was set anew with no reading since.
    """

    def __init__(
        self, output: Output, counter: Counter, guard: Guard, sequencer: Sequencer, log: RunLog
    ) -> None:
        self.left: Edge | None = None
        self._output = output
        self._counter = counter
        self._guard = guard
        self._sequencer = sequencer
        self._log = log
        self._regulator: Regulator | None = None
        self._ampere = 0.0

    def begin(self, regulator: Regulator | None) -> None:
        """Begin a step, with its regulator where it has one."""
        self._regulator, self.left = regulator, None

    def __bool__(self) -> bool:
        return self._regulator is not None

    def tell(self, setpoint: Setpoint) -> None:
        """Tell guard and sequencer what is set now."""
        self._guard.level(setpoint.current_ampere, setpoint.voltage_volt)
        self._sequencer.level(setpoint.current_ampere, setpoint.voltage_volt)

    def move(self, now: float, voltage: float, current: float) -> None:
        """Set the output anew where it must be; tell once where the cell does not follow."""
        if self._regulator is None:
            return
        behind = self._regulator.behind(voltage, current)
        if behind:
            self._log.event("at_bound", "bench", behind)
        elapsed = now + EARLY_SECOND - self._sequencer.step_began
        wanted = self._regulator.move(elapsed, voltage)
        if wanted is None:
            return
        edge = self._output.apply(wanted)
        self._counter.pause(edge.ended)
        self.left = edge
        self._ampere = math.nan if wanted.mode is Mode.VOLTAGE else wanted.current_ampere
        self.tell(wanted)

    def due(self, now: float) -> float:
        """Return the clock seconds at which the output must be set anew next."""
        if self._regulator is None:
            return math.inf
        began = self._sequencer.step_began
        return began + self._regulator.due(now + EARLY_SECOND - began)

    def first(self, time: float, voltage: float, current: float) -> None:
        """Count the first reading after the output was set anew."""
        left, self.left = self.left, None
        if left is not None:
            self._counter.resume(left.began, time, voltage, current)

    def settle(self, voltage: float) -> None:
        """Count on from the last change though no reading followed it: as was set, or as before."""
        if self.left is not None:
            flowing = self._ampere
            if math.isnan(flowing):
                flowing = self._counter.current
            self._counter.resume(self.left.began, self.left.began, voltage, flowing)
            self.left = None
