"""What every step of an expansion needs: the cell, C, the limits, and how to refuse."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from benchlab.errors import ProtocolError
from benchlab.model.amount import Amount, UnknownAmount
from benchlab.model.cell import Cell
from benchlab.model.limits import RunLimits
from benchlab.model.protocol import Located, Protocol
from benchlab.model.refusals import Refusals
from benchlab.model.resolve import NARROW
from benchlab.model.validate import place

__all__ = ["Context"]

_REMEDIES = {
    "C": "Add capacity: {C: 0.2 Ah, basis: nominal} to the protocol.",
    "area": "Add area: 1.54 cm2 to the cell.",
    "mass": "Add active_mass: 12.3 mg to the cell.",
}
AT_THE_START = ("C", "nominal", "area", "mass")


@dataclass
class Context:
    """The protocol under expansion.

    Attributes
    ----------
    capacity_ah : float or None
        C as stated; None: nobody states it, and `bound_capacity_ah` serves bounds in time alone.
    largest_c_ah : float
        The largest that C may become by ``set: C``.
    c_may_change : bool
        Whether the protocol sets C on its way.
    formed : bool
        Whether the step under expansion comes after ``arm: low_once_formed``.
    """

    protocol: Protocol
    cell: Cell
    capacity_ah: float | None
    bound_capacity_ah: float
    limits: RunLimits
    notes: list[str] = field(default_factory=list)
    known: dict[str, float] = field(default_factory=dict)
    largest_c_ah: float = 0.0
    c_may_change: bool = False
    formed: bool = False
    problems: Refusals = field(default_factory=Refusals)

    def __post_init__(self) -> None:
        self.known["nominal"] = self.bound_capacity_ah
        if self.capacity_ah is not None:
            self.known["C"] = self.capacity_ah
            self.largest_c_ah = self.capacity_ah
        if self.cell.area_cm2 is not None:
            self.known["area"] = self.cell.area_cm2
        if self.cell.active_mass is not None:
            self.known["mass"] = self.cell.active_mass

    def where(self, at: Located, key: str = "") -> str:
        """Return file, line and field of a step, or of one of its keys."""
        name = f"{at.field}.{key}" if key else at.field
        return place(at.source, at.node.line_of((key,)), name)

    def fail(
        self, at: Located, what: str, remedy: str, key: str = "", check: str = "protocol"
    ) -> ProtocolError:
        """Return the refusal of a step, with file, line and field."""
        return ProtocolError(what, where=self.where(at, key), remedy=remedy, check=check)

    def depends(self, amount: Amount) -> bool:
        """Say whether an amount can be another one when its step begins."""
        if amount.variable or (amount.of and amount.of not in AT_THE_START):
            return True
        return amount.of == "C" and self.c_may_change

    def number(self, at: Located, amount: Amount, key: str) -> float:
        """Return an amount as it is at the start; NaN where it hangs on something measured.

        Raises
        ------
        benchlab.errors.ProtocolError
            It hangs on something that must be stated and is not.
        """
        try:
            return amount.number(self.known)
        except UnknownAmount as problem:
            if problem.of not in AT_THE_START:
                return math.nan
            remedy = _REMEDIES[problem.of]
            raise self.fail(at, f"{problem}.", remedy, key, "missing-capacity") from None

    def largest(self, amount: Amount, number: float) -> float:
        """Return the largest that a number can become when C is set to what was measured."""
        if amount.of == "C" and self.c_may_change and self.capacity_ah:
            return number * self.largest_c_ah / self.capacity_ah
        return number

    @property
    def low_volt(self) -> float:
        """The lower voltage limit at the step under expansion."""
        formed = self.limits.formed_low_volt
        if self.formed and formed is not None:
            return max(formed, self.limits.low_volt)
        return self.limits.low_volt

    def check_voltage(self, at: Located, volt: float, key: str) -> None:
        """Refuse a voltage outside the limits."""
        low, high = self.low_volt, self.limits.high_volt
        if not low <= volt <= high:
            raise self.fail(
                at,
                f"found {volt:g} V, which is outside the limits {low:g} V to {high:g} V.",
                "Change the step. " + NARROW,
                key,
                "beyond-limits",
            )

    def check_current(
        self, at: Located, amount: Amount, ampere: float, direction: int, key: str
    ) -> None:
        """Refuse a current beyond the limit of its direction (0: of both)."""
        limits = self.limits
        bound = {1: limits.charge_ampere, -1: limits.discharge_ampere}.get(
            direction, min(limits.charge_ampere, limits.discharge_ampere)
        )
        largest = self.largest(amount, ampere)
        if largest > bound:
            grown = "" if largest == ampere else f" (with C set to {self.largest_c_ah:g} Ah)"
            raise self.fail(
                at,
                f"found {amount.text} = {largest:g} A{grown}, which is beyond the limit of"
                f" {bound:g} A.",
                "Lower the current, or choose the cell type that allows it. " + NARROW,
                key,
                "beyond-limits",
            )
