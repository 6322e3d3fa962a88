"""Bits of the RP7900's questionable status registers that mean a protection switched off.

Source: Keysight, RP7900 Series Operating and Service Guide, status tutorial.
"""

from __future__ import annotations

__all__ = ["trips_in"]

FIRST = {
    1: "overvoltage",
    2: "overcurrent",
    4: "power failure",
    8: "overpower while sourcing",
    16: "overtemperature",
    32: "overpower while sinking",
    64: "reversed sense leads",
    512: "inhibit input",
    2048: "watchdog",
    4096: "excessive output dynamics",
}
SECOND = {16: "another unit in parallel", 32: "safety disconnect", 64: "undervoltage"}
TRIPS, TRIPS_2 = sum(FIRST), sum(SECOND)


def trips_in(first: int, second: int) -> list[str]:
    """Return what switched the output off, in words; limits that merely hold are none."""
    if not first & TRIPS and not second & TRIPS_2:
        return []
    return [word for bit, word in FIRST.items() if first & bit] + [
        word for bit, word in SECOND.items() if second & bit
    ]
