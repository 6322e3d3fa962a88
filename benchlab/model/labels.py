"""Names in a protocol: one word each, so that a sentence can hold them."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import AfterValidator

__all__ = ["CycleKind", "Label", "label"]

CycleKind = Literal["cycle", "formation cycle", "check-up", "imposed cycle", "no cycle"]
_LABEL = re.compile(r"[A-Za-z_][\w-]*")
_RESERVED = ("C", "nominal", "area", "mass", "first")
_LONGEST_LABEL = 60


def label(text: str) -> str:
    """Return a name as it is.

    Raises
    ------
    ValueError
        It is none.
    """
    if _LABEL.fullmatch(text) is None or text in _RESERVED or len(text) > _LONGEST_LABEL:
        raise ValueError(
            f"found '{text[:60]}', expected one word of up to {_LONGEST_LABEL} letters, digits, _"
            f" and - that is none of {', '.join(_RESERVED)}"
        )
    return text


Label = Annotated[str, AfterValidator(label)]
