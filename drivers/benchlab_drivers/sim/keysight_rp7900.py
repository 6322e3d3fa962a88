"""A simulated Keysight RP7900 with a simulated cell at its terminals, speaking its SCPI bytes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchlab_drivers.sim._rp7900 import SimulatedRp7900
from benchlab_drivers.wire.rp7900_models import DEFAULT_MODEL

if TYPE_CHECKING:
    from benchlab.bench.clock import Clock
    from benchlab.bench.twin import TwinSpec

__all__ = ["make"]


def make(clock: Clock, spec: TwinSpec, model: str = DEFAULT_MODEL) -> SimulatedRp7900:
    """Make a simulated RP7900 with the cell of `spec` connected.

    Parameters
    ----------
    model : str
        A row of `benchlab_drivers.wire.rp7900_models.MODELS`.

    Raises
    ------
    benchlab.errors.UsageError
        Where there is no such cell.
    """
    return SimulatedRp7900(clock, spec, model)
