"""Checks of a program that need no instrument: each a function from a program to remarks; pure."""

from __future__ import annotations

from collections.abc import Iterable

from benchlab.errors import ProtocolError
from benchlab.model.cell import Cell
from benchlab.model.checks.certain import conditions
from benchlab.model.checks.charge import step_charge
from benchlab.model.checks.formed import never_armed
from benchlab.model.checks.reach import far_ends, unreachable
from benchlab.model.checks.remark import Remark, Severity
from benchlab.model.checks.results import early_results
from benchlab.model.checks.size import sizes
from benchlab.model.program import Program
from benchlab.model.refusals import Refusals

__all__ = ["Remark", "Severity", "check_program", "in_order", "refuse"]


def check_program(program: Program, cell: Cell) -> list[Remark]:
    """Return what is to be said of a program before it starts, the worst first."""
    found = [
        *early_results(program),
        *conditions(program),
        *unreachable(program),
        *far_ends(program),
        *step_charge(program),
        *never_armed(program),
        *sizes(program, cell),
    ]
    if "C" not in program.known:
        found.append(
            Remark(
                "missing-capacity",
                Severity.NOTE,
                program.source,
                f"nothing says what C is; the {program.capacity_ah:g} Ah of the cell type bound"
                " times and charges only.",
                "Add capacity: {C: 0.2 Ah, basis: nominal} to the protocol.",
            )
        )
    return in_order(found)


def in_order(remarks: Iterable[Remark]) -> list[Remark]:
    """Return remarks with the worst first, each once."""
    order = list(Severity)
    return sorted(dict.fromkeys(remarks), key=lambda remark: order.index(remark.severity))


def refuse(remarks: Iterable[Remark]) -> None:
    """Refuse a program for its errors.

    Raises
    ------
    benchlab.errors.ProtocolError
        The first in the file; its `others` are the other ones.
    """
    found = Refusals()
    for remark in remarks:
        if remark.severity is Severity.ERROR:
            found.add(
                ProtocolError(
                    remark.reason, where=remark.where, remedy=remark.remedy, check=remark.name
                )
            )
    found.check()
