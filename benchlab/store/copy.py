"""A verified copy of a closed file, on another disk or a share."""

from __future__ import annotations

import hashlib
import os
from contextlib import suppress
from pathlib import Path

from benchlab.errors import FileExists, StorageError

__all__ = ["copy_verified"]

_BLOCK = 1 << 20


def copy_verified(path: Path, folder: Path) -> Path:
    """Copy a file into a folder under its own name, and read the copy back before it gets it.

    Raises
    ------
    benchlab.errors.FileExists
        Something of that name is there.
    benchlab.errors.StorageError
        The copy cannot be made or reads back different; nothing is left of it.
    """
    target = folder / path.name
    partial = folder / (path.name + ".partial")
    try:
        if target.exists():
            raise FileExists(
                "there is something at the place of the copy; the recording itself is complete.",
                where=str(target),
                remedy="Copy it by hand under another name.",
            )
        written = hashlib.sha256()
        with open(path, "rb") as source, open(partial, "wb") as copy:
            while block := source.read(_BLOCK):
                written.update(block)
                copy.write(block)
            copy.flush()
            os.fsync(copy.fileno())
        with open(partial, "rb") as copy:
            read = hashlib.file_digest(copy, "sha256")
        if read.digest() != written.digest():
            raise OSError(0, "the copy reads back different")
        os.replace(partial, target)
    except OSError as error:
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        raise StorageError(
            f"the copy cannot be made ({error.strerror}); the recording itself is complete.",
            where=str(target),
            remedy="Copy it by hand once the folder can be reached and has space.",
        ) from error
    return target
