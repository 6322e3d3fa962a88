"""What it costs to hand a row to the disk, beside the bare system calls, in one run.

``python -m benchmarks.store_commit [--rows 30000000] [--folder ON_THE_DISK]`` prints, each beside
its limit: the commit path (gather, frame, checksum, write, fdatasync) against write + fdatasync of
the same bytes; one tick of 128 channels at 1 Hz as a share of a core; the cost of an append as the
journal grows; and the peak memory.
"""

from __future__ import annotations

import argparse
import os
import resource
import statistics
import sys
import tempfile
import time
from pathlib import Path

from benchlab.store.journal import JournalWriter
from benchlab.store.journal_frame import ROW
from benchlab.store.journal_segments import SegmentFiles
from benchmarks.kill_harness import HEAD, row

STATE = {
    "test_time_second": 1.0,
    "voltage_volt": 3.7012345,
    "current_ampere": 1.0000123,
    "counters": (1.2345678, 0.0, 4.5678901, 0.0),
    "step_charge_ah": 1.2345678,
}


class Unthreaded(SegmentFiles):
    """Syncs when asked only, so that a sync is timed with the write before it."""

    def start(self) -> None:
        """Start nothing."""


def peak_mb() -> float:
    """Return the most memory this process ever held, in megabytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0


def commit(folder: Path, ticks: int, channels: int) -> tuple[float, float, float, int]:
    """Return medians: ours, bare write + fdatasync of the same bytes, ours without the sync."""
    JournalWriter._segments = Unthreaded
    writer = JournalWriter(folder / "a.run", durable=True)
    JournalWriter._segments = SegmentFiles
    writer.open_record(HEAD)
    bare = os.open(folder / "bare", os.O_CREAT | os.O_WRONLY)
    os.posix_fallocate(bare, 0, 64 << 20)
    files = writer._files
    ours, theirs, written = [], [], []
    place = size = 0
    values = [row(k) for k in range(channels)]
    for tick in range(ticks):
        before = files.written_bytes
        for first in (0, 1) if tick % 2 else (1, 0):
            if first:
                start = time.perf_counter()
                for one in values:
                    writer.row(*one)
                writer.flush()
                middle = time.perf_counter()
                files.sync()
                end = time.perf_counter()
                written.append(middle - start)
                ours.append(end - start)
                size = files.written_bytes - before
            else:
                data = os.urandom(size or channels * ROW.size + 40)
                start = time.perf_counter()
                os.pwrite(bare, data, place)
                os.fdatasync(bare)
                theirs.append(time.perf_counter() - start)
                place += len(data)
    os.close(bare)
    writer.close()
    return statistics.median(ours), statistics.median(theirs), statistics.median(written), size


def tick(folder: Path, channels: int, ticks: int) -> tuple[float, float, float]:
    """Return CPU seconds of a tick in all, those of the control loop, and the longest stall.

    Many runs, each with its journal; a row and a state each, as a run has them at 1 Hz. The
    thread that syncs is at work beside. What is done once in hours, making the next segment, is
    done before the first tick that counts.
    """
    writers = [
        JournalWriter(folder / f"{k}.run", durable=True, segment_bytes=1 << 18)
        for k in range(channels)
    ]
    for writer in writers:
        writer.open_record(HEAD)
    values = row(5)
    worst = 0.0
    time.sleep(2.5)
    begin, cpu, own = time.monotonic(), time.process_time(), time.thread_time()
    for number in range(ticks):
        left = begin + number - time.monotonic()
        if left > 0:
            time.sleep(left)
        for writer in writers:
            start = time.perf_counter()
            writer.row(*values)
            writer.state(STATE)
            worst = max(worst, time.perf_counter() - start)
    spent, own = time.process_time() - cpu, time.thread_time() - own
    for writer in writers:
        writer.release()
    return spent / ticks, own / ticks, worst


def bare_tick(folder: Path, channels: int, ticks: int) -> float:
    """Return CPU seconds of a tick of bare writes and syncs of as many files."""
    files = [os.open(folder / f"{k}.bare", os.O_CREAT | os.O_WRONLY) for k in range(channels)]
    for file in files:
        os.posix_fallocate(file, 0, 1 << 18)
        os.fsync(file)
    data = os.urandom(520)
    spent = 0.0
    for number in range(ticks):
        time.sleep(0.3)
        cpu = time.process_time()
        for file in files:
            os.pwrite(file, data, number * len(data))
            os.fdatasync(file)
        spent += time.process_time() - cpu
    for file in files:
        os.close(file)
    return spent / ticks


def growth(folder: Path, rows: int) -> dict[int, float]:
    """Return microseconds an append and flush of 10 rows takes, by the journal's length in rows."""
    writer = JournalWriter(folder / "long.run", durable=True)
    writer.open_record(HEAD)
    block = b"".join(ROW.pack(*row(k)) for k in range(8192))
    found = {}
    target = 1000
    while target <= rows:
        while writer.row_count < target:
            writer._rows += block[: min(8192, target - writer.row_count) * ROW.size]
            writer.flush()
        times = []
        for _ in range(300):
            start = time.perf_counter()
            for _ in range(10):
                writer.row(*row(7))
            writer.flush()
            times.append(time.perf_counter() - start)
        found[target] = 1e6 * statistics.median(times)
        target = target * 10 if target * 10 <= rows or target == rows else rows
    writer.release()
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="a folder on the disk to be tried")
    words = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=words.folder) as name:
        for channels in (1, 10, 128):
            place = Path(name) / str(channels)
            place.mkdir()
            ours, bare, written, size = commit(place, 300, channels)
            print(
                f"commit of {channels:4} rows ({size} B): {1e6 * ours:7.0f} us, bare write +"
                f" fdatasync {1e6 * bare:7.0f} us: ratio {ours / bare:.2f} (limit 1.5);"
                f" until handed over {1e6 * written:.0f} us"
            )
        place = Path(name) / "tick"
        place.mkdir()
        spent, own, worst = tick(place, 128, 15)
        bare = bare_tick(place, 128, 15)
        print(
            f"128 runs at 1 Hz, a journal each, a tick: control loop {1e3 * own:.1f} ms CPU ="
            f" {100 * own:.2f} % of a core (limit 1 %), longest stall {1e3 * worst:.1f} ms; with"
            f" the sync thread {100 * spent:.2f} %; bare write + fdatasync of as many files"
            f" {100 * bare:.2f} %: ratio {spent / bare:.2f}"
        )
        found = growth(Path(name), words.rows)
        first = next(iter(found.values()))
        for count, micro in found.items():
            print(f"append of 10 rows at {count:10,} rows: {micro:6.1f} us, {micro / first:.2f} x")
    print(f"peak memory {peak_mb():.0f} MB")
    return 0


if __name__ == "__main__":
    sys.exit(main())
