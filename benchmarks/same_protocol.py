"""The same protocol and the same kind of cell through every instrument that can run it.

    python -m benchmarks.same_protocol [--folder DIR] [--ideal]

Prints what each counted in two cycles against what its cell truly moved, then step by step how far
apart they are from the first one, as parts of C, and how far the stated accuracy of both lets them
be. The RP7900 has a cell a hundred times as large.
"""

from __future__ import annotations

import argparse
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import benchlab
from benchlab import plugins
from benchlab.bench.twin import Truth, Twin
from benchlab.model.expand import expand
from benchlab.model.protocol_text import read_protocol
from benchlab.model.resolve import cell_of
from benchlab.service.channel import Channel, parse_channel
from benchlab.service.foreground import RunOptions, run_foreground
from benchlab_drivers.wire.keithley_sheets import SHEET_2450, SHEET_2460, SHEET_2461

PROTOCOL = """format: benchlab-protocol/1
name: two cycles
cell: {{id: demo-01, type: nmc811_graphite_pouch, nominal_capacity: {ah} Ah}}
capacity: {{C: {ah} Ah, basis: nominal}}
control: {{period: 1 s}}
record: {{every: 60 s, or_change: 5 mV}}
steps:
  - repeat: 2
    counts_as: cycle
    steps:
      - {{charge: C/2, to: 4.20 V, then_hold_until: C/20, hold_at_most: 2 h, at_most: 5 h}}
      - {{rest: 10 min, output: zero current}}
      - {{discharge: C/2, until: 2.80 V, at_most: 3 h}}
      - {{rest: 10 min, output: zero current}}
"""
TOP_VOLT = 4.2
DRIVERS = {
    "keithley2450": 0.2,
    "keithley2460": 0.2,
    "keithley2461": 0.2,
    "keysight_rp7900": 20.0,
    "neware_bts8": 0.2,
    "palmsens_methodscript": 0.2,
}
"""Each with the size of its cell in Ah."""
HELD = {
    "keithley2450": SHEET_2450.source_voltage,
    "keithley2460": SHEET_2460.source_voltage,
    "keithley2461": SHEET_2461.source_voltage,
}
"""What holds a voltage where it is the source; the others hold what they measure."""
SAME = ("step_count", "step_id", "step_type", "cycle_count", "cycle_kind", "end_reason", "own_end")
SHARE_PER_VOLT = 1.0
"""The cell takes about a tenth of its charge between 4.1 V and 4.2 V: an end there moves that."""


class Witness(Channel):
    """A simulated channel that lets somebody see its cell afterwards."""

    cells: list[Twin] = []  # noqa: RUF012

    def executor(self, *words: Any) -> Any:
        """Return driver and cell, and keep the cell."""
        driver, cell = super().executor(*words)
        if cell is not None:
            self.cells.append(cell)
        return driver, cell

    def simulate(self, *words: Any) -> Any:
        """Return driver and cell, and keep the cell."""
        made = super().simulate(*words)
        self.cells.append(made[1])
        return made


@dataclass(frozen=True)
class Story:
    """What an instrument makes of the protocol, and what its cell truly moved."""

    driver: str
    size_ah: float
    steps: list[dict[str, Any]]
    truth: Truth

    def moved(self, way: str) -> float:
        """Return what it counted in one direction, Ah."""
        return float(sum(step[f"step_{way}_capacity_ah"] for step in self.steps))

    @property
    def efficiency(self) -> float:
        """Discharged over charged, of both cycles."""
        return self.moved("discharging") / self.moved("charging")

    @property
    def true_efficiency(self) -> float:
        """The same of the cell."""
        return self.truth.discharged_ah / self.truth.charged_ah

    def allowed(self, way: str) -> float:
        """Return what its stated accuracy lets it miscount in one direction, Ah."""
        can = plugins.plugin("drivers", self.driver).CAPABILITIES
        name = f"step_{way}_capacity_ah"
        return sum(_counted(can, step) for step in self.steps if step[name])


def run(folder: Path, driver: str, **options: Any) -> Story:
    """Run the protocol on a simulated instrument and return what became of it."""
    path = folder / f"{driver}.yaml"
    size = DRIVERS[driver]
    path.write_text(PROTOCOL.format(ah=size), encoding="utf-8")
    protocol = read_protocol(path)
    cell = cell_of(protocol, None)
    named = parse_channel(f"sim:{driver}")
    channel = Witness(named.driver, named.resource)
    out = folder / f"{driver}.h5"
    options = {"channel": channel, "out": out, "fast": True, **options}
    run_foreground(expand(protocol, cell), cell, RunOptions(**options))
    steps = benchlab.open(out).steps
    records = [{name: steps[name][k] for name in steps} for k in range(steps.rows)]
    return Story(driver, size, records, Witness.cells.pop().truth())


def _counted(can: Any, step: dict[str, Any]) -> float:
    """Return what the stated accuracy of the current's range makes of one step's charge."""
    ampere = abs(step["set_current_ampere"])
    full = next(item for item in can.current_ranges if ampere <= item.full_scale)
    hours = (step["end_time_second"] - step["start_time_second"]) / 3600.0
    return float(full.gain * abs(step["step_net_capacity_ah"]) + full.offset * hours)


def allowed(story: Story, step: dict[str, Any]) -> float:
    """Return by which part of C a step may be wrong: its charge, and where its voltage ended it."""
    can = plugins.plugin("drivers", story.driver).CAPABILITIES
    held = HELD.get(story.driver, can.voltage_ranges)
    seen = next(item for item in held if item.full_scale >= TOP_VOLT)
    volt = seen.gain * TOP_VOLT + seen.offset
    charge = abs(step["step_net_capacity_ah"])
    return float((_counted(can, step) + SHARE_PER_VOLT * volt * charge) / story.size_ah)


def apart(first: Story, other: Story, place: int) -> tuple[float, float]:
    """Return by which part of C a step of two instruments differs, and by how much it may."""
    a, b = first.steps[place], other.steps[place]
    found = abs(
        a["step_net_capacity_ah"] / first.size_ah - b["step_net_capacity_ah"] / other.size_ah
    )
    return found, allowed(first, a) + allowed(other, b)


def main() -> int:
    """Print the tables; 1 where something differs by more than the accuracy allows."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--ideal", action="store_true", help="instruments without errors")
    words = parser.parse_args()
    folder = words.folder or Path(tempfile.mkdtemp(prefix="same-protocol-"))
    stories = [run(folder, driver, ideal=words.ideal) for driver in DRIVERS]
    bad = False
    print(f"{'':22}{'charged':>11}{'of truth':>11}{'discharged':>12}{'of truth':>11}", end="")
    print(f"{'may be':>9}{'CE':>11}{'true CE':>11}{'apart':>9}")
    print(f"{'':22}{'Ah':>11}{'ppm':>11}{'Ah':>12}{'ppm':>11}{'ppm':>9}{'':22}{'ppm':>9}")
    for story in stories:
        up, down = story.moved("charging"), story.moved("discharging")
        errors = up / story.truth.charged_ah - 1.0, down / story.truth.discharged_ah - 1.0
        may = max(story.allowed("charging") / up, story.allowed("discharging") / down)
        bad = bad or max(map(abs, errors)) > may
        off = story.efficiency - story.true_efficiency
        print(
            f"{story.driver:22}{up:11.6f}{errors[0] * 1e6:11.1f}{down:12.6f}{errors[1] * 1e6:11.1f}"
            f"{may * 1e6:9.0f}{story.efficiency:11.6f}{story.true_efficiency:11.6f}"
            f"{off * 1e6:9.1f}"
        )
    first = stories[0]
    print(f"\nparts of C (ppm) apart from {first.driver}, and how much they may be")
    for other in stories[1:]:
        for place, (a, b) in enumerate(zip(first.steps, other.steps, strict=True)):
            same = all(a[name] == b[name] for name in SAME)
            found, may = apart(first, other, place)
            bad = bad or not same or (a["set_current_ampere"] != 0.0 and found > may)
            if a["set_current_ampere"]:
                print(
                    f"{other.driver:22} step {b['step_count']} {b['step_type']:10}"
                    f" {b['end_reason']:9}{found * 1e6:10.1f}{may * 1e6:10.0f}"
                    f"{'' if same else '  DIFFERENT STEP'}"
                )
    print("the same steps, cycles and ends, within accuracy" if not bad else "NOT THE SAME")
    return int(bad)


if __name__ == "__main__":
    raise SystemExit(main())
