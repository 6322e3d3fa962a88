"""Open the circuit of channels now, and say whether each output is proven off.

  benchlab stop 3                 a running test is held: 'benchlab resume 3' goes on with it,
                                  and a second 'benchlab stop 3' closes its file
  benchlab stop 3 --close         open the circuit and close the file
  benchlab stop 3 --after cycle   when the cycle under way is over
  benchlab stop --all

It works without the hub, and while an answer of the instrument is awaited. Exit code 40: an output
could not be proven off; switch that instrument off by hand.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from typing import Any

from benchlab.cli.on_bench import act, add_bench, bench_of, tell_each

HELP = "open the circuit of channels of a bench"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("channels", nargs="*", metavar="CHANNEL", help="by name; several at once")
    parser.add_argument("--all", action="store_true", help="every channel of the bench")
    when = parser.add_mutually_exclusive_group()
    when.add_argument("--after", choices=("step", "cycle"), help="not now: when that is over")
    when.add_argument("--close", action="store_true", help="close the file, too")
    add_bench(parser)


def run(arguments: argparse.Namespace) -> int:
    """Stop what is named; return the worst exit code."""
    from benchlab.errors import UsageError

    if arguments.all == bool(arguments.channels):
        raise UsageError(
            "found " + ("channels beside --all." if arguments.all else "no channel to stop."),
            remedy="Name channels, or say --all.",
        )
    if arguments.after:
        if arguments.all:
            raise UsageError("--all stops now.", remedy="Name the channels, or drop --after.")
        return act(
            arguments,
            lambda bench, name: bench.stop_after(name, arguments.after),
            lambda _: f"stops when the {arguments.after} under way is over",
        )
    if arguments.all:
        with bench_of(arguments) as bench:
            answers = bench.stop_all()
        return tell_each(answers, _done, as_json=arguments.json)
    return act(arguments, lambda bench, name: bench.stop(name, closes=arguments.close), _done)


def _done(answer: Mapping[str, Any]) -> str:
    if answer.get("off") is None:
        return str(answer.get("text") or "no output was on")
    words = "the output is proven off" if answer["off"] else "the output was off"
    if answer.get("closed"):
        return f"{words}; the file is closed"
    return f"{words}; 'benchlab resume' goes on with the test, a second stop closes its file"
