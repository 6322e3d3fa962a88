"""What the sequencer keeps of the step under way, and what each value is where it is left out."""

from __future__ import annotations

import math
from typing import Any

__all__ = ["KEPT", "TIMES"]

TIMES = frozenset({"_began", "_hold_began", "_last_time", "_clock", "wake", "look"})
KEPT: dict[str, Any] = {
    "sign": 0,
    "wake": math.inf,
    "look": math.inf,
    "in_hold": False,
    "net_before": 0.0,
    "_began": math.nan,
    "_hold_began": math.nan,
    "_bound": math.nan,
    "_set": 0.0,
    "_last_time": math.nan,
    "_last_voltage": math.nan,
    "_plateau": 0.0,
    "_below": 0,
    "_last_current": 0.0,
    "_suspect": False,
    "_doubt": "",
    "_readings": 0,
    "_margin": 0.0,
    "_short_steps": 0,
    "_clock": math.inf,
    "_clock_reason": "",
}
