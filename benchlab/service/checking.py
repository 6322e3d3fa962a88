"""The checks before a start, as `benchlab run` and `benchlab check-protocol` make them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchlab.bench.checks import check_channel, check_executor_channel, refuse_unsupported
from benchlab.bench.clock import VirtualClock
from benchlab.bench.executor import ExecutorCapabilities
from benchlab.bench.twin import TwinSpec
from benchlab.errors import Unsupported
from benchlab.model.cell import Cell
from benchlab.model.checks import Remark, check_program, in_order, refuse
from benchlab.model.program import Program
from benchlab.service.channel import Channel, capabilities_beside

__all__ = ["remarks_compiled", "remarks_on"]


def remarks_on(
    program: Program,
    cell: Cell,
    channel: Channel | None,
    sensors: Sequence[Channel] = (),
    chamber: Channel | None = None,
    *,
    refusing: bool = True,
) -> list[Remark]:
    """Return everything that is to be said before a start, the worst first.

    Parameters
    ----------
    channel : Channel or None
        None: the program is checked without an instrument.
    refusing : bool
        Raise the errors, the first with the others in it; else they are among the remarks.

    Raises
    ------
    benchlab.errors.ProtocolError, benchlab.errors.Unsupported
    """
    own = check_program(program, cell)
    if refusing:
        refuse(own)
    if channel is None:
        return own
    seen = _seen(sensors)
    climate = None if chamber is None else capabilities_beside(chamber)
    name = f"{channel.driver} ({channel.model})" if channel.model else channel.driver
    can = channel.capabilities()
    if isinstance(can, ExecutorCapabilities):
        refusal, notes = _compiled(program, cell, channel)
        found = check_executor_channel(program, can, name, refusal, notes, channels=seen)
    else:
        found = check_channel(program, can, name, channels=seen, chamber=climate)
    if refusing:
        refuse_unsupported(found)
    return in_order([*own, *found])


def remarks_compiled(
    program: Program,
    cell: Cell,
    channel: Channel,
    sensors: Sequence[Channel],
    can: ExecutorCapabilities,
    notes: Sequence[str],
) -> list[Remark]:
    """Return what is to be said before a start of what an instrument that is open has compiled.

    Raises
    ------
    benchlab.errors.ProtocolError, benchlab.errors.Unsupported
    """
    own = check_program(program, cell)
    refuse(own)
    found = check_executor_channel(
        program, can, channel.driver, None, notes, channels=_seen(sensors)
    )
    refuse_unsupported(found)
    return in_order([*own, *found])


def _seen(sensors: Sequence[Channel]) -> set[str]:
    """Return the columns that sensors give."""
    return {
        column
        for sensor in sensors
        for column in getattr(capabilities_beside(sensor), "channels", ())
    }


def _compiled(
    program: Program, cell: Cell, channel: Channel
) -> tuple[Unsupported | None, tuple[str, ...]]:
    """Return the instrument's refusal of a program, or what it makes differently."""
    spec = TwinSpec(cell.type.name, program.capacity_ah)
    executor, _ = replace(channel, resource="").executor(VirtualClock(), spec)
    try:
        executor.open()
        return None, executor.compile(program).notes
    except Unsupported as refusal:
        return refusal, ()
    finally:
        executor.close()
