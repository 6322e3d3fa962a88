"""Several files of one test made one: order, overlap, restarted clocks, gaps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from benchlab.errors import ForeignDataError
from benchlab_analysis.importers.dates import start_of
from benchlab_analysis.importers.layout import Columns, Part

__all__ = ["Joined", "join"]

GAP_FACTOR = 10.0
"""A joint this many times longer than the usual interval of rows is a gap."""

DATE_TOLERANCE_SECOND = 2.0


@dataclass(slots=True)
class Joined:
    """The rows of one test.

    Attributes
    ----------
    starts : list of int
        The first row of each file but the first where its clock, and maybe its counters, began
        anew.
    gaps : list of dict
        ``test_time_second`` and ``text`` of each.
    """

    parts: list[Part]
    columns: Columns
    source: npt.NDArray[np.intp] = field(repr=False)
    row: npt.NDArray[np.intp] = field(repr=False)
    starts: list[int] = field(default_factory=list)
    gaps: list[dict[str, Any]] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    duplicates: int = 0

    def where(self, row: int) -> str:
        """Return the file and line of a row."""
        return self.parts[int(self.source[row])].file.where(int(self.row[row]))


def join(parts: Sequence[Part]) -> Joined:
    """Join the files of one test, whatever order they are given in.

    Raises
    ------
    benchlab.errors.ForeignDataError
        Time runs backwards in a file, a file is there twice, or two files overlap with rows that
        are not the same.
    """
    for part in parts:
        back = np.flatnonzero(np.diff(part.columns["test_time_second"]) < 0.0)
        if back.size:
            raise ForeignDataError(
                "the test time runs backwards; nothing was written.",
                where=part.file.where(int(back[0]) + 1),
                remedy="Several channels or tests in one file, or a restart in it? Export one "
                "channel a file, and each restart as a file of its own.",
            )
    seen: dict[str, str] = {}
    for part in parts:
        key = part.file.sha256 + str(len(part.file)) + str(part.columns["test_time_second"][0])
        if key in seen and len(parts) > 1:
            raise ForeignDataError(
                f"it holds the same as {seen[key]}; nothing was written.",
                where=str(part.file.path),
                remedy="Name each file once.",
            )
        seen[key] = part.file.path.name
    warnings: list[str] = []
    shared = [name for name in parts[0].columns if all(name in part.columns for part in parts)]
    extra = {name for part in parts for name in part.columns} - set(shared)
    if extra:
        warnings.append(f"not in every file and left out: {', '.join(sorted(extra))}")
    ordered = sorted(parts, key=lambda part: float(part.columns["test_time_second"][0]))
    kept = _by_test_time(ordered)
    shifts = [0.0] * len(parts)
    known = [True] * len(parts)
    if kept is None:
        ordered, shifts, known = _by_date(parts, warnings)
        kept = [np.arange(len(part.columns["test_time_second"])) for part in ordered]
    return _concatenate(ordered, kept, shifts, known, shared, warnings)


def _by_test_time(ordered: list[Part]) -> list[npt.NDArray[np.intp]] | None:
    """Return the rows of each file that are new, or None where the test times do not go on."""
    kept = [np.arange(len(ordered[0].columns["test_time_second"]))]
    for before, after in pairwise(ordered):
        old, new = before.columns, after.columns
        time = new["test_time_second"]
        if time[0] >= old["test_time_second"][-1]:
            kept.append(np.arange(len(time)))
            continue
        overlap = int(np.searchsorted(time, old["test_time_second"][-1], side="right"))
        first = int(np.searchsorted(old["test_time_second"], time[0], side="left"))
        names = ("test_time_second", "voltage_volt", "current_ampere")
        same = overlap == len(old["test_time_second"]) - first and all(
            np.array_equal(new[name][:overlap], old[name][first:], equal_nan=True) for name in names
        )
        if not same or overlap == len(time):
            return None
        kept.append(np.arange(overlap, len(time)))
    return kept


def _start(part: Part) -> float | None:
    """Return the absolute time of the first row in seconds, of whatever clock."""
    unix = part.columns.get("unix_time_nanosecond")
    if unix is not None and unix[0]:
        return float(unix[0]) / 1e9
    if part.dates is None:
        return None
    time = part.columns["test_time_second"]
    local, _ = start_of(*part.dates, float(time[-1] - time[0]))
    if local is None:
        return None
    return (local - local.min.replace(year=1970)).total_seconds()


def _by_date(
    parts: Sequence[Part], warnings: list[str]
) -> tuple[list[Part], list[float], list[bool]]:
    """Return files whose clocks restart in order, what to add to each, whether that is known."""
    starts = [_start(part) for part in parts]
    dated = all(start is not None for start in starts)
    order = (
        sorted(range(len(parts)), key=lambda i: starts[i] or 0.0) if dated else range(len(parts))
    )
    ordered = [parts[i] for i in order]
    begun = [starts[i] for i in order]
    shifts, known = [0.0], [True]
    for number in range(1, len(ordered)):
        before, after = ordered[number - 1], ordered[number]
        old, new = before.columns["test_time_second"], after.columns["test_time_second"]
        end = float(old[-1]) + shifts[-1]
        a, b = begun[number - 1], begun[number]
        if a is not None and b is not None and dated:
            shift = (b - a) + float(old[0]) + shifts[-1] - float(new[0])
            begins = float(new[0]) + shift
            if end - DATE_TOLERANCE_SECOND <= begins < end:
                shift += end - begins
            known.append(True)
        else:
            usual = float(np.median(np.diff(old))) if len(old) > 1 else 0.0
            shift = end + usual - float(new[0])
            begins = end if float(new[0]) <= 2.0 * usual + 1.0 else float(new[0]) + shifts[-1]
            known.append(False)
        if begins < end - DATE_TOLERANCE_SECOND:
            raise ForeignDataError(
                f"it begins at {begins:.3f} s, before {before.file.path.name} ends ({end:.3f} s), "
                "and the rows in between are not the same; nothing was written.",
                where=str(after.file.path),
                remedy="Files of one test follow each other; import other runs one by one.",
            )
        shifts.append(shift)
    if not dated:
        warnings.append(
            "the test time begins anew in the later files and they carry no dates: they are joined "
            "in the order they were given in, and HOW LONG THE GAPS WERE IS NOT KNOWN"
        )
    else:
        warnings.append(
            "the test time begins anew in the later files: they are put in order by their dates"
        )
    return ordered, shifts, known


def _concatenate(
    ordered: list[Part],
    kept: list[npt.NDArray[np.intp]],
    shifts: list[float],
    known: list[bool],
    shared: list[str],
    warnings: list[str],
) -> Joined:
    pieces: dict[str, list[npt.NDArray[Any]]] = {name: [] for name in shared}
    joined = Joined(
        ordered,
        {},
        np.concatenate([np.full(len(rows), i) for i, rows in enumerate(kept)]),
        np.concatenate(kept),
        warnings=warnings,
    )
    count = 0
    for number, (part, rows, shift) in enumerate(zip(ordered, kept, shifts, strict=True)):
        new = {name: part.columns[name][rows] for name in shared}
        new["test_time_second"] = new["test_time_second"] + shift
        dropped = len(part.columns["test_time_second"]) - len(rows)
        if dropped:
            joined.duplicates += dropped
            warnings.append(
                f"{part.file.path.name}: its first {dropped} rows are the last ones of "
                f"{ordered[number - 1].file.path.name} and are left out"
            )
        if number and shift != shifts[number - 1]:
            joined.starts.append(count)
            for name in ("cycle_count", "step_count"):
                if name in new and new[name][0] < pieces[name][-1][-1]:
                    offset = pieces[name][-1][-1] + 1 - new[name][0]
                    new[name] = new[name] + offset
                    warnings.append(
                        f"{part.file.path.name}: its {name} begins anew; {offset:.0f} were added"
                    )
        if number:
            last = {name: values[-1][-1] for name, values in pieces.items()}
            _gap(joined, part, last, new, pieces["test_time_second"], known[number])
        for name, values in new.items():
            pieces[name].append(values)
        count += len(rows)
    joined.columns = {name: np.concatenate(values) for name, values in pieces.items()}
    return joined


def _gap(
    joined: Joined,
    part: Part,
    last: dict[str, Any],
    new: Columns,
    times: list[npt.NDArray[Any]],
    known: bool,
) -> None:
    start, end = float(last["test_time_second"]), float(new["test_time_second"][0])
    steps = np.diff(times[-1])
    usual = float(np.median(steps)) if steps.size else 0.0
    if known and end - start <= GAP_FACTOR * usual:
        return
    length = f"{end - start:.3f} s" if known else "of unknown length"
    joined.gaps.append(
        {
            "test_time_second": start,
            "text": f"gap {length} before {part.file.path.name}: "
            f"{float(last['current_ampere']):.6g} A and {float(last['voltage_volt']):.6g} V before "
            f"it, {float(new['current_ampere'][0]):.6g} A and "
            f"{float(new['voltage_volt'][0]):.6g} V after it; what flowed in it is in no row",
        }
    )
