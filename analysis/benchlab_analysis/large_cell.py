"""Large cells: a map of pulse resistance over temperature, charge and current, and their heat.

Heat, without a calorimeter. Over a cycle that ends as warm and as full as it began, the energy that
did not come back was given to the surroundings:

    E in - E out = hA integral of (T surface - T ambient) dt

so hA follows from energies and temperatures alone; entropic heat cancels over the cycle. A rest in
which the cell cools gives the time constant tau, and hA tau is the heat capacity as the surface
shows it. A core that lags makes tau longer: so it is an upper bound, up to 15 % high for a 4680.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.stats import t as student

from benchlab.model.run import Run
from benchlab_analysis import dcir
from benchlab_analysis._analysis import (
    Curve,
    FigurePlan,
    Panel,
    Result,
    ResultColumn,
    ResultTable,
    option,
)
from benchlab_analysis._phases import Phase, chamber_setting, phases

__all__ = ["HELP", "NAME", "TAKES", "Cooling", "Options", "analyse", "fit_cooling"]

NAME = "Large cell: resistance map and heat"
HELP = "DCIR over temperature, charge and current; heat, hA and heat capacity from cycles"
TAKES = "test"

Floats = npt.NDArray[np.float64]
TEMPERATURE = "surface_temperature_celsius"
WARM_KELVIN = 3.0
BACK_KELVIN = 1.5
"""A cycle that ends this near to its first temperature is closed."""


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    at: float = option(10.0, "time of the resistance after the edge", unit="s")
    ambient: float | None = option(
        None, "of the air; recorded, or what the chamber was set to, if left out", unit="degC"
    )
    ambient_accuracy: float = option(0.3, "of the difference surface - air", unit="K")
    capacity: float | None = option(
        None, "100 % of charge; measured in the run if left out", unit="Ah"
    )


class Cooling(NamedTuple):
    """The time constant of a rest in seconds, its half-width, and the air it goes to."""

    tau: float
    half_width: float
    ambient: float


def fit_cooling(second: Floats, celsius: Floats, *, confidence: float = 0.95) -> Cooling | None:
    """Fit T(t) = T air + a exp(-t / tau) to the later part of a rest; None where it says nothing.

    The first sixth of the rest is left out: there the core still feeds the surface.
    """
    late = second >= second[0] + (second[-1] - second[0]) / 6.0
    time, warm = second[late] - second[0], celsius[late]
    if time.size < 8 or np.ptp(warm) < 1.0:
        return None

    def off(x: Floats) -> Floats:
        residual: Floats = x[0] + x[1] * np.exp(-time / np.exp(x[2])) - warm
        return residual

    start = np.array([warm[-1] - 0.2, np.ptp(warm), np.log(np.ptp(time) / 2.0)])
    found = least_squares(off, start)
    residual = off(found.x)
    free = time.size - 3
    spread = np.linalg.pinv(found.jac.T @ found.jac)[2, 2] * float(residual @ residual) / free
    tau = float(np.exp(found.x[2]))
    reach = (
        tau * float(student.ppf(0.5 + confidence / 2.0, free)) * float(np.sqrt(max(spread, 0.0)))
    )
    if tau > 5.0 * np.ptp(time):
        return None
    return Cooling(tau, reach, float(found.x[0]))


def analyse(run: Run, options: Options) -> Result:
    """Return the map of resistances, and one row a closed cycle with its heat."""
    result = Result()
    found = phases(run)
    _map(run, options, result)
    if TEMPERATURE not in run or not np.isfinite(run[TEMPERATURE]).any():
        result.warnings.append("no surface temperature was recorded: nothing is known of the heat")
        return result
    _heat(run, found, options, result)
    return result


def _map(run: Run, options: Options, result: Result) -> None:
    own = Result()
    chosen = dcir.Options(method="from rest", at=f"{options.at:g}", capacity=options.capacity)
    rows = dcir.pulse_rows(run, chosen, own)
    result.assumptions += own.assumptions
    result.warnings += own.warnings
    if not rows:
        return
    nominal = run.cell.get("nominal_capacity_ah") or np.nan
    for row in rows:
        row["c_rate"] = abs(row["current_step_ampere"]) / nominal
    result.tables.append(
        ResultTable(
            "DCIR map",
            [*dcir.columns(rows), ResultColumn("c_rate", [r["c_rate"] for r in rows], "1/h", "")],
        )
    )
    ohm = np.array([row["resistance_ohm"] for row in rows])
    width = np.median([row["half_width_ohm"] for row in rows])
    result.sentences.append(
        f"resistance at {options.at:g} s: {1e3 * ohm.min():.4g} to {1e3 * ohm.max():.4g} mohm over "
        f"{len(rows)} pulses, each +- {1e3 * width:.2g} mohm"
    )
    result.figures.append(_map_figure(rows))


def _map_figure(rows: list[dict[str, Any]]) -> FigurePlan:
    groups: dict[tuple[float, float], list[dict[str, Any]]] = {}
    for row in rows:
        warm = float(np.round(row["temperature_celsius"] / 5.0) * 5.0)
        groups.setdefault((warm, round(row["c_rate"], 1)), []).append(row)
    lines = []
    for (warm, rate), own in sorted(groups.items()):
        x = np.array([100.0 * row["state_of_charge"] for row in own])
        y = 1e3 * np.array([row["resistance_ohm"] for row in own])
        reach = 1e3 * np.array([row["half_width_ohm"] for row in own])
        label = f"about {warm:g} degC, {rate:g}C"
        lines.append(Curve(label, x, y, y - reach, y + reach, "points"))
    panel = Panel("State of Charge / %", "Resistance / mohm", lines)
    return FigurePlan("map", "Resistance map", [panel])


def _heat(run: Run, found: list[Phase], options: Options, result: Result) -> None:
    taus = _coolings(run, found)
    rows = []
    open_cycles = 0
    for cycle in sorted({phase.cycle for phase in found if phase.cycle > 0}):
        own = [phase for phase in found if phase.cycle == cycle]
        row = _cycle(run, own, options)
        if row is None:
            open_cycles += 1
        else:
            rows.append({"cycle_count": cycle, **row})
    if open_cycles:
        result.warnings.append(
            f"{open_cycles} cycles are not closed (another charge or temperature at their end than "
            "at their start), or not warm enough: no heat balance of them"
        )
    if not rows:
        return
    names = {
        "cycle_count": ("1", "the cycle"),
        "heat_wh": ("Wh", "energy in minus energy out"),
        "heat_half_width_wh": ("Wh", "accuracy of both, and charge that did not come back"),
        "highest_celsius": ("degC", "of the surface"),
        "ambient_celsius": ("degC", "of the air"),
        "transfer_watt_per_kelvin": ("W/K", "hA, surface to air"),
        "transfer_half_width_watt_per_kelvin": ("W/K", "half of its interval"),
    }
    result.tables.append(
        ResultTable(
            "heat",
            [ResultColumn(n, [row[n] for row in rows], *about) for n, about in names.items()],
        )
    )
    transfer = float(np.median([row["transfer_watt_per_kelvin"] for row in rows]))
    width = float(np.median([row["transfer_half_width_watt_per_kelvin"] for row in rows]))
    heat = float(np.median([row["heat_wh"] for row in rows]))
    result.sentences.append(
        f"heat of a cycle {heat:.4g} Wh; heat transfer hA = {transfer:.3g} +- {width:.2g} W/K "
        f"(median of {len(rows)} closed cycles)"
    )
    result.assumptions.append(
        "hA: energy that did not come back over the integral of surface minus air, over a cycle "
        "that ends as it began"
    )
    if taus:
        tau = float(np.median([item.tau for item in taus]))
        spread = max(
            float(np.median([item.half_width for item in taus])),
            float(np.ptp([item.tau for item in taus])) / 2.0,
        )
        capacity = transfer * tau
        reach = capacity * (width / transfer + spread / tau)
        result.sentences.append(
            f"cooling with tau = {tau:.0f} +- {spread:.0f} s, so a heat capacity of at most "
            f"{capacity:.0f} +- {reach:.0f} J/K (upper bound: the core lags)"
        )
        result.tables.append(
            ResultTable(
                "heat capacity",
                [
                    ResultColumn("tau_second", [tau], "s", "of the cooling"),
                    ResultColumn("tau_half_width_second", [spread], "s", "half of its interval"),
                    ResultColumn("heat_capacity_joule_per_kelvin", [capacity], "J/K",
                                 "hA tau, an upper bound"),
                    ResultColumn("half_width_joule_per_kelvin", [reach], "J/K", ""),
                ],
            )
        )  # fmt: skip
    _heat_figure(run, result)


def _heat_figure(run: Run, result: Result) -> None:
    thin = np.unique(np.linspace(0, len(run) - 1, 3000).astype(int))
    hour = run["test_time_second"][thin] / 3600.0
    line = Curve("surface", hour, run[TEMPERATURE][thin])
    panel = Panel("Test Time / h", "Surface Temperature / degC", [line])
    result.figures.append(FigurePlan("temperature", "Surface temperature", [panel]))


def _coolings(run: Run, found: list[Phase]) -> list[Cooling]:
    out = []
    for before, phase in pairwise(found):
        if phase.sign or not before.sign:
            continue
        time, warm = _warmth(run, phase)
        if time.size >= 12 and warm[0] - warm[-1] >= WARM_KELVIN:
            fit = fit_cooling(time, warm)
            if fit is not None:
                out.append(fit)
    return out


def _warmth(run: Run, phase: Phase) -> tuple[Floats, Floats]:
    rows = slice(phase.first, phase.last + 1)
    time = np.asarray(run["test_time_second"][rows], dtype=np.float64)
    warm = np.asarray(run[TEMPERATURE][rows], dtype=np.float64)
    seen = np.isfinite(time) & np.isfinite(warm)
    return time[seen], warm[seen]


def _cycle(run: Run, own: list[Phase], options: Options) -> dict[str, float] | None:
    into = [phase for phase in own if phase.sign > 0]
    out = [phase for phase in own if phase.sign < 0]
    if not into or not out:
        return None
    rows = slice(own[0].first, own[-1].last + 1)
    time = np.asarray(run["test_time_second"][rows], dtype=np.float64)
    warm = np.asarray(run[TEMPERATURE][rows], dtype=np.float64)
    seen = np.isfinite(time) & np.isfinite(warm)
    time, warm = time[seen], warm[seen]
    charge_in, charge_out = sum(p.charge for p in into), sum(p.charge for p in out)
    ambient = options.ambient if options.ambient is not None else _air(run, own[0])
    if (
        time.size < 10
        or not np.isfinite(ambient)
        or abs(warm[-1] - warm[0]) > BACK_KELVIN
        or abs(charge_in - charge_out) > 0.02 * charge_in
        or warm.max() - ambient < WARM_KELVIN
    ):
        return None
    energy_in, energy_out = sum(p.energy for p in into), sum(p.energy for p in out)
    volts = energy_out / charge_out
    heat = energy_in - energy_out - (charge_in - charge_out) * volts
    gains = [p.charge_half_width for p in own if p.sign]
    # one instrument: what counts is how the errors of charge and discharge differ, at worst all
    width = volts * float(np.nan_to_num(gains).sum()) + abs(charge_in - charge_out) * 0.5
    middle = (warm[1:] + warm[:-1]) / 2.0 - ambient
    warmer = float(middle @ np.diff(time)) / 3600.0
    hours = float(time[-1] - time[0]) / 3600.0
    share = width / heat + options.ambient_accuracy * hours / warmer
    return {
        "heat_wh": heat,
        "heat_half_width_wh": width,
        "highest_celsius": float(warm.max()),
        "ambient_celsius": ambient,
        "transfer_watt_per_kelvin": heat / warmer,
        "transfer_half_width_watt_per_kelvin": heat / warmer * share,
    }


def _air(run: Run, phase: Phase) -> float:
    if "ambient_temperature_celsius" in run:
        values = run["ambient_temperature_celsius"][phase.first : phase.last + 1]
        if np.isfinite(values).any():
            return float(np.nanmean(values))
    return chamber_setting(run, phase.start)
