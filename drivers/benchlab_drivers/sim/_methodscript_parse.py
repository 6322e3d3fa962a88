"""Reads a script as an instrument does: refused whole, with line and column, or ready to run.

The subset that is used here and in the maker's examples of the same techniques. Which code belongs
to which mistake is published for some only; the others get the nearest.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from benchlab_drivers.wire.methodscript import UNITS, parse_literal
from benchlab_drivers.wire.methodscript_errors import Code

__all__ = ["GALVANOSTATIC", "ScriptError", "Statement", "parse_script"]

LONGEST_LINE = 127

# o: variable that is written; n: number or variable; t: type; s: text; e: comparison; 1 option
COMMANDS = {
    "var": "d",
    "store_var": "ont",
    "copy_var": "vo",
    "add_var": "on",
    "sub_var": "on",
    "mul_var": "on",
    "div_var": "on",
    "if": "e",
    "elseif": "e",
    "else": "",
    "endif": "",
    "loop": "e",
    "endloop": "",
    "breakloop": "",
    "abort": "",
    "wait": "n",
    "set_pgstat_chan": "n",
    "set_pgstat_mode": "n",
    "set_max_bandwidth": "n",
    "set_range_minmax": "tnn",
    "set_range": "tn",
    "set_autoranging": "tnn",
    "set_e": "n",
    "set_i": "n",
    "set_script_output": "n",
    "cell_on": "",
    "cell_off": "",
    "timer_start": "",
    "timer_get": "o",
    "meas": "not",
    "pck_start": "",
    "pck_add": "v",
    "pck_end": "",
    "send_string": "s",
    "meas_loop_lsv": "oonnnn",
    "meas_loop_cv": "oonnnnn",
    "meas_loop_ca": "oonnn",
    "meas_loop_cp": "oonnn",
    "meas_loop_ocp": "onn",
    "meas_loop_eis": "ooonnnnn",
    "meas_loop_geis": "ooonnnnn",
    "on_finished:": "",
}
OPTIONS = {"meas_loop_cv": "nscans", "cell_on": "ocp"}
GALVANOSTATIC = frozenset({"meas_loop_cp", "meas_loop_geis", "set_i"})
_TOKEN = re.compile(r'"[^"]*"|\w+\([^)]*\)|\S+')
_NAME = re.compile(r"[A-Za-z_]\w*")
_OPTION = re.compile(r"(\w+)\(([^)]*)\)")
_COMPARISONS = ("==", "!=", ">=", "<=", ">", "<")


class ScriptError(Exception):
    """A script that the instrument refuses, or that fails while it runs.

    Attributes
    ----------
    line, column : int
        From 1; column 0 while it runs.
    """

    def __init__(self, code: int, line: int, column: int = 0) -> None:
        super().__init__(code, line, column)
        self.code, self.line, self.column = code, line, column


@dataclass(slots=True)
class Statement:
    """One command with what stands inside it.

    Attributes
    ----------
    branches : list of (Statement or None, list of Statement)
        Of an ``if``: each condition (None: ``else``) with its body.
    """

    line: int
    name: str
    arguments: tuple[str, ...] = ()
    option: str = ""
    body: list[Statement] = field(default_factory=list)
    branches: list[tuple[Statement | None, list[Statement]]] = field(default_factory=list)


class _Reader:
    def __init__(self, galvanostat: bool) -> None:
        self.galvanostat = galvanostat
        self.variables: set[str] = set()
        self.main: list[Statement] = []
        self.finished: list[Statement] = []
        self._target = self.main
        self._open: list[tuple[Statement, list[Statement]]] = []

    def read(self, text: str) -> None:
        number = 0
        for number, line in enumerate(text.split("\n"), 1):
            if len(line) > LONGEST_LINE:
                raise ScriptError(Code.UNEXPECTED, number, LONGEST_LINE + 1)
            tokens = [(m[0], m.start() + 1) for m in _TOKEN.finditer(line.split("#")[0])]
            if tokens:
                self._line(number, tokens)
        if self._open:
            raise ScriptError(Code.UNEXPECTED, number, 1)

    def _line(self, number: int, tokens: list[tuple[str, int]]) -> None:
        (name, column), *words = tokens
        if name not in COMMANDS or (name in GALVANOSTATIC and not self.galvanostat):
            raise ScriptError(Code.SCRIPT_COMMAND, number, column)
        kinds = COMMANDS[name]
        wanted = 3 if kinds == "e" else len(kinds)
        option = ""
        if len(words) == wanted + 1 and name in OPTIONS:
            found = _OPTION.fullmatch(words[-1][0])
            if found is None or found[1] != OPTIONS[name]:
                raise ScriptError(Code.UNEXPECTED, number, words[-1][1])
            option = found[2]
            self._check("o" if name == "cell_on" else "n", option, number, words[-1][1])
            words = words[:-1]
        if len(words) != wanted:
            end = words[-1][1] if words else column + len(name)
            raise ScriptError(Code.UNEXPECTED, number, end)
        if kinds == "e":
            self._check("n", words[0][0], number, words[0][1])
            if words[1][0] not in _COMPARISONS:
                raise ScriptError(Code.UNEXPECTED, number, words[1][1])
            self._check("n", words[2][0], number, words[2][1])
        else:
            for kind, (word, place) in zip(kinds, words, strict=True):
                self._check(kind, word, number, place)
        self._place(Statement(number, name, tuple(word for word, _ in words), option), column)

    def _check(self, kind: str, word: str, line: int, column: int) -> None:
        if kind == "d":
            if _NAME.fullmatch(word) is None:
                raise ScriptError(Code.UNEXPECTED, line, column)
            if word in self.variables:
                raise ScriptError(Code.VARIABLE_EXISTS, line, column)
            self.variables.add(word)
        elif kind == "t":
            if word not in UNITS:
                raise ScriptError(Code.UNEXPECTED, line, column)
        elif kind == "s":
            if word[:1] != '"' or word[-1:] != '"' or len(word) < 2:
                raise ScriptError(Code.UNEXPECTED, line, column)
        elif kind in "ov" or _NAME.match(word):
            if word not in self.variables:
                raise ScriptError(Code.UNDECLARED, line, column)
        else:
            try:
                parse_literal(word)
            except ValueError:
                raise ScriptError(Code.LITERAL, line, column) from None

    def _place(self, statement: Statement, column: int) -> None:
        name = statement.name
        if name == "on_finished:":
            if self._open or self._target is self.finished:
                raise ScriptError(Code.UNEXPECTED, statement.line, column)
            self._target = self.finished
        elif name == "if":
            self._target.append(statement)
            body: list[Statement] = []
            statement.branches.append((statement, body))
            self._enter(statement, body)
        elif name in ("elseif", "else", "endif", "endloop"):
            self._leave(statement, column)
        else:
            self._target.append(statement)
            if name == "loop" or name.startswith("meas_loop_"):
                self._enter(statement, statement.body)
            elif name == "breakloop" and not any(s.name != "if" for s, _ in self._open):
                raise ScriptError(Code.UNEXPECTED, statement.line, column)

    def _enter(self, statement: Statement, body: list[Statement]) -> None:
        self._open.append((statement, self._target))
        self._target = body

    def _leave(self, statement: Statement, column: int) -> None:
        inside = self._open[-1][0] if self._open else None
        if inside is None or (inside.name == "if") == (statement.name == "endloop"):
            raise ScriptError(Code.UNEXPECTED, statement.line, column)
        if statement.name in ("elseif", "else"):
            if inside.branches[-1][0] is None:
                raise ScriptError(Code.UNEXPECTED, statement.line, column)
            body: list[Statement] = []
            inside.branches.append((statement if statement.name == "elseif" else None, body))
            self._target = body
        else:
            self._target = self._open.pop()[1]


def parse_script(text: str, *, galvanostat: bool = True) -> tuple[list[Statement], list[Statement]]:
    """Return the statements of a script, and those after ``on_finished:``.

    Raises
    ------
    ScriptError
    """
    reader = _Reader(galvanostat)
    reader.read(text)
    return reader.main, reader.finished
