"""Runs of one cell joined into one test: what it says is what each run says, one after another."""

import numpy as np
import pytest

import benchlab
from benchlab.cli.main import main
from benchlab.errors import UsageError
from benchlab.model.columns import COLUMNS, EVENT_COLUMNS, STEP_COLUMNS, records_table
from benchlab.model.run import ProtocolRecord
from benchlab.store.closed import write_closed
from benchlab_analysis import cycle_table

DAY = 86_400
HALF = 3600.0


def write(path, *, began, pairs, cell="A1", instrument="2450"):
    """Write a run of cycles with known charges; it rises from 0, as every run does."""
    names = ("test_time_second", "voltage_volt", "current_ampere")
    rows = {name: [] for name in (*names, "charging_capacity_ah", "discharging_capacity_ah")}
    rows |= {"cycle_count": [], "step_count": [], "step_id": []}
    steps, total = [], [0.0, 0.0]
    for number, pair in enumerate(pairs, 1):
        for side, moved in enumerate(pair):
            start = len(steps) * HALF
            step = {name: "" if COLUMNS[name].dtype == "text" else 0 for name in STEP_COLUMNS}
            name = ("charging", "discharging")[side]
            step.update(
                step_count=len(steps) + 1,
                step_id=side,
                step_type=("CC_CHG", "CC_DCH")[side],
                cycle_kind="cycle",
                cycle_count=number,
                first_row=2 * len(steps),
                last_row=2 * len(steps) + 1,
                start_time_second=start,
                end_time_second=start + HALF,
                end_voltage_volt=1.0 - 2 * side,
                end_reason="voltage",
                own_end=1,
            )
            step[f"step_{name}_capacity_ah"] = moved
            for share in (0.0, 1.0):
                rows["test_time_second"].append(start + share * HALF)
                rows["voltage_volt"].append(3.0)
                rows["current_ampere"].append(moved * (1 - 2 * side))
                rows["charging_capacity_ah"].append(total[0] + share * moved * (not side))
                rows["discharging_capacity_ah"].append(total[1] + share * moved * side)
                rows["cycle_count"].append(number)
                rows["step_count"].append(len(steps) + 1)
                rows["step_id"].append(side)
            total[side] += moved
            steps.append(step)
    columns = {name: np.array(values, "<" + COLUMNS[name].dtype) for name, values in rows.items()}
    unix = np.rint((began + columns["test_time_second"]) * 1e9).astype("<i8")
    event = {"test_time_second": 0.0, "unix_time_nanosecond": int(unix[0]), "kind": "start"}
    write_closed(
        path,
        rows={**columns, "unix_time_nanosecond": unix},
        steps=records_table(STEP_COLUMNS, steps),
        events=records_table(EVENT_COLUMNS, [event | {"actor": "bench", "text": path.stem}]),
        cell={"id": cell, "type": "pouch", "first_half_cycle": "charge"},
        protocol=ProtocolRecord(path.stem, "text", "hash", ({"label": "a"}, {"label": "b"})),
        instrument={"model": instrument},
        meta={"origin": "benchlab", "run_id": path.stem},
    )
    return path


FIRST = [(1.0, 0.98), (0.99, 0.97)]
SECOND = [(0.96, 0.95), (0.955, 0.945), (0.95, 0.94)]


@pytest.fixture
def files(tmp_path):
    first = write(tmp_path / "one.h5", began=20_000 * DAY, pairs=FIRST)
    return first, write(tmp_path / "two.h5", began=20_003 * DAY, pairs=SECOND)


def test_time_counts_and_counters_run_on(files):
    one, two = map(benchlab.open, files)
    run = benchlab.open_test(files[::-1])
    assert len(run) == len(one) + len(two)
    assert (np.diff(run["test_time_second"]) >= 0).all()
    assert run["test_time_second"][len(one)] == pytest.approx(3 * DAY)
    unix = run["unix_time_nanosecond"] / 1e9 - 20_000 * DAY
    np.testing.assert_allclose(run["test_time_second"], unix, atol=1e-6)
    assert np.unique(run["cycle_count"]).tolist() == [1, 2, 3, 4, 5]
    assert np.unique(run["step_count"]).tolist() == list(range(1, 11))
    for side, name in enumerate(("charging_capacity_ah", "discharging_capacity_ah")):
        assert (np.diff(run[name]) >= 0.0).all()
        assert run[name][-1] == pytest.approx(sum(pair[side] for pair in FIRST + SECOND))
    for step in run.steps.records():
        part = run["step_count"][step["first_row"] : step["last_row"] + 1]
        assert set(part.tolist()) == {step["step_count"]}
        assert run.protocol.steps[step["step_id"]]["label"] == "ab"[(step["step_count"] - 1) % 2]
    assert run["cycle_count"].dtype == one["cycle_count"].dtype


def test_slices_across_the_seam_are_those_of_the_whole(files):
    run = benchlab.open_test(files)
    for name in ("test_time_second", "cycle_count", "voltage_volt"):
        whole = run[name]
        fresh = benchlab.open_test(files)
        for start in range(0, len(run), 3):
            for stop in (start, start + 1, start + 7, len(run)):
                np.testing.assert_array_equal(fresh.column(name, start, stop), whole[start:stop])


def test_the_gap_is_an_event_in_its_place(files):
    run = benchlab.open_test(files)
    assert run.events["kind"].tolist() == ["start", "gap", "start"]
    assert (np.diff(run.events["test_time_second"]) >= 0.0).all()
    assert "68.00 h" in run.events["text"][1]


def test_the_cycle_table_goes_on(files, capsys):
    table = cycle_table(benchlab.open_test(files))
    charge, discharge = np.array(FIRST + SECOND).T
    assert table["cycle_count"].tolist() == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(table["coulombic_efficiency"], discharge / charge)
    np.testing.assert_allclose(table["capacity_retention"], discharge / discharge[0])
    assert main(["cycles", *map(str, files), "--format", "csv"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == 6


def test_corrections_of_each_run_are_taken_along(files):
    words = ["--by", "A", "--why", "B"]
    assert main(["correct", str(files[0]), "--exclude-cycles", "2", *words]) == 0
    assert main(["correct", str(files[1]), "--exclude-cycles", "1,3", *words]) == 0
    run = benchlab.open_test(files)
    assert run.excluded_cycles == (2, 3, 5)
    assert np.flatnonzero(cycle_table(run)["excluded"]).tolist() == [1, 2, 4]


def test_other_cells_overlaps_and_unknown_cells_are_refused(tmp_path, files):
    other = write(tmp_path / "b.h5", began=20_010 * DAY, pairs=SECOND, cell="B2")
    with pytest.raises(UsageError, match=r"one\.h5: A1, b\.h5: B2"):
        benchlab.open_test([files[0], other])
    with pytest.raises(UsageError, match="different cells"):
        benchlab.open_test([files[0], other], same_cell=True)
    main(["correct", str(other), "--set", "id=A1", "--by", "A", "--why", "wrong label"])
    assert benchlab.open_test([*files, other]).steps.rows == 16
    during = write(tmp_path / "c.h5", began=20_000 * DAY + 1000, pairs=SECOND)
    with pytest.raises(UsageError, match="begins before"):
        benchlab.open_test([files[0], during])
    nameless = [
        write(tmp_path / f"{k}.h5", began=(20_020 + k) * DAY, pairs=FIRST, cell="") for k in (1, 2)
    ]
    with pytest.raises(UsageError, match="do not say"):
        benchlab.open_test(nameless)
    assert benchlab.open_test(nameless, same_cell=True).steps.rows == 8


def test_what_differs_between_instruments_is_not_known_of_the_whole(tmp_path, files):
    other = write(tmp_path / "b.h5", began=20_010 * DAY, pairs=SECOND, instrument="2460")
    assert benchlab.open_test(files).instrument == {"model": "2450"}
    assert benchlab.open_test([files[0], other]).instrument == {}
