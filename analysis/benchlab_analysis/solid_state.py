"""All-solid-state cells: areal resistance against pressure and temperature.

Each pulse after a rest gives R(t) times the area. The pressure is that of the load cell where one
was recorded, else what the operator entered last; the temperature that of the surface, else what
the chamber was set to. Where they were varied, three numbers are fitted to all pulses at once:

    R A = (a + b / p) exp(Ea / R (1/T - 1/T0)),  T0 = 298.15 K

a is bulk and charge transfer, b / p the contacts, which a press closes in proportion to the force
(one over the pressure: touching solids that yield, as Bowden and Tabor saw them). A model that does
not fit is said not to: the residual stands beside the interval. Before the fit the change of the
open-circuit voltage during the pulse, t / 3600 dV/dQ, is taken off: it follows neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy.optimize import least_squares
from scipy.stats import t as student

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
from benchlab_analysis._first_cycle import first_cycle
from benchlab_analysis._phases import Phase, phases, temperature
from benchlab_analysis._pulses import find_pulses, resistance_at
from benchlab_analysis.self_discharge import charge_slope, slowest_discharge

__all__ = ["HELP", "NAME", "TAKES", "ArealFit", "Options", "analyse", "fit_areal"]

NAME = "All-solid-state: areal resistance"
HELP = "pulse resistance times area against pressure and temperature, with activation energy"
TAKES = "test"

Floats = npt.NDArray[np.float64]

GAS = 8.314462618
KELVIN = 273.15
EV = 96.48533212
"""kJ/mol in an electronvolt."""


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    at: float = option(10.0, "time after the edge", unit="s")
    area: float | None = option(None, "of the cell; that of the file if left out", unit="cm2")
    pressure: float | None = option(None, "of all pulses, where none is recorded", unit="MPa")
    temperature: float | None = option(None, "of all pulses, where none is recorded", unit="degC")
    longest_pulse: float = option(120.0, "a longer step is no pulse", unit="s")
    confidence: float = option(0.95, "of the intervals of the fit")
    temperature_accuracy: float = option(0.5, "of the temperature at the cell", unit="K")


class ArealFit(NamedTuple):
    """a, b (at 1 MPa) and Ea with their half-widths; NaN where it was not varied.

    Attributes
    ----------
    bulk, bulk_half_width : float
        ohm cm2 at 25 degC and infinite pressure, or at the one pressure there was.
    contact, contact_half_width : float
        ohm cm2 MPa.
    energy, energy_half_width : float
        kJ/mol.
    residual : float
        Root mean square, as a share.
    """

    bulk: float
    bulk_half_width: float
    contact: float
    contact_half_width: float
    energy: float
    energy_half_width: float
    residual: float


def fit_areal(
    areal: Floats,
    megapascal: Floats,
    celsius: Floats,
    share: Floats,
    *,
    confidence: float = 0.95,
    kelvin_off: float = 0.0,
) -> ArealFit | None:
    """Fit the model of this module; None where nothing was varied or too few pulses are there.

    Parameters
    ----------
    areal : ndarray, shape (n,)
        ohm cm2.
    share : ndarray, shape (n,)
        Relative half-widths of `areal`: added to those of the fit at their worst.
    kelvin_off : float
        How far each temperature may be off; at its worst at both ends.
    """
    pressed = np.isfinite(megapascal).all() and np.ptp(megapascal) > 0.05 * megapascal.max()
    heated = np.isfinite(celsius).all() and np.ptp(celsius) > 3.0
    unknown = 1 + int(pressed) + int(heated)
    if unknown == 1 or areal.size < unknown + 1 or (areal <= 0.0).any():
        return None
    less = 1.0 / megapascal if pressed else np.zeros_like(areal)
    inverse = (1.0 / (celsius + KELVIN) - 1.0 / 298.15) if heated else np.zeros_like(areal)

    def off(x: Floats) -> Floats:
        model = (np.exp(x[0]) + (np.exp(x[1]) * less if pressed else 0.0)) * np.exp(
            x[-1] * 1e3 / GAS * inverse if heated else 0.0
        )
        residual: Floats = np.log(areal) - np.log(model)
        return residual

    middle = float(np.median(areal))
    start = [np.log(middle)]
    if pressed:
        start.append(np.log(0.3 * middle * float(np.median(megapascal))))
    if heated:
        start.append(30.0)
    found = least_squares(off, np.array(start))
    residual = off(found.x)
    free = areal.size - unknown
    variance = float(residual @ residual) / free
    spread = np.sqrt(np.diag(np.linalg.pinv(found.jac.T @ found.jac)) * variance)
    reach = float(student.ppf(0.5 + confidence / 2.0, free)) * spread
    worst = float(np.nan_to_num(share).max())
    bulk = float(np.exp(found.x[0]))
    contact = float(np.exp(found.x[1])) if pressed else np.nan
    # systematic: every pulse off by its share scales a and b, and tilts the Arrhenius line
    tilt = 2.0 * worst * GAS / 1e3 / float(np.ptp(inverse)) if heated else np.nan
    energy = float(found.x[-1]) if heated else 0.0
    if heated:
        ends = np.array([celsius.min(), celsius.max()]) + KELVIN
        tilt += abs(energy) * kelvin_off * float((1.0 / ends**2).sum()) / float(np.ptp(inverse))
    worst += abs(energy) * 1e3 / GAS * kelvin_off / 298.15**2
    return ArealFit(
        bulk, bulk * float(reach[0] + worst * (3.0 if pressed else 1.0)),
        contact, contact * float(reach[1] + 3.0 * worst) if pressed else np.nan,
        float(found.x[-1]) if heated else np.nan,
        float(reach[-1]) + tilt if heated else np.nan,
        float(np.sqrt(np.mean(residual**2))),
    )  # fmt: skip


def analyse(run: Run, options: Options) -> Result:
    """Return one row a pulse, and what was fitted to all of them.

    Raises
    ------
    benchlab.errors.UsageError
        For an area that is none.
    """
    result = Result()
    if options.area is not None and options.area <= 0.0:
        raise UsageError("an area must be above 0 cm2.", remedy="State it with --area.")
    found = phases(run)
    _first(found, result)
    area = options.area or run.cell.get("area_square_centimetre")
    if not area:
        result.warnings.append("the area is not known: state it with --area")
        return result
    rows = []
    slowest = slowest_discharge(found)
    for pulse in find_pulses(run, found, longest_second=options.longest_pulse):
        value = resistance_at(pulse, options.at)
        if value is None:
            continue
        pascal = _pressure(run, pulse.phase)
        celsius = temperature(run, pulse.phase)[0]
        slope, doubt, flat = charge_slope(run, slowest, pulse.voltage_before)
        open_circuit = 0.0 if flat else value.second / 3600.0 / slope
        value = value._replace(
            half_width=value.half_width + (0.0 if flat else doubt * open_circuit)
        )
        rows.append(
            (
                pulse.phase.number, value.second, value.ohm * area, value.half_width * area,
                open_circuit * area,
                _first_known(pascal, options.pressure), _first_known(celsius, options.temperature),
            )
        )  # fmt: skip
    if not rows:
        result.warnings.append(f"no pulse after a rest was recorded until {options.at:g} s")
        return result
    number, second, whole, width, slow, pressure, celsius_all = (
        np.array(x) for x in zip(*rows, strict=True)
    )
    areal = whole - slow
    result.tables.append(
        ResultTable(
            "areal resistance",
            [
                ResultColumn("step_count", number.astype(int), "1", "the pulse"),
                ResultColumn("time_second", second, "s", "after the edge"),
                ResultColumn("pressure_megapascal", pressure, "MPa", "recorded or entered"),
                ResultColumn("temperature_celsius", celsius_all, "degC", "recorded or set"),
                ResultColumn(
                    "areal_resistance_ohm_cm2", areal, "ohm cm2", "R times area, as fitted"
                ),
                ResultColumn("open_circuit_ohm_cm2", slow, "ohm cm2", "what was taken off"),
                ResultColumn("half_width_ohm_cm2", width, "ohm cm2", "half of its interval"),
            ],
        )
    )
    result.assumptions.append(f"R at {options.at:g} s after the edge times {area:g} cm2")
    if slow.any():
        result.corrections.append(
            f"the change of the open-circuit voltage during the pulse ({np.median(slow):.2g} ohm "
            "cm2, by dV/dQ of the slowest discharge) is taken off"
        )
    else:
        result.warnings.append(
            "no slow discharge tells dV/dQ: the resistance holds the change of the open-circuit "
            "voltage, and Ea comes out a little low"
        )
    result.sentences.append(
        f"areal resistance {np.median(areal):.4g} ohm cm2 (median of {areal.size} pulses, "
        f"{areal.min():.4g} to {areal.max():.4g}), each +- {np.median(width):.2g}"
    )
    fit = fit_areal(
        areal,
        pressure,
        celsius_all,
        width / np.abs(areal),
        confidence=options.confidence,
        kelvin_off=options.temperature_accuracy,
    )
    if fit is None:
        result.warnings.append(
            "neither pressure nor temperature was varied (or recorded): nothing can be fitted"
        )
    else:
        _say(fit, result)
    result.figures.append(_figure(areal, width, pressure, celsius_all))
    return result


def _first(found: list[Phase], result: Result) -> None:
    first = first_cycle(found)
    if first is not None:
        result.sentences.append(
            f"first-cycle efficiency {first.said} "
            f"({1e3 * first.put_in:.4g} mAh in, {1e3 * first.came_back:.4g} mAh back)"
        )
        if first.doubt:
            result.warnings.append(first.doubt)


def _first_known(*values: float | None) -> float:
    return next((v for v in values if v is not None and np.isfinite(v)), np.nan)


def _pressure(run: Run, phase: Phase) -> float:
    """Return the pressure of a phase in MPa: of the load cell, else as entered last; or NaN."""
    for name in ("surface_pressure_pa", "applied_pressure_pa"):
        if name in run:
            values = np.asarray(run[name][phase.first : phase.last + 1], dtype=np.float64)
            if np.isfinite(values).any():
                return float(np.nanmean(values)) / 1e6
    events = run.events
    if "kind" in events and events.rows:
        before = (events["kind"] == "answer") & (events["test_time_second"] <= phase.start)
        for text in reversed(events["text"][before].tolist()):
            for part in text.split(","):
                name, _, value = part.partition("=")
                if name.strip() == "pressure_MPa":
                    return float(value)
    return np.nan


def _say(fit: ArealFit, result: Result) -> None:
    if np.isfinite(fit.energy):
        result.sentences.append(
            f"activation energy {fit.energy:.4g} +- {fit.energy_half_width:.2g} kJ/mol "
            f"({fit.energy / EV:.3g} eV)"
        )
    if np.isfinite(fit.contact):
        share = fit.contact / 50.0 / (fit.bulk + fit.contact / 50.0)
        result.sentences.append(
            f"at 25 degC {fit.bulk:.4g} +- {fit.bulk_half_width:.2g} ohm cm2 without contacts, and "
            f"contacts of {fit.contact:.4g} +- {fit.contact_half_width:.2g} ohm cm2 MPa over the "
            f"pressure ({share:.0%} of the whole at 50 MPa)"
        )
    else:
        result.warnings.append("the pressure was not varied: contacts cannot be told from bulk")
    if not np.isfinite(fit.energy):
        result.warnings.append("the temperature was not varied: there is no activation energy")
    if fit.residual > 0.05:
        result.warnings.append(
            f"the model leaves {fit.residual:.0%} (root mean square): pressure and temperature do "
            "not act as it says"
        )
    columns = [
        ("without_contacts_ohm_cm2", fit.bulk, fit.bulk_half_width, "ohm cm2"),
        ("contacts_ohm_cm2_megapascal", fit.contact, fit.contact_half_width, "ohm cm2 MPa"),
        ("activation_energy_kj_per_mol", fit.energy, fit.energy_half_width, "kJ/mol"),
    ]
    result.tables.append(
        ResultTable(
            "fit",
            [
                ResultColumn("quantity", np.array([c[0] for c in columns], object), "", "fitted"),
                ResultColumn("value", [c[1] for c in columns], "", "NaN: not varied"),
                ResultColumn("half_width", [c[2] for c in columns], "", "half of its interval"),
                ResultColumn("unit", np.array([c[3] for c in columns], object), "", "of both"),
            ],
        )
    )
    result.assumptions.append(
        "R A = (a + b / p) exp(Ea / R (1/T - 1/298.15 K)), one activation energy for all of it"
    )


def _figure(areal: Floats, width: Floats, pressure: Floats, celsius: Floats) -> FigurePlan:
    warm = np.where(np.isfinite(celsius), np.round(celsius), np.nan)
    lines = []
    by_pressure = bool(np.isfinite(pressure).all())
    x = pressure if by_pressure else np.arange(1.0, areal.size + 1.0)
    for level in np.unique(warm):
        own = (warm == level) | (np.isnan(level) & np.isnan(warm))
        label = f"{level:g} degC" if np.isfinite(level) else "temperature not known"
        lines.append(
            Curve(label, x[own], areal[own], (areal - width)[own], (areal + width)[own], "points")
        )
    label = "Pressure / MPa" if by_pressure else "Pulse / 1"
    return FigurePlan("areal resistance", NAME, [Panel(label, "R A / ohm cm2", lines, log_y=True)])
