"""Reads the closed file: what a run was, at once; its rows, column by column, when asked for."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from benchlab.errors import FileNotReadable
from benchlab.model.columns import (
    EVENT_COLUMNS,
    ROW_COLUMNS,
    SPECTRUM_COLUMNS,
    STEP_COLUMNS,
    records_table,
)
from benchlab.model.run import ProtocolRecord, Run
from benchlab.model.table import LazyTable, Table
from benchlab.store.closed import FORMAT, document_sha256

__all__ = ["document_state", "open_closed"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def open_closed(path: Path, *, as_found: bool = False) -> Run:
    """Open a closed file.

    Parameters
    ----------
    as_found : bool
        Take its documents (cell, instrument, protocol, meta) as they are, whatever their checksums.

    Raises
    ------
    benchlab.errors.FileNotReadable
        It is empty, truncated, changed, of another program or of a newer format.
    """
    with open(path, "rb") as raw:
        head = raw.read(8)
    if not head:
        raise FileNotReadable(
            "the file is empty.", where=str(path), remedy="Take it from its source once more."
        )
    if head != _SIGNATURE:
        raise FileNotReadable(
            "this is not an HDF5 file.",
            where=str(path),
            remedy="A cycler's own file is converted first: benchlab import FILE -o OUT.h5",
        )
    try:
        with h5py.File(path, "r", locking=False) as file:
            written = file.attrs.get("format", "")
            if written != FORMAT:
                found = f"format {written!r}" if written else "no format of benchlab"
                raise FileNotReadable(
                    f"the file is HDF5 but holds {found}; {FORMAT!r} is read.",
                    where=str(path),
                    remedy="It may be of a newer benchlab, or of another program.",
                )
            changed = [] if as_found else _changed(file)[0]
            if changed:
                raise FileNotReadable(
                    f"the file is damaged, or was changed after it was closed: its"
                    f" {', '.join(changed)} is not what the checksum was made of.",
                    where=str(path),
                    remedy="Take it from a backup; what is known better now belongs beside the"
                    " file: benchlab correct.",
                )
            return _closed_run(path, file)
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise FileNotReadable(
            f"the file is damaged or truncated ({error}).",
            where=str(path),
            remedy="Take it from its source or a backup once more.",
        ) from error


def document_state(path: Path) -> tuple[list[str], list[str]]:
    """Return the documents that their checksum does not fit, and those that have none.

    Raises
    ------
    benchlab.errors.FileNotReadable
    """
    with _reading(path, "the documents") as file:
        return _changed(file)


def _changed(file: Any) -> tuple[list[str], list[str]]:
    changed, without = [], []
    for name, item in file.get("documents", {}).items():
        told = item.attrs.get("sha256")
        if told is None:
            without.append(name)
        elif told != document_sha256(item[()]):
            changed.append(name)
    return changed, without


def _closed_run(path: Path, file: Any) -> Run:
    _must_be_whole(path, file)
    documents = {name: item[()].decode() for name, item in file["documents"].items()}
    stored = (
        sorted(file["overview"], key=lambda name: int(name.rpartition("_")[2]))
        if ("overview" in file)
        else []
    )
    shown = tuple(file["overview"][stored[0]]) if stored else ()
    return Run(
        path=path,
        state="closed",
        column_names=tuple(sorted(file["rows"], key=_row_order)),
        row_count=int(file.attrs["rows"]),
        load_column=partial(_load_column, path),
        load_part=partial(_load_part, path),
        steps=LazyTable(partial(_load_group, path, "steps", STEP_COLUMNS)),
        events=LazyTable(partial(_load_group, path, "events", EVENT_COLUMNS)),
        spectra=LazyTable(partial(_load_group, path, "spectra", SPECTRUM_COLUMNS)),
        cell=json.loads(documents["cell"]),
        protocol=ProtocolRecord(
            name=str(file.attrs["protocol_name"]),
            text=documents["protocol_text"],
            sha256=str(file.attrs["protocol_sha256"]),
            steps=tuple(json.loads(documents["protocol_steps"])),
        ),
        instrument=json.loads(documents["instrument"]),
        meta={
            **json.loads(documents["meta"]),
            "format": FORMAT,
            "digest": str(file.attrs["digest"]),
        },
        overview_blocks=tuple(int(name.rpartition("_")[2]) for name in stored),
        overview_columns=tuple(name for name in shown if not name.endswith("_time")),
    )


def _must_be_whole(path: Path, file: Any) -> None:
    """Refuse a file that lacks a part, or whose columns are not all as long as it says."""
    lacking = [f"/{name}" for name in ("rows", "steps", "events", "documents") if name not in file]
    wrong = [f"it has no {', '.join(lacking)}"] if lacking else []
    if not lacking:
        count = int(file.attrs["rows"])
        wrong = [
            f"column {name} has {item.shape[0]} rows where the file says {count}"
            for name, item in file["rows"].items()
            if item.shape != (count,)
        ]
    if wrong:
        raise FileNotReadable(
            f"the file is damaged, or was changed after it was closed: {'; '.join(wrong)}.",
            where=str(path),
            remedy="Take it from its source or a backup once more.",
        )


def _row_order(name: str) -> tuple[int, str]:
    known = ROW_COLUMNS.index(name) if name in ROW_COLUMNS else len(ROW_COLUMNS)
    return known, name


def _load_table(group: Any, names: tuple[str, ...]) -> Table:
    return Table(
        {
            name: _load_values(group, name)
            for name in sorted(group, key=lambda n: names.index(n) if n in names else len(names))
        }
    )


def _load_values(group: Any, name: str) -> npt.NDArray[Any]:
    # the step table has thirty short columns: h5py's own layer costs more than their data
    dataset = h5py.h5d.open(group.id, name.encode())
    text = h5py.check_string_dtype(dataset.dtype)
    if text is not None and not text.length:
        long_texts: npt.NDArray[Any] = group[name].asstr()[:]
        return long_texts
    values: npt.NDArray[Any] = np.empty(dataset.shape, dataset.dtype)
    if values.size:
        dataset.read(h5py.h5s.ALL, h5py.h5s.ALL, values)
    if text is None:
        return values
    # a column of words repeats a few of them: each is decoded once
    found = values.tolist()
    words = {word: word.decode("utf-8") for word in set(found)}
    decoded = np.empty(len(found), dtype=object)
    decoded[:] = [words[word] for word in found]
    return decoded


def _load_group(path: Path, name: str, names: tuple[str, ...]) -> Table:
    with _reading(path, f"the {name}") as file:
        if name == "spectra" and name not in file:  # most runs have none
            return records_table(names, ())
        return _load_table(file[name], names)


def _load_column(path: Path, name: str) -> npt.NDArray[Any]:
    with _reading(path, f"column {name}") as file:
        values: npt.NDArray[Any] = file["rows"][name][:]
        return values


def _load_part(path: Path, name: str, start: int, stop: int) -> npt.NDArray[Any]:
    with _reading(path, f"column {name}") as file:
        values: npt.NDArray[Any] = file["rows"][name][start:stop]
        return values


@contextmanager
def _reading(path: Path, what: str) -> Iterator[Any]:
    try:
        with h5py.File(path, "r", locking=False) as file:
            yield file
    except (OSError, KeyError, RuntimeError, ValueError, TypeError, AttributeError) as error:
        raise FileNotReadable(
            f"{what} cannot be read: {error}.",
            where=str(path),
            remedy="The file is damaged, or was changed after it was written; take it from a"
            " backup.",
        ) from error
