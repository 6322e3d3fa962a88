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


def test_each_cell_type_is_documented():
    text = (ROOT / "docs/cells.md").read_text(encoding="utf-8")
    assert [name for name in cell_types() if name not in text] == []


@pytest.mark.parametrize("path", sorted((ROOT / "sample_data/protocols").glob("*.yaml")))
def test_each_sample_protocol_is_accepted(path):
    assert expand(parse_protocol(path.read_text(encoding="utf-8"), path.name)).steps
