"""Lithium on copper: coulombic efficiency by reservoir (modified Aurbach) and by cycle.

A plating is a discharge, a stripping a charge (copper is the positive terminal). A stripping is
full where its voltage went to the end; what is still on the copper then is dead.

- Modified Aurbach: a reservoir Q_T is plated, n times Q_C is stripped and plated again, and
  everything left, Q_S, is stripped. CE = (sum of strips + Q_S) / (sum of plates + Q_T), each as
  measured, which is (n Q_C + Q_S) / (n Q_C + Q_T).
- A full strip that gives less than Q_C says that the reservoir was exhausted before its n cycles.
  Then the formula does not hold (what was lost is more than Q_T in an unknown cycle), and no CE is
  given by it; the classical one, 1 - Q_T / (N Q_C), stands beside it as an estimate.
- Conventional: full strip over the plate before it, and the ratio of their sums.

The small cycles inside a reservoir are imposed: their own efficiency is 1 by construction.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from benchlab.model.run import Run
from benchlab_analysis._analysis import (
    Curve,
    FigurePlan,
    Panel,
    Result,
    ResultColumn,
    ResultTable,
    option,
)
from benchlab_analysis._phases import Phase, large, phases

__all__ = ["HELP", "NAME", "TAKES", "Options", "Reservoir", "analyse", "find_reservoirs"]

NAME = "Lithium metal: plating and stripping"
HELP = "Li|Cu efficiency by modified Aurbach and by cycle; an exhausted reservoir is flagged"
TAKES = "test"


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    stripped: float | None = option(
        None, "a strip that ends above is full; half of the highest end if left out", unit="V"
    )


@dataclass
class Reservoir:
    """A plate, the strips and plates on top of it, and the full strip that ended it.

    Attributes
    ----------
    final : Phase or None
        None where the run ended before.
    """

    plate: Phase
    strips: list[Phase] = field(default_factory=list)
    plates: list[Phase] = field(default_factory=list)
    final: Phase | None = None

    @property
    def cycles(self) -> int:
        """How many small strips were whole."""
        return len(self.strips)

    @property
    def exhausted(self) -> bool:
        """Whether the full strip came where a small one was meant."""
        if self.final is None or not self.strips:
            return False
        usual = float(np.median([phase.charge for phase in self.strips]))
        return len(self.plates) == len(self.strips) and self.final.charge < usual

    @property
    def efficiency(self) -> float:
        """The ratio of the sums; NaN without a final strip."""
        if self.final is None:
            return np.nan
        return (sum(p.charge for p in self.strips) + self.final.charge) / self._plated

    @property
    def half_width(self) -> float:
        """Worst case of the stated accuracy, both directions independent; NaN: not stated."""
        if self.final is None:
            return np.nan
        out = sum(p.charge_half_width for p in self.strips) + self.final.charge_half_width
        into = sum(p.charge_half_width for p in self.plates) + self.plate.charge_half_width
        return (out + self.efficiency * into) / self._plated

    @property
    def _plated(self) -> float:
        return self.plate.charge + sum(p.charge for p in self.plates)


def find_reservoirs(found: list[Phase], stripped_volt: float | None = None) -> list[Reservoir]:
    """Return platings with what followed until the next full strip, in order.

    Parameters
    ----------
    found : list of Phase
    stripped_volt : float, optional
        A strip that ends above is full.
    """
    driven = _joined(large(found))
    ends = [phase.end_voltage for phase in driven if phase.sign > 0]
    ends = [volts for volts in ends if np.isfinite(volts)]
    limit = stripped_volt if stripped_volt is not None else 0.5 * max(ends, default=np.nan)
    out: list[Reservoir] = []
    now: Reservoir | None = None
    for phase in driven:
        if phase.sign < 0:
            if now is None:
                now = Reservoir(phase)
                out.append(now)
            else:
                now.plates.append(phase)
        elif now is not None:
            if phase.end_voltage >= limit:
                now.final, now = phase, None
            else:
                now.strips.append(phase)
    return out


def _joined(driven: list[Phase]) -> list[Phase]:
    """Join neighbours of one direction: a plate in two steps is one plate."""
    out: list[Phase] = []
    for phase in driven:
        if out and out[-1].sign == phase.sign:
            before = out[-1]
            out[-1] = phase._replace(
                first=before.first, start=before.start, charge=before.charge + phase.charge,
                energy=before.energy + phase.energy,
            )  # fmt: skip
        else:
            out.append(phase)
    return out


def analyse(run: Run, options: Options) -> Result:
    """Return one row a reservoir, and one a conventional cycle.

    References
    ----------
    Adams et al., Adv. Energy Mater. 8 (2018) 1702097: the modified reservoir method.
    """
    result = Result()
    role = str(run.cell.get("role") or "")
    if role and role != "lithium_on_copper":
        result.warnings.append(
            f"the cell is a {role}, not lithium on copper: plating is taken to be the discharge"
        )
    found = find_reservoirs(phases(run), options.stripped)
    whole = [item for item in found if item.final is not None]
    if not whole:
        result.warnings.append(
            "no plating followed by a full strip: there is no efficiency (an efficiency needs the "
            "voltage to rise to its end)"
        )
        return result
    if len(whole) < len(found):
        result.warnings.append("the last plating was not stripped in full, and is left out")
    if not np.isfinite([item.half_width for item in whole]).all():
        result.warnings.append("no accuracy of the current is stated: there is no interval")
    result.assumptions.append(
        "strip over plate, as measured; a strip is full where its voltage went to the end"
    )
    _reservoirs(run, [item for item in whole if item.strips], result)
    _cycles([item for item in whole if not item.strips], result)
    return result


def _reservoirs(run: Run, found: list[Reservoir], result: Result) -> None:
    if not found:
        return
    area = run.cell.get("area_square_centimetre")
    rows = []
    for number, item in enumerate(found, start=1):
        imposed = float(np.median([phase.charge for phase in item.strips]))
        total = sum(phase.charge for phase in item.plates)
        classical = 1.0 - item.plate.charge / total if item.exhausted and total else np.nan
        value = np.nan if item.exhausted else item.efficiency
        width = item.half_width
        rows.append((number, item, imposed, value, width, classical))
        said = f" +- {width:.1e}" if np.isfinite(width) else ""
        if item.exhausted:
            result.warnings.append(
                f"reservoir {number} was exhausted in its small cycle {item.cycles + 1}: the "
                "formula of the modified Aurbach method does not hold and no CE is given by it"
            )
            result.sentences.append(
                f"reservoir {number}: EXHAUSTED after {item.cycles} whole small cycles; the "
                f"classical estimate is CE {classical:.3f}, from {1e3 * item.plate.charge:.4g} mAh "
                "of reservoir"
            )
        else:
            result.sentences.append(
                f"reservoir {number}: CE {value:.5f}{said} by modified Aurbach, {item.cycles} "
                f"cycles of {1e3 * imposed:.4g} mAh on {1e3 * item.plate.charge:.4g} mAh"
            )
    result.tables.append(
        ResultTable(
            "reservoirs",
            [
                ResultColumn("reservoir", [row[0] for row in rows], "1", "in order"),
                ResultColumn("reservoir_ah", [r[1].plate.charge for r in rows], "Ah", "Q_T"),
                ResultColumn("small_cycles", [r[1].cycles for r in rows], "1", "n, whole ones"),
                ResultColumn("small_ah", [r[2] for r in rows], "Ah", "Q_C, median strip"),
                ResultColumn(
                    "final_strip_ah", [r[1].final.charge if r[1].final else np.nan for r in rows],
                    "Ah", "Q_S",
                ),
                ResultColumn(
                    "coulombic_efficiency", [r[3] for r in rows], "1",
                    "(n Q_C + Q_S) / (n Q_C + Q_T); NaN where exhausted",
                ),
                ResultColumn(
                    "coulombic_efficiency_half_width", [r[4] for r in rows], "1",
                    "worst case of the stated accuracy",
                ),
                ResultColumn("exhausted", [r[1].exhausted for r in rows], "1", "reservoir empty"),
                ResultColumn(
                    "classical_estimate", [r[5] for r in rows], "1",
                    "1 - Q_T / (N Q_C), of an exhausted one",
                ),
                ResultColumn(
                    "reservoir_mah_per_square_centimetre",
                    [1e3 * r[1].plate.charge / area if area else np.nan for r in rows],
                    "mAh/cm2", "Q_T over the area",
                ),
            ],
        )
    )  # fmt: skip
    inner = sum(item.cycles for item in found)
    result.assumptions.append(
        f"{inner} small cycles are imposed: their own efficiency is 1 by construction, not shown"
    )


def _cycles(found: list[Reservoir], result: Result) -> None:
    if not found:
        return
    plate = np.array([item.plate.charge for item in found])
    strip = np.array([item.final.charge if item.final else np.nan for item in found])
    width = np.array([item.half_width for item in found])
    ratio = strip / plate
    result.tables.append(
        ResultTable(
            "conventional cycles",
            [
                ResultColumn("cycle", np.arange(1, len(found) + 1), "1", "full strips in order"),
                ResultColumn("plated_ah", plate, "Ah", "before the strip"),
                ResultColumn("stripped_ah", strip, "Ah", "until the voltage's end"),
                ResultColumn("coulombic_efficiency", ratio, "1", "stripped over plated"),
                ResultColumn(
                    "coulombic_efficiency_half_width", width, "1", "worst case of the accuracy"
                ),
            ],
        )
    )
    said = f" +- {width.mean():.1e}" if np.isfinite(width).all() else ""
    result.sentences.append(
        f"conventional: CE {strip.sum() / plate.sum():.5f}{said} as the ratio of sums over "
        f"{len(found)} full strips; the first ones condition the copper"
    )
    x = np.arange(1, len(found) + 1)
    line = Curve("", x, ratio, ratio - width, ratio + width, "points")
    panel = Panel("Full Strip / 1", "Coulombic Efficiency / 1", [line], "stripped over plated")
    result.figures.append(FigurePlan("strips", NAME, [panel]))
