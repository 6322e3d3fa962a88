import pytest

from benchlab.store.compact import close_run
from benchlab.store.journal import JournalWriter, run_folder

STEP = {"label": "", "step_type": "CC_CHG", "cycle_kind": "cycle", "current_ampere": 1.0}
NS = 1_700_000_000_000_000_000


def _record(path, cell="A1", *, day=1, lot="L7", closed=True, **meta):
    """Write a run of three rows."""
    path.parent.mkdir(parents=True, exist_ok=True)
    writer = JournalWriter(run_folder(path), durable=False)
    writer.open_record(
        {
            "cell": {"id": cell, "type": "lfp_graphite_26650", "lot": lot},
            "protocol": {"name": "life 100%_a", "text": "t", "sha256": "s", "steps": [STEP]},
            "instrument": {"driver": "keithley2450"},
            "meta": {
                "origin": "benchlab",
                "operator": "Ann",
                "started_utc": f"2026-11-{day:02d}T10:00:00.000+00:00",
                **meta,
            },
        }
    )
    for k in range(3):
        writer.row(60.0 * k, NS, 3.3, 1.0, 1, 1, 0, 0.1 * k, 0.0, 0.3 * k, 0.0, 25.0, 0)
    run_id = str(writer.run_id)
    if closed:
        writer.end({"end_reason": "done", "end_text": "", "closed_utc": f"2026-11-{day:02d}T20:00"})
        writer.close()
        close_run(run_folder(path), path)
    else:
        writer.flush()
        writer.release()
    return run_id


@pytest.fixture(scope="session")
def record():
    """Return what writes a small run at a path, and returns its id."""
    return _record
