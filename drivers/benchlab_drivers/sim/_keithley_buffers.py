"""Reading buffers of a simulated 2450, 2460 or 2461, and what their elements look like as text.

Unconfirmed: the bit values of STAT and SOURSTAT, the date format, and that a buffer made by
``TRAC:MAKE`` stops when full (error 4915) while the default ones go round. A made buffer that goes
round is a ring of places: the next reading after the last place goes into the first one, and
``TRAC:ACT:STAR?`` and ``TRAC:ACT:END?`` are places. The default ones are kept simpler here, as only
they must be quick: in them place 1 is always the oldest reading.
"""

from __future__ import annotations

import statistics
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from benchlab_drivers.sim.scpi import ScpiError

__all__ = ["ELEMENTS", "OVERFLOW", "UNITS", "Buffer", "Entry", "Facts", "written"]

DEFAULT_POINTS = 100_000
OVERFLOW = 9.9e37
UNITS = {"VOLT": "Volt DC", "CURR": "Amp DC", "RES": "Ohm"}


class Facts(NamedTuple):
    """What all readings of one configuration have in common."""

    unit: str
    source_unit: str
    front: bool
    output: bool
    four_wire: bool
    readback: bool
    unix_ns: int
    """UTC at clock second 0."""


Entry = tuple[float, float, float, bool, Facts]
"""Clock second, source value, reading, whether the source held a voltage, facts."""


class Buffer:
    """A reading buffer; index 1 is the first reading since it was cleared.

    Parameters
    ----------
    is_ring : bool
        Readings keep their places when it goes round.
    """

    def __init__(
        self,
        points: int = DEFAULT_POINTS,
        *,
        round_and_round: bool = True,
        is_ring: bool = False,
    ) -> None:
        self.entries: deque[Entry] = deque(maxlen=points)
        self.round_and_round = round_and_round
        self.is_ring = is_ring
        self.stored = 0
        self.first_second: float | None = None

    @property
    def quick(self) -> bool:
        """Whether a reading may be appended to the entries without being counted."""
        return self.round_and_round and not self.is_ring

    @property
    def end(self) -> int:
        """Place of the newest reading; 0 in an empty buffer."""
        count = len(self.entries)
        return count if self.stored <= count else (self.stored - 1) % count + 1

    @property
    def start(self) -> int:
        """Place of the oldest reading; 0 in an empty buffer."""
        count = len(self.entries)
        return min(1, count) if self.stored <= count else self.end % count + 1

    def resize(self, points: int) -> None:
        """Change the size, which clears it."""
        self.entries = deque(maxlen=points)
        self.stored = 0
        self.first_second = None

    def store(self, entry: Entry) -> None:
        """Append a reading.

        Raises
        ------
        ScpiError
            4915 where it is full and must not go round.
        """
        entries = self.entries
        if not self.round_and_round and len(entries) == entries.maxlen:
            raise ScpiError(4915, "Attempting to store past capacity of reading buffer")
        entries.append(entry)
        self.stored += 1

    def started(self) -> float:
        """Return the clock second of the first reading, from which relative time counts."""
        if self.first_second is None and self.entries:
            self.first_second = self.entries[0][0]
        return self.first_second or 0.0

    def clear(self) -> None:
        """Forget every reading."""
        self.entries.clear()
        self.stored = 0
        self.first_second = None

    def between(self, first: int, last: int) -> list[Entry]:
        """Return the readings in places `first` to `last`, counted from 1."""
        entries, count = self.entries, len(self.entries)
        if not 1 <= first <= last <= count:
            raise ScpiError(-222, "Parameter data out of range")
        turned = self.start - 1 if self.is_ring and self.stored > count else 0
        # from the end: a deque is slow in its middle, and the newest are asked for
        return [entries[(k - turned) % count - count] for k in range(first - 1, last)]

    def statistic(self, name: str) -> float:
        """Return average, maximum, minimum, standard deviation or peak to peak of the readings."""
        values = [entry[2] for entry in self.entries]
        if not values:
            return 9.91e37
        measures: dict[str, Callable[[list[float]], float]] = {
            "AVER": statistics.fmean,
            "MAX": max,
            "MIN": min,
            "STDD": lambda v: statistics.stdev(v) if len(v) > 1 else 0.0,
            "PK2P": lambda v: max(v) - min(v),
        }
        return measures[name](values)


ELEMENTS = (
    "DATE",
    "FORMatted",
    "FRACtional",
    "READing",
    "RELative",
    "SEConds",
    "SOURce",
    "SOURFORMatted",
    "SOURSTATus",
    "SOURUNIT",
    "STATus",
    "TIME",
    "TSTamp",
    "UNIT",
)


def written(entry: Entry, element: str, number: str, first_second: float) -> str:
    """Return one element of a reading as text.

    Parameters
    ----------
    number : str
        The format of numbers: ``%+.6E`` unless FORM:ASC:PREC says otherwise.
    """
    second, source, reading, held, facts = entry
    if element == "READ":
        return number % reading
    if element == "SOUR":
        return number % source
    if element == "REL":
        return number % (second - first_second)
    if element == "STAT":
        return str((8 if facts.front else 0) | (1 if abs(reading) >= OVERFLOW else 0))
    if element == "SOURSTAT":
        limited = held == (facts.source_unit == UNITS["CURR"])
        bits = (facts.readback, 8), (limited, 32), (facts.four_wire, 64), (facts.output, 128)
        return str(sum(value for is_set, value in bits if is_set))
    if element == "UNIT":
        return facts.unit
    if element == "SOURUNIT":
        return facts.source_unit
    if element == "FORM":
        return f"{reading:+.6G} {facts.unit}"
    if element == "SOURFORM":
        return f"{source:+.6G} {facts.source_unit}"
    nanoseconds = facts.unix_ns + round(second * 1e9)
    whole, fraction = divmod(nanoseconds, 1_000_000_000)
    if element == "SEC":
        return str(whole)
    if element == "FRAC":
        return number % (fraction / 1e9)
    moment = datetime.fromtimestamp(whole, UTC)
    if element == "DATE":
        return f"{moment:%m/%d/%Y}"
    clock = f"{moment:%H:%M:%S}.{fraction:09d}"
    return clock if element == "TIME" else f"{moment:%m/%d/%Y} {clock}"
