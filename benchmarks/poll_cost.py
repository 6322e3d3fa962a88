"""What it costs to look at one channel, or at eight over one line, once a second.

    python -m benchmarks.poll_cost

A simulated Neware BTS 8 (20 ms a request) on a virtual clock. The limit is one download a channel
with new rows, and nothing else.
"""

from __future__ import annotations

import time

from benchlab.bench.clock import VirtualClock
from benchlab.bench.twin import TwinSpec
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol
from benchlab.model.resolve import cell_of
from benchlab_drivers.neware_bts8 import driver_on
from benchlab_drivers.sim import neware_bts8
from benchlab_drivers.wire.transport import DirectTransport

PROTOCOL = """name: poll
cell: {{id: demo-01, type: nmc811_graphite_pouch, nominal_capacity: 0.2 Ah}}
capacity: {{C: 0.2 Ah}}
record: {{every: {every}}}
steps:
  - Charge at C/10 for 2 h
"""
POLLS = 300


class Counted(DirectTransport):
    """A line that counts its requests."""

    def __init__(self, unit: neware_bts8.SimulatedBts8) -> None:
        super().__init__(unit)
        self.requests = 0
        exchange = unit.exchange

        def query(request: bytes) -> bytes:
            self.requests += 1
            return exchange(request)

        self.query = query


def measure(every: str, channels: int) -> tuple[float, float, float]:
    """Return requests, seconds of the line and seconds of CPU, of one channel in one look."""
    clock = VirtualClock()
    line = Counted(neware_bts8.make(clock, TwinSpec("nmc811_graphite_pouch", 0.2)))
    driver = driver_on(line, clock, "sim")
    driver.open()
    protocol = parse_protocol(PROTOCOL.format(every=every), "poll.yaml")
    compiled = driver.compile(expand(protocol, cell_of(protocol, None)))
    names = [str(number) for number in range(1, channels + 1)]
    tests = {name: driver.start(name, compiled, "poll") for name in names}
    cursors = dict.fromkeys(names, 0)
    line.requests, busy, began = 0, 0.0, time.process_time()
    for _ in range(POLLS):
        clock.sleep_until(clock.now + 1.0)
        before = clock.now
        for name in names:
            driver.status(name)
            cursors[name] = driver.fetch(name, tests[name], cursors[name]).cursor
        busy += clock.now - before
    looks = POLLS * channels
    return line.requests / looks, busy / looks, (time.process_time() - began) / looks


def main() -> int:
    """Print the table."""
    print(f"{'rows':>6}{'channels':>10}{'requests':>10}{'line ms':>9}{'CPU ms':>8}   each, a look")
    for every, limit in (("1 s", 1.0), ("60 s", 1.0 / 60.0)):
        for channels in (1, 8):
            requests, line, cpu = measure(every, channels)
            print(
                f"{every:>6}{channels:>10}{requests:10.2f}{line * 1e3:9.1f}{cpu * 1e3:8.2f}"
                f"   {requests / limit:.1f} x the limit"
            )
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
