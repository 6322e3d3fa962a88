"""Cycle a simulated cell through a real driver's bytes, record it, and analyse it.

A simulated Keithley 2450 and a fresh 0.2 Ah pouch cell behind it: formation, then 30 cycles, on a
virtual clock. The instrument has the errors that its data sheet allows; the cell knows the truth.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchlab.cli.words import seed

if TYPE_CHECKING:
    from benchlab_analysis.cycles import CycleTable

HELP = "cycle a simulated cell, record and analyse it (half a minute)"
DRIVER = "keithley2450"
PROTOCOL = "protocols/demo_pouch.yaml"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments."""
    parser.add_argument(
        "--out", type=Path, default=Path("demo"), metavar="DIR", help="a new folder (demo)"
    )
    parser.add_argument("--seed", type=seed, default=1, help="of the instrument's errors and noise")


def run(args: argparse.Namespace) -> int:
    """Run, record, analyse; print the table and what is known of its truth."""
    import json
    import sys

    from benchlab.cli.report import Reporter
    from benchlab.errors import FileExists, StorageError
    from benchlab.model.expand import expand
    from benchlab.model.protocol_text import read_protocol
    from benchlab.model.resolve import cell_of
    from benchlab.samples import sample
    from benchlab.service.channel import Channel
    from benchlab.service.foreground import RunOptions, run_foreground

    folder: Path = args.out
    try:
        folder.mkdir(parents=True)
    except FileExistsError:
        raise FileExists(
            "the demo's folder is there already; nothing was written.",
            where=str(folder),
            remedy="Name another: benchlab demo --out DIR",
        ) from None
    except OSError as error:
        raise StorageError(
            f"the folder cannot be made ({error.strerror}).",
            where=str(folder),
            remedy="Choose a place that is writable.",
        ) from error
    protocol = read_protocol(sample(PROTOCOL))
    cell = cell_of(protocol, None)
    program = expand(protocol, cell)
    path = folder / "demo.h5"
    options = RunOptions(Channel(DRIVER, ""), path, fast=True, fresh=True, seed=args.seed)
    with Reporter(program) as reporter:
        reporter.note(f"A simulated {DRIVER} cycles a fresh {cell.type.description}.")
        result = run_foreground(program, cell, options, note=reporter.note, watch=reporter.watch)
    code = reporter.result(result)
    if code:
        return code
    truth = result.truth or {}
    (folder / "truth.json").write_text(json.dumps(truth, indent=1) + "\n", encoding="utf-8")
    _analyse(path, folder / "demo.png", truth)
    print(
        f"\nFiles: {path} (open it: benchlab info {path}), {folder / 'demo.png'},"
        f" {folder / 'truth.json'}",
        file=sys.stdout,
    )
    return 0


def _analyse(path: Path, picture: Path, truth: dict[str, Any]) -> None:
    import sys

    import benchlab
    from benchlab_analysis._figures import cycle_figure, png
    from benchlab_analysis._print import write_table
    from benchlab_analysis.cycles import cycle_table
    from benchlab_analysis.fade import fade_rate

    table = cycle_table(benchlab.open(path))
    write_table(table, sys.stdout)
    fade = fade_rate(table)
    print(f"\n{fade.sentence}")
    for line in compare(table, truth):
        print(line)
    picture.write_bytes(png(cycle_figure(table, title="benchlab demo")))


def compare(table: CycleTable, truth: dict[str, Any]) -> list[str]:
    """Return sentences that set the measured cycles beside the truth of the simulated cell."""
    import numpy as np
    from scipy.stats import theilslopes

    true = {cycle["cycle_count"]: cycle for cycle in truth["cycles"]}
    chosen = np.flatnonzero((table["kind"] == "cycle") & table["complete"])
    count = table["cycle_count"][chosen]
    true_ce = np.array([true[int(n)]["coulombic_efficiency"] for n in count])
    true_q = np.array([true[int(n)]["cycle_discharging_capacity_ah"] for n in count])
    seen_ce = table["coulombic_efficiency"][chosen]
    width = table["coulombic_efficiency_half_width"][chosen]
    inside = int((np.abs(seen_ce - true_ce) <= width).sum())
    slope = -1e4 * float(theilslopes(true_q / true_q[0], count)[0])
    seen_q = table["cycle_discharging_capacity_ah"][chosen]
    return [
        f"truth of the cell: fade {slope:.3g} % per 100 cycles,"
        f" mean CE {true_ce.mean():.6f}; measured mean CE {seen_ce.mean():.6f}"
        f" +- {width.mean():.1e}",
        f"the interval of CE covers the truth in {inside} of {len(count)} cycles;"
        f" discharge capacity differs from the truth by at most"
        f" {np.abs(seen_q / true_q - 1.0).max():.1e} of it",
        f"what limits CE here: {table.provenance.interval}",
    ]
