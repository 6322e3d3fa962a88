"""The steps of a protocol as they are written: whatever takes time on the bench."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from benchlab.model import quantity
from benchlab.model.amount import Amount
from benchlab.model.conditions import End, end
from benchlab.model.validate import Amperes, Celsius, Count, Seconds, Strict, Volts, from_text

__all__ = [
    "DIRECTIONS",
    "Block",
    "ChamberStep",
    "CycleKind",
    "DriveStep",
    "EisStep",
    "Every",
    "HoldStep",
    "Label",
    "OperatorStep",
    "ProfileStep",
    "RecordRule",
    "RestStep",
    "Run",
    "Step",
    "SweepStep",
]

CycleKind = Literal["cycle", "formation cycle", "check-up", "imposed cycle", "no cycle"]
Output = Literal["open", "zero current"]
DIRECTIONS = {
    "charge": 1,
    "discharge": -1,
    "delithiate": 1,
    "lithiate": -1,
    "strip": 1,
    "plate": -1,
}
"""Signs at a working electrode that is the positive terminal; where it is not, they are refused."""
_LABEL = re.compile(r"[A-Za-z_][\w-]*")
_RESERVED = ("C", "nominal", "area", "mass", "first")
_LOG = re.compile(r"(\d+)\s+per\s+decade", re.I)
_WITHIN = re.compile(r"within\s+(.+?)\s+for\s+(.+)", re.I)
_VALUES = re.compile(r"(\S+)\s*%\s+to\s+(\S+)\s*%\s+in\s+steps\s+of\s+(\S+)\s*%", re.I)
_TIMES = re.compile(r"(\d+)\s+times", re.I)
_MOST_AT_TIMES = 1000


def _label(text: str) -> str:
    if _LABEL.fullmatch(text) is None or text in _RESERVED:
        raise ValueError(
            f"found '{text[:60]}', expected one word of letters, digits, _ and - that is none of"
            f" {', '.join(_RESERVED)}"
        )
    return text


Label = Annotated[str, AfterValidator(_label)]


def _ends(value: object) -> object:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("found a mapping, expected one end condition or a list of them")
    return [end(item) for item in value]


Ends = Annotated[tuple[End, ...], BeforeValidator(_ends)]


def _per_decade(text: str) -> int:
    match = _LOG.fullmatch(text.strip())
    if match is None or not 1 <= int(match[1][:5]) <= 1000:
        raise ValueError(f"found '{text}', expected '20 per decade'")
    return int(match[1])


def _at_times(text: str) -> tuple[float, ...]:
    words = text.replace(",", " ").split()
    pairs = list(zip(words[::2], words[1::2], strict=False))
    if not pairs or len(words) % 2 or len(pairs) > _MOST_AT_TIMES:
        raise ValueError(f"found '{text[:60]}', expected times such as '0.1 s 1 s 10 s'")
    times = tuple(quantity.duration(f"{value} {unit}") for value, unit in pairs)
    if list(times) != sorted(set(times)):
        raise ValueError(f"found '{text[:60]}', expected times that rise")
    return times


def _changes(value: object) -> object:
    texts = [value] if isinstance(value, str) else value
    if not isinstance(texts, list) or not all(isinstance(item, str) for item in texts):
        raise ValueError("found a mapping, expected a change such as 5 mV, or a list of them")
    found: dict[str, float] = {}
    for text in texts:
        size, unit = quantity.change(text)
        if unit not in ("V", "A", "Ah") or unit in found:
            raise ValueError(
                f"found '{text}', expected one change each of voltage, current, charge"
            )
        found[unit] = size
    return found


class RecordRule(Strict):
    """When a row is kept; a step's both edges always are.

    `every` seconds, on a change of voltage, current or charge, so many a decade of step time, or at
    given step times: whichever comes first.
    """

    every: Seconds | None = None
    or_change: Annotated[dict[str, float], BeforeValidator(_changes)] | None = None
    log_time: Annotated[int, from_text(_per_decade)] | None = None
    at: Annotated[tuple[float, ...], from_text(_at_times)] | None = None


class _Named(Strict):
    label: Label | None = None
    record: RecordRule | None = None
    until: Ends = ()
    until_all: Ends = ()
    for_: Seconds | None = Field(default=None, alias="for")
    at_most: Seconds | None = None
    if_ended_by: dict[str, str] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _one_list(self) -> _Named:
        if self.until and self.until_all:
            raise ValueError("found both 'until' and 'until_all', expected one of them")
        known = {item.text for item in (*self.until, *self.until_all)}
        for text, action in self.if_ended_by.items():
            if " ".join(text.split()) not in known:
                raise ValueError(f"found '{text}' in if_ended_by, which is no end of this step")
            if not action.startswith(("flag ", "go to ")):
                raise ValueError(f"found '{action}', expected 'flag TEXT' or 'go to LABEL'")
        return self


Drive = Annotated[Amount, from_text(quantity.drive)]


class DriveStep(_Named):
    """Constant current, power or resistance; with a hold behind it where `to` is given."""

    charge: Drive | None = None
    discharge: Drive | None = None
    lithiate: Drive | None = None
    delithiate: Drive | None = None
    plate: Drive | None = None
    strip: Drive | None = None
    to: Volts | None = None
    then_hold_until: Amperes | None = None
    hold_at_most: Seconds | None = None
    stop_at: Volts | None = None
    current_at_most: Amperes | None = None
    skip_rest_of_loop_if: Annotated[End, from_text(end)] | None = None

    @property
    def verb(self) -> str:
        """Which of the words that say the direction was used."""
        return next(word for word in DIRECTIONS if getattr(self, word) is not None)

    @property
    def drive(self) -> Amount:
        """What drives it."""
        found: Amount = getattr(self, self.verb)
        return found


class HoldStep(_Named):
    """Constant voltage within a current bound."""

    hold: Volts
    current_at_most: Amperes | None = None


class RestStep(_Named):
    """No current: the output open, or on and regulating 0 A."""

    rest: Seconds
    output: Output = "open"


def _corners(value: object) -> object:
    texts = [value] if isinstance(value, str) else value
    if isinstance(texts, list) and len(texts) == 1 and isinstance(texts[0], str):
        return quantity.range_of(texts[0], "V")
    if not isinstance(texts, list) or not all(isinstance(item, str) for item in texts):
        raise ValueError("found a mapping, expected '2.5 V to 4 V' or a list of voltages")
    if len(texts) < 2:
        raise ValueError("found no voltages, expected '2.5 V to 4 V' or a list of them")
    return [quantity.voltage(text) for text in texts]


def _sweep_rate(text: str) -> float:
    value, unit = quantity.rate(text)
    if unit != "V":
        raise ValueError(f"found '{text}', expected a rate such as 0.1 mV/s")
    return value


class SweepStep(_Named):
    """The voltage moved at a constant rate from corner to corner, within a current bound."""

    sweep: Annotated[tuple[float, ...], BeforeValidator(_corners)]
    rate: Annotated[float, from_text(_sweep_rate)]
    times: Count = 1
    current_at_most: Amperes


class ProfileStep(_Named):
    """Current, power or C-rate against time, from a CSV file with named, united columns."""

    profile: str
    scale: Annotated[float, from_text(float)] = 1.0
    current_at_most: Amperes | None = None
    times: Count = 1


class EisStep(_Named):
    """A request for an impedance spectrum at rest, for instruments that can measure one."""

    eis: str
    amplitude: str
    points_per_decade: Count = 10


def _within(text: str) -> tuple[float, float]:
    match = _WITHIN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"found '{text}', expected 'within 0.5 degC for 30 min'")
    return quantity.temperature_difference(match[1]), quantity.duration(match[2])


class ChamberStep(_Named):
    """The chamber's temperature; with `wait`, a rest until it is reached."""

    chamber: Celsius
    wait: Annotated[tuple[float, float], from_text(_within)] | None = None


def _yes(value: object) -> object:
    if value not in ("yes", "no"):
        raise ValueError(f"found '{value}', expected yes or no")
    return value == "yes"


_RESUME = re.compile(r"(same barcode)?(?:\s*and\s*)?(?:within\s+(.+))?", re.I)


def _resume(text: str) -> tuple[bool, float]:
    match = _RESUME.fullmatch(" ".join(text.split()))
    if match is None or not (match[1] or match[2]):
        raise ValueError(f"found '{text}', expected 'same barcode and within 100 mV'")
    return bool(match[1]), quantity.voltage(match[2]) if match[2] else float("inf")


class OperatorStep(_Named):
    """Waits, circuit open, for somebody to do what it says, and asks for what was found."""

    operator: str
    cell_may_leave: Annotated[bool, BeforeValidator(_yes)] = False
    ask: tuple[Label, ...] = ()
    resume_if: Annotated[tuple[bool, float], from_text(_resume)] | None = None


def _values(text: str) -> tuple[float, ...]:
    match = _VALUES.fullmatch(text.strip())
    expected = f"found '{text}', expected '90 % to 10 % in steps of 10 %'"
    if match is None:
        raise ValueError(expected)
    first, last, step = (float(part) / 100.0 for part in match.groups())
    if step <= 0.0 or not 0.0 <= abs(last - first) / step <= 10_000:
        raise ValueError(expected)
    count = int(abs(last - first) / step + 1e-9) + 1
    sign = 1.0 if last >= first else -1.0
    return tuple(round(first + sign * step * index, 12) for index in range(count))


def _repeat(value: object) -> object:
    """Return rounds, or the variable's name and its values, or rounds and the condition."""
    if isinstance(value, str):
        return {"rounds": quantity.number(value)}
    if isinstance(value, dict) and set(value) == {"at_most", "until"}:
        match = _TIMES.fullmatch(str(value["at_most"]).strip())
        if match is None:
            raise ValueError(f"found '{value['at_most']}', expected '60 times'")
        return {"rounds": quantity.number(match[1]), "until": value["until"]}
    if isinstance(value, dict) and len(value) == 1:
        (name, values), *_ = value.items()
        if isinstance(values, str):
            found = _values(values)
            return {"rounds": len(found), "variable": _label(name), "values": found}
    raise ValueError(
        "found something else, expected 30, {soc: 90 % to 10 % in steps of 10 %} or"
        " {at_most: 60 times, until: CONDITION}"
    )


class Rounds(Strict):
    """How often a block is carried out."""

    rounds: int = 1
    variable: str = ""
    values: tuple[float, ...] = ()
    until: str = ""


class Block(Strict):
    """Steps carried out again and again, and what each round counts as."""

    repeat: Annotated[Rounds, BeforeValidator(_repeat)] = Rounds()
    phase: str = ""
    label: Label | None = None
    counts_as: CycleKind | None = None
    steps: tuple[Any, ...]


_ITERATIONS = re.compile(r"(\d+)\s+(?:iterations|cycles|rounds)", re.I)


def _iterations(text: str) -> int:
    match = _ITERATIONS.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"found '{text}', expected '50 iterations'")
    return quantity.number(match[1])


class Every(Strict):
    """Steps carried out after each so many rounds of the repeat around them; never after 0."""

    every: Annotated[int, from_text(_iterations)]
    label: Label | None = None
    counts_as: CycleKind | None = None
    steps: tuple[Any, ...]


class Run(Strict):
    """A procedure of this file, or another file's steps, in this place."""

    run: str
    label: Label | None = None
    counts_as: CycleKind | None = None


Step = (
    DriveStep | HoldStep | RestStep | SweepStep | ProfileStep | EisStep | ChamberStep | OperatorStep
)
