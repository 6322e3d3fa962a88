"""Direct-current resistance of each pulse, with its method and its time.

R(t) = (V(t) - V before) / (I - I before), t after the edge of the current. A resistance without t
means nothing: it grows with t as charge transfer and diffusion join in. Two methods:

- ``from rest``: the pulse follows a rest; V before is the last reading of the rest.
- ``two currents``: the pulse follows a smaller current without a gap, both voltages under current
  at the end of each (the two steps of IEC 61960: 0.2 It for 10 s, then 1 It for 1 s); what is
  slower than the second pulse drops out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

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
from benchlab_analysis._phases import phases, temperature
from benchlab_analysis._pulses import (
    Pulse,
    find_pulses,
    resistance_at,
    states_of_charge,
    times_of,
)

__all__ = ["HELP", "NAME", "TAKES", "Options", "analyse", "pulse_rows"]

NAME = "Pulse resistance (DCIR)"
HELP = "resistance of each current pulse at stated times, after a rest or between two currents"
TAKES = "test"


@dataclass(frozen=True)
class Options:
    """Options of the analysis."""

    method: str = option(
        "both", "what a pulse follows", choices=("from rest", "two currents", "both")
    )
    at: str = option("0.1 1 10", "times after the edge, blanks between", unit="s")
    longest_pulse: float = option(120.0, "a longer step is no pulse", unit="s")
    capacity: float | None = option(
        None, "100 % of charge; measured in the run if left out", unit="Ah"
    )


def analyse(run: Run, options: Options) -> Result:
    """Return one row a pulse and time.

    Raises
    ------
    benchlab.errors.UsageError
        For times that are none.

    References
    ----------
    IEC 61960-3 (the two currents); USABC and ISO 12405 name 10 s, 18 s and 30 s after a rest.
    """
    result = Result()
    rows = pulse_rows(run, options, result)
    if not rows:
        return result
    table = ResultTable("pulses", columns(rows))
    result.tables.append(table)
    for method in dict.fromkeys(row["method"] for row in rows):
        own = [row for row in rows if row["method"] == method]
        longest = max(row["time_second"] for row in own)
        last = [row for row in own if row["time_second"] >= 0.9 * longest]
        ohms = [row["resistance_ohm"] for row in last]
        width = np.median([row["half_width_ohm"] for row in last])
        result.sentences.append(
            f"{method}: {len({row['step_count'] for row in own})} pulses; at {longest:.3g} s "
            f"{np.median(ohms):.5g} ohm (median of {len(ohms)}; {min(ohms):.5g} to "
            f"{max(ohms):.5g}), each +- {width:.2g} ohm"
        )
    result.figures.append(_figure(rows))
    return result


def pulse_rows(run: Run, options: Options, result: Result) -> list[dict[str, Any]]:
    """Return a dict a pulse and time, and say in `result` how they came about."""
    times = times_of(options.at)
    found = phases(run)
    pulses: list[tuple[str, Pulse]] = []
    for method, from_rest in (("from rest", True), ("two currents", False)):
        if options.method in (method, "both"):
            own = find_pulses(run, found, longest_second=options.longest_pulse, from_rest=from_rest)
            pulses += [(method, pulse) for pulse in own]
    if not pulses:
        result.warnings.append(
            "no pulse found: no step of current of at most "
            f"{options.longest_pulse:g} s follows a rest, or a current, that was seen"
        )
        return []
    charges = states_of_charge(
        found, capacity_ah=options.capacity, nominal_ah=run.cell.get("nominal_capacity_ah")
    )
    result.assumptions += [
        "R(t) = (V(t) - V before) / (I - I before); t counts from the edge of the current",
        charges.said,
    ]
    rows: list[dict[str, Any]] = []
    missed: dict[float, int] = {}
    for method, pulse in pulses:
        # between two currents the end of the second pulse is what is meant
        wanted = times if pulse.from_rest else [float(pulse.second[-1])]
        for second in wanted:
            value = resistance_at(pulse, second)
            if value is None:
                missed[second] = missed.get(second, 0) + 1
                continue
            celsius, source = temperature(run, pulse.phase)
            rows.append(
                {
                    "step_count": pulse.phase.number,
                    "label": pulse.phase.label,
                    "method": method,
                    "direction": "charge" if pulse.phase.sign > 0 else "discharge",
                    "state_of_charge": charges.at_start[pulse.phase.number],
                    "temperature_celsius": celsius,
                    "temperature_source": source,
                    "rest_second": pulse.before.duration if pulse.from_rest else 0.0,
                    "voltage_before_volt": pulse.voltage_before,
                    "current_step_ampere": value.step_ampere,
                    "time_second": value.second,
                    "resistance_ohm": value.ohm,
                    "half_width_ohm": value.half_width,
                }
            )
    for second, number in missed.items():
        result.warnings.append(
            f"{number} pulses have no reading at {second:g} s: too short, or recorded too coarsely"
        )
    if not any(np.isfinite(pulse.phase.gain) for _, pulse in pulses):
        result.warnings.append(
            "no accuracy of the instrument is stated: the intervals hold noise, drift and the edge "
            "alone"
        )
    wrong = sum(row["resistance_ohm"] <= 0.0 for row in rows)
    if wrong:
        result.warnings.append(
            f"{wrong} of {len(rows)} resistances are not positive: check the sign of the current, "
            "and whether the voltage had settled before the pulse"
        )
    return rows


_MEANINGS = {
    "step_count": ("1", "the step of the pulse"),
    "label": ("", "the protocol's name of it"),
    "method": ("", "what the pulse follows"),
    "direction": ("", "of the current"),
    "state_of_charge": ("1", "at the edge"),
    "temperature_celsius": ("degC", "during the pulse"),
    "temperature_source": ("", "what that is the temperature of"),
    "rest_second": ("s", "how long it rested before"),
    "voltage_before_volt": ("V", "last reading before the edge"),
    "current_step_ampere": ("A", "current in the pulse minus that before"),
    "time_second": ("s", "after the edge, as read"),
    "resistance_ohm": ("ohm", "change of voltage over change of current"),
    "half_width_ohm": ("ohm", "half of the interval, worst case"),
}


def columns(rows: list[dict[str, Any]]) -> list[ResultColumn]:
    """Return the columns of a table of pulses."""
    return [
        ResultColumn(
            name,
            np.array([row[name] for row in rows], dtype=None if unit else object),
            unit,
            meaning,
        )
        for name, (unit, meaning) in _MEANINGS.items()
    ]


def _figure(rows: list[dict[str, Any]]) -> FigurePlan:
    curves = []
    known = any(np.isfinite(row["state_of_charge"]) for row in rows)
    groups = dict.fromkeys(
        (row["method"], row["direction"], round(row["time_second"], 1)) for row in rows
    )
    for method, direction, second in groups:
        own = [
            row for row in rows
            if (row["method"], row["direction"], round(row["time_second"], 1))
            == (method, direction, second)
        ]  # fmt: skip
        ohm = np.array([row["resistance_ohm"] for row in own])
        width = np.array([row["half_width_ohm"] for row in own])
        x = [100.0 * row["state_of_charge"] if known else row["step_count"] for row in own]
        label = f"{direction}, {second:g} s, {method}"
        curves.append(
            Curve(label, x, 1e3 * ohm, 1e3 * (ohm - width), 1e3 * (ohm + width), "points")
        )
    label = "State of Charge / %" if known else "Step Count / 1"
    note = "R(t) = (V(t) - V before) / (I - I before)"
    return FigurePlan("dcir", NAME, [Panel(label, "Resistance / mohm", curves, note)])
