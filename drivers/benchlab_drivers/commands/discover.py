"""List what is connected and who it is; asks for identity only.

benchlab discover --host 192.168.0.7:5025 --host 192.168.0.9
benchlab discover --serial /dev/ttyUSB0 --json
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

HELP = "list what is connected and who it is; asks for identity only"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument(
        "--host", action="append", default=[], metavar="HOST[:PORT]", help="ask there too"
    )
    parser.add_argument(
        "--serial", action="append", default=[], metavar="PORT", help="ask at this serial port"
    )
    parser.add_argument(
        "--ask-serial",
        action="store_true",
        help="ask at every serial port (opening one resets many a board)",
    )
    parser.add_argument(
        "--bench", type=Path, metavar="FILE", help="ask each 'resource' of a bench.yaml"
    )
    parser.add_argument("--no-visa", action="store_true", help="do not ask a VISA library")
    parser.add_argument("--timeout", type=float, default=0.5, metavar="SECONDS", help="(0.5)")
    parser.add_argument("--json", action="store_true", help="print JSON for a program to read")


def _resources(node: Any) -> Iterator[str]:
    """Yield every value of the word 'resource', wherever it stands."""
    if isinstance(node, dict):
        for word, value in node.items():
            if word == "resource" and isinstance(value, str):
                yield value
            else:
                yield from _resources(value)
    elif isinstance(node, list):
        for item in node:
            yield from _resources(item)


def _named(port: str) -> str:
    return port if port.upper().startswith("ASRL") or "://" in port else _as_resource(port)


def _as_resource(port: str) -> str:
    path, _, words = port.partition("?")
    return f"ASRL{path}::INSTR" + (f"?{words}" if words else "")


def run(args: argparse.Namespace) -> int:
    """Print what was found: 0 also where nothing was.

    Raises
    ------
    benchlab.errors.UsageError, benchlab.errors.FileMissing
    """
    from benchlab.errors import SetupError, UsageError
    from benchlab.model.yaml_text import load_text, read_yaml
    from benchlab_drivers.wire.ask_around import (
        Found,
        ask_all,
        resources_of_hosts,
        serial_ports,
        visa_resources,
    )

    if not 0.0 < args.timeout <= 60.0:
        raise UsageError("a time-out of 0 to 60 s is taken.", remedy="Give a few tenths.")
    ask = [Found(name, "given") for name in resources_of_hosts(args.host)]
    ask += [Found(_named(port), "given") for port in args.serial]
    if args.bench is not None:
        text = read_yaml(args.bench, UsageError)
        plain = load_text(text, args.bench.name, UsageError).plain()
        ask += [Found(name, args.bench.name) for name in _resources(plain)]
    listed = []
    for source in (serial_ports,) if args.no_visa else (serial_ports, visa_resources):
        try:
            found = source()
        except SetupError as missing:
            print(missing, file=sys.stderr)
            continue
        if source is serial_ports and not args.ask_serial:
            listed += found
        else:
            ask += found
    unique = {item.resource: item for item in reversed(ask)}
    asked = ask_all([unique.pop(i.resource) for i in ask if i.resource in unique], args.timeout)
    known = {item.resource.partition("?")[0] for item in asked}
    result = asked + [item for item in listed if item.resource not in known]
    if args.json:
        print(json.dumps([asdict(item) for item in result], indent=1))
        return 0
    _show([replace(item, said=item.said.strip()) for item in result])
    return 0


def _show(result: list[Any]) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Column, Table

    if not result:
        print("nothing found; name a host (--host 192.168.0.7:5025) or a port (--serial)")
        return
    table = Table(Column("resource", overflow="fold"), "state", "instrument", "driver", "found by")
    for item in result:
        who = " ".join(filter(None, (item.maker, item.model)))
        numbers = ", ".join(filter(None, (item.serial_number, item.firmware)))
        told = "\n".join(filter(None, (who, numbers, item.said)))
        row = (item.resource, item.state, told, "\n".join(item.drivers), item.where)
        table.add_row(*map(escape, row))
    Console().print(table)
