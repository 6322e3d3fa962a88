"""A table as an item model: read-only, values as text."""

from __future__ import annotations

import math
from typing import Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt

from benchlab.model.table import Table

__all__ = ["TableModel", "shown"]

Index = QModelIndex | QPersistentModelIndex
NOWHERE = QModelIndex()
NUMBERS = Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter


def shown(value: object) -> str:
    """Return a value as the table shows it: NaN is a dash, a float has seven digits."""
    if isinstance(value, float):
        return "-" if math.isnan(value) else f"{value:.7g}"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value)


class TableModel(QAbstractTableModel):
    """A read-only view of a `benchlab.model.table.Table`; its names are the headings."""

    def __init__(self) -> None:
        super().__init__()
        self._names: list[str] = []
        self._columns: list[list[Any]] = []

    def show_table(self, table: Table) -> None:
        """Show another table."""
        self.beginResetModel()
        self._names = list(table)
        self._columns = [table[name].tolist() for name in self._names]
        self.endResetModel()

    def rowCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """Return the number of rows; a cell has none below it."""
        return 0 if parent.isValid() or not self._columns else len(self._columns[0])

    def columnCount(self, parent: Index = NOWHERE) -> int:  # noqa: N802 (Qt's name)
        """Return the number of columns; a cell has none below it."""
        return 0 if parent.isValid() else len(self._names)

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        """Return a value as text, aligned so that digits stand below each other."""
        if index.isValid() and role == Qt.ItemDataRole.DisplayRole:
            return shown(self._columns[index.column()][index.row()])
        if index.isValid() and role == Qt.ItemDataRole.TextAlignmentRole:
            return NUMBERS
        return None

    def headerData(  # noqa: N802 (Qt's name)
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        """Return a column's heading; rows have none, since the first column counts them."""
        sideways = orientation == Qt.Orientation.Horizontal
        if sideways and role == Qt.ItemDataRole.DisplayRole and section < len(self._names):
            return self._names[section]
        return None
