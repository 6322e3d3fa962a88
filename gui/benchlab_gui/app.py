"""The window's program: puts the parts together and runs them."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Sequence
from types import TracebackType

from PySide6.QtCore import Qt
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

from benchlab_gui.theme.tokens import DARK, LIGHT, Theme, Tone
from benchlab_gui.views.main_window import MainWindow

__all__ = ["main", "system_theme"]


def system_theme() -> Theme:
    """Return the appearance that the desktop asks for."""
    dark = QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    return DARK if dark else LIGHT


def main(arguments: Sequence[str] | None = None) -> int:
    """Open the window, with the run that the first argument names; return when it is closed."""
    words = list(sys.argv[1:] if arguments is None else arguments)
    application = QApplication.instance() or QApplication(["benchlab"])
    window = MainWindow(system_theme())

    def report(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        """Show a mistake of ours in the window, which goes on; the details go to stderr."""
        traceback.print_exception(kind, error, trace)
        if isinstance(error, Exception):
            window.message.say(
                Tone.ALARM,
                f"The window made a mistake ({kind.__name__}: {error}) and goes on; files and "
                "running tests are untouched. Please report it with the lines on the terminal.",
            )

    before, sys.excepthook = sys.excepthook, report
    try:
        window.show()
        if words:
            window.open(words[0])
        return application.exec()
    finally:
        sys.excepthook = before
        window.presenter.close()
