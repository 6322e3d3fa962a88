"""One thing that a check says about a protocol before it starts."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from benchlab.model.program import Program, StepPlan
from benchlab.model.validate import place

__all__ = ["Remark", "Severity", "where_of"]


class Severity(StrEnum):
    """What a remark means for the start: refused, to be read first, or good to know."""

    ERROR = "error"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Remark:
    """What is wrong or worth knowing, where, and what to do.

    Attributes
    ----------
    name : str
        Of the check, as in docs/checks.md.
    where : str
        ``file:line, field``; the file alone where the whole protocol is meant.
    reason, remedy : str
        Sentences; a note may have no remedy.
    """

    name: str
    severity: Severity
    where: str
    reason: str
    remedy: str = ""

    def __str__(self) -> str:
        remedy = f" {self.remedy}" if self.remedy else ""
        return f"{self.severity}: {self.where}: {self.reason}{remedy} [{self.name}]"


def where_of(program: Program, step: StepPlan, key: str = "") -> str:
    """Return file, line and field of a step."""
    name = f"{step.field}.{key}" if key else step.field
    return place(step.source or program.source, step.line, name)
