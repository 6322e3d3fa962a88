"""The command: words, codes, JSON, and the preview; and the same checks at a run's start."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from benchlab import plugins
from benchlab.cli.main import main
from benchlab.cli.preview import preview
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol
from benchlab.model.resolve import cell_of
from benchlab.service.channel import Channel
from benchlab_analysis.preview import preview_figure

from .conftest import HEAD

STEPS = """\
steps:
  - {label: chg, charge: 1C, to: 4.2 V, then_hold_until: C/10, hold_at_most: 1 h}
  - {rest: 5 min, output: zero current}
  - repeat: 2
    label: twice
    steps:
      - {label: dis, discharge: 1C, until: 2.8 V, at_most: 2 h}
      - {charge: 0.1 A, until: 50 % of dis}
"""


@pytest.fixture
def written(tmp_path):
    def write(text, name="p.yaml"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def checked(capsys, *words):
    code = main(["check-protocol", *map(str, words)])
    out, err = capsys.readouterr()
    return code, out, err


def test_it_tells_steps_checks_and_estimate(capsys, written):
    path = written(HEAD + STEPS)
    code, out, err = checked(capsys, path, "--instrument", "keithley2450")
    assert (code, err) == (0, "")
    assert "chg: charge at 0.2 A, to 4.2 V and hold there, until 0.02 A or 1 h of holding" in out
    assert "dis: discharge at 0.2 A, until 2.8 V, at most 2 h" in out
    assert "charge at 0.1 A, until 50 % of dis" in out
    assert "2 x twice: about" in out
    assert "rest 5 min at 0 A" in out
    assert f"warning: {path}: keithley2450: if this program dies" in out
    assert "[default-bound]" in out
    assert "time: about" in out


def test_without_an_instrument_only_the_protocol_is_checked(capsys, written):
    code, out, _ = checked(capsys, written(HEAD + STEPS))
    assert code == 0
    assert "keithley" not in out


def test_json_says_the_same(capsys, written):
    path = written(HEAD + STEPS)
    code, out, err = checked(capsys, path, "--instrument", "keithley2450", "--json")
    found = json.loads(out)
    assert (code, err, found["exit_code"]) == (0, "", 0)
    assert [step["times"] for step in found["steps"]] == [1, 1, 2, 2]
    assert found["steps"][0]["line"] == 6
    assert found["blocks"][0]["label"] == "twice"
    names = {remark["name"]: remark for remark in found["remarks"]}
    assert names["host-dies"]["severity"] == "warning"
    assert names["software-limits"]["where"] == str(path)
    assert found["whole"]["about_second"] <= found["whole"]["at_most_second"]
    assert found["whole"]["about_closed_bytes"] > 0


@pytest.mark.parametrize(
    ("steps", "code", "name", "field"),
    [
        ("  - {charge: 1C}\n", 13, "cannot-end", "p.yaml:6, steps[1].until"),
        ("  - {charge: 30C, until: 4 V}\n", 13, "beyond-limits", "p.yaml:6, steps[1].charge"),
        ("  - {charge: C/3, until: 5 % of x}\n  - {label: x, discharge: 1C, until: 3 V}\n", 13,
         "asked-before-run", "p.yaml:6, steps[1].until"),
        ("  - {chamber: 25 degC}\n", 26, "chamber", "p.yaml:6, steps[1].chamber"),
        ("  - {chrge: 1C}\n", 13, "protocol", "p.yaml:6, steps[1]"),
    ],
)  # fmt: skip
def test_the_code_of_an_error_and_where_it_is(capsys, written, steps, code, name, field):
    path = written(HEAD + "steps:\n" + steps)
    words = (path, "--instrument", "keithley2450")
    got, out, err = checked(capsys, *words)
    assert got == code
    assert field in out + err
    got, out, _ = checked(capsys, *words, "--json")
    found = json.loads(out)
    assert (got, found["exit_code"]) == (code, code)
    errors = [remark for remark in found["remarks"] if remark["severity"] == "error"]
    assert (errors[0]["name"], errors[0]["where"].endswith(field)) == (name, True)


def test_the_cell_may_be_a_type_or_a_file(capsys, written):
    bare = HEAD.replace("cell: {type: nmc811_graphite_pouch}\n", "")
    path = written(bare + "steps:\n  - Rest for 1 s\n")
    assert checked(capsys, path)[0] == 13, "no cell is named"
    assert checked(capsys, path, "--cell", "nmc811_graphite_pouch")[0] == 0
    cell = written("id: A1\ntype: nmc811_graphite_pouch\nactive_mass: 1 mg\n", "cell.yaml")
    code, out, err = checked(capsys, path, "--cell", cell)
    assert code == 13
    assert "implausible-size" in err
    assert "mAh for each g" in out
    assert checked(capsys, path, "--cell", "nothing_like_it")[0] == 10


def test_a_run_makes_the_same_checks(capsys, written, tmp_path):
    path = written(HEAD + "steps:\n  - {charge: 1C, until: 0.3 Ah}\n")
    out = tmp_path / "run.h5"
    words = ["run", str(path), "--channel", "sim:keithley2450", "--fast", "--out", str(out)]
    assert main(words) == 13
    assert f"{path}:6, steps[1].until: '" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == [path], "nothing was made"
    path.write_text(HEAD + "steps:\n  - {charge: C/5, for: 10 s}\n")
    assert main(words) == 0
    err = " ".join(capsys.readouterr().err.split())
    assert "[host-dies]" in err
    assert "[software-limits]" in err


def test_the_curves_of_a_preview_are_those_of_the_run():
    protocol = parse_protocol(HEAD + STEPS, "p.yaml")
    cell = cell_of(protocol, None)
    kept = preview(expand(protocol, cell), cell, Channel("keithley2450", ""))
    second, volt, ampere, celsius = (
        np.asarray(values) for values in (kept.second, kept.volt, kept.ampere, kept.celsius)
    )
    assert kept.note.startswith("the whole run")
    assert kept.note.endswith("done: the protocol came to its end")
    assert second.size == volt.size == ampere.size == celsius.size > 100
    assert volt.max() == pytest.approx(4.2, abs=0.01)
    assert volt.min() == pytest.approx(2.8, abs=0.01)
    assert ampere.max() == pytest.approx(0.2, rel=0.01)
    assert 24.0 < celsius.min() <= celsius.max() < 40.0
    assert len(kept.edge_second) == 6
    figure = preview_figure(
        second, volt, ampere, celsius, edge_second=kept.edge_second, title="t", note=kept.note
    )
    above, middle, below = figure.axes
    assert above.get_ylabel() == "Voltage / V"
    assert above.get_title(loc="left") == kept.note
    drawn = above.lines[0].get_xydata()
    assert drawn[-1][0] == pytest.approx(second[-1] / 3600.0)
    assert drawn[:, 1].max() == volt.max()
    assert middle.lines[0].get_ydata().min() == ampere.min()
    assert np.isfinite(below.lines[0].get_ydata()).all()
    assert below.get_xlabel() == "Test Time / h"


def test_a_preview_is_a_picture_and_is_never_written_over(capsys, written, tmp_path):
    path, picture = written(HEAD + STEPS), tmp_path / "p.png"
    words = (path, "--preview", picture, "--hours", "0.5")
    code, out, _ = checked(capsys, *words)
    assert code == 0
    assert "the first 30 min, as asked for" in out
    assert picture.read_bytes().startswith(b"\x89PNG\r\n")
    assert picture.stat().st_size > 10_000
    code, _, err = checked(capsys, *words)
    assert (code, "never" in err or "already" in err) == (12, True)


def test_a_preview_says_how_a_run_ends_badly(capsys, written, tmp_path):
    """A hold at a voltage that the twin leaves at once is no error of the text."""
    path = written(HEAD + "steps:\n  - {discharge: 1C, until: 2.6 V}\n"
                   "  - {label: a, charge: 1C, for: 2 s}\n  - {discharge: 1C, until: 2.8 V}\n"
                   "  - {charge: 1C, until: 2.6 V}\n  - {discharge: 1C, until: 2.8 V}\n"
                   "  - {charge: 1C, until: 2.6 V}\n")  # fmt: skip
    code, out, _ = checked(capsys, path, "--preview", tmp_path / "p.png", "--json")
    found = json.loads(out)
    assert code == 0
    assert "held: 3 steps in a row ended within seconds" in found["preview"]["note"]


def test_a_preview_is_bounded_by_computing(capsys, written, monkeypatch):
    monkeypatch.setattr("benchlab.cli.preview.MOST_CPU_SECOND", 0.0)
    protocol = parse_protocol(HEAD + STEPS, "p.yaml")
    cell = cell_of(protocol, None)
    kept = preview(expand(protocol, cell), cell, Channel("keithley2450", ""))
    assert kept.note.endswith("of computing were over")
    assert kept.second[-1] < 1800.0


def test_a_preview_says_where_a_cell_becomes_too_warm_and_no_sensor_sees_it(
    capsys, written, tmp_path
):
    path = written("name: big\ncell: {type: nmc811_4680}\ncapacity: {C: 22.5 Ah}\n"
                   "steps:\n  - {charge: 2C, to: 4.2 V, then_hold_until: C/10}\n"
                   "  - Discharge at 3C until 2.8 V\n")  # fmt: skip
    words = (path, "--instrument", "keysight_rp7900", "--json", "--preview")
    found = json.loads(checked(capsys, *words, tmp_path / "p.png")[1])
    assert "its limit is 60 degC" in found["preview"]["note"]
    sensor = ("--sensor", "keithley_daq6510")
    seen = json.loads(checked(capsys, *words, tmp_path / "q.png", *sensor)[1])
    assert "tripped" in seen["preview"]["note"], "a sensor stops it"


def test_no_preview_of_what_would_not_start(capsys, written, tmp_path):
    path = written(HEAD + "steps:\n  - {chamber: 25 degC}\n")
    picture = tmp_path / "p.png"
    code, _, err = checked(capsys, path, "--instrument", "keithley2450", "--preview", picture)
    assert (code, picture.exists()) == (26, False)
    assert "No preview was drawn." in err
    assert checked(capsys, path, "--preview", picture)[0] == 26, "no instrument can do it"
    assert not picture.exists()


def test_an_instrument_that_can_is_found_for_a_preview(capsys, written, tmp_path):
    path = written("name: big\ncell: {type: nmc811_4680}\ncapacity: {C: 22.5 Ah}\n"
                   "steps:\n  - Charge at 1C for 1 min\n")  # fmt: skip
    code, out, _ = checked(capsys, path, "--preview", tmp_path / "p.png")
    assert code == 0
    assert "simulated keysight_rp7900" in out


def test_every_check_is_documented():
    root = Path(__file__).parents[2]
    text = (root / "docs/checks.md").read_text("utf-8")
    sources = [
        path.read_text("utf-8")
        for folder in ("benchlab/model/checks", "benchlab/bench/checks", "benchlab/model/expand")
        for path in (root / folder).glob("*.py")
    ]
    names = set()
    for source in sources:
        names.update(re.findall(r'Remark\(\s*"([a-z-]+)"', source))
        names.update(re.findall(r'^\s+"([a-z]+(?:-[a-z]+)+)",?$', source, re.M))
    assert {"cannot-end", "beyond-limits", "never-armed", "host-dies"} <= names
    assert [name for name in sorted(names) if f"`{name}`" not in text] == []


def test_plugins_name_the_preview():
    assert "preview" in plugins.names("analyses")
