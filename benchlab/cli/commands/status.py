"""Say how a bench stands: every channel, device and part.

benchlab status
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from benchlab.cli.on_bench import add_bench, bench_of

if TYPE_CHECKING:
    from rich.table import Table

HELP = "say how a bench stands"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    add_bench(parser)


def run(arguments: argparse.Namespace) -> int:
    """Print it; 0 whatever it says."""
    with bench_of(arguments) as bench:
        found = bench.status()
    if arguments.json:
        print(json.dumps(found, indent=1))
        return 0
    from rich.console import Console
    from rich.table import Table

    channels = Table("channel", "state", "cell", "protocol", "V", "A", "queue", "alarms", "why")
    for name, facts in found["channels"].items():
        run_, reading = facts.get("run") or {}, facts.get("reading") or {}
        channels.add_row(
            name,
            facts.get("state", ""),
            str(run_.get("cell", "")),
            str(run_.get("protocol", "")),
            _number(reading.get("voltage_volt")),
            _number(reading.get("current_ampere")),
            str(len(facts.get("queue", ()))),
            str(len(facts.get("alarms", ()))),
            str(facts.get("why", "")),
        )
    parts = Table("part", "runs", "process", "version")
    for part in found["parts"]:
        runs = "yes" if part["alive"] else "NO"
        parts.add_row(part["name"], runs, str(part.get("pid", "")), str(part.get("version", "")))
    console = Console(soft_wrap=True)
    console.print(channels)
    if found.get("devices"):
        console.print(_devices(found["devices"]))
    console.print(parts)
    return 0


def _devices(found: Mapping[str, Mapping[str, Any]]) -> Table:
    """Return what sensors, chambers and boards told last."""
    from rich.table import Table

    table = Table("device", "role", "reads", "lost")
    for name, facts in found.items():
        newest = facts.get("newest", {})
        words = [f"{key} {_number(value)}" for key, value in newest.get("values", {}).items()]
        if "actual_celsius" in newest:
            set_to = f"set to {_number(newest['set_celsius'])}"
            words = [f"{_number(newest['actual_celsius'])} degC", set_to, *newest["members"]]
        for key in ("closed", "inputs"):
            on = [str(k) for k, value in enumerate(newest.get(key, ()), 1) if value]
            words += [f"{key}: {' '.join(on) or 'none'}"] if key in newest else []
        role, lost = str(facts.get("role", "")), str(newest.get("lost", ""))
        table.add_row(name, role, ", ".join(words), lost)
    return table


def _number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else ""
