"""Where the sample data lies: beside the sources in a checkout, inside the package in a wheel."""

from __future__ import annotations

from pathlib import Path

from benchlab.errors import FileMissing

__all__ = ["sample"]


def sample(name: str) -> Path:
    """Return the path of a file of ``sample_data``.

    Raises
    ------
    benchlab.errors.FileMissing
    """
    here = Path(__file__).resolve().parent
    for folder in (here / "sample_data", here.parent / "sample_data"):
        if (folder / name).is_file():
            return folder / name
    raise FileMissing(
        f"the sample {name!r} is not installed.",
        where=str(here),
        remedy="Install benchlab again from a complete checkout.",
    )
