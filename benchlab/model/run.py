"""A recorded run as its readers see it, whatever form it is stored in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.model.table import Table

__all__ = ["ProtocolRecord", "Run"]


@dataclass(frozen=True, slots=True)
class ProtocolRecord:
    """The protocol as it was run: its text, the hash of it, and the expanded step table."""

    name: str = ""
    text: str = ""
    sha256: str = ""
    steps: tuple[Mapping[str, Any], ...] = ()


@dataclass(frozen=True)
class Run:
    """One run: rows, steps, events, and what it was run with.

    ``run["voltage_volt"]`` is a numpy array; columns are read when first asked for.

    Attributes
    ----------
    path : Path
        The file or folder that was opened.
    state : str
        ``"closed"``, ``"running"`` or ``"interrupted"`` (the writer died: every flushed row is
        here, the closing record is not).
    steps, events : Table
        One row a step executed; one row an event.
    cell, instrument : Mapping
        As stored with the run; empty where nothing is known.
    meta : Mapping
        ``format``, ``origin`` (``"benchlab"`` or the foreign format), times, versions, settings.
    """

    path: Path
    state: str
    column_names: tuple[str, ...]
    row_count: int
    load_column: Callable[[str], npt.NDArray[Any]] = field(repr=False)
    steps: Table = field(repr=False)
    events: Table = field(repr=False)
    cell: Mapping[str, Any] = field(repr=False)
    protocol: ProtocolRecord = field(repr=False)
    instrument: Mapping[str, Any] = field(repr=False)
    meta: Mapping[str, Any] = field(repr=False)
    _cache: dict[str, npt.NDArray[Any]] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return a column of the rows, shape (row_count,).

        Raises
        ------
        KeyError
            Where the run has no such column; the message lists those it has.
        """
        if name not in self.column_names:
            raise KeyError(f"no column {name!r}; this run has {', '.join(self.column_names)}")
        if name not in self._cache:
            values = np.asarray(self.load_column(name))
            values.flags.writeable = False
            self._cache[name] = values
        return self._cache[name]

    def __contains__(self, name: object) -> bool:
        return name in self.column_names

    def __len__(self) -> int:
        return self.row_count

    def rows(self) -> Table:
        """Return every row as a table; this reads every column."""
        return Table({name: self[name] for name in self.column_names})
