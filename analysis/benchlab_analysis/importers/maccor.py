"""Maccor text: unsigned current with a state, counters per step, time in whatever unit."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from benchlab_analysis.importers.dates import start_of
from benchlab_analysis.importers.layout import Columns, Layout, Part, durations, pick
from benchlab_analysis.importers.parse import Source, parse
from benchlab_analysis.importers.text import refuse
from benchlab_analysis.importers.units import SCALES, split_unit

__all__ = ["MAKER", "NAME", "TEXT_FORM", "read_part", "recognises"]

NAME = "maccor"
MAKER = "Maccor"
TEXT_FORM = "txt"

_TIMES = ("testtime", "test time", "test", "prog time")
_STEP_TIMES = ("steptime", "step time", "step")
_STATES = ("md", "state", "mode")
_RECORDS = ("rec", "rec#", "record", "rec #")
_DATES = ("dpt time", "dpttime", "date time", "date")
_LAYOUT = Layout(
    names={
        "voltage": ("voltage_volt", "value"),
        "volts": ("voltage_volt", "value"),
        "current": ("current_ampere", "value"),
        "amps": ("current_ampere", "value"),
        "cycle c": ("cycle_count", "count"),
        "cyc#": ("cycle_count", "count"),
        "cycle": ("cycle_count", "count"),
        "cycle p": ("procedure_cycle_count", "count"),
        "step": ("step_id", "count"),
        "step#": ("step_id", "count"),
        **dict.fromkeys(_RECORDS, ("record_index", "count")),
        "cap.": ("capacity", "optional"),
        "capacity": ("capacity", "optional"),
        "amp-hr": ("capacity", "optional"),
        "amphr": ("capacity", "optional"),
        "ener.": ("energy", "optional"),
        "energy": ("energy", "optional"),
        "watt-hr": ("energy", "optional"),
        "watthr": ("energy", "optional"),
        "evtemp": ("ambient_temperature_celsius", "optional"),
        "temp 1": ("temperature_t1_celsius", "optional"),
        "temp 2": ("temperature_t2_celsius", "optional"),
    },
    required=("voltage_volt", "current_ampere"),
    ignored=frozenset({*_TIMES, "steptime", "step time", *_STATES, *_DATES, "es"}),
)
_UNITS = (("s", 1.0), ("min", 60.0), ("h", 3600.0))


def recognises(header: Sequence[str]) -> bool:
    """Return whether a header line is Maccor's."""
    names = {split_unit(label)[0] for label in header}
    wanted = (_TIMES, _STATES, _RECORDS, ("amps", "current"), ("volts", "voltage"))
    return all(names & set(group) for group in wanted)


def read_part(file: Source, left_out: list[str]) -> Part:
    """Convert one file.

    Raises
    ------
    benchlab.errors.ForeignDataError
    """
    labels = [split_unit(label) for label in file.header]
    names = [name for name, _ in labels]
    steps = [
        place
        for place, (name, unit) in enumerate(labels)
        if name == "step" and unit in SCALES and unit
    ]
    if steps:  # "Step (Sec)" beside "Step": the time in the step
        file.header[steps[0]] = f"StepTime ({labels[steps[0]][1]})"
        names[steps[0]] = "steptime"
    columns: Columns = dict(parse(file, pick(file, _LAYOUT, left_out)))
    part = Part(file, columns)
    state = next(names.index(name) for name in _STATES if name in names)
    letters = np.array([text[:1].upper() for text in file.texts(state)])
    charging, discharging = letters == "C", letters == "D"
    if not bool((charging | discharging | (columns["current_ampere"] == 0.0)).any()):
        raise refuse(
            file.path,
            file.line(0),
            file.header[state],
            f"no state is C, D or a rest: {', '.join(sorted(set(letters.tolist()))[:8])}.",
            "Describe the columns in a --columns MAP.yaml.",
        )
    _sign(part, discharging)
    for quantity, unit in (("capacity", "ah"), ("energy", "wh")):
        counted = columns.pop(quantity, None)
        if counted is not None:
            columns[f"step_charging_{quantity}_{unit}"] = np.where(charging, np.abs(counted), 0.0)
            columns[f"step_discharging_{quantity}_{unit}"] = np.where(
                discharging, np.abs(counted), 0.0
            )
    date = next((names.index(name) for name in _DATES if name in names), None)
    if date is not None:
        part.dates = (file.fields(0)[date], file.fields(len(file) - 1)[date])
    _times(part, names)
    return part


def _sign(part: Part, discharging: npt.NDArray[np.bool_]) -> None:
    current = part.columns["current_ampere"]
    driven = discharging & (np.nan_to_num(current) != 0.0)
    if not driven.any() or bool((current[driven] < 0.0).any()):
        return
    part.columns["current_ampere"] = np.where(discharging, -current, current)
    part.notes.append(
        f"{part.file.path.name}: the current has no sign; minus was given to the "
        f"{int(driven.sum())} rows in state D"
    )


def _times(part: Part, names: list[str]) -> None:
    file, columns = part.file, part.columns
    place = next(names.index(name) for name in _TIMES if name in names)
    raw = durations(file, place)
    bad = ~np.isfinite(raw)
    if bad.any():
        raise refuse(
            file.path,
            file.line(int(np.argmax(bad))),
            file.header[place],
            "the time is no finite number; nothing was written.",
            "Mend the line in a copy, or export the file once more.",
        )
    unit = split_unit(file.header[place])[1]
    clock = any(":" in text for text in file.fields(0)[place : place + 1])
    if clock:
        scale = 1.0
    elif unit in SCALES and unit:
        scale = SCALES[unit]
    else:
        scale = _found_unit(part, raw, place)
    columns["test_time_second"] = raw * scale
    step = next((names.index(name) for name in ("steptime", "step time") if name in names), None)
    if step is not None:
        own = split_unit(file.header[step])[1]
        is_clock = ":" in file.fields(0)[step]
        factor = 1.0 if is_clock else SCALES[own] if own in SCALES and own else scale
        columns["step_time_second"] = durations(file, step) * factor


def _found_unit(part: Part, raw: npt.NDArray[np.float64], place: int) -> float:
    """Return the unit of a time whose header states none, from the dates or the counter."""
    file, span = part.file, float(raw[-1] - raw[0])
    off: dict[str, float] = {}
    how = ""
    if part.dates is not None and span > 0.0:
        how = "by the dates of the first and the last row"
        for name, factor in _UNITS:
            first, _ = start_of(*part.dates, span * factor)
            last, _ = start_of(part.dates[1], part.dates[0], -span * factor)
            if first is not None and last is not None:
                off[name] = abs((last - first).total_seconds() / (span * factor) - 1.0)
    if not off or min(off.values()) > 0.2:
        how = "by the charge counter"
        off = _by_counter(part.columns, raw)
    best = min(off, key=lambda name: off[name], default="")
    if not best or off[best] > 0.2:
        raise refuse(
            file.path,
            None,
            file.header[place],
            "the header names no unit of time, and neither dates nor charge tell it.",
            "State it in a --columns MAP.yaml.",
        )
    part.notes.append(f"{file.path.name}: {file.header[place]!r} is read in {best}, {how}")
    return dict(_UNITS)[best]


def _by_counter(columns: Columns, raw: npt.NDArray[np.float64]) -> dict[str, float]:
    names = ("step_charging_capacity_ah", "step_discharging_capacity_ah")
    if not all(name in columns for name in names):
        return {}
    counted = sum(np.diff(columns[name]) for name in names)
    current = np.abs(columns["current_ampere"])
    use = (np.asarray(counted) > 0.0) & (np.abs(np.diff(current)) <= 0.1 * current[1:])
    flowed = float((0.5 * (current[1:] + current[:-1]) * np.diff(raw))[use].sum()) / 3600.0
    total = float(np.asarray(counted)[use].sum())
    if flowed <= 0.0 or total <= 0.0:
        return {}
    return {name: abs(flowed * factor / total - 1.0) for name, factor in _UNITS}
