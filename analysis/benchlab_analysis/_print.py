"""A cycle table as text: for a reader, for a program, for a spreadsheet."""

from __future__ import annotations

import csv
import json
import math
from typing import TYPE_CHECKING, Any, TextIO

if TYPE_CHECKING:
    from benchlab_analysis.cycles import CycleTable

__all__ = ["say_provenance", "supported_digits", "write_csv", "write_json", "write_table"]

MOST_DIGITS = 6

_HEADS = (
    "cycle", "kind", "charge\nAh", "discharge\nAh", "CE", "CE +-", "retention", "complete",
    "energy\neff.", "mean V\ncharge", "mean V\ndischarge", "hours",
)  # fmt: skip
_KEPT = frozenset(_HEADS[:6])


def supported_digits(*half_widths: float) -> int:
    """Return how many decimals an interval supports: 4 for 1e-4, 3 for 2e-4.

    Parameters
    ----------
    *half_widths : float
        The widest counts; NaN and 0 say nothing.
    """
    known = [width for width in half_widths if math.isfinite(width) and width > 0.0]
    if not known:
        return MOST_DIGITS
    # a hair above, so that 1e-4 written in binary still supports four
    return max(0, min(MOST_DIGITS, math.floor(-math.log10(max(known)) + 1e-9)))


def write_csv(table: CycleTable, stream: TextIO) -> None:
    """Write one header line and a row a cycle, with every digit; unknown values are empty."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(list(table))
    for record in table.records():
        writer.writerow(
            "" if isinstance(value, float) and math.isnan(value) else value
            for value in record.values()
        )


def write_json(table: CycleTable, stream: TextIO) -> None:
    """Write pairing, provenance and cycles; unknown values are null."""
    document = {
        "pairing": table.provenance.pairing,
        "provenance": table.provenance.as_dict(),
        "cycles": [
            {name: _finite(value) for name, value in record.items()} for record in table.records()
        ],
    }
    json.dump(document, stream, indent=2, allow_nan=False, ensure_ascii=False)
    stream.write("\n")


def _finite(value: Any) -> Any:
    return None if isinstance(value, float) and not math.isfinite(value) else value


def say_provenance(table: CycleTable, stream: TextIO) -> None:
    """Write how the table came about, one thing a line."""
    for name, text in table.provenance.lines():
        stream.write(f"{name}: {text}\n")


def write_table(table: CycleTable, stream: TextIO) -> None:
    """Write a table for a reader, and under it how it came about.

    The coulombic efficiency shows no more digits than its interval supports.
    """
    from rich.console import Console
    from rich.table import Table as RichTable

    console = Console(file=stream, highlight=False, soft_wrap=False, markup=False)
    if not console.is_terminal:
        console.width = 160  # a file or a pipe has no width to fit into
    heads = list(_HEADS)
    while len(heads) > len(_KEPT) and _width(table, heads) > console.width:
        heads.remove(next(head for head in reversed(heads) if head not in _KEPT))
    shown = RichTable(box=None, pad_edge=False, header_style="bold")
    for head in heads:
        shown.add_column(head, justify="left" if head == "kind" else "right", no_wrap=True)
    for record in table.records():
        cells = _cells(record)
        shown.add_row(*(cells[head] for head in heads))
    console.width = max(console.width, _width(table, heads))  # no digit is ever cut off
    console.print(shown)
    if not table.rows:
        console.print("There are no cycles in this run.")
    if len(heads) < len(_HEADS):
        hidden = ", ".join(head.replace("\n", " ") for head in _HEADS if head not in heads)
        console.print(f"The terminal is too narrow for: {hidden}.")
    console.print()
    notes = RichTable(box=None, pad_edge=False, show_header=False)
    notes.add_column(style="dim", no_wrap=True)
    notes.add_column()
    for name, text in table.provenance.lines():
        notes.add_row(name, text)
    console.print(notes)


def _width(table: CycleTable, heads: list[str]) -> int:
    wide = {head: max(map(len, head.split("\n"))) for head in heads}
    for record in table.records():
        cells = _cells(record)
        wide = {head: max(width, len(cells[head])) for head, width in wide.items()}
    return sum(wide.values()) + 2 * len(wide)


def _cells(record: dict[str, Any]) -> dict[str, str]:
    efficiency = record["coulombic_efficiency"]
    width = record["coulombic_efficiency_half_width"]
    digits = supported_digits(width, record["coulombic_efficiency_resolution"])
    known = math.isfinite(width)
    cells = (
        str(record["cycle_count"]),
        str(record["kind"]),
        f"{record['cycle_charging_capacity_ah']:.6f}",
        f"{record['cycle_discharging_capacity_ah']:.6f}",
        _number(efficiency, digits),
        f"{width:.1e}" if known else ("not known" if math.isfinite(efficiency) else "-"),
        _number(record["capacity_retention"], 4),
        "excluded" if record["excluded"] else "yes" if record["complete"] else "no",
        _number(record["energy_efficiency"], 4),
        _number(record["charging_mean_voltage_volt"], 4),
        _number(record["discharging_mean_voltage_volt"], 4),
        _number(record["duration_second"] / 3600.0, 2),
    )
    return dict(zip(_HEADS, cells, strict=True))


def _number(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"
