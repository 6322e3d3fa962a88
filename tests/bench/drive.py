"""Drives sequencer, counter and guard without an instrument: readings from a seed."""

import json
import math
import random

from benchlab.bench.counter import Counter
from benchlab.bench.ends import End, is_own_end
from benchlab.bench.guard import Guard
from benchlab.bench.results import Finished
from benchlab.bench.sequencer import Sequencer
from benchlab.bench.setpoint import setpoint_for
from benchlab.bench.walker import NoStep
from benchlab.model.amount import UnknownAmount
from benchlab.model.program import Control

MARGIN = 0.01
EPOCH_NS = 1_767_225_600_000_000_000
MOST_STEPS = 20_000
MOST_READINGS = 500


class Drive:
    """One run on random readings; times are binary fractions, so that none is rounded.

    Parameters
    ----------
    save_at : int
        After so many events everything is saved as JSON, thrown away, and restored.
    """

    def __init__(self, program, seed, save_at=-1):
        self.program = program
        self.chance = random.Random(seed)
        self.save_at = save_at
        self.sequencer = Sequencer(program)
        self.counter = Counter()
        self.guard = Guard(program.limits, 1e6)
        self.now = 1024.0
        self.volt = 3.7
        self.events = 0
        self.largest = self.largest_sequencer = 0
        self.trace = []

    def save(self):
        """Save and restore everything."""
        now = self.now
        kept = {
            "sequencer": self.sequencer.state(now),
            "counter": self.counter.state(now),
            "guard": self.guard.state(now),
        }
        text = json.dumps(kept)
        self.largest = max(self.largest, len(text))
        alone = json.dumps(kept["sequencer"], separators=(",", ":"))  # as the journal has it
        self.largest_sequencer = max(self.largest_sequencer, len(alone))
        if self.events == self.save_at:
            kept = json.loads(text)
            sensed = self.sequencer.sensed
            self.sequencer = Sequencer(self.program)
            self.sequencer.restore(kept["sequencer"], now)
            self.sequencer.sensed = sensed
            self.counter, self.guard = Counter(), Guard(self.program.limits, 1e6)
            self.counter.restore(kept["counter"], now)
            self.guard.restore(kept["guard"], now)

    def reading(self, sign):
        """Return the next reading: time, voltage, current."""
        chance = self.chance
        self.now += chance.choice([0.125, 1.0, 30.0, 256.0])
        self.volt = min(4.24, max(2.55, self.volt + chance.gauss(0.02 * (sign or 0), 0.05)))
        plan = self.sequencer.plan
        if self.sequencer.in_hold and plan.has_hold:
            self.volt = plan.hold_volt
        near = plan.has_hold and abs(self.volt - plan.hold_volt) < 0.02
        share = chance.choice([1.0, 0.7, 0.2, 0.01]) if near else 1.0
        ampere = sign * abs(plan.current_ampere) * share
        if plan.control in (Control.SWEEP, Control.PROFILE):
            ampere = chance.uniform(-1.0, 1.0) * abs(plan.current_ampere)
        return self.now, self.volt, ampere

    def step(self, plan):
        """Carry a step out and return why it ended."""
        sequencer, counter, guard = self.sequencer, self.counter, self.guard
        limits = self.program.limits
        if plan.by_host:
            sign, bound = plan.direction, 4.24
        else:
            setpoint, sign = setpoint_for(plan, limits, guard.low_volt, MARGIN, self.volt, 1)
            bound = setpoint.voltage_volt
        edge = self.now
        unix = EPOCH_NS + round(edge * 1e9)
        sequencer.begin(edge, sign, MARGIN, bound, net_ah=counter.net_ah, unix_ns=unix)
        plan = sequencer.plan
        guard.begin(plan, sign, bound, edge)
        both = plan.control in (Control.SWEEP, Control.PROFILE)
        time, volt, ampere = self.reading(sign)
        counter.begin(edge, time, volt, ampere, direction=sign, is_open=plan.is_open, both=both)
        self.trace.append((plan.step_id, (plan.current_ampere,), (sequencer.cycle_count, sign)))
        first, suspects = volt, []
        for _ in range(MOST_READINGS):
            self.events += 1
            self.save()
            sequencer, counter = self.sequencer, self.counter
            sequencer.energy = counter.energy
            if self.chance.random() < 0.3:
                sequencer.sensed = {"surface_temperature_celsius": self.chance.uniform(20, 50)}
            suspects.append(self.guard.reading(time, volt, ampere, counter.charge) is None)
            end = sequencer.reading(time, volt, ampere, counter.charge)
            if end in (None, End.CONFIRM, End.TRANSITION):
                end = sequencer.tick(time)
            if end is not None:
                break
            time, volt, ampere = self.reading(sign)
            (counter.reading_both if both else counter.reading)(time, volt, ampere)
        else:
            end = "skipped"
        totals = counter.end(self.now)
        own = is_own_end(plan, end)
        result = Finished(
            str(end),
            own,
            totals.net_ah,
            totals.net_wh,
            self.now - sequencer.step_began,
            first,
            volt,
            plan.label,
            sequencer.step_count,
        )
        moved = (*totals[:2], *totals.counted, *totals[3:], *counter.totals())
        self.trace.append((str(end), moved, suspects))
        return sequencer.ended(result, self.now)

    def run(self):
        """Return how the run ended."""
        for _ in range(MOST_STEPS):
            sequencer = self.sequencer
            live = {
                "voltage_volt": self.volt,
                "surface_temperature_celsius": self.chance.uniform(20, 50),
            }
            try:
                plan = sequencer.advance(live, self.counter.net_ah)
            except (UnknownAmount, NoStep):
                return "held"
            if sequencer.walker.formed_low_volt is not None:
                self.guard.arm_formed()
            if plan is None:
                return "done"
            if not math.isfinite(plan.at_most_second):
                raise AssertionError("a step without a bound in time")
            if self.step(plan):
                return "held"
        raise AssertionError("the program does not end")
