"""Keithley 2461 source measure unit: 7 A up to 7 V, 4 A up to 20 V, stepped by the host.

Its range of 10 A is for pulses only; direct current ends at 7.35 A on every range (reference
manual 2461-901-01 A, page 6-98). Unconfirmed: what `benchlab_drivers.wire.keithley_sheets` names.
"""

from __future__ import annotations

from benchlab.bench.clock import Clock
from benchlab.bench.roles import Source
from benchlab.bench.twin import Twin, TwinSpec
from benchlab_drivers._keithley_smu import KeithleySmu, capabilities_of
from benchlab_drivers.wire.keithley_sheets import SHEET_2461
from benchlab_drivers.wire.transport import DirectTransport, Transport, open_transport
from benchlab_drivers.wire.who import scpi

__all__ = ["CAPABILITIES", "WHO", "connect", "driver_on", "simulate"]

CAPABILITIES = capabilities_of(SHEET_2461)
WHO = scpi("KEITHLEY", SHEET_2461.model)


def driver_on(line: Transport, clock: Clock, resource: str) -> Source:
    """Return the driver on a line; nothing was sent yet."""
    return KeithleySmu(line, clock, SHEET_2461, resource=resource)


def connect(resource: str, clock: Clock) -> Source:
    """Return the driver on an open line to a VISA resource; nothing was sent yet.

    Raises
    ------
    benchlab.errors.LinkRefused
    """
    return driver_on(open_transport(resource, clock), clock, resource)


def simulate(clock: Clock, spec: TwinSpec) -> tuple[Source, Twin]:
    """Return the driver on a simulated 2461 in this process, and the cell behind it."""
    from benchlab_drivers.sim.keithley2461 import make

    instrument = make(clock, spec)
    return driver_on(DirectTransport(instrument), clock, "sim:keithley2461"), instrument
