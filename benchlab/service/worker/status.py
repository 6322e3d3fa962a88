"""How a channel stands, as it is told."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from benchlab.model.estimate import estimate
from benchlab.platform import unix_ns
from benchlab.service.worker.life import Life

if TYPE_CHECKING:
    from benchlab.service.worker.queue import Queue

__all__ = ["snapshot_of", "status_of"]


def status_of(life: Life, queue: Queue) -> dict[str, Any]:
    """Return everything that is known of a channel."""
    standing, run = life.standing, life.standing.run
    order = run.get("order", {})
    known = ("id", "file", "cell", "protocol", "operator", "started_utc", "held_by", "off")
    told: dict[str, Any] = {
        "state": standing.state,
        "why": standing.why,
        "run": {**{name: run.get(name, "") for name in known}, "item": order.get("item", "")}
        if run
        else None,
        "queue": queue.brief(),
        "closing": list(standing.closing),
        "alarms": life.shop.alarms.standing(life.name),
        "instrument": dict(life.rig.facts()),
        "reading": _reading(life),
        "step": _step(life),
        "question": life.listening.asked.asked or None,
        "left_second": _left(life),
    }
    told["instrument"].pop("guardian", None)
    return told


def snapshot_of(life: Life) -> dict[str, Any]:
    """Return the newest reading and where the run stands; empty: there is none."""
    if not life.standing.active:
        return {}
    reading = _reading(life)
    if not reading:
        return {}
    step = _step(life) or {}
    return {"channel": life.name, "state": life.standing.state, **reading, **step}


def _reading(life: Life) -> dict[str, Any]:
    """Return the newest reading; its age counts from when the instrument took it."""
    reading = life.newest.reading()
    if reading:
        reading["age_second"] = round((unix_ns() - reading["unix_time_nanosecond"]) / 1e9, 3)
    return reading


def _step(life: Life) -> dict[str, Any] | None:
    progress = life.listening.progress
    if progress is None:
        return None
    plan = progress.plan
    return {
        "step_count": progress.step_count,
        "step_id": plan.step_id,
        "step_label": plan.label,
        "step_type": plan.step_type,
        "step_text": plan.text,
        "cycle_count": progress.cycle_count,
    }


def _left(life: Life) -> float | None:
    """Return about how many seconds are left, from the estimate of the whole; None: not known."""
    program, reading = life.listening.program, life.newest.reading()
    if program is None or not life.standing.active:
        return None
    if life.listening.about_second is None:
        life.listening.about_second = estimate(program).whole.record().get("about_second") or 0.0
    about = float(life.listening.about_second)
    if not about:
        return None
    return round(max(0.0, about - float(reading.get("test_time_second", 0.0))), 1)
