"""Counts what an instrument recorded: by its own counters, or from its rows; pure."""

from __future__ import annotations

from benchlab.bench.counter import Counter, StepTotals
from benchlab.bench.executor import ExecutorRow
from benchlab.model.program import Control, StepPlan

__all__ = ["InstrumentCounter", "RowCounter"]


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


class RowCounter:
    """The counters of a run that an instrument carries out.

    Attributes
    ----------
    counter : Counter
        That of the run.
    check : Counter
        The integral of the rows, beside an instrument's own counters.
    source : str
        Who counts: ``instrument`` or ``host``.
    """

    def __init__(self, *, counts: bool) -> None:
        self.check = Counter()
        self._own = InstrumentCounter() if counts else None
        self.counter: Counter = self._own or self.check
        self.source = "instrument" if counts else "host"

    def take(
        self,
        row: ExecutorRow,
        time: float,
        plan: StepPlan,
        before: tuple[float, float, float],
        *,
        first: tuple[float, int] | None,
    ) -> None:
        """Take a row.

        Parameters
        ----------
        before : (float, float, float)
            Seconds, Ah and Wh that the step moved before the instrument's counters began anew.
        first : (float, int), optional
            Edge and direction of the step that begins with it.
        """
        check, both = self.check, plan.control in (Control.SWEEP, Control.PROFILE)
        known = row.current == row.current and row.voltage == row.voltage
        if first is not None:
            edge, sign = first
            check.begin(
                edge,
                time,
                row.voltage,
                row.current if known else 0.0,
                direction=0 if both else sign,
                is_open=not plan.driven and not both,
                both=both,
            )
        elif not known:
            check.disbelieved()
        elif both:
            check.reading_both(time, row.voltage, row.current)
        else:
            check.reading(time, row.voltage, row.current)
        if self._own is not None:
            if first is not None:
                self._own.open(time, row.voltage, first[1])
            charge, energy = row.charge_ah + before[1], row.energy_wh + before[2]
            self._own.take(row.voltage, charge, energy, first=first is not None)

    def end(self, edge: float) -> tuple[StepTotals, str]:
        """End the step; return what it moved, and how the rows compare with the counters."""
        totals = self.counter.end(edge)
        if self._own is None:
            return totals, ""
        check = self.check.end(edge)
        return totals, (
            f"the instrument counted {totals.net_ah:.9g} Ah and {totals.net_wh:.9g} Wh, its rows"
            f" integrate to {check.net_ah:.9g} Ah and {check.net_wh:.9g} Wh"
        )
