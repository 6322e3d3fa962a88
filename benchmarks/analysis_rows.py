"""The cycle table from rows: speed against plain h5py, and memory of a file of any length.

Run it with ``python -m benchmarks.analysis_rows [MILLION_ROWS]``. It writes a closed file of 10 M
rows and 1,000 cycles (temporary, 140 MB), then measures each case in a process of its own, the
system's cache warm: the median of five. Memory is the peak of the process, imports included; that
of 100 M rows (or as many as given) is measured on rows that are made while they are read.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np

import benchlab
from benchlab.model.columns import EVENT_COLUMNS, STEP_COLUMNS, records_table
from benchlab.model.run import ProtocolRecord, Run
from benchlab_analysis.cycles import cycle_table
from benchmarks.read_file import peak, write

READ = (
    "test_time_second", "voltage_volt", "current_ampere", "cycle_count", "step_count",
    "surface_temperature_celsius", "charging_capacity_ah", "discharging_capacity_ah",
    "charging_energy_wh", "discharging_energy_wh",
)  # fmt: skip


def column(name: str, start: int, stop: int, period: int) -> np.ndarray:
    """Return rows of a cell that charges, rests, discharges and rests for ever."""
    row = np.arange(start, stop)
    phase = (row % period) / period
    quarter = (4 * phase).astype(int)
    if name == "test_time_second":
        return row.astype(float)
    if name == "cycle_count":
        return (row // period + 1).astype(np.uint32)
    if name == "current_ampere":
        return np.choose(quarter, (0.2, 0.0, -0.2, 0.0))
    if name == "voltage_volt":
        return 3.7 + 0.4 * np.sin(2.0 * np.pi * phase)
    cycle = row // period
    part = 4.0 * phase
    done = np.clip(part, 0.0, 1.0) if name.startswith("ch") else np.clip(part - 2.0, 0.0, 1.0)
    scale = 0.2 * period / 4 / 3600.0
    return scale * (cycle + done) * (3.7 if name.endswith("wh") else 1.0)


def made(rows: int, period: int) -> Run:
    names = tuple(name for name in READ if not name.startswith(("step", "surface")))
    return Run(
        path=Path("made"), state="closed", column_names=names, row_count=rows,
        load_column=lambda name: column(name, 0, rows, period),
        load_part=lambda name, start, stop: column(name, start, stop, period),
        steps=records_table(STEP_COLUMNS, []), events=records_table(EVENT_COLUMNS, []),
        cell={}, protocol=ProtocolRecord(), instrument={}, meta={},
    )  # fmt: skip


def in_memory(run: Run) -> Run:
    held = {name: run[name] for name in run.column_names}
    return replace(run, load_column=held.__getitem__, load_part=None)


def with_h5py(path: str) -> Callable[[], object]:
    def read() -> None:
        with h5py.File(path) as file:
            for name in READ:
                file["rows"][name][:]

    return read


def from_rows(path: str) -> Callable[[], object]:
    return lambda: cycle_table(benchlab.open(path), source="rows")


def from_memory(path: str) -> Callable[[], object]:
    run = in_memory(made(10_000_000, 10_000))
    return lambda: cycle_table(run)


def many_cycles(path: str) -> Callable[[], object]:
    run = in_memory(made(222_000, 222_000 // 9000))
    return lambda: cycle_table(run)


CASES = {
    "h5py": with_h5py, "rows": from_rows, "memory": from_memory, "9,000 cycles": many_cycles,
}  # fmt: skip


def measure(case: str, path: str) -> None:
    if case == "long":
        began = time.perf_counter()
        table = cycle_table(made(int(path), 100_000))
        assert table.rows == int(path) // 100_000
        print(time.perf_counter() - began, peak())
        return
    call = CASES[case](path)
    times = []
    for _ in range(5):
        began = time.perf_counter()
        call()
        times.append(time.perf_counter() - began)
    print(statistics.median(times), peak())


def child(case: str, path: str) -> tuple[float, float]:
    words = [sys.executable, "-m", "benchmarks.analysis_rows", "--case", case, path]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    seconds, megabytes = map(float, done.stdout.split())
    return seconds, megabytes


def main() -> None:
    millions = int(sys.argv[1]) if len(sys.argv) > 1 else 100
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.h5"
        write(path, 10_000_000)
        plain, used = child("h5py", str(path))
        print(f"{'10 M rows, 10 columns with h5py':36} {plain:7.3f} s {used:6.0f} MB")
        ours, used = child("rows", str(path))
        print(
            f"{'cycle table from the same rows':36} {ours:7.3f} s {used:6.0f} MB   "
            f"{ours / plain:.2f} of h5py, limit 1.5"
        )
    for case, name, limit in (
        ("memory", "10 M rows, 1,000 cycles, in memory", 0.25),
        ("9,000 cycles", "222,000 rows, 9,000 cycles", 0.1),
    ):
        spent, _ = child(case, "")
        print(f"{name:36} {spent:7.3f} s             {spent / limit:.2f} of the limit")
    spent, used = child("long", str(millions * 1_000_000))
    print(
        f"{f'{millions} M rows, block by block':36} {spent:7.1f} s {used:6.0f} MB   "
        f"{used / 300.0:.2f} of the limit of 300 MB"
    )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        measure(sys.argv[2], sys.argv[3])
    else:
        main()
