"""Carries a program out: which step, since when, and what ends it; pure, without a clock."""

from __future__ import annotations

import math
from enum import StrEnum

from benchlab.model.program import BlockPlan, Program, StepPlan

__all__ = ["End", "Sequencer"]

CUTOFF_READINGS = 3
CUTOFF_SETTLE_SECOND = 2.0
NEAR_HOLD_VOLT = 0.02
AT_HOLD_VOLT = 0.01
FALL_FRACTION = 0.995
LOOK_VOLT = 0.05
LOOK_SHARE = 0.02
HOLD_FALL = 0.005
SHORT_STEP_SECOND = 5.0
SHORT_STEPS_IN_A_ROW = 3


class End(StrEnum):
    """What a reading or the time means for the step under way.

    ``CONFIRM`` asks for a second reading at once; ``TRANSITION`` says that constant voltage has
    begun; every other one ends the step and is stored as its reason.
    """

    CONFIRM = "confirm"
    TRANSITION = "transition"
    VOLTAGE = "voltage"
    CURRENT = "current"
    CAPACITY = "capacity"
    TIME = "time"
    HOLD_TIME = "hold_at_most"
    AT_MOST = "at_most"
    ALREADY_MET = "already_met"
    VOLTAGE_LIMIT = "voltage_limit"


OWN_ENDS = frozenset({End.VOLTAGE, End.CURRENT, End.CAPACITY, End.TIME, End.ALREADY_MET})


class _Frame:
    """A block under way: which round, which item, and whether its cycle has been counted."""

    __slots__ = ("block", "counted", "position", "round")

    def __init__(self, block: BlockPlan) -> None:
        self.block = block
        self.round = 1
        self.position = -1
        self.counted = False


class Sequencer:
    """Walks through a program and says when each step ends.

    Attributes
    ----------
    plan : StepPlan
        The step under way.
    step_count, cycle_count : int
        As in the columns of the same name.
    wake : float
        Clock seconds at which the step ends by time if nothing ends it before.
    time_end : End
        What ends it then.
    look : float
        Clock seconds of a reading wanted before the next control period: where the voltage should
        reach the step's end or its hold, and while the current of a hold falls by more than half
        a percent of the set current in a period. It bounds what is counted wrong in between.
    sign : int
        Direction of the current in the step: +1, -1, or 0 in a rest.
    """

    def __init__(self, program: Program) -> None:
        self._stack = [_Frame(program.root)]
        self.plan = program.steps[0]
        self.step_count = 0
        self.cycle_count = 0
        self.sign = 0
        self.wake = math.inf
        self.look = math.inf
        self.in_hold = False
        self._period = program.period_second
        self._target = math.nan
        self._bound = math.nan
        self._last_time = math.nan
        self._last_voltage = math.nan
        self._began = math.nan
        self._hold_began = math.nan
        self._plateau = 0.0
        self._below = 0
        self._last_current = 0.0
        self._suspect = False
        self._readings = 0
        self._margin = 0.0
        self._short_steps = 0
        self.time_end = End.TIME

    def advance(self) -> StepPlan | None:
        """Go to the next step and count it; None when the program is done."""
        while self._stack:
            frame = self._stack[-1]
            frame.position += 1
            if frame.position >= len(frame.block.items):
                if frame.round >= frame.block.repeat:
                    self._stack.pop()
                    continue
                frame.round += 1
                frame.position = 0
                frame.counted = False
            item = frame.block.items[frame.position]
            if isinstance(item, BlockPlan):
                self._stack.append(_Frame(item))
                continue
            self.plan = item
            self.step_count += 1
            self._count_cycle(item)
            return item
        return None

    def _count_cycle(self, plan: StepPlan) -> None:
        counting = next((f for f in reversed(self._stack) if f.block.counts), None)
        if counting is None or counting.counted or not plan.driven:
            return
        first = counting.block.first_half
        if first in (0, plan.direction):
            counting.counted = True
            self.cycle_count += 1

    def begin(self, began: float, sign: int, margin_volt: float, bound_volt: float) -> None:
        """Begin the step that `advance` returned, at the instant the output was set.

        Parameters
        ----------
        margin_volt : float
            How far beyond a voltage end the instrument's own limit lies.
        bound_volt : float
            Where that limit lies: the voltage at which the current no longer flows as set.
        """
        plan = self.plan
        self.sign = sign
        self._margin = margin_volt
        self._began = began
        self._hold_began = math.nan
        self.in_hold = False
        self.look = math.inf
        self._bound = bound_volt
        self._target = plan.hold_volt if plan.has_hold else plan.end_volt
        self._last_time = self._last_voltage = math.nan
        self._plateau = 0.0
        self._below = self._readings = 0
        self._suspect = False
        own, bound = began + plan.end_time_second, began + plan.at_most_second
        self.wake = min(own, bound)
        self.time_end = End.TIME if own <= bound else End.AT_MOST

    def reading(self, time: float, voltage: float, current: float, charge: float) -> End | None:
        """Judge a reading of the step under way; None: it goes on.

        Parameters
        ----------
        charge : float
            Net charge of the step so far, Ah.
        """
        plan = self.plan
        sign = self.sign
        if not sign:
            return None
        flowing = current * sign
        self._readings += 1
        if self.in_hold:
            settled = time - self._hold_began >= CUTOFF_SETTLE_SECOND
            if settled and -plan.cutoff_ampere <= flowing <= plan.cutoff_ampere:
                self._below += 1
                if self._below >= CUTOFF_READINGS:
                    return End.CURRENT
                return End.CONFIRM
            self._below = 0
            fell = abs(flowing - self._last_current)
            allowed = HOLD_FALL * abs(plan.current_ampere) * (time - self._last_time)
            self.look = math.inf
            if fell * self._period > allowed:
                self.look = time + max(allowed / fell, LOOK_SHARE * self._period)
            self._last_time, self._last_current = time, flowing
        elif plan.hold_volt == plan.hold_volt:
            away = abs(voltage - plan.hold_volt)
            if flowing > self._plateau and away > AT_HOLD_VOLT:
                self._plateau = flowing
            if away <= NEAR_HOLD_VOLT and (
                flowing < FALL_FRACTION * self._plateau
                or (away <= AT_HOLD_VOLT and flowing < 0.98 * abs(plan.current_ampere))
            ):
                return self._enter_hold(time, flowing)
        elif plan.end_volt == plan.end_volt:
            beyond = (voltage - plan.end_volt) * sign
            if beyond >= 0.0 or (
                beyond >= -self._margin and flowing < 0.9 * abs(plan.current_ampere)
            ):
                if self._suspect:
                    return End.ALREADY_MET if self._readings == 2 else End.VOLTAGE
                self._suspect = True
                return End.CONFIRM
            self._suspect = False
        else:
            at_bound = (self._bound - voltage) * sign <= self._margin
            if at_bound and flowing < 0.9 * abs(plan.current_ampere):
                if self._suspect:
                    return End.VOLTAGE_LIMIT
                self._suspect = True
                return End.CONFIRM
            self._suspect = False
        if plan.end_charge_ah < math.inf:
            left = plan.end_charge_ah - charge * sign
            if left <= 0.0:
                return End.CAPACITY
            if left < flowing * self._period / 3600.0:
                self.look = time + left / flowing * 3600.0
                return None
        gap = (self._target - voltage) * sign
        if gap < LOOK_VOLT and not self.in_hold:
            self._predict(time, voltage, gap)
        return None

    def _predict(self, time: float, voltage: float, gap: float) -> None:
        """Ask for a reading where a straight line through the last two reaches the target."""
        moved = (voltage - self._last_voltage) * self.sign
        since = time - self._last_time
        self._last_time, self._last_voltage = time, voltage
        self.look = math.inf
        if moved > 0.0 and 0.0 < gap < moved / since * self._period:
            self.look = time + max(gap * since / moved, LOOK_SHARE * self._period)

    def tick(self, now: float) -> End | None:
        """Say whether the step's time is over."""
        return self.time_end if now >= self.wake else None

    def _enter_hold(self, time: float, flowing: float) -> End:
        self.in_hold = True
        self._hold_began = time
        self._below = 0
        self._last_time, self._last_current = time, flowing
        self.look = time + LOOK_SHARE * self._period
        plan = self.plan
        ends = time + plan.hold_end_second
        if ends < self.wake:
            self.wake = ends
            self.time_end = End.TIME if plan.hold_own_end else End.HOLD_TIME
        return End.TRANSITION

    def ended(self, end: End, at: float) -> bool:
        """Note how a step ended; True when the run must be held: steps end as they begin.

        Contact lost or a dead cell makes each step end within seconds; a loop of 500 cycles must
        not be done in a minute.
        """
        if not self.sign or end in (End.TIME, End.CAPACITY, End.AT_MOST):
            if self.sign:
                self._short_steps = 0
            return False
        short = at - self._began < SHORT_STEP_SECOND
        self._short_steps = self._short_steps + 1 if short else 0
        return self._short_steps >= SHORT_STEPS_IN_A_ROW

    def state(self) -> dict[str, object]:
        """Return where the program stands, as plain values."""
        return {
            "step_count": self.step_count,
            "cycle_count": self.cycle_count,
            "step_id": self.plan.step_id,
            "path": [[f.round, f.position, f.counted] for f in self._stack],
        }
