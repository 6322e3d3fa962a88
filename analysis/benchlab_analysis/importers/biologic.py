"""BioLogic EC-Lab: .mpr through galvani, .mpt, and tables exported from it.

A positive current oxidises the working electrode; the half cycle advances at each change of
direction, the cycle number with each second one.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchlab_analysis.importers.layout import Columns, Layout, Part, pick
from benchlab_analysis.importers.parse import ArrayFile, Source, parse
from benchlab_analysis.importers.text import refuse
from benchlab_analysis.importers.units import split_slash

__all__ = ["MAKER", "NAME", "TEXT_FORM", "read_part", "recognises"]

NAME = "biologic"
MAKER = "BioLogic"
TEXT_FORM = "txt"

_LAYOUT = Layout(
    names={
        "time": ("test_time_second", "measured"),
        "ewe": ("working_electrode_potential_volt", "value"),
        "<ewe>": ("working_electrode_potential_volt", "value"),
        "ece": ("counter_electrode_potential_volt", "value"),
        "<ece>": ("counter_electrode_potential_volt", "value"),
        "ewe-ece": ("voltage_volt", "value"),
        "<ewe-ece>": ("voltage_volt", "value"),
        "ecell": ("voltage_volt", "value"),
        "i": ("current_ampere", "value"),
        "<i>": ("current_ampere", "value"),
        "dq": ("dq", "optional"),
        "(q-qo)": ("net_capacity_ah", "optional"),
        "capacity": ("capacity", "optional"),
        "ns": ("step_id", "count"),
        "half cycle": ("half_cycle", "count"),
        "cycle number": ("cycle_count", "measured"),
        "energy charge": ("step_charging_energy_wh", "optional"),
        "energy discharge": ("step_discharging_energy_wh", "optional"),
        "ox/red": ("ox_red", "optional"),
        "temperature": ("temperature_t1_celsius", "optional"),
    },
    required=("test_time_second",),
    ignored=frozenset({"flags", "mode"}),
    split=split_slash,
)
_STARTED = re.compile(r"Acquisition started on\s*:\s*(.+)", re.IGNORECASE)


def recognises(header: Sequence[str]) -> bool:
    """Return whether a header line is EC-Lab's."""
    names = {split_slash(label)[0] for label in header}
    charge = {"i", "<i>", "dq", "(q-qo)", "control"}
    return "time" in names and bool(
        names & {"ewe", "<ewe>", "ewe-ece", "<ewe-ece>", "ecell"} and names & charge
    )


def read_part(file: Source, left_out: list[str]) -> Part:
    """Convert one file.

    Raises
    ------
    benchlab.errors.ForeignDataError
    """
    places: dict[str, int] = {}
    for place, label in enumerate(file.header):  # time/s beside time/h: the first is taken
        name = split_slash(label)[0]
        if name in places:
            left_out.append(label)
            file.header[place] = ""
        places.setdefault(name, place)
    columns: Columns = dict(parse(file, pick(file, _LAYOUT, left_out)))
    part = Part(file, columns)
    _voltage(part)
    _current(part)
    _cycles(part)
    _charge(part)
    _dates(part)
    return part


def _voltage(part: Part) -> None:
    columns = part.columns
    working = columns.get("working_electrode_potential_volt")
    counter = columns.get("counter_electrode_potential_volt")
    if "voltage_volt" not in columns:
        if working is None:
            raise refuse(
                part.file.path, None, "Ewe/V", "there is no voltage.", "Export Ewe/V as well."
            )
        columns["voltage_volt"] = working if counter is None else working - counter
    if counter is not None or (working is not None and columns["voltage_volt"] is not working):
        part.notes.append(
            f"{part.file.path.name}: there is a reference electrode; voltage_volt is Ewe-Ece, what "
            "the terminals show, and Ewe is working_electrode_potential_volt"
        )
    elif working is not None:
        del columns["working_electrode_potential_volt"]


def _moved(columns: Columns) -> npt.NDArray[np.float64] | None:
    """Return the signed charge between each row and the one before, in Ah.

    From dq, which adds up to EC-Lab's own charge of each half cycle; (Q-Qo) runs some 3e-9 mAh off
    at each reversal of the published file.
    """
    step, net = columns.get("dq"), columns.get("net_capacity_ah")
    if step is not None and bool(np.isfinite(step).all()):
        return step
    if net is not None and bool(np.isfinite(net).all()):
        return np.diff(net, prepend=0.0)
    return None


def _current(part: Part) -> None:
    columns = part.columns
    if "current_ampere" in columns:
        return
    moved = _moved(columns)
    if moved is None:
        raise refuse(
            part.file.path,
            None,
            "I/mA",
            "there is neither a current nor a charge.",
            "Export I/mA or (Q-Qo)/mA.h as well.",
        )
    hours = np.diff(columns["test_time_second"], prepend=np.nan) / 3600.0
    current = np.full(len(hours), np.nan)
    np.divide(moved, hours, out=current, where=hours > 0.0)
    current[0] = current[1] if len(current) > 1 else 0.0
    current[~np.isfinite(current)] = 0.0
    columns["current_ampere"] = current
    part.notes.append(
        f"{part.file.path.name}: the file holds no current; it is the charge since the row before "
        "divided by the time since then"
    )


def _cycles(part: Part) -> None:
    columns = part.columns
    half = columns.get("half_cycle")
    if "cycle_count" in columns:  # EC-Lab prints it as 0.0000000E+00
        columns["cycle_count"] = np.maximum(np.floor(columns["cycle_count"]), 0.0)
    elif half is not None:
        order = np.cumsum(np.diff(half, prepend=half[0]) != 0)
        columns["cycle_count"] = order // 2 + 1
        part.notes.append(
            f"{part.file.path.name}: the {int(order[-1]) + 1} half cycles are numbered two by two "
            "as cycles, beginning with the first, whatever its direction"
        )
    if half is None:
        sign = np.sign(np.nan_to_num(columns["current_ampere"]))
        last = np.maximum.accumulate(np.where(sign != 0.0, np.arange(len(sign)), 0))
        half = np.cumsum(np.diff(sign[last], prepend=sign[last][0]) != 0)
    new = np.diff(half, prepend=half[0]) != 0
    if "step_id" in columns:
        new |= np.diff(columns["step_id"], prepend=columns["step_id"][0]) != 0
    columns["step_count"] = 1 + np.cumsum(new)


def _charge(part: Part) -> None:
    """Split the net charge by its direction, row by row: EC-Lab counts one signed quantity."""
    columns = part.columns
    moved = _moved(columns)
    own = columns.pop("capacity", None)
    columns.pop("dq", None)
    if moved is not None:
        columns["charging_capacity_ah"] = np.cumsum(np.maximum(moved, 0.0))
        columns["discharging_capacity_ah"] = np.cumsum(np.maximum(-moved, 0.0))
    elif own is not None:
        current = columns["current_ampere"]
        columns["step_charging_capacity_ah"] = np.where(current > 0.0, np.abs(own), 0.0)
        columns["step_discharging_capacity_ah"] = np.where(current < 0.0, np.abs(own), 0.0)
    for name in ("step_charging_energy_wh", "step_discharging_energy_wh"):
        if name in columns:
            columns[name] = np.abs(columns[name])


def _dates(part: Part) -> None:
    file = part.file
    if isinstance(file, ArrayFile):
        dates = file.facts.pop("dates", None)
        if isinstance(dates, list):
            part.dates = (dates[0], dates[1])
        return
    for line in file.preamble:
        found = _STARTED.search(line)
        if found:
            part.notes.append(f"{file.path.name}: acquisition started on {found[1].strip()}")
            return
