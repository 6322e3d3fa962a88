"""A unicycler document becomes the text of a protocol; what ours cannot carry is found by name."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from benchlab.errors import ProtocolError
from benchlab.interchange.document import (
    Document,
    Loop,
    Safety,
    Tag,
)
from benchlab.interchange.facts import Fact, differences, facts
from benchlab.interchange.loops import Repeat, blocks
from benchlab.interchange.report import Report
from benchlab.interchange.step_in import StepReader, comment
from benchlab.interchange.table import IMPORTS
from benchlab.interchange.to_unicycler import INVENTED_TAG
from benchlab.interchange.value_text import Value, flow, number, scalar, seconds
from benchlab.model import quantity

__all__ = ["Imported", "import_document", "unfaithful"]

_MUST_LAST = (1e-3, 10.0)


@dataclass(frozen=True, slots=True)
class Imported:
    """A protocol's text, what was found on the way, and what of the document it holds.

    Attributes
    ----------
    carried : dict
        Facts that an export of the text must give back.
    """

    text: str
    report: Report
    carried: dict[str, Fact]


def import_document(
    document: Document,
    source: str,
    *,
    fallback_name: str = "imported",
    current_at_most: str = "",
    line_of: Callable[[tuple[int | str, ...]], int] = lambda path: 0,
) -> Imported:
    """Return a document as a protocol of ours.

    Parameters
    ----------
    fallback_name : str
        In place of a sample's name that ours cannot carry.
    current_at_most : str
        Bound on the current of scans, and of holds that no constant current stands before; a
        unicycler protocol states none.
    line_of : callable
        Returns the line of a field of the file, or 0.

    Raises
    ------
    benchlab.errors.ProtocolError
        A value outside what any bench takes, a loop that cannot be one, a scan without a bound.
    """
    writer = _Writer(document, source, current_at_most, line_of)
    return writer.imported(fallback_name)


class _Writer:
    def __init__(
        self,
        document: Document,
        source: str,
        current_at_most: str,
        line_of: Callable[[tuple[int | str, ...]], int],
    ) -> None:
        self.document = document
        self.source = source
        self.dropped: list[str] = []
        self.out = StepReader(document, source, current_at_most, line_of)
        self.report = self.out.report

    def imported(self, fallback_name: str) -> Imported:
        version = self.document.unicycler.version
        if version:
            self.report.add("unicycler-version", self.out.where("unicycler", "version"), version)
        lines = [f"# Converted from a unicycler protocol{comment(version and f' ({version})')}."]
        name = self.name(fallback_name)
        lines += ["format: benchlab-protocol/1", f"name: {scalar(name)}"]
        capacity = self.document.sample.capacity_mAh
        if capacity is not None:
            text = self.out.checked(quantity.charge, f"{number(capacity)} mAh", "sample")
            lines.append(f"capacity: {{C: {text}}}")
        elif any(getattr(s, k, None) for s in self.document.method for k in ("rate_C",)):
            self.report.notes.append("no capacity is stated: C will be that of the cell")
        safety = self.safety(lines)
        lines.append(f"record: {flow(self.record())}")
        self.report.notes.append(
            "no cell is stated: add cell: {type: ...}, or run it with --cell CELL.yaml"
        )
        items = blocks(self.document, self.source)
        if all(isinstance(step, Tag) for step in self.document.method):
            raise ProtocolError(
                "there is no step, only tags.",
                where=self.out.where("method"),
                remedy="Nothing was written; add steps.",
            )
        lines.append("steps:")
        self.steps(items, lines, 1)
        sample = self.document.sample.model_copy(update={"name": name})
        kept = tuple(self.out.carried[place] for place in sorted(self.out.carried))
        carried = self.document.model_copy(
            update={"sample": sample, "safety": safety, "method": kept}
        )
        left = facts(carried)
        for tag in self.dropped:
            del left[f"tag.{tag}"]
        return Imported("\n".join(lines) + "\n", self.report, left)

    def name(self, fallback: str) -> str:
        name = self.document.sample.name
        clean = " ".join(name.split()) or fallback
        if name != name.strip() or not name.strip() or "\n" in name:
            self.report.add("unusable-name", self.out.where("sample", "name"), name[:60])
            name = clean
        return self.out.words(name, "sample", "name")

    def safety(self, lines: list[str]) -> Safety:
        """Write the limits, and return those that were."""
        safety = self.document.safety
        left: dict[str, None] = {}

        def lose(name: str, key: str) -> None:
            value = getattr(safety, key)
            self.report.add(name, self.out.where("safety", key), f"{key}: {value:g}")
            lines.append(f"# safety.{key} {value:g} was left out: {IMPORTS[name].meaning}")
            left[key] = None

        limits: dict[str, Value] = {}
        volts = {"low": safety.min_voltage_V, "high": safety.max_voltage_V}
        voltage = {
            key: self.out.checked(quantity.voltage, f"{number(volt)} V", "safety")
            for key, volt in volts.items()
            if volt is not None
        }
        if voltage:
            limits["voltage"] = voltage
        currents: dict[str, str] = {}
        ways = (("charge", "max_current_mA", 1.0), ("discharge", "min_current_mA", -1.0))
        for way, key, sign in ways:
            value = getattr(safety, key)
            if value is None:
                continue
            if value * sign > 0.0:
                text = f"{number(abs(value))} mA"
                currents[way] = self.out.checked(quantity.current, text, "safety", key)
            else:
                lose("zero-current-limit" if value == 0.0 else "current-limit-sign", key)
        if currents:
            limits["current"] = currents
        if safety.max_capacity_mAh is not None:
            if safety.max_capacity_mAh > 0.0:
                text = f"{number(safety.max_capacity_mAh)} mAh"
                limits["charge_in_one_step"] = self.out.checked(
                    quantity.charge, text, "safety", "max_capacity_mAh"
                )
                self.report.add("charge-limit", self.out.where("safety", "max_capacity_mAh"), text)
            else:
                lose("zero-charge-limit", "max_capacity_mAh")
        if safety.delay_s is not None:
            if _MUST_LAST[0] <= safety.delay_s <= _MUST_LAST[1]:
                limits["must_last"] = f"{number(safety.delay_s)} s"
            else:
                lose("zero-delay" if safety.delay_s == 0.0 else "long-delay", "delay_s")
        if limits:
            lines.append("limits:")
            lines += [f"  {key}: {flow(value)}" for key, value in limits.items()]
        return safety.model_copy(update=left)

    def record(self) -> dict[str, Value]:
        record = self.document.record
        every = self.out.checked(quantity.duration, seconds(record.time_s), "record", "time_s")
        changes = [
            self.out.checked(quantity.change, f"{number(size)} {unit}", "record")
            for size, unit in ((record.voltage_V, "V"), (record.current_mA, "mA"))
            if size is not None
        ]
        return {"every": every, "or_change": changes} if changes else {"every": every}

    # steps

    def steps(self, items: tuple[int | Repeat, ...], lines: list[str], depth: int) -> None:
        indent = "  " * depth
        place = 0
        while place < len(items):
            item = items[place]
            if isinstance(item, Repeat):
                self.repeat(item, lines, depth)
                place += 1
                continue
            step = self.document.method[item]
            if not isinstance(step, Tag):
                told = flow(self.out.step(item, step))
                for text in self.out.comments.get(item, ()):
                    lines.append(f"{indent}# {comment(text)}")
                lines.append(f"{indent}- {told}")
                place += 1
                continue
            end = place + 1
            while end < len(items) and not self._is_heading(items[end]):
                end += 1
            self.heading(item, step, items[place + 1 : end], lines, depth)
            place = end

    def _is_heading(self, item: int | Repeat) -> bool:
        return not isinstance(item, Repeat) and isinstance(self.document.method[item], Tag)

    def heading(
        self, place: int, tag: Tag, inner: tuple[int | Repeat, ...], lines: list[str], depth: int
    ) -> None:
        """Write a tag that no loop takes as its name: a phase until the next one."""
        self.tag_id(place, tag)
        if not inner:
            self.out.lose("empty-tag", "tag", tag.tag, place)
            self.dropped.append(tag.tag)
            lines.append(f"{'  ' * depth}# tag {comment(scalar(tag.tag))} has no steps")
            return
        lines.append(
            f"{'  ' * depth}- phase: {scalar(self.out.words(tag.tag, 'method', place, 'tag'))}"
        )
        lines.append(f"{'  ' * depth}  steps:")
        self.steps(inner, lines, depth + 2)

    def repeat(self, block: Repeat, lines: list[str], depth: int) -> None:
        loop = self.document.method[block.loop]
        if not isinstance(loop, Loop):
            raise AssertionError(block)
        indent = "  " * depth
        items = block.items
        named = isinstance(loop.loop_to, str)
        rounds = self.out.checked(
            quantity.number, str(loop.cycle_count), "method", block.loop, "cycle_count"
        )
        head = [f"{indent}- repeat: {rounds}"]
        first = items[0]
        step = self.document.method[first] if isinstance(first, int) else None
        if named and isinstance(step, Tag) and step.tag == loop.loop_to and isinstance(first, int):
            self.tag_id(first, step)
            head.append(
                f"{indent}  phase: {scalar(self.out.words(step.tag, 'method', first, 'tag'))}"
            )
            items = items[1:]
        elif named:
            self.report.add(
                "loop-spelling", self.out.where("method", block.loop, "loop_to"), str(loop.loop_to)
            )
        name = self.out.label(block.loop, loop)
        if name:
            head.append(f"{indent}  label: {name}")
        lines += [f"{indent}# {comment(text)}" for text in self.out.comments.get(block.loop, ())]
        lines += [*head, f"{indent}  steps:"]
        self.steps(items, lines, depth + 2)

    def tag_id(self, place: int, tag: Tag) -> None:
        if tag.id is not None:
            self.out.lose("unusable-id", "id", tag.id, place)
            self.out.carried[place] = tag.model_copy(update={"id": None})


def unfaithful(imported: Imported, exported: Document) -> list[str]:
    """Return in words what of an import its own text does not give back when it is exported.

    An end at 0 V that stood alone comes back with a time beside it, and a loop by number over one
    step with a tag: unicycler refuses both as they were.
    """
    alone = {
        key.replace("until_voltage_V", "until_time_s")
        for key, value in imported.carried.items()
        if key.endswith(".until_voltage_V") and value == 0.0
    }
    found = facts(exported)
    invented = {key for key in found if key.startswith(f"tag.{INVENTED_TAG}")}
    excused = (alone | invented) - set(imported.carried)
    return differences(imported.carried, found, excused)
