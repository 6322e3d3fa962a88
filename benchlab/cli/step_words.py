"""Steps, times and sizes in words, for people who read an expanded protocol before its start."""

from __future__ import annotations

import math

from benchlab.model.program import Control, StepPlan

__all__ = ["size", "span", "step_words"]


def span(second: float) -> str:
    """Return a time in the two largest of its units."""
    if not math.isfinite(second):
        return "no bound"
    if second < 120.0:
        return f"{second:.3g} s"
    whole = round(second / 60.0)
    if second < 600.0 and whole * 60 != round(second):
        return f"{second / 60.0:.3g} min"
    days, minutes = divmod(whole, 1440)
    hours, minutes = divmod(minutes, 60)
    parts = [f"{days} d" if days else "", f"{hours} h" if hours else "", f"{minutes} min"]
    return " ".join([part for part in parts if part and not part.startswith("0 ")][:2])


def size(number: float) -> str:
    """Return a number of bytes in its unit."""
    for unit, least in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if number >= least:
            return f"{number / least:.3g} {unit}"
    return f"{number:.0f} B"


def step_words(step: StepPlan) -> str:
    """Return what a step does, in numbers."""
    parts = [_action(step), *_ends(step)]
    if step.label:
        parts[0] = f"{step.label}: {parts[0]}"
    if step.driven and math.isfinite(step.at_most_second) and _bounded(step):
        parts.append(f"at most {span(step.at_most_second)}")
    return ", ".join(parts)


def _bounded(step: StepPlan) -> bool:
    return step.at_most_second != step.end_time_second


def _ampere(step: StepPlan) -> str:
    if math.isnan(step.current_ampere):
        return next((a.text for name, a in step.unknown if name == "current_ampere"), "?")
    later = any(name == "current_ampere" for name, _ in step.unknown)
    return f"{abs(step.current_ampere):g} A" + (" (follows C)" if later else "")


def _action(step: StepPlan) -> str:
    way = "charge" if step.direction > 0 else "discharge"
    control = step.control
    if control is Control.CURRENT:
        return f"{way} at {_ampere(step)}"
    if control is Control.POWER:
        return f"{way} at {step.level:g} W within {_ampere(step)}"
    if control is Control.RESISTANCE:
        return f"{way} through {step.level:g} ohm within {_ampere(step)}"
    if control is Control.HOLD:
        return f"hold {step.hold_volt:g} V within {_ampere(step)}"
    if control is Control.OPEN:
        return f"rest {span(step.end_time_second)}, circuit open"
    if control is Control.ZERO:
        return f"rest {span(step.end_time_second)} at 0 A"
    if control is Control.SWEEP:
        corners = " to ".join(f"{volt:g} V" for volt in step.corners_volt)
        rate = step.rate_volt_per_second * 1e3
        return f"sweep {corners}, {step.times} times, {rate:g} mV/s within {_ampere(step)}"
    if control is Control.PROFILE:
        return f"profile {step.profile}, {step.times} times, within {_ampere(step)}"
    if control is Control.CHAMBER:
        wait = f", wait at most {span(step.at_most_second)}" if step.at_most_second else ""
        return f"chamber to {step.chamber_celsius:g} degC{wait}"
    if control is Control.OPERATOR:
        return f"operator: {step.question} (waits at most {span(step.at_most_second)})"
    return f"spectrum {step.eis}"


def _ends(step: StepPlan) -> list[str]:
    if not step.driven:
        texts = [item.end.text for item in step.watched]
        return [f"or until {text}" for text in texts]
    found = []
    if step.has_hold and step.control is not Control.HOLD:
        found.append(f"to {step.hold_volt:g} V and hold there")
    ends = [] if math.isnan(step.end_volt) else [f"{step.end_volt:g} V"]
    if not math.isnan(step.cutoff_ampere):
        ends.append(f"{step.cutoff_ampere:g} A")
    if math.isfinite(step.end_charge_ah):
        ends.append(f"{step.end_charge_ah:g} Ah")
    if math.isfinite(step.end_time_second) and step.control in (
        Control.CURRENT,
        Control.POWER,
        Control.RESISTANCE,
        Control.HOLD,
    ):
        ends.append(span(step.end_time_second))
    if math.isfinite(step.hold_end_second):
        ends.append(f"{span(step.hold_end_second)} of holding")
    ends += [item.end.text for item in step.watched]
    ends += [amount.text for name, amount in step.unknown if name.startswith("end_")]
    if ends:
        found.append("until " + (" and " if step.all_ends else " or ").join(dict.fromkeys(ends)))
    return found
