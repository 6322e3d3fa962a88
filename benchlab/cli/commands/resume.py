"""Look at the cells again and go on with tests that are paused or held.

  benchlab resume 3

A test that was held by a fault or a trip goes on inside its step, in its own file. Mend the cause
first: the checks are made again, and what they refuse stays held.
"""

from __future__ import annotations

import argparse

from benchlab.cli.on_bench import act, add_channels

HELP = "go on with paused or held tests of a bench"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    add_channels(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask each channel; return the worst exit code."""
    return act(arguments, lambda bench, name: bench.resume(name), lambda _: "goes on")
