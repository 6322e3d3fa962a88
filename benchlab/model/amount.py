"""A number with its unit that may hang on something known only later: C, an area, another step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Amount", "UnknownAmount"]


class UnknownAmount(ValueError):
    """What an amount is a share of is not known (yet).

    Attributes
    ----------
    of : str
        The name that is missing.
    """

    def __init__(self, text: str, of: str) -> None:
        super().__init__(f"found '{text}', but {WHY.get(of, f'nothing is known of {of!r}')}")
        self.of = of


WHY = {
    "C": "no capacity says what C is",
    "area": "no area of the cell is stated",
    "mass": "no active mass of the cell is stated",
}


@dataclass(frozen=True, slots=True)
class Amount:
    """A magnitude in `unit`, or a share of what `of` names.

    Attributes
    ----------
    unit : str
        ``A``, ``V``, ``Ah``, ``Wh``, ``W``, ``ohm``, ``s``, ``degC``, ``Pa``.
    value : float
        In that unit, or to be multiplied by what `of` names: 0.05 (per hour) of C is C/20.
    of : str
        ``C``, ``area`` (per cm2), ``mass`` (per g), a kept value's name, or a result such as
        ``capacity of first dis``; empty: the value stands alone.
    variable, slope
        A loop's variable is multiplied by the slope and added to the value: ``(100 % - soc)``.
    text : str
        As written.
    """

    unit: str
    value: float
    of: str = ""
    variable: str = ""
    slope: float = 0.0
    text: str = field(default="", compare=False)

    def number(self, known: Mapping[str, float]) -> float:
        """Return the number in its unit.

        Raises
        ------
        UnknownAmount
            `known` lacks what it hangs on.
        """
        value = self.value
        if self.variable:
            value += self.slope * self._of(known, self.variable)
        return value * self._of(known, self.of) if self.of else value

    def _of(self, known: Mapping[str, float], name: str) -> float:
        found = known.get(name)
        if found is None:
            raise UnknownAmount(self.text, name)
        return found
