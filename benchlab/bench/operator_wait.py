"""A step that waits for somebody: asks, takes the answer, and looks at the cell that came back."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Protocol

from benchlab.bench.commands import Answer
from benchlab.bench.ends import End
from benchlab.bench.roles import Mode, Setpoint
from benchlab.bench.step_runner import StepRunner
from benchlab.bench.waiting import answer_problem
from benchlab.errors import CellCheckError
from benchlab.model.program import StepPlan

__all__ = ["Operator", "OperatorWait"]


class Operator(Protocol):
    """Somebody who can be asked."""

    def ask(self, plan: StepPlan) -> None:
        """Hear what is to be done and what is asked for."""

    def poll(self, now: float) -> Mapping[str, str] | None:
        """Return the answer once there is one; asked again and again."""

    def refused(self, why: str) -> None:
        """Hear what was wrong with the answer, and that it is asked again."""


class OperatorWait:
    """Waits until somebody has answered and the cell is as it should be."""

    def __init__(
        self,
        plan: StepPlan,
        run: StepRunner,
        operator: Operator | None,
        cell_id: str,
        before_volt: float,
    ) -> None:
        self._plan = plan
        self._run = run
        self._operator = operator
        self._cell_id = cell_id
        self._before = before_volt
        self._given: Answer | None = None
        self.idle_second = 0.0
        run.log.event("operator", "protocol", plan.question)
        if operator is not None:
            operator.ask(plan)

    def answer(self, given: Answer) -> None:
        """Take an answer that came as a command."""
        self._given = given

    def over(self, now: float) -> str | None:
        """Return the reason for the step's end, or None."""
        given, self._given = self._given, None
        if given is None and self._operator is not None:
            values = self._operator.poll(now)
            given = None if values is None else Answer(values)
        if given is None:
            return None
        problem = answer_problem(self._plan, given.values, self._cell_id) or self._changed()
        words = ", ".join(f"{name} = {value}" for name, value in given.values.items())
        log = self._run.log
        if problem:
            log.event("refused", given.actor, f"{problem} ({words})")
            if self._operator is not None:
                self._operator.refused(problem)
                self._operator.ask(self._plan)
            return None
        log.event("answer", given.actor, words or "done")
        return End.OPERATOR

    def _changed(self) -> str:
        """Look at the cell that came back, at 0 A; return what is wrong with it."""
        if not self._plan.cell_may_leave and math.isinf(self._plan.within_volt):
            return ""
        run = self._run
        limits = run.program.limits
        try:
            seen = run.source.look(limits.high_volt)
        except CellCheckError as error:
            return error.what
        finally:
            run.output.apply(Setpoint(Mode.OPEN))
        if not run.guard.low_volt <= seen.voltage <= limits.high_volt:
            return f"the cell stands at {seen.voltage:.4f} V, outside the limits"
        if abs(seen.voltage - self._before) > self._plan.within_volt:
            return f"the cell stands at {seen.voltage:.4f} V, it stood at {self._before:.4f} V"
        run.voltage = seen.voltage
        return ""
