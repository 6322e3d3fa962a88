"""The thread that syncs: it begins every journal's writing before it waits for any."""

import os
import sys
import threading

import pytest

from benchlab.platform import start_writing
from benchlab.store import sync_thread
from benchlab.store.journal import JournalWriter
from benchlab.store.journal_read import read_journal

HEAD = {"cell": {}, "protocol": {}, "instrument": {}, "meta": {}}


class Item:
    def __init__(self, name, said, enough):
        self.name, self.said, self.enough = name, said, enough

    def begin_second(self):
        self.said.append(("begin", self.name))

    def each_second(self):
        self.said.append(("sync", self.name))
        if len(self.said) >= 24:
            self.enough.set()


def test_all_begin_before_one_is_waited_for(tmp_path, monkeypatch):
    monkeypatch.setattr(sync_thread, "SYNC_SECOND", 0.01)
    said, enough = [], threading.Event()
    items = [Item(name, said, enough) for name in "abc"]
    for item in items:
        sync_thread.keep(item, tmp_path)
    assert enough.wait(20)
    for item in items:
        sync_thread.let_go(item)
    places = [k for k, word in enumerate(said) if word == ("begin", "a") and k + 6 <= len(said)]
    whole = [said[k : k + 6] for k in places if ("begin", "c") in said[k : k + 6]]
    assert whole
    order = [(what, name) for what in ("begin", "sync") for name in "abc"]
    assert all(part == order for part in whole)


def test_a_released_journal_is_passed_over(tmp_path):
    writer = JournalWriter(tmp_path / "a.run", durable=True)
    writer.open_record(HEAD)
    writer._files.begin_second()
    writer.release()
    # its file is closed, and its number may be another's by now
    writer._files.begin_second()
    writer._files.each_second()
    assert read_journal(tmp_path / "a.run").frames > 0


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux has the call")
def test_writing_that_was_begun_takes_no_error_from_the_sync(tmp_path):
    """A descriptor that cannot be synced is the sync's to tell of; the hint says nothing."""
    reader, writer = os.pipe()
    try:
        start_writing(reader)
        with pytest.raises(OSError, match="Invalid"):
            os.fdatasync(reader)
    finally:
        os.close(reader)
        os.close(writer)
