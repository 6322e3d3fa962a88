"""Scripts and their answers on a line where an instrument speaks by itself."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TYPE_CHECKING

from benchlab.errors import GarbledAnswer, InstrumentRefused, LinkTimeout
from benchlab_drivers.wire.methodscript import Fault, Mark, Marked, Package, parse_line
from benchlab_drivers.wire.methodscript_errors import Code, explained
from benchlab_drivers.wire.stream import not_trusted

if TYPE_CHECKING:
    from benchlab.bench.clock import Clock
    from benchlab_drivers.wire.methodscript_line import ScriptLine

__all__ = ["ANSWER_SECOND", "Talk"]

ANSWER_SECOND = 1.0
QUIET_SECOND = 0.1
LONGEST_LINE = 4096
SHOWN_BYTES = 60


class Talk:
    """Tells answers from what comes unasked; a subclass hears the rest.

    Parameters
    ----------
    resource : str
        Named in errors.
    """

    def __init__(self, line: ScriptLine, clock: Clock, resource: str) -> None:
        self.line = line
        self.resource = resource
        self._clock = clock
        self._pending = b""
        self._trusted = True

    def _send(self, data: bytes) -> None:
        """Send, unless an answer is missing that might be taken for the next one."""
        if not self._trusted:
            raise not_trusted(self.resource)
        self.line.send(data)

    def _hear(self, raw: bytes) -> None:
        """Take a line that nobody asked for."""
        raise NotImplementedError

    def _damaged(self, raw: bytes) -> None:
        """Take note of a line that was thrown away."""
        raise NotImplementedError

    def _ask(
        self, request: bytes, pattern: re.Pattern[bytes], *, lines: int = 1
    ) -> re.Match[bytes] | None:
        """Return the answer to a request; None: it cannot answer while a script runs."""
        self._send(request)
        busy = f"{request[:1].decode()}!{Code.NOTHING_RUNS:04X}".encode()
        answer = self._expect(
            lambda line: line.rstrip(b"\r") == busy or pattern.fullmatch(line) is not None, request
        )
        found = pattern.fullmatch(answer)
        if found is not None and lines == 2:
            last = self._expect(lambda line: line[:1] == b"R", request)
            if not last.rstrip(b"\r").endswith(b"*"):
                raise GarbledAnswer(request, last, where=self.resource)
        return found

    def _begin(self, script: str) -> None:
        """Send a script and wait until the instrument has read it."""
        request = f"e\n{script}\n\n".encode("ascii")
        self._send(request)
        answer = self._expect(
            lambda line: line[:1] == b"e" and not line.startswith(b"eM"), request[:60]
        )
        found = parse_line(answer, self.resource)
        if isinstance(found, Fault):
            lines = script.split("\n")
            shown = lines[found.line - 1] if 0 < found.line <= len(lines) else ""
            raise InstrumentRefused(
                f"the script was refused: {explained(found)}: {shown!r}. Nothing ran.",
                where=self.resource,
                remedy="Check its firmware (MethodSCRIPT 1.8 or later), and report the script.",
            )

    def _carry_out(self, script: str, take: Callable[[Package], object]) -> None:
        """Carry out a short script of our own, to its end."""
        self._begin(script)
        while True:
            line = self._expect(lambda _: True, script.encode()[:60])
            found = parse_line(line, self.resource)
            if found == Marked(Mark.END):
                return
            if isinstance(found, Fault):
                raise InstrumentRefused(
                    f"the script ended by an error: {explained(found)}.",
                    where=self.resource,
                    remedy="Check the leads; nothing further was sent.",
                )
            if isinstance(found, Package):
                take(found)

    def _rest(self) -> None:
        """Let the instrument come to rest after an abort or an error, as its maker asks."""
        deadline = self._clock.now + QUIET_SECOND
        while (left := deadline - self._clock.now) > 0.0:
            self._pending += self.line.read(left)
        self._take_lines()

    def _take_lines(self) -> None:
        while b"\n" in self._pending:
            line, _, self._pending = self._pending.partition(b"\n")
            self._hear(line)
        if len(self._pending) > LONGEST_LINE:
            self._damaged(self._pending)
            self._pending = b""

    def _expect(
        self,
        wanted: Callable[[bytes], bool],
        request: bytes,
        second: float = ANSWER_SECOND,
    ) -> bytes:
        """Return the first line that is wanted; whatever else comes is heard as ever."""
        deadline = self._clock.now + second
        while True:
            while b"\n" in self._pending:
                line, _, self._pending = self._pending.partition(b"\n")
                if wanted(line):
                    return line
                self._hear(line)
            left = deadline - self._clock.now
            if left <= 0.0:
                self._trusted = False
                raise LinkTimeout(
                    f"no answer to {request!r} within {second:g} s.",
                    where=self.resource,
                    remedy="Check the cable, the baud rate and the instrument's power.",
                )
            self._pending += self.line.read(left)
