"""Checks a program against the instruments of a channel before anything moves; pure."""

from __future__ import annotations

from collections.abc import Set

from benchlab.bench.checks.executor import check_executor_channel
from benchlab.bench.checks.hold import discharge_holds
from benchlab.bench.checks.host import host_dies, software_limits, watchdog_period
from benchlab.bench.checks.rate import row_rates
from benchlab.bench.checks.reach import beyond_instrument, poor_accuracy
from benchlab.bench.checks.seen import (
    blind_rests,
    chambers,
    missing_sensors,
    unwatched_temperature,
)
from benchlab.bench.roles import Capabilities
from benchlab.bench.surroundings import ChamberCapabilities
from benchlab.errors import Unsupported
from benchlab.model.checks import Remark, Severity, in_order
from benchlab.model.program import Program
from benchlab.model.refusals import Refusals

__all__ = ["check_channel", "check_executor_channel", "check_instrument", "refuse_unsupported"]


def check_channel(
    program: Program,
    can: Capabilities,
    name: str,
    *,
    channels: Set[str] = frozenset(),
    chamber: ChamberCapabilities | None = None,
) -> list[Remark]:
    """Return what is to be said of a program on a channel before it starts, the worst first.

    Parameters
    ----------
    name : str
        Of the driver, for the texts.
    channels : set of str
        Columns that sensors beside the instrument give.
    chamber : ChamberCapabilities, optional
        Of the channel's chamber, where it has one.
    """
    return in_order(
        [
            *beyond_instrument(program, can, name),
            *row_rates(program, can, name),
            *discharge_holds(program, can, name),
            *watchdog_period(program, can, name),
            *chambers(program, chamber),
            *missing_sensors(program, channels),
            *blind_rests(program, can, name),
            *poor_accuracy(program, can, name),
            *unwatched_temperature(program, channels),
            *host_dies(program, can, name),
            *software_limits(program, can, name),
        ]
    )


def refuse_unsupported(remarks: list[Remark]) -> None:
    """Refuse a program for what its channel cannot do.

    Raises
    ------
    benchlab.errors.Unsupported
        The first in the file; its `others` are the other ones.
    """
    found = Refusals()
    for remark in remarks:
        if remark.severity is Severity.ERROR:
            found.add(Unsupported(remark.reason, where=remark.where, remedy=remark.remedy))
    found.check()


def check_instrument(
    program: Program,
    can: Capabilities,
    name: str,
    *,
    channels: Set[str] = frozenset(),
    chamber: ChamberCapabilities | None = None,
) -> list[str]:
    """Return what the operator should know before the start, as sentences; see `check_channel`.

    Raises
    ------
    benchlab.errors.Unsupported
        Naming the step and what the instrument cannot do.
    """
    remarks = check_channel(program, can, name, channels=channels, chamber=chamber)
    refuse_unsupported(remarks)
    return [str(remark) for remark in remarks]
