"""What a source does at its terminals, as a falling staircase in the plane of voltage and current.

``(currents, voltages)``: below ``voltages[0]`` flows ``currents[0]``, between ``voltages[k - 1]``
and ``voltages[k]`` flows ``currents[k]``; at ``voltages[k]`` any current between its neighbours.
Positive current charges the cell. Currents fall, voltages rise, and there is one current more.
"""

from __future__ import annotations

__all__ = ["OPEN", "OpenLead", "Staircase", "current_source", "voltage_source"]

Staircase = tuple[tuple[float, ...], tuple[float, ...]]

OPEN: Staircase = ((0.0,), ())
"""Nothing connected."""


def voltage_source(volts: float, limit_ampere: float) -> Staircase:
    """Hold `volts` with at most `limit_ampere` in either direction."""
    return (limit_ampere, -limit_ampere), (volts,)


def current_source(ampere: float, limit_volt: float, beyond_ampere: float) -> Staircase:
    """Drive `ampere` while the voltage stays inside +-`limit_volt`.

    A cell beyond that limit is held there with up to `beyond_ampere`, which may be far more than
    was set.
    """
    return (
        (max(beyond_ampere, ampere), ampere, min(-beyond_ampere, ampere)),
        (-limit_volt, limit_volt),
    )


class OpenLead:
    """What a source meets where there is no cell: its own voltage, and no current.

    Attributes
    ----------
    held, stair
        As of a cell: whether the source holds a voltage, and which one of its staircase.
    """

    def __init__(self, source: Staircase) -> None:
        currents, volts = source
        falls = [k for k in range(len(volts)) if currents[k] >= 0.0 >= currents[k + 1]]
        self.held = bool(falls)
        self.stair = falls[-1] if falls else 0
        self._volt = volts[self.stair] if falls else 0.0

    def sample(self, time: float, lag: float = 0.0) -> tuple[float, float]:
        """Return volts and no current, whenever it is looked at."""
        return self._volt, 0.0
