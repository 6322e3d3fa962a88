"""The loops of a unicycler method as blocks in each other, and where each of them begins."""

from __future__ import annotations

from dataclasses import dataclass

from benchlab.errors import ProtocolError
from benchlab.interchange.document import Document, Loop, Tag, Technique

__all__ = ["Repeat", "Resolved", "blocks", "resolved"]

_DEEPEST = 18
"""Repeats of our language may stand 20 deep."""


@dataclass(frozen=True, slots=True)
class Repeat:
    """A loop and what lies in it.

    Attributes
    ----------
    loop : int
        Place of the loop step in the method.
    items : tuple of int or Repeat
        Places of steps and tags, and blocks.
    """

    loop: int
    items: tuple[int | Repeat, ...]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A method without tags; each loop goes back to a step by its number from 1.

    Attributes
    ----------
    method : tuple of Technique
    places : tuple of int
        Of each step in the method that it came from.
    tags : tuple of (str, int)
        Each tag and the number of the step behind it.
    """

    method: tuple[Technique, ...]
    places: tuple[int, ...]
    tags: tuple[tuple[str, int], ...]


def _starts(document: Document, source: str) -> dict[int, int]:
    """Return the place that each loop goes back to; tags right before it belong to it."""
    method = document.method
    tags: dict[str, int] = {}
    for place, step in enumerate(method):
        if isinstance(step, Tag):
            if step.tag in tags:
                raise _refused(source, place, f"the tag {step.tag!r} stands twice")
            tags[step.tag] = place
    found: dict[int, int] = {}
    for place, step in enumerate(method):
        if not isinstance(step, Loop):
            continue
        target = step.loop_to
        start = target - 1 if isinstance(target, int) else tags.get(target, -1)
        if start < 0:
            raise _refused(source, place, f"there is no tag {target!r} to loop to")
        if start >= place or all(isinstance(item, Tag) for item in method[start:place]):
            raise _refused(source, place, "a loop goes back over at least one step")
        found[place] = start
    for end, start in found.items():
        for other_end, other in list(found.items()):
            if start < other <= end < other_end:
                if not all(isinstance(item, Tag) for item in method[start:other]):
                    raise _refused(source, other_end, "this loop crosses another loop")
                found[other_end] = start
    return found


def _refused(source: str, place: int, what: str) -> ProtocolError:
    return ProtocolError(
        f"{what}.",
        where=f"{source}, method[{place + 1}]",
        remedy="Nothing was written; mend the loops.",
    )


def blocks(document: Document, source: str) -> tuple[int | Repeat, ...]:
    """Return the steps of a method by place, those of loops as blocks.

    Raises
    ------
    benchlab.errors.ProtocolError
        A loop goes forward or nowhere, crosses another, or a tag is missing or stands twice.
    """
    starts = _starts(document, source)

    def within(low: int, high: int, opened: frozenset[int]) -> tuple[int | Repeat, ...]:
        if len(opened) > _DEEPEST:
            raise _refused(source, high, f"loops stand more than {_DEEPEST} deep")
        items: list[int | Repeat] = []
        place = low
        while place < high:
            ends = [
                end
                for end, start in starts.items()
                if start == place and end < high and end not in opened
            ]
            if ends:
                end = max(ends)
                items.append(Repeat(end, within(place, end, opened | {end})))
                place = end + 1
            else:
                items.append(place)
                place += 1
        return tuple(items)

    return within(0, len(document.method), frozenset())


def resolved(document: Document, source: str = "") -> Resolved:
    """Return the method as a cycler sees it: no tags, loops by number.

    Raises
    ------
    benchlab.errors.ProtocolError
    """
    starts = _starts(document, source)
    numbers: list[int] = []
    count = 0
    for step in document.method:
        numbers.append(count + 1)
        count += not isinstance(step, Tag)
    method: list[Technique] = []
    places: list[int] = []
    tags: list[tuple[str, int]] = []
    for place, step in enumerate(document.method):
        if isinstance(step, Tag):
            tags.append((step.tag, numbers[place]))
            continue
        if isinstance(step, Loop):
            step = step.model_copy(update={"loop_to": numbers[starts[place]]})
        method.append(step)
        places.append(place)
    return Resolved(tuple(method), tuple(places), tuple(tags))
