"""The page says what the table says, and the words of the cells are the known ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchlab.interchange.table import EXPORTS, IMPORTS, TARGETS, markdown

PAGE = (Path(__file__).parents[2] / "docs/interchange.md").read_text("utf-8")


def test_the_page_prints_the_table() -> None:
    assert PAGE.endswith(f"\n\n{markdown()}")
    assert all(f"| `{target}` |" in PAGE for target in TARGETS)


@pytest.mark.parametrize("table", [EXPORTS, IMPORTS])
def test_each_cell_begins_with_a_known_word_and_gives_a_reason(table) -> None:
    for item in table.values():
        for cell in item.cells.values():
            word, _, reason = cell.partition(":")
            assert word in ("yes", "as", "no", "never"), item
            assert (word == "yes") != bool(reason.strip()), item
