"""Tells somebody of every alarm: runs the bench's own command, in order, at least once for each."""

from __future__ import annotations

import json
import platform
import subprocess
import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Any

from benchlab.platform import replace_file
from benchlab.service.alarms import complete_lines
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.supervisor.plan import Plan

__all__ = ["Herald"]

LOOK_SECOND = 0.1
LONGEST_SECOND = 30.0
"""What the command may take; it is ended then, and has failed."""
AGAIN_SECOND = (1.0, 5.0, 30.0, 60.0, 120.0, 300.0, 300.0, 300.0, 300.0)
"""After each failure; after the last one the alarm is passed over, and those behind it are told."""


class Herald:
    """Follows the file of alarms in a thread; what it has told is marked in a file beside it.

    The mark is set behind each alarm once it was told: a supervisor that dies in between tells it
    twice rather than never.
    """

    def __init__(self, folder: BenchFolder, note: Callable[[str], None]) -> None:
        self._alarms, self._root = folder.alarms, folder.root
        self._mark = folder.alarms.with_suffix(".told")
        self._note = note
        self._plan: Plan | None = None
        self._over = threading.Event()
        self._offset = self._marked()
        self._thread = threading.Thread(target=self._run, name="herald", daemon=True)
        self._thread.start()

    def follow(self, plan: Plan) -> None:
        """Take the command from the plan."""
        self._plan = plan

    def close(self) -> None:
        """Let go; what was not told is told by the next."""
        self._over.set()
        self._thread.join(1.0)

    def _marked(self) -> int:
        with suppress(OSError, ValueError):
            return int(self._mark.read_text())
        with suppress(OSError):  # a bench that never had a herald: nobody waits for what is old
            return self._alarms.stat().st_size
        return 0

    def _run(self) -> None:
        while not self._over.wait(LOOK_SECOND):
            plan = self._plan
            if plan is None:
                continue
            with suppress(OSError):
                if self._alarms.stat().st_size < self._offset:  # somebody has put the file away
                    self._offset = 0
            for offset, record in complete_lines(self._alarms, self._offset):
                if "id" in record and plan.hooks.alarm and not self._told(plan, record):
                    break
                self._offset = offset
                with suppress(OSError):  # it is told twice rather than never
                    replace_file(self._mark, str(offset).encode())

    def _told(self, plan: Plan, record: Mapping[str, Any]) -> bool:
        """Run the command until it has taken the alarm; False: this process ends first."""
        where = {"bench": plan.bench, "computer": platform.node(), "folder": str(self._root)}
        text = json.dumps({**record, **where})
        for pause in (*AGAIN_SECOND, 0.0):
            why = _failed(plan.hooks.alarm, text, str(self._root))
            if not why:
                return True
            self._note(f"alarm {record['id']}: the hook {why}; again in {pause:g} s")
            if self._over.wait(pause):
                return False
        self._note(f"alarm {record['id']}: nobody was told of it")
        return True


def _failed(words: tuple[str, ...], text: str, root: str) -> str:
    """Run a command with a text on its standard input; return why it failed, or nothing."""
    try:
        done = subprocess.run(
            words,
            input=text.encode(),
            stdout=subprocess.DEVNULL,
            cwd=root,
            timeout=LONGEST_SECOND,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return f"took longer than {LONGEST_SECOND:g} s and was ended"
    except OSError as error:
        return f"cannot be started ({error.strerror})"
    return f"ended with {done.returncode}" if done.returncode else ""
