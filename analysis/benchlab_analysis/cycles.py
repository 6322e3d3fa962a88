"""The cycle table: one row a cycle, with what was assumed, found and corrected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchlab.errors import UsageError
from benchlab.model.run import Run
from benchlab.model.table import Table
from benchlab_analysis._foreign import sums_from_rows
from benchlab_analysis._recorded import is_recorded, sums_from_steps
from benchlab_analysis._retention import retention
from benchlab_analysis._sums import CycleSums, Provenance

__all__ = ["PAIRINGS", "CycleTable", "cycle_table"]

Floats = npt.NDArray[np.float64]

SAME, PREVIOUS, LITHIATION, PLATING, NONE = (
    "same index",
    "discharge over previous charge",
    "delithiation over lithiation",
    "strip over plate",
    "none",
)
PAIRINGS: dict[str, str] = {
    SAME: "discharge over the charge of the same cycle index",
    PREVIOUS: "discharge over the charge of the cycle before",
    LITHIATION: "charge over discharge at the terminals, of the same cycle index",
    PLATING: "charge over discharge at the terminals, of the same cycle index",
    NONE: "no efficiency",
}
"""The known pairings, and what each divides by what."""

_ROLES = {
    "graphite_half_cell": LITHIATION,
    "anode_half_cell": LITHIATION,
    "lithium_on_copper": PLATING,
    "lithium_symmetric": NONE,
}


PAIRING_MATTERS = 1e-5
"""Pairings whose efficiencies differ by less are not worth a word."""


class CycleTable(Table):
    """A table with one row a cycle, and how it came about.

    Attributes
    ----------
    provenance : Provenance
    """

    def __init__(self, columns: Mapping[str, npt.ArrayLike], provenance: Provenance) -> None:
        super().__init__(columns)
        self.provenance = provenance


class _Pair(NamedTuple):
    output: Floats
    input: Floats
    output_energy: Floats
    input_energy: Floats
    output_error: Floats
    input_error: Floats


def cycle_table(
    run: Run, *, pairing: str | None = None, reference: int | None = None
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
    recorded = is_recorded(run)
    sums = sums_from_steps(run, provenance) if recorded else sums_from_rows(run, provenance)
    _choose_pairing(run, sums, recorded, pairing, provenance)
    pair = _pair(sums, provenance.pairing)
    with np.errstate(divide="ignore", invalid="ignore"):
        efficiency = _ratio(pair.output, pair.input)
        # the larger side of the interval: (out + d) / (in - d) lies farther off than the other
        upper = _ratio(pair.output + pair.output_error, pair.input - pair.input_error)
        half_width = np.where(pair.output > 0.0, upper - efficiency, np.nan)
        resolution = efficiency * sums.resolution * (1.0 / pair.output + 1.0 / pair.input)
    imposed = sums.kind == "imposed cycle"
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
    _compare_pairings(sums, provenance)
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
            "energy_efficiency": _ratio(pair.output_energy, pair.input_energy),
            "capacity_retention": retained.values,
            "retention_reference_cycle": retained.reference,
            "charging_mean_voltage_volt": _ratio(sums.charge_energy, sums.charge),
            "discharging_mean_voltage_volt": _ratio(sums.discharge_energy, sums.discharge),
            "charging_start_voltage_volt": sums.charge_start,
            "charging_end_voltage_volt": sums.charge_end,
            "discharging_start_voltage_volt": sums.discharge_start,
            "discharging_end_voltage_volt": sums.discharge_end,
            "duration_second": sums.duration,
            "input_ah": pair.input,
            "output_ah": pair.output,
            "equivalent_full_cycles": _full_cycles(sums, run.cell, provenance),
        },
        provenance,
    )


def _ratio(above: Floats, below: Floats) -> Floats:
    out = np.full(above.shape, np.nan)
    np.divide(above, below, out=out, where=below > 0.0)
    return out


def _choose_pairing(
    run: Run, sums: CycleSums, recorded: bool, asked: str | None, provenance: Provenance
) -> None:
    complete = np.count_nonzero(sums.complete)
    backwards = np.count_nonzero(sums.discharge_first & sums.complete)
    if backwards:
        provenance.notes.append(
            f"in {backwards} of {complete} complete cycles the discharge comes before the charge: "
            "the cycle index advances after the charge"
        )
    if asked is not None:
        known = {name.replace(" ", "-"): name for name in PAIRINGS}
        name = known.get(asked.replace(" ", "-"))
        if name is None:
            raise UsageError(
                f"there is no pairing {asked!r}.", remedy=f"Known: {', '.join(PAIRINGS)}."
            )
        provenance.pairing, provenance.pairing_reason = name, "as asked for"
        return
    role = str(run.cell.get("role") or "")
    stated = run.cell.get("first_half_cycle")
    if role in _ROLES:
        provenance.pairing, provenance.pairing_reason = _ROLES[role], f"the cell is a {role}"
    elif recorded and stated in ("charge", "discharge"):
        provenance.pairing = SAME if stated == "charge" else PREVIOUS
        provenance.pairing_reason = f"the cell says that a cycle begins with its {stated}"
    else:
        mostly = 2 * backwards > complete
        provenance.pairing = PREVIOUS if mostly else SAME
        order = "discharge before charge" if mostly else "charge before discharge"
        provenance.pairing_reason = f"the order inside the cycle index is {order}"
        if not role:
            provenance.notes.append(
                "the cell is not known: for a half cell or lithium on copper choose the pairing "
                f"{LITHIATION!r} or {PLATING!r}"
            )


def _pair(sums: CycleSums, pairing: str) -> _Pair:
    if pairing == NONE:
        return _Pair(*(np.full(sums.charge.shape, np.nan) for _ in range(6)))
    if pairing == PREVIOUS:
        return _Pair(
            sums.window_discharge,
            sums.window_charge,
            sums.window_discharge_energy,
            sums.window_charge_energy,
            sums.discharge_error,
            sums.window_charge_error,
        )
    charge = (sums.charge, sums.charge_energy, sums.charge_error)
    discharge = (sums.discharge, sums.discharge_energy, sums.discharge_error)
    above, below = (charge, discharge) if pairing in (LITHIATION, PLATING) else (discharge, charge)
    # one half cycle without the other has no efficiency, whatever noise its counter shows
    given = [
        np.where(sums.both, item, np.nan)
        for pair in zip(above, below, strict=True)
        for item in pair
    ]
    return _Pair(*given)


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


def _compare_pairings(sums: CycleSums, provenance: Provenance) -> None:
    """Say what the other pairing of a full cell would have given: it may differ by 5e-4."""
    other = {SAME: PREVIOUS, PREVIOUS: SAME}.get(provenance.pairing)
    if other is None:
        return
    meant = sums.complete & (sums.kind != "imposed cycle")
    own, alternative = (
        _ratio(pair.output, pair.input)[meant]
        for pair in (_pair(sums, provenance.pairing), _pair(sums, other))
    )
    shared = np.isfinite(own) & np.isfinite(alternative)
    apart = np.abs(own - alternative)[shared]
    if apart.size and apart.max() >= PAIRING_MATTERS:
        provenance.notes.append(
            f"the pairing matters: the median CE is {np.median(own[shared]):.5f}, and "
            f"{np.median(alternative[shared]):.5f} with {other!r}; a single cycle differs by up to "
            f"{apart.max():.1e}"
        )


def _full_cycles(sums: CycleSums, cell: Mapping[str, Any], provenance: Provenance) -> Floats:
    """Return the charge through the cell by the end of each cycle, in turns of 2 x nominal."""
    nominal = cell.get("nominal_capacity_ah")
    if not isinstance(nominal, int | float) or not nominal > 0.0:
        provenance.notes.append("equivalent full cycles: the nominal capacity is not known")
        return np.full(sums.charge.shape, np.nan)
    return np.cumsum(sums.charge + sums.discharge) / (2.0 * float(nominal))
