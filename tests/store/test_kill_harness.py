"""The harnesses that are run long by hand, short here: kills, power cuts, every prefix."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def harness(*words):
    done = subprocess.run(
        [sys.executable, "-m", *words], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return json.loads(done.stdout)


@pytest.mark.skipif(sys.platform == "win32", reason="fork and SIGKILL are needed")
def test_kills_lose_nothing(tmp_path):
    facts = harness("benchmarks.kill_harness", "--kills", "20", "--folder", str(tmp_path))
    assert facts["kills"] >= 20
    for name in ("lost", "wrong", "unreadable", "not recovered", "left behind"):
        assert facts[name] == 0, facts
    assert facts["opened after the kill"] > 0
    assert facts["opened after recover"] > 0


def test_a_power_cut_loses_only_what_was_not_synced_and_every_prefix_is_right():
    facts = harness("benchmarks.power_loss", "--images", "60", "--rows", "300")
    assert facts["synced_rows_lost"] == facts["wrong"] == facts["prefixes_short"] == 0
    assert facts["unsynced"] > 0
    assert facts["prefixes"] > 50
