"""Checked SCPI conversations: every change is sent with a query that must read it back.

A change goes out in one line with a query, so that its answer tells when it was carried out: the
middle of that exchange is when the change took place. The query is its own read-back where the
dialect allows that (`set`, `verify`), else the error queue's, with the read-back in the next line
(`command`, `put`, `read_back`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from benchlab.bench.clock import Clock
from benchlab.errors import GarbledAnswer, InstrumentRefused
from benchlab_drivers.wire.transport import Transport

__all__ = ["ScpiLine"]


class ScpiLine:
    """A line to an instrument that speaks SCPI.

    Parameters
    ----------
    where : str
        The resource, named in errors.
    """

    def __init__(self, line: Transport, clock: Clock, where: str) -> None:
        self._line = line
        self._clock = clock
        self._where = where

    def ask(self, request: str) -> str:
        """Return the answer to a query, without its terminator."""
        answer = self._line.query(request.encode() + b"\n").strip()
        return answer.decode("ascii", errors="replace")

    def exchange(self, request: str, expected: str) -> tuple[float, float]:
        """Send a change with its query; return the middle of the exchange and its half-width."""
        requested = self._clock.now
        answer = self.ask(request)
        replied = self._clock.now
        if answer != expected:
            raise self.refusal(request, expected, answer)
        self.refuse_errors(request)
        return (requested + replied) / 2.0, (replied - requested) / 2.0

    def set(self, command: str, query: str, expected: str) -> None:
        """Send a command and read it back as text.

        Raises
        ------
        benchlab.errors.InstrumentRefused
            It reads back different, or the instrument reports an error.
        """
        self.exchange(f"{command};{query}", expected)

    def verify(self, commands: str, *expected: tuple[str, float]) -> tuple[float, float]:
        """Send commands and read their values back in the same line."""
        request = ";".join([commands, *(query for query, _ in expected)])
        requested = self._clock.now
        answer = self.ask(request)
        replied = self._clock.now
        self.compare(request, answer, expected)
        self.refuse_errors(request)
        return (requested + replied) / 2.0, (replied - requested) / 2.0

    def command(self, commands: str) -> tuple[float, float]:
        """Send commands with the query of the error queue in the same line; it must be empty.

        Raises
        ------
        benchlab.errors.InstrumentRefused
        """
        request = f"{commands};:SYST:ERR?"
        requested = self._clock.now
        answer = self.ask(request)
        replied = self._clock.now
        number = answer.partition(",")[0]
        if number.lstrip("+-") != "0":
            if not number.lstrip("+-").isdigit():
                raise GarbledAnswer(request.encode(), answer.encode(), where=self._where)
            self.ask("*CLS;SYST:ERR?")  # what else waits must not be taken for the next one's
            raise self._refused(request, answer)
        return (requested + replied) / 2.0, (replied - requested) / 2.0

    def put(self, commands: str, query: str, expected: str) -> tuple[float, float]:
        """Send commands, and read text back in a line of its own."""
        edge = self.command(commands)
        self.refuse_other(query, expected)
        return edge

    def refuse_other(self, query: str, expected: str) -> None:
        """Ask for one setting, which must be as expected.

        Raises
        ------
        benchlab.errors.InstrumentRefused
        """
        answer = self.ask(query)
        if answer != expected:
            raise self.refusal(query, expected, answer)

    def read_back(self, expected: Sequence[tuple[str, float, float]]) -> None:
        """Read values back in one line; each query comes with its value and how near it must be.

        Raises
        ------
        benchlab.errors.GarbledAnswer, benchlab.errors.InstrumentRefused
        """
        request = ";:".join(query for query, _, _ in expected)
        answer = self.ask(request)
        try:
            values = [float(part) for part in answer.split(";")]
        except ValueError:
            raise GarbledAnswer(request.encode(), answer.encode(), where=self._where) from None
        if len(values) != len(expected) or not all(
            abs(got - value) <= near + 1e-6 * abs(value)
            for got, (_, value, near) in zip(values, expected, strict=True)
        ):
            raise self.refusal(request, ";".join(f"{value:g}" for _, value, _ in expected), answer)

    def compare(self, request: str, answer: str, expected: Sequence[tuple[str, float]]) -> None:
        """Hold an answer of several values against what was set.

        Raises
        ------
        benchlab.errors.GarbledAnswer, benchlab.errors.InstrumentRefused
        """
        try:
            values = [float(part) for part in answer.split(";")]
        except ValueError:
            raise GarbledAnswer(request.encode(), answer.encode(), where=self._where) from None
        wanted = [value for _, value in expected]
        same = len(values) == len(wanted) and all(
            math.isclose(got, value, rel_tol=1e-5, abs_tol=1e-9)
            for got, value in zip(values, wanted, strict=True)
        )
        if not same:
            raise self.refusal(request, ";".join(f"{value:g}" for value in wanted), answer)

    def refuse_errors(self, request: str) -> None:
        """Raise what the instrument reports as an error since it was last asked."""
        count = self.ask(":SYST:ERR:COUN?")
        if count != "0":
            raise self._refused(request, self.ask(":SYST:ERR?"))

    def _refused(self, request: str, error: str) -> InstrumentRefused:
        return InstrumentRefused(
            f"the instrument refused {request!r}: {error}.",
            where=self._where,
            remedy="The value may be outside its ranges; nothing further was sent.",
        )

    def refusal(self, request: str, expected: str, answer: str) -> InstrumentRefused:
        """Return the error for a value that reads back different."""
        return InstrumentRefused(
            f"after {request!r} the instrument reads back {answer!r}, not {expected!r}.",
            where=self._where,
            remedy="Look at its display; another program or a front-panel lock may interfere.",
        )
