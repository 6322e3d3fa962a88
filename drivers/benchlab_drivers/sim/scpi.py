"""SCPI for simulated instruments: a command tree, the parser, the error queue.

Short and long forms in any case, optional nodes, numeric suffixes, a leading colon, compound lines
with header paths (SCPI-1999 volume 1, chapter 6), strings in either quote, blank commands. A line
is parsed once: what it does is kept by its exact bytes.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence

__all__ = [
    "UNDEFINED",
    "Handler",
    "Plan",
    "ScpiError",
    "ScpiInstrument",
    "boolean",
    "choice",
    "number",
    "text",
]

Handler = Callable[[list[str]], str | None]
Action = Callable[[], str | None]
CACHE_LINES = 4096
QUEUE_LENGTH = 100
NODE = re.compile(r"(\[)?:?(\*?[A-Za-z]+)(\[1\]|<n>|<2>)?(\])?")
HEADER = re.compile(r"(:?)(\*?[A-Za-z_][A-Za-z0-9_:]*)(\?)?(?:\s+(.*)|(?<=\?)(.*))?$", re.DOTALL)


class ScpiError(Exception):
    """What goes into the error queue instead of an answer."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(code, message)
        self.code = code
        self.message = message


UNDEFINED = ScpiError(-113, "Undefined header")
MISSING = ScpiError(-109, "Missing parameter")
EXTRA = ScpiError(-108, "Parameter not allowed")
WRONG_TYPE = ScpiError(-104, "Data type error")
BAD_VALUE = ScpiError(-224, "Illegal parameter value")
BAD_STRING = ScpiError(-151, "Invalid string data")


class Node:
    """One mnemonic of the tree; its children stand under every spelling they may have."""

    __slots__ = ("children", "query", "set")

    def __init__(self) -> None:
        self.children: dict[str, Node] = {}
        self.set: Handler | None = None
        self.query: Handler | None = None

    def child(self, name: str, suffix: str | None) -> Node:
        """Return the child of that name, made where missing."""
        long = name.upper()
        short = "".join(c for c in name if not c.islower()).upper()
        spellings = set() if suffix == "<2>" else {long, short}
        numbers = {None: "", "[1]": "1", "<n>": "123456789", "<2>": "2"}[suffix]
        spellings |= {s + n for s in (long, short) for n in numbers}
        node = next((self.children[s] for s in spellings if s in self.children), Node())
        for spelling in spellings:
            self.children[spelling] = node
        return node


class Plan:
    """What a line does.

    Attributes
    ----------
    actions : tuple of callable
        In order.
    measures, changes, unknown : bool
        Whether one measures, sets anything, or has a header that is not in the tree.
    """

    __slots__ = ("actions", "changes", "measures", "unknown")

    def __init__(
        self, actions: Sequence[Action], measures: bool, changes: bool, unknown: bool
    ) -> None:
        self.actions = tuple(actions)
        self.measures = measures
        self.changes = changes
        self.unknown = unknown


class ScpiInstrument:
    """The part of a SCPI instrument that knows no instrument."""

    def __init__(self) -> None:
        self._root = Node()
        self._measuring: set[int] = set()
        self._plans: dict[bytes, Plan] = {}
        self._queue: deque[str] = deque()
        self.event_status = 128
        self.add("*CLS", set=self._clear)
        self.add("*ESR", query=self._read_event_status)
        self.add("*OPC", set=self._operation_complete, query=lambda args: "1")
        self.add("*WAI", set=lambda args: None)
        self.add("SYSTem:CLEar", set=self._clear_errors)
        self.add("SYSTem:ERRor[:NEXT]", query=lambda args: self._next_error())
        self.add("SYSTem:ERRor:CODE[:NEXT]", query=lambda args: self._next_error().split(",")[0])
        self.add("SYSTem:ERRor:COUNt", query=lambda args: str(len(self._queue)))

    def add(
        self,
        pattern: str,
        *,
        set: Handler | None = None,
        query: Handler | None = None,
        measures: bool = False,
    ) -> None:
        """Put a command into the tree.

        Parameters
        ----------
        pattern : str
            As manuals print it: ``SOURce[1]:VOLTage[:LEVel]``; ``<n>`` is any digit, ``<2>`` a 2.
        set, query : callable, optional
            Given the parameters as they came; returns the answer of a query.
        measures : bool
            Whether the query takes as long as a measurement.
        """
        nodes = [self._root]
        for opened, name, suffix, closed in NODE.findall(pattern):
            found = [node.child(name, suffix or None) for node in nodes]
            nodes = [*nodes, *found] if opened and closed else found
        for node in nodes:
            node.set = set or node.set
            node.query = query or node.query
            if measures:
                self._measuring.add(id(node))

    def execute(self, line: bytes) -> bytes:
        """Carry out one line without its terminator; return the reply with one, or nothing."""
        plan = self.plan(line)
        replies = []
        for action in plan.actions:
            try:
                reply = action()
            except ScpiError as error:
                self.refuse(error)
            else:
                if reply is not None:
                    replies.append(reply)
        return (";".join(replies) + "\n").encode("ascii") if replies else b""

    def plan(self, line: bytes) -> Plan:
        """Parse a line, or remember having done so."""
        plan = self._plans.get(line)
        if plan is None:
            plan = self._parse(line.decode("latin-1"))
            if len(self._plans) >= CACHE_LINES:
                self._plans.clear()
            self._plans[line] = plan
        return plan

    def refuse(self, error: ScpiError) -> None:
        """Put an error into the queue and the event status register."""
        bits = {1: 32, 2: 16, 3: 8, 4: 4}
        self.event_status |= bits.get(-error.code // 100, 8)
        if len(self._queue) >= QUEUE_LENGTH:
            self._queue[-1] = self.error_entry(-350, "Queue overflow")
        else:
            self._queue.append(self.error_entry(error.code, error.message))

    def error_entry(self, code: int, message: str) -> str:
        """Write an error as the instrument does."""
        return f'{code},"{message}"'

    # --- parsing ------------------------------------------------------------------------------

    def _parse(self, line: str) -> Plan:
        actions: list[Action] = []
        measures = changes = unknown = False
        path = self._root
        for part in _split(line, ";"):
            command = part.strip()
            if not command:
                continue
            match = HEADER.match(command)
            if match is None:
                actions.append(_raiser(ScpiError(-102, "Syntax error")))
                continue
            colon, header, query, spaced, close = match.groups()
            node = self._root if colon or header.startswith("*") else path
            parent: Node = node
            found: Node | None = node
            for name in header.upper().split(":"):
                parent = found  # type: ignore[assignment]
                found = parent.children.get(name)
                if found is None:
                    break
            handler = None
            if found is not None:
                handler = found.query if query else found.set
            if handler is None:
                actions.append(_raiser(UNDEFINED))
                unknown = True
                continue
            if not header.startswith("*"):
                path = parent
            rest = (spaced or close or "").strip()
            arguments = [a.strip() for a in _split(rest, ",")] if rest else []
            if rest.count('"') % 2 or rest.count("'") % 2:
                actions.append(_raiser(BAD_STRING))
                continue
            actions.append(_caller(handler, arguments))
            measures = measures or (bool(query) and id(found) in self._measuring)
            changes = changes or not query
        return Plan(actions, measures, changes, unknown)

    # --- common commands ----------------------------------------------------------------------

    def _clear(self, args: list[str]) -> None:
        self._queue.clear()
        self.event_status = 0

    def _clear_errors(self, args: list[str]) -> None:
        self._queue.clear()

    def _read_event_status(self, args: list[str]) -> str:
        value, self.event_status = self.event_status, 0
        return str(value)

    def _operation_complete(self, args: list[str]) -> None:
        self.event_status |= 1

    def _next_error(self) -> str:
        return self._queue.popleft() if self._queue else self.no_error()

    def no_error(self) -> str:
        """Write an empty queue as the instrument does."""
        return '0,"No error"'


def _split(line: str, separator: str) -> list[str]:
    """Split outside quotes."""
    parts, start, quote = [], 0, ""
    for k, c in enumerate(line):
        if quote:
            quote = "" if c == quote else quote
        elif c in "\"'":
            quote = c
        elif c == separator:
            parts.append(line[start:k])
            start = k + 1
    parts.append(line[start:])
    return parts


def _caller(handler: Handler, arguments: list[str]) -> Action:
    return lambda: handler(arguments)


def _raiser(error: ScpiError) -> Action:
    def action() -> None:
        raise error

    return action


def _argument(arguments: list[str], k: int, count: int | None) -> str:
    if len(arguments) <= k:
        raise MISSING
    if count is not None and len(arguments) > count:
        raise EXTRA
    return arguments[k]


def number(
    arguments: list[str],
    k: int = 0,
    *,
    low: float,
    high: float,
    default: float,
    count: int | None = 1,
) -> float:
    """Return parameter `k` as a number inside [low, high]; MIN, MAX and DEF are understood.

    Raises
    ------
    ScpiError
        -109 missing, -108 too many, -104 not a number, -222 out of range.
    """
    word = _argument(arguments, k, count).upper()
    named = {"MIN": low, "MINIMUM": low, "MAX": high, "MAXIMUM": high}
    named |= {"DEF": default, "DEFAULT": default}
    if word in named:
        return named[word]
    try:
        value = float(word)
    except ValueError:
        raise WRONG_TYPE from None
    if not low <= value <= high:
        raise ScpiError(-222, "Parameter data out of range")
    return value


def boolean(arguments: list[str]) -> bool:
    """Return the only parameter as ON, OFF, 1 or 0."""
    word = _argument(arguments, 0, 1).upper()
    if word in ("ON", "OFF"):
        return word == "ON"
    try:
        return bool(float(word))
    except ValueError:
        raise WRONG_TYPE from None


def choice(arguments: list[str], names: Sequence[str], k: int = 0, count: int = 1) -> str:
    """Return the short form of parameter `k`, which must be one of `names` (``NORMal``)."""
    word = text(arguments, k, count).upper()
    for name in names:
        short = "".join(c for c in name if not c.islower())
        if word in (short.upper(), name.upper()):
            return short
    raise BAD_VALUE


def text(arguments: list[str], k: int = 0, count: int | None = None) -> str:
    """Return parameter `k` without its quotes."""
    word = _argument(arguments, k, count)
    if len(word) > 1 and word[0] in "\"'" and word[-1] == word[0]:
        return word[1:-1]
    return word
