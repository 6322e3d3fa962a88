"""What is kept of a step while it runs, and the record it becomes."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import astuple
from typing import Any

from benchlab.bench.counter import StepTotals
from benchlab.bench.ends import End
from benchlab.bench.plain import plain
from benchlab.bench.roles import Edge, Reading
from benchlab.model.program import StepPlan

__all__ = ["StepRecord"]


class StepRecord:
    """One step under way.

    Parameters
    ----------
    carried_ah : float
        What the step moved in an earlier run: no part of this record.

    Attributes
    ----------
    end_reason : str
        Empty until the step ended.
    """

    def __init__(
        self,
        plan: StepPlan,
        step_count: int,
        cycle_count: int,
        sign: int,
        edge: Edge,
        first_row: int,
        carried_ah: float = 0.0,
    ) -> None:
        self.plan = plan
        self.step_count = step_count
        self.cycle_count = cycle_count
        self.sign = sign
        self.end_reason = ""
        self._edge = edge
        self._first_row = first_row
        self._first: Reading | None = None
        self._last: Reading | None = None
        self._transition = math.nan
        self._carried = carried_ah
        self._before = (math.nan, math.nan)
        self._beyond = (math.nan, math.nan)

    def state(self) -> dict[str, Any]:
        """Return all of it but its plan, for JSON to carry."""
        return {
            "counts": [self.step_count, self.cycle_count, self.sign, self._first_row],
            "edge": [plain(value) for value in astuple(self._edge)],
            "first": None if self._first is None else [plain(v) for v in self._first],
            "last": None if self._last is None else [plain(v) for v in self._last],
            "transition": plain(self._transition),
            "carried": self._carried,
        }

    @classmethod
    def restored(cls, plan: StepPlan, state: Mapping[str, Any]) -> StepRecord:
        """Return the step that a state was taken of."""
        step_count, cycle_count, sign, first_row = state["counts"]
        edge, carried = Edge(*map(_number, state["edge"])), state["carried"]
        step = cls(plan, step_count, cycle_count, sign, edge, first_row, carried)
        step._first, step._last = (
            None if state[name] is None else Reading(*map(_number, state[name]))
            for name in ("first", "last")
        )
        step._transition = _number(state["transition"])
        return step

    def first(self, reading: Reading) -> None:
        """Take the first reading."""
        self._first = self._last = reading

    def last(self, reading: Reading) -> None:
        """Take the last reading."""
        self._last = reading

    def crossed(self, before: tuple[float, float], beyond: tuple[float, float]) -> None:
        """Take voltage and charge of the last reading before the end and of the first beyond."""
        self._before, self._beyond = before, beyond

    @property
    def ran(self) -> bool:
        """Whether any of it was carried out, here or in an earlier run."""
        return self.end_reason != End.ALREADY_MET or self._carried != 0.0

    @property
    def voltages(self) -> tuple[float, float]:
        """The first and the last voltage that were seen."""
        first, last = self._first, self._last
        return (
            math.nan if first is None else first.voltage,
            math.nan if last is None else last.voltage,
        )

    def transition(self, charge: float) -> None:
        """Note that constant voltage began, with the net charge so far."""
        self._transition = charge - self._carried

    def record(
        self, totals: StepTotals, edge: Edge, began: float, last_row: int, *, own_end: bool
    ) -> dict[str, Any]:
        """Return the step as one row of the step table.

        Parameters
        ----------
        edge : Edge
            At which it ended.
        began : float
            Clock seconds of the start of the test.
        """
        first, last = self._first, self._last
        nothing = Reading(math.nan, math.nan, math.nan)
        first, last = first or nothing, last or nothing
        counted = totals.counted
        held = self._transition if self._transition == self._transition else totals.net_ah
        return {
            "step_count": self.step_count,
            "step_id": self.plan.step_id,
            "label": self.plan.label,
            "step_type": self._type(),
            "cycle_count": self.cycle_count,
            "cycle_kind": self.plan.cycle_kind,
            "first_row": self._first_row,
            "last_row": last_row,
            "start_time_second": self._edge.began - began,
            "end_time_second": edge.ended - began,
            "start_half_width_second": self._edge.began_half_width,
            "end_half_width_second": edge.ended_half_width,
            "start_voltage_volt": first.voltage,
            "end_voltage_volt": last.voltage,
            "minimum_voltage_volt": _finite(totals.minimum_volt),
            "maximum_voltage_volt": _finite(totals.maximum_volt),
            "start_current_ampere": first.current,
            "end_current_ampere": last.current,
            "set_current_ampere": self.sign * abs(self.plan.current_ampere),
            "step_charging_capacity_ah": counted.charging_ah,
            "step_discharging_capacity_ah": counted.discharging_ah,
            "step_charging_energy_wh": counted.charging_wh,
            "step_discharging_energy_wh": counted.discharging_wh,
            "step_net_capacity_ah": totals.net_ah,
            "cc_capacity_ah": abs(held),
            "cv_capacity_ah": abs(totals.net_ah - held),
            "crossing_capacity_ah": self._crossing(),
            "current_range_ampere": self._edge.current_range_ampere,
            "reading_count": totals.reading_count,
            "counter_source": "host",
            "end_reason": self.end_reason,
            "own_end": int(own_end),
        }

    def _type(self) -> str:
        if self.plan.step_type != "CV":
            return self.plan.step_type
        return "CV_CHG" if self.sign > 0 else "CV_DCH"

    def _crossing(self) -> float:
        """Return the charge at the interpolated crossing of the voltage end; NaN without one."""
        if self.end_reason != "voltage":
            return math.nan
        (v0, q0), (v1, q1) = self._before, self._beyond
        if v0 == v1:
            return math.nan
        return q0 - self._carried + (q1 - q0) * (self.plan.end_volt - v0) / (v1 - v0)


def _number(value: Any) -> Any:
    return math.nan if value is None else value


def _finite(value: float) -> float:
    return value if math.isfinite(value) else math.nan
