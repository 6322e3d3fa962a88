"""Arbin csv, exported by MITS Pro in its newer and its older style."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from benchlab_analysis.importers.dates import start_of, to_utc
from benchlab_analysis.importers.imported import (
    COUNTERS,
    Columns,
    ImportedRun,
    assemble,
    check_signs,
    in_order,
    sum_counters,
)
from benchlab_analysis.importers.text import TextFile, Wanted, parse, refuse, split_unit

__all__ = ["ORIGIN", "read", "recognises"]

ORIGIN = "arbin csv"

_NAMES = {
    "test time": ("test_time_second", "measured"),
    "voltage": ("voltage_volt", "measured"),
    "current": ("current_ampere", "measured"),
    "cycle index": ("cycle_count", "count"),
    "step index": ("step_id", "count"),
    "step time": ("step_time_second", "measured"),
    "charge capacity": ("schedule_charging_capacity_ah", "measured"),
    "discharge capacity": ("schedule_discharging_capacity_ah", "measured"),
    "charge energy": ("schedule_charging_energy_wh", "measured"),
    "discharge energy": ("schedule_discharging_energy_wh", "measured"),
    "data point": ("record_index", "count"),
    "power": ("power_watt", "optional"),
    "internal resistance": ("internal_resistance_ohm", "optional"),
    "aux temperature 1": ("temperature_t1_celsius", "optional"),
    "aux temperature 2": ("temperature_t2_celsius", "optional"),
}
_REQUIRED = ("test time", "voltage", "current", "cycle index", "step index")
_CHANNELS = ("channel", "channel id", "chan id", "test id")
_SCALES = {
    "s": 1.0, "min": 60.0, "h": 3600.0, "a": 1.0, "ma": 1e-3, "v": 1.0, "mv": 1e-3, "w": 1.0,
    "mw": 1e-3, "ah": 1.0, "mah": 1e-3, "wh": 1.0, "mwh": 1e-3, "ohm": 1.0, "mohm": 1e-3,
    "c": 1.0, "degc": 1.0, "°c": 1.0, "\u2103": 1.0, "": 1.0,
}  # fmt: skip


def recognises(header: Sequence[str]) -> bool:
    """Return whether a header line is Arbin's, be it of rows or of a table beside them."""
    names = {split_unit(label)[0] for label in header}
    return {"test time", "cycle index"} <= names or "test report" in names


def read(files: Sequence[TextFile], *, timezone: str | None = None) -> ImportedRun:
    """Convert the files of one test.

    The cycler's counters are kept as ``schedule_...``; ``charging_capacity_ah`` and so on are
    their reset-safe sums since the first row.

    Parameters
    ----------
    files
        In any order.
    timezone : str, optional
        That of the cycler's clock, such as ``Europe/Berlin``; without it UTC is not known and
        stays 0.

    Raises
    ------
    benchlab.errors.ForeignDataError
    """
    left_out: list[str] = []
    parts: list[tuple[TextFile, Columns]] = []
    channels: dict[str, str] = {}
    for file in files:
        wanted = _columns(file, left_out)
        parts.append((file, dict(parse(file, wanted))))
        channels.update(_channels(file))
    _check_channels(files, channels)
    ordered = in_order(parts)
    warnings: list[str] = []
    columns = _join(ordered, warnings)
    columns["step_count"] = _count_steps(columns)
    present = {name: f"schedule_{name}" for name in COUNTERS if f"schedule_{name}" in columns}
    found = sum_counters(columns, present, warnings)
    if "charging_capacity_ah" not in present or "discharging_capacity_ah" not in present:
        warnings.append("there are no capacity counters: charge must be integrated from rows")
    meta: dict[str, Any] = {
        **found,
        "sign_check": check_signs(columns, warnings),
        "columns_left_out": sorted(set(left_out)),
    }
    _date(ordered, columns, timezone, meta, warnings)
    instrument = {"maker": "Arbin", "channel": next(iter(channels), "")}
    return assemble(ORIGIN, [file for file, _ in ordered], columns, meta, warnings, instrument)


def _columns(file: TextFile, left_out: list[str]) -> dict[str, Wanted]:
    places = {}
    units = {}
    for index, label in enumerate(file.header):
        name, unit = split_unit(label)
        if name in places and name in _NAMES:
            raise refuse(
                file.path, 1, label, "the column is there twice.", "Export the file once more."
            )
        places[name], units[name] = index, unit
    if "charge time" in places or "test report" in places:
        raise refuse(
            file.path,
            1,
            "",
            "this is a table that Arbin writes beside the rows, not the rows themselves.",
            "Give the file with Data_Point or Data Point in its first column.",
        )
    missing = [name for name in _REQUIRED if name not in places]
    if missing:
        raise refuse(
            file.path,
            1,
            missing[0],
            f"the header has no column for {' and '.join(missing)}.",
            f"Found: {', '.join(file.header)}. Export every column.",
        )
    wanted = {}
    for name, place in places.items():
        if name not in _NAMES:
            if name != "date time":
                left_out.append(file.header[place])
            continue
        if units[name] not in _SCALES:
            raise refuse(
                file.path,
                1,
                file.header[place],
                f"the unit {units[name]!r} is not known.",
                "Export it in s, A, V, Ah, Wh.",
            )
        column, kind = _NAMES[name]
        wanted[column] = Wanted(place, _SCALES[units[name]], kind)
    return wanted


def _channels(file: TextFile) -> dict[str, str]:
    """Return the channels that the file names, in its rows or in its name, and where."""
    found = {}
    for index, label in enumerate(file.header):
        if split_unit(label)[0] in _CHANNELS:
            values = {file.fields(row)[index].strip() for row in range(len(file.lines))}
            found.update({f"{label} {value}": file.path.name for value in values})
    match = re.search(r"channel[_ ](\d+)", file.path.name, re.IGNORECASE)
    if not found and match:
        found[match[1]] = file.path.name
    return found


def _check_channels(files: Sequence[TextFile], channels: dict[str, str]) -> None:
    if len(channels) > 1:
        listed = ", ".join(f"{name} in {where}" for name, where in channels.items())
        raise refuse(
            files[0].path,
            None,
            "",
            f"several channels or tests are mixed ({listed}); nothing was written.",
            "Import one channel at a time.",
        )


def _join(parts: Sequence[tuple[TextFile, Columns]], warnings: list[str]) -> Columns:
    shared = [name for name in parts[0][1] if all(name in columns for _, columns in parts)]
    dropped = {name for _, columns in parts for name in columns} - set(shared)
    if dropped:
        warnings.append(f"not in every file and left out: {', '.join(sorted(dropped))}")
    return {name: np.concatenate([columns[name] for _, columns in parts]) for name in shared}


def _count_steps(columns: Columns) -> np.ndarray[Any, Any]:
    new = np.diff(columns["step_id"]) != 0
    new |= np.diff(columns["cycle_count"]) != 0
    if "step_time_second" in columns:
        new |= np.diff(columns["step_time_second"]) < 0.0
    return np.concatenate(([1], 1 + np.cumsum(new)))


def _date(
    parts: Sequence[tuple[TextFile, Columns]],
    columns: Columns,
    timezone: str | None,
    meta: dict[str, Any],
    warnings: list[str],
) -> None:
    first, last = parts[0][0], parts[-1][0]
    place = {split_unit(label)[0]: index for index, label in enumerate(first.header)}
    other = {split_unit(label)[0]: index for index, label in enumerate(last.header)}
    if "date time" not in place or "date time" not in other:
        return
    time = columns["test_time_second"]
    local, warning = start_of(
        first.fields(0)[place["date time"]],
        last.fields(-1)[other["date time"]],
        float(time[-1] - time[0]),
    )
    if warning:
        warnings.append(warning)
    if local is None:
        return
    meta["first_row_local_time"] = local.isoformat()
    if timezone is not None:
        start = to_utc(local, timezone)
        meta["timezone"] = timezone
        columns["unix_time_nanosecond"] = start + np.rint((time - time[0]) * 1e9).astype(np.int64)
