"""Incremental capacity dQ/dV against voltage, or differential voltage dV/dQ against charge.

dQ/dV counts the charge that moved at each level of the voltage. So it is right where the voltage
turns back (noise, a dip, a plateau), where a quotient of differences is infinite or negative, and
its integral over the voltage is the charge. dV/dQ is the slope of V(Q), whose charge only rises.
Smoothing moves and flattens peaks: which one, and how wide, stands on the figure.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from benchlab.errors import UsageError
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
from benchlab_analysis._curves import (
    SMOOTHERS,
    HalfCurve,
    density,
    half_curves,
    slope_over_charge,
    voltage_grid,
)
from benchlab_analysis._phases import phases

__all__ = ["HELP", "NAME", "TAKES", "Options", "analyse", "chosen_curves", "smoothing_said"]

NAME = "dQ/dV and dV/dQ"
HELP = "incremental capacity against voltage, or differential voltage against charge"
TAKES = "test"

LEAST_SHARE = 0.9


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    quantity: str = option("dQ/dV", "what is drawn", choices=("dQ/dV", "dV/dQ"))
    cycles: str = option("", "cycle numbers with blanks between; up to six, spread, if left out")
    direction: str = option("both", "of the current", choices=("charge", "discharge", "both"))
    smoother: str = option("gaussian", "how noise is smoothed", choices=SMOOTHERS)
    window: float = option(10.0, "width of the smoothing of dQ/dV", unit="mV")
    step: float = option(2.0, "step of voltage", unit="mV")
    window_charge: float = option(2.0, "width of the smoothing of dV/dQ", unit="%")
    resistance: float = option(0.0, "its drop is taken off the voltage", unit="ohm")


def smoothing_said(smoother: str, window: float, unit: str) -> str:
    """Return a smoothing in words, as it stands on figures."""
    width = {
        "gaussian": f"{window:g} {unit} wide at half height",
        "savitzky-golay": f"third order over {window:g} {unit}",
        "spline": "strength by generalised cross validation",
        "none": "nothing smoothed",
    }
    return f"smoothed: {smoother}, {width[smoother]}"


def chosen_curves(
    run: Run, *, direction: str, cycles: str, result: Result, resistance: float = 0.0
) -> list[HalfCurve]:
    """Return the half cycles asked for, without the drop over a resistance; say what is left out.

    Raises
    ------
    benchlab.errors.UsageError
        For cycle numbers that are none.
    """
    try:
        wanted = {int(word) for word in cycles.replace(",", " ").split()}
    except ValueError as error:
        raise UsageError(
            f"{cycles!r} are no cycle numbers.", remedy="Write them with blanks between: 1 50 100."
        ) from error
    found = phases(run)
    signs = {"charge": (1,), "discharge": (-1,), "both": (1, -1)}[direction]
    curves = [curve for sign in signs for curve in half_curves(run, found, sign)]
    if wanted:
        curves = [curve for curve in curves if curve.cycle in wanted]
        missing = wanted - {curve.cycle for curve in curves}
        if missing:
            result.warnings.append(
                f"there is no half cycle in cycle {', '.join(map(str, sorted(missing)))}"
            )
    if not curves:
        result.warnings.append(
            "no half cycle was found whose voltage and charge are known: nothing to differentiate"
        )
        return []
    partly = [curve for curve in curves if curve.share < LEAST_SHARE]
    if partly:
        result.warnings.append(
            f"in {len(partly)} of {len(curves)} half cycles more than 10 % of the charge moved at "
            "constant voltage or at changing current, and is left out "
            f"(first: step {partly[0].number}, {100.0 * (1.0 - partly[0].share):.0f} %)"
        )
    turned = [curve for curve in curves if _turns(curve)]
    if turned:
        result.warnings.append(
            f"in {len(turned)} of {len(curves)} half cycles the voltage turns back by more than "
            "1 mV: what moved at one level is added up"
        )
    if resistance:
        result.corrections.append(f"{resistance:g} ohm times the current is taken off the voltage")
        curves = [
            curve._replace(voltage=curve.voltage - resistance * curve.current) for curve in curves
        ]
    else:
        result.assumptions.append(
            "voltages are those under current: a peak lies off its equilibrium by current times "
            "resistance"
        )
    return curves


def _turns(curve: HalfCurve) -> bool:
    ahead = np.maximum.accumulate(curve.sign * curve.voltage)
    return bool((ahead - curve.sign * curve.voltage > 1e-3).any())


def analyse(run: Run, options: Options) -> Result:
    """Return dQ/dV on one grid of voltage, or dV/dQ on the charge of each half cycle."""
    result = Result()
    if options.step <= 0.0 or options.window < 0.0:
        raise UsageError("the step must be above 0 mV, the window not below 0.", remedy="")
    curves = chosen_curves(
        run, direction=options.direction, cycles=options.cycles, result=result,
        resistance=options.resistance,
    )  # fmt: skip
    if not options.cycles.strip():
        curves = _spread(curves)
    if not curves:
        return result
    by_voltage = options.quantity == "dQ/dV"
    said = (
        smoothing_said(options.smoother, options.window, "mV")
        if by_voltage
        else smoothing_said(options.smoother, options.window_charge, "% of the charge")
    )
    result.assumptions.append(said)
    lines, tables, worst = [], [], 0.0
    edges = voltage_grid(curves, options.step / 1e3)
    for curve in curves:
        way = "charge" if curve.sign > 0 else "discharge"
        name = f"cycle {curve.cycle} {way}, step {curve.number}"
        if by_voltage:
            x = (edges[1:] + edges[:-1]) / 2.0
            y = density(curve, edges, options.smoother, options.window / 1e3)
            worst = max(worst, abs(float(y.sum()) * options.step / 1e3 / curve.pieces.sum() - 1.0))
            columns = [
                ResultColumn("voltage_volt", x, "V", "middle of the step"),
                ResultColumn("charge_per_volt_ah", y, "Ah/V", "dQ/dV, a magnitude"),
            ]
        else:
            x, y = slope_over_charge(curve, 500, options.smoother, options.window_charge / 100.0)
            columns = [
                ResultColumn("charge_ah", x, "Ah", "since the start of the half cycle"),
                ResultColumn("volt_per_ah", y, "V/Ah", "dV/dQ"),
            ]
        tables.append(ResultTable(name, columns))
        lines.append(Curve(name, x, curve.sign * y if by_voltage else y))
    result.tables += tables
    if by_voltage:
        result.sentences.append(
            f"dQ/dV of {len(curves)} half cycles; its integral is the charge within {worst:.1e}"
        )
        panel = Panel("Voltage / V", "dQ/dV / Ah/V (discharge below 0)", lines, said)
    else:
        result.sentences.append(f"dV/dQ of {len(curves)} half cycles")
        panel = Panel("Charge / Ah", "dV/dQ / V/Ah", lines, said)
    result.figures.append(FigurePlan("derivative", options.quantity, [panel]))
    return result


def _spread(curves: list[HalfCurve]) -> list[HalfCurve]:
    """Return at most three half cycles of each direction: first, middle, last."""
    out = []
    for sign in (1, -1):
        own = [curve for curve in curves if curve.sign == sign]
        if own:
            places = np.unique(np.linspace(0, len(own) - 1, 3).astype(int))
            out += [own[place] for place in places.tolist()]
    return out
