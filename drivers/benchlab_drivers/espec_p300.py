"""ESPEC temperature chambers with the P-300 or SCP-220 controller, ASCII commands.

A line each way, ended by CR LF; every command gets one reply: data, ``OK:`` with the command, or
``NA:`` with a reason. Facts come from the makers' public library and manual pages of its sister
controllers; nothing here has been confirmed on a chamber yet. Not found anywhere, and therefore
careful: how soon after a setting the next command may come (0.3 s are left), what the alarm numbers
mean, and what an SCP-220 makes of ``H`` and ``L`` that exclude its set point.
"""

from __future__ import annotations

import math
import re
from dataclasses import replace

from benchlab.bench.clock import Clock
from benchlab.bench.roles import Identity
from benchlab.bench.surroundings import Chamber, ChamberCapabilities, ChamberState
from benchlab.bench.twin import Surrounded
from benchlab.errors import (
    BenchError,
    GarbledAnswer,
    IdentityError,
    InstrumentRefused,
    LinkTimeout,
    Unsupported,
)
from benchlab_drivers.wire.transport import DirectTransport, Transport, open_transport
from benchlab_drivers.wire.who import Known, Question

__all__ = ["CAPABILITIES", "WHO", "EspecP300", "connect", "simulate_beside"]

SETTLE_SECOND = 0.3
TRIES = 3
RESOLUTION_KELVIN = 0.1
IDLE = ("STANDBY", "OFF")
NUMBER = r"(-?\d+(?:\.\d+)?)"
TYPE = re.compile(rf"T(?:,T)?,([\w-]+),{NUMBER}")
MODE = re.compile(r"OFF|STANDBY|CONSTANT|RUN[ \w]*|RMT RUN[ \w]*")
MONITOR = re.compile(rf"{NUMBER},{NUMBER}?,({MODE.pattern}),(\d+)")
TEMPERATURE = re.compile(",".join([NUMBER] * 4))
CONSTANT = re.compile(rf"{NUMBER},(?:ON|OFF)")
ALARMS = re.compile(r"\d+(?:,\d+)*")
HEATERS = re.compile(r"\d+(?:,\d+\.\d+){1,2}")
REASONS = {
    "PROTECT ON": "Its data protection is on; switch it off at the panel.",
    "DATA OUT OF RANGE": "Compare the value with its high and low limits at the panel.",
    "CHB NOT READY": "Look at its panel for an alarm, a door or a program.",
}

CAPABILITIES = ChamberCapabilities(
    temperature_celsius=(-75.0, 180.0),
    accuracy_kelvin=0.5,
    fastest_period_second=1.0,
    stop_bound_second=2.0,
    safe_state="standby: heaters, refrigerator and fan stopped, the controller still answers",
    host_dies="the chamber holds its last set point, inside its own high and low limits",
)


def _recognise(answers: tuple[bytes, ...]) -> Known | None:
    kind, rom = (answer.decode("ascii", "replace").strip() for answer in answers)
    found = TYPE.fullmatch(kind)
    return None if found is None else Known("ESPEC", found[1], "", rom)


WHO = Question((b"TYPE?\r\n", b"ROM?\r\n"), _recognise)


class EspecP300:
    """A `benchlab.bench.surroundings.Chamber` for one P-300 or SCP-220.

    Parameters
    ----------
    resource : str
        Named in errors and in the identity.

    Attributes
    ----------
    capabilities : ChamberCapabilities
        The highest set point is the chamber's own once it was opened; it does not tell its lowest.
    """

    def __init__(self, line: Transport, clock: Clock, *, resource: str) -> None:
        self.capabilities = CAPABILITIES
        self.line = line
        self.resource = resource
        self._clock = clock
        self._quiet_until = -math.inf
        self._identity: Identity | None = None
        self._window = CAPABILITIES.temperature_celsius

    def open(self) -> Identity:
        """Identify; nothing is changed."""
        identity, highest = self._identify()
        low, high = CAPABILITIES.temperature_celsius
        self.capabilities = replace(CAPABILITIES, temperature_celsius=(low, min(high, highest)))
        self._window = self.capabilities.temperature_celsius
        return identity

    def recover(self) -> None:
        """Open the line anew and believe it again only if the same controller answers.

        What it does now is for `read` to tell: it may have lost its power.
        """
        self.line.open()
        self._identify()

    def arm(self, low_celsius: float, high_celsius: float) -> None:
        """Set the chamber's own limits and read them back.

        A set point left outside of them by the last user is moved inside, but only while the
        chamber stands.
        """
        lowest, highest = self.capabilities.temperature_celsius
        self._refuse_outside(lowest, low_celsius, high_celsius)
        self._refuse_outside(low_celsius, high_celsius, highest)
        low, high = round(low_celsius, 1), round(high_celsius, 1)
        _, target, _, _ = self._temperatures()
        inside = min(max(target, low), high)
        words = f"H{high:.1f} L{low:.1f}"
        if inside != target:
            mode = self._mode()
            if mode not in IDLE:
                raise InstrumentRefused(
                    f"the chamber is in {mode} at a set point of {target:g} degC, outside the"
                    f" limits of {low:g} to {high:g} degC; nothing was changed.",
                    where=self.resource,
                    remedy="Stop it, if no other cell needs it, and start again.",
                )
            words = f"S{inside:.1f} {words}"
        command = f"TEMP, {words}"
        self._set(command)
        self._must_read(command, self._temperatures()[2:], (high, low))
        self._window = (low, high)

    def set_temperature(self, celsius: float) -> None:
        """Set the target, start the chamber where it stands, and verify both."""
        low, high = self._window
        self._refuse_outside(low, celsius, high)
        mode, alarms = self._monitor()[1:]
        if mode not in (*IDLE, "CONSTANT"):
            raise InstrumentRefused(
                f"the chamber runs a program of its own ({mode}); it was left alone.",
                where=self.resource,
                remedy="Stop the program at its panel first.",
            )
        if alarms:
            raise InstrumentRefused(
                f"the chamber reports {', '.join(self._alarms())}; it was not started.",
                where=self.resource,
                remedy="Clear the cause and the alarm at its panel.",
            )
        target = round(celsius, 1)
        command = f"TEMP, S{target:.1f}"
        self._set(command)
        self._must_read(command, (self._constant(),), (target,))
        if mode != "CONSTANT":
            command = "POWER,ON" if mode == "OFF" else "MODE,CONSTANT"
            self._set(command)
            for _ in range(TRIES):
                mode = self._mode()
                if mode == "CONSTANT":
                    break
                self._quiet_until = self._clock.now + SETTLE_SECOND
            else:
                raise self._reads_back(command, mode, "CONSTANT")

    def read(self) -> ChamberState:
        """Read temperature, target, limits, operation and alarms."""
        began = self._clock.now
        actual, mode, alarms = self._monitor()
        middle = (began + self._clock.now) / 2.0
        _, target, high, low = self._temperatures()
        return ChamberState(
            time=middle,
            actual_celsius=actual,
            set_celsius=target,
            running=mode not in IDLE,
            alarms=self._alarms() if alarms else (),
            limits_celsius=(low, high),
        )

    def safe(self) -> tuple[bool, str]:
        """Put the chamber into standby; proven by its mode and by heaters that read 0 %."""
        problems: list[str] = []
        for attempt in range(TRIES):
            try:
                if attempt:
                    self.line.open()
                    self._identify()
                try:
                    self._set("MODE,STANDBY")
                except InstrumentRefused as refused:  # it may stand already, by its own alarm
                    problems.append(str(refused))
                mode, heaters = self._mode(), self._heaters()
                if mode in IDLE and not any(heaters):
                    return True, f"MODE? reads {mode} and the heaters are at 0 %"
                shown = ", ".join(f"{percent:g} %" for percent in heaters)
                problems.append(f"MODE? reads {mode} with the heaters at {shown}")
            except (BenchError, OSError) as error:
                problems.append(str(error))
        return False, "; ".join(problems)

    def close(self) -> None:
        """Release the line."""
        self.line.close()

    # --- what the controller says -------------------------------------------------------------

    def _identify(self) -> tuple[Identity, float]:
        try:
            answer = self._ask("TYPE?")
        except LinkTimeout as silent:
            raise LinkTimeout(
                silent.what,
                where=self.resource,
                remedy="Check the cable; and if 'echo back' is off at the chamber's panel, switch"
                " it on: it stays silent otherwise.",
            ) from silent
        found = TYPE.fullmatch(answer)
        if found is None:
            raise IdentityError(
                f"expected an ESPEC P-300 or SCP-220, found {answer!r}; nothing was set.",
                where=self.resource,
                remedy="Check the address, or choose the driver for that instrument.",
            )
        identity = Identity("ESPEC", found[1], "", self._ask("ROM?"), self.resource)
        if self._identity is not None and identity != self._identity:
            raise IdentityError(
                f"expected the chamber with controller {self._identity.model} and firmware"
                f" {self._identity.firmware}, found {identity.model}, {identity.firmware}.",
                where=self.resource,
                remedy="Check which chamber is wired to this line.",
            )
        self._identity = identity
        return identity, float(found[2])

    def _monitor(self) -> tuple[float, str, int]:
        found = self._match("MON?", MONITOR)
        return float(found[1]), found[3], int(found[4])

    def _temperatures(self) -> tuple[float, float, float, float]:
        """Return temperature, set point, high and low limit."""
        actual, target, high, low = self._match("TEMP?", TEMPERATURE).groups()
        return float(actual), float(target), float(high), float(low)

    def _constant(self) -> float:
        return float(self._match("CONSTANT SET?,TEMP", CONSTANT)[1])

    def _mode(self) -> str:
        return self._match("MODE?", MODE)[0]

    def _alarms(self) -> tuple[str, ...]:
        count, *codes = self._match("ALARM?", ALARMS)[0].split(",")
        if int(count) != len(codes):
            shown = ",".join([count, *codes]).encode()
            raise GarbledAnswer(b"ALARM?\r\n", shown, where=self.resource)
        return tuple(f"alarm {code}" for code in codes)

    def _heaters(self) -> tuple[float, ...]:
        """Return the outputs of the heaters in percent: dry, and wet where there is one."""
        return tuple(float(word) for word in self._match("%?", HEATERS)[0].split(",")[1:])

    # --- the line -----------------------------------------------------------------------------

    def _ask(self, command: str) -> str:
        self._clock.sleep_until(self._quiet_until)
        request = f"{command}\r\n".encode("ascii")
        return self.line.query(request).strip(b"\r\n").decode("ascii", errors="replace")

    def _match(self, command: str, pattern: re.Pattern[str]) -> re.Match[str]:
        answer = self._ask(command)
        self._refuse_na(command, answer)
        found = pattern.fullmatch(answer)
        if found is None:
            raise GarbledAnswer(f"{command}\r\n".encode(), answer.encode(), where=self.resource)
        return found

    def _set(self, command: str) -> None:
        answer = self._ask(command)
        self._quiet_until = self._clock.now + SETTLE_SECOND
        self._refuse_na(command, answer)
        echo = re.sub(r"^OK:(\d+,)?", "", answer.replace(" ", ""))
        if not answer.startswith("OK") or echo.upper() != command.replace(" ", "").upper():
            raise GarbledAnswer(f"{command}\r\n".encode(), answer.encode(), where=self.resource)

    def _refuse_na(self, command: str, answer: str) -> None:
        if answer.startswith("NA:"):
            reason = answer.removeprefix("NA:").strip()
            raise InstrumentRefused(
                f"the chamber refused {command!r}: {reason}.",
                where=self.resource,
                remedy=REASONS.get(reason, "Look at its panel; nothing further was sent."),
            )

    def _must_read(
        self, command: str, found: tuple[float, ...], expected: tuple[float, ...]
    ) -> None:
        near = 0.51 * RESOLUTION_KELVIN
        if any(abs(a - b) > near for a, b in zip(found, expected, strict=True)):
            shown, wanted = (", ".join(f"{v:g}" for v in side) for side in (found, expected))
            raise self._reads_back(command, shown, wanted)

    def _reads_back(self, command: str, found: str, expected: str) -> InstrumentRefused:
        return InstrumentRefused(
            f"after {command!r} the chamber reads back {found}, not {expected}.",
            where=self.resource,
            remedy="Look at its panel; somebody may be setting it by hand.",
        )

    def _refuse_outside(self, low: float, wanted: float, high: float) -> None:
        if not low <= wanted <= high:
            raise Unsupported(
                f"{wanted:g} degC is outside {low:g} to {high:g} degC, the limits of chamber and"
                " cell; nothing was sent.",
                where=self.resource,
                remedy="Choose a temperature inside them.",
            )


def connect(resource: str, clock: Clock) -> Chamber:
    """Return the driver on an open line to a VISA resource; nothing was sent yet.

    Raises
    ------
    benchlab.errors.LinkRefused
    """
    return EspecP300(open_transport(resource, clock), clock, resource=resource)


def simulate_beside(
    clock: Clock, twin: Surrounded, *, seed: int = 0, ideal: bool = False
) -> Chamber:
    """Return the driver on a simulated chamber in this process, around the cell of `twin`."""
    from benchlab_drivers.sim.espec_p300 import SimulatedP300

    instrument = SimulatedP300(clock, twin, seed=seed, ideal=ideal)
    return EspecP300(DirectTransport(instrument), clock, resource="sim:espec_p300")
