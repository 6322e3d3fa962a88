"""The last exchanges of a line, kept so that they can go into the run's file when something fails.

Bounded in number and in bytes, so that a line may run for months; words that look like a password
are never kept.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

__all__ = ["Exchange", "Transcript"]

EXCHANGES = 100
HEAD_BYTES, TAIL_BYTES = 300, 100
"""Of a long message only these are kept."""
TEXT_EXCHANGES = 20
SECRET = re.compile(rb"(?i)(?<![a-z])(pass\w*|pwd|secret)([ :=\"'>]+)[^;<\r\n]+")


class Exchange(NamedTuple):
    """One request and what came back.

    Attributes
    ----------
    time : float
        Clock seconds of the request.
    second : float
        Until the answer was there, or was given up.
    problem : str
        Why there was no answer to believe; empty where there was one.
    """

    time: float
    request: bytes
    answer: bytes
    second: float = 0.0
    problem: str = ""


class Transcript:
    """A ring of the last exchanges of one line.

    Parameters
    ----------
    exchanges : int
        How many are kept.
    """

    def __init__(self, exchanges: int = EXCHANGES) -> None:
        self._kept: deque[Exchange] = deque(maxlen=exchanges)

    def add(
        self, time: float, request: bytes, answer: bytes, second: float = 0.0, problem: str = ""
    ) -> None:
        """Keep an exchange; long messages lose their middle."""
        self._kept.append(Exchange(time, _short(request), _short(answer), second, problem))

    def __len__(self) -> int:
        return len(self._kept)

    def __iter__(self) -> Iterator[Exchange]:
        return iter(tuple(self._kept))

    def __getitem__(self, place: int) -> Exchange:
        return self._kept[place]

    def text(self, now: float, exchanges: int = TEXT_EXCHANGES) -> str:
        r"""Return the last exchanges, a line each: seconds before `now`, request, answer, time.

        Bytes are written as in Python, so that ``\n`` and noise can be told apart.
        """
        lines = []
        for time, request, answer, second, problem in list(self._kept)[-exchanges:]:
            shown = repr(_open(answer))[1:] if answer or not problem else "nothing"
            end = f"; {problem}" if problem else ""
            asked = repr(_open(request))[1:]
            lines.append(f"{time - now:+.3f} s {asked} -> {shown} after {second * 1e3:.1f} ms{end}")
        return "\n".join(lines)


def _short(message: bytes) -> bytes:
    left = len(message) - HEAD_BYTES - TAIL_BYTES
    if left <= 0:
        return message
    return message[:HEAD_BYTES] + b"...(%d bytes)..." % left + message[-TAIL_BYTES:]


def _open(message: bytes) -> bytes:
    """Return a message without what looks like a password."""
    return SECRET.sub(rb"\1\2(not kept)", message)
