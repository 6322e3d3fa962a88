"""Steps at constant current, power or resistance, and constant voltage."""

from __future__ import annotations

import math
from typing import Any

from benchlab.model.amount import Amount
from benchlab.model.expand.context import Context
from benchlab.model.expand.ends import at_most, ends_of
from benchlab.model.program import Control
from benchlab.model.protocol import Located
from benchlab.model.resolve import NARROW
from benchlab.model.steps import DIRECTIONS, DriveStep, HoldStep

__all__ = ["direction_of", "driven", "hold"]

_TYPES = {
    (Control.CURRENT, 1): ("CC_CHG", "CCCV_CHG"),
    (Control.CURRENT, -1): ("CC_DCH", "CCCV_DCH"),
    (Control.POWER, 1): ("CP_CHG", "CPCV_CHG"),
    (Control.POWER, -1): ("CP_DCH", "CPCV_DCH"),
    (Control.RESISTANCE, -1): ("CR_DCH", "CRCV_DCH"),
}
_ROLES = {
    "lithiate": ("graphite_half_cell", "cathode_half_cell"),
    "delithiate": ("graphite_half_cell", "cathode_half_cell"),
    "plate": ("lithium_on_copper", "lithium_symmetric"),
    "strip": ("lithium_on_copper", "lithium_symmetric"),
}


def direction_of(context: Context, at: Located, step: DriveStep) -> int:
    """Return the sign of a step's current.

    Raises
    ------
    benchlab.errors.ProtocolError
        The word means nothing in a cell of this role.
    """
    verb = step.verb
    role = context.cell.role or context.cell.type.role
    if verb in _ROLES and role not in _ROLES[verb]:
        raise context.fail(
            at,
            f"found '{verb}' for a cell whose role is {role}.",
            f"Write charge or discharge; {verb} is for {' or '.join(_ROLES[verb])}.",
            verb,
        )
    return DIRECTIONS[verb]


def driven(context: Context, at: Located, step: DriveStep) -> dict[str, Any]:
    """Return the fields of the plan of a step that drives a current one way."""
    verb, drive = step.verb, step.drive
    direction = direction_of(context, at, step)
    control = {"W": Control.POWER, "ohm": Control.RESISTANCE}.get(drive.unit, Control.CURRENT)
    if control is Control.RESISTANCE and direction > 0:
        raise context.fail(at, "a resistance can only discharge.", "Write discharge: 2 ohm.", verb)
    unknown: list[tuple[str, Amount]] = []
    level = math.nan
    if control is Control.CURRENT:
        bound = drive
        ampere = context.number(at, drive, verb)
        if context.depends(drive):
            unknown.append(("current_ampere", drive))
    else:
        level = context.number(at, drive, verb)
        bound, ampere = _bound(context, at, step, direction)
    context.check_current(at, bound, ampere, direction, verb)
    ends = ends_of(context, at, step, direction)
    cutoff, hold_end, hold_own = math.nan, math.inf, False
    if step.to is not None:
        cutoff, hold_end, hold_own = _held(context, at, step, ampere, unknown)
    elif step.then_hold_until is not None or step.hold_at_most is not None:
        raise context.fail(
            at, "a hold is asked for, but no voltage.", "Add the key 'to': to: 4.2 V.", "to"
        )
    elif not ends.own:
        raise context.fail(
            at,
            "this step cannot end: it names no voltage, time or charge to end at.",
            "Add an end, for example until: 4.2 V or for: 30 min.",
            "until",
            "cannot-end",
        )
    fields = ends.fields()
    own_voltage = True
    if step.stop_at is not None:
        context.check_voltage(at, step.stop_at, "stop_at")
        if not math.isnan(ends.end_volt) or step.to is not None:
            raise context.fail(
                at, "found 'stop_at' beside another voltage.", "Keep one of them.", "stop_at"
            )
        fields["end_volt"], own_voltage = step.stop_at, False
        fields["texts"]["voltage"] = f"stop at {step.stop_at:g} V"
    fields["cutoff_ampere"] = cutoff
    if step.then_hold_until is not None:
        fields["texts"]["current"] = step.then_hold_until.text
    bound_second = at_most(
        context, at, step.at_most, ends.end_time_second, ampere, cutoff, hold_end
    )
    return {
        **fields,
        "step_type": _TYPES[control, direction][step.to is not None],
        "direction": direction,
        "control": control,
        "current_ampere": direction * ampere if control is Control.CURRENT else ampere,
        "level": level,
        "hold_volt": math.nan if step.to is None else step.to,
        "end_volt_own": own_voltage,
        "hold_end_second": hold_end,
        "hold_own_end": hold_own,
        "at_most_second": bound_second,
        "unknown": (*unknown, *ends.unknown),
    }


def _bound(context: Context, at: Located, step: DriveStep, direction: int) -> tuple[Amount, float]:
    """Return the bound in current of a step that regulates a power or a resistance."""
    if step.current_at_most is not None:
        return step.current_at_most, context.number(at, step.current_at_most, "current_at_most")
    limits = context.limits
    ampere = limits.charge_ampere if direction > 0 else limits.discharge_ampere
    context.notes.append(
        f"line {at.node.line}: '{at.text}' states no current_at_most; it is bounded by the limit of"
        f" {ampere:g} A."
    )
    return Amount("A", ampere, text=f"{ampere:g} A"), ampere


def _held(
    context: Context, at: Located, step: DriveStep, ampere: float, unknown: list[tuple[str, Amount]]
) -> tuple[float, float, bool]:
    """Return cut-off, longest time and whether that is its own end, of the hold behind a step."""
    if step.to is not None:
        context.check_voltage(at, step.to, "to")
    if step.then_hold_until is None and step.hold_at_most is None:
        raise context.fail(
            at,
            "the hold behind 'to' cannot end.",
            "Add then_hold_until: C/20 (or write 'until' where no hold is meant).",
            "then_hold_until",
            "cannot-end",
        )
    cutoff = math.nan
    if step.then_hold_until is not None:
        cutoff = context.number(at, step.then_hold_until, "then_hold_until")
        if context.depends(step.then_hold_until):
            unknown.append(("cutoff_ampere", step.then_hold_until))
        if cutoff > ampere:
            raise context.fail(
                at,
                f"the hold would end as it begins: {cutoff:g} A is above {ampere:g} A.",
                "Lower then_hold_until below the current of the step.",
                "then_hold_until",
            )
    if step.hold_at_most is None:
        return cutoff, math.inf, False
    return cutoff, step.hold_at_most, math.isnan(cutoff)


def hold(
    context: Context, at: Located, step: HoldStep, before: tuple[Amount, float] | None
) -> dict[str, Any]:
    """Return the fields of the plan of a constant voltage.

    Parameters
    ----------
    before : (Amount, float) or None
        The current of the step before it, whose bound it inherits.
    """
    context.check_voltage(at, step.hold, "hold")
    if step.current_at_most is not None:
        bound = step.current_at_most
        ampere = context.number(at, bound, "current_at_most")
    elif before is not None:
        bound, ampere = before
    else:
        raise context.fail(
            at,
            "this hold has no bound on its current: no constant current stands before it.",
            "Add current_at_most: 0.5C.",
            "current_at_most",
        )
    largest = min(context.limits.charge_ampere, context.limits.discharge_ampere)
    if context.largest(bound, ampere) > largest:
        raise context.fail(
            at,
            f"found a current bound of {ampere:g} A, beyond the limit of {largest:g} A.",
            "Lower current_at_most. " + NARROW,
            "current_at_most",
            "beyond-limits",
        )
    ends = ends_of(context, at, step, 0)
    if not ends.own:
        raise context.fail(
            at,
            "this hold cannot end: it names no current, time or charge to end at.",
            "Add an end, for example until: C/20 or for: 30 min.",
            "until",
            "cannot-end",
        )
    cutoff = ends.cutoff_ampere
    if cutoff > ampere:
        raise context.fail(
            at,
            f"the hold would end as it begins: {cutoff:g} A is above its bound {ampere:g} A.",
            "Lower the current that ends it.",
            "until",
        )
    unknown = [("current_ampere", bound)] if context.depends(bound) else []
    return {
        **ends.fields(),
        "step_type": "CV",
        "direction": 0,
        "control": Control.HOLD,
        "current_ampere": ampere,
        "hold_volt": step.hold,
        "at_most_second": at_most(context, at, step.at_most, ends.end_time_second, ampere, cutoff),
        "unknown": (*unknown, *ends.unknown),
    }
