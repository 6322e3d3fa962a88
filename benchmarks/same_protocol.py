"""The same protocol and the same simulated cell through a source and through a cycler.

    python -m benchmarks.same_protocol [--folder DIR]

Prints, step by step, what a Keithley 2460 (stepped by the host) and a Neware BTS 8 (runs the step
file by itself) make of one protocol, and how far apart they may be: the stated accuracy of both.
"""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import Any

import benchlab
from benchlab import plugins
from benchlab.model.expand import expand
from benchlab.model.protocol_text import read_protocol
from benchlab.model.resolve import cell_of
from benchlab.service.channel import parse_channel
from benchlab.service.foreground import RunOptions, run_foreground
from benchlab_drivers.wire.keithley_sheets import SHEET_2460

PROTOCOL = """format: benchlab-protocol/1
name: two cycles
cell: {id: demo-01, type: nmc811_graphite_pouch, nominal_capacity: 0.200 Ah}
capacity: {C: 0.200 Ah, basis: nominal}
control: {period: 1 s}
record: {every: 60 s, or_change: 5 mV}
steps:
  - repeat: 2
    counts_as: cycle
    steps:
      - {charge: C/2, to: 4.20 V, then_hold_until: C/20, hold_at_most: 2 h, at_most: 5 h}
      - {rest: 10 min, output: zero current}
      - {discharge: C/2, until: 2.80 V, at_most: 3 h}
      - {rest: 10 min, output: zero current}
"""
TOP_VOLT = 4.2
DRIVERS = ("keithley2460", "neware_bts8")
SAME = ("step_count", "step_id", "step_type", "cycle_count", "cycle_kind", "end_reason", "own_end")
SHARE_PER_VOLT = 1.0
"""The cell takes about a tenth of its charge between 4.1 V and 4.2 V: an end there moves that."""


def run(folder: Path, driver: str, **options: Any) -> list[dict[str, Any]]:
    """Run the protocol on a simulated instrument and return its steps."""
    path = folder / "same.yaml"
    path.write_text(PROTOCOL, encoding="utf-8")
    protocol = read_protocol(path)
    cell = cell_of(protocol, None)
    out = folder / f"{driver}.h5"
    channel = parse_channel(f"sim:{driver}")
    program = expand(protocol, cell)
    run_foreground(program, cell, RunOptions(channel=channel, out=out, fast=True, **options))
    steps = benchlab.open(out).steps
    return [{name: steps[name][k] for name in steps} for k in range(steps.rows)]


def allowed_ah(driver: str, step: dict[str, Any]) -> float:
    """Return what the stated accuracy of a driver's ranges lets one step's charge be wrong by."""
    can = plugins.plugin("drivers", driver).CAPABILITIES
    ampere = abs(step["set_current_ampere"])
    full = next(item for item in can.current_ranges if ampere <= item.full_scale)
    hours = (step["end_time_second"] - step["start_time_second"]) / 3600.0
    charge = abs(step["step_net_capacity_ah"])
    # a source holds what it sources, a cycler what it measures
    held = SHEET_2460.source_voltage if driver == "keithley2460" else can.voltage_ranges
    seen = next(item for item in held if item.full_scale >= TOP_VOLT)
    volt = seen.gain * TOP_VOLT + seen.offset
    return full.gain * charge + full.offset * hours + SHARE_PER_VOLT * volt * charge


def compare(folder: Path, **options: Any) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Return the steps of both instruments."""
    first, second = (run(folder, driver, **options) for driver in DRIVERS)
    return first, second


def main() -> int:
    """Print the table; 1 where a step differs by more than the accuracy allows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    folder = parser.parse_args().folder or Path(tempfile.mkdtemp(prefix="same-protocol-"))
    first, second = compare(folder)
    names = "".join(f"{name:>14}" for name in DRIVERS)
    print(f"{'step':22}{'cycle':>6}  {'end':10}{names}{'apart':>12}{'may be':>12}")
    print(f"{'':46}{'Ah':>8}{'Ah':>14}{'uAh':>12}{'uAh':>12}")
    bad = len(first) != len(second)
    for a, b in zip(first, second, strict=False):
        same = all(a[name] == b[name] for name in SAME)
        apart = abs(a["step_net_capacity_ah"] - b["step_net_capacity_ah"])
        driven = bool(a["set_current_ampere"])
        may = (
            sum(allowed_ah(d, s) for d, s in zip(DRIVERS, (a, b), strict=True)) if driven else 1e-9
        )
        bad = bad or not same or (driven and apart > may)
        print(
            f"{a['step_count']:>3} {a['step_type']:18}{a['cycle_count']:>6}  {a['end_reason']:10}"
            f"{a['step_net_capacity_ah']:14.6f}{b['step_net_capacity_ah']:14.6f}"
            f"{apart * 1e6:12.1f}{may * 1e6:12.1f}{'' if same else '  DIFFERENT STEP'}"
        )
    print("the same steps, cycles and ends, within accuracy" if not bad else "NOT THE SAME")
    return int(bad)


if __name__ == "__main__":
    raise SystemExit(main())
