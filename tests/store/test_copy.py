import pytest

from benchlab.errors import FileExists, StorageError
from benchlab.store.copy import copy_verified


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "a.h5"
    path.write_bytes(bytes(range(256)) * 10_000)
    return path


def test_a_copy_is_the_same_and_leaves_nothing_else(file, tmp_path):
    share = tmp_path / "share"
    share.mkdir()
    assert copy_verified(file, share).read_bytes() == file.read_bytes()
    assert [path.name for path in share.iterdir()] == ["a.h5"]


def test_a_copy_replaces_nothing(file, tmp_path):
    share = tmp_path / "share"
    share.mkdir()
    (share / "a.h5").write_text("mine")
    with pytest.raises(FileExists):
        copy_verified(file, share)
    assert (share / "a.h5").read_text() == "mine"


def test_a_share_that_is_not_there_is_a_sentence(file, tmp_path):
    with pytest.raises(StorageError, match="the recording itself is complete"):
        copy_verified(file, tmp_path / "gone")


def test_a_share_without_space_keeps_nothing_half_written(file):
    """What cannot be written to stands for a full share: every write to it fails."""
    with pytest.raises(StorageError):
        copy_verified(file, file.parent / "a.h5")
    assert [path.name for path in file.parent.iterdir()] == ["a.h5"]
