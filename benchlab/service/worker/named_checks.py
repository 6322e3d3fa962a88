"""The checks before a start, each with its name: looked at beforehand, made again at the start."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from benchlab.errors import BenchError, ChannelBusy, Unsupported
from benchlab.model.checks import Severity
from benchlab.model.estimate import estimate
from benchlab.service.bench_entries import ChannelEntry
from benchlab.service.checking import remarks_on
from benchlab.service.foreground import RunOptions, check_paths
from benchlab.service.worker.beside import chamber_span, remote_chamber
from benchlab.service.worker.channel_limits import narrowed
from benchlab.service.worker.life import Life
from benchlab.service.worker.occupancy import refuse_taken
from benchlab.service.worker.order import Made, Order, file_for, made
from benchlab.store.journal import run_folder

__all__ = ["WAIVABLE", "checked", "named_checks", "told_of"]

WAIVABLE = frozenset({"calibration"})
"""What may be started without, by name."""


@dataclass(frozen=True, slots=True)
class NamedCheck:
    """One check: passed, or the error that refuses the start."""

    name: str
    text: str = ""
    error: BenchError | None = None
    waived: bool = False

    def record(self) -> dict[str, Any]:
        """Return it as it is told."""
        error = self.error
        return {
            "name": self.name,
            "ok": error is None or self.waived,
            "text": self.text if error is None else error.what,
            "where": "" if error is None else error.where,
            "remedy": "" if error is None else error.remedy,
            "waivable": self.name in WAIVABLE,
            "waived": self.waived,
        }


def named_checks(life: Life, order: Order) -> tuple[list[NamedCheck], Made | None]:
    """Make every check that needs no instrument; return them, and the program if there is one."""
    found: list[NamedCheck] = []
    out: list[Made] = []

    def check(name: str, make: Callable[[], str]) -> None:
        waived = name in order.waive and name in WAIVABLE
        try:
            found.append(NamedCheck(name, make()))
        except BenchError as error:
            found.append(NamedCheck(name, "", error, waived))

    def protocol() -> str:
        out.append(made(order))
        program = out[0].program
        return f"{program.name}: {len(program.steps)} steps, {program.cycles()} cycles at most"

    check("protocol", protocol)
    if out:
        cell = replace(order, cell_id=out[0].cell.id)
        check("instrument", lambda: _instrument(life, out[0]))
        check("channel_limits", lambda: _limits(life.entry, out[0]))
        check("cell", lambda: _cell(life, cell))
        check("file", lambda: _file(life, order, out[0]))
        check("beside", lambda: _beside(life, out[0]))
    check("channel", lambda: _free(life))
    check("owner", lambda: _owned(life))
    check("interlocks", lambda: _interlocks(life))
    check("calibration", lambda: _calibrated(life.entry))
    return found, out[0] if out else None


def checked(life: Life, order: Order) -> tuple[Order, Made]:
    """Return an order that passes every check, with what was found out.

    Raises
    ------
    benchlab.errors.BenchError
        Of the first check that refuses it.
    """
    found, program = named_checks(life, order)
    for item in found:
        if item.error is not None and not item.waived:
            raise item.error
    if program is None:
        raise AssertionError(found)
    return replace(order, cell_id=program.cell.id), program


def told_of(life: Life, order: Order) -> dict[str, Any]:
    """Return the answer to ``check``."""
    found, program = named_checks(life, order)
    records = [item.record() for item in found]
    told: dict[str, Any] = {"ok": all(item["ok"] for item in records), "checks": records}
    if program is not None:
        told["notes"] = list(program.program.notes)
        told["estimate"] = estimate(program.program).whole.record()
        remarks = remarks_on(
            program.program,
            program.cell,
            life.rig.channel,
            *life.shop.bench.around(life.name),
            refusing=False,
        )
        told["remarks"] = [
            {
                "name": item.name,
                "severity": str(item.severity),
                "where": item.where,
                "text": item.reason,
                "remedy": item.remedy,
            }
            for item in remarks
        ]
    return told


def _instrument(life: Life, found: Made) -> str:
    around = life.shop.bench.around(life.name)
    remarks = remarks_on(found.program, found.cell, life.rig.channel, *around)
    warnings = sum(item.severity is Severity.WARNING for item in remarks)
    return f"{life.rig.channel.driver} can do it; {warnings} warnings"


def _limits(entry: ChannelEntry, found: Made) -> str:
    limits = narrowed(found.program, entry.limits).limits
    for step in found.program.steps:
        bound = limits.charge_ampere if step.direction >= 0 else limits.discharge_ampere
        volts = [v for v in (step.hold_volt, step.end_volt) if v == v and step.end_volt_own]
        ampere = abs(step.current_ampere)
        where = f"{step.source}:{step.line}, {step.field}"
        if ampere > bound * (1.0 + 1e-9):
            raise Unsupported(
                f"the step asks for {ampere:g} A, the channel carries {bound:g} A.",
                where=where,
                remedy="Take another channel, or change the step.",
            )
        for volt in volts if step.driven else ():
            if not limits.low_volt - 1e-9 <= volt <= limits.high_volt + 1e-9:
                raise Unsupported(
                    f"the step goes to {volt:g} V, the channel's limits are {limits.low_volt:g} V"
                    f" to {limits.high_volt:g} V.",
                    where=where,
                    remedy="Take another channel, or change the step.",
                )
    return f"{limits.low_volt:g} V to {limits.high_volt:g} V"


def _cell(life: Life, order: Order) -> str:
    refuse_taken(life.shop.folder, life.name, order)
    return f"{order.cell_id or 'a cell without id'} is on no other channel"


def _file(life: Life, order: Order, found: Made) -> str:
    path = file_for(order, found, life.shop.data)
    options = RunOptions(life.rig.channel, path, reserve_bytes=life.shop.reserve)
    check_paths(options, run_folder(path))
    return path.name


def _beside(life: Life, found: Made) -> str:
    """See that what stands around the cell answers, and that its chamber can be shared."""
    bench, entry = life.shop.bench, life.entry
    relay = entry.relay.instrument if entry.relay is not None else ""
    names = [name for name in (*entry.sensors, entry.chamber, relay) if name]
    for name in names:
        if not bench.device(name).simulated:
            life.shop.devices.line(name).fresh()
    program = narrowed(found.program, entry.limits)
    chamber = remote_chamber(life.shop, entry, life.name, program)
    if chamber is not None:
        chamber.may_join(*chamber_span(program.limits, chamber.capabilities))
    return f"{', '.join(names)} answer" if names else "nothing stands around the cell"


def _interlocks(life: Life) -> str:
    life.shop.interlocks.refuse(life.name)
    names = life.shop.interlocks.of(life.name)
    return f"closed: {', '.join(names)}" if names else "none"


def _free(life: Life) -> str:
    standing = life.standing
    if standing.active and not (standing.state == "held" and _given_up(life)):
        raise ChannelBusy(
            f"a test is {standing.state} here; nothing was started.",
            where=f"channel {life.name}",
            remedy="Stop it and close its file first (stop), or resume it."
            if standing.state == "held"
            else "Stop it first, or put this one into the queue.",
        )
    return "free"


def _given_up(life: Life) -> bool:
    """Say whether an operator stopped the run that is held: another start closes its file."""
    run = life.standing.run
    return run.get("held_by") == "operator" and bool(run.get("off", {}).get("proven"))


def _owned(life: Life) -> str:
    life.rig.claim()
    return "this worker owns it"


def _calibrated(entry: ChannelEntry) -> str:
    due = entry.calibration_due
    if due is None:
        return "no date is set"
    if due < datetime.now(UTC).date():
        raise Unsupported(
            f"the calibration of this channel was due on {due.isoformat()}; nothing was started.",
            remedy="Have it calibrated and change the date, or waive 'calibration' by name.",
        )
    return f"due on {due.isoformat()}"
