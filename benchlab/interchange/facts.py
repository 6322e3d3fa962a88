"""A unicycler document as a flat table of facts, so that two of them can be compared by name."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping

from benchlab.interchange.document import Document
from benchlab.interchange.loops import resolved

__all__ = ["Fact", "differences", "facts"]

Fact = float | str | bool | int
_SAME = 1e-14
"""Relative: amperes and milliamperes differ by a rounding or two."""


def facts(document: Document) -> dict[str, Fact]:
    """Return what a document states: ``safety.max_voltage_V``, ``method[3].rate_C``, ``tag.life``.

    Steps are counted from 1 without tags, as a cycler sees them.
    """
    flat = resolved(document)
    found: dict[str, Fact] = {}
    for name in ("sample", "record", "safety"):
        for key, value in getattr(document, name).model_dump(exclude_none=True).items():
            found[f"{name}.{key}"] = value
    for number, step in enumerate(flat.method, 1):
        for key, value in step.model_dump(exclude_none=True).items():
            found[f"method[{number}].{key}"] = value
    for tag, number in flat.tags:
        found[f"tag.{tag}"] = number
    return found


def differences(
    wanted: Mapping[str, Fact],
    found: Mapping[str, Fact],
    excused: Collection[str] = (),
    absolute: Mapping[str, float] | None = None,
) -> list[str]:
    """Return in words what of `wanted` is missing or different, and what was never wanted.

    Parameters
    ----------
    excused : collection of str
        Facts that may be missing or different.
    absolute : mapping of str to float, optional
        How far a number may be off, by the last part of its name.
    """
    words = []
    for key, value in wanted.items():
        if key in excused:
            continue
        if key not in found:
            words.append(f"{key} = {value} is missing")
        elif not _same(value, found[key], (absolute or {}).get(key.rpartition(".")[2], 0.0)):
            words.append(f"{key} is {found[key]} in place of {value}")
    words += [
        f"{key} = {value} was never asked for"
        for key, value in found.items()
        if key not in wanted and key not in excused
    ]
    return words


def _same(one: Fact, other: Fact, absolute: float) -> bool:
    if isinstance(one, str) or isinstance(other, str):
        return one == other
    return math.isclose(one, other, rel_tol=_SAME, abs_tol=absolute)
