"""What a protocol does between its steps, in no time: marks, kept values, branches, ends."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from pydantic import Field, model_validator

from benchlab.model import quantity
from benchlab.model.amount import Amount
from benchlab.model.conditions import Condition, condition
from benchlab.model.labels import Label
from benchlab.model.validate import FieldError, Strict, from_text

__all__ = ["ACTIONS", "Action", "Arm", "EndRun", "If", "Keep", "Result", "SetC", "Zero"]

_GO_TO = re.compile(r"go\s+to\s+([A-Za-z_][\w-]*)", re.I)
_TIMES = re.compile(r"(\d+)\s+times?", re.I)
_OF = re.compile(r"(?:(charge|discharge)\s+)?capacity\s+of\s+(first\s+)?([A-Za-z_][\w-]*)", re.I)
_BAND = re.compile(r"(\S+)\s*%\s+to\s+(\S+)\s*%\s+of\s+nominal", re.I)


def go_to(text: str) -> str:
    """Return the label of ``go to LABEL``."""
    match = _GO_TO.fullmatch(" ".join(text.split()))
    if match is None:
        raise ValueError(f"found '{text}', expected 'go to LABEL'")
    return match[1]


def _otherwise(text: str) -> str:
    """Return a label to go to, or an empty string for ``alarm and go on``."""
    return "" if " ".join(text.lower().split()) == "alarm and go on" else go_to(text)


def _times(text: str) -> int:
    match = _TIMES.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"found '{text}', expected '6 times'")
    return quantity.number(match[1])


def _measured(text: str) -> Amount:
    match = _OF.fullmatch(" ".join(text.split()))
    if match is None:
        raise ValueError(f"found '{text}', expected 'discharge capacity of LABEL'")
    way = f"{match[1].lower()} " if match[1] else ""
    name = f"capacity of {'first ' if match[2] else ''}{match[3]}"
    return Amount("Ah", 1.0, name, text=f"{way}{name}")


def _band(text: str) -> tuple[float, float]:
    match = _BAND.fullmatch(" ".join(text.split()))
    if match is None:
        raise ValueError(f"found '{text}', expected '80 % to 120 % of nominal'")
    try:
        low, high = quantity.percent(match[1]), quantity.percent(match[2])
    except ArithmeticError:
        raise ValueError(f"found '{text}', expected '80 % to 120 % of nominal'") from None
    if not 0.0 < low < high <= 10.0:
        raise ValueError(f"found '{text}', expected a band above zero, the lower first")
    return low, high


class _Labelled(Strict):
    label: Label | None = None


class Arm(_Labelled):
    """Arms the lower voltage limit of a formed cell."""

    arm: Literal["low_once_formed"]


class SetC(_Labelled):
    """Lets C be a measured capacity from here on, if it lies within a band of the nominal one."""

    set: Literal["C"]
    to: Annotated[Amount, from_text(_measured)]
    only_if: Annotated[tuple[float, float], from_text(_band)]
    otherwise: Annotated[str, from_text(_otherwise)] = ""


class Keep(_Labelled):
    """Keeps a measured value under a name."""

    keep: Label
    as_: Annotated[Amount, from_text(_measured)] = Field(alias="as")


class Zero(_Labelled):
    """Begins to count net charge from here on, under a name."""

    zero: Label


class If(_Labelled):
    """Goes on at a label where a condition holds."""

    if_: str = Field(alias="if")
    then: Annotated[str, from_text(go_to)]
    in_: str = Field(default="", alias="in")
    at_most: Annotated[int, from_text(_times)] | None = None
    otherwise_after: Annotated[str, from_text(_otherwise)] | None = None

    @model_validator(mode="after")
    def _whole(self) -> If:
        for key, row in (("if", ""), ("in", self.in_)):
            try:
                condition(self.if_, row)
            except ValueError as problem:
                raise FieldError(key, str(problem)) from None
        if self.otherwise_after is not None and self.at_most is None:
            raise FieldError(
                "otherwise_after", "found 'otherwise_after' without 'at_most', expected both"
            )
        return self

    @property
    def condition(self) -> Condition:
        """What is asked."""
        return condition(self.if_, self.in_)


class EndRun(_Labelled):
    """Ends the run, under a name."""

    end: Label


class Result(_Labelled):
    """Values computed from the capacities of labelled steps, kept as events."""

    result: dict[Label, str]

    @model_validator(mode="after")
    def _something(self) -> Result:
        if not self.result:
            raise FieldError("result", "found no formula, expected {CE: strip / plate}")
        return self


Action = Arm | SetC | Keep | Zero | If | EndRun | Result
ACTIONS: dict[str, type[Action]] = {
    "arm": Arm,
    "set": SetC,
    "keep": Keep,
    "zero": Zero,
    "if": If,
    "end": EndRun,
    "result": Result,
}
