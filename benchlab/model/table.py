"""A small table: named columns of equal length."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt

__all__ = ["LazyTable", "Table"]


class Table(Mapping[str, npt.NDArray[Any]]):
    """Named columns of equal length, in a fixed order; text columns are numpy arrays of objects.

    Parameters
    ----------
    columns
        Arrays of shape (n,), by name.

    Raises
    ------
    ValueError
        Where the columns differ in length.
    """

    def __init__(self, columns: Mapping[str, npt.ArrayLike]) -> None:
        self._columns = {name: np.asarray(values) for name, values in columns.items()}
        if len({values.shape for values in self._columns.values()}) > 1:
            sizes = {name: values.shape for name, values in self._columns.items()}
            raise ValueError(f"columns differ in length: {sizes}")

    def __getitem__(self, name: str) -> npt.NDArray[Any]:
        return self._columns[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._columns)

    def __len__(self) -> int:
        """Return the number of columns, as of any mapping; rows are counted by `rows`."""
        return len(self._columns)

    @property
    def rows(self) -> int:
        """The number of rows."""
        return next((len(values) for values in self._columns.values()), 0)

    def records(self) -> Iterator[dict[str, Any]]:
        """Yield each row as a dict of plain Python values; NaN stays NaN."""
        lists = {name: values.tolist() for name, values in self._columns.items()}
        for index in range(self.rows):
            yield {name: values[index] for name, values in lists.items()}

    def __repr__(self) -> str:
        return f"Table({self.rows} rows: {', '.join(self._columns)})"


class LazyTable(Table):
    """A table that is read when it is first looked into.

    Parameters
    ----------
    load
        Returns the table; called once.
    """

    def __init__(self, load: Callable[[], Table]) -> None:
        self._load = load

    @cached_property
    def _columns(self) -> dict[str, npt.NDArray[Any]]:  # type: ignore[override]
        return dict(self._load())
