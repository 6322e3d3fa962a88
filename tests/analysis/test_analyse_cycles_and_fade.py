"""The command that runs an analysis, on the cycle table and the fade of a published file."""

from __future__ import annotations

import json

import pytest

from benchlab.cli.main import main
from benchlab.errors import UsageError
from benchlab_analysis import cycles


@pytest.fixture(scope="module")
def k2(shared_data, tmp_path_factory):
    out = tmp_path_factory.mktemp("k2") / "k2.h5"
    assert main(["import", str(shared_data("arbin_k2_lfp/*.csv")), "-o", str(out)]) == 0
    return out


def test_it_lists_itself_and_explains_its_options(capsys):
    assert main(["analyse"]) == 0
    listed = capsys.readouterr().out
    assert {"cycles", "fade", "coulometry"} <= {line.split()[0] for line in listed.splitlines()}
    assert "preview" not in listed
    with pytest.raises(SystemExit):
        main(["analyse", "fade", "--help"])
    told = capsys.readouterr().out
    assert "--end-of-life" in told
    assert "default 0.8" in told


@pytest.mark.parametrize(
    ("words", "remark"),
    [
        (["fade", "{}", "--first", "1x"], "takes a whole number"),
        (["cycles", "{}", "--pairing", "sideways"], "Known: same-index"),
        (["preview", "{}"], "is no analysis of its own"),
        (["cycles", "{}", "--basis", "gram"], "--set active_mass=VALUE"),
    ],
)
def test_wrong_words_are_told(words, remark, k2, capsys):
    assert main(["analyse", *(word.format(k2) for word in words)]) == 2
    assert remark in capsys.readouterr().err


def test_everything_comes_out_as_json_csv_figure_and_workbook(k2, tmp_path, capsys):
    drawn, book = tmp_path / "fade.svg", tmp_path / "fade.xlsx"
    words = ["analyse", "fade", str(k2), "--json", "-o", str(drawn), "--xlsx", str(book)]
    assert main(words) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["tables"]["fade rate"]["units"]["fade_rate"] == "% per 100 cycles"
    assert found["sentences"][1].startswith("knee: none")  # it has lost 0.4 %
    assert drawn.read_bytes().startswith(b"<?xml")
    assert book.read_bytes().startswith(b"PK")
    assert main(words) == 12  # never over something
    capsys.readouterr()
    assert main(["analyse", "cycles", str(k2), "--csv"]) == 0
    assert capsys.readouterr().out.startswith("cycle_count,kind,complete")


def test_capacities_are_given_per_what_is_asked(recorded):
    run = recorded([(1.0, 0.9)], cell={"active_mass_gram": 2.0})
    (table,) = cycles.analyse(run, cycles.Options(basis="gram")).tables
    name = "cycle_discharging_capacity_ah_per_gram"
    assert table[name].tolist() == [0.45]
    assert table.units[name] == "Ah/g"
    with pytest.raises(UsageError, match="no area"):
        cycles.analyse(run, cycles.Options(basis="square centimetre"))
