"""``benchlab sim serve NAME``: a simulated instrument for anybody's program."""

from __future__ import annotations

import argparse

HELP = "serve a simulated instrument with a simulated cell"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    serve = actions.add_parser("serve", help="serve one on a TCP port of this machine")
    serve.add_argument("name", metavar="NAME", help="the instrument's driver, as keithley2450")
    serve.add_argument("--cell", default="nmc811_graphite_pouch", help="type of the cell")
    serve.add_argument("--capacity-ah", type=float, default=None, help="size of the cell")
    serve.add_argument("--seed", type=int, default=0, help="which errors the instrument has")
    serve.add_argument("--port", type=int, default=0, help="on 127.0.0.1; 0 takes a free one")
    serve.add_argument("--ideal", action="store_true", help="an instrument without errors")
    serve.add_argument("--fresh", action="store_true", help="a cell that was never charged")


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT.

    Raises
    ------
    benchlab.errors.UsageError
        No such instrument or cell (the message lists those there are), or a negative seed.
    """
    from benchlab.bench.twin import TwinSpec
    from benchlab.errors import UsageError
    from benchlab_drivers.sim.serve import serve

    if args.seed < 0:
        raise UsageError("a seed cannot be negative.", remedy="Give 0 or more.")
    spec = TwinSpec(
        cell_type=args.cell,
        capacity_ah=args.capacity_ah,
        seed=args.seed,
        ideal=args.ideal,
        fresh=args.fresh,
    )
    serve(args.name, spec, args.port)
    return 0
