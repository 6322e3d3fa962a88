"""What ends a run before its program does."""

from __future__ import annotations

from benchlab.bench.guard import Trip

__all__ = ["Ended", "tripped"]


class Ended(Exception):
    """The run is over before its program: stopped, tripped or held; the output is off.

    Attributes
    ----------
    trip : Trip or None
        What was beyond which limit, where one was.
    """

    def __init__(self, reason: str, text: str, trip: Trip | None = None) -> None:
        super().__init__(reason, text, trip)
        self.reason = reason
        self.text = text
        self.trip = trip


def tripped(trip: Trip) -> Ended:
    """Return what ends a run whose limit was passed."""
    text = f"{trip.cause} (limit of the {trip.owner}); output switched off"
    return Ended("tripped", text, trip)
