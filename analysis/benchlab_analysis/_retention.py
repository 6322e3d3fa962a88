"""Capacity retention: what each cycle refers to, and where there is nothing to refer to."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchlab.errors import UsageError
from benchlab_analysis._sums import CycleSums, Provenance

__all__ = ["Retention", "retention"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

SAME_RATE = 0.02
"""Set currents that differ by a smaller share are one rate."""

CURRENTS_APART = 0.10
"""Mean currents that differ by a larger share are hardly one rate."""


class Retention(NamedTuple):
    """Arrays of shape (n,).

    Attributes
    ----------
    values
        NaN where there is nothing to refer to.
    reference
        The cycle that each one refers to, 0 where there is none.
    """

    values: Floats
    reference: npt.NDArray[np.uint32]


def retention(
    sums: CycleSums,
    excluded: npt.NDArray[np.bool_],
    reference: int | None,
    provenance: Provenance,
    *,
    sign: int,
) -> Retention:
    """Return capacity over that of the first complete cycle of kind ``cycle`` at the same rate.

    The rate is the set current of the half cycle. Where it is not known, all cycles refer to one.
    Cycles that are not complete, and imposed ones, have no retention; nor has one at whose rate
    there is no complete cycle of kind ``cycle``.

    Parameters
    ----------
    sums : CycleSums
    excluded : ndarray of bool, shape (n,)
        Cycles that nothing may refer to.
    reference : int, optional
        The one cycle that all refer to, whatever their rate.
    provenance : Provenance
        Gets the references and the notes.
    sign : {+1, -1}
        Whose capacity counts: that of the charge, or of the discharge.

    Raises
    ------
    benchlab.errors.UsageError
        For a reference cycle that is not there.
    """
    useful = sums.charge if sign > 0 else sums.discharge
    rate = sums.charge_rate if sign > 0 else sums.discharge_rate
    meant = sums.complete & (sums.kind != "imposed cycle")
    if reference is None:
        wanted = meant & ~excluded & (sums.kind == "cycle") & (useful > 0.0)
        of_cycle = _by_rate(rate, np.flatnonzero(wanted))
    else:
        of_cycle = np.full(useful.size, _place(sums, reference), dtype=np.intp)
    of_cycle[~meant] = -1
    found = of_cycle >= 0
    used = np.unique(of_cycle[found])
    half = "charge" if sign > 0 else "discharge"
    if reference is not None:
        provenance.reference_cycle = reference
    elif used.size:
        provenance.reference_cycle = int(sums.cycle[used[0]])
    provenance.references = [
        f"{sums.cycle[place]} ({half} at {rate[place]:.4g} A)"
        if np.isfinite(rate[place])
        else str(sums.cycle[place])
        for place in used.tolist()
    ]
    _say_rates(sums, rate, meant, of_cycle, provenance, half, asked=reference is not None)
    if not np.isfinite(rate[meant]).any():
        _compare_currents(sums, meant & (sums.kind == "cycle"), provenance, sign)
    values = np.full(useful.size, np.nan)
    below = np.where(found, useful[of_cycle], 0.0) if useful.size else useful
    np.divide(useful, below, out=values, where=below > 0.0)
    referred = np.zeros(useful.size, dtype=np.uint32)
    referred[found] = sums.cycle[of_cycle[found]]
    return Retention(values, referred)


def _place(sums: CycleSums, reference: int) -> int:
    at = np.flatnonzero(sums.cycle == reference)
    if not at.size:
        raise UsageError(
            f"there is no cycle {reference} to refer the retention to.",
            remedy=f"Choose one from {sums.cycle[0]} to {sums.cycle[-1]}."
            if sums.cycle.size
            else "The run has no cycles.",
        )
    return int(at[0])


def _by_rate(rate: Floats, candidates: Ints) -> Ints:
    """Return for each cycle the first candidate at its rate, -1 where there is none.

    An unknown rate is one of its own.
    """
    out = np.full(rate.size, -1, dtype=np.intp)
    left = candidates
    while left.size:
        first = left[0]
        same = _same_rate(rate, float(rate[first]))
        out[same & (out < 0)] = first
        left = left[~same[left]]
    return out


def _same_rate(rate: Floats, other: float) -> npt.NDArray[np.bool_]:
    if np.isnan(other):
        return np.isnan(rate)
    near: npt.NDArray[np.bool_] = np.abs(rate - other) <= SAME_RATE * other
    return near


def _say_rates(
    sums: CycleSums,
    rate: Floats,
    meant: npt.NDArray[np.bool_],
    of_cycle: Ints,
    provenance: Provenance,
    half: str,
    *,
    asked: bool,
) -> None:
    if asked:
        other = meant & ~_same_rate(rate, float(rate[of_cycle[meant][0]])) if meant.any() else meant
        if other.any():
            provenance.notes.append(
                f"retention refers to cycle {provenance.reference_cycle} as asked for, though "
                f"{np.count_nonzero(other)} complete cycles have another {half} rate: their loss "
                "is not fade alone"
            )
        return
    alone = meant & (of_cycle < 0)
    if alone.any() and provenance.reference_cycle is not None:
        provenance.notes.append(
            f"{np.count_nonzero(alone)} complete cycles (first: cycle {sums.cycle[alone][0]}) have "
            f"no retention: no complete cycle of kind cycle has their {half} rate"
        )


def _compare_currents(
    sums: CycleSums, chosen: npt.NDArray[np.bool_], provenance: Provenance, sign: int
) -> None:
    """Say that cycles of unknown rate ran at currents that can hardly be one rate."""
    current = (sums.charge_current if sign > 0 else sums.discharge_current)[chosen]
    current = current[current > 0.0]
    if current.size and current.max() > (1.0 + CURRENTS_APART) * current.min():
        half = "charge" if sign > 0 else "discharge"
        provenance.notes.append(
            f"THE RATE IS NOT KNOWN, and the mean {half} currents go from {current.min():.3g} to "
            f"{current.max():.3g} A: retention refers to cycle {provenance.reference_cycle} at "
            "whatever rate, so it is not fade alone"
        )
