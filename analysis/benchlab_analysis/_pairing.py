"""Which charge is divided by which: named pairings, chosen from the cell or the order of halves."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchlab.errors import UsageError
from benchlab.model.run import Run
from benchlab_analysis._sums import CycleSums, Provenance

__all__ = [
    "LITHIATION",
    "NONE",
    "PAIRINGS",
    "PLATING",
    "PREVIOUS",
    "SAME",
    "Pair",
    "choose_pairing",
    "compare_pairings",
    "paired",
    "ratio",
]

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


class Pair(NamedTuple):
    """What came out and what went in, arrays of shape (n,), in Ah and Wh; NaN where unpaired."""

    output: Floats
    input: Floats
    output_energy: Floats
    input_energy: Floats
    output_error: Floats
    input_error: Floats


def ratio(above: Floats, below: Floats) -> Floats:
    """Return above / below; NaN where nothing is below."""
    out = np.full(above.shape, np.nan)
    np.divide(above, below, out=out, where=below > 0.0)
    return out


def choose_pairing(
    run: Run, sums: CycleSums, recorded: bool, asked: str | None, provenance: Provenance
) -> None:
    """Put the pairing and its reason into the provenance.

    Raises
    ------
    benchlab.errors.UsageError
        For a pairing that is not known.
    """
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


def paired(sums: CycleSums, pairing: str) -> Pair:
    """Return what a pairing divides by what."""
    if pairing == NONE:
        return Pair(*(np.full(sums.charge.shape, np.nan) for _ in range(6)))
    if pairing == PREVIOUS:
        return Pair(
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
    return Pair(*given)


def compare_pairings(sums: CycleSums, provenance: Provenance) -> None:
    """Say what the other pairing of a full cell would have given: it may differ by 5e-4."""
    other = {SAME: PREVIOUS, PREVIOUS: SAME}.get(provenance.pairing)
    if other is None:
        return
    meant = sums.complete & (sums.kind != "imposed cycle")
    own, alternative = (
        ratio(pair.output, pair.input)[meant]
        for pair in (paired(sums, provenance.pairing), paired(sums, other))
    )
    shared = np.isfinite(own) & np.isfinite(alternative)
    apart = np.abs(own - alternative)[shared]
    if apart.size and apart.max() >= PAIRING_MATTERS:
        provenance.notes.append(
            f"the pairing matters: the median CE is {np.median(own[shared]):.5f}, and "
            f"{np.median(alternative[shared]):.5f} with {other!r}; a single cycle differs by up to "
            f"{apart.max():.1e}"
        )
