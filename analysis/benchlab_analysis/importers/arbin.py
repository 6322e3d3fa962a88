"""Arbin: csv and xlsx of MITS Pro in its newer and its older style, and .res through mdbtools."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from benchlab_analysis.importers.layout import Layout, Part, pick
from benchlab_analysis.importers.parse import Source, parse
from benchlab_analysis.importers.text import refuse
from benchlab_analysis.importers.units import split_unit

__all__ = ["MAKER", "NAME", "beside_the_rows", "read_part", "recognises"]

NAME = "arbin"
MAKER = "Arbin"

_LAYOUT = Layout(
    names={
        "test time": ("test_time_second", "measured"),
        "voltage": ("voltage_volt", "value"),
        "current": ("current_ampere", "value"),
        "cycle index": ("cycle_count", "count"),
        "step index": ("step_id", "count"),
        "step time": ("step_time_second", "optional"),
        "charge capacity": ("schedule_charging_capacity_ah", "optional"),
        "discharge capacity": ("schedule_discharging_capacity_ah", "optional"),
        "charge energy": ("schedule_charging_energy_wh", "optional"),
        "discharge energy": ("schedule_discharging_energy_wh", "optional"),
        "data point": ("record_index", "count"),
        "power": ("power_watt", "optional"),
        "internal resistance": ("internal_resistance_ohm", "optional"),
        "aux temperature 1": ("temperature_t1_celsius", "optional"),
        "aux temperature 2": ("temperature_t2_celsius", "optional"),
    },
    required=(
        "test_time_second", "voltage_volt", "current_ampere", "cycle_count", "step_id",
    ),
    ignored=frozenset({"date time", "datetime"}),
)  # fmt: skip
_CHANNELS = ("channel", "channel id", "chan id", "test id")


def recognises(header: Sequence[str]) -> bool:
    """Return whether a header line is Arbin's, be it of rows or of a table beside them."""
    names = {split_unit(label)[0] for label in header}
    return {"test time", "cycle index"} <= names or "test report" in names


def beside_the_rows(header: Sequence[str]) -> bool:
    """Return whether a header is that of a table beside the rows: statistics, or a report."""
    names = {split_unit(label)[0] for label in header}
    return bool({"charge time", "test report", "vmax on cycle"} & names)


def read_part(file: Source, left_out: list[str]) -> Part:
    """Convert one file; its counters are kept as ``schedule_...``.

    Raises
    ------
    benchlab.errors.ForeignDataError
    """
    if beside_the_rows(file.header):
        raise refuse(
            file.path,
            1,
            "",
            "this is a table that Arbin writes beside the rows, not the rows themselves.",
            "Give the file with Data_Point or Data Point in its first column.",
        )
    wanted = pick(file, _LAYOUT, left_out)
    columns = dict(parse(file, wanted))
    if file.form == "res" and "record_index" in columns:  # a database has no order of its own
        order = np.argsort(columns["record_index"], kind="stable")
        columns = {name: values[order] for name, values in columns.items()}
    dates = None
    names = [split_unit(label)[0] for label in file.header]
    for name in ("date time", "datetime"):
        if name in names and len(file):
            place = names.index(name)
            dates = (file.fields(0)[place], file.fields(-1 % len(file))[place])
    return Part(file, columns, dates)


def channels(file: Source) -> dict[str, str]:
    """Return the channels that a file names, in its rows or in its name, and where."""
    found: dict[str, str] = {}
    for index, label in enumerate(file.header):
        if split_unit(label)[0] in _CHANNELS:
            found.update({f"{label} {value}": file.path.name for value in set(file.texts(index))})
    match = re.search(r"channel[_ ](\d+)", file.path.name, re.IGNORECASE)
    if not found and match:
        found[match[1]] = file.path.name
    return found
