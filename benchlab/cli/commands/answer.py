"""Answer what an operator's step of a channel asks for.

  benchlab answer 3                        say that it is done
  benchlab answer 3 pressure_mpa=5.1       and give the values that it asks for

'benchlab status' shows what is asked.
"""

from __future__ import annotations

import argparse

from benchlab.cli.on_bench import act, add_bench

HELP = "answer what a test on a bench asks its operator"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("channel", metavar="CHANNEL")
    parser.add_argument("values", nargs="*", metavar="NAME=VALUE")
    add_bench(parser)


def run(arguments: argparse.Namespace) -> int:
    """Answer, and return the exit code."""
    from benchlab.cli.ask import parse_answers

    values = parse_answers(arguments.values, simulated_in_no_time=False) or {}
    arguments.channels = [arguments.channel]
    return act(arguments, lambda bench, name: bench.answer(name, values), lambda _: "answered")
