"""The item model, the digits of an efficiency, and the binding itself."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from PySide6.QtCore import QTimer
from PySide6.QtWidgets import QLabel
from pytestqt.modeltest import ModelTester
from pytestqt.qtbot import QtBot

from benchlab.model.table import Table
from benchlab_gui.models.table_model import TableModel
from benchlab_gui.presenters.cycles_view import efficiency_range, efficiency_text


def test_the_table_model_keeps_qts_contract(qtmodeltester: ModelTester) -> None:
    model = TableModel()
    qtmodeltester.check(model)
    model.show_table(Table({"n": np.arange(3), "name": np.array(["a", "b", "c"], object)}))
    qtmodeltester.check(model)
    model.show_table(Table({"x": np.array([1.0, np.nan])}))
    qtmodeltester.check(model)
    assert [model.index(row, 0).data() for row in range(2)] == ["1", "-"]


@pytest.mark.parametrize(
    ("value", "half_width", "text"),
    [
        (0.998765, 0.0003, "0.9988 ± 0.0003"),
        (0.998765, 0.000012, "0.99877 ± 0.00001"),
        (0.998765, 0.04, "1.00 ± 0.04"),
        (0.998765, float("nan"), "0.9988 ± ?"),
        (0.998765, 0.0, "0.9988 ± ?"),
        (float("nan"), 0.1, "-"),
    ],
)
def test_an_efficiency_is_no_finer_than_its_interval(
    value: float, half_width: float, text: str
) -> None:
    assert efficiency_text(value, half_width) == text


def test_the_efficiency_axis_shows_what_most_cycles_do() -> None:
    """A formation cycle at 0.887 must not press thirty others, 1e-4 apart, into a line."""
    efficiency = np.concatenate(([0.887], np.linspace(0.9995, 0.9996, 30)))
    low, high = efficiency_range(efficiency, np.full(31, 6e-4))
    assert 0.998 < low < 0.9995 - 6e-4
    assert 0.9996 + 6e-4 < high < 1.001
    assert efficiency_range(np.array([0.5]), np.array([np.nan])) == pytest.approx((0.4998, 0.5002))


def test_the_binding_keeps_its_references_to_none(qtbot: QtBot) -> None:
    """PySide6 6.12 on Python 3.11 loses one reference to None a call, and aborts in seconds."""
    label, timer = QLabel(), QTimer()
    qtbot.addWidget(label)
    before = sys.getrefcount(None)
    for _ in range(10_000):
        label.setText("x")
        timer.setInterval(5)
    assert abs(sys.getrefcount(None) - before) < 1000


def test_without_a_screen_the_command_says_so() -> None:
    code = (
        "import os; [os.environ.pop(k, None) for k in"
        " ('DISPLAY', 'WAYLAND_DISPLAY', 'QT_QPA_PLATFORM')];"
        "import argparse; from benchlab_gui.commands import gui;"
        "gui.run(argparse.Namespace(file=None))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 1
    assert "SetupError" in done.stderr.splitlines()[-1]
    assert "no screen" in done.stderr.splitlines()[-1]


def test_the_command_and_the_empty_window_load_neither_plots_nor_hdf5() -> None:
    code = (
        "import sys; from benchlab_gui.commands import gui; assert 'PySide6' not in sys.modules;"
        "import benchlab_gui.app;"
        "print(sorted({'pyqtgraph', 'scipy', 'matplotlib', 'h5py', 'numpy'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr
