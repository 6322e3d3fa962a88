"""Starts a supervisor that outlives whoever started it."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from benchlab.errors import SetupError
from benchlab.platform import detached, is_stopped, kill_process
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.supervisor.plan import read_plan

__all__ = ["start_supervisor", "start_where_missing", "wait_for_parts"]

LOOK_SECOND = 0.05


def start_supervisor(folder: BenchFolder) -> None:
    """Start it; where one runs already, the new one ends by itself.

    Raises
    ------
    benchlab.errors.SetupError
    """
    words = [sys.executable, "-m", "benchlab.service.supervisor", str(folder.file)]
    try:
        with (folder.logs / "supervisor.log").open("ab") as log:
            child = subprocess.Popen(
                words,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
                cwd=folder.root,
                **detached(),
            )
    except OSError as error:
        raise SetupError(
            f"the supervisor cannot be started ({error}).",
            where=str(folder.root),
            remedy="Make the folder writable; look for a limit on processes.",
        ) from error
    # a hub that goes on for months reaps it, should it end
    threading.Thread(target=child.wait, name="supervisor", daemon=True).start()


def start_where_missing(folder: BenchFolder) -> bool:
    """Start it if the bench is up and has none that moves; say whether that was so."""
    part = folder.part("supervisor")
    if part is not None and is_stopped(part.pid):
        kill_process(part.pid, part.started)
    if read_plan(folder) is None or (part is not None and part.alive):
        return False
    start_supervisor(folder)
    return True


def wait_for_parts(folder: BenchFolder, names: Sequence[str], patience_second: float) -> list[str]:
    """Wait until each of the parts runs; return those that do not by then."""
    end = time.monotonic() + patience_second
    while True:
        missing = [name for name in names if (part := folder.part(name)) is None or not part.alive]
        if not missing or time.monotonic() > end:
            return missing
        time.sleep(LOOK_SECOND)
