"""Delimited text of foreign instruments: checked for damage, then parsed a column at a time."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from os import PathLike
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchlab.errors import FileMissing, ForeignDataError

__all__ = ["TextFile", "Wanted", "parse", "parse_times", "read_text", "refuse"]

Floats = npt.NDArray[np.float64]

_BLOCK = 100_000
_HEAD = 1 << 16


@dataclass(frozen=True, slots=True)
class Wanted:
    """A column to be parsed.

    Attributes
    ----------
    index : int
        Its place in the header.
    scale : float
        What its numbers are multiplied with.
    kind : {"measured", "count", "optional"}
        Finite numbers; finite integers from 0 on; numbers that may be empty, which becomes NaN.
    """

    index: int
    scale: float = 1.0
    kind: str = "measured"


@dataclass(slots=True)
class TextFile:
    """A delimited text file with one header line.

    Attributes
    ----------
    lines : list of str
        What follows the header; ``lines[0]`` is line 2 of the file.
    """

    path: Path
    sha256: str
    delimiter: str
    header: list[str]
    lines: list[str] = field(repr=False)
    warnings: list[str] = field(default_factory=list)

    def fields(self, index: int) -> list[str]:
        """Return the fields of one of `lines`."""
        return next(csv.reader([self.lines[index]], delimiter=self.delimiter))


def refuse(path: Path, line: int | None, column: str, what: str, remedy: str) -> ForeignDataError:
    """Return the error that names file, line and field."""
    place = str(path) + (f", line {line}" if line else "")
    return ForeignDataError(what, where=place + (f", {column!r}" if column else ""), remedy=remedy)


def read_text(path: str | PathLike[str], *, head_only: bool = False) -> TextFile:
    """Read a text file and check that it is whole.

    A last line without an end is left out with a warning: nobody can tell whether its last number
    is complete. Lines at the end that hold nothing but delimiters are left out too.

    Parameters
    ----------
    path
        Comma, semicolon or tab delimited; UTF-8 or UTF-16 with a mark, else Latin-1.
    head_only : bool
        Read the header alone.

    Raises
    ------
    benchlab.errors.FileMissing, benchlab.errors.ForeignDataError
    """
    path = Path(path)
    if not path.is_file():
        raise FileMissing(
            "there is no such file.", where=str(path), remedy="Check the name and the folder."
        )
    with open(path, "rb") as file:
        data = file.read(_HEAD) if head_only else file.read()
    if not data:
        raise refuse(path, None, "", "the file is empty.", "Export it from the cycler once more.")
    text = _decode(path, data)
    whole, end, rest = text.rpartition("\n")
    warnings = []
    if rest and end and not head_only:
        number = whole.count("\n") + 2
        warnings.append(
            f"{path.name}: line {number} has no end: the file was cut off or is still being "
            "written; that line is left out"
        )
    if not end:
        raise refuse(
            path,
            1,
            "",
            "the file holds a single line without an end: no header with rows below it.",
            "Export it from the cycler once more.",
        )
    lines = whole.split("\n")
    if whole.endswith("\r"):
        lines = [line.rstrip("\r") for line in lines]
    delimiter = max(",;\t", key=lines[0].count)
    header = [name.strip() for name in next(csv.reader([lines[0]], delimiter=delimiter))]
    body = lines[1:]
    blanks = 0
    while body and not body[-1].strip(delimiter + " \r"):
        body.pop()
        blanks += 1
    if blanks:
        warnings.append(f"{path.name}: {blanks} blank lines at its end are left out")
    return TextFile(path, hashlib.sha256(data).hexdigest(), delimiter, header, body, warnings)


def _decode(path: Path, data: bytes) -> str:
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data[: len(data) // 2 * 2].decode("utf-16", errors="replace")
    if b"\0" in data[:_HEAD]:
        raise refuse(
            path,
            None,
            "",
            "this is no text file.",
            "Known formats: Arbin csv, and csv in the Battery Data Format.",
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def parse(file: TextFile, wanted: Mapping[str, Wanted]) -> dict[str, Floats]:
    """Return columns as float64, shape (rows,).

    Raises
    ------
    benchlab.errors.ForeignDataError
        With line and field: another number of fields than in the header, text where a number
        belongs, a count that is no whole number.
    """
    if not file.lines:
        raise refuse(
            file.path,
            2,
            "",
            "there is a header but no row below it.",
            "Export it from the cycler once more.",
        )
    _check_widths(file)
    names = list(wanted)
    places = [wanted[name].index for name in names]
    blocks = []
    for start in range(0, len(file.lines), _BLOCK):
        block = file.lines[start : start + _BLOCK]
        try:
            blocks.append(_load(_filled(block, file.delimiter), file.delimiter, places))
        except ValueError:
            blocks.append(_load_slowly(file, start, block, wanted))
    table = np.concatenate(blocks)
    columns = {}
    for number, name in enumerate(names):
        values = table[:, number] * wanted[name].scale
        if wanted[name].kind != "optional":
            bad = ~np.isfinite(values)
            expected = "a number"
            if wanted[name].kind == "count":
                bad |= (values < 0.0) | (values != np.floor(values))
                expected = "a whole number from 0 on"
            if bad.any():
                raise _wrong(file, int(np.argmax(bad)), places[number], expected)
        columns[name] = values
    return columns


def parse_times(file: TextFile, place: int, decimals: int) -> npt.NDArray[np.int64]:
    """Return a column of UTC in nanoseconds, exact where float64 is not; 0 where it is empty.

    Parameters
    ----------
    decimals : int
        9 for a column in seconds, 0 for one in nanoseconds.

    Raises
    ------
    benchlab.errors.ForeignDataError
    """
    found = np.zeros(len(file.lines), dtype=np.int64)
    for row, fields in enumerate(csv.reader(file.lines, delimiter=file.delimiter)):
        text = fields[place].strip()
        whole, _, part = text.partition(".")
        try:
            if "_" in text:
                raise ValueError(text)
            if text.lower() in ("", "nan"):
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
        line.replace(empty, nan).replace(empty, nan) + ("nan" if line[-1:] == delimiter else "")
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
    asked = [(item.index, item.kind == "optional") for item in wanted.values()]
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


def _wrong(file: TextFile, row: int, place: int, expected: str) -> ForeignDataError:
    return refuse(
        file.path,
        row + 2,
        file.header[place],
        f"found {file.fields(row)[place]!r}, expected {expected}; nothing was written.",
        "Mend the line in a copy, or export the file once more.",
    )


def _check_widths(file: TextFile) -> None:
    width = len(file.header)
    delimiter = file.delimiter
    if all(line.count(delimiter) == width - 1 for line in file.lines):
        return
    for row, line in enumerate(file.lines):
        if line.count(delimiter) == width - 1 and '"' not in line:
            continue
        found = len(file.fields(row))
        if found != width:
            raise refuse(
                file.path,
                row + 2,
                "",
                f"the line has {found} fields and the header {width}; nothing was written.",
                "Was the file cut, or edited by hand? Export it once more.",
            )


def split_unit(label: str) -> tuple[str, str]:
    """Return ``("charge capacity", "ah")`` for ``Charge_Capacity(Ah)``; a number may follow.

    ``Aux_Temperature_1 (C)`` and ``Aux_Temperature(C)_1`` both give ``aux temperature 1``.
    """
    match = re.fullmatch(r"(.*?)\s*\(([^()]*)\)\s*(.*)", label.strip())
    name, unit, tail = match.groups() if match else (label, "", "")
    words = re.sub(r"[\s_]+", " ", f"{name} {tail}").strip().lower()
    return words, unit.strip().lower()
