"""Reads a source through a passing fault of its line."""

from __future__ import annotations

from collections.abc import Callable

from benchlab.bench.roles import Reading, Source
from benchlab.bench.run_log import RunLog
from benchlab.errors import BenchError, LinkError

__all__ = ["SteadyReader"]

TRIES = 2


class SteadyReader:
    """Reads; after a time-out or a garbled answer it reads again on a line that was opened anew.

    Nothing of the old line is believed, and the source must find the same instrument with its
    output as it was set. How long the cell may go unseen is the guard's to say, not this one's.

    Parameters
    ----------
    read : callable
        Takes one reading of the source, or the next sample of its buffer.
    """

    def __init__(self, source: Source, log: RunLog, read: Callable[[], Reading]) -> None:
        self._source = source
        self._log = log
        self._read = read

    def read(self) -> Reading:
        """Measure once.

        Raises
        ------
        benchlab.errors.BenchError
            The line cannot be trusted again, or the instrument is not as it was set.
        """
        try:
            return self._read()
        except LinkError as error:
            return self.again(error)

    def again(self, error: LinkError) -> Reading:
        """Measure after a reading failed.

        Raises
        ------
        benchlab.errors.BenchError
        """
        lost: BenchError = error
        self._log.transcript(self._source)
        for _ in range(TRIES):
            self._log.event("link", "bench", f"{lost.what} The line is opened anew.")
            try:
                self._source.recover()
                reading = self._read()
            except LinkError as again:
                lost = again
                continue
            self._log.event("link", "bench", "the same instrument answers, its output as it was")
            return reading
        raise lost
