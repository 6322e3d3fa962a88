"""What becomes of a channel whose worker died: the output made safe, the run taken over or held."""

from __future__ import annotations

import time
from pathlib import Path

from benchlab.errors import BenchError, LinkError
from benchlab.platform import unix_ns
from benchlab.service.worker.life import Life
from benchlab.store.journal import run_folder
from benchlab.store.journal_read import has_journal, read_journal

__all__ = ["after_crash", "finish_closing"]

PATIENCE_SECOND = 60.0
"""How long an instrument may take to answer again: after a power cut it starts, too."""
AGAIN_SECOND = 0.25


def finish_closing(life: Life) -> None:
    """Have the files written that an earlier worker did not see finished."""
    for name in life.standing.closing:
        life.closing.left(Path(name))


def after_crash(life: Life) -> None:
    """Bring a channel's run to where it goes on, or is held; the standing says which."""
    standing = life.standing
    before, folder = life.found, run_folder(life.path)
    life.keep()
    if not _begun(folder):
        _never_began(life, folder)
        return
    if _ended(life, folder):
        return
    safe = life.rig.executes or _safe(life)
    if before == "held":
        life.put("held", standing.why)
        if not safe:
            _not_safe(life)
        return
    if not safe:
        _hold(life, "its worker died, and the output could not be proven off")
        _not_safe(life)
        return
    if before == "paused" and not life.rig.executes:
        _hold(life, "its worker died while it was paused")
        return
    if life.entry.on_interruption == "hold" and not life.rig.executes:
        _hold(life, "its worker died, and this channel holds then")
        return
    text = standing.why or "its worker was ended"
    life.put("starting", f"{text}; it is taken over")
    end = time.monotonic() + PATIENCE_SECOND
    while True:
        try:
            life.go_on(text)
        except LinkError as error:
            if time.monotonic() < end and not life.stop_asked and not life.leaves:
                life.put("starting", f"waits for the instrument: {error.what}")
                time.sleep(AGAIN_SECOND)
                continue
            _hold(life, f"its worker died, and it could not be gone on with: {error}")
        except BenchError as error:
            if life.stop_asked:
                life.put("held", str(error), held_by="operator", held_unix_ns=unix_ns())
                return
            _hold(life, f"its worker died, and it could not be gone on with: {error}")
        return


def _begun(folder: Path) -> bool:
    if not folder.is_dir() or not has_journal(folder):
        return False
    try:
        return bool(read_journal(folder, take=lambda _: None).head)
    except BenchError:
        return True  # it is not this one's to throw away


def _ended(life: Life, folder: Path) -> bool:
    """Take note of a run whose closing record is there: only its file was not said to be begun."""
    try:
        end = read_journal(folder, take=lambda _: None).end
    except BenchError:
        return False
    if end is None:
        return False
    life.put_aside()
    life.standing.closing = [*life.standing.closing, str(life.path)]
    reason = end.get("end_reason", "")
    life.put("done" if reason == "done" else "stopped", str(end.get("end_text", "")), end=end)
    life.closing.left(life.path)
    return True


def _never_began(life: Life, folder: Path) -> None:
    """Put a channel back whose worker died before its run had a head."""
    proof = None if life.rig.executes else life.rig.safe()
    if life.path.exists():
        life.put("done", "its file is closed")
        return
    waits = life.standing.run.get("order", {}).get("item") in {
        item.get("item") for item in life.standing.queue
    }
    life.put_aside()
    off = "" if proof is None else f"; the output: {proof.evidence}"
    why = f"the worker died before the test began{off}"
    life.put("done" if waits else "failed", why)
    if not waits:
        life.alarm("interrupted", why, did="nothing was recorded; start it again")


def _safe(life: Life) -> bool:
    """Have the output off and proven; its guardian may be doing so just now."""
    end = time.monotonic() + PATIENCE_SECOND
    while True:
        try:
            proof = life.rig.safe()
        except BenchError as error:
            life.shop.note(str(error))
        else:
            life.off = proof
            if proof.proven:
                off = {"proven": True, "evidence": proof.evidence}
                run = life.standing.run
                if not (run.get("off") or {}).get("proven"):
                    run["off_unix_ns"] = unix_ns()
                life.standing.run["off"] = off
                return True
        if time.monotonic() > end or life.stop_asked or life.leaves:
            return False
        time.sleep(AGAIN_SECOND)


def _hold(life: Life, why: str) -> None:
    life.alarm("interrupted", why, did="the run is held, its journal open")
    life.put("held", why, held_by="fault", held_unix_ns=unix_ns())


def _not_safe(life: Life) -> None:
    who = life.rig.last_resort()
    life.alarm("output", f"the output could not be proven off; {who}", did=who)
