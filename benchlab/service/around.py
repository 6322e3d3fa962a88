"""The sensors and the chamber of a run in the foreground: opened before it, released after it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from benchlab.bench.clock import Clock
from benchlab.bench.sensing import Surroundings
from benchlab.bench.surroundings import Chamber, Sensor
from benchlab.bench.twin import Twin
from benchlab.errors import UsageError
from benchlab.model.limits import RunLimits
from benchlab.service.channel import Channel

__all__ = ["around"]


@contextmanager
def around(
    sensors: Sequence[Channel],
    chamber: Channel | None,
    clock: Clock,
    twin: Twin | None,
    limits: RunLimits,
    note: Callable[[str], None],
) -> Iterator[Surroundings]:
    """Open sensors and chamber, arm the chamber's own limits, and release them at the end.

    Raises
    ------
    benchlab.errors.BenchError
        One of them is not there, or is something else.
    """
    opened: list[Sensor | Chamber] = []
    try:
        found: list[Sensor] = []
        for channel in sensors:
            sensor = channel.beside(clock, twin)
            if not hasattr(sensor, "channels"):
                raise UsageError(f"{channel.driver} is no sensor.", remedy="Use --chamber for it.")
            opened.append(sensor)
            identity = sensor.open()
            found.append(sensor)
            note(f"sensor: {identity.model} {identity.serial_number}")
        air: Chamber | None = None
        if chamber is not None:
            air = chamber.beside(clock, twin)
            if air is None or not hasattr(air, "set_temperature"):
                raise UsageError(f"{chamber.driver} is no chamber.", remedy="Use --sensor for it.")
            opened.append(air)
            identity = air.open()
            span = limits.hard_otherwise_celsius or limits.otherwise_celsius
            low, high = air.capabilities.temperature_celsius
            if span is not None:
                low, high = max(low, span[0]), min(high, span[1])
            air.arm(low, high)
            note(f"chamber: {identity.model} {identity.serial_number}, {low:g} to {high:g} degC")
        surroundings = Surroundings(found, air, clock)
        surroundings.start()
        try:
            yield surroundings
        finally:
            surroundings.stop()
    finally:
        for device in opened:
            device.close()
