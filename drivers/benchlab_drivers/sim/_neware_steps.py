"""Reads a step file as the simulated BTS 8 does: what it knows, and what it refuses."""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.etree import ElementTree

from benchlab_drivers.neware.ratings import AMPERE, VOLT

__all__ = ["BadStepFile", "FileStep", "Protection", "StepFile", "read_step_file"]

NAMES = {1: "cc", 2: "dc", 3: "cv", 19: "dv", 4: "rest", 5: "control", 6: "end", 7: "cccv"}
CHARGES = frozenset({1, 3, 7})
HOLDS = frozenset({3, 7, 19})
DRIVEN = frozenset({1, 2, 3, 7, 19})
LOOP, END, REST = 5, 6, 4


class BadStepFile(ValueError):
    """The unit does not start this file."""


@dataclass(frozen=True, slots=True)
class FileStep:
    """A step in volts, amperes, seconds and ampere hours; what is absent never ends it.

    Attributes
    ----------
    start_step, cycle_count : int
        Of a loop.
    """

    number: int
    type: int
    ampere: float = 0.0
    volt: float = math.nan
    stop_volt: float = math.nan
    stop_ampere: float = math.nan
    stop_ah: float = math.inf
    second: float = math.inf
    start_step: int = 0
    cycle_count: int = 0
    every_second: float = 1.0
    change_volt: float = math.inf
    change_ampere: float = math.inf

    @property
    def name(self) -> str:
        """As the rows call it."""
        return NAMES[self.type]

    @property
    def sign(self) -> int:
        """The direction of its current."""
        return 0 if self.type not in DRIVEN else 1 if self.type in CHARGES else -1


@dataclass(frozen=True, slots=True)
class Protection:
    """Limits of the whole test, in volts, amperes and seconds; absent ones never act."""

    low_volt: float = -math.inf
    high_volt: float = math.inf
    low_ampere: float = -math.inf
    high_ampere: float = math.inf
    step_ah: float = math.inf
    delay_second: float = 0.0


@dataclass(frozen=True, slots=True)
class StepFile:
    """A whole file."""

    steps: tuple[FileStep, ...]
    protection: Protection
    capacity_ah: float


def _value(parent: ElementTree.Element | None, path: str, scale: float, default: float) -> float:
    element = None if parent is None else parent.find(path)
    if element is None:
        return default
    return float(element.get("Value", "")) / scale


def read_step_file(content: bytes) -> StepFile:
    """Return what a file says.

    Raises
    ------
    BadStepFile
        It is none, or asks for what the unit does not do.
    """
    try:
        root = ElementTree.fromstring(content)
        config = root.find("config")
        if config is None or config.get("type") != "Step File":
            raise BadStepFile("no step file")
        whole = config.find("Whole_Prt")
        protect = None if whole is None else whole.find("Protect/Main")
        record = None if whole is None else whole.find("Record/Main")
        steps = tuple(_step(element, record) for element in config.find("Step_Info") or ())
        protection = Protection(
            _value(protect, "Volt/Lower", 1e4, -math.inf),
            _value(protect, "Volt/Upper", 1e4, math.inf),
            _value(protect, "Curr/Lower", 1e3, -math.inf),
            _value(protect, "Curr/Upper", 1e3, math.inf),
            _value(protect, "Cap/Upper", 3.6e6, math.inf),
            _value(protect, "Delay_Time", 1e3, 0.0),
        )
        capacity = _value(config, "Head_Info/MultCap", 3.6e6, 0.0)
    except (ElementTree.ParseError, ValueError) as problem:
        raise BadStepFile(str(problem)) from problem
    _check(steps)
    return StepFile(steps, protection, capacity)


def _step(element: ElementTree.Element, whole: ElementTree.Element | None) -> FileStep:
    main, other = element.find("Limit/Main"), element.find("Limit/Other")
    own = element.find("Record/Main")
    record = whole if own is None else own
    return FileStep(
        int(element.get("Step_ID", "")),
        int(element.get("Step_Type", "")),
        _value(main, "Curr", 1e3, 0.0),
        _value(main, "Volt", 1e4, math.nan),
        _value(main, "Stop_Volt", 1e4, math.nan),
        _value(main, "Stop_Curr", 1e3, math.nan),
        _value(main, "Cap", 3.6e6, math.inf),
        _value(main, "Time", 1e3, math.inf),
        round(_value(other, "Start_Step", 1.0, 0.0)),
        round(_value(other, "Cycle_Count", 1.0, 0.0)),
        _value(record, "Time", 1e3, 1.0),
        _value(record, "Volt", 1e4, math.inf),
        _value(record, "Curr", 1e3, math.inf),
    )


def _check(steps: tuple[FileStep, ...]) -> None:
    if not steps or [step.number for step in steps] != list(range(1, len(steps) + 1)):
        raise BadStepFile("the steps are not numbered from 1")
    if steps[-1].type != END:
        raise BadStepFile("the last step is not an end")
    for step in steps:
        problem = ""
        if step.type not in NAMES:
            problem = f"unknown type {step.type}"
        elif step.type in DRIVEN and not 0.0 < step.ampere <= AMPERE:
            problem = f"{step.ampere} A"
        elif step.type in HOLDS and not -VOLT <= step.volt <= VOLT:
            problem = f"{step.volt} V"
        elif step.type == LOOP and not (
            1 <= step.start_step < step.number and step.cycle_count >= 1
        ):
            problem = f"a loop to {step.start_step}"
        elif step.type == REST and not math.isfinite(step.second):
            problem = "a rest without a time"
        elif step.type in DRIVEN and not _ends(step):
            problem = "a step that nothing ends"
        elif step.every_second < 0.1:
            problem = f"a record every {step.every_second} s"
        if problem:
            raise BadStepFile(f"step {step.number}: {problem}")


def _ends(step: FileStep) -> bool:
    ends = (step.stop_volt, step.stop_ampere, step.stop_ah, step.second)
    return any(math.isfinite(end) for end in ends)
