"""Show, shorten or change the tests that wait on channels; a queue advances only after done.

  benchlab queue                       what waits on every channel
  benchlab queue --remove ITEM -c 3    take a test out
  benchlab queue --move ITEM -c 3 --to 5

'benchlab start --queue' adds a test.
"""

from __future__ import annotations

import argparse
import json
from typing import Any

from benchlab.cli.on_bench import add_bench, bench_of

HELP = "show or change the tests that wait on a bench"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument(
        "-c", "--channel", default="", help="of the test; without it: all are shown"
    )
    change = parser.add_mutually_exclusive_group()
    change.add_argument("--remove", metavar="ITEM", help="take it out")
    change.add_argument("--move", metavar="ITEM", help="put it on another channel")
    parser.add_argument("--to", default="", metavar="CHANNEL", help="where --move puts it")
    add_bench(parser)


def run(arguments: argparse.Namespace) -> int:
    """Change what is asked, and show the queues."""
    from benchlab.errors import UsageError

    item = arguments.remove or arguments.move
    if item and not arguments.channel:
        raise UsageError("the test's channel is missing.", remedy="Add --channel NAME.")
    if bool(arguments.move) != bool(arguments.to):
        raise UsageError("--move and --to go together.", remedy="Give both.")
    with bench_of(arguments) as bench:
        if arguments.remove:
            bench.unqueue(arguments.channel, item)
        elif arguments.move:
            bench.move(arguments.channel, item, arguments.to)
        channels = bench.status()["channels"]
    queues = {
        name: facts.get("queue", [])
        for name, facts in channels.items()
        if arguments.channel in ("", name, arguments.to and name)
    }
    if arguments.json:
        print(json.dumps(queues, indent=1))
    else:
        _show(queues)
    return 0


def _show(queues: dict[str, list[dict[str, Any]]]) -> None:
    waiting = [(name, item) for name, items in queues.items() for item in items]
    for name, item in waiting:
        words = (item[key] for key in ("item", "cell_id", "protocol_name", "operator"))
        print(f"channel {name}: " + "  ".join(str(word) for word in words if word))
    if not waiting:
        print("no test waits")
