"""`benchlab check`: silent on a sound run, and each kind of damage is found and named."""

import json

import h5py
import numpy as np
import pytest

import benchlab
from benchlab.cli.main import main
from benchlab.model.columns import COLUMNS, EVENT_COLUMNS, STEP_COLUMNS, records_table
from benchlab.model.flags import RowFlag
from benchlab.model.run import ProtocolRecord
from benchlab.store.check import check_run
from benchlab.store.check_rows import COUNTERS
from benchlab.store.closed import write_closed

PERIOD, EVERY, LENGTH = 1.0, 10.0, 3600
CURRENTS = (0.5, 0.0, -0.5, 0.0)


def measured():
    """Return rows and steps of a charge and a discharge, counted from every reading.

    One reading in ten is recorded; the current sags smoothly, so that the rows of a step tell
    its charge only nearly.
    """
    rows = {name: [] for name in ("test_time_second", "voltage_volt", "current_ampere", "flags")}
    rows |= {name: [] for name in ("step_count", *COUNTERS)}
    steps = []
    base = dict.fromkeys(COUNTERS, 0.0)
    for number, nominal in enumerate(CURRENTS, 1):
        edge = (number - 1) * LENGTH
        time = edge + 0.2 + np.arange(0.0, LENGTH - 1.0, PERIOD)
        current = nominal * (1.0 - 0.1 * ((time - edge) / LENGTH) ** 2)
        voltage = 3.7 + 0.3 * np.sign(nominal) * (time - edge) / LENGTH
        power = current * voltage
        charge, energy = (
            np.concatenate(([0.0], np.cumsum((x[1:] + x[:-1]) * np.diff(time) / 7200.0)))
            + x[0] * 0.2 / 3600.0
            for x in (current, power)
        )
        tail = (edge + LENGTH - time[-1]) / 3600.0
        moved = [charge[-1] + current[-1] * tail, energy[-1] + power[-1] * tail]
        way = "charging" if nominal > 0 else "discharging"
        kept = np.unique(np.append(np.arange(0, time.size, int(EVERY)), time.size - 1))
        flags = np.zeros(kept.size, np.uint32)
        flags[0] = RowFlag.STEP_START
        first = len(rows["flags"])
        rows["test_time_second"] += time[kept].tolist()
        rows["voltage_volt"] += voltage[kept].tolist()
        rows["current_ampere"] += current[kept].tolist()
        rows["flags"] += flags.tolist()
        rows["step_count"] += [number] * kept.size
        for name in COUNTERS:
            part = charge if name.endswith("ah") else energy
            active = nominal and name.startswith(way)
            rows[name] += (base[name] + active * np.sign(nominal) * part[kept]).tolist()
        step = {name: "" if COLUMNS[name].dtype == "text" else 0 for name in STEP_COLUMNS}
        step.update(
            step_count=number,
            step_id=0,
            step_type="CC_CHG" if nominal > 0 else "CC_DCH" if nominal else "REST",
            first_row=first,
            last_row=len(rows["flags"]) - 1,
            start_time_second=edge,
            end_time_second=edge + LENGTH,
            minimum_voltage_volt=voltage.min(),
            maximum_voltage_volt=voltage.max(),
            end_voltage_volt=voltage[-1],
            end_current_ampere=current[-1],
            step_net_capacity_ah=moved[0],
            reading_count=time.size,
            counter_source="host",
            end_reason="time",
        )
        for name, value in zip(("capacity_ah", "energy_wh"), moved, strict=True):
            if nominal:
                step[f"step_{way}_{name}"] = np.sign(nominal) * value
                base[f"{way}_{name}"] += np.sign(nominal) * value
        steps.append(step)
    types = {"flags": "<u4", "step_count": "<u4"}
    return {name: np.array(v, types.get(name, "<f8")) for name, v in rows.items()}, steps


def write(path, rows, steps, **meta):
    write_closed(
        path,
        rows=rows,
        steps=records_table(STEP_COLUMNS, steps),
        events=records_table(EVENT_COLUMNS, []),
        cell={"voltage_low_volt": 2.0, "voltage_high_volt": 4.3},
        protocol=ProtocolRecord("p", "", "", ({"every_second": EVERY, "output": "on"},)),
        instrument={},
        meta={"origin": "benchlab", "control_period_second": PERIOD, **meta},
    )
    return check_run(path)


def kinds(report):
    return {finding.kind for finding in report.findings}


@pytest.fixture(scope="session")
def sound():
    return measured()


@pytest.fixture
def parts(sound):
    rows, steps = sound
    return {name: values.copy() for name, values in rows.items()}, [dict(s) for s in steps]


def drop(rows, chosen):
    return {name: np.delete(values, chosen) for name, values in rows.items()}


def test_a_sound_run_is_clean_and_the_record_rule_explains_what_is_left(parts, tmp_path):
    report = write(tmp_path / "a.h5", *parts)
    assert report.findings == []
    charge = report.steps
    deviation, explained = charge["deviation_ah"], charge["explained_ah"]
    assert (np.abs(deviation[[0, 2]]) > 1e-9).all(), "rows alone do not tell it exactly"
    assert (np.abs(deviation[[0, 2]]) <= explained[[0, 2]]).all()
    assert report.digest == benchlab.open(tmp_path / "a.h5").meta["digest"]
    assert np.isnan(charge["deviation_wh"][1])


@pytest.mark.parametrize("share", [1e-3, -1e-3, 3e-2])
def test_a_charge_that_the_rows_contradict(parts, tmp_path, share):
    rows, steps = parts
    rows["current_ampere"][10:300] *= 1.0 + 30 * share
    assert "charge" in kinds(write(tmp_path / "a.h5", rows, steps))


def test_a_changed_entry_of_the_step_table(parts, tmp_path):
    rows, steps = parts
    steps[2]["step_discharging_capacity_ah"] += 1e-6
    assert "counter" in kinds(write(tmp_path / "a.h5", rows, steps))


def test_lost_and_doubled_rows(parts, tmp_path):
    rows, steps = parts
    report = write(tmp_path / "lost.h5", drop(rows, [50]), steps)
    assert kinds(report) >= {"missing rows", "step rows"}
    twice = {name: np.insert(values, 50, values[50]) for name, values in rows.items()}
    for step in steps[1:]:
        step["first_row"] += 1
    for step in steps:
        step["last_row"] += 1
    report = write(tmp_path / "twice.h5", twice, steps)
    assert kinds(report) == {"doubled rows"}
    assert report.findings[0].row == 51


def test_a_first_row_that_is_missing_and_a_hole_inside_a_step(parts, tmp_path):
    rows, steps = parts
    count = steps[0]["last_row"] + 1
    for step in steps[1:]:
        step["first_row"] -= 30
    for step in steps:
        step["last_row"] -= 30
    report = write(tmp_path / "hole.h5", drop(rows, np.arange(100, 130)), steps)
    assert kinds(report) == {"gap"}
    assert "310" in str(report.findings[0])
    report = write(tmp_path / "first.h5", drop(rows, np.r_[0, 100:129]), steps)
    assert "missing rows" in kinds(report)
    assert count > 130


def test_time_that_runs_back_and_counters_that_step_back(parts, tmp_path):
    rows, steps = parts
    rows["test_time_second"][[70, 71]] = rows["test_time_second"][[71, 70]]
    rows["charging_capacity_ah"][200:] -= 5e-3
    report = write(tmp_path / "a.h5", rows, steps)
    assert kinds(report) >= {"time", "counter"}
    assert any("steps back" in finding.text for finding in report.findings)


@pytest.mark.parametrize(
    ("current", "share", "found"),
    [(-0.01, 0.9, False), (-0.01, 1.2, True), (0.01, 0.9, True), (0.0, 0.1, True)],
)
def test_a_counter_may_step_back_as_far_as_a_reversed_current_took(
    parts, tmp_path, current, share, found
):
    rows, steps = parts
    here = slice(100, 120)
    rows["current_ampere"][here] = current
    seconds = np.arange(20) * EVERY
    start = rows["charging_capacity_ah"][100]
    rows["charging_capacity_ah"][here] = start - share * 0.01 * seconds / 3600.0
    report = write(tmp_path / "a.h5", rows, steps)
    assert any("charging_capacity_ah steps back" in f.text for f in report.findings) == found


def test_blocks_do_not_matter(parts, tmp_path, monkeypatch):
    rows, steps = parts
    rows["test_time_second"][[700, 701]] = rows["test_time_second"][[701, 700]]
    rows["step_count"][900] = 9
    whole = write(tmp_path / "a.h5", rows, steps)
    monkeypatch.setattr("benchlab.store.check_rows.BLOCK_ROWS", 7)
    parted = check_run(tmp_path / "a.h5")
    assert [str(f) for f in parted.findings] == [str(f) for f in whole.findings]
    for name in ("recomputed_ah", "recomputed_wh", "explained_ah"):
        np.testing.assert_allclose(parted.steps[name], whole.steps[name], rtol=1e-12)


def test_a_reading_that_was_not_believed_is_not_counted_here_either(parts, tmp_path):
    rows, steps = parts
    steps[0]["reading_count"] += 1
    wild = {name: values[99:100].copy() for name, values in rows.items()}
    wild["test_time_second"] += 0.05
    wild["current_ampere"] -= 7.0
    wild["flags"] |= np.uint32(RowFlag.SUSPECT)
    rows = {name: np.insert(values, 100, wild[name]) for name, values in rows.items()}
    for step in steps[1:]:
        step["first_row"] += 1
    for step in steps:
        step["last_row"] += 1
    report = write(tmp_path / "a.h5", rows, steps)
    assert report.findings == []
    rows["flags"][100] = 0
    believed = write(tmp_path / "b.h5", rows, steps)
    apart = [abs(r.steps["deviation_ah"][0]) for r in (report, believed)]
    assert apart[0] < 1e-5 < 1e-3 < apart[1]


def test_steps_without_end_missing_steps_and_time_between_them(parts, tmp_path):
    rows, steps = parts
    steps[3]["end_reason"] = "unfinished"
    steps[3]["start_time_second"] += 20.0
    steps[3]["step_count"] = 5
    found = kinds(write(tmp_path / "a.h5", rows, steps))
    assert found >= {"unfinished step", "gap", "missing steps", "step rows"}


def test_values_beyond_a_limit_but_not_those_the_run_tripped_on(parts, tmp_path):
    rows, steps = parts
    limits = {"hard_high_volt": 3.9, "step_charge_ah": 10.0}
    report = write(tmp_path / "a.h5", rows, steps, limits=limits)
    assert kinds(report) == {"limits"}
    assert report.findings[0].step == 1
    steps[0]["end_reason"] = "tripped"
    report = write(tmp_path / "b.h5", rows, steps, limits=limits)
    assert report.findings == []
    assert any("tripped" in note for note in report.notes)


def test_data_changed_after_closing_and_damage(parts, tmp_path, capsys):
    path = tmp_path / "a.h5"
    write(path, *parts)
    with h5py.File(path, "r+") as file:
        file["rows/voltage_volt"][7] += 1e-9
    assert kinds(check_run(path)) == {"digest"}
    with h5py.File(path) as file:
        info = file["rows/voltage_volt"].id.get_chunk_info(0)
    data = bytearray(path.read_bytes())
    data[info.byte_offset + info.size // 2] ^= 0xFF
    path.write_bytes(bytes(data))
    assert kinds(check_run(path)) == {"unreadable"}
    assert main(["check", str(path)]) == 16
    assert "unreadable" in capsys.readouterr().out


def test_words_json_and_exit_codes(parts, tmp_path, capsys):
    path = tmp_path / "a.h5"
    write(path, *parts)
    assert main(["check", str(path)]) == 0
    assert "clean" in capsys.readouterr().out
    (tmp_path / "empty.h5").touch()
    assert main(["check", str(path), str(tmp_path / "empty.h5"), "--json"]) == 11
    good, bad = json.loads(capsys.readouterr().out)
    assert good["clean"]
    assert len(good["charge"]) == 4
    assert "empty" in bad["error"]
    main(["correct", str(path), "--set", "id=C", "--by", "A", "--why", "B"])
    main(["correct", str(path), "--set", "id=D", "--by", "A", "--why", "B"])
    place = tmp_path / "a.corrections.jsonl"
    place.write_text(place.read_text().replace('"B"', '"C"', 1))
    assert main(["check", str(path)]) == 16


LIFE = """\
name: life
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
record: {every: 60 s, or_change: 1 mV}
steps:
  - {charge: 1C, to: 4.2 V, then_hold_until: C/20, hold_at_most: 2 h, at_most: 4 h}
  - {rest: 10 min, output: zero current}
  - {discharge: 1C, until: 2.8 V, at_most: 2 h}
"""


def test_a_simulated_run_is_clean_from_its_first_row_to_its_last(tmp_path, capsys):
    (tmp_path / "life.yaml").write_text(LIFE)
    out = tmp_path / "o.h5"
    words = ["run", str(tmp_path / "life.yaml"), "--channel", "sim:keithley2450", "--fast"]
    assert main([*words, "--out", str(out)]) == 0
    report = check_run(out)
    assert [str(finding) for finding in report.findings] == []
    run = benchlab.open(out)
    charge = slice(0, int(run.steps["last_row"][0]) + 1)
    apart = np.diff(run["test_time_second"][charge])
    assert (apart < 30.0).mean() > 0.5, "most rows of the charge are there for a change of voltage"
    assert apart.max() < 62.0, "and the hold still has its row a minute"
