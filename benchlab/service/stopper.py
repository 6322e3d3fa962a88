"""Turns Ctrl-C, a polite kill and a closed terminal into a stop that switches off."""

from __future__ import annotations

import signal
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any

from benchlab.errors import RunStopped

__all__ = ["Stopper"]

_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")


class Stopper:
    """Takes the signals for as long as it is entered.

    Before there is a run to stop it raises `benchlab.errors.RunStopped` where the program stands,
    so that whatever is under way there is undone; afterwards it asks the run to stop.
    """

    def __init__(self) -> None:
        self._stop: Callable[[str], None] | None = None
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stopper:
        for name in _SIGNALS:
            number = getattr(signal, name, None)
            if number is not None:
                self._before[number] = signal.signal(number, self._signalled)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def stops(self, stop: Callable[[str], None]) -> None:
        """Name what stops the run from here on."""
        self._stop = stop

    def _signalled(self, number: int, frame: FrameType | None) -> None:
        text = f"stopped by the operator ({signal.Signals(number).name})"
        if self._stop is None:
            raise RunStopped(f"{text} before any current flowed; nothing was recorded.")
        self._stop(text)
