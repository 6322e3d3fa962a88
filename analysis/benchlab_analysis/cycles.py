"""The cycle table: one row a cycle, with what was assumed, found and corrected."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.model.run import Run
from benchlab.model.table import Table
from benchlab_analysis._analysis import Result, option
from benchlab_analysis._cycle_result import BASES, cycle_result
from benchlab_analysis._foreign import sums_from_rows
from benchlab_analysis._pairing import (
    LITHIATION,
    PAIRINGS,
    PLATING,
    PREVIOUS,
    choose_pairing,
    compare_pairings,
    paired,
    ratio,
)
from benchlab_analysis._recorded import (
    fill_temperature,
    is_recorded,
    stored_kinds,
    sums_from_steps,
)
from benchlab_analysis._retention import retention
from benchlab_analysis._rows import RowReader
from benchlab_analysis._sums import CycleSums, Provenance

__all__ = [
    "HELP",
    "NAME",
    "PAIRINGS",
    "TAKES",
    "CycleTable",
    "LiveCycles",
    "Options",
    "analyse",
    "cycle_table",
]

NAME = "Cycle table"
HELP = "capacities, energies, efficiencies, voltages and retention, a row a cycle"
TAKES = "test"

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Options:
    """Options of the cycle table."""

    pairing: str = option(
        "", "what is divided by what; by the cell if empty", choices=tuple(PAIRINGS)
    )
    reference: int | None = option(None, "the cycle that retention refers to", unit="cycle")
    basis: str = option("cell", "what capacities and energies are given for", choices=tuple(BASES))
    source: str = option(
        "auto", "the step index where there is one, or rows", choices=("auto", "rows")
    )
    temperature: bool = option(False, "read the temperature of recorded rows too; slower")


class CycleTable(Table):
    """A table with one row a cycle, and how it came about.

    Attributes
    ----------
    provenance : Provenance
    """

    def __init__(self, columns: Mapping[str, npt.ArrayLike], provenance: Provenance) -> None:
        super().__init__(columns)
        self.provenance = provenance


def analyse(run: Run, options: Options) -> Result:
    """Return the cycle table as a result, per cell or per what is asked for."""
    table = cycle_table(
        run,
        pairing=options.pairing or None,
        reference=options.reference,
        source=options.source,
        temperature=options.temperature,
    )
    return cycle_result(table, table.provenance, run.cell, options.basis)


class LiveCycles:
    """The cycle table of a run under way, look by look; each look equals `cycle_table` on the run.

    Rows that were summed once are not read again.
    """

    def __init__(self) -> None:
        self._reader = RowReader()

    def table(self, run: Run, *, pairing: str | None = None) -> CycleTable:
        """Return the cycle table of a run, opened anew since the last look."""
        return cycle_table(run, pairing=pairing, reader=self._reader)


def cycle_table(
    run: Run,
    *,
    pairing: str | None = None,
    reference: int | None = None,
    source: str = "auto",
    temperature: bool = False,
    reader: RowReader | None = None,
) -> CycleTable:
    """Return one row a cycle: capacities, energies, efficiencies, retention, voltages.

    A recorded run is summed from its step index, a foreign one from its cycler's counters, and
    from its rows only where there are no counters. Capacities and energies are those of the cycle
    index, in Ah and Wh; ``output_ah`` over ``input_ah`` is the coulombic efficiency, as the
    pairing says. Unknown values are NaN.

    Parameters
    ----------
    run : Run
    pairing : str, optional
        One of `PAIRINGS`; chosen from the cell, or from the order of the half cycles, if left out.
    reference : int, optional
        The cycle that retention refers to; the first complete one of kind ``cycle`` at the same
        rate if left out.
    source : {"auto", "rows"}
        ``rows`` sums the rows of a recorded run too.
    temperature : bool
        Read the temperature of recorded rows, which the step index does not hold.
    reader : RowReader, optional
        One that read earlier rows of the same run; see `LiveCycles`.

    Returns
    -------
    CycleTable
        Imposed cycles have no efficiency and no retention: theirs are what the protocol set.
        ``retention_reference_cycle`` is 0 where there is no retention.
        With ``excluded``: a correction takes the cycle out of fits and references;
        ``coulombic_efficiency_half_width``: the worst case that the instrument's stated
        accuracy allows; and ``coulombic_efficiency_resolution``: what the step of the counters,
        or the integration of rows, puts in doubt on top of it.

    Raises
    ------
    benchlab.errors.UsageError
        For an unknown pairing or a reference cycle that is not there.

    References
    ----------
    Xiao et al., Nature Energy 5 (2020) 561: coulombic efficiency and its pairing.
    """
    provenance = Provenance()
    recorded = is_recorded(run) and source != "rows"
    if recorded:
        sums = sums_from_steps(run, provenance)
        if temperature:
            fill_temperature(run, sums)
    else:
        sums = sums_from_rows(run, provenance, reader)
        if is_recorded(run):
            stored_kinds(run, sums)
    choose_pairing(run, sums, recorded, pairing, provenance)
    pair = paired(sums, provenance.pairing)
    with np.errstate(divide="ignore", invalid="ignore"):
        efficiency = ratio(pair.output, pair.input)
        # the larger side of the interval: (out + d) / (in - d) lies farther off than the other
        upper = ratio(pair.output + pair.output_error, pair.input - pair.input_error)
        half_width = np.where(pair.output > 0.0, upper - efficiency, np.nan)
        resolution = efficiency * sums.resolution * (1.0 / pair.output + 1.0 / pair.input)
    energy_efficiency = ratio(pair.output_energy, pair.input_energy)
    imposed = sums.kind == "imposed cycle"
    voltage_efficiency = ratio(energy_efficiency, efficiency)
    for values in (efficiency, half_width, resolution):
        values[imposed] = np.nan
    excluded = _excluded(run, sums, provenance)
    sign = 1 if provenance.pairing in (LITHIATION, PLATING) else -1
    retained = retention(sums, excluded, reference, provenance, sign=sign)
    if provenance.pairing == PREVIOUS and np.isnan(pair.input).any():
        without = sums.cycle[np.isnan(pair.input)]
        provenance.notes.append(
            f"no efficiency for {without.size} cycles (first: cycle {without[0]}): no whole charge "
            "of a cycle before is known for their discharge"
        )
    compare_pairings(sums, provenance)
    if not sums.both.any():
        provenance.notes.append(
            "NO CYCLE: no cycle index holds a charge and a discharge, so there is no efficiency"
        )
    charging, discharging = (
        ratio(sums.charge_energy, sums.charge),
        ratio(sums.discharge_energy, sums.discharge),
    )
    return CycleTable(
        {
            "cycle_count": sums.cycle,
            "kind": sums.kind,
            "complete": sums.complete,
            "excluded": excluded,
            "cycle_charging_capacity_ah": sums.charge,
            "cycle_discharging_capacity_ah": sums.discharge,
            "cycle_charging_energy_wh": sums.charge_energy,
            "cycle_discharging_energy_wh": sums.discharge_energy,
            "coulombic_efficiency": efficiency,
            "coulombic_efficiency_half_width": half_width,
            "coulombic_efficiency_resolution": resolution,
            "energy_efficiency": energy_efficiency,
            "voltage_efficiency": voltage_efficiency,
            "capacity_retention": retained.values,
            "retention_reference_cycle": retained.reference,
            "charging_mean_voltage_volt": charging,
            "discharging_mean_voltage_volt": discharging,
            "voltage_hysteresis_volt": charging - discharging,
            "charging_start_voltage_volt": sums.charge_start,
            "charging_end_voltage_volt": sums.charge_end,
            "discharging_start_voltage_volt": sums.discharge_start,
            "discharging_end_voltage_volt": sums.discharge_end,
            "charging_cc_capacity_ah": sums.charge - sums.charge_cv,
            "charging_cv_capacity_ah": sums.charge_cv,
            "discharging_cc_capacity_ah": sums.discharge - sums.discharge_cv,
            "discharging_cv_capacity_ah": sums.discharge_cv,
            "charging_relaxation_volt": sums.charge_relaxation,
            "discharging_relaxation_volt": sums.discharge_relaxation,
            "duration_second": sums.duration,
            "charging_duration_second": sums.charge_duration,
            "discharging_duration_second": sums.discharge_duration,
            "surface_temperature_mean_celsius": sums.temperature_mean,
            "surface_temperature_min_celsius": sums.temperature_min,
            "surface_temperature_max_celsius": sums.temperature_max,
            "input_ah": pair.input,
            "output_ah": pair.output,
            "input_half_width_ah": pair.input_error,
            "output_half_width_ah": pair.output_error,
            "throughput_ah": np.cumsum(sums.charge + sums.discharge),
            "throughput_wh": np.cumsum(sums.charge_energy + sums.discharge_energy),
            "equivalent_full_cycles": _full_cycles(sums, run.cell, provenance),
        },
        provenance,
    )


def _excluded(run: Run, sums: CycleSums, provenance: Provenance) -> npt.NDArray[np.bool_]:
    """Return which cycles a correction took out, and say who did."""
    excluded: npt.NDArray[np.bool_] = np.isin(sums.cycle, run.excluded_cycles)
    said = [item for item in run.corrections if item["field"] == "excluded_cycles"]
    for item in said[-1:]:
        provenance.corrections.append(
            f"{np.count_nonzero(excluded)} cycles are excluded from fits and references "
            f"({item['who']}, {item['when'][:10]}: {item['why']}); they stay in the table, marked"
        )
    others = [item for item in run.corrections if item["field"] != "excluded_cycles"]
    for item in others:
        value = "the cell" if item["field"] == "cell" else f"{item['field']} = {item['new']}"
        provenance.corrections.append(
            f"{value} was set after the run ({item['who']}, {item['when'][:10]}: {item['why']})"
        )
    return excluded


def _full_cycles(sums: CycleSums, cell: Mapping[str, Any], provenance: Provenance) -> Floats:
    """Return the charge through the cell by the end of each cycle, in turns of 2 x nominal."""
    nominal = cell.get("nominal_capacity_ah")
    if not isinstance(nominal, int | float) or not nominal > 0.0:
        provenance.notes.append("equivalent full cycles: the nominal capacity is not known")
        return np.full(sums.charge.shape, np.nan)
    return np.cumsum(sums.charge + sums.discharge) / (2.0 * float(nominal))
