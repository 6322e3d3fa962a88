"""What is kept of the steps that ended, under the names by which a program asks for it; pure."""

from __future__ import annotations

from collections.abc import Set
from typing import NamedTuple

__all__ = ["Finished", "keep_results"]


class Finished(NamedTuple):
    """What a step that ended moved and how it ended.

    Attributes
    ----------
    own_end : bool
        Whether the step came to an end of its own, and was carried out at all: only then do its
        results count.
    label : str
        Of the step that ended: the program may stand at the next one already.
    step_count : int
        Of the step that ended.
    """

    reason: str
    own_end: bool
    net_ah: float
    net_wh: float
    second: float
    start_volt: float
    end_volt: float
    label: str = ""
    step_count: int = 0


def keep_results(
    result: Finished, kept: Set[str], known: dict[str, float], runs: dict[str, int]
) -> None:
    """Put a labelled step's results where the program asks for them; a second call replaces.

    Parameters
    ----------
    kept
        Names that somebody asks for.
    known
        Values by name; changed.
    runs
        The step count of each label's last complete execution; changed.
    """
    label, count = result.label, result.step_count
    if not label or not result.own_end:
        return
    first = label not in runs
    again = runs.get(label) == count
    values = {
        "capacity": abs(result.net_ah),
        "energy": abs(result.net_wh),
        "duration": result.second,
        "end voltage": result.end_volt,
        "start voltage": result.start_volt,
    }
    total = f"sum of {label}"
    if total in kept:
        before = known.get(f"{total} before", 0.0) if again else known.get(total, 0.0)
        known[f"{total} before"] = before
        known[total] = before + values["capacity"]
    for name, value in values.items():
        if f"{name} of {label}" in kept:
            known[f"{name} of {label}"] = value
        key = f"{name} of first {label}"
        if key in kept and (first or known.get(f"step of {key}") == count):
            known[key] = value
            known[f"step of {key}"] = count
    runs[label] = count
