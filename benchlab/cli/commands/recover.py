r"""Give runs that were cut off their closed file.

  benchlab recover cell17.h5
  benchlab recover /data        every run below that folder

A run whose computer or process died is closed with every row that reached the disk, its end reason
``interrupted``. A run that is being recorded is left alone. Killed half way, say it again.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

HELP = "close runs that were cut off, with every row that reached the disk"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("path", type=Path, nargs="+", help="NAME.h5, NAME.run, or a folder of runs")
    parser.add_argument("--json", action="store_true", help="print JSON for a program to read")


def run(arguments: argparse.Namespace) -> int:
    """Recover each run and return the exit code of the first that could not be."""
    import sys

    from benchlab.store.recorder import close_in_child
    from benchlab.store.recover import find_runs, recover_run

    results = []
    code = 0
    for path in [run for given in arguments.path for run in find_runs(given)]:
        done = recover_run(path, close=close_in_child)
        code = code or (done.error.exit_code if done.error else 0)
        results.append(
            {
                "file": str(done.path),
                "found": done.found,
                "did": done.did,
                "rows": done.rows,
                "missing_rows": done.missing_rows,
                "digest": done.digest,
                "error": str(done.error) if done.error else "",
                "exit_code": done.error.exit_code if done.error else 0,
            }
        )
        if not arguments.json:
            print(f"{done.path}: found {done.found}; {done.did}")
            if done.error:
                print(f"benchlab: {done.error}", file=sys.stderr)
    if arguments.json:
        print(json.dumps(results, indent=1))
    elif not results:
        print("no run was found that needs it")
    return code
