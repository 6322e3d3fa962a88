"""A simulated PalmSens Nexus; driven by the driver ``palmsens_methodscript``."""

from __future__ import annotations

from benchlab.bench.clock import Clock
from benchlab.bench.twin import TwinSpec
from benchlab_drivers.sim._palmsens_device import SimulatedMethodScript
from benchlab_drivers.sim._palmsens_serve import serve_stream
from benchlab_drivers.wire.methodscript_models import NEXUS

__all__ = ["make", "serve_stream"]


def make(clock: Clock, spec: TwinSpec) -> SimulatedMethodScript:
    """Make a simulated instrument on the cell of `spec`.

    Raises
    ------
    benchlab.errors.UsageError
        Where there is no such cell.
    """
    return SimulatedMethodScript(clock, spec, NEXUS)
