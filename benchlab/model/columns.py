"""The one table of columns: name, unit, type, meaning; layout, exports and axis labels read it.

Names are the machine names of the Battery Data Format (ontology 1.3.0) wherever it has one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.model.table import Table

__all__ = [
    "COLUMNS",
    "EVENT_COLUMNS",
    "ROW_COLUMNS",
    "SPECTRUM_COLUMNS",
    "STEP_COLUMNS",
    "Column",
    "records_table",
    "row_dtype",
]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table: its name, unit, numpy type and meaning.

    Attributes
    ----------
    dtype : str
        A numpy type code, or ``"text"``.
    label : str
        The label of the Battery Data Format, or one in its style.
    """

    name: str
    unit: str
    dtype: str
    label: str
    meaning: str


_ROWS = (
    Column("test_time_second", "s", "f8", "Test Time / s", "time since the start of the test"),
    Column("unix_time_nanosecond", "ns", "i8", "Unix Time / ns", "UTC since 1970; 0 where unknown"),
    Column("voltage_volt", "V", "f8", "Voltage / V", "terminal voltage; NaN where not measurable"),
    Column("current_ampere", "A", "f8", "Current / A", "positive into the positive terminal"),
    Column("cycle_count", "1", "u4", "Cycle Count / 1", "0 before the first cycle begins"),
    Column("step_count", "1", "u4", "Step Count / 1", "+1 at each step executed, never resets"),
    Column("step_id", "1", "u4", "Step ID", "index in the table of protocol steps"),
    Column("charging_capacity_ah", "Ah", "f8", "Charging Capacity / Ah", "since test start"),
    Column("discharging_capacity_ah", "Ah", "f8", "Discharging Capacity / Ah", "since test start"),
    Column("charging_energy_wh", "Wh", "f8", "Charging Energy / Wh", "since test start"),
    Column("discharging_energy_wh", "Wh", "f8", "Discharging Energy / Wh", "since test start"),
    Column(
        "surface_temperature_celsius", "degC", "f4", "Surface Temperature / degC", "NaN: no sensor"
    ),
    Column("flags", "1", "u4", "Flags / 1", "bit field of benchlab.model.flags"),
)

_FOREIGN = (
    Column("unix_time_second", "s", "f8", "Unix Time / s", "UTC since 1970"),
    Column("step_time_second", "s", "f8", "Step Time / s", "time since the start of the step"),
    Column("ambient_temperature_celsius", "degC", "f8", "Ambient Temperature / degC", "air"),
    Column("power_watt", "W", "f8", "Power / W", "voltage times current"),
    Column("internal_resistance_ohm", "ohm", "f8", "Internal Resistance / ohm", "as reported"),
    Column("record_index", "1", "i8", "Record Index / 1", "the instrument's own row number"),
    Column("temperature_t1_celsius", "degC", "f8", "Temperature T1 / degC", "auxiliary channel 1"),
    Column("temperature_t2_celsius", "degC", "f8", "Temperature T2 / degC", "auxiliary channel 2"),
    Column(
        "schedule_charging_capacity_ah",
        "Ah",
        "f8",
        "Schedule Charging Capacity / Ah",
        "the instrument's own counter, reset by its schedule",
    ),
    Column(
        "schedule_discharging_capacity_ah",
        "Ah",
        "f8",
        "Schedule Discharging Capacity / Ah",
        "the instrument's own counter, reset by its schedule",
    ),
    Column(
        "schedule_charging_energy_wh",
        "Wh",
        "f8",
        "Schedule Charging Energy / Wh",
        "the instrument's own counter, reset by its schedule",
    ),
    Column(
        "schedule_discharging_energy_wh",
        "Wh",
        "f8",
        "Schedule Discharging Energy / Wh",
        "the instrument's own counter, reset by its schedule",
    ),
)

_STEPS = (
    Column("step_count", "1", "u4", "Step Count / 1", "+1 at each step executed"),
    Column("step_id", "1", "u4", "Step ID", "index in the table of protocol steps"),
    Column("label", "", "text", "Label", "the protocol's name for the step; may be empty"),
    Column("step_type", "", "text", "Step Type", "CC_CHG, CC_DCH, CCCV_CHG, CV_CHG, REST, ..."),
    Column("cycle_count", "1", "u4", "Cycle Count / 1", "the cycle the step belongs to"),
    Column("cycle_kind", "", "text", "Cycle Kind", "cycle, formation cycle, check-up, no cycle"),
    Column("first_row", "1", "i8", "First Row / 1", "index of the step's first recorded row"),
    Column("last_row", "1", "i8", "Last Row / 1", "index of its last recorded row"),
    Column("start_time_second", "s", "f8", "Start / s", "when the output was set for the step"),
    Column("end_time_second", "s", "f8", "End / s", "when the output was changed"),
    Column("start_half_width_second", "s", "f8", "Start +- / s", "half-width of the start edge"),
    Column("end_half_width_second", "s", "f8", "End +- / s", "half-width of the end edge"),
    Column("start_voltage_volt", "V", "f8", "Start Voltage / V", "first reading of the step"),
    Column("end_voltage_volt", "V", "f8", "End Voltage / V", "last reading of the step"),
    Column("minimum_voltage_volt", "V", "f8", "Minimum Voltage / V", "over every reading"),
    Column("maximum_voltage_volt", "V", "f8", "Maximum Voltage / V", "over every reading"),
    Column("start_current_ampere", "A", "f8", "Start Current / A", "first reading of the step"),
    Column("end_current_ampere", "A", "f8", "End Current / A", "last reading of the step"),
    Column("set_current_ampere", "A", "f8", "Set Current / A", "what was asked for, signed"),
    Column(
        "step_charging_capacity_ah", "Ah", "f8", "Step Charging Capacity / Ah", "from every reading"
    ),
    Column(
        "step_discharging_capacity_ah",
        "Ah",
        "f8",
        "Step Discharging Capacity / Ah",
        "from every reading",
    ),
    Column(
        "step_charging_energy_wh", "Wh", "f8", "Step Charging Energy / Wh", "from every reading"
    ),
    Column(
        "step_discharging_energy_wh",
        "Wh",
        "f8",
        "Step Discharging Energy / Wh",
        "from every reading",
    ),
    Column("step_net_capacity_ah", "Ah", "f8", "Step Net Capacity / Ah", "signed; rests included"),
    Column("cc_capacity_ah", "Ah", "f8", "CC Capacity / Ah", "magnitude before the transition"),
    Column("cv_capacity_ah", "Ah", "f8", "CV Capacity / Ah", "magnitude after the transition"),
    Column(
        "crossing_capacity_ah",
        "Ah",
        "f8",
        "Crossing Capacity / Ah",
        "net at the interpolated crossing of a voltage end; NaN for other ends",
    ),
    Column("current_range_ampere", "A", "f8", "Current Range / A", "the meter's range; NaN: none"),
    Column("reading_count", "1", "i8", "Readings / 1", "readings taken, recorded or not"),
    Column("counter_source", "", "text", "Counter Source", "host or instrument"),
    Column("end_reason", "", "text", "End Reason", "voltage, current, capacity, time, at_most ..."),
    Column("own_end", "1", "u1", "Own End / 1", "1 where the step reached an end of its own"),
)

_EVENTS = (
    Column("test_time_second", "s", "f8", "Test Time / s", "time since the start of the test"),
    Column("unix_time_nanosecond", "ns", "i8", "Unix Time / ns", "UTC since 1970"),
    Column("kind", "", "text", "Kind", "start, step, transition, already_met, trip, stop, ..."),
    Column("actor", "", "text", "Actor", "who or what caused it"),
    Column("text", "", "text", "Text", "what happened, in a sentence"),
)

_SPECTRA = (
    Column("test_time_second", "s", "f8", "Test Time / s", "when the point was complete"),
    Column("unix_time_nanosecond", "ns", "i8", "Unix Time / ns", "UTC since 1970"),
    Column("step_count", "1", "u4", "Step Count / 1", "the step that the spectrum belongs to"),
    Column("cycle_count", "1", "u4", "Cycle Count / 1", "the cycle that the step belongs to"),
    Column("frequency_hertz", "Hz", "f8", "Frequency / Hz", "of the excitation"),
    Column("real_impedance_ohm", "ohm", "f8", "Real Impedance / ohm", "real part"),
    Column(
        "imaginary_impedance_ohm",
        "ohm",
        "f8",
        "Imaginary Impedance / ohm",
        "imaginary part; negative for a capacitor",
    ),
)

COLUMNS: dict[str, Column] = {
    column.name: column for column in (*_SPECTRA, *_EVENTS, *_STEPS, *_FOREIGN, *_ROWS)
}
ROW_COLUMNS: tuple[str, ...] = tuple(column.name for column in _ROWS)
STEP_COLUMNS: tuple[str, ...] = tuple(column.name for column in _STEPS)
EVENT_COLUMNS: tuple[str, ...] = tuple(column.name for column in _EVENTS)
SPECTRUM_COLUMNS: tuple[str, ...] = tuple(column.name for column in _SPECTRA)


def records_table(names: tuple[str, ...], records: Sequence[Mapping[str, Any]]) -> Table:
    """Return records as a table with exactly the named columns, typed as the column table says."""
    columns: dict[str, npt.NDArray[Any]] = {}
    for name in names:
        dtype = COLUMNS[name].dtype
        values = [record[name] for record in records]
        columns[name] = np.array(values, dtype=object if dtype == "text" else "<" + dtype)
    return Table(columns)


def row_dtype() -> np.dtype[np.void]:
    """Return the packed little-endian record type of a recorded row."""
    fields: list[tuple[str, npt.DTypeLike]] = [(c.name, "<" + c.dtype) for c in _ROWS]
    return np.dtype(fields)
