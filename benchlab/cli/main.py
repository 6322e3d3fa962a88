"""The command ``benchlab``: finds its sub-commands by file name and prints errors as sentences."""

from __future__ import annotations

import argparse
import difflib
import sys
from collections.abc import Sequence

from benchlab import __version__, plugins
from benchlab.cli.output import guarded_output
from benchlab.errors import BenchError

__all__ = ["main"]

_DESCRIPTION = """\
Run a battery cell test bench, record it, and say what the cells did.

Start here:
  benchlab demo                     cycle a simulated cell, record and analyse it
  benchlab sim serve keithley2450   serve a simulated instrument on a port
  benchlab run PROTOCOL.yaml --channel keithley2450@TCPIP::HOST::5025::SOCKET --out RUN.h5
  benchlab cycles RUN.h5            capacity, coulombic efficiency and fade, cycle by cycle
"""
_EPILOG = """\
Each command explains itself: benchlab run --help
Exit codes: 0 done, 2 wrong words, 10-16 a file, 20-27 an instrument or cell, 30 tripped,
31 stopped, 40 the output could not be proven off, 50 the disk. All: docs/exit_codes.md
"""


def _commands() -> dict[str, str]:
    # a file name has underscores where a command has hyphens, and one behind a word of Python
    return {name.rstrip("_").replace("_", "-"): name for name in plugins.names("commands")}


def _parser(commands: dict[str, str], wanted: str | None) -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="benchlab",
        description=_DESCRIPTION,
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"benchlab {__version__}")
    chosen = parser.add_subparsers(dest="command", metavar="COMMAND", title="commands")
    for name, module_name in commands.items():
        if wanted is None or name == wanted:
            module = plugins.plugin("commands", module_name)
            command = chosen.add_parser(
                name,
                help=module.HELP,
                description=module.__doc__,
                formatter_class=argparse.RawDescriptionHelpFormatter,
                allow_abbrev=False,
            )
            module.add_arguments(command)
            command.set_defaults(run=module.run)
    return parser


def main(words: Sequence[str] | None = None) -> int:
    """Run one command and return its exit code; errors for users are printed, never raised."""
    words = list(sys.argv[1:] if words is None else words)
    with guarded_output() as output:
        try:
            code = _run(words)
        except BenchError as error:
            print(f"benchlab: {error}", file=sys.stderr)
            code = error.exit_code
        except KeyboardInterrupt:
            print("benchlab: stopped by Ctrl-C.", file=sys.stderr)
            code = 31
        except SystemExit as ended:
            # argparse has printed the help, or what is wrong with the words
            code = ended.code if isinstance(ended.code, int) else int(ended.code is not None)
            raise SystemExit(output.settle(code)) from None
        return output.settle(code)


def _run(words: list[str]) -> int:
    commands = _commands()
    first = next((word for word in words if not word.startswith("-")), None)
    if first is not None and first not in commands:
        close = difflib.get_close_matches(first, commands, n=1)
        hint = f" Did you mean '{close[0]}'?" if close else ""
        print(f"benchlab: there is no command '{first}'.{hint}", file=sys.stderr)
        print(f"Commands: {', '.join(commands)}.", file=sys.stderr)
        return 2
    parser = _parser(commands, first)
    arguments = parser.parse_args(words)
    if arguments.command is None:
        parser.print_help()
        return 2
    code: int = arguments.run(arguments)
    return code
