"""benchlab runs a battery cell test bench, records it, and says what the cells did."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike

    from benchlab.model.run import Run

__version__ = "0.1.0"
__all__ = ["__version__", "open"]


def open(path: str | PathLike[str]) -> Run:
    """Open a recorded, running or interrupted run for reading; it never disturbs a writer.

    Parameters
    ----------
    path
        ``NAME.h5``. Where that file is not there yet, ``NAME.run/`` is read instead.

    Raises
    ------
    benchlab.errors.FileMissing, benchlab.errors.FileNotReadable
    """
    from benchlab.store.reader import open_run

    return open_run(path)
