"""A script of faults for simulated instruments: what goes wrong on the line and around the cell.

```yaml
faults:
  - {matching: READ, request: 10, do: late, by: 0.6 s}
  - {at: 5 s, do: contact_lost, for: 2 s}
```

Without `at`, a fault is armed from the start. An armed one counts the requests that match (all of
them without `matching`), and happens at number `request` (1 without it) and the next ones, `times`
in all. With `at` alone, what needs no request happens then.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from benchlab.errors import UsageError
from benchlab.model.quantity import duration
from benchlab.model.yaml_text import Node, load_text, read_yaml

__all__ = ["OF_REPLIES", "OF_THE_CELL", "OF_THE_LINE", "Fault", "parse_faults", "read_faults"]

OF_REPLIES: Mapping[str, frozenset[str]] = {
    "late": frozenset({"by"}),
    "duplicated": frozenset(),
    "truncated": frozenset({"keep", "terminated"}),
    "split": frozenset({"pause"}),
    "garbled": frozenset({"bytes"}),
    "nan": frozenset({"which"}),
    "overflow": frozenset({"which"}),
    "silent": frozenset(),
    "fin": frozenset({"keep"}),
    "rst": frozenset({"keep"}),
}
"""What may happen to a reply, and the words that each takes beside those that all take."""
OF_THE_LINE: Mapping[str, frozenset[str]] = {
    "vanish": frozenset({"for"}),
    "reboot": frozenset({"for"}),
}
OF_THE_CELL: Mapping[str, frozenset[str]] = {
    "contact_lost": frozenset({"for"}),
    "thermocouple_lost": frozenset({"channel", "for"}),
    "clock_jump": frozenset({"by"}),
    "input": frozenset({"channel", "for"}),
    "watchdog": frozenset(),
}
"""What may happen at the instrument, the line standing."""
KINDS = {**OF_REPLIES, **OF_THE_LINE, **OF_THE_CELL}
WHEN = frozenset({"at", "matching", "request", "times", "do", "instrument"})
NEEDED = {"late": "by", "clock_jump": "by", "input": "channel"}
FOR_EVER = 1 << 60


@dataclass(frozen=True, slots=True)
class Fault:
    """One entry of a script.

    Attributes
    ----------
    where : str
        File and line, named in errors.
    instrument : str
        Which one of a world; empty: each.
    second : float
        When it is armed, counted from the start of the simulator.
    matching : re.Pattern or None
    request, times : int
        The first of the matching requests that it happens to, and to how many.
    on_request : bool
        Whether it waits for a request.
    words : dict
        What else was said: seconds, counts.
    """

    kind: str
    where: str
    instrument: str = ""
    second: float = 0.0
    matching: re.Pattern[str] | None = None
    request: int = 1
    times: int = 1
    on_request: bool = True
    words: Mapping[str, float] = field(default_factory=dict)


def read_faults(path: Path) -> list[Fault]:
    """Return the faults of a script.

    Raises
    ------
    benchlab.errors.FileMissing
    benchlab.errors.UsageError
        With the line.
    """
    return parse_faults(read_yaml(path, UsageError), path.name)


def parse_faults(text: str, source: str) -> list[Fault]:
    """Return the faults of a script's text; `source` is named in errors.

    Raises
    ------
    benchlab.errors.UsageError
    """
    root = load_text(text, source, UsageError)
    listed = root.value.get("faults") if isinstance(root.value, dict) else None
    if listed is None or not isinstance(listed.value, list) or set(root.plain()) != {"faults"}:  # type: ignore[call-overload]
        raise UsageError(
            "expected the key 'faults' with a list, and nothing beside it.",
            where=f"{source}:{root.line}",
            remedy="Begin with 'faults:' and write each fault as '- {at: 5 s, do: silent}'.",
        )
    return [_fault(item, source) for item in listed.value]


def _fault(node: Node, source: str) -> Fault:
    where = f"{source}:{node.line}"
    if not isinstance(node.value, dict):
        raise UsageError(
            "a fault is a mapping.", where=where, remedy="Write {at: 5 s, do: silent}."
        )
    texts = {}
    for word, value in node.value.items():
        if not isinstance(value.value, str):
            raise UsageError(
                f"the value of '{word}' is no plain text or number.",
                where=f"{source}:{value.line}",
                remedy="Write one value.",
            )
        texts[word] = value.value
    kind = texts.get("do", "")
    if kind not in KINDS:
        raise UsageError(f"found do: {kind!r}.", where=where, remedy=f"Known: {', '.join(KINDS)}.")
    allowed = WHEN | KINDS[kind] | (frozenset({"carried_out"}) if kind in OF_REPLIES else set())
    unknown = sorted(set(texts) - allowed)
    if unknown:
        raise UsageError(
            f"'{kind}' takes no '{unknown[0]}'.",
            where=f"{source}:{node.value[unknown[0]].line}",
            remedy=f"It takes {', '.join(sorted(allowed))}.",
        )
    if (needed := NEEDED.get(kind)) and needed not in texts:
        example = "1" if needed == "channel" else "0.6 s"
        raise UsageError(
            f"'{kind}' needs '{needed}'.", where=where, remedy=f"Write {needed}: {example}."
        )
    if kind not in OF_REPLIES and not {"at", "matching", "request"} & set(texts):
        raise UsageError(
            f"'{kind}' does not say when.", where=where, remedy="Add at, request or matching."
        )
    reader = _Words(texts, node, source)
    return Fault(
        kind=kind,
        where=where,
        instrument=texts.get("instrument", ""),
        second=reader.second("at", 0.0),
        matching=reader.pattern("matching"),
        request=reader.count("request", 1),
        times=reader.count("times", 1),
        on_request=kind in OF_REPLIES or bool({"matching", "request"} & set(texts)),
        words=reader.rest(),
    )


class _Words:
    """Reads the values of one fault; a wrong one is named with its line."""

    def __init__(self, texts: Mapping[str, str], node: Node, source: str) -> None:
        self._texts = texts
        self._node = node
        self._source = source

    def second(self, word: str, default: float) -> float:
        text = self._texts.get(word)
        if text is None:
            return default
        sign = -1.0 if text.startswith("-") else 1.0
        try:
            return sign * duration(text.removeprefix("-")) if text not in ("0", "0 s") else 0.0
        except ValueError as error:
            raise self._wrong(word, str(error)) from None

    def count(self, word: str, default: int) -> int:
        text = self._texts.get(word)
        if text is None:
            return default
        if word == "times" and text == "for ever":
            return FOR_EVER
        if not text.isdecimal() or (int(text) < 1 and word not in ("keep",)):
            raise self._wrong(word, f"found '{text}', expected a whole number above zero")
        return int(text)

    def pattern(self, word: str) -> re.Pattern[str] | None:
        text = self._texts.get(word)
        if text is None:
            return None
        try:
            return re.compile(text, re.IGNORECASE)
        except re.error as error:
            raise self._wrong(word, f"'{text}' is no regular expression ({error})") from None

    def flag(self, word: str) -> bool:
        text = self._texts[word]
        if text not in ("yes", "no"):
            raise self._wrong(word, f"found '{text}', expected yes or no")
        return text == "yes"

    def rest(self) -> dict[str, float]:
        found: dict[str, float] = {}
        for word in self._texts:
            if word in ("by", "for", "pause"):
                found[word] = self.second(word, 0.0)
            elif word in ("keep", "bytes", "which", "channel"):
                found[word] = self.count(word, 0)
            elif word in ("terminated", "carried_out"):
                found[word] = self.flag(word)
        return found

    def _wrong(self, word: str, what: str) -> UsageError:
        line = self._node.line_of((word,))
        return UsageError(f"{word}: {what}.", where=f"{self._source}:{line}", remedy="Correct it.")
