"""A cell with nothing at its terminals, for instruments around it that are served alone."""

from __future__ import annotations

from benchlab.bench.clock import Clock
from benchlab.bench.twin import TwinSpec
from benchlab_drivers.cells import make_cell

__all__ = ["AloneCell"]


class AloneCell:
    """A simulated cell on open circuit; a `benchlab.bench.twin.Surrounded`.

    Parameters
    ----------
    spec : TwinSpec

    Raises
    ------
    benchlab.errors.UsageError
        Where there is no such cell.
    """

    def __init__(self, clock: Clock, spec: TwinSpec) -> None:
        self._clock = clock
        self.cell = make_cell(spec, clock.now)

    def surface_temperature_celsius(self) -> float:
        """Return the temperature of the cell's surface at this instant of the clock."""
        return self.cell.surface_celsius(self._clock.now)

    def set_ambient_celsius(self, celsius: float) -> None:
        """Let the air around the cell have this temperature from this instant of the clock on."""
        self.cell.set_ambient_celsius(self._clock.now, celsius)
