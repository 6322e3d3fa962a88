"""One thing that a check found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["Finding"]


@dataclass(frozen=True, slots=True)
class Finding:
    """What is wrong, and where.

    Attributes
    ----------
    kind : str
        ``digest``, ``unreadable``, ``time``, ``doubled rows``, ``missing rows``,
        ``missing columns``, ``step rows``, ``gap``, ``charge``, ``energy``, ``counter``,
        ``unfinished step``, ``limits``, ``interrupted``, ``journal``, ``journal tail``,
        ``output``, ``protocol``, ``document`` or ``corrections``.
    step, row : int or None
        The first place.
    """

    kind: str
    text: str
    step: int | None = None
    row: int | None = None

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as for JSON."""
        return asdict(self)

    def __str__(self) -> str:
        places = [
            f"{name} {value}"
            for name, value in (("step", self.step), ("row", self.row))
            if value is not None
        ]
        return f"{self.kind}: {self.text}" + (f" (first: {', '.join(places)})" if places else "")
