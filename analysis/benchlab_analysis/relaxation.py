"""Relaxation of the voltage in a rest: where it goes, how fast, and how sure that is.

V(t) = V_inf + sum of a_k exp(-t / tau_k), one to three terms, the number by the corrected Akaike
criterion (Hurvich and Tsai, Biometrika 76 (1989) 297). V_inf beyond the last reading is an
extrapolation: its interval holds the fit's own, the difference to the model with one term less, and
2.5 times what the second half of the rest changed, as diffusion into a deep body would go on
(t**-0.5). A process slower than the rest is invisible, whatever the fit says.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.stats import t as student

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
from benchlab_analysis._phases import phases
from benchlab_analysis.self_discharge import Rest, long_rests

__all__ = ["HELP", "NAME", "TAKES", "Options", "Relaxation", "analyse", "fit_relaxation"]

NAME = "Relaxation"
HELP = "voltage after current: where it goes, its time constants, and how sure that is"
TAKES = "test"

Floats = npt.NDArray[np.float64]

FEWEST = 8
BEYOND = 2.5
"""What t**-0.5 has left after a rest, over what it changed in the second half of it (2.41)."""
MOST_ROWS = 400
SHOWN = 6


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    shortest_rest: float = option(600.0, "a shorter rest is left out", unit="s")
    longest_rest: float = option(1e6, "of longer ones only so much is used", unit="s")
    terms: int = option(3, "at most so many exponentials", unit="1")
    confidence: float = option(0.95, "of the part of the interval that comes from the fit")


class Relaxation(NamedTuple):
    """A fit: volts, seconds; `half_width` is that of `final`."""

    final: float
    half_width: float
    amplitudes: Floats
    times: Floats
    residual: float


def fit_relaxation(
    second: npt.ArrayLike, voltage: npt.ArrayLike, *, terms: int = 3, confidence: float = 0.95
) -> Relaxation | None:
    """Fit a relaxation; None for fewer than 8 readings.

    Parameters
    ----------
    second, voltage : array_like, shape (n,)
        Since the current was switched off; finite.
    """
    time, volts = np.asarray(second, dtype=np.float64), np.asarray(voltage, dtype=np.float64)
    if time.size < FEWEST or time[-1] <= max(time[0], 0.0):
        return None
    chosen = np.unique(np.linspace(0, time.size - 1, MOST_ROWS).astype(int))
    time, volts = time[chosen], volts[chosen]
    fits: list[tuple[float, Relaxation]] = []
    for count in range(1, terms + 1):
        if time.size < 2 * count + 4:
            break
        fits.append(_fit(time, volts, count, confidence))
    best = min(range(len(fits)), key=lambda place: fits[place][0])
    found = fits[best][1]
    middle = np.interp((time[0] + time[-1]) / 2.0, time, volts)
    doubt = found.half_width + BEYOND * abs(float(volts[-1] - middle))
    if best:
        doubt += abs(found.final - fits[best - 1][1].final)
    return found._replace(half_width=float(doubt))


def _fit(time: Floats, volts: Floats, count: int, confidence: float) -> tuple[float, Relaxation]:
    shortest = max(float(np.diff(time).min()), float(time[-1]) * 1e-5, 1e-3)
    longest = float(time[-1])
    start = np.log(np.geomspace(max(10.0 * shortest, 0.01 * longest), 0.5 * longest, count))

    def parts(logs: Floats) -> tuple[Floats, Floats]:
        # amplitudes and V_inf are linear: solved, not searched
        basis = np.column_stack([np.ones_like(time), *(np.exp(-time / np.exp(x)) for x in logs)])
        solved = np.linalg.lstsq(basis, volts, rcond=None)[0]
        return basis, solved

    def off(logs: Floats) -> Floats:
        basis, solved = parts(logs)
        residual: Floats = basis @ solved - volts
        return residual

    low, high = np.log(shortest), np.log(3.0 * longest)
    found = least_squares(off, start, bounds=(low, high))
    basis, solved = parts(found.x)
    residual = basis @ solved - volts
    number, unknown = time.size, 2 * count + 1
    square = float(residual @ residual)
    taus = np.exp(found.x)
    jacobian = np.column_stack(
        [basis, *(solved[k + 1] * basis[:, k + 1] * time / taus[k] for k in range(count))]
    )
    variance = square / (number - unknown)
    spread = float(np.linalg.pinv(jacobian.T @ jacobian)[0, 0]) * variance
    reach = float(student.ppf(0.5 + confidence / 2.0, number - unknown)) * np.sqrt(max(spread, 0.0))
    criterion = number * np.log(max(square / number, 1e-18)) + 2.0 * unknown * number / (
        number - unknown - 1
    )
    order = np.argsort(taus)
    return criterion, Relaxation(
        float(solved[0]), reach, solved[1:][order], taus[order], float(np.sqrt(square / number))
    )


def analyse(run: Run, options: Options) -> Result:
    """Return one row a rest after current whose voltage was seen."""
    result = Result()
    rests = [
        rest for rest in long_rests(run, phases(run), options.shortest_rest)
        if rest.before is not None
    ]  # fmt: skip
    rows: list[dict[str, float]] = []
    curves: list[Curve] = []
    unseen = 0
    for rest in rests:
        used = rest.second <= options.longest_rest
        found = fit_relaxation(
            rest.second[used], rest.voltage[used], terms=options.terms,
            confidence=options.confidence,
        )  # fmt: skip
        if found is None:
            unseen += 1
            continue
        rows.append(_row(rest, used, found))
        if len(curves) < SHOWN:
            label = f"after step {rest.before.number}" if rest.before else ""
            moved = 1e3 * (rest.voltage[used] - found.final)
            curves.append(Curve(label, np.maximum(rest.second[used], 1e-2), moved, style="points"))
    if unseen:
        result.warnings.append(
            f"in {unseen} of {len(rests)} rests the voltage was read fewer than {FEWEST} times: an "
            "instrument that opens its output may not see the cell"
        )
    if not rows:
        result.warnings.append("no relaxation can be fitted")
        return result
    result.assumptions.append(
        f"sum of up to {options.terms} exponentials, their number by AICc; the interval of V_inf "
        "holds the fit, one term less, and 2.5 times the change in the second half of the rest"
    )
    result.tables.append(
        ResultTable(
            "relaxations",
            [
                ResultColumn(name, [row[name] for row in rows], unit, meaning)
                for name, (unit, meaning) in _MEANINGS.items()
            ],
        )
    )
    for row in rows[:SHOWN]:
        result.sentences.append(
            f"after step {row['step_count']:.0f}: {row['end_voltage_volt']:.5g} V after "
            f"{row['rest_second'] / 3600.0:.3g} h, going to {row['final_voltage_volt']:.5g} +- "
            f"{row['final_half_width_volt']:.2g} V"
        )
    note = "exponentials fitted; all readings shown"
    panel = Panel("Rest Time / s", "Voltage - V_inf / mV", curves, note, log_x=True)
    result.figures.append(FigurePlan("relaxation", NAME, [panel]))
    return result


def _row(rest: Rest, used: npt.NDArray[np.bool_], found: Relaxation) -> dict[str, float]:
    time, volts = rest.second[used], rest.voltage[used]
    late = time >= time[-1] - max(0.1 * (time[-1] - time[0]), 60.0)
    slope = np.polyfit(time[late], volts[late], 1)[0] if np.ptp(time[late]) > 0.0 else np.nan
    taus = np.full(3, np.nan)
    taus[: min(3, found.times.size)] = found.times[:3]
    return {
        "step_count": rest.before.number if rest.before else 0,
        "current_before_ampere": rest.before.current if rest.before else np.nan,
        "rest_second": float(time[-1]),
        "start_voltage_volt": float(volts[0]),
        "end_voltage_volt": float(volts[-1]),
        "end_slope_millivolt_per_hour": 3.6e6 * float(slope),
        "final_voltage_volt": found.final,
        "final_half_width_volt": found.half_width,
        "tau_1_second": taus[0],
        "tau_2_second": taus[1],
        "tau_3_second": taus[2],
        "residual_millivolt": 1e3 * found.residual,
    }


_MEANINGS = {
    "step_count": ("1", "the step before the rest"),
    "current_before_ampere": ("A", "mean current of that step"),
    "rest_second": ("s", "until the last reading used"),
    "start_voltage_volt": ("V", "first reading"),
    "end_voltage_volt": ("V", "last reading"),
    "end_slope_millivolt_per_hour": ("mV/h", "over the last tenth"),
    "final_voltage_volt": ("V", "V_inf, extrapolated"),
    "final_half_width_volt": ("V", "half of its interval"),
    "tau_1_second": ("s", "fastest"),
    "tau_2_second": ("s", "next; NaN: not there"),
    "tau_3_second": ("s", "next; NaN: not there"),
    "residual_millivolt": ("mV", "root mean square"),
}
