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
    from benchlab.bench import surroundings
    from benchlab.bench.executor import ExecutorCapabilities
    from benchlab.bench.roles import Capabilities

    roles = {
        Capabilities: "source",
        ExecutorCapabilities: "executor",
        surroundings.ChamberCapabilities: "chamber",
        surroundings.RelayCapabilities: "relay",
        surroundings.SensorCapabilities: "sensor",
    }
    record = {"name": name, "role": roles[type(can)], **asdict(can)}
    if "modes" in record:
        record["modes"] = sorted(mode.value for mode in can.modes)
    if "controls" in record:
        record["modes"] = sorted(control.value for control in record.pop("controls"))
        record["fastest_period_second"] = can.period_second[0]
    return {
        key: None if isinstance(value, float) and not math.isfinite(value) else value
        for key, value in record.items()
    }


def _range(item: dict[str, Any]) -> str:
    """Return what an instrument drives, sets or reads, and how often."""
    period = f"every {item['fastest_period_second']:g} s"
    if item["role"] == "sensor":
        return "\n".join([*item["channels"], item["accuracy"], period])
    if item["role"] == "relay":
        return f"{item['relays']} relays, {item['inputs']} inputs\n{period}"
    if item["role"] == "chamber":
        return "{:g} to {:g} degC".format(*item["temperature_celsius"]) + f"\n{period}"
    voltage = "{:g} to {:g} V".format(*item["voltage_volt"])
    current = "{:g} to {:g} A".format(*item["current_ampere"])
    return f"{voltage}\n{current}\n{item['power_watt']:g} W, {period}"


def _off(item: dict[str, Any]) -> str:
    """Return what off or safe means; a sensor changes nothing."""
    if item["role"] in ("chamber", "relay"):
        return str(item["safe_state"])
    if item["role"] == "sensor":
        return ""
    if item["role"] == "executor":
        return f"{item['off_leaves']}\nruns on by itself"
    watchdog = item["watchdog_second"]
    return f"{item['off_leaves']}\n" + (f"watchdog {watchdog:g} s" if watchdog else "no watchdog")


def run(arguments: argparse.Namespace) -> int:
    """Print every driver with its role and capabilities."""
    from benchlab import plugins

    found = [
        _record(name, plugins.plugin("drivers", name).CAPABILITIES)
        for name in plugins.names("drivers")
    ]
    if arguments.json:
        print(json.dumps(found, indent=1))
        return 0
    from rich.console import Console
    from rich.table import Column, Table

    # a name cut short cannot be typed
    name, what = Column("driver", no_wrap=True), Column("range and period", no_wrap=True)
    table = Table(name, "role", what, "off, or safe")
    for item in found:
        table.add_row(item["name"], item["role"], _range(item), _off(item), end_section=True)
    Console().print(table)
    return 0
