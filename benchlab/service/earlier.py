"""The run that another one goes on with: its last state, if it is the same test."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

from benchlab.errors import FileError, UsageError
from benchlab.model.cell import Cell
from benchlab.model.program import Program
from benchlab.store.journal_read import read_journal
from benchlab.store.reader import open_run

__all__ = ["Earlier", "read_earlier"]


class Earlier(NamedTuple):
    """What a run needs to know of the one that it goes on with.

    Attributes
    ----------
    state : dict
        The last one that it recorded.
    link : dict
        What the new file keeps of it.
    """

    state: dict[str, Any]
    link: dict[str, Any]


def read_earlier(path: Path, program: Program, cell: Cell) -> Earlier:
    """Return the last state of an earlier run of the same protocol on the same cell.

    Parameters
    ----------
    path : Path
        ``NAME.h5``, or the folder ``NAME.run`` of a run that was cut off.

    Raises
    ------
    benchlab.errors.UsageError
        Another protocol or cell; the program came to its end; nothing says where it stood.
    benchlab.errors.FileError
        It is still going on, or cannot be read.
    """
    run = open_run(path)
    if run.state == "running":
        raise FileError(
            "this run is still going on; nothing was started.",
            where=str(path),
            remedy="Stop it first, or wait for its end.",
        )
    state = run.meta.get("last_state")
    if run.path.is_dir():
        state = read_journal(run.path, take=lambda _: None).state
    _same(path, "protocol", run.protocol.sha256, program.record().sha256)
    _same(path, "cell", run.cell.get("id"), cell.record().get("id"))
    _same(path, "cell type", run.cell.get("type"), cell.record().get("type"))
    _same(path, "capacity", run.cell.get("capacity_ah"), program.capacity_ah)
    if run.meta.get("end_reason") == "done" or not state or "step" not in state:
        done = run.meta.get("end_reason") == "done"
        raise UsageError(
            f"{path}: "
            + ("this run came to its end." if done else "nothing tells where this run stood."),
            remedy="Start a new run, without --continue.",
        )
    link = {
        "file": path.name,
        "run_id": str(run.meta.get("run_id", "")),
        "end_reason": str(run.meta.get("end_reason", "interrupted")),
        "test_time_second": state["test_time_second"],
        "step_count": state["step_count"],
    }
    return Earlier(state, link)


def _same(path: Path, what: str, earlier: object, now: object) -> None:
    if earlier != now:
        raise UsageError(
            f"{path}: the earlier run had another {what} ({_short(earlier)}, now {_short(now)});"
            " nothing was started.",
            remedy=f"Give the same {what}, or start a new run without --continue.",
        )


def _short(value: object) -> str:
    return str(value)[:40]
