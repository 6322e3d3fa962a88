"""From a cycler's labels to our columns: the part that every format shares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab_analysis.importers.parse import Source, Wanted
from benchlab_analysis.importers.text import refuse
from benchlab_analysis.importers.units import SCALES, split_unit

__all__ = ["Columns", "Layout", "Part", "durations", "pick"]

Columns = dict[str, npt.NDArray[Any]]


@dataclass(frozen=True, slots=True)
class Layout:
    """What a format calls its columns.

    Attributes
    ----------
    names
        Words of a label in lower case, to our column and its kind; of several labels for one
        column the first in this order is taken.
    required
        Columns without which nothing can be converted.
    ignored
        Labels that are used in another way, or hold nothing of their own.
    split
        Takes words and unit of a label apart.
    """

    names: Mapping[str, tuple[str, str]]
    required: Sequence[str]
    ignored: frozenset[str] = frozenset()
    split: Callable[[str], tuple[str, str]] = split_unit


@dataclass(slots=True)
class Part:
    """One file, converted.

    Attributes
    ----------
    dates : tuple of str, or None
        The local date of its first and of its last row, as the file writes them.
    notes : list of str
        What was settled for this file alone.
    """

    file: Source
    columns: Columns
    dates: tuple[str, str] | None = None
    notes: list[str] = field(default_factory=list)


def pick(file: Source, layout: Layout, left_out: list[str]) -> dict[str, Wanted]:
    """Return where each of our columns stands in a file, with its scale.

    Raises
    ------
    benchlab.errors.ForeignDataError
        A column is missing or there twice, or its unit is not known.
    """
    places: dict[str, int] = {}
    units: dict[str, str] = {}
    head = None if not hasattr(file, "first_line") else file.first_line - 1
    for index, label in enumerate(file.header):
        name, unit = layout.split(label)
        if name in places and name in layout.names:
            raise refuse(
                file.path, head, label, "the column is there twice.", "Export the file once more."
            )
        if name not in places:
            places[name], units[name] = index, unit
    wanted: dict[str, Wanted] = {}
    for name, (column, kind) in layout.names.items():
        if name not in places or column in wanted:
            continue
        label = file.header[places[name]]
        if units[name] not in SCALES:
            raise refuse(
                file.path,
                head,
                label,
                f"the unit {units[name]!r} is not known.",
                "Export it in s, A, V, Ah, Wh.",
            )
        wanted[column] = Wanted(places[name], SCALES[units[name]], kind)
    missing = [column for column in layout.required if column not in wanted]
    if missing:
        asked = [next(n for n, (c, _) in layout.names.items() if c == column) for column in missing]
        raise refuse(
            file.path,
            head,
            asked[0],
            f"the header has no column for {' and '.join(asked)}.",
            f"Found: {', '.join(file.header)[:500]}. Export every column.",
        )
    used = {item.index for item in wanted.values()}
    for name, place in places.items():
        if place not in used and name and name not in layout.ignored:
            left_out.append(file.header[place])
    return wanted


def durations(file: Source, place: int) -> npt.NDArray[np.float64]:
    """Return a column of durations in seconds: a number, ``h:m:s``, ``d-h:m:s``, ``1d 02:03:04.5``.

    Raises
    ------
    benchlab.errors.ForeignDataError
    """
    found = np.empty(len(file))
    for row, text in enumerate(file.texts(place)):
        try:
            found[row] = _seconds(text)
            if not np.isfinite(found[row]):
                raise ValueError(text)
        except ValueError:
            raise refuse(
                file.path,
                file.line(row),
                file.header[place],
                f"found {text!r}, expected a time; nothing was written.",
                "Mend the line in a copy, or export the file once more.",
            ) from None
    return found


def _seconds(text: str) -> float:
    if "_" in text:
        raise ValueError(text)
    if ":" not in text:
        return float(text)
    days = 0.0
    clock = text.strip()
    for mark in ("d", "-", " "):
        head, found, tail = clock.partition(mark)
        if found and head.strip():
            days, clock = float(head), tail.strip()
            break
    seconds = 0.0
    parts = clock.split(":")
    if len(parts) > 3:
        raise ValueError(text)
    for part in parts:
        seconds = seconds * 60.0 + float(part)
    return days * 86400.0 + seconds * (60.0 if len(parts) == 2 else 1.0)
