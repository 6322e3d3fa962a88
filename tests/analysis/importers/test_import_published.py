"""Published cycler files: every row, and the numbers that other tools find in them.

Golden numbers: NewareNDA 2026.6.11 (``NewareNDA.read(f).groupby("Step").max()``) for Neware,
yadg 7.0.1 (``yadg extract eclab.mpr gcpl.mpr``) for the rows of BioLogic; a loop over the text
with the csv module for Maccor and the 4680.
"""

from __future__ import annotations

import csv

import numpy as np
import pytest

from benchlab_analysis import cycle_table
from benchlab_analysis.importers import read

# NewareNDA 2026.6.11: Charge_Capacity(mAh), Discharge_Capacity(mAh) of cycles 1 to 8
NEWARE_MAH = (
    (0.0, 1297.274048), (4760.662109, 4717.545410), (4722.765625, 4720.466797),
    (4724.951660, 4722.804688), (4726.562500, 4721.869141), (4725.231445, 4723.798828),
    (4726.938965, 4722.429688), (4724.846191, 4719.031250),
)  # fmt: skip


def test_neware_agrees_with_another_reader(shared_data):
    pytest.importorskip("fastnda", reason="fastnda, which reads .ndax, is not installed")
    found = read(shared_data("neware_m50t/*.ndax"))
    assert found.meta["origin"] == "neware ndax"
    assert found.meta["rows_read"] == 77_745
    table = cycle_table(found.run())
    ours = np.stack(
        [table["cycle_charging_capacity_ah"], table["cycle_discharging_capacity_ah"]], axis=1
    )
    np.testing.assert_allclose(ours * 1e3, NEWARE_MAH, rtol=2e-7)
    assert found.rows["instrument_cycle_count"].max() == 7
    assert any("counts 7 cycles" in text for text in found.meta["warnings"])
    assert found.rows["unix_time_nanosecond"][0] == 1_758_802_727_675_000_000
    assert found.rows["step_count"][-1] == 32


def test_maccor_gets_its_sign_and_its_minutes(shared_data):
    path = shared_data("maccor_naion/*.txt")
    found = read(path)
    rows = [
        line.split("\t")
        for line in path.read_text("latin-1").splitlines()
        if line.split("\t")[0].isdecimal()
    ]
    assert found.meta["rows_read"] == len(rows) == 7446
    np.testing.assert_allclose(found.rows["test_time_second"][-1], 3809.841833 * 60.0)
    states = np.array([row[10] for row in rows])
    np.testing.assert_array_equal(found.rows["current_ampere"] < 0.0, states == "D")
    ends: dict[tuple[str, str], float] = {}
    for row in rows:
        ends[row[2], row[10]] = float(row[6])
    table = cycle_table(found.run())
    for place, cycle in enumerate(("1", "2")):
        assert table["cycle_charging_capacity_ah"][place] == pytest.approx(ends[cycle, "C"])
        assert table["cycle_discharging_capacity_ah"][place] == pytest.approx(ends[cycle, "D"])
    assert found.meta["first_row_local_time"].startswith("2021-05-11T15:40:24")


def test_biologic_half_cycles_and_current_from_charge(shared_data):
    pytest.importorskip("galvani", reason="galvani, which reads .mpr, is not installed")
    found = read(shared_data("biologic_gcpl/*.mpr"))
    rows = found.rows
    assert len(rows["voltage_volt"]) == 12_057
    assert len(np.unique(rows["half_cycle"])) == 32
    assert rows["cycle_count"].max() == 16
    # Q charge/discharge at the ends of the half cycles 0 and 2; (Q-Qo) of the last row is
    # 5.0202315e-5 mAh
    first = np.flatnonzero(rows["half_cycle"] == 0)[-1]
    second = np.flatnonzero(rows["half_cycle"] == 2)[-1]
    assert rows["discharging_capacity_ah"][first] == pytest.approx(1.319980325e-4, rel=1e-8)
    charged = rows["charging_capacity_ah"][second] - rows["charging_capacity_ah"][first]
    assert charged == pytest.approx(1.320013045e-4, rel=1e-8)
    net = rows["charging_capacity_ah"][-1] - rows["discharging_capacity_ah"][-1]
    assert net == pytest.approx(5.0202315e-8, abs=2e-10)
    driven = np.abs(rows["current_ampere"]) > 1e-6
    off = np.abs(np.abs(rows["current_ampere"][driven]) / 1.1e-5 - 1.0)
    # a mean over the interval before: the others hold a change of direction or of step
    assert np.mean(off < 2e-4) > 0.98
    assert rows["voltage_volt"].min() < -0.05 < 0.05 < rows["voltage_volt"].max()
    assert found.meta["sign_check"].startswith("the counters follow the current in 100")


def test_three_electrodes_and_decimal_commas(shared_data):
    path = shared_data("tesla_4680/*.txt")
    found = read(path)
    with open(path, encoding="utf-8", newline="") as file:
        theirs = list(csv.DictReader(file, delimiter="\t"))
    for ours, name, scale in (
        ("voltage_volt", "Ewe-Ece/V", 1.0),
        ("working_electrode_potential_volt", "Ewe/V", 1.0),
        ("current_ampere", "I/mA", 1e-3),
        ("test_time_second", "time/s", 1.0),
    ):
        expected = [scale * float(row[name].replace(",", ".")) for row in theirs]
        np.testing.assert_allclose(found.rows[ours], expected, rtol=1e-14, err_msg=name)
    assert found.rows["charging_capacity_ah"][-1] == pytest.approx(3.99707e-3, rel=1e-5)
    assert found.rows["discharging_capacity_ah"][-1] == pytest.approx(3.974845117e-3)


def test_the_battery_data_format_keeps_its_doubts(shared_data):
    wrong = read(shared_data("bdf/DLR*"))
    assert any("UNIT OF THE TEST TIME" in text for text in wrong.meta["warnings"])
    coin = read(shared_data("bdf/SINTEF*"))
    assert coin.meta["unit_check"].startswith("current times time is 1.1")
    assert any("times what the charge counters count" in text for text in coin.meta["warnings"])
