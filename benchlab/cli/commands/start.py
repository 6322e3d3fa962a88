"""Start tests on channels of a bench; they go on without this terminal.

  benchlab start life.yaml --channel 3 --cell cell17.yaml
  benchlab start life.yaml --table lot7.csv --cell type.yaml   one cell a line: channel,id,mass_mg
  benchlab start life.yaml --channel 3 --queue                 when the tests before it are done
  benchlab start life.yaml --channel 3 --check                 make every check, start nothing

Each check is made at this instant; what it refuses is told with what to do. A table may be what a
spreadsheet saves as CSV; '-' reads it from standard input.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from benchlab.cli.on_bench import act, add_bench, bench_of, tell_each

HELP = "start tests on channels of a bench"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("protocol", type=Path, metavar="PROTOCOL.yaml")
    where = parser.add_mutually_exclusive_group(required=True)
    where.add_argument(
        "--channel", action="append", dest="channels", metavar="CHANNEL", help="one or several"
    )
    where.add_argument(
        "--table", metavar="CELLS.csv", help="channels and cells, one test a line; '-' is stdin"
    )
    parser.add_argument(
        "--cell", type=Path, metavar="CELL.yaml", help="the cell; with --table what all have"
    )
    parser.add_argument("--name", default="", help="of the recording, without ending")
    parser.add_argument(
        "--waive", action="append", default=[], metavar="CHECK", help="a check that may say no"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--queue", action="store_true", help="behind the tests that the channel has")
    what.add_argument("--check", action="store_true", help="make every check and start nothing")
    add_bench(parser)


def run(arguments: argparse.Namespace) -> int:
    """Start what is named; return the worst exit code."""
    from benchlab.errors import UsageError

    if arguments.table is not None:
        if arguments.check or arguments.name or arguments.waive:
            raise UsageError(
                "--table starts or queues each of its lines.",
                remedy="Use --check, --name and --waive with --channel.",
            )
        return _batch(arguments)
    if arguments.name and len(arguments.channels) > 1:
        raise UsageError("one name was given for several recordings.", remedy="Leave --name out.")
    if arguments.check:
        return act(
            arguments,
            lambda bench, name: bench.check(name, arguments.protocol, arguments.cell),
            _checked,
        )
    return act(
        arguments,
        lambda bench, name: bench.start(
            name,
            arguments.protocol,
            arguments.cell,
            name=arguments.name,
            waive=arguments.waive,
            queue=arguments.queue,
        ),
        _started,
    )


def _batch(arguments: argparse.Namespace) -> int:
    import sys

    from benchlab.errors import CellError
    from benchlab.model.batch_table import read_batch
    from benchlab.model.yaml_text import read_yaml

    source = "standard input" if arguments.table == "-" else arguments.table
    text = sys.stdin.read() if arguments.table == "-" else read_yaml(Path(source), CellError)
    cell = read_yaml(arguments.cell, CellError) if arguments.cell else ""
    lines = read_batch(text, source, cell_text=cell, cell_source=str(arguments.cell))
    with bench_of(arguments) as bench:
        answers = bench.start_batch(arguments.protocol, lines, queue=arguments.queue)
    return tell_each(answers, _started, as_json=arguments.json)


def _started(answer: Mapping[str, Any]) -> str:
    waits = [item.get("item") for item in answer.get("queue", ())]
    if answer.get("item") in waits:
        return f"waits as {answer['item']}, in place {waits.index(answer['item']) + 1}"
    if "file" not in answer:
        return "nothing was before it: it starts now"
    return f"started, recorded into {answer['file']}"


def _checked(answer: Mapping[str, Any]) -> str:
    checks = answer.get("checks", [])
    lines = [f"{'passed' if answer.get('ok') else 'refused'}, {len(checks)} checks"]
    for check in checks:
        said = "waived" if check["waived"] else "passed" if check["ok"] else "REFUSED"
        where = f" [{check['where']}]" if check["where"] else ""
        lines.append(
            f"    {check['name']}: {said}: {check['text']}{where} {check['remedy']}".rstrip()
        )
    lines += [f"    {item['severity']}: {item['text']}" for item in answer.get("remarks", ())]
    return "\n".join(lines)
