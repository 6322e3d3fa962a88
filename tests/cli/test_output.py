"""An output that cannot be written neither ends a run nor hides how it ended."""

import os
import shlex
import subprocess
import sys
from pathlib import Path

import h5py
import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the redirections of a POSIX shell")

DONE = """\
name: t
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
steps:
  - Charge at C/2 for 1 s
"""
TRIPS = DONE.replace("steps:", "limits: {charge_in_one_step: 0.1 mAh}\nsteps:").replace(
    "1 s", "1 h"
)
FULL = pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")


@pytest.fixture
def shell(tmp_path):
    """Run a line of bash in which `benchlab` is the command; the code is that of the command."""
    (tmp_path / "done.yaml").write_text(DONE)
    (tmp_path / "trips.yaml").write_text(TRIPS)
    command = shlex.join([sys.executable, "-m", "benchlab"])

    def run(line):
        script = f'benchlab() {{ {command} "$@"; }}\n{line}\ncode=("${{PIPESTATUS[@]}}")\n'
        return subprocess.run(
            ["bash", "-c", script + "exit ${code[0]}"],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )

    return run


def run_of(name):
    return f"benchlab run {name}.yaml --channel sim:keithley2450 --fast --out o.h5"


def whole(path):
    with h5py.File(path) as file:
        return file.attrs["rows"] >= 2 and len(file.attrs["digest"]) > 0


@pytest.mark.parametrize(
    ("name", "code", "pipe"),
    [("done", 0, "| true"), ("trips", 30, "| true"), ("trips", 30, "--json 2>&1 | true")],
)
def test_a_reader_that_went_away_changes_no_code(shell, tmp_path, name, code, pipe):
    done = shell(f"{run_of(name)} {pipe}")
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    assert "Broken" not in done.stderr
    assert whole(tmp_path / "o.h5")


@pytest.mark.parametrize(
    ("name", "code", "where"),
    [
        pytest.param("done", 50, "> /dev/full", marks=FULL),
        ("done", 50, ">&-"),
        ("trips", 30, "--json >&-"),
    ],
)
def test_a_result_that_cannot_be_written_is_told(shell, tmp_path, name, code, where):
    done = shell(f"{run_of(name)} {where}")
    assert done.returncode == code, done.stderr
    assert "standard output: what the command printed could not be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    assert whole(tmp_path / "o.h5")


@pytest.mark.parametrize(
    ("name", "code", "where"),
    [
        pytest.param("trips", 30, "2> /dev/full", marks=FULL),
        ("trips", 30, "2>&-"),
        ("done", 0, "<&- 2>&-"),
    ],
)
def test_notes_that_cannot_be_written_are_lost_and_the_result_is_not(shell, name, code, where):
    done = shell(f"{run_of(name)} {where}")
    assert done.returncode == code
    assert "rows in o.h5" in done.stdout
    assert "Traceback" not in done.stdout


@pytest.mark.parametrize(
    "where", ["<&- >&- 2>&-", pytest.param("> /dev/full 2>&1", marks=FULL), "2>&- | true"]
)
def test_nowhere_to_print_at_all(shell, tmp_path, where):
    assert shell(f"{run_of('trips')} {where}").returncode == 30
    assert whole(tmp_path / "o.h5")
    assert not (tmp_path / "o.run").exists()


def test_no_file_gets_the_number_of_a_closed_stream():
    code = (
        "import os, sys; [os.close(number) for number in range(3)]\n"
        "from benchlab.cli.output import guarded_output\n"
        "with guarded_output(), open(sys.argv[1]) as file: os._exit(file.fileno())"
    )
    done = subprocess.run([sys.executable, "-c", code, __file__], check=False, timeout=20)
    assert done.returncode > 2


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("benchlab --help >&-", 50),
        ("benchlab --version >&-", 50),
        ("benchlab run >&-", 2),
        ("benchlab nonsense 2>&-", 2),
        ("benchlab info no.h5 2>&-", 10),
        ("benchlab drivers | true", 0),
        ("PYTHONUNBUFFERED=1 benchlab drivers >&-", 50),
    ],
)
def test_every_command_is_held_to_it(shell, line, code):
    done = shell(line)
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr + done.stdout
    assert "Exception ignored" not in done.stderr


def test_a_name_that_the_terminal_cannot_spell(shell):
    done = shell(
        "mv done.yaml µ.yaml; PYTHONIOENCODING=ascii benchlab run µ.yaml --json"
        " --channel sim:keithley2450 --fast --out µ.h5 && PYTHONIOENCODING=ascii benchlab info µ.h5"
    )
    assert done.returncode == 0, done.stderr
    assert "\\xb5" in done.stdout


def test_a_pipe_that_does_not_wait_loses_nothing():
    size = 4_000_000
    code = (
        "from benchlab.cli.output import guarded_output\n"
        f"with guarded_output() as output: print('x' * {size}); raise SystemExit(output.settle(0))"
    )
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    child = subprocess.Popen([sys.executable, "-c", code], stdout=writing, stderr=subprocess.PIPE)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        assert len(pipe.read()) == size + 1
    assert child.communicate(timeout=20) == (None, b"")
    assert child.returncode == 0


def test_streams_put_there_by_others_stay(capsys):
    from benchlab.cli.main import main

    before = sys.stdout, sys.stderr
    assert main(["nonsense"]) == 2
    assert (sys.stdout, sys.stderr) == before
    assert "no command 'nonsense'" in capsys.readouterr().err
