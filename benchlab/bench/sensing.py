"""Reads what stands around the cell while a run goes on: sensors, and a chamber."""

from __future__ import annotations

import math
import threading
from collections.abc import Mapping, Sequence

from benchlab.bench.clock import Clock
from benchlab.bench.surroundings import Chamber, ChamberState, Sensor
from benchlab.errors import BenchError

__all__ = ["SURFACE", "Surroundings"]

SURFACE = "surface_temperature_celsius"
PERIOD_SECOND = 2.0
VIRTUAL_PERIOD_SECOND = 10.0
"""On a virtual clock a scan holds up the cell's own instrument, so fewer are made."""


class Surroundings:
    """The sensors and the chamber of one channel.

    On a real clock the sensors are read in a thread of their own: a scan of thermocouples takes
    longer than a reading of the cell may be late.

    Attributes
    ----------
    values : dict
        The latest value of each sensor's channel, by column name; NaN where it is lost.
    heard : float
        Clock seconds of the latest surface temperature.
    """

    def __init__(
        self,
        sensors: Sequence[Sensor] = (),
        chamber: Chamber | None = None,
        clock: Clock | None = None,
        period_second: float = PERIOD_SECOND,
    ) -> None:
        self.sensors = tuple(sensors)
        self.chamber = chamber
        self.values: dict[str, float] = {}
        self.heard = math.nan
        self._clock = clock
        self._lost: set[int] = set()
        self._told: list[str] = []
        self._due = -math.inf
        self._lock = threading.Lock()
        self._over = threading.Event()
        self._thread: threading.Thread | None = None
        self._period = max([period_second, *(s.fastest_period_second for s in self.sensors)])

    def __bool__(self) -> bool:
        return bool(self.sensors)

    @property
    def channels(self) -> frozenset[str]:
        """The columns that the sensors give."""
        return frozenset(name for sensor in self.sensors for name in sensor.channels)

    def start(self) -> None:
        """Begin to read: on a real clock in a thread of its own."""
        if self.sensors and self._clock is not None and not self._clock.virtual:
            self._thread = threading.Thread(target=self._go_on, name="sensors", daemon=True)
            self._thread.start()

    def stop(self) -> None:
        """Read no more, and let the sensors' lines go."""
        self._over.set()
        if self._thread is not None:
            self._thread.join()

    def is_due(self, now: float) -> bool:
        """Say whether there is to be something new."""
        return bool(self.sensors) and now >= self._due

    def read(self, now: float) -> list[str]:
        """Bring `values` up to date; return what changed for the worse or the better, in words."""
        if self._thread is None:
            self._due = now + max(self._period, VIRTUAL_PERIOD_SECOND)
            self._scan()
        else:
            self._due = now + self._period / 2.0
        with self._lock:
            told, self._told = self._told, []
        return told

    def _go_on(self) -> None:
        while not self._over.is_set():
            self._scan()
            self._over.wait(self._period)

    def _scan(self) -> None:
        """Read every sensor once.

        One that does not answer is asked again on a line opened anew the next time; how long it
        may be silent is the guard's to say.
        """
        for place, sensor in enumerate(self.sensors):
            try:
                if place in self._lost:
                    sensor.recover()
                time, values = sensor.read()
            except BenchError as error:
                if place not in self._lost:
                    self._tell(f"a sensor does not answer: {error.what}")
                self._lost.add(place)
                self._take(dict.fromkeys(sensor.channels, math.nan), math.nan)
                continue
            if place in self._lost:
                self._lost.discard(place)
                self._tell("the sensor answers again")
            self._take(values, time)

    def _tell(self, text: str) -> None:
        with self._lock:
            self._told.append(text)

    def _take(self, values: Mapping[str, float], time: float) -> None:
        with self._lock:
            self.values = {**self.values, **values}
            if not math.isnan(values.get(SURFACE, math.nan)):
                self.heard = time

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
        except BenchError:
            try:
                self.chamber.recover()
            except BenchError:
                return None
            return None
