"""One unicycler step as a step of ours, and what of it ours cannot carry."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from benchlab.errors import ProtocolError
from benchlab.interchange.document import (
    ConstantCurrent,
    ConstantVoltage,
    Document,
    Impedance,
    OpenCircuit,
    Scan,
    Technique,
)
from benchlab.interchange.report import Report
from benchlab.interchange.table import IMPORTS
from benchlab.interchange.value_text import Value, number, rate, scalar, seconds
from benchlab.model import quantity
from benchlab.model.labels import label
from benchlab.model.yaml_text import load_text

__all__ = ["StepReader", "comment"]


class StepReader:
    """Reads the steps of a document one after the other.

    Attributes
    ----------
    comments : dict of int to list of str
        What was decided, by the step's place in the method.
    carried : dict of int to Technique
        The steps as far as they are carried.
    """

    def __init__(
        self,
        document: Document,
        source: str,
        current_at_most: str,
        line_of: Callable[[tuple[int | str, ...]], int],
    ) -> None:
        self.source = source
        self.bound = current_at_most
        self.line_of = line_of
        self.report = Report(IMPORTS, "benchlab", source)
        self.comments: dict[int, list[str]] = {}
        self.carried: dict[int, Technique] = dict(enumerate(document.method))
        self.kinds: dict[str, str] = {}
        self.direction = 0

    def where(self, *path: int | str) -> str:
        """Return file, line and field of a part of the document."""
        line = self.line_of(path)
        name = "".join(f"[{p + 1}]" if isinstance(p, int) else f".{p}" for p in path).lstrip(".")
        return f"{self.source}{f':{line}' if line else ''}, {name}"

    def checked(self, read: Callable[[str], object], text: str, *path: int | str) -> str:
        """Return a value's text; refuse what no bench takes."""
        try:
            read(text)
        except ValueError as problem:
            raise ProtocolError(
                f"{problem}.", where=self.where(*path), remedy="Nothing was written; mend it."
            ) from None
        return text

    def words(self, text: str, *path: int | str) -> str:
        """Return a text that a protocol can hold."""
        try:
            load_text(scalar(text), "", ProtocolError)
        except ProtocolError as problem:
            raise ProtocolError(
                problem.what, where=self.where(*path), remedy=problem.remedy
            ) from None
        return text

    def lose(self, name: str, key: str, value: object, place: int) -> None:
        """Take note of a field that is not carried, in the report and in the text."""
        self.report.add(name, self.where("method", place, key), f"{key}: {value}")
        left = IMPORTS[name].cells["benchlab"].partition(":")[2].strip()
        self.comments.setdefault(place, []).append(f"{key}: {value} ({left})")

    def label(self, place: int, step: Technique) -> str:
        """Return the label that an id becomes, or an empty text."""
        if step.id is None:
            return ""
        try:
            name = label(step.id)
        except ValueError:
            name = ""
        if not name or self.kinds.setdefault(name, step.step) != step.step:
            self.lose("unusable-id", "id", step.id, place)
            self._keep(place, id=None)
            return ""
        return name

    def _keep(self, place: int, **changes: object) -> None:
        self.carried[place] = self.carried[place].model_copy(update=changes)

    def step(self, place: int, step: Technique) -> dict[str, Value]:
        """Return a step as a mapping of ours."""
        name = self.label(place, step)
        found: dict[str, Value] = {"label": name} if name else {}
        if isinstance(step, OpenCircuit):
            found["rest"] = self._time(place, step.until_time_s)
        elif isinstance(step, ConstantCurrent):
            self._current(place, step, found)
        elif isinstance(step, ConstantVoltage):
            self._hold(place, step, found)
        elif isinstance(step, Scan):
            self._scan(place, step, found)
        elif isinstance(step, Impedance):
            self._spectrum(place, step, found)
        return found

    def _time(self, place: int, value: float) -> str:
        return self.checked(quantity.duration, seconds(value), "method", place, "until_time_s")

    def _volt(self, place: int, key: str, value: float) -> str:
        return self.checked(quantity.voltage, f"{number(value)} V", "method", place, key)

    def _zeros(self, place: int, step: Technique, keys: tuple[str, ...], item: str) -> None:
        """Take note of zeros that unicycler takes for not set."""
        for key in keys:
            if getattr(step, key) == 0.0:
                self.lose(item, key, 0, place)
                self._keep(place, **{key: None})

    def _amperes(self, place: int, rate_c: float | None, current: float | None, key: str) -> str:
        """Return the magnitude of a current; `key` is the field's name without its unit."""
        if rate_c:
            text, field = rate(abs(rate_c)), f"{key}rate_C"
        else:
            text, field = f"{number(abs(current or 0.0))} mA", f"{key}current_mA"
        return self.checked(quantity.current, text, "method", place, field)

    def _current(self, place: int, step: ConstantCurrent, found: dict[str, Value]) -> None:
        self._zeros(place, step, ("rate_C", "current_mA"), "zero-current")
        if step.rate_C and step.current_mA:
            self.lose("second-current", "current_mA", step.current_mA, place)
            self._keep(place, current_mA=None)
        value = step.rate_C or step.current_mA or 0.0
        self.direction = 1 if value > 0.0 else -1
        verb = "charge" if self.direction > 0 else "discharge"
        found[verb] = self._amperes(place, step.rate_C, step.current_mA, "")
        if step.until_voltage_V is not None:
            found["until"] = self._volt(place, "until_voltage_V", step.until_voltage_V)
        self._ends_in_time(place, step, found)

    def _ends_in_time(
        self, place: int, step: ConstantCurrent | ConstantVoltage, found: dict[str, Value]
    ) -> None:
        self._zeros(place, step, ("until_time_s",), "zero-time")
        if step.until_time_s:
            found["for"] = self._time(place, step.until_time_s)

    def _hold(self, place: int, step: ConstantVoltage, found: dict[str, Value]) -> None:
        found["hold"] = self._volt(place, "voltage_V", step.voltage_V)
        self._zeros(place, step, ("until_rate_C", "until_current_mA"), "zero-cutoff")
        if step.until_rate_C and step.until_current_mA:
            self.lose("second-cutoff", "until_current_mA", step.until_current_mA, place)
            self._keep(place, until_current_mA=None)
        cutoff = step.until_rate_C or step.until_current_mA
        if cutoff:
            key = "until_rate_C" if step.until_rate_C else "until_current_mA"
            found["until"] = self._amperes(
                place, step.until_rate_C, step.until_current_mA, "until_"
            )
            signed = abs(cutoff) * (self.direction or 1)
            if signed != cutoff:
                self.lose("cutoff-sign", key, cutoff, place)
                self._keep(place, **{key: signed})
        self._ends_in_time(place, step, found)
        if not self.direction:
            self._need_bound(place, found, "hold with no constant current before it")

    def _need_bound(self, place: int, found: dict[str, Value], what: str) -> None:
        if self.bound:
            found["current_at_most"] = self.bound
            self.comments.setdefault(place, []).append(
                f"current_at_most: {self.bound} was given at the import"
            )
            return
        self.report.notes.append(
            f"{self.where('method', place)}: a {what} needs current_at_most before it can be run;"
            " import again with --current-at-most, or add it"
        )
        self.comments.setdefault(place, []).append("add current_at_most before this is run")

    def _scan(self, place: int, step: Scan, found: dict[str, Value]) -> None:
        if not self.bound:
            raise ProtocolError(
                "a voltage scan states no bound on its current, and a bench must have one.",
                where=self.where("method", place),
                remedy="Give it: --current-at-most '10 mA'.",
            )
        found["sweep"] = [
            self._volt(place, "start_voltage_V", step.start_voltage_V),
            self._volt(place, "end_voltage_V", step.end_voltage_V),
        ]
        found["rate"] = self.checked(
            quantity.rate, f"{number(step.scan_rate_mV_per_s)} mV/s", "method", place
        )
        self._need_bound(place, found, "scan")

    def _spectrum(self, place: int, step: Impedance, found: dict[str, Value]) -> None:
        if step.start_frequency_Hz == step.end_frequency_Hz:
            self.lose("single-frequency", "end_frequency_Hz", step.end_frequency_Hz, place)
        if step.measures_per_point != 1:
            self.lose("measures-per-point", "measures_per_point", step.measures_per_point, place)
            self._keep(place, measures_per_point=1)
        if step.drift_correction:
            self.lose("drift-correction", "drift_correction", True, place)
        self._keep(place, drift_correction=False)
        ends = (step.start_frequency_Hz, step.end_frequency_Hz)
        found["eis"] = " to ".join(f"{number(end)} Hz" for end in ends)
        size, unit = (
            (step.amplitude_V, "V") if step.amplitude_V is not None else (step.amplitude_mA, "mA")
        )
        found["amplitude"] = self.checked(
            quantity.change, f"{number(size or 0.0)} {unit}", "method", place, f"amplitude_{unit}"
        )
        found["points_per_decade"] = self.checked(
            quantity.number, str(step.points_per_decade), "method", place, "points_per_decade"
        )


def comment(text: Any) -> str:
    """Return a text as part of a comment: on one line."""
    return "".join(c if c.isprintable() else "?" for c in str(text))
