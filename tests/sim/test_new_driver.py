"""docs/new_driver.md, followed literally: another package adds a driver by one line."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "new_driver.md").read_text(encoding="utf-8")
FILE = re.compile(r"^`thermo/([\w./]+)`:\n\n```\w+\n(.*?)```", re.S | re.M)


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """Write the page's files, and what an installer would leave beside them."""
    folder = tmp_path_factory.mktemp("thermo")
    files = dict(FILE.findall(PAGE))
    assert set(files) == {
        "pyproject.toml",
        "benchlab_thermo/thermo2.py",
        "benchlab_thermo/sim/thermo2.py",
    }
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    for name in ("benchlab_thermo", "benchlab_thermo/sim"):
        (folder / name / "__init__.py").touch()
    project = tomllib.loads(files["pyproject.toml"])["project"]
    (entry,) = project["entry-points"]["benchlab.drivers"].items()
    info = folder / "benchlab_thermo-0.1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(
        f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    )
    (info / "entry_points.txt").write_text(f"[benchlab.drivers]\n{entry[0]} = {entry[1]}\n")
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths), "COLUMNS": "200"}


def benchlab(environment, *words, folder=None):
    done = subprocess.run(
        [sys.executable, "-m", "benchlab", *words],
        capture_output=True,
        text=True,
        env=environment,
        cwd=folder,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture
def served(environment):
    process = subprocess.Popen(
        [sys.executable, "-m", "benchlab", "sim", "serve", "thermo2"],
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    yield json.loads(process.stdout.readline())["resource"]
    process.terminate()
    process.communicate(timeout=10)


def test_it_is_listed_beside_ours(environment):
    found = {item["name"]: item for item in json.loads(benchlab(environment, "drivers", "--json"))}
    assert found["thermo2"]["role"] == "sensor"
    assert "keithley2450" in found


def test_it_is_served_discovered_and_compared(environment, served, tmp_path):
    host = ":".join(served.split("::")[1:3])
    words = ("discover", "--no-visa", "--json", "--host", host)
    item = json.loads(benchlab(environment, *words))[0]
    assert item["drivers"] == ["thermo2"]
    assert item["firmware"] == "1.0"
    benchlab(environment, "sim", "verify", "thermo2", "--against", served, folder=tmp_path)
    kept = json.loads((tmp_path / "thermo2.verify.json").read_text())
    assert kept["differences"] == 0
    assert [stage["stage"] for stage in kept["stages"]] == ["open", "read"]


READ = """\
import sys
from benchlab import plugins
from benchlab.bench.clock import RealClock
driver = plugins.plugin("drivers", "thermo2").connect(sys.argv[1], RealClock())
driver.open()
print(driver.read().values["surface_temperature_celsius"])
"""


def test_it_reads_the_cell(environment, served):
    done = subprocess.run(
        [sys.executable, "-c", READ, served],
        capture_output=True,
        text=True,
        env=environment,
        timeout=30,
    )
    assert done.returncode == 0, done.stderr
    assert float(done.stdout) == pytest.approx(25.0, abs=0.25)
