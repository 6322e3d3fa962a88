"""Import a 20 MB Arbin csv, and parse the same numbers with numpy alone, in the same run."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from benchlab_analysis.importers import read

HEADER = (
    "Data_Point,Test_Time(s),Date_Time,Step_Time(s),Step_Index,Cycle_Index,Current(A),Voltage(V),"
    "Charge_Capacity(Ah),Discharge_Capacity(Ah),Charge_Energy(Wh),Discharge_Energy(Wh),"
    "Internal_Resistance(Ohm)"
)
BYTES = 20_000_000


def make(path: Path) -> int:
    """Write cycles of one hour's charge and discharge, 10 s apart; return the rows."""
    lines, size, row = [HEADER], 0, 0
    while size < BYTES:
        cycle, within = divmod(row, 720)
        up = within < 360
        step = within % 360 + 1
        charge = 10.0 / 3600.0 * (within + 1 if up else 360)
        discharge = 0.0 if up else 10.0 / 3600.0 * step
        volts = 3.0 + 1.1 * (within if up else 719 - within) / 360.0
        minutes, seconds = divmod(10 * (row + 1), 60)
        hours, minutes = divmod(minutes, 60)
        date = f"2024-03-{1 + hours // 24 % 28:02d} {hours % 24:02d}:{minutes:02d}:{seconds:02d}"
        lines.append(
            f"{row + 1},{10.0 * (row + 1) + 1e-4},{date},{10.0 * step},{2 if up else 3},"
            f"{cycle + 1},{1.0 if up else -1.0},{volts:.12f},{charge:.12f},{discharge:.12f},"
            f"{3.7 * charge:.12f},{3.5 * discharge:.12f},0.0"
        )
        size += len(lines[-1]) + 1
        row += 1
    path.write_text("\n".join(lines) + "\n")
    return row


def best(job: Callable[[], object], times: int = 3) -> float:
    """Return the shortest of several runs, in seconds."""
    taken = []
    for _ in range(times):
        start = time.perf_counter()
        job()
        taken.append(time.perf_counter() - start)
    return min(taken)


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "big.csv"
        rows = make(path)
        places = (0, 1, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12)
        plain = best(lambda: np.loadtxt(path, delimiter=",", skiprows=1, usecols=places))
        ours = best(lambda: read(path))
        size = path.stat().st_size / 1e6
        print(f"{size:.1f} MB, {rows} rows: import {ours:.2f} s, plain parse {plain:.2f} s")
        print(f"ratio {ours / plain:.2f}, {size / ours:.0f} MB/s (to reach: 20 MB in 1 s)")


if __name__ == "__main__":
    main()
