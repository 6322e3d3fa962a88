"""A long journal opens without its rows being read; what is read then is the same, and verified."""

import errno
import os
import random

import numpy as np
import pytest

import benchlab
from benchlab.errors import FileMissing, FileNotReadable
from benchlab.model.columns import EVENT_COLUMNS, STEP_COLUMNS
from benchlab.store.check import check_run
from benchlab.store.compact import close_run
from benchlab.store.journal import JournalWriter, run_folder
from benchlab.store.journal_frame import MAGIC, FrameKind, segment_numbers, segment_path
from benchlab.store.journal_index import read_index
from benchlab.store.journal_read import read_journal
from benchlab.store.journal_segments import SegmentFiles
from benchlab.store.reader import open_run

PLAN = {"label": "", "step_type": "CC_CHG", "cycle_kind": "cycle", "current_ampere": 1.0}
HEAD = {
    "cell": {"id": "A1"},
    "protocol": {"name": "p", "text": "t", "sha256": "s", "steps": [PLAN]},
    "instrument": {},
    "meta": {"origin": "benchlab"},
}
TEXTS = {"label", "step_type", "cycle_kind", "counter_source", "end_reason"}


class Moody(SegmentFiles):
    """A disk on which some syncs fail, and of which nothing is synced unless asked."""

    moods = random.Random(0)
    failed = False

    def start(self):
        """Start no thread."""

    def sync(self):
        # never three times in a row, which would end the run
        self.failed = not self.failed and self.moods.random() < 0.5
        if self.failed:
            raise OSError(errno.EIO, os.strerror(errno.EIO))
        super().sync()


class MoodyWriter(JournalWriter):
    _segments = Moody


class Early(SegmentFiles):
    """Writes as the first version did: no segment tells of the one before it."""

    def _rotate(self, frame, number):
        self._noted = None
        return super()._rotate(frame, number)


class EarlyWriter(JournalWriter):
    _segments = Early


def rows(writer, count):
    for k in range(writer.row_count, writer.row_count + count):
        writer.row(float(k), k + 1, 3.0 + k, 1.0, 1, 1 + k // 200, 0, k / 9, 0, 0, 0, 25.0, 0)
    return writer.flush()


def step(writer, number):
    values = {name: "" if name in TEXTS else number for name in STEP_COLUMNS}
    writer.step(values | {"first_row": 200 * (number - 1), "last_row": 200 * number - 1})


def event(writer, k):
    values = (float(k), k, "note", "test", f"event {k}")
    writer.event(dict(zip(EVENT_COLUMNS, values, strict=True)))


def write(path, kind=JournalWriter, *, blocks=100, steps=True, size=4096, durable=False):
    writer = kind(run_folder(path), durable=durable, segment_bytes=size)
    writer.open_record(HEAD)
    for k in range(blocks):
        rows(writer, 10)
        writer.state({"test_time_second": float(k)})
        if k % 7 == 0:
            event(writer, k)
        if steps and k % 20 == 19:
            step(writer, k // 20 + 1)
        if kind is MoodyWriter and k % 3 == 0:
            writer._files.each_second()
    return writer


def same(run, content, count):
    assert len(run) == len(content.rows) == count
    for name in run.column_names:
        assert run[name].tolist() == content.rows[name].tolist(), name
    told = [step["last_row"] for step in content.steps]
    assert run.steps["last_row"].tolist()[: len(told)] == told
    assert run.events["text"].tolist() == [e["text"] for e in content.events]


@pytest.fixture
def long(tmp_path):
    path = tmp_path / "a.h5"
    writer = write(path)
    yield path, writer
    writer.release()


def spoil(folder, segment):
    """Change a byte of a row in a segment."""
    file = segment_path(folder, segment)
    data = bytearray(file.read_bytes())
    data[data.index(MAGIC + bytes([FrameKind.ROWS])) + 60] ^= 1
    file.write_bytes(bytes(data))


def test_what_is_read_later_is_what_reading_all_gives(long):
    path, _ = long
    filled = read_index(run_folder(path)).filled
    assert len(filled) == len(segment_numbers(run_folder(path))) - 2 > 20
    run = benchlab.open(path)
    same(run, read_journal(run_folder(path)), 1000)
    assert run.column("test_time_second", 195, 401).tolist() == [float(k) for k in range(195, 401)]
    assert run.column("test_time_second", -1).tolist() == [999.0]
    assert run.column("test_time_second", 5, 5).tolist() == []
    assert [t.rows for t in run.blocks(300)] == [300, 300, 300, 100]


def test_an_early_journal_and_one_whose_first_segments_are_gone_are_read_whole(tmp_path):
    writer = write(tmp_path / "a.h5", EarlyWriter)
    writer.close()
    folder = run_folder(tmp_path / "a.h5")
    assert len(segment_numbers(folder)) > 20
    assert read_index(folder).filled == ()
    same(benchlab.open(tmp_path / "a.h5"), read_journal(folder), 1000)
    write(tmp_path / "b.h5").close()
    folder = run_folder(tmp_path / "b.h5")
    segment_path(folder, 0).unlink()
    content = read_journal(folder)
    assert 900 < len(content.rows) < 1000
    same(benchlab.open(tmp_path / "b.h5"), content, len(content.rows))


@pytest.mark.parametrize("seed", range(6))
def test_frames_written_again_after_a_failed_sync_count_once(tmp_path, seed):
    Moody.moods = random.Random(seed)
    writer = write(tmp_path / "a.h5", MoodyWriter, durable=True)
    writer.release()
    folder = run_folder(tmp_path / "a.h5")
    assert read_index(folder).filled
    content = read_journal(folder)
    assert content.rows["test_time_second"].tolist() == [float(k) for k in range(1000)]
    same(benchlab.open(tmp_path / "a.h5"), content, 1000)


def test_opening_reads_no_row_and_damage_is_said_when_its_rows_are_read(long):
    path, writer = long
    spoil(run_folder(path), 3)
    filled = read_index(run_folder(path)).filled[3]
    run = benchlab.open(path)
    assert len(run) == 1000
    assert run.column("test_time_second", filled.stop).tolist()[-1] == 999.0
    assert run.column("test_time_second", 0, filled.first)[0] == 0.0
    with pytest.raises(FileNotReadable, match="damaged") as caught:
        run.column("test_time_second", filled.first, filled.stop)
    assert "benchlab recover" in caught.value.remedy
    writer.close()
    whole = open_run(path, verify=True)
    assert len(whole) == 990
    assert "gap" in whole.events["kind"].tolist()
    kinds = {finding.kind for finding in check_run(path).findings}
    assert {"missing rows", "journal"} <= kinds


def test_a_damaged_record_is_an_event_and_hides_no_other(long):
    path, _ = long
    folder = run_folder(path)
    filled = next(one for one in read_index(folder).filled if one.offsets.size)
    data = bytearray(segment_path(folder, filled.segment).read_bytes())
    data[int(filled.offsets[0]) + 50] ^= 1
    segment_path(folder, filled.segment).write_bytes(bytes(data))
    kinds = benchlab.open(path).events["kind"].tolist()
    assert kinds.count("damage") == 1
    assert kinds.count("note") == 14


def test_a_step_under_way_for_many_segments_is_whole(tmp_path):
    write(tmp_path / "a.h5", steps=False).close()
    run = benchlab.open(tmp_path / "a.h5")
    (step,) = run.steps.records()
    assert (step["first_row"], step["last_row"], step["end_reason"]) == (800, 999, "unfinished")
    assert step["minimum_voltage_volt"] == 803.0


def test_following_begins_where_opening_stopped(long):
    path, writer = long
    run = benchlab.open(path)
    for segment in segment_numbers(run_folder(path))[:-1]:
        spoil(run_folder(path), segment)

    def wait(_):
        rows(writer, 3)
        writer.end({"end_reason": "done"})

    new = [x for table in run.follow(wait=wait) for x in table["test_time_second"].tolist()]
    assert new == [1000.0, 1001.0, 1002.0]


@pytest.mark.parametrize("start", [0, 1, 333, 998])
def test_following_from_an_earlier_row_yields_every_row_from_there(long, start):
    path, writer = long
    run = benchlab.open(path)
    writer.release()
    (batch,) = run.follow(start=start, wait=pytest.fail)
    assert batch["test_time_second"].tolist() == [float(k) for k in range(start, 1000)]


def test_a_run_that_was_closed_since_is_read_from_its_closed_file(long):
    path, writer = long
    run = benchlab.open(path)
    writer.end({"end_reason": "done"})
    writer.close()
    close_run(run_folder(path), path)
    assert run["test_time_second"].tolist() == [float(k) for k in range(1000)]
    assert run.steps.rows == benchlab.open(path).steps.rows == 5
    assert run.events.rows == 15
    path.unlink()
    with pytest.raises(FileMissing, match="moved or removed"):
        run.column("voltage_volt", 0, 5)


def test_memory_is_bounded_by_what_is_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("benchlab.store.journal_rows.KEPT_BYTES", 10_000)
    write(tmp_path / "a.h5").close()
    run = benchlab.open(tmp_path / "a.h5")
    for table in run.blocks(100):
        np.testing.assert_array_equal(np.diff(table["test_time_second"]), 1.0)
    kept = run.load_column.__self__._kept
    assert 0 < sum(part.nbytes for part in kept.values()) <= 10_000
