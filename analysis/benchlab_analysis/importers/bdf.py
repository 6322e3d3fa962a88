"""The Battery Data Format: csv and Parquet, with preferred labels or machine names.

Source of the rules: README of battery-data-alliance/battery-data-format, ontology 1.3.0.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import product

import numpy as np

from benchlab_analysis.importers.layout import Columns, Part
from benchlab_analysis.importers.parse import Source, Wanted, parse, parse_times
from benchlab_analysis.importers.text import refuse

__all__ = ["MAKER", "NAME", "machine_name", "read_part", "recognises"]

NAME = "bdf"
MAKER = ""

_UNITS = {
    "s": "second", "V": "volt", "A": "ampere", "Ah": "ah", "Wh": "wh", "degC": "celsius",
    "Pa": "pa", "ohm": "ohm", "W": "watt", "Hz": "hertz", "deg": "degree", "1": "",
}  # fmt: skip
_REQUIRED = {
    "test_time_second": "Test Time / s",
    "voltage_volt": "Voltage / V",
    "current_ampere": "Current / A",
}
_REQUIRED_KINDS = {
    "test_time_second": "measured",
    "voltage_volt": "value",
    "current_ampere": "value",
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


def read_part(file: Source, left_out: list[str]) -> Part:
    """Convert one file.

    Raises
    ------
    benchlab.errors.ForeignDataError
    """
    columns: Columns = dict(parse(file, _columns(file, left_out)))
    for name, (place, decimals) in _times(file).items():
        columns[name] = parse_times(file, place, decimals)
    part = Part(file, columns)
    _map_deprecated(columns, part.notes)
    return part


def _times(file: Source) -> dict[str, tuple[int, int]]:
    """Return place and decimals of the column that gives the exact UTC, if there is one."""
    names = [machine_name(label) for label in file.header]
    for name, decimals in (("unix_time_nanosecond", 0), ("unix_time_second", 9)):
        if name in names:
            return {"unix_time_nanosecond": (names.index(name), decimals)}
    return {}


def _columns(file: Source, left_out: list[str]) -> dict[str, Wanted]:
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
        wanted[name] = Wanted(place, kind=_REQUIRED_KINDS.get(name, kind))
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
