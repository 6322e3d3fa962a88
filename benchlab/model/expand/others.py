"""Rests, sweeps, profiles, and the steps that wait for a chamber, an operator or a spectrum."""

from __future__ import annotations

import math
from typing import Any

from benchlab.model import quantity
from benchlab.model.expand.context import Context
from benchlab.model.expand.ends import ends_of
from benchlab.model.program import Control
from benchlab.model.protocol import Located
from benchlab.model.quantity import LONGEST_SECOND
from benchlab.model.steps import (
    ChamberStep,
    EisStep,
    OperatorStep,
    ProfileStep,
    RestStep,
    SweepStep,
)

__all__ = ["chamber", "eis", "operator", "profile", "rest", "sweep"]

OPERATOR_SECOND = 365.25 * 86400.0
"""How long an operator is waited for where nothing is stated."""
SPECTRUM_SECOND = 4 * 3600.0


def rest(context: Context, at: Located, step: RestStep) -> dict[str, Any]:
    """Return the fields of the plan of a rest; its time is an end of its own."""
    ends = ends_of(context, at, step, 0)
    fields = ends.fields()
    fields["end_time_second"] = min(ends.end_time_second, step.rest)
    fields["texts"].setdefault("time", f"{step.rest:g} s")
    if ends.all_ends:
        fields["end_time_second"] = math.inf
    is_open = step.output == "open"
    return {
        **fields,
        "step_type": "REST",
        "direction": 0,
        "control": Control.OPEN if is_open else Control.ZERO,
        "current_ampere": 0.0,
        "at_most_second": min(step.rest, step.at_most or math.inf),
        "unknown": tuple(ends.unknown),
    }


def sweep(context: Context, at: Located, step: SweepStep) -> dict[str, Any]:
    """Return the fields of the plan of a voltage sweep; its corners are its end."""
    for volt in step.sweep:
        context.check_voltage(at, volt, "sweep")
    path = sum(abs(b - a) for a, b in zip(step.sweep, step.sweep[1:], strict=False))
    if path == 0.0:
        raise context.fail(at, "the sweep moves nowhere.", "Give two different voltages.", "sweep")
    back = abs(step.sweep[-1] - step.sweep[0]) * (step.times - 1)
    second = (path * step.times + back) / step.rate
    if second > LONGEST_SECOND:
        raise context.fail(at, "the sweep takes more than 10 years.", "Raise its rate.", "rate")
    ampere = context.number(at, step.current_at_most, "current_at_most")
    context.check_current(at, step.current_at_most, ampere, 0, "current_at_most")
    ends = ends_of(context, at, step, 0)
    fields = ends.fields()
    fields["end_time_second"] = min(ends.end_time_second, second)
    fields["texts"].setdefault("time", "the sweep's end")
    depends = context.depends(step.current_at_most)
    own = (("current_ampere", step.current_at_most),) if depends else ()
    return {
        **fields,
        "step_type": "SWEEP",
        "direction": 0,
        "control": Control.SWEEP,
        "current_ampere": ampere,
        "corners_volt": step.sweep,
        "rate_volt_per_second": step.rate,
        "times": step.times,
        "at_most_second": step.at_most or second,
        "unknown": (*own, *ends.unknown),
    }


def profile(context: Context, at: Located, step: ProfileStep) -> dict[str, Any]:
    """Return the fields of the plan of a drive profile; its last time is its end."""
    found = context.protocol.profiles[step.profile]
    peaks = [value * step.scale for value in found.values[:-1]]
    limits = context.limits
    size = max(context.largest_c_ah, context.bound_capacity_ah)
    if found.unit == "C" and context.capacity_ah is None:
        raise context.fail(
            at,
            f"the profile {step.profile!r} is in C-rates, but no capacity says what 1C is.",
            "Add capacity: {C: 0.2 Ah, basis: nominal} to the protocol.",
            "profile",
            "missing-capacity",
        )
    if not math.isfinite(step.scale) or step.scale == 0.0:
        raise context.fail(at, f"found the scale {step.scale:g}.", "Give a number.", "scale")
    unit = {"A": 1.0, "C": size, "W": 1.0 / max(context.low_volt, 0.5)}[found.unit]
    high, low = max(peaks) * unit, min(peaks) * unit
    if found.unit != "W" and (high > limits.charge_ampere or -low > limits.discharge_ampere):
        raise context.fail(
            at,
            f"the profile asks for {low:g} A to {high:g} A, beyond the limits of"
            f" {limits.charge_ampere:g} A (charge) and {limits.discharge_ampere:g} A (discharge).",
            "Scale it down, or widen the limits if the cell type allows it.",
            "profile",
            "beyond-limits",
        )
    second = found.times[-1] * step.times
    if second > LONGEST_SECOND:
        raise context.fail(at, "the profile takes more than 10 years.", "Lower 'times'.", "times")
    bound = min(limits.charge_ampere, limits.discharge_ampere)
    if step.current_at_most is not None:
        bound = context.number(at, step.current_at_most, "current_at_most")
        context.check_current(at, step.current_at_most, bound, 0, "current_at_most")
    ends = ends_of(context, at, step, 0)
    fields = ends.fields()
    fields["end_time_second"] = min(ends.end_time_second, second)
    fields["texts"].setdefault("time", "the profile's end")
    return {
        **fields,
        "step_type": "PROFILE",
        "direction": 0,
        "control": Control.PROFILE,
        "current_ampere": bound,
        "profile": step.profile,
        "profile_scale": step.scale,
        "times": step.times,
        "at_most_second": step.at_most or second,
        "unknown": tuple(ends.unknown),
    }


def chamber(context: Context, at: Located, step: ChamberStep) -> dict[str, Any]:
    """Return the fields of the plan of a chamber's set point; waiting ends when it is there."""
    limits = context.limits
    for span in (limits.otherwise_celsius, limits.hard_otherwise_celsius):
        if span is not None and not span[0] <= step.chamber <= span[1]:
            raise context.fail(
                at,
                f"found {step.chamber:g} degC, which is outside the limits {span[0]:g} to"
                f" {span[1]:g} degC of the cell.",
                "Change the step, or the protocol's limits if the cell type allows it.",
                "chamber",
                "beyond-limits",
            )
    if step.wait is None and (step.at_most is not None or step.until or step.until_all):
        raise context.fail(
            at,
            "found an end of a step that does not wait.",
            "Add wait: within 0.5 degC for 30 min.",
            "wait",
        )
    if step.wait is not None and step.at_most is None:
        raise context.fail(
            at,
            "a chamber that never gets there would be waited for without end.",
            "Add at_most: 4 h.",
            "at_most",
            "cannot-end",
        )
    return {
        "step_type": "CHAMBER",
        "direction": 0,
        "control": Control.CHAMBER,
        "current_ampere": 0.0,
        "chamber_celsius": step.chamber,
        "chamber_within": step.wait or (math.nan, math.nan),
        "at_most_second": step.at_most or 0.0,
        "texts": {"chamber": "the temperature is reached"},
    }


def operator(context: Context, at: Located, step: OperatorStep) -> dict[str, Any]:
    """Return the fields of the plan of a step that waits for somebody."""
    if not step.operator.strip():
        raise context.fail(at, "nothing says what to do.", "Write a sentence.", "operator")
    barcode, within = step.resume_if or (False, math.inf)
    if barcode and not context.cell.id:
        raise context.fail(
            at,
            "'same barcode' is asked for, but the cell has no id.",
            "Add id to the cell.",
            "resume_if",
        )
    return {
        "step_type": "OPERATOR",
        "direction": 0,
        "control": Control.OPERATOR,
        "current_ampere": 0.0,
        "question": step.operator.strip(),
        "ask": step.ask,
        "cell_may_leave": step.cell_may_leave,
        "same_barcode": barcode,
        "within_volt": within,
        "at_most_second": step.at_most or OPERATOR_SECOND,
        "texts": {"operator": "the operator's answer"},
    }


def eis(context: Context, at: Located, step: EisStep) -> dict[str, Any]:
    """Return the fields of the plan of a spectrum, as text that its instrument reads."""
    first, _, last = step.eis.partition(" to ")
    for text in (first, last):
        value, _, unit = text.strip().partition(" ")
        try:
            good = 0.0 < float(value) < 1e12 and unit in ("mHz", "Hz", "kHz", "MHz")
        except ValueError:
            good = False
        if not good:
            raise context.fail(
                at,
                f"found '{step.eis[:60]}', expected frequencies such as 10 kHz to 10 mHz.",
                "Nothing was started; mend the file.",
                "eis",
            )
    try:
        size, unit = quantity.change(step.amplitude)
    except ValueError as problem:
        raise context.fail(at, f"{problem}.", "Write 10 mV or 5 mA.", "amplitude") from None
    if unit not in ("V", "A"):
        raise context.fail(at, f"found '{step.amplitude}'.", "Write 10 mV or 5 mA.", "amplitude")
    return {
        "step_type": "EIS",
        "direction": 0,
        "control": Control.EIS,
        "current_ampere": 0.0,
        "eis": f"{first.strip()} to {last.strip()}, {size:g} {unit},"
        f" {step.points_per_decade} points per decade",
        "at_most_second": step.at_most or SPECTRUM_SECOND,
    }
