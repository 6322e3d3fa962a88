"""What the bench asks of a source that samples into a buffer of its own, by its own clock."""

from __future__ import annotations

import math
from typing import NamedTuple, Protocol, runtime_checkable

from benchlab.bench.roles import Reading, Source

__all__ = ["DeviceClock", "Drained", "StreamingSource"]

DRIFT = 200e-6
"""No two quartz clocks drift apart faster; seconds a second."""
LEAST_SLACK_SECOND = 1e-6
MOST_SLEW = 0.01
"""Part of the time between two samples by which it may be wrong while the offset is found."""


class Drained(NamedTuple):
    """What was taken out of a buffer at once.

    Attributes
    ----------
    samples : list of Reading
        The oldest ones that had not been taken yet, in order of time; none twice.
    newest : Reading or None
        The newest one, asked for first, where `samples` do not reach it; it will be taken later.
    lost : int
        How many samples are missing between the last one taken before and those after it, because
        the buffer went round or the instrument had no time to make them.
    """

    samples: list[Reading]
    newest: Reading | None = None
    lost: int = 0


@runtime_checkable
class StreamingSource(Source, Protocol):
    """A source whose `capabilities.buffer` is not None.

    `apply` and `safe` end a stream; what the buffer holds can still be drained.
    """

    def set_sampling(self, period_second: float | None) -> None:
        """Set meter and trigger for a stream with this period; None: back to single readings.

        Nothing may stream meanwhile; the output stays as it is.

        Raises
        ------
        benchlab.errors.InstrumentRefused, benchlab.errors.Unsupported
        """

    def stream(self) -> None:
        """Begin to sample; what the buffer held before is forgotten."""

    def drain(self) -> Drained:
        """Take the next samples out of the buffer; none where none have come.

        Raises
        ------
        benchlab.errors.InstrumentRefused
            The instrument tripped.
        benchlab.errors.LinkError
        """


class DeviceClock:
    """Maps the seconds of an instrument's clock to those of the host's; pure.

    No sample comes from the future: the newest one that an answer holds is no younger than the
    answer. And it is at most a period older than the request, or a newer one would have been there.
    Each exchange so bounds the offset from both sides; bounds of earlier exchanges hold too, less
    exactly as the clocks may have drifted apart since. The offset is the middle of what is left.

    Attributes
    ----------
    offset : float
        Host seconds minus device seconds; NaN before the first exchange.
    half_width : float
        How far it may be wrong, seconds.
    """

    def __init__(self) -> None:
        self.offset = math.nan
        self.half_width = math.nan
        self._low = -math.inf
        self._high = math.inf
        self._at = math.nan
        self._used = self._last = math.nan

    def exchange(self, requested: float, replied: float, newest: float, next_: float) -> bool:
        """Take an exchange; return whether the clocks still agree.

        Parameters
        ----------
        requested, replied : float
            Host seconds before the request and after the answer.
        newest : float
            Device seconds at which the newest sample was complete.
        next_ : float
            Device seconds before which the one after it must be complete.

        Returns
        -------
        bool
            False: one of the clocks was set, or samples are missing. The bounds begin anew.
        """
        low, high = requested - next_, replied - newest
        slack = LEAST_SLACK_SECOND
        if self._at == self._at:
            slack += DRIFT * max(replied - self._at, 0.0)
        self._at = replied
        kept = max(self._low - slack, low), min(self._high + slack, high)
        agree = kept[0] <= kept[1]
        if not agree:
            self._used = math.nan
        self._low, self._high = kept if agree else (min(low, high), max(low, high))
        self.offset = (self._low + self._high) / 2.0
        self.half_width = (self._high - self._low) / 2.0
        return agree

    def host(self, second: float) -> float:
        """Return the host's seconds of a device second, which must rise from call to call.

        A better offset comes in little by little, so that the time between two samples stays right
        within `MOST_SLEW`.
        """
        if self._used != self._used:
            self._used = self.offset
        else:
            most = MOST_SLEW * (second - self._last)
            self._used += min(max(self.offset - self._used, -most), most)
        self._last = second
        return second + self._used
