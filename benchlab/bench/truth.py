"""What a twin knows of each step and cycle, beside what was measured of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from benchlab.bench.twin import Truth, Twin

__all__ = ["EdgeWatcher", "TruthLog"]


class EdgeWatcher:
    """Is told of each change of the output; this one does nothing with it."""

    def before_change(self) -> None:
        """Take note that the output is about to be changed."""

    def step_ended(self, step_count: int, sign: int) -> None:
        """Take note that it was changed and which step ended.

        Parameters
        ----------
        sign : int
            Direction of the current in the step that ended: +1, -1, or 0 in a rest.
        """


class TruthLog(EdgeWatcher):
    """Takes the twin's integrals at each step's end.

    What flows while the output is being changed belongs to the step that ended if it flows in that
    step's direction, and to the next one if not.
    """

    def __init__(self, twin: Twin) -> None:
        self._twin = twin
        self._start = self._before = twin.truth()
        self._ends: dict[int, Truth] = {}

    def before_change(self) -> None:
        """Take the integrals before the output is changed."""
        self._before = self._twin.truth()

    def step_ended(self, step_count: int, sign: int) -> None:
        """Take the integrals at the end of a step."""
        after, before = self._twin.truth(), self._before
        if sign > 0:
            end = after._replace(
                discharged_ah=before.discharged_ah, discharged_wh=before.discharged_wh
            )
        elif sign < 0:
            end = after._replace(charged_ah=before.charged_ah, charged_wh=before.charged_wh)
        else:
            end = before
        self._ends[step_count] = end

    def record(
        self, steps: Sequence[Mapping[str, Any]], *, discharge_first: bool
    ) -> dict[str, Any]:
        """Return the truth by step and by cycle.

        Parameters
        ----------
        steps
            Records with ``step_count`` and ``cycle_count``, in order.
        discharge_first : bool
            A cycle's CE is then its discharge over the charge of the cycle before.
        """
        by_step = []
        before = self._start
        for step in steps:
            after = self._ends[step["step_count"]]
            by_step.append({**_between(before, after), "step_count": step["step_count"]})
            before = after
        cycles: dict[int, dict[str, Any]] = {}
        for step, moved in zip(steps, by_step, strict=True):
            count = step["cycle_count"]
            fresh = {"cycle_count": count, **dict.fromkeys(_SUMS, 0.0)}
            cycle = cycles.setdefault(count, fresh)
            for name in _SUMS:
                cycle[name] += moved[name]
        charged_before = None
        for cycle in cycles.values():
            charged = charged_before if discharge_first else cycle[_CHARGED]
            cycle["coulombic_efficiency"] = cycle[_DISCHARGED] / charged if charged else None
            charged_before = cycle[_CHARGED]
        return {
            "cycles": [cycle for count, cycle in cycles.items() if count],
            "steps": by_step,
            "total": _between(self._start, before),
        }


_CHARGED = "cycle_charging_capacity_ah"
_DISCHARGED = "cycle_discharging_capacity_ah"
_FIELDS = {
    _CHARGED: "charged_ah",
    _DISCHARGED: "discharged_ah",
    "cycle_charging_energy_wh": "charged_wh",
    "cycle_discharging_energy_wh": "discharged_wh",
    "negative_side_ah": "negative_side_ah",
    "positive_side_ah": "positive_side_ah",
    "reversible_side_ah": "reversible_side_ah",
}
_SUMS = tuple(_FIELDS)


def _between(before: Truth, after: Truth) -> dict[str, Any]:
    return {name: getattr(after, field) - getattr(before, field) for name, field in _FIELDS.items()}
