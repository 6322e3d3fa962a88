"""The cycle table as a result: its units, what it is given per, its figure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from benchlab.errors import UsageError
from benchlab.model.table import Table
from benchlab_analysis._analysis import (
    Curve,
    FigurePlan,
    Panel,
    Result,
    ResultColumn,
    ResultTable,
)
from benchlab_analysis._sums import Provenance

__all__ = ["BASES", "cycle_result"]

BASES: dict[str, tuple[str, str, str, str]] = {
    "cell": ("", "", "", ""),
    "gram": ("active_mass_gram", "per_gram", "/g", "active_mass"),
    "square centimetre": ("area_square_centimetre", "per_square_centimetre", "/cm2", "area"),
    "nominal": ("nominal_capacity_ah", "per_nominal_ah", "/(nominal Ah)", "nominal_capacity"),
}
"""What capacities and energies are given for: field of the cell, end of the name, of the unit, and
what a correction calls it."""

_UNITS = {"_ah": "Ah", "_wh": "Wh", "_volt": "V", "_second": "s", "_celsius": "degC"}


def cycle_result(
    table: Table, provenance: Provenance, cell: Mapping[str, Any], basis: str = "cell"
) -> Result:
    """Return a cycle table with units and figure, and its provenance as remarks.

    Raises
    ------
    benchlab.errors.UsageError
        Where the mass, the area or the nominal capacity is not known.
    """
    columns = []
    field, suffix, per, name = BASES[basis]
    divisor = 1.0
    if field:
        known = cell.get(field)
        if not isinstance(known, int | float) or not known > 0.0:
            raise UsageError(
                f"capacities cannot be given per {basis}: the cell has no {field}.",
                remedy=f"Set it: benchlab correct FILE --set {name}=VALUE --by NAME --why TEXT",
            )
        divisor = float(known)
    for name, values in table.items():
        unit = next((unit for end, unit in _UNITS.items() if name.endswith(end)), "")
        if unit in ("Ah", "Wh") and field:
            columns.append(ResultColumn(f"{name}_{suffix}", values / divisor, unit + per))
        else:
            columns.append(ResultColumn(name, values, unit or _unitless(name)))
    result = Result(tables=[ResultTable("cycles", columns)])
    for name, text in provenance.lines():
        if name == "correction":
            if text != "none":
                result.corrections.append(text)
        elif name == "note" or "LOOKS WRONG" in text:
            result.warnings.append(text)
        else:
            result.assumptions.append(f"{name}: {text}")
    if field:
        result.assumptions.append(f"capacities and energies are divided by {field} = {divisor:g}")
    result.figures.append(_figure(table, provenance))
    return result


def _unitless(name: str) -> str:
    return "" if name in ("kind", "complete", "excluded") else "1"


def _figure(table: Table, provenance: Provenance) -> FigurePlan:
    cycle = table["cycle_count"]
    shown = table["complete"] & (table["kind"] != "imposed cycle")
    width = np.nan_to_num(table["coulombic_efficiency_half_width"][shown])
    efficiency = table["coulombic_efficiency"][shown]
    whole = table["complete"]
    return FigurePlan(
        "cycles",
        "Capacity, coulombic efficiency and mean voltages",
        [
            Panel(
                "",
                "Capacity / Ah",
                [
                    Curve("charge", cycle[whole], table["cycle_charging_capacity_ah"][whole],
                          style="open points"),
                    Curve("discharge", cycle[whole], table["cycle_discharging_capacity_ah"][whole],
                          style="points"),
                ],
            ),
            Panel(
                "",
                "Coulombic Efficiency / 1",
                [Curve("", cycle[shown], efficiency, efficiency - width, efficiency + width,
                       "points")],
                note=f"{provenance.pairing}; interval: {provenance.interval}"[:140],
            ),
            Panel(
                "Cycle Count / 1",
                "Mean Voltage / V",
                [
                    Curve("charge", cycle[whole], table["charging_mean_voltage_volt"][whole]),
                    Curve("discharge", cycle[whole], table["discharging_mean_voltage_volt"][whole]),
                ],
            ),
        ],
        share_x=True,
    )  # fmt: skip
