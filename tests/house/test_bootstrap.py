"""Bootstrap's refusals, each with a machine that really lacks the thing.

A virtual environment without pip is a Python without pip; a folder without rights is a checkout
that cannot be written; port 9 of this host is a network that does not answer.
"""

from __future__ import annotations

import ast
import os
import shutil
import signal
import socket
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MACHINE = getattr(sys, "_base_executable", sys.executable)  # the tests' own may have no pip


def old_pythons() -> list[str]:
    """Return every Python older than 3.11 that runs here, on the path or kept by pyenv."""
    kept = Path(os.environ.get("PYENV_ROOT", "/nonexistent")) / "versions"
    named = [shutil.which(f"python3.{minor}") for minor in range(6, 11)]
    named += [str(path) for path in sorted(kept.glob("3.*/bin/python"))]
    code = "import sys; sys.exit(not (3, 6) <= sys.version_info < (3, 11))"
    return [
        p
        for p in named
        if p and not subprocess.run([p, "-c", code], capture_output=True).returncode
    ]


def checkout(folder: Path) -> Path:
    folder.mkdir()
    for name in ("bootstrap.py", "pyproject.toml", "constraints.txt", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, folder)
    return folder


def environment() -> dict[str, str]:
    """Return this process's, without what would lead bootstrap to the tests' own environment."""
    drop = ("BENCHLAB_VENV", "DISPLAY", "WAYLAND_DISPLAY", "QT_QPA_PLATFORM", "PYTHONPATH")
    return {key: value for key, value in os.environ.items() if key not in drop}


def bootstrap(
    folder: Path, *words: str, python: str = MACHINE, **settings: str
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [python, str(folder / "bootstrap.py"), *words],
        env=environment() | settings,
        capture_output=True,
        text=True,
        check=False,
        timeout=100,
    )


def last(done: subprocess.CompletedProcess[str]) -> str:
    return done.stderr.rstrip("\n").rpartition("\n")[2]


@pytest.fixture
def bare(tmp_path: Path) -> tuple[Path, Path]:
    """Return a checkout and the Python of an environment without pip."""
    venv.create(tmp_path / "bare", with_pip=False, symlinks=os.name != "nt")
    scripts = "Scripts/python.exe" if os.name == "nt" else "bin/python"
    return checkout(tmp_path / "checkout"), tmp_path / "bare" / scripts


def test_it_lists_its_jobs(tmp_path: Path) -> None:
    here = checkout(tmp_path / "checkout")
    unknown = bootstrap(here, "fly")
    assert unknown.returncode == 2
    assert "demo" in unknown.stderr
    assert bootstrap(here, "--help").returncode == 0
    assert not (here / ".venv").exists()


def test_an_older_python_gets_a_sentence(tmp_path: Path) -> None:
    old = old_pythons()
    if not old:
        pytest.skip("no Python older than 3.11 is installed here")
    here = checkout(tmp_path / "checkout")
    for python in old:
        done = bootstrap(here, "demo", python=python)
        assert done.returncode == 3
        assert "Python 3.11 or newer is needed" in last(done)
        assert "Traceback" not in done.stderr


def test_the_file_is_in_the_syntax_of_an_older_python() -> None:
    """Else an old Python stops with a SyntaxError before the sentence about its age."""
    ast.parse((ROOT / "bootstrap.py").read_text("utf-8"), feature_version=(3, 6))


def test_without_pip_and_ensurepip_it_names_the_package(bare: tuple[Path, Path]) -> None:
    """Debian takes ensurepip out of the library; here an import hook in the site does the same."""
    here, python = bare
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout.strip()
    (Path(site) / "gone.pth").write_text(
        "import sys; sys.path[:] = [p for p in sys.path if p != "
        f"{sysconfig.get_path('stdlib')!r}] + [{str(library_without('ensurepip', here))!r}]\n"
    )
    done = bootstrap(here, "demo", python=str(python))
    assert done.returncode == 3, done.stderr
    assert "neither pip nor ensurepip" in last(done)
    assert "apt-get install python3-pip" in last(done)
    assert not (here / ".venv").exists()


def library_without(name: str, folder: Path) -> Path:
    """Return a folder that has everything of the standard library but one package."""
    made = folder / "library"
    made.mkdir()
    for entry in Path(sysconfig.get_path("stdlib")).iterdir():
        if entry.name not in (name, "site-packages", "__pycache__"):
            (made / entry.name).symlink_to(entry)
    return made


def index(port: int) -> dict[str, str]:
    """Return what makes pip ask this host, at a port, and nobody else."""
    return {
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"http://127.0.0.1:{port}/simple",
        "PIP_EXTRA_INDEX_URL": "",
        "PIP_FIND_LINKS": "",
        "PIP_RETRIES": "0",
        "PIP_NO_CACHE_DIR": "1",
    }


@pytest.mark.skipif(os.name == "nt", reason="process groups are killed differently on Windows")
def test_an_install_killed_half_way_is_not_believed_in_and_no_network_gets_a_sentence(
    tmp_path: Path,
) -> None:
    here = checkout(tmp_path / "checkout")
    with socket.create_server(("127.0.0.1", 0)) as silent:
        first = subprocess.Popen(
            [MACHINE, str(here / "bootstrap.py"), "demo"],
            env=environment() | index(silent.getsockname()[1]),
            stderr=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            start_new_session=True,
        )
        silent.settimeout(60)
        silent.accept()[0].close()  # pip asks: the installation is under way
        os.killpg(first.pid, signal.SIGKILL)
        first.communicate()
    assert (here / ".venv/bin/python").exists()
    done = bootstrap(here, "demo", **index(9))
    assert "unfinished or out of date, and is made anew" in done.stderr
    assert done.returncode == 3, done.stderr
    assert "pip could not install" in last(done)
    assert "PIP_INDEX_URL" in last(done)


def test_somebody_elses_environment_is_left_alone(tmp_path: Path) -> None:
    here = checkout(tmp_path / "checkout")
    mine = here / ".venv" / "notes.txt"
    mine.parent.mkdir()
    mine.write_text("keep")
    done = bootstrap(here, "demo")
    assert done.returncode == 3
    assert "not made by bootstrap" in last(done)
    assert mine.read_text() == "keep"


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    here = checkout(tmp_path / "checkout")
    done = bootstrap(here, "demo", BENCHLAB_VENV=str(here / "README.md" / "venv"))
    assert done.returncode == 3
    assert "cannot be written" in last(done)


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="screens are variables on Linux")
def test_the_window_without_a_screen_is_refused_before_anything_is_installed(
    tmp_path: Path,
) -> None:
    here = checkout(tmp_path / "checkout")
    done = bootstrap(here, "gui")
    assert done.returncode == 3
    assert "no screen" in last(done)
    assert not (here / ".venv").exists()
