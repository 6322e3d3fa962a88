"""What stands around the cell of a channel: read by other processes, or simulated in this one."""

from __future__ import annotations

from contextlib import ExitStack

from benchlab.bench.clock import Clock
from benchlab.bench.sensing import Surroundings
from benchlab.bench.surroundings import Chamber, ChamberCapabilities, Sensor
from benchlab.bench.twin import Twin
from benchlab.errors import UsageError
from benchlab.model.limits import RunLimits
from benchlab.model.program import Program
from benchlab.service.bench_entries import ChannelEntry
from benchlab.service.channel import capabilities_beside
from benchlab.service.worker.remote import RemoteChamber, RemoteSensor
from benchlab.service.worker.shop import Shop
from benchlab.service.worker.start import Start

__all__ = ["beside", "chamber_span", "remote_chamber"]

LOOK_SECOND = 0.5
"""A value that another process has read costs nothing to look at."""


def beside(
    start: Start, clock: Clock, limits: RunLimits, twin: Twin | None
) -> tuple[Surroundings, ExitStack]:
    """Return what stands around a cell, and what lets go of it.

    Raises
    ------
    benchlab.errors.BenchError
        A device does not answer, is something else, or an interlock is open.
    """
    start.shop.interlocks.refuse(start.channel)
    with ExitStack() as undo:
        sensors = [_sensor(start, name, clock, twin, undo) for name in start.entry.sensors]
        chamber: Chamber | None = None
        if start.entry.chamber:
            chamber = _chamber(start, clock, limits, twin, undo)
        simulated = start.shop.bench.device(start.entry.instrument).simulated
        # a simulated sensor reads the cell that the run's own thread moves on
        surroundings = Surroundings(sensors, chamber, None if simulated else clock, LOOK_SECOND)
        surroundings.start()
        undo.callback(surroundings.stop)
        return surroundings, undo.pop_all()
    raise AssertionError


def remote_chamber(
    shop: Shop, entry: ChannelEntry, channel: str, program: Program
) -> RemoteChamber | None:
    """Return the chamber of a channel as another process keeps it; None: there is none such."""
    if not entry.chamber or shop.bench.device(entry.chamber).simulated:
        return None
    can: ChamberCapabilities = capabilities_beside(shop.bench.device(entry.chamber))
    if not isinstance(can, ChamberCapabilities):
        raise UsageError(f"{entry.chamber} is no chamber.", remedy="Mend bench.yaml.")
    points = [s.chamber_celsius for s in program.steps if s.chamber_celsius == s.chamber_celsius]
    return RemoteChamber(shop.devices.line(entry.chamber), can, channel, points)


def chamber_span(limits: RunLimits, can: ChamberCapabilities) -> tuple[float, float]:
    """Return between which temperatures the chamber of a run may be set, in degrees Celsius."""
    low, high = can.temperature_celsius
    span = limits.hard_otherwise_celsius or limits.otherwise_celsius
    return (low, high) if span is None else (max(low, span[0]), min(high, span[1]))


def _sensor(start: Start, name: str, clock: Clock, twin: Twin | None, undo: ExitStack) -> Sensor:
    device = start.shop.bench.device(name)
    sensor: Sensor
    if device.simulated:
        sensor = device.beside(clock, twin)
    else:
        sensor = RemoteSensor(start.shop.devices.line(name))
    if not hasattr(sensor, "channels"):
        raise UsageError(f"{name} is no sensor.", remedy="Mend bench.yaml.")
    undo.callback(sensor.close)
    sensor.open()
    return sensor


def _chamber(
    start: Start, clock: Clock, limits: RunLimits, twin: Twin | None, undo: ExitStack
) -> Chamber:
    chamber: Chamber | None = remote_chamber(
        start.shop, start.entry, start.channel, start.made.program
    )
    if chamber is None:
        chamber = start.shop.bench.device(start.entry.chamber).beside(clock, twin)
    held = chamber
    # a worker that is told to end leaves its test in the chamber for the next one
    undo.callback(lambda: None if start.leaves() else held.close())
    chamber.open()
    chamber.arm(*chamber_span(limits, chamber.capabilities))
    return chamber
