"""Finds runs whose writer or closing was cut off, and gives each its closed file."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.errors import BenchError, FileError, FileMissing, FileNotReadable
from benchlab.model.flags import RowFlag
from benchlab.platform import is_locked, unix_ns
from benchlab.store.compact import Closed, close_run, remove_leftovers
from benchlab.store.journal import JournalWriter
from benchlab.store.journal_damage import LOST_HEAD
from benchlab.store.journal_frame import run_folder
from benchlab.store.journal_read import JournalContent, has_journal, read_journal, without_record

__all__ = ["Recovery", "find_runs", "last_seen", "recover_run"]


@dataclass(frozen=True, slots=True)
class Recovery:
    """What was found of a run, and what was done.

    Attributes
    ----------
    found, did : str
        A sentence each.
    path : Path
        The closed file.
    error : BenchError or None
        Why nothing could be done; the run was left as it is.
    """

    path: Path
    found: str
    did: str
    digest: str = ""
    rows: int = 0
    missing_rows: int = 0
    error: BenchError | None = None


def find_runs(path: Path) -> list[Path]:
    """Return the closed files' names of the runs that a path stands for.

    Parameters
    ----------
    path : Path
        ``NAME.h5``, ``NAME.run``, or a folder, searched with all folders in it.

    Raises
    ------
    benchlab.errors.FileMissing
        There is nothing.
    """
    if path.suffix == ".run":
        found = [path.with_suffix(".h5")]
    elif path.is_dir():
        folders = [*path.rglob("*.run"), *path.rglob("*.run.done")]
        return sorted({Path(str(f).removesuffix(".done")).with_suffix(".h5") for f in folders})
    else:
        found = [path]
    if not run_folder(found[0]).is_dir() and not found[0].is_file():
        raise FileMissing(
            "there is no such run.", where=str(path), remedy="Check the name and the folder."
        )
    return found


def recover_run(path: Path, *, close: Callable[[Path, Path], Closed] = close_run) -> Recovery:
    """Give a run its closed file ``path`` and remove what is no longer needed.

    Killed at any point, called again, it finishes the job. What cannot be done is said in the
    result's ``error``; the run is then as it was.

    Parameters
    ----------
    close
        What writes the closed file: in this process, or in a child.
    """
    folder = run_folder(path)
    found = "a closed file"
    try:
        if not folder.is_dir():
            removed = remove_leftovers(path)
            did = "removed what a killed closing had left" if removed else "nothing was to be done"
            return Recovery(path, found, did)
        found = "a run being recorded"
        if (folder / "lock").exists() and is_locked(folder / "lock"):
            raise FileError(
                "another process is recording or closing this run; nothing was changed.",
                where=str(folder),
                remedy="Wait until it has ended, or stop it first.",
            )
        found = "a folder without a journal"
        if not has_journal(folder):
            raise FileNotReadable(
                "there is no journal in this folder.", where=str(folder), remedy="Remove it."
            )
        current = False

        def take(rows: npt.NDArray[np.void]) -> None:
            nonlocal current
            current |= bool(np.any(rows["current_ampere"] != 0.0))

        content = read_journal(folder, take=take)
        found = _describe(content, closed=path.exists())
        if not content.head:
            raise without_record(folder, content)
        if content.end is None:
            _append_end(folder, content, current=current)
        closed = close(folder, path)
    except BenchError as error:
        return Recovery(path, found, "left as it is", error=error)
    did = f"{closed.rows} rows are in {path.name}; the journal was removed"
    return Recovery(path, found, did, closed.digest, closed.rows, content.missing_rows)


def _describe(content: JournalContent, *, closed: bool) -> str:
    if content.end is not None:
        state = "verified but not removed" if closed else "not yet in its closed file"
        text = f"a run that ended ({content.end.get('end_reason', '')}), {state}"
    else:
        text = "a run cut off while it was recorded"
    text += f": {content.row_count} rows, {len(content.steps)} finished steps"
    if content.torn_bytes:
        text += f", {content.torn_bytes} bytes of an unfinished frame"
    if content.head_lost:
        text += f"; {LOST_HEAD}"
    if content.missing_rows or content.damage:
        text += f", {content.missing_rows} rows lost to damage in {len(content.damage)} places"
    return text


def _append_end(folder: Path, content: JournalContent, *, current: bool) -> None:
    """Append what became of the run, and its closing record, in one go."""
    time, unix = _last_moment(content)
    now = unix_ns()
    away = f"{max(now - unix, 0) / 1e9:.0f} s" if unix else "an unknown time"
    after = _output(content, current=current)
    guardian = folder / "guardian.log"
    said = ""
    with suppress(OSError):
        said = guardian.read_text(encoding="utf-8").strip()
    writer = JournalWriter.resume(folder, content, durable=False)
    try:
        seen = last_seen(content)
        if seen:
            writer.row(*seen)
        common = {"test_time_second": time, "actor": "recover"}
        gap = f"the journal ends here, {away} before it was recovered; {after}"
        writer.gather(kind="gap", unix_time_nanosecond=unix, text=gap, **common)
        if said:
            told = {"text": said, "actor": "guardian"}
            writer.gather(kind="off", unix_time_nanosecond=unix, **(common | told))
        rows = f"{content.row_count} rows{' and the last reading' if seen else ''}"
        text = f"recovered: {rows}, {content.torn_bytes} torn bytes left out"
        writer.gather(kind="recovered", unix_time_nanosecond=now, **(common | {"text": text}))
        writer.end(
            {
                "end_reason": "interrupted",
                "end_text": "the process that recorded the run ended without closing it",
                "recovered": True,
                "closed_utc": datetime.now(UTC).isoformat(timespec="milliseconds"),
            }
        )
        writer.close()
    finally:
        writer.release()


def last_seen(content: JournalContent) -> tuple[float, ...]:
    """Return the row of the last state's reading, where a step was under way and it is newer.

    Without it, what flowed after the last recorded row, up to a whole record interval, would be
    missing from the rows and from the sums of the step. An executor's rows come from the
    instrument itself, and whoever attaches to it fetches them.
    """
    state, part = content.state, content.open_rows
    done = content.steps[-1]["step_count"] if content.steps else 0
    if not len(part) or part["step_count"][-1] <= done:
        return ()
    last = part[-1]
    newer = state.get("test_time_second", 0.0) > last["test_time_second"]
    if not newer or "counters" not in state or "executor" in state:
        return ()
    return (
        state["test_time_second"],
        state["unix_time_nanosecond"],
        state["voltage_volt"],
        state["current_ampere"],
        int(last["cycle_count"]),
        int(last["step_count"]),
        int(last["step_id"]),
        *state["counters"],
        float("nan"),
        RowFlag.LAST_SEEN,
    )


def _output(content: JournalContent, *, current: bool) -> str:
    """Return what is known of the output where the journal ends."""
    said = content.intents[-1]["output"] if content.intents else "unknown" if current else "off"
    if content.damage or content.lost_frames or content.missing_rows:
        # the record of a switching may be among what was lost
        said = "unknown"
    elif content.torn_bytes and said != "on":
        said = "unknown"
    if said == "on":
        return "the output was on; what flowed after this is not known"
    return "the output was off" if said == "off" else "whether the output was on is not known"


def _last_moment(content: JournalContent) -> tuple[float, int]:
    rows: Any = content.last_row
    if rows is None:
        last = content.events[-1] if content.events else {}
        return last.get("test_time_second", 0.0), last.get("unix_time_nanosecond", 0)
    time, unix = rows
    later = content.state.get("test_time_second", time)
    if later > time:
        return later, unix + round((later - time) * 1e9)
    return time, unix
