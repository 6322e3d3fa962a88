"""Hybrid pulse power characterisation (HPPC): resistances and power against state of charge.

A row a pair of pulses: the discharge pulse after a rest, and the charge pulse that follows it after
a short rest. Power as in the USABC manuals: the discharge power at which the voltage would just
reach its lower limit at the end of the pulse, V_min (OCV - V_min) / R_dis, and for the charge
V_max (V_max - OCV) / R_chg. It extrapolates: the pulse itself was smaller.
"""

from __future__ import annotations

from dataclasses import dataclass

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
from benchlab_analysis._phases import large, phases, temperature
from benchlab_analysis._pulses import (
    Pulse,
    Resistance,
    find_pulses,
    resistance_at,
    states_of_charge,
)

__all__ = ["HELP", "NAME", "TAKES", "Options", "analyse"]

NAME = "HPPC table"
HELP = "open-circuit voltage, pulse resistances and power against state of charge"
TAKES = "test"


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    at: float = option(10.0, "time after the edge that R and power refer to", unit="s")
    lower_voltage: float | None = option(
        None, "V_min of the power; the lowest end of a discharge if left out", unit="V"
    )
    upper_voltage: float | None = option(
        None, "V_max of the power; the highest end of a charge if left out", unit="V"
    )
    longest_pulse: float = option(120.0, "a longer step is no pulse", unit="s")
    shortest_rest: float = option(
        600.0, "rest before a pair, for an open-circuit voltage", unit="s"
    )
    capacity: float | None = option(
        None, "100 % of charge; measured in the run if left out", unit="Ah"
    )


def analyse(run: Run, options: Options) -> Result:
    """Return one row a state of charge."""
    result = Result()
    found = phases(run)
    pulses = find_pulses(run, found, longest_second=options.longest_pulse)
    firsts = [pulse for pulse in pulses if pulse.before.duration >= options.shortest_rest]
    if not firsts:
        result.warnings.append(
            f"no pulse after a rest of at least {options.shortest_rest:g} s was found, so there is "
            "no open-circuit voltage that a resistance could refer to"
        )
        return result
    charges = states_of_charge(
        found, capacity_ah=options.capacity, nominal_ah=run.cell.get("nominal_capacity_ah")
    )
    ends = large(found)
    low = options.lower_voltage or min((p.end_voltage for p in ends if p.sign < 0), default=np.nan)
    high = options.upper_voltage or max((p.end_voltage for p in ends if p.sign > 0), default=np.nan)
    result.assumptions += [
        f"R at {options.at:g} s after the edge; a charge pulse refers to the end of the short rest "
        "before it",
        f"power: V_min = {low:.4g} V, V_max = {high:.4g} V, extrapolated with the same R",
        charges.said,
    ]
    rows = _rows(run, firsts, pulses, options, low, high)
    for row in rows:
        row["state_of_charge"] = charges.at_start[int(row["step_count"])]
    if not rows:
        result.warnings.append(f"no pulse was recorded until {options.at:g} s")
        return result
    table = ResultTable(
        "HPPC",
        [
            ResultColumn(name, [row[name] for row in rows], unit, meaning)
            for name, (unit, meaning) in _MEANINGS.items()
        ],
    )
    result.tables.append(table)
    discharge = table["discharge_resistance_ohm"]
    known = np.isfinite(discharge)
    if known.any():
        width = np.median(table["discharge_half_width_ohm"][known])
        result.sentences.append(
            f"discharge resistance at {options.at:g} s: {np.median(discharge[known]):.5g} ohm "
            f"(median of {known.sum()} states of charge; {discharge[known].min():.5g} to "
            f"{discharge[known].max():.5g}), each +- {width:.2g} ohm"
        )
    result.figures.append(_figure(table, options.at))
    return result


def _rows(
    run: Run, firsts: list[Pulse], pulses: list[Pulse], options: Options, low: float, high: float
) -> list[dict[str, float]]:
    rows = []
    for pulse in firsts:
        pair = [
            other for other in pulses
            if other.phase.sign == -pulse.phase.sign
            and 0.0 <= other.before.start - pulse.phase.end <= 1.0
        ]  # fmt: skip
        own = {pulse.phase.sign: pulse, **{other.phase.sign: other for other in pair}}
        down, up = (
            resistance_at(own[sign], options.at) if sign in own else None for sign in (-1, 1)
        )
        if down is None and up is None:
            continue
        ocv = pulse.voltage_before
        rows.append(
            {
                "step_count": pulse.phase.number,
                "state_of_charge": np.nan,
                "temperature_celsius": temperature(run, pulse.phase)[0],
                "open_circuit_voltage_volt": ocv,
                "drift_millivolt_per_hour": 3.6e6 * pulse.drift,
                "rest_second": pulse.before.duration,
                **_side("discharge", down),
                **_side("charge", up),
                "discharge_power_watt": low * (ocv - low) / down.ohm if down else np.nan,
                "charge_power_watt": high * (high - ocv) / up.ohm if up else np.nan,
            }
        )
    return rows


def _side(name: str, found: Resistance | None) -> dict[str, float]:
    return {
        f"{name}_current_ampere": found.step_ampere if found else np.nan,
        f"{name}_resistance_ohm": found.ohm if found else np.nan,
        f"{name}_half_width_ohm": found.half_width if found else np.nan,
    }


_MEANINGS = {
    "step_count": ("1", "the step of the first pulse"),
    "state_of_charge": ("1", "before the first pulse"),
    "temperature_celsius": ("degC", "during the first pulse"),
    "open_circuit_voltage_volt": ("V", "last reading of the rest"),
    "drift_millivolt_per_hour": ("mV/h", "how fast it still moved"),
    "rest_second": ("s", "how long it rested"),
    "discharge_current_ampere": ("A", "step of the current"),
    "discharge_resistance_ohm": ("ohm", "at the stated time"),
    "discharge_half_width_ohm": ("ohm", "half of its interval, worst case"),
    "charge_current_ampere": ("A", "step of the current"),
    "charge_resistance_ohm": ("ohm", "at the stated time"),
    "charge_half_width_ohm": ("ohm", "half of its interval, worst case"),
    "discharge_power_watt": ("W", "until V_min at the stated time, extrapolated"),
    "charge_power_watt": ("W", "until V_max at the stated time, extrapolated"),
}


def _figure(table: ResultTable, at: float) -> FigurePlan:
    percent = 100.0 * table["state_of_charge"]
    ohms, powers = [], []
    for name in ("discharge", "charge"):
        ohm, width = table[f"{name}_resistance_ohm"], table[f"{name}_half_width_ohm"]
        ohms.append(
            Curve(name, percent, 1e3 * ohm, 1e3 * (ohm - width), 1e3 * (ohm + width), "points")
        )
        powers.append(Curve(name, percent, table[f"{name}_power_watt"]))
    label = "State of Charge / %"
    return FigurePlan(
        "hppc",
        NAME,
        [
            Panel(label, "Resistance / mohm", ohms, f"at {at:g} s after the edge"),
            Panel(label, "Power / W", powers, "extrapolated to the limits of the voltage"),
        ],
        share_x=True,
    )
