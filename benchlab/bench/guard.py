"""Says of each reading whether the cell is safe; pure, and asked before anything else.

A reading beyond a hard limit trips at once, unless its voltage leapt there from one reading to the
next: then the very next one, asked for at once, decides (docs/decisions/0007). A reading beyond a
limit of the protocol is suspect: further ones are asked for at once, and trip when they are beyond
too, for as long as the limit says that it must last.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchlab.bench.plain import put_back, taken
from benchlab.model.limits import RunLimits
from benchlab.model.program import Control, StepPlan

__all__ = ["Guard", "Suspect", "Trip"]

CONTACT_FRACTION = 0.5
RAIL_FRACTION = 0.02
NEAR_VOLT = 0.02
AT_RAIL_VOLT = 0.005
LEAP_VOLT = 0.25
"""No cell moves as far between two readings without its current being changed."""
IDLE_FRACTION = 0.1
"""A current larger than this share of the smaller limit flows where none was set."""
SILENCE_PERIODS = 10.0
SILENCE_LEAST_SECOND = 5.0


@dataclass(frozen=True, slots=True)
class Suspect:
    """A reading that must be confirmed at once."""

    cause: str


@dataclass(frozen=True, slots=True)
class Trip:
    """A reason to switch off: what was seen, and whose limit it was.

    Attributes
    ----------
    owner : {"cell type", "protocol", "bench"}
    spreads : bool
        Whether the cell endangers those that stand beside it.
    """

    cause: str
    owner: str
    spreads: bool = False


class Guard:
    """Watches one run.

    Parameters
    ----------
    limits : RunLimits
    period_second : float
        The control period; silence for ten of them (at least 5 s) trips.
    """

    __slots__ = (
        "_absent",
        "_bottom",
        "_bound",
        "_by_current",
        "_contact",
        "_cutoff",
        "_driven",
        "_formed",
        "_hard_low",
        "_heard",
        "_high",
        "_hold",
        "_idle",
        "_last",
        "_least_current",
        "_limits",
        "_low",
        "_most",
        "_open",
        "_rail",
        "_sign",
        "_silence",
        "_since",
        "_suspect",
        "_top",
        "_volt",
    )

    def __init__(self, limits: RunLimits, period_second: float) -> None:
        self._limits = limits
        self._silence = max(SILENCE_LEAST_SECOND, SILENCE_PERIODS * period_second)
        self._low, self._high = limits.low_volt, limits.high_volt
        self._hard_low = limits.hard_low_volt
        self._formed = False
        self._by_current = limits.by_current_only
        self._contact = True
        self._absent = False
        self._since = math.nan
        self._top, self._bottom = limits.charge_ampere, -limits.discharge_ampere
        self._idle = IDLE_FRACTION * min(limits.charge_ampere, limits.discharge_ampere)
        self._most = limits.step_charge_ah
        self._volt = math.nan
        self._heard = math.nan
        self._suspect = ""
        self._driven = self._hold = False
        self._open = True
        self._sign = 0
        self._least_current = 0.0
        self._bound = math.nan
        self._rail = math.inf
        self._cutoff = 0.0
        self._last = 0.0

    @property
    def low_volt(self) -> float:
        """The lower voltage limit at this time of the run."""
        return self._low

    def seen(self, voltage: float) -> None:
        """Tell at which voltage the cell was seen by somebody else."""
        self._volt = voltage

    def hear(self, time: float) -> None:
        """Count silence from here on: the run was paused."""
        self._heard = time

    def arm_formed(self) -> None:
        """Let the lower voltage limits of a formed cell hold from here on."""
        limits = self._limits
        self._formed = True
        if limits.formed_low_volt is not None:
            self._low = max(self._low, limits.formed_low_volt)
        if limits.hard_formed_low_volt is not None:
            self._hard_low = max(self._hard_low, limits.hard_formed_low_volt)

    def begin(self, plan: StepPlan, sign: int, bound_volt: float, time: float) -> None:
        """Tell what the output was set to.

        Parameters
        ----------
        sign : int
            The direction of the current, +1 or -1; 0 in a rest.
        bound_volt : float
            The voltage at which the instrument itself stops the current from growing.
        """
        self._driven = plan.driven
        self._open = plan.is_open
        self._hold = plan.has_hold
        self._rail = bound_volt - AT_RAIL_VOLT
        self._sign = sign
        self._least_current = CONTACT_FRACTION * abs(plan.current_ampere)
        self._bound = bound_volt
        self._cutoff = 0.0 if math.isnan(plan.cutoff_ampere) else plan.cutoff_ampere
        self._last = 0.0
        self._suspect = ""
        self._heard = time
        # a sweep's current is whatever the cell gives
        self._contact = plan.control is not Control.SWEEP
        self._absent = plan.cell_may_leave

    def level(self, ampere: float, bound_volt: float) -> None:
        """Tell that the host set another current within the step; signed, 0 for none."""
        self._sign = 0 if ampere == 0.0 else int(math.copysign(1, ampere))
        self._driven = self._sign != 0
        self._least_current = CONTACT_FRACTION * abs(ampere)
        self._bound = bound_volt
        self._rail = bound_volt - AT_RAIL_VOLT
        self._last = 0.0

    def idle(self, time: float, bound_volt: float) -> None:
        """Tell that the output regulates 0 A for a look at the cell."""
        self._driven = self._open = self._hold = self._absent = False
        self._contact = True
        self._rail = bound_volt - AT_RAIL_VOLT
        self._suspect = ""
        self._heard = time

    def reading(
        self, time: float, voltage: float, current: float, charge: float
    ) -> Suspect | Trip | None:
        """Judge a reading; None: safe.

        Parameters
        ----------
        charge : float
            Net charge of the step so far, Ah.
        """
        quiet, self._heard = time - self._heard, time
        if quiet > self._silence:
            return Trip(f"no reading for {quiet:.1f} s", "bench")
        if (
            self._low <= voltage <= self._high
            and self._bottom <= current <= self._top
            and -self._most <= charge <= self._most
        ):
            if not self._contact:
                self._suspect = ""
                self._volt = voltage
                return None
            if not self._driven:
                if not -self._idle <= current <= self._idle:
                    return self._unasked(time, current)
                # 0 A regulated into an open lead drive it to the bound
                if self._open or voltage < self._rail:
                    self._suspect = ""
                    self._volt = voltage
                    return None
                return self._confirm(
                    time, f"contact lost: the leads stand at {voltage:g} V without current", "bench"
                )
            flowing = current * self._sign
            if flowing >= self._least_current or not self._lost(voltage, flowing):
                self._last = flowing
                self._suspect = ""
                self._volt = voltage
                return None
            what = (
                "contact lost" if flowing > -self._least_current / 10.0 else "the wrong way round"
            )
            return self._confirm(
                time,
                f"{what}: {current:g} A flow at {voltage:g} V where"
                f" {2 * self._sign * self._least_current:g} A were set",
                "bench",
            )
        if self._absent and self._open and abs(current) <= self._top:
            return None  # the cell is away: its leads stand anywhere
        if self._open and voltage != voltage:
            if -self._idle <= current <= self._idle:
                self._suspect = ""
                return None
            return self._unasked(time, current)
        return self._judge(time, voltage, current, charge)

    def tick(self, now: float) -> Trip | None:
        """Judge silence: no reading for too long is as bad as a bad one."""
        quiet = now - self._heard
        if quiet > self._silence:
            return Trip(f"no reading for {quiet:.1f} s", "bench")
        return None

    def _lost(self, voltage: float, flowing: float) -> bool:
        """Say whether too little current flows for a cell that is connected."""
        if abs(voltage - self._bound) > NEAR_VOLT:
            return not self._by_current or abs(flowing) < 0.1 * self._least_current
        if self._by_current:
            return False  # a reservoir that ran empty is gone as suddenly as a lead
        # at its bound a connected cell's current falls slowly; an open lead's is gone at once
        least = max(RAIL_FRACTION * self._least_current / CONTACT_FRACTION, self._cutoff)
        if not self._hold:
            return flowing < 0.1 * least
        return flowing < -least or (flowing < 0.1 * least and self._last > least)

    def _judge(self, time: float, voltage: float, current: float, charge: float) -> Suspect | Trip:
        limits = self._limits
        if voltage != voltage or current != current:
            return self._confirm(time, "the instrument reports overrange or no number", "bench")
        hard_current = -limits.hard_discharge_ampere <= current <= limits.hard_charge_ampere
        leapt = abs(voltage - self._volt) > LEAP_VOLT
        if hard_current and leapt and not self._hard_low <= voltage <= limits.hard_high_volt:
            cause = f"voltage {voltage:g} V where the cell stood at {self._volt:g} V just before"
            return self._confirm(time, cause, "cell type")
        for seen, low, high, unit, word in (
            (voltage, self._hard_low, limits.hard_high_volt, "V", "voltage"),
            (current, -limits.hard_discharge_ampere, limits.hard_charge_ampere, "A", "current"),
        ):
            if not low <= seen <= high:
                return Trip(
                    f"{word} {seen:g} {unit} beyond {low if seen < low else high:g} {unit}",
                    "cell type",
                )
        if not self._low <= voltage <= self._high:
            bound = self._low if voltage < self._low else self._high
            return self._confirm(time, f"voltage {voltage:g} V beyond {bound:g} V", "protocol")
        if not self._bottom <= current <= self._top:
            bound = self._bottom if current < self._bottom else self._top
            return self._confirm(time, f"current {current:g} A beyond {bound:g} A", "protocol")
        return Trip(f"{abs(charge):g} Ah moved in one step, beyond {self._most:g} Ah", "protocol")

    def _unasked(self, time: float, current: float) -> Suspect | Trip:
        where = "though the circuit is open" if self._open else "where none was set"
        return self._confirm(time, f"{current:g} A flow {where}", "bench")

    def _confirm(self, time: float, cause: str, owner: str) -> Suspect | Trip:
        """Trip when the readings before were suspect too, for as long as it must last."""
        if not self._suspect:
            self._suspect, self._since = cause, time
        elif owner != "protocol" or time - self._since >= self._limits.must_last_second:
            return Trip(cause, owner)
        return Suspect(cause)

    def state(self, now: float) -> dict[str, Any]:
        """Return what was seen and set, as plain values; times as seconds before now."""
        kept: dict[str, Any] = taken(self, _KEPT, _TIMES, now)
        return kept

    def restore(self, state: Mapping[str, Any], now: float) -> None:
        """Guard on from a state, as if now were the instant it was taken at."""
        put_back(self, state, _KEPT, _TIMES, now)
        if self._formed:
            self.arm_formed()


_TIMES = frozenset({"_heard", "_since"})
_KEPT = {
    "_formed": False,
    "_contact": True,
    "_absent": False,
    "_since": math.nan,
    "_heard": math.nan,
    "_suspect": "",
    "_driven": False,
    "_hold": False,
    "_open": True,
    "_sign": 0,
    "_least_current": 0.0,
    "_bound": math.nan,
    "_rail": math.inf,
    "_cutoff": 0.0,
    "_last": 0.0,
    "_volt": math.nan,
}
