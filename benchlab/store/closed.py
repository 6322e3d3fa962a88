"""The closed file: one HDF5 file a run, a dataset a column, verified before it gets its name."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from benchlab.errors import FileExists, StorageError
from benchlab.model.columns import COLUMNS
from benchlab.model.run import ProtocolRecord
from benchlab.model.table import Table
from benchlab.platform import sync_folder
from benchlab.store.overview import OverviewBuilder

__all__ = [
    "CHUNK_ROWS",
    "FORMAT",
    "ClosedFileWriter",
    "document_sha256",
    "run_digest",
    "write_closed",
]

FORMAT = "benchlab-run/1"
CHUNK_ROWS = 65_536
LONGEST_WORD = 64
"""Bytes; a column of longer texts is stored with a length of its own each."""
UNDIGESTED = frozenset({"unix_time_nanosecond", "unix_time_second"})
"""Wall clock times: two runs that measured the same are equal whenever they were made."""


def _hash_text(values: npt.NDArray[Any]) -> bytes:
    return json.dumps(values.tolist(), ensure_ascii=False).encode()


def table_digest(table: Mapping[str, npt.NDArray[Any]]) -> str:
    """Return the SHA-256 over the columns of a table, wall clock times left out."""
    total = hashlib.sha256()
    for name in sorted(table):
        if name not in UNDIGESTED:
            values = table[name]
            data = _hash_text(values) if values.dtype == object else values.tobytes()
            total.update(name.encode() + b"\0" + hashlib.sha256(data).digest())
    return total.hexdigest()


def document_sha256(data: bytes) -> str:
    """Return the checksum of a document as it is stored."""
    return hashlib.sha256(data).hexdigest()


def run_digest(
    columns: Mapping[str, bytes], steps: Table, events: Table, spectra: Table | None = None
) -> str:
    """Return the digest of a run from the SHA-256 of each column of its rows.

    Spectra count where there are any: a run without has the digest that it always had.
    """
    total = hashlib.sha256()
    for name in sorted(columns):
        if name not in UNDIGESTED:
            total.update(name.encode() + b"\0" + columns[name])
    total.update(table_digest(steps).encode() + table_digest(events).encode())
    if spectra is not None and spectra.rows:
        total.update(table_digest(spectra).encode())
    return total.hexdigest()


class ClosedFileWriter:
    """Writes a closed file block by block under a temporary name.

    Parameters
    ----------
    path : Path
        The final name; nothing is written over.

    Raises
    ------
    benchlab.errors.FileExists, benchlab.errors.StorageError
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.partial = path.with_name(path.name + ".partial")
        if path.exists():
            raise FileExists(
                "there is something at the output path already; nothing was written.",
                where=str(path),
                remedy="Choose another name.",
            )
        self._hashes: dict[str, Any] = {}
        self._rows = 0
        try:
            self.partial.unlink(missing_ok=True)
            self._file = h5py.File(self.partial, "x", libver=("v110", "v110"))
        except OSError as error:
            raise StorageError(
                f"the file cannot be created: {error.strerror or error}.",
                where=str(path),
                remedy="Choose a folder that exists, is writable and has space.",
            ) from error
        self._file.create_group("rows")
        self._overview = OverviewBuilder()

    def append(self, block: Mapping[str, npt.NDArray[Any]]) -> None:
        """Append rows given as columns of equal length; every call names the same columns."""
        group = self._file["rows"]
        count = len(next(iter(block.values()), ()))
        for name, values in block.items():
            if name not in self._hashes:
                self._hashes[name] = hashlib.sha256()
                dataset = group.create_dataset(
                    name,
                    shape=(0,),
                    maxshape=(None,),
                    dtype=values.dtype,
                    chunks=(CHUNK_ROWS,),
                    shuffle=True,
                    compression="gzip",
                    compression_opts=1,
                    fletcher32=True,
                )
                _describe(dataset, name)
            dataset = group[name]
            dataset.resize((self._rows + count,))
            dataset[self._rows :] = values
            self._hashes[name].update(np.ascontiguousarray(values).tobytes())
        self._rows += count
        self._overview.append(block)

    def finish(
        self,
        *,
        steps: Table,
        events: Table,
        cell: Mapping[str, Any],
        protocol: ProtocolRecord,
        instrument: Mapping[str, Any],
        meta: Mapping[str, Any],
        spectra: Table | None = None,
    ) -> str:
        """Write the rest, verify every row against what was appended, give the file its name.

        Returns
        -------
        str
            The digest over rows, steps, events and spectra.
        """
        columns = {name: column.digest() for name, column in self._hashes.items()}
        digest = run_digest(columns, steps, events, spectra)
        file = self._file
        try:
            tables = {"steps": steps, "events": events}
            if spectra is not None and spectra.rows:
                tables["spectra"] = spectra
            for group_name, table in tables.items():
                group = file.create_group(group_name)
                for name, values in table.items():
                    _describe(group.create_dataset(name, data=_stored(values)), name)
            self._write_overview()
            texts = {
                "cell": json.dumps(dict(cell)),
                "instrument": json.dumps(dict(instrument)),
                "protocol_text": protocol.text,
                "protocol_steps": json.dumps([dict(step) for step in protocol.steps]),
                "meta": json.dumps(dict(meta)),
            }
            documents = file.create_group("documents")
            for name, text in texts.items():
                documents[name] = text
                documents[name].attrs["sha256"] = document_sha256(documents[name][()])
            file.attrs["format"] = FORMAT
            file.attrs["rows"] = self._rows
            file.attrs["digest"] = digest
            file.attrs["protocol_name"] = protocol.name
            file.attrs["protocol_sha256"] = protocol.sha256
            for key in ("origin", "end_reason", "started_utc", "closed_utc"):
                if key in meta:
                    file.attrs[key] = meta[key]
            file.close()
            self._verify()
            with open(self.partial, "rb") as written:
                os.fsync(written.fileno())
            os.replace(self.partial, self.path)
            sync_folder(self.path.parent)
        except (OSError, RuntimeError) as error:
            self.abandon()
            raise StorageError(
                f"the closed file could not be completed ({error}); the partial one was removed.",
                where=str(self.path),
                remedy="Free space on the disk; the journal beside it is complete.",
            ) from error
        return digest

    def abandon(self) -> None:
        """Remove the partial file; the final name was never taken."""
        with suppress(OSError, RuntimeError, ValueError):
            self._file.close()
        self.partial.unlink(missing_ok=True)

    def _write_overview(self) -> None:
        for rows, columns in self._overview.finish().items():
            group = self._file.require_group("overview").create_group(f"blocks_{rows}")
            for name, (time, values) in columns.items():
                for title, data in ((f"{name}_time", time), (name, values)):
                    dataset = group.create_dataset(
                        title,
                        data=data,
                        chunks=(min(len(data), CHUNK_ROWS // 16), 4),
                        shuffle=True,
                        compression="gzip",
                        compression_opts=1,
                        fletcher32=True,
                    )
                    dataset.attrs["unit"] = COLUMNS[name].unit if data is values else "s"

    def _verify(self) -> None:
        with h5py.File(self.partial, "r") as file:
            for name, expected in self._hashes.items():
                dataset = file["rows"][name]
                read = hashlib.sha256()
                for first in range(0, len(dataset), 16 * CHUNK_ROWS):
                    read.update(dataset[first : first + 16 * CHUNK_ROWS].tobytes())
                if read.digest() != expected.digest():
                    raise RuntimeError(f"column {name} reads back different from what was written")


def _stored(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Return values as a dataset holds them: words of one length, longer texts of their own."""
    if values.dtype != object:
        return values
    encoded = [text.encode("utf-8") for text in values.tolist()]
    longest = max(map(len, encoded), default=1)
    if longest > LONGEST_WORD or any(text.endswith(b"\0") for text in encoded):
        return values.astype(h5py.string_dtype())
    return np.array(encoded, dtype=h5py.string_dtype("utf-8", max(longest, 1)))


def _describe(dataset: Any, name: str) -> None:
    column = COLUMNS.get(name)
    if column is not None:
        dataset.attrs["unit"] = column.unit
        dataset.attrs["label"] = column.label
        dataset.attrs["meaning"] = column.meaning


def write_closed(
    path: str | os.PathLike[str],
    *,
    rows: Mapping[str, npt.NDArray[Any]],
    steps: Table,
    events: Table,
    cell: Mapping[str, Any],
    protocol: ProtocolRecord,
    instrument: Mapping[str, Any],
    meta: Mapping[str, Any],
) -> str:
    """Write a closed file in one go and return its digest.

    Parameters
    ----------
    rows
        Columns of shape (n,), by name.
    cell, instrument, meta
        Plain values that JSON can carry.

    Raises
    ------
    benchlab.errors.FileExists, benchlab.errors.StorageError
    """
    writer = ClosedFileWriter(Path(path))
    try:
        writer.append(rows)
    except BaseException:
        writer.abandon()
        raise
    return writer.finish(
        steps=steps,
        events=events,
        cell=cell,
        protocol=protocol,
        instrument=instrument,
        meta=meta,
    )
