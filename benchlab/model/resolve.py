"""What a protocol takes from the cell: which cell, what C is, and the limits of both."""

from __future__ import annotations

import math

from benchlab.errors import ProtocolError
from benchlab.model.amount import Amount, UnknownAmount
from benchlab.model.cell import Cell
from benchlab.model.limits import RunLimits, Span
from benchlab.model.protocol import Protocol
from benchlab.model.refusals import Refusals
from benchlab.model.validate import place

__all__ = ["NARROW", "capacity_of", "cell_of", "limits_of"]

BY_CURRENT = ("lithium_on_copper", "lithium_symmetric")
"""Roles whose voltage jumps when a reservoir is empty: it tells nothing about a lost contact."""
STATED = ("nominal_capacity", "active_mass", "area", "first_half_cycle", "role")
"""What a protocol may say of its cell, and what currents, limits and cycles hang on."""
NARROW = "A protocol can only narrow the limits of the cell type."


def cell_of(protocol: Protocol, cell: Cell | None) -> Cell:
    """Return the cell on the bench, or the one that the protocol itself names.

    Raises
    ------
    benchlab.errors.ProtocolError
        There is none, the two are of different types, or the protocol says something of its cell
        that would be left out without a word.
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
    for name in STATED if protocol.cell is not None else ():
        there, here = getattr(protocol.cell, name), getattr(cell, name)
        # a number of this very cell is better than the one that the protocol was written with
        if there is None or (here is not None and (name in STATED[:3] or here == there)):
            continue
        said = "says nothing of it" if here is None else f"says {here}"
        raise ProtocolError(
            f"the protocol says {name} of its cell, the cell on the bench {said}.",
            where=place(protocol.source, protocol.lines.get(f"cell.{name}", 1), f"cell.{name}"),
            remedy=f"State {name} in the cell's file, or remove it from the protocol.",
        )
    return cell


def capacity_of(protocol: Protocol, cell: Cell) -> tuple[float | None, str]:
    """Return C in ampere hours (None: nobody states it) and its basis.

    Raises
    ------
    benchlab.errors.ProtocolError
        Protocol and cell disagree by more than a factor of two, or a capacity by mass is stated for
        a cell without one.
    """
    stated = protocol.header.capacity.C
    own = cell.capacity_ah
    if stated is None:
        return own, protocol.header.capacity.basis
    where = place(protocol.source, protocol.lines.get("capacity.C", 1), "capacity.C")
    try:
        capacity = stated.number({} if cell.active_mass is None else {"mass": cell.active_mass})
    except UnknownAmount as problem:
        raise ProtocolError(
            f"{problem}.", where=where, remedy="Add active_mass to the cell: 12.3 mg"
        ) from None
    typical = cell.type.nominal_capacity.number({})
    if own is not None and not 0.5 <= capacity / own <= 2.0:
        raise ProtocolError(
            f"the protocol says C = {capacity:g} Ah, the cell says {own:g} Ah.",
            where=where,
            remedy="One of them is wrong by more than a factor of two; mend it.",
            check="implausible-size",
        )
    ratio = capacity / typical
    if own is None and stated.of and not 0.05 <= ratio <= 20.0:
        raise ProtocolError(
            f"C = {capacity:g} Ah by mass, where a cell of this type has about {typical:g} Ah.",
            where=where,
            remedy="A mass in mg for one in g is a factor of a thousand; mend mass or capacity.",
            check="implausible-size",
        )
    return capacity, protocol.header.capacity.basis


def limits_of(
    protocol: Protocol, cell: Cell, capacity_ah: float, problems: Refusals | None = None
) -> RunLimits:
    """Return the limits of the cell type with the protocol's narrower ones beside them.

    Parameters
    ----------
    problems : Refusals, optional
        Takes each of the protocol's that is wider, and the cell type's stands in its place; without
        it they are refused here.

    Raises
    ------
    benchlab.errors.ProtocolError
        A limit hangs on what nobody states, or the lower one is not below the upper one.
    """
    found = Refusals() if problems is None else problems
    limits = _Limits(protocol, cell, capacity_ah, found).run_limits()
    if problems is None:
        found.check()
    return limits


class _Limits:
    def __init__(
        self, protocol: Protocol, cell: Cell, capacity_ah: float, problems: Refusals
    ) -> None:
        self.protocol = protocol
        self.problems = problems
        self.hard = cell.type.hard_limits
        self.role = cell.role or cell.type.role
        self.own = protocol.header.limits
        # a hard limit is a property of the cell's size, not of what a protocol calls C
        size = cell.capacity_ah or cell.type.nominal_capacity.number({})
        if cell.capacity_ah is None and protocol.header.capacity.C is not None:
            size = capacity_ah
        area = cell.area_cm2
        self.size = {"C": size} if area is None else {"C": size, "area": area}
        if cell.active_mass is not None:
            self.size["mass"] = cell.active_mass
        self.known = {**self.size, "C": capacity_ah}

    def fail(self, key: str, what: str, remedy: str, check: str = "protocol") -> ProtocolError:
        line = self.protocol.lines.get(key, 1)
        where = place(self.protocol.source, line, key)
        return ProtocolError(what, where=where, remedy=remedy, check=check)

    def narrowed(self, key: str, value: float | None, bound: float, sign: int, unit: str) -> float:
        if value is None:
            return bound
        if sign * (value - bound) <= 0:
            return value
        self.problems.add(
            self.fail(
                key,
                f"found {value:g} {unit}, which is wider than the cell type's {bound:g} {unit}.",
                NARROW,
                "beyond-limits",
            )
        )
        return bound

    def amount(self, key: str, given: Amount | None, hard: Amount, unit: str) -> float:
        bound = self.hard_number(hard)
        try:
            value = given.number(self.known) if given is not None else None
        except UnknownAmount as problem:
            raise self.fail(
                key, f"{problem}.", "State it, or write the limit in A or Ah."
            ) from None
        return self.narrowed(key, value, bound, 1, unit)

    def hard_number(self, hard: Amount) -> float:
        """Return a hard limit of the cell type; it may hang on the cell's own size."""
        try:
            return hard.number(self.size)
        except UnknownAmount as problem:
            raise self.fail(
                "cell",
                f"the hard limits of the cell type hang on what is not known: {problem}.",
                "State it in the cell: nominal_capacity, area.",
            ) from None

    def span(self, key: str, own: Span | None, hard: Span | None) -> Span | None:
        if own is None or hard is None:
            return own or hard
        low = self.narrowed(key, own[0], hard[0], -1, "degC")
        return low, self.narrowed(key, own[1], hard[1], 1, "degC")

    def run_limits(self) -> RunLimits:
        hard, own = self.hard, self.own
        volts, amperes, warm = own.voltage, own.current, own.temperature
        role = self.role
        low = self.narrowed("limits.voltage.low", volts.low, hard.voltage.low, -1, "V")
        high = self.narrowed("limits.voltage.high", volts.high, hard.voltage.high, 1, "V")
        formed = volts.low_once_formed
        if formed is not None and hard.low_once_formed is not None:
            key = "limits.voltage.low_once_formed"
            formed = self.narrowed(key, formed, hard.low_once_formed, -1, "V")
        elif formed is None:
            formed = hard.low_once_formed
        if max(low, -math.inf if formed is None else formed) >= high:
            lower = low if formed is None else max(low, formed)
            raise self.fail(
                "limits.voltage",
                f"the lower limit ({lower:g} V) is not below the upper one ({high:g} V).",
                "Nothing was started; mend the file.",
            )
        charge, discharge = hard.current.charge, hard.current.discharge
        key = "limits.temperature"
        kept = hard.temperature
        charging = otherwise = rise = None
        silence = 30.0
        if warm is not None:
            charging, otherwise = warm.when_charging or warm.always, warm.otherwise or warm.always
            rise, silence = warm.rise_in_a_minute, warm.no_reading_for
        most_rise = kept.rise_in_a_minute if kept else None
        if rise is not None and most_rise is not None:
            rise = self.narrowed(f"{key}.rise_in_a_minute", rise, most_rise, 1, "K")
        return RunLimits(
            hard_low_volt=hard.voltage.low,
            hard_high_volt=hard.voltage.high,
            hard_charge_ampere=self.hard_number(charge),
            hard_discharge_ampere=self.hard_number(discharge),
            low_volt=low,
            high_volt=high,
            charge_ampere=self.amount("limits.current.charge", amperes.charge, charge, "A"),
            discharge_ampere=self.amount(
                "limits.current.discharge", amperes.discharge, discharge, "A"
            ),
            step_charge_ah=self.amount(
                "limits.charge_in_one_step", own.charge_in_one_step, hard.charge_in_one_step, "Ah"
            ),
            formed_low_volt=formed,
            hard_formed_low_volt=hard.low_once_formed,
            hard_charging_celsius=kept.when_charging if kept else None,
            hard_otherwise_celsius=kept.otherwise if kept else None,
            charging_celsius=self.span(
                f"{key}.when_charging", charging, kept.when_charging if kept else None
            ),
            otherwise_celsius=self.span(
                f"{key}.otherwise", otherwise, kept.otherwise if kept else None
            ),
            hard_rise_kelvin=most_rise,
            rise_kelvin=rise if rise is not None else most_rise,
            sensor_silence_second=silence,
            must_last_second=own.must_last,
            fast_steps=own.fast_steps[0],
            fast_second=own.fast_steps[1],
            by_current_only=own.cell_contact == "by current only" or role in BY_CURRENT,
        )
