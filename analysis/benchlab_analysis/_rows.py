"""Rows of a run as stretches of current, read block by block, with what is to be said of them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from benchlab.model.run import Run
from benchlab_analysis._counters import interval_in_doubt, rest_threshold
from benchlab_analysis._row_remarks import QUANTITIES, Extras
from benchlab_analysis._stretch_sums import TEMPERATURE
from benchlab_analysis._stretches import REQUIRED, StretchSums
from benchlab_analysis._sums import Provenance

__all__ = ["RowReader", "Rows", "read_rows"]

Floats = npt.NDArray[np.float64]
Columns = dict[str, npt.NDArray[Any]]

BLOCK_ROWS = 524_288
"""Rows read at a time: eight chunks of a closed file, 40 MB of columns."""

PEEKS, PEEK_ROWS = 12, 16_384
"""Places of a file, and rows there, that are looked at before it is read."""

CLASSES = 4
"""Rest thresholds are rounded to so many a doubling, so that they stand still while rows come."""


class Rows(NamedTuple):
    """What the rows of a run add up to.

    Attributes
    ----------
    stretches, resets : dict of ndarray
        See `_stretch_sums.FIELDS` and `RESETS`.
    threshold : float
        The magnitude of current, in A, that is rest.
    counted, counted_energy : bool
        Whether the charge, and the energy, come from counters.
    indexed : bool
        Whether there is a cycle index.
    """

    stretches: Columns
    resets: Columns
    extras: Extras
    threshold: float
    counted: bool
    counted_energy: bool
    indexed: bool


class RowReader:
    """Reads the rows of a run, and later those that came in since, with the same result.

    The threshold of rest hangs on all rows; where new ones move it, all are read again.
    """

    def __init__(self) -> None:
        self._names: tuple[str, ...] = ()
        self._sums = StretchSums(0.0)
        self._read = 0

    def read(self, run: Run, provenance: Provenance | None = None) -> Rows:
        """Return what the rows add up to so far.

        Raises
        ------
        KeyError
            Where time, voltage or current is missing.
        """
        names = _columns(run)
        if names != self._names:
            self._names = names
            self._begin(_guess(run))
        self._go_on(run)
        seen = self._sums.extras.magnitudes
        wanted = _rounded(rest_threshold(np.concatenate(seen)) if seen else 0.0)
        if wanted != self._sums.threshold:
            self._begin(wanted)
            self._go_on(run)
        stretches, resets, extras = self._sums.stretches()
        rows = Rows(
            stretches,
            resets,
            extras,
            self._sums.threshold,
            QUANTITIES[0] in names,
            QUANTITIES[2] in names,
            "cycle_count" in names and bool(np.any(stretches["cycle"])),
        )
        if provenance is not None:
            _say(run, rows, provenance)
        return rows

    def _begin(self, threshold: float) -> None:
        self._sums = StretchSums(threshold)
        self._read = 0

    def _go_on(self, run: Run) -> None:
        for block in _blocks(run, self._names, self._read):
            self._sums.add(block)
        self._read = run.row_count


def read_rows(run: Run, provenance: Provenance) -> Rows:
    """Return what the rows of a run add up to; `provenance` is filled in."""
    return RowReader().read(run, provenance)


def _rounded(threshold: float) -> float:
    if not threshold > 0.0:
        return 0.0
    return float(2.0 ** (round(CLASSES * np.log2(threshold)) / CLASSES))


def _columns(run: Run) -> tuple[str, ...]:
    """Return the columns to read; counters that are mostly empty are not used."""
    missing = [name for name in REQUIRED if name not in run]
    if missing:
        raise KeyError(f"the run has no column {missing[0]}")
    names = list(REQUIRED)
    for pair in (QUANTITIES[:2], QUANTITIES[2:]):
        if all(_filled(run, name) for name in pair):
            names += pair
    own = [f"schedule_{name}" for name in QUANTITIES[:2]]
    if QUANTITIES[0] in names and all(_filled(run, name) for name in own):
        names += own
    names += [name for name in ("cycle_count",) if name in run]
    names += [name for name in ("step_count", "step_id") if name in run][:1]
    names += [name for name in (TEMPERATURE,) if name in run]
    return tuple(names)


def _filled(run: Run, name: str) -> bool:
    if name not in run:
        return False
    seen = np.concatenate(
        [run.column(name, start, start + 64) for start in _places(run.row_count, 64)] or [_NONE]
    )
    return 2 * int(np.count_nonzero(np.isfinite(seen))) > seen.size


_NONE: Floats = np.empty(0)


def _places(count: int, rows: int) -> list[int]:
    last = max(count - rows, 0)
    return sorted({round(part * last / (PEEKS - 1)) for part in range(PEEKS)}) if count else []


def _guess(run: Run) -> float:
    """Return the threshold as a look at a few places of the file suggests it."""
    name = "current_ampere"
    if run.row_count <= 2 * PEEKS * PEEK_ROWS or run.load_part is None:
        seen = run.column(name)[:: 1 if run.row_count <= 2 * PEEKS * PEEK_ROWS else 64]
    else:
        seen = np.concatenate(
            [run.column(name, at, at + PEEK_ROWS) for at in _places(run.row_count, PEEK_ROWS)]
        )
    return _rounded(rest_threshold(np.asarray(seen, dtype=np.float64)))


def _blocks(run: Run, names: tuple[str, ...], start: int) -> Iterator[Columns]:
    # arrays that are in memory already are taken as they are
    rows = BLOCK_ROWS if run.load_part is not None else max(run.row_count - start, 1)
    counts = ("cycle_count", "step_count", "step_id", TEMPERATURE)
    for begin in range(start, run.row_count, rows):
        block = {name: run.column(name, begin, begin + rows) for name in names}
        yield {
            name: values if name in counts else np.asarray(values, dtype=np.float64)
            for name, values in block.items()
        }


def _say(run: Run, rows: Rows, provenance: Provenance) -> None:
    _repeat_warnings(run, provenance)
    stretches, extras = rows.stretches, rows.extras
    _say_faults(extras, provenance)
    if not rows.counted:
        provenance.source = "integration"
        total = sum(float(part.sum()) for part in _integrals(stretches))
        share = float(stretches["bound"].sum()) / total if total > 0.0 else np.nan
        doubt = interval_in_doubt(extras.usual_interval(), _span(stretches))
        provenance.notes.append(
            "THERE ARE NO COUNTERS: charge is integrated from the recorded rows by the trapezoid; "
            + (
                f"how far it is off is not known, since {doubt}"
                if doubt
                else f"it may be off by up to {100.0 * share:.2g}% where the current changes "
                "between two rows"
            )
        )
    else:
        provenance.source = "counters"
        _compare(stretches, provenance)
        _describe_resets(rows, provenance)
        if not rows.counted_energy:
            provenance.notes.append("there are no energy counters: energy is integrated from rows")


def _span(stretches: Columns) -> float:
    time = stretches["time_last"]
    return float(time[-1] - stretches["time_first"][0]) if time.size else 0.0


def _integrals(stretches: Columns) -> tuple[Floats, Floats]:
    inner, sign = stretches["integral_inner"], stretches["sign"]
    return (
        stretches["integral_enter_charge"] + np.where(sign > 0, inner, 0.0),
        stretches["integral_enter_discharge"] + np.where(sign < 0, inner, 0.0),
    )


def _say_faults(extras: Extras, provenance: Provenance) -> None:
    """Say what rows lack or contradict, and what was made of it."""
    for number, text in (
        (extras.blank_rows, "rows without a time or a counter are left out"),
        (extras.missing_current, "rows without a current are taken as rest"),
        (extras.missing_voltage, "rows without a voltage take that of the row before"),
        (
            extras.glitches,
            "single rows whose voltage is far from both their neighbours (first: "
            f"{extras.first_glitch:.4g} V) take that of the row before",
        ),
        (
            extras.time_back,
            "times the time goes back: nothing is integrated there, and it adds no duration",
        ),
    ):
        if number:
            provenance.corrections.append(f"{number} {text}")
    if extras.time_stands:
        provenance.notes.append(f"{extras.time_stands} rows have the time of the row before")


def _repeat_warnings(run: Run, provenance: Provenance) -> None:
    """Say again what was warned of when the file was imported: each figure rests on it."""
    said = [str(text) for text in run.meta.get("warnings") or ()]
    # of joined runs only the events are left
    events = run.events["text"][run.events["kind"] == "import"].tolist()
    said += [text.removeprefix("warning: ") for text in events if text.startswith("warning: ")]
    provenance.notes += [f"import warning: {text}" for text in dict.fromkeys(said)]


def _compare(stretches: Columns, provenance: Provenance) -> None:
    parts = []
    for name, quantity, integral in zip(
        ("charge", "discharge"), QUANTITIES[:2], _integrals(stretches), strict=True
    ):
        counted = float((stretches[f"enter_{quantity}"] + stretches[f"inner_{quantity}"]).sum())
        if counted > 0.0:
            share = float(integral.sum()) / counted - 1.0
            parts.append(f"{name} {share:+.2%}")
            if abs(share) > 0.1:
                provenance.notes.append(
                    f"rows and counters do not agree on the {name} ({share:+.1%}): check the sign "
                    "of the current, the unit of the time and what the counters count"
                )
    provenance.integral_deviation = ", ".join(parts) or "no charge counted"


def _describe_resets(rows: Rows, provenance: Provenance) -> None:
    resets = rows.resets
    number = int(resets["stretch"].size)
    if not number:
        scope = "never"
    elif bool(np.all(resets["new_cycle"])):
        scope = "each cycle"
    elif bool(np.all(resets["new_cycle"].astype(bool) | resets["new_step"].astype(bool))):
        scope = "each step"
    else:
        scope = "the schedule"
    provenance.reset_scope, provenance.reset_count = scope, number
    provenance.noise_drop_count = rows.extras.noise_drops
    provenance.noise_drop_ah = rows.extras.noise_ah
    if number:
        provenance.corrections.append(
            f"the counters were reset {number} times (scope: {scope}); "
            "their rises were summed across the resets"
        )
