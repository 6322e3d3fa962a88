"""Correct what is known of a recorded run; the file itself is never touched.

  benchlab correct cell17.h5 --set active_mass="12.3 mg" --by "A. Weber" --why "weighed later"
  benchlab correct cell17.h5 --exclude-cycles 12,15-17 --by "A. Weber" --why "chamber door open"
  benchlab correct cell17.h5 --swap-with cell18.h5 --by "A. Weber" --why "cells exchanged"

Each correction is a line in NAME.corrections.jsonl, with who, when, why, the old and the new
value; keep that file beside its run. Every command applies them; benchlab info lists them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

HELP = "correct a cell's mass, id ... or exclude cycles, in a record beside the file"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("file", type=Path, help="NAME.h5, or the run under way")
    parser.add_argument(
        "--set",
        action="append",
        default=[],
        metavar="NAME=VALUE",
        help="of the cell: id, nominal_capacity, active_mass, area, lot, role, ...",
    )
    parser.add_argument("--exclude-cycles", metavar="12,15-17", help="out of fits and references")
    parser.add_argument("--include-cycles", metavar="12", help="take an exclusion back")
    parser.add_argument(
        "--swap-with", type=Path, metavar="OTHER.h5", help="exchange the cells of two runs"
    )
    parser.add_argument("--by", required=True, metavar="NAME", help="who corrects")
    parser.add_argument("--why", required=True, metavar="TEXT", help="for the record")


def run(arguments: argparse.Namespace) -> int:
    """Write the corrections and print them."""
    import benchlab
    from benchlab.errors import UsageError
    from benchlab.store.corrections import (
        Correction,
        append_corrections,
        cell_changes,
        cycle_ranges,
    )

    opened = benchlab.open(arguments.file)
    values = {}
    for text in arguments.set:
        name, equals, value = text.partition("=")
        if not equals:
            raise UsageError(
                f"found --set {text!r}.", remedy='Write --set NAME=VALUE, as active_mass="12 mg".'
            )
        values[name.strip()] = value.strip()
    changes = cell_changes(values)
    if arguments.exclude_cycles or arguments.include_cycles:
        excluded = set(opened.excluded_cycles)
        named = cycle_ranges(arguments.exclude_cycles) if arguments.exclude_cycles else []
        counted = opened.steps if opened.steps.rows else opened
        unknown = set(named) - set(counted["cycle_count"].tolist())
        if unknown:
            raise UsageError(
                f"the run has no cycle {min(unknown)}; nothing was written.",
                remedy="See its cycles: benchlab cycles",
            )
        excluded |= set(named)
        if arguments.include_cycles:
            excluded -= set(cycle_ranges(arguments.include_cycles))
        changes.append(Correction("excluded_cycles", sorted(excluded)))
    pairs = [(opened, arguments.file, changes)]
    if arguments.swap_with is not None:
        if changes:
            raise UsageError(
                "--swap-with stands alone; nothing was written.",
                remedy="Exchange the cells first, then correct each run.",
            )
        other = benchlab.open(arguments.swap_with)
        changes.insert(0, Correction("cell", dict(other.cell)))
        pairs.append((other, arguments.swap_with, [Correction("cell", dict(opened.cell))]))
    if not changes:
        raise UsageError(
            "it is not said what to correct.",
            remedy="Use --set, --exclude-cycles, --include-cycles or --swap-with.",
        )
    for target, path, wanted in pairs:
        made = append_corrections(target, path, wanted, who=arguments.by, why=arguments.why)
        for record in made:
            print(f"{path}: {record['field']}: {record['old']} -> {record['new']}")
    return 0
