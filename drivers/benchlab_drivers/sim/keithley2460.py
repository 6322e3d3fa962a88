"""A simulated Keithley 2460 with a simulated cell at its terminals, speaking its SCPI bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchlab_drivers.sim._keithley_smu import SimulatedKeithley
from benchlab_drivers.wire.keithley_sheets import SHEET_2460

if TYPE_CHECKING:
    from benchlab.bench.clock import Clock
    from benchlab.bench.twin import TwinSpec

__all__ = ["make"]


def make(clock: Clock, spec: TwinSpec) -> SimulatedKeithley:
    """Make a simulated 2460 with the cell of `spec` connected.

    Raises
    ------
    benchlab.errors.UsageError
        Where there is no such cell.
    """
    return SimulatedKeithley(clock, spec, SHEET_2460)
