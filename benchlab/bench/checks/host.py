"""What keeps the cell safe if the host dies, and which limits only software enforces."""

from __future__ import annotations

from benchlab.bench.executor import ExecutorCapabilities
from benchlab.bench.roles import Capabilities
from benchlab.model.checks.remark import Remark, Severity
from benchlab.model.program import Program

__all__ = ["host_dies", "software_limits", "watchdog_period"]

LIMITS = ("high voltage", "low voltage", "charge current", "discharge current")


def host_dies(program: Program, can: Capabilities, name: str) -> list[Remark]:
    """Return what the cell sees if the program that drives the instrument dies."""
    watched = can.watchdog_second is not None
    return [
        Remark(
            "host-dies",
            Severity.NOTE if watched else Severity.WARNING,
            program.source,
            f"{name}: if this program dies, {can.host_dies}.",
            "" if watched else "Leave it alone only where that is safe for hours, or add a relay.",
        )
    ]


def watchdog_period(program: Program, can: Capabilities, name: str) -> list[Remark]:
    """Return that the instrument would switch off between two readings."""
    watchdog, period = can.watchdog_second, program.period_second
    if watchdog is None or period <= watchdog / 2.0:
        return []
    sure = period >= watchdog
    return [
        Remark(
            "watchdog-period",
            Severity.ERROR if sure else Severity.WARNING,
            program.source,
            f"the control period is {period:g} s, and {name} switches off after"
            f" {watchdog:g} s without hearing from the host"
            + (": it would between any two readings." if sure else "."),
            f"Lower control.period to {watchdog / 3.0:g} s or less.",
        )
    ]


def software_limits(
    program: Program, can: Capabilities | ExecutorCapabilities, name: str
) -> list[Remark]:
    """Return which limits are armed in the instrument, and which hold only while the host lives."""
    limits = program.limits
    arms = dict(can.arms)
    armed = "; ".join(f"{limit} by {arms[limit]}" for limit in LIMITS if limit in arms)
    soft = [limit for limit in LIMITS if limit not in arms]
    if limits.formed_low_volt is not None and limits.formed_low_volt > limits.low_volt:
        soft.append(f"low voltage of a formed cell ({limits.formed_low_volt:g} V)")
    soft.append(f"charge in one step ({limits.step_charge_ah:g} Ah)")
    if limits.charging_celsius or limits.otherwise_celsius:
        soft.append("temperature")
    if limits.rise_kelvin is not None:
        soft.append(f"rise of temperature ({limits.rise_kelvin:g} K in a minute)")
    soft.append("contact lost")
    return [
        Remark(
            "software-limits",
            Severity.NOTE,
            program.source,
            f"{name} itself keeps {armed or 'no limit'}. Only software, while the host lives,"
            f" keeps: {', '.join(soft)}.",
        )
    ]
