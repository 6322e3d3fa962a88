"""Opens a run: the closed file, or the journal of one that is running or was cut off."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import numpy.typing as npt

from benchlab.errors import FileMissing, FileNotReadable
from benchlab.model.columns import (
    EVENT_COLUMNS,
    ROW_COLUMNS,
    STEP_COLUMNS,
    records_table,
)
from benchlab.model.flags import RowFlag
from benchlab.model.run import ProtocolRecord, Run
from benchlab.model.table import Table
from benchlab.platform import is_locked
from benchlab.store.closed import FORMAT
from benchlab.store.journal import JOURNAL_FORMAT, run_folder
from benchlab.store.journal_read import JournalContent, has_journal, read_journal

__all__ = ["open_run"]

_SIGNATURE = b"\x89HDF\r\n\x1a\n"


def open_run(path: str | os.PathLike[str]) -> Run:
    """Open ``NAME.h5``, or ``NAME.run/`` where that file is not there yet.

    Raises
    ------
    benchlab.errors.FileMissing
        There is neither.
    benchlab.errors.FileNotReadable
        It is empty, truncated, or not a run of benchlab.
    """
    path = Path(path)
    folder = path if path.suffix == ".run" else run_folder(path)
    if path.is_file():
        return _open_closed(path)
    if has_journal(folder):
        return _open_journal(folder)
    if path.is_dir():
        raise FileMissing(
            "this is a folder, not a run.", where=str(path), remedy="Name a file in it."
        )
    raise FileMissing(
        "there is no such file.", where=str(path), remedy="Check the name and the folder."
    )


def _open_closed(path: Path) -> Run:
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
            return _closed_run(path, file)
    except (OSError, KeyError, RuntimeError, ValueError) as error:
        raise FileNotReadable(
            f"the file is damaged or truncated ({error}).",
            where=str(path),
            remedy="Take it from its source or a backup once more.",
        ) from error


def _closed_run(path: Path, file: Any) -> Run:
    documents = {name: item[()].decode() for name, item in file["documents"].items()}
    names = tuple(sorted(file["rows"], key=_row_order))
    return Run(
        path=path,
        state="closed",
        column_names=names,
        row_count=int(file.attrs["rows"]),
        load_column=partial(_load_column, path),
        steps=_load_table(file["steps"], STEP_COLUMNS),
        events=_load_table(file["events"], EVENT_COLUMNS),
        cell=json.loads(documents["cell"]),
        protocol=ProtocolRecord(
            name=str(file.attrs["protocol_name"]),
            text=documents["protocol_text"],
            sha256=str(file.attrs["protocol_sha256"]),
            steps=tuple(json.loads(documents["protocol_steps"])),
        ),
        instrument=json.loads(documents["instrument"]),
        meta={**json.loads(documents["meta"]), "digest": str(file.attrs["digest"])},
    )


def _row_order(name: str) -> tuple[int, str]:
    known = ROW_COLUMNS.index(name) if name in ROW_COLUMNS else len(ROW_COLUMNS)
    return known, name


def _load_table(group: Any, names: tuple[str, ...]) -> Table:
    columns = {}
    for name in sorted(group, key=lambda n: names.index(n) if n in names else len(names)):
        dataset = group[name]
        text = h5py.check_string_dtype(dataset.dtype) is not None
        columns[name] = dataset.asstr()[:] if text else dataset[:]
    return Table(columns)


def _load_column(path: Path, name: str) -> npt.NDArray[Any]:
    try:
        with h5py.File(path, "r", locking=False) as file:
            values: npt.NDArray[Any] = file["rows"][name][:]
            return values
    except (OSError, KeyError, RuntimeError) as error:
        raise FileNotReadable(
            f"column {name} cannot be read: {error}.",
            where=str(path),
            remedy="The file was changed or damaged since it was opened; take it from a backup.",
        ) from error


def _open_journal(folder: Path) -> Run:
    alive = is_locked(folder / "lock")
    content = read_journal(folder)
    if content.head.get("format") != JOURNAL_FORMAT:
        raise FileNotReadable(
            "the run was cut off before its first record; no current had flowed."
            if not content.head
            else f"the journal is of format {content.head.get('format')!r}.",
            where=str(folder),
            remedy="Remove the folder and start the run again."
            if not content.head
            else f"This benchlab reads {JOURNAL_FORMAT!r}.",
        )
    head = content.head
    rows = content.rows
    steps = [*content.steps, *_unfinished_step(content)]
    protocol = head["protocol"]
    return Run(
        path=folder,
        state="running" if alive else "interrupted",
        column_names=ROW_COLUMNS,
        row_count=len(rows),
        load_column=lambda name: np.ascontiguousarray(rows[name]),
        steps=records_table(STEP_COLUMNS, steps),
        events=records_table(EVENT_COLUMNS, content.events),
        cell=head["cell"],
        protocol=ProtocolRecord(
            name=protocol["name"],
            text=protocol["text"],
            sha256=protocol["sha256"],
            steps=tuple(protocol["steps"]),
        ),
        instrument=head["instrument"],
        meta={**head["meta"], "torn_bytes": content.torn_bytes},
    )


def _unfinished_step(content: JournalContent) -> list[dict[str, Any]]:
    """Return the step under way, as far as its recorded rows tell, or nothing."""
    rows = content.rows
    done = content.steps[-1]["step_count"] if content.steps else 0
    if not len(rows) or rows["step_count"][-1] <= done:
        return []
    part = rows[rows["step_count"] == rows["step_count"][-1]]
    plan: Mapping[str, Any] = content.head["protocol"]["steps"][int(part["step_id"][0])]
    start, end = part[0], part[-1]
    voltage = part["voltage_volt"][np.isfinite(part["voltage_volt"])]
    gained = {
        name: float(end[name] - start[name])
        for name in (
            "charging_capacity_ah",
            "discharging_capacity_ah",
            "charging_energy_wh",
            "discharging_energy_wh",
        )
    }
    in_hold = part["flags"] & RowFlag.TRANSITION != 0
    net = gained["charging_capacity_ah"] - gained["discharging_capacity_ah"]
    unknown = float("nan")
    return [
        {
            "step_count": int(end["step_count"]),
            "step_id": int(end["step_id"]),
            "label": plan["label"],
            "step_type": plan["step_type"],
            "cycle_count": int(end["cycle_count"]),
            "cycle_kind": plan["cycle_kind"],
            "first_row": len(rows) - len(part),
            "last_row": len(rows) - 1,
            "start_time_second": float(start["test_time_second"]),
            "end_time_second": float(end["test_time_second"]),
            "start_half_width_second": unknown,
            "end_half_width_second": unknown,
            "start_voltage_volt": float(start["voltage_volt"]),
            "end_voltage_volt": float(end["voltage_volt"]),
            "minimum_voltage_volt": float(voltage.min()) if len(voltage) else unknown,
            "maximum_voltage_volt": float(voltage.max()) if len(voltage) else unknown,
            "start_current_ampere": float(start["current_ampere"]),
            "end_current_ampere": float(end["current_ampere"]),
            "set_current_ampere": plan["current_ampere"],
            **{f"step_{name}": value for name, value in gained.items()},
            "step_net_capacity_ah": net,
            "cc_capacity_ah": unknown if in_hold.any() else abs(net),
            "cv_capacity_ah": unknown if in_hold.any() else 0.0,
            "crossing_capacity_ah": unknown,
            "current_range_ampere": unknown,
            "reading_count": len(part),
            "counter_source": "host",
            "end_reason": "unfinished",
            "own_end": 0,
        }
    ]
