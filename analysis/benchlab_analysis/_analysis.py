"""What every analysis has in common: options that explain themselves, and what comes out.

A module of this package is an analysis where it has

- ``NAME``, a title, and ``HELP``, one line;
- ``TAKES``, ``"test"`` (all files are one cell's) or ``"cells"`` (one run a file);
- ``Options``, a frozen dataclass whose fields are made by `option`;
- ``analyse(run, options) -> Result``; where it takes cells, a sequence of runs.

The command line and the window show its options and draw its result from these alone.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any, NamedTuple, get_args, get_type_hints

import numpy as np
import numpy.typing as npt

from benchlab.errors import UsageError
from benchlab.model.table import Table

__all__ = [
    "Curve",
    "FigurePlan",
    "OptionShown",
    "Panel",
    "Result",
    "ResultColumn",
    "ResultTable",
    "option",
    "options_from",
    "options_of",
]


class ResultColumn(NamedTuple):
    """A column of a result: machine name, values of shape (n,), unit, and what it means."""

    name: str
    values: npt.ArrayLike
    unit: str = ""
    meaning: str = ""


class ResultTable(Table):
    """A table of a result.

    Attributes
    ----------
    name : str
    units, meanings : Mapping
        Of each column, by its name; empty where there is none.
    """

    def __init__(self, name: str, columns: Sequence[ResultColumn]) -> None:
        super().__init__({column.name: np.asarray(column.values) for column in columns})
        self.name = name
        self.units: Mapping[str, str] = {column.name: column.unit for column in columns}
        self.meanings: Mapping[str, str] = {column.name: column.meaning for column in columns}


@dataclass(frozen=True, slots=True)
class Curve:
    """A line, points or a band; `low` and `high` are its interval, in the unit of y."""

    label: str
    x: npt.ArrayLike
    y: npt.ArrayLike
    low: npt.ArrayLike | None = None
    high: npt.ArrayLike | None = None
    style: str = "line"
    """``line``, ``dashed``, ``points`` or ``open points``."""


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes; `x_marks` and `y_marks` are lines across it, by their label."""

    x_label: str
    y_label: str
    curves: Sequence[Curve]
    note: str = ""
    x_marks: Mapping[str, float] = field(default_factory=dict)
    y_marks: Mapping[str, float] = field(default_factory=dict)
    log_x: bool = False
    log_y: bool = False
    equal: bool = False
    """Both axes have one scale."""


@dataclass(frozen=True, slots=True)
class FigurePlan:
    """A figure as data: panels one under the other, which share x where `share_x` says so."""

    name: str
    title: str
    panels: Sequence[Panel]
    share_x: bool = False


@dataclass
class Result:
    """What an analysis found, and how.

    Attributes
    ----------
    sentences
        The findings in words, each with its interval, or with why there is none.
    tables, figures
    assumptions
        What was chosen or taken as given: method, window, reference, smoothing.
    corrections
        Each change that was made to what the file says.
    warnings
        What a reader must know before believing a number.
    """

    sentences: list[str] = field(default_factory=list)
    tables: list[ResultTable] = field(default_factory=list)
    figures: list[FigurePlan] = field(default_factory=list)
    assumptions: list[str] = field(default_factory=list)
    corrections: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def said(self) -> Iterator[tuple[str, str]]:
        """Yield what kind of remark, and the remark; warnings first."""
        yield from (("warning", text) for text in self.warnings)
        yield from (("correction", text) for text in self.corrections)
        yield from (("assumption", text) for text in self.assumptions)


def option(default: Any, meaning: str, *, unit: str = "", choices: Sequence[str] = ()) -> Any:
    """Return a field of an Options class.

    Parameters
    ----------
    default : float, int, str, bool or None
    meaning : str
        One line.
    choices : sequence of str
        All that is allowed, where that is a short list.
    """
    told = {"meaning": meaning, "unit": unit, "choices": tuple(choices)}
    return dataclasses.field(default=default, metadata=told)


class OptionShown(NamedTuple):
    """One option as a form or ``--help`` shows it; `kind` is float, int, str or bool."""

    name: str
    kind: type
    default: Any
    unit: str
    meaning: str
    choices: tuple[str, ...]


def options_of(module: ModuleType) -> list[OptionShown]:
    """Return the options of an analysis, in their order."""
    hints = get_type_hints(module.Options)
    return [
        OptionShown(
            item.name,
            next(
                kind for kind in (get_args(hints[item.name]) or (hints[item.name],))
                if kind is not type(None)
            ),
            item.default,
            item.metadata["unit"],
            item.metadata["meaning"],
            item.metadata["choices"],
        )
        for item in dataclasses.fields(module.Options)
    ]  # fmt: skip


def options_from(module: ModuleType, given: Mapping[str, str | None]) -> Any:
    """Return the Options of an analysis from texts; what is not given keeps its default.

    Parameters
    ----------
    given
        Texts by option name; an empty one, and None, are as good as not given.

    Raises
    ------
    benchlab.errors.UsageError
        For a text that is no such number, or none of the choices.
    """
    values = {}
    for shown in options_of(module):
        text = given.get(shown.name)
        if text is None or not text.strip():
            continue
        values[shown.name] = _value(shown, text.strip())
    return module.Options(**values)


def _value(shown: OptionShown, text: str) -> Any:
    name = shown.name.replace("_", "-")
    if shown.choices:
        known = {choice.replace(" ", "-"): choice for choice in shown.choices}
        if text.replace(" ", "-") not in known:
            raise UsageError(f"--{name} cannot be {text!r}.", remedy=f"Known: {', '.join(known)}.")
        return known[text.replace(" ", "-")]
    if shown.kind is bool:
        if text not in ("yes", "no"):
            raise UsageError(f"--{name} cannot be {text!r}.", remedy="It is yes or no.")
        return text == "yes"
    try:
        value = shown.kind(text)
    except ValueError as error:
        wanted = "a whole number" if shown.kind is int else "a number"
        raise UsageError(
            f"--{name} cannot be {text!r}.", remedy=f"It takes {wanted}: {shown.meaning}."
        ) from error
    if isinstance(value, float) and not np.isfinite(value):
        raise UsageError(f"--{name} cannot be {text!r}.", remedy="It takes a finite number.")
    return value
