"""Which readings become rows, as a protocol states it."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, model_validator

from benchlab.model import quantity
from benchlab.model.validate import Seconds, Strict, from_text

__all__ = ["RecordRule"]

_LOG = re.compile(r"(\d+)\s+per\s+decade", re.I)
_MOST_AT_TIMES = 1000


def _per_decade(text: str) -> int:
    match = _LOG.fullmatch(text.strip())
    count = quantity.number(match[1]) if match is not None else 0
    if not 1 <= count <= _MOST_AT_TIMES:
        raise ValueError(f"found '{text[:60]}', expected '20 per decade', at most {_MOST_AT_TIMES}")
    return count


def _at_times(text: str) -> tuple[float, ...]:
    words = text.replace(",", " ").split()
    pairs = list(zip(words[::2], words[1::2], strict=False))
    if not pairs or len(words) % 2 or len(pairs) > _MOST_AT_TIMES:
        raise ValueError(f"found '{text[:60]}', expected times such as '0.1 s 1 s 10 s'")
    times = tuple(quantity.duration(f"{value} {unit}") for value, unit in pairs)
    if list(times) != sorted(set(times)):
        raise ValueError(f"found '{text[:60]}', expected times that rise")
    return times


def _changes(value: object) -> object:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(item, str) for item in texts):
        raise ValueError("found a mapping, expected a change such as 5 mV, or a list of them")
    found: dict[str, float] = {}
    for text in texts:
        size, unit = quantity.change(text)
        if unit not in ("V", "A", "Ah") or unit in found:
            raise ValueError(
                f"found '{text}', expected one change each of voltage, current, charge"
            )
        found[unit] = size
    return found


class RecordRule(Strict):
    """When a row is kept; a step's both edges always are.

    `every` seconds, on a change of voltage, current or charge, so many a decade of step time, or at
    given step times: whichever comes first.
    """

    every: Seconds | None = None
    or_change: Annotated[dict[str, float], BeforeValidator(_changes)] | None = None
    log_time: Annotated[int, from_text(_per_decade)] | None = None
    at: Annotated[tuple[float, ...], from_text(_at_times)] | None = None

    @model_validator(mode="after")
    def _keeps_something(self) -> RecordRule:
        if not self.model_fields_set:
            raise ValueError("found no rule, expected for example {every: 10 s, or_change: 5 mV}")
        return self

    def planned(self) -> dict[str, Any]:
        """Return the rule as the fields of a `benchlab.model.program.StepPlan`."""
        change = self.or_change or {}
        return {
            "every_second": math.inf if self.every is None else self.every,
            "or_change_volt": change.get("V", math.inf),
            "or_change_ampere": change.get("A", math.inf),
            "or_change_ah": change.get("Ah", math.inf),
            "log_per_decade": self.log_time or 0,
            "at_second": self.at or (),
        }
