"""The modules of the store import each other in one direction only."""

import ast
from graphlib import TopologicalSorter
from pathlib import Path

import benchlab.store

HOME = Path(benchlab.store.__file__).parent


def imported(path):
    """Return the modules of the store that a module imports, wherever in it."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("benchlab.store."):
            found.add(node.module.rpartition(".")[2])
    return found


def test_no_two_modules_import_each_other():
    graph = {path.stem: imported(path) for path in HOME.glob("*.py")}
    assert "journal_frame" in graph["journal"]
    assert sorted(TopologicalSorter(graph).static_order()) == sorted(graph)
