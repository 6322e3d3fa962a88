import errno
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import benchlab
from benchlab.errors import FileError, FileExists, FileNotReadable, StorageError
from benchlab.model.columns import STEP_COLUMNS, row_dtype
from benchlab.store.journal import JournalWriter, run_folder
from benchlab.store.journal_frame import (
    HEADER,
    ROW,
    SEGMENT,
    FrameKind,
    pack_frame,
    pack_segment,
    segment_path,
)
from benchlab.store.journal_read import read_journal
from benchlab.store.journal_tail import JournalTail

HEAD = {
    "cell": {"type": "x"},
    "protocol": {
        "name": "p",
        "text": "t",
        "sha256": "s",
        "steps": [
            {"label": "", "step_type": "CC_CHG", "cycle_kind": "cycle", "current_ampere": 1.0}
        ],
    },
    "instrument": {},
    "meta": {"origin": "benchlab"},
}
STEP = {
    name: (0 if name.endswith(("count", "id", "row", "end")) else 0.0) for name in STEP_COLUMNS
} | {"label": "", "step_type": "CC_CHG", "cycle_kind": "cycle", "counter_source": "host",
     "end_reason": "voltage", "step_count": 1}  # fmt: skip


def row(k, step=1):
    return (float(k), k, 3.0, 1.0, 1, step, 0, k / 3600, 0.0, k / 1200, 0.0, 25.0, 0)


SMALL = 2048
"""Bytes of a segment, so that a hundred rows fill several."""


def write_rows(folder, count=100, **options):
    writer = JournalWriter(folder, durable=False, segment_bytes=SMALL, **options)
    writer.open_record(HEAD)
    for k in range(count):
        writer.row(*row(k))
        if k % 7 == 0:
            writer.flush()
        if k == 60:
            writer.step(STEP)
    return writer


def segments(folder):
    return sorted((folder / "journal").iterdir())


def lay_out(folder, data):
    """Write segments given as bytes where a reader looks for them."""
    (folder / "journal").mkdir()
    for index, part in enumerate(data):
        segment_path(folder, index).write_bytes(part)


def read(data):
    with tempfile.TemporaryDirectory() as folder:
        lay_out(Path(folder), data)
        return read_journal(Path(folder))


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("journal") / "a.run"
    write_rows(folder).close()
    parts = [path.read_bytes() for path in segments(folder)]
    assert len(parts) > 4, "the test is about several segments"
    return parts


def times(content):
    return content.rows["test_time_second"].tolist()


def test_every_row_reads_back(whole):
    content = read(whole)
    assert times(content) == [float(k) for k in range(100)]
    assert content.torn_bytes == 0
    assert len(content.steps) == 1


def test_the_packed_row_is_the_column_table():
    assert ROW.size == row_dtype().itemsize
    packed = np.frombuffer(ROW.pack(*row(7)), row_dtype())[0]
    assert tuple(packed) == row(7)


@given(st.data())
def test_any_prefix_of_what_was_written_is_a_prefix_of_the_rows(whole, data):
    cut = data.draw(st.integers(0, sum(map(len, whole))))
    parts = []
    for part in whole:
        parts.append(part[: max(cut, 0)])
        cut -= len(part)
        if cut <= 0:
            break
    zeros = data.draw(st.booleans())
    if zeros:
        parts[-1] = parts[-1].ljust(SMALL, b"\0")
        parts.append(bytes(SMALL))
    content = read(parts)
    assert times(content) == [float(k) for k in range(len(content.rows))]
    assert content.missing_rows == 0
    assert content.damage == []
    again = read(parts)
    assert len(again.rows) == len(content.rows)


def test_every_prefix_is_found_to_its_last_whole_frame(whole):
    """Row by row: a cut behind a frame's last byte keeps its rows, a byte earlier loses them."""
    first = whole[0]
    counts = [len(read([first[:cut]]).rows) for cut in range(len(first) + 1)]
    assert counts == sorted(counts)
    assert counts[-1] == len(read([first]).rows) > 0
    steps = [cut for cut in range(1, len(counts)) if counts[cut] > counts[cut - 1]]
    for cut in steps:
        assert len(read([first[: cut - 1]]).rows) == counts[cut - 1] < counts[cut]


@given(st.data())
def test_a_changed_byte_never_gives_a_wrong_row(whole, data):
    """One frame at most is lost, the hole is said, and what follows it is still there."""
    index = data.draw(st.integers(0, len(whole) - 1))
    place = data.draw(st.integers(0, len(whole[index]) - 1))
    flip = data.draw(st.integers(1, 255))
    damaged = bytearray(whole[index])
    damaged[place] ^= flip
    content = read([*whole[:index], bytes(damaged), *whole[index + 1 :]])
    assert content.head["meta"]["run_id"]
    found = times(content)
    assert found == sorted(set(found))
    assert set(found) <= {float(k) for k in range(100)}
    lost = 100 - len(found)
    assert lost <= 7
    if found and found[-1] == 99.0:
        assert content.missing_rows == lost
    if content.missing_rows:
        assert content.events[-1]["kind"] == "gap"
    for step in content.steps:
        assert found[step["last_row"]] >= 0


@given(st.data())
def test_any_zeroed_page_never_gives_a_wrong_row(whole, data):
    parts = [bytearray(part) for part in whole]
    for _ in range(data.draw(st.integers(1, 4))):
        part = parts[data.draw(st.integers(0, len(parts) - 1))]
        page = 256 * data.draw(st.integers(0, len(part) // 256))
        part[page : page + 256] = bytes(len(part[page : page + 256]))
    content = read([bytes(part) for part in parts])
    found = times(content)
    assert found == sorted(set(found))
    assert set(found) <= {float(k) for k in range(100)}


def test_a_segment_of_another_run_is_not_believed(whole, tmp_path):
    write_rows(tmp_path / "b.run").close()
    strange = segments(tmp_path / "b.run")[2].read_bytes()
    content = read([*whole[:2], strange, *whole[3:]])
    full = read(whole)
    assert set(times(content)) < set(times(full))
    assert content.missing_rows == 100 - len(content.rows) > 0
    assert content.damage[0].segment == 2


def test_a_follower_sees_each_frame_once_whatever_the_pace(tmp_path):
    folder = tmp_path / "a.run"
    writer = JournalWriter(folder, durable=False, segment_bytes=SMALL)
    tail = JournalTail(folder)
    seen = []
    writer.open_record(HEAD)
    for k in range(200):
        writer.row(*row(k))
        if k % 3 == 0:
            writer.flush()
        if k % 11 == 0:
            seen += tail.frames()
    writer.close()
    seen += tail.frames()
    assert [frame.number for frame in seen] == list(range(len(seen)))
    rows = b"".join(f.payload for f in seen if f.kind == FrameKind.ROWS)
    assert len(rows) == 200 * ROW.size
    assert tail.damage == []
    assert list(tail.frames()) == []
    tail.close()


def test_a_frame_half_written_is_waited_for_and_then_read(whole, tmp_path):
    (tmp_path / "journal").mkdir()
    path = segment_path(tmp_path, 0)
    tail = JournalTail(tmp_path)
    rows = 0
    with open(path, "wb", buffering=0) as file:
        for cut in range(0, len(whole[0]), 37):
            file.write(whole[0][cut : cut + 37])
            rows += sum(len(f.payload) for f in tail.frames() if f.kind == FrameKind.ROWS)
    tail.close()
    assert rows // ROW.size == len(read(whole[:1]).rows)


def test_a_frame_larger_than_a_segment_has_one_of_its_own(tmp_path):
    folder = tmp_path / "a.run"
    writer = JournalWriter(folder, durable=True, segment_bytes=SMALL)
    writer.open_record(HEAD | {"protocol": HEAD["protocol"] | {"text": "x" * 9 * SMALL}})
    writer.row(*row(0))
    writer.close()
    content = read_journal(folder)
    assert len(content.head["protocol"]["text"]) == 9 * SMALL
    assert times(content) == [0.0]


def test_a_journal_whose_writer_died_goes_on_in_a_new_segment(tmp_path):
    folder = tmp_path / "a.run"
    writer = write_rows(folder, 50)
    writer.flush()
    with pytest.raises(FileError, match="another process"):
        JournalWriter.resume(folder, read_journal(folder), durable=False)
    writer.release()
    before = read_journal(folder)
    again = JournalWriter.resume(folder, before, durable=True)
    for k in range(50, 60):
        again.row(*row(k))
    again.close()
    content = read_journal(folder)
    assert times(content) == [float(k) for k in range(60)]
    assert content.damage == []


def test_frames_whose_sync_failed_are_written_again_elsewhere(tmp_path):
    folder = tmp_path / "a.run"
    writer = JournalWriter(folder, durable=False)
    writer.open_record(HEAD)
    for k in range(10):
        writer.row(*row(k))
        writer.flush()
    writer.release()
    first = segment_path(folder, 0).read_bytes()
    tag, number = read_journal(folder).run_id, 10
    frames = b"".join(
        pack_frame(FrameKind.ROWS, tag[:4], k + 3, k, ROW.pack(*row(k))) for k in range(7, 12)
    )
    segment_path(folder, 1).write_bytes(pack_segment(tag, 1, number) + frames)
    assert times(read_journal(folder)) == [float(k) for k in range(12)]
    segment_path(folder, 0).write_bytes(first[:-500])
    assert times(read_journal(folder))[-5:] == [7.0, 8.0, 9.0, 10.0, 11.0]


def test_a_run_under_way_is_read_while_its_writer_goes_on(tmp_path):
    path = tmp_path / "a.h5"
    writer = JournalWriter(run_folder(path), durable=False)
    writer.open_record(HEAD)
    writer.row(*row(0))
    writer.row(*row(3600))
    writer.flush()
    run = benchlab.open(path)
    assert run.state == "running"
    assert len(run) == 2
    assert run.steps["end_reason"].tolist() == ["unfinished"]
    assert run.steps["step_charging_capacity_ah"].tolist() == [1.0]
    writer.row(*row(4000))
    writer.flush()
    assert len(benchlab.open(path)) == 3
    writer.release()
    assert benchlab.open(path).state == "interrupted"


def test_a_journal_without_its_first_record_says_so(tmp_path):
    folder = tmp_path / "a.run"
    JournalWriter(folder, durable=False).release()
    with pytest.raises(FileNotReadable, match="no current had flowed"):
        benchlab.open(folder)


def test_a_second_run_of_the_same_name_is_refused(tmp_path):
    JournalWriter(tmp_path / "a.run", durable=False).release()
    with pytest.raises(FileExists):
        JournalWriter(tmp_path / "a.run", durable=False)


def test_durable_journals_are_synced_by_a_thread_that_ends(tmp_path):
    writer = JournalWriter(tmp_path / "a.run", durable=True)
    writer.open_record(HEAD)
    writer.close()
    assert read_journal(tmp_path / "a.run").head["meta"]


FILLS = """
import json, resource, signal, sys
from pathlib import Path
from benchlab.errors import StorageError
from benchlab.store.journal import JournalWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
told = []
writer = JournalWriter(
    Path(sys.argv[1]), durable=sys.argv[2] == "durable", segment_bytes=int(sys.argv[3]),
    waiting_bytes=int(sys.argv[4]), tell=told.append,
)
writer.open_record({head})
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))
held = failed = 0
for k in range(400):
    writer.row(float(k), k, 3.0, 1.0, 1, 1, 0, 0.0, 0.0, 0.0, 0.0, 25.0, 0)
    if k % 10 == 9:
        try:
            held += not writer.flush()
        except StorageError:
            failed += 1
    if k == 300:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
writer.close()
print(json.dumps({"held": held, "failed": failed, "told": told}))
"""


def fill(folder, kind, segment, waiting):
    script = FILLS.replace("{head}", json.dumps(HEAD))
    words = [sys.executable, "-c", script, folder, kind, segment, waiting]
    done = subprocess.run(list(map(str, words)), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    content = read_journal(folder)
    assert times(content) == [float(k) for k in range(400)]
    assert content.torn_bytes == 0
    assert content.damage == []
    return json.loads(done.stdout), content


@pytest.mark.parametrize(("kind", "segment"), [("durable", 30000), ("plain", 8 << 20)])
def test_a_full_disk_loses_nothing_once_there_is_space_again(tmp_path, kind, segment):
    """The file-size limit of a process stands for a full disk: both end in a short write."""
    told, content = fill(tmp_path / "a.run", kind, segment, 1 << 20)
    assert told["held"] > 0, "the disk was never full"
    assert told["failed"] == 0
    assert "rows wait in memory" in told["told"][0]
    assert "none was lost" in told["told"][1]
    assert [e["kind"] for e in content.events] == ["storage"]


def test_what_waits_in_memory_is_bounded_and_its_end_is_an_error(tmp_path):
    told, _ = fill(tmp_path / "a.run", "plain", 8 << 20, 4000)
    assert told["failed"] > 0
    assert told["held"] > 0


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    with pytest.raises(StorageError) as caught:
        JournalWriter(tmp_path / "no" / "a.run", durable=False)
    assert os.strerror(errno.ENOENT) in str(caught.value)
    assert caught.value.remedy


def test_headers_have_their_stated_size():
    assert HEADER.size == SEGMENT.size == 40
