"""A run whose folder is moved under it: said as that, and recovered where it is now."""

import json
import subprocess
import sys

import pytest

import benchlab
from benchlab.errors import StorageError
from benchlab.store.compact import close_run
from benchlab.store.journal import JournalWriter, run_folder
from benchlab.store.recorder import close_in_child
from benchlab.store.recover import recover_run

HEAD = {
    "cell": {},
    "protocol": {
        "name": "p",
        "text": "",
        "sha256": "",
        "steps": [{"label": "", "step_type": "REST", "cycle_kind": "", "current_ampere": 0.0}],
    },
    "instrument": {},
    "meta": {"origin": "benchlab"},
}


@pytest.mark.skipif(sys.platform == "win32", reason="Windows moves no folder of an open file")
@pytest.mark.parametrize("which", ["parent", "run"])
def test_a_folder_moved_during_a_run_is_named_and_its_journal_is_complete(tmp_path, which):
    home = tmp_path / "home"
    home.mkdir()
    path = home / "a.h5"
    writer = JournalWriter(run_folder(path), durable=True)
    writer.open_record(HEAD)
    writer.row(1.0, 1, 3.5, 0.0, 1, 1, 0, 0.0, 0.0, 0.0, 0.0, 25.0, 0)
    writer.flush()
    found = tmp_path / "elsewhere"
    if which == "parent":
        home.rename(found)
    else:
        found.mkdir()
        run_folder(path).rename(found / "a.run")
    writer._look()
    with pytest.raises(StorageError, match="moved or removed") as caught:
        writer.flush()
    assert "MB are free" not in str(caught.value)
    assert "benchlab recover" in caught.value.remedy
    writer.end({"end_reason": "storage"})
    writer.close()
    for close in (close_run, close_in_child):
        with pytest.raises(StorageError, match="moved or removed"):
            close(run_folder(path), path)
    assert recover_run(found / "a.h5").error is None
    assert benchlab.open(found / "a.h5")["test_time_second"].tolist() == [1.0]


def test_the_recorder_tells_its_parent_that_the_folder_is_gone(tmp_path):
    words = [sys.executable, "-m", "benchlab.store.recorder"]
    paths = [str(tmp_path / "a.run"), str(tmp_path / "a.h5"), "--no-live"]
    done = subprocess.run(
        [*words, *paths], stdin=subprocess.DEVNULL, capture_output=True, check=False
    )
    assert done.returncode == StorageError.exit_code
    assert json.loads(done.stdout)["error"] == "StorageError"
