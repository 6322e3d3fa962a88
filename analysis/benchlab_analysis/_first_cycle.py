"""The first cycle of a cell: what went in until the first full way back, and what came back."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from benchlab_analysis._phases import Phase, large

__all__ = ["FirstCycle", "first_cycle"]


class FirstCycle(NamedTuple):
    """Ah in and out, their ratio, and its half-width (NaN: no accuracy stated).

    Attributes
    ----------
    sign : int
        +1 where the first current charged.
    steps : tuple of int
        Of the input, and last the output.
    """

    sign: int
    put_in: float
    came_back: float
    efficiency: float
    half_width: float
    steps: tuple[int, ...]

    @property
    def said(self) -> str:
        """The efficiency with its interval, as far as that is known."""
        if self.half_width == self.half_width:
            return f"{self.efficiency:.4f} +- {self.half_width:.1e}"
        return f"{self.efficiency:.4f} (no accuracy of the current is stated: no interval)"

    @property
    def doubt(self) -> str:
        """Why it is hardly the first cycle of a fresh cell; empty where nothing speaks against."""
        if self.efficiency > 1.0:
            return (
                f"more came back than went in ({self.efficiency:.4f}): the run does not begin with "
                "an empty, fresh cell, and this is no first-cycle efficiency"
            )
        return ""


def first_cycle(found: Sequence[Phase]) -> FirstCycle | None:
    """Return the first cycle: every step of the first direction, then those of the other.

    A first charge in parts (a pause for gas) is one charge. None where the cell was driven in one
    direction only.
    """
    driven = large(found)
    if not driven:
        return None
    sign = driven[0].sign
    turn = next((place for place, phase in enumerate(driven) if phase.sign != sign), None)
    if turn is None:
        return None
    back = next(
        (place for place in range(turn, len(driven)) if driven[place].sign == sign), len(driven)
    )
    into, out = driven[:turn], driven[turn:back]
    put_in, came_back = sum(p.charge for p in into), sum(p.charge for p in out)
    ratio = came_back / put_in
    error_in = sum(p.charge_half_width for p in into)
    error_out = sum(p.charge_half_width for p in out)
    width = (error_out + ratio * error_in) / put_in
    steps = tuple(phase.number for phase in (*into, *out))
    return FirstCycle(sign, put_in, came_back, ratio, width, steps)
