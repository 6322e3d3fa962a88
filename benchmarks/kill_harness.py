"""Kill writers, closers and recoverers with SIGKILL, and count what was lost.

``python -m benchmarks.kill_harness --kills 1000``. A writer acknowledges rows once `flush` has
returned; it, the closing of its file, or the recovery of either is killed at a random moment;
then the run is opened as it is, recovered (killed again, some of the time) and opened once more.
Prints the kills by what was going on, and must print 0 lost, 0 wrong, 0 unreadable.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import select
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path

import numpy as np

import benchlab
from benchlab.errors import FileMissing, FileNotReadable
from benchlab.store.compact import close_run
from benchlab.store.journal import JournalWriter, run_folder
from benchlab.store.journal_segments import SegmentFiles
from benchlab.store.recover import find_runs, recover_run

STEP = {"label": "", "step_type": "CC_CHG", "cycle_kind": "cycle", "current_ampere": 1.0}
HEAD = {
    "cell": {"type": "x"},
    "protocol": {"name": "p", "text": "t", "sha256": "s", "steps": [STEP]},
    "instrument": {},
    "meta": {"origin": "benchlab"},
}
MARK = {b"R": "rotating", b"w": "writing", b"E": "ending", b"C": "closing"}


def row(k: int) -> tuple[float, ...]:
    """Return row `k`; every value tells which row it is."""
    return (
        k * 0.5,
        k + 1,
        3.0 + k % 1000 / 1e3,
        -1.0 * k,
        1,
        1,
        0,
        k / 7,
        0.0,
        k / 3,
        0.0,
        25.0,
        0,
    )


class Marked(SegmentFiles):
    """Says on a pipe when it rotates, and holds on there so that kills find it."""

    tell = staticmethod(lambda mark: None)

    def _create(self, index, size):  # type: ignore[no-untyped-def]
        if index:
            self.tell(b"R")
        return super()._create(index, size)


def write(path: Path, pipe: int, seed: int) -> None:
    """Write, end and close a run; the pipe carries a mark and the acknowledged rows each time."""
    chance = random.Random(seed)
    done = 0

    def tell(mark: bytes) -> None:
        os.write(pipe, mark + done.to_bytes(8, "little"))

    Marked.tell = staticmethod(tell)
    JournalWriter._segments = Marked
    folder = run_folder(path)
    writer = JournalWriter(
        folder, durable=chance.random() < 0.5, segment_bytes=chance.choice([4096, 32768, 262144])
    )
    writer.open_record(HEAD)
    k = 0
    for _ in range(chance.randrange(20, 400)):
        for _ in range(chance.randrange(1, 60)):
            writer.row(*row(k))
            k += 1
        if chance.random() < 0.05:
            writer._files.each_second()
        if chance.random() < 0.3:
            writer.state({"test_time_second": k * 0.5})
        else:
            writer.flush()
        done = k
        tell(b"w")
    tell(b"E")
    writer.end({"end_reason": "done"})
    writer.close()
    tell(b"C")
    close_run(folder, path)


def recover(path: Path) -> None:
    """Recover one run, or fail."""
    for found in find_runs(path.parent):
        result = recover_run(found)
        if result.error:
            raise result.error


def fork(work, *words) -> int:  # type: ignore[no-untyped-def]
    """Run `work` in a child; its exit code is 0 unless it failed."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        work(*words)
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def kill(child: int) -> bool:
    """Kill a child; False where it had ended by itself."""
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    if os.WIFEXITED(status) and os.WEXITSTATUS(status):
        raise AssertionError("a child failed by itself; its traceback is above")
    return os.WIFSIGNALED(status)


def check(path: Path, acknowledged: int, wanted: str, counts: Counter[str]) -> None:
    """Open a run as anybody does, and count rows that are lost or wrong."""
    try:
        run = benchlab.open(path)
        columns = {name: run[name] for name in run.column_names}
    except (FileMissing, FileNotReadable) as error:
        # nothing was acknowledged yet: there may be no file, or only the beginning of one
        early = isinstance(error, FileMissing) or "before its first record" in str(error)
        counts["unreadable"] += bool(acknowledged) or not early
        return
    count = len(run)
    counts["lost"] += max(acknowledged - count, 0)
    counts[f"opened {wanted}"] += 1
    expected = np.array([row(k) for k in range(count)], dtype=float).reshape(count, 13)
    for place, (name, values) in enumerate(columns.items()):
        want = expected[:, place].astype(values.dtype)
        counts["wrong"] += int((values != want).sum())
        if name == "test_time_second" and len(values) != count:
            counts["wrong"] += 1


class Listener:
    """Reads a writer's marks."""

    def __init__(self, pipe: int) -> None:
        self._pipe = pipe
        self._data = b""
        self.acknowledged = 0
        self.mark = b"w"

    def until(self, mark: bytes, second: float) -> None:
        """Read until a mark comes, the writer ends, or time is over."""
        end = time.monotonic() + second
        while (left := end - time.monotonic()) > 0:
            if not select.select([self._pipe], [], [], left)[0]:
                return
            if not self.drain() or self.mark == mark:
                return

    def drain(self) -> bool:
        """Read what is there; False at the pipe's end."""
        data = os.read(self._pipe, 1 << 16)
        self._data += data
        while len(self._data) >= 9:
            self.mark = self._data[:1]
            self.acknowledged = int.from_bytes(self._data[1:9], "little")
            self._data = self._data[9:]
        return bool(data)

    def rest(self) -> None:
        """Read all that the dead writer had said."""
        while self.drain():
            pass
        os.close(self._pipe)


def trial(folder: Path, seed: int, counts: Counter[str]) -> None:
    """Kill one run's writer or closer, then its recoverers, and check it between and after."""
    chance = random.Random(seed)
    path = folder / f"{seed}.h5"
    ours, theirs = os.pipe()
    child = fork(write, path, theirs, seed)
    os.close(theirs)
    listener = Listener(ours)
    kind = chance.random()
    if kind < 0.45:
        listener.until(b"", chance.uniform(0, 0.08))
    elif kind < 0.6:
        listener.until(b"R", 5.0)
    else:
        listener.until(b"C" if kind > 0.7 else b"E", 5.0)
        spin(chance.uniform(0, 0.08))
    killed = kill(child)
    listener.rest()
    if killed:
        counts[f"killed {during(path, MARK[listener.mark])}"] += 1
    check(path, listener.acknowledged, "after the kill", counts)
    while chance.random() < 0.5 and run_folder(path).exists() and listener.acknowledged:
        child = fork(recover, path)
        spin(chance.uniform(0, 0.04))
        if not kill(child):
            break
        counts["killed recovering"] += 1
        check(path, listener.acknowledged, "after the kill", counts)
    if listener.acknowledged:
        _, status = os.waitpid(fork(recover, path), 0)
        counts["not recovered"] += status != 0
        check(path, listener.acknowledged, "after recover", counts)
        left = sorted(p.name for p in folder.iterdir())
        counts["left behind"] += left != [path.name]
    for item in folder.iterdir():
        shutil.rmtree(item) if item.is_dir() else item.unlink()


def spin(second: float) -> None:
    """Let time pass, to the microsecond."""
    end = time.perf_counter() + second
    while time.perf_counter() < end:
        pass


def during(path: Path, mark: str) -> str:
    """Say what the killed process was doing, from what it left."""
    folder = run_folder(path)
    if mark != "closing":
        return mark
    if path.with_name(path.name + ".partial").exists():
        return "compacting"
    if path.exists():
        return "removing the journal"
    return "before compacting" if folder.exists() else "closing"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0, help="0: another one each time")
    parser.add_argument("--folder", type=Path, help="a folder on the disk to be tried")
    words = parser.parse_args()
    seed = words.seed or random.SystemRandom().randrange(1, 1 << 30)
    counts: Counter[str] = Counter(lost=0, wrong=0, unreadable=0)
    counts["not recovered"] = counts["left behind"] = 0
    folder = Path(tempfile.mkdtemp(prefix="kills-", dir=words.folder))
    number = 0
    while sum(n for name, n in counts.items() if name.startswith("killed")) < words.kills:
        trial(folder, seed + number, counts)
        number += 1
    folder.rmdir()
    total = sum(n for name, n in counts.items() if name.startswith("killed"))
    print(
        json.dumps({"seed": seed, "runs": number, "kills": total, **dict(sorted(counts.items()))})
    )
    bad = ("lost", "wrong", "unreadable", "not recovered", "left behind")
    return int(any(counts[name] for name in bad))


if __name__ == "__main__":
    sys.exit(main())
