"""A simulated MethodSCRIPT instrument on a simulated cell: bytes in, and bytes out in their time.

It streams: what it says comes when it happens, not when it is asked. Nothing here was compared with
a real instrument. Unconfirmed: 2 ms until a command is answered; that the port's speed alone
delays output; that every command but ``Z`` is refused while a script runs; which code tells which
mistake, beyond those that are published.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Generator

from benchlab.bench.clock import Clock
from benchlab.bench.twin import Truth, TwinSpec
from benchlab_drivers.cells import make_cell
from benchlab_drivers.sim._methodscript_parse import ScriptError, parse_script
from benchlab_drivers.sim._methodscript_run import Aborted, Runner
from benchlab_drivers.sim._palmsens_cell import PotentiostatCell
from benchlab_drivers.wire.methodscript_errors import Code
from benchlab_drivers.wire.methodscript_models import EMSTAT4_HR, Model

__all__ = ["SimulatedMethodScript"]

ANSWER_SECOND = 0.002
FIRMWARE = "1303#Jan 12 2026 10:00:00"
SCRIPT_VERSION = "0008"
LONGEST_SCRIPT = 1 << 18


class SimulatedMethodScript:
    """The instrument; a `benchlab.bench.twin.Twin` and a `benchlab.bench.twin.Surrounded`.

    Attributes
    ----------
    serial_number : str
    terminals : PotentiostatCell
    """

    def __init__(self, clock: Clock, spec: TwinSpec, model: Model = EMSTAT4_HR) -> None:
        self.model = model
        self.serial_number = f"ES4SIM{spec.seed:06d}"
        self._clock = clock
        self.cell = make_cell(spec, clock.now)
        self.terminals = PotentiostatCell(self.cell, model, seed=spec.seed, ideal=spec.ideal)
        self._typed = b""
        self._script: list[str] | None = None
        self._runner: Runner | None = None
        self._run: Generator[float, None, None] | None = None
        self._due = float("inf")
        self._out: deque[tuple[float, bytes]] = deque()
        self._quiet = clock.now

    # --- the line -----------------------------------------------------------------------------

    def feed(self, data: bytes) -> None:
        """Take what the host sends, at this instant of the clock."""
        self.pump()
        self._typed += data
        while b"\n" in self._typed:
            line, _, self._typed = self._typed.partition(b"\n")
            self._line(line.rstrip(b"\r").decode("ascii", errors="replace"))
        if len(self._typed) > LONGEST_SCRIPT:
            self._typed = b""

    def take(self) -> bytes:
        """Return what was sent up to this instant of the clock."""
        self.pump()
        sent = []
        while self._out and self._out[0][0] <= self._clock.now:
            sent.append(self._out.popleft()[1])
        return b"".join(sent)

    def exchange(self, request: bytes) -> bytes:
        """Take a request and return what was said until its answer, as on a line without a stream.

        For servers that only answer: packages come along with the next answer.
        """
        self.feed(request)
        self._clock.sleep_until(self._quiet)
        return self.take()

    def next_time(self) -> float:
        """Return the clock seconds at which something may be sent next; infinite: never."""
        return min(self._out[0][0] if self._out else float("inf"), self._due)

    def pump(self) -> None:
        """Carry the script out up to this instant of the clock."""
        run = self._run
        now = self._clock.now
        while run is not None and self._due <= now:
            try:
                self._due = next(run)
            except StopIteration:
                self._finish()
                run = None

    @property
    def running(self) -> bool:
        """Whether a script runs."""
        self.pump()
        return self._run is not None

    # --- the cell -----------------------------------------------------------------------------

    def truth(self) -> Truth:
        """Return the exact integrals at this instant of the clock."""
        self.pump()
        self.cell.advance(self._clock.now)
        return self.cell.truth()

    def surface_temperature_celsius(self) -> float:
        """Return the temperature of the cell's surface at this instant of the clock."""
        self.pump()
        return self.cell.surface_celsius(self._clock.now)

    def set_ambient_celsius(self, celsius: float) -> None:
        """Let the air around the cell have this temperature from this instant of the clock on."""
        self.pump()
        self.cell.set_ambient_celsius(self._clock.now, celsius)

    # --- commands -----------------------------------------------------------------------------

    def _line(self, line: str) -> None:
        if self._script is not None:
            if line:
                self._script.append(line)
            else:
                script, self._script = "\n".join(self._script), None
                self._begin(script)
            return
        if not line:
            return
        if line == "Z":
            self._abort()
        elif self._run is not None:
            self._answer(f"{line[0]}!{Code.NOTHING_RUNS:04X}\n")
        elif line == "e":
            self._script = []
        elif line == "t":
            self._answer(f"t{self.model.firmware}{FIRMWARE}\nR*\n")
        elif line == "i":
            self._answer(f"i{self.serial_number}\n")
        elif line == "v":
            self._answer(f"v{SCRIPT_VERSION}\n")
        else:
            self._answer(f"{line[0]}!{Code.UNKNOWN_COMMAND:04X}\n")

    def _begin(self, text: str) -> None:
        try:
            main, finished = parse_script(text, galvanostat=bool(self.model.galvanostat))
        except ScriptError as error:
            self._answer(f"e!{error.code:04X}: Line {error.line}, Col {error.column}\n")
            return
        self._answer("e\n")
        began = self._clock.now + ANSWER_SECOND
        self._runner = Runner(self.model, self.terminals, began, self._send)
        self._run = self._runner.run(main, finished)
        self._due = began

    def _abort(self) -> None:
        run, runner = self._run, self._runner
        if run is None or runner is None:
            self._answer(f"Z!{Code.NOTHING_RUNS:04X}\n")
            return
        self._answer("Z\n")
        runner.time = max(runner.time, self._clock.now)
        try:
            self._due = run.throw(Aborted())
        except StopIteration:
            self._finish()

    def _finish(self) -> None:
        self._run, self._due = None, float("inf")

    def _answer(self, text: str) -> None:
        self._send(self._clock.now + ANSWER_SECOND, text.encode("ascii"))

    def _send(self, time: float, data: bytes) -> None:
        """Let bytes leave at the speed of the port, one after the other."""
        self._quiet = max(time, self._quiet) + 10.0 * len(data) / self.model.baud
        self._out.append((self._quiet, data))
