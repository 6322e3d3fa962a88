"""Every protocol that is handed out reads back from its one form as the same protocol."""

from pathlib import Path

import pytest

from benchlab.model.canonical import canonical, canonical_sha256
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol, read_protocol

FOLDER = Path(__file__).parents[2] / "sample_data" / "protocols"
FILES = sorted(FOLDER.glob("*.yaml"))
HEAD = "name: t\ncell: {type: li_cu_coin}\ncapacity: {C: 1.54 mAh}\nsteps:\n"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_template_reads_back(path):
    written = read_protocol(path)
    text = canonical(written)
    again = parse_protocol(text, "again", load=lambda name: (FOLDER / name).read_text("utf-8"))
    assert canonical(again) == text
    assert canonical_sha256(again) == canonical_sha256(written)
    first, second = expand(written), expand(again)
    assert [type(item) for item in first.code] == [type(item) for item in second.code]
    numbers = ("control", "current_ampere", "end_volt", "cutoff_ampere", "at_most_second")
    for one, other in zip(first.steps, second.steps, strict=True):
        # as text, in which what is not known yet is the same as itself
        assert [repr(getattr(one, n)) for n in numbers] == [
            repr(getattr(other, n)) for n in numbers
        ]


@pytest.mark.parametrize("where", ["if", "until"])
def test_a_condition_on_a_result_reads_back(where):
    strip = "{label: s, strip: 0.5 mA/cm2, until: 1 V}"
    plate = "{label: p, plate: 0.5 mA/cm2, until: 1 mAh/cm2}"
    if where == "if":
        branch = "{if: CE below 90 %, in: 2 complete cycles in a row, then: go to dead}"
        steps = (
            f"  - repeat: 5\n    steps: [{plate}, {strip}, result: {{CE: s / p}}, {branch}]\n"
            "  - {label: dead, rest: 1 min}\n"
        )
    else:
        steps = (
            "  - repeat: {at_most: 5 times, until: CE below 90 %}\n"
            f"    steps: [{plate}, {strip}, result: {{CE: s / p}}]\n"
        )
    text = canonical(parse_protocol(HEAD + steps, "t.yaml"))
    assert "CE below 0.9" in text
    again = parse_protocol(text, "again")
    assert canonical(again) == text
    assert expand(again).name == "t"
