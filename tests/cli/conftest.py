import json
import signal
import subprocess
import sys

import pytest

BENCHLAB = [sys.executable, "-m", "benchlab"]


@pytest.fixture(autouse=True)
def _impatient_guardians(monkeypatch):
    """Let no guardian outlive its test by ten minutes."""
    monkeypatch.setenv("BENCHLAB_GUARDIAN_SECONDS", "2")


@pytest.fixture
def benchlab():
    """Run the command in a process of its own and return what became of it."""
    return _benchlab


def _benchlab(*words, cwd=None):
    return subprocess.run(
        [*BENCHLAB, *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
        timeout=110,
    )


@pytest.fixture
def start():
    """Start the command in the background; whatever still runs at the end is ended."""
    children = []

    def begin(*words, **options):
        child = subprocess.Popen(
            [*BENCHLAB, *map(str, words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            **options,
        )
        children.append(child)
        return child

    yield begin
    for child in children:
        if child.poll() is None:
            child.send_signal(signal.SIGKILL)
        child.communicate(timeout=20)


@pytest.fixture
def serve(start):
    """Serve a simulated instrument and return what it says of itself."""

    def begin(*words, driver="keithley2450"):
        child = start("sim", "serve", driver, *words)
        return json.loads(child.stdout.readline())

    return begin
