"""Cut the power of a simulated disk: which rows does the journal still give, and are they right?

``python -m benchmarks.power_loss --images 300``. A journal's write and sync calls are recorded.
An image of the disk is what was synced, and of what was written since each 512-byte sector either
or not (then it is as it was before, zeros where nothing was). A file whose folder entry was not
synced may be missing. Prints how many rows after the last sync were lost, and must print 0 synced
rows lost and 0 wrong. Each image is opened as a user does too, its older segments unread: that
gives the same rows or, where they are damaged, says so (``refused``; segments of 8 kB fill several
times between two syncs, those of 8 MB do not). Beside it, every prefix of the write calls (= every
SIGKILL) is read.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchlab.errors import FileNotReadable
from benchlab.platform import write_at
from benchlab.store.journal import JournalWriter
from benchlab.store.journal_frame import segment_path
from benchlab.store.journal_read import read_journal
from benchlab.store.journal_segments import SegmentFiles
from benchlab.store.reader import open_run
from benchmarks.kill_harness import HEAD, row

SECTOR = 512
SEGMENT_BYTES = 8192
Image = dict[int, bytearray]


class Recorded(SegmentFiles):
    """Keeps every call that changes the disk; its thread is not started: syncs come when asked."""

    log: list[tuple[str, Any]]

    def start(self) -> None:
        """Start nothing."""

    def _create(self, index, size):  # type: ignore[no-untyped-def]
        segment = super()._create(index, size)
        # the folder is synced within it
        self.log.append(("create", (index, size)))
        return segment

    def _put(self, segment, data, written):  # type: ignore[no-untyped-def]
        # a disk takes what it likes of a write
        taken = write_at(segment.file, data[: random.randrange(1, 900)], segment.good + written)
        self.log.append(("write", (segment.index, segment.good + written, data[:taken])))
        return taken

    def sync(self) -> None:
        """Sync, and note it."""
        super().sync()
        self.log.append(("sync", None))


def record(folder: Path, rows: int, chance: random.Random) -> list[tuple[str, Any]]:
    """Write a journal and return its calls; ``rows`` entries say how many were handed over."""
    Recorded.log = log = []
    JournalWriter._segments = Recorded
    try:
        writer = JournalWriter(folder, durable=True, segment_bytes=SEGMENT_BYTES)
        writer.open_record(HEAD)
        k = 0
        while k < rows:
            for _ in range(chance.randrange(1, 12)):
                writer.row(*row(k))
                k += 1
            if chance.random() < 0.3:
                writer.state({"test_time_second": k * 0.5})
            writer.flush()
            log.append(("rows", k))
            if chance.random() < 0.1:
                writer._files.sync()
        writer.close()
    finally:
        JournalWriter._segments = SegmentFiles
    return log


def apply(image: Image, call: tuple[str, Any]) -> None:
    """Carry one call out on an image."""
    kind, words = call
    if kind == "create":
        image[words[0]] = bytearray(words[1])
    elif kind == "write":
        index, place, data = words
        image[index][place : place + len(data)] = data


def lose(log: list[tuple[str, Any]], cut: int, chance: random.Random) -> tuple[Image, int, int]:
    """Return an image after a power cut, the rows that were synced, and those handed over."""
    last = max((i for i, call in enumerate(log[:cut]) if call[0] == "sync"), default=0)
    image: Image = {}
    rows = {"synced": 0, "handed": 0}
    for index, call in enumerate(log[:cut]):
        if call[0] == "rows":
            rows["handed"] = call[1]
            rows["synced"] = call[1] if index < last else rows["synced"]
        if index <= last:
            apply(image, call)
    old = {index: bytes(data) for index, data in image.items()}
    for call in log[last + 1 : cut]:
        apply(image, call)
    keep = chance.random()
    for index, data in image.items():
        before = old.get(index, bytes(len(data)))
        for first in range(0, len(data), SECTOR):
            if chance.random() > keep:
                data[first : first + SECTOR] = before[first : first + SECTOR]
    return image, rows["synced"], rows["handed"]


def read(image: Image, refused: list[str]) -> list[float]:
    """Return the row numbers that a reader finds, or raise where a row is wrong.

    What an opening without reading everything refuses is appended to `refused`.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "a.run"
        folder.mkdir()
        (folder / "lock").touch()
        (folder / "journal").mkdir()
        for index, data in image.items():
            segment_path(folder, index).write_bytes(data)
        rows = read_journal(folder).rows
        try:
            opened = open_run(folder)["unix_time_nanosecond"].tolist()
        except FileNotReadable as error:
            refused.append(error.what)
        else:
            if opened != rows["unix_time_nanosecond"].tolist():
                raise AssertionError("a run opened unread gives other rows than its journal")
    found = [int(k) for k in rows["unix_time_nanosecond"] - 1]
    for values, k in zip(rows.tolist(), found, strict=True):
        if values != tuple(type(v)(w) for v, w in zip(values, row(k), strict=True)):
            raise AssertionError(f"row {k} is wrong: {values}")
    if found != sorted(set(found)):
        raise AssertionError("rows out of order")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    chance = random.Random(words.seed)
    random.seed(words.seed)
    facts = {"images": words.images, "synced_rows_lost": 0, "wrong": 0, "unsynced": 0, "kept": 0}
    with tempfile.TemporaryDirectory() as name:
        log = record(Path(name) / "a.run", words.rows, chance)
    refused: list[str] = []
    short: list[str] = []
    for _ in range(words.images):
        image, synced, handed = lose(log, chance.randrange(1, len(log) + 1), chance)
        try:
            found = read(image, refused)
        except AssertionError as error:
            print(error, file=sys.stderr)
            facts["wrong"] += 1
            continue
        facts["synced_rows_lost"] += len(set(range(synced)) - set(found))
        facts["unsynced"] += handed - synced
        facts["kept"] += len(found) - synced
    facts["refused"] = sum("before its first" not in text for text in refused)
    image, handed = {}, 0
    facts["prefixes"] = facts["prefixes_short"] = 0
    for call in log:
        apply(image, call)
        handed = call[1] if call[0] == "rows" else handed
        if call[0] in ("write", "rows"):
            found = read(image, short)
            facts["prefixes"] += 1
            facts["prefixes_short"] += found != list(range(max(len(found), handed)))
    facts["prefixes_refused"] = sum("before its first" not in text for text in short)
    print(json.dumps(facts))
    return int(
        bool(
            facts["synced_rows_lost"]
            or facts["wrong"]
            or facts["prefixes_short"]
            or facts["prefixes_refused"]
        )
    )


if __name__ == "__main__":
    sys.exit(main())
