"""Narrows the limits of a run to those of its channel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchlab.model.program import Program
from benchlab.service.bench_entries import ChannelLimits

__all__ = ["narrowed"]


def narrowed(program: Program, own: ChannelLimits) -> Program:
    """Return the program within the limits of its channel, which may only be narrower."""
    limits = program.limits
    changed: dict[str, Any] = {}
    if own.voltage is not None:
        low, high = own.voltage
        for name in ("low_volt", "hard_low_volt"):
            changed[name] = max(getattr(limits, name), low)
        for name in ("high_volt", "hard_high_volt"):
            changed[name] = min(getattr(limits, name), high)
    for side, bound in (("charge", own.charge), ("discharge", own.discharge)):
        if bound is not None:
            for name in (f"{side}_ampere", f"hard_{side}_ampere"):
                changed[name] = min(getattr(limits, name), bound)
    if all(getattr(limits, name) == value for name, value in changed.items()):
        return program
    return replace(program, limits=replace(limits, **changed))
