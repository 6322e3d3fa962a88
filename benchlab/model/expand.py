"""Gives a protocol its numbers and refuses what cannot be run, before anything moves."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

from benchlab.errors import ProtocolError
from benchlab.model.cell import Cell
from benchlab.model.limits import RunLimits
from benchlab.model.program import BlockPlan, Program, StepPlan
from benchlab.model.protocol import (
    Block,
    ChargeStep,
    DischargeStep,
    End,
    HoldStep,
    Located,
    Protocol,
    RestStep,
)
from benchlab.model.quantity import LONGEST_SECOND, Charge, Rate
from benchlab.model.resolve import NARROW, capacity_of, cell_of, limits_of
from benchlab.model.validate import place

__all__ = ["expand"]

AT_MOST_FACTOR = 1.5
"""The default bound in time of a driven step: this times C / I."""
MOST_STEPS = 2**32 - 1
"""A recording counts its steps in 32 bits."""
TYPES = {1: ("CC_CHG", "CCCV_CHG"), -1: ("CC_DCH", "CCCV_DCH")}


@dataclass
class _Expander:
    protocol: Protocol
    cell: Cell
    capacity_ah: float | None
    bound_capacity_ah: float
    limits: RunLimits
    plans: list[StepPlan] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    last_current: float = math.nan

    def fail(self, at: Located, what: str, remedy: str, key: str = "") -> ProtocolError:
        name = f"{at.field}.{key}" if key else at.field
        line = at.node.line_of((key,))
        return ProtocolError(what, where=place(self.protocol.source, line, name), remedy=remedy)

    def ampere(self, at: Located, rate: Rate, key: str) -> float:
        try:
            return rate.in_ampere(self.capacity_ah)
        except ValueError as problem:
            raise self.fail(
                at, f"{problem}.", "Add capacity: {C: 0.2 Ah, basis: nominal} to the protocol.", key
            ) from None

    def ah(self, at: Located, charge: Charge, key: str) -> float:
        try:
            return charge.in_ah(self.capacity_ah)
        except ValueError as problem:
            raise self.fail(
                at, f"{problem}.", "Add capacity: {C: 0.2 Ah, basis: nominal} to the protocol.", key
            ) from None

    def block(self, block: Block, kind: str) -> BlockPlan:
        own = block.counts_as or self.default_kind(block)
        kind = own or kind
        items = tuple(self.item(inner, kind) for inner in block.steps)
        first = 1 if self.cell.counts_first == "charge" else -1
        directions = {plan.direction for plan in _steps_of(items)}
        return BlockPlan(
            items=items,
            repeat=block.repeat,
            label=block.label or block.phase,
            counts=own not in ("", "no cycle"),
            first_half=first if first in directions else 0,
        )

    def default_kind(self, block: Block) -> str:
        """Say that a repeat of one charge and one discharge is a cycle, or an imposed one."""
        steps = [inner.step for inner in block.steps]
        charges = [s for s in steps if isinstance(s, ChargeStep)]
        discharges = [s for s in steps if isinstance(s, DischargeStep)]
        if (
            "repeat" not in block.model_fields_set
            or len(charges) != 1
            or len(discharges) != 1
            or any(isinstance(s, Block) for s in steps)
        ):
            return ""
        free = any(
            s.to is not None or any(end.voltage_volt is not None for end in s.until)
            for s in (*charges, *discharges)
        )
        return "cycle" if free else "imposed cycle"

    def item(self, at: Located, kind: str) -> StepPlan | BlockPlan:
        step = at.step
        if isinstance(step, Block):
            return self.block(step, kind)
        if isinstance(step, RestStep):
            plan = self.rest(at, step, kind)
        elif isinstance(step, HoldStep):
            plan = self.hold(at, step, kind)
        else:
            plan = self.driven(at, step, kind)
        rule = step.record or self.protocol.header.record
        plan = replace(
            plan,
            step_id=len(self.plans),
            every_second=rule.every if rule.every is not None else math.inf,
            or_change_volt=rule.or_change if rule.or_change is not None else math.inf,
        )
        self.plans.append(plan)
        return plan

    def rest(self, at: Located, step: RestStep, kind: str) -> StepPlan:
        return StepPlan(
            step_id=0,
            label=step.label,
            step_type="REST",
            cycle_kind=kind,
            line=at.node.line,
            field=at.field,
            text=at.text,
            direction=0,
            current_ampere=0.0,
            end_time_second=step.rest,
            at_most_second=step.rest,
            output=step.output,
        )

    def driven(self, at: Located, step: ChargeStep | DischargeStep, kind: str) -> StepPlan:
        charging = isinstance(step, ChargeStep)
        direction, key = (1, "charge") if charging else (-1, "discharge")
        rate = step.charge if isinstance(step, ChargeStep) else step.discharge
        ampere = self.ampere(at, rate, key)
        bound = self.limits.charge_ampere if charging else self.limits.discharge_ampere
        if ampere > bound:
            raise self.fail(
                at,
                f"found {rate.text} = {ampere:g} A, which is beyond the limit of {bound:g} A.",
                "Lower the current, or choose the cell type that allows it. " + NARROW,
                key,
            )
        self.last_current = ampere
        end_volt = self.voltage_end(at, step.until, direction, step.to)
        if any(end.current is not None for end in step.until):
            raise self.fail(
                at,
                "a constant current can never end by a current.",
                "For a hold behind it write: to: 4.2 V, then_hold_until: C/20.",
                "until",
            )
        cutoff = math.nan
        hold_end, hold_own = math.inf, False
        if step.to is None:
            if step.then_hold_until is not None or step.hold_at_most is not None:
                raise self.fail(
                    at, "a hold is asked for, but no voltage.", "Add the key 'to': to: 4.2 V.", "to"
                )
        else:
            self.check_voltage(at, step.to, "to")
            if step.then_hold_until is None and step.hold_at_most is None:
                raise self.fail(
                    at,
                    "the hold behind 'to' cannot end.",
                    "Add then_hold_until: C/20 (or write 'until' where no hold is meant).",
                    "then_hold_until",
                )
            if step.then_hold_until is not None:
                cutoff = self.ampere(at, step.then_hold_until, "then_hold_until")
                if cutoff > ampere:
                    raise self.fail(
                        at,
                        f"the hold would end as it begins: {cutoff:g} A is above {ampere:g} A.",
                        "Lower then_hold_until below the current of the step.",
                        "then_hold_until",
                    )
            if step.hold_at_most is not None:
                hold_end, hold_own = step.hold_at_most, math.isnan(cutoff)
        times = [end.time_second for end in step.until if end.time_second is not None]
        end_time = min([*times, step.for_ or math.inf])
        end_charge = self.charge_end(at, step.until)
        open_ended = math.isinf(end_time) and math.isinf(end_charge) and math.isnan(end_volt)
        if open_ended and step.to is None:
            raise self.fail(
                at,
                "this step cannot end: it names no voltage, time or charge to end at.",
                "Add an end, for example until: 4.2 V or for: 30 min.",
                "until",
            )
        return StepPlan(
            step_id=0,
            label=step.label,
            step_type=TYPES[direction][step.to is not None],
            cycle_kind=kind,
            line=at.node.line,
            field=at.field,
            text=at.text,
            direction=direction,
            current_ampere=direction * ampere,
            hold_volt=math.nan if step.to is None else step.to,
            end_volt=end_volt,
            cutoff_ampere=cutoff,
            end_charge_ah=end_charge,
            end_time_second=end_time,
            hold_end_second=hold_end,
            hold_own_end=hold_own,
            at_most_second=self.at_most(at, step.at_most, end_time, ampere, cutoff, hold_end),
        )

    def hold(self, at: Located, step: HoldStep, kind: str) -> StepPlan:
        self.check_voltage(at, step.hold, "hold")
        if any(end.voltage_volt is not None for end in step.until):
            raise self.fail(
                at,
                f"a hold at {step.hold:g} V can never end by a voltage.",
                "End it by a current (C/20), a time or a charge.",
                "until",
            )
        bound = self.last_current
        if step.current_at_most is not None:
            bound = self.ampere(at, step.current_at_most, "current_at_most")
        if math.isnan(bound):
            raise self.fail(
                at,
                "this hold has no bound on its current: no constant current stands before it.",
                "Add current_at_most: 0.5C.",
                "current_at_most",
            )
        largest = min(self.limits.charge_ampere, self.limits.discharge_ampere)
        if bound > largest:
            raise self.fail(
                at,
                f"found a current bound of {bound:g} A, beyond the limit of {largest:g} A.",
                "Lower current_at_most. " + NARROW,
                "current_at_most",
            )
        rates = [end.current for end in step.until if end.current is not None]
        cutoff = max((self.ampere(at, rate, "until") for rate in rates), default=math.nan)
        times = [end.time_second for end in step.until if end.time_second is not None]
        end_time = min([*times, step.for_ or math.inf])
        end_charge = self.charge_end(at, step.until)
        if math.isnan(cutoff) and math.isinf(end_time) and math.isinf(end_charge):
            raise self.fail(
                at,
                "this hold cannot end: it names no current, time or charge to end at.",
                "Add an end, for example until: C/20 or for: 2 h.",
                "until",
            )
        if cutoff > bound:
            raise self.fail(
                at,
                f"the hold would end as it begins: {cutoff:g} A is above its bound {bound:g} A.",
                "Lower the current that ends it.",
                "until",
            )
        return StepPlan(
            step_id=0,
            label=step.label,
            step_type="CV",
            cycle_kind=kind,
            line=at.node.line,
            field=at.field,
            text=at.text,
            direction=0,
            current_ampere=bound,
            hold_volt=step.hold,
            cutoff_ampere=cutoff,
            end_charge_ah=end_charge,
            end_time_second=end_time,
            at_most_second=self.at_most(at, step.at_most, end_time, bound, cutoff),
        )

    def voltage_end(
        self, at: Located, ends: tuple[End, ...], direction: int, to: float | None
    ) -> float:
        volts = [end.voltage_volt for end in ends if end.voltage_volt is not None]
        if not volts:
            return math.nan
        if to is not None:
            raise self.fail(
                at,
                "found a voltage in both 'to' (hold there) and 'until' (end there).",
                "Keep one of them.",
                "until",
            )
        for volt in volts:
            self.check_voltage(at, volt, "until")
        return min(volts) if direction > 0 else max(volts)

    def charge_end(self, at: Located, ends: tuple[End, ...]) -> float:
        charges = [self.ah(at, end.charge, "until") for end in ends if end.charge is not None]
        return min(charges, default=math.inf)

    def check_voltage(self, at: Located, volt: float, key: str) -> None:
        low, high = self.limits.low_volt, self.limits.high_volt
        if not low <= volt <= high:
            raise self.fail(
                at,
                f"found {volt:g} V, which is outside the limits {low:g} V to {high:g} V.",
                "Change the step. " + NARROW,
                key,
            )

    def at_most(
        self,
        at: Located,
        given: float | None,
        own: float,
        ampere: float,
        cutoff: float,
        hold_end: float = math.inf,
    ) -> float:
        """Return the step's bound in time, noting the default where none is given."""
        if given is not None:
            return given
        if math.isfinite(own):
            return own
        bound = AT_MOST_FACTOR * self.bound_capacity_ah / ampere * 3600.0
        if math.isfinite(hold_end):
            bound += hold_end
        elif not math.isnan(cutoff):
            bound += AT_MOST_FACTOR * self.bound_capacity_ah / cutoff * 3600.0
        if bound > LONGEST_SECOND:
            raise self.fail(
                at,
                f"at this current the default bound in time would be"
                f" {bound / 3600.0:.3g} h, beyond 10 years.",
                "Add at_most: 100 h, or raise the current.",
                "at_most",
            )
        self.notes.append(
            f"line {at.node.line}: '{at.text}' states no at_most;"
            f" it ends after {bound / 3600.0:.3g} h at the latest."
        )
        return bound


def expand(protocol: Protocol, cell: Cell | None = None) -> Program:
    """Return the protocol in numbers for one cell.

    Parameters
    ----------
    cell : Cell, optional
        The cell on the bench; without it the protocol's own ``cell`` is taken.

    Raises
    ------
    benchlab.errors.ProtocolError
        With file, line and field, for whatever cannot be run.
    """
    cell = cell_of(protocol, cell)
    capacity, basis = capacity_of(protocol, cell)
    nominal = capacity or cell.type.nominal_capacity.in_ah(None)
    limits = limits_of(protocol, cell, nominal)
    expander = _Expander(protocol, cell, capacity, nominal, limits)
    items = tuple(expander.item(at, "no cycle") for at in protocol.steps)
    program = Program(
        name=protocol.header.name,
        source=protocol.source,
        text=protocol.text,
        root=BlockPlan(items),
        steps=tuple(expander.plans),
        limits=limits,
        capacity_ah=nominal,
        capacity_basis=basis if capacity else "cell type (bounds only)",
        period_second=protocol.header.control.period,
        notes=tuple(expander.notes),
    )
    if program.executions() > MOST_STEPS:
        raise ProtocolError(
            f"the repeats come to {program.executions():.3g} steps; a recording counts up to"
            f" {MOST_STEPS}.",
            where=place(protocol.source, protocol.lines.get("steps", 1), "steps"),
            remedy="Lower the repeats; those inside each other multiply.",
        )
    return program


def _steps_of(items: tuple[StepPlan | BlockPlan, ...]) -> list[StepPlan]:
    found: list[StepPlan] = []
    for item in items:
        found.extend(_steps_of(item.items) if isinstance(item, BlockPlan) else [item])
    return found
