"""A test as it is sent to a bench: its protocol and its cell as texts, checked before they go."""

from __future__ import annotations

from os import PathLike
from pathlib import Path

from benchlab.errors import CellError, ProtocolError
from benchlab.model.canonical import canonical
from benchlab.model.cell import Cell, parse_cell
from benchlab.model.expand import expand
from benchlab.model.program import Program
from benchlab.model.protocol import Protocol
from benchlab.model.protocol_text import parse_protocol, read_protocol
from benchlab.model.resolve import cell_of
from benchlab.model.yaml_text import load_text, read_yaml

__all__ = ["cell_text", "checked", "protocol_text"]

StrPath = str | PathLike[str]


def protocol_text(protocol: StrPath) -> tuple[Protocol, str]:
    """Return a protocol and a text of it that needs no other file.

    Raises
    ------
    benchlab.errors.FileMissing, benchlab.errors.ProtocolError, benchlab.errors.CellError
    """
    path = Path(protocol)
    found = read_protocol(path)
    try:
        parse_protocol(found.text, str(path))
    except ProtocolError:  # it names files of its folder, which the bench does not have
        return found, canonical(found)
    return found, found.text


def cell_text(cell: StrPath | None) -> tuple[Cell | None, str]:
    """Return a cell and its text; None: the protocol's own is meant.

    Raises
    ------
    benchlab.errors.FileMissing, benchlab.errors.CellError
    """
    if cell is None:
        return None, ""
    text = read_yaml(Path(cell), CellError)
    return parse_cell(load_text(text, str(cell), CellError), str(cell)), text


def checked(protocol: Protocol, cell: Cell | None) -> Program:
    """Return the program that a cell is to go through, refused here before a bench refuses it.

    Raises
    ------
    benchlab.errors.ProtocolError, benchlab.errors.CellError
    """
    return expand(protocol, cell_of(protocol, cell))
