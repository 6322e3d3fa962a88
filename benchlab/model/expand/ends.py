"""Gives the end conditions of a step their places in its plan."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

from benchlab.model.amount import Amount
from benchlab.model.conditions import End
from benchlab.model.expand.context import Context
from benchlab.model.program import Watched
from benchlab.model.protocol import Located
from benchlab.model.quantity import LONGEST_SECOND
from benchlab.model.steps import DriveStep, HoldStep, ProfileStep, RestStep, Step, SweepStep

__all__ = ["Ends", "at_most", "ends_of", "reason_of"]

AT_MOST_FACTOR = 1.5
"""The default bound in time of a driven step: this times C / I."""


@dataclass
class Ends:
    """The ends of one step; `fields` go into its plan."""

    end_volt: float = math.nan
    cutoff_ampere: float = math.nan
    end_charge_ah: float = math.inf
    end_time_second: float = math.inf
    watched: list[Watched] = field(default_factory=list)
    unknown: list[tuple[str, Amount]] = field(default_factory=list)
    texts: dict[str, str] = field(default_factory=dict)
    given: list[tuple[str, Amount]] = field(default_factory=list)
    own: int = 0
    all_ends: bool = False

    def fields(self) -> dict[str, Any]:
        """Return the fields of the plan that these ends fill."""
        return {
            "end_volt": self.end_volt,
            "cutoff_ampere": self.cutoff_ampere,
            "end_charge_ah": self.end_charge_ah,
            "end_time_second": self.end_time_second,
            "watched": tuple(self.watched),
            "all_ends": self.all_ends,
            "texts": dict(self.texts),
        }

    def name(self, reason: str, text: str) -> None:
        """Keep the text that a reason stands for; several of one kind share it."""
        before = self.texts.get(reason)
        self.texts[reason] = text if before is None else f"{before} or {text}"


def ends_of(context: Context, at: Located, step: Step, direction: int) -> Ends:
    """Return a step's ends.

    Parameters
    ----------
    direction : int
        Of the current: +1, -1, or 0 where it has none or both.

    Raises
    ------
    benchlab.errors.ProtocolError
        A condition means nothing in this kind of step, or is outside the limits.
    """
    ends = Ends(all_ends=bool(step.until_all))
    for item in step.until_all:
        _watch(context, at, ends, item, "until_all", direction)
    for item in step.until:
        _place(context, at, step, ends, item, direction)
    if step.for_ is not None:
        ends.end_time_second = min(ends.end_time_second, step.for_)
        ends.given.append(("end_time_second", Amount("s", step.for_)))
        ends.name("time", f"{step.for_:g} s")
    # beside one that is known later every other end of its kind must be there to be compared
    later = {name for name, _ in ends.unknown}
    ends.unknown.extend(item for item in ends.given if item[0] in later)
    ends.own = len(step.until) + len(step.until_all) + (step.for_ is not None)
    return ends


def _place(
    context: Context, at: Located, step: Step, ends: Ends, item: End, direction: int
) -> None:
    kind, amount = item.kind, item.amount
    if kind == "time" and amount is not None:
        number = context.number(at, amount, "until")
        if context.depends(amount):
            ends.unknown.append(("end_time_second", amount))
        else:
            ends.given.append(("end_time_second", amount))
            ends.end_time_second = min(ends.end_time_second, number)
        ends.name("time", item.text)
    elif kind == "charge" and amount is not None:
        if direction == 0 and not isinstance(step, HoldStep):
            raise _means_nothing(context, at, item)
        number = context.number(at, amount, "until")
        if context.depends(amount):
            ends.unknown.append(("end_charge_ah", amount))
        else:
            ends.given.append(("end_charge_ah", amount))
        if not math.isnan(number):
            ends.end_charge_ah = min(ends.end_charge_ah, number)
        ends.name("capacity", item.text)
    elif kind == "current" and amount is not None:
        _current(context, at, step, ends, item, amount)
    elif kind == "voltage" and amount is not None and _ahead(item, direction):
        context.check_voltage(at, amount.value, "until")
        if isinstance(step, DriveStep) and step.to is not None:
            raise context.fail(
                at,
                "found a voltage in both 'to' (hold there) and 'until' (end there).",
                "Keep one of them.",
                "until",
            )
        nearer = min if direction > 0 else max
        ends.end_volt = (
            amount.value if math.isnan(ends.end_volt) else nearer(ends.end_volt, amount.value)
        )
        ends.name("voltage", item.text)
    else:
        _watch(context, at, ends, item, "until", direction, step)


def _ahead(item: End, direction: int) -> bool:
    """Say whether a voltage lies where the step's current takes the cell."""
    return bool(direction) and item.relation in ("", "above" if direction > 0 else "below")


def _current(
    context: Context, at: Located, step: Step, ends: Ends, item: End, amount: Amount
) -> None:
    if not isinstance(step, HoldStep):
        driven = isinstance(step, DriveStep)
        raise context.fail(
            at,
            "a constant current can never end by a current."
            if driven
            else f"{_kind(step)} can never end by a current.",
            "For a hold behind it write: to: 4.2 V, then_hold_until: C/20."
            if driven
            else "End it by a time or by what it changes.",
            "until",
        )
    number = context.number(at, amount, "until")
    ends.cutoff_ampere = (
        number if math.isnan(ends.cutoff_ampere) else max(number, ends.cutoff_ampere)
    )
    if context.depends(amount):
        ends.unknown.append(("cutoff_ampere", amount))
    else:
        ends.given.append(("cutoff_ampere", amount))
    ends.name("current", item.text)


def _kind(step: Step) -> str:
    names = {RestStep: "a rest", SweepStep: "a sweep", ProfileStep: "a profile"}
    return names.get(type(step), "this step")


def _means_nothing(context: Context, at: Located, item: End) -> Exception:
    return context.fail(
        at,
        f"the end '{item.text}' means nothing here: the current has no direction of its own.",
        "Name it: 'above 3.0 V', 'below 3.0 V', or 'net charge since MARK reaches ...'.",
        "until",
    )


def _watch(
    context: Context,
    at: Located,
    ends: Ends,
    item: End,
    key: str,
    direction: int,
    step: Step | None = None,
) -> None:
    """Add a condition that is looked at reading by reading."""
    if isinstance(step, HoldStep) and item.kind == "voltage":
        raise context.fail(
            at,
            f"a hold at {step.hold:g} V can never end by a voltage.",
            "End it by a current (C/20), a time or a charge.",
            "until",
        )
    if item.kind == "voltage" and not item.relation:
        if not direction:
            raise _means_nothing(context, at, item)
        relation = "above" if direction > 0 else "below"
        item = End("voltage", item.amount, relation, text=item.text)  # type: ignore[arg-type]
    if item.kind in ("charge", "current", "energy") and not direction:
        raise _means_nothing(context, at, item)
    number = math.nan
    if item.amount is not None:
        number = context.number(at, item.amount, key)
        if item.kind == "voltage":
            context.check_voltage(at, number, key)
        if context.depends(item.amount):
            ends.unknown.append((f"watched.{len(ends.watched)}", item.amount))
    same = sum(other.end.kind == item.kind for other in ends.watched)
    reason = reason_of(item) + (f"_{same + 1}" if same else "")
    ends.watched.append(Watched(item, number, reason))
    ends.texts[reason] = item.text


def reason_of(item: End) -> str:
    """Return the name under which an end's kind is stored as the reason of a step's end."""
    return {"net charge": "net_capacity", "charge": "capacity"}.get(item.kind, item.kind)


def at_most(
    context: Context,
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
    size = max(context.bound_capacity_ah, context.largest_c_ah)
    bound = AT_MOST_FACTOR * size / ampere * 3600.0
    if math.isfinite(hold_end):
        bound += hold_end
    elif not math.isnan(cutoff):
        bound += AT_MOST_FACTOR * size / cutoff * 3600.0
    if bound > LONGEST_SECOND:
        raise context.fail(
            at,
            f"at this current the default bound in time would be {bound / 3600.0:.3g} h, beyond"
            " 10 years.",
            "Add at_most: 100 h, or raise the current.",
            "at_most",
        )
    context.notes.append(
        f"line {at.node.line}: '{at.text}' states no at_most;"
        f" it ends after {bound / 3600.0:.3g} h at the latest."
    )
    return bound
