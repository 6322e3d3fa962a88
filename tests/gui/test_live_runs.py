"""A run that is under way, or whose writer died, is shown as what it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from benchlab.store.journal import JournalWriter
from benchlab_gui.theme.tokens import DARK
from benchlab_gui.views.main_window import MainWindow

STEP = {"label": "", "step_type": "CC_CHG", "cycle_kind": "cycle", "current_ampere": 1.0}


def begin(folder: Path) -> JournalWriter:
    """Return the writer of a run of 50 rows whose first step goes on."""
    writer = JournalWriter(folder, durable=False)
    writer.open_record(
        {
            "cell": {"type": "nmc811_graphite_pouch"},
            "protocol": {"name": "p", "text": "t", "sha256": "s", "steps": [STEP]},
            "instrument": {},
            "meta": {"origin": "benchlab"},
        }
    )
    add(writer, 0, 50)
    return writer


def add(writer: JournalWriter, first: int, stop: int) -> None:
    for k in range(first, stop):
        writer.row(float(k), k, 3.0 + k / 100, 1.0, 1, 1, 0, k / 3600, 0.0, k / 1200, 0.0, 25.0, 0)
    writer.flush()


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    made = MainWindow(DARK)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.close()


def test_a_run_under_way_is_read_again_on_request_and_its_end_is_seen(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    writer = begin(tmp_path / "live.run")
    with qtbot.waitSignal(window.presenter.loaded, timeout=20_000):
        window.open(str(tmp_path / "live.h5"))
    assert "running" in window.windowTitle()
    assert window.page is not None
    assert window.page.time_plots.voltage.drawn[1][-1] == pytest.approx(3.49)
    add(writer, 50, 80)
    with qtbot.waitSignal(window.presenter.loaded, timeout=20_000):
        window.presenter.reload()
    assert window.page.time_plots.voltage.drawn[1][-1] == pytest.approx(3.79)
    writer.release()  # as when the process is killed: no closing record
    with qtbot.waitSignal(window.presenter.loaded, timeout=20_000):
        window.presenter.reload()
    assert "interrupted" in window.windowTitle()
    assert window.page.time_plots.voltage.drawn[1].size == 80


def test_a_run_without_a_row_yet_is_shown_empty(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    writer = JournalWriter(tmp_path / "new.run", durable=False)
    writer.open_record(
        {
            "cell": {},
            "protocol": {"name": "", "text": "", "sha256": "", "steps": []},
            "instrument": {},
            "meta": {},
        }
    )
    writer.flush()
    with qtbot.waitSignal(window.presenter.loaded, timeout=20_000):
        window.open(str(tmp_path / "new.run"))
    assert window.page is not None
    assert window.page.cycles.rowCount() == 0
    assert not window.message.isVisible()
    writer.release()
