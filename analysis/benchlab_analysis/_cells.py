"""One number a cell from each of many runs, with its interval and what speaks against it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from benchlab.errors import BenchError
from benchlab.model.run import Run
from benchlab_analysis._analysis import Result
from benchlab_analysis._first_cycle import first_cycle
from benchlab_analysis._phases import phases
from benchlab_analysis._pulses import find_pulses, resistance_at
from benchlab_analysis.cycles import cycle_table
from benchlab_analysis.fade import fade_rate

__all__ = ["METRICS", "CellValue", "Cells", "gather", "inefficiency_scale"]

Floats = npt.NDArray[np.float64]

METRICS = (
    "discharge capacity", "coulombic efficiency", "first-cycle efficiency", "fade rate",
    "resistance",
)  # fmt: skip

UNITS = {
    "discharge capacity": "Ah", "coulombic efficiency": "1", "first-cycle efficiency": "1",
    "fade rate": "%/100 cycles", "resistance": "ohm",
}  # fmt: skip


class CellValue(NamedTuple):
    """A cell's value, the half-width of its interval (NaN: not known), and remarks on its run."""

    value: float
    half_width: float
    remarks: tuple[str, ...]


class Cells(NamedTuple):
    """One value a cell; arrays of shape (n,), all finite.

    Attributes
    ----------
    y : ndarray
        The values on the scale that is judged: log10(1 - CE) for coulombic efficiencies.
    """

    metric: str
    unit: str
    name: npt.NDArray[np.object_]
    lot: npt.NDArray[np.object_]
    start: Floats
    value: Floats
    half_width: Floats
    y: Floats
    remarks: list[tuple[str, ...]]

    @property
    def logarithmic(self) -> bool:
        """Whether `y` is log10(1 - value)."""
        return self.metric in ("coulombic efficiency", "first-cycle efficiency")

    def chosen(self, which: npt.NDArray[np.bool_]) -> Cells:
        """Return some of the cells."""
        return Cells(
            self.metric, self.unit, self.name[which], self.lot[which], self.start[which],
            self.value[which], self.half_width[which], self.y[which],
            [remark for remark, own in zip(self.remarks, which, strict=True) if own],
        )  # fmt: skip

    def back(self, y: float) -> float:
        """Return a value from the scale that is judged."""
        return 1.0 - 10.0**y if self.logarithmic else y

    @property
    def scale_said(self) -> str:
        """The scale in words."""
        return f"log10(1 - {self.metric})" if self.logarithmic else f"{self.metric} / {self.unit}"


def inefficiency_scale(value: Floats) -> Floats:
    """Return log10(1 - value): what is lost is what differs between cells; NaN at 1 and above."""
    lost = 1.0 - np.asarray(value, dtype=np.float64)
    return np.log10(lost, out=np.full(lost.shape, np.nan), where=lost > 0.0)


def gather(runs: Sequence[Run], metric: str, result: Result) -> Cells:
    """Return one value a run; a run that gives none is left out, with a warning that says why."""
    names, lots, starts, values, widths, remarks = [], [], [], [], [], []
    for run in runs:
        name = str(run.cell.get("id") or run.path.stem)
        try:
            found = _value(run, metric)
        except BenchError as error:
            result.warnings.append(f"{name} is left out: {error}")
            continue
        if not np.isfinite(found.value):
            result.warnings.append(f"{name} is left out: {'; '.join(found.remarks)}")
            continue
        names.append(name)
        lots.append(str(run.cell.get("lot") or "no lot"))
        starts.append(_start(run))
        values.append(found.value)
        widths.append(found.half_width)
        remarks.append(found.remarks)
    value = np.array(values, dtype=np.float64)
    logarithmic = metric in ("coulombic efficiency", "first-cycle efficiency")
    cells = Cells(
        metric, UNITS[metric], np.array(names, dtype=object), np.array(lots, dtype=object),
        np.array(starts, dtype=np.float64), value, np.array(widths, dtype=np.float64),
        inefficiency_scale(value) if logarithmic else value, remarks,
    )  # fmt: skip
    _double(cells, result)
    known = np.isfinite(cells.y)
    if not known.all():
        bad = ", ".join(cells.name[~known].tolist())
        result.warnings.append(
            f"{bad}: an efficiency of 1 or more has no logarithm of its loss and is left out; more "
            "came out than went in (accuracy, or charge from before)"
        )
    if logarithmic:
        result.assumptions.append(
            "efficiencies are judged as log10(1 - CE): their losses differ by factors"
        )
    result.assumptions.append("n counts cells, never cycles; one run is one cell")
    return cells.chosen(known)


def _double(cells: Cells, result: Result) -> None:
    names, counts = np.unique(cells.name.astype(str), return_counts=True)
    if (counts > 1).any():
        result.warnings.append(
            f"the name {names[counts > 1][0]} comes {counts.max()} times: if that is one cell, "
            "its runs are no independent cells"
        )


def _start(run: Run) -> float:
    if "unix_time_nanosecond" in run and len(run):
        return float(run.column("unix_time_nanosecond", 0, 1)[0]) / 1e9
    return np.nan


def _value(run: Run, metric: str) -> CellValue:
    state = () if run.state == "closed" else (f"its run is {run.state}",)
    if metric == "resistance":
        return _resistance(run, state)
    if metric == "first-cycle efficiency":
        first = first_cycle(phases(run))
        if first is None:
            return CellValue(np.nan, np.nan, ("it was not driven both ways",))
        return CellValue(first.efficiency, first.half_width, state)
    if len(run) < 2:
        return CellValue(np.nan, np.nan, ("it has fewer than two rows",))
    table = cycle_table(run)
    chosen = table["complete"] & ~table["excluded"] & (table["kind"] == "cycle")
    excluded = int(table["excluded"].sum())
    if excluded:
        state = (*state, f"{excluded} of its cycles are excluded")
    if not chosen.any():
        return CellValue(np.nan, np.nan, ("it has no complete cycle of kind cycle",))
    if metric == "discharge capacity":
        return CellValue(float(table["cycle_discharging_capacity_ah"][chosen][0]), np.nan, state)
    if metric == "coulombic efficiency":
        efficiency = table["coulombic_efficiency"]
        chosen &= np.isfinite(efficiency)
        if not chosen.any():
            return CellValue(np.nan, np.nan, ("no cycle of it has an efficiency",))
        # what a stated accuracy allows does not average out
        width = float(table["coulombic_efficiency_half_width"][chosen].mean())
        return CellValue(float(efficiency[chosen].mean()), width, state)
    rate = fade_rate(table)
    if not rate.supported:
        return CellValue(np.nan, np.nan, (rate.sentence,))
    width = max(rate.high - rate.percent_per_100_cycles, rate.percent_per_100_cycles - rate.low)
    return CellValue(rate.percent_per_100_cycles, width, state)


def _resistance(run: Run, state: tuple[str, ...]) -> CellValue:
    pulses = find_pulses(run, phases(run), longest_second=120.0)
    values = [v for pulse in pulses if (v := resistance_at(pulse, 10.0)) is not None]
    if not values:
        return CellValue(np.nan, np.nan, ("it has no pulse after a rest with a reading at 10 s",))
    ohm = np.array([value.ohm for value in values])
    place = int(np.argsort(ohm)[ohm.size // 2])
    return CellValue(float(ohm[place]), values[place].half_width, state)
