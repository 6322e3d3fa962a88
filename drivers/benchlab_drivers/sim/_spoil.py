"""What a fault makes of a reply: pieces with the time to wait before each, and how it ends."""

from __future__ import annotations

import random
import re
from dataclasses import dataclass, field

from benchlab_drivers.sim.faults import Fault

__all__ = ["Reply", "spoiled"]

NUMBER = re.compile(rb"[+-]?\d+\.\d*(?:E[+-]?\d+)?", re.I)
INSTEAD = {"nan": b"NAN", "overflow": b"+9.900000E+37"}
SPLIT_SECOND = 0.005


@dataclass(slots=True)
class Reply:
    """What goes over the line.

    Attributes
    ----------
    pieces : list of (float, bytes)
        Seconds to wait, then what is sent.
    end : {"", "fin", "rst", "gone"}
        Whether the line stands afterwards; gone: somebody else takes it down.
    """

    pieces: list[tuple[float, bytes]] = field(default_factory=list)
    end: str = ""

    @property
    def data(self) -> bytes:
        """Every piece."""
        return b"".join(part for _, part in self.pieces)


def spoiled(fault: Fault, reply: bytes, random_: random.Random) -> Reply:
    """Return what a fault of the reply's own makes of it."""
    words, kind = fault.words, fault.kind
    end = next((e for e in (b"\r\n", b"\n") if reply.endswith(e)), b"")
    keep = int(words.get("keep", len(reply) // 2))
    if kind == "late":
        return Reply([(words["by"], reply)])
    if kind == "duplicated":
        return Reply([(0.0, reply + reply)])
    if kind == "truncated":
        return Reply([(0.0, reply[:keep] + (end if words.get("terminated") else b""))])
    if kind == "split":
        pause = words.get("pause", SPLIT_SECOND)
        return Reply([(pause, reply[k : k + 1]) for k in range(len(reply))])
    if kind == "garbled":
        body = bytearray(reply[: len(reply) - len(end)])
        count = min(int(words.get("bytes", 2)), len(body))
        for place in random_.sample(range(len(body)), count):
            body[place] ^= 0x80
        return Reply([(0.0, bytes(body) + end)])
    if kind in INSTEAD:
        return Reply([(0.0, _instead(reply, INSTEAD[kind], int(words.get("which", 0))))])
    if kind in ("fin", "rst"):
        return Reply([(0.0, reply[: int(words.get("keep", 0))])], kind)
    return Reply()


def _instead(reply: bytes, word: bytes, which: int) -> bytes:
    """Put a word in place of each number with a point, or of one of them, counted from 1."""
    count = 0

    def change(found: re.Match[bytes]) -> bytes:
        nonlocal count
        count += 1
        return word if which in (0, count) else found[0]

    return NUMBER.sub(change, reply)
