"""Readers of foreign files, one module a format; which one is chosen by content."""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike

from benchlab.errors import ForeignDataError, UsageError
from benchlab_analysis.importers import arbin_csv, bdf
from benchlab_analysis.importers.imported import ImportedRun
from benchlab_analysis.importers.text import read_text

__all__ = ["ImportedRun", "read"]

_FORMATS = (bdf, arbin_csv)


def read(
    paths: str | PathLike[str] | Sequence[str | PathLike[str]], *, timezone: str | None = None
) -> ImportedRun:
    """Read the files of one test, in any order.

    Parameters
    ----------
    paths
        One file or several of the same format.
    timezone : str, optional
        That of the cycler's clock where the files hold local times.

    Raises
    ------
    benchlab.errors.FileMissing, benchlab.errors.ForeignDataError
        With file, line and field.
    """
    given = [paths] if isinstance(paths, str | PathLike) else list(paths)
    if not given:
        raise UsageError("there is no file to import.", remedy="Name one or more.")
    chosen = []
    for path in given:
        header = read_text(path, head_only=True).header
        known = [module for module in _FORMATS if module.recognises(header)]
        if not known:
            shown = ", ".join(header)
            raise ForeignDataError(
                f"the first line is no header that is known: {shown[:200]!r}.",
                where=f"{path}, line 1",
                remedy="Known formats: Arbin csv, and csv in the Battery Data Format.",
            )
        chosen.append(known[0])
    if len(set(chosen)) > 1:
        raise ForeignDataError(
            f"the files are of different formats: {' and '.join(m.ORIGIN for m in set(chosen))}.",
            where=", ".join(str(path) for path in given),
            remedy="Import the files of one test at a time.",
        )
    imported: ImportedRun = chosen[0].read([read_text(path) for path in given], timezone=timezone)
    return imported
