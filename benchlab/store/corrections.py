"""Corrections after the run: records beside the file, one a line, that never touch it.

``NAME.corrections.jsonl`` says who changed what, when and why, with the old and the new value.
Each line holds the SHA-256 of the line before, so that a later edit of the file itself shows.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from unicodedata import category

from benchlab.errors import CellError, FileNotReadable, StorageError, UsageError
from benchlab.model.cell import CellFields
from benchlab.model.run import Run
from benchlab.model.validate import validate
from benchlab.model.yaml_text import Node

__all__ = [
    "SETTABLE",
    "Correction",
    "append_corrections",
    "cell_changes",
    "corrected",
    "corrections_path",
    "cycle_ranges",
    "cycle_words",
    "read_corrections",
]

SETTABLE = {
    "id": "id",
    "nominal_capacity": "nominal_capacity_ah",
    "active_mass": "active_mass_gram",
    "area": "area_square_centimetre",
    "first_half_cycle": "first_half_cycle",
    "role": "role",
    "lot": "lot",
    "comment": "comment",
}
"""What may be set of a cell, and the name it has in the file."""

_KEYS = ("when", "who", "why", "field", "old", "new", "run", "previous")


@dataclass(frozen=True, slots=True)
class Correction:
    """One change: ``cell`` replaces the whole description, ``excluded_cycles`` the whole list."""

    field: str
    new: Any


def corrections_path(path: Path) -> Path:
    """Return where the corrections of ``NAME.h5`` or ``NAME.run`` are kept."""
    return path.with_name(path.name.removesuffix(".h5").removesuffix(".run") + ".corrections.jsonl")


def read_corrections(path: Path) -> tuple[list[dict[str, Any]], list[str]]:
    """Return the corrections of a run, oldest first, and what is wrong with their file.

    Raises
    ------
    benchlab.errors.FileNotReadable
        A whole line of it is no correction.
    """
    place = corrections_path(path)
    try:
        data = place.read_bytes()
    except FileNotFoundError:
        return [], []
    except OSError as error:
        raise FileNotReadable(
            f"the corrections cannot be read ({error.strerror}).",
            where=str(place),
            remedy="Check its permissions.",
        ) from error
    whole, _, torn = data.rpartition(b"\n")
    problems = ["its last line is not whole: that correction was never made"] if torn else []
    records = []
    previous = ""
    for number, line in enumerate(whole.split(b"\n") if whole else (), 1):
        try:
            record = json.loads(line)
            if not isinstance(record, dict) or any(key not in record for key in _KEYS):
                raise ValueError("a correction has " + ", ".join(_KEYS))
        except ValueError as error:
            raise FileNotReadable(
                f"the line is no correction ({error}).",
                where=f"{place}:{number}",
                remedy="Take the file from a backup; benchlab alone writes it.",
            ) from error
        if record["previous"] != previous:
            problems.append(f"line {number}: the lines before it were changed after it was written")
        previous = hashlib.sha256(line).hexdigest()
        records.append(record)
    return records, problems


def corrected(run: Run, path: Path) -> Run:
    """Return the run with the corrections beside it applied.

    Raises
    ------
    benchlab.errors.FileNotReadable
        The file of corrections is damaged, or belongs to another run.
    """
    records, _ = read_corrections(path)
    if not records:
        return run
    own = _identity(run)
    cell = dict(run.cell)
    for record in records:
        if record["run"] not in own:
            raise FileNotReadable(
                "the corrections belong to another run; none was applied.",
                where=str(corrections_path(path)),
                remedy="Put the file back beside its own run.",
            )
        if record["field"] == "cell":
            cell = dict(record["new"])
        elif record["field"] != "excluded_cycles":
            cell[record["field"]] = record["new"]
    return replace(run, cell=cell, corrections=tuple(records))


def append_corrections(
    run: Run, path: Path, changes: Iterable[Correction], *, who: str, why: str
) -> list[dict[str, Any]]:
    """Append corrections, on the disk when this returns, and return their records.

    Parameters
    ----------
    run : Run
        As opened with the corrections so far.
    path : Path
        What was opened.

    Raises
    ------
    benchlab.errors.UsageError
        Nobody or no reason is named, or nothing would change.
    benchlab.errors.StorageError
    """
    for value, what in ((who, "who corrects"), (why, "why")):
        if not value.strip():
            raise UsageError(
                f"it is not said {what}; nothing was written.",
                remedy="A correction without a name and a reason is worth nothing: --by and --why.",
            )
        _must_be_plain(value, what)
    read_corrections(path)  # nothing is added to a file that cannot be read
    place = corrections_path(path)
    lines = place.read_bytes().rpartition(b"\n")[0] if place.exists() else b""
    previous = hashlib.sha256(lines.rpartition(b"\n")[2]).hexdigest() if lines else ""
    when = datetime.now(UTC).isoformat(timespec="milliseconds")
    made = []
    text = b""
    for change in changes:
        old = _present(run, change.field)
        if old == change.new:
            continue
        record = {
            "when": when,
            "who": who.strip(),
            "why": why.strip(),
            "field": change.field,
            "old": old,
            "new": change.new,
            "run": _identity(run)[0],
            "previous": previous,
        }
        line = json.dumps(record, ensure_ascii=False, allow_nan=False).encode()
        previous = hashlib.sha256(line).hexdigest()
        text += line + b"\n"
        made.append(record)
    if not made:
        raise UsageError(
            "it is so already; nothing was written.",
            where=str(place),
            remedy="See what holds: benchlab info",
        )
    _append(place, text, whole=len(lines) + 1 if lines else 0)
    return made


def _append(place: Path, text: bytes, *, whole: int) -> None:
    try:
        flags = os.O_CREAT | os.O_RDWR | os.O_APPEND | getattr(os, "O_BINARY", 0)
        file = os.open(place, flags, 0o644)
        try:
            if whole < os.fstat(file).st_size:
                os.ftruncate(file, whole)  # half a line that a crash left: it was never confirmed
            if os.write(file, text) < len(text):
                os.ftruncate(file, whole)
                raise OSError(28, "No space left on device")
            os.fsync(file)
        finally:
            os.close(file)
    except OSError as error:
        raise StorageError(
            f"the correction could not be written ({error.strerror}); none was made.",
            where=str(place),
            remedy="Free space, or make the folder writable, and try again.",
        ) from error


def _identity(run: Run) -> tuple[str, ...]:
    """Return what names a run: its id where it was recorded here, else the digest of its data."""
    known = (str(run.meta.get(key, "")) for key in ("run_id", "digest"))
    return tuple(value for value in known if value) or ("",)


def _present(run: Run, field: str) -> Any:
    if field == "cell":
        return dict(run.cell)
    if field == "excluded_cycles":
        return list(run.excluded_cycles)
    return run.cell.get(field)


def _must_be_plain(text: str, where: str) -> None:
    """Refuse what a terminal obeys instead of showing, and what UTF-8 cannot hold."""
    for character in text:
        if category(character) in ("Cc", "Cs"):
            raise UsageError(
                f"found the control character or lone surrogate {character!a}; nothing was"
                " written.",
                where=where,
                remedy="Write one line of plain text.",
            )


def cell_changes(values: Mapping[str, str]) -> list[Correction]:
    """Return the changes of a cell that texts such as ``12.3 mg`` ask for, by `SETTABLE` name.

    Raises
    ------
    benchlab.errors.UsageError, benchlab.errors.CellError
    """
    for name in values:
        if name not in SETTABLE:
            raise UsageError(
                f"{name!r} cannot be set.", remedy=f"What can be: {', '.join(SETTABLE)}."
            )
    node = Node({name: Node(text, 1) for name, text in values.items()}, 1)
    for name, text in values.items():
        _must_be_plain(text, f"--set {name}")
    try:
        fields = validate(CellFields, node, "--set", CellError)
    except CellError as error:  # its remedy speaks of a file, and there is none here
        named = error.where.rpartition(", ")[2]
        raise CellError(
            error.what, where=f"--set {named}", remedy="Nothing was written; mend the value."
        ) from error
    changes = []
    for name in values:
        value = getattr(fields, name)
        if name == "nominal_capacity":
            if value.ah is None:
                raise CellError(
                    f"found '{value.text}', expected a capacity such as 0.2 Ah.",
                    where="--set nominal_capacity",
                )
            value = value.ah
        changes.append(Correction(SETTABLE[name], value))
    return changes


def cycle_ranges(text: str) -> list[int]:
    """Return the cycles that ``12,15-17`` names, in order.

    Raises
    ------
    benchlab.errors.UsageError
    """
    found: set[int] = set()
    for part in text.split(","):
        match = re.fullmatch(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?", part)
        first, last = (int(match[1]), int(match[2] or match[1])) if match else (1, 0)
        if first > last or last - first > 1_000_000:
            raise UsageError(
                f"found the cycles {text!r}.", remedy="Write them as 12,15-17: numbers and ranges."
            )
        found.update(range(first, last + 1))
    return sorted(found)


def cycle_words(cycles: Sequence[int]) -> str:
    """Return cycles as `cycle_ranges` reads them: ``12,15-17``."""
    parts: list[list[int]] = []
    for cycle in sorted(cycles):
        if parts and cycle == parts[-1][-1] + 1:
            parts[-1].append(cycle)
        else:
            parts.append([cycle])
    return ",".join(str(p[0]) if len(p) == 1 else f"{p[0]}-{p[-1]}" for p in parts)
