"""The two commands: refused or waived, what is written, and what is said."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from benchlab.cli.main import main
from benchlab.interchange.table import EXPORTS, TARGETS

unicycler = pytest.importorskip("aurora_unicycler", reason="needs benchlab[interchange]")

SODIUM = {
    "unicycler": {"version": "0.4.6"},
    "sample": {"name": "Na-7", "capacity_mAh": 1.5},
    "record": {"time_s": 10, "voltage_V": 0.01},
    "safety": {"min_voltage_V": -0.05, "max_voltage_V": 4.1, "max_current_mA": 0, "delay_s": 1},
    "method": [
        {"step": "tag", "tag": "life"},
        {"step": "constant_current", "rate_C": "D/10", "until_voltage_V": 0, "until_time_s": 36000},
        {"step": "open_circuit_voltage", "until_time_s": 600},
        {"step": "loop", "loop_to": "life", "cycle_count": 2},
    ],
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("na.json").write_text(json.dumps(SODIUM, indent=1))
    return tmp_path


def imported() -> None:
    assert (
        main(["import-protocol", "na.json", "-o", "na.yaml", "--waive", "zero-current-limit"]) == 0
    )


def test_a_zero_limit_is_refused_and_waived_by_its_name(place, capsys) -> None:
    assert main(["import-protocol", "na.json", "-o", "na.yaml", "--report", "r.json"]) == 13
    said = capsys.readouterr().err
    assert "na.json:16, safety.max_current_mA: zero-current-limit" in said
    assert "--waive zero-current-limit" in said
    assert not Path("na.yaml").exists()
    record = json.loads(Path("r.json").read_text())
    lost = [f for f in record["findings"] if f["outcome"] == "lost"]
    assert [(f["item"], f["where"], f["waived"]) for f in lost] == [
        ("zero-current-limit", "na.json:16, safety.max_current_mA", False)
    ]
    imported()
    shown = capsys.readouterr()
    assert shown.out == "na.yaml\n"
    assert "waived: na.json:16" in shown.err
    text = Path("na.yaml").read_text()
    assert "{discharge: C/10, until: 0 V, for: 10 h}" in text
    assert "# safety.max_current_mA 0 was left out" in text


def test_the_imported_protocol_exports_to_what_it_came_from(place) -> None:
    imported()
    assert main(["export-protocol", "na.yaml", "--to", "unicycler", "-o", "back.json"]) == 0
    plain = json.loads(json.dumps(SODIUM))
    del plain["safety"]["max_current_mA"]
    expected = unicycler.CyclingProtocol.from_dict(plain)
    assert unicycler.CyclingProtocol.from_json("back.json") == expected


@pytest.mark.parametrize("target", TARGETS)
def test_each_target_is_refused_until_its_losses_are_waived(place, capsys, target: str) -> None:
    imported()
    words = ["export-protocol", "na.yaml", "--to", target, "-o", "out.file"]
    code = main([*words, "--report", "r.json"])
    lost = {f["item"] for f in json.loads(Path("r.json").read_text())["findings"] if f["outcome"] == "lost"}  # fmt: skip  # noqa: E501
    assert lost == {
        "unicycler": set(),
        "neware": {"phase"},
        "biologic": {"phase", "zero-voltage-end", "record-voltage-change"},
        "tomato": {"phase", "zero-voltage-end", "voltage-limits", "must-last"},
        "pybamm": {"phase", "zero-voltage-end", "voltage-limits", "must-last", "sample-name",
                   "capacity", "record-time", "record-voltage-change"},
    }[target]  # fmt: skip
    assert code == (13 if lost else 0)
    assert Path("out.file").exists() == (not lost)
    if lost:
        waivers = [word for name in lost for word in ("--waive", name)]
        assert main([*words, *waivers]) == 0
        assert Path("out.file").stat().st_size > 0


def test_nothing_is_written_over(place, capsys) -> None:
    imported()
    assert main(["import-protocol", "na.json", "-o", "na.yaml"]) == 12
    assert main(["export-protocol", "na.yaml", "--to", "unicycler", "-o", "na.json"]) == 12
    assert "nothing was read or written" in capsys.readouterr().err


def test_without_unicycler_a_sentence_says_what_to_install(place, capsys, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "aurora_unicycler", None)
    imported()
    assert main(["export-protocol", "na.yaml", "--to", "unicycler", "-o", "x.json"]) == 3
    assert "pip install 'benchlab[interchange]'" in capsys.readouterr().err
    assert not Path("x.json").exists()


WRONG = [
    (["import-protocol", "no.json", "-o", "x.yaml"], 10, "no such file"),
    (["import-protocol", ".", "-o", "x.yaml"], 10, "folder"),
    (["import-protocol", "cut.json", "-o", "x.yaml"], 13, "cut.json:1: this is not valid JSON"),
    (["import-protocol", "na.json", "-o", "x.yaml", "--waive", "all"], 2, "no item 'all'"),
    (["import-protocol", "na.json", "-o", "no/x.yaml", "--waive", "zero-current-limit"], 10, "no"),
    (["import-protocol", "na.json", "-o", "x.yaml", "--current-at-most", "5 V"], 2, "5 V"),
    (["export-protocol", "na.json", "--to", "neware", "-o", "x"], 13, "na.json:1"),
    (["export-protocol", "power.yaml", "--to", "neware", "-o", "x"], 13, "steps[1]: power"),
    (["export-protocol", "power.yaml", "--to", "neware", "-o", "x", "--waive", "power"], 13,
     "not one step is left"),
    (["export-protocol", "scan.yaml", "--to", "tomato", "-o", "x", "--waive", "current-bound"], 13,
     "scan.yaml:3, steps[1]: scan"),
    (["export-protocol", "own.yaml", "--to", "unicycler", "-o", "x"], 13, "runs itself"),
]  # fmt: skip


@pytest.mark.parametrize(("words", "code", "said"), WRONG)
def test_what_a_user_gets_wrong_is_answered_by_a_sentence(place, capsys, words, code, said) -> None:
    Path("cut.json").write_text("{")
    head = "name: t\nsteps:\n  - "
    Path("power.yaml").write_text(f"{head}Discharge at 5 mW until 2.8 V\n")
    Path("scan.yaml").write_text(f"{head}Sweep from 2 V to 3 V at 1 mV/s with at most 1 mA\n")
    Path("own.yaml").write_text("name: t\nprocedures: {a: [run: a]}\nsteps: [run: a]\n")
    assert main(words) == code
    assert said in capsys.readouterr().err
    assert not Path("x").exists()
    assert not Path("x.yaml").exists()


SAMPLES = sorted((Path(__file__).parents[2] / "sample_data" / "protocols").glob("*.yaml"))


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_each_template_is_exported_or_refused_with_a_whole_list(path, tmp_path, capsys) -> None:
    waivers = [word for name in EXPORTS for word in ("--waive", name)]
    for target in TARGETS:
        out, report = tmp_path / f"{target}.out", tmp_path / f"{target}.json"
        words = ["export-protocol", str(path), "--to", target, "-o", str(out)]
        assert main([*words, "--report", str(report)]) == 13  # each has a cell, so a hard limit
        findings = json.loads(report.read_text())["findings"]
        assert {"hard-limits", "cell-description"} <= {finding["item"] for finding in findings}
        assert all(finding["where"].startswith(f"{path}:") for finding in findings)
        refused = [f["item"] for f in findings if f["outcome"] == "refused"]
        code = main([*words, *waivers])
        said = capsys.readouterr().err
        assert code == (13 if refused else 0), said
        assert out.exists() == (not refused)
