"""Say what a file holds: cell, protocol, instrument, how the run ended, corrections, events."""

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
    has_time = "test_time_second" in opened and len(opened)
    first, last = (
        (float(opened.column("test_time_second", k)[0]) for k in (0, len(opened) - 1))
        if has_time
        else (0.0, 0.0)
    )
    if opened.steps.rows:
        cycles = int(opened.steps["cycle_count"].max())
    else:
        cycles = int(opened["cycle_count"].max(initial=0)) if "cycle_count" in opened else 0
    facts: dict[str, Any] = {
        "file": str(opened.path),
        "state": opened.state,
        "rows": len(opened),
        "columns": list(opened.column_names),
        "steps": opened.steps.rows,
        "events": opened.events.rows,
        "cycles": cycles,
        "duration_second": last - first,
        "cell": dict(opened.cell),
        "protocol": {"name": opened.protocol.name, "sha256": opened.protocol.sha256},
        "instrument": dict(opened.instrument),
        "meta": dict(opened.meta),
        "overview_blocks": list(opened.overview_blocks),
        "corrections": [dict(record) for record in opened.corrections],
        "excluded_cycles": list(opened.excluded_cycles),
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
    if not console.is_terminal:
        console.width = 160  # a file or a pipe has no width to fit into
    table = Table(show_header=False, box=None)
    instrument, meta, cell = facts["instrument"], facts["meta"], facts["cell"]
    words = {
        "closed": "closed",
        "running": "being recorded now",
        "interrupted": "cut off: its writer ended without a closing record; every flushed row is"
        " here",
    }
    clock = {"virtual": "virtual clock", "real": "real clock"}.get(meta.get("clock", ""), "")
    rows = {
        "file": facts["file"],
        "state": words[facts["state"]],
        "ended": ": ".join(str(meta[key]) for key in ("end_reason", "end_text") if meta.get(key)),
        "rows": f"{facts['rows']:,} over {facts['duration_second'] / 3600.0:.3f} h",
        "steps, cycles": f"{facts['steps']:,} steps, {facts['cycles']:,} cycles",
        "cell": " ".join(str(cell[key]) for key in ("id", "type") if cell.get(key)),
        "cell data": ", ".join(
            f"{key} {value:g}"
            for key, value in cell.items()
            if isinstance(value, int | float) and not key.startswith("voltage_")
        ),
        "protocol": f"{facts['protocol']['name']}  sha256 {facts['protocol']['sha256'][:12]}",
        "instrument": " ".join(
            str(instrument[key]) for key in ("maker", "model", "serial_number") if key in instrument
        ),
        "origin": " ".join(
            str(part)
            for part in (
                meta.get("origin", ""),
                meta.get("benchlab_version", ""),
                "SIMULATED" if meta.get("simulated") else "",
                clock,
            )
            if part
        ),
        "operator": meta.get("operator", ""),
        "started": meta.get("started_utc", ""),
        "closed": meta.get("closed_utc", ""),
        "format": meta.get("format", ""),
        "digest": meta.get("digest", "not closed yet"),
    }
    for name, value in rows.items():
        if value:
            table.add_row(f"[bold]{name}[/bold]", value, style=None)
    console.print(table)
    _show_corrections(console, facts)
    if events:
        console.print("[bold]last events[/bold]")
        for event in events:
            console.print(
                f"  {event['test_time_second']:>14.3f} s  {event['kind']:<12} {event['text']}",
                markup=False,
                highlight=False,
            )


def _show_corrections(console: Any, facts: dict[str, Any]) -> None:
    from benchlab.store.corrections import cycle_words

    if not facts["corrections"]:
        return
    console.print("[bold]corrections[/bold] (beside the file; it is as it was recorded)")
    for record in facts["corrections"]:
        old, new = record["old"], record["new"]
        if record["field"] == "excluded_cycles":
            old, new = cycle_words(old) or "none", cycle_words(new) or "none"
        elif record["field"] == "cell":
            old, new = old.get("id"), new.get("id")
        console.print(
            f"  {record['when'][:16]}  {record['who']}: {record['field']} {old} -> {new}"
            f" ({record['why']})",
            markup=False,
            highlight=False,
        )
