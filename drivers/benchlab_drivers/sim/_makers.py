"""Makes simulated instruments on cells that they share, and makes them anew after a reboot."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from inspect import signature
from typing import Any

from benchlab.bench.clock import Clock
from benchlab.bench.surroundings import Contact
from benchlab.bench.twin import TwinSpec
from benchlab_drivers.cells import make_cell
from benchlab_drivers.sim import simulator

__all__ = ["CellsAround", "Maker", "SharedCell"]


class SharedCell:
    """A simulated cell that several threads look at: one at a time, and never back in time.

    Everything else is the cell's own.
    """

    def __init__(self, clock: Clock, spec: TwinSpec) -> None:
        self._clock = clock
        self._cell = make_cell(spec, clock.now)
        self._lock = threading.RLock()
        self._latest = clock.now

    def _time(self, time: float) -> float:
        self._latest = max(self._latest, time)
        return self._latest

    def sample(self, time: float, lag: float = 0.0) -> tuple[float, float]:
        """Return voltage and current; see `benchlab_drivers.cells.circuit.Circuit`."""
        with self._lock:
            return self._cell.sample(self._time(time), lag)

    def set_source(self, time: float, *source: Any) -> None:
        """Connect a source."""
        with self._lock:
            self._cell.set_source(self._time(time), *source)

    def advance(self, time: float) -> None:
        """Let clock seconds pass."""
        with self._lock:
            self._cell.advance(self._time(time))

    def surface_celsius(self, time: float) -> float:
        """Return the temperature of the surface."""
        with self._lock:
            return self._cell.surface_celsius(self._time(time))

    def set_ambient_celsius(self, time: float, celsius: float) -> None:
        """Let the air around the cell have this temperature."""
        with self._lock:
            self._cell.set_ambient_celsius(self._time(time), celsius)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._cell, name)


class CellsAround:
    """Cells as a sensor on the first of them, or a chamber around all of them, sees them."""

    def __init__(self, clock: Clock, cells: Sequence[SharedCell]) -> None:
        self._clock = clock
        self._cells = tuple(cells)

    def surface_temperature_celsius(self) -> float:
        """Return the temperature of the first cell's surface at this instant of the clock."""
        return self._cells[0].surface_celsius(self._clock.now)

    def set_ambient_celsius(self, celsius: float) -> None:
        """Let the air around the cells have this temperature from now on."""
        for cell in self._cells:
            cell.set_ambient_celsius(self._clock.now, celsius)


class Maker:
    """Makes one instrument as it is after its power came on, each time on the same cell.

    Parameters
    ----------
    spec : TwinSpec
        Its cell where it has one of its own, and its errors.
    cells : sequence of SharedCell
        Those it shares: a source the first one, a chamber all of them.
    contact : Contact, optional
        The lead that a relay breaks.

    Attributes
    ----------
    role : {"source", "beside", "relay", "other"}
        Other: has its cell to itself.
    contact : Contact or None

    Raises
    ------
    benchlab.errors.UsageError
        There is no such simulator or cell.
    """

    def __init__(
        self,
        driver: str,
        clock: Clock,
        spec: TwinSpec,
        cells: Sequence[SharedCell] = (),
        contact: Contact | None = None,
    ) -> None:
        self._make = simulator(driver).make
        self._clock = clock
        self._spec = spec
        self._cell: Any = cells[0] if cells else None
        self._around = CellsAround(clock, cells) if cells else None
        self.contact = contact
        self._first = self._make(clock, spec)
        words = signature(type(self._first)).parameters
        if hasattr(self._first, "load") and hasattr(self._first, "reconnect"):
            self.role = "source"
        elif "twin" in words:
            self.role = "beside"
        else:
            self.role = "relay" if "contact" in words else "other"

    def __call__(self) -> Any:
        """Make it."""
        made, self._first = self._first or self._make(self._clock, self._spec), None
        if self.role == "source":
            if self._cell is None:
                self._cell = made.cell
            made.cell = made.load = self._cell
            made.reconnect()
        elif self.role == "beside" and self._around is not None:
            made = type(made)(
                self._clock, self._around, seed=self._spec.seed, ideal=self._spec.ideal
            )
        elif self.role == "relay" and self.contact is not None:
            made = type(made)(self._clock, self.contact)
        return made
