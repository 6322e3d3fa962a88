"""Half cycles, put together from stretches of one direction of current."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

__all__ = ["Halves", "halves", "merge_small", "number_cycles"]

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.intp]

SMALL_SHARE = 0.02
"""A half cycle with less charge than this share of the largest one is a pulse, no half cycle."""


@dataclass(frozen=True, slots=True)
class Halves:
    """Half cycles; arrays of shape (k,).

    Attributes
    ----------
    sign
        +1 charge, -1 discharge.
    first, last
        Its first and last stretch under current.
    charge
        Ah, as a magnitude.
    """

    sign: npt.NDArray[np.int8]
    first: Ints
    last: Ints
    charge: Floats

    def __len__(self) -> int:
        return len(self.sign)


def halves(
    sign: npt.NDArray[np.int8], charge: Floats, discharge: Floats, block: Ints | None = None
) -> Halves:
    """Return the half cycles; rests inside one do not end it.

    Parameters
    ----------
    sign : ndarray of int, shape (n,)
        Of each stretch; 0 is rest.
    charge, discharge : ndarray of float64, shape (n,)
        Ah since the first row, in each direction, at the end of each stretch.
    block : ndarray of int, shape (n,), optional
        A number a stretch; no half cycle goes on where it changes.
    """
    driven = np.flatnonzero(sign)
    own = sign[driven]
    turns = own[1:] != own[:-1]
    if block is not None:
        turns |= block[driven][1:] != block[driven][:-1]
    starts = np.flatnonzero(np.concatenate(([driven.size > 0], turns)))
    ends = np.concatenate((starts[1:] - 1, [driven.size - 1])) if starts.size else starts
    return _with_charge(own[starts], driven[starts], driven[ends], charge, discharge)


def _with_charge(
    sign: npt.NDArray[np.int8], first: Ints, last: Ints, charge: Floats, discharge: Floats
) -> Halves:
    before = np.maximum(first - 1, 0)
    moved = np.where(
        sign > 0,
        charge[last] - np.where(first > 0, charge[before], 0.0),
        discharge[last] - np.where(first > 0, discharge[before], 0.0),
    )
    return Halves(sign, first, last, moved)


def merge_small(found: Halves, charge: Floats, discharge: Floats) -> tuple[Halves, int]:
    """Merge pulses into the half cycles around them; also return how many there were.

    Parameters
    ----------
    found : Halves
    charge, discharge : ndarray of float64, shape (n,)
        Ah since the first row, in each direction, at the end of each stretch.
    """
    keep = found.charge >= SMALL_SHARE * found.charge.max(initial=0.0)
    sign, first, last = found.sign[keep], found.first[keep], found.last[keep]
    if not sign.size:
        return found, 0
    starts = np.flatnonzero(np.concatenate(([True], sign[1:] != sign[:-1])))
    ends = np.concatenate((starts[1:] - 1, [sign.size - 1]))
    merged = _with_charge(sign[starts], first[starts], last[ends], charge, discharge)
    return merged, int(np.count_nonzero(~keep))


def number_cycles(found: Halves, opening: int, count: int) -> npt.NDArray[np.int64]:
    """Return a cycle index a stretch, from half cycles: a cycle begins with each `opening` half.

    Parameters
    ----------
    opening : {+1, -1}
    count : int
        How many stretches there are; those before the first cycle get 0.
    """
    index = np.zeros(count, dtype=np.int64)
    index[found.first[found.sign == opening]] = 1
    return np.cumsum(index)
