"""Readers of foreign files, one module a format; which one is chosen by content."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from benchlab.errors import ForeignDataError, UsageError
from benchlab_analysis.importers import arbin, mapped
from benchlab_analysis.importers.imported import ImportedRun, finish
from benchlab_analysis.importers.layout import Part
from benchlab_analysis.importers.plausible import ACCEPTABLE
from benchlab_analysis.importers.source import open_sources

__all__ = ["ImportedRun", "read"]


def read(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]],
    *,
    timezone: str | None = None,
    columns: str | PathLike[str] | None = None,
    accept: Collection[str] = (),
) -> ImportedRun:
    """Read the files of one test, in any order.

    Parameters
    ----------
    paths
        One file or several of the same format.
    timezone : str, optional
        That of the cycler's clock where the files hold local times.
    columns
        A YAML file that describes the columns, for any table that is not known.
    accept : collection of {"sign", "unit", "time"}
        What is right although it looks wrong.

    Raises
    ------
    benchlab.errors.FileMissing, benchlab.errors.ForeignDataError
        With file, line and field.
    benchlab.errors.SetupError
        The reader of a binary format is not installed.
    """
    given = [paths] if isinstance(paths, str | PathLike) else list(paths)
    if not given:
        raise UsageError("there is no file to import.", remedy="Name one or more.")
    unknown = set(accept) - set(ACCEPTABLE)
    if unknown:
        raise UsageError(
            f"{', '.join(sorted(unknown))} cannot be accepted.",
            remedy=f"What can: {', '.join(ACCEPTABLE)}.",
        )
    mapping = mapped.read_mapping(Path(columns)) if columns is not None else None
    opened = [pair for path in given for pair in open_sources(Path(path), mapping)]
    formats = {f"{module.NAME} {source.form}": module for module, source in opened}
    if len({module.NAME for module in formats.values()}) > 1:
        raise ForeignDataError(
            f"the files are of different formats: {' and '.join(formats)}.",
            where=", ".join(str(path) for path in given),
            remedy="Import the files of one test at a time.",
        )
    left_out: list[str] = []
    parts: list[Part] = [module.read_part(source, left_out) for module, source in opened]
    module = opened[0][0]
    instrument: dict[str, Any] = {"maker": module.MAKER} if module.MAKER else {}
    if module is arbin:
        instrument["channel"] = _one_channel(parts)
    facts: dict[str, Any] = {}
    for _, source in opened:
        facts |= getattr(source, "facts", {})
    return finish(
        " and ".join(formats),
        parts,
        timezone=timezone,
        accept=accept,
        left_out=left_out,
        instrument=instrument,
        facts=facts,
    )


def _one_channel(parts: Sequence[Part]) -> str:
    found: dict[str, str] = {}
    for part in parts:
        found |= arbin.channels(part.file)
    if len(found) > 1:
        listed = ", ".join(f"{name} in {where}" for name, where in found.items())
        raise ForeignDataError(
            f"several channels or tests are mixed ({listed[:500]}); nothing was written.",
            where=str(parts[0].file.path),
            remedy="Import one channel at a time.",
        )
    return next(iter(found), "")
