"""Keeps the computer from going to sleep while tests run."""

from __future__ import annotations

import shutil
import subprocess
import sys
from contextlib import suppress

__all__ = ["Awake"]

_LINUX = ("systemd-inhibit", "--what=sleep:idle", "--who=benchlab", "--why=tests run", "cat")
_MACOS = ("caffeinate", "-i", "cat")


class Awake:
    """Asks the system not to sleep, where it can be asked; a child that ends with this process."""

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._on = False
        self.can = sys.platform == "win32" or shutil.which(self._words()[0]) is not None

    @staticmethod
    def _words() -> tuple[str, ...]:
        return _MACOS if sys.platform == "darwin" else _LINUX

    def keep(self, on: bool) -> None:
        """Ask for it, or take it back."""
        if sys.platform == "win32":
            import ctypes

            if on != self._on:
                ctypes.windll.kernel32.SetThreadExecutionState(0x80000001 if on else 0x80000000)
            self._on = on
            return
        if self._child is not None and self._child.poll() is not None:
            self._child, self.can = None, False  # the system refused: asking again would not help
        if on and self._child is None and self.can:
            with suppress(OSError):
                # "cat" ends when this process does, and sleep is allowed again
                self._child = subprocess.Popen(
                    self._words(),
                    stdin=subprocess.PIPE,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
        if not on and self._child is not None:
            if self._child.stdin is not None:
                self._child.stdin.close()
            self._child.wait()
            self._child = None
