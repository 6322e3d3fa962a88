"""What a document holds that single targets may not carry: each check names its item.

Whether it is a loss is said by the table alone; the checks only find what is there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from benchlab.interchange.document import (
    ConstantCurrent,
    ConstantVoltage,
    Document,
    Impedance,
    Loop,
    Scan,
)
from benchlab.interchange.facts import facts
from benchlab.interchange.loops import Resolved, resolved
from benchlab.interchange.report import Report

__all__ = ["BIOLOGIC_RANGES", "as_written", "find", "voltages", "written"]

MOST_STEPS = 10_000
BIOLOGIC_RANGES = ((0.0, 5.0), (-5.0, 5.0), (0.0, 10.0), (-10.0, 10.0))
"""Voltage ranges that are written, the smallest that holds every voltage of the protocol."""
_RANGES = {"tomato": ((-5.0, 5.0),), "biologic": BIOLOGIC_RANGES}
_COARSE = 1e-4
_ENCODINGS = {"biologic": "cp1252"}
_CELL_WORDS = ("rate_C", "until_rate_C")


@dataclass(frozen=True, slots=True)
class _Found:
    """An item, the step's number where it belongs to one (from 1), and the facts it takes away."""

    item: str
    number: int
    text: str
    takes: tuple[str, ...] = ()


def find(
    document: Document,
    target: str,
    report: Report,
    origins: tuple[str, ...],
    heads: Mapping[str, str] | None = None,
) -> None:
    """Add to a report what of a document a target does not carry.

    Parameters
    ----------
    origins : tuple of str
        File, line and field of each step of the method.
    heads : mapping of str to str, optional
        The same for sample, record and safety.
    """
    flat = resolved(document)
    for check in _CHECKS:
        for found in check(document, flat, target):
            part = found.takes[0].partition(".")[0] if found.takes else "sample"
            where = (heads or {}).get(part, report.source)
            if found.number:
                where = origins[flat.places[found.number - 1]]
            report.add(found.item, where, found.text, *found.takes)


def _head(document: Document, flat: Resolved, target: str) -> Iterator[_Found]:
    sample, safety, record = document.sample, document.safety, document.record
    yield _Found("sample-name", 0, sample.name, ("sample.name",))
    try:
        sample.name.encode(_ENCODINGS.get(target, "utf-8"))
        fits = sample.name != "$NAME"
    except UnicodeEncodeError:
        fits = False
    if not fits:
        yield _Found("placeholder-name", 0, sample.name)
    if sample.capacity_mAh is not None:
        yield _Found("capacity", 0, f"{sample.capacity_mAh:g} mAh", ("sample.capacity_mAh",))
    elif any(getattr(step, word, None) for step in flat.method for word in _CELL_WORDS):
        yield _Found("no-capacity", 0, "C-rates without sample.capacity_mAh")
    for key, item, zero in (
        ("max_voltage_V", "voltage-limits", ""),
        ("min_voltage_V", "voltage-limits", ""),
        ("max_current_mA", "current-limits", "zero-current-limit"),
        ("min_current_mA", "current-limits", "zero-current-limit"),
        ("max_capacity_mAh", "charge-limit", "zero-charge-limit"),
        ("delay_s", "must-last", "zero-delay"),
    ):
        value = getattr(safety, key)
        if value is not None:
            yield _Found(item, 0, f"{key}: {value:g}", (f"safety.{key}",))
            if value == 0.0 and zero:
                yield _Found(zero, 0, f"{key}: 0", (f"safety.{key}",))
    both = [safety.min_current_mA, safety.max_current_mA]
    if both.count(None) == 1 or (both[0] or 0.0) + (both[1] or 0.0):
        keys = ("safety.max_current_mA", "safety.min_current_mA")
        text = f"{safety.min_current_mA} to {safety.max_current_mA} mA"
        yield _Found("one-current-limit", 0, text, keys)
    if safety.delay_s is not None and safety.delay_s > 1.0:
        yield _Found("must-last-above-1-s", 0, f"{safety.delay_s:g} s", ("safety.delay_s",))
    for key, item in (
        ("time_s", "record-time"),
        ("voltage_V", "record-voltage-change"),
        ("current_mA", "record-current-change"),
    ):
        value = getattr(record, key)
        if value is not None:
            yield _Found(item, 0, f"{key}: {value:g}", (f"record.{key}",))


def _names(document: Document, flat: Resolved, target: str) -> Iterator[_Found]:
    for number, step in enumerate(flat.method, 1):
        if step.id is not None:
            yield _Found("step-label", number, step.id, (f"method[{number}].id",))
    for tag, number in flat.tags:
        yield _Found("phase", min(number, len(flat.method)), tag, (f"tag.{tag}",))


def _steps(document: Document, flat: Resolved, target: str) -> Iterator[_Found]:
    alone = all(isinstance(step, Impedance | Loop) for step in flat.method)
    own = ("record.time_s", "record.voltage_V", "record.current_mA") if alone else ()
    for number, step in enumerate(flat.method, 1):
        at = f"method[{number}]"
        if isinstance(step, Scan):
            yield _Found("scan", number, "")
        elif isinstance(step, Impedance):
            yield _Found("spectrum", number, "")
            yield _Found("record-in-spectra", number, "", own)
            if min(step.start_frequency_Hz, step.end_frequency_Hz) < 1e-3:
                yield _Found("frequency-below-1-mHz", number, "")
        elif isinstance(step, Loop):
            yield _Found("repeat", number, f"{step.cycle_count} times")
        elif isinstance(step, ConstantCurrent) and step.until_voltage_V == 0.0:
            yield _Found("zero-voltage-end", number, "0 V", (f"{at}.until_voltage_V",))
        elif isinstance(step, ConstantVoltage):
            cutoff = step.until_rate_C or step.until_current_mA or 0.0
            if step.until_current_mA and not step.until_rate_C:
                key = f"{at}.until_current_mA"
                yield _Found("cutoff-in-amperes", number, f"{cutoff:g} mA", (key,))
            if cutoff < 0.0:
                yield _Found("negative-cutoff", number, f"{cutoff:g}")


def _ranges(document: Document, flat: Resolved, target: str) -> Iterator[_Found]:
    for number, step in enumerate(flat.method, 1):
        ampere = _milliampere(step, document.sample.capacity_mAh)
        if ampere > 10.0:
            yield _Found("current-above-10-mA", number, f"{ampere:g} mA")
        if ampere > 1000.0:
            yield _Found("current-above-1-A", number, f"{ampere:g} mA")
        low, high = _RANGES.get(target, ((-math.inf, math.inf),))[-1]
        outside = [volt for volt in _voltages(step) if not low <= volt <= high]
        if outside:
            yield _Found("voltage-range", number, f"{outside[0]:g} V")


def _milliampere(step: object, capacity: float | None) -> float:
    """Return the largest current that a step sets, in mA; a spectrum needs twice its amplitude."""
    if isinstance(step, ConstantCurrent):
        by_rate = abs(step.rate_C or 0.0) * (capacity or 0.0)
        return by_rate or abs(step.current_mA or 0.0)
    if isinstance(step, Impedance):
        return 2.0 * abs(step.amplitude_mA or 0.0)
    return 0.0


def _voltages(step: object) -> list[float]:
    keys = ("until_voltage_V", "voltage_V", "start_voltage_V", "end_voltage_V")
    found = [getattr(step, key, None) for key in keys]
    return [volt for volt in found if isinstance(volt, float)]


def voltages(document: Document) -> list[float]:
    """Return every voltage that the steps and limits of a document name."""
    limits = (document.safety.min_voltage_V, document.safety.max_voltage_V)
    own = [volt for volt in limits if volt is not None]
    return own + [volt for step in document.method for volt in _voltages(step)]


def _sizes(document: Document, flat: Resolved, target: str) -> Iterator[_Found]:
    visits = [1.0] * len(flat.method)
    for number, step in enumerate(flat.method, 1):
        if isinstance(step, Loop) and isinstance(step.loop_to, int):
            for place in range(step.loop_to - 1, number):
                visits[place] *= step.cycle_count
    if sum(visits) > MOST_STEPS:
        yield _Found("too-many-steps", 0, f"{sum(visits):g} steps")


def _roundings(document: Document, flat: Resolved, target: str) -> Iterator[_Found]:
    for key, value in as_written(document, target).items():
        kept = written(target, key, value)
        if isinstance(value, str) or kept == value:
            continue
        change = abs(abs(float(kept)) - abs(value)) / abs(value)
        if change <= 1e-14:
            continue
        number = int(key[7 : key.index("]")]) if key.startswith("method[") else 0
        item = "coarse-rounding" if change > _COARSE else "fine-rounding"
        part = () if number else (key,)
        text = f"{key} = {value:.10g} becomes {float(kept):.10g}"
        yield _Found(item, number, text, part)


def as_written(document: Document, target: str) -> dict[str, float | str]:
    """Return the facts of a document in the quantities of a target: amperes where it has no rates.

    Neware's file holds both.
    """
    found = facts(document)
    capacity = document.sample.capacity_mAh
    if target == "biologic":
        found.setdefault("safety.delay_s", 0.0)  # it has no limits without a delay
    if target not in ("neware", "biologic") or capacity is None:
        return found
    for key, value in list(found.items()):
        if key.endswith("rate_C") and isinstance(value, float):
            found[key.replace("rate_C", "current_mA")] = value * capacity
            if target == "biologic":
                del found[key]
    return found


def written(target: str, key: str, value: float | str) -> float | str:
    """Return a fact as a target's file writes it, with its decimals."""
    last = key.rpartition(".")[2]
    decimals = _DECIMALS.get(target, {}).get(last)
    if decimals is None or isinstance(value, str):
        return value
    if target == "biologic" and last == "until_current_mA":
        value = abs(value)  # its cut-offs are magnitudes
    scale, digits = decimals(value) if callable(decimals) else decimals
    if target == "biologic" and key.startswith(("safety.", "record.")):
        scale, digits = 1.0, 5 if key.startswith("safety.") else 3
    return float(f"{value * scale:.{digits}f}") / scale


def _micro(value: float) -> tuple[float, int]:
    return (1.0, 3) if abs(value) >= 1.0 else (1e3, 3)


def _capacity(value: float) -> tuple[float, int]:
    return (1e-3, 3) if value >= 1e3 else _micro(value)


def _hertz(value: float) -> tuple[float, int]:
    return (1e-3, 3) if value >= 1e3 else (1.0, 3) if value >= 1.0 else (1e3, 3)


def _amplitude_volt(value: float) -> tuple[float, int]:
    return (1.0, 3) if value >= 1.0 else (1e3, 3) if value >= 1e-3 else (1e6, 3)


_Decimals = tuple[float, int] | Callable[[float], tuple[float, int]]
_DECIMALS: dict[str, dict[str, _Decimals]] = {
    "neware": {
        **dict.fromkeys(("rate_C", "current_mA", "until_rate_C", "until_current_mA"), (1.0, 6)),
        **dict.fromkeys(("max_current_mA", "min_current_mA"), (1.0, 6)),
        **dict.fromkeys(("until_voltage_V", "max_voltage_V", "min_voltage_V"), (1e4, 6)),
        "voltage_V": (1e4, 6),
        **dict.fromkeys(("until_time_s", "time_s", "delay_s"), (1e3, 6)),
        **dict.fromkeys(("capacity_mAh", "max_capacity_mAh"), (3600.0, 6)),
    },
    "biologic": {
        "current_mA": _micro,
        "amplitude_mA": _micro,
        "amplitude_V": _amplitude_volt,
        **dict.fromkeys(("start_frequency_Hz", "end_frequency_Hz"), _hertz),
        **dict.fromkeys(("until_current_mA", "max_current_mA", "min_current_mA"), (1.0, 3)),
        **dict.fromkeys(
            ("until_voltage_V", "voltage_V", "max_voltage_V", "min_voltage_V"), (1.0, 3)
        ),
        **dict.fromkeys(("until_time_s", "time_s"), (1.0, 3)),
        "capacity_mAh": _capacity,
    },
}
"""Scale and decimals with which a target's file writes a number."""
_CHECKS = (_head, _names, _steps, _ranges, _sizes, _roundings)
