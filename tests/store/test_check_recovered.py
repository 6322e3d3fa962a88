"""`benchlab check` of a run that lost something before it got its closed file."""

import pytest

from benchlab.cli.main import main
from benchlab.store.check import check_run
from benchlab.store.journal import JournalWriter, run_folder
from benchlab.store.recover import recover_run

PLAN = {"label": "", "step_type": "CC_CHG", "cycle_kind": "cycle", "current_ampere": 1.0}
HEAD = {
    "cell": {"id": "A1"},
    "protocol": {"name": "p", "text": "", "sha256": "", "steps": [PLAN]},
    "instrument": {},
    "meta": {"origin": "benchlab"},
}
START = 1_700_000_000_000_000_000
FRAME = 124
"""Bytes of the journal that one flushed row takes."""


def cut_off(path, *, damaged):
    writer = JournalWriter(run_folder(path), durable=False)
    writer.open_record(HEAD)
    for k in range(20):
        charge, second = 0.1 * k, 360.0 * k
        unix = START + round(second * 1e9)
        writer.row(second, unix, 3.5, 1.0, 1, 1, 0, charge, 0.0, 3.5 * charge, 0.0, 25.0, 0)
        writer.flush()
    writer.release()
    if damaged:
        (segment,) = (run_folder(path) / "journal").iterdir()
        data = bytearray(segment.read_bytes())
        data[len(data) - FRAME * 4] ^= 1
        segment.write_bytes(bytes(data))


def told(path):
    return {(finding.kind, finding.text) for finding in check_run(path).findings}


@pytest.mark.parametrize("damaged", [False, True])
def test_a_recovered_file_says_what_its_journal_lost(tmp_path, capsys, damaged):
    path = tmp_path / "a.h5"
    cut_off(path, damaged=damaged)
    before = {kind for kind, _ in told(path)}
    assert recover_run(path).missing_rows == int(damaged)
    after = told(path)
    kinds = {kind for kind, _ in after}
    assert kinds == before
    assert "interrupted" in kinds
    lost = ("missing rows", "1 recorded rows were lost to damage of the journal")
    assert (lost in after) == damaged
    assert ("journal" in kinds) == damaged
    assert main(["check", str(path)]) == 16
    assert ("of segment" in capsys.readouterr().out) == damaged
