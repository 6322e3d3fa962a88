"""Add rounds to the repeat under way of channels.

benchlab add-cycles 50 3 4
"""

from __future__ import annotations

import argparse

from benchlab.cli.on_bench import act, add_channels

HELP = "add cycles to tests that run on a bench"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("count", type=int, metavar="COUNT", help="1 or more")
    add_channels(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask each channel; return the worst exit code."""
    return act(
        arguments,
        lambda bench, name: bench.add_cycles(name, arguments.count),
        lambda _: f"does {arguments.count} more",
    )
