"""What every importer hands over, and how converted files become one run."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.model.columns import COLUMNS, EVENT_COLUMNS, ROW_COLUMNS, STEP_COLUMNS, records_table
from benchlab.model.run import ProtocolRecord, Run
from benchlab.model.table import Table
from benchlab_analysis._counters import RESET_BELOW, reset_scope
from benchlab_analysis.importers.dates import start_of, to_utc
from benchlab_analysis.importers.join import Joined, join
from benchlab_analysis.importers.layout import Columns, Part
from benchlab_analysis.importers.plausible import (
    check_sign,
    check_time,
    check_units,
    count_odd_rows,
    sign_from_counters,
)

__all__ = ["ImportedRun", "finish"]

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
        ``origin``, ``sources`` (name, sha256, rows), ``rows_read``, ``rows_dropped``,
        ``rows_odd``, ``warnings``, ``columns_left_out``, ``gaps``, the checks, and what the
        format knows of times.
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
        """One event a file read, one a warning, and one a gap between files."""
        texts = [
            f"read {item['rows']} rows from {item['name']} (sha256 {item['sha256']})"
            for item in self.meta["sources"]
        ]
        texts += [f"warning: {text}" for text in self.meta["warnings"]]
        start = float(self.rows["test_time_second"][0])
        said = [{"test_time_second": start, "kind": "import", "text": text} for text in texts]
        said += [{**gap, "kind": "gap"} for gap in self.meta.get("gaps", ())]
        common = {"unix_time_nanosecond": 0, "actor": self.meta["origin"]}
        return records_table(EVENT_COLUMNS, [{**common, **event} for event in said])

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


def finish(
    origin: str,
    parts: Sequence[Part],
    *,
    timezone: str | None = None,
    accept: Collection[str] = (),
    left_out: Sequence[str] = (),
    instrument: Mapping[str, Any] | None = None,
    facts: Mapping[str, Any] | None = None,
) -> ImportedRun:
    """Join the files of one test, sum their counters, check them, and say what was found.

    Raises
    ------
    benchlab.errors.ForeignDataError
    """
    joined = join(parts)
    columns, warnings = joined.columns, joined.warnings
    warnings += [note for part in joined.parts for note in part.notes]
    if "step_count" not in columns:
        columns["step_count"] = _count_steps(columns)
    columns.setdefault("cycle_count", np.zeros(len(columns["step_count"])))
    _fall_of_cycles(joined)
    meta: dict[str, Any] = {**(facts or {}), "columns_left_out": sorted(set(left_out))}
    meta["rows_odd"] = {"repeated_rows": joined.duplicates} | count_odd_rows(
        columns, joined.where, warnings
    )
    meta |= _counters(columns, joined.starts, warnings)
    if "charging_capacity_ah" not in columns or "discharging_capacity_ah" not in columns:
        warnings.append("there are no capacity counters: charge must be integrated from rows")
    sign_from_counters(columns, warnings)
    span = _date(joined, timezone, meta)
    check_time(columns, span, joined.where, accept, warnings)
    meta["unit_check"] = check_units(columns, joined.where, accept, warnings)
    meta["sign_check"] = check_sign(columns, joined.where, accept, warnings)
    meta["gaps"] = joined.gaps
    warnings += [gap["text"] for gap in joined.gaps]
    return _assemble(origin, joined, meta, instrument or {})


def _count_steps(columns: Columns) -> npt.NDArray[Any]:
    new = np.zeros(max(len(columns["test_time_second"]) - 1, 0), dtype=np.bool_)
    for name in ("step_id", "cycle_count"):
        if name in columns:
            new |= np.diff(columns[name]) != 0
    for name in ("step_time_second", "step_record_index"):
        if name in columns:
            new |= np.diff(columns[name]) < 0
    return np.concatenate(([1], 1 + np.cumsum(new)))


def _fall_of_cycles(joined: Joined) -> None:
    falls = np.flatnonzero(np.diff(joined.columns["cycle_count"]) < 0)
    if falls.size:
        joined.warnings.append(
            f"the cycle count falls {falls.size} times, first at "
            f"{joined.where(int(falls[0]) + 1)}: it was not changed"
        )


def _counters(columns: Columns, starts: Sequence[int], warnings: list[str]) -> dict[str, Any]:
    """Make ``charging_capacity_ah`` and so on rise for ever, from whatever scope there is."""
    resets: list[npt.NDArray[np.intp]] = []
    sources: dict[str, str] = {}
    noise = 0
    new_step = np.diff(columns["step_count"], prepend=columns["step_count"][0]) != 0
    new_cycle = np.diff(columns["cycle_count"], prepend=columns["cycle_count"][0]) != 0
    bounds = {"step": new_step | new_cycle, "cycle": new_cycle}
    for name in COUNTERS:
        scopes = [scope for scope in ("schedule", "step", "cycle") if _usable(columns, scope, name)]
        scope = (
            ""
            if name in columns and np.isfinite(columns[name]).any()
            else scopes[0]
            if scopes
            else None
        )
        if scope is None:
            continue
        source = f"{scope}_{name}" if scope else name
        values, empty = _held(np.asarray(columns[source], dtype=np.float64))
        forced = bounds.get(scope, np.zeros(len(values), dtype=np.bool_)).copy()
        forced[list(starts)] = True
        total, reset, small, ignored = _sum(values, forced)
        if not scope:
            if not (reset.size or small.size or empty):
                continue
            columns[f"schedule_{name}"] = columns[name]
            if reset.size or small.size:
                warnings.append(
                    f"{name} falls, though the format says that it never resets: its rises are "
                    f"summed, and the original is kept as schedule_{name}"
                )
        columns[name] = total
        sources[name] = source
        resets.append(reset)
        noise += int(small.size)
        if empty:
            warnings.append(f"{source} is empty in {empty} rows: the sum stands still there")
        if small.size:
            warnings.append(
                f"{source} drops {small.size} times without being reset ({ignored:.3g} in all); "
                "the drops were ignored"
            )
    where = np.unique(np.concatenate(resets)) if resets else np.empty(0, dtype=np.intp)
    scope_found = reset_scope(
        where, np.asarray(columns["cycle_count"]), columns["step_count"].astype(np.float64)
    )
    return {
        "counter_reset_scope": scope_found,
        "counter_resets": int(where.size),
        "noise_drops": noise,
        "counters_summed_from": sources,
    }


def _usable(columns: Columns, scope: str, name: str) -> bool:
    source = f"{scope}_{name}"
    return source in columns and bool(np.isfinite(columns[source]).any())


def _held(values: npt.NDArray[np.float64]) -> tuple[npt.NDArray[np.float64], int]:
    """Return a counter that keeps its last value where it is empty, and how often that is."""
    known = np.isfinite(values)
    if known.all():
        return values, 0
    last = np.maximum.accumulate(np.where(known, np.arange(len(values)), -1))
    return np.where(last >= 0, values[last], 0.0), int(np.count_nonzero(~known))


def _sum(
    values: npt.NDArray[np.float64], forced: npt.NDArray[np.bool_]
) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.intp], npt.NDArray[np.intp], float]:
    """Return the sum of a counter's rises, its resets, its other drops, and what those come to.

    A drop to below half of the old value is a reset, and so is any drop in a row of `forced`.
    """
    drops = np.flatnonzero(np.diff(values) < 0.0) + 1
    old, new = values[drops - 1], values[drops]
    reset = ((old > 0.0) & (new < RESET_BELOW * old)) | forced[drops]
    jump = np.where(reset, np.maximum(new, 0.0), 0.0) - (new - old)
    total = values.copy()
    if drops.size:
        lengths = np.diff(np.concatenate(([0], drops, [values.size])))
        total += np.repeat(np.concatenate(([0.0], np.cumsum(jump))), lengths)
    return total, drops[reset], drops[~reset], float((old - new)[~reset].sum())


def _date(joined: Joined, timezone: str | None, meta: dict[str, Any]) -> float | None:
    """Put UTC beside the test time where it can be known; return what the dates span."""
    columns, parts = joined.columns, joined.parts
    first, last = parts[0], parts[-1]
    time = columns["test_time_second"]
    span = float(time[-1] - time[0])
    if first.dates is None or last.dates is None:
        return None
    local, warning = start_of(first.dates[0], last.dates[1], span)
    end, _ = start_of(last.dates[1], first.dates[0], -span)
    if warning:
        joined.warnings.append(warning)
    if local is None:
        return None
    meta["first_row_local_time"] = local.isoformat()
    if timezone is not None and not columns.get("unix_time_nanosecond", np.zeros(1)).any():
        start = to_utc(local, timezone)
        meta["timezone"] = timezone
        columns["unix_time_nanosecond"] = start + np.rint((time - time[0]) * 1e9).astype(np.int64)
    return (end - local).total_seconds() if end is not None else None


def _assemble(
    origin: str, joined: Joined, meta: Mapping[str, Any], instrument: Mapping[str, Any]
) -> ImportedRun:
    """Return the run, with every column that a recorded row has, typed as the column table says."""
    columns = joined.columns
    count = len(columns["test_time_second"])
    rows: Columns = {}
    for name in (*ROW_COLUMNS, *(other for other in columns if other not in ROW_COLUMNS)):
        dtype = "<" + COLUMNS[name].dtype if name in COLUMNS else "<f8"
        if name not in columns:
            rows[name] = np.full(count, np.nan if dtype[1] == "f" else 0, dtype=dtype)
            continue
        values = np.asarray(columns[name])
        if dtype[1] != "f" and values.dtype.kind == "f":
            values = np.clip(
                np.nan_to_num(values), 0.0, 2.0**32 - 1 if dtype[1] == "u" else 2.0**53
            )
        rows[name] = values.astype(dtype)
    files = [part.file for part in joined.parts]
    dropped: dict[str, int] = {}
    for file in files:
        for what, number in file.dropped.items():
            dropped[what] = dropped.get(what, 0) + number
    said = [text for file in files for text in file.warnings] + joined.warnings
    told = {
        "origin": origin,
        "sources": [
            {"name": file.path.name, "sha256": file.sha256, "rows": len(file)} for file in files
        ],
        "rows_read": count,
        "rows_dropped": dropped,
        "warnings": list(dict.fromkeys(said)),
    }
    return ImportedRun(rows, {**told, **meta}, instrument=instrument)
