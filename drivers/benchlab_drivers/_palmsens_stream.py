"""What a stream of packages says: rows, ends of steps, and what was lost between them; pure."""

from __future__ import annotations

import math

from benchlab.bench.ends import End
from benchlab.bench.executor import ExecutorEvent, ExecutorRow, Fetched, StepEnd
from benchlab.model.flags import RowFlag
from benchlab_drivers.wire.methodscript import Package, Status, Variable
from benchlab_drivers.wire.methodscript_models import Model
from benchlab_drivers.wire.methodscript_steps import Ended

__all__ = ["Stream"]

EDGE_SECOND = 0.005
HEAD = ("ee", "ja", "jb", "eb")
VOLTS, AMPERES = ("ab", "da"), ("ba", "db")
SPECTRUM = ("dc", "cc", "cd")
REASONS: dict[Ended, str] = {
    Ended.UNKNOWN: "",
    Ended.VOLTAGE: End.VOLTAGE,
    Ended.CURRENT: End.CURRENT,
    Ended.CAPACITY: End.CAPACITY,
    Ended.TIME: End.TIME,
    Ended.HOLD_TIME: End.HOLD_TIME,
    Ended.AT_MOST: End.AT_MOST,
    Ended.COMPLETE: End.TIME,
    Ended.HIGH_VOLTAGE: End.VOLTAGE_LIMIT,
    Ended.LOW_VOLTAGE: End.VOLTAGE_LIMIT,
    Ended.OVER_CURRENT: "current_limit",
}


class Stream:
    """The packages of one test, in order, until a host has fetched them.

    Attributes
    ----------
    last : ExecutorRow or None
        The newest row.
    heard : int
        The number of the newest package.
    """

    def __init__(self, model: Model) -> None:
        self._model = model
        self.last: ExecutorRow | None = None
        self.heard = 0
        self._kept: list[tuple[int, ExecutorRow | StepEnd]] = []
        self._events: list[ExecutorEvent] = []

    def add(self, package: Package, heard: float = math.nan) -> bool:
        """Take a package that came at clock seconds `heard`.

        False: it is none of ours, and nothing of it was kept.
        """
        head, rest = package.variables[:4], package.variables[4:]
        if tuple(v.type for v in head) != HEAD or not all(v.integer for v in head[:3]):
            return False
        number, step, ran = (round(v.value) for v in head[:3])
        if number <= self.heard or step < 1:
            return False
        item = self._item(number, step, ran, head[3].value, rest)
        if item is None:
            return False
        if isinstance(item, ExecutorRow):
            self.last = item = item._replace(heard=heard)
        self.heard = number
        self._kept.append((number, item))
        return True

    def tell(self, kind: str, text: str) -> None:
        """Keep an event for the next fetch."""
        self._events.append(ExecutorEvent(kind, text, self.heard))

    def fetch(self, since: int) -> Fetched:
        """Return what came after a package; what is older is forgotten."""
        self._kept = [entry for entry in self._kept if entry[0] > since]
        events, self._events = self._events, []
        gaps = []
        before = since
        for number, _ in self._kept:
            if number != before + 1:
                lost = number - before - 1
                gaps.append(
                    ExecutorEvent("gap", f"{lost} packages were lost before this one", before)
                )
            before = number
        return Fetched(
            cursor=before,
            rows=tuple(item for _, item in self._kept if isinstance(item, ExecutorRow)),
            ends=tuple(item for _, item in self._kept if isinstance(item, StepEnd)),
            events=(*gaps, *events),
        )

    def _item(
        self, number: int, step: int, ran: int, second: float, rest: tuple[Variable, ...]
    ) -> ExecutorRow | StepEnd | None:
        kinds = tuple(v.type for v in rest)
        values = [v.value for v in rest]
        if kinds == ("jc",):
            return self._end(number, step, ran, second, values[0])
        if not kinds or kinds[0] not in VOLTS:
            return None
        flags = RowFlag(0)
        if any(v.status & Status.OVERLOAD or math.isnan(v.value) for v in rest):
            flags |= RowFlag.OVERRANGE
        if len(kinds) == 1:
            flags |= RowFlag.OPEN_CIRCUIT
            return ExecutorRow(number, step, ran, second, values[0], 0.0, flags=int(flags))
        if kinds[1:] == SPECTRUM:
            named = {
                "frequency_hertz": values[1],
                "real_impedance_ohm": values[2],
                "imaginary_impedance_ohm": values[3],
            }
            return ExecutorRow(
                number, step, ran, second, values[0], 0.0, flags=int(flags), values=named
            )
        if len(kinds) != 2 or kinds[1] not in AMPERES:
            return None
        full = self._model.full_scale(rest[1].range)
        named = {} if math.isnan(full) else {"current_range_ampere": full}
        volt, ampere = values
        return ExecutorRow(number, step, ran, second, volt, ampere, flags=int(flags), values=named)

    def _end(self, number: int, step: int, ran: int, second: float, code: float) -> StepEnd | None:
        known = {int(reason) for reason in Ended}
        if code not in known:
            return None
        row = self.last
        mine = row is not None and (row.step, row.cycle) == (step, ran)
        return StepEnd(
            step=step,
            cycle=ran,
            last_sequence=number - 1,
            second=second,
            half_width_second=EDGE_SECOND,
            voltage=row.voltage if row is not None and mine else math.nan,
            current=row.current if row is not None and mine else math.nan,
            reason=REASONS[Ended(int(code))],
        )
