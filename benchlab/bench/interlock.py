"""Says whether an interlock is safe, from what its device told last; pure."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

__all__ = ["Interlock"]


@dataclass(frozen=True, slots=True)
class Interlock:
    """What must hold for tests to go on.

    Attributes
    ----------
    input : int or None
        Of a relay board, from 1: it carries current while all is well, so that a wire that broke
        is as good as an emergency stop that was pressed.
    column : str
        Of a sensor.
    low_celsius, high_celsius : float
        Between which the column must be; infinite: no limit.
    alarms : bool
        Whether a chamber must complain of nothing.
    silent_second : float
        How old what is known may be.
    """

    name: str
    device: str
    input: int | None = None
    column: str = ""
    low_celsius: float = -math.inf
    high_celsius: float = math.inf
    alarms: bool = False
    silent_second: float = 10.0

    def cause(self, told: Mapping[str, Any], age_second: float) -> str:
        """Return why tests must end; empty: they need not.

        Parameters
        ----------
        told : Mapping
            The device's newest reading; a value that is None could not be read.
        age_second : float
            Of that reading; of the watch itself, where nothing was told yet.
        """
        if age_second > self.silent_second:
            return f"interlock {self.name}: {self.device} is silent for {age_second:.1f} s"
        if not told:
            return ""
        if self.input is not None:
            return self._of_input(told.get("inputs") or ())
        if self.alarms:
            complaints = ", ".join(map(str, told.get("alarms") or ()))
            return (
                f"interlock {self.name}: {self.device} reports {complaints}" if complaints else ""
            )
        return self._of_value((told.get("values") or {}).get(self.column))

    def _of_input(self, inputs: Sequence[bool]) -> str:
        number = self.input or 0
        if number > len(inputs):
            return f"interlock {self.name}: {self.device} has no input {number}"
        if inputs[number - 1]:
            return ""
        return f"interlock {self.name}: input {number} of {self.device} is open"

    def _of_value(self, value: float | None) -> str:
        if value is None or not math.isfinite(value):
            return f"interlock {self.name}: {self.column} of {self.device} cannot be read"
        if self.low_celsius <= value <= self.high_celsius:
            return ""
        bound = self.low_celsius if value < self.low_celsius else self.high_celsius
        side = "below" if value < self.low_celsius else "above"
        return f"interlock {self.name}: {self.device} at {value:.2f} degC, {side} {bound:g} degC"
