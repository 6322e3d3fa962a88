"""The supervisor's process: ``python -m benchlab.service.supervisor BENCH``."""

from __future__ import annotations

import sys
from pathlib import Path

from benchlab.errors import BenchError
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.supervisor.process import Supervisor

__all__ = ["main"]


def main(words: list[str]) -> int:
    """Look after a bench until it is taken down; return the exit code."""
    folder = BenchFolder(Path(words[0]))
    try:
        folder.make()
        supervisor = Supervisor(folder)
    except BenchError as error:
        sys.stderr.write(f"supervisor: {error}\n")
        return error.exit_code
    try:
        supervisor.run()
    finally:
        supervisor.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
