"""The search index of recorded runs: made from the files, thrown away and made anew at will."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any

from benchlab.errors import BenchError, StorageError, UsageError
from benchlab.model.run import Run
from benchlab.store.corrections import corrections_path
from benchlab.store.reader import open_run

__all__ = ["FILTERS", "LEVELS", "Catalogue", "Found"]

_VERSION = 1
_FACTS = (
    *("state", "end_reason", "end_text", "run_id", "digest", "continues"),
    *("cell_id", "cell_type", "lot", "operator", "protocol", "protocol_sha256"),
    *("driver", "serial_number", "channel", "origin", "simulated", "started_utc", "closed_utc"),
    *("rows", "steps", "cycles", "test_time_second", "comment", "error"),
)
FILTERS = ("cell", "chemistry", "lot", "operator", "protocol", "state", "channel", "text")
"""What runs can be searched by, each as a part of the word; beside them a date and its end."""
_COLUMNS = {"cell": "cell_id", "chemistry": "cell_type"}
_TEXT = ("path", "cell_id", "cell_type", "lot", "operator", "protocol", "comment", "end_text")
LEVELS = ("runs", "tests", "cells", "lots")
"""What a search may be summed over."""
_SCHEMA = f"""
CREATE TABLE runs (path TEXT PRIMARY KEY, mark TEXT NOT NULL,
    {", ".join(name for name in _FACTS)});
CREATE INDEX runs_cell ON runs (cell_id);
CREATE INDEX runs_started ON runs (started_utc);
PRAGMA user_version = {_VERSION};
"""


@dataclass(frozen=True, slots=True)
class Found:
    """What a look at the files changed.

    Attributes
    ----------
    runs : int
        In the catalogue now.
    read : int
        Files that were new or had changed.
    gone : int
        Files that are there no more.
    unreadable : tuple of str
        Files that could not be read; they are in the catalogue with what is wrong.
    """

    runs: int
    read: int
    gone: int
    unreadable: tuple[str, ...]


class Catalogue:
    """Every run below a folder, searchable.

    Nothing in it is a fact of its own: a damaged or older one is thrown away and made anew.

    Parameters
    ----------
    folder : Path
        Searched with all folders in it.
    place : Path, optional
        Where the index is kept; in memory where left out.

    Raises
    ------
    benchlab.errors.StorageError
        It can neither be read nor made anew.
    """

    def __init__(self, folder: Path, place: Path | None = None) -> None:
        self._folder = folder
        self._place = place
        self._base = self._open()

    def __enter__(self) -> Catalogue:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the index."""
        self._base.close()

    def refresh(self) -> Found:
        """Read what is new or has changed below the folder, and forget what is gone.

        Raises
        ------
        benchlab.errors.StorageError
        """
        known = dict(self._all("SELECT path, mark FROM runs"))
        there = {str(path.relative_to(self._folder)): path for path in _runs_below(self._folder)}
        marks = {name: _mark(path) for name, path in there.items()}
        new = [name for name, mark in marks.items() if known.get(name) != mark]
        gone = [name for name in known if name not in there]
        rows = [(name, marks[name], *_facts(there[name])) for name in new]
        holes = ", ".join("?" * (len(_FACTS) + 2))
        try:
            with self._base:
                self._base.executemany(
                    "DELETE FROM runs WHERE path = ?", [(name,) for name in gone]
                )
                self._base.executemany(f"INSERT OR REPLACE INTO runs VALUES ({holes})", rows)
        except sqlite3.Error as error:
            raise _failed(self._place, error) from error
        bad = self._all("SELECT path FROM runs WHERE error != '' ORDER BY path")
        return Found(len(there), len(new), len(gone), tuple(name for (name,) in bad))

    def find(
        self,
        filters: Mapping[str, str],
        *,
        level: str = "runs",
        since: str = "",
        until: str = "",
        most: int = 1000,
    ) -> list[dict[str, Any]]:
        """Return what matches every filter, newest first.

        Parameters
        ----------
        filters : Mapping
            By one of `FILTERS`; a part of the word is enough, case does not matter.
        level : {"runs", "tests", "cells", "lots"}
            A test is a run with all that go on with it.
        since, until : str
            Dates as ``2026-11-23`` or with a time; a date alone as `until` holds its whole day.

        Raises
        ------
        benchlab.errors.UsageError
            An unknown filter or level, or a date that is none.
        benchlab.errors.StorageError
        """
        if level not in LEVELS:
            raise UsageError(f"found the level {level!r}.", remedy=f"Known: {', '.join(LEVELS)}.")
        where, values = _where(filters, since, until)
        source = _SOURCES[level].format(where=where)
        cursor = self._execute(f"{source} LIMIT ?", [*values, most])
        names = [column[0] for column in cursor.description]
        return [dict(zip(names, row, strict=True)) for row in cursor]

    def _open(self) -> sqlite3.Connection:
        try:
            base = self._connect()
            (version,) = base.execute("PRAGMA user_version").fetchone()
            sound = version == _VERSION and base.execute("PRAGMA quick_check(1)").fetchone()
            if sound == ("ok",):
                return base
            base.close()
        except sqlite3.DatabaseError:
            with suppress(NameError, UnboundLocalError):
                base.close()
        try:
            if self._place is not None:
                for end in ("", "-wal", "-shm", "-journal"):
                    self._place.with_name(self._place.name + end).unlink(missing_ok=True)
            base = self._connect()
            base.executescript(_SCHEMA)
        except (sqlite3.Error, OSError) as error:
            raise _failed(self._place, error) from error
        return base

    def _connect(self) -> sqlite3.Connection:
        # the hub reads it from threads of its own, one at a time
        return sqlite3.connect(self._place or ":memory:", timeout=5.0, check_same_thread=False)

    def _all(self, question: str) -> list[tuple[Any, ...]]:
        return self._execute(question, []).fetchall()

    def _execute(self, question: str, values: Iterable[Any]) -> sqlite3.Cursor:
        try:
            return self._base.execute(question, list(values))
        except sqlite3.Error as error:
            raise _failed(self._place, error) from error


# The first run of each chain of `continues` names the test.
_TESTS = """
WITH RECURSIVE chain(path, run_id, test) AS (
    SELECT path, run_id, run_id FROM runs
        WHERE continues = '' OR continues NOT IN (SELECT run_id FROM runs)
    UNION SELECT runs.path, runs.run_id, chain.test FROM runs
        JOIN chain ON runs.continues = chain.run_id WHERE runs.continues != '')
"""
_SUMS = """count(*) AS runs, sum(rows) AS rows, sum(cycles) AS cycles,
    min(nullif(started_utc, '')) AS started_utc, max(closed_utc) AS closed_utc,
    group_concat(DISTINCT protocol) AS protocols, group_concat(DISTINCT state) AS states"""
_SOURCES = {
    "runs": "SELECT path, " + ", ".join(_FACTS) + " FROM runs WHERE {where}"
    " ORDER BY started_utc DESC, path",
    "tests": _TESTS + f"SELECT test, cell_id, cell_type, lot, {_SUMS},"
    " group_concat(runs.path, char(10)) AS paths FROM runs JOIN chain USING (path)"
    " WHERE {where} GROUP BY test ORDER BY started_utc DESC",
    "cells": f"SELECT cell_id, cell_type, lot, {_SUMS} FROM runs WHERE {{where}}"
    " GROUP BY cell_id, lot ORDER BY cell_id",
    "lots": f"SELECT lot, count(DISTINCT cell_id) AS cells, {_SUMS} FROM runs WHERE {{where}}"
    " GROUP BY lot ORDER BY lot",
}


def _where(filters: Mapping[str, str], since: str, until: str) -> tuple[str, list[Any]]:
    parts, values = ["1"], []
    for name, word in filters.items():
        if name not in FILTERS:
            raise UsageError(f"found the filter {name!r}.", remedy=f"Known: {', '.join(FILTERS)}.")
        names = _TEXT if name == "text" else (_COLUMNS.get(name, name),)
        escaped = word.replace("!", "!!").replace("%", "!%").replace("_", "!_")
        parts.append("(" + " OR ".join(f"runs.{n} LIKE ? ESCAPE '!'" for n in names) + ")")
        values += [f"%{escaped}%"] * len(names)
    if since:
        parts.append("runs.started_utc >= ?")
        values.append(_date(since))
    if until:
        parts.append("runs.started_utc <= ?")
        values.append(_date(until, end=True))
    return " AND ".join(parts), values


def _date(text: str, *, end: bool = False) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise UsageError(
            f"found the date {text!r}.", remedy="Write 2026-11-23, or 2026-11-23T08:30."
        ) from None
    if end and len(text) <= len("2026-11-23"):
        moment = moment.replace(hour=23, minute=59, second=59, microsecond=999999)
    # a time without a zone is that of the person who asks; files hold UTC
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _runs_below(folder: Path) -> Iterator[Path]:
    for home, folders, files in os.walk(folder):  # it minds no folder that vanishes meanwhile
        names = {name for name in files if name.endswith(".h5") and not name.startswith(".")}
        runs = [name for name in folders if name.endswith(".run")]
        folders[:] = [name for name in folders if not name.endswith((".run", ".run.done"))]
        names |= {name for name in runs if name.removesuffix(".run") + ".h5" not in names}
        yield from (Path(home, name) for name in names)


def _mark(path: Path) -> str:
    """Return what changes whenever the run's content may have."""
    parts = []
    for place in (path, corrections_path(path)):
        with suppress(OSError):
            facts = place.stat()
            parts.append(f"{facts.st_mtime_ns}.{facts.st_size}")
    if path.suffix == ".run":
        with suppress(OSError):
            newest = max((p.stat().st_mtime_ns for p in path.iterdir()), default=0)
            parts.append(f"running.{newest}")
    return " ".join(parts)


def _facts(path: Path) -> tuple[Any, ...]:
    try:
        facts = _of(open_run(path))
    except BenchError as error:
        facts = {"state": "unreadable", "error": str(error)}
    except OSError as error:
        facts = {"state": "unreadable", "error": error.strerror or str(error)}
    return tuple(facts.get(name, "") for name in _FACTS)


def _of(run: Run) -> dict[str, Any]:
    meta, cell = run.meta, run.cell
    steps = run.steps
    timed = len(run) and "test_time_second" in run
    return {
        **{name: str(meta.get(name, "") or "") for name in ("end_reason", "end_text", "run_id")},
        **{name: str(meta.get(name, "") or "") for name in ("digest", "operator", "origin")},
        **{name: str(meta.get(name, "") or "") for name in ("started_utc", "closed_utc")},
        "state": run.state,
        "continues": str((meta.get("continues") or {}).get("run_id", "")),
        "simulated": int(bool(meta.get("simulated"))),
        "cell_id": str(cell.get("id") or ""),
        "cell_type": str(cell.get("type") or ""),
        "lot": str(cell.get("lot") or ""),
        "comment": str(cell.get("comment") or ""),
        "protocol": run.protocol.name,
        "protocol_sha256": run.protocol.sha256,
        "driver": str(run.instrument.get("driver") or ""),
        "serial_number": str(run.instrument.get("serial_number") or ""),
        "channel": str(meta.get("channel") or run.instrument.get("channel") or ""),
        "rows": len(run),
        "steps": steps.rows,
        "cycles": int(steps["cycle_count"].max()) if steps.rows else 0,
        "test_time_second": float(run.column("test_time_second", -1)[0]) if timed else 0.0,
    }


def _failed(place: Path | None, error: Exception) -> StorageError:
    return StorageError(
        f"the catalogue cannot be used ({error}); no recording was touched.",
        where=str(place or "in memory"),
        remedy="Free space or make the folder writable; the catalogue is made anew from the files.",
    )
