"""Columns of numbers out of a file's rows, each wrong field named with its line."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchlab.errors import ForeignDataError
from benchlab_analysis.importers.text import TextFile, refuse

__all__ = ["ArrayFile", "Source", "Wanted", "parse", "parse_times"]

Floats = npt.NDArray[np.float64]

_BLOCK = 100_000


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column to be parsed.

    Attributes
    ----------
    index : int
        Its place in the header.
    scale : float
        What its numbers are multiplied with.
    kind : {"measured", "count", "value", "optional"}
        Finite numbers; finite integers from 0 on; numbers or NaN, never infinite; numbers that
        may be empty, which becomes NaN.
    """

    index: int
    scale: float = 1.0
    kind: str = "measured"


@dataclass(slots=True)
class ArrayFile:
    """A binary file whose rows somebody's reader has turned into arrays, with a TextFile's face."""

    path: Path
    sha256: str
    header: list[str]
    arrays: list[npt.NDArray[np.generic]] = field(repr=False)
    form: str = ""
    warnings: list[str] = field(default_factory=list)
    dropped: dict[str, int] = field(default_factory=dict)
    facts: dict[str, object] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.arrays[0]) if self.arrays else 0

    def line(self, row: int) -> int:
        """Return the number of a row, counted from 1."""
        return row + 1

    def where(self, row: int) -> str:
        """Return the path and the number of a row."""
        return f"{self.path}, row {row + 1}"

    def fields(self, row: int) -> list[str]:
        """Return a row as text."""
        return [str(values[row]) for values in self.arrays]

    def texts(self, place: int) -> list[str]:
        """Return a column as text, shape (rows,)."""
        return [str(value) for value in self.arrays[place].tolist()]


Source = TextFile | ArrayFile


def parse(file: Source, wanted: Mapping[str, Wanted]) -> dict[str, Floats]:
    """Return columns as float64, shape (rows,).

    Raises
    ------
    benchlab.errors.ForeignDataError
        With line and field: another number of fields than in the header, text where a number
        belongs, a count that is no whole number.
    """
    if not len(file):
        raise refuse(
            file.path,
            None,
            "",
            "there is a header but no row below it.",
            "Export it from the cycler once more.",
        )
    columns = {}
    table = _table(file, wanted)
    for number, (name, item) in enumerate(wanted.items()):
        values = table[:, number] * item.scale
        if item.kind != "optional":
            bad = np.isinf(values) if item.kind == "value" else ~np.isfinite(values)
            expected = "a number"
            if item.kind == "count":
                bad |= (values < 0.0) | (values != np.floor(values)) | (values > 2**53)
                expected = "a whole number from 0 on"
            if bad.any():
                raise _wrong(file, int(np.argmax(bad)), item.index, expected)
        columns[name] = values
    return columns


def _table(file: Source, wanted: Mapping[str, Wanted]) -> Floats:
    if isinstance(file, ArrayFile):
        table = np.empty((len(file), len(wanted)))
        for number, item in enumerate(wanted.values()):
            try:
                table[:, number] = file.arrays[item.index].astype(np.float64)
            except (TypeError, ValueError):
                raise _wrong(file, 0, item.index, "a number") from None
        return table
    _check_widths(file)
    places = [item.index for item in wanted.values()]
    blocks = []
    for start in range(0, len(file.lines), _BLOCK):
        block = file.lines[start : start + _BLOCK]
        try:
            blocks.append(_load(_filled(block, file.delimiter), file.delimiter, places))
        except ValueError:
            blocks.append(_load_slowly(file, start, block, wanted))
    return np.concatenate(blocks)


def parse_times(file: Source, place: int, decimals: int) -> npt.NDArray[np.int64]:
    """Return a column of UTC in nanoseconds, exact where float64 is not; 0 where it is empty.

    Parameters
    ----------
    decimals : int
        9 for a column in seconds, 0 for one in nanoseconds.

    Raises
    ------
    benchlab.errors.ForeignDataError
    """
    if isinstance(file, ArrayFile):
        values = file.arrays[place]
        if values.dtype.kind in "iu":
            return np.asarray(values.astype(np.int64) * 10**decimals, dtype=np.int64)
        if values.dtype.kind == "f":  # microseconds are what a float64 holds of a date
            seconds = np.nan_to_num(values.astype(np.float64))
            if not np.isfinite(seconds).all() or bool((np.abs(seconds) > 9e9).any()):
                raise _wrong(file, int(np.argmax(np.abs(seconds))), place, "a time")
            microseconds = np.rint(seconds * 10.0 ** (decimals - 3))
            return np.asarray(1000 * microseconds.astype(np.int64), dtype=np.int64)
    found = np.zeros(len(file), dtype=np.int64)
    for row, text in enumerate(file.texts(place)):
        whole, _, part = text.partition(".")
        try:
            if "_" in text:
                raise ValueError(text)
            if text.lower() in ("", "nan", "none"):
                continue
            plain = whole.lstrip("+-").isdecimal() and part.isdecimal() == bool(part)
            if plain and len(part) <= decimals:
                found[row] = int(whole + part.ljust(decimals, "0"))
            else:
                # more digits than a clock has, or an exponent: the print of a float64
                found[row] = round(float(text) * 10.0**decimals / 1000.0) * 1000
        except (ValueError, OverflowError):
            raise _wrong(file, row, place, "a time") from None
    return found


def _filled(lines: Sequence[str], delimiter: str) -> list[str]:
    """Return lines in which an empty field says so, for a parser that takes numbers only."""
    empty, nan = 2 * delimiter, f"{delimiter}nan{delimiter}"
    return [
        ("nan" if line[:1] == delimiter else "")
        + (line.replace(empty, nan).replace(empty, nan) if empty in line else line)
        + ("nan" if line[-1:] == delimiter else "")
        for line in lines
    ]


def _load(lines: Sequence[str], delimiter: str, places: Sequence[int]) -> Floats:
    return np.loadtxt(
        lines,
        dtype=np.float64,
        delimiter=delimiter,
        comments=None,
        usecols=places,
        quotechar='"',
        ndmin=2,
    )


def _load_slowly(
    file: TextFile, start: int, lines: Sequence[str], wanted: Mapping[str, Wanted]
) -> Floats:
    """Parse field by field: optional ones may be empty, and the wrong one is found by name."""
    table = np.empty((len(lines), len(wanted)))
    asked = [(item.index, item.kind in ("optional", "value")) for item in wanted.values()]
    for row, fields in enumerate(csv.reader(lines, delimiter=file.delimiter)):
        for number, (place, optional) in enumerate(asked):
            text = fields[place].strip()
            try:
                if "_" in text:
                    raise ValueError(text)
                table[row, number] = np.nan if optional and not text else float(text)
            except ValueError:
                raise _wrong(file, start + row, place, "a number") from None
    return table


def _wrong(file: Source, row: int, place: int, expected: str) -> ForeignDataError:
    return refuse(
        file.path,
        file.line(row),
        file.header[place],
        f"found {file.fields(row)[place]!r}, expected {expected}; nothing was written.",
        "Mend the line in a copy, or export the file once more.",
    )


def _check_widths(file: TextFile) -> None:
    width = len(file.header)
    delimiter = file.delimiter
    for row, line in enumerate(file.lines):
        if line.count(delimiter) == width - 1 and ('"' not in line or _plainly(line, delimiter)):
            continue
        try:
            found = len(file.fields(row))
        except (csv.Error, StopIteration):
            found = -1
        if found != width or line.count('"') % 2:
            raise refuse(
                file.path,
                file.line(row),
                "",
                f"the line has {max(found, 0)} fields and the header {width}; nothing was written.",
                "Was the file cut, or edited by hand? Export it once more.",
            )


def _plainly(line: str, delimiter: str) -> bool:
    """Return whether quotes come in pairs and hold no delimiter."""
    between = line.split('"')
    return len(between) % 2 == 1 and not any(delimiter in text for text in between[1::2])
