"""A run of a program on a simulated cell, kept in memory: what its curves will look like."""

from __future__ import annotations

import time
from array import array
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from benchlab.bench.clock import VirtualClock
from benchlab.bench.prepare import prepare
from benchlab.bench.twin import TwinSpec
from benchlab.bench.worker import RunWorker
from benchlab.cli.ask import operator_for
from benchlab.cli.step_words import span
from benchlab.model.cell import Cell
from benchlab.model.columns import ROW_COLUMNS
from benchlab.model.program import Program
from benchlab.service.around import around
from benchlab.service.channel import Channel

__all__ = ["Preview", "preview"]

MOST_CPU_SECOND = 20.0
MOST_WALL_SECOND = 60.0
WARMTH_SECOND = 30.0
"""The cell's temperature is looked up at most so often."""
_TIME, _VOLT, _AMPERE = (
    ROW_COLUMNS.index(name) for name in ("test_time_second", "voltage_volt", "current_ampere")
)


@dataclass
class Preview:
    """The rows that a simulated run recorded, and how it ended.

    Attributes
    ----------
    celsius : array
        Of the cell's surface, as the simulated cell knows it.
    edge_second : list of float
        Where steps ended.
    note : str
        How far it went, and why not further.
    """

    second: array[float] = field(default_factory=lambda: array("d"))
    volt: array[float] = field(default_factory=lambda: array("d"))
    ampere: array[float] = field(default_factory=lambda: array("d"))
    celsius: array[float] = field(default_factory=lambda: array("d"))
    edge_second: list[float] = field(default_factory=list)
    note: str = ""


class _Kept:
    """A sink that keeps what is drawn, and asks for the end of the run when it has enough."""

    def __init__(self, kept: Preview, twin: Any, most_second: float) -> None:
        self.kept = kept
        self.why = ""
        self.worker: RunWorker | None = None
        self._twin = twin
        self._most = most_second
        self._cpu, self._wall = time.process_time(), time.monotonic()
        self._warm, self._warmed = float("nan"), float("-inf")

    def row(self, *values: float) -> None:
        kept, second = self.kept, values[_TIME]
        if second - self._warmed >= WARMTH_SECOND:
            self._warm, self._warmed = self._twin.surface_temperature_celsius(), second
        kept.second.append(second)
        kept.volt.append(values[_VOLT])
        kept.ampere.append(values[_AMPERE])
        kept.celsius.append(self._warm)
        if not self.why:
            self._look(second)

    def _look(self, second: float) -> None:
        if second >= self._most:
            self.why = f"the first {span(self._most)}, as asked for"
        elif len(self.kept.second) % 64 == 0 and (
            time.process_time() - self._cpu > MOST_CPU_SECOND
            or time.monotonic() - self._wall > MOST_WALL_SECOND
        ):
            self.why = f"the first {span(second)}: {MOST_CPU_SECOND:g} s of computing were over"
        if self.why and self.worker is not None:
            self.worker.stop(self.why)

    def step(self, content: Mapping[str, Any]) -> None:
        if self.kept.second:
            self.kept.edge_second.append(self.kept.second[-1])

    def event(self, content: Mapping[str, Any]) -> None:
        pass

    def spectrum(self, content: Mapping[str, Any]) -> None:
        pass

    def state(self, content: Mapping[str, Any]) -> None:
        if self.kept.second and not self.why:
            self._look(max(self.kept.second[-1], content["test_time_second"]))

    def end(self, content: Mapping[str, Any]) -> None:
        pass

    def clock(self, content: Mapping[str, Any]) -> None:
        pass

    def intent(self, content: Mapping[str, Any]) -> None:
        pass


def preview(
    program: Program,
    cell: Cell,
    channel: Channel,
    sensors: Sequence[Channel] = (),
    chamber: Channel | None = None,
    *,
    most_second: float = float("inf"),
    fresh: bool = False,
    seed: int = 0,
) -> Preview:
    """Carry a program out on a simulated cell, through the driver, on a virtual clock.

    Parameters
    ----------
    channel : Channel
        Its instrument is simulated, whatever its resource.
    most_second : float
        Of simulated time; `MOST_CPU_SECOND` of computing bound it too.

    Raises
    ------
    benchlab.errors.BenchError
        It could not start.
    """
    clock = VirtualClock()
    spec = TwinSpec(cell.type.name, program.capacity_ah, seed, fresh=fresh)
    source, twin = replace(channel, resource="").simulate(clock, spec)
    kept = Preview()
    beside = [Channel(sensor.driver, "") for sensor in sensors]
    climate = None if chamber is None else Channel(chamber.driver, "")
    try:
        source.open()
        seen = prepare(source, program.limits)
        sink = _Kept(kept, twin, most_second)
        with around(beside, climate, clock, twin, program.limits, lambda _: None) as surroundings:
            worker = RunWorker(
                program,
                source,
                clock,
                sink,
                seen,
                surroundings=surroundings,
                operator=operator_for(program, {}, cell.id, lambda _: None),
                cell_id=cell.id,
            )
            sink.worker = worker
            outcome = worker.run()
    finally:
        source.close()
    if outcome.end_reason == "stopped" and sink.why:
        kept.note = sink.why
    else:
        last = kept.second[-1] if kept.second else 0.0
        text = outcome.text.strip().rpartition("\n")[2]
        kept.note = f"the whole run, {span(last)}; {outcome.end_reason}: {text}"
    kept.note += _too_warm(kept, program)
    return kept


def _too_warm(kept: Preview, program: Program) -> str:
    """Return a warning where the simulated cell left the limits of temperature."""
    spans = (program.limits.charging_celsius, program.limits.otherwise_celsius)
    most = max((span[1] for span in spans if span is not None), default=float("inf"))
    warmest = max(kept.celsius, default=0.0)
    if not warmest > most:
        return ""
    return f"; the cell's surface comes to {warmest:.0f} degC, its limit is {most:g} degC"
