"""End the steps under way of channels; their tests go on with the next one.

benchlab skip 3
"""

from __future__ import annotations

import argparse

from benchlab.cli.on_bench import act, add_channels

HELP = "end the step under way on channels of a bench"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    add_channels(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask each channel; return the worst exit code."""
    return act(
        arguments, lambda bench, name: bench.skip(name), lambda _: "skips the step under way"
    )
