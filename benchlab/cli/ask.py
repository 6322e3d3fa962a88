"""Who answers when a protocol asks somebody: the terminal, or values that were given before."""

from __future__ import annotations

import math
import sys
import threading
from collections.abc import Callable, Mapping

from benchlab.errors import UsageError
from benchlab.model.program import Control, Program, StepPlan

__all__ = ["GivenAnswers", "TerminalOperator", "operator_for", "parse_answers"]

GIVEN_AFTER_SECOND = 600.0


class GivenAnswers:
    """Answers each question with the same values, ten minutes after it was asked.

    A value that is asked for and was not given is answered by a dash.
    """

    def __init__(self, values: Mapping[str, str], cell_id: str) -> None:
        self._values = {"barcode": cell_id, **values}
        self._plan: StepPlan | None = None
        self._asked = math.nan

    def ask(self, plan: StepPlan) -> None:
        """Hear what is asked for."""
        self._plan, self._asked = plan, math.nan

    def poll(self, now: float) -> Mapping[str, str] | None:
        """Return the values once it is time."""
        if math.isnan(self._asked):
            self._asked = now
        plan = self._plan
        if plan is None or now - self._asked < GIVEN_AFTER_SECOND:
            return None
        self._plan = None
        names = [*plan.ask, *(["barcode"] if plan.same_barcode else [])]
        return {name: self._values.get(name, "-") for name in names}

    def refused(self, why: str) -> None:
        """Give up asking: the same answer would be refused again."""
        self._plan = None


class TerminalOperator:
    """Asks on the terminal and reads the answers from it, without holding up the run."""

    def __init__(self, note: Callable[[str], None]) -> None:
        self._note = note
        self._answer: dict[str, str] | None = None

    def ask(self, plan: StepPlan) -> None:
        """Say what is to be done, and read the answers in a thread of its own."""
        names = [*plan.ask, *(["barcode"] if plan.same_barcode else [])]
        self._note(f"*** {plan.question}")
        self._answer = None
        threading.Thread(target=self._read, args=(names,), daemon=True).start()

    def poll(self, now: float) -> Mapping[str, str] | None:
        """Return the answers once they are all there."""
        answer, self._answer = self._answer, None
        return answer

    def refused(self, why: str) -> None:
        """Say why the answer was not taken."""
        self._note(f"*** not taken: {why}")

    def _read(self, names: list[str]) -> None:
        found: dict[str, str] = {}
        for name in names:
            self._note(f"    {name} ?")
            line = sys.stdin.readline()
            if not line:
                return
            found[name] = line.strip()
        self._note("    press Enter when it is done")
        if sys.stdin.readline():
            self._answer = found


def operator_for(
    program: Program,
    answers: Mapping[str, str] | None,
    cell_id: str,
    note: Callable[[str], None],
) -> GivenAnswers | TerminalOperator | None:
    """Return who answers this program's questions.

    Raises
    ------
    benchlab.errors.UsageError
        It asks somebody, and nobody is there.
    """
    asks = [step for step in program.steps if step.control is Control.OPERATOR]
    if not asks:
        return None
    if answers is not None:
        return GivenAnswers(answers, cell_id)
    if sys.stdin is not None and sys.stdin.isatty():
        return TerminalOperator(note)
    raise UsageError(
        f"line {asks[0].line} asks an operator ('{asks[0].question[:60]}'), and nobody is at a"
        " terminal to answer.",
        remedy="Start it in a terminal, or give the answers: --answer mass_g=1.23",
    )


def parse_answers(words: list[str] | None, *, simulated_in_no_time: bool) -> dict[str, str] | None:
    """Return the answers given on the command line; None where somebody is to be asked.

    Raises
    ------
    benchlab.errors.UsageError
    """
    if not words:
        return {} if simulated_in_no_time else None
    found = {}
    for word in words:
        name, separator, value = word.partition("=")
        if not separator or not name.strip():
            raise UsageError(f"found the answer {word!r}.", remedy="Write --answer mass_g=1.23")
        found[name.strip()] = value.strip()
    return found
