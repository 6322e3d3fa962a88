"""How fast and how exact a CC-CV life test runs on the virtual clock, through the driver's bytes.

    python benchmarks/virtual_time.py [CYCLES]

Prints CPU time per sample beside the cost of formatting and parsing three floats in the same run
(limit: 5.5 times), samples per second and core, cell-years per hour and core, and the error of
charge and CE against the twin of an ideal instrument (limit: 2e-7).
"""

import sys
import tempfile
import time
from pathlib import Path

import benchlab
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol
from benchlab.model.resolve import cell_of
from benchlab.service.channel import Channel
from benchlab.service.foreground import RunOptions, run_foreground
from benchlab_analysis import cycle_table

LIFE = """\
name: life
cell: {{type: nmc811_graphite_pouch}}
capacity: {{C: 0.2 Ah}}
record: {{every: 60 s}}
steps:
  - repeat: {cycles}
    steps:
      - {{charge: C/2, to: 4.2 V, then_hold_until: C/20, hold_at_most: 2 h, at_most: 5 h}}
      - {{rest: 10 min, output: zero current}}
      - {{discharge: C/2, until: 2.8 V, at_most: 3 h}}
      - {{rest: 10 min, output: zero current}}
"""


def three_floats(count: int = 200_000) -> float:
    """Return CPU seconds for formatting and parsing three floats once."""
    began = time.process_time()
    for _ in range(count):
        text = b"%+.6E,%+.6E,%+.6E" % (3.7123456, 0.1, 12345.678)
        a, b, c = text.split(b",")
        float(a), float(b), float(c)
    return (time.process_time() - began) / count


def run(cycles: int, *, ideal: bool, folder: Path):
    """Return samples, CPU seconds and the worst relative errors of charge and CE."""
    protocol = parse_protocol(LIFE.format(cycles=cycles), "life")
    cell = cell_of(protocol, None)
    out = folder / f"ideal_{ideal}_{cycles}.h5"
    options = RunOptions(Channel("keithley2450", ""), out, fast=True, ideal=ideal, seed=1)
    program = expand(protocol, cell)
    began = time.process_time()
    result = run_foreground(program, cell, options)
    spent = time.process_time() - began
    recorded = benchlab.open(out)
    truth = result.truth["cycles"]
    charge = efficiency = 0.0
    for seen, true in list(zip(cycle_table(recorded).records(), truth, strict=True))[1:]:
        for name in ("cycle_charging_capacity_ah", "cycle_discharging_capacity_ah"):
            charge = max(charge, abs(seen[name] / true[name] - 1.0))
        name = "coulombic_efficiency"
        efficiency = max(efficiency, abs(seen[name] - true[name]))
    hours = float(recorded["test_time_second"][-1]) / 3600.0
    return int(recorded.steps["reading_count"].sum()), spent, charge, efficiency, hours


def main() -> int:
    """Measure and print; exit 1 beyond a limit."""
    cycles = int(sys.argv[1]) if len(sys.argv) > 1 else 50
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _, fixed, *_ = run(1, ideal=False, folder=folder)
        before = three_floats()
        samples, spent, _, _, hours = run(cycles, ideal=False, folder=folder)
        unit = (before + three_floats()) / 2.0
        _, _, charge, efficiency, _ = run(5, ideal=True, folder=folder)
    each = spent / samples
    print(f"{cycles} cycles, {samples} samples, {spent:.2f} s CPU (one cycle alone {fixed:.2f} s)")
    print(f"per sample {each * 1e6:.2f} us; three floats {unit * 1e6:.2f} us;"
          f" ratio {each / unit:.2f} (limit 5.5)")  # fmt: skip
    print(f"{1 / each:,.0f} samples/s and core; {hours / 8766 / (spent / 3600):.1f}"
          " cell-years per hour and core")  # fmt: skip
    print(f"ideal instrument: charge within {charge:.1e}, CE within {efficiency:.1e} (limit 2e-7)")
    return int(each / unit > 5.5 or max(charge, efficiency) > 2e-7)


if __name__ == "__main__":
    sys.exit(main())
