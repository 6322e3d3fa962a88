"""Carries a script out: a generator that gives the times at which something happens next.

Unconfirmed: a loop by time takes its first point one interval after it began and lasts exactly as
long as it was asked to; a sweep is a staircase that is measured at the end of each step; the set
potential and current are told as set (types da and db); a spectrum takes two periods and 0.1 s for
each frequency; statements take no time.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Generator, Iterator

from benchlab_drivers.sim._methodscript_parse import ScriptError, Statement
from benchlab_drivers.sim._palmsens_cell import PotentiostatCell
from benchlab_drivers.wire.methodscript import Variable, encode_package, parse_literal
from benchlab_drivers.wire.methodscript_errors import Code
from benchlab_drivers.wire.methodscript_models import Model

__all__ = ["Aborted", "Runner"]

GALVANOSTAT = 6
SPECTRUM_SECOND, SPECTRUM_PERIODS = 0.1, 2.0
TECHNIQUE = {
    "meas_loop_lsv": 0x0,
    "meas_loop_cv": 0x5,
    "meas_loop_ca": 0x7,
    "meas_loop_cp": 0xA,
    "meas_loop_ocp": 0xB,
    "meas_loop_eis": 0xD,
    "meas_loop_geis": 0xE,
}
COMPARE: dict[str, Callable[[float, float], bool]] = {
    "==": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    ">=": lambda a, b: a >= b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    "<": lambda a, b: a < b,
}


class Aborted(Exception):
    """The script goes on at ``on_finished:``."""


class _Break(Exception):
    """The innermost loop is left."""


class Runner:
    """One script on one cell.

    Parameters
    ----------
    send : callable
        Given clock seconds and the bytes that leave the instrument then.

    Attributes
    ----------
    time : float
        Clock seconds up to which it was carried out.
    """

    def __init__(
        self,
        model: Model,
        cell: PotentiostatCell,
        time: float,
        send: Callable[[float, bytes], None],
    ) -> None:
        self._model, self._cell = model, cell
        self.time = time
        self._send = send
        self._variables: dict[str, Variable] = {}
        self._package: list[Variable] = []
        self._timer = time
        self._mode = 0
        self._set_e_value = self._set_i_value = 0.0
        self._least, self._most = 0.0, math.inf
        self._actions = {
            name: getattr(self, f"_{name.rstrip(':')}")
            for name in (
                *("var", "store_var", "copy_var", "add_var", "sub_var", "mul_var", "div_var"),
                *("set_pgstat_mode", "set_range_minmax", "set_range", "set_autoranging"),
                *("set_e", "set_i", "cell_on", "cell_off", "timer_start", "timer_get"),
                *("pck_start", "pck_add", "pck_end", "send_string", "abort", "breakloop"),
            )
        }

    def run(self, main: list[Statement], finished: list[Statement]) -> Generator[float, None, None]:
        """Carry a script out; its output ends with an empty line.

        Yields
        ------
        float
            Clock seconds at which it wants to be called next.
        """
        try:
            try:
                yield from self._body(main)
            except Aborted:
                self._cell.cell.advance(self.time)
            yield from self._body(finished)
        except ScriptError as error:
            self._out(f"!{error.code:04X}: Line {error.line}\n".encode())
        self._out(b"\n")

    # --- statements ---------------------------------------------------------------------------

    def _body(self, statements: list[Statement]) -> Iterator[float]:
        for statement in statements:
            name = statement.name
            if name in self._actions:
                self._actions[name](statement)
            elif name == "if":
                for condition, body in statement.branches:
                    if condition is None or self._holds(condition):
                        yield from self._body(body)
                        break
            elif name == "loop":
                yield from self._loop(statement)
            elif name.startswith("meas_loop_"):
                yield from self._measure_loop(statement)
            elif name == "meas":
                yield from self._meas(statement)
            elif name == "wait":
                yield from self._wait(self.time + self._number(statement.arguments[0]))

    def _wait(self, until: float) -> Iterator[float]:
        yield until
        self.time = max(self.time, until)

    def _loop(self, statement: Statement) -> Iterator[float]:
        self._out(b"L\n")
        try:
            while self._holds(statement):
                yield from self._body(statement.body)
        except _Break:
            pass
        self._out(b"+\n")

    def _meas(self, statement: Statement) -> Iterator[float]:
        second, name, kind = statement.arguments
        yield from self._wait(self.time + self._number(second))
        self._variables[name] = self._volts() if kind == "ab" else self._amperes()

    def _measure_loop(self, statement: Statement) -> Iterator[float]:
        name = statement.name
        if name == "meas_loop_ocp":
            if self._cell.on:
                raise ScriptError(Code.OCP_CELL_ON, statement.line)
        else:
            if not self._cell.on:
                raise ScriptError(Code.NEEDS_CELL_ON, statement.line)
            galvanostatic = name in ("meas_loop_cp", "meas_loop_geis")
            if galvanostatic != (self._mode == GALVANOSTAT):
                raise ScriptError(Code.BAD_ARGUMENT, statement.line)
        self._out(f"M{TECHNIQUE[name]:04X}\n".encode())
        outputs = {"meas_loop_ocp": 1, "meas_loop_eis": 3, "meas_loop_geis": 3}.get(name, 2)
        out, words = statement.arguments[:outputs], statement.arguments[outputs:]
        numbers = [self._number(word) for word in words]
        try:
            if name in ("meas_loop_eis", "meas_loop_geis"):
                yield from self._spectrum(statement, out, numbers)
            elif name == "meas_loop_lsv":
                yield from self._ramp(statement, out, numbers[:2], numbers[2], numbers[3])
            elif name == "meas_loop_cv":
                yield from self._cyclic(statement, out, numbers)
            else:
                yield from self._timed(statement, out, numbers)
        except _Break:
            pass
        self._out(b"*\n")

    def _timed(
        self, statement: Statement, out: tuple[str, ...], numbers: list[float]
    ) -> Iterator[float]:
        *level, interval, second = numbers
        began = self.time
        if statement.name == "meas_loop_ca":
            self._check_volt(level[0], statement)
            self._cell.hold(began, level[0])
        elif statement.name == "meas_loop_cp":
            self._cell.drive(began, level[0])
        for k in range(1, math.floor(second / interval * (1.0 + 1e-9)) + 1):
            yield from self._wait(began + k * interval)
            if statement.name == "meas_loop_ca":
                self._variables[out[0]] = Variable("da", level[0])
                self._variables[out[1]] = self._amperes()
            else:
                self._variables[out[0]] = self._volts()
                if level:
                    self._variables[out[1]] = Variable("db", level[0])
            yield from self._body(statement.body)
        yield from self._wait(began + second)

    def _cyclic(
        self, statement: Statement, out: tuple[str, ...], numbers: list[float]
    ) -> Iterator[float]:
        begin, first, second, step, rate = numbers
        scans = round(self._number(statement.option)) if statement.option else 1
        for scan in range(scans):
            if statement.option:
                self._out(f"C{scan:04d}\n".encode())
            corners = [begin, first, second, begin]
            for leg in itertools.pairwise(corners):
                if leg[0] != leg[1]:
                    yield from self._ramp(statement, out, list(leg), step, rate)
            if statement.option:
                self._out(b"-\n")

    def _ramp(
        self,
        statement: Statement,
        out: tuple[str, ...],
        ends: list[float],
        step: float,
        rate: float,
    ) -> Iterator[float]:
        begin, end = ends
        count = round(abs(end - begin) / step)
        for volt in ends:
            self._check_volt(volt, statement)
        for k in range(count + 1):
            volt = end if k == count else begin + math.copysign(k * step, end - begin)
            self._cell.hold(self.time, volt)
            yield from self._wait(self.time + step / rate)
            self._variables[out[0]] = Variable("da", volt)
            self._variables[out[1]] = self._amperes()
            yield from self._body(statement.body)

    def _spectrum(
        self, statement: Statement, out: tuple[str, ...], numbers: list[float]
    ) -> Iterator[float]:
        _, first, last, count, level = numbers
        if not (min(first, last) > 0.0 and max(first, last) <= self._model.highest_hertz):
            raise ScriptError(Code.BAD_ARGUMENT, statement.line)
        if self._mode == GALVANOSTAT:
            self._cell.drive(self.time, level)
        else:
            self._check_volt(level, statement)
            self._cell.hold(self.time, level)
        for k in range(round(count)):
            hertz = first * (last / first) ** (k / max(count - 1.0, 1.0))
            yield from self._wait(self.time + SPECTRUM_SECOND + SPECTRUM_PERIODS / hertz)
            z = self._cell.impedance(self.time, hertz)
            number = self._amperes().range
            for name, value in zip(
                out,
                (
                    Variable("dc", hertz),
                    Variable("cc", z.real, 0, number),
                    Variable("cd", z.imag, 0, number),
                ),
                strict=True,
            ):
                self._variables[name] = value
            yield from self._body(statement.body)

    # --- single commands ----------------------------------------------------------------------

    def _var(self, statement: Statement) -> None:
        self._variables[statement.arguments[0]] = Variable("aa", math.nan)

    def _store_var(self, statement: Statement) -> None:
        name, word, kind = statement.arguments
        known = self._variables.get(word)
        value, integer = (known.value, known.integer) if known else parse_literal(word)
        self._variables[name] = Variable(kind, value, integer=integer)

    def _copy_var(self, statement: Statement) -> None:
        source, target = statement.arguments
        self._variables[target] = self._variables[source]

    def _calculate(self, statement: Statement, action: Callable[[float, float], float]) -> None:
        name, word = statement.arguments
        old = self._variables[name]
        try:
            value = action(old.value, self._number(word))
        except ZeroDivisionError:
            raise ScriptError(Code.BAD_ARGUMENT, statement.line) from None
        self._variables[name] = Variable(old.type, value, integer=old.integer)

    def _add_var(self, statement: Statement) -> None:
        self._calculate(statement, lambda a, b: a + b)

    def _sub_var(self, statement: Statement) -> None:
        self._calculate(statement, lambda a, b: a - b)

    def _mul_var(self, statement: Statement) -> None:
        self._calculate(statement, lambda a, b: a * b)

    def _div_var(self, statement: Statement) -> None:
        self._calculate(statement, lambda a, b: a / b)

    def _set_pgstat_mode(self, statement: Statement) -> None:
        mode = round(self._number(statement.arguments[0]))
        known = {0, *(entry.number for entry in self._model.modes)}
        if self._model.galvanostat:
            known.add(GALVANOSTAT)
        if mode not in known:
            raise ScriptError(Code.BAD_ARGUMENT, statement.line)
        self._cell.off(self.time)
        self._mode = mode
        self._least, self._most = 0.0, math.inf

    def _set_range_minmax(self, statement: Statement) -> None:
        kind, *words = statement.arguments
        if kind == "da":
            low, high = (self._number(word) for word in words)
            mode = next((m for m in self._model.modes if m.number == self._mode), None)
            if mode is None or not (mode.low_volt <= low <= high <= mode.high_volt):
                raise ScriptError(Code.POTENTIAL_RANGE, statement.line)
            if high - low > mode.span_volt:
                raise ScriptError(Code.POTENTIAL_RANGE, statement.line)

    def _set_range(self, statement: Statement) -> None:
        if statement.arguments[0] == "ba":
            self._least = self._most = self._number(statement.arguments[1])

    def _set_autoranging(self, statement: Statement) -> None:
        kind, *words = statement.arguments
        if kind == "ba":
            self._least, self._most = (self._number(word) for word in words)

    def _set_e(self, statement: Statement) -> None:
        self._set_e_volt(self._number(statement.arguments[0]), statement)

    def _set_e_volt(self, volt: float, statement: Statement) -> None:
        self._check_volt(volt, statement)
        self._set_e_value = volt
        if self._cell.on and self._mode != GALVANOSTAT:
            self._cell.hold(self.time, volt)

    def _set_i(self, statement: Statement) -> None:
        self._set_i_value = self._number(statement.arguments[0])

    def _cell_on(self, statement: Statement) -> None:
        if self._mode == 0:
            raise ScriptError(Code.BAD_ARGUMENT, statement.line)
        if statement.option:
            self._set_e_volt(self._number(statement.option), statement)
        if self._mode == GALVANOSTAT:
            self._cell.drive(self.time, self._set_i_value)
        else:
            self._cell.hold(self.time, self._set_e_value)

    def _cell_off(self, statement: Statement) -> None:
        self._cell.off(self.time)

    def _timer_start(self, statement: Statement) -> None:
        self._timer = self.time

    def _timer_get(self, statement: Statement) -> None:
        self._variables[statement.arguments[0]] = Variable("eb", self.time - self._timer)

    def _pck_start(self, statement: Statement) -> None:
        self._package = []

    def _pck_add(self, statement: Statement) -> None:
        self._package.append(self._variables[statement.arguments[0]])

    def _pck_end(self, statement: Statement) -> None:
        self._out(encode_package(*self._package))

    def _send_string(self, statement: Statement) -> None:
        self._out(f"T{statement.arguments[0][1:-1]}\n".encode())

    def _abort(self, statement: Statement) -> None:
        raise Aborted

    def _breakloop(self, statement: Statement) -> None:
        raise _Break

    # --- parts --------------------------------------------------------------------------------

    def _out(self, data: bytes) -> None:
        self._send(self.time, data)

    def _number(self, word: str) -> float:
        known = self._variables.get(word)
        return known.value if known is not None else parse_literal(word)[0]

    def _holds(self, statement: Statement) -> bool:
        left, sign, right = statement.arguments
        return COMPARE[sign](self._number(left), self._number(right))

    def _check_volt(self, volt: float, statement: Statement) -> None:
        if not self._model.low_volt <= volt <= self._model.high_volt:
            raise ScriptError(Code.POTENTIAL_RANGE, statement.line)

    def _volts(self) -> Variable:
        value, status = self._cell.volts(self.time)
        return Variable("ab", value, status, 0)

    def _amperes(self) -> Variable:
        value, status, number = self._cell.amperes(self.time, self._least, self._most)
        return Variable("ba", value, status, number)
