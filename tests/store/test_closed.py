import h5py
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import benchlab
from benchlab.errors import FileExists, FileMissing, FileNotReadable, StorageError
from benchlab.model.columns import COLUMNS, EVENT_COLUMNS, STEP_COLUMNS, records_table
from benchlab.model.run import ProtocolRecord
from benchlab.store.closed import ClosedFileWriter, write_closed

COUNT = 1000


def write(path, *, voltage=None, unix=0):
    time = np.arange(COUNT, dtype=float)
    return write_closed(
        path,
        rows={
            "test_time_second": time,
            "unix_time_nanosecond": np.full(COUNT, unix, "<i8"),
            "voltage_volt": 3.0 + time / COUNT if voltage is None else voltage,
            "current_ampere": np.ones(COUNT),
        },
        steps=records_table(STEP_COLUMNS, []),
        events=records_table(
            EVENT_COLUMNS,
            [
                {
                    "test_time_second": 0.0,
                    "unix_time_nanosecond": unix,
                    "kind": "start",
                    "actor": "bench",
                    "text": "Größe µ",
                }
            ],
        ),
        cell={"id": "A1"},
        protocol=ProtocolRecord("p", "text", "abc", ({"label": "x"},)),
        instrument={"model": "2450"},
        meta={"origin": "benchlab"},
    )


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.h5"
    write(path)
    return path


def test_what_was_written_reads_back(file):
    run = benchlab.open(file)
    assert run.state == "closed"
    assert len(run) == COUNT
    assert run["voltage_volt"][-1] == 3.0 + (COUNT - 1) / COUNT
    assert run.events["text"].tolist() == ["Größe µ"]
    assert run.cell["id"] == "A1"
    assert run.protocol.steps[0]["label"] == "x"
    assert "voltage_volt" in run
    with pytest.raises(KeyError, match="this run has test_time_second"):
        run["volts"]
    with pytest.raises(ValueError, match="read-only"):
        run["voltage_volt"][0] = 1.0


def test_a_stranger_finds_units_and_meanings_with_plain_h5py(file):
    with h5py.File(file) as opened:
        assert opened.attrs["format"] == "benchlab-run/1"
        for name, dataset in opened["rows"].items():
            assert dataset.attrs["unit"] == COLUMNS[name].unit
            assert dataset.fletcher32
            assert dataset.compression == "gzip"


def test_the_digest_sees_data_and_not_the_wall_clock(tmp_path):
    first = write(tmp_path / "a.h5")
    assert write(tmp_path / "b.h5", unix=5) == first
    changed = 3.0 + np.arange(COUNT) / COUNT
    changed[500] += 1e-12
    assert write(tmp_path / "c.h5", voltage=changed) != first


def test_nothing_is_ever_written_over(file):
    before = file.read_bytes()
    with pytest.raises(FileExists):
        write(file)
    assert file.read_bytes() == before


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(StorageError):
        write(tmp_path / "no" / "a.h5")


def test_wrong_files_are_sentences(tmp_path, file):
    with pytest.raises(FileMissing, match="no such file"):
        benchlab.open(tmp_path / "no.h5")
    with pytest.raises(FileMissing, match="folder"):
        benchlab.open(tmp_path)
    (tmp_path / "empty.h5").touch()
    with pytest.raises(FileNotReadable, match="empty"):
        benchlab.open(tmp_path / "empty.h5")
    (tmp_path / "text.h5").write_text("a,b\n1,2\n")
    with pytest.raises(FileNotReadable, match="not an HDF5 file"):
        benchlab.open(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as other:
        other["x"] = 1
    with pytest.raises(FileNotReadable, match="no format of benchlab"):
        benchlab.open(tmp_path / "other.h5")
    with h5py.File(file, "r+") as newer:
        newer.attrs["format"] = "benchlab-run/9"
    with pytest.raises(FileNotReadable, match="benchlab-run/9"):
        benchlab.open(file)


@settings(max_examples=40, deadline=None)
@given(share=st.floats(0.0, 0.999))
def test_a_truncated_file_is_a_sentence_or_reads_right(tmp_path_factory, share):
    folder = tmp_path_factory.mktemp("cut")
    path = folder / "a.h5"
    write(path)
    data = path.read_bytes()
    path.write_bytes(data[: int(share * len(data))])
    with pytest.raises(FileNotReadable):
        benchlab.open(path)


def test_a_file_that_reads_back_different_never_gets_its_name(tmp_path):
    """What a failing disk does between writing and reading back is done here to the open file."""
    path = tmp_path / "a.h5"
    writer = ClosedFileWriter(path)
    writer.append({"voltage_volt": np.arange(10.0)})
    writer._file["rows/voltage_volt"][3] = 99.0
    empty = records_table(STEP_COLUMNS, []), records_table(EVENT_COLUMNS, [])
    with pytest.raises(StorageError, match="reads back different"):
        writer.finish(
            steps=empty[0],
            events=empty[1],
            cell={},
            protocol=ProtocolRecord(),
            instrument={},
            meta={},
        )
    assert list(tmp_path.iterdir()) == []


def test_a_flipped_bit_in_a_column_is_noticed(file):
    data = bytearray(file.read_bytes())
    with h5py.File(file) as opened:
        info = opened["rows/voltage_volt"].id.get_chunk_info(0)
    data[info.byte_offset + info.size // 2] ^= 0xFF
    file.write_bytes(bytes(data))
    with pytest.raises(FileNotReadable, match="voltage_volt"):
        benchlab.open(file)["voltage_volt"]
