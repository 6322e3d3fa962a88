"""Goes on with a run in its own journal: counters, counts and test time go on as if uncut.

The step that was under way is a step of its own record by then; the same step goes on under the
next count, with what it moved before carried into its ends.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchlab.bench.ended import Ended
from benchlab.bench.ends import End
from benchlab.bench.results import Finished
from benchlab.bench.resuming import caught_up
from benchlab.bench.step_runner import StepRunner
from benchlab.model.program import Control, StepPlan

__all__ = ["CUT", "Continuation", "Continuing"]

CUT = frozenset({"interrupted", "stopped", "tripped", "held", "failed"})
"""Why a step ended that is to go on: nothing that the program asked for."""
_WAITS = frozenset({Control.CHAMBER, Control.OPERATOR})


@dataclass(frozen=True, slots=True)
class Continuation:
    """Where a run stood when its journal was left.

    Attributes
    ----------
    state : Mapping
        The last one in the journal; empty: no step had begun.
    steps : sequence of Mapping
        Every step record from the state's own step on, the last one under way included.
    totals : tuple of float
        The counters, Ah and Wh, where the last of them ends.
    rows : int
        In the journal.
    began : float
        Clock seconds at which the test began.
    unix_ns : int
        UTC of that instant.
    away : float
        Seconds since the last record's end.
    how : str
        What cut it off, and what is known of the output meanwhile, for the event.
    """

    state: Mapping[str, Any]
    steps: Sequence[Mapping[str, Any]]
    totals: tuple[float, float, float, float]
    rows: int
    began: float
    unix_ns: int
    away: float
    how: str


class Continuing:
    """The run as it stood, put into a new `StepRunner`.

    Attributes
    ----------
    carried : (float, float)
        Ah and Wh, net, that the step under way moved before.
    elapsed : float
        Seconds of the step before.
    """

    def __init__(self, onward: Continuation, run: StepRunner) -> None:
        self.carried = (0.0, 0.0)
        self.elapsed = 0.0
        self._onward = onward
        self._state: Mapping[str, Any] | None = None
        self._run = run
        run.counter.go_on(onward.totals)
        run.log.go_on(onward.rows, onward.began, onward.unix_ns)

    def first(self) -> StepPlan | None:
        """Return the step to go on with; None: the next one is to be begun.

        Raises
        ------
        benchlab.bench.ended.Ended
            The steps that were recorded do not lead to where the run stood.
        """
        run, onward = self._run, self._onward
        if not onward.state:
            run.log.event("resumed", "bench", f"begins its first step; {onward.how}")
            return None
        state = caught_up(onward.state)
        plan = run.sequencer.restore(state, run.clock.now)
        run.voltage = run.voltage if run.voltage == run.voltage else state["voltage_volt"]
        counter = state["counter"]
        carried: tuple[float, ...] = tuple(counter.get("_carried") or (0.0, 0.0))
        elapsed = -(state["step"].get("_began") or 0.0)
        before = state["test_time_second"]
        walker, goes_on, same = run.sequencer.walker, False, True
        net = onward.totals[0] - onward.totals[1]
        net -= sum(map(_counted, onward.steps))
        for place, record in enumerate(onward.steps):
            if place and not goes_on:
                advanced = walker.advance({"voltage_volt": run.voltage}, net)
                if advanced is None or advanced.step_id != record["step_id"]:
                    raise self._lost(record)
                plan, same = advanced, False
                carried, elapsed, before = (0.0, 0.0), 0.0, record["start_time_second"]
            elif place:
                walker.step_count += 1
            net += _counted(record)
            carried = (
                carried[0] + record["step_net_capacity_ah"],
                carried[1]
                + record["step_charging_energy_wh"]
                - record["step_discharging_energy_wh"],
            )
            elapsed += record["end_time_second"] - before
            before = record["end_time_second"]
            goes_on = record["end_reason"] in CUT
            if not goes_on:
                walker.finished(_finished(record, carried, elapsed))
        last = onward.steps[-1]
        waited_out = last["end_reason"] == End.AT_MOST and plan.control in _WAITS
        count = walker.step_count
        for kind, text in walker.told:
            run.log.event(kind, "protocol", text)
        walker.told.clear()
        run.sequencer.plan = plan
        if waited_out:  # what did not come is waited for anew
            carried, elapsed, same = (0.0, 0.0), 0.0, False
        elif not goes_on:
            run.log.event("resumed", "bench", f"goes on behind step {count}; {onward.how}")
            self._set_chamber(walker.chamber_celsius)
            return None
        walker.step_count = count + 1
        self.carried, self.elapsed = (carried[0], carried[1]), elapsed
        if same:
            since = elapsed + (state["step"].get("_began") or 0.0)
            later = caught_up(
                {
                    **state,
                    "since_second": since,
                    "step_charge_ah": carried[0],
                    "step_energy_wh": carried[1],
                }
            )
            self._state = {**later, "step_count": count + 1}
        run.log.event(
            "resumed",
            "bench",
            f"goes on inside step {count}, from here on step {count + 1}; {onward.how}",
        )
        self._set_chamber(walker.chamber_celsius)
        return plan

    def restore(self, began: float) -> None:
        """Stand inside the step, which began anew at these clock seconds."""
        sequencer = self._run.sequencer
        if self._state is not None:
            sequencer.resume(self._state, began, self._onward.away, 0.0)
        elif self.elapsed:
            sequencer.pause(-self.elapsed)

    def _set_chamber(self, celsius: float | None) -> None:
        chamber = self._run.surroundings.chamber
        if chamber is not None and celsius is not None:
            chamber.set_temperature(celsius)
            others = chamber.read().waits_for
            if others:
                raise Ended(
                    "held",
                    f"channel {', '.join(others)} shares the chamber and needs another temperature"
                    f" than {celsius:g} degC now",
                )
            self._run.log.event("chamber", "bench", f"set to {celsius:g} degC as before")

    def _lost(self, record: Mapping[str, Any]) -> Ended:
        return Ended(
            "held",
            f"after the interruption the program does not lead to step {record['step_count']}"
            " again: it branched on what was read then",
        )


def _counted(record: Mapping[str, Any]) -> float:
    charge: float = record["step_charging_capacity_ah"] - record["step_discharging_capacity_ah"]
    return charge


def _finished(record: Mapping[str, Any], moved: tuple[float, ...], second: float) -> Finished:
    return Finished(
        record["end_reason"],
        bool(record["own_end"]),
        moved[0],
        moved[1],
        second,
        record["start_voltage_volt"],
        record["end_voltage_volt"],
        record["label"],
        record["step_count"],
    )
