"""How many readings a second guard, counter and sequencer judge, alone and on one core.

    python benchmarks/bench_events.py [EVENTS]

Prints events per second of CPU time for each kind of step; the limit is 300,000 for every one.
"""

import sys
import time

from benchlab.bench.counter import Counter
from benchlab.bench.guard import Guard
from benchlab.bench.sequencer import Sequencer
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol

LIMIT = 300_000
HEAD = "name: t\ncell: {type: nmc811_graphite_pouch}\ncapacity: {C: 0.2 Ah}\nsteps:\n"
STEPS = {
    "rest at 0 A": "{rest: 9000 h, output: zero current}",
    "constant current": "{charge: C/2, until: 4.2 V, at_most: 9000 h}",
    "constant current to a charge": "{charge: C/2, until: [9 Ah, 4.2 V], at_most: 9000 h}",
    "hold": "{charge: C/2, to: 4.2 V, then_hold_until: C/1000, hold_at_most: 9000 h}",
    "power": "{discharge: 0.4 W, until: 2.8 V, current_at_most: 0.2 A, at_most: 9000 h}",
    "energy watched": "{charge: C/2, until: [4.2 V, 9 Wh], at_most: 9000 h}",
    "window watched":
        "{rest: 9000 h, output: zero current, until: change below 1 uV in 1 h}",
    "slope watched":
        "{rest: 9000 h, output: zero current, until: dV/dt below -9 V/min over 10 min}",
}  # fmt: skip


def events_per_second(step: str, count: int) -> float:
    """Return readings judged per second of CPU time in one step."""
    program = expand(parse_protocol(f"{HEAD}  - {step}\n", "bench"))
    sequencer, counter = Sequencer(program), Counter()
    guard = Guard(program.limits, 1.0)
    plan = sequencer.advance()
    held = plan.has_hold
    volt, ampere = (4.2 if held else 3.7), plan.direction * abs(plan.current_ampere)
    sequencer.begin(0.0, plan.direction, 0.01, plan.hold_volt if held else 4.21)
    guard.begin(plan, plan.direction, plan.hold_volt if held else 4.21, 0.0)
    counter.begin(0.0, 0.0, volt, ampere, direction=plan.direction, is_open=False)
    if held:
        sequencer.reading(0.5, 4.0, ampere, 0.0)
        sequencer.reading(0.9, volt, ampere * 0.9, 0.0)
        assert sequencer.in_hold
        ampere *= 0.8
    judge, count_in, decide = guard.reading, counter.reading, sequencer.reading
    watching = bool(sequencer.watches)
    began = time.process_time()
    moment = 0.0
    for index in range(count):
        moment += 1.0
        seen = volt + 1e-5 * (index % 7)
        charge = counter.charge % 0.1
        if judge(moment, seen, ampere, charge) is not None:
            raise AssertionError("a good reading is not believed")
        count_in(moment, seen, ampere)
        if watching:
            sequencer.energy = counter.energy % 1.0
        if decide(moment, seen, ampere, charge) is not None:
            raise AssertionError("the step ends too early")
    return count / (time.process_time() - began)


def main() -> int:
    """Measure and print; exit 1 below the limit."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 300_000
    slow = []
    for name, step in STEPS.items():
        rate = max(events_per_second(step, count) for _ in range(3))
        print(f"{name:32s} {rate:12,.0f} events/s ({rate / LIMIT:.2f} x {LIMIT:,})")
        if rate < LIMIT:
            slow.append(name)
    print(f"below the limit: {', '.join(slow) or 'none'}")
    return int(bool(slow))


if __name__ == "__main__":
    sys.exit(main())
