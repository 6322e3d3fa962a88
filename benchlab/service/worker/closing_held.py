"""Closes the file of a run that is held: nobody will go on with it."""

from __future__ import annotations

from typing import Any

from benchlab.errors import BenchError, OutputNotProvenOff
from benchlab.platform import unix_ns
from benchlab.service.takeover import read_left, take_over
from benchlab.service.worker.life import Life
from benchlab.service.worker.order import utc_now
from benchlab.store.journal import run_folder
from benchlab.store.journal_read import has_journal

__all__ = ["close_held"]


def close_held(life: Life, operator: str, text: str) -> dict[str, Any]:
    """Switch off where that is not proven, append the closing record, have the file written.

    Raises
    ------
    benchlab.errors.OutputNotProvenOff
        It stays held.
    benchlab.errors.BenchError
        The journal cannot be completed; it stays held.
    """
    run = life.standing.run
    off = dict(run.get("off") or {})
    if not off.get("proven"):
        proof = life.rig.safe()
        off = {"proven": proof.proven, "evidence": proof.evidence}
        if not proof.proven:
            raise OutputNotProvenOff(
                f"the output could not be proven off ({'; '.join(proof.problems)}); the run stays"
                " held.",
                where=f"channel {life.name}",
                remedy="Switch the instrument off by hand now.",
            )
    end = dict(run.get("end") or {}) or {
        "end_reason": "stopped",
        "end_text": f"{text}; {life.standing.why}",
        "lateness": {},
    }
    end |= {"output_proven_off": True, "off_evidence": off["evidence"], "closed_utc": utc_now()}
    known = {"off": off, "end": end, "held_by": ""}
    if life.going is not None:
        life.going.event("close", operator, text)
        if not life.close(life.going, "stopped", text, known):
            raise OutputNotProvenOff(life.standing.why) if not off["proven"] else _not_closed(life)
        return off
    _complete(life, operator, text, end)
    life.standing.closing = [*life.standing.closing, run["file"]]
    life.put("stopped", text, **known)
    life.closing.left(life.path)
    return off


def _complete(life: Life, operator: str, text: str, end: dict[str, Any]) -> None:
    """Append what is missing of a run that no worker of this process began."""
    folder = life.put_aside()
    if not has_journal(run_folder(life.path)):
        return
    try:
        left = read_left(folder)
        if left.ended:
            return
        off = int(life.standing.run.get("off_unix_ns") or 0)
        taken = take_over(left, life.rig.clock, how=text, off_unix_ns=off)
        try:
            now = life.rig.clock.now - taken.onward.began
            event = {"kind": "close", "actor": operator, "text": text}
            taken.journal.event(
                {"test_time_second": now, "unix_time_nanosecond": unix_ns(), **event}
            )
            taken.journal.end(end)
            taken.journal.close()
        finally:
            taken.journal.release()
    except BenchError:
        life.keep()
        raise


def _not_closed(life: Life) -> BenchError:
    from benchlab.errors import StorageError

    return StorageError(life.standing.why, remedy="Free space, and stop it again.")
