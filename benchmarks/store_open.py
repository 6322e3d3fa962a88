"""How long a run under way takes to open, by the rows it has, and what its parts then cost.

``python -m benchmarks.store_open [--rows 10000000]`` writes a journal as a run does, ten rows and a
state a second and a step each hour, and opens it as it grows: time and the bytes read to open it,
beside a reading of all of it; then the last minute, and whole columns. The file is in the cache.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

import benchlab
from benchlab.model.columns import STEP_COLUMNS
from benchlab.store.journal import JournalWriter, run_folder
from benchlab.store.journal_frame import ROW, segment_numbers
from benchlab.store.journal_index import read_index
from benchlab.store.journal_read import read_journal
from benchmarks.kill_harness import HEAD, row
from benchmarks.store_commit import STATE

HOUR = 3600
SECOND_ROWS = 10
TEXTS = {"label", "step_type", "cycle_kind", "counter_source", "end_reason"}


def write(writer: JournalWriter, rows: int, block: bytes) -> None:
    """Write until the journal has so many rows."""
    step = {name: "" if name in TEXTS else 0 for name in STEP_COLUMNS}
    second = writer.row_count // SECOND_ROWS
    while writer.row_count < rows:
        writer._rows += block
        second += 1
        if second % HOUR:
            writer.state(STATE)
        else:
            writer.step(step | {"last_row": writer.row_count + SECOND_ROWS - 1})


def best(work, times: int = 5) -> float:  # type: ignore[no-untyped-def]
    """Return the shortest of some times in seconds."""
    found = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        found.append(time.perf_counter() - start)
    return min(found)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    words = parser.parse_args()
    block = b"".join(ROW.pack(*row(k)) for k in range(SECOND_ROWS))
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a.h5"
        folder = run_folder(path)
        writer = JournalWriter(folder, durable=False)
        writer.open_record(HEAD)
        rows = 10_000
        while rows <= words.rows:
            write(writer, rows, block)
            size = sum(p.stat().st_size for p in (folder / "journal").iterdir())
            opened = best(lambda: benchlab.open(path))
            steps = best(lambda: len(benchlab.open(path).steps["label"]))
            whole = best(lambda: read_journal(folder), 1)
            left = len(segment_numbers(folder)) - len(read_index(folder).filled)
            print(
                f"{rows:10,} rows, {size / 1e6:7.1f} MB: open {1e3 * opened:7.1f} ms ({left}"
                f" segments read), with the steps {1e3 * steps:7.1f} ms; reading all"
                f" {whole:6.2f} s, {whole / opened:.0f} x",
                flush=True,
            )
            rows *= 10
        run = benchlab.open(path)
        last = best(lambda: run.column("voltage_volt", -600), 1)
        start = time.perf_counter()
        first = run["voltage_volt"]
        one = time.perf_counter() - start
        start = time.perf_counter()
        run["current_ampere"]
        another = time.perf_counter() - start
        print(
            f"the last minute {1e3 * last:.2f} ms; a whole column {one:.2f} s"
            f" ({len(first) / one / 1e6:.1f} M rows/s), the next {another:.2f} s"
        )
        follow = best(lambda: next(benchlab.open(path).follow(start=len(run) - 600)), 1)
        print(f"opening and following from a minute ago {1e3 * follow:.1f} ms")
        expected = read_journal(folder).rows["voltage_volt"]
        if not np.array_equal(first, expected):
            raise AssertionError("the column differs from the journal's")
        writer.release()
    return 0


if __name__ == "__main__":
    sys.exit(main())
