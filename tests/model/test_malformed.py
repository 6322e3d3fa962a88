"""Protocols with one slip each, kept as files that say in their first lines what they are told."""

from pathlib import Path

import pytest

from benchlab.errors import BenchError
from benchlab.model.expand import expand
from benchlab.model.protocol_text import read_protocol

FOLDER = Path(__file__).with_name("malformed")
FILES = sorted(FOLDER.glob("[0-9]*.yaml"))
KEYS = ("where", "found", "expected")


def test_they_are_all_there():
    assert len(FILES) >= 160


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_told_where_what_and_what_else(path):
    told = dict(line[2:].split(": ", 1) for line in path.read_text("utf-8").splitlines()[:3])
    assert tuple(told) == KEYS
    with pytest.raises(BenchError) as caught:
        expand(read_protocol(path))
    error = caught.value
    place = error.where.removeprefix(f"{path}:")
    what = error.what.replace(f"{FOLDER}/", "")
    assert (place, what) == (told["where"], told["found"])
    assert error.remedy.startswith(told["expected"]), "a list of what is known may grow"
    assert error.exit_code in (13, 14)
    assert place.partition(",")[0].rpartition(":")[2].isdigit(), "a line"
    assert error.remedy
    assert "Traceback" not in str(error)
