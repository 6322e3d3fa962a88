"""Takes over a run whose worker died, in its own journal: completes what was recorded of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from benchlab.bench.clock import Clock
from benchlab.bench.continuing import Continuation
from benchlab.model.columns import row_dtype
from benchlab.platform import boot_id
from benchlab.store.journal import JournalWriter
from benchlab.store.journal_read import JournalContent, read_journal
from benchlab.store.recover import last_seen
from benchlab.store.unfinished import unfinished_step

__all__ = ["Left", "TakenOver", "read_left", "take_over"]

_COUNTERS = (
    "charging_capacity_ah",
    "discharging_capacity_ah",
    "charging_energy_wh",
    "discharging_energy_wh",
)


@dataclass(frozen=True, slots=True)
class Left:
    """A run as its journal tells it, before anything is appended.

    Attributes
    ----------
    on : bool
        Whether the output was on, as far as is known.
    ampere, volt : float
        Of the last reading.
    rebooted : bool
        Whether the computer was started again since.
    last_unix_ns : int
        UTC of the last reading, as the run counts it.
    """

    folder: Path
    content: JournalContent
    on: bool
    ampere: float
    volt: float
    rebooted: bool
    last_unix_ns: int

    @property
    def ended(self) -> bool:
        """Whether its closing record is there."""
        return self.content.end is not None

    @property
    def executor(self) -> Mapping[str, Any]:
        """What is known of the test in an instrument that runs it by itself; empty: none."""
        found: Mapping[str, Any] = self.content.state.get("executor") or {}
        return found


@dataclass(frozen=True, slots=True)
class TakenOver:
    """A run to go on with: its journal, open for more, and where it stood."""

    journal: JournalWriter
    onward: Continuation


def read_left(folder: Path) -> Left:
    """Return a run as its journal tells it.

    Raises
    ------
    benchlab.errors.FileError
    """
    content = read_journal(folder, take=lambda _: None)
    state, part = content.state, content.open_rows
    newer = len(part) and part["test_time_second"][-1] > state.get("test_time_second", -1.0)
    ampere = float(part["current_ampere"][-1]) if newer else state.get("current_ampere") or 0.0
    volt = float(part["voltage_volt"][-1]) if newer else state.get("voltage_volt")
    said = content.intents[-1]["output"] if content.intents else "off"
    unix = int(part["unix_time_nanosecond"][-1]) if newer else state.get("unix_time_nanosecond", 0)
    boot = content.clocks[-1]["boot_id"] if content.clocks else boot_id()
    return Left(
        folder,
        content,
        said == "on",
        ampere if said == "on" else 0.0,
        float("nan") if volt is None else volt,
        boot != boot_id(),
        unix,
    )


def take_over(
    left: Left,
    clock: Clock,
    *,
    how: str,
    off_unix_ns: int = 0,
    reserve: int = 0,
    tell: Callable[[str], None] = lambda _: None,
) -> TakenOver:
    """Append what is missing of a run that was left, and return where it stood.

    The last reading of its state becomes a row, the step under way a record, and what may have
    flowed unseen a gap event with its charge in numbers.

    Parameters
    ----------
    how : str
        What cut it off.
    off_unix_ns : int
        UTC at which the output is known to have been off.

    Raises
    ------
    benchlab.errors.BenchError
        Its writer is alive, or the disk takes nothing.
    """
    content = left.content
    began, unix_ns = _time_base(content, clock)
    writer = JournalWriter.resume(
        left.folder, content, durable=not clock.virtual, reserve=reserve, tell=tell
    )
    try:
        seen = last_seen(content)
        if seen:
            writer.row(*seen)
            content.open_rows = np.append(content.open_rows, np.array([seen], row_dtype()))
            content.row_count += 1
            content.last_row = (seen[0], int(seen[1]))
        under_way = unfinished_step(content)
        for step in under_way:
            step.update(_moved(content))
            step["end_reason"] = "interrupted"
            writer.step(step)
            content.steps.append(step)
        text = how
        if left.on or under_way:
            text = f"{how}; {_gap(left, content, writer, clock, began, unix_ns, off_unix_ns)}"
        writer.flush()
    except BaseException:
        writer.release()
        raise
    end = content.steps[-1]["end_time_second"] if content.steps else 0.0
    first = content.state.get("step_count", 0) if content.state else 0
    if content.state and "step_count" not in content.state:
        first = content.steps[-1]["step_count"] if content.steps else 0
    steps = [step for step in content.steps if step["step_count"] >= first]
    onward = Continuation(
        content.state if "step" in content.state and steps else {},
        steps,
        _totals(content),
        writer.row_count,
        began,
        unix_ns,
        max(0.0, clock.now - began - end),
        text,
    )
    return TakenOver(writer, onward)


def _time_base(content: JournalContent, clock: Clock) -> tuple[float, int]:
    """Return clock seconds and UTC of the start of the test."""
    last = content.last_row or (0.0, clock.unix_ns())
    seconds, unix = last
    state = content.state
    if state.get("test_time_second", -1.0) > seconds:
        seconds, unix = state["test_time_second"], state["unix_time_nanosecond"]
    start = unix - round(seconds * 1e9)
    told = content.clocks[-1] if content.clocks else {}
    if told.get("boot_id") == boot_id() and "began_second" in told:
        return told["began_second"], start
    # the monotonic clock began anew with the computer: UTC counts what lies between
    elapsed = max((clock.unix_ns() - start) / 1e9, seconds)
    return clock.now - elapsed, start


def _moved(content: JournalContent) -> dict[str, float]:
    """Return what the step under way moved by its own counters, from the edge before it on."""
    last = content.open_rows[-1]
    moved = {
        f"step_{name}": float(last[name]) - sum(step[f"step_{name}"] for step in content.steps)
        for name in _COUNTERS
    }
    net = moved["step_charging_capacity_ah"] - moved["step_discharging_capacity_ah"]
    state = content.state
    newest = state.get("test_time_second") == float(last["test_time_second"])
    if newest and "step_charge_ah" in state and not net:
        # a rest at regulated 0 A moves a little that no counter counts
        carried = (state.get("counter", {}).get("_carried") or (0.0, 0.0))[0]
        net = state["step_charge_ah"] - carried
    return {**moved, "step_net_capacity_ah": net}


def _totals(content: JournalContent) -> tuple[float, float, float, float]:
    totals = [sum(step[f"step_{name}"] for step in content.steps) for name in _COUNTERS]
    return totals[0], totals[1], totals[2], totals[3]


def _gap(
    left: Left,
    content: JournalContent,
    writer: JournalWriter,
    clock: Clock,
    began: float,
    unix_ns: int,
    off_unix_ns: int,
) -> str:
    """Append the gap, and return in words what may have flowed in it."""
    now = clock.now - began
    end, last_unix = content.last_row or (0.0, left.last_unix_ns)
    away = max(0.0, now - end)
    guardian = left.folder / "guardian.log"
    off = off_unix_ns or clock.unix_ns()
    with suppress(OSError):
        acted = guardian.stat().st_mtime_ns
        off = min(off, acted) if acted > last_unix else off
    seconds = min(away, max(0.0, (off - last_unix) / 1e9)) if left.on else 0.0
    half = left.ampere * seconds / 7200.0
    text = (
        f"unseen for {away:.3f} s; the output was"
        + (f" on at {left.ampere:+.6g} A and off {seconds:.3f} s later" if left.on else " off")
        + f"; gap_charge_ah = {half:+.9g} ± {abs(half):.9g}"
    )
    writer.gather(
        kind="gap",
        test_time_second=end,
        unix_time_nanosecond=unix_ns + round(end * 1e9),
        actor="bench",
        text=text,
    )
    return text
