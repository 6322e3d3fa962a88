"""The step that was under way when a journal was cut off."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchlab.model.flags import RowFlag
from benchlab.store.journal_read import JournalContent

__all__ = ["unfinished_step"]

_NO_PLAN: Mapping[str, Any] = {
    "label": "",
    "step_type": "",
    "cycle_kind": "",
    "current_ampere": float("nan"),
}


def unfinished_step(content: JournalContent) -> list[dict[str, Any]]:
    """Return the step under way, as far as its recorded rows tell, or nothing."""
    part = content.open_rows
    done = content.steps[-1]["step_count"] if content.steps else 0
    if not len(part) or part["step_count"][-1] <= done:
        return []
    part = part[part["step_count"] == part["step_count"][-1]]
    plans: list[Mapping[str, Any]] = content.head["protocol"]["steps"]
    plan = _NO_PLAN if content.head_lost else plans[int(part["step_id"][0])]
    start, end = part[0], part[-1]
    voltage = part["voltage_volt"][np.isfinite(part["voltage_volt"])]
    gained = {
        name: float(end[name] - start[name])
        for name in (
            "charging_capacity_ah",
            "discharging_capacity_ah",
            "charging_energy_wh",
            "discharging_energy_wh",
        )
    }
    in_hold = part["flags"] & RowFlag.TRANSITION != 0
    net = gained["charging_capacity_ah"] - gained["discharging_capacity_ah"]
    unknown = float("nan")
    return [
        {
            "step_count": int(end["step_count"]),
            "step_id": int(end["step_id"]),
            "label": plan["label"],
            "step_type": plan["step_type"],
            "cycle_count": int(end["cycle_count"]),
            "cycle_kind": plan["cycle_kind"],
            "first_row": content.row_count - len(part),
            "last_row": content.row_count - 1,
            "start_time_second": float(start["test_time_second"]),
            "end_time_second": float(end["test_time_second"]),
            "start_half_width_second": unknown,
            "end_half_width_second": unknown,
            "start_voltage_volt": float(start["voltage_volt"]),
            "end_voltage_volt": float(end["voltage_volt"]),
            "minimum_voltage_volt": float(voltage.min()) if len(voltage) else unknown,
            "maximum_voltage_volt": float(voltage.max()) if len(voltage) else unknown,
            "start_current_ampere": float(start["current_ampere"]),
            "end_current_ampere": float(end["current_ampere"]),
            "set_current_ampere": plan["current_ampere"],
            **{f"step_{name}": value for name, value in gained.items()},
            "step_net_capacity_ah": net,
            "cc_capacity_ah": unknown if in_hold.any() else abs(net),
            "cv_capacity_ah": unknown if in_hold.any() else 0.0,
            "crossing_capacity_ah": unknown,
            "current_range_ampere": unknown,
            "reading_count": len(part),
            "counter_source": "host",
            "end_reason": "unfinished",
            "own_end": 0,
        }
    ]
