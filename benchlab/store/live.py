"""The live view of a run: an HDF5 file that other programs read while it grows, and disposable.

Single writer, multiple readers (SWMR). Everything is created before the readers' mode starts and
nothing afterwards, rows in small chunks without filters, text of fixed width: what HDF5 can carry
while it is read (a filter would leak a chunk a flush; a late attribute is never seen).
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from benchlab.model.columns import COLUMNS, EVENT_COLUMNS, STEP_COLUMNS, row_dtype
from benchlab.platform import unix_ns

__all__ = ["LIVE_FORMAT", "LiveFile", "record_dtype"]

LIVE_FORMAT = "benchlab-live/1"
ROW_CHUNK = 512
RECORD_CHUNK = 32
SHORT_TEXT, LONG_TEXT = 48, 240
STATE = np.dtype(
    [
        ("rows", "<u8"),
        ("steps", "<u8"),
        ("events", "<u8"),
        ("test_time_second", "<f8"),
        ("written_unix_nanosecond", "<i8"),
        ("ended", "u1"),
    ]
)


def record_dtype(names: tuple[str, ...]) -> np.dtype[np.void]:
    """Return the fixed-width record type of a table of steps or events."""
    fields: list[tuple[str, npt.DTypeLike]] = []
    for name in names:
        dtype = COLUMNS[name].dtype
        width = LONG_TEXT if name == "text" else SHORT_TEXT
        fields.append((name, f"S{width}" if dtype == "text" else "<" + dtype))
    return np.dtype(fields)


class LiveFile:
    """Writes the live view.

    Parameters
    ----------
    path : Path
        Created; it must not exist.
    head
        The journal's opening record; kept as attributes.

    Raises
    ------
    OSError, RuntimeError, ValueError
        HDF5 failed. After an error in any method the file must be given up without another call,
        and so must the process before long: HDF5 aborts when it closes a file that it cannot write.
    """

    def __init__(self, path: Path, head: Mapping[str, Any]) -> None:
        self.path = path
        self._file = h5py.File(
            path, "x", libver=("v110", "v110"), locking=False, rdcc_nbytes=1 << 16
        )
        attributes = self._file.attrs
        attributes["format"] = np.bytes_(LIVE_FORMAT)
        attributes["run_id"] = np.bytes_(str(head["meta"].get("run_id", "")))
        for name in ("cell", "instrument"):
            attributes[name] = np.bytes_(json.dumps(head[name]).encode()[:32_000])
        attributes["protocol_name"] = np.bytes_(str(head["protocol"]["name"]).encode())
        attributes["about"] = np.bytes_("open with swmr=True and locking=False; state[0] counts")
        self._rows = self._table("rows", row_dtype(), ROW_CHUNK)
        self._steps = self._table("steps", record_dtype(STEP_COLUMNS), RECORD_CHUNK)
        self._events = self._table("events", record_dtype(EVENT_COLUMNS), RECORD_CHUNK)
        self._state = self._file.create_dataset("state", (1,), STATE, chunks=(1,), maxshape=(1,))
        self._now = np.zeros(1, STATE)
        self._file.swmr_mode = True
        self._file.flush()
        self._size = os.stat(path).st_size

    def _table(self, name: str, dtype: np.dtype[np.void], chunk: int) -> Any:
        table = self._file.create_dataset(name, (0,), dtype, chunks=(chunk,), maxshape=(None,))
        for column in dtype.names or ():
            table.attrs[f"unit {column}"] = np.bytes_(COLUMNS[column].unit)
        return table

    def rows(self, payload: bytes | bytearray) -> None:
        """Append rows as they stand in the journal."""
        rows = np.frombuffer(payload, row_dtype())
        if len(rows):
            self._append(self._rows, "rows", rows)
            self._now["test_time_second"] = rows["test_time_second"][-1]

    def step(self, record: Mapping[str, Any]) -> None:
        """Append a step that ended."""
        self._append(self._steps, "steps", _fixed(record, STEP_COLUMNS))

    def event(self, record: Mapping[str, Any]) -> None:
        """Append an event."""
        self._append(self._events, "events", _fixed(record, EVENT_COLUMNS))

    def _append(self, table: Any, name: str, values: npt.NDArray[np.void]) -> None:
        first = int(self._now[name][0])
        table.resize((first + len(values),))
        table[first:] = values
        self._now[name] = first + len(values)

    def flush(self, *, ended: bool = False) -> None:
        """Let readers see what was appended: the data first, then the counts of it."""
        for table in (self._rows, self._steps, self._events):
            table.flush()
        self._now["written_unix_nanosecond"] = unix_ns()
        self._now["ended"] = ended
        self._state[:] = self._now
        self._state.flush()
        size = os.stat(self.path).st_size
        if size < self._size or os.stat(self.path).st_nlink != 1:
            raise OSError("another program truncated it")
        self._size = size

    def close(self) -> None:
        """Flush and close."""
        self.flush(ended=True)
        self._file.close()


def _fixed(record: Mapping[str, Any], names: tuple[str, ...]) -> npt.NDArray[np.void]:
    dtype = record_dtype(names)
    values = []
    for name in names:
        value = record[name]
        if dtype[name].kind == "S":
            # cut between characters, never inside one
            value = str(value).encode()[: dtype[name].itemsize].decode(errors="ignore").encode()
        values.append(value)
    return np.array([tuple(values)], dtype)
