"""A worker's process: ``python -m benchlab.service.worker BENCH NAME``, started by the supervisor.

It needs neither supervisor nor hub: killed, it leaves its instruments to their guardians, and
started again it goes on with the tests that its channels' files name.
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
        sys.stderr.write("usage: python -m benchlab.service.worker BENCH NAME\n")
        return 2
    folder = BenchFolder(Path(words[0]))
    try:
        folder.make()
        from benchlab.service.worker.process import WorkerProcess

        worker = WorkerProcess(folder, words[1])
    except BenchError as error:
        sys.stderr.write(f"{words[1]}: {error}\n")
        return error.exit_code
    try:
        worker.run()
    finally:
        worker.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
