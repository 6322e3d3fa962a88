"""A sign of life for somebody outside, who notices where it stays away."""

from __future__ import annotations

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

from benchlab.service.supervisor.plan import Hooks

__all__ = ["SignOfLife"]

LONGEST_SECOND = 10.0


class SignOfLife:
    """Asks an address, or runs a command, at each interval in which every part is well.

    It stays away where the computer, its net, the supervisor or one part is gone: whoever waits
    for it need not know which.
    """

    def __init__(self, root: Path, note: Callable[[str], None]) -> None:
        self._root, self._note = root, note
        self.hooks = Hooks()
        self._due = 0.0
        self._why = ""
        self._thread: threading.Thread | None = None

    def look(self, *, well: bool) -> None:
        """Give the sign where it is due; returns at once."""
        hooks, now = self.hooks, time.monotonic()
        if now < self._due or not well or not (hooks.ping or hooks.ping_command):
            return
        if self._thread is not None and self._thread.is_alive():
            return
        self._due = now + hooks.ping_every
        self._thread = threading.Thread(target=self._give, args=(hooks,), name="sign", daemon=True)
        self._thread.start()

    def _give(self, hooks: Hooks) -> None:
        why = ""
        try:
            if hooks.ping:
                _ask(hooks.ping)
            if hooks.ping_command:
                subprocess.run(
                    hooks.ping_command,
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    cwd=self._root,
                    timeout=LONGEST_SECOND,
                    check=True,
                )
        except (OSError, subprocess.SubprocessError) as error:
            why = str(error)
        if why != self._why:
            self._note(f"the sign of life {f'is not heard: {why}' if why else 'is heard again'}")
        self._why = why


def _ask(address: str) -> None:
    import urllib.request

    # bench.yaml takes http and https alone
    with urllib.request.urlopen(address, timeout=LONGEST_SECOND) as answer:
        answer.read(1000)
