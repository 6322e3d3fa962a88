"""``benchlab plot``: capacity and coulombic efficiency against cycle, as a PNG."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["HELP", "add_arguments", "run"]

HELP = "draw capacity and coulombic efficiency against cycle into a PNG"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("file", type=Path, help="NAME.h5, or the run under way")
    parser.add_argument("-o", "--output", type=Path, required=True, help="OUT.png; not there yet")
    parser.add_argument("--pairing", help="as for benchlab cycles")


def run(args: argparse.Namespace) -> int:
    """Draw, write, print the path."""
    import benchlab
    from benchlab.errors import FileExists, StorageError
    from benchlab_analysis._figures import cycle_figure, png
    from benchlab_analysis.cycles import cycle_table

    table = cycle_table(benchlab.open(args.file), pairing=args.pairing)
    picture = png(cycle_figure(table, title=args.file.name))
    try:
        with open(args.output, "xb") as file:
            file.write(picture)
    except FileExistsError as error:
        raise FileExists(
            "there is something at the output path already; nothing was written.",
            where=str(args.output),
            remedy="Choose another name.",
        ) from error
    except OSError as error:
        raise StorageError(
            f"the picture cannot be written: {error.strerror or error}.",
            where=str(args.output),
            remedy="Choose a folder that exists, is writable and has space.",
        ) from error
    print(args.output)
    return 0
