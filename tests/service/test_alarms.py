"""The book of alarms: what stands survives torn lines, other writers, full disks and restarts."""

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchlab.errors import StorageError, UsageError
from benchlab.service.alarms import AlarmBook, complete_lines


@pytest.fixture
def path(tmp_path):
    return tmp_path / "alarms.jsonl"


def ids(book, channel="1"):
    return [alarm["id"] for alarm in book.standing(channel)]


def test_an_alarm_says_what_happened_whose_limit_it_was_and_what_was_done(path):
    made = AlarmBook(path).raise_alarm(
        "3", "run7", "tripped", "4.2130 V, above 4.2100 V", owner="cell type", did="off"
    )
    (found,) = AlarmBook(path).standing("3")
    assert found == made
    assert made["utc"].endswith("Z")
    known = {"id": "3.1", "channel": "3", "run": "run7", "kind": "tripped", "times": 1}
    said = {"text": "4.2130 V, above 4.2100 V", "owner": "cell type", "did": "off"}
    assert known.items() | said.items() <= made.items()


def test_what_is_acknowledged_does_not_come_back_and_no_number_twice(path):
    book = AlarmBook(path)
    for text in ("a", "b", "c"):
        book.raise_alarm("1", "", "x", text)
    assert book.acknowledge("1", "1.2", "Bob")["acknowledged_by"] == "Bob"
    with pytest.raises(UsageError, match="no alarm"):
        book.acknowledge("1", "1.2", "Bob")
    with pytest.raises(UsageError, match="the bench has no alarm"):
        book.acknowledge("", "1.1", "Bob")
    book.acknowledge("1", "1.3", "Bob")
    again = AlarmBook(path)
    assert ids(again) == ["1.1"]
    assert again.raise_alarm("1", "", "x", "b")["id"] == "1.4"
    assert ids(book) == ["1.1", "1.4"]
    assert book.raise_alarm("", "", "part", "w1")["id"] == "bench.1"


def test_the_same_alarm_stands_once_and_is_counted(path):
    book = AlarmBook(path)
    for _ in range(3):
        made = book.raise_alarm("1", "r", "x", "no answer")
    assert (made["id"], made["times"], ids(book)) == ("1.1", 3, ["1.1"])
    book.acknowledge("1", "1.1", "Bob")
    assert book.raise_alarm("1", "r", "x", "no answer")["id"] == "1.2"


@given(st.data())
def test_a_file_torn_anywhere_loses_no_whole_line_and_none_that_follows(tmp_path_factory, data):
    path = tmp_path_factory.mktemp("book") / "alarms.jsonl"
    book = AlarmBook(path)
    for k in range(4):
        book.raise_alarm("1", "", "x", f"text {k} \u00e9")
    book.acknowledge("1", "1.1", "Ann")
    whole = path.read_bytes()
    kept = whole[: data.draw(st.integers(0, len(whole)))]
    path.write_bytes(kept)
    lines = [json.loads(line) for line in kept.split(b"\n")[:-1]]
    stands = [line["id"] for line in lines if "id" in line]
    if any("acknowledges" in line for line in lines):
        stands.remove("1.1")
    later = AlarmBook(path)
    assert ids(later) == stands
    new = later.raise_alarm("1", "", "x", "new")["id"]
    assert ids(AlarmBook(path)) == [*stands, new]


def test_many_parts_write_at_once(path):
    text = (
        "import sys; from pathlib import Path; from benchlab.service.alarms import AlarmBook\n"
        "book = AlarmBook(Path(sys.argv[1]))\n"
        "for k in range(50): book.raise_alarm(sys.argv[2], '', 'x', f'alarm {k} ' + 'y' * 900)\n"
    )
    children = [
        subprocess.Popen([sys.executable, "-c", text, str(path), name]) for name in ("1", "2", "3")
    ]
    assert [child.wait(60) for child in children] == [0, 0, 0]
    book = AlarmBook(path)
    assert [len(book.standing(name)) for name in "123"] == [50, 50, 50]


def test_that_the_disk_is_full_can_still_be_written(disk_of):
    disk = disk_of(1)
    book = AlarmBook(disk / "alarms.jsonl")
    book.keep_spare()
    fill(disk)
    book.raise_alarm("1", "r", "storage", "the disk is full")
    assert [alarm["text"] for alarm in AlarmBook(disk / "alarms.jsonl").standing("1")] == [
        "the disk is full"
    ]
    fill(disk)
    for k in range(200):  # until the page that the spare has left is full, too
        book.raise_alarm("1", "r", "storage", f"{k} " + "x" * 400)
    assert len(ids(book)) == 201
    with pytest.raises(StorageError, match="alarm cannot be written"):
        book.acknowledge("1", "1.1", "Ann")
    assert "1.1" in ids(book)
    for path in disk.glob("filler*"):
        path.unlink()
    book.acknowledge("1", "1.1", "Ann")
    assert ids(AlarmBook(disk / "alarms.jsonl")) == ids(book)
    assert len(ids(book)) == 200


def fill(disk):
    """Fill a small disk to its last byte."""
    place = disk / f"filler{len(list(disk.glob('filler*')))}"
    with place.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError:
            return


def test_lines_of_others_are_passed_over(path):
    path.write_bytes(b'[1]\nnonsense\n{"v":2}\n{"v":1,"id":"1.x"}\n')
    assert AlarmBook(path).standing("1") == []
    assert AlarmBook(path).raise_alarm("1", "", "x", "y")["id"] == "1.1"
    assert list(complete_lines(path.with_name("none"), 0)) == []
