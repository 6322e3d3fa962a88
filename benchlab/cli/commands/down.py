"""End a bench: its hub, its workers, its supervisor. It refuses while a test goes on.

benchlab down
"""

from __future__ import annotations

import argparse

HELP = "end a bench on which no test goes on"

PATIENCE_SECOND = 60.0
STARTS_SECOND = 10.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("bench", nargs="?", default="", help="its folder, bench.yaml or name")
    parser.add_argument("--operator", default="", metavar="NAME", help="who asks")


def run(arguments: argparse.Namespace) -> int:
    """End it; return the exit code."""
    from benchlab.client.connecting import who
    from benchlab.service.benches import bench_named
    from benchlab.service.control_client import ask_once
    from benchlab.service.supervisor.plan import read_plan
    from benchlab.service.supervisor.starting import start_where_missing, wait_for_parts

    folder = bench_named(arguments.bench)
    if read_plan(folder) is None:
        print("the bench is down")
        return 0
    if start_where_missing(folder):
        wait_for_parts(folder, ["supervisor"], STARTS_SECOND)
    address = folder.address("supervisor")
    ask_once(address, "down", patience_second=PATIENCE_SECOND, operator=who(arguments.operator))
    print("the bench is down")
    return 0
