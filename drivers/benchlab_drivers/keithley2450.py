"""Keithley 2450 source measure unit: 1 A up to 20 V, SCPI command set, stepped by the host."""

from __future__ import annotations

from benchlab.bench.clock import Clock
from benchlab.bench.roles import Source
from benchlab.bench.twin import Twin, TwinSpec
from benchlab_drivers._keithley_smu import READ, KeithleySmu, capabilities_of
from benchlab_drivers.wire.keithley_sheets import SHEET_2450
from benchlab_drivers.wire.transport import DirectTransport, Transport, open_transport
from benchlab_drivers.wire.who import scpi

__all__ = ["CAPABILITIES", "READ", "WHO", "connect", "driver_on", "simulate"]

CAPABILITIES = capabilities_of(SHEET_2450)
WHO = scpi("KEITHLEY", SHEET_2450.model)


def driver_on(line: Transport, clock: Clock, resource: str) -> Source:
    """Return the driver on a line; nothing was sent yet."""
    return KeithleySmu(line, clock, SHEET_2450, resource=resource)


def connect(resource: str, clock: Clock) -> Source:
    """Return the driver on an open line to a VISA resource; nothing was sent yet.

    Raises
    ------
    benchlab.errors.LinkRefused
    """
    return driver_on(open_transport(resource, clock), clock, resource)


def simulate(clock: Clock, spec: TwinSpec) -> tuple[Source, Twin]:
    """Return the driver on a simulated 2450 in this process, and the cell behind it."""
    from benchlab_drivers.sim.keithley2450 import make

    instrument = make(clock, spec)
    return driver_on(DirectTransport(instrument), clock, "sim:keithley2450"), instrument
