"""Keithley 2460 source measure unit: 7 A up to 7 V, 4 A up to 20 V, stepped by the host.

Unconfirmed: everything that `benchlab_drivers.wire.keithley_sheets` names as such; the 2460 is
taken to have the tables of the 2461.
"""

from __future__ import annotations

from benchlab.bench.clock import Clock
from benchlab.bench.roles import Source
from benchlab.bench.twin import Twin, TwinSpec
from benchlab_drivers._keithley_smu import KeithleySmu, capabilities_of
from benchlab_drivers.wire.keithley_sheets import SHEET_2460
from benchlab_drivers.wire.transport import DirectTransport, Transport, open_transport
from benchlab_drivers.wire.who import scpi

__all__ = ["CAPABILITIES", "WHO", "connect", "driver_on", "simulate"]

CAPABILITIES = capabilities_of(SHEET_2460)
WHO = scpi("KEITHLEY", SHEET_2460.model)


def driver_on(line: Transport, clock: Clock, resource: str) -> Source:
    """Return the driver on a line; nothing was sent yet."""
    return KeithleySmu(line, clock, SHEET_2460, resource=resource)


def connect(resource: str, clock: Clock) -> Source:
    """Return the driver on an open line to a VISA resource; nothing was sent yet.

    Raises
    ------
    benchlab.errors.LinkRefused
    """
    return driver_on(open_transport(resource, clock), clock, resource)


def simulate(clock: Clock, spec: TwinSpec) -> tuple[Source, Twin]:
    """Return the driver on a simulated 2460 in this process, and the cell behind it."""
    from benchlab_drivers.sim.keithley2460 import make

    instrument = make(clock, spec)
    return driver_on(DirectTransport(instrument), clock, "sim:keithley2460"), instrument
