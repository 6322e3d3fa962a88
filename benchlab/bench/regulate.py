"""Set points that the host itself moves while a step goes on; pure.

Power, resistance, sweep and profile, for sources that hold a current or a voltage and no more.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Sequence
from itertools import pairwise

from benchlab.bench.roles import Mode, Setpoint
from benchlab.model.limits import RunLimits
from benchlab.model.program import Control, Program, StepPlan

__all__ = ["Regulator"]

WORTH_A_CHANGE = 5e-4
"""A power or resistance is set anew when its current is off by more than this share."""
LEAST_SHARE = 1e-6
"""Currents below this share of the largest are no current."""
AT_ITS_BOUND = 0.98
"""A current of this share of its bound is at it: source and meter never agree."""
FOLLOWS_VOLT = 0.005
"""A voltage farther than this from where it is swept to does not follow."""


class Regulator:
    """Says what the output is to do at each instant of one step.

    Parameters
    ----------
    plan : StepPlan
        Whose `by_host` is true.
    low_volt : float
        The lower voltage limit at this time of the run.
    """

    def __init__(
        self, plan: StepPlan, program: Program, low_volt: float, margin_volt: float, c_ah: float
    ) -> None:
        self._plan = plan
        self._limits: RunLimits = program.limits
        self._low = low_volt
        self._margin = margin_volt
        self._period = program.period_second
        self._set: Setpoint | None = None
        self._told = False
        self._times: Sequence[float] = ()
        self._values: Sequence[float] = ()
        self._unit = ""
        self._scale = 1.0
        if plan.control is Control.PROFILE:
            self._unit, self._times, self._values = program.profiles[plan.profile]
            self._scale = plan.profile_scale * (c_ah if self._unit == "C" else 1.0)

    def first(self, voltage: float, elapsed: float = 0.0) -> Setpoint:
        """Return the set point at the beginning of the step, or so many seconds into it."""
        self._set = self._wanted(elapsed, voltage)
        return self._set

    def move(self, elapsed: float, voltage: float) -> Setpoint | None:
        """Return the set point to go to, or None where the present one will do."""
        wanted = self._wanted(elapsed, voltage)
        before = self._set
        if wanted == before:
            return None
        if (
            before is not None
            and self._plan.control in (Control.POWER, Control.RESISTANCE)
            and before.mode is wanted.mode
            and abs(wanted.current_ampere - before.current_ampere)
            <= WORTH_A_CHANGE * abs(before.current_ampere)
        ):
            return None
        self._set = wanted
        return wanted

    def behind(self, voltage: float, current: float) -> str:
        """Return, the first time only, how the cell does not follow its set point; else nothing."""
        plan, asked = self._plan, self._set
        if self._told or asked is None:
            return ""
        most = plan.current_ampere
        if plan.control is Control.SWEEP:
            off = abs(voltage - asked.voltage_volt)
            bound = abs(current) >= AT_ITS_BOUND * most and off > FOLLOWS_VOLT
            asked_for = f"{asked.voltage_volt:.4f} V"
        elif plan.control in (Control.POWER, Control.RESISTANCE):
            bound = asked.mode is Mode.CURRENT and abs(asked.current_ampere) >= most
            asked_for = f"{plan.level:g} {'W' if plan.control is Control.POWER else 'ohm'}"
        else:
            return ""
        if not bound:
            return ""
        self._told = True
        return (
            f"{asked_for} is asked for, and the current stands at its bound of {most:g} A with"
            f" {voltage:.4f} V at the cell: from here on the step is not what it says"
        )

    def due(self, elapsed: float) -> float:
        """Return the seconds of step time at which the set point must change next."""
        plan = self._plan
        if plan.control is Control.SWEEP:
            # a reading in the middle of a stair too: its current falls from the one to the next
            half = self._period / 2.0
            return (math.floor(elapsed / half + 1e-9) + 1.0) * half
        if plan.control is Control.PROFILE:
            end = self._times[-1]
            turn = math.floor(elapsed / end + 1e-12)
            inside = elapsed - turn * end
            return (
                turn * end
                + self._times[min(bisect_right(self._times, inside + 1e-9), len(self._times) - 1)]
            )
        return math.inf

    def _wanted(self, elapsed: float, voltage: float) -> Setpoint:
        plan = self._plan
        if plan.control is Control.SWEEP:
            return Setpoint(Mode.VOLTAGE, plan.current_ampere, self._sweep_volt(elapsed))
        if plan.control is Control.PROFILE:
            return self._current(self._profile_ampere(elapsed, voltage))
        seen = voltage if voltage > self._low / 2.0 and voltage > 0.0 else math.nan
        if math.isnan(seen):
            ampere = 0.0
        elif plan.control is Control.POWER:
            ampere = plan.level / seen
        else:
            ampere = seen / plan.level
        return self._current(plan.direction * min(ampere, plan.current_ampere))

    def _current(self, ampere: float) -> Setpoint:
        plan, limits = self._plan, self._limits
        most = max(limits.charge_ampere, limits.discharge_ampere)
        if abs(ampere) < LEAST_SHARE * most:
            return Setpoint(Mode.ZERO, 0.0, limits.high_volt)
        sign = 1 if ampere > 0.0 else -1
        edge = limits.high_volt if sign > 0 else self._low
        bound = edge - sign * self._margin
        if plan.has_hold and sign == plan.direction:
            bound = plan.hold_volt
        elif not math.isnan(plan.end_volt) and sign == plan.direction:
            wanted = plan.end_volt + sign * self._margin
            bound = min(wanted, edge) if sign > 0 else max(wanted, edge)
        return Setpoint(Mode.CURRENT, ampere, bound)

    def _profile_ampere(self, elapsed: float, voltage: float) -> float:
        end = self._times[-1]
        inside = math.fmod(elapsed + 1e-9, end)
        value = self._values[bisect_right(self._times, inside) - 1] * self._scale
        if self._unit == "W":
            value = value / voltage if voltage > 0.0 else 0.0
        bound, limits = self._plan.current_ampere, self._limits
        if self._unit == "W":
            return max(-min(bound, limits.discharge_ampere), min(bound, value))
        return value

    def _sweep_volt(self, elapsed: float) -> float:
        """Return the voltage of the staircase; each stair's middle lies on the line."""
        plan = self._plan
        corners = list(plan.corners_volt)
        stair = math.floor(elapsed / self._period + 1e-9)
        moved = (stair + 0.5) * self._period * plan.rate_volt_per_second
        path: list[float] = list(corners)
        back = corners[0] != corners[-1]
        length = sum(abs(b - a) for a, b in pairwise(path))
        around = length + (abs(corners[-1] - corners[0]) if back else 0.0)
        turn = min(int(moved / around), plan.times - 1) if around else 0
        left = moved - turn * around
        if left > length and turn < plan.times - 1:
            path = [corners[-1], corners[0]]
            left -= length
        for start, stop in pairwise(path):
            span = abs(stop - start)
            if left <= span:
                return start + math.copysign(left, stop - start)
            left -= span
        return path[-1]
