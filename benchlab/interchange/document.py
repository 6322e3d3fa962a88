"""The unicycler format as data: what a file may hold, read without unicycler itself.

Field names are those of aurora-unicycler 0.4. The reader takes a little more than unicycler does:
an end at 0 V alone, which unicycler takes for one that is not set.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from benchlab.errors import BenchError, ProtocolError
from benchlab.model.yaml_text import Node, load_text

__all__ = [
    "ConstantCurrent",
    "ConstantVoltage",
    "Document",
    "Impedance",
    "Loop",
    "OpenCircuit",
    "Record",
    "Safety",
    "Sample",
    "Scan",
    "Tag",
    "Technique",
    "read_document",
]


def _number(value: object) -> object:
    """Return a number as unicycler reads it: text that holds one counts, empty text is none."""
    if isinstance(value, str):
        text = value.strip()
        if not text:
            return None
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"found {text[:40]!r}, expected a number") from None
    if value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
        if value is not None and not _finite(value):
            raise ValueError(f"found {value}, expected a finite number")
        return value
    raise ValueError(f"found {str(value)[:40]!r}, expected a number")


def _finite(value: float) -> bool:
    try:
        return math.isfinite(value)
    except OverflowError:  # a whole number beyond every float
        return False


def _rate(value: object) -> object:
    """Return a C-rate; ``C/5``, ``D/2`` (negative) and ``1/5`` are rates too."""
    if not isinstance(value, str) or "/" not in value:
        return _number(value)
    above, _, below = value.replace(" ", "").partition("/")
    sign = -1.0 if "D" in above else 1.0
    digits = above.replace("D" if "D" in above else "C", "", 1) or "1"
    try:
        return _number(sign * float(digits) / float(below))
    except (ValueError, ZeroDivisionError):
        raise ValueError(f"found {value[:40]!r}, expected a rate such as C/5") from None


def _whole(value: object) -> object:
    number = _number(value)
    if not isinstance(number, int | float) or number != int(number):
        raise ValueError(f"found {str(value)[:40]!r}, expected a whole number")
    return int(number)


Number = Annotated[float, BeforeValidator(_number)]
MaybeNumber = Annotated[float | None, BeforeValidator(_number)]
AboveZero = Annotated[Annotated[float, Field(gt=0)] | None, BeforeValidator(_number)]
FromZero = Annotated[Annotated[float, Field(ge=0)] | None, BeforeValidator(_number)]
MaybeRate = Annotated[float | None, BeforeValidator(_rate)]
Whole = Annotated[int, BeforeValidator(_whole)]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Version(_Part):
    """Which unicycler wrote the file."""

    version: str = ""


class Sample(_Part):
    """The sample; capacity in mAh."""

    name: str = "$NAME"
    capacity_mAh: AboveZero = None  # noqa: N815


class Record(_Part):
    """When a row is kept: changes in mA and V, time in seconds."""

    current_mA: AboveZero = None  # noqa: N815
    voltage_V: AboveZero = None  # noqa: N815
    time_s: Annotated[float, BeforeValidator(_number), Field(gt=0)]


class Safety(_Part):
    """Limits of the whole experiment."""

    max_voltage_V: MaybeNumber = None  # noqa: N815
    min_voltage_V: MaybeNumber = None  # noqa: N815
    max_current_mA: MaybeNumber = None  # noqa: N815
    min_current_mA: MaybeNumber = None  # noqa: N815
    max_capacity_mAh: FromZero = None  # noqa: N815
    delay_s: FromZero = None

    @model_validator(mode="after")
    def _in_order(self) -> Safety:
        for name, low, high in (
            ("voltage", self.min_voltage_V, self.max_voltage_V),
            ("current", self.min_current_mA, self.max_current_mA),
        ):
            if low is not None and high is not None and low >= high:
                raise ValueError(f"the lowest {name} ({low:g}) is not below the highest ({high:g})")
        return self


class _Step(_Part):
    id: str | None = None


class OpenCircuit(_Step):
    """A rest, in seconds."""

    step: Literal["open_circuit_voltage"] = "open_circuit_voltage"
    until_time_s: Annotated[float, BeforeValidator(_number), Field(gt=0)]


class ConstantCurrent(_Step):
    """A constant current; positive charges."""

    step: Literal["constant_current"] = "constant_current"
    rate_C: MaybeRate = None  # noqa: N815
    current_mA: MaybeNumber = None  # noqa: N815
    until_time_s: MaybeNumber = None
    until_voltage_V: MaybeNumber = None  # noqa: N815

    @model_validator(mode="after")
    def _whole(self) -> ConstantCurrent:
        if not self.rate_C and not self.current_mA:
            raise ValueError("found no current: rate_C or current_mA must be there and not zero")
        if not self.until_time_s and self.until_voltage_V is None:
            raise ValueError("found no end: until_time_s or until_voltage_V must be there")
        return self


class ConstantVoltage(_Step):
    """A constant voltage."""

    step: Literal["constant_voltage"] = "constant_voltage"
    voltage_V: Number  # noqa: N815
    until_time_s: MaybeNumber = None
    until_rate_C: MaybeRate = None  # noqa: N815
    until_current_mA: MaybeNumber = None  # noqa: N815

    @model_validator(mode="after")
    def _ends(self) -> ConstantVoltage:
        if not (self.until_time_s or self.until_rate_C or self.until_current_mA):
            raise ValueError("found no end: until_time_s, until_rate_C or until_current_mA")
        return self


class Impedance(_Step):
    """An impedance spectrum."""

    step: Literal["impedance_spectroscopy"] = "impedance_spectroscopy"
    amplitude_V: MaybeNumber = None  # noqa: N815
    amplitude_mA: MaybeNumber = None  # noqa: N815
    start_frequency_Hz: Annotated[float, BeforeValidator(_number), Field(ge=1e-5, le=1e7)]  # noqa: N815
    end_frequency_Hz: Annotated[float, BeforeValidator(_number), Field(ge=1e-5, le=1e7)]  # noqa: N815
    points_per_decade: Annotated[Whole, Field(gt=0)] = 10
    measures_per_point: Annotated[Whole, Field(gt=0)] = 1
    drift_correction: bool | None = False

    @model_validator(mode="after")
    def _one_amplitude(self) -> Impedance:
        if (self.amplitude_V is None) == (self.amplitude_mA is None):
            raise ValueError("expected exactly one of amplitude_V and amplitude_mA")
        return self


class Scan(_Step):
    """A linear sweep of the voltage."""

    step: Literal["voltage_scan"] = "voltage_scan"
    start_voltage_V: Number  # noqa: N815
    end_voltage_V: Number  # noqa: N815
    scan_rate_mV_per_s: Annotated[float, BeforeValidator(_number), Field(gt=0)]  # noqa: N815

    @model_validator(mode="after")
    def _moves(self) -> Scan:
        if self.start_voltage_V == self.end_voltage_V:
            raise ValueError("the scan begins and ends at the same voltage")
        return self


def _target(value: object) -> object:
    if isinstance(value, str):
        if not value.strip():
            raise ValueError("found an empty text, expected a tag or a step's number")
        return value
    number = _whole(value)
    if isinstance(number, int) and number < 1:
        raise ValueError(f"found {number}, expected the number of a step, from 1 on")
    return number


class Loop(_Step):
    """Goes back to a tag or a step (counted from 1); the count is the total."""

    step: Literal["loop"] = "loop"
    loop_to: Annotated[int | str, BeforeValidator(_target)] = 1
    cycle_count: Annotated[Whole, Field(gt=0)]


def _not_blank(value: object) -> object:
    if isinstance(value, str) and value.strip():
        return value
    raise ValueError("found no text, expected the name of the tag")


class Tag(_Step):
    """A place that loops go back to, or a heading."""

    step: Literal["tag"] = "tag"
    tag: Annotated[str, BeforeValidator(_not_blank)]


Technique = OpenCircuit | ConstantCurrent | ConstantVoltage | Impedance | Scan | Loop | Tag


class Document(_Part):
    """A whole unicycler protocol."""

    unicycler: Version = Version()
    sample: Sample = Sample()
    record: Record
    safety: Safety = Safety()
    method: tuple[Annotated[Technique, Field(discriminator="step")], ...] = Field(min_length=1)

    def plain(self) -> dict[str, Any]:
        """Return what unicycler reads: plain values, without what is not set."""
        return self.model_dump(mode="json", exclude_none=True, exclude={"unicycler"})


def _refuse_constant(name: str) -> float:
    raise ValueError(f"found {name}, which is no number of JSON")


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise ValueError(f"the key {key!r} stands twice in one object")
        found[key] = value
    return found


def read_document(text: str, source: str) -> Document:
    """Return the protocol that a JSON text holds.

    Parameters
    ----------
    source : str
        Named in errors, with line and field; steps count from 1, as in unicycler's loops.

    Raises
    ------
    benchlab.errors.ProtocolError
    """
    try:
        plain = json.loads(text, parse_constant=_refuse_constant, object_pairs_hook=_once)
    except json.JSONDecodeError as problem:
        raise ProtocolError(
            f"this is not valid JSON: {problem.msg}.",
            where=f"{source}:{problem.lineno}",
            remedy="Give the file that unicycler's to_json() wrote.",
        ) from problem
    except (ValueError, RecursionError) as problem:
        raise ProtocolError(
            f"this JSON cannot be used: {problem}.", where=source, remedy="Mend the file."
        ) from problem
    if not isinstance(plain, dict):
        raise ProtocolError(
            "found no JSON object.",
            where=source,
            remedy="Expected the keys record, method and, where there are any, sample and safety.",
        )
    try:
        return Document.model_validate(plain)
    except ValidationError as refusal:
        raise _refusal(refusal, text, source) from refusal


def _refusal(refusal: ValidationError, text: str, source: str) -> ProtocolError:
    problems = refusal.errors(include_url=False)
    first = next((p for p in problems if p["type"] == "extra_forbidden"), problems[0])
    loc = first["loc"]
    path = [part for at, part in enumerate(loc) if not (at == 2 and _is_kind(part, loc))]
    name = "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")
    what = {
        "extra_forbidden": "this key is not one of unicycler's",
        "missing": "this key is missing",
    }.get(first["type"])
    if what is None:
        cause = first.get("ctx", {}).get("error")
        what = str(cause) if isinstance(cause, ValueError) else first["msg"].lower()
    line = line_of(text, path)
    more = f" ({len(problems) - 1} more in this file.)" if len(problems) > 1 else ""
    return ProtocolError(
        f"{what}.",
        where=f"{source}{f':{line}' if line else ''}" + (f", {name}" if name else ""),
        remedy=f"Nothing was written; mend the file.{more}",
    )


_STEP_WORDS = frozenset(
    kind.model_fields["step"].default
    for kind in (OpenCircuit, ConstantCurrent, ConstantVoltage, Impedance, Scan, Loop, Tag)
)


def _is_kind(part: object, path: tuple[object, ...]) -> bool:
    """Say whether a part of pydantic's path is the kind of step, which no file has as a key."""
    return path[0] == "method" and part in _STEP_WORDS


def line_of(text: str, path: list[int | str]) -> int:
    """Return the line of a field of a JSON text, or 0 where it cannot be told."""
    return lines(text)(tuple(path))


def lines(text: str) -> Callable[[tuple[int | str, ...]], int]:
    """Return a function that finds the line of a path in a JSON text; JSON is read as YAML."""
    try:
        node: Node | None = load_text(text, "", ProtocolError)
    except BenchError:
        node = None
    return lambda path: node.line_of(path) if node is not None else 0
