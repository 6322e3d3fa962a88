import errno
import json
import os
import resource
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import benchlab
from benchlab.errors import FileExists, FileNotReadable, StorageError
from benchlab.model.columns import STEP_COLUMNS, row_dtype
from benchlab.store.journal import HEADER, ROW, JournalWriter, run_folder
from benchlab.store.journal_read import read_journal

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


def journal_bytes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("journal") / "a.run"
    writer = JournalWriter(folder, durable=False)
    writer.open_record(HEAD)
    for k in range(100):
        writer.row(*row(k))
        if k % 7 == 0:
            writer.flush()
        if k == 60:
            writer.step(STEP)
    writer.close()
    return (folder / "journal").read_bytes()


def read(data):
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "journal").write_bytes(data)
        return read_journal(Path(folder))


@pytest.fixture(scope="session")
def whole(tmp_path_factory):
    return journal_bytes(tmp_path_factory)


def test_every_row_reads_back(whole):
    content = read(whole)
    assert content.rows["test_time_second"].tolist() == [float(k) for k in range(100)]
    assert content.torn_bytes == 0
    assert len(content.steps) == 1


def test_the_packed_row_is_the_column_table():
    assert ROW.size == row_dtype().itemsize
    packed = np.frombuffer(ROW.pack(*row(7)), row_dtype())[0]
    assert tuple(packed) == row(7)


@given(st.data())
def test_any_prefix_of_the_bytes_is_a_prefix_of_the_rows(whole, data):
    cut = data.draw(st.integers(0, len(whole)))
    content = read(whole[:cut])
    count = len(content.rows)
    assert content.rows["test_time_second"].tolist() == [float(k) for k in range(count)]
    assert content.torn_bytes <= cut


@given(st.data())
def test_a_changed_byte_never_gives_a_wrong_row(whole, data):
    place = data.draw(st.integers(0, len(whole) - 1))
    flip = data.draw(st.integers(1, 255))
    damaged = bytearray(whole)
    damaged[place] ^= flip
    content = read(bytes(damaged))
    assert content.rows["test_time_second"].tolist() == [float(k) for k in range(len(content.rows))]


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
import resource, signal, sys
from pathlib import Path
from benchlab.errors import StorageError
from benchlab.store.journal import JournalWriter
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
writer = JournalWriter(Path(sys.argv[1]), durable=False)
writer.open_record({head})
resource.setrlimit(resource.RLIMIT_FSIZE, (20000, resource.RLIM_INFINITY))
failed = 0
for k in range(400):
    writer.row(float(k), k, 3.0, 1.0, 1, 1, 0, 0.0, 0.0, 0.0, 0.0, 25.0, 0)
    if k % 10 == 9:
        try:
            writer.flush()
        except StorageError:
            failed += 1
    if k == 300:
        resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY,) * 2)
writer.close()
print(failed)
"""


def test_a_full_disk_loses_nothing_once_there_is_space_again(tmp_path):
    """The file-size limit of a process stands for a full disk: both end in a short write."""
    folder = tmp_path / "a.run"
    script = FILLS.replace("{head}", json.dumps(HEAD))
    done = subprocess.run(
        [sys.executable, "-c", script, str(folder)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 0, "the disk was never full"
    content = read_journal(folder)
    assert content.rows["test_time_second"].tolist() == [float(k) for k in range(400)]
    assert content.torn_bytes == 0
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY


def test_a_folder_that_cannot_be_written_is_a_sentence(tmp_path):
    with pytest.raises(StorageError) as caught:
        JournalWriter(tmp_path / "no" / "a.run", durable=False)
    assert os.strerror(errno.ENOENT) in str(caught.value)
    assert caught.value.remedy


def test_headers_have_their_stated_size():
    assert HEADER.size == 28
