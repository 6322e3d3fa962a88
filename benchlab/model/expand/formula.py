"""Formulas of results: sums, differences, products and quotients of what labelled steps did."""

from __future__ import annotations

import re
from collections.abc import Container

from benchlab.model.expand.context import AT_THE_START, Context
from benchlab.model.protocol import Located

__all__ = ["postfix"]

_TOKEN = re.compile(
    r"\s*(?:((?:sum\s+of|(?:capacity|energy|duration|(?:start|end)\s+voltage)\s+of"
    r"(?:\s+first)?)\s+[A-Za-z_][\w-]*)|(\d+(?:\.\d+)?)|([A-Za-z_]\w*)|([-+*/()]))"
)
_STRENGTH = {"+": 1, "-": 1, "*": 2, "/": 2}
_LONGEST = 1000


def postfix(
    context: Context, at: Located, text: str, results: Container[str] = ()
) -> tuple[str, ...]:
    """Return a formula in postfix order, by the shunting-yard way.

    A label alone means the capacity of its last complete execution, in ampere hours; energies are
    in watt hours, durations in seconds, voltages in volts.

    Parameters
    ----------
    results : container of str
        Names of other results, which a formula may use.

    Raises
    ------
    benchlab.errors.ProtocolError
        It is no formula.
    """

    def refuse() -> Exception:
        return context.fail(
            at,
            f"found '{text[:60]}', which is no formula.",
            "Write sums and quotients of labels: (sum of strip + QS) / (sum of plate + QT);"
            " or of: energy of LABEL, duration of LABEL, start voltage of LABEL, end voltage of"
            " LABEL.",
            "result",
        )

    def named(label: str) -> str:
        if label in AT_THE_START:
            return label
        return f"result {label}" if label in results else f"capacity of {label}"

    out: list[str] = []
    waiting: list[str] = []
    place, operand_next = 0, True
    text = text.strip()
    if len(text) > _LONGEST:
        raise refuse()
    while place < len(text):
        match = _TOKEN.match(text, place)
        if match is None:
            raise refuse()
        place = match.end()
        total, number, label, sign = match.groups()
        if sign is None:
            if not operand_next:
                raise refuse()
            out.append(number or (" ".join(total.split()) if total else named(label)))
            operand_next = False
        elif sign == "(":
            if not operand_next:
                raise refuse()
            waiting.append(sign)
        elif operand_next:
            raise refuse()
        elif sign == ")":
            while waiting and waiting[-1] != "(":
                out.append(waiting.pop())
            if not waiting:
                raise refuse()
            waiting.pop()
        else:
            while waiting and _STRENGTH.get(waiting[-1], 0) >= _STRENGTH[sign]:
                out.append(waiting.pop())
            waiting.append(sign)
            operand_next = True
    if operand_next or "(" in waiting:
        raise refuse()
    return (*out, *reversed(waiting))
