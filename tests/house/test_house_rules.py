"""Rules of the house that a reader would otherwise have to keep by memory."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchlab.model.columns import COLUMNS

ROOT = Path(__file__).parents[2]
SOURCES = [ROOT / name for name in ("benchlab", "drivers", "gui", "analysis")]
TERMS = ROOT.parent / "shared" / "bdf_terms_1.3.0.tsv"


def modules() -> Iterator[Path]:
    for source in SOURCES:
        yield from source.rglob("*.py")


def test_no_module_is_over_400_lines() -> None:
    sizes = {
        str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines())
        for path in (*modules(), *(ROOT / "tests").rglob("*.py"), ROOT / "bootstrap.py")
    }
    assert {name: size for name, size in sizes.items() if size > 400} == {}


def test_nothing_is_evaluated_pickled_or_swallowed() -> None:
    """A run file or protocol is data: nothing in it may be carried out; no error may vanish."""
    found = []
    for path in modules():
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            name = str(path.relative_to(ROOT))
            if isinstance(node, ast.Import | ast.ImportFrom):
                names = [alias.name for alias in node.names] + [getattr(node, "module", "") or ""]
                found += [f"{name}: {n}" for n in names if n.split(".")[0] in ("pickle", "marshal")]
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                found += [
                    f"{name}: {node.func.id}" for _ in [0] if node.func.id in ("eval", "exec")
                ]
            elif isinstance(node, ast.ExceptHandler) and node.type is None:
                found.append(f"{name}:{node.lineno}: bare except")
    assert found == []


def test_presenters_and_models_of_the_window_use_no_widgets() -> None:
    for folder in ("models", "presenters"):
        for path in (ROOT / "gui/benchlab_gui" / folder).rglob("*.py"):
            assert "QtWidgets" not in path.read_text("utf-8"), path


def test_every_package_is_found_in_its_source_root() -> None:
    """A folder without ``__init__.py`` works here and is missing from the wheel's plug-ins."""
    for path in modules():
        package = path.parent
        while package not in SOURCES[1:] and package != ROOT:
            assert (package / "__init__.py").exists(), package
            package = package.parent


@pytest.mark.skipif(not TERMS.exists(), reason=f"{TERMS.name} (Battery Data Format) is not there")
def test_column_names_of_the_battery_data_format_are_its_own() -> None:
    """A name with the ontology's label must be its machine name, and the other way round."""
    lines = [line.split("\t") for line in TERMS.read_text("utf-8").splitlines()[1:]]
    machine = {words[2]: words[1] for words in lines}
    label = {words[1]: words[2] for words in lines}
    shared = [column for column in COLUMNS.values() if column.name in machine]
    assert len(shared) > 20
    for column in shared:
        assert column.label == machine[column.name], column
    for column in COLUMNS.values():
        assert label.get(column.label, column.name) == column.name, column


def test_the_constraints_bind_every_requirement() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    lists = [project["dependencies"], *project["optional-dependencies"].values()]
    asked = [line for lines in lists for line in lines]
    names = {re.split(r"[\[<>=;! ]", line)[0].lower().replace("_", "-") for line in asked}
    text = (ROOT / "constraints.txt").read_text("utf-8")
    pins = re.findall(r"^([\w.-]+)==[\w.]+$", text, re.MULTILINE)
    bound = {pin.lower().replace("_", "-") for pin in pins}
    assert names - {"benchlab"} <= bound
    assert len(pins) == sum(not line.startswith("#") for line in text.splitlines())


def test_the_arrows_between_the_packages_hold() -> None:
    """Told in the tests already; the finer contracts of pyproject.toml are told by ``check``."""
    drivers, analysis, gui = "benchlab_drivers", "benchlab_analysis", "benchlab_gui"
    forbidden = {
        "benchlab": {drivers, analysis, gui},
        "drivers": {analysis, gui},
        "analysis": {drivers, gui},
        "gui": set[str](),
    }
    found = []
    for source in SOURCES:
        for path in source.rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text("utf-8"))):
                names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
                names += [node.module or ""] if isinstance(node, ast.ImportFrom) else []
                wrong = {name.split(".")[0] for name in names} & forbidden[source.name]
                found += [f"{path.relative_to(ROOT)}: {name}" for name in wrong]
    assert found == []


def test_the_readme_names_the_command_that_the_integration_runs() -> None:
    readme = (ROOT / "README.md").read_text("utf-8")
    for command in ("python3 bootstrap.py demo", "python3 bootstrap.py test"):
        assert f"\n{command}\n" in readme
        assert f"part {command}\n" in (ROOT / ".ci/run").read_text("utf-8")
