"""Writes a program as the step file of a BTS 8, or refuses the step that it cannot express.

Units of the file: milliamperes, tenths of a millivolt, milliseconds, milliampere seconds. Seen in
step files of others: types 1 (constant current charge), 2 (discharge), 3 and 19 (constant voltage
charge and discharge, with a bound of the current), 4 (rest), 5 (loop), 6 (end), 7 (constant current
and voltage charge), ``Stop_Volt``, ``Stop_Curr``, ``Cap``, and the records and protections that are
written here. Unconfirmed: that ``Cycle_Count`` counts every round (and not the repetitions), that a
loop inside a loop begins anew, the sign of the protection's lower current.
"""

from __future__ import annotations

import math
import uuid
from collections.abc import Mapping
from xml.etree import ElementTree

from benchlab.bench.executor import Compiled
from benchlab.bench.executor_checks import refuse_step
from benchlab.errors import Unsupported
from benchlab.model import instructions as code
from benchlab.model.amount import UnknownAmount
from benchlab.model.program import Control, Program, StepPlan

__all__ = ["MARGIN_VOLT", "write_step_file"]

MARGIN_VOLT = 0.010
"""How far outside the run's limits the instrument's own protection lies."""
HARMLESS = (code.Keep, code.Zero, code.Compute, code.Arm)
"""What the host does by itself and what changes no step of a program without branches."""
Fields = dict[str, float]


def write_step_file(program: Program, date: str) -> Compiled:
    """Return a program as a step file.

    Parameters
    ----------
    date : str
        ``YYYYMMDDhhmmss``.

    Raises
    ------
    benchlab.errors.Unsupported
        Naming the step, its line and field, and what it cannot express.
    """
    writer = _Writer(program)
    writer.carry_out(0, len(program.code), dict(program.known))
    return writer.compiled(date)


def _text(value: float) -> str:
    """Write a number plainly: no exponent, no empty decimals; zero stays zero."""
    text = f"{value:.6f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


class _Writer:
    def __init__(self, program: Program) -> None:
        self._program = program
        self._steps: list[ElementTree.Element] = []
        self._ids: dict[int, int] = {}
        self._continues: set[int] = set()
        self._notes: list[str] = []
        self._before: StepPlan | None = None

    # what lies between the steps

    def carry_out(self, first: int, end: int, known: Mapping[str, float]) -> None:
        """Write the instructions from `first` up to `end`."""
        place = first
        while place < end:
            item = self._program.code[place]
            if isinstance(item, code.Do):
                self._step(self._program.steps[item.step_id], known)
            elif isinstance(item, code.Enter):
                block = self._program.blocks[item.block]
                self._block(block, known)
                place = block.last
            elif not isinstance(item, HARMLESS):
                self._refuse(item)
            place += 1

    def _block(self, block: code.Block, known: Mapping[str, float]) -> None:
        if block.every or block.until is not None:
            what = (
                "block carried out every so many rounds"
                if block.every
                else "repeat that ends by a condition"
            )
            raise Unsupported(
                f"a step file has no {what}.",
                where=block.where,
                remedy="Write the rounds out, or use an instrument that is stepped by the host.",
            )
        inside = block.first + 1
        if block.variable:
            for turn in range(block.rounds):
                # the last value stands where there are more rounds than values
                value = block.values[min(turn, len(block.values) - 1)]
                self.carry_out(inside, block.last, {**known, block.variable: value})
            return
        target = len(self._steps) + 1
        self.carry_out(inside, block.last, known)
        if block.rounds > 1:
            self._add(5, other={"Start_Step": target, "Cycle_Count": block.rounds})

    def _refuse(self, item: code.Instruction) -> None:
        what = {
            code.Branch: "a branch",
            code.SetC: "a capacity that is set while the run goes on",
            code.Stop: "an end by name",
        }[type(item)]
        raise Unsupported(
            f"a step file has no {what}: {getattr(item, 'text', '') or getattr(item, 'name', '')}.",
            where=getattr(item, "where", "") or self._program.source,
            remedy="Take it out, or use an instrument that is stepped by the host.",
        )

    # steps

    def _step(self, written: StepPlan, known: Mapping[str, float]) -> None:
        program = self._program
        try:
            plan = written.with_numbers(known)
        except UnknownAmount as unknown:
            refuse_step(
                program, written, f"a step file needs its numbers before the start: {unknown}"
            )
        if plan.watched:
            ends = ", ".join(item.end.text or item.end.kind for item in plan.watched)
            refuse_step(program, plan, f"a step file has no end by '{ends}'")
        if plan.log_per_decade or plan.at_second or math.isfinite(plan.or_change_ah):
            refuse_step(program, plan, "a step file records by time, voltage and current only")
        if plan.control in (Control.OPEN, Control.ZERO):
            self._rest(plan)
        elif plan.control is Control.HOLD:
            self._hold_alone(plan)
        elif plan.has_hold:
            self._current_then_hold(plan)
        else:
            self._current(plan)
        self._before = plan

    def _rest(self, plan: StepPlan) -> None:
        if plan.control is Control.ZERO:
            self._notes.append(
                f"line {plan.line}: 0 A is not regulated but the circuit opened; the instrument"
                " sees the cell all the same."
            )
        self._add(4, plan, {"Time": _milliseconds(self._bound(plan))})

    def _current(self, plan: StepPlan) -> None:
        self._add(1 if plan.direction > 0 else 2, plan, self._driven(plan, self._bound(plan)))

    def _driven(self, plan: StepPlan, second: float) -> Fields:
        limits = {"Curr": abs(plan.current_ampere) * 1e3, "Time": _milliseconds(second)}
        if not math.isnan(plan.end_volt):
            limits["Stop_Volt"] = plan.end_volt * 1e4
        if math.isfinite(plan.end_charge_ah):
            limits["Cap"] = plan.end_charge_ah * 3.6e6
        return limits

    def _held(self, plan: StepPlan, second: float) -> Fields:
        limits = {
            "Volt": plan.hold_volt * 1e4,
            "Curr": abs(plan.current_ampere) * 1e3,
            "Time": _milliseconds(second),
        }
        if not math.isnan(plan.cutoff_ampere):
            limits["Stop_Curr"] = plan.cutoff_ampere * 1e3
        return limits

    def _current_then_hold(self, plan: StepPlan) -> None:
        """Write constant current and constant voltage as two steps, or as one without a hold time.

        The bound of the whole step is kept by giving the current what the hold leaves of it.
        """
        if math.isfinite(plan.end_charge_ah):
            refuse_step(self._program, plan, "a step file counts charge anew for the hold")
        bound, hold = self._bound(plan), plan.hold_end_second
        if hold < bound:
            driven = self._driven(plan, bound - hold)
            driven["Stop_Volt"] = plan.hold_volt * 1e4
            self._add(1 if plan.direction > 0 else 2, plan, driven)
            self._add(3 if plan.direction > 0 else 19, plan, self._held(plan, hold))
            self._continues.add(len(self._steps))
            return
        if plan.direction < 0:
            refuse_step(
                self._program,
                plan,
                "a hold while discharging needs a time of its own here",
                "Write hold_at_most, shorter than at_most.",
            )
        self._add(7, plan, self._held(plan, bound))

    def _hold_alone(self, plan: StepPlan) -> None:
        """Write a hold whose direction the step before it tells."""
        before = self._before
        if before is None or before.end_volt != plan.hold_volt or not before.direction:
            refuse_step(
                self._program,
                plan,
                "a step file must say whether a hold charges or discharges, and this one does not"
                " follow a step that ends at its voltage",
                "Write it as charge or discharge with then_hold_until.",
            )
        second = min(self._bound(plan), plan.hold_end_second)
        self._add(3 if before.direction > 0 else 19, plan, self._held(plan, second))

    def _bound(self, plan: StepPlan) -> float:
        second = min(plan.end_time_second, plan.at_most_second)
        if not math.isfinite(second):
            refuse_step(self._program, plan, "a step without any bound in time")
        return second

    # the file

    def _add(
        self,
        step_type: int,
        plan: StepPlan | None = None,
        limits: Fields | None = None,
        other: Mapping[str, int] | None = None,
    ) -> None:
        number = len(self._steps) + 1
        element = ElementTree.Element(
            f"Step{number}", {"Step_ID": str(number), "Step_Type": str(step_type)}
        )
        self._steps.append(element)
        if limits or other:
            limit = ElementTree.SubElement(element, "Limit")
            _values(limit, "Main", limits or {})
            _values(limit, "Other", other or {})
        if plan is not None:
            self._ids[number] = plan.step_id
            _values(ElementTree.SubElement(element, "Record"), "Main", _record(plan))

    def compiled(self, date: str) -> Compiled:
        """Return the whole file, with its protections and its end."""
        self._add(6)
        program, limits = self._program, self._program.limits
        root = ElementTree.Element("root")
        about = {"type": "Step File", "version": "17", "client_version": "benchlab", "date": date}
        guid = uuid.uuid5(uuid.NAMESPACE_URL, program.canonical_sha256)
        config = ElementTree.SubElement(root, "config", {**about, "Guid": str(guid)})
        head = ElementTree.SubElement(config, "Head_Info")
        for name, value in (("Operate", "66"), ("Scale", "1")):
            ElementTree.SubElement(head, name, Value=value)
        ElementTree.SubElement(head, "Start_Step", Value="1", Hide_Ctrl_Step="0")
        facts = {"Creator": "benchlab", "Remark": program.name, "RateType": "103"}
        if program.capacity_ah:
            facts["MultCap"] = _text(program.capacity_ah * 3.6e6)
        for name, value in facts.items():
            ElementTree.SubElement(head, name, Value=value)
        whole = ElementTree.SubElement(config, "Whole_Prt")
        protect = ElementTree.SubElement(ElementTree.SubElement(whole, "Protect"), "Main")
        volts = limits.low_volt - MARGIN_VOLT, limits.high_volt + MARGIN_VOLT
        _values(protect, "Volt", {"Upper": volts[1] * 1e4, "Lower": volts[0] * 1e4})
        amperes = limits.charge_ampere * 1e3, -limits.discharge_ampere * 1e3
        _values(protect, "Curr", {"Upper": amperes[0], "Lower": amperes[1]})
        delay = {"Value": _text(limits.must_last_second * 1e3)}
        ElementTree.SubElement(protect, "Delay_Time", delay)
        _values(protect, "Cap", {"Upper": limits.step_charge_ah * 3.6e6})
        info = ElementTree.SubElement(config, "Step_Info", Num=str(len(self._steps)))
        info.extend(self._steps)
        smbus = ElementTree.SubElement(config, "SMBUS")
        ElementTree.SubElement(smbus, "SMBUS_Info", Num="0", AdjacentInterval="0")
        ElementTree.indent(root)
        content: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
        notes = tuple(dict.fromkeys(self._notes))
        return Compiled(content, self._ids, frozenset(self._continues), notes)


def _milliseconds(second: float) -> float:
    return second * 1e3


def _record(plan: StepPlan) -> Fields:
    rule = {}
    if math.isfinite(plan.every_second):
        rule["Time"] = _milliseconds(plan.every_second)
    if math.isfinite(plan.or_change_volt):
        rule["Volt"] = plan.or_change_volt * 1e4
    if math.isfinite(plan.or_change_ampere):
        rule["Curr"] = plan.or_change_ampere * 1e3
    return rule


def _values(parent: ElementTree.Element, tag: str, values: Mapping[str, float]) -> None:
    """Write values under a tag; a zero is a value."""
    if not values:
        return
    element = ElementTree.SubElement(parent, tag)
    for name, value in values.items():
        ElementTree.SubElement(element, name, Value=_text(value))
