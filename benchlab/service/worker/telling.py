"""What a run records, told at the same time to whoever watches the worker."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from benchlab.bench.sink import Sink

__all__ = ["Newest", "TellingSink"]


class Newest:
    """The last reading that was recorded or kept, for snapshots.

    Attributes
    ----------
    row : tuple
        As it was recorded, in the order of the columns; empty: none yet.
    state : Mapping
        The last one that was kept.
    """

    def __init__(self) -> None:
        self.row: tuple[float, ...] = ()
        self.state: Mapping[str, Any] = {}

    def reading(self) -> dict[str, Any]:
        """Return voltage, current and when they were read; empty: nothing is known yet."""
        row, state = self.row, self.state
        if not row or state.get("test_time_second", -1.0) > row[0]:
            if "voltage_volt" not in state:
                return {}
            names = ("test_time_second", "unix_time_nanosecond", "voltage_volt", "current_ampere")
            found = {name: state[name] for name in names}
            charging, discharging, charged, discharged = state["counters"]
        else:
            found = {
                "test_time_second": row[0],
                "unix_time_nanosecond": row[1],
                "voltage_volt": row[2],
                "current_ampere": row[3],
                "surface_temperature_celsius": row[11],
            }
            charging, discharging, charged, discharged = row[7:11]
        return {
            **found,
            "charging_capacity_ah": charging,
            "discharging_capacity_ah": discharging,
            "charging_energy_wh": charged,
            "discharging_energy_wh": discharged,
        }


class TellingSink:
    """Records into a journal; events, states and steps are heard by somebody else, too.

    Parameters
    ----------
    heard
        Called from the run's thread with ``event`` or ``step`` and the content; returns at once.
    """

    def __init__(
        self,
        sink: Sink,
        newest: Newest,
        heard: Callable[[str, Mapping[str, Any]], None],
    ) -> None:
        self._sink = sink
        self._newest = newest
        self._heard = heard
        self._row = sink.row
        self.waiting: deque[dict[str, Any]] = deque()
        """Events of other threads: recorded with the next state."""
        self.clock = sink.clock
        self.intent = sink.intent
        self.spectrum = sink.spectrum
        self.end = sink.end

    def row(self, *values: float) -> None:
        """Take one row."""
        self._newest.row = values
        self._row(*values)

    def step(self, content: Mapping[str, Any]) -> None:
        """Take a step that ended."""
        self._sink.step(content)
        self._heard("step", content)

    def event(self, content: Mapping[str, Any]) -> None:
        """Take an event; whoever watches hears of it even if the disk takes nothing."""
        self._heard("event", content)
        self._sink.event(content)

    def state(self, content: Mapping[str, Any]) -> None:
        """Take counters, last reading and place in the program."""
        self._newest.state = content
        while self.waiting:
            at = ("test_time_second", "unix_time_nanosecond")
            self.event({**{name: content[name] for name in at}, **self.waiting.popleft()})
        self._sink.state(content)
