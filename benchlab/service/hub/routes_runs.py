"""Requests about recorded runs: search, steps, events, curves; a file is named by its key alone."""

from __future__ import annotations

import hashlib
import threading
import time
from pathlib import Path as FilePath
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Path, Query

from benchlab.errors import FileMissing
from benchlab.model.table import Table
from benchlab.service.catalogue import Catalogue
from benchlab.service.hub.series import MOST_POINTS, Series

__all__ = ["Library", "run_routes"]

LOOK_SECOND = 2.0
SHARE = 0.05
"""A look at many files is made so seldom that it takes no more of the time than this."""
Key = Annotated[str, Path(pattern="^[0-9a-f]{16}$")]
Word = Annotated[str, Query(max_length=200)]


class Library:
    """The catalogue, looked at again when it is old; safe from any thread.

    Parameters
    ----------
    data : Path
        The folder of the recordings.
    place : Path
        Of the index.
    """

    def __init__(self, data: FilePath, place: FilePath) -> None:
        self._data = data
        self._catalogue = Catalogue(data, place)
        self._lock = threading.Lock()
        self._due = 0.0
        self.series = Series()

    def find(self, filters: dict[str, str], **words: Any) -> list[dict[str, Any]]:
        """Return what matches, each with its key where it is a run."""
        with self._lock:
            began = time.monotonic()
            if began >= self._due:
                self._catalogue.refresh()
                took = time.monotonic() - began
                self._due = began + max(LOOK_SECOND, took / SHARE)
            found = self._catalogue.find(filters, **words)
        return [{"key": _key(row["path"]), **row} if "path" in row else row for row in found]

    def path(self, key: str) -> FilePath:
        """Return the file of a key.

        Raises
        ------
        benchlab.errors.FileMissing
        """
        for row in self.find({}, most=1_000_000):
            if row["key"] == key:
                return self._data / str(row["path"])
        raise FileMissing(
            "there is no such run.", where=key, remedy="GET /api/v1/runs lists them, with keys."
        )

    def close(self) -> None:
        """Close the index."""
        with self._lock:
            self._catalogue.close()


def run_routes(library: Library) -> APIRouter:
    """Return the requests about recorded runs."""
    api = APIRouter(tags=["runs"])

    @api.get("/runs")
    def find(
        level: Literal["runs", "tests", "cells", "lots"] = "runs",
        cell: Word = "",
        chemistry: Word = "",
        lot: Word = "",
        operator: Word = "",
        protocol: Word = "",
        state: Word = "",
        channel: Word = "",
        text: Word = "",
        since: Word = "",
        until: Word = "",
        most: Annotated[int, Query(ge=1, le=10_000)] = 1000,
    ) -> dict[str, Any]:
        """Search by a part of any of these words."""
        words = {"cell": cell, "chemistry": chemistry, "lot": lot, "operator": operator}
        words |= {"protocol": protocol, "state": state, "channel": channel, "text": text}
        filters = {name: word for name, word in words.items() if word}
        found = library.find(filters, level=level, since=since, until=until, most=most)
        return {"found": found}

    @api.get("/runs/{key}")
    def read_run(key: Key) -> dict[str, Any]:
        """Read what a run was made with, and how it stands."""
        run = library.series.run(library.path(key))
        return {
            "state": run.state,
            "rows": len(run),
            "columns": list(run.column_names),
            "cell": dict(run.cell),
            "instrument": dict(run.instrument),
            "protocol": {"name": run.protocol.name, "text": run.protocol.text},
            "meta": {name: value for name, value in run.meta.items() if name != "last_state"},
        }

    @api.get("/runs/{key}/steps")
    def steps(key: Key, first: Annotated[int, Query(ge=0, le=2**62)] = 0) -> dict[str, Any]:
        """List the steps that ended, from one on, at most ten thousand."""
        return {"steps": _part(library.series.run(library.path(key)).steps, first)}

    @api.get("/runs/{key}/events")
    def events(key: Key, first: Annotated[int, Query(ge=0, le=2**62)] = 0) -> dict[str, Any]:
        """List the events, from one on, at most ten thousand."""
        return {"events": _part(library.series.run(library.path(key)).events, first)}

    @api.get("/runs/{key}/data")
    def data(
        key: Key,
        columns: Annotated[list[str], Query(max_length=20)],
        low: Annotated[float | None, Query(allow_inf_nan=False)] = None,
        high: Annotated[float | None, Query(allow_inf_nan=False)] = None,
        points: Annotated[int, Query(ge=4, le=MOST_POINTS)] = 2000,
    ) -> dict[str, Any]:
        """Columns over test time, with every extreme and about so many samples of each."""
        path = library.path(key)
        return library.series.data(path, columns, low=low, high=high, points=points)

    return api


def _key(path: str) -> str:
    """Return the name of a run that stays the same when it is closed."""
    stem = path.removesuffix(".h5").removesuffix(".run")
    return hashlib.blake2b(stem.encode(), digest_size=8).hexdigest()


def _part(table: Table, first: int) -> list[dict[str, Any]]:
    records = list(table.records())[first : first + 10_000]
    return [{k: _finite(v) for k, v in record.items()} for record in records]


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not -1e308 <= value <= 1e308 else value
