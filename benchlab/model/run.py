"""A recorded run as its readers see it, whatever form it is stored in."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.errors import SetupError
from benchlab.model.columns import SPECTRUM_COLUMNS, records_table
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
    steps, events, spectra : Table
        One row a step executed; an event; a point of an impedance spectrum.
    cell, instrument : Mapping
        As stored with the run, corrections applied to the cell; empty where nothing is known.
    meta : Mapping
        ``format``, ``origin`` (``"benchlab"`` or the foreign format), times, versions, settings.
    corrections : tuple of Mapping
        What was corrected after the run, oldest first; the recorded data are never changed.
    overview_blocks, overview_columns : tuple
        Rows of a block of the stored overview, finest first, and its columns; empty: none.
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
    load_part: Callable[[str, int, int], npt.NDArray[Any]] | None = field(default=None, repr=False)
    load_new: Callable[[int], tuple[Table, bool]] | None = field(default=None, repr=False)
    spectra: Table = field(default_factory=lambda: records_table(SPECTRUM_COLUMNS, ()), repr=False)
    corrections: tuple[Mapping[str, Any], ...] = field(default=(), repr=False)
    overview_blocks: tuple[int, ...] = field(default=(), repr=False)
    overview_columns: tuple[str, ...] = field(default=(), repr=False)
    _cache: dict[str, npt.NDArray[Any]] = field(default_factory=dict, repr=False)

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        """Return a column of the rows, shape (row_count,).

        Raises
        ------
        KeyError
            Where the run has no such column; the message lists those it has.
        """
        self._require(name)
        if name not in self._cache:
            values = np.asarray(self.load_column(name))
            values.flags.writeable = False
            self._cache[name] = values
        return self._cache[name]

    def __contains__(self, name: object) -> bool:
        return name in self.column_names

    def __len__(self) -> int:
        return self.row_count

    def column(self, name: str, start: int = 0, stop: int | None = None) -> npt.NDArray[Any]:
        """Return rows `start` to `stop` of a column, read alone and not kept.

        Parameters
        ----------
        start, stop : int
            As of a slice; negative ones count from the end.

        Raises
        ------
        KeyError
        """
        self._require(name)
        first, end, _ = slice(start, stop).indices(self.row_count)
        if name in self._cache or self.load_part is None:
            return self[name][first:end]
        return self.load_part(name, first, max(end, first))

    def blocks(self, rows: int = 1_048_576) -> Iterator[Table]:
        """Yield every row, in order, as tables of at most `rows` rows; no more is in memory."""
        for start in range(0, self.row_count, rows):
            yield Table(
                {name: self.column(name, start, start + rows) for name in self.column_names}
            )

    def rows(self) -> Table:
        """Return every row as a table; this reads every column."""
        return Table({name: self[name] for name in self.column_names})

    def follow(
        self,
        interval_second: float = 1.0,
        *,
        start: int | None = None,
        wait: Callable[[float], object] = time.sleep,
    ) -> Iterator[Table]:
        """Yield the rows that come in while the run goes on, batch by batch, until it closes.

        Parameters
        ----------
        interval_second : float
            Between two looks; a look that finds nothing yields nothing.
        start : int, optional
            The first row to yield; the first one that is not in this `Run` yet if left out.
        wait : callable
            Waits that many seconds; one that ends early just looks earlier.
        """
        place = self.row_count if start is None else start
        if self.load_new is None:
            if place < self.row_count:
                yield Table({name: self.column(name, place) for name in self.column_names})
            return
        while True:
            batch, ended = self.load_new(place)
            if batch.rows:
                place += batch.rows
                yield batch
            if ended:
                return
            wait(interval_second)

    @property
    def excluded_cycles(self) -> tuple[int, ...]:
        """Cycles that a correction takes out of fits and references; they stay in every table."""
        for record in reversed(self.corrections):
            if record["field"] == "excluded_cycles":
                return tuple(record["new"])
        return ()

    def to_pandas(self) -> Any:
        """Return every row as a ``pandas.DataFrame``.

        Raises
        ------
        benchlab.errors.SetupError
            Where pandas is not installed.
        """
        try:
            import pandas
        except ModuleNotFoundError as missing:
            raise _not_installed("pandas", "a DataFrame") from missing
        return pandas.DataFrame(dict(self.rows()))

    def to_arrow(self) -> Any:
        """Return every row as a ``pyarrow.Table``.

        Raises
        ------
        benchlab.errors.SetupError
            Where pyarrow is not installed.
        """
        try:
            import pyarrow
        except ModuleNotFoundError as missing:
            raise _not_installed("pyarrow", "an Arrow table") from missing
        return pyarrow.table(dict(self.rows()))

    def _require(self, name: str) -> None:
        if name not in self.column_names:
            raise KeyError(f"no column {name!r}; this run has {', '.join(self.column_names)}")


def _not_installed(package: str, what: str) -> SetupError:
    return SetupError(
        f"{what} needs the package {package!r}, which is not installed.",
        remedy=f"Install it: pip install {package}",
    )
