"""Check recorded runs against themselves, reading every row once.

Charge and energy of each step are recomputed from the rows and compared with what was counted
from every reading; time, steps, rows, counters, gaps, limits and the digest are checked as well.
Exit code 0: clean. 16: something was found. Another: a file could not be opened.
"""

from __future__ import annotations

import argparse
import json

HELP = "check that a run's rows, steps, counters and digest agree"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="NAME.h5, or the run under way")
    parser.add_argument("--json", action="store_true", help="print JSON for a program to read")


def run(arguments: argparse.Namespace) -> int:
    """Check each file, say what was found, and return 0 where that is nothing."""
    from benchlab.errors import BenchError, FindingsFound
    from benchlab.store.check import check_run

    results = []
    code = 0
    for file in arguments.files:
        try:
            report = check_run(file)
        except BenchError as error:
            results.append({"file": file, "clean": False, "error": str(error)})
            code = error.exit_code
            if not arguments.json:
                print(f"{file}: CANNOT BE CHECKED: {error}")
            continue
        results.append(report.as_dict())
        if report.findings and not code:
            code = FindingsFound.exit_code
        if arguments.json:
            continue
        found = len(report.findings)
        print(f"{file}: {f'{found} FINDINGS' if found else 'clean'}"
              f" ({report.rows:,} rows, {report.step_number:,} steps, {report.state})")  # fmt: skip
        for finding in report.findings:
            print(f"  {finding}")
        for note in report.notes:
            print(f"  note: {note}")
    if arguments.json:
        print(json.dumps(results, indent=1, allow_nan=False))
    return code
