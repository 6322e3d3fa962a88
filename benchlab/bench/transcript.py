"""What went over an instrument's line last, for the file of a run in which something failed.

A driver with a line keeps it as ``line``: ``line.transcript.text(now)`` tells its last exchanges,
bounded and without passwords, and ``line.stop`` is the flag that its waits see. Both may be
missing: a simulated instrument in this process has no line.
"""

from __future__ import annotations

__all__ = ["hurry", "transcript_of"]


def transcript_of(source: object, now: float) -> str:
    """Return the last exchanges of an instrument's line, a line each; empty where it has none.

    Parameters
    ----------
    now : float
        Clock seconds that the times are counted from.
    """
    kept = getattr(getattr(source, "line", None), "transcript", None)
    return str(kept.text(now)) if kept else ""


def hurry(source: object) -> None:
    """Have an instrument that does not answer waited for no longer: the output is to go off now."""
    stop = getattr(getattr(source, "line", None), "stop", None)
    if stop is not None:
        stop.set()
