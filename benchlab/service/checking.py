"""The checks before a start, as `benchlab run` and `benchlab check-protocol` make them."""

from __future__ import annotations

from collections.abc import Sequence

from benchlab.bench.checks import check_channel, refuse_unsupported
from benchlab.model.cell import Cell
from benchlab.model.checks import Remark, check_program, in_order, refuse
from benchlab.model.program import Program
from benchlab.service.channel import Channel, capabilities_beside

__all__ = ["remarks_on"]


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
        Raise the first error; else errors are among the remarks.

    Raises
    ------
    benchlab.errors.ProtocolError, benchlab.errors.Unsupported
    """
    own = check_program(program, cell)
    if refusing:
        refuse(own)
    if channel is None:
        return own
    seen: set[str] = set()
    for sensor in sensors:
        seen.update(getattr(capabilities_beside(sensor), "channels", ()))
    climate = None if chamber is None else capabilities_beside(chamber)
    can = channel.module().CAPABILITIES
    found = check_channel(program, can, channel.driver, channels=seen, chamber=climate)
    if refusing:
        refuse_unsupported(found)
    return in_order([*own, *found])
