"""What one stretch of rows adds up to, for many stretches at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab_analysis._row_remarks import QUANTITIES, Extras

__all__ = ["FIELDS", "GROUP_ROWS", "RESETS", "TEMPERATURE", "group_sums"]

Block = dict[str, npt.NDArray[Any]]
Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

GROUP_ROWS = 131_072
"""Rows summed at a time: their temporaries stay in the cache."""

RESET_BELOW = 0.5
"""A drop that lands below this share of the old value is a reset, a smaller one is noise."""

GLITCH_VOLT = 0.5
"""A single row this far from both its neighbours, which agree, is no reading of the cell."""

CV_VOLT, CV_SHARE = 2e-3, 0.98
"""A voltage is held within the one, while the current has fallen below the other of its start."""

TEMPERATURE = "surface_temperature_celsius"

FIELDS = (
    "sign", "cycle", "rows", "time_before", "time_first", "time_last", "seconds", "driven_seconds",
    "voltage_first", "voltage_last", "voltage_min", "voltage_max", "current_before",
    "current_first", "current_last", "enter_reset", "integral_enter_charge",
    "integral_enter_discharge", "integral_inner", "bound", "cv", "degree_seconds",
    "temperature_seconds", "temperature_min", "temperature_max",
    *(f"{part}_{name}" for name in QUANTITIES for part in ("enter", "inner")),
)  # fmt: skip
"""Columns of a table of stretches; ``enter`` is the interval from the row before the stretch."""

RESETS = ("stretch", "at_entry", "new_cycle", "new_step")


def group_sums(block: Block, edges: Ints, threshold: float, extras: Extras) -> tuple[Block, Block]:
    """Sum the stretches between edges; `extras` gets what is noticed.

    Parameters
    ----------
    block
        Columns, of which the row before the first edge is used too, where there is one.
    edges : ndarray of int, shape (k + 1,)

    Returns
    -------
    stretches : dict of ndarray, shape (k,)
        See `FIELDS`.
    resets : dict of ndarray
        See `RESETS`.
    """
    base = max(int(edges[0]) - 1, 0)
    stop = int(edges[-1])
    rows = {name: values[base:stop] for name, values in block.items()}
    first = edges[:-1] - base
    last = edges[1:] - base - 1
    before = np.maximum(first - 1, 0)
    time, current = rows["test_time_second"], rows["current_ampere"]
    voltage = _voltage(block, base, stop, int(edges[0]), threshold, extras)
    at = current[first]
    sign = (at > threshold).astype(np.int8) - (at < -threshold)
    hours, back = _hours(time, extras)
    out: Block = {
        "sign": sign,
        "cycle": rows["cycle_count"][first].astype(np.int64)
        if "cycle_count" in rows
        else np.zeros(first.size, dtype=np.int64),
        "rows": last - first + 1,
        "time_before": time[before],
        "time_first": time[first],
        "time_last": time[last],
        "voltage_first": voltage[first],
        "voltage_last": voltage[last],
        "current_before": current[before],
        "current_first": at,
        "current_last": current[last],
    }
    out["voltage_min"], out["voltage_max"] = (
        part.reduceat(voltage[: stop - base], first) for part in (np.fmin, np.fmax)
    )
    seconds = time[last] - time[before]
    driven = time[last] - time[first]
    if back:
        elapsed = np.concatenate(([0.0], np.cumsum(3600.0 * hours)))
        seconds, driven = elapsed[last] - elapsed[before], elapsed[last] - elapsed[first]
    out["seconds"], out["driven_seconds"] = seconds, driven
    _integrals(out, rows, voltage, hours, first, last, before, threshold)
    # a missing current is rest, and shows in the integral of its stretch
    if np.isnan(current).any():
        extras.missing_current += int(np.count_nonzero(np.isnan(current[first[0] :])))
    resets = _counters(out, rows, first, last, before, extras)
    out["cv"] = _held(rows, voltage, sign, first, last, out["integral_inner"], hours)
    _temperature(out, rows, hours, first)
    return out, resets


def _voltage(
    block: Block, base: int, stop: int, begin: int, threshold: float, extras: Extras
) -> Floats:
    """Return the voltages with those of no cell, and missing ones, taken from the row before."""
    ahead = min(stop + 1, len(block["voltage_volt"]))
    raw: Floats = block["voltage_volt"][base:ahead]
    if raw.size < 2:
        return raw[: stop - base]
    change = raw[1:] - raw[:-1]
    low, high = change.min(), change.max()
    if low > -GLITCH_VOLT and high < GLITCH_VOLT:
        return raw[: stop - base]
    missing = np.isnan(raw) if np.isnan(low) else np.zeros(raw.size, dtype=np.bool_)
    wrong = missing.copy()
    with np.errstate(invalid="ignore"):
        # rows between two leaps that cancel
        leaps = np.flatnonzero(np.abs(change) > GLITCH_VOLT)
        alone = leaps[1:][np.diff(leaps) == 1]
        alone = alone[np.abs(change[alone] + change[alone - 1]) < 0.2 * GLITCH_VOLT]
        current = block["current_ampere"][base:ahead]
        steady = np.ones(alone.size, dtype=np.bool_)
        for neighbour in (alone - 1, alone + 1):
            moved = np.abs(current[alone] - current[neighbour])
            steady &= moved <= 0.1 * np.abs(current[neighbour]) + threshold
        wrong[alone[steady]] = True
    if not wrong.any():
        return raw[: stop - base]
    own = slice(begin - base, stop - base)
    extras.missing_voltage += int(np.count_nonzero(missing[own]))
    glitches = np.flatnonzero(wrong[own] & ~missing[own])
    if glitches.size:
        if not extras.glitches:
            extras.first_glitch = float(raw[own][glitches[0]])
        extras.glitches += int(glitches.size)
    place = np.maximum.accumulate(np.where(wrong, 0, np.arange(raw.size)))
    return raw[place][: stop - base]


def _hours(time: Floats, extras: Extras) -> tuple[Floats, int]:
    """Return the hours between rows, 0 where the time goes back; and how often it does."""
    hours = (time[1:] - time[:-1]) * (1.0 / 3600.0)
    still = int(np.count_nonzero(hours <= 0.0))
    back = 0
    if still:
        back = int(np.count_nonzero(hours < 0.0))
        np.maximum(hours, 0.0, out=hours)
        extras.time_back += back
        extras.time_stands += still - back
    return hours, back


def _inner(values: Floats, first: Ints, last: Ints) -> Floats:
    """Sum values of intervals, shape (n - 1,), over those inside each stretch."""
    if not values.size:
        return np.zeros(first.size)
    pairs = np.column_stack((first, last)).ravel()
    if pairs[-1] == values.size:
        pairs = pairs[:-1]
    if pairs[-1] == values.size:  # a last stretch of a single row
        pairs = pairs[:-1]
    out = np.zeros(first.size)
    found = np.add.reduceat(values, pairs)[::2]
    out[: found.size] = found
    out[first == last] = 0.0
    return out


def _integrals(
    out: Block, rows: Block, voltage: Floats, hours: Floats, first: Ints, last: Ints,
    before: Ints, threshold: float,
) -> None:  # fmt: skip
    """Integrate by the trapezoid; how far that may be off where nothing else is there."""
    current = rows["current_ampere"]
    flowing = out["sign"] != 0
    enter_hours = np.where(first > 0, hours[before] if hours.size else 0.0, 0.0)

    def gated(values: Floats, by: Floats, sign: int) -> Floats:
        return np.where(sign * by > threshold, sign * values, 0.0)

    inner = _inner((current[1:] + current[:-1]) * hours, first, last)
    out["integral_inner"] = np.where(flowing, 0.5 * np.abs(inner), 0.0)
    now, then = current[first], current[before]
    for name, sign in (("charge", 1), ("discharge", -1)):
        both = gated(now, now, sign) + gated(then, then, sign)
        out[f"integral_enter_{name}"] = 0.5 * both * enter_hours
    out["bound"] = np.zeros(first.size)
    if QUANTITIES[0] not in rows or QUANTITIES[1] not in rows:
        moved = _inner(np.abs(current[1:] - current[:-1]) * hours, first, last)
        edge = sum(
            (np.abs(gated(now, now, s) - gated(then, then, s)) for s in (1, -1)),
            start=np.zeros(first.size),
        )
        out["bound"] = 0.5 * (np.where(flowing, moved, 0.0) + edge * enter_hours)
        _take_integral(out, 0, out["integral_inner"], enter_hours, None)
    if QUANTITIES[2] not in rows or QUANTITIES[3] not in rows:
        power = current * voltage
        energy = _inner((power[1:] + power[:-1]) * hours, first, last)
        here, there = power[first], power[before]
        edges = [0.5 * (gated(here, now, s) + gated(there, then, s)) * enter_hours for s in (1, -1)]
        _take_integral(out, 2, np.where(flowing, 0.5 * np.abs(energy), 0.0), enter_hours, edges)


def _take_integral(
    out: Block, place: int, inner: Floats, enter_hours: Floats, edges: list[Floats] | None
) -> None:
    edges = edges or [out["integral_enter_charge"], out["integral_enter_discharge"]]
    for offset, sign in ((0, 1), (1, -1)):
        name = QUANTITIES[place + offset]
        out[f"inner_{name}"] = np.where(out["sign"] == sign, inner, 0.0)
        out[f"enter_{name}"] = edges[offset]


def _counters(
    out: Block, rows: Block, first: Ints, last: Ints, before: Ints, extras: Extras
) -> Block:
    """Sum the rises of the counters, whatever resets them; return the resets."""
    found: list[Ints] = []
    own = [f"schedule_{name}" for name in QUANTITIES[:2]]
    own = own if all(name in rows for name in own) else list(QUANTITIES[:2])
    for number, name in enumerate(dict.fromkeys((*QUANTITIES, *own))):
        if name not in rows or (number < 4 and f"inner_{name}" in out):
            continue
        raw = rows[name]
        rise = raw[1:] - raw[:-1]
        drops = np.flatnonzero(rise < 0.0) if rise.size and rise.min() < 0.0 else _NONE
        old, new = raw[drops], raw[drops + 1]
        reset = (old > 0.0) & (new < RESET_BELOW * old)
        if number < 4:
            inner, enter = raw[last] - raw[first], raw[first] - raw[before]
            if drops.size:
                lost = np.where(reset, np.maximum(new, 0.0), 0.0) - (new - old)
                of = np.searchsorted(first, drops + 1, side="right") - 1
                entry = first[of] == drops + 1
                np.add.at(enter, of[entry], lost[entry])
                np.add.at(inner, of[~entry], lost[~entry])
            out[f"inner_{name}"], out[f"enter_{name}"] = inner, enter
        if name in own:
            found.append(drops[reset] + 1)
            extras.noise_drops += int(np.count_nonzero(~reset))
            extras.noise_ah += float(np.sum((old - new)[~reset]))
    at = np.unique(np.concatenate(found)) if found else _NONE
    of = np.searchsorted(first, at, side="right") - 1
    entry = first[of] == at
    out["enter_reset"] = np.zeros(first.size, dtype=np.bool_)
    out["enter_reset"][of[entry]] = True
    step = next((rows[name] for name in ("step_count", "step_id") if name in rows), None)
    cycle = rows.get("cycle_count")
    changed = [
        np.zeros(at.size, dtype=np.bool_) if label is None else label[at] != label[at - 1]
        for label in (cycle, step)
    ]
    return {"stretch": of, "at_entry": entry, "new_cycle": changed[0], "new_step": changed[1]}


_NONE: Ints = np.empty(0, dtype=np.intp)


def _held(
    rows: Block, voltage: Floats, sign: npt.NDArray[np.int8], first: Ints, last: Ints,
    integral: Floats, hours: Floats,
) -> Floats:  # fmt: skip
    """Return the Ah of each stretch that flowed while its last voltage was held; 0: none.

    Held: within `CV_VOLT` of the last voltage, while the current fell. Both are found by halving,
    which takes them to change in one direction up to their noise.
    """
    out = np.zeros(first.size)
    current = np.abs(rows["current_ampere"])
    some = np.flatnonzero((sign != 0) & (last - first > 2))
    # the current must have fallen at all: a stretch of constant current holds no voltage
    middle = (first[some] + last[some]) // 2
    largest = np.maximum(current[first[some]], current[middle])
    some = some[current[last[some]] < CV_SHARE * largest]
    if not some.size:
        return out
    end = voltage[last[some]]

    def reached(place: Ints) -> npt.NDArray[np.bool_]:
        near: npt.NDArray[np.bool_] = sign[some] * (end - voltage[place]) <= CV_VOLT
        return near

    start = _halved(first[some], last[some], reached)
    level = CV_SHARE * current[start]

    def fallen(place: Ints) -> npt.NDArray[np.bool_]:
        below: npt.NDArray[np.bool_] = current[place] < level
        return below

    begin = _halved(start, last[some], fallen)
    name = {1: QUANTITIES[0], -1: QUANTITIES[1]}
    held = current[last[some]] < level
    for way in (1, -1):
        chosen = held & (sign[some] == way)
        target, cut = some[chosen], np.maximum(begin[chosen] - 1, first[some[chosen]])
        if name[way] in rows:
            raw = rows[name[way]]
            moved = raw[last[target]] - raw[cut]
        else:
            total = np.concatenate(([0.0], np.cumsum((current[1:] + current[:-1]) * hours)))
            moved = 0.5 * (total[last[target]] - total[cut])
        out[target] = np.maximum(moved, 0.0)
    return out


def _halved(low: Ints, high: Ints, met: Any) -> Ints:
    """Return the first place of each range where `met`, which its last place is taken to be."""
    low, high = low.copy(), high.copy()
    while bool((low < high).any()):
        middle = (low + high) // 2
        yes = met(middle)
        high = np.where(yes & (low < high), middle, high)
        low = np.where(~yes & (low < high), middle + 1, low)
    return low


def _temperature(out: Block, rows: Block, hours: Floats, first: Ints) -> None:
    """Weigh the temperature by time; a row stands for the interval that ends with it."""
    if TEMPERATURE not in rows:
        for name in ("degree_seconds", "temperature_seconds"):
            out[name] = np.zeros(first.size)
        for name in ("temperature_min", "temperature_max"):
            out[name] = np.full(first.size, np.nan)
        return
    degrees = rows[TEMPERATURE].astype(np.float64)
    seconds = 3600.0 * np.concatenate(([0.0], hours))
    known = np.isfinite(degrees)
    weight = np.where(known, seconds, 0.0)
    out["degree_seconds"] = np.add.reduceat(np.where(known, degrees, 0.0) * weight, first)
    out["temperature_seconds"] = np.add.reduceat(weight, first)
    out["temperature_min"] = np.fmin.reduceat(degrees, first)
    out["temperature_max"] = np.fmax.reduceat(degrees, first)
