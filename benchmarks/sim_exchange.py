"""How much one control sample of the simulated 2450 costs, and its ratio to formatting and parsing.

python benchmarks/sim_exchange.py [cycles]
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable

from benchlab.bench.clock import VirtualClock
from benchlab.bench.twin import TwinSpec
from benchlab_drivers.sim import keithley2450

READ = b':READ? "defbuffer1",SOUR,READ\n'
CELLS = {"nmc811_graphite_pouch": (4.2, 2.8), "lfp_graphite_26650": (3.65, 2.5)}


def floats(count: int) -> float:
    """Format and parse three floats `count` times; return seconds."""
    values = (3.7, 0.1, 123.456)
    began = time.perf_counter()
    for _ in range(count):
        line = b"%+.6E,%+.6E,%+.6E\n" % values
        [float(word) for word in line.split(b",")]
    return time.perf_counter() - began


def bench(name: str, *, ideal: bool) -> tuple[keithley2450.SimulatedKeithley2450, VirtualClock]:
    """Return a simulated 2450 with four wires and its clock, output off."""
    clock = VirtualClock()
    box = keithley2450.make(clock, TwinSpec(name, ideal=ideal))
    for line in (
        b"OUTP:SMOD HIMP;:SENS:CURR:RSEN ON;:SOUR:VOLT:RANG 20",
        b'SENS:FUNC "CURR"',
        b"SENS:CURR:RANG 1",
    ):
        box.exchange(line + b"\n")
    return box, clock


def source(box: keithley2450.SimulatedKeithley2450, volts: float, ampere: float) -> None:
    """Charge or discharge towards `volts`."""
    box.exchange(b"SOUR:VOLT %g;:SOUR:VOLT:ILIM %g;:OUTP ON\n" % (volts, ampere))
    box.exchange(READ)


def constant_current(name: str, ideal: bool) -> Callable[[int], float]:
    """Return what reads `count` times at 1 s in constant current."""

    def run(count: int) -> float:
        box, clock = bench(name, ideal=ideal)
        source(box, CELLS[name][0], box.cell.parameters.capacity_ah / 4)
        exchange, now = box.exchange, clock.now
        began = time.perf_counter()
        for _ in range(count):
            now += 1.0
            clock.now = now
            exchange(READ)
        spent = time.perf_counter() - began
        if box.cell.held:
            raise RuntimeError("the cell left constant current")
        return spent

    return run


def cycles(name: str, count: int) -> tuple[float, int]:
    """Read CC-CV cycles at C/2 at 1 s, with noise; return seconds and samples."""
    box, clock = bench(name, ideal=False)
    capacity = min(box.cell.parameters.capacity_ah, 2.0)
    high, low = CELLS[name]
    exchange, samples = box.exchange, 0
    began = time.perf_counter()
    for _ in range(count):
        source(box, high, capacity / 2)
        now, current = clock.now, 1.0
        while current > capacity / 20:
            now += 1.0
            clock.now = now
            current = float(exchange(READ)[14:])
            samples += 1
        source(box, low - 0.05, capacity / 2)
        now, volts = clock.now, 9.0
        while volts > low:
            now += 1.0
            clock.now = now
            volts = float(exchange(READ)[:13])
            samples += 1
    return time.perf_counter() - began, samples


def best(run: Callable[[int], float], count: int) -> float:
    """Return microseconds a sample, the best of five."""
    return min(run(count) for _ in range(5)) / count * 1e6


def main() -> None:
    """Print one line a measurement."""
    limit = best(floats, 20_000)
    print(f"{'format and parse three floats':44s} {limit:6.2f} us")
    for name in CELLS:
        for ideal in (False, True):
            cost = best(constant_current(name, ideal), 3000)
            label = f"{name}, CC, {'ideal' if ideal else 'noise'}"
            print(f"{label:44s} {cost:6.2f} us {1e6 / cost:9,.0f}/s  {cost / limit:4.1f} x")
        spent, samples = cycles(name, int(sys.argv[1]) if len(sys.argv) > 1 else 5)
        cost = spent / samples * 1e6
        label = f"{name}, whole cycles, parsed"
        print(f"{label:44s} {cost:6.2f} us {1e6 / cost:9,.0f}/s  {cost / limit:4.1f} x")


if __name__ == "__main__":
    main()
