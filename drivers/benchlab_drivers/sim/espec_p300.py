"""A simulated ESPEC chamber with a P-300 controller around a simulated cell, speaking its bytes.

Nothing here was compared with a real chamber. Unconfirmed: 20 ms until the controller answers (on
top of the characters' time at 9600 baud), the texts of ``TYPE?`` and ``ROM?``, that a set point
outside H and L is refused, the alarm number of the limits, that an alarm stops the chamber and
refuses every start until it is reset at the panel. Programs, humidity, timers and addresses are not
simulated.
"""

from __future__ import annotations

import re
from collections.abc import Callable

from benchlab.bench.clock import Clock, VirtualClock
from benchlab.bench.twin import Surrounded, TwinSpec
from benchlab_drivers.sim._alone import AloneCell
from benchlab_drivers.sim._chamber_air import ChamberAir
from benchlab_drivers.sim._errors import Drawing, gaussians

__all__ = ["SimulatedP300", "make"]

TURNAROUND_SECOND = 0.02
CHARACTER_SECOND = 10.0 / 9600.0
FOLLOW_SECOND = 10.0
STILL_KELVIN = 2e-4
LOWEST, HIGHEST = -50.0, 160.0
OFFSET_KELVIN, SCATTER_KELVIN = 0.3, 0.03
LIMIT_ALARM, LIMIT_MARGIN_KELVIN = 3, 0.5
STUCK_CELSIUS = 1000.0
MODES = ("OFF", "STANDBY", "CONSTANT")
WORDS = re.compile(r"([SHL])(-?\d{1,3}(?:\.\d)?)(?: |$)")


class Refused(Exception):
    """Answered with ``NA:`` and this reason."""


def make(clock: Clock, spec: TwinSpec) -> SimulatedP300:
    """Make a simulated chamber with the cell of `spec` in it, at nobody's terminals.

    Raises
    ------
    benchlab.errors.UsageError
        Where there is no such cell.
    """
    return SimulatedP300(clock, AloneCell(clock, spec), seed=spec.seed, ideal=spec.ideal)


class SimulatedP300:
    """The chamber, and the cell in its air.

    On a virtual clock the cell's surroundings follow the air every 10 s while it moves; on a real
    one only when the chamber is asked something.

    Attributes
    ----------
    mode : str
    set_celsius, high_celsius, low_celsius : float
        As the panel shows them.
    offset_kelvin : float
        What the chamber's own sensor reads too much.
    alarms : list of int
    echo_back, protected : bool
        Settings of the panel: whether it answers at all, whether it may be set.
    """

    def __init__(
        self, clock: Clock, twin: Surrounded, *, seed: int = 0, ideal: bool = False
    ) -> None:
        self._clock = clock
        self._twin = twin
        self._air = ChamberAir(clock.now)
        self._noise = gaussians(seed).__next__
        self._scatter = 0.0 if ideal else SCATTER_KELVIN
        self.offset_kelvin = Drawing([seed, 300], ideal=ideal).bounded(OFFSET_KELVIN)
        self.mode = "STANDBY"
        self.set_celsius, self.high_celsius, self.low_celsius = 25.0, HIGHEST, LOWEST
        self.alarms: list[int] = []
        self.echo_back, self.protected = True, False
        self._stuck = self._waiting = False
        self._around = float("nan")
        self._queries: dict[str, Callable[[], str]] = {
            "TYPE?": lambda: f"T,S2,{HIGHEST:.1f}",
            "ROM?": lambda: "P3N1.00",
            "MON?": lambda: f"{self._shown():.1f},,{self.mode},{len(self.alarms)}",
            "TEMP?": self._temperatures,
            "MODE?": lambda: self.mode,
            "CONSTANT SET?,TEMP": lambda: f"{self.set_celsius:.1f},ON",
            "ALARM?": lambda: ",".join(map(str, [len(self.alarms), *self.alarms])),
            "%?": lambda: f"1,{self._air.heater_percent(clock.now):.1f}",
            "KEYPROTECT?": lambda: "OFF",
        }

    def exchange(self, request: bytes) -> bytes:
        """Carry out one or more whole lines and return the reply bytes, if any."""
        replies = b""
        for line in request.split(b"\n"):
            if line.strip():
                replies += self._exchange_line(line.strip().decode("ascii", errors="replace"))
        return replies

    def air_celsius(self) -> float:
        """Return the true temperature of the air at this instant of the clock."""
        return self._air.at(self._clock.now)

    # --- what happens at the chamber ----------------------------------------------------------

    def panel_set(self, celsius: float) -> None:
        """Change the set point by hand."""
        self.set_celsius = celsius
        self._regulate()

    def panel_mode(self, mode: str) -> None:
        """Change the operation by hand; ``RUN`` stands for a program."""
        self.mode = mode
        self._regulate()

    def raise_alarm(self, number: int) -> None:
        """Stop with an alarm; an overheat protector cuts a heater that is stuck."""
        self.alarms.append(number)
        self.mode = "STANDBY"
        self._stuck = False
        self._regulate()

    def panel_reset(self) -> None:
        """Clear the alarms by hand."""
        self.alarms.clear()

    def weld_heater(self) -> None:
        """Let a contactor of the heater stick: it heats whatever the controller says."""
        self._stuck = True
        self._regulate()

    # --- the line -----------------------------------------------------------------------------

    def _exchange_line(self, line: str) -> bytes:
        clock = self._clock
        clock.sleep_until(clock.now + len(line) * CHARACTER_SECOND + TURNAROUND_SECOND)
        self._follow()
        try:
            reply = self._carry_out(line)
        except Refused as refused:
            reply = f"NA:{refused}"
        self._follow()
        if not self.echo_back:
            return b""
        clock.sleep_until(clock.now + len(reply) * CHARACTER_SECOND)
        return reply.encode("ascii", errors="replace") + b"\r\n"

    def _carry_out(self, line: str) -> str:
        command = re.sub(r"\s*,\s*", ",", line.upper())
        if command in self._queries:
            return self._queries[command]()
        name, _, words = command.partition(",")
        actions = {"TEMP": self._set_temperature, "MODE": self._set_mode, "POWER": self._power}
        if name not in actions:
            raise Refused("CMD ERR")
        if self.protected:
            raise Refused("PROTECT ON")
        actions[name](words)
        return f"OK:{line}"

    def _set_temperature(self, words: str) -> None:
        if not re.fullmatch(rf"(?:{WORDS.pattern})+", words):
            raise Refused("PARA ERR")
        new = {"S": self.set_celsius, "H": self.high_celsius, "L": self.low_celsius}
        new |= {name: float(value) for name, value in WORDS.findall(words)}
        if not LOWEST <= new["L"] <= new["S"] <= new["H"] <= HIGHEST:
            raise Refused("DATA OUT OF RANGE")
        self.set_celsius, self.high_celsius, self.low_celsius = new["S"], new["H"], new["L"]
        self._regulate()

    def _set_mode(self, word: str) -> None:
        if word not in MODES:
            raise Refused("PARA ERR")
        if word == "CONSTANT" and self.alarms:
            raise Refused("CHB NOT READY")
        self.mode = word
        self._regulate()

    def _power(self, word: str) -> None:
        if word not in ("ON", "OFF"):
            raise Refused("PARA ERR")
        self._set_mode("CONSTANT" if word == "ON" else "OFF")

    def _temperatures(self) -> str:
        values = (self._shown(), self.set_celsius, self.high_celsius, self.low_celsius)
        return ",".join(f"{value:.1f}" for value in values)

    # --- the air ------------------------------------------------------------------------------

    def _shown(self) -> float:
        return self.air_celsius() + self.offset_kelvin + self._scatter * self._noise()

    def _regulate(self) -> None:
        """Let the controller drive its own sensor, which is a little wrong, to the set point."""
        target = None if self.mode in ("OFF", "STANDBY") else self.set_celsius - self.offset_kelvin
        self._air.regulate(self._clock.now, STUCK_CELSIUS if self._stuck else target)
        self._follow()

    def _follow(self) -> None:
        """Watch the limits, and let the cell feel the air's mean over the time until looked next.

        The middle of that time stands for it, which is right to second order.
        """
        now = self._clock.now
        shown = self.air_celsius() + self.offset_kelvin
        regulating = self.mode not in ("OFF", "STANDBY") or self._stuck
        change = self._air.at(now + 1.0) - self._air.at(now)
        beyond = shown - (self.high_celsius if change >= 0.0 else self.low_celsius)
        if regulating and beyond * change > 0.0 and abs(beyond) > LIMIT_MARGIN_KELVIN:
            self.raise_alarm(LIMIT_ALARM)
            return
        span = FOLLOW_SECOND if isinstance(self._clock, VirtualClock) else 0.0
        around = self._air.at(now + 0.5 * span)
        if around != self._around:
            self._around = around
            self._twin.set_ambient_celsius(around)
        moves = abs(self._air.at(now + span) - self._air.at(now)) > STILL_KELVIN
        if moves and not self._waiting and isinstance(self._clock, VirtualClock):
            self._waiting = True
            self._clock.schedule(now + span, self._wake)

    def _wake(self) -> None:
        self._waiting = False
        self._follow()
