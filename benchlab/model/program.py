"""A protocol in numbers: what the sequencer carries out and what the file keeps of it."""

from __future__ import annotations

import hashlib
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from dataclasses import field as with_default
from enum import StrEnum
from typing import Any

from benchlab.model.amount import Amount
from benchlab.model.conditions import End
from benchlab.model.instructions import Block, Instruction, StepEntry
from benchlab.model.limits import RunLimits
from benchlab.model.run import ProtocolRecord

__all__ = ["Control", "Program", "StepPlan", "Watched"]


class Control(StrEnum):
    """What a step regulates."""

    OPEN = "open"
    ZERO = "zero current"
    CURRENT = "current"
    HOLD = "voltage"
    POWER = "power"
    RESISTANCE = "resistance"
    SWEEP = "sweep"
    PROFILE = "profile"
    OPERATOR = "operator"
    CHAMBER = "chamber"
    EIS = "eis"


RESTING = frozenset({Control.OPEN, Control.ZERO, Control.OPERATOR, Control.CHAMBER})
BY_HOST = frozenset({Control.POWER, Control.RESISTANCE, Control.SWEEP, Control.PROFILE})


@dataclass(frozen=True, slots=True)
class Watched:
    """An end condition of the rarer kind, with its number once the step begins.

    Attributes
    ----------
    value : float
        In the unit of the end's amount; NaN where it has none or is not known yet.
    reason : str
        Under which it is stored when it ends the step.
    """

    end: End
    value: float
    reason: str


@dataclass(frozen=True, slots=True)
class StepPlan:
    """One step of the expanded table; magnitudes unless a direction is stated.

    Attributes
    ----------
    direction : int
        +1 charges, -1 discharges, 0 rests, or goes both ways; a hold's is found when it is entered,
        and is 0 here.
    current_ampere : float
        Signed set current; where something else is regulated the magnitude of its bound.
    level : float
        The power in W or resistance in ohm that is regulated.
    hold_volt : float
        Held at constant voltage from there on; NaN: no hold.
    end_volt : float
        Ends the step when reached in its direction; NaN: none.
    end_volt_own : bool
        Whether ending by it completes the step (`until`), or cuts it short (`stop_at`).
    cutoff_ampere : float
        Ends a hold when the current has come down to it; NaN: none.
    end_charge_ah, end_time_second, hold_end_second : float
        Ends of the step's own; infinite: none.
    at_most_second : float
        The bound in time that is not an end of the step's own.
    hold_own_end : bool
        Whether `hold_end_second` counts as an end of its own.
    watched : tuple of Watched
        Further ends; all of them must hold where `all_ends`.
    unknown : tuple of (field, Amount)
        What depends on C or on something measured: put in when the step begins; of several for one
        field the one that is reached first holds.
    texts : Mapping
        The text of the end for each reason, as written.
    """

    step_id: int
    label: str
    step_type: str
    cycle_kind: str
    line: int
    field: str
    text: str
    direction: int
    current_ampere: float
    control: Control = Control.CURRENT
    source: str = ""
    level: float = math.nan
    hold_volt: float = math.nan
    end_volt: float = math.nan
    end_volt_own: bool = True
    cutoff_ampere: float = math.nan
    end_charge_ah: float = math.inf
    end_time_second: float = math.inf
    hold_end_second: float = math.inf
    hold_own_end: bool = False
    at_most_second: float = math.inf
    watched: tuple[Watched, ...] = ()
    all_ends: bool = False
    unknown: tuple[tuple[str, Amount], ...] = ()
    texts: Mapping[str, str] = with_default(default_factory=dict)
    every_second: float = math.inf
    or_change_volt: float = math.inf
    or_change_ampere: float = math.inf
    or_change_ah: float = math.inf
    log_per_decade: int = 0
    at_second: tuple[float, ...] = ()
    corners_volt: tuple[float, ...] = ()
    rate_volt_per_second: float = math.nan
    profile: str = ""
    profile_scale: float = 1.0
    times: int = 1
    chamber_celsius: float = math.nan
    chamber_within: tuple[float, float] = (math.nan, math.nan)
    question: str = ""
    ask: tuple[str, ...] = ()
    cell_may_leave: bool = False
    same_barcode: bool = False
    within_volt: float = math.inf
    eis: str = ""
    flags: tuple[tuple[str, str], ...] = ()

    @property
    def driven(self) -> bool:
        """Whether current is to flow."""
        return self.control not in RESTING

    @property
    def is_open(self) -> bool:
        """Whether the circuit is open."""
        return self.control in (Control.OPEN, Control.OPERATOR, Control.CHAMBER)

    @property
    def has_hold(self) -> bool:
        """Whether the step is, or ends in, a constant voltage."""
        return not math.isnan(self.hold_volt)

    @property
    def by_host(self) -> bool:
        """Whether the host itself moves the set point while the step goes on."""
        return self.control in BY_HOST

    def with_numbers(self, known: Mapping[str, float]) -> StepPlan:
        """Return the step with everything put in that was measured until now.

        Raises
        ------
        benchlab.model.amount.UnknownAmount
        """
        if not self.unknown:
            return self
        found: dict[str, float] = {}
        watched = list(self.watched)
        for name, amount in self.unknown:
            number = amount.number(known)
            if name.startswith("watched."):
                place = int(name[8:])
                watched[place] = replace(watched[place], value=number)
            elif name not in found:
                found[name] = number
            else:  # whichever is reached first: of falling currents the larger
                nearer = max if name == "cutoff_ampere" else min
                found[name] = nearer(number, found[name], key=abs)
        if "current_ampere" in found and self.control is Control.CURRENT:
            found["current_ampere"] *= self.direction
        return replace(self, watched=tuple(watched), **found)  # type: ignore[arg-type]

    def record(self) -> dict[str, Any]:
        """Return the step as plain values that JSON can carry; none and infinite become null.

        What a step does not use is left out.
        """
        kept = {}
        for key, value in asdict(self).items():
            if key in _ALWAYS or value != _DEFAULTS[key]:
                kept[key] = _plain(value)
        return kept


_ALWAYS = frozenset(
    {
        "step_id",
        "label",
        "step_type",
        "cycle_kind",
        "line",
        "field",
        "text",
        "direction",
        "current_ampere",
        "hold_volt",
        "end_volt",
        "cutoff_ampere",
        "end_charge_ah",
        "end_time_second",
        "at_most_second",
    }
)
_DEFAULTS: dict[str, Any] = {
    name: ({} if name == "texts" else item.default)
    for name, item in StepPlan.__dataclass_fields__.items()
}


def _plain(value: Any) -> Any:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, StrEnum) else value


@dataclass(frozen=True, slots=True)
class Program:
    """A protocol in numbers, checked against the cell.

    Attributes
    ----------
    canonical_sha256 : str
        Of the protocol's canonical text: the same for every way of writing the same.
    code : tuple of Instruction
        What the sequencer carries out, one after the other.
    kept : frozenset of str
        Results of steps that are asked for later; the sequencer keeps these.
    known : Mapping
        C, nominal (Ah), area (cm2) and mass (g), as far as they are known at the start.
    notes : tuple of str
        What was filled in by default, to be printed before the start.
    """

    name: str
    source: str
    text: str
    canonical_sha256: str
    code: tuple[Instruction, ...]
    blocks: tuple[Block, ...]
    steps: tuple[StepPlan, ...]
    entries: tuple[StepEntry, ...]
    limits: RunLimits
    capacity_ah: float
    capacity_basis: str
    known: Mapping[str, float]
    kept: frozenset[str]
    profiles: Mapping[str, tuple[str, tuple[float, ...], tuple[float, ...]]]
    period_second: float
    notes: tuple[str, ...]

    def record(self) -> ProtocolRecord:
        """Return what a file keeps of the protocol."""
        return ProtocolRecord(
            name=self.name,
            text=self.text,
            sha256=hashlib.sha256(self.text.encode()).hexdigest(),
            steps=tuple(step.record() for step in self.steps),
        )

    def executions(self) -> int:
        """Return how many steps a run carries out at most; jumps back are not counted."""
        return sum(entry.times for entry in self.entries)

    def cycles(self) -> int:
        """Return how many counted cycles a run has at most."""
        return sum(block.times for block in self.blocks if block.counts)
