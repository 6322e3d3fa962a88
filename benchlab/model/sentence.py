"""Sentences such as ``Charge at C/3 until 4.2 V``: each becomes the mapping that means the same."""

from __future__ import annotations

import re

__all__ = ["FORMS", "mapping_of"]

FORMS = (
    "Charge at C/3 until 4.2 V",
    "Discharge at 0.1 A for 30 min",
    "Discharge at 1C for 2 h or until 2.8 V",
    "Hold at 4.2 V until C/50",
    "Hold at 4.2 V for 4 h or until C/50",
    "Rest for 10 min",
)
"""The forms that are understood, shown to whoever wrote another."""

_DRIVE = re.compile(r"(charge|discharge|hold)\s+at\s+(.+?)(?:\s+(for|until)\s+(.+))?", re.I)
_REST = re.compile(r"rest\s+for\s+(.+)", re.I)


def mapping_of(sentence: str) -> dict[str, str | list[str]]:
    """Return the keys and values of the step that a sentence describes.

    Raises
    ------
    ValueError
        Where the sentence has none of the known forms.
    """
    words = " ".join(sentence.split())
    rest = _REST.fullmatch(words)
    if rest is not None:
        return {"rest": rest[1]}
    drive = _DRIVE.fullmatch(words)
    if drive is None:
        raise ValueError(f"found '{sentence}', which is none of the known sentences")
    step: dict[str, str | list[str]] = {drive[1].lower(): drive[2]}
    ends: list[str] = []
    if drive[3]:
        for part in re.split(r"\s+or\s+(?=for\b|until\b|\S)", f"{drive[3]} {drive[4]}", flags=re.I):
            word, _, value = part.partition(" ")
            if word.lower() == "for":
                if "for" in step:
                    raise ValueError(f"found '{sentence}': 'for' stands twice")
                step["for"] = value
            elif word.lower() == "until":
                ends.append(value)
            else:
                ends.append(part)
    if ends:
        step["until"] = ends
    return step
