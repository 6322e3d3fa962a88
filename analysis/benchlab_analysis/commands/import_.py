"""``benchlab import``: convert the files of a foreign cycler, once, into a closed file."""

from __future__ import annotations

import argparse
from pathlib import Path

__all__ = ["HELP", "add_arguments", "run"]

HELP = "convert a cycler's own files (Arbin, Neware, Maccor, BioLogic, BDF, any table) into a run"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument("source", nargs="+", type=Path, help="file, or the files of one test")
    parser.add_argument("-o", "--output", type=Path, required=True, help="OUT.h5; not there yet")
    parser.add_argument("--cell", type=Path, help="CELL.yaml: the role decides how CE is paired")
    parser.add_argument(
        "--columns",
        type=Path,
        help="MAP.yaml: columns, units and sign of a table that is not known",
    )
    parser.add_argument(
        "--accept",
        action="append",
        default=[],
        choices=("sign", "unit", "time"),
        help="what is right although it looks wrong; may be given several times",
    )
    parser.add_argument("--timezone", help="of the cycler's clock, such as Europe/Berlin")


def run(args: argparse.Namespace) -> int:
    """Convert, write, say what was found."""
    from rich.console import Console

    from benchlab.errors import FileExists
    from benchlab.model.run import ProtocolRecord
    from benchlab.store.closed import write_closed
    from benchlab_analysis.importers import read

    output: Path = args.output
    if output.exists():
        raise FileExists(
            "there is something at the output path already; nothing was read or written.",
            where=str(output),
            remedy="Choose another name.",
        )
    cell = {}
    if args.cell is not None:
        from benchlab.model.cell import read_cell

        cell = read_cell(args.cell).record()
    imported = read(args.source, timezone=args.timezone, columns=args.columns, accept=args.accept)
    write_closed(
        output,
        rows=imported.rows,
        steps=imported.steps,
        events=imported.events,
        cell=cell,
        protocol=ProtocolRecord(),
        instrument=imported.instrument,
        meta=imported.meta,
    )
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    meta = imported.meta
    console.print(f"{meta['origin']}: {meta['rows_read']} rows from {len(args.source)} file(s)")
    console.print(
        f"counter resets: {meta['counter_reset_scope']}, {meta['counter_resets']} found; "
        f"noise drops ignored: {meta['noise_drops']}"
    )
    console.print(f"sign check: {meta['sign_check']}")
    console.print(f"unit check: {meta['unit_check']}")
    counted = {**meta["rows_dropped"], **{k: n for k, n in meta["rows_odd"].items() if n}}
    if counted:
        console.print(
            "rows left out or odd: "
            + ", ".join(f"{number} {what.replace('_', ' ')}" for what, number in counted.items())
        )
    if meta["columns_left_out"]:
        console.print(f"columns left out: {', '.join(meta['columns_left_out'])}", markup=False)
    for text in meta["warnings"]:
        console.print(f"warning: {text}", style="yellow", markup=False)
    print(output)
    return 0
