"""List the instrument drivers and what each instrument can do."""

from __future__ import annotations

import argparse
import json
import math
from dataclasses import asdict
from typing import Any

HELP = "list the instrument drivers and what they can do"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("--json", action="store_true", help="print JSON for a program to read")


def _record(name: str, can: Any) -> dict[str, Any]:
    record = {"name": name, **asdict(can), "modes": sorted(mode.value for mode in can.modes)}
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }


def run(arguments: argparse.Namespace) -> int:
    """Print every driver with its capabilities."""
    from benchlab import plugins

    found = [
        _record(name, plugins.plugin("drivers", name).CAPABILITIES)
        for name in plugins.names("drivers")
    ]
    if arguments.json:
        print(json.dumps(found, indent=1))
        return 0
    from rich.console import Console
    from rich.table import Table

    table = Table("driver", "voltage", "current", "power", "fastest period", "watchdog", "off")
    for item in found:
        watchdog = item["watchdog_second"]
        table.add_row(
            item["name"],
            "{:g} to {:g} V".format(*item["voltage_volt"]),
            "{:g} to {:g} A".format(*item["current_ampere"]),
            f"{item['power_watt']:g} W",
            f"{item['fastest_period_second']:g} s",
            f"{watchdog:g} s" if watchdog else "none",
            item["off_leaves"],
        )
    Console().print(table)
    return 0
