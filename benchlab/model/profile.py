"""A drive profile: current, power or C-rate against time, from CSV with named, united columns."""

from __future__ import annotations

import csv
import hashlib
import io
import math
from dataclasses import dataclass

from benchlab.errors import ProtocolError

__all__ = ["Profile", "parse_profile"]

_TIME = "test_time_second"
_COLUMNS = {"current_ampere": "A", "power_watt": "W", "c_rate": "C"}
_MOST_POINTS = 100_000


@dataclass(frozen=True, slots=True)
class Profile:
    """Values that each hold from their time on until the next one's; the last time is the end.

    Attributes
    ----------
    unit : str
        ``A``, ``W``, or ``C`` (multiples of C per hour); positive charges.
    times, values : tuple of float
        Seconds from 0 on, rising; the value of the last row is not used.
    sha256 : str
        Of the text it was read from.
    """

    unit: str
    times: tuple[float, ...]
    values: tuple[float, ...]
    sha256: str


def parse_profile(text: str, source: str) -> Profile:
    """Return the profile that a CSV text holds.

    Raises
    ------
    benchlab.errors.ProtocolError
        With the line, for a column that is missing or unknown, a value that is no number, or times
        that do not rise from 0.
    """
    rows = csv.reader(io.StringIO(text))
    names = [name.strip().lower() for name in next(rows, [])]
    kinds = [name for name in names if name in _COLUMNS]
    if _TIME not in names or len(kinds) != 1:
        raise ProtocolError(
            f"found the columns {', '.join(names)[:100] or 'none'}.",
            where=f"{source}:1",
            remedy=f"The first line names {_TIME} and one of {', '.join(_COLUMNS)}.",
        )
    place, value_place = names.index(_TIME), names.index(kinds[0])
    times: list[float] = []
    values: list[float] = []
    for line, row in enumerate(rows, 2):
        if not any(item.strip() for item in row):
            continue
        try:
            time, value = float(row[place]), float(row[value_place])
        except (ValueError, IndexError):
            time = value = math.nan
        if not (math.isfinite(time) and math.isfinite(value)):
            raise ProtocolError(
                f"found {','.join(row)[:60]!r}, expected numbers in {_TIME} and {kinds[0]}.",
                where=f"{source}:{line}",
                remedy="Mend the line or remove it.",
            )
        if time != 0.0 if not times else time <= times[-1]:
            raise ProtocolError(
                f"found the time {time:g} s; times begin at 0 and rise from line to line.",
                where=f"{source}:{line}",
                remedy="Shift or sort the profile.",
            )
        times.append(time)
        values.append(value)
        if len(times) > _MOST_POINTS:
            raise ProtocolError(
                f"the profile has more than {_MOST_POINTS} points.",
                where=f"{source}:{line}",
                remedy="Thin it out, or cut it into several.",
            )
    if len(times) < 2:
        raise ProtocolError(
            "the profile has fewer than two points.",
            where=source,
            remedy="The last line's time says when the profile ends.",
        )
    digest = hashlib.sha256(text.encode()).hexdigest()
    return Profile(_COLUMNS[kinds[0]], tuple(times), tuple(values), digest)
