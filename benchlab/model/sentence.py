"""Sentences such as ``Charge at C/3 until 4.2 V``: each becomes the mapping that means the same."""

from __future__ import annotations

import difflib
import re

from benchlab.model.quantity import unit_of

__all__ = ["FORMS", "NoSentence", "mapping_of"]

FORMS = (
    "Charge at C/3 until 4.2 V",
    "Discharge at 0.1 A for 30 min",
    "Discharge at 1C for 2 h or until 2.8 V",
    "Discharge at 5 W until 2.8 V for at most 3 h",
    "Charge at 1C to 4.2 V then hold until C/20 for at most 2 h",
    "Lithiate at C/20 until 5 mV",
    "Hold at 4.2 V until C/50",
    "Hold at 4.2 V for 4 h or until C/50",
    "Hold at 4.2 V with at most 0.5C until C/50",
    "Rest for 10 min",
    "Rest for 1 h at zero current",
    "Rest for 4 h or until change below 1 mV in 1 h",
    "Sweep from 2.5 V to 4 V and back at 0.1 mV/s with at most 10 mA",
    "Run full_charge",
)
"""The forms that are understood, shown to whoever wrote another."""

Mapping = dict[str, str | list[str] | dict[str, str]]

_VERBS = "charge|discharge|lithiate|delithiate|plate|strip|hold"
_DRIVE = re.compile(rf"({_VERBS}) at (.+)", re.I)
_REST = re.compile(r"rest\b ?(.*)", re.I)
_OUTPUT = re.compile(r" at (zero current|open circuit)\b", re.I)
_SWEEP = re.compile(r"sweep from (.+?)( and back)? at (.+?) with at most (.+)", re.I)
_RUN = re.compile(r"run (\S+)", re.I)
_PERIOD = re.compile(r"(.+?) ?\((.+) period\)", re.I)
_THEN = re.compile(r",? (?:then|and) hold\b ?", re.I)
_CLAUSE = re.compile(r" (?:or )?(?=(?:for|until|with at most|to) )| or ", re.I)
_BOUND = re.compile(r"(for at most|for|until|with at most|to) (.+)", re.I)
_SIGNED = re.compile(r"([<>]) ?(.+)")
_KEYS = {"for at most": "at_most", "for": "for", "with at most": "current_at_most", "to": "to"}


class NoSentence(ValueError):
    """A text that is no sentence of a protocol.

    Attributes
    ----------
    remedy : str
        What to write.
    """

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.remedy = remedy


def mapping_of(sentence: str) -> Mapping:
    """Return the keys and values of the step that a sentence describes.

    Raises
    ------
    NoSentence
        It has none of the known forms, or one that a bench must not carry out.
    """
    words = " ".join(sentence.split())
    period = _PERIOD.fullmatch(words)
    step = _mapping(period[1] if period else words, sentence)
    if period is not None:
        step["record"] = {"every": period[2]}
    return step


def _mapping(words: str, sentence: str) -> Mapping:
    rest = _REST.fullmatch(words)
    if rest is not None:
        return _rest(f" {rest[1]}", sentence)
    sweep = _SWEEP.fullmatch(words)
    if sweep is not None:
        return _sweep(sweep)
    run = _RUN.fullmatch(words)
    if run is not None:
        return {"run": run[1]}
    before, *holds = _THEN.split(words)
    drive = _DRIVE.fullmatch(before)
    if drive is None or len(holds) > 1:
        raise _unknown(sentence)
    verb = drive[1].lower()
    value, *clauses = _CLAUSE.split(drive[2])
    if verb != "hold" and unit_of(value) == "V":
        raise NoSentence(
            f"found '{sentence}': a voltage is held, it drives no {verb}",
            f"Write 'Hold at {value} until C/20' after a step at constant current, or"
            f" '{verb.capitalize()} at 1C to {value} then hold until C/20'.",
        )
    step: Mapping = {verb: value}
    _clauses(step, clauses, sentence)
    if not holds:
        if "to" in step:
            raise NoSentence(
                f"found '{sentence}': 'to' does not say whether the step ends or holds there",
                f"Write 'until {step['to']}', or 'to {step['to']} then hold until C/20'.",
            )
        return step
    if verb == "hold":
        raise _unknown(sentence)
    return _then_hold(step, holds[0], sentence)


def _clauses(step: Mapping, clauses: list[str], sentence: str) -> None:
    """Put what follows the value of a step into it: bounds, and ends in the order written."""
    ends: list[str] = []
    for clause in clauses:
        match = _BOUND.fullmatch(clause)
        word = match[1].lower() if match else "until"
        value = match[2] if match else clause
        if word == "until":
            ends.append(_end(value, sentence))
        elif _KEYS[word] in step:
            raise NoSentence(
                f"found '{sentence}': '{word}' stands twice", "Keep one of them, or write a list."
            )
        else:
            step[_KEYS[word]] = value
    if ends:
        step["until"] = ends


def _end(text: str, sentence: str) -> str:
    """Return an end as a list writes it: ``< 2.5 V`` is ``below 2.5 V``."""
    signed = _SIGNED.fullmatch(text)
    if signed is None:
        return text
    if unit_of(signed[2]) != "V":
        raise NoSentence(
            f"found '{sentence}': a current with a sign ends on one side in a simulation and on the"
            " other on a bench",
            f"Write 'until {signed[2]}': a hold ends when its current has come down to it.",
        )
    return f"{'below' if signed[1] == '<' else 'above'} {signed[2]}"


def _then_hold(step: Mapping, hold: str, sentence: str) -> Mapping:
    """Add the hold behind a constant current; its voltage is that of ``to`` or of ``until``."""
    ends = step.pop("until", [])
    if "to" not in step and len(ends) == 1 and isinstance(ends, list) and unit_of(ends[0]) == "V":
        step["to"], ends = ends[0], []
    if "to" not in step:
        raise NoSentence(
            f"found '{sentence}': nothing says at which voltage to hold",
            "Write 'Charge at 1C to 4.2 V then hold until C/20'.",
        )
    if ends:
        step["until"] = ends
    behind: Mapping = {}
    _clauses(behind, _CLAUSE.split(f" {hold}")[1:], sentence)
    times = [behind.pop(key) for key in ("for", "at_most") if key in behind]
    currents = behind.pop("until", [])
    if behind or len(times) > 1 or len(currents) > 1 or not (times or currents):
        raise NoSentence(
            f"found '{sentence}': a hold ends by one current, by one time, or by both",
            "Write '... then hold until C/20 for at most 2 h'.",
        )
    if currents and isinstance(currents, list):
        step["then_hold_until"] = currents[0]
    if times:
        step["hold_at_most"] = times[0]
    return step


def _rest(tail: str, sentence: str) -> Mapping:
    output = _OUTPUT.search(tail)
    if output is not None:
        tail = tail[: output.start()] + tail[output.end() :]
    head, *clauses = _CLAUSE.split(tail)
    step: Mapping = {}
    _clauses(step, clauses, sentence)
    if head.strip() or not step.keys() <= {"for", "until"}:
        raise _unknown(sentence)
    if "for" not in step:
        raise NoSentence(
            f"found '{sentence}': a rest without a time may never end; no current moves the cell"
            " anywhere",
            "Write 'Rest for 4 h', or 'Rest for 4 h or until below 3.0 V'.",
        )
    step = {"rest": step.pop("for"), **step}
    if output is not None:
        step["output"] = "zero current" if output[1].lower() == "zero current" else "open"
    return step


def _sweep(match: re.Match[str]) -> Mapping:
    corners = re.split(r" to ", match[1], flags=re.I)
    if match[2]:
        corners += corners[-2::-1]
    return {"sweep": corners, "rate": match[3], "current_at_most": match[4]}


def _unknown(sentence: str) -> NoSentence:
    nearest = difflib.get_close_matches(sentence, FORMS, n=1, cutoff=0.0)[0]
    shown = sentence if len(sentence) <= 80 else f"{sentence[:80]}…"
    return NoSentence(
        f"found '{shown}', which is none of the known sentences",
        f"Nearest: '{nearest}'. Known: {'; '.join(FORMS)}.",
    )
