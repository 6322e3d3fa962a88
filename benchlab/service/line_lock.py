"""One program of this computer at a time may drive an instrument."""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

from benchlab.errors import LinkRefused
from benchlab.platform import lock_file

__all__ = ["LineLock"]


class LineLock:
    """A lock on a resource name, dropped by the system when every process that holds it has ended.

    A guardian inherits it: while it still has an output to switch off, nobody else may start.

    Raises
    ------
    benchlab.errors.LinkRefused
        Another process of this computer holds it.
    """

    def __init__(self, resource: str) -> None:
        name = hashlib.sha256(resource.upper().encode()).hexdigest()[:16]
        path = Path(tempfile.gettempdir()) / f"benchlab-{name}.lock"
        try:
            self.descriptor = os.open(path, os.O_CREAT | os.O_RDWR, 0o666)
        except OSError as error:
            raise LinkRefused(
                f"the lock of the instrument cannot be taken ({error.strerror}).",
                where=str(path),
                remedy="Remove that file, or have it made writable for everybody who measures.",
            ) from error
        with suppress(OSError):
            path.chmod(0o666)
        if not lock_file(self.descriptor):
            self.release()
            raise LinkRefused(
                "another run on this computer drives this instrument, or its guardian still has"
                " to switch it off; nothing was sent.",
                where=resource,
                remedy="Wait for that run to end, or stop it.",
            )

    def release(self) -> None:
        """Drop the lock; a guardian that inherited it keeps it."""
        os.close(self.descriptor)
