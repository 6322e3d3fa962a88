"""What every importer hands over, and the steps they share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.errors import ForeignDataError
from benchlab.model.columns import COLUMNS, EVENT_COLUMNS, ROW_COLUMNS, STEP_COLUMNS, records_table
from benchlab.model.run import ProtocolRecord, Run
from benchlab.model.table import Table
from benchlab_analysis._counters import reset_safe, reset_scope, rest_threshold
from benchlab_analysis.importers.text import TextFile

__all__ = ["ImportedRun", "assemble", "in_order", "sum_counters"]

Columns = dict[str, npt.NDArray[Any]]

COUNTERS = (
    "charging_capacity_ah",
    "discharging_capacity_ah",
    "charging_energy_wh",
    "discharging_energy_wh",
)


@dataclass(frozen=True)
class ImportedRun:
    """A foreign run as `benchlab.store.closed.write_closed` takes it.

    Attributes
    ----------
    rows : dict of ndarray, shape (n,)
        Every column of a recorded row, NaN or 0 where the file has none, and those beyond.
    meta : dict
        ``origin``, ``sources`` (name, sha256, rows), ``rows_read``, ``warnings``,
        ``columns_left_out``, and what the format knows of times.
    """

    rows: Columns = field(repr=False)
    meta: dict[str, Any]
    cell: Mapping[str, Any] = field(default_factory=dict)
    instrument: Mapping[str, Any] = field(default_factory=dict)

    @property
    def steps(self) -> Table:
        """An empty step index: foreign files carry none."""
        return records_table(STEP_COLUMNS, ())

    @property
    def events(self) -> Table:
        """One event a file read, and one a warning."""
        texts = [
            f"read {item['rows']} rows from {item['name']} (sha256 {item['sha256']})"
            for item in self.meta["sources"]
        ]
        texts += [f"warning: {text}" for text in self.meta["warnings"]]
        start = float(self.rows["test_time_second"][0])
        return records_table(
            EVENT_COLUMNS,
            [
                {
                    "test_time_second": start,
                    "unix_time_nanosecond": 0,
                    "kind": "import",
                    "actor": self.meta["origin"],
                    "text": text,
                }
                for text in texts
            ],
        )

    def run(self) -> Run:
        """Return it as a run in memory."""
        return Run(
            path=Path(self.meta["sources"][0]["name"]),
            state="closed",
            column_names=tuple(self.rows),
            row_count=len(self.rows["test_time_second"]),
            load_column=self.rows.__getitem__,
            steps=self.steps,
            events=self.events,
            cell=self.cell,
            protocol=ProtocolRecord(),
            instrument=self.instrument,
            meta=self.meta,
        )


def in_order(parts: Sequence[tuple[TextFile, Columns]]) -> list[tuple[TextFile, Columns]]:
    """Return the files of one test in order of test time.

    Raises
    ------
    benchlab.errors.ForeignDataError
        Where time runs backwards in a file, or two files overlap.
    """
    for file, columns in parts:
        back = np.flatnonzero(np.diff(columns["test_time_second"]) < 0.0)
        if back.size:
            raise ForeignDataError(
                "the test time runs backwards; nothing was written.",
                where=f"{file.path}, line {int(back[0]) + 3}",
                remedy="Several channels or tests in one file? Export one channel a file.",
            )
    ordered = sorted(parts, key=lambda part: float(part[1]["test_time_second"][0]))
    for (first, before), (second, after) in pairwise(ordered):
        end, start = before["test_time_second"][-1], after["test_time_second"][0]
        if start < end:
            raise ForeignDataError(
                f"it begins at {start:.3f} s, before {first.path.name} ends ({end:.3f} s); nothing "
                "was written.",
                where=str(second.path),
                remedy="Files of one test follow each other; import other runs one by one.",
            )
    return ordered


def sum_counters(columns: Columns, raw: Mapping[str, str], warnings: list[str]) -> dict[str, Any]:
    """Put the reset-safe sums of the instrument's counters beside them; return what was found.

    Parameters
    ----------
    columns
        Gets ``charging_capacity_ah`` and so on.
    raw
        For each of them the column that holds the instrument's own counter.
    """
    resets: list[npt.NDArray[np.intp]] = []
    noise = 0
    for name, source in raw.items():
        values = np.asarray(columns[source], dtype=np.float64)
        total = reset_safe(values)
        columns[name] = total.values + values[0]
        resets.append(total.reset_rows)
        noise += int(total.noise_rows.size)
        if total.noise_rows.size:
            warnings.append(
                f"{source} drops {total.noise_rows.size} times without being reset "
                f"({total.ignored:.3g} in all); the drops were ignored"
            )
    where = np.unique(np.concatenate(resets)) if resets else np.empty(0, dtype=np.intp)
    scope = reset_scope(
        where, np.asarray(columns["cycle_count"]), columns["step_count"].astype(np.float64)
    )
    return {"counter_reset_scope": scope, "counter_resets": int(where.size), "noise_drops": noise}


def check_signs(columns: Columns, warnings: list[str]) -> str:
    """Return whether charge is counted, or the voltage rises, where the current is positive."""
    current = np.asarray(columns["current_ampere"], dtype=np.float64)
    charge = columns.get("charging_capacity_ah")
    discharge = columns.get("discharging_capacity_ah")
    with_current = wrong = 0.0
    what = "the counters follow"
    if charge is not None and discharge is not None:
        for sign, counter in ((1.0, charge), (-1.0, discharge)):
            rises = np.diff(counter)
            with_current += float(rises[sign * current[1:] > 0.0].sum())
            wrong += float(rises[sign * current[1:] < 0.0].sum())
    if with_current + wrong <= 0.0:
        what = "the voltage follows"
        threshold = rest_threshold(current)
        driven = (np.abs(current[1:]) > threshold) & (np.abs(current[:-1]) > threshold)
        driven &= np.sign(current[1:]) == np.sign(current[:-1])
        moves = np.diff(columns["voltage_volt"])[driven] * np.sign(current[1:][driven])
        with_current = float(moves[moves > 0.0].sum())
        wrong = float(-moves[moves < 0.0].sum())
    if with_current + wrong <= 0.0:
        return "not known: no current flows"
    share = with_current / (with_current + wrong)
    if share < 0.5:
        warnings.append(
            f"THE SIGN OF THE CURRENT LOOKS WRONG: {what} it in {share:.0%} only; positive "
            "must charge. It was not changed"
        )
    return f"{what} the current in {share:.2%}"


def assemble(
    origin: str,
    files: Sequence[TextFile],
    columns: Columns,
    meta: Mapping[str, Any],
    warnings: Sequence[str],
    instrument: Mapping[str, Any],
) -> ImportedRun:
    """Return the run, with every column that a recorded row has, typed as the column table says."""
    count = len(columns["test_time_second"])
    rows: Columns = {}
    for name in (*ROW_COLUMNS, *(other for other in columns if other not in ROW_COLUMNS)):
        dtype = "<" + COLUMNS[name].dtype if name in COLUMNS else "<f8"
        if name in columns:
            rows[name] = np.asarray(columns[name]).astype(dtype)
        else:
            rows[name] = np.full(count, np.nan if dtype[1] == "f" else 0, dtype=dtype)
    sources = [
        {"name": file.path.name, "sha256": file.sha256, "rows": len(file.lines)} for file in files
    ]
    said = [text for file in files for text in file.warnings] + list(warnings)
    return ImportedRun(
        rows,
        {"origin": origin, "sources": sources, "rows_read": count, "warnings": said, **meta},
        instrument=instrument,
    )
