"""PalmSens EmStat4 HR, Nexus and EmStat Pico: potentiostats that run a MethodSCRIPT by themselves.

A protocol becomes one script; its packages are streamed while it runs and cannot be asked for
again: what nobody heard is a gap. The script numbers its packages, so each gap is known. Seen in
the maker's public examples: commands, packages, ranges, the grammar, that ``on_finished:`` is not
carried out after an error. Unconfirmed: that set values are told where the instrument regulates,
that ``abort`` goes to ``on_finished:``, that a change of mode needs the cell off (it is), which
commands are answered while a script runs, how exactly loops keep their time, how large a script may
be, and every accuracy. There is no checksum on the line: a changed digit is not noticed.

Nothing tells whether the cell is on. Off is believed when a script of its own, ``cell_off``, was
carried out without an error.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from benchlab.bench.executor import (
    Attached,
    ChannelState,
    ChannelStatus,
    Compiled,
    Executor,
    Fetched,
)
from benchlab.bench.roles import Identity, OffProof, Reading
from benchlab.errors import (
    BenchError,
    GarbledAnswer,
    IdentityError,
    InstrumentRefused,
    Unsupported,
    UsageError,
)
from benchlab.model.flags import RowFlag
from benchlab_drivers._palmsens_capabilities import CHANNEL, STOP_SECOND, TRIES, capabilities_of
from benchlab_drivers._palmsens_compile import to_script
from benchlab_drivers._palmsens_stream import Stream
from benchlab_drivers._palmsens_talk import Talk
from benchlab_drivers.wire.methodscript import Fault, Mark, Package, Said, parse_line
from benchlab_drivers.wire.methodscript_errors import Code, explained
from benchlab_drivers.wire.methodscript_line import (
    DirectScriptLine,
    ScriptLine,
    open_script_line,
)
from benchlab_drivers.wire.methodscript_models import EMSTAT4_HR, MODELS, Model, model_named
from benchlab_drivers.wire.methodscript_script import CELL_OFF, LOOK
from benchlab_drivers.wire.methodscript_who import WHO

if TYPE_CHECKING:
    from benchlab.bench.clock import Clock
    from benchlab.bench.twin import Twin, TwinSpec
    from benchlab.model.program import Program

__all__ = ["CAPABILITIES", "WHO", "PalmSensMethodScript", "capabilities_of", "connect", "simulate"]

LISTEN_SECOND = 0.3
FIRMWARE = re.compile(rb"t([a-z0-9_]{6,7})([\x20-\x7e]*)\r?")
SERIAL = re.compile(rb"i([\x21-\x7e]+)\r?")


CAPABILITIES = capabilities_of(EMSTAT4_HR)
CAPABILITIES_OF_MODEL = {model.name: capabilities_of(model) for model in MODELS}


class PalmSensMethodScript(Talk):
    """A `benchlab.bench.executor.Executor` for one instrument.

    Parameters
    ----------
    resource : str
        Named in errors and in the identity.
    model : Model
        What is compiled for until the instrument said what it is.
    """

    def __init__(
        self, line: ScriptLine, clock: Clock, *, resource: str, model: Model = EMSTAT4_HR
    ) -> None:
        super().__init__(line, clock, resource)
        self.capabilities = capabilities_of(model)
        self._model = model
        self._identity: Identity | None = None
        self._state = ChannelState.IDLE
        self._run_id = self._text = ""
        self._stream = Stream(model)
        self._must_switch_off = False

    def open(self) -> Identity:
        """Identify; a script that runs is left alone."""
        return self.attach(CHANNEL).identity

    def attach(self, channel: str) -> Attached:
        """Listen, and ask only where nothing comes: a script that runs is not disturbed.

        While it runs, it cannot be asked for its serial number.
        """
        self._only(channel)
        identity = self._come_to_it()
        return Attached(identity, self._status())

    def look(self, channel: str) -> Reading:
        """See the cell with the cell off."""
        self._only(channel)
        self._refuse_running()
        began = self._clock.now
        found: list[Package] = []
        self._carry_out(LOOK, found.append)
        ended = self._clock.now
        if len(found) != 1 or [v.type for v in found[0].variables] != ["ab"]:
            raise GarbledAnswer(LOOK.encode(), repr(found).encode(), where=self.resource)
        volt = found[0].variables[0].value
        middle = (began + ended) / 2.0
        flags = int(RowFlag.OPEN_CIRCUIT)
        return Reading(middle, volt, 0.0, flags=flags, requested=began, replied=ended)

    def compile(self, program: Program) -> Compiled:
        """Return the program as a script; nothing is sent."""
        text, notes = to_script(program, self._model)
        numbers = {step.step_id + 1: step.step_id for step in program.steps}
        return Compiled(content=text.encode("ascii"), step_ids=numbers, notes=notes)

    def start(self, channel: str, compiled: Compiled, name: str) -> str:
        """Start a script; the instrument reads it whole before anything moves."""
        self._only(channel)
        self._listen(0.0)
        self._refuse_running()
        self._stream = Stream(self._model)
        self._run_id, self._text = name, ""
        self._begin(compiled.content.decode("ascii"))
        self._state = ChannelState.RUNNING
        return name

    def status(self, channel: str) -> ChannelStatus:
        """Say where the script stands, from what was heard."""
        self._only(channel)
        self._listen(0.0)
        return self._status()

    def fetch(self, channel: str, run_id: str, since: int) -> Fetched:
        """Return what was heard after a package; what nobody heard is a ``gap``."""
        self._only(channel)
        if run_id != self._run_id and self._run_id:
            raise InstrumentRefused(
                f"the test {run_id!r} is not the one that runs ({self._run_id!r}).",
                where=self.resource,
                remedy="Its rows were streamed once and cannot be asked for again.",
            )
        self._listen(0.0)
        if not self._run_id and 0 < self._stream.heard < since:
            raise InstrumentRefused(
                f"its packages are numbered {self._stream.heard} by now, and {since} were heard"
                " before: another script runs; it was left alone.",
                where=self.resource,
                remedy="Wait until it has ended.",
            )
        return self._stream.fetch(since)

    def pause(self, channel: str) -> str:
        """Refuse: a halted script leaves the cell on.

        Raises
        ------
        benchlab.errors.Unsupported
        """
        raise Unsupported("a script can be halted, but the cell stays on at what was set last.")

    def resume(self, channel: str) -> None:
        """Refuse: there is no pause.

        Raises
        ------
        benchlab.errors.Unsupported
        """
        raise Unsupported("a script is never paused.")

    def skip(self, channel: str, step: int) -> None:
        """Refuse: the instrument leaves whatever loop it is in, and that may be a repeat.

        Raises
        ------
        benchlab.errors.Unsupported
        """
        raise Unsupported(
            "it can leave the loop that it is in, which may be a repeat as well as a step."
        )

    def stop(self, channel: str) -> OffProof:
        """Abort the script, then switch the cell off by a script of its own."""
        self._only(channel)
        return self._stop()

    def recover(self) -> None:
        """Open the line anew and believe it only if the same instrument answers, or streams on."""
        self.line.open()
        self._pending = b""
        was_running = self._state is ChannelState.RUNNING
        self._come_to_it()
        if was_running and self._state is not ChannelState.RUNNING:
            self._stream.tell("instrument", "the script ended while nobody listened")
            self._state = ChannelState.STOPPED

    def safe(self, channel: str) -> OffProof:
        """Stop and prove it; never raises."""
        problems: list[str] = []
        for attempt in range(TRIES):
            try:
                if attempt:
                    self.line.open()
                    self._pending = b""
                return self._stop()
            except (BenchError, OSError) as error:
                problems.append(str(error))
        return OffProof(False, "the cell could not be switched off", tuple(problems))

    def close(self) -> None:
        """Release the line; a script that runs goes on."""
        self.line.close()

    # --- what the instrument is ---------------------------------------------------------------

    def _come_to_it(self) -> Identity:
        heard = self._stream.heard
        self._state, self._trusted = ChannelState.IDLE, True
        self._listen(LISTEN_SECOND)
        if self._stream.heard > heard:
            self._state = ChannelState.RUNNING
        firmware = None
        if self._state is not ChannelState.RUNNING:
            firmware = self._ask(b"t\n", FIRMWARE, lines=2)
        if firmware is None:
            self._state = ChannelState.RUNNING
            self._text = "a script runs; its serial number can be asked for once it has ended"
            return self._identity or Identity("PalmSens", "", "", "", self.resource)
        return self._identified(firmware)

    def _identified(self, firmware: re.Match[bytes]) -> Identity:
        name, version = firmware[1].decode(), firmware[2].decode(errors="replace")
        text = name + version
        model = next((m for m in MODELS if text.startswith(m.firmware)), None)
        if model is None:
            known = ", ".join(m.name for m in MODELS)
            raise IdentityError(
                f"found the firmware {text!r}, which is none of {known}; nothing was set.",
                where=self.resource,
                remedy="Check the port, or choose the driver for that instrument.",
            )
        serial = self._ask(b"i\n", SERIAL)
        number = "" if serial is None else serial[1].decode()
        version = text.removeprefix(model.firmware)
        identity = Identity("PalmSens", model.name, number, version, self.resource)
        if self._identity is not None and identity != self._identity:
            raise IdentityError(
                f"expected the {self._identity.model} {self._identity.serial_number}, found the"
                f" {model.name} {number}.",
                where=self.resource,
                remedy="Check which instrument is on this port.",
            )
        self._identity = identity
        if model is not self._model:
            self._model = model
            self.capabilities = capabilities_of(model)
            self._stream = Stream(model)
        return identity

    # --- off ----------------------------------------------------------------------------------

    def _stop(self) -> OffProof:
        self._pending = self._pending if self._state is ChannelState.RUNNING else b""
        self._trusted = True  # the question for the firmware below sets it right again
        self._send(b"\nZ\n")  # a half of a command may stand in its buffer
        answer = self._expect(lambda line: line[:1] == b"Z", b"Z\n")
        if answer.rstrip(b"\r") == b"Z":
            self._expect(lambda line: line.rstrip(b"\r") == b"", b"Z\n", STOP_SECOND)
        elif answer.rstrip(b"\r") != f"Z!{Code.NOTHING_RUNS:04X}".encode():
            raise GarbledAnswer(b"Z\n", answer, where=self.resource)
        if self._state is ChannelState.RUNNING:
            self._state = ChannelState.STOPPED
        self._rest()
        if self._ask(b"t\n", FIRMWARE, lines=2) is None:
            raise InstrumentRefused(
                "a script still runs after the abort.",
                where=self.resource,
                remedy="Take the cell off by hand.",
            )
        self._carry_out(CELL_OFF, lambda _: None)
        self._must_switch_off = False
        return OffProof(True, "no script runs, and 'cell_off' was carried out without an error")

    def _switch_off(self) -> None:
        """Switch off after an error: the script's own end was not carried out."""
        self._must_switch_off = False
        try:
            self._rest()
            self._carry_out(CELL_OFF, lambda _: None)
            self._stream.tell("instrument", "the cell was switched off after the error")
        except BenchError as error:
            self._stream.tell("trip", f"the cell may still be on: {error}")
            self._must_switch_off = True

    # --- listening ----------------------------------------------------------------------------

    def _listen(self, second: float) -> None:
        """Hear what has come, and what comes within some seconds."""
        deadline = self._clock.now + second
        while True:
            got = self.line.read(max(deadline - self._clock.now, 0.0))
            if not got:
                break
            self._pending += got
            self._take_lines()
        if self._must_switch_off:
            self._switch_off()

    def _hear(self, raw: bytes) -> None:
        try:
            line = parse_line(raw, self.resource)
        except GarbledAnswer:
            self._damaged(raw)
            return
        if isinstance(line, Package):
            if not self._stream.add(line, self._clock.now):
                self._damaged(raw)
        elif isinstance(line, Said):
            if line.text.startswith("trip "):
                self._trip(f"the script ended the test: {line.text.removeprefix('trip ')}")
        elif isinstance(line, Fault):
            if not line.command:
                self._trip(f"the script ended by an error: {explained(line)}")
                self._must_switch_off = True
        elif line.mark is Mark.END and self._state is ChannelState.RUNNING:
            self._state = ChannelState.FINISHED

    def _trip(self, text: str) -> None:
        self._state = ChannelState.TRIPPED
        self._text = text
        self._stream.tell("trip", text)

    def _damaged(self, raw: bytes) -> None:
        self._stream.tell("instrument", f"a damaged line was thrown away: {raw[:80]!r}")

    # --- what is asked of a channel -----------------------------------------------------------

    def _status(self) -> ChannelStatus:
        row = self._stream.last
        if row is None:
            return ChannelStatus(self._state, self._run_id, text=self._text)
        return ChannelStatus(
            self._state, self._run_id, row.step, row.cycle, row.voltage, row.current, self._text
        )

    def _only(self, channel: str) -> None:
        if channel != CHANNEL:
            raise UsageError(f"there is no channel {channel!r}.", remedy="It has one, called 1.")

    def _refuse_running(self) -> None:
        if self._state is ChannelState.RUNNING:
            raise InstrumentRefused(
                "a script runs.",
                where=self.resource,
                remedy="Stop it first, or wait until it has ended.",
            )


def connect(resource: str, clock: Clock) -> Executor:
    """Return the driver on an open line; nothing was sent yet.

    Parameters
    ----------
    resource : str
        As `benchlab_drivers.wire.methodscript_line.open_script_line` takes it; for an EmStat Pico
        on a UART add ``?baud=230400&flow=xonxoff``.

    Raises
    ------
    benchlab.errors.LinkRefused, benchlab.errors.UsageError
    """
    return PalmSensMethodScript(open_script_line(resource, clock), clock, resource=resource)


def simulate(clock: Clock, spec: TwinSpec, model: str = "") -> tuple[Executor, Twin]:
    """Return the driver on a simulated instrument in this process, and the cell behind it.

    Raises
    ------
    benchlab.errors.UsageError
        Where there is no such cell.
    """
    from benchlab_drivers.sim._palmsens_device import SimulatedMethodScript

    instrument = SimulatedMethodScript(clock, spec, model_named(model or EMSTAT4_HR.name))
    line = DirectScriptLine(instrument, clock)
    return PalmSensMethodScript(line, clock, resource="sim:palmsens_methodscript"), instrument
