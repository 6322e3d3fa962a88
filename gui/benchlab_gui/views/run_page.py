"""The page of a recorded run: curves over time above, the cycles below."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHeaderView,
    QLabel,
    QSplitter,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from benchlab_gui.models.table_model import TableModel
from benchlab_gui.plot.cycle_plots import CyclePlots
from benchlab_gui.plot.time_plots import TimePlots
from benchlab_gui.presenters.run_view import RunView
from benchlab_gui.theme.tokens import Theme

__all__ = ["RunPage"]


class RunPage(QWidget):
    """Shows one `RunView`.

    Attributes
    ----------
    time_plots : TimePlots
    cycle_plots : CyclePlots
    cycles : TableModel
    """

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self.time_plots = TimePlots(theme)
        self.cycle_plots = CyclePlots(theme)
        self.cycles = TableModel()
        self._state = QLabel()
        self._summary = QLabel()
        self._caption = QLabel()
        self._caption.setWordWrap(True)
        for label in (self._state, self._summary, self._caption):
            label.setTextInteractionFlags(Qt.TextInteractionFlag.TextSelectableByMouse)

        lower = QSplitter(Qt.Orientation.Horizontal)
        lower.addWidget(self._table())
        lower.addWidget(self.cycle_plots.widget)
        lower.setSizes([560, 640])
        self._split = QSplitter(Qt.Orientation.Vertical)
        self._split.addWidget(self.time_plots.widget)
        self._split.addWidget(lower)
        self._split.setSizes([400, 320])
        column = QVBoxLayout(self)
        column.addWidget(self._state)
        column.addWidget(self._summary)
        column.addWidget(self._split, 1)

    def show_run(self, view: RunView) -> None:
        """Show a run."""
        colour = self._theme.tones[view.tone]
        self._state.setText(
            f'<span style="color:{colour}">{view.tone.glyph}</span> '
            f"<b>{view.path.name}</b> &nbsp; {view.state}"
        )
        self._summary.setText(view.summary)
        self.time_plots.show_run(view)
        self.cycles.show_table(view.cycles.table)
        self.cycle_plots.show_cycles(view.cycles)
        self._caption.setText(view.cycles.caption)

    @property
    def caption(self) -> str:
        """What is said below the cycle table."""
        return self._caption.text()

    def _table(self) -> QWidget:
        table = QTableView()
        table.setModel(self.cycles)
        table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        table.verticalHeader().hide()
        table.horizontalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        table.horizontalHeader().setResizeContentsPrecision(50)
        table.setAccessibleName("Cycle table")
        side = QWidget()
        column = QVBoxLayout(side)
        column.setContentsMargins(0, 0, 0, 0)
        column.addWidget(table, 1)
        column.addWidget(self._caption)
        return side
