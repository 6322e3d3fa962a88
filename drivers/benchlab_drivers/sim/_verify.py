"""Has the same safe conversation with a real instrument and with its simulated twin.

The driver itself talks, so that what is compared is what a run will use. A source is identified,
opened, looked at, armed and made safe, twice; it drives no current. An executor is identified,
looked at and asked for its status; a chamber, a relay or a sensor is opened and read. Nothing is
started, switched on or set beyond what `open` and `arm` set.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from benchlab import plugins
from benchlab.bench.clock import Clock, RealClock
from benchlab.bench.executor import ChannelState, ExecutorCapabilities
from benchlab.bench.roles import ArmLimits, Capabilities
from benchlab.bench.twin import TwinSpec
from benchlab.errors import (
    BenchError,
    CellCheckError,
    IdentityError,
    InstrumentRefused,
    OutputNotProvenOff,
)
from benchlab_drivers.sim import simulator
from benchlab_drivers.sim._box import Box, Timers
from benchlab_drivers.sim._compare import Compared, compare, merged
from benchlab_drivers.sim._makers import Maker
from benchlab_drivers.sim._ports import TcpPort
from benchlab_drivers.wire.ask_around import Found, ask_all
from benchlab_drivers.wire.transport import open_transport

__all__ = ["BOUND_VOLT", "Verified", "verify"]

BOUND_VOLT = 0.1
"""More than this at the terminals is something connected."""
HIGH_VOLT = 4.3
NO_CELL = "no cell"
BUSY = frozenset({ChannelState.RUNNING, ChannelState.PAUSED})
ASK_SECOND = 1.0


@dataclass(slots=True)
class Told:
    """What one of the two did: each stage by name, and the conversation."""

    stages: dict[str, str] = field(default_factory=dict)
    exchanges: list[Any] = field(default_factory=list)
    volt: float = math.nan
    """At the terminals; NaN: nothing is connected, or it is no instrument for a cell."""


@dataclass(frozen=True, slots=True)
class Verified:
    """The comparison.

    Attributes
    ----------
    real : Found
        Who answered.
    stages : tuple of (str, str, str)
        Name of a stage, and what came of it on the real and on the simulated one.
    compared : list of Compared
    """

    driver: str
    real: Found
    stages: tuple[tuple[str, str, str], ...]
    compared: list[Compared]

    @property
    def differences(self) -> int:
        """How many there are, stages that ended otherwise included."""
        return sum(len(item.differences) for item in self.compared) + sum(
            real != twin for _, real, twin in self.stages
        )


def verify(
    name: str,
    resource: str,
    *,
    channel: str = "1",
    connected: bool = False,
    bound_volt: float = BOUND_VOLT,
) -> Verified:
    """Compare a real instrument with its simulated twin.

    Parameters
    ----------
    name : str
        The driver.
    channel : str
        Of an executor.
    connected : bool
        Something may hang on the terminals; else the conversation ends before anything is armed.

    Raises
    ------
    benchlab.errors.IdentityError
        Another instrument answers, or none; it was asked for its identity only.
    benchlab.errors.InstrumentRefused
        Its output is on, or a test runs: it was left alone.
    benchlab.errors.CellCheckError
        Something is connected; the output is off.
    benchlab.errors.OutputNotProvenOff
    """
    module = plugins.plugin("drivers", name)
    simulator(name)
    (who,) = ask_all([Found(resource, "given")], ASK_SECOND)
    if name not in who.drivers:
        found = " ".join(filter(None, (who.maker, who.model, who.said))) or "no answer"
        raise IdentityError(
            f"expected the instrument of {name}, found {who.state}: {found}. It was asked for its"
            " identity only.",
            where=resource,
            remedy="Check the address (benchlab discover).",
        )
    clock = RealClock()
    if isinstance(module.CAPABILITIES, Capabilities):
        _refuse_output_on(resource, clock)
    real = _talk(module, resource, clock, channel, None if connected else bound_volt)
    with _served(name, clock, away=math.isnan(real.volt)) as twin_resource:
        twin = _talk(module, twin_resource, clock, channel, None)
    stages = tuple(
        (stage, real.stages.get(stage, ""), twin.stages.get(stage, ""))
        for stage in {**real.stages, **twin.stages}
    )
    return Verified(name, who, stages, compare(real.exchanges, twin.exchanges))


def _refuse_output_on(resource: str, clock: Clock) -> None:
    line = open_transport(resource, clock, timeout_second=ASK_SECOND)
    try:
        state = line.query(b":OUTP?\n")
    finally:
        line.close()
    if state.strip() != b"0":
        raise InstrumentRefused(
            f"its output is on (OUTP? reads {state!r}): it was left alone.",
            where=resource,
            remedy="End what it does, and switch its output off.",
        )


@contextmanager
def _served(name: str, clock: Clock, *, away: bool) -> Iterator[str]:
    """Serve a twin in this process, with nothing connected if wished."""
    module = simulator(name)
    spec = TwinSpec("nmc811_graphite_pouch")
    if hasattr(module, "serve_stream"):
        server = module.serve_stream(module.make(clock, spec), 0)
        try:
            yield server.resource
        finally:
            server.close()
        return
    box = Box(name, Maker(name, clock, spec), (), Timers())
    if away:
        box.carry_out(lambda i: i.take_cell_away() if hasattr(i, "take_cell_away") else None)
    box.port = TcpPort(box)
    box.port.appear()
    try:
        yield box.port.resource
    finally:
        box.port.vanish()


def _talk(module: Any, resource: str, clock: Clock, channel: str, bound_volt: float | None) -> Told:
    """Have the conversation; `bound_volt` is None where anything may be connected."""
    told = Told()
    driver = module.connect(resource, clock)
    try:
        if isinstance(module.CAPABILITIES, Capabilities):
            _source(told, driver, module.CAPABILITIES, resource, bound_volt)
        elif isinstance(module.CAPABILITIES, ExecutorCapabilities):
            _executor(told, driver, channel, resource, bound_volt)
        else:
            _stage(told, "open", driver.open)
            for _ in range(2):
                _stage(told, "read", driver.read)
    finally:
        told.exchanges = merged(list(driver.line.transcript))
        driver.close()
    return told


def _stage(told: Told, name: str, go: Callable[[], Any]) -> Any:
    """Do one thing, and keep how it ended."""
    try:
        result = go()
    except BenchError as error:
        told.stages[name] = type(error).__name__
        return error
    told.stages[name] = "done"
    return result


def _source(
    told: Told, driver: Any, can: Capabilities, resource: str, bound_volt: float | None
) -> None:
    ampere = can.current_ampere[1] / 100.0
    try:
        _stage(told, "open", driver.open)
        if told.stages["open"] == "done":
            seen = _stage(told, "look", lambda: driver.look(HIGH_VOLT))
            if isinstance(seen, CellCheckError):
                told.stages["look"] = NO_CELL
            elif not isinstance(seen, BenchError):
                told.volt = _connected(seen.voltage, bound_volt, resource)
            limits = ArmLimits(2.5, HIGH_VOLT, ampere, ampere)
            _stage(told, "arm", lambda: driver.arm(limits))
            _stage(told, "read", driver.read)
    finally:
        for _ in range(2):
            proof = driver.safe()
        told.stages["safe"] = "proven" if proof.proven else "not proven"
        if not proof.proven:
            raise OutputNotProvenOff(
                f"the output could not be proven off ({'; '.join(proof.problems)}).",
                where=resource,
                remedy="Switch the instrument off by hand now.",
            )


def _executor(
    told: Told, driver: Any, channel: str, resource: str, bound_volt: float | None
) -> None:
    _stage(told, "open", driver.open)
    status = _stage(told, "status", lambda: driver.status(channel))
    if isinstance(status, BenchError):
        return
    if status.state in BUSY:
        raise InstrumentRefused(
            f"a test runs on channel {channel} ({status.state.value}); it was left alone.",
            where=resource,
            remedy="Wait for its end, or take another channel.",
        )
    seen = _stage(told, "look", lambda: driver.look(channel))
    if not isinstance(seen, BenchError):
        told.volt = _connected(seen.voltage, bound_volt, resource)


def _connected(volt: float, bound_volt: float | None, resource: str) -> float:
    """Return the voltage at the terminals, NaN where nothing is connected."""
    if not abs(volt) > BOUND_VOLT:
        return math.nan
    if bound_volt is not None and abs(volt) > bound_volt:
        raise CellCheckError(
            f"something is connected: {volt:.3f} V, more than {bound_volt:g} V. The output is off,"
            " and nothing was armed.",
            where=resource,
            remedy="Disconnect it, or write --connected.",
        )
    return volt
