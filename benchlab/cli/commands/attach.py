"""Go on recording a test that an instrument carries out by itself, after its host died.

  benchlab attach life.yaml cell17.run --channel neware_bts8@TCPIP::192.168.0.9::502::SOCKET#3

The test is not stopped. What was recorded while nobody listened is fetched and written behind the
rows that are there; the closed file lies beside the folder, as if nothing had happened.
"""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "go on recording a test that an instrument runs by itself"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("protocol", type=Path, metavar="PROTOCOL.yaml", help="as it was started")
    parser.add_argument("folder", type=Path, metavar="NAME.run", help="what the host left")
    parser.add_argument("--channel", required=True, metavar="DRIVER@RESOURCE#N")
    parser.add_argument("--cell", type=Path, metavar="CELL.yaml", help="the cell on the bench")


def run(arguments: argparse.Namespace) -> int:
    """Record the test to its end and return the exit code of how it ended."""
    from benchlab.cli.report import Reporter
    from benchlab.model.cell import read_cell
    from benchlab.model.expand import expand
    from benchlab.model.protocol_text import read_protocol
    from benchlab.model.resolve import cell_of
    from benchlab.service.channel import parse_channel
    from benchlab.service.foreground_executor import attach_executor

    protocol = read_protocol(arguments.protocol)
    cell = cell_of(protocol, read_cell(arguments.cell) if arguments.cell else None)
    program = expand(protocol, cell)
    channel = parse_channel(arguments.channel)
    with Reporter(program, quiet=False) as reporter:
        result = attach_executor(
            program, channel, arguments.folder, note=reporter.note, watch=reporter.watch
        )
    return reporter.result(result)
