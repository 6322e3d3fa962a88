"""Opens runs on a thread of its own and tells the window; the newest wish wins."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal

if TYPE_CHECKING:
    from benchlab_gui.presenters.run_view import RunView

__all__ = ["RunPresenter"]


class RunPresenter(QObject):
    """Opens recorded runs.

    Attributes
    ----------
    loading : Signal(str)
        A file is being read.
    loaded : Signal(RunView)
        It was read.
    failed : Signal(str)
        It could not be read: the sentence to show; what was shown before stays.
    current : RunView or None
        What is shown.
    """

    loading = Signal(str)
    loaded = Signal(object)
    failed = Signal(str)
    _done = Signal(int, object, str)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.current: RunView | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="reader")
        self._wish = 0
        self._done.connect(self._on_done)

    def open(self, path: str) -> None:
        """Read a run; an earlier one that is still being read is forgotten."""
        self._wish += 1
        self.loading.emit(path)
        self._thread.submit(self._read, self._wish, path)

    def reload(self) -> None:
        """Read the shown run again, as after more rows were written."""
        if self.current is not None:
            self.open(str(self.current.path))

    def close(self) -> None:
        """Wait for the reading under way; nothing is reported any more."""
        self._wish += 1
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _read(self, wish: int, path: str) -> None:
        if wish != self._wish:
            return
        # here, not above: numpy, HDF5 and the analyses load off the window's thread, when needed
        from benchlab_gui.presenters.run_view import load, sentence

        try:
            view = load(path)
        except Exception as error:  # one that ended in silence would leave the window waiting
            self._done.emit(wish, None, sentence(error))
        else:
            self._done.emit(wish, view, "")

    def _on_done(self, wish: int, view: RunView | None, text: str) -> None:
        if wish != self._wish:
            return
        if view is None:
            self.failed.emit(text)
        else:
            self.current = view
            self.loaded.emit(view)
