"""Say what a file holds: cell, protocol, instrument, how the run ended, and its events."""

from __future__ import annotations

import argparse
import json
from typing import Any

HELP = "say what a recorded file holds"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("file", help="NAME.h5; a run still being recorded is read too")
    parser.add_argument("--json", action="store_true", help="print JSON for a program to read")


def run(arguments: argparse.Namespace) -> int:
    """Print the facts of one run."""
    import benchlab

    opened = benchlab.open(arguments.file)
    times = opened["test_time_second"]
    facts: dict[str, Any] = {
        "file": str(opened.path),
        "state": opened.state,
        "rows": len(opened),
        "columns": list(opened.column_names),
        "steps": opened.steps.rows,
        "events": opened.events.rows,
        "cycles": int(opened["cycle_count"].max(initial=0)) if "cycle_count" in opened else 0,
        "duration_second": float(times[-1] - times[0]) if len(times) else 0.0,
        "cell": dict(opened.cell),
        "protocol": {"name": opened.protocol.name, "sha256": opened.protocol.sha256},
        "instrument": dict(opened.instrument),
        "meta": dict(opened.meta),
    }
    if arguments.json:
        print(json.dumps(facts, indent=1))
        return 0
    _show(facts, list(opened.events.records())[-12:])
    return 0


def _show(facts: dict[str, Any], events: list[dict[str, Any]]) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console()
    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(no_wrap=True)
    table.add_column(overflow="fold")
    instrument, meta = facts["instrument"], facts["meta"]
    words = {
        "closed": "closed",
        "running": "being recorded now",
        "interrupted": "cut off: its writer ended without a closing record; every flushed row is"
        " here",
    }
    rows = {
        "file": facts["file"],
        "state": words[facts["state"]],
        "ended": meta.get("end_reason", ""),
        "rows": f"{facts['rows']:,} over {facts['duration_second'] / 3600.0:.3f} h",
        "steps, cycles": f"{facts['steps']:,} steps, {facts['cycles']:,} cycles",
        "cell": " ".join(
            str(facts["cell"][key]) for key in ("id", "type") if facts["cell"].get(key)
        ),
        "protocol": f"{facts['protocol']['name']}  sha256 {facts['protocol']['sha256'][:12]}",
        "instrument": " ".join(
            str(instrument[key]) for key in ("maker", "model", "serial_number") if key in instrument
        ),
        "origin": meta.get("origin", ""),
        "started": meta.get("started_utc", ""),
        "digest": meta.get("digest", "not closed yet"),
    }
    for name, value in rows.items():
        if value:
            table.add_row(f"[bold]{name}[/bold]", value, style=None)
    console.print(table)
    if events:
        console.print("[bold]last events[/bold]")
        for event in events:
            console.print(
                f"  {event['test_time_second']:>14.3f} s  {event['kind']:<12} {event['text']}",
                markup=False,
                highlight=False,
                soft_wrap=True,
            )
