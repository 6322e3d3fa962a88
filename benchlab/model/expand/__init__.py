"""Gives a protocol its numbers and refuses what cannot be run, before anything moves."""

from __future__ import annotations

from benchlab.errors import ProtocolError
from benchlab.model.canonical import canonical_sha256
from benchlab.model.cell import Cell
from benchlab.model.expand.context import Context
from benchlab.model.expand.flow import FlowWriter
from benchlab.model.program import Program
from benchlab.model.protocol import Protocol
from benchlab.model.refusals import Refusals
from benchlab.model.resolve import capacity_of, cell_of, limits_of
from benchlab.model.validate import place

__all__ = ["expand"]

MOST_STEPS = 2**32 - 1
"""A recording counts its steps in 32 bits."""


def expand(protocol: Protocol, cell: Cell | None = None) -> Program:
    """Return the protocol in numbers for one cell.

    Parameters
    ----------
    cell : Cell, optional
        The cell on the bench; without it the protocol's own ``cell`` is taken.

    Raises
    ------
    benchlab.errors.ProtocolError
        With file, line and field, for whatever cannot be run; one for each step, in `others`.
    """
    cell = cell_of(protocol, cell)
    capacity, basis = capacity_of(protocol, cell)
    nominal = capacity or cell.type.nominal_capacity.number({})
    problems = Refusals()
    limits = limits_of(protocol, cell, nominal, problems)
    context = Context(protocol, cell, capacity, nominal, limits, problems=problems)
    flow = FlowWriter(context)
    flow.write()
    problems.check()
    program = Program(
        name=protocol.header.name,
        source=protocol.source,
        text=protocol.text,
        canonical_sha256=canonical_sha256(protocol),
        code=tuple(flow.code),
        blocks=tuple(flow.blocks),
        steps=tuple(flow.steps),
        entries=tuple(flow.entries),
        limits=limits,
        capacity_ah=nominal,
        capacity_basis=basis if capacity else "cell type (bounds only)",
        known=context.known,
        kept=frozenset(flow.names.wanted),
        profiles={
            name: (profile.unit, profile.times, profile.values)
            for name, profile in protocol.profiles.items()
        },
        period_second=protocol.header.control.period,
        notes=tuple(dict.fromkeys(context.notes)),
    )
    if program.executions() > MOST_STEPS:
        raise ProtocolError(
            f"the repeats come to {program.executions():.3g} steps; a recording counts up to"
            f" {MOST_STEPS}.",
            where=place(protocol.source, protocol.lines.get("steps", 1), "steps"),
            remedy="Lower the repeats; those inside each other multiply.",
        )
    return program
