"""Write a protocol for another program: unicycler, Neware, BioLogic, tomato or PyBaMM.

  benchlab export-protocol life.yaml --to neware -o life.xml --waive cycle-kind

unicycler: JSON. neware: a step file (XML). biologic: EC-Lab settings (.mps). tomato: JSON for
tomato 0.2.3. pybamm: a JSON list of sentences for pybamm.Experiment. Everything that the target
cannot carry is listed with its line and is an error unless waived by its name; what was written is
read back and compared. docs/interchange.md holds the table. Needs benchlab[interchange].
"""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "write a protocol for unicycler, Neware, BioLogic, tomato or PyBaMM"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    from benchlab.interchange.files import add_words
    from benchlab.interchange.table import TARGETS

    parser.add_argument("file", type=Path, help="PROTOCOL.yaml")
    parser.add_argument("--to", required=True, choices=TARGETS)
    add_words(parser)
    parser.add_argument(
        "--cell", type=Path, metavar="CELL.yaml", help="the cell, where the protocol names none"
    )


def run(arguments: argparse.Namespace) -> int:
    """Find what is lost, export, read back, write."""
    from benchlab.errors import ProtocolError
    from benchlab.interchange.exporters import file_text
    from benchlab.interchange.files import new_file, show, write_new
    from benchlab.interchange.readback import missing_in
    from benchlab.interchange.targets import find
    from benchlab.interchange.to_unicycler import export_protocol
    from benchlab.model.cell import read_cell
    from benchlab.model.protocol_text import read_protocol

    new_file(arguments.out)
    new_file(arguments.report)
    target = arguments.to
    cell = None if arguments.cell is None else read_cell(arguments.cell)
    exported = export_protocol(read_protocol(arguments.file), target, cell)
    report, document = exported.report, exported.document
    if document is not None:
        find(document, target, report, exported.origins, exported.heads)
    show(report, arguments.waive, arguments.report)
    if document is None:
        raise ProtocolError(
            "not one step is left.", where=report.source, remedy="There is nothing to export."
        )
    text, encoding = file_text(document, target, report)
    missing = missing_in(text, document, target, report)
    if missing:
        raise ProtocolError(
            f"unicycler's exporter did not write what it was given, so nothing is kept: "
            f"{'; '.join(missing[:10])}.",
            where=report.source,
            remedy="Use the version of aurora-unicycler that the interchange extra names.",
        )
    write_new(arguments.out, text, encoding)
    print(arguments.out)
    return 0
