"""Reads what stands around the cell while a run goes on: sensors, and a chamber."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from benchlab.bench.surroundings import Chamber, ChamberState, Sensed, Sensor
from benchlab.errors import BenchError, LinkError

__all__ = ["SURFACE", "Surroundings"]

SURFACE = "surface_temperature_celsius"
PERIOD_SECOND = 2.0


class Surroundings:
    """The sensors and the chamber of one channel.

    Attributes
    ----------
    values : dict
        The latest value of each sensor's channel, by column name.
    lost : dict
        What was wrong with each sensor when it was read last.
    """

    def __init__(self, sensors: Sequence[Sensor] = (), chamber: Chamber | None = None) -> None:
        self.sensors = tuple(sensors)
        self.chamber = chamber
        self.values: dict[str, float] = {}
        self.lost: dict[int, str] = {}
        self._due = -math.inf

    def __bool__(self) -> bool:
        return bool(self.sensors)

    @property
    def channels(self) -> frozenset[str]:
        """The columns that the sensors give."""
        return frozenset(name for sensor in self.sensors for name in sensor.channels)

    def is_due(self, now: float) -> bool:
        """Say whether the sensors are to be read again."""
        return bool(self.sensors) and now >= self._due

    def read(self, now: float) -> list[str]:
        """Read every sensor; return what changed for the worse or the better, in words.

        A sensor that does not answer is asked again on a line opened anew the next time; how long
        it may be silent is the guard's to say.
        """
        told = []
        period = max([PERIOD_SECOND, *(sensor.fastest_period_second for sensor in self.sensors)])
        self._due = now + period
        for place, sensor in enumerate(self.sensors):
            try:
                if place in self.lost:
                    sensor.recover()
                sensed: Sensed = sensor.read()
            except (LinkError, BenchError) as error:
                if place not in self.lost:
                    told.append(f"a sensor does not answer: {error.what}")
                self.lost[place] = error.what
                for name in sensor.channels:
                    self.values[name] = math.nan
                continue
            if self.lost.pop(place, None) is not None:
                told.append("the sensor answers again")
            self.values.update(sensed.values)
        return told

    def surface(self) -> float:
        """Return the latest surface temperature; NaN: none."""
        return self.values.get(SURFACE, math.nan)

    def live(self, voltage: float, current: float) -> Mapping[str, float]:
        """Return what is read now, for branches that ask."""
        return {**self.values, "voltage_volt": voltage, "current_ampere": current}

    def state(self) -> ChamberState | None:
        """Return what the chamber says, or None where it does not answer."""
        if self.chamber is None:
            return None
        try:
            return self.chamber.read()
        except LinkError:
            try:
                self.chamber.recover()
            except BenchError:
                return None
            return None
