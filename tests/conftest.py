"""What tests of several folders need."""

import os
import subprocess
import sys

import pytest
from hypothesis import settings

# how long an example takes on a busy machine says nothing about the code
settings.register_profile("any machine", deadline=None)
settings.load_profile("any machine")


@pytest.fixture
def disk_of(tmp_path):
    """Return a function that mounts a small disk of so many megabytes and returns its folder."""
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a small disk can be mounted by root on Linux only")
    places = []

    def mounted(megabytes):
        place = tmp_path / f"disk{len(places)}"
        place.mkdir()
        words = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "benchlab-test", str(place)]
        if subprocess.run(words, check=False, capture_output=True).returncode:
            pytest.skip("this system lets nobody mount a small disk")
        places.append(place)
        return place

    yield mounted
    for place in places:
        subprocess.run(["umount", str(place)], check=True)
