"""Csv in the Battery Data Format, with preferred labels or machine names in its header.

Source of the rules: README of battery-data-alliance/battery-data-format, ontology 1.3.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product
from typing import Any

import numpy as np

from benchlab_analysis._counters import time_in_doubt
from benchlab_analysis.importers.imported import (
    COUNTERS,
    Columns,
    ImportedRun,
    assemble,
    check_signs,
    in_order,
    sum_counters,
)
from benchlab_analysis.importers.text import TextFile, Wanted, parse, parse_times, refuse

__all__ = ["ORIGIN", "read", "recognises"]

ORIGIN = "bdf csv"

_UNITS = {
    "s": "second", "V": "volt", "A": "ampere", "Ah": "ah", "Wh": "wh", "degC": "celsius",
    "Pa": "pa", "ohm": "ohm", "W": "watt", "Hz": "hertz", "deg": "degree", "1": "",
}  # fmt: skip
_REQUIRED = {
    "test_time_second": "Test Time / s",
    "voltage_volt": "Voltage / V",
    "current_ampere": "Current / A",
}
_COUNTS = {"cycle_count", "step_count", "step_id", "record_index", "step_record_index"}
_DEPRECATED = {"step_index"}
_OURS = {"flags"}
"""No term of the format; benchlab's own csv has it, and UTC in nanoseconds."""


def _terms() -> Iterator[str]:
    yield from (*_REQUIRED, *_COUNTS, *_DEPRECATED, "unix_time_second", "step_time_second")
    yield from (f"{place}_temperature_celsius" for place in ("ambient", "surface"))
    yield from (f"temperature_t{number}_celsius" for number in range(1, 6))
    yield from (f"{place}_pressure_pa" for place in ("surface", "applied", "ambient"))
    for scope, way in product(
        ("", "cycle_", "step_", "schedule_"), ("charging", "discharging", "net", "cumulative")
    ):
        yield from (f"{scope}{way}_capacity_ah", f"{scope}{way}_energy_wh")
    yield from (f"{kind}internal_resistance_ohm" for kind in ("", "ac_", "dc_"))
    yield from (f"{kind}_impedance_ohm" for kind in ("real", "imaginary", "absolute"))
    yield from ("power_watt", "phase_degree", "frequency_hertz")


_TERMS = frozenset(_terms())


def machine_name(label: str) -> str:
    """Return ``voltage_volt`` for ``Voltage / V``; a machine name stays what it is."""
    quantity, slash, unit = label.strip().partition(" / ")
    words = re.sub(r"\s+", "_", quantity.strip().lower())
    if not slash:
        return words
    ending = _UNITS.get(unit.strip(), unit.strip())
    return f"{words}_{ending}" if ending else words


def recognises(header: Sequence[str]) -> bool:
    """Return whether a header line holds any of the required columns, by label or name."""
    return any(machine_name(label) in _REQUIRED for label in header)


def read(files: Sequence[TextFile], *, timezone: str | None = None) -> ImportedRun:
    """Convert the files of one test; `timezone` is not needed, since Unix time is UTC.

    Raises
    ------
    benchlab.errors.ForeignDataError
    """
    del timezone
    warnings: list[str] = []
    left_out: list[str] = []
    parts: list[tuple[TextFile, Columns]] = []
    for file in files:
        wanted = _columns(file, left_out)
        if parts and {*wanted, *_times(file)} != set(parts[0][1]):
            raise refuse(
                file.path,
                1,
                "",
                f"its columns are not those of {files[0].path.name}; nothing was written.",
                "Files of one test have the same columns; import other runs one by one.",
            )
        columns: Columns = dict(parse(file, wanted))
        for name, (place, decimals) in _times(file).items():
            columns[name] = parse_times(file, place, decimals)
        parts.append((file, columns))
    ordered = in_order(parts)
    columns = {name: np.concatenate([part[name] for _, part in ordered]) for name in ordered[0][1]}
    _map_deprecated(columns, warnings)
    _check_time(columns, warnings)
    _check_cycles(ordered, warnings)
    if "step_count" not in columns:
        columns["step_count"] = _count_steps(columns)
    columns.setdefault("cycle_count", np.zeros(len(columns["step_count"])))
    meta: dict[str, Any] = {"columns_left_out": sorted(set(left_out))}
    meta |= _counters(columns, warnings)
    meta["sign_check"] = check_signs(columns, warnings)
    return assemble(ORIGIN, [file for file, _ in ordered], columns, meta, warnings, {})


def _times(file: TextFile) -> dict[str, tuple[int, int]]:
    """Return place and decimals of the column that gives the exact UTC, if there is one."""
    names = [machine_name(label) for label in file.header]
    for name, decimals in (("unix_time_nanosecond", 0), ("unix_time_second", 9)):
        if name in names:
            return {"unix_time_nanosecond": (names.index(name), decimals)}
    return {}


def _columns(file: TextFile, left_out: list[str]) -> dict[str, Wanted]:
    wanted: dict[str, Wanted] = {}
    for place, label in enumerate(file.header):
        name = machine_name(label)
        if name == "unix_time_nanosecond":
            continue
        if name not in _TERMS | _OURS:
            left_out.append(label)
            continue
        if name in wanted:
            raise refuse(file.path, 1, label, "the column is there twice.", "Take one of them out.")
        kind = "count" if name in _COUNTS | _DEPRECATED | _OURS else "optional"
        wanted[name] = Wanted(place, kind="measured" if name in _REQUIRED else kind)
    missing = [label for name, label in _REQUIRED.items() if name not in wanted]
    if missing:
        raise refuse(
            file.path,
            1,
            missing[0],
            f"the header has no column {' and '.join(missing)}.",
            f"Found: {', '.join(file.header)}. These three are required by the format.",
        )
    return wanted


def _map_deprecated(columns: Columns, warnings: list[str]) -> None:
    if "step_index" not in columns:
        return
    index = columns.pop("step_index")
    rises = float(np.mean(np.diff(index) == 1.0)) if len(index) > 1 else 0.0
    target = "step_record_index" if rises > 0.5 else "step_id"
    if target in columns:
        warnings.append(f"the deprecated step_index is left out: {target} is there as well")
        return
    columns[target] = index
    warnings.append(
        f"the deprecated step_index is read as {target}: it "
        + ("counts the rows of a step" if rises > 0.5 else "stays the same through a step")
    )


def _check_time(columns: Columns, warnings: list[str]) -> None:
    doubt = time_in_doubt(np.asarray(columns["test_time_second"], dtype=np.float64))
    if doubt:
        words, _, found = doubt.partition(":")
        warnings.append(
            f"{words.upper()}:{found}. It was not changed; every capacity that is integrated from "
            "it is as wrong as it is"
        )


def _check_cycles(parts: Sequence[tuple[TextFile, Columns]], warnings: list[str]) -> None:
    for file, columns in parts:
        if "cycle_count" in columns and bool((np.diff(columns["cycle_count"]) < 0).any()):
            warnings.append(f"{file.path.name}: the cycle count falls, which the format forbids")


def _count_steps(columns: Columns) -> np.ndarray[Any, Any]:
    new = np.zeros(len(columns["test_time_second"]) - 1, dtype=np.bool_)
    for name in ("step_id", "cycle_count"):
        if name in columns:
            new |= np.diff(columns[name]) != 0
    for name in ("step_time_second", "step_record_index"):
        if name in columns:
            new |= np.diff(columns[name]) < 0
    return np.concatenate(([1], 1 + np.cumsum(new)))


def _counters(columns: Columns, warnings: list[str]) -> dict[str, Any]:
    """Make ``charging_capacity_ah`` and so on rise for ever, from whatever scope there is."""
    raw = {}
    for name in COUNTERS:
        if name in columns and bool(np.isfinite(columns[name]).all()):
            if bool((np.diff(columns[name]) < 0.0).any()):
                warnings.append(
                    f"{name} falls, though the format says that it never resets: its rises are "
                    f"summed, and the original is kept as schedule_{name}"
                )
                columns[f"schedule_{name}"] = columns[name]
                raw[name] = f"schedule_{name}"
            continue
        for scope in ("schedule", "step", "cycle"):
            source = f"{scope}_{name}"
            if source in columns and bool(np.isfinite(columns[source]).all()):
                raw[name] = source
                warnings.append(f"{name} is summed from {source}, across its resets")
                break
    if "charging_capacity_ah" not in {*columns, *raw}:
        warnings.append("there are no capacity counters: charge must be integrated from rows")
    return sum_counters(columns, raw, warnings)
