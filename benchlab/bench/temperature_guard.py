"""Says of each temperature whether the cell is safe, and of a sensor that fell silent; pure."""

from __future__ import annotations

import math

from benchlab.bench.guard import Trip
from benchlab.model.limits import RunLimits, Span

__all__ = ["TemperatureGuard"]

RISE_SECOND = 60.0
RISE_LEAST_SECOND = 20.0
_PARTS = 12


class TemperatureGuard:
    """Watches the surface temperature of one run.

    A value beyond a limit of the cell type trips at once, as a lost sensor does once its last value
    is too old; a value beyond a limit of the protocol trips with the next one that agrees.
    """

    def __init__(self, limits: RunLimits) -> None:
        self._limits = limits
        self._heard = self._judged = math.nan
        self._celsius = math.nan
        self._doubt = False
        self._latest: list[float] = []
        self._past: list[tuple[float, float]] = []

    @property
    def asked(self) -> bool:
        """Whether any limit of temperature is set."""
        limits = self._limits
        return bool(
            limits.charging_celsius
            or limits.otherwise_celsius
            or limits.hard_charging_celsius
            or limits.hard_otherwise_celsius
            or limits.rise_kelvin
        )

    def begin(self, now: float) -> None:
        """Count the sensor's silence from here on."""
        self._heard = now

    def reading(self, time: float, celsius: float, *, charging: bool) -> Trip | None:
        """Judge a temperature once; one that is no number is a fault of the sensor, and silence.

        Parameters
        ----------
        time : float
            Clock seconds at which it was measured.
        """
        if math.isnan(celsius) or time == self._judged:
            return None
        self._heard = self._judged = time
        self._celsius = celsius
        limits = self._limits
        hard = limits.hard_charging_celsius if charging else limits.hard_otherwise_celsius
        own = limits.charging_celsius if charging else limits.otherwise_celsius
        word = "while charging" if charging else "while not charging"
        if _beyond(celsius, hard):
            cause = f"surface at {celsius:.2f} degC, beyond {_words(hard)} {word}"
            return Trip(cause, "cell type", spreads=hard is not None and celsius > hard[1])
        rise = self._rise(time, celsius)
        cause, owner = "", "protocol"
        if _beyond(celsius, own):
            cause = f"surface at {celsius:.2f} degC, beyond {_words(own)} {word}"
        elif limits.rise_kelvin is not None and rise > limits.rise_kelvin:
            cause = f"the surface warms by {rise:.2f} K in a minute"
            owner = "cell type" if limits.rise_kelvin == limits.hard_rise_kelvin else owner
        doubted, self._doubt = self._doubt, bool(cause)
        hot = bool(cause) and owner == "cell type"
        return Trip(cause, owner, spreads=hot) if cause and doubted else None

    def before_charging(self) -> Trip | None:
        """Judge the latest temperature as if the cell were being charged."""
        limits, celsius = self._limits, self._celsius
        if _beyond(celsius, limits.hard_charging_celsius):
            span, owner = limits.hard_charging_celsius, "cell type"
        elif _beyond(celsius, limits.charging_celsius):
            span, owner = limits.charging_celsius, "protocol"
        else:
            return None
        return Trip(f"surface at {celsius:.2f} degC, beyond {_words(span)} to charge", owner)

    def tick(self, now: float) -> Trip | None:
        """Judge the sensor's silence."""
        quiet = now - self._heard
        if self.asked and quiet > self._limits.sensor_silence_second:
            return Trip(f"no temperature for {quiet:.1f} s: the sensor is lost", "bench")
        return None

    def _rise(self, time: float, celsius: float) -> float:
        """Return the rise over a minute, kelvins a minute; 0 while too little is known.

        Of three readings the middle one counts: a single false one is no rise, now or later.
        """
        self._latest = [*self._latest[-2:], celsius]
        if len(self._latest) < 3:
            return 0.0
        celsius = sorted(self._latest)[1]
        past = self._past
        if not past or time - past[-1][0] >= RISE_SECOND / _PARTS:
            past.append((time, celsius))
        while len(past) > 1 and time - past[1][0] >= RISE_SECOND:
            del past[0]
        since = time - past[0][0]
        if since < RISE_LEAST_SECOND:
            return 0.0
        return (celsius - past[0][1]) / since * 60.0


def _beyond(celsius: float, span: Span | None) -> bool:
    return span is not None and not math.isnan(celsius) and not span[0] <= celsius <= span[1]


def _words(span: Span | None) -> str:
    return "" if span is None else f"{span[0]:g} to {span[1]:g} degC"
