r"""Run a protocol on one channel in the foreground, and record it.

  benchlab run life.yaml --channel keithley2450@TCPIP::192.168.0.5::5025::SOCKET \
      --cell cell17.yaml --out cell17.h5
  benchlab run life.yaml --channel sim:keithley2450 --fast --out try.h5

Ctrl-C switches the output off, proves it, closes the file and exits with code 31. While the run
goes on, anybody may read it: benchlab cycles NAME.h5
"""

from __future__ import annotations

import argparse
from pathlib import Path

from benchlab.cli.words import seed

HELP = "run a protocol on one channel and record it"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("protocol", type=Path, metavar="PROTOCOL.yaml")
    parser.add_argument(
        "--channel",
        required=True,
        metavar="DRIVER@RESOURCE",
        help="the instrument, for example keithley2450@TCPIP::192.168.0.5::5025::SOCKET;"
        " sim:DRIVER simulates it in this process",
    )
    parser.add_argument(
        "--sensor",
        action="append",
        default=[],
        metavar="DRIVER@RESOURCE",
        help="an instrument that sees the cell's temperature; may stand several times",
    )
    parser.add_argument(
        "--chamber", metavar="DRIVER@RESOURCE", help="the chamber that the cell stands in"
    )
    parser.add_argument(
        "--answer",
        action="append",
        metavar="NAME=VALUE",
        help="the answer to what an operator's step asks for; without it the terminal is asked",
    )
    parser.add_argument(
        "--continue",
        dest="earlier",
        type=Path,
        metavar="EARLIER",
        help="go on inside the step where an earlier run of this protocol and cell stood:"
        " NAME.h5 or NAME.run",
    )
    parser.add_argument("--cell", type=Path, metavar="CELL.yaml", help="the cell on the bench")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.h5", help="never replaced")
    parser.add_argument(
        "--copy-to", type=Path, metavar="DIR", help="a verified copy of the closed file, on a share"
    )
    parser.add_argument("--operator", default="", help="who starts the run; kept in the file")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    parser.add_argument(
        "--reserve-mb",
        type=float,
        metavar="MB",
        help="disk space kept free: below it the cell is made safe and the file closed"
        " (BENCHLAB_DISK_RESERVE_MB, else 2000)",
    )
    simulated = parser.add_argument_group("with --channel sim:DRIVER")
    simulated.add_argument("--fast", action="store_true", help="on a virtual clock")
    simulated.add_argument("--ideal", action="store_true", help="an instrument without errors")
    simulated.add_argument("--fresh", action="store_true", help="a cell that was never charged")
    simulated.add_argument("--seed", type=seed, default=0, help="of errors and noise")
    simulated.add_argument(
        "--truth", type=Path, metavar="FILE.json", help="write what the simulated cell knows"
    )


def run(arguments: argparse.Namespace) -> int:
    """Carry the protocol out and return the exit code of how it ended."""
    from benchlab.cli.ask import operator_for, parse_answers
    from benchlab.cli.report import Reporter
    from benchlab.errors import UsageError
    from benchlab.model.cell import read_cell
    from benchlab.model.expand import expand
    from benchlab.model.protocol_text import read_protocol
    from benchlab.model.resolve import cell_of
    from benchlab.service.channel import parse_channel
    from benchlab.service.earlier import read_earlier
    from benchlab.service.foreground import RunOptions, run_foreground
    from benchlab.store.space import reserve_bytes

    channel = parse_channel(arguments.channel)
    for word in ("fast", "ideal", "fresh", "truth"):
        if getattr(arguments, word) and not channel.simulated:
            raise UsageError(
                f"--{word} is for a simulated instrument.",
                remedy="Use --channel sim:DRIVER, or leave it out.",
            )
    if arguments.out.suffix != ".h5":
        raise UsageError(
            f"found the output file {str(arguments.out)!r}.", remedy="Its name must end in .h5."
        )
    protocol = read_protocol(arguments.protocol)
    cell = cell_of(protocol, read_cell(arguments.cell) if arguments.cell else None)
    program = expand(protocol, cell)
    earlier = read_earlier(arguments.earlier, program, cell) if arguments.earlier else None
    answers = parse_answers(arguments.answer, simulated_in_no_time=arguments.fast)
    with Reporter(program, quiet=arguments.json) as reporter:
        result = run_foreground(
            program,
            cell,
            RunOptions(
                channel=channel,
                out=arguments.out,
                fast=arguments.fast,
                seed=arguments.seed,
                ideal=arguments.ideal,
                fresh=arguments.fresh,
                truth=arguments.truth,
                operator=arguments.operator,
                copy_to=arguments.copy_to,
                reserve_bytes=reserve_bytes(arguments.reserve_mb),
                sensors=tuple(parse_channel(text) for text in arguments.sensor),
                chamber=parse_channel(arguments.chamber) if arguments.chamber else None,
                asked=operator_for(program, answers, cell.id, reporter.note),
                earlier=earlier,
            ),
            note=reporter.note,
            watch=reporter.watch,
        )
    return reporter.result(result)
