"""What the bench asks of an instrument that runs the protocol itself: an `Executor`.

The host compiles, starts, fetches what was recorded, and judges it. If the host dies, the test goes
on; the next host attaches, and where the instrument is `replayable` no row is lost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import NamedTuple, Protocol

from benchlab.bench.roles import Identity, OffProof, RangeAccuracy, Reading
from benchlab.model.program import Control, Program

__all__ = [
    "Attached",
    "ChannelState",
    "ChannelStatus",
    "Compiled",
    "Executor",
    "ExecutorCapabilities",
    "ExecutorEvent",
    "ExecutorRow",
    "Fetched",
    "StepEnd",
]


class ChannelState(StrEnum):
    """What a channel says of itself."""

    IDLE = "idle"
    """Nothing was started since it was switched on."""
    RUNNING = "running"
    PAUSED = "paused"
    """Interrupted, and could go on; the circuit is open."""
    FINISHED = "finished"
    """The program came to its end."""
    STOPPED = "stopped"
    """Somebody ended it."""
    TRIPPED = "tripped"
    """A protection of the instrument ended it."""


@dataclass(frozen=True, slots=True)
class ExecutorCapabilities:
    """What is true of an instrument that runs the protocol itself.

    Attributes
    ----------
    controls : frozenset of Control
        What a step may regulate; `Executor.compile` says the rest.
    replayable : bool
        Rows stay in the instrument and are fetched by cursor: a host that was away loses none.
        Else it only streams, and what nobody heard is a gap.
    counts : bool
        It has counters of charge and energy of its own.
    channels : tuple of str
        Their names, as `Executor` methods take them.
    period_second : tuple of (float, float)
        Fastest and slowest interval of recorded rows.
    fetch_second : float
        Ask no more often than this.
    stop_bound_second : float
        `Executor.stop` returns within it.
    host_dies : str
        What the cell sees if the host dies, in one sentence.
    arms : tuple of (str, str)
        Which limits of a run it keeps by itself, and how, as in
        `benchlab.bench.roles.Capabilities`.
    off_leak_ampere : float or None
        Largest current that what `off_leaves` names draws from the cell; None: nobody stated it.
    hardware_cccv : bool
        It goes over from constant current to constant voltage without the host.
    """

    voltage_volt: tuple[float, float]
    current_ampere: tuple[float, float]
    power_watt: float
    controls: frozenset[Control]
    replayable: bool
    counts: bool
    channels: tuple[str, ...]
    period_second: tuple[float, float]
    fetch_second: float
    stop_bound_second: float
    off_leaves: str
    host_dies: str
    measures_when_off: bool = True
    off_leak_ampere: float | None = None
    hardware_cccv: bool = True
    arms: tuple[tuple[str, str], ...] = ()
    current_ranges: tuple[RangeAccuracy, ...] = ()
    voltage_ranges: tuple[RangeAccuracy, ...] = ()


@dataclass(frozen=True, slots=True)
class Compiled:
    """A program in the instrument's own words; only the driver that made it reads `content`.

    Attributes
    ----------
    content : bytes
        What the instrument gets.
    step_ids : Mapping of int to int
        For each of the instrument's step numbers that is a step of the program, its ``step_id``;
        several may share one. Its loops, marks and its end have none.
    continues : frozenset of int
        Step numbers that go on with the step before them where both belong to one step of the
        program: the constant voltage after a constant current.
    notes : tuple of str
        What differs from the protocol and is to be printed before the start.
    """

    content: bytes
    step_ids: Mapping[int, int]
    continues: frozenset[int] = frozenset()
    notes: tuple[str, ...] = ()


class ExecutorRow(NamedTuple):
    """One recorded row. Current and charge are positive into the positive terminal, always.

    Attributes
    ----------
    sequence : int
        The instrument's own number of the row: 1, 2, 3, … where it is replayable.
    step, cycle : int
        The instrument's step number, and its loop counter (0: it has none); of one that streams,
        how many steps began so far. A step begins where one of them changes or `step_second`
        falls.
    step_second : float
        Since the step began, by the instrument's clock.
    voltage, current : float
        Volts and amperes.
    charge_ah, energy_wh : float
        The instrument's counters since the step began, net; NaN: it has none.
    unix_ns : int
        The instrument's own wall clock, as coarse as it tells it; 0: it does not.
    temperature : float
        Degrees Celsius; NaN without a sensor.
    flags : int
        Bits of `benchlab.model.flags.RowFlag`.
    values : Mapping
        What else the instrument recorded, by name with its unit: ``current_range_ampere``; of a
        point of a spectrum ``frequency_hertz``, ``real_impedance_ohm``,
        ``imaginary_impedance_ohm``.
    heard : float
        Clock seconds at which a row that is streamed came; NaN: it was fetched.
    """

    sequence: int
    step: int
    cycle: int
    step_second: float
    voltage: float
    current: float
    charge_ah: float = math.nan
    energy_wh: float = math.nan
    unix_ns: int = 0
    temperature: float = math.nan
    flags: int = 0
    values: Mapping[str, float] = MappingProxyType({})
    heard: float = math.nan


class StepEnd(NamedTuple):
    """A step that the instrument ended, after the row `last_sequence`.

    Attributes
    ----------
    second : float
        How long it lasted, by the instrument's clock.
    half_width_second : float
        Of the time at which it ended.
    charge_ah, energy_wh : float
        The instrument's counters at its end, net; NaN: it has none.
    reason : str
        One of `benchlab.bench.ends.End`, or what the instrument calls it; empty: it does not say,
        and the reason is read from the plan and the last row.
    """

    step: int
    cycle: int
    last_sequence: int
    second: float
    half_width_second: float
    voltage: float
    current: float
    charge_ah: float = math.nan
    energy_wh: float = math.nan
    reason: str = ""


class ExecutorEvent(NamedTuple):
    """Something that the instrument says happened.

    Attributes
    ----------
    kind : str
        ``trip``, ``pause``, ``gap`` (rows that were lost), ``instrument`` (anything else).
    sequence : int
        The last row before it; 0: before the first.
    gap_second : float
        Of a ``gap``: how long nobody heard; NaN: not known.
    """

    kind: str
    text: str
    sequence: int = 0
    unix_ns: int = 0
    gap_second: float = math.nan


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came since a cursor, in the order it was recorded.

    Attributes
    ----------
    cursor : int
        What the next `Executor.fetch` begins after; the same cursor gives the same again where the
        instrument is replayable.
    more : bool
        There is more waiting: fetch again at once.
    """

    cursor: int
    rows: tuple[ExecutorRow, ...] = ()
    ends: tuple[StepEnd, ...] = ()
    events: tuple[ExecutorEvent, ...] = ()
    more: bool = False


@dataclass(frozen=True, slots=True)
class ChannelStatus:
    """Where a channel stands.

    Attributes
    ----------
    run_id : str
        The instrument's own name of the test that it runs or ran last; empty: it has none.
    step, cycle : int
        As in `ExecutorRow`; 0 where none is under way.
    text : str
        In the instrument's words.
    """

    state: ChannelState
    run_id: str = ""
    step: int = 0
    cycle: int = 0
    voltage: float = math.nan
    current: float = math.nan
    text: str = ""


@dataclass(frozen=True, slots=True)
class Attached:
    """What stood at the channel when a host came to it; nothing was changed.

    Attributes
    ----------
    limits : Mapping of str to float
        What the instrument says of its own protections, as far as it can be asked.
    """

    identity: Identity
    status: ChannelStatus
    limits: Mapping[str, float] = field(default_factory=dict)


class Executor(Protocol):
    """An instrument that runs the protocol itself.

    One owner; no method but `safe` is called concurrently. The worker journals its intent before
    `start` and `stop`.
    """

    capabilities: ExecutorCapabilities

    def open(self) -> Identity:
        """Connect and identify; a test that runs is left alone.

        Raises
        ------
        benchlab.errors.LinkError, benchlab.errors.IdentityError
        """

    def attach(self, channel: str) -> Attached:
        """Connect and say what runs at a channel; never resets, never changes a state.

        Raises
        ------
        benchlab.errors.LinkError, benchlab.errors.IdentityError
        """

    def look(self, channel: str) -> Reading:
        """See the cell without any current.

        Raises
        ------
        benchlab.errors.InstrumentRefused
            A test runs there.
        """

    def compile(self, program: Program) -> Compiled:
        """Return the program in the instrument's own words; nothing is sent.

        Raises
        ------
        benchlab.errors.Unsupported
            Naming step, line and field of what the instrument cannot express.
        """

    def start(self, channel: str, compiled: Compiled, name: str) -> str:
        """Start a program under a name, and return the instrument's name of the test.

        It returns only when the instrument says that the test runs, or has ended already.

        Raises
        ------
        benchlab.errors.InstrumentRefused, benchlab.errors.LinkError
        """

    def status(self, channel: str) -> ChannelStatus:
        """Ask where a channel stands."""

    def fetch(self, channel: str, run_id: str, since: int) -> Fetched:
        """Return what was recorded after a cursor; 0: from the first row on.

        Raises
        ------
        benchlab.errors.LinkError
        benchlab.errors.InstrumentRefused
            The instrument does not hold that test any more.
        """

    def pause(self, channel: str) -> str:
        """Ask for a pause with the circuit open; return when that will be, in words.

        Raises
        ------
        benchlab.errors.Unsupported
            It cannot, and why.
        benchlab.errors.InstrumentRefused, benchlab.errors.LinkError
        """

    def resume(self, channel: str) -> None:
        """Go on after a pause, or take back one that was asked for.

        Raises
        ------
        benchlab.errors.Unsupported, benchlab.errors.InstrumentRefused, benchlab.errors.LinkError
        """

    def skip(self, channel: str, step: int) -> None:
        """End the step under way, and go on with the instrument's step of that number.

        Raises
        ------
        benchlab.errors.Unsupported, benchlab.errors.InstrumentRefused, benchlab.errors.LinkError
        """

    def stop(self, channel: str) -> OffProof:
        """End the test; return when the status confirms it, or the stated bound has passed.

        Raises
        ------
        benchlab.errors.LinkError
        """

    def recover(self) -> None:
        """Trust the line again after a failure: open it anew, the same instrument.

        Raises
        ------
        benchlab.errors.BenchError
        """

    def safe(self, channel: str) -> OffProof:
        """Stop and prove it; idempotent, never raises."""

    def close(self) -> None:
        """Release the line and leave the test alone; never raises."""
