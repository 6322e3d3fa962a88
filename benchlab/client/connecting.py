"""Finds the bench that is meant: here, by name, or elsewhere by its address."""

from __future__ import annotations

import os
from getpass import getuser

from benchlab.client.bench import Bench
from benchlab.client.hub_line import HubLine
from benchlab.errors import UsageError
from benchlab.service.benches import bench_named

__all__ = ["connect", "who"]


def connect(
    bench: str | os.PathLike[str] = "",
    *,
    operator: str = "",
    token: str = "",
    certificate: str = "",
) -> Bench:
    """Return a bench to ask; nothing is started and nothing changes.

    Parameters
    ----------
    bench : str or path
        A bench's folder, its name as ``benchlab up`` keeps it, or the address of a hub elsewhere.
        Empty: the environment's ``BENCHLAB_BENCH``, else the bench of this folder.
    operator : str
        Who asks; empty: ``BENCHLAB_OPERATOR``, else the user of this computer.
    token, certificate : str
        For a hub elsewhere: the user's own token (or ``BENCHLAB_TOKEN``), and the file of the
        certificate that it shows, where this computer does not know it.

    Raises
    ------
    benchlab.errors.UsageError
        No token, or none that is needed.
    benchlab.errors.FileMissing
        There is no such bench.
    """
    word = os.fspath(bench) or os.environ.get("BENCHLAB_BENCH", "")
    name = who(operator)
    if not word.startswith(("http://", "https://")):
        if token or certificate:
            raise UsageError(
                "a token is for a hub at an address, and this bench is a folder.",
                remedy="Leave it out, or name the bench as https://HOST:PORT.",
            )
        return Bench(bench_named(word), operator=name)
    token = token or os.environ.get("BENCHLAB_TOKEN", "")
    if not token:
        raise UsageError(
            "a hub at an address asks for a user's token, and there is none.",
            where=word,
            remedy="Set BENCHLAB_TOKEN to the token that 'benchlab user add NAME' gave there.",
        )
    return Bench(hub=HubLine(word, token, certificate), operator=name)


def who(operator: str) -> str:
    """Return who asks: the name given, that of the environment, or this computer's user."""
    found = operator.strip() or os.environ.get("BENCHLAB_OPERATOR", "").strip()
    if found:
        return found
    try:
        return getuser()
    except (OSError, KeyError, ImportError):
        raise UsageError("nobody is named who does this.", remedy="Add --operator NAME.") from None
