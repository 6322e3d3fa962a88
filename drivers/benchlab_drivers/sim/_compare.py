"""Compares two conversations with the same instrument, a real one and its simulated twin.

Replies are compared word by word: texts and settings must be equal, numbers must have the same
form. Measured values are not compared, since nobody knows what hangs on the real instrument; nor
are serial number and firmware.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from benchlab_drivers.wire.transcript import Exchange

__all__ = ["Compared", "compare", "merged"]

NUMBER = re.compile(r"[+-]?\d+(?:\.\d*)?(?:[eE][+-]?\d+)?")
WORD = re.compile(r'"[^"]*"|[^,;\s<>="]+')
MEASURES = re.compile(rb"(?i)READ|MEAS|FETC|TRAC:DATA|TEMP\?|MON\?|%\?|inquire|getchlst|\ne\n|^e\n")
IDENTIFIES = re.compile(rb"(?i)\*IDN|TYPE\?|ROM\?|getdevinfo|^[ti]\n|\x03\x80\x00")
NEAR = 1e-6
OVERFLOW = 9.0e37
SHOWN = 200


@dataclass(frozen=True, slots=True)
class Compared:
    """One request, what both answered, and how that differs.

    Attributes
    ----------
    real, twin : str or None
        None: it was not asked this.
    differences : tuple of str
    """

    request: str
    real: str | None
    twin: str | None
    real_second: float | None = None
    twin_second: float | None = None
    differences: tuple[str, ...] = field(default=())


def merged(exchanges: Sequence[Exchange]) -> list[Exchange]:
    """Return exchanges with what came later, unasked, as part of the answer before it."""
    found: list[Exchange] = []
    for item in exchanges:
        if item.request or not found:
            found.append(item)
        else:
            last = found[-1]
            second = item.time + item.second - last.time
            found[-1] = last._replace(answer=last.answer + item.answer, second=second)
    return found


def compare(real: Sequence[Exchange], twin: Sequence[Exchange]) -> list[Compared]:
    """Return each request of either conversation, in order, with its differences."""
    asked = [item.request for item in real], [item.request for item in twin]
    found = []
    for tag, a, b, c, d in SequenceMatcher(None, *asked, autojunk=False).get_opcodes():
        if tag == "equal":
            found += [_pair(x, y) for x, y in zip(real[a:b], twin[c:d], strict=True)]
            continue
        for item in real[a:b]:
            only = ("only the real one was asked this",)
            found.append(
                Compared(_text(item.request), _text(item.answer), None, item.second, None, only)
            )
        for item in twin[c:d]:
            only = ("only the simulated one was asked this",)
            found.append(
                Compared(_text(item.request), None, _text(item.answer), None, item.second, only)
            )
    return found


def _pair(real: Exchange, twin: Exchange) -> Compared:
    return Compared(
        _text(real.request),
        _text(real.answer),
        _text(twin.answer),
        real.second,
        twin.second,
        tuple(_differences(real, twin)),
    )


def _differences(real: Exchange, twin: Exchange) -> list[str]:
    if bool(real.problem) != bool(twin.problem):
        who, problem = ("real", real.problem) if real.problem else ("simulated", twin.problem)
        return [f"only the {who} one failed: {problem}"]
    if IDENTIFIES.search(real.request):
        ours, theirs = _words(twin.answer), _words(real.answer)
        return [] if len(ours) == len(theirs) else [f"{len(theirs)} words, simulated {len(ours)}"]
    if not _is_text(real.answer) or not _is_text(twin.answer):
        return [] if real.answer == twin.answer else ["other bytes"]
    measured = MEASURES.search(real.request) is not None
    words = _words(real.answer), _words(twin.answer)
    if len(words[0]) != len(words[1]):
        return [f"{len(words[0])} words, simulated {len(words[1])}"]
    found = (_word(a, b, measured) for a, b in zip(*words, strict=True))
    return [difference for difference in found if difference]


def _word(real: str, twin: str, measured: bool) -> str:
    if NUMBER.fullmatch(real) and NUMBER.fullmatch(twin):
        a, b = float(real), float(twin)
        if max(abs(a), abs(b)) > OVERFLOW:
            return "" if measured else f"{real}, simulated {twin}"
        if _form(real) != _form(twin) or (
            min(a, b) >= 0.0 and (real[0] == "+") != (twin[0] == "+")
        ):
            return f"the form of {real}, simulated {twin}"
        if not measured and abs(a - b) > NEAR * max(abs(a), abs(b)):
            return f"{real}, simulated {twin}"
        return ""
    return "" if real == twin or measured else f"{real}, simulated {twin}"


def _form(number: str) -> tuple[bool, int, int]:
    """Return what a parser sees of a number: point, places behind it, length of the exponent."""
    head, _, exponent = number.lower().partition("e")
    return "." in head, len(head.partition(".")[2]), len(exponent)


def _words(answer: bytes) -> list[str]:
    return WORD.findall(answer.decode("latin-1"))


def _is_text(answer: bytes) -> bool:
    return all(32 <= byte < 127 or byte in b"\r\n\t" for byte in answer)


def _text(message: bytes) -> str:
    return message[:SHOWN].decode("ascii", "backslashreplace").rstrip("\r\n")
