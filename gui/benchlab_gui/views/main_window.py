"""The window: menus, a message bar, and the page of the run that is open."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QAction, QCloseEvent, QDragEnterEvent, QDropEvent, QKeySequence
from PySide6.QtWidgets import QFileDialog, QLabel, QMainWindow, QMenu, QVBoxLayout, QWidget

from benchlab_gui.presenters.run_presenter import RunPresenter
from benchlab_gui.theme.tokens import Theme, Tone
from benchlab_gui.views.message_bar import MessageBar

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchlab_gui.presenters.run_view import RunView
    from benchlab_gui.views.run_page import RunPage

__all__ = ["MainWindow"]

EMPTY = "No run is open.\n\nDrop a recorded file here, or choose File > Open (Ctrl+O)."
PROGRAM = "benchlab"


class MainWindow(QMainWindow):
    """Shows recorded runs; it owns nothing, so that closing it ends nothing but itself.

    Attributes
    ----------
    presenter : RunPresenter
    message : MessageBar
    page : RunPage or None
        None until the first run is shown: the plot library is imported only then.
    """

    def __init__(self, theme: Theme) -> None:
        super().__init__()
        self._theme = theme
        self.presenter = RunPresenter(self)
        self.message = MessageBar(theme)
        self.page: RunPage | None = None
        self._empty = QLabel(EMPTY, alignment=Qt.AlignmentFlag.AlignCenter)
        body = QWidget()
        self._column = QVBoxLayout(body)
        self._column.addWidget(self.message)
        self._column.addWidget(self._empty, 1)
        self.setCentralWidget(body)
        self.setAcceptDrops(True)
        self.setWindowTitle(PROGRAM)
        self.resize(1280, 800)
        self._make_menus()
        self.presenter.loading.connect(self._on_loading)
        self.presenter.loaded.connect(self._on_loaded)
        self.presenter.failed.connect(self._on_failed)

    def open(self, path: str) -> None:
        """Open a recorded run, or say in the window why not."""
        self.presenter.open(path)

    def choose(self) -> None:
        """Ask for a file and open it."""
        path, _ = QFileDialog.getOpenFileName(
            self, "Open a recorded run", "", "Recorded runs (*.h5);;All files (*)"
        )
        if path:
            self.open(path)

    def show_all(self) -> None:
        """Show the whole run."""
        if self.page is not None:
            self.page.time_plots.show_all()

    def _make_menus(self) -> None:
        file = self.menuBar().addMenu("&File")
        self._add(file, "&Open...", QKeySequence("Ctrl+O"), self.choose, "Open a recorded run")
        again = "Read the file again, as while it is being written"
        self._reload = self._add(file, "&Reload", QKeySequence("F5"), self.presenter.reload, again)
        file.addSeparator()
        self._add(file, "&Close window", QKeySequence("Ctrl+Q"), self.close, "Ends no test")
        view = self.menuBar().addMenu("&View")
        self._whole = self._add(
            view, "Show &all", QKeySequence("Ctrl+0"), self.show_all, "Show the whole run"
        )
        for action in (self._reload, self._whole):
            action.setEnabled(False)
            action.setStatusTip("There is no run open yet")

    def _add(
        self, menu: QMenu, text: str, key: QKeySequence, do: Callable[[], object], tip: str
    ) -> QAction:
        action = QAction(text, self)
        action.setShortcut(key)
        action.setToolTip(tip)
        action.setStatusTip(tip)
        action.triggered.connect(lambda _checked=False: do())
        menu.addAction(action)
        return action

    def _on_loading(self, path: str) -> None:
        self.message.clear()
        self.statusBar().showMessage(f"Reading {Path(path).name} ...")

    def _on_loaded(self, view: RunView) -> None:
        self.statusBar().clearMessage()
        if self.page is None:
            from benchlab_gui.views.run_page import RunPage

            self.page = RunPage(self._theme)
            self._empty.hide()
            self._column.addWidget(self.page, 1)
        self.page.show_run(view)
        self.setWindowTitle(f"{view.title} · {PROGRAM}")
        for action in (self._reload, self._whole):
            action.setEnabled(True)
            action.setStatusTip(action.toolTip())
        if view.notes:
            self.message.say(Tone.ATTENTION, " ".join(view.notes))

    def _on_failed(self, text: str) -> None:
        self.statusBar().clearMessage()
        self.message.say(Tone.ALARM, text)

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:  # noqa: N802 (Qt's name)
        """Take files of this machine."""
        if any(url.isLocalFile() for url in event.mimeData().urls()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:  # noqa: N802 (Qt's name)
        """Open the first file dropped; say so where there are more."""
        paths = [url.toLocalFile() for url in event.mimeData().urls() if url.isLocalFile()]
        event.acceptProposedAction()
        self.open(paths[0])
        if len(paths) > 1:
            self.message.say(
                Tone.ATTENTION,
                f"{len(paths)} files were dropped; only {Path(paths[0]).name} is opened. "
                "Drop the others one at a time.",
            )

    def closeEvent(self, event: QCloseEvent) -> None:  # noqa: N802 (Qt's name)
        """End the reading thread before the widgets go."""
        self.presenter.close()
        super().closeEvent(event)
