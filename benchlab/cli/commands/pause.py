"""Open the circuit of channels and keep the place of their tests.

benchlab pause 3
benchlab resume 3
"""

from __future__ import annotations

import argparse

from benchlab.cli.on_bench import act, add_channels

HELP = "pause the tests of channels of a bench"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    add_channels(parser)


def run(arguments: argparse.Namespace) -> int:
    """Ask each channel; return the worst exit code."""
    return act(
        arguments,
        lambda bench, name: bench.pause(name),
        lambda _: "pauses; 'benchlab resume' goes on with it",
    )
