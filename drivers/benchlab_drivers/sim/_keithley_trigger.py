"""The trigger model of a simulated 2450, 2460 or 2461: blocks carried out as time passes.

Blocks, timer 1 and the ready-made loops as far as programs seen in public use them. From the
reference manual 2450-901-01: what the blocks do, that a timer's event stays until a wait block has
taken it, that several of them are one, and that "DurationLoop" switches the output on. Unconfirmed:
how long a block takes (nothing here; a sample takes its integration times, automatic zero or not).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from benchlab_drivers.sim._keithley_meter import make_reader
from benchlab_drivers.sim.scpi import BAD_VALUE, ScpiError, boolean, choice, number, text

if TYPE_CHECKING:
    from benchlab_drivers.sim._keithley_smu import SimulatedKeithley

__all__ = ["TriggerModel"]

LOOPS = {"simpleloop": "SimpleLoop", "durationloop": "DurationLoop", "empty": "Empty"}
IDLE, RUNNING = "IDLE;IDLE;1", "RUNNING;RUNNING;1"
MOST_BLOCKS_AT_ONCE = 10_000
"""A model that goes round without ever waiting or measuring ends here."""
CONFLICT = ScpiError(-221, "Settings conflict")
Block = tuple[Any, ...]


@dataclass
class Timer:
    """A trigger timer; its events are `period` apart from when it was started."""

    period: float = 10e-6
    count: int = 1
    at_start: bool = False
    stimulus: str = "NONE"
    on: bool = False
    began: float = math.nan
    taken: int = -1

    def start(self, at: float) -> None:
        """Begin to count."""
        self.began, self.taken = at, -1 if self.at_start else 0

    def event(self, at: float) -> float:
        """Return when the next event that nobody took comes, or came; infinity for never."""
        if not self.on or self.began != self.began:
            return math.inf
        past = math.floor((at - self.began) / self.period + 1e-9)
        self.taken = max(self.taken + 1, past)
        if self.count and self.taken > self.count:
            return math.inf
        return max(at, self.began + self.taken * self.period)


class TriggerModel:
    """Blocks by number, the timer, and where the model stands while it runs."""

    def __init__(self, k: SimulatedKeithley) -> None:
        self._k = k
        self.blocks: dict[int, Block] = {}
        self.timer = Timer()
        self._readers: dict[str, Callable[[float], bytes]] = {}
        self._walk: Iterator[float] | None = None
        self._due = math.inf
        _install(k, self)

    @property
    def running(self) -> bool:
        """Whether it was started and has not come to its end."""
        return self._walk is not None

    def state(self) -> str:
        """Return what TRIG:STAT? answers."""
        return RUNNING if self.running else IDLE

    def forget(self) -> None:
        """Take note that a setting changed which a reading depends on."""
        self._readers.clear()

    def load(self, name: str, args: list[str]) -> None:
        """Load SimpleLoop (count, delay, buffer), DurationLoop (seconds, ...) or Empty."""
        self.blocks = {}
        if name == "Empty":
            return
        amount = number(args, 0, low=0.0, high=1e9, default=1.0, count=None)
        delay = number(args, 1, low=0.0, high=1e5, default=0.0, count=None) if args[1:] else 0.0
        self._k.buffer(args, 2)
        buffer = text(args, 2) if args[2:] else "defbuffer1"
        last = ("until", 3, amount, delay) if name == "DurationLoop" else ("count", 3, amount)
        first = ("output", name == "DurationLoop")
        body = [("clear", buffer), first, ("delay", delay), ("measure", buffer, 1), last]
        if name != "DurationLoop":
            body[1] = ("nothing",)
        self.blocks = dict(enumerate(body, 1))

    def start(self) -> None:
        """Start at block 1."""
        if self._walk is not None:
            raise ScpiError(-213, "Init ignored")
        if not self.blocks:
            raise CONFLICT
        self.timer.began = math.nan
        self._walk = self._walked(self._k.now)
        self._due = -math.inf
        self.run_to(self._k.now)

    def stop(self) -> None:
        """Abort; the output stays as it is."""
        self._walk, self._due = None, math.inf

    def run_to(self, now: float) -> None:
        """Carry out what is due until then."""
        while self._due <= now and self._walk is not None:
            try:
                self._due = next(self._walk)
            except StopIteration:
                self.stop()
            except ScpiError as error:
                self.stop()
                self._k.refuse(error)

    def _walked(self, at: float) -> Iterator[float]:
        """Walk through the blocks; yield the clock second of each sample before it is taken."""
        k, began, place, at_once = self._k, at, 1, 0
        rounds: dict[int, int] = {}
        while place in self.blocks and at_once < MOST_BLOCKS_AT_ONCE:
            number_, (kind, *words) = place, self.blocks[place]
            place, at_once = place + 1, at_once + 1
            if kind == "measure":
                for _ in range(words[1]):
                    yield at + 0.5 * k.aperture
                    self._reader(words[0])(at + 0.5 * k.aperture)
                    at += k.sample_second
                at_once = 0
            elif kind == "delay":
                at += words[0]
            elif kind == "wait":
                at = self.timer.event(at)
                if at == math.inf:
                    yield at
                at_once = 0
            elif kind == "notify":
                if self.timer.stimulus == f"NOT{words[0]}" and self.timer.on:
                    self.timer.start(at)
            elif kind == "clear":
                k.buffers[words[0]].clear()
            elif kind == "output":
                k.switch(words[0])
            elif kind == "always":
                place = words[0]
            elif kind == "count":
                rounds[number_] = rounds.get(number_, 0) + 1
                if rounds[number_] < words[1]:
                    place = words[0]
                else:
                    rounds[number_] = 0
            elif kind == "until" and at + words[2] + 0.5 * k.aperture <= began + words[1]:
                place = words[0]

    def _reader(self, name: str) -> Callable[[float], bytes]:
        reader = self._readers.get(name)
        if reader is None:
            reader = self._readers[name] = make_reader(self._k, self._k.buffers[name], ("READ",))
        return reader


def _whole(args: list[str], place: int, low: int = 1) -> int:
    return int(number(args, place, low=low, high=1e9, default=low, count=None))


def _install(k: SimulatedKeithley, model: TriggerModel) -> None:
    """Put the commands of trigger model and timers into the tree."""

    def load(args: list[str]) -> None:
        name = LOOPS.get(text(args, 0).lower())
        if name is None:
            raise BAD_VALUE
        model.load(name, args[1:])

    def measure(args: list[str]) -> None:
        k.buffer(args, 1)
        many = _whole(args, 2) if args[2:] else 1
        model.blocks[_whole(args, 0)] = (
            "measure",
            text(args, 1) if args[1:] else "defbuffer1",
            many,
        )

    def clear(args: list[str]) -> None:
        k.buffer(args, 1)
        model.blocks[_whole(args, 0)] = ("clear", text(args, 1) if args[1:] else "defbuffer1")

    def wait(args: list[str]) -> None:
        choice(args[1:], ("TIMer1",))
        model.blocks[_whole(args, 0)] = ("wait",)

    def delay(args: list[str]) -> None:
        second = number(args, 1, low=0.0, high=1e5, default=0.0, count=None)
        model.blocks[_whole(args, 0)] = ("delay", second)

    def count(args: list[str]) -> None:
        model.blocks[_whole(args, 0)] = ("count", _whole(args, 2), _whole(args, 1))

    def block(kind: str) -> Callable[[list[str]], None]:
        def put(args: list[str]) -> None:
            model.blocks[_whole(args, 0)] = (kind, _whole(args, 1))

        return put

    def output(args: list[str]) -> None:
        model.blocks[_whole(args, 0)] = ("output", boolean(args[1:]))

    root = "TRIGger:BLOCk"
    k.add("TRIGger:LOAD", set=load)
    k.add(f"{root}:BUFFer:CLEar", set=clear)
    k.add(f"{root}:MEASure", set=measure)
    k.add(f"{root}:MDIGitize", set=measure)
    k.add(f"{root}:WAIT", set=wait)
    k.add(f"{root}:NOTify", set=block("notify"))
    k.add(f"{root}:DELay:CONStant", set=delay)
    k.add(f"{root}:BRANch:ALWays", set=block("always"))
    k.add(f"{root}:BRANch:COUNter", set=count)
    k.add(f"{root}:SOURce:STATe", set=output)
    k.add("TRIGger:STATe", query=lambda a: model.state())
    k.add("INITiate[:IMMediate]", set=lambda a: model.start())
    k.add("ABORt", set=lambda a: model.stop())
    _install_timer(k, model.timer)


def _install_timer(k: SimulatedKeithley, timer: Timer) -> None:
    root = "TRIGger:TIMer[1]"

    def period(args: list[str]) -> None:
        timer.period = number(args, low=8e-6, high=1e5, default=10e-6)

    def count(args: list[str]) -> None:
        timer.count = int(number(args, low=0, high=1_048_575, default=1))

    def at_start(args: list[str]) -> None:
        timer.at_start = boolean(args)

    def stimulus(args: list[str]) -> None:
        timer.stimulus = args[0].upper().replace("NOTIFY", "NOT")

    def on(args: list[str]) -> None:
        timer.on = boolean(args)

    k.add(f"{root}:DELay", set=period, query=lambda a: f"{timer.period:.6E}")
    k.add(f"{root}:COUNt", set=count, query=lambda a: str(timer.count))
    k.add(f"{root}:STARt:GENerate", set=at_start, query=lambda a: str(int(timer.at_start)))
    k.add(f"{root}:STARt:STIMulus", set=stimulus, query=lambda a: timer.stimulus)
    k.add(f"{root}:STATe", set=on, query=lambda a: str(int(timer.on)))
