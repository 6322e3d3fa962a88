"""Compares the step table with the rows: which rows a step has, and what it moved."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.model.flags import RowFlag
from benchlab.model.run import Run
from benchlab.model.table import Table
from benchlab.store.check_rows import RowScan
from benchlab.store.finding import Finding

__all__ = ["charge_findings", "charge_table", "step_findings"]

Floats = npt.NDArray[np.float64]
Flags = npt.NDArray[np.bool_]

ROUNDING = 1e-7
"""Share of a step's charge that the order of summing may change."""
BEYOND = 3.0
"""Readings that were not recorded may lie beyond their two rows by as much as those differ: noise
does. The trapezoid is then off by three times what readings between the two could do."""
NOISE = 1e-6
"""Share of a charge that the noise of a few rows may make, where the others were not recorded."""
BOTH_WAYS = ("SWEEP", "PROFILE")


def step_findings(run: Run, scan: RowScan, notes: list[str]) -> Iterator[Finding]:
    """Yield what is wrong with the steps themselves."""
    steps = run.steps
    number = steps["step_count"].astype(np.int64)
    first, last = (steps[name].astype(np.int64) for name in ("first_row", "last_row"))
    yield from _row_ranges(run, scan, number, first, last)
    missing = np.flatnonzero(np.diff(number) != 1)
    for place in missing[:5].tolist():
        yield Finding(
            "missing steps", f"step {number[place]} is followed by {number[place + 1]}",
            step=int(number[place]),
        )  # fmt: skip
    unfinished = number[steps["end_reason"] == "unfinished"]
    if unfinished.size:
        text = f"{unfinished.size} steps have no end: their sums are those of the recorded rows"
        yield Finding("unfinished step", text, step=int(unfinished[0]))
    yield from _gaps(run, scan, number)
    yield from _limits(run, notes)


def _row_ranges(run: Run, scan: RowScan, number: Any, first: Any, last: Any) -> Iterator[Finding]:
    expected = np.concatenate(([0], last[:-1] + 1))
    for kind, wrong, text in (
        ("missing rows", first > expected, "steps begin later than the step before ended"),
        ("doubled rows", first < expected, "steps begin before the step before ended"),
    ):
        if wrong.any():
            place = int(np.argmax(wrong))
            rows = f"{int(np.abs(first - expected)[wrong].sum())} rows in {int(wrong.sum())}"
            yield Finding(kind, f"{rows} {text}", int(number[place]), int(first[place]))
    if last[-1] != len(run) - 1:
        yield Finding(
            "missing rows" if last[-1] > len(run) - 1 else "step rows",
            f"the last step ends at row {last[-1]}, the rows at {len(run) - 1}",
            step=int(number[-1]),
        )
    wrong = scan.wrong_step > 0
    if wrong.any():
        text = f"{int(scan.wrong_step.sum())} rows name another step than the one they lie in"
        place = int(np.argmax(wrong))
        yield Finding("step rows", text, int(number[place]), int(first[place]))
    recorded = last - first + 1
    more = (recorded > run.steps["reading_count"]) & (run.steps["reading_count"] > 0)
    if more.any():
        place = int(np.argmax(more))
        text = f"{int(more.sum())} steps have more rows than readings were taken"
        yield Finding("doubled rows", text, int(number[place]), int(first[place]))
    if "flags" in scan.edges and run.meta.get("origin") == "benchlab":
        flags = np.nan_to_num(scan.edges["flags"][:, 0]).astype(np.int64)
        unmarked = (flags & RowFlag.STEP_START == 0) & (recorded > 0)
        if unmarked.any():
            place = int(np.argmax(unmarked))
            text = f"{int(unmarked.sum())} steps lack their first row"
            yield Finding("missing rows", text, int(number[place]), int(first[place]))


def _gaps(run: Run, scan: RowScan, number: Any) -> Iterator[Finding]:
    """Yield stretches longer than the record rule allows, inside steps and between them."""
    period = float(run.meta.get("control_period_second") or 0.0)
    every = np.full(len(run.protocol.steps) + 1, np.nan)
    for place, plan in enumerate(run.protocol.steps):
        if plan.get("step_type") != "EIS":  # a low frequency takes its time
            every[place] = plan.get("every_second") or np.nan
    allowed = 1.5 * every[np.minimum(run.steps["step_id"], len(every) - 1)] + 3.0 * period
    between = np.zeros(len(number))
    between[1:] = run.steps["start_time_second"][1:] - run.steps["end_time_second"][:-1]
    for wide, length, where in (
        (scan.widest > allowed, scan.widest, "without a row inside"),
        (between > 1.0 + 3.0 * period, between, "unaccounted for before"),
    ):
        if wide.any():
            place = int(np.argmax(np.where(wide, length, 0.0)))
            said = "gap" in run.events["kind"].tolist()
            text = f"up to {length[place]:.3f} s {where} {int(wide.sum())} steps"
            yield Finding("gap", text + (" (an event says so)" * said), int(number[place]))


def _limits(run: Run, notes: list[str]) -> Iterator[Finding]:
    limits = run.meta.get("limits") or {}
    cell = run.cell
    low = limits.get("hard_low_volt", cell.get("voltage_low_volt"))
    high = limits.get("hard_high_volt", cell.get("voltage_high_volt"))
    steps = run.steps
    tripped = steps["end_reason"] == "tripped"
    charge, discharge = (limits.get(f"hard_{way}_ampere") for way in ("charge", "discharge"))
    moved = np.abs(steps["step_net_capacity_ah"])
    cases: list[tuple[str, Any, Any, Any]] = [
        ("lowest voltage", steps["minimum_voltage_volt"], low, -1),
        ("highest voltage", steps["maximum_voltage_volt"], high, 1),
        ("end voltage", steps["end_voltage_volt"], limits.get("low_volt"), -1),
        ("end voltage", steps["end_voltage_volt"], limits.get("high_volt"), 1),
        ("end current", steps["end_current_ampere"], charge, 1),
        ("end current", -steps["end_current_ampere"], discharge, 1),
        ("charge of a step in Ah", moved, limits.get("step_charge_ah"), 1),
    ]
    for what, values, limit, sign in cases:
        if limit is None or not np.isfinite(limit):
            continue
        beyond = np.where(np.isfinite(values), sign * (values - limit), -1.0) > 0.0
        if (beyond & tripped).any():
            notes.append(f"the run tripped with a {what} beyond {limit:g}")
        beyond &= ~tripped
        if beyond.any():
            place = int(np.argmax(np.where(beyond, sign * values, -np.inf)))
            text = f"{what} {values[place]:.6g} beyond the limit of {limit:g}"
            yield Finding(
                "limits", f"{text}, in {int(beyond.sum())} steps", int(steps["step_count"][place])
            )


def charge_table(run: Run, scan: RowScan) -> Table:
    """Return charge and energy a step from the step table and from the rows.

    The rows are integrated by the trapezoid rule, with the current taken as constant between a
    step's edges and its first and last row: what the counter does with every reading. Where
    readings were not recorded, each may lie between its two rows or beyond them by as much as
    they differ; ``explained`` adds that up. Steps at open circuit are not integrated: NaN.
    """
    steps = run.steps
    current, voltage = scan.edges["current_ampere"], scan.edges["voltage_volt"]
    time = scan.edges["test_time_second"]
    before = np.nan_to_num(time[:, 0] - steps["start_time_second"]) / 3600.0
    after = np.nan_to_num(steps["end_time_second"] - time[:, 1]) / 3600.0
    power = current * voltage
    counted_ah = steps["step_net_capacity_ah"].astype(np.float64)
    counted_wh = steps["step_charging_energy_wh"] - steps["step_discharging_energy_wh"]
    rest = np.array([text.startswith("REST") for text in steps["step_type"]], dtype=np.bool_)
    whole = (steps["last_row"] - steps["first_row"] + 1) == steps["reading_count"]
    columns: dict[str, Any] = {
        "step_count": steps["step_count"],
        "step_type": steps["step_type"],
    }
    for name, counted, rows, edge, bound, skip in (
        ("ah", counted_ah, scan.net_ah, current, scan.bound_ah, rest & (counted_ah == 0.0)),
        ("wh", counted_wh, scan.net_wh, power, scan.bound_wh, rest),
    ):
        recomputed = rows + edge[:, 0] * before + edge[:, 1] * after
        recomputed = np.where(skip, np.nan, recomputed)
        columns[f"counted_{name}"] = np.where(skip, np.nan, counted)
        columns[f"recomputed_{name}"] = recomputed
        columns[f"deviation_{name}"] = recomputed - counted
        columns[f"explained_{name}"] = np.where(
            whole, 0.0, BEYOND * bound + NOISE * np.abs(counted)
        )
    return Table(columns)


def charge_findings(run: Run, scan: RowScan, table: Table) -> Iterator[Finding]:
    """Yield steps whose charge the rows contradict, and counters that the steps contradict."""
    host = (run.steps["counter_source"] == "host") & (run.steps["end_reason"] != "unfinished")
    number = run.steps["step_count"]
    for name, kind in (("ah", "charge"), ("wh", "energy")):
        deviation = np.abs(table[f"deviation_{name}"])
        allowed = table[f"explained_{name}"] + ROUNDING * np.abs(table[f"counted_{name}"]) + 1e-12
        wrong = np.where(np.isfinite(deviation), deviation > allowed, False) & host
        if wrong.any():
            place = int(np.argmax(np.where(wrong, deviation, -1.0)))
            yield Finding(
                kind,
                f"{int(wrong.sum())} steps differ from their rows by more than the record rule"
                f" explains; the most: {table[f'counted_{name}'][place]:.9g} {name.capitalize()}"
                f" counted, {table[f'recomputed_{name}'][place]:.9g} from rows, of which"
                f" {table[f'explained_{name}'][place]:.3g} can be explained",
                int(number[place]),
            )
    yield from _row_counters(run, scan, host)


def _row_counters(run: Run, scan: RowScan, host: Flags) -> Iterator[Finding]:
    """Compare the counters in the rows with the step table, and across the edges of steps."""
    steps = run.steps
    time, current = scan.edges["test_time_second"], scan.edges["current_ampere"]
    before = np.nan_to_num(time[:, 0] - steps["start_time_second"]) / 3600.0
    after = np.nan_to_num(steps["end_time_second"] - time[:, 1]) / 3600.0
    both = np.isin(steps["step_type"].astype(str), BOTH_WAYS)
    for way, sign in (("charging", 1.0), ("discharging", -1.0)):
        name = f"{way}_capacity_ah"
        if name not in scan.edges:
            continue
        moved = steps[f"step_{name}"]
        active = moved != 0.0
        # what goes both ways is counted by its sign, all else by its net charge
        flow = np.where(both[:, None], np.maximum(sign * current, 0.0), sign * current)
        start = scan.edges[name][:, 0] - np.where(active, flow[:, 0] * before, 0.0)
        end = scan.edges[name][:, 1] + np.where(active, flow[:, 1] * after, 0.0)
        room = 1e-9 * np.abs(end) + ROUNDING * np.abs(moved) + 1e-12
        inside = np.abs(end - start - moved)
        across = np.zeros(len(moved))
        across[1:] = np.abs(start[1:] - end[:-1])
        for size, where in ((inside, "in"), (across, "at the beginning of")):
            wrong = np.where(np.isfinite(size), size > room, False) & host
            if wrong.any():
                place = int(np.argmax(np.where(wrong, size, -1.0)))
                yield Finding(
                    "counter",
                    f"{name} moves by up to {size[place]:.3g} Ah that no step accounts for, {where}"
                    f" {int(wrong.sum())} steps",
                    int(steps["step_count"][place]),
                )
