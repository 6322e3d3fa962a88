"""When a reading becomes a row; pure. Both edges of a step always do."""

from __future__ import annotations

import math

from benchlab.model.program import StepPlan

__all__ = ["RowRule"]


class RowRule:
    """The record rule of one step.

    Attributes
    ----------
    due : float
        Clock seconds from which on a reading is a row.
    look : float
        Clock seconds of a reading that is wanted for its own sake: where the rule asks for more
        than the control period gives.
    """

    __slots__ = (
        "_ampere",
        "_at",
        "_began",
        "_charge",
        "_dah",
        "_dampere",
        "_dvolt",
        "_every",
        "_fast",
        "_half",
        "_log",
        "_next_log",
        "_volt",
        "due",
        "look",
    )

    def __init__(
        self, plan: StepPlan, began: float, first: float, period: float, fastest: float
    ) -> None:
        self._every = plan.every_second
        self._dvolt = plan.or_change_volt
        self._dampere = plan.or_change_ampere
        self._dah = plan.or_change_ah
        self._log = 10.0 ** (1.0 / plan.log_per_decade) if plan.log_per_decade else math.inf
        self._at = [began + second for second in reversed(plan.at_second)]
        self._began = began
        self._half = min(period, self._every) / 2.0
        self._fast = bool(plan.log_per_decade or plan.at_second or self._every < period)
        self._next_log = max(fastest, 1e-3) if plan.log_per_decade else math.inf
        self._volt = self._ampere = self._charge = math.nan
        self.due = self.look = math.inf
        self._plan_next(first, first + self._every)

    def _plan_next(self, time: float, timed: float) -> None:
        while self._next_log <= time - self._began:
            self._next_log *= self._log
        while self._at and self._at[-1] <= time:
            self._at.pop()
        self.look = min(self._began + self._next_log, self._at[-1] if self._at else math.inf)
        if self._fast:
            self.look = min(self.look, timed)
        # a reading a little early must not put its row off by a whole period
        self.due = min(timed - self._half, self.look - 1e-3)

    def first(self, voltage: float, current: float, charge: float) -> None:
        """Take note of the step's first row."""
        self._volt, self._ampere, self._charge = voltage, current, charge

    def is_row(self, time: float, voltage: float, current: float, charge: float) -> bool:
        """Say whether a reading is a row, and plan for the next one if it is."""
        if time >= self.due:
            timed = self.due + self._half + self._every
            if timed - self._half <= time or self._fast:
                timed = time + self._every
        elif (
            abs(voltage - self._volt) >= self._dvolt
            or abs(current - self._ampere) >= self._dampere
            or abs(charge - self._charge) >= self._dah
        ):
            # a row for a change must not put the next timed one off any further
            timed = time + self._every
        else:
            return False
        self._volt, self._ampere, self._charge = voltage, current, charge
        self._plan_next(time, timed)
        return True
