"""Reading a recorded file of 10 M rows and 1,000 cycles, each as a ratio to its limit.

Run it with ``python benchmarks/read_file.py [ROWS]``. It writes the file first (about 140 MB, in a
temporary folder); each figure is the median of five in a process of its own, with the system's
cache warm and modules imported. Peak memory is that of the process, less what its imports take.
"""

from __future__ import annotations

import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np

import benchlab
from benchlab.model.columns import (
    COLUMNS,
    EVENT_COLUMNS,
    ROW_COLUMNS,
    STEP_COLUMNS,
    records_table,
    row_dtype,
)
from benchlab.model.run import ProtocolRecord
from benchlab.store.check import check_run
from benchlab.store.closed import ClosedFileWriter
from benchlab.store.overview_read import open_curve
from benchlab_analysis import cycle_table

CYCLES = 1000
READ = ("test_time_second", "voltage_volt", "current_ampere")
REPEATS = 5


def write(path: Path, rows: int) -> float:
    """Write cycles of charge, rest, discharge, rest with meter noise; return the seconds taken."""
    rng = np.random.default_rng(0)
    count = rows // (4 * CYCLES)
    began = time.perf_counter()
    writer = ClosedFileWriter(path)
    steps = []
    totals = dict.fromkeys((n for n in ROW_COLUMNS if n.endswith(("_ah", "_wh"))), 0.0)
    place = np.linspace(0.0, 1.0, count)
    pending: list[dict[str, np.ndarray]] = []
    for number in range(4 * CYCLES):
        sign = (1, 0, -1, 0)[number % 4]
        at = number * count + np.arange(count, dtype=float)
        voltage = 3.7 + 0.5 * sign * (place - 0.2) + np.round(rng.normal(0.0, 2e-5, count), 6)
        current = 0.2 * sign + np.round(rng.normal(0.0, 1e-6, count), 8) * (sign != 0)
        charge, energy = (
            np.concatenate(([0.0], np.cumsum((x[1:] + x[:-1]) / 7200.0)))
            for x in (current, current * voltage)
        )
        block = {
            "test_time_second": at,
            "unix_time_nanosecond": 1_767_225_600_000_000_000 + (at * 1e9).astype("<i8"),
            "voltage_volt": voltage,
            "current_ampere": current,
            "cycle_count": np.full(count, number // 4 + 1),
            "step_count": np.full(count, number + 1),
            "step_id": np.full(count, number % 4),
            "surface_temperature_celsius": 25.0 + np.round(rng.normal(0.0, 0.01, count), 3),
            "flags": (at == at[0]).astype(np.uint32),
        }
        step = {n: "" if COLUMNS[n].dtype == "text" else 0 for n in STEP_COLUMNS}
        for name in totals:
            part = charge if name.endswith("ah") else energy
            own = sign == (1 if name.startswith("charging") else -1)
            block[name] = totals[name] + own * np.abs(part)
            step[f"step_{name}"] = float(own * abs(part[-1]))
            totals[name] += step[f"step_{name}"]
        step |= {
            "step_count": number + 1, "step_id": number % 4, "cycle_count": number // 4 + 1,
            "step_type": ("CC_CHG", "REST", "CC_DCH", "REST")[number % 4], "cycle_kind": "cycle",
            "first_row": number * count, "last_row": number * count + count - 1,
            "start_time_second": at[0], "end_time_second": at[-1],
            "start_voltage_volt": voltage[0], "end_voltage_volt": voltage[-1],
            "step_net_capacity_ah": charge[-1], "reading_count": count, "counter_source": "host",
            "end_reason": "voltage", "own_end": 1, "current_range_ampere": 1.0,
        }  # fmt: skip
        steps.append(step)
        pending.append(block)
        if len(pending) * count >= 1_000_000 or number == 4 * CYCLES - 1:
            writer.append(
                {
                    n: np.concatenate([b[n] for b in pending]).astype("<" + COLUMNS[n].dtype)
                    for n in ROW_COLUMNS
                }
            )
            pending = []
    writer.finish(
        steps=records_table(STEP_COLUMNS, steps),
        events=records_table(EVENT_COLUMNS, []),
        cell={"first_half_cycle": "charge", "nominal_capacity_ah": 0.2},
        protocol=ProtocolRecord("benchmark", "", "", ({}, {}, {}, {})),
        instrument={"current_ranges": [{"full_scale": 1.0, "gain": 2e-4, "offset": 1e-5}]},
        meta={"origin": "benchlab"},
    )
    return time.perf_counter() - began


def with_h5py(path: str) -> None:
    with h5py.File(path) as file:
        for name in READ:
            file["rows"][name][:]


def with_benchlab(path: str) -> None:
    run = benchlab.open(path)
    for name in READ:
        run[name]


def overview(path: str) -> None:
    curve = open_curve(benchlab.open(path), "voltage_volt")
    curve.points(*curve.ends, 1200)


CASES: dict[str, Callable[[str], object]] = {
    "open": benchlab.open,
    "cycle table": lambda path: cycle_table(benchlab.open(path)),
    "overview": overview,
    "h5py": with_h5py,
    "benchlab": with_benchlab,
    "check": check_run,
}


def peak() -> float:
    """Return the largest memory this process had, in MB."""
    status = Path("/proc/self/status")
    if status.exists():  # what getrusage says here includes the parent's before the exec
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024.0
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def measure(case: str, path: str) -> None:
    """Print the median milliseconds of one case and the memory it took, in MB."""
    before = peak()
    times = []
    for _ in range(1 if case == "check" else REPEATS):
        began = time.perf_counter()
        CASES[case](path)
        times.append(time.perf_counter() - began)
    print(1e3 * statistics.median(times), peak() - before)


def child(case: str, path: Path) -> tuple[float, float]:
    words = [sys.executable, __file__, "--case", case, str(path)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    milliseconds, megabytes = map(float, done.stdout.split())
    return milliseconds, megabytes


def main() -> None:
    rows = int(sys.argv[1]) if len(sys.argv) > 1 else 10_000_000
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "long.h5"
        seconds = write(path, rows)
        raw = rows * row_dtype().itemsize
        size = path.stat().st_size
        print(f"{rows:,} rows in {CYCLES} cycles, written and verified in {seconds:.1f} s")
        share = size / raw
        print(f"{'closed file':28} {share:9.3f} of raw {share / 0.35:24.2f} of the limit of 0.35")
        found = {case: child(case, path) for case in CASES}
        for case, limit in (("open", None), ("cycle table", 20.0), ("overview", 15.0)):
            spent, used = found[case]
            against = f"{spent / limit:.2f} of the limit of {limit:g} ms" if limit else ""
            print(f"{case:28} {spent:9.1f} ms {used:7.0f} MB  {against:>32}")
        plain, used = found["h5py"]
        print(f"{'t, V, I with plain h5py':28} {plain:9.1f} ms {used:7.0f} MB")
        ours, used = found["benchlab"]
        print(
            f"{'t, V, I with benchlab':28} {ours:9.1f} ms {used:7.0f} MB"
            f"   {ours / plain:.2f} of plain h5py, limit 1.5"
        )
        spent, used = found["check"]
        print(
            f"{'benchlab check, every column':28} {spent:9.1f} ms {used:7.0f} MB"
            f"   {rows / spent / 1e3:.1f} M rows/s"
        )


if __name__ == "__main__":
    if sys.argv[1:2] == ["--case"]:
        measure(sys.argv[2], sys.argv[3])
    else:
        main()
