"""The messages between the parts of a bench: one line of JSON each, versioned and bounded."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from benchlab import errors
from benchlab.errors import BenchError, PartSilent, UsageError

__all__ = ["LONGEST", "OLDEST", "VERSION", "decode", "encode", "error_from", "facts_of", "line_of"]

VERSION = 1
OLDEST = 1
"""The oldest version that is still understood: runs outlive an upgrade of everything else."""
LONGEST = 1 << 20
"""Bytes of a line, at most."""


def _refuse(text: str) -> Any:
    raise ValueError(f"{text} is no number of JSON")


_read = json.JSONDecoder(parse_constant=_refuse).decode
_write = json.JSONEncoder(separators=(",", ":"), allow_nan=False, default=str).encode


def encode(content: Mapping[str, Any]) -> bytes:
    """Return a message as a line; numbers that JSON has no name for become null."""
    message = {"v": VERSION, **content}
    try:
        text = _write(message)
    except ValueError:
        text = _write(_finite(message))
    return text.encode() + b"\n"


def decode(line: bytes) -> dict[str, Any]:
    """Return the message of a line.

    Raises
    ------
    benchlab.errors.UsageError
        It is no message, or of a version that is not understood.
    """
    try:
        message = _read(line.decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise UsageError(
            f"a line of {len(line)} bytes is no message ({str(error)[:120]}); it was ignored.",
            remedy="Send one JSON object a line.",
        ) from None
    if not isinstance(message, dict):
        raise UsageError(
            f"found a message that is a {type(message).__name__}, expected an object.",
            remedy='Send for example {"v": 1, "id": 1, "do": "hello"}.',
        )
    version = message.get("v")
    if not isinstance(version, int) or not OLDEST <= version <= VERSION:
        raise UsageError(
            f"found a message of version {str(version)[:20]}, understood are {OLDEST} to"
            f" {VERSION}; it was ignored.",
            remedy="Use a benchlab of the same version on both sides.",
        )
    return message


def line_of(pending: bytearray, part: bytes) -> list[bytes]:
    """Add what came in to what waits, and return the lines that are whole now.

    Raises
    ------
    benchlab.errors.UsageError
        A line is longer than any message.
    """
    pending += part
    if b"\n" not in part:
        if len(pending) > LONGEST:
            raise _too_long()
        return []
    *lines, rest = bytes(pending).split(b"\n")
    if max(len(rest), *map(len, lines)) > LONGEST:
        raise _too_long()
    pending[:] = rest
    return [line for line in lines if line.strip()]


def _too_long() -> UsageError:
    return UsageError(
        f"found a line of more than {LONGEST} bytes; the connection was closed.",
        remedy="Send one message a line, and no data.",
    )


def facts_of(error: BaseException) -> dict[str, str]:
    """Return an error as it goes over the line."""
    if isinstance(error, BenchError):
        return {
            "kind": type(error).__name__,
            "what": error.what,
            "where": error.where,
            "remedy": error.remedy,
        }
    return {
        "kind": "Bug",
        "what": f"this is a mistake in benchlab ({type(error).__name__}: {error}).",
        "where": "",
        "remedy": "Report it with what the part's log says (.benchlab/logs).",
    }


def error_from(facts: object) -> BenchError:
    """Return the error that came over the line, of the class that it had there."""
    if not isinstance(facts, dict):
        return PartSilent("found an answer that is none.", remedy="Update both sides.")
    name = str(facts.get("kind", ""))
    kind = getattr(errors, name) if name in errors.__all__ else PartSilent
    if kind is errors.GarbledAnswer:
        kind = errors.LinkError
    found: BenchError = kind(
        str(facts.get("what", "")),
        where=str(facts.get("where", "")),
        remedy=str(facts.get("remedy", "")),
    )
    return found


def _finite(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _finite(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(item) for item in value]
    if isinstance(value, float) and not -1e308 <= value <= 1e308:
        return None
    return value
