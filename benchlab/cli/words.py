"""Types of arguments that several commands take."""

from __future__ import annotations

import argparse

__all__ = ["seed"]


def seed(text: str) -> int:
    """Return the seed of a simulation's random numbers.

    Raises
    ------
    argparse.ArgumentTypeError
        It is no whole number from 0 to 2**63 - 1.
    """
    if not text.isascii() or not text.isdigit() or len(text) > 19 or int(text) >= 2**63:
        raise argparse.ArgumentTypeError(
            f"found {text[:40]!r}, expected a whole number from 0 to {2**63 - 1}"
        )
    return int(text)
