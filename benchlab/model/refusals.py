"""Gathers what is wrong with a protocol, so that all of it is told at once."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

from benchlab.errors import BenchError, CellError, ProtocolError

__all__ = ["Refusals", "in_one"]

_PLACE = re.compile(r"(.*?):(\d+)(?:,|$)", re.S)


class Refusals:
    """Refusals found so far; whoever looks at several things goes on with the next one.

    Attributes
    ----------
    found : list of BenchError
        Each once, in the order they were found.
    """

    def __init__(self) -> None:
        self.found: list[BenchError] = []
        self._over = False

    def add(self, error: BenchError) -> None:
        """Take a refusal, and those that it carries, once each."""
        known = {(known.where, known.what) for known in self.found}
        for one in (error, *error.others):
            if (one.where, one.what) not in known:
                self.found.append(one)

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Keep what is refused inside, and go on behind."""
        try:
            yield
        except (ProtocolError, CellError) as refusal:
            if self._over:
                raise
            self.add(refusal)

    def stop(self, error: BenchError) -> None:
        """Refuse at once, with everything found before: there is no going on behind this one.

        Raises
        ------
        benchlab.errors.BenchError
        """
        self.add(error)
        self._over = True
        self.check()

    def check(self) -> None:
        """Refuse, if there is anything to refuse.

        Raises
        ------
        benchlab.errors.ProtocolError, benchlab.errors.CellError
        """
        if self.found:
            raise in_one(self.found)


def in_one(found: list[BenchError]) -> BenchError:
    """Return the error that stands first in its file, which carries the others in their order."""
    files = list(dict.fromkeys(_place(error)[0] for error in found))

    def order(error: BenchError) -> tuple[int, int]:
        file, line = _place(error)
        return files.index(file), line

    first, *others = sorted(found, key=order)
    for error in found:
        error.others = ()
    first.others = tuple(others)
    return first


def _place(error: BenchError) -> tuple[str, int]:
    match = _PLACE.match(error.where)
    return (match[1], int(match[2])) if match else (error.where, 0)
