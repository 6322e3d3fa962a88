"""Where a run's rows, steps and events go; the journal is one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

__all__ = ["Sink"]


class Sink(Protocol):
    """Takes what a run records. Every method but `row` hands what it has to the system."""

    def row(self, *values: float) -> None:
        """Take one row, its values in the order of `benchlab.model.columns.ROW_COLUMNS`."""

    def step(self, content: Mapping[str, Any]) -> None:
        """Take a step that ended: one value for each of `STEP_COLUMNS`."""

    def event(self, content: Mapping[str, Any]) -> None:
        """Take an event: one value for each of `EVENT_COLUMNS`."""

    def spectrum(self, content: Mapping[str, Any]) -> None:
        """Take one point of a spectrum: one value for each of `SPECTRUM_COLUMNS`."""

    def state(self, content: Mapping[str, Any]) -> None:
        """Take counters, last reading and place in the program."""

    def end(self, content: Mapping[str, Any]) -> None:
        """Take the closing record."""

    def clock(self, content: Mapping[str, Any]) -> None:
        """Take what the host's clocks say together: monotonic, UTC, boot id."""

    def intent(self, content: Mapping[str, Any]) -> None:
        """Take what is about to be done to the output.

        ``{"output": "on", ...}`` is handed to the system before this returns; ``off`` is only
        gathered: nothing may stand between a decision and the output's going off.
        """
