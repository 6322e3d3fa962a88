"""Runs closed, under way and cut off are read alike, in slices, and followed without sleeping."""

import builtins
import sys

import h5py
import numpy as np
import pytest

import benchlab
from benchlab.errors import SetupError
from benchlab.model.columns import EVENT_COLUMNS, ROW_COLUMNS, STEP_COLUMNS, records_table
from benchlab.model.run import ProtocolRecord
from benchlab.store.closed import ClosedFileWriter
from benchlab.store.compact import close_run
from benchlab.store.journal import JournalWriter, run_folder

HEAD = {
    "cell": {"id": "A1"},
    "protocol": {
        "name": "p",
        "text": "t",
        "sha256": "s",
        "steps": [
            {"label": "", "step_type": "CC_CHG", "cycle_kind": "cycle", "current_ampere": 1.0}
        ],
    },
    "instrument": {},
    "meta": {"origin": "benchlab", "run_id": "r"},
}


def add(writer, first, count):
    for k in range(first, first + count):
        writer.row(float(k), k, 3.0, 1.0, 1, 1, 0, k / 3600, 0.0, k / 1200, 0.0, 25.0, 0)
    writer.flush()


@pytest.fixture
def live(tmp_path):
    writer = JournalWriter(run_folder(tmp_path / "a.h5"), durable=False)
    writer.open_record(HEAD)
    add(writer, 0, 5)
    yield tmp_path / "a.h5", writer
    writer.release()


def end(writer):
    writer.end({"end_reason": "done", "end_text": ""})
    writer.release()


def test_slices_are_those_of_the_whole_in_every_state(live):
    path, writer = live
    running = benchlab.open(path)
    end(writer)
    ended = benchlab.open(path)
    close_run(run_folder(path), path)
    closed = benchlab.open(path)
    assert [run.state for run in (running, ended, closed)] == ["running", "interrupted", "closed"]
    for run in (running, ended, closed):
        for start, stop in ((0, None), (1, 3), (-2, None), (3, 1), (4, 99)):
            part = run.column("test_time_second", start, stop)
            assert part.tolist() == [0.0, 1.0, 2.0, 3.0, 4.0][slice(start, stop)]
        blocks = list(run.blocks(2))
        assert [block.rows for block in blocks] == [2, 2, 1]
        assert list(blocks[0]) == list(ROW_COLUMNS)
        with pytest.raises(KeyError, match="this run has"):
            run.column("volts")


def test_following_yields_every_row_once_until_the_run_closes(live):
    path, writer = live
    run = benchlab.open(path)
    waits = []

    def wait(seconds):
        waits.append(seconds)
        if len(waits) == 1:
            add(writer, 5, 3)
        elif len(waits) == 3:
            add(writer, 8, 1)
            end(writer)

    batches = [t["test_time_second"].tolist() for t in run.follow(0.5, start=2, wait=wait)]
    assert batches == [[2.0, 3.0, 4.0], [5.0, 6.0, 7.0], [8.0]]
    assert waits == [0.5] * 3


def test_following_goes_on_in_the_closed_file_where_the_journal_has_gone(live):
    path, writer = live
    run = benchlab.open(path)

    def wait(_):
        if writer is not None:
            add(writer, 5, 4)
            end(writer)
            close_run(run_folder(path), path)

    rows = [x for t in run.follow(1.0, wait=wait) for x in t["test_time_second"].tolist()]
    assert rows == [5.0, 6.0, 7.0, 8.0]


def test_following_ends_when_the_writer_died(live):
    path, writer = live
    run = benchlab.open(path)
    add(writer, 5, 1)
    writer.release()
    assert [t.rows for t in run.follow(wait=pytest.fail)] == [1]


def test_a_closed_run_has_nothing_new(live):
    path, writer = live
    end(writer)
    close_run(run_folder(path), path)
    run = benchlab.open(path)
    assert list(run.follow(wait=pytest.fail)) == []
    (rest,) = run.follow(start=3, wait=pytest.fail)
    assert rest["test_time_second"].tolist() == [3.0, 4.0]


def test_a_slice_reads_only_the_chunks_it_lies_in(tmp_path):
    """Damage in a chunk far away stays unnoticed: the slice never touched it."""
    writer = ClosedFileWriter(tmp_path / "a.h5")
    writer.append({"test_time_second": np.arange(200_000.0)})
    empty = {"cell": {}, "protocol": ProtocolRecord(), "instrument": {}, "meta": {}}
    writer.finish(
        steps=records_table(STEP_COLUMNS, []), events=records_table(EVENT_COLUMNS, []), **empty
    )
    with h5py.File(tmp_path / "a.h5") as file:
        info = file["rows/test_time_second"].id.get_chunk_info(2)
    data = bytearray((tmp_path / "a.h5").read_bytes())
    data[info.byte_offset + 50] ^= 0xFF
    (tmp_path / "a.h5").write_bytes(bytes(data))
    run = benchlab.open(tmp_path / "a.h5")
    assert run.column("test_time_second", 70_000, 70_002).tolist() == [70_000.0, 70_001.0]
    with pytest.raises(benchlab.errors.FileNotReadable):
        run.column("test_time_second", 140_000, 140_001)


@pytest.mark.parametrize(("method", "package"), [("to_pandas", "pandas"), ("to_arrow", "pyarrow")])
def test_conversions_or_a_sentence(live, monkeypatch, method, package):
    run = benchlab.open(live[0])
    real = builtins.__import__

    def without(name, *words):
        if name.partition(".")[0] == package:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)
        return real(name, *words)

    with monkeypatch.context() as patched:
        patched.delitem(sys.modules, package, raising=False)
        patched.setattr(builtins, "__import__", without)
        with pytest.raises(SetupError, match=f"pip install {package}"):
            getattr(run, method)()
    pytest.importorskip(package, reason=f"{package} is not installed")
    made = getattr(run, method)()
    assert len(made) == 5
    assert list(made["test_time_second"].to_numpy()) == [0.0, 1.0, 2.0, 3.0, 4.0]
