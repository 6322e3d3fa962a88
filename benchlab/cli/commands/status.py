"""Say how a bench stands: every channel, every part.

benchlab status
"""

from __future__ import annotations

import argparse
import json

from benchlab.cli.on_bench import add_bench, bench_of

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
    console.print(parts)
    return 0


def _number(value: object) -> str:
    return f"{value:.4f}" if isinstance(value, float) else ""
