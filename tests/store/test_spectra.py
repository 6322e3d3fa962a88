"""Impedance spectra: from the journal to the closed file, checked and joined like the rest."""

import h5py
import numpy as np
import pytest

import benchlab
from benchlab.model.columns import SPECTRUM_COLUMNS
from benchlab.store.check import check_run
from benchlab.store.compact import close_run
from benchlab.store.journal import JournalWriter
from benchlab.store.reader import open_run

PLAN = {"label": "", "step_type": "EIS", "cycle_kind": "", "current_ampere": 0.0}
HEAD = {
    "format": "benchlab-journal/1",
    "cell": {"id": "a", "type": "x"},
    "protocol": {"name": "p", "text": "", "sha256": "0", "steps": [PLAN]},
    "instrument": {},
    "meta": {"origin": "benchlab", "started_utc": "2026-11-23T00:00:00+00:00"},
}
SECOND = 1_000_000_000


def point(k, at=0.0):
    numbers = (at + k, round((at + k) * SECOND) + SECOND, 1, 0, 10.0**k, 0.1 * k, -0.01 * k)
    return dict(zip(SPECTRUM_COLUMNS, numbers, strict=True))


def journal(folder, points, rows=4, **options):
    writer = JournalWriter(folder, durable=False, **options)
    writer.open_record(HEAD)
    for k in range(rows):
        writer.row(float(k), (k + 1) * SECOND, 3.0, 0.0, 0, 1, 0, 0.0, 0.0, 0.0, 0.0, 25.0, 0)
        writer.flush()
    for k in range(points):
        writer.spectrum(point(k))
    return writer


def test_a_spectrum_is_read_from_the_journal_and_from_the_closed_file(tmp_path):
    writer = journal(tmp_path / "a.run", 5)
    live = open_run(tmp_path / "a.run").spectra
    assert list(live) == list(SPECTRUM_COLUMNS)
    assert live["frequency_hertz"].tolist() == [1.0, 10.0, 100.0, 1000.0, 10000.0]
    writer.end({"end_reason": "done"})
    writer.close()
    close_run(tmp_path / "a.run", tmp_path / "a.h5")
    closed = benchlab.open(tmp_path / "a.h5").spectra
    for name in SPECTRUM_COLUMNS:
        assert closed[name].tolist() == live[name].tolist()
        assert closed[name].dtype == live[name].dtype
    with h5py.File(tmp_path / "a.h5") as file:
        assert file["spectra/imaginary_impedance_ohm"].attrs["unit"] == "ohm"


def test_full_segments_hold_their_spectra(tmp_path):
    writer = journal(tmp_path / "a.run", 40, rows=100, segment_bytes=2048)
    assert len(list((tmp_path / "a.run" / "journal").iterdir())) > 4
    assert open_run(tmp_path / "a.run").spectra["test_time_second"].tolist() == list(range(40))
    assert open_run(tmp_path / "a.run").events.rows == 0
    writer.close()


def closed(folder, name, points):
    writer = journal(folder / f"{name}.run", points)
    writer.end({"end_reason": "done"})
    writer.close()
    return close_run(folder / f"{name}.run", folder / f"{name}.h5").digest


def test_the_digest_covers_a_spectrum_and_a_run_without_keeps_its_own(tmp_path):
    assert closed(tmp_path, "a", 3) != closed(tmp_path, "b", 0)
    with h5py.File(tmp_path / "b.h5") as file:
        assert "spectra" not in file
    assert benchlab.open(tmp_path / "b.h5").spectra.rows == 0
    assert "digest" not in [f.kind for f in check_run(tmp_path / "a.h5").findings]
    with h5py.File(tmp_path / "a.h5", "r+") as file:
        file["spectra/real_impedance_ohm"][1] = 9.0
    assert "digest" in [f.kind for f in check_run(tmp_path / "a.h5").findings]


@pytest.mark.filterwarnings("error")
def test_joined_runs_hold_both_spectra(tmp_path):
    closed(tmp_path, "a", 2)
    writer = JournalWriter(tmp_path / "b.run", durable=False)
    head = {**HEAD, "meta": {**HEAD["meta"], "started_utc": "2026-11-24T00:00:00+00:00"}}
    writer.open_record(head)
    day = 86400 * SECOND
    writer.row(0.0, SECOND + day, 3.0, 0.0, 0, 1, 0, 0.0, 0.0, 0.0, 0.0, 25.0, 0)
    writer.spectrum(point(0))
    writer.end({"end_reason": "done"})
    writer.close()
    close_run(tmp_path / "b.run", tmp_path / "b.h5")
    both = benchlab.open_test([tmp_path / "a.h5", tmp_path / "b.h5"]).spectra
    assert both["step_count"].tolist() == [1, 1, 2]
    np.testing.assert_allclose(both["test_time_second"], [0.0, 1.0, 86400.0])
