"""What a poll of 10 rows costs tomato, which rewrites its whole file, and what it costs us.

``python benchmarks/store_peer.py --peer-python PATH [--folder ON_THE_DISK]``, PATH the Python of an
environment with ``tomato`` and ``tomato-example-counter``. That interpreter makes 10 rows with
tomato's counter and hands them to tomato's own ``data_to_pickle``; turn about with it, in the same
run, our journal takes 10 rows, on runs of the same length. Medians; tomato syncs nothing, so its
time is given without and with an fdatasync of its file, like ours. Its file belongs to its process.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import benchlab
from benchlab.store.journal import JournalWriter
from benchlab.store.journal_frame import ROW
from benchlab.store.journal_segments import SegmentFiles
from benchmarks.kill_harness import HEAD, row
from benchmarks.store_commit import Unthreaded

LENGTHS = (10_000, 100_000, 1_000_000)
POLLED = 10
WARM_UP = 2
NEEDS = (
    "the Python of a virtual environment of its own that holds the peer:\n"
    "  python -m venv PEER && PEER/bin/pip install 'tomato==2.2' tomato-example-counter\n"
    "  python benchmarks/store_peer.py --peer-python PEER/bin/python"
)

# runs under the peer's interpreter, so it imports nothing of ours
PEER = """
import importlib.metadata, json, logging, os, sys, time
from pathlib import Path

def say(**words):
    print(json.dumps(words), flush=True)

try:
    import numpy as np
    from tomato.daemon.io import data_to_pickle
    from tomato.driverinterface_2_1 import Task
    from tomato.models import Component
    from tomato_example_counter import DriverInterface
except (ImportError, AttributeError) as error:
    say(missing=str(error))
    sys.exit()

logging.disable()
rows = int(sys.argv[1])
device = DriverInterface().DeviceFactory(("bench", "1"))
task = Task(
    component_role="counter", technique_name="count", max_duration=9.0, sampling_interval=1.0
)
for k in range(rows):
    device.do_task(task, t_start=0.0, t_now=float(k))
polled = device.get_data()
component = Component(
    name="a", driver="example_counter", device="a", address="bench", channel="1", role="counter"
)
polled.attrs["tomato_Component"] = component.model_dump_json()
names = ("tomato", "xarray", "numpy")
say(row_bytes=polled.nbytes // rows, versions={n: importlib.metadata.version(n) for n in names})
path = None
for line in sys.stdin:
    words = json.loads(line)
    if "fill" in words:
        path = Path(words["path"])
        ds = polled.isel(uts=np.arange(words["fill"]) % rows)
    else:
        ds = polled.copy(deep=True)
    start = time.perf_counter()
    data_to_pickle(ds, path, role="counter")
    middle = time.perf_counter()
    file = os.open(path, os.O_RDWR)
    os.fdatasync(file)
    os.close(file)
    say(second=middle - start, synced=time.perf_counter() - start, size=path.stat().st_size)
"""


class Peer:
    """Tomato in a process of its own; it times itself, so the pipe between us costs it nothing."""

    def __init__(self, python: str) -> None:
        words = [python, "-I", "-c", PEER, str(POLLED)]
        try:
            self._child = subprocess.Popen(
                words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
            )
        except OSError as error:
            sys.exit(f"{python} cannot be run ({error.strerror}); --peer-python needs {NEEDS}")
        said = self._read(f"{python} did not get as far as importing tomato")
        if "missing" in said:
            self.close()
            sys.exit(f"{python} has no tomato ({said['missing']}); --peer-python needs {NEEDS}")
        self.row_bytes: int = said["row_bytes"]
        self.versions = ", ".join(f"{name} {text}" for name, text in said["versions"].items())

    def ask(self, **words: Any) -> dict[str, Any]:
        """Have it store 10 rows more, or with `fill` and `path` begin a run; return its times."""
        self._pipe.write(json.dumps(words) + "\n")
        self._pipe.flush()
        return self._read("the peer's process ended in the middle")

    def close(self) -> None:
        """End it."""
        self._child.communicate()

    @property
    def _pipe(self) -> Any:
        return self._child.stdin

    def _read(self, otherwise: str) -> dict[str, Any]:
        line = self._child.stdout.readline() if self._child.stdout else ""
        try:
            return dict(json.loads(line))
        except ValueError:
            self._child.kill()
            self.close()
            sys.exit(f"{otherwise}; --peer-python needs {NEEDS}")


def begin(folder: Path, rows: int) -> JournalWriter:
    """Return a journal that holds `rows` rows, all on the disk."""
    JournalWriter._segments = Unthreaded
    writer = JournalWriter(folder, durable=True)
    JournalWriter._segments = SegmentFiles
    writer.open_record(HEAD)
    for k in range(rows):
        writer.row(*row(k))
        if k % 8192 == 0:
            writer.flush()
    writer.flush()
    writer._files.sync()
    return writer


def append(writer: JournalWriter) -> tuple[float, float]:
    """Return the seconds until 10 rows more are handed over, and until they are on the disk."""
    values = [row(writer.row_count + k) for k in range(POLLED)]
    start = time.perf_counter()
    for one in values:
        writer.row(*one)
    writer.flush()
    middle = time.perf_counter()
    writer._files.sync()
    return middle - start, time.perf_counter() - start


def compare(folder: Path, peer: Peer, rows: int, polls: int) -> str:
    """Return the line of a run of `rows` rows: medians in milliseconds, and ratios."""
    writer = begin(folder / f"{rows}.run", rows)
    size = peer.ask(fill=rows, path=str(folder / f"{rows}.peer"))["size"]
    times: list[tuple[float, ...]] = []
    for poll in range(WARM_UP + polls):
        # turn about, so that neither always follows the other
        mine = append(writer) if poll % 2 else None
        said = peer.ask()
        mine = mine or append(writer)
        times.append((said["second"], said["synced"], *mine))
        size = said["size"]
    writer.close()
    count = rows + POLLED * (WARM_UP + polls)
    kept = len(benchlab.open(folder / f"{rows}.h5"))
    if kept != count or size < count * peer.row_bytes:
        raise AssertionError(f"not all of {count} rows are kept: {kept} here, {size} B there")
    theirs, synced, ours, ours_synced = (
        1e3 * statistics.median(column) for column in zip(*times[WARM_UP:], strict=True)
    )
    return (
        f"{rows:9,} {theirs:9.2f} {synced:11.2f} {ours:9.4f} {ours_synced:11.3f}"
        f" {theirs / ours:10,.0f} x {synced / ours_synced:10,.1f} x"
        f" {theirs / ours_synced:13,.1f} x"
    )


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--peer-python", help="the Python that has tomato")
    parser.add_argument("--polls", type=int, default=21, help="polls the median is taken of")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to be tried")
    words = parser.parse_args()
    if words.peer_python is None:
        sys.exit(f"nothing was measured: --peer-python is missing; it needs {NEEDS}")
    if words.polls < 1:
        sys.exit("nothing was measured: --polls needs a number from 1 on")
    peer = Peer(words.peer_python)
    print(
        f"{peer.versions}: {peer.row_bytes} B a row; ours: {ROW.size} B a row."
        f" {POLLED} rows a poll, ms, median of {words.polls}; ratio: tomato / ours"
    )
    print(
        f"{'rows':>9} {'tomato':>9} {'+ fdatasync':>11} {'ours':>9} {'+ fdatasync':>11}"
        f" {'as is':>12} {'both synced':>12} {'only we synced':>15}"
    )
    try:
        for rows in LENGTHS:
            with tempfile.TemporaryDirectory(dir=words.folder) as name:
                print(compare(Path(name), peer, rows, words.polls), flush=True)
    finally:
        peer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
