"""How soon another program sees a row in the live view, and what a reader costs the writer.

``python -m benchmarks.store_live [--seconds 60]``: a journal writes a row each 100 ms beside its
recorder; a reader in this process looks at ``live.h5`` without pause. Printed: the time from the
row's flush to its being visible, beside the limit (the recorder's poll period + 15 ms, 99 %), and
the recorder's CPU time and memory.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import tempfile
import threading
import time
from pathlib import Path

import h5py

from benchlab.store.journal import JournalWriter, run_folder
from benchlab.store.recorder import POLL_SECOND, Recorder
from benchmarks.kill_harness import HEAD, row


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=30.0)
    words = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "a.h5"
        writer = JournalWriter(run_folder(path), durable=True)
        writer.open_record(HEAD)
        recorder = Recorder(run_folder(path), path)
        live = run_folder(path) / "live.h5"
        handed: list[float] = []
        stop = threading.Event()

        def write() -> None:
            while not stop.wait(0.1):
                writer.row(*row(len(handed)))
                writer.flush()
                handed.append(time.monotonic())

        thread = threading.Thread(target=write)
        thread.start()
        while not live.exists():
            time.sleep(0.05)
        time.sleep(2.0 * POLL_SECOND)
        delays: list[float] = []
        polls = 0
        with h5py.File(live, "r", swmr=True, locking=False) as file:
            rows, seen = file["rows"], 0
            seen = len(rows)
            end = time.monotonic() + words.seconds
            while time.monotonic() < end:
                rows.refresh()
                polls += 1
                count = len(rows)
                now = time.monotonic()
                if count > seen:
                    got = rows[seen:count]
                    if got["unix_time_nanosecond"].tolist() != list(range(seen + 1, count + 1)):
                        raise AssertionError("a reader saw a row that is not right")
                    delays += [now - handed[k] for k in range(seen, count)]
                    seen = count
                time.sleep(0.001)
        stat = Path(f"/proc/{recorder._child.pid}/stat").read_text().rsplit(")", 1)[1].split()
        memory = Path(f"/proc/{recorder._child.pid}/status").read_text()
        peak = next(line.split()[1] for line in memory.splitlines() if line.startswith("VmHWM"))
        stop.set()
        thread.join()
        writer.end({"end_reason": "done"})
        writer.close()
        start = time.monotonic()
        closed = recorder.finish()
        took = time.monotonic() - start
    delays.sort()
    limit = POLL_SECOND + 0.015
    p99 = delays[int(0.99 * (len(delays) - 1))]
    print(
        f"flush to visible in live.h5, {len(delays)} rows, {polls} polls: median"
        f" {statistics.median(delays):.3f} s, 99 % {p99:.3f} s, worst {delays[-1]:.3f} s;"
        f" 99 % / limit {p99 / limit:.2f} (poll {POLL_SECOND:g} s + 15 ms)"
    )
    cpu = (int(stat[11]) + int(stat[12])) / 100.0
    print(f"recorder: {cpu:.2f} s CPU with its start, peak memory {int(peak) / 1024:.0f} MB")
    print(f"closing {closed.rows} rows took {took:.2f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
