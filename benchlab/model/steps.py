"""The steps of a protocol as they are written: whatever takes time on the bench."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal

from pydantic import BeforeValidator, Field, model_validator

from benchlab.model import quantity
from benchlab.model.amount import Amount
from benchlab.model.blocks import Block, Every, Run
from benchlab.model.conditions import End, end
from benchlab.model.labels import CycleKind, Label
from benchlab.model.record_rule import RecordRule
from benchlab.model.validate import (
    Amperes,
    Celsius,
    Count,
    FieldError,
    Seconds,
    Strict,
    Volts,
    from_text,
)

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
_TO = re.compile(r"\s+to\s+", re.I)
_WITHIN = re.compile(r"within\s+(.+?)\s+for\s+(.+)", re.I)


def _ends(value: object) -> object:
    if isinstance(value, str):
        value = [value]
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise ValueError("found a mapping, expected one end condition or a list of them")
    if not value:
        raise ValueError("found an empty list, expected one end condition or a list of them")
    return [end(item) for item in value]


Ends = Annotated[tuple[End, ...], BeforeValidator(_ends)]


def _rival(ends: tuple[End, ...]) -> tuple[End, End] | None:
    """Return two ends of which one can never decide: both compare the same with plain numbers."""
    seen: dict[tuple[object, ...], End] = {}
    for item in ends:
        amount = item.amount
        basis = (amount.unit, amount.of, amount.variable) if amount else ()
        key = (item.kind, item.relation, item.window_second, item.name, *basis)
        if key in seen and item.kind != "clock":
            return seen[key], item
        seen[key] = item
    return None


class _Named(Strict):
    label: Label | None = None
    record: RecordRule | None = None
    until: Ends = ()
    until_all: Ends = ()
    for_: Seconds | None = Field(default=None, alias="for")
    at_most: Seconds | None = None
    if_ended_by: dict[str, str] = Field(default_factory=dict)

    meaningless: ClassVar[dict[str, str]] = {}
    """Keys that mean nothing in a kind of step, and what says it instead."""

    @model_validator(mode="after")
    def _ends_once(self) -> _Named:
        for name, instead in self.meaningless.items():
            if name in self.model_fields_set:
                key = name.rstrip("_")
                raise FieldError(key, f"found '{key}', which means nothing here: {instead}")
        if self.until and self.until_all:
            raise FieldError(
                "until_all", "found both 'until' and 'until_all', expected one of them"
            )
        for key, ends in (("until", self.until), ("until_all", self.until_all)):
            rival = _rival(ends)
            if rival is not None:
                raise FieldError(
                    key,
                    f"found '{rival[0].text}' and '{rival[1].text}', of which only one can ever"
                    " decide; keep one of them",
                )
        plain = [e for e in self.until if e.kind == "time" and e.amount and not e.amount.of]
        if plain and self.for_ is not None:
            raise FieldError("for", f"found 'for' beside the time '{plain[0].text}', expected one")
        return self

    @model_validator(mode="after")
    def _ended_by(self) -> _Named:
        """Let each key of `if_ended_by` be the text of the end that it means."""
        found: dict[str, str] = {}
        ends = (*self.until, *self.until_all)
        for text, action in self.if_ended_by.items():
            words = " ".join(text.split())
            own = next((e.text for e in ends if e.text == words or _same_end(e, words)), None)
            if own is None:
                known = "; ".join(e.text for e in ends) or "none"
                raise FieldError(
                    "if_ended_by",
                    f"found '{text[:60]}', which is no end of this step; its ends: {known}",
                )
            if not action.startswith(("flag ", "go to ")) or not action.split(" ", 1)[1].strip():
                raise FieldError(
                    "if_ended_by", f"found '{action}', expected 'flag TEXT' or 'go to LABEL'"
                )
            found[own] = action
        self.if_ended_by.clear()
        self.if_ended_by.update(found)
        return self


def _same_end(known: End, text: str) -> bool:
    try:
        return end(text) == known
    except ValueError:
        return False


_OWN_END = ("until", "until_all", "for_", "if_ended_by")


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

    @model_validator(mode="after")
    def _bounded_once(self) -> DriveStep:
        if self.current_at_most is not None and self.drive.unit == "A":
            raise FieldError(
                "current_at_most",
                f"found 'current_at_most' in a step at constant current, which '{self.verb}' says"
                " already; it bounds a power, a resistance or a hold",
            )
        return self

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

    meaningless: ClassVar[dict[str, str]] = dict.fromkeys(
        ("for_", "at_most"), "'rest' says how long at most"
    )


def _corners(value: object) -> object:
    texts = _TO.split(value.strip()) if isinstance(value, str) else value
    if isinstance(texts, list) and len(texts) == 2 and all(isinstance(t, str) for t in texts):
        return quantity.range_of(" to ".join(texts), "V")
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
    scale: Annotated[float, from_text(quantity.factor)] = 1.0
    current_at_most: Amperes | None = None
    times: Count = 1


def _frequencies(text: str) -> str:
    """Return ``10 kHz to 10 mHz`` in Hz."""
    found = [quantity.frequency(part) for part in _TO.split(text.strip())]
    if len(found) != 2 or found[0] == found[1]:
        raise ValueError(f"found '{text[:60]}', expected frequencies such as 10 kHz to 10 mHz")
    return f"{found[0]!r} Hz to {found[1]!r} Hz"


def _amplitude(text: str) -> str:
    size, unit = quantity.change(text)
    if unit not in ("V", "A"):
        raise ValueError(f"found '{text[:60]}', expected an amplitude such as 10 mV or 5 mA")
    return f"{size!r} {unit}"


class EisStep(_Named):
    """A request for an impedance spectrum at rest, for instruments that can measure one."""

    eis: Annotated[str, from_text(_frequencies)]
    amplitude: Annotated[str, from_text(_amplitude)]
    points_per_decade: Count = 10

    meaningless: ClassVar[dict[str, str]] = dict.fromkeys(
        _OWN_END, "a spectrum ends with its last frequency"
    )


def _within(text: str) -> tuple[float, float]:
    match = _WITHIN.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"found '{text}', expected 'within 0.5 degC for 30 min'")
    return quantity.temperature_difference(match[1]), quantity.duration(match[2])


class ChamberStep(_Named):
    """The chamber's temperature; with `wait`, a rest until it is reached."""

    chamber: Celsius
    wait: Annotated[tuple[float, float], from_text(_within)] | None = None

    meaningless: ClassVar[dict[str, str]] = dict.fromkeys(
        _OWN_END, "waiting ends when the temperature is reached, see 'wait'"
    )


def _yes(value: object) -> object:
    if value not in ("yes", "no"):
        raise ValueError(f"found '{value}', expected yes or no")
    return value == "yes"


_RESUME = re.compile(r"(same barcode)(?: and within (.+))?|within (.+?)( and same barcode)?", re.I)


def _resume(text: str) -> tuple[bool, float]:
    match = _RESUME.fullmatch(" ".join(text.split()))
    if match is None:
        raise ValueError(f"found '{text[:60]}', expected 'same barcode and within 100 mV'")
    within = match[2] or match[3]
    volt = quantity.voltage(within) if within else float("inf")
    if volt <= 0.0:
        raise ValueError(f"found '{text[:60]}', expected a voltage above zero such as 100 mV")
    return bool(match[1] or match[4]), volt


class OperatorStep(_Named):
    """Waits, circuit open, for somebody to do what it says, and asks for what was found."""

    operator: str
    cell_may_leave: Annotated[bool, BeforeValidator(_yes)] = False
    ask: tuple[Label, ...] = ()
    resume_if: Annotated[tuple[bool, float], from_text(_resume)] | None = None

    meaningless: ClassVar[dict[str, str]] = dict.fromkeys(
        _OWN_END, "the step ends when the operator answers, or after 'at_most'"
    )


Step = (
    DriveStep | HoldStep | RestStep | SweepStep | ProfileStep | EisStep | ChamberStep | OperatorStep
)
