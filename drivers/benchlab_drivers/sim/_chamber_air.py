"""The air of a simulated chamber: how fast it follows its set point, and how it cools when idle.

    dT/dt = (T_set - T) / tau, never faster than the heating or the cooling rate
    dT/dt = (T_room - T) / tau_idle once it stands

Both have closed forms, so the air is exact at any time. Rates and time constants are typical of
chambers of this size, from no data sheet.
"""

from __future__ import annotations

import math

__all__ = ["ROOM_CELSIUS", "ChamberAir"]

ROOM_CELSIUS = 25.0
HEATING_KELVIN_PER_SECOND = 3.0 / 60.0
COOLING_KELVIN_PER_SECOND = 1.5 / 60.0
SECOND = 60.0
IDLE_SECOND = 1800.0
HOLDING_PERCENT_PER_KELVIN = 0.3
LEAST_PERCENT = 3.0
"""The heater balances the refrigerator, so it is never quite off while the chamber regulates."""


class ChamberAir:
    """Air at one temperature, regulated or left alone.

    Parameters
    ----------
    now : float
        Clock seconds at which it stands at room temperature; later times never run backwards.
    """

    def __init__(self, now: float) -> None:
        self._begin, self._celsius = now, ROOM_CELSIUS
        self._target: float | None = None

    def regulate(self, now: float, target: float | None) -> None:
        """Drive the air to `target` degrees Celsius from `now` on; None leaves it to the room."""
        if target != self._target:
            self._celsius = self.at(now)
            self._begin, self._target = now, target

    def at(self, now: float) -> float:
        """Return the temperature in degrees Celsius."""
        gap, rate, tau = self._law()
        span = now - self._begin
        end = self._celsius + gap
        steady = max(0.0, abs(gap) / rate - tau)
        if span < steady:
            return self._celsius + math.copysign(rate * span, gap)
        left = gap - math.copysign(rate * steady, gap) if steady else gap
        return end - left * math.exp(-(span - steady) / tau)

    def heater_percent(self, now: float) -> float:
        """Return what the heater gives of its power; 0 where the air is left alone."""
        if self._target is None:
            return 0.0
        celsius = self.at(now)
        gap = self._target - celsius
        slope = min(gap / SECOND, HEATING_KELVIN_PER_SECOND)
        holding = max(LEAST_PERCENT, HOLDING_PERCENT_PER_KELVIN * (celsius - ROOM_CELSIUS))
        percent = 100.0 * slope / HEATING_KELVIN_PER_SECOND + holding
        return min(max(percent, 0.0), 100.0)

    def _law(self) -> tuple[float, float, float]:
        """Return the gap at the beginning, the fastest change and the time constant."""
        if self._target is None:
            return ROOM_CELSIUS - self._celsius, math.inf, IDLE_SECOND
        gap = self._target - self._celsius
        rate = HEATING_KELVIN_PER_SECOND if gap > 0.0 else COOLING_KELVIN_PER_SECOND
        return gap, rate, SECOND
