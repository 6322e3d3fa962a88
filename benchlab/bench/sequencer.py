"""Carries a program out: which step, since when, and what ends it; pure, without a clock."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from benchlab.bench.ends import NOT_FAST, End
from benchlab.bench.plain import put_back, taken
from benchlab.bench.results import Finished
from benchlab.bench.sequencer_state import KEPT, TIMES
from benchlab.bench.walker import Walker
from benchlab.bench.watch import Sample, Watch, clock_end, watch
from benchlab.model.program import Program, StepPlan

__all__ = ["Sequencer"]

CUTOFF_READINGS = 3
CUTOFF_SETTLE_SECOND = 2.0
NEAR_HOLD_VOLT = 0.02
AT_HOLD_VOLT = 0.01
FALL_FRACTION = 0.995
LOOK_VOLT = 0.05
LOOK_SHARE = 0.02
HOLD_FALL = 0.005


class Sequencer:
    """Walks through a program and says when each step ends.

    Attributes
    ----------
    walker : Walker
        Where the program stands.
    plan : StepPlan
        The step under way.
    sensed : Mapping
        The latest value of each sensor, by column name; put in by whoever reads them.
    wake : float
        Clock seconds at which the step ends by time if nothing ends it before.
    time_end : str
        What ends it then.
    look : float
        Clock seconds of a reading wanted before the next control period: where the voltage should
        reach the step's end or its hold, and while the current of a hold falls by more than half
        a percent of the set current in a period. It bounds what is counted wrong in between.
    sign : int
        Direction of the current in the step: +1, -1, or 0 in a rest and where it goes both ways.
    """

    def __init__(self, program: Program) -> None:
        self.walker = Walker(program)
        self.plan = program.steps[0]
        self.sign = 0
        self.wake = math.inf
        self.look = math.inf
        self.in_hold = False
        self.sensed: Mapping[str, float] = {}
        self.time_end: str = End.TIME
        self.energy = 0.0
        """Net energy of the step so far, Wh: put in before a reading where a condition asks."""
        self.net_before = 0.0
        """Net charge of the test at the beginning of the step, Ah."""
        self.watches: tuple[Watch, ...] = ()
        self._limits = program.limits
        self._period = program.period_second
        self._target = math.nan
        self._bound = math.nan
        self._set = 0.0
        self._last_time = math.nan
        self._last_voltage = math.nan
        self._began = math.nan
        self._hold_began = math.nan
        self._plateau = 0.0
        self._below = 0
        self._last_current = 0.0
        self._suspect = False
        self._doubt = ""
        self._readings = 0
        self._margin = 0.0
        self._short_steps = 0
        self._clock = math.inf
        self._clock_reason = ""

    @property
    def step_began(self) -> float:
        """Clock seconds at which the step began, later by every pause in it."""
        return self._began

    @property
    def step_count(self) -> int:
        """As in the column of the same name."""
        return self.walker.step_count

    @property
    def cycle_count(self) -> int:
        """As in the column of the same name."""
        return self.walker.cycle_count

    def advance(
        self, live: Mapping[str, float] | None = None, net_ah: float = 0.0
    ) -> StepPlan | None:
        """Go to the next step and count it; None when the program is done.

        Parameters
        ----------
        live : Mapping, optional
            What is read now, by column name, for branches that ask.
        net_ah : float
            Net charge since the start of the test.

        Raises
        ------
        benchlab.model.amount.UnknownAmount
        """
        plan = self.walker.advance(live or {}, net_ah)
        if plan is not None:
            self.plan = plan
        return plan

    def begin(
        self,
        began: float,
        sign: int,
        margin_volt: float,
        bound_volt: float,
        *,
        net_ah: float = 0.0,
        unix_ns: int = 0,
    ) -> None:
        """Begin the step that `advance` returned, at the instant the output was set.

        Parameters
        ----------
        margin_volt : float
            How far beyond a voltage end the instrument's own limit lies.
        bound_volt : float
            Where that limit lies: the voltage at which the current no longer flows as set.
        net_ah : float
            Net charge since the start of the test.
        unix_ns : int
            UTC at that instant, for ends by the clock.
        """
        plan = self.plan = self.walker.renumbered()
        self.sign = sign
        self.net_before = net_ah
        self._margin = margin_volt
        self._began = began
        self._hold_began = math.nan
        self.in_hold = False
        self.look = math.inf
        self._bound = bound_volt
        self._target = plan.hold_volt if plan.has_hold else plan.end_volt
        self._last_time = self._last_voltage = math.nan
        self._plateau = 0.0
        self._set = abs(plan.current_ampere)
        self._below = self._readings = 0
        self._suspect, self._doubt = False, ""
        own, bound = began + plan.end_time_second, began + plan.at_most_second
        self.wake = min(own, bound)
        self.time_end = End.TIME if own <= bound else End.AT_MOST
        self._clock, self._clock_reason = math.inf, ""
        watches = []
        for item in plan.watched:
            if item.end.kind == "clock" and not plan.all_ends:
                shown = began + clock_end(item.end.name, unix_ns)
                if shown < self._clock:
                    self._clock, self._clock_reason = shown, item.reason
            elif item.end.kind == "clock":
                second = clock_end(item.end.name, unix_ns)
                at = replace(item, end=replace(item.end, kind="time"), value=second)
                watches.append(watch(at, sign, self.walker.marks))
            else:
                watches.append(watch(item, sign, self.walker.marks))
        self.watches = tuple(watches)
        self._heed_clock()

    def _heed_clock(self) -> None:
        """Let the time that a clock shows end the step where nothing ends it before."""
        if self._clock < self.wake:
            self.wake, self.time_end = self._clock, self._clock_reason

    def reading(self, time: float, voltage: float, current: float, charge: float) -> str | None:
        """Judge a reading of the step under way; None: it goes on.

        Parameters
        ----------
        charge : float
            Net charge of the step so far, Ah.
        """
        if self.watches:
            end = self._watched(time, voltage, current, charge)
            if end is not None:
                return end
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
            allowed = HOLD_FALL * self._set * (time - self._last_time)
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
                or (away <= AT_HOLD_VOLT and flowing < 0.98 * self._set)
            ):
                return self._enter_hold(time, flowing)
        elif plan.end_volt == plan.end_volt:
            beyond = (voltage - plan.end_volt) * sign
            if beyond >= 0.0 or (beyond >= -self._margin and flowing < 0.9 * self._set):
                if self._suspect:
                    return End.ALREADY_MET if self._readings == 2 else End.VOLTAGE
                self._suspect = True
                return End.CONFIRM
            self._suspect = False
        else:
            at_bound = (self._bound - voltage) * sign <= self._margin
            if at_bound and flowing < 0.9 * self._set:
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
        if not self.in_hold:
            gap = (self._target - voltage) * sign
            if gap < LOOK_VOLT:
                self._predict(time, voltage, gap)
            else:  # what was to be looked at is far away again
                self.look = math.inf
        return None

    def _predict(self, time: float, voltage: float, gap: float) -> None:
        """Ask for a reading where a straight line through the last two reaches the target."""
        moved = (voltage - self._last_voltage) * self.sign
        since = time - self._last_time
        self._last_time, self._last_voltage = time, voltage
        self.look = math.inf
        if moved > 0.0 and 0.0 < gap < moved / since * self._period:
            self.look = time + max(gap * since / moved, LOOK_SHARE * self._period)

    def _watched(self, time: float, voltage: float, current: float, charge: float) -> str | None:
        """Judge the rarer conditions; those that a glitch may fake need a second reading."""
        net = self.net_before + charge
        sample = Sample(
            time, time - self._began, voltage, current, charge, self.energy, net, self.sensed
        )
        held = [item for item in self.watches if item.holds(sample)]
        if not held or (self.plan.all_ends and len(held) < len(self.watches)):
            self._doubt = ""
            return None
        deciding = held if self.plan.all_ends else held[:1]
        reason = End.ALL if self.plan.all_ends else held[0].reason
        # a glitch of one quantity is no witness for a glitch of another one
        if any(item.confirm for item in deciding) and self._doubt != reason:
            self._doubt = str(reason)
            return End.CONFIRM
        self._doubt = ""
        return reason

    def tick(self, now: float) -> str | None:
        """Say whether the step's time is over."""
        return self.time_end if now >= self.wake else None

    def level(self, ampere: float, bound_volt: float) -> None:
        """Tell that the host set another current, or bound of it, within the step."""
        self._set, self._bound = abs(ampere), bound_volt
        self._plateau = 0.0

    def pause(self, second: float) -> None:
        """Let a pause of so many seconds be no time of the step."""
        self._began += second
        self._hold_began += second
        if self.time_end != self._clock_reason:
            self.wake += second
        self._heed_clock()
        for item in self.watches:
            if item.by_clock:
                item.value -= second
        self._last_time = math.nan
        self.look = math.inf

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

    def ended(self, result: Finished, at: float) -> bool:
        """Note how a step ended; True when the run must be held: steps end as they begin.

        Contact lost or a dead cell makes each step end within seconds; a loop of 500 cycles must
        not be done in a minute.
        """
        self.walker.finished(result)
        if not self.sign or result.reason.rstrip("_0123456789") in NOT_FAST:
            if self.sign:
                self._short_steps = 0
            return False
        short = at - self._began < self._limits.fast_second
        self._short_steps = self._short_steps + 1 if short else 0
        return self._short_steps >= self._limits.fast_steps

    def state(self, now: float = 0.0) -> dict[str, Any]:
        """Return where the program stands, as plain values; times as seconds before now."""
        return {
            **self.walker.state(),
            "time_end": str(self.time_end),
            "step": taken(self, KEPT, TIMES, now),
            **({"watches": [item.state(now) for item in self.watches]} if self.watches else {}),
        }

    def restore(self, state: Mapping[str, Any], now: float) -> StepPlan:
        """Stand where a state was taken, inside the same step, as if now were that instant."""
        self.plan = self.walker.restore(state)
        put_back(self, state["step"], KEPT, TIMES, now)
        self.time_end = state["time_end"]
        self._target = self.plan.hold_volt if self.plan.has_hold else self.plan.end_volt
        kept = [
            item for item in self.plan.watched if item.end.kind != "clock" or self.plan.all_ends
        ]
        self.watches = tuple(watch(item, self.sign, self.walker.marks) for item in kept)
        for judge, seen in zip(self.watches, state.get("watches", ()), strict=True):
            judge.restore(seen, now)
        return self.plan

    def resume(self, state: Mapping[str, Any], now: float, away: float, net_ah: float) -> None:
        """Stand inside the step of an earlier run; called once `begin` has begun it in this one.

        Parameters
        ----------
        away : float
            Seconds since the state was taken: time of a rest or a clock, not of a driven step.
        net_ah : float
            Net charge of the earlier run at the state: this one counts from zero.
        """
        sign, ampere, bound = self.sign, self._set, self._bound
        driven = self.plan.driven
        self.restore(state, now if driven else now - away)
        self.sign, self._set, self._bound = sign, ampere, bound
        self._suspect, self._doubt = False, ""
        self._below = 0
        self.look, self._last_time = math.inf, math.nan
        self.net_before -= net_ah
        marks = self.walker.marks
        marks.update({name: mark - net_ah for name, mark in marks.items()})
        for item in self.watches:
            item.sign = sign
            item.mark -= net_ah
            if driven and item.by_clock:
                item.value -= away
        if driven:
            self._clock -= away
            if self.time_end == self._clock_reason:
                self.wake = self._clock
            self._heed_clock()
