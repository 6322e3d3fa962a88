"""Several runs of one cell as one test: time runs on by the wall clock, counts go on."""

from __future__ import annotations

import os
from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.errors import UsageError
from benchlab.model.columns import EVENT_COLUMNS, SPECTRUM_COLUMNS, STEP_COLUMNS, records_table
from benchlab.model.run import ProtocolRecord, Run
from benchlab.model.table import Table
from benchlab.store.reader import open_run

__all__ = ["join_runs", "open_test"]

_COUNTERS = (
    "charging_capacity_ah",
    "discharging_capacity_ah",
    "charging_energy_wh",
    "discharging_energy_wh",
)
_SHIFTED = ("test_time_second", "cycle_count", "step_count", "step_id", *_COUNTERS)
_STEP_SHIFTS = {
    "step_count": "step_count",
    "step_id": "step_id",
    "cycle_count": "cycle_count",
    "first_row": "row",
    "last_row": "row",
    "start_time_second": "test_time_second",
    "end_time_second": "test_time_second",
}


@dataclass(frozen=True, slots=True)
class _Part:
    run: Run
    first_row: int
    shift: Mapping[str, Any]


def open_test(paths: Sequence[str | os.PathLike[str]], *, same_cell: bool = False) -> Run:
    """Open the runs of one cell as one test.

    Parameters
    ----------
    paths
        In any order; they are put in order of their start.
    same_cell : bool
        Join them although it is not recorded that their cells are the same.

    Raises
    ------
    benchlab.errors.UsageError
        The cells differ, the runs overlap, or it is not known when they were.
    benchlab.errors.FileMissing, benchlab.errors.FileNotReadable
    """
    return join_runs([open_run(path) for path in paths], same_cell=same_cell)


def join_runs(runs: Sequence[Run], *, same_cell: bool = False) -> Run:
    """Join open runs into one, as `open_test` does; columns are still read when asked for."""
    if not runs:
        raise UsageError("there is no run to join.", remedy="Name one or more.")
    if len(runs) == 1:
        return runs[0]
    _require_one_cell(runs, same_cell)
    ordered = sorted(runs, key=_began)
    names = tuple(n for n in ordered[0].column_names if all(n in run for run in ordered))
    parts: list[_Part] = []
    gaps: list[dict[str, Any]] = []
    shift: dict[str, Any] = dict.fromkeys(_SHIFTED, 0) | {"row": 0}
    for run in ordered:
        if parts:
            gaps.append(_gap(parts[-1].run, run, parts[-1].shift))
            shift = _after(parts[-1], run, _began(run) - _began(ordered[0]))
        parts.append(_Part(run, shift["row"], shift))
    rows = parts[-1].first_row + len(ordered[-1])

    def load_part(name: str, start: int, stop: int) -> npt.NDArray[Any]:
        pieces: list[npt.NDArray[Any]] = []
        place = max(bisect_right([part.first_row for part in parts], start) - 1, 0)
        for part in parts[place:]:
            first, end = max(start - part.first_row, 0), min(stop - part.first_row, len(part.run))
            if first < end or not pieces:
                values = part.run.column(name, first, max(end, first))
                by = part.shift.get(name, 0)
                pieces.append((values + by).astype(values.dtype) if by else values)
            if stop <= part.first_row + len(part.run):
                break
        return np.concatenate(pieces)

    return Run(
        path=ordered[0].path,
        state=ordered[-1].state,
        column_names=names,
        row_count=rows,
        load_column=lambda name: load_part(name, 0, rows),
        load_part=load_part,
        steps=_joined_steps(parts),
        events=_joined_events(parts, gaps),
        spectra=_joined_spectra(parts),
        cell=ordered[0].cell,
        protocol=_joined_protocol(ordered),
        instrument=_joined_instrument(ordered),
        meta={
            "origin": ordered[0].meta.get("origin", ""),
            "started_utc": ordered[0].meta.get("started_utc", ""),
            "joined": [
                {
                    "file": part.run.path.name,
                    "digest": part.run.meta.get("digest", ""),
                    "first_row": part.first_row,
                    "test_time_second": part.shift["test_time_second"],
                    "cycle_count": part.shift["cycle_count"],
                    "end_reason": part.run.meta.get("end_reason", part.run.state),
                }
                for part in parts
            ],
            "limits": ordered[0].meta.get("limits", {}),
        },
        corrections=_joined_corrections(parts),
    )


def _require_one_cell(runs: Sequence[Run], same_cell: bool) -> None:
    ids = {str(run.cell.get("id") or "") for run in runs}
    types = {str(run.cell.get("type") or "") for run in runs}
    if len(ids) > 1 and not (same_cell and ids - {""} and len(ids - {""}) == 1):
        shown = ", ".join(f"{run.path.name}: {run.cell.get('id') or 'no id'}" for run in runs)
        raise UsageError(
            f"the runs are of different cells ({shown}); they were not joined.",
            remedy="A wrong id is corrected first: benchlab correct FILE --set id=...",
        )
    if ids == {""} and not same_cell:
        raise UsageError(
            "the runs do not say which cell they are of; they were not joined.",
            remedy="Say it: benchlab correct FILE --set id=..., or open_test(..., same_cell=True).",
        )
    if len(types) > 1:
        raise UsageError(
            f"the runs are of different cell types ({', '.join(sorted(types))});"
            " they were not joined.",
            remedy="Join the runs of one cell.",
        )


def _began(run: Run) -> float:
    """Return Unix seconds of the start of the run's test time."""
    if "unix_time_nanosecond" in run and len(run):
        unix = int(run.column("unix_time_nanosecond", 0, 1)[0])
        if unix:
            return unix / 1e9 - float(run.column("test_time_second", 0, 1)[0])
    try:
        return datetime.fromisoformat(str(run.meta["started_utc"])).timestamp()
    except (KeyError, ValueError):
        raise UsageError(
            "it is not known when the run was; it cannot be joined to others.",
            where=str(run.path),
            remedy="Analyse it alone.",
        ) from None


def _ended(run: Run) -> float:
    return float(run.column("test_time_second", len(run) - 1)[0]) if len(run) else 0.0


def _after(part: _Part, run: Run, time: float) -> dict[str, Any]:
    """Return what is added to the next run's times, counts and counters."""
    before = part.run
    shift: dict[str, Any] = {
        "row": part.first_row + len(before),
        "test_time_second": time,
        "step_id": part.shift["step_id"] + len(before.protocol.steps),
    }
    if time < part.shift["test_time_second"] + _ended(before):
        raise UsageError(
            f"it begins before {before.path.name} ends; they were not joined.",
            where=str(run.path),
            remedy="Runs of one cell follow each other; was the computer's clock set back?",
        )
    for name in ("cycle_count", "step_count"):
        last = 0
        if before.steps.rows:
            last = int(before.steps[name].max())
        if name in before and len(before):
            last = max(last, int(before.column(name, len(before) - 1)[0]))
        shift[name] = part.shift[name] + last
    for name in _COUNTERS:
        moved = f"step_{name}"
        if before.steps.rows and before.meta.get("origin") == "benchlab":
            last_value = float(before.steps[moved].sum())
        else:
            last_value = (
                float(before.column(name, len(before) - 1)[0])
                if name in before and len(before)
                else 0.0
            )
        shift[name] = part.shift[name] + last_value
    return shift


def _gap(before: Run, after: Run, shift: Mapping[str, Any]) -> dict[str, Any]:
    ended = _ended(before)
    length = _began(after) - _began(before) - ended
    return {
        "test_time_second": shift["test_time_second"] + ended,
        "unix_time_nanosecond": round((_began(before) + ended) * 1e9),
        "kind": "gap",
        "actor": "join",
        "text": f"{length:.1f} s ({length / 3600.0:.2f} h) between {before.path.name} and"
        f" {after.path.name}: nothing is known of the cell",
    }


def _joined_steps(parts: Sequence[_Part]) -> Table:
    columns = {}
    for name in STEP_COLUMNS:
        pieces = []
        for part in parts:
            values = part.run.steps[name]
            by = part.shift.get(_STEP_SHIFTS.get(name, ""), 0)
            pieces.append((values + by).astype(values.dtype) if by else values)
        columns[name] = np.concatenate(pieces)
    # a cycle number of 0 says that a step belongs to no cycle, in every run
    loose = np.concatenate([part.run.steps["cycle_count"] == 0 for part in parts])
    columns["cycle_count"] = np.where(loose, 0, columns["cycle_count"]).astype("<u4")
    return Table(columns)


def _joined_events(parts: Sequence[_Part], gaps: Sequence[Mapping[str, Any]]) -> Table:
    records: list[dict[str, Any]] = []
    for place, part in enumerate(parts):
        by = part.shift["test_time_second"]
        records += [
            {**event, "test_time_second": event["test_time_second"] + by}
            for event in part.run.events.records()
        ]
        records += [dict(gap) for gap in gaps[place : place + 1]]
    return records_table(EVENT_COLUMNS, records)


def _joined_spectra(parts: Sequence[_Part]) -> Table:
    records = [
        {
            **point,
            **{name: point[name] + part.shift[name] for name in ("test_time_second", "step_count")},
            "cycle_count": point["cycle_count"]
            and point["cycle_count"] + part.shift["cycle_count"],
        }
        for part in parts
        for point in part.run.spectra.records()
    ]
    return records_table(SPECTRUM_COLUMNS, records)


def _joined_protocol(runs: Sequence[Run]) -> ProtocolRecord:
    protocols = [run.protocol for run in runs]
    texts = list(dict.fromkeys(protocol.text for protocol in protocols))
    return ProtocolRecord(
        name=", then ".join(dict.fromkeys(p.name for p in protocols if p.name)),
        text="\n---\n".join(texts),
        sha256=protocols[0].sha256 if len(texts) == 1 else "",
        steps=tuple(step for protocol in protocols for step in protocol.steps),
    )


def _joined_instrument(runs: Sequence[Run]) -> Mapping[str, Any]:
    """Return what holds for every run: accuracies that differ are not known for the whole."""
    first = runs[0].instrument
    return {
        key: value
        for key, value in first.items()
        if all(run.instrument.get(key) == value for run in runs)
    }


def _joined_corrections(parts: Sequence[_Part]) -> tuple[Mapping[str, Any], ...]:
    records: list[Mapping[str, Any]] = []
    excluded: list[int] = []
    for part in parts:
        by = int(part.shift["cycle_count"])
        for record in part.run.corrections:
            if record["field"] != "excluded_cycles":
                records.append(record)
        if part.run.excluded_cycles:
            excluded += [cycle + by for cycle in part.run.excluded_cycles]
            last = [r for r in part.run.corrections if r["field"] == "excluded_cycles"][-1]
            records.append({**last, "new": list(excluded)})
    return tuple(records)
