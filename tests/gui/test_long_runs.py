"""A long run is drawn from its overview; its rows are read only where the view needs them."""

import numpy as np
import pytest

from benchlab.model.columns import EVENT_COLUMNS, STEP_COLUMNS, records_table
from benchlab.model.run import ProtocolRecord
from benchlab.store import overview
from benchlab.store.closed import write_closed
from benchlab.store.overview_read import StoredCurve
from benchlab_gui.presenters.run_view import load

HOUR = 3600.0


@pytest.fixture
def long_run(tmp_path, monkeypatch):
    monkeypatch.setattr(overview, "FROM_ROWS", 1000)
    time = np.arange(200_000.0)
    voltage = 3.7 + 1e-4 * np.sin(time)
    voltage[123_456] = 4.35
    write_closed(
        tmp_path / "long.h5",
        rows={
            "test_time_second": time,
            "voltage_volt": voltage,
            "current_ampere": np.ones(200_000),
        },
        steps=records_table(STEP_COLUMNS, []),
        events=records_table(EVENT_COLUMNS, []),
        cell={},
        protocol=ProtocolRecord(),
        instrument={},
        meta={},
    )
    return tmp_path / "long.h5"


def test_a_long_run_is_drawn_from_its_overview_in_hours(long_run):
    view = load(str(long_run))
    assert isinstance(view.voltage.curve, StoredCurve)
    assert view.time_label == "Test Time / h"
    assert view.voltage.curve.ends == (0.0, 199_999.0 / HOUR)
    x, y = view.voltage.curve.points(*view.voltage.curve.ends, 1000)
    assert y.max() == 4.35
    assert x[y.argmax()] == 123_456.0 / HOUR
    assert x[-1] == 199_999.0 / HOUR


def test_a_file_that_went_away_leaves_what_is_drawn(long_run, qtbot):
    from benchlab_gui.plot.time_plots import TimePlots
    from benchlab_gui.theme.tokens import LIGHT

    plots = TimePlots(LIGHT)
    qtbot.addWidget(plots.widget)
    plots.show_run(load(str(long_run)))
    drawn = plots.voltage.drawn[1].copy()
    assert drawn.max() == 4.35
    long_run.unlink()
    plots.show_range(10.0, 11.0)
    np.testing.assert_array_equal(plots.voltage.drawn[1], drawn)
