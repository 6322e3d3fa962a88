"""Delta Q(V): how the discharge curve changed between two cycles, and its features.

Q(V) is the charge that came out while the voltage was above V, on 1000 levels; so it is one number
a level even where the voltage turns back. The features are those of Severson et al. (Nature Energy
4 (2019) 383), there between cycles 10 and 100: log10 of the magnitude of minimum, mean, variance,
skewness and kurtosis (not the excess) of Delta Q, and its value at the lowest voltage. They were
fitted to one chemistry at one protocol; a model trained there does not carry over.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
from benchlab_analysis._curves import HalfCurve, charge_below
from benchlab_analysis.incremental_capacity import chosen_curves

__all__ = ["HELP", "NAME", "TAKES", "Options", "analyse", "charge_above", "features"]

NAME = "Delta Q(V)"
HELP = "change of the discharge curve between two cycles, with its features"
TAKES = "test"

Floats = npt.NDArray[np.float64]

SAME_CURRENT = 0.05


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    early: int = option(10, "the earlier cycle", unit="cycle")
    late: int = option(100, "the later cycle", unit="cycle")
    points: int = option(1000, "levels of voltage", unit="1")


def charge_above(curve: HalfCurve, level: Floats) -> Floats:
    """Return the charge that moved above each level of voltage, in Ah.

    Parameters
    ----------
    level : ndarray, shape (m,)
        Rising.
    """
    return float(curve.pieces.sum()) - charge_below(curve.voltage, curve.pieces, level)


def features(change: Floats) -> dict[str, float]:
    """Return the features of Delta Q by name; the levels go from high to low voltage.

    Parameters
    ----------
    change : ndarray, shape (m,)
        Ah, late minus early.
    """
    mean = float(change.mean())
    away = change - mean
    variance = float((away**2).mean())
    scale = variance**0.5
    with np.errstate(divide="ignore", invalid="ignore"):
        skew = float((away**3).mean()) / scale**3 if scale > 0.0 else np.nan
        kurtosis = float((away**4).mean()) / scale**4 if scale > 0.0 else np.nan
        logs = {
            "minimum": float(change.min()), "mean": mean, "variance": variance,
            "skewness": skew, "kurtosis": kurtosis,
        }  # fmt: skip
        found = {f"log10_{name}": float(np.log10(abs(value))) for name, value in logs.items()}
    return {**found, "at_lowest_voltage_ah": float(change[-1])}


def analyse(run: Run, options: Options) -> Result:
    """Return Delta Q on the levels that both cycles reached, and its features."""
    result = Result()
    wanted = f"{options.early} {options.late}"
    curves = chosen_curves(run, direction="discharge", cycles=wanted, result=result)
    by_cycle = {curve.cycle: curve for curve in curves}
    if options.early not in by_cycle or options.late not in by_cycle:
        result.warnings.append(
            f"Delta Q needs a discharge in cycle {options.early} and in cycle {options.late}; "
            "choose others with --early and --late"
        )
        return result
    early, late = by_cycle[options.early], by_cycle[options.late]
    if abs(late.current - early.current) > SAME_CURRENT * abs(early.current):
        result.warnings.append(
            f"the currents differ ({early.current:.4g} and {late.current:.4g} A): Delta Q holds "
            "the rate too, not ageing alone"
        )
    low = max(float(early.voltage.min()), float(late.voltage.min()))
    high = max(float(early.voltage.max()), float(late.voltage.max()))
    level = np.linspace(low, high, max(options.points, 10))
    change = (charge_above(late, level) - charge_above(early, level))[::-1]
    found = features(change)
    result.assumptions += [
        f"Q(V) above each of {level.size} levels from {high:.4g} to {low:.4g} V, constant current",
        f"Delta Q = Q of cycle {options.late} - Q of cycle {options.early}",
    ]
    result.tables += [
        ResultTable(
            "features",
            [
                ResultColumn("feature", np.array(list(found), object), "", "see the definition"),
                ResultColumn("value", list(found.values()), "1", "of Delta Q in Ah"),
            ],
        ),
        ResultTable(
            "delta Q",
            [
                ResultColumn("voltage_volt", level[::-1], "V", "level"),
                ResultColumn("delta_charge_ah", change, "Ah", "late minus early"),
            ],
        ),
    ]
    result.sentences.append(
        f"Delta Q of cycle {options.late} to {options.early}: log10 variance "
        f"{found['log10_variance']:.4g}, log10 |minimum| {found['log10_minimum']:.4g}, "
        f"{1e3 * found['at_lowest_voltage_ah']:.4g} mAh at {low:.4g} V"
    )
    line = Curve("", level[::-1], change)
    panel = Panel("Voltage / V", "Delta Q / Ah", [line], f"{level.size} levels, not smoothed")
    result.figures.append(FigurePlan("delta Q", NAME, [panel]))
    return result
