"""What is not carried, or in another form, with line and reason: as words and as JSON."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from benchlab.errors import ProtocolError, UsageError
from benchlab.interchange.table import Item

__all__ = ["Finding", "Report"]

_MOST_SHOWN = 40


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing of a protocol, and what the other format does with it.

    Attributes
    ----------
    item : Item
    target : str
        The format.
    where : str
        File, line and field.
    text : str
        As written, or the value.
    takes : tuple of str
        Facts of the document that the target's file will not hold for this reason.
    """

    item: Item
    target: str
    where: str
    text: str = ""
    takes: tuple[str, ...] = ()

    @property
    def outcome(self) -> str:
        """The first word of the table's cell: yes, as, no or never."""
        return self.item.cells[self.target].partition(":")[0]

    @property
    def reason(self) -> str:
        """What becomes of it."""
        return self.item.cells[self.target].partition(":")[2].strip()

    def __str__(self) -> str:
        shown = f" '{self.text[:80]}'" if self.text else ""
        return f"{self.where}: {self.item.name}:{shown} {self.item.meaning}; {self.reason}"


@dataclass
class Report:
    """Everything found on the way into one format.

    Attributes
    ----------
    table : mapping of str to Item
        The items that this way knows.
    notes : list of str
        What was decided and takes nothing away.
    """

    table: Mapping[str, Item]
    target: str
    source: str
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, name: str, where: str, text: str = "", *takes: str) -> bool:
        """Take note of an item, and return whether the target carries it."""
        found = Finding(self.table[name], self.target, where, text, takes)
        if found.outcome != "yes" and found not in self.findings:
            self.findings.append(found)
        return found.outcome in ("yes", "as")

    def of(self, *outcomes: str) -> list[Finding]:
        """Return the findings of these outcomes."""
        return [finding for finding in self.findings if finding.outcome in outcomes]

    def check(self, waived: Iterable[str]) -> None:
        """Refuse every loss that is not waived by its name.

        Raises
        ------
        benchlab.errors.ProtocolError
            With the whole list.
        benchlab.errors.UsageError
            A waiver names no item.
        """
        names = set(waived)
        unknown = sorted(names - set(self.table))
        if unknown:
            raise UsageError(
                f"there is no item {unknown[0]!r} to waive.",
                remedy=f"Known: {', '.join(sorted(self.table))}.",
            )
        never = self.of("never")
        lost = [finding for finding in self.of("no") if finding.item.name not in names]
        if not never and not lost:
            return
        rows = [f"  {finding}" for finding in (*never, *lost)]
        if len(rows) > _MOST_SHOWN:
            rows = [*rows[:_MOST_SHOWN], f"  … and {len(rows) - _MOST_SHOWN} more (--report FILE)"]
        wanted = sorted({finding.item.name for finding in lost})
        remedy = "Change the protocol"
        if wanted and not never:
            remedy += ", or waive by name: " + " ".join(f"--waive {name}" for name in wanted)
        raise ProtocolError(
            f"{len(never) + len(lost)} thing(s) cannot be carried into {self.target};"
            " nothing was written:\n" + "\n".join(rows) + "\n ",
            where=self.source,
            remedy=f"{remedy}.",
        )

    def record(self, waived: Iterable[str] = ()) -> dict[str, Any]:
        """Return the report as plain values for JSON."""
        names = set(waived)
        return {
            "source": self.source,
            "target": self.target,
            "findings": [
                {
                    "item": finding.item.name,
                    "outcome": {"as": "changed", "no": "lost", "never": "refused"}[finding.outcome],
                    "waived": finding.outcome == "no" and finding.item.name in names,
                    "where": finding.where,
                    "text": finding.text,
                    "meaning": finding.item.meaning,
                    "reason": finding.reason,
                }
                for finding in self.findings
            ],
            "notes": list(self.notes),
        }
