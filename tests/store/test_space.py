import math

import pytest

from benchlab.errors import UsageError
from benchlab.store.space import DAY_SECOND, DEFAULT_RESERVE_BYTES, Space, reserve_bytes


def test_days_left_are_the_free_bytes_beyond_the_reserve_at_the_runs_rate():
    space = Space(
        free_bytes=3_000_000, reserve_bytes=1_000_000, written_bytes=500, elapsed_second=10.0
    )
    assert space.bytes_per_second == 50.0
    assert space.days_left * DAY_SECOND * space.bytes_per_second == pytest.approx(2_000_000)
    assert not space.short
    assert space.record()["disk_free_bytes"] == 3_000_000


def test_no_rate_is_known_in_the_first_second():
    space = Space(3, 1, 500, 0.5)
    assert math.isinf(space.days_left)
    assert space.record()["disk_days_left"] is None


def test_a_reserve_that_is_touched_leaves_no_day():
    space = Space(1, 2, 0, 0.0)
    assert space.short
    assert space.days_left == 0.0
    error = space.error("/data", "the run is ended.")
    assert "less than the reserve" in str(error)
    assert "--reserve-mb" in error.remedy


def test_the_argument_goes_before_the_environment(monkeypatch):
    monkeypatch.delenv("BENCHLAB_DISK_RESERVE_MB", raising=False)
    assert reserve_bytes() == DEFAULT_RESERVE_BYTES
    monkeypatch.setenv("BENCHLAB_DISK_RESERVE_MB", "5")
    assert reserve_bytes() == 5_000_000
    assert reserve_bytes(7) == 7_000_000
    monkeypatch.setenv("BENCHLAB_DISK_RESERVE_MB", "much")
    with pytest.raises(UsageError, match="much"):
        reserve_bytes()
