"""What ``--channel`` names: a driver on a resource, or a simulated instrument in this process."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any

from benchlab import plugins
from benchlab.bench.clock import Clock
from benchlab.bench.executor import Executor, ExecutorCapabilities
from benchlab.bench.roles import Capabilities, Source
from benchlab.bench.twin import Twin, TwinSpec
from benchlab.errors import UsageError

__all__ = ["Channel", "parse_channel", "with_model"]


@dataclass(frozen=True, slots=True)
class Channel:
    """A driver and where its instrument is; an empty resource means simulated in this process."""

    driver: str
    resource: str
    number: str = ""
    """Which channel of an instrument with several; empty: the first, or the only one."""
    model: str = ""
    """Which of a family of instruments is simulated or checked against; empty: the default one."""

    @property
    def executes(self) -> bool:
        """Whether the instrument runs the protocol by itself."""
        module = plugins.plugin("drivers", self.driver)
        return isinstance(module.CAPABILITIES, ExecutorCapabilities)

    def executor(self, clock: Clock, spec: TwinSpec) -> tuple[Executor, Twin | None]:
        """Return the driver of an instrument that runs the protocol by itself; nothing was sent.

        Raises
        ------
        benchlab.errors.LinkError
        """
        module = plugins.plugin("drivers", self.driver)
        if not self.simulated:
            return module.connect(self.resource, clock), None
        which = {"channel": self.number} if self.number else {}
        made: tuple[Executor, Twin] = module.simulate(clock, spec, **which, **self._of_model())
        return made

    def _of_model(self) -> dict[str, str]:
        return {"model": self.model} if self.model else {}

    def capabilities(self) -> Capabilities | ExecutorCapabilities:
        """Return what is true of a source or executor before it is opened, of its model if named.

        Raises
        ------
        benchlab.errors.UsageError
            Where it drives no cell: a sensor or a chamber.
        """
        module = plugins.plugin("drivers", self.driver) if self.executes else self.module()
        of_model: dict[str, Capabilities | ExecutorCapabilities] = (
            module.CAPABILITIES_OF_MODEL if self.model else {"": module.CAPABILITIES}
        )
        return of_model[self.model]

    @property
    def simulated(self) -> bool:
        """Whether the instrument is simulated in this process."""
        return not self.resource

    def module(self) -> ModuleType:
        """Return the driver's module.

        Raises
        ------
        benchlab.errors.UsageError
            Where it drives no cell: a sensor or a chamber.
        """
        module = plugins.plugin("drivers", self.driver)
        if not isinstance(module.CAPABILITIES, Capabilities):
            raise UsageError(
                f"{self.driver} drives no cell: it stands around one.",
                remedy="Name a source; `benchlab drivers` lists the role of each.",
            )
        return module

    def connect(self, clock: Clock) -> Source:
        """Return the driver on an open line; nothing was sent yet.

        Raises
        ------
        benchlab.errors.LinkError
        """
        source: Source = self.module().connect(self.resource, clock)
        return source

    def simulate(self, clock: Clock, spec: TwinSpec) -> tuple[Source, Twin]:
        """Return the driver on its simulated instrument, and the cell behind it."""
        made: tuple[Source, Twin] = self.module().simulate(clock, spec, **self._of_model())
        return made

    def beside(self, clock: Clock, twin: Twin | None) -> Any:
        """Return a sensor or chamber: on its line, or simulated beside the cell of another one.

        Raises
        ------
        benchlab.errors.UsageError
            The driver has another role, or there is no simulated cell to stand beside.
        """
        module = plugins.plugin("drivers", self.driver)
        if not hasattr(module, "simulate_beside"):
            raise UsageError(
                f"{self.driver} is no sensor and no chamber.",
                remedy="`benchlab drivers` lists what there is, with its role.",
            )
        if not self.simulated:
            return module.connect(self.resource, clock)
        if twin is None:
            raise UsageError(
                f"sim:{self.driver} stands beside a simulated cell, and there is none.",
                remedy="Use --channel sim:DRIVER, or the resource of a real one.",
            )
        return module.simulate_beside(clock, twin)


def capabilities_beside(channel: Channel) -> Any:
    """Return what is true of a sensor or chamber, before it is opened."""
    return getattr(plugins.plugin("drivers", channel.driver), "CAPABILITIES", None)


def with_model(channel: Channel, model: str) -> Channel:
    """Return the channel of an instrument of this model.

    Raises
    ------
    benchlab.errors.UsageError
        The driver knows no such model.
    """
    module = plugins.plugin("drivers", channel.driver)
    known: dict[str, Any] = getattr(module, "CAPABILITIES_OF_MODEL", {})
    plain = {name.replace(" ", "").lower(): name for name in known}
    name = plain.get(model.replace(" ", "").lower())
    if name is None:
        raise UsageError(
            f"{channel.driver} knows no model {model!r}.",
            remedy=f"Its models: {', '.join(known)}." if known else "Leave --model out.",
        )
    return replace(channel, model=name)


def parse_channel(text: str) -> Channel:
    """Return the channel that a text names.

    Raises
    ------
    benchlab.errors.UsageError
    """
    words, _, number = text.partition("#")
    driver, separator, resource = words.partition("@")
    if words.startswith("sim:"):
        driver, separator, resource = words.removeprefix("sim:"), "@", ""
    elif not separator or not driver or not resource:
        raise UsageError(
            f"found the channel {text!r}.",
            remedy="Write DRIVER@RESOURCE, for example"
            " keithley2450@TCPIP::192.168.0.5::5025::SOCKET, or sim:DRIVER.",
        )
    if number in ("", "1"):
        return Channel(driver, resource)
    channel = Channel(driver, resource, number)
    several = driver in plugins.names("drivers") and channel.executes
    known = plugins.plugin("drivers", driver).CAPABILITIES.channels if several else ("1",)
    if len(known) == 1 or (number.isdigit() and number not in known):
        raise UsageError(
            f"found channel #{number}; {driver} has"
            f" {'one channel' if len(known) == 1 else f'{len(known)} channels'}.",
            remedy="Leave #... out." if len(known) == 1 else f"Write #1 to #{known[-1]}.",
        )
    return channel
