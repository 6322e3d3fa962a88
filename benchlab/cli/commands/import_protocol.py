"""Turn a protocol of aurora-unicycler (JSON) into a protocol of benchlab (YAML).

  benchlab import-protocol formation.json -o formation.yaml

Everything that our language cannot carry is listed with its line and is an error unless waived by
its name. The text is exported back and compared before it is written. (`benchlab import` converts
the data files of a cycler; a protocol is another thing, so it has a command of its own.)
"""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "turn a unicycler protocol (JSON) into a protocol of benchlab"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    from benchlab.interchange.files import add_words

    parser.add_argument("file", type=Path, help="PROTOCOL.json, as unicycler's to_json() wrote it")
    add_words(parser)
    parser.add_argument(
        "--current-at-most",
        default="",
        metavar="CURRENT",
        help="bound of scans, and of holds with no constant current before them: '10 mA', 0.5C",
    )


def run(arguments: argparse.Namespace) -> int:
    """Read, convert, prove that nothing got lost on the way, write."""
    from benchlab.errors import ProtocolError, UsageError
    from benchlab.interchange.document import lines, read_document
    from benchlab.interchange.files import new_file, show, write_new
    from benchlab.interchange.from_unicycler import import_document, unfaithful
    from benchlab.interchange.to_unicycler import export_protocol
    from benchlab.model.protocol_text import parse_protocol
    from benchlab.model.quantity import current
    from benchlab.model.yaml_text import read_yaml

    new_file(arguments.out)
    new_file(arguments.report)
    if arguments.current_at_most:
        try:
            current(arguments.current_at_most)
        except ValueError as problem:
            raise UsageError(f"{problem}.", remedy="Write --current-at-most '10 mA'.") from None
    source = str(arguments.file)
    text = read_yaml(arguments.file, ProtocolError)
    document = read_document(text, source)
    imported = import_document(
        document,
        source,
        fallback_name=arguments.file.stem,
        current_at_most=arguments.current_at_most,
        line_of=lines(text),
    )
    show(imported.report, arguments.waive, arguments.report)
    exported = export_protocol(parse_protocol(imported.text, str(arguments.out)), "unicycler")
    if exported.document is None or (lost := unfaithful(imported, exported.document)):
        raise AssertionError(f"the text does not give the protocol back: {lost}")
    write_new(arguments.out, imported.text)
    print(arguments.out)
    return 0
