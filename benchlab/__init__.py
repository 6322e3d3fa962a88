"""benchlab runs a battery cell test bench, records it, and says what the cells did."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from os import PathLike

    from benchlab.client.bench import Bench
    from benchlab.model.run import Run

__version__ = "0.1.0"
__all__ = ["__version__", "connect", "open", "open_test"]


def connect(
    bench: str | PathLike[str] = "",
    *,
    operator: str = "",
    token: str = "",
    certificate: str = "",
) -> Bench:
    """Return a bench to ask: how its channels stand, and to start, stop and watch tests on them.

    Parameters
    ----------
    bench : str or path
        A bench's folder, its name, or the address of a hub elsewhere; empty: this folder's.
    operator : str
        Who asks; kept with everything that is changed. Empty: the user of this computer.
    token, certificate : str
        For a hub elsewhere.

    Raises
    ------
    benchlab.errors.UsageError, benchlab.errors.FileMissing
    """
    from benchlab.client.connecting import connect as connect_to

    return connect_to(bench, operator=operator, token=token, certificate=certificate)


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


def open_test(paths: Sequence[str | PathLike[str]], *, same_cell: bool = False) -> Run:
    """Open several runs of one cell as one test, with time, counts and counters running on.

    Parameters
    ----------
    paths
        In any order; gaps between the runs are events.
    same_cell : bool
        Join them although it is not recorded that their cells are the same.

    Raises
    ------
    benchlab.errors.UsageError
        The cells differ, or the runs overlap.
    benchlab.errors.FileMissing, benchlab.errors.FileNotReadable
    """
    from benchlab.store.joined import open_test as open_them

    return open_them(paths, same_cell=same_cell)
