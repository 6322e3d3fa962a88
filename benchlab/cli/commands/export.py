"""Write a run in a format of other programs; the run itself stays as it is.

  benchlab export cell17.h5 --to bdf -o Institution__cell17__20260105_001.bdf.csv
  benchlab export cell17.h5 --to xlsx -o cell17.xlsx

bdf: csv in the Battery Data Format. csv, parquet: every column under its machine name. xlsx: a
workbook with the rows, steps, cycles, events and provenance; beside other formats they are written
as OUT.steps.csv, OUT.cycles.csv and OUT.provenance.json.
"""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "write a run as Battery Data Format, csv, parquet or Excel workbook"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("file", type=Path, help="NAME.h5, or the run under way")
    parser.add_argument("--to", required=True, choices=("bdf", "csv", "parquet", "xlsx"))
    parser.add_argument("-o", "--output", type=Path, required=True, metavar="OUT")


def run(arguments: argparse.Namespace) -> int:
    """Export and name the files written."""
    from rich.console import Console

    import benchlab
    from benchlab import plugins
    from benchlab.errors import BenchError
    from benchlab.store.export import export_run

    opened = benchlab.open(arguments.file)
    console = Console(stderr=True, highlight=False, soft_wrap=True)
    tables = {"steps": opened.steps} if opened.steps.rows else {}
    try:
        tables["cycles"] = plugins.plugin("analyses", "cycles").cycle_table(opened)
    except (BenchError, KeyError) as error:
        console.print(f"there is no cycle table: {error}", markup=False)
    exported = export_run(opened, arguments.output, arguments.to, tables)
    if exported.left_out:
        console.print(f"columns left out: {', '.join(exported.left_out)}", markup=False)
    for note in exported.notes:
        console.print(note, markup=False)
    for path in exported.files:
        print(path)
    return 0
