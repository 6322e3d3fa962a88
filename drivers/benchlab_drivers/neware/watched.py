"""Asks for all channels that are watched at once: one request serves the runs of eight.

Each channel's answer is used once, and only while it is fresh; what was done to a channel makes the
answer about it worthless.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from benchlab_drivers.neware.requests import Count, Inquiry, Place, Requests

if TYPE_CHECKING:
    from benchlab.bench.clock import Clock

__all__ = ["Watched"]

FRESH_SECOND = 0.5
WATCHED_SECOND = 3.0
"""A channel that nobody asked for so long is not asked for along with others."""


class _Answer(NamedTuple):
    at: float
    inquiry: Inquiry
    latest: Count


class Watched:
    """The latest answers about each channel."""

    def __init__(self, requests: Requests, clock: Clock) -> None:
        self._requests, self._clock = requests, clock
        self._asked: dict[Place, float] = {}
        self._answers: dict[Place, _Answer] = {}
        self._counts: dict[Place, tuple[float, Count]] = {}

    def forget(self, place: Place) -> None:
        """Believe nothing about a channel that was told before: something is done to it."""
        self._answers.pop(place, None)
        self._counts.pop(place, None)

    def clear(self) -> None:
        """Believe nothing: the line was lost."""
        self._answers.clear()
        self._counts.clear()

    def ask(self, place: Place) -> tuple[Inquiry, Count]:
        """Return what a channel does, and number and rows of its latest test."""
        now = self._clock.now
        answer = self._answers.pop(place, None)
        self._asked[place] = now
        if answer is None or now - answer.at > FRESH_SECOND:
            self._asked = {p: t for p, t in self._asked.items() if now - t <= WATCHED_SECOND}
            others = tuple(other for other in self._asked if other != place)
            places = (place, *others)
            said = self._requests.inquire(places)
            counts = self._requests.counts(places, "0")
            at = self._clock.now
            for other, inquiry, count in zip(places, said, counts, strict=True):
                self._answers[other] = _Answer(at, inquiry, count)
            answer = self._answers.pop(place)
        self._counts[place] = (answer.at, answer.latest)
        return answer.inquiry, answer.latest

    def count(self, place: Place, test: str) -> Count:
        """Return number and rows of a test, as they were told just now where it is the latest."""
        at, count = self._counts.pop(place, (0.0, None))
        if count is not None and count.test == test and self._clock.now - at <= FRESH_SECOND:
            return count
        return self._requests.counts((place,), test)[0]
