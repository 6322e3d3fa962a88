"""A recorded run as the window shows it: plain frozen values, made off the window's thread."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

import benchlab
from benchlab.errors import BenchError
from benchlab.model.columns import COLUMNS
from benchlab.model.run import Run
from benchlab.store.overview_read import Curve, MemoryCurve, StoredCurve
from benchlab_gui.presenters.cycles_view import CyclesView, cycles_view
from benchlab_gui.theme.tokens import Tone

__all__ = ["RunView", "Series", "load", "sentence"]

TIME_UNITS = ((3.0 * 86_400, 86_400.0, "d"), (3.0 * 3600, 3600.0, "h"), (600.0, 60.0, "min"))
STATES = {
    "closed": (Tone.NEUTRAL, "closed: complete"),
    "running": (Tone.RUN, "running: read up to now; F5 reads it again"),
    "interrupted": (
        Tone.ATTENTION,
        "interrupted: the writer ended without a closing record; every flushed row is shown",
    ),
}


@dataclass(frozen=True, slots=True)
class Series:
    """One curve over time, ready to be drawn at any zoom."""

    label: str
    curve: Curve


@dataclass(frozen=True, slots=True)
class RunView:
    """All that the window shows of a run.

    Attributes
    ----------
    time_label : str
        Label of the time axis; its unit follows the length of the run.
    notes : tuple of str
        What the user is to know besides, in whole sentences.
    """

    path: Path
    title: str
    tone: Tone
    state: str
    summary: str
    time_label: str
    voltage: Series
    current: Series
    cycles: CyclesView
    notes: tuple[str, ...] = field(default=())


def load(path: str) -> RunView:
    """Read a recorded run; this takes as long as its columns are large.

    Raises
    ------
    benchlab.errors.BenchError
        With the sentence that the window shows.
    """
    run = benchlab.open(path)
    missing = [name for name in ("voltage_volt", "current_ampere") if name not in run]
    if missing:
        raise BenchError(
            f"the run has no column {' and no '.join(missing)}; nothing can be shown.",
            where=str(run.path),
        )
    curves, time_label, notes = _curves(run, ("voltage_volt", "current_ampere"))
    cycles = cycles_view(run)
    tone, state = STATES.get(run.state, (Tone.ATTENTION, run.state))
    return RunView(
        path=Path(path),
        title=f"{run.path.name} · {run.state}",
        tone=tone,
        state=state,
        summary=_summary(run, cycles.table.rows),
        time_label=time_label,
        voltage=Series(COLUMNS["voltage_volt"].label, curves[0]),
        current=Series(COLUMNS["current_ampere"].label, curves[1]),
        cycles=cycles,
        notes=notes,
    )


def sentence(error: Exception) -> str:
    """Return what the window says of an error: the error's own sentence, or that it is a bug."""
    if isinstance(error, BenchError):
        return str(error)
    return (
        f"benchlab failed on this file ({type(error).__name__}: {error}); nothing was changed in "
        "it. This is a mistake in benchlab: please report it with the file."
    )


def _curves(run: Run, names: tuple[str, ...]) -> tuple[tuple[Curve, ...], str, tuple[str, ...]]:
    """Return curves over test time in a fitting unit; over row numbers where the time falls.

    Where the file has an overview, no row is read.
    """
    if set(names) <= set(run.overview_columns):
        low, high = StoredCurve(run, names[0]).ends
        size, label = _unit(high - low)
        return tuple(StoredCurve(run, name, size) for name in names), label, ()
    name = "test_time_second"
    seconds = run[name] if name in run else np.array([np.nan])
    if not np.isfinite(seconds).all() or (np.diff(seconds) < 0).any():
        note = "The test time of this run is missing or falls; the curves stand over row numbers."
        rows = np.arange(len(run), dtype=float)
        return tuple(MemoryCurve(rows, run[n]) for n in names), "Row / 1", (note,)
    size, label = _unit(float(seconds[-1] - seconds[0]) if seconds.size else 0.0)
    time = seconds / size if size != 1.0 else seconds
    return tuple(MemoryCurve(time, run[n]) for n in names), label, ()


def _unit(span: float) -> tuple[float, str]:
    for least, size, unit in TIME_UNITS:
        if span >= least:
            return size, f"Test Time / {unit}"
    return 1.0, COLUMNS["test_time_second"].label


def _summary(run: Run, cycles: int) -> str:
    """Return one line on what the run is."""
    cell = _name(run.cell)
    parts = [
        f"{len(run):,} rows".replace(",", "\N{THIN SPACE}"),
        f"{run.steps.rows} steps",
        f"{cycles} cycles",
        f"cell {cell}" if cell else "",
        f"protocol {run.protocol.name}" if run.protocol.name else "",
        f"from {origin}" if (origin := run.meta.get("origin")) else "",
    ]
    return "  ·  ".join(part for part in parts if part)


def _name(cell: Mapping[str, Any]) -> str:
    return next((str(cell[key]) for key in ("cell_id", "id", "name") if cell.get(key)), "")
