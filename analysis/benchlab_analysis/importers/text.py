"""Delimited text: its header found, decimals settled, what is no row left out."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt

from benchlab.errors import ForeignDataError

__all__ = ["TextFile", "decode", "read_text", "refuse", "tidy"]

_HEADER_LINES = 300
_FOOTER_LINES = 100
_QUOTED = 60

_COMMA = re.compile(r"[-+]?\d+,\d+([eE][-+]?\d+)?")
_POINT = re.compile(r"[-+]?\d*\.\d+([eE][-+]?\d+)?")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(,\d{3})+(\.\d+)?")

Recogniser = Callable[[Sequence[str]], bool]


@dataclass(slots=True)
class TextFile:
    """A delimited text file with one header line.

    Attributes
    ----------
    lines : list of str
        The rows below the header; blank lines and notes at the end are not among them.
    preamble : list of str
        The lines above the header.
    first_line : int
        The line number of ``lines[0]``, counted from 1.
    numbers : ndarray of int, or None
        The line number of each row, where blank lines were left out between them.
    form : str
        ``csv``, ``txt``, ``xlsx``, ``res``: what was opened.
    dropped : dict of str to int
        How many ``blank rows``, ``footer lines`` and ``lines without end`` were left out.
    """

    path: Path
    sha256: str
    delimiter: str
    header: list[str]
    lines: list[str] = field(repr=False)
    warnings: list[str] = field(default_factory=list)
    preamble: list[str] = field(default_factory=list, repr=False)
    first_line: int = 2
    numbers: npt.NDArray[np.intp] | None = field(default=None, repr=False)
    form: str = "csv"
    dropped: dict[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.lines)

    def line(self, row: int) -> int:
        """Return the line number of a row."""
        return self.first_line + row if self.numbers is None else int(self.numbers[row])

    def where(self, row: int) -> str:
        """Return the path and the line of a row."""
        return f"{self.path}, line {self.line(row)}"

    def fields(self, row: int) -> list[str]:
        """Return the fields of one of `lines`."""
        return next(csv.reader([self.lines[row]], delimiter=self.delimiter))

    def texts(self, place: int) -> list[str]:
        """Return a column as text, shape (rows,)."""
        return [row[place].strip() for row in csv.reader(self.lines, delimiter=self.delimiter)]


def refuse(path: Path, line: int | None, column: str, what: str, remedy: str) -> ForeignDataError:
    """Return the error that names file, line and field."""
    place = str(path) + (f", line {line}" if line else "")
    return ForeignDataError(what, where=place + (f", {column!r}" if column else ""), remedy=remedy)


def read_text(
    path: Path, data: bytes, sha256: str, recognised: Recogniser, known: str, form: str = "csv"
) -> TextFile:
    """Return a text file whose header is the first line that `recognised` takes.

    A last line without an end is left out with a warning: nobody can tell whether its last number
    is complete. So are blank lines, and notes below the last row.

    Parameters
    ----------
    data : bytes
        UTF-8 or UTF-16 with a mark, else Latin-1; comma, semicolon or tab delimited.
    known : str
        The formats that are known, for the error.

    Raises
    ------
    benchlab.errors.ForeignDataError
    """
    text = decode(path, data)
    whole, end, rest = text.rpartition("\n")
    if not end and "\r" in text:  # old Macintosh line ends
        whole, end, rest = text.replace("\r", "\n").rpartition("\n")
    if not end:
        raise refuse(
            path,
            1,
            "",
            "the file holds a single line without an end: no header with rows below it.",
            "Export it from the cycler once more.",
        )
    if "\r" in whole:
        whole = whole.removesuffix("\r").replace("\r\n", "\n").replace("\r", " ")
    lines = whole.split("\n")
    found = _find_header(lines, recognised)
    if found is None:
        first = next((line for line in lines if line.strip()), "").strip()
        raise refuse(
            path,
            1,
            "",
            f"no line of the first {min(len(lines), _HEADER_LINES)} is a header that is known; the "
            f"first reads {first[:200]!r}.",
            f"Known: {known}. For any other table, describe its columns: --columns MAP.yaml",
        )
    place, delimiter, header = found
    file = TextFile(path, sha256, delimiter, header, lines[place + 1 :], form=form)
    file.preamble, file.first_line = lines[:place], place + 2
    if rest.strip():
        file.dropped["lines without end"] = 1
        file.warnings.append(
            f"{path.name}: line {len(lines) + 1} has no end: the file was cut off or is still "
            "being written; that line is left out"
        )
    tidy(file)
    return file


def decode(path: Path, data: bytes) -> str:
    """Return bytes as text.

    Raises
    ------
    benchlab.errors.ForeignDataError
        Where they hold a zero, as no text does.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data[: len(data) // 2 * 2].decode("utf-16", errors="replace")
    if b"\0" in data:
        raise refuse(
            path, None, "", "this is no text file.", "What is read: docs/importing.md lists it."
        )
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("latin-1")


def _find_header(lines: Sequence[str], recognised: Recogniser) -> tuple[int, str, list[str]] | None:
    for place, line in enumerate(lines[:_HEADER_LINES]):
        for delimiter in sorted(",;\t", key=line.count, reverse=True):
            try:
                fields = [
                    name.strip() for name in next(csv.reader([line.rstrip()], delimiter=delimiter))
                ]
            except (csv.Error, StopIteration):
                continue
            while fields and not fields[-1]:
                fields.pop()
            if len(fields) > 1 and recognised(fields):
                return place, delimiter, fields
    return None


def tidy(file: TextFile) -> None:
    """Leave out of the lines what is no row, settle the decimal sign, and count what was done."""
    width = len(file.header)
    delimiter = file.delimiter
    blank = [
        row
        for row, line in enumerate(file.lines)
        if len(line) < 3 * width + 3 and not line.strip(delimiter + " \r\t")
    ]
    if blank:
        last = len(file.lines) - 1
        at_end = 0
        while at_end < len(blank) and blank[-1 - at_end] == last - at_end:
            at_end += 1
        between = len(blank) - at_end
        keep = np.ones(len(file.lines), dtype=np.bool_)
        keep[blank] = False
        if between:
            file.numbers = np.flatnonzero(keep) + file.first_line
        file.lines = [line for line, kept in zip(file.lines, keep.tolist(), strict=True) if kept]
        file.dropped["blank rows"] = len(blank)
        if at_end and not (between == 0 and file.form == "txt"):
            file.warnings.append(f"{file.path.name}: {at_end} blank lines at its end are left out")
        if between and blank != [0]:
            file.warnings.append(
                f"{file.path.name}: {between} blank lines between its rows are left out, the first "
                f"of them line {blank[0] + file.first_line}"
            )
    if file.lines and file.lines[0].count(delimiter) >= width:
        file.lines = [_trimmed(line, delimiter, width) for line in file.lines]
    _drop_footer(file)
    if delimiter != ",":
        _settle_decimals(file)


def _trimmed(line: str, delimiter: str, width: int) -> str:
    """Return a line without the empty fields behind its last column."""
    while line.count(delimiter) >= width and line.rstrip(" \r").endswith(delimiter):
        line = line.rstrip(" \r")[: -len(delimiter)]
    return line


def _is_number(text: str) -> bool:
    try:
        float(text.strip().strip('"').replace(",", "."))
    except ValueError:
        return False
    return True


def _drop_footer(file: TextFile) -> None:
    """Leave out notes below the last row: no number where the first row has one."""
    if not file.lines or not _is_number(file.lines[0].split(file.delimiter)[0]):
        return
    notes: list[str] = []
    while len(file.lines) > 1 and len(notes) < _FOOTER_LINES:
        first = file.lines[-1].split(file.delimiter)[0]
        if not first.strip() or _is_number(first):
            break
        notes.append(file.lines.pop())
    if notes:
        file.dropped["footer lines"] = len(notes)
        file.warnings.append(
            f"{file.path.name}: {len(notes)} lines below the last row hold no numbers and are left "
            f"out: {notes[-1].strip()[:_QUOTED]!r}"
        )


def _settle_decimals(file: TextFile) -> None:
    """Turn decimal commas into points, and take commas between thousands out."""
    sample = file.lines[:50] + file.lines[-10:]
    fields = [text.strip().strip('"') for line in sample for text in line.split(file.delimiter)]
    commas = [text for text in fields if _COMMA.fullmatch(text)]
    points = any(_POINT.fullmatch(text) for text in fields)
    thousands = [text for text in fields if _THOUSANDS.fullmatch(text)]
    if not commas and not thousands:
        return
    if points or any("." in text for text in thousands):
        wrong = [text for text in commas if not _THOUSANDS.fullmatch(text)]
        if wrong:
            raise refuse(
                file.path,
                None,
                "",
                f"decimal commas ({wrong[0]!r}) and decimal points are mixed; nothing was written.",
                "Export it once more with one decimal sign.",
            )
        file.lines = [line.replace(",", "") for line in file.lines]
        file.warnings.append(
            f"{file.path.name}: commas are read as the mark between thousands ({thousands[0]!r})"
        )
        return
    file.lines = [line.replace(",", ".") for line in file.lines]
