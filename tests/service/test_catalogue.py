"""The catalogue is what the files say, whatever becomes of it or of them."""

import json
import sqlite3

import pytest

from benchlab.cli.main import main
from benchlab.errors import StorageError, UsageError
from benchlab.service.catalogue import Catalogue
from benchlab.store.corrections import Correction, append_corrections
from benchlab.store.reader import open_run


def names(rows):
    return [row["path"] for row in rows]


@pytest.fixture
def folder(tmp_path, record):
    home = tmp_path / "data"
    first = record(home / "a.h5", day=3)
    record(home / "b.h5", day=9, continues={"run_id": first})
    record(home / "deep" / "c.h5", "B2", day=12, lot="L8", operator="Bob")
    record(home / "d.h5", "B2", day=14, lot="L8", closed=False)
    (home / "bad.h5").write_bytes(b"no HDF5")
    return home


def test_every_run_is_found_by_what_is_known_of_it(folder):
    with Catalogue(folder) as catalogue:
        found = catalogue.refresh()
        assert (found.runs, found.read, found.gone) == (5, 5, 0)
        assert found.unreadable == ("bad.h5",)
        assert names(catalogue.find({"cell": "a1"})) == ["b.h5", "a.h5"]
        assert names(catalogue.find({"operator": "bob"})) == ["deep/c.h5"]
        assert names(catalogue.find({"state": "interrupted"})) == ["d.run"]
        assert names(catalogue.find({"lot": "L8", "chemistry": "lfp"})) == ["d.run", "deep/c.h5"]
        assert names(catalogue.find({"protocol": "100%_"}, until="2026-11-03")) == ["a.h5"]
        assert names(catalogue.find({"protocol": "1_0"})) == [], "no wildcard of SQL"
        assert names(catalogue.find({"text": "DEEP/"})) == ["deep/c.h5"]
        assert names(catalogue.find({"cell": "B"}, since="2026-11-13")) == ["d.run"]
        (one,) = catalogue.find({"text": "a.h5"})
        assert (one["rows"], one["cycles"], one["test_time_second"]) == (3, 1, 120.0)
        assert len(one["digest"]) == 64


def test_runs_that_go_on_are_one_test_and_lots_count_their_cells(folder):
    with Catalogue(folder) as catalogue:
        catalogue.refresh()
        tests = {row["paths"]: row["runs"] for row in catalogue.find({"cell": "A1"}, level="tests")}
        assert tests == {"a.h5\nb.h5": 2}
        assert len(catalogue.find({"cell": "B2"}, level="tests")) == 2
        lots = {row["lot"]: (row["cells"], row["runs"]) for row in catalogue.find({}, level="lots")}
        assert lots == {"": (1, 1), "L7": (1, 2), "L8": (1, 2)}
        assert [row["cell_id"] for row in catalogue.find({}, level="cells")] == ["", "A1", "B2"]


def test_only_what_changed_is_read_again(folder, tmp_path):
    place = tmp_path / "index.sqlite"
    with Catalogue(folder, place) as catalogue:
        catalogue.refresh()
    run, cell = open_run(folder / "a.h5"), {"id": "A1", "lot": "L9"}
    append_corrections(run, run.path, [Correction("cell", cell)], who="Ann", why="mixed up")
    (folder / "b.h5").unlink()
    with Catalogue(folder, place) as catalogue:
        found = catalogue.refresh()
        assert (found.runs, found.read, found.gone) == (4, 1, 1)
        assert names(catalogue.find({"lot": "L9"})) == ["a.h5"]
        assert catalogue.refresh().read == 0


@pytest.mark.parametrize("damage", [b"", b"SQLite format 3\0 and then nonsense", b"\0" * 5000])
def test_a_damaged_index_is_made_anew(folder, tmp_path, damage):
    place = tmp_path / "index.sqlite"
    with Catalogue(folder, place) as catalogue:
        catalogue.refresh()
    place.write_bytes(damage)
    with Catalogue(folder, place) as catalogue:
        assert catalogue.refresh().read == 5
        assert len(catalogue.find({})) == 5


def test_an_index_of_another_version_is_made_anew(folder, tmp_path):
    place = tmp_path / "index.sqlite"
    with sqlite3.connect(place) as base:
        base.execute("CREATE TABLE runs (other)")
        base.execute("PRAGMA user_version = 99")
    base.close()
    with Catalogue(folder, place) as catalogue:
        assert catalogue.refresh().runs == 5


def test_where_no_index_can_be_kept_it_says_so(folder, tmp_path):
    with pytest.raises(StorageError, match="no recording was touched"):
        Catalogue(folder, tmp_path / "nothing" / "index.sqlite")


@pytest.mark.parametrize(
    "words", [{"filters": {"colour": "x"}}, {"level": "lost"}, {"since": "yesterday"}]
)
def test_what_cannot_be_asked(folder, words):
    with Catalogue(folder) as catalogue, pytest.raises(UsageError):
        catalogue.find(**({"filters": {}} | words))


def test_the_command(folder, capsys):
    assert main(["find", str(folder), "--cell", "A1", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert names(told["found"]) == ["b.h5", "a.h5"]
    assert told["unreadable"] == ["bad.h5"]
    assert main(["find", str(folder), "--level", "lots"]) == 0
    said = capsys.readouterr().out
    assert "3 lots of 5 runs" in said
    assert "not readable: bad.h5" in said
    assert main(["find", str(folder / "nowhere")]) == 10
