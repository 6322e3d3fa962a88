r"""Serve a simulated instrument to anybody's program, or compare one with the real instrument.

  benchlab sim serve keithley2450 --cell lfp_graphite_26650 --port 5025
  benchlab sim serve keysight_rp7900 --pty --faults faults.yaml
  benchlab sim serve --world bench.yaml
  benchlab sim verify keithley2450 --against TCPIP::192.168.0.7::5025::SOCKET

`serve` prints one line of JSON (its resource name) and serves until Ctrl-C. `verify` drives no
current and leaves the output off; 0: no difference, 16: some, kept in a file.
"""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "serve a simulated instrument, or compare it with the real one"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    actions = parser.add_subparsers(dest="action", required=True, metavar="ACTION")
    serve = actions.add_parser("serve", help="serve some on ports of this machine")
    serve.add_argument(
        "name", nargs="?", metavar="NAME", help="the instrument's driver, as keithley2450"
    )
    serve.add_argument(
        "--world", type=Path, metavar="FILE", help="several that share cells, in place of NAME"
    )
    serve.add_argument("--cell", help="type of the cell (nmc811_graphite_pouch)")
    serve.add_argument("--capacity-ah", type=float, help="size of the cell")
    serve.add_argument("--seed", type=int, help="which errors the instrument has (0)")
    serve.add_argument("--port", type=int, help="on 127.0.0.1; without it a free one")
    serve.add_argument("--pty", action="store_true", help="on a pseudo terminal, as if serial")
    serve.add_argument("--ideal", action="store_true", help="an instrument without errors")
    serve.add_argument("--fresh", action="store_true", help="a cell that was never charged")
    serve.add_argument(
        "--faults", type=Path, metavar="FILE", help="a script of what goes wrong (docs/faults.md)"
    )
    verify = actions.add_parser("verify", help="compare a real instrument with its simulated one")
    verify.add_argument("name", metavar="NAME", help="the instrument's driver")
    verify.add_argument("--against", required=True, metavar="RESOURCE", help="the real one")
    verify.add_argument("--channel", default="1", help="of an instrument that has several (1)")
    verify.add_argument("--connected", action="store_true", help="something may be connected")
    verify.add_argument(
        "--bound-volt", type=float, metavar="VOLT", help="more than this is a cell (0.1)"
    )
    verify.add_argument(
        "--out", type=Path, metavar="FILE", help="the differences (NAME.verify.json)"
    )


def run(args: argparse.Namespace) -> int:
    """Serve until SIGTERM or SIGINT, or compare.

    Raises
    ------
    benchlab.errors.UsageError
        No such instrument or cell (the message lists those there are), a negative seed, words that
        do not fit together, or a script or world with a mistake (its line is named).
    benchlab.errors.FindingsFound
        The simulated instrument differs from the real one.
    """
    if args.action == "verify":
        from benchlab_drivers.sim._verify_report import verify_and_report

        return verify_and_report(args)
    from benchlab.bench.twin import TwinSpec
    from benchlab.errors import UsageError
    from benchlab_drivers.sim.serve import serve, serve_world

    if (args.name is None) == (args.world is None):
        raise UsageError(
            "expected one instrument or one world.", remedy="Write NAME, or --world FILE."
        )
    if args.world is not None:
        words = ("cell", "capacity_ah", "seed", "port", "pty", "ideal", "fresh")
        found = [word for word in words if getattr(args, word) not in (None, False)]
        if found:
            raise UsageError(
                f"--{found[0].replace('_', '-')} does not go with --world.",
                remedy="Say it in the world's file.",
            )
        serve_world(args.world, args.faults)
        return 0
    if args.seed is not None and args.seed < 0:
        raise UsageError("a seed cannot be negative.", remedy="Give 0 or more.")
    if args.pty and args.port is not None:
        raise UsageError("a pty has no port.", remedy="Leave --port or --pty out.")
    spec = TwinSpec(
        cell_type=args.cell or "nmc811_graphite_pouch",
        capacity_ah=args.capacity_ah,
        seed=args.seed or 0,
        ideal=args.ideal,
        fresh=args.fresh,
    )
    serve(args.name, spec, args.port or 0, pty=args.pty, faults=args.faults)
    return 0
