"""Turns a node of text into a pydantic model, and its refusals into errors with line and field."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, ValidationError

from benchlab.errors import BenchError
from benchlab.model import quantity
from benchlab.model.amount import Amount
from benchlab.model.refusals import in_one
from benchlab.model.yaml_text import Node

__all__ = [
    "Amperes",
    "CapacityAh",
    "CapacityOrPerGram",
    "Celsius",
    "CelsiusRange",
    "ChargeAh",
    "Count",
    "FieldError",
    "Grams",
    "Kelvins",
    "Name",
    "Seconds",
    "SquareCentimetres",
    "Strict",
    "Volts",
    "from_text",
    "place",
    "validate",
]


class Strict(BaseModel):
    """A model that refuses unknown keys and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class FieldError(ValueError):
    """What is wrong with one key of a mapping, found by looking at several.

    Attributes
    ----------
    key : str
        The key to mend.
    """

    def __init__(self, key: str, what: str) -> None:
        super().__init__(what)
        self.key = key


def from_text(function: Any) -> BeforeValidator:
    """Return what lets pydantic read a field from one text with this function."""

    def read(value: object) -> object:
        if not isinstance(value, str):
            found = "a list" if isinstance(value, list) else "a mapping"
            raise ValueError(f"found {found}, expected one value with its unit")
        return function(value)

    return BeforeValidator(read)


def _absolute(capacity: Amount) -> Amount:
    if capacity.of or capacity.variable:
        raise ValueError(f"found '{capacity.text}', expected a capacity such as 0.2 Ah")
    return capacity


Volts = Annotated[float, from_text(quantity.voltage)]
Amperes = Annotated[Amount, from_text(quantity.current)]
Seconds = Annotated[float, from_text(quantity.duration)]
ChargeAh = Annotated[Amount, from_text(quantity.charge)]


def _sized(capacity: Amount) -> Amount:
    return capacity if capacity.of == "mass" else _absolute(capacity)


CapacityOrPerGram = Annotated[ChargeAh, AfterValidator(_sized)]
CapacityAh = Annotated[ChargeAh, AfterValidator(_absolute)]
Celsius = Annotated[float, from_text(quantity.temperature)]
CelsiusRange = Annotated[tuple[float, float], from_text(quantity.temperature_range)]
Kelvins = Annotated[float, from_text(quantity.temperature_difference)]
Grams = Annotated[float, from_text(quantity.mass)]
SquareCentimetres = Annotated[float, from_text(quantity.area)]
Count = Annotated[int, from_text(quantity.number)]


def _name(value: str) -> str:
    if not value.strip() or "\n" in value.strip():
        raise ValueError(f"found {value[:60]!r}, expected a name of one line")
    return value.strip()


Name = Annotated[str, AfterValidator(_name)]

_Model = TypeVar("_Model", bound=BaseModel)


def validate(
    model: type[_Model],
    node: Node,
    source: str,
    error: type[BenchError],
    *,
    field: str = "",
    drop: Sequence[str] = (),
) -> _Model:
    """Return the model that a node describes.

    Parameters
    ----------
    source, field : str
        File and field of the node, for the error's text.
    drop : sequence of str
        Keys of the node that another reader takes.

    Raises
    ------
    error
        With ``source:line`` and the field as its place, what was found and what was expected; its
        `others` are what else is wrong with the node.
    """
    plain = node.plain()
    if not isinstance(plain, dict):
        found = f"'{plain[:60]}'" if isinstance(plain, str) else "a list"
        raise error(
            f"found {found}, expected a mapping (key: value).",
            where=place(source, node.line, field),
            remedy=f"Known keys: {', '.join(_keys(model))}.",
        )
    for key in drop:
        plain.pop(key, None)
    try:
        return model.model_validate(plain)
    except ValidationError as refusal:
        raise in_one(
            [
                _refused(model, problem, node, source, error, field, drop)
                for problem in _independent(refusal.errors(include_url=False))
            ]
        ) from refusal


def _independent(problems: Sequence[Any]) -> list[dict[str, Any]]:
    """Return one problem a place; a key that is missing is often the unknown one, mistyped."""
    unknown = {p["loc"][:-1] for p in problems if p["type"] == "extra_forbidden"}
    kept: dict[tuple[Any, ...], dict[str, Any]] = {}
    for problem in problems:
        if problem["type"] != "missing" or problem["loc"][:-1] not in unknown:
            kept.setdefault(problem["loc"], dict(problem))
    return list(kept.values())


def _refused(
    model: type[BaseModel],
    problem: dict[str, Any],
    node: Node,
    source: str,
    error: type[BenchError],
    field: str,
    drop: Sequence[str],
) -> BenchError:
    path: tuple[str | int, ...] = problem["loc"]
    cause = problem.get("ctx", {}).get("error")
    if isinstance(cause, FieldError):
        path = (*path, cause.key)
    name = "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in path).strip(".")
    what, remedy = _explain(model, problem, path, drop)
    where = place(source, node.line_of(path), f"{field}.{name}".strip(".") if name else field)
    return error(what, where=where, remedy=remedy)


def place(source: str, line: int, field: str) -> str:
    """Return ``file:line, field`` for an error."""
    return f"{source}:{line}" + (f", {field}" if field else "")


def _keys(model: type[BaseModel]) -> list[str]:
    return [info.alias or name for name, info in model.model_fields.items()]


def _explain(
    model: type[BaseModel],
    problem: dict[str, Any],
    path: tuple[str | int, ...],
    other_keys: Sequence[str],
) -> tuple[str, str]:
    kind = problem["type"]
    last = path[-1] if path else ""
    if kind == "extra_forbidden":
        owner: type[BaseModel] | None = model if len(path) == 1 else None
        for part in path[:-1]:
            info = (owner or model).model_fields.get(str(part))
            inner = info.annotation if info else None
            options = [inner, *getattr(inner, "__args__", ())]
            owner = next(
                (o for o in options if isinstance(o, type) and issubclass(o, BaseModel)), None
            )
        known = [*(_keys(owner) if owner else []), *(other_keys if owner is model else [])]
        close = difflib.get_close_matches(str(last), known, n=1)
        hint = f"Did you mean '{close[0]}'? " if close else ""
        return (
            f"found the unknown key '{last}'.",
            hint + (f"Known here: {', '.join(known)}." if known else "Remove it."),
        )
    if kind == "missing":
        return f"the key '{last}' is missing.", "Add it."
    if kind == "value_error":
        return f"{problem['ctx']['error']}.", "Nothing was started; mend the file."
    given = problem.get("input")
    shown = f"'{str(given)[:60]}'"
    if isinstance(given, dict | list):
        shown = "a mapping" if isinstance(given, dict) else "a list"
    expected = _EXPECTED.get(kind) or problem.get("ctx", {}).get("expected") or problem["msg"]
    return f"found {shown}, expected {expected}.", "Nothing was started; mend the file."


_EXPECTED = {
    "string_type": "one text",
    "model_type": "a mapping (key: value)",
    "model_attributes_type": "a mapping (key: value)",
    "dict_type": "a mapping (key: value)",
    "tuple_type": "a list",
    "list_type": "a list",
}
