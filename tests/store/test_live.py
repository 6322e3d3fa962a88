import subprocess
import sys

import h5py
import numpy as np
import pytest

from benchlab.model.columns import COLUMNS, EVENT_COLUMNS, STEP_COLUMNS
from benchlab.store.journal_frame import ROW
from benchlab.store.live import LiveFile

HEAD = {
    "cell": {"id": "A1"},
    "protocol": {"name": "life"},
    "instrument": {},
    "meta": {"run_id": "r"},
}
STEP = {n: ("x" if COLUMNS[n].dtype == "text" else 1) for n in STEP_COLUMNS}
EVENT = {n: ("é" * 300 if n == "text" else "k" if COLUMNS[n].dtype == "text" else 2)
         for n in EVENT_COLUMNS}  # fmt: skip
READER = """
import h5py, sys
with h5py.File(sys.argv[1], "r", swmr=True, locking=False) as file:
    print(int(file["state"]["rows"][0]), float(file["rows"]["test_time_second"][-1]))
"""


def rows(first, stop):
    return b"".join(
        ROW.pack(float(k), k + 1, 3.0, 1.0, 1, 1, 0, 0.0, 0.0, 0.0, 0.0, 25.0, 0)
        for k in range(first, stop)
    )


def test_another_process_reads_it_while_it_grows(tmp_path):
    path = tmp_path / "live.h5"
    live = LiveFile(path, HEAD)
    for count in (700, 1500):
        live.rows(rows(count - 700 if count == 700 else 700, count))
        live.flush()
        told = subprocess.run(
            [sys.executable, "-c", READER, path], capture_output=True, text=True, check=True
        )
        assert told.stdout.split() == [str(count), str(float(count - 1))]
    live.close()


def test_a_reader_that_stays_open_sees_rows_steps_and_events_come(tmp_path):
    path = tmp_path / "live.h5"
    live = LiveFile(path, HEAD)
    with h5py.File(path, "r", swmr=True, locking=False) as file:
        assert file.attrs["format"] == b"benchlab-live/1"
        assert file["rows"].attrs["unit voltage_volt"] == b"V"
        live.rows(rows(0, 600))
        live.step(STEP)
        live.event(EVENT)
        live.flush()
        for name in ("rows", "steps", "events", "state"):
            file[name].refresh()
        assert file["rows"]["unix_time_nanosecond"].tolist() == list(range(1, 601))
        assert file["steps"]["label"].tolist() == [b"x"]
        text = file["events"]["text"][0].decode()
        assert text == "é" * 120
        state = file["state"][0]
        assert [int(state[n]) for n in ("rows", "steps", "events", "ended")] == [600, 1, 1, 0]
    live.close()
    with h5py.File(path, "r") as file:
        assert file["state"]["ended"][0] == 1
        assert file["rows"].chunks == (512,)
        assert file["rows"].compression is None


def test_a_file_that_another_program_truncated_is_noticed(tmp_path):
    path = tmp_path / "live.h5"
    live = LiveFile(path, HEAD)
    live.rows(rows(0, 5000))
    live.flush()
    path.unlink()
    live.rows(rows(5000, 5001))
    with pytest.raises(OSError, match="No such file"):
        live.flush()


def test_nothing_is_written_over(tmp_path):
    path = tmp_path / "live.h5"
    path.write_bytes(b"x")
    with pytest.raises(OSError, match="exists"):
        LiveFile(path, HEAD)
    assert np.fromfile(path, "u1").tolist() == [ord("x")]
