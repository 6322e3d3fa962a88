"""The window shows a recorded run, and says in words what it cannot show."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import h5py
import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent
from pytestqt.qtbot import QtBot

import benchlab
from benchlab_analysis import cycle_table
from benchlab_gui.theme.tokens import LIGHT
from benchlab_gui.views.main_window import MainWindow


@pytest.fixture
def window(qtbot: QtBot) -> Iterator[MainWindow]:
    made = MainWindow(LIGHT)
    qtbot.addWidget(made)
    made.show()
    yield made
    made.close()


def opened(qtbot: QtBot, window: MainWindow, path: Path) -> MainWindow:
    with qtbot.waitSignal(window.presenter.loaded, timeout=20_000):
        window.open(str(path))
    return window


def refused(qtbot: QtBot, window: MainWindow, path: Path) -> str:
    with qtbot.waitSignal(window.presenter.failed, timeout=20_000):
        window.open(str(path))
    assert window.message.isVisible()
    return window.message.text


def test_it_shows_voltage_current_and_cycles(
    qtbot: QtBot, window: MainWindow, recorded: Path
) -> None:
    page = opened(qtbot, window, recorded).page
    assert page is not None
    run = benchlab.open(recorded)
    assert window.windowTitle().startswith("LFP-26-140.h5 · closed")
    time, voltage = page.time_plots.voltage.drawn
    assert time[-1] * 3600.0 == pytest.approx(run["test_time_second"][-1])
    assert voltage.max() == run["voltage_volt"].max()
    assert page.time_plots.current.drawn[1].min() == run["current_ampere"].min()
    table = cycle_table(run)
    assert page.cycles.rowCount() == table.rows == 6
    heads = [
        page.cycles.headerData(k, Qt.Orientation.Horizontal)
        for k in range(page.cycles.columnCount())
    ]
    charge = page.cycles.index(2, heads.index("Charge / Ah")).data()
    assert float(charge) == pytest.approx(table["cycle_charging_capacity_ah"][2], rel=1e-6)
    assert page.cycles.index(2, heads.index("CE / 1")).data().startswith("0.998")
    assert "CE:" in page.caption


def test_the_two_time_axes_move_together_and_the_newest_row_is_drawn(
    qtbot: QtBot, window: MainWindow, recorded: Path
) -> None:
    page = opened(qtbot, window, recorded).page
    assert page is not None

    def linked() -> bool:
        upper, lower = page.time_plots.range
        return upper == pytest.approx(lower, abs=1e-9)

    page.time_plots.show_range(2.0, 3.0)
    qtbot.waitUntil(linked, timeout=5000)
    assert page.time_plots.range[0][0] == pytest.approx(2.0, abs=0.02)
    window.show_all()
    qtbot.waitUntil(linked, timeout=5000)
    upper = page.time_plots.range[0]
    last = benchlab.open(recorded)["test_time_second"][-1] / 3600.0
    assert upper[0] <= 0.0 < last <= upper[1]
    assert page.time_plots.current.drawn[0][-1] == last


def test_an_overvoltage_in_the_very_last_row_is_seen(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, record: Callable[..., Path]
) -> None:
    page = opened(qtbot, window, record(tmp_path / "spike.h5", spike_volt=4.35)).page
    assert page is not None
    assert page.time_plots.voltage.drawn[1][-1] == 4.35


def test_no_file_a_foreign_one_and_a_broken_one_each_get_their_sentence(
    qtbot: QtBot, window: MainWindow, recorded: Path, tmp_path: Path
) -> None:
    assert "no such file" in refused(qtbot, window, tmp_path / "nothing.h5")
    empty = tmp_path / "empty.h5"
    empty.touch()
    assert "empty.h5" in refused(qtbot, window, empty)
    foreign = tmp_path / "foreign.h5"
    with h5py.File(foreign, "w") as file:
        file["x"] = np.arange(3)
    assert "foreign.h5" in refused(qtbot, window, foreign)
    cut = tmp_path / "cut.h5"
    cut.write_bytes(recorded.read_bytes()[:-2000])
    assert "cut.h5" in refused(qtbot, window, cut)
    # and the window is alive: the next file opens, and the sentence goes
    assert opened(qtbot, window, recorded).page is not None
    assert not window.message.isVisible()


def test_a_wrong_file_leaves_the_shown_run_alone(
    qtbot: QtBot, window: MainWindow, recorded: Path, tmp_path: Path
) -> None:
    page = opened(qtbot, window, recorded).page
    assert page is not None
    refused(qtbot, window, tmp_path / "nothing.h5")
    assert page.isVisible()
    assert page.cycles.rowCount() == 6
    assert window.windowTitle().startswith("LFP-26-140.h5")


def test_a_dropped_file_is_opened(qtbot: QtBot, window: MainWindow, recorded: Path) -> None:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(recorded))])
    words = (Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton)
    keys = Qt.KeyboardModifier.NoModifier
    enter = QDragEnterEvent(QPointF(9, 9).toPoint(), *words, keys)
    window.dragEnterEvent(enter)
    assert enter.isAccepted()
    with qtbot.waitSignal(window.presenter.loaded, timeout=20_000):
        window.dropEvent(QDropEvent(QPointF(9, 9), *words, keys))
    assert window.page is not None


def test_the_newest_wish_wins(
    qtbot: QtBot, window: MainWindow, recorded: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.h5"
    other.write_bytes(recorded.read_bytes())
    shown: list[str] = []
    window.presenter.loaded.connect(lambda view: shown.append(view.path.name))
    window.open(str(recorded))
    window.open(str(other))
    qtbot.waitUntil(lambda: bool(shown), timeout=20_000)
    assert shown == ["other.h5"]


def test_every_action_has_a_key_and_a_tip(window: MainWindow) -> None:
    menus = [action.menu() for action in window.menuBar().actions()]
    actions = [a for menu in menus for a in menu.actions() if not a.isSeparator()]  # type: ignore[union-attr]
    assert len(actions) >= 4
    for action in actions:
        assert not action.shortcut().isEmpty(), action.text()
        assert action.statusTip(), action.text()
