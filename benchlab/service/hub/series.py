"""Recorded curves for clients, decimated here: no client reads ten million rows over a wire."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from threading import Lock
from typing import Any

import numpy as np

from benchlab.errors import FileNotReadable, UsageError
from benchlab.model.run import Run
from benchlab.store.overview_read import Curve, open_curve
from benchlab.store.reader import open_run

__all__ = ["MOST_POINTS", "Series"]

MOST_POINTS = 20_000
MOST_OPEN = 8
TIME = "test_time_second"


class Series:
    """Answers questions about recorded curves; keeps the last few files open.

    A run under way is opened anew for each question, from its journal: that disturbs no writer.
    """

    def __init__(self) -> None:
        self._open: OrderedDict[tuple[Path, int, int], Run] = OrderedDict()
        self._lock = Lock()

    def run(self, path: Path) -> Run:
        """Return the open run of a file.

        Raises
        ------
        benchlab.errors.FileMissing, benchlab.errors.FileNotReadable
        """
        if not path.is_file():
            return open_run(path)
        facts = path.stat()
        key = (path, facts.st_mtime_ns, facts.st_size)
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
                return self._open[key]
        run = open_run(path)
        with self._lock:
            self._open[key] = run
            while len(self._open) > MOST_OPEN:
                self._open.popitem(last=False)
        return run

    def data(
        self,
        path: Path,
        columns: Sequence[str],
        *,
        low: float | None = None,
        high: float | None = None,
        points: int = 2000,
    ) -> dict[str, Any]:
        """Return columns over test time, each with about `points` samples.

        Parameters
        ----------
        low, high : float, optional
            Seconds of test time; the whole run where left out.
        points : int
            How many samples of a column at most, roughly: smallest and largest of each stretch are
            among them, and so are the first and the last.

        Returns
        -------
        dict
            ``rows``: of the run; ``state``; ``columns``: by name, ``test_time_second`` and
            ``value`` as lists, NaN as None.

        Raises
        ------
        benchlab.errors.UsageError
            An unknown column, or a range that is none.
        benchlab.errors.FileMissing, benchlab.errors.FileNotReadable
        """
        run = self.run(path)
        unknown = [name for name in columns if name not in run]
        if unknown or not columns:
            raise UsageError(
                f"found the columns {', '.join(columns)[:200] or 'none'}.",
                where=path.name,
                remedy=f"This run has {', '.join(run.column_names)}.",
            )
        if not 4 <= points <= MOST_POINTS:
            raise UsageError(f"found {points} points.", remedy=f"Ask for 4 to {MOST_POINTS}.")
        found = {}
        for name in columns:
            curve = _curve(run, name)
            first = curve.ends[0] if low is None else low
            last = curve.ends[1] if high is None else high
            if not (math.isfinite(first) and math.isfinite(last) and first <= last):
                raise UsageError(
                    f"found the range {first:g} to {last:g} s.",
                    remedy="Give the earlier time first.",
                )
            x, y = curve.points(first, last, max(points // 4, 1)) if len(run) else ([], [])
            found[name] = {TIME: _plain(x), "value": _plain(y)}
        return {"rows": len(run), "state": run.state, "columns": found}


def _curve(run: Run, name: str) -> Curve:
    try:
        return open_curve(run, name)
    except ValueError as error:
        raise FileNotReadable(
            f"the rows cannot be drawn over time: {error}.",
            where=str(run.path),
            remedy="benchlab check says where.",
        ) from error


def _plain(values: Any) -> list[float | int | None]:
    array = np.asarray(values)
    if array.dtype.kind != "f":
        return list(array.tolist())
    return [value if math.isfinite(value) else None for value in array.tolist()]
