"""Show the alarms that nobody has acknowledged, or acknowledge some.

  benchlab alarms
  benchlab alarms --acknowledge ID --operator Ann
  benchlab alarms --acknowledge all -c 3

An alarm stays until somebody says by name that it is known, whatever became of its cause.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from benchlab.cli.on_bench import add_bench, bench_of

HELP = "show or acknowledge the alarms of a bench"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("-c", "--channel", default="", help="its alarms alone")
    parser.add_argument(
        "--acknowledge", action="append", default=[], metavar="ID", help="or 'all' that are shown"
    )
    add_bench(parser)


def run(arguments: argparse.Namespace) -> int:
    """Acknowledge what is named, and show what is left; 0 also where alarms are left."""
    from benchlab.errors import UsageError

    with bench_of(arguments) as bench:
        standing = _standing(bench.status(), arguments.channel)
        for word in arguments.acknowledge:
            meant = [
                (name, alarm["id"])
                for name, alarms in standing.items()
                for alarm in alarms
                if word in ("all", alarm["id"])
            ]
            if not meant and word != "all":
                raise UsageError(
                    f"found the alarm {word[:60]!r}, which does not stand.",
                    remedy="benchlab alarms lists them.",
                )
            for name, alarm in meant:
                bench.acknowledge(name, alarm)
        if arguments.acknowledge:
            standing = _standing(bench.status(), arguments.channel)
    if arguments.json:
        print(json.dumps(standing, indent=1))
    else:
        _show(standing)
    return 0


def _standing(status: dict[str, Any], channel: str) -> dict[str, list[dict[str, Any]]]:
    found = {name: facts.get("alarms", []) for name, facts in status["channels"].items()}
    if channel:
        return {channel: found.get(channel, [])}
    return {"": status.get("alarms", []), **found}


def _show(standing: dict[str, list[dict[str, Any]]]) -> None:
    shown = [(name, alarm) for name, alarms in standing.items() for alarm in alarms]
    for name, alarm in shown:
        place = f"channel {name}" if name else "bench"
        print(f"{place}: {alarm['id']}  {alarm['utc']}  {alarm['kind']}  {alarm['text']}")
        if alarm["owner"]:
            print(f"    limit of the {alarm['owner']}")
        if alarm["did"]:
            print(f"    done: {alarm['did']}")
        if alarm["times"] > 1:
            print(f"    raised {alarm['times']} times")
    if not shown:
        print("no alarm stands")
