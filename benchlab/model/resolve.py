"""What a protocol takes from the cell: which cell, what C is, and the limits of both."""

from __future__ import annotations

from benchlab.errors import ProtocolError
from benchlab.model.cell import Cell
from benchlab.model.limits import RunLimits
from benchlab.model.protocol import Protocol
from benchlab.model.validate import place

__all__ = ["NARROW", "capacity_of", "cell_of", "limits_of"]

NARROW = "A protocol can only narrow the limits of the cell type."


def cell_of(protocol: Protocol, cell: Cell | None) -> Cell:
    """Return the cell on the bench, or the one that the protocol itself names.

    Raises
    ------
    benchlab.errors.ProtocolError
        There is none, or the two are of different types.
    """
    if cell is None:
        if protocol.cell is None:
            raise ProtocolError(
                "no cell is named, so nothing says what it may see.",
                where=place(protocol.source, 1, "cell"),
                remedy="Add cell: {type: nmc811_graphite_pouch}, or give a cell file.",
            )
        return protocol.cell
    if protocol.cell is not None and protocol.cell.type != cell.type:
        raise ProtocolError(
            f"the protocol is for {protocol.cell.type.name}, the cell is {cell.type.name}.",
            where=place(protocol.source, protocol.lines.get("cell", 1), "cell.type"),
            remedy="Give the cell that the protocol is for, or change the protocol.",
        )
    return cell


def capacity_of(protocol: Protocol, cell: Cell) -> tuple[float | None, str]:
    """Return C in ampere hours (None: nobody states it) and its basis.

    Raises
    ------
    benchlab.errors.ProtocolError
        Protocol and cell disagree by more than a factor of two.
    """
    stated = protocol.header.capacity.C
    own = cell.capacity_ah
    if stated is None:
        return own, protocol.header.capacity.basis
    where = place(protocol.source, protocol.lines.get("capacity.C", 1), "capacity.C")
    capacity = stated.in_ah(None)
    if own is not None and not 0.5 <= capacity / own <= 2.0:
        raise ProtocolError(
            f"the protocol says C = {capacity:g} Ah, the cell says {own:g} Ah.",
            where=where,
            remedy="One of them is wrong by more than a factor of two; mend it.",
        )
    return capacity, protocol.header.capacity.basis


def limits_of(protocol: Protocol, cell: Cell, capacity_ah: float) -> RunLimits:
    """Return the limits of the cell type with the protocol's narrower ones beside them.

    Raises
    ------
    benchlab.errors.ProtocolError
        One of the protocol's is wider.
    """
    hard = cell.type.hard_limits
    own = protocol.header.limits
    # a hard current is a property of the cell's size, not of what a protocol calls C
    size = cell.capacity_ah or cell.type.nominal_capacity.in_ah(None)
    if cell.capacity_ah is None and protocol.header.capacity.C is not None:
        size = capacity_ah
    hard_charge = hard.current.charge.in_ampere(size)
    hard_discharge = hard.current.discharge.in_ampere(size)
    hard_step = hard.charge_in_one_step.in_ah(size)

    def narrowed(key: str, value: float | None, bound: float, sign: int, unit: str) -> float:
        if value is None:
            return bound
        if sign * (value - bound) > 0:
            raise ProtocolError(
                f"found {value:g} {unit}, which is wider than the cell type's {bound:g} {unit}.",
                where=place(protocol.source, protocol.lines.get(key, 1), key),
                remedy=NARROW,
            )
        return value

    current = own.current
    charge = current.charge.in_ampere(capacity_ah) if current.charge else None
    discharge = current.discharge.in_ampere(capacity_ah) if current.discharge else None
    step = own.charge_in_one_step.in_ah(capacity_ah) if own.charge_in_one_step else None
    low = narrowed("limits.voltage.low", own.voltage.low, hard.voltage.low, -1, "V")
    high = narrowed("limits.voltage.high", own.voltage.high, hard.voltage.high, 1, "V")
    if low >= high:
        raise ProtocolError(
            f"the lower limit ({low:g} V) is not below the upper one ({high:g} V).",
            where=place(protocol.source, protocol.lines.get("limits.voltage", 1), "limits.voltage"),
            remedy="Nothing was started; mend the file.",
        )
    return RunLimits(
        hard_low_volt=hard.voltage.low,
        hard_high_volt=hard.voltage.high,
        hard_charge_ampere=hard_charge,
        hard_discharge_ampere=hard_discharge,
        low_volt=low,
        high_volt=high,
        charge_ampere=narrowed("limits.current.charge", charge, hard_charge, 1, "A"),
        discharge_ampere=narrowed("limits.current.discharge", discharge, hard_discharge, 1, "A"),
        step_charge_ah=narrowed("limits.charge_in_one_step", step, hard_step, 1, "Ah"),
    )
