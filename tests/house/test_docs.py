"""What the documents show is what the program takes."""

import re
from pathlib import Path

import pytest

from benchlab.errors import CellError
from benchlab.model.cell import cell_types, parse_cell
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol
from benchlab.model.sentence import FORMS
from benchlab.model.yaml_text import load_text

ROOT = Path(__file__).resolve().parents[2]
BLOCKS = re.compile(r"```yaml\n(.*?)```", re.S)


def blocks(name):
    return BLOCKS.findall((ROOT / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("text", blocks("README.md") + blocks("docs/protocols.md"))
def test_each_example_is_accepted(text):
    if "steps:" in text:
        assert expand(parse_protocol(text, "docs")).executions() > 0
    else:
        assert parse_cell(load_text(text, "docs", CellError), "docs").id


def test_each_known_sentence_is_documented():
    text = (ROOT / "docs/protocols.md").read_text(encoding="utf-8")
    assert [form for form in FORMS if f"`{form}`" not in text] == []


def steps_of_tables(text):
    """Return each mapping in backticks that stands in a table, with its dots filled in."""
    rows = [line for line in text.splitlines() if line.startswith("| `")]
    cells = [row.split(" | ")[0] for row in rows]
    found = [item for cell in cells for item in re.findall(r"`(\{.*?\})`(?:[,;]|$|\s)", cell)]
    return [item.replace("[...]", "[Rest for 1 min]").replace("if: ...", IF) for item in found]


IF = "if: discharge capacity of dis below 80 % of reference"
PROFILE = "test_time_second,current_ampere\n0,0.1\n10,0\n"


def test_each_step_and_action_of_the_tables_is_taken():
    text = (ROOT / "docs/protocols.md").read_text(encoding="utf-8")
    steps = steps_of_tables(text)
    assert len(steps) >= 28
    files = {"drive.csv": PROFILE, "check.yaml": "name: c\nsteps: [Rest for 1 min]\n"}
    for step in steps:
        parse_protocol(f"name: t\nsteps:\n  - {step}\n", "docs", load=files.__getitem__)


def test_each_cell_type_is_documented():
    text = (ROOT / "docs/cells.md").read_text(encoding="utf-8")
    assert [name for name in cell_types() if name not in text] == []


@pytest.mark.parametrize("path", sorted((ROOT / "sample_data/protocols").glob("*.yaml")))
def test_each_sample_protocol_is_accepted(path):
    assert expand(parse_protocol(path.read_text(encoding="utf-8"), path.name)).steps
