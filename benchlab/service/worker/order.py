"""What somebody asks to be run on a channel: a protocol, a cell, a file's name, who asks."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchlab.errors import CellError, UsageError
from benchlab.model.cell import Cell, parse_cell
from benchlab.model.expand import expand
from benchlab.model.program import Program
from benchlab.model.protocol_text import parse_protocol
from benchlab.model.resolve import cell_of
from benchlab.model.yaml_text import load_text

__all__ = ["Made", "Order", "file_for", "made", "order_from"]

LONGEST_NAME = 120
_PLAIN = re.compile(r"[\w .+()-]*")


@dataclass(frozen=True, slots=True)
class Order:
    """A test that somebody asked for, as it waits in a queue and stands in the channel's file.

    Attributes
    ----------
    item : str
        Its number; the same on whichever channel it waits.
    cell : str
        YAML of the cell on the bench; empty: the protocol names it.
    name : str
        Of the file, without folder and ending; empty: made from cell, protocol and time.
    waive : tuple of str
        Checks that were waived by the operator.
    leaving : str
        The channel that it is being moved to: it does not start here.
    """

    protocol: str
    operator: str
    protocol_name: str = "protocol.yaml"
    cell: str = ""
    name: str = ""
    waive: tuple[str, ...] = ()
    item: str = ""
    cell_id: str = ""
    asked_utc: str = ""
    leaving: str = ""
    more: dict[str, Any] = field(default_factory=dict)

    def record(self) -> dict[str, Any]:
        """Return it as it is kept and sent."""
        return {**asdict(self), "waive": list(self.waive)}

    def brief(self) -> dict[str, Any]:
        """Return it without its texts, for those who look at a queue."""
        left_out = ("protocol", "cell", "more")
        return {name: value for name, value in self.record().items() if name not in left_out}


@dataclass(frozen=True, slots=True)
class Made:
    """An order in numbers."""

    program: Program
    cell: Cell


def order_from(request: Mapping[str, Any]) -> Order:
    """Return the order in a request or a channel's file.

    Raises
    ------
    benchlab.errors.UsageError
    """
    given: dict[str, Any] = {}
    for item in fields(Order):
        if item.name in ("waive", "more") or item.name not in request:
            continue
        value = request[item.name]
        if not isinstance(value, str):
            raise UsageError(
                f"found {item.name} = {str(value)[:40]!r}, expected a text; nothing was done.",
                remedy="protocol and cell are YAML texts.",
            )
        given[item.name] = value
    if not given.get("protocol", "").strip():
        raise UsageError("no protocol was given; nothing was done.", remedy="Send its YAML text.")
    waive = request.get("waive", ())
    if not isinstance(waive, list | tuple) or not all(isinstance(name, str) for name in waive):
        raise UsageError(
            f"found waive = {str(waive)[:40]!r}, expected names of checks; nothing was done.",
            remedy="`check` says which can be waived.",
        )
    name = given.get("name", "")
    if len(name) > LONGEST_NAME or not _PLAIN.fullmatch(name) or name.startswith("."):
        raise UsageError(
            f"found the name {name[:60]!r} for a file; nothing was done.",
            remedy=f"At most {LONGEST_NAME} letters, digits, spaces and _ . + - ( ).",
        )
    given.setdefault("operator", "")
    given["item"] = given.get("item") or uuid.uuid4().hex[:12]
    given["asked_utc"] = given.get("asked_utc") or utc_now()
    more = request.get("more")
    return Order(**given, waive=tuple(waive), more=more if isinstance(more, dict) else {})


def made(order: Order) -> Made:
    """Return the program of an order, and the cell that it is for.

    Raises
    ------
    benchlab.errors.ProtocolError, benchlab.errors.CellError
        With file, line and field.
    """
    protocol = parse_protocol(order.protocol, order.protocol_name)
    cell = None
    if order.cell.strip():
        cell = parse_cell(load_text(order.cell, "cell", CellError), "cell")
    there = cell_of(protocol, cell)
    return Made(expand(protocol, there), there)


def file_for(order: Order, found: Made, folder: Path) -> Path:
    """Return the file that a run goes into: the name that was asked for, or one that is free."""
    if order.name:
        return folder / f"{order.name.strip().removesuffix('.h5')}.h5"
    words = [found.cell.id or found.cell.type.name, found.program.name, utc_file()]
    stem = "_".join(_plain(word) for word in words if word)[-LONGEST_NAME:].lstrip("._- ")
    for number in range(1, 1000):
        path = folder / f"{stem}{'' if number == 1 else f'_{number}'}.h5"
        if not path.exists() and not path.with_suffix(".run").exists():
            return path
    return folder / f"{stem}_{uuid.uuid4().hex[:8]}.h5"


def utc_now() -> str:
    """Return this instant as it is written into files."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")


def utc_file() -> str:
    """Return this second as it stands in the names of files."""
    return datetime.now(UTC).strftime("%Y%m%dT%H%M%SZ")


def _plain(text: str) -> str:
    return re.sub(r"[^\w+-]+", "_", text).strip("_")[:48]
