"""The head of a protocol as unicycler's sample, record and safety."""

from __future__ import annotations

import math
from typing import Any

from benchlab.errors import ProtocolError
from benchlab.interchange.report import Report
from benchlab.interchange.value_text import milli
from benchlab.model.amount import Amount, UnknownAmount
from benchlab.model.cell import Cell, CellFields
from benchlab.model.protocol import Protocol
from benchlab.model.record_rule import RecordRule
from benchlab.model.resolve import capacity_of, limits_of
from benchlab.model.validate import place

__all__ = ["Head"]

_NO_TIME_SECOND = 60.0
_CELL = frozenset(CellFields.model_fields) - {"id", "nominal_capacity"}


class Head:
    """Writes what holds for the whole protocol.

    Attributes
    ----------
    known : dict
        C (Ah), area (cm2) and mass (g), as far as they are known at the start.
    size_ah : float or None
        C or the nominal capacity of the cell's type, for bounds in time.
    """

    def __init__(self, protocol: Protocol, cell: Cell | None, report: Report) -> None:
        self.protocol = protocol
        self.header = protocol.header
        self.cell = cell
        self.report = report
        self.known: dict[str, float] = {}
        if cell is not None and cell.area_cm2 is not None:
            self.known["area"] = cell.area_cm2
        if cell is not None and cell.active_mass is not None:
            self.known["mass"] = cell.active_mass
        stated = self.header.capacity.C
        if cell is not None:
            capacity, _ = capacity_of(protocol, cell)
        else:
            capacity = None if stated is None else self._number(stated, "capacity.C")
        self.capacity_ah = capacity
        if capacity is not None:
            self.known["C"] = capacity
        self.size_ah = capacity
        if capacity is None and cell is not None:
            self.size_ah = cell.type.nominal_capacity.number({})
        if self.size_ah is not None:
            self.known["nominal"] = self.size_ah

    def _where(self, key: str) -> str:
        line = self.protocol.lines.get(key) or self.protocol.lines.get(key.partition(".")[0], 1)
        return place(self.protocol.source, line, key)

    def _number(self, amount: Amount, key: str) -> float:
        try:
            return amount.number(self.known)
        except UnknownAmount as problem:
            raise ProtocolError(
                f"{problem}.", where=self._where(key), remedy="State it, or give --cell CELL.yaml."
            ) from None

    def places(self) -> dict[str, str]:
        """Return file, line and field from which sample, record and safety came."""
        lines = self.protocol.lines
        safety = "limits" if "limits" in lines or self.cell is None else "cell"
        return {
            "sample": self._where("cell" if self.cell is not None and self.cell.id else "name"),
            "record": self._where("record"),
            "safety": self._where(safety),
        }

    def sample(self) -> dict[str, Any]:
        """Return the sample: the cell's id or the protocol's name, and C."""
        add, header, cell = self.report.add, self.header, self.cell
        name = header.name
        if cell is not None:
            if cell.id:
                if header.name != cell.id:
                    add("protocol-name", self._where("name"), header.name)
                name = cell.id
            stated = sorted(_CELL & cell.model_fields_set)
            add("cell-description", self._where("cell"), ", ".join(["type", *stated]))
        if header.capacity.basis != "nominal":
            add("capacity-basis", self._where("capacity.basis"), header.capacity.basis)
        if "control" in header.model_fields_set:
            add("control-period", self._where("control"), f"period: {header.control.period:g} s")
        if self.capacity_ah is None:
            return {"name": name}
        return {"name": name, "capacity_mAh": milli(self.capacity_ah)}

    def record(self) -> dict[str, Any]:
        """Return the record rule of the whole protocol."""
        rule, key = self.header.record, "record"
        note_rule(self.report, rule, self._where(key))
        change = rule.or_change or {}
        found = {"time_s": rule.every}
        if rule.every is None:
            self.report.add("record-without-time", self._where(key))
            found["time_s"] = _NO_TIME_SECOND
        if "V" in change:
            found["voltage_V"] = change["V"]
        if "A" in change:
            found["current_mA"] = milli(change["A"])
        return found

    def safety(self) -> dict[str, Any]:
        """Return the limits: the protocol's, or those of the cell's type where it states none."""
        own, add = self.header.limits, self.report.add
        if own.temperature is not None:
            add("temperature-limits", self._where("limits.temperature"))
        if own.voltage.low_once_formed is not None:
            add("armed-limit", self._where("limits.voltage.low_once_formed"))
        for key, item in (("fast_steps", "fast-steps"), ("cell_contact", "cell-contact")):
            if key in own.model_fields_set:
                add(item, self._where(f"limits.{key}"), str(getattr(own, key)))
        found: dict[str, float | None] = {}
        if self.cell is not None:
            self._of_the_type(found)
        else:
            found["min_voltage_V"], found["max_voltage_V"] = own.voltage.low, own.voltage.high
            for key, name, amount, sign in (
                ("current.charge", "max_current_mA", own.current.charge, 1.0),
                ("current.discharge", "min_current_mA", own.current.discharge, -1.0),
                ("charge_in_one_step", "max_capacity_mAh", own.charge_in_one_step, 1.0),
            ):
                if amount is not None:
                    found[name] = sign * milli(self._number(amount, f"limits.{key}"))
        if "must_last" in own.model_fields_set:
            found["delay_s"] = own.must_last
        return {key: value for key, value in found.items() if value is not None}

    def _of_the_type(self, found: dict[str, float | None]) -> None:
        if self.cell is None or self.size_ah is None:
            raise AssertionError(self.cell)
        limits = limits_of(self.protocol, self.cell, self.size_ah)
        self.report.add("hard-limits", self._where("cell"), self.cell.type.name)
        hard = self.cell.type.hard_limits
        if hard.temperature is not None:
            self.report.add("temperature-limits", self._where("cell.type"), self.cell.type.name)
        if hard.low_once_formed is not None:
            self.report.add("armed-limit", self._where("cell.type"), self.cell.type.name)
        found["min_voltage_V"], found["max_voltage_V"] = limits.low_volt, limits.high_volt
        found["max_current_mA"] = milli(limits.charge_ampere)
        found["min_current_mA"] = -milli(limits.discharge_ampere)
        if math.isfinite(limits.step_charge_ah):
            found["max_capacity_mAh"] = milli(limits.step_charge_ah)


def note_rule(report: Report, rule: RecordRule, where: str) -> None:
    """Take note of what of a record rule unicycler does not know."""
    if "Ah" in (rule.or_change or {}):
        report.add("record-charge-change", where)
    if rule.log_time is not None:
        report.add("record-log-time", where, f"{rule.log_time} per decade")
    if rule.at is not None:
        report.add("record-at-times", where)
