"""The description of a run: read from whichever of its copies the damage left."""

import tempfile
from pathlib import Path

import pytest

from benchlab.store.journal import JournalWriter
from benchlab.store.journal_frame import HEADER, SEGMENT, FrameKind, segment_path
from benchlab.store.journal_read import read_journal

DESCRIBING = (FrameKind.OPEN, FrameKind.INDEX, FrameKind.PADDING)
HEAD = {"cell": {"type": "x"}, "protocol": {}, "instrument": {}, "meta": {}}


def row(writer, k):
    writer.row(float(k), k, 3.0, 1.0, 1, 1, 0, 0.0, 0.0, 0.0, 0.0, 25.0, 0)


def written(folder, count):
    writer = JournalWriter(folder, durable=False, segment_bytes=2048)
    writer.open_record(HEAD)
    for k in range(count):
        row(writer, k)
        if k % 7 == 0:
            writer.flush()
    writer.flush()
    return writer


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("journal") / "a.run"
    written(folder, 100).close()
    parts = [path.read_bytes() for path in sorted((folder / "journal").iterdir())]
    assert len(parts) > 4, "the test is about several segments"
    return parts


def read(parts):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "journal").mkdir()
        for index, part in enumerate(parts):
            segment_path(Path(folder), index).write_bytes(part)
        return read_journal(Path(folder))


def times(content):
    return content.rows["test_time_second"].tolist()


def without_open(part):
    """Return a segment that lost its header and each description at its start."""
    place = SEGMENT.size
    while HEADER.unpack_from(part, place)[1] in DESCRIBING:
        place += HEADER.size + HEADER.unpack_from(part, place)[4]
    return bytes(place) + part[place:]


def test_each_segment_repeats_the_description(whole):
    full = read(whole)
    content = read([without_open(whole[0]), *whole[1:]])
    assert content.head == full.head
    assert not content.head_lost
    assert times(content) == times(full)
    assert content.lost_frames == 3
    for index in range(1, len(whole)):
        damaged = [without_open(part) for part in whole]
        damaged[index] = whole[index]
        assert read(damaged).head == full.head
    nowhere = read([without_open(part) for part in whole])
    assert nowhere.head_lost
    assert times(nowhere) == times(full)


def test_a_removed_first_segment_leaves_the_description_and_the_other_rows(whole):
    content = read([bytes(len(whole[0])), *whole[1:]])
    assert content.head == read(whole).head
    assert content.missing_rows == 100 - len(content.rows) > 0


def test_the_first_segment_has_a_copy_far_from_its_start(tmp_path):
    folder = tmp_path / "a.run"
    writer = JournalWriter(folder, durable=False)
    writer.open_record(HEAD)
    for k in range(2000):
        row(writer, k)
        if k % 10 == 0:
            writer.state({"test_time_second": float(k)})
    writer.release()
    path = segment_path(folder, 0)
    head = read_journal(folder).head
    path.write_bytes(bytes(1 << 16) + path.read_bytes()[1 << 16 :])
    content = read_journal(folder)
    assert content.head == head
    assert times(content)[-1] == 1990.0


@pytest.mark.parametrize("block", [512, 4096, 1 << 16])
@pytest.mark.parametrize("ended", [False, True])
def test_no_lost_block_of_a_short_run_takes_every_copy(tmp_path, block, ended):
    folder = tmp_path / "a.run"
    writer = JournalWriter(folder, durable=False)
    writer.open_record(HEAD | {"cell": {"type": "x" * 3000}})
    row(writer, 0)
    writer.flush()
    if ended:
        writer.end({"end_reason": "done"})
    writer.release()
    path = segment_path(folder, 0)
    whole, head = path.read_bytes(), read_journal(folder).head
    kept = 0
    for first in range(0, len(whole), block):
        path.write_bytes(whole[:first] + bytes(block) + whole[first + block :])
        content = read_journal(folder)
        assert content.head == head, f"the block at {first} took the description"
        kept += len(content.rows)
    # only a block that holds a part of the row takes it
    assert kept >= -(-len(whole) // block) - 2


def test_a_short_run_that_ended_has_a_copy_before_its_last_record(tmp_path):
    writer = written(tmp_path / "a.run", 3)
    head = read_journal(tmp_path / "a.run").head
    writer.end({"end_reason": "done"})
    writer.close()
    path = segment_path(tmp_path / "a.run", 0)
    path.write_bytes(without_open(path.read_bytes()))
    content = read_journal(tmp_path / "a.run")
    assert content.head == head
    assert times(content) == [0.0, 1.0, 2.0]
