r"""How an instrument is asked who it is, with nothing but questions, and told from all others.

A driver's module may offer ``WHO``: what to send, and who it is by the answers. ``benchlab
discover`` asks each question once and shows the answers to every driver that asks the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

__all__ = ["IDN", "Known", "Question", "four_fields", "scpi"]

IDN = b"*IDN?\n"


class Known(NamedTuple):
    """Who answered, as the instrument says; empty: it does not say."""

    maker: str
    model: str
    serial_number: str
    firmware: str


class Question(NamedTuple):
    """What identifies an instrument.

    Attributes
    ----------
    requests : tuple of bytes
        Sent in turn, each after the answer to the one before it; none may change a state.
    recognise : callable
        Given the answers, who it is; None: another instrument.
    serial : str
        Settings of its serial port, as ``baud=9600``; empty: it has none.
    """

    requests: tuple[bytes, ...]
    recognise: Callable[[tuple[bytes, ...]], Known | None]
    serial: str = "baud=9600"


def four_fields(answer: bytes) -> Known | None:
    """Return the four fields of an answer to ``*IDN?`` (IEEE 488.2, 10.14), or None."""
    text = answer.decode("ascii", "replace").strip()
    fields = [field.strip() for field in text.split(",", 3)]
    if len(fields) != 4 or not text.isprintable():
        return None
    return Known(fields[0], fields[1].removeprefix("MODEL "), fields[2], fields[3])


def scpi(maker: str, *models: str) -> Question:
    """Return the question of an instrument with SCPI: maker and model must stand in the answer."""

    def recognise(answers: tuple[bytes, ...]) -> Known | None:
        found = four_fields(answers[0])
        if found is None or maker.upper() not in found.maker.upper():
            return None
        return found if any(model in found.model for model in models) else None

    return Question((IDN,), recognise)
