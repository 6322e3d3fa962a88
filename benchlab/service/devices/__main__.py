"""A device's process: ``python -m benchlab.service.devices BENCH NAME``, started by the supervisor.

Killed, it is started again; a chamber goes on meanwhile, and a relay opens by itself.
"""

from __future__ import annotations

import sys
from pathlib import Path

from benchlab.errors import BenchError
from benchlab.service.bench_folder import BenchFolder

__all__ = ["main"]


def main(words: list[str]) -> int:
    """Serve until told to end; return the exit code."""
    if len(words) != 2:
        sys.stderr.write("usage: python -m benchlab.service.devices BENCH NAME\n")
        return 2
    folder = BenchFolder(Path(words[0]))
    try:
        folder.make()
        from benchlab.service.devices.process import DeviceProcess

        device = DeviceProcess(folder, words[1])
    except BenchError as error:
        sys.stderr.write(f"{words[1]}: {error}\n")
        return error.exit_code
    try:
        device.run()
    finally:
        device.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
