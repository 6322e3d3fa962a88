"""Goes on inside the step of an earlier run, from the last state that its journal holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from benchlab.bench.sequencer_state import TIMES
from benchlab.bench.step_runner import StepRunner
from benchlab.bench.watch import later
from benchlab.model.program import StepPlan

__all__ = ["Resumption", "caught_up"]


def caught_up(state: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return a whole state as of the last brief one that followed it, ``since_second`` later."""
    since = state.get("since_second")
    if since is None:
        return state
    step = {
        name: value - since if name in TIMES and value is not None else value
        for name, value in state["step"].items()
    }
    counter = {
        **state["counter"],
        "charge": state["step_charge_ah"],
        "_energy": state["step_energy_wh"],
    }
    watches = [later(watch, since) for watch in state.get("watches", ())]
    return {**state, "step": step, "counter": counter, "watches": watches}


class Resumption:
    """The earlier run of a test, as far as its last state tells.

    Counters and rows of the new run begin from zero; what the step moved before is carried into
    its ends and its results alone.

    Attributes
    ----------
    carried : (float, float)
        Ah and Wh, net, that the step under way moved before.
    elapsed : float
        Seconds of the step before.
    """

    def __init__(self, state: Mapping[str, Any], run: StepRunner) -> None:
        state = caught_up(state)
        counter = state["counter"]
        self.carried = (counter.get("charge") or 0.0, counter.get("_energy") or 0.0)
        self.elapsed = -(state["step"].get("_began") or 0.0)
        self._state = state
        self._run = run
        then = state.get("unix_time_nanosecond")
        now = run.clock.unix_ns()
        self._away = 0.0 if then is None else max(0.0, (now - then) / 1e9)

    def first(self) -> StepPlan:
        """Return the step to go on with, and tell what nobody saw in between."""
        run, state = self._run, self._state
        plan = run.sequencer.restore(state, run.clock.now)
        ampere = abs(state["current_ampere"] or 0.0)
        run.log.event(
            "resumed",
            "bench",
            f"goes on inside step {run.sequencer.step_count};"
            f" the earlier run stood at {state['test_time_second']:.1f} s",
        )
        run.log.event(
            "gap",
            "bench",
            f"unseen for {self._away:.1f} s; {ampere:g} A flowed at the last reading, so at most"
            f" {ampere * self._away / 3600.0:.3g} Ah if nobody had switched off",
        )
        chamber = run.surroundings.chamber
        celsius = state.get("chamber_celsius")
        if chamber is not None and celsius is not None:
            chamber.set_temperature(celsius)
            run.log.event("chamber", "bench", f"set to {celsius:g} degC as in the earlier run")
        return plan

    def restore(self, began: float) -> None:
        """Stand inside the step, which began anew at these clock seconds."""
        charging, discharging, *_ = self._state["counters"]
        self._run.sequencer.resume(self._state, began, self._away, charging - discharging)
