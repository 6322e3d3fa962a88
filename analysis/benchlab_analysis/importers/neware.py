"""Neware: .nda and .ndax through fastnda, and the record layer exported as csv or xlsx."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchlab_analysis.importers.layout import Columns, Layout, Part, durations, pick
from benchlab_analysis.importers.parse import Source, parse, parse_times
from benchlab_analysis.importers.text import refuse
from benchlab_analysis.importers.units import split_unit

__all__ = ["MAKER", "NAME", "read_part", "recognises"]

NAME = "neware"
MAKER = "Neware"

_TIMES = ("total time", "test time")
_STEP_TIMES = ("time", "relative time", "step time")
_TYPES = ("step type", "step name", "state", "status")
_DATES = ("date", "absolute time", "realtime")
_LAYOUT = Layout(
    names={
        "voltage": ("voltage_volt", "value"),
        "current": ("current_ampere", "value"),
        "cycle index": ("cycle_count", "count"),
        "cycle id": ("cycle_count", "count"),
        "cycle": ("cycle_count", "count"),
        "own cycle": ("instrument_cycle_count", "count"),
        "step count": ("step_count", "count"),
        "step index": ("step_id", "count"),
        "step id": ("step_id", "count"),
        "steps": ("step_id", "count"),
        "step": ("step_id", "count"),
        "datapoint": ("record_index", "count"),
        "data point": ("record_index", "count"),
        "record id": ("record_index", "count"),
        "record number": ("record_index", "count"),
        "record index": ("record_index", "count"),
        "chg. cap.": ("step_charging_capacity_ah", "optional"),
        "dchg. cap.": ("step_discharging_capacity_ah", "optional"),
        "chg. energy": ("step_charging_energy_wh", "optional"),
        "dchg. energy": ("step_discharging_energy_wh", "optional"),
        "capacity": ("capacity", "optional"),
        "energy": ("energy", "optional"),
        "power": ("power_watt", "optional"),
        "t1": ("temperature_t1_celsius", "optional"),
        "t2": ("temperature_t2_celsius", "optional"),
    },
    required=("voltage_volt", "current_ampere"),
    ignored=frozenset({*_TIMES, *_STEP_TIMES, *_TYPES, *_DATES, "unix time"}),
)


def recognises(header: Sequence[str]) -> bool:
    """Return whether a header line is that of Neware's record layer."""
    names = {split_unit(label)[0] for label in header}
    record = names & {"datapoint", "record id", "record number", "record index", "data point"}
    return bool(record and names & set(_TYPES) and {"voltage", "current"} <= names) or (
        {"cycle id", "step id", "record id"} <= names
    )


def read_part(file: Source, left_out: list[str]) -> Part:
    """Convert one file; charge and energy are counted anew in each step.

    Raises
    ------
    benchlab.errors.ForeignDataError
    """
    names = [split_unit(label)[0] for label in file.header]
    if not file.header[0] or not {"voltage", "current"} <= set(names):
        raise refuse(
            file.path,
            None,
            "",
            "this is Neware's layered report (cycles, steps and records in one table).",
            "Export the record layer alone, or give the .ndax itself.",
        )
    columns: Columns = dict(parse(file, pick(file, _LAYOUT, left_out)))
    part = Part(file, columns)
    kind = next((names.index(name) for name in _TYPES if name in names), None)
    types = np.array([text.lower() for text in file.texts(kind)] if kind is not None else [])
    if types.size:
        falls = np.char.find(types, "dchg") >= 0
        falls |= np.char.find(types, "dis") >= 0
        rises = ~falls & ((np.char.find(types, "chg") >= 0) | (np.char.find(types, "charge") >= 0))
        _sign(part, falls)
    else:
        falls, rises = columns["current_ampere"] < 0.0, columns["current_ampere"] > 0.0
    for quantity, unit in (("capacity", "ah"), ("energy", "wh")):
        both = columns.pop(quantity, None)
        if both is None or f"step_charging_{quantity}_{unit}" in columns:
            continue
        up, down = rises, falls
        if bool((both < 0.0).any()):  # signed: a step may hold both directions
            up, down = both > 0.0, both < 0.0
        columns[f"step_charging_{quantity}_{unit}"] = np.where(up, np.abs(both), 0.0)
        columns[f"step_discharging_{quantity}_{unit}"] = np.where(down, np.abs(both), 0.0)
    _times(file, names, part)
    return part


def _sign(part: Part, falls: npt.NDArray[np.bool_]) -> None:
    current = part.columns["current_ampere"]
    driven = falls & (current != 0.0) & ~np.isnan(current)
    if driven.any() and not bool((current < 0.0).any()):
        part.columns["current_ampere"] = np.where(falls, -current, current)
        part.notes.append(
            f"{part.file.path.name}: the current has no sign; minus was given to the "
            f"{int(driven.sum())} rows whose step type is a discharge"
        )


def _times(file: Source, names: list[str], part: Part) -> None:
    columns = part.columns
    scale = {"min": 60.0, "h": 3600.0, "ms": 1e-3}

    def read(name: str) -> npt.NDArray[np.float64]:
        place = names.index(name)
        return durations(file, place) * scale.get(split_unit(file.header[place])[1], 1.0)

    step = next((name for name in _STEP_TIMES if name in names), None)
    total = next((name for name in _TIMES if name in names), None)
    if step is not None:
        columns["step_time_second"] = read(step)
    if total is not None:
        columns["test_time_second"] = read(total)
    elif step is not None:
        within = columns["step_time_second"]
        ends = np.where(np.diff(within, append=-1.0) < 0.0, within, 0.0)
        columns["test_time_second"] = within + np.concatenate(([0.0], np.cumsum(ends)[:-1]))
        part.notes.append(
            f"{file.path.name}: there is no total time; the times in the steps were added up, "
            "so that pauses between steps are not in it"
        )
    else:
        raise refuse(
            file.path,
            None,
            "Total Time",
            "the header has no column of time.",
            "Export every column.",
        )
    bad = ~np.isfinite(columns["test_time_second"])
    if bad.any():
        raise refuse(
            file.path,
            file.line(int(np.argmax(bad))),
            "Total Time",
            "the time is no finite number; nothing was written.",
            "Mend the line in a copy, or export the file once more.",
        )
    if "unix time" in names:
        columns["unix_time_nanosecond"] = parse_times(file, names.index("unix time"), 9)
    date = next((names.index(name) for name in _DATES if name in names), None)
    if date is not None and len(file):
        part.dates = (file.fields(0)[date], file.fields(len(file) - 1)[date])
