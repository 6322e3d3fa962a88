"""``benchlab cycles``: the cycle table of a run, with how it came about."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

__all__ = ["HELP", "add_arguments", "run"]

HELP = "show one row a cycle: capacities, energies, efficiencies, retention"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "file", type=Path, nargs="+", help="NAME.h5, or the run under way; several runs of a cell"
    )
    parser.add_argument("--format", choices=("table", "csv", "json"), default="table")
    parser.add_argument(
        "--pairing",
        help="same-index, discharge-over-previous-charge, delithiation-over-lithiation, "
        "strip-over-plate, none; chosen from the cell if left out",
    )
    parser.add_argument("--reference", type=int, help="the cycle that retention refers to")


def run(args: argparse.Namespace) -> int:
    """Print the table on stdout; how it came about under it, on stderr, or in the JSON."""
    import benchlab
    from benchlab_analysis import _print
    from benchlab_analysis.cycles import cycle_table
    from benchlab_analysis.fade import fade_rate

    opened = benchlab.open_test(args.file) if len(args.file) > 1 else benchlab.open(args.file[0])
    table = cycle_table(opened, pairing=args.pairing, reference=args.reference)
    if args.format == "csv":
        _print.write_csv(table, sys.stdout)
        _print.say_provenance(table, sys.stderr)
    elif args.format == "json":
        _print.write_json(table, sys.stdout)
    else:
        _print.write_table(table, sys.stdout)
        print(f"\n{fade_rate(table).sentence}")
    return 0
