"""A disk whose syncs fail: what was not synced is written again elsewhere, or the run is told."""

import errno
import os
import subprocess
import sys

import pytest

from benchlab.errors import StorageError
from benchlab.store.journal import JournalWriter
from benchlab.store.journal_frame import segment_path
from benchlab.store.journal_read import read_journal
from benchlab.store.journal_segments import SegmentFiles

HEAD = {"cell": {}, "protocol": {}, "instrument": {}, "meta": {}}


class FailingDisk(SegmentFiles):
    """A disk on which the next so many syncs fail; syncs come when a test asks."""

    failures = 0

    def start(self):
        """Start no thread."""

    def _sync(self, file):
        if self.failures:
            self.failures -= 1
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super()._sync(file)


class Writer(JournalWriter):
    _segments = FailingDisk


@pytest.fixture
def writer(tmp_path):
    writer = Writer(tmp_path / "a.run", durable=True, segment_bytes=1 << 16)
    writer.open_record(HEAD)
    yield writer
    writer.release()


def add(writer, first, stop):
    for k in range(first, stop):
        writer.row(float(k), k, 3.0, 1.0, 1, 1, 0, 0.0, 0.0, 0.0, 0.0, 25.0, 0)
    return writer.flush()


def times(folder):
    return read_journal(folder).rows["test_time_second"].tolist()


def test_frames_whose_sync_failed_are_in_a_new_segment_too(writer):
    add(writer, 0, 50)
    writer._files.each_second()
    add(writer, 50, 60)
    writer._files.failures = 1
    writer._files.each_second()
    assert add(writer, 60, 70)
    assert times(writer.folder) == [float(k) for k in range(70)]
    assert read_journal(writer.folder).damage == []
    # the disk forgot what it could not sync, and the rows are there all the same
    first = segment_path(writer.folder, 0)
    head = first.read_bytes()
    place = head.rindex(b"BLJ1")
    first.write_bytes(head[:place] + bytes(len(head) - place))
    assert times(writer.folder) == [float(k) for k in range(70)]
    assert read_journal(writer.folder).missing_rows == 0


def test_three_failures_in_a_row_are_an_error(writer):
    writer._files.failures = 99
    for k in range(3):
        add(writer, 10 * k, 10 * k + 10)
        writer._files.each_second()
    with pytest.raises(StorageError, match="failed to sync three times"):
        writer.flush()
    writer._files.failures = 0
    assert add(writer, 30, 40)
    assert times(writer.folder) == [float(k) for k in range(40)]


def test_one_failure_is_forgotten_by_the_next_sync(writer):
    for k in range(6):
        add(writer, 10 * k, 10 * k + 10)
        writer._files.failures = k % 2
        writer._files.each_second()
    assert add(writer, 60, 61)
    assert times(writer.folder) == [float(k) for k in range(61)]


def test_a_segment_made_ahead_is_in_nobodys_way(writer):
    add(writer, 0, 10)
    writer._files.each_second()
    assert segment_path(writer.folder, 1).read_bytes() == bytes(1 << 16)
    content = read_journal(writer.folder)
    assert (len(content.rows), content.torn_bytes, content.segment) == (10, 0, 2)
    for first in range(10, 2000, 10):
        add(writer, first, first + 10)
        if first % 500 == 0:
            writer._files.each_second()
    assert times(writer.folder) == [float(k) for k in range(2000)]


def test_a_journal_goes_on_behind_a_segment_its_dead_writer_had_made_ahead(tmp_path):
    script = (
        "import os, sys; from pathlib import Path;"
        "from benchlab.store.journal import JournalWriter;"
        "w = JournalWriter(Path(sys.argv[1]), durable=True, segment_bytes=65536);"
        "w.open_record({'cell': {}, 'protocol': {}, 'instrument': {}, 'meta': {}});"
        "w._files.each_second(); os._exit(0)"
    )
    folder = tmp_path / "a.run"
    subprocess.run([sys.executable, "-c", script, folder], check=True)
    assert segment_path(folder, 1).exists()
    again = JournalWriter.resume(folder, read_journal(folder), durable=True)
    assert add(again, 0, 5)
    again.close()
    assert times(folder) == [float(k) for k in range(5)]
