"""What is said before a start of instruments that run a protocol by themselves, and of models."""

import json

import pytest

from benchlab.cli.main import main

HEAD = """\
name: test
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
limits: {voltage: {low: 2.5 V, high: 4.25 V}}
steps:
"""
CYCLE = """\
  - {charge: 0.02 A, to: 4.2 V, then_hold_until: 5 mA, hold_at_most: 1 h}
  - Rest for 1 min
"""


@pytest.fixture
def checked(tmp_path, capsys):
    """Return a function that gives the exit code, and the remarks by the names of their checks."""

    def check(steps, *words):
        path = tmp_path / "p.yaml"
        path.write_text(HEAD + steps)
        code = main(["check-protocol", str(path), "--json", "--instrument", *words])
        found = {}
        for remark in json.loads(capsys.readouterr().out)["remarks"]:
            found.setdefault(remark["name"], []).append(remark)
        return code, found

    return check


@pytest.mark.parametrize("driver", ["neware_bts8", "palmsens_methodscript"])
def test_an_executor_is_asked_what_it_can_compile(checked, driver):
    code, found = checked(CYCLE, driver)
    assert (code, "beyond-instrument" in found) == (0, False)
    assert found["host-dies"][0]["severity"] == ("note" if "bts" in driver else "warning")
    assert found["software-limits"]
    code, found = checked(CYCLE + "  - {chamber: 25 degC}\n", driver)
    assert code == 26
    (refused,) = found["beyond-instrument"]
    assert refused["where"].endswith(":8, steps[3]")
    assert driver in refused["reason"] or "chamber" in refused["reason"]


def test_the_model_decides(checked):
    assert checked(CYCLE, "palmsens_methodscript", "--model", "emstat4hr")[0] == 0
    code, found = checked(CYCLE, "palmsens_methodscript", "--model", "EmStat Pico")
    assert code == 26
    assert "4.2 V is outside -1.7 to 2 V" in found["beyond-instrument"][0]["reason"]


def test_the_model_of_a_source_has_its_own_accuracy(checked):
    steps = "  - {charge: 0.5 A, until: 4.1 V, at_most: 1 h}\n"
    text = {}
    for model in ("RP7931A", "RP7933A"):
        found = checked(steps, "keysight_rp7900", "--model", model)[1]
        assert f"({model})" in found["host-dies"][0]["reason"]
        text[model] = found["poor-accuracy"][0]["reason"] if "poor-accuracy" in found else ""
    assert text["RP7931A"] != text["RP7933A"]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["keysight_rp7900", "--model", "RP1"], "RP7931A"),
        (["keithley2450", "--model", "2460"], "Leave --model out"),
    ],
)
def test_an_unknown_model_is_told_with_the_known_ones(tmp_path, capsys, words, told):
    path = tmp_path / "p.yaml"
    path.write_text(HEAD + CYCLE)
    assert main(["check-protocol", str(path), "--instrument", *words]) == 2
    assert told in capsys.readouterr().err


def test_a_run_on_an_executor_makes_the_same_checks(tmp_path, capsys):
    path = tmp_path / "p.yaml"
    path.write_text(
        HEAD
        + """\
  - {charge: 0.1 A, until: 4.1 V, at_most: 3 h}
  - {label: dis, discharge: 0.1 A, until: 0.3 Ah}
"""
    )
    words = ["run", str(path), "--channel", "sim:neware_bts8", "--fast"]
    assert main([*words, "--out", str(tmp_path / "r.h5")]) == 13
    assert "in one step" in capsys.readouterr().err
    assert not (tmp_path / "r.h5").exists()


def test_a_preview_for_an_executor_is_drawn_on_an_instrument_that_is_stepped(tmp_path, capsys):
    path, picture = tmp_path / "p.yaml", tmp_path / "p.png"
    path.write_text(HEAD + CYCLE)
    words = ["check-protocol", str(path), "--instrument", "neware_bts8"]
    assert main([*words, "--preview", str(picture), "--hours", "0.1"]) == 0
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert "on a simulated keithley2450" in capsys.readouterr().out
