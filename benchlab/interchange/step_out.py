"""One step of ours as the unicycler steps that mean the same."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from benchlab.errors import ProtocolError
from benchlab.interchange.report import Report
from benchlab.interchange.value_text import milli
from benchlab.model import quantity
from benchlab.model.amount import Amount, UnknownAmount
from benchlab.model.conditions import End
from benchlab.model.expand.ends import AT_MOST_FACTOR
from benchlab.model.protocol import Located
from benchlab.model.steps import (
    DIRECTIONS,
    ChamberStep,
    DriveStep,
    EisStep,
    HoldStep,
    OperatorStep,
    ProfileStep,
    RestStep,
    Step,
    SweepStep,
)
from benchlab.model.validate import place

__all__ = ["StepWriter"]

Plain = dict[str, Any]

_ENDS = {
    "net charge": "net-charge-end",
    "energy": "energy-end",
    "clock": "clock-end",
    "sensor": "sensor-end",
    "slope": "slope-end",
    "change": "change-end",
    "drop": "drop-end",
    "voltage": "other-side-end",
    "charge": "charge-end",
}
_LEFT_OUT: dict[type, str] = {
    ProfileStep: "profile",
    ChamberStep: "chamber",
    OperatorStep: "operator",
}
_AT_THE_START = ("", "C", "nominal", "area", "mass")


@dataclass
class _Ends:
    volt: float | None = None
    second: float | None = None
    cutoffs: tuple[Amount, ...] = ()

    def within(self, second: float) -> None:
        """End in time, if not earlier."""
        self.second = second if self.second is None else min(self.second, second)


class StepWriter:
    """Writes steps one after the other; a hold's cut-off has the sign of the current before it.

    Parameters
    ----------
    known : mapping of str to float
        C, area and mass, as far as they are known.
    size_ah : float or None
        From which the default bounds in time follow.
    """

    def __init__(self, known: Mapping[str, float], size_ah: float | None, report: Report) -> None:
        self.known = known
        self.size_ah = size_ah
        self.report = report
        self.direction = 1
        self.last: Plain = {}

    def steps(self, at: Located, step: Step) -> list[Plain]:
        """Return the steps that a step becomes; none where it is left out."""
        self._around(at, step)
        if isinstance(step, DriveStep):
            found = self._drive(at, step)
        elif isinstance(step, HoldStep):
            found = self._hold(at, step)
        elif isinstance(step, RestStep):
            found = self._rest(at, step)
        elif isinstance(step, SweepStep):
            found = self._sweep(at, step)
        elif isinstance(step, EisStep):
            found = [_spectrum(step)]
        else:
            self._add(_LEFT_OUT[type(step)], at, at.text)
            found = []
        if found and step.label:
            found[0]["id"] = step.label
        if found:
            self.last = found[-1]
        return found

    def _add(self, item: str, at: Located, text: str = "", key: str = "") -> bool:
        return self.report.add(item, self._where(at, key), text)

    def _where(self, at: Located, key: str = "") -> str:
        name = f"{at.field}.{key}" if key else at.field
        return place(at.source, at.node.line_of((key,)), name)

    def _refuse(self, at: Located, what: str, remedy: str) -> ProtocolError:
        return ProtocolError(f"{what}.", where=self._where(at), remedy=remedy)

    def _around(self, at: Located, step: Step) -> None:
        """Take note of what stands around every kind of step."""
        if step.record is not None:
            self._add("record-of-a-step", at, "", "record")
        for text, action in step.if_ended_by.items():
            item = "goto" if action.startswith("go to ") else "flag"
            self._add(item, at, f"{text}: {action}", "if_ended_by")
        if getattr(step, "skip_rest_of_loop_if", None) is not None:
            self._add("skip-rest-of-loop", at, at.text, "skip_rest_of_loop_if")
        bound = getattr(step, "current_at_most", None)
        if bound is not None:
            self._add("current-bound", at, f"current_at_most: {bound.text}", "current_at_most")
        if step.until_all:
            self._add("all-ends", at, "; ".join(e.text for e in step.until_all), "until_all")

    def _number(self, at: Located, amount: Amount) -> float:
        try:
            return amount.number(self.known)
        except UnknownAmount as problem:
            raise self._refuse(at, str(problem), "State it, or give --cell CELL.yaml.") from None

    def _current(self, at: Located, amount: Amount, sign: int, key: str = "") -> Plain:
        """Return a current as ``rate_C`` or ``current_mA`` with a sign."""
        if amount.of == "C":
            return {f"{key}rate_C": sign * amount.value}
        ampere = self._number(at, amount)
        if amount.of:
            self._add("current-by-size", at, f"{amount.text} = {milli(ampere):g} mA")
        return {f"{key}current_mA": sign * milli(ampere)}

    # ends

    def _ends(self, at: Located, step: Step, direction: int, drive: Amount | None = None) -> _Ends:
        """Return the ends that unicycler knows, and take note of the others.

        Parameters
        ----------
        drive : Amount, optional
            The constant current by which an end by charge becomes a time.
        """
        found = _Ends()
        for end in step.until:
            self._end(at, found, end, direction, drive)
        if step.for_ is not None:
            found.within(step.for_)
        return found

    def _end(
        self, at: Located, found: _Ends, end: End, direction: int, drive: Amount | None
    ) -> None:
        amount = end.amount
        if amount is not None and (amount.variable or amount.of not in _AT_THE_START):
            self._add("measured-end", at, end.text, "until")
        elif end.kind == "time" and amount is not None:
            found.within(self._number(at, amount))
        elif end.kind == "current" and amount is not None:
            found.cutoffs += (amount,)
        elif (
            end.kind == "voltage"
            and amount is not None
            and direction
            and end.relation in ("", "above" if direction > 0 else "below")
        ):
            found.volt = amount.value
        else:
            self._add(_ENDS[end.kind], at, end.text, "until")
            if end.kind == "charge" and amount is not None and drive is not None:
                found.within(self._number(at, amount) / self._ampere(at, drive) * 3600.0)

    def _ampere(self, at: Located, drive: Amount) -> float:
        if drive.of == "C" and "C" not in self.known:
            raise self._refuse(at, "nothing says what C is", "Add capacity: {C: 0.2 Ah}.")
        return self._number(at, drive)

    def _bound(self, drive: Amount) -> float | None:
        """Return the default bound in time of a constant current, or None where none is known."""
        if drive.of == "C":
            return AT_MOST_FACTOR / drive.value * 3600.0
        if self.size_ah is None or (drive.of and drive.of not in self.known):
            return None
        return AT_MOST_FACTOR * self.size_ah / drive.number(self.known) * 3600.0

    # kinds of steps

    def _drive(self, at: Located, step: DriveStep) -> list[Plain]:
        verb, drive = step.verb, step.drive
        if drive.unit != "A":
            self._add("power" if drive.unit == "W" else "resistance", at, at.text)
            return []
        direction = DIRECTIONS[verb]
        if verb not in ("charge", "discharge"):
            self._add("role-words", at, verb, verb)
        ends = self._ends(at, step, direction, drive if step.to is None else None)
        if ends.cutoffs:
            raise self._refuse(
                at,
                "a constant current can never end by a current",
                "Write to: 4.2 V, then_hold_until: C/20.",
            )
        if step.stop_at is not None:
            self._add("stop-at", at, f"stop_at: {step.stop_at:g} V", "stop_at")
            ends.volt = step.stop_at
        if step.to is not None:
            ends.volt = step.to
        if step.at_most is not None:
            item = "at-most" if step.to is None else "at-most-over-hold"
            self._add(item, at, f"at_most: {step.at_most:g} s", "at_most")
            ends.within(step.at_most)
        elif ends.second is None:
            self._unbounded(at, ends, drive)
        self.direction = direction
        found: Plain = {"step": "constant_current", **self._current(at, drive, direction)}
        if ends.volt is not None:
            found["until_voltage_V"] = ends.volt
        if ends.second is not None:
            found["until_time_s"] = ends.second
        if step.to is None:
            return [found]
        self._add("one-step-hold", at, at.text)
        return [found, self._behind(at, step, direction)]

    def _unbounded(self, at: Located, ends: _Ends, drive: Amount) -> None:
        """Put the default bound where an end in time is needed, and say so where it is not."""
        bound = self._bound(drive)
        if ends.volt:
            if bound is not None:
                self.report.notes.append(
                    f"{self._where(at)}: no at_most is stated; here the step ends after"
                    f" {bound / 3600.0:.3g} h at the latest, elsewhere it does not"
                )
            return
        if bound is None:
            self._add("no-end-left", at, at.text)
            bound = math.nan
        if ends.volt == 0.0:
            self._add("zero-voltage-end-alone", at, at.text, "until")
        else:
            self.report.notes.append(
                f"{self._where(at)}: no end is left; the bound of {bound / 3600.0:.3g} h is written"
            )
        ends.second = bound if math.isfinite(bound) else 1.0

    def _behind(self, at: Located, step: DriveStep, direction: int) -> Plain:
        found: Plain = {"step": "constant_voltage", "voltage_V": step.to}
        if step.then_hold_until is not None:
            found |= self._current(at, step.then_hold_until, direction, "until_")
        if step.hold_at_most is not None:
            found["until_time_s"] = step.hold_at_most
        if len(found) == 2:
            raise self._refuse(at, "the hold behind 'to' cannot end", "Add then_hold_until: C/20.")
        return found

    def _hold(self, at: Located, step: HoldStep) -> list[Plain]:
        ends = self._ends(at, step, 0)
        if step.at_most is not None:
            self._add("at-most", at, f"at_most: {step.at_most:g} s", "at_most")
            ends.within(step.at_most)
        if step.current_at_most is None and self.last.get("until_voltage_V") != step.hold:
            self._add("inherited-bound", at, at.text, "hold")
        found: Plain = {"step": "constant_voltage", "voltage_V": step.hold}
        if len(ends.cutoffs) > 1:
            self._add("second-cutoff", at, "; ".join(c.text for c in ends.cutoffs), "until")
        if ends.cutoffs:
            largest = ends.cutoffs[0]
            if len(ends.cutoffs) > 1:
                largest = max(ends.cutoffs, key=lambda cutoff: self._ampere(at, cutoff))
            found |= self._current(at, largest, self.direction, "until_")
        elif ends.second is None:
            self._add("no-end-left", at, at.text)
            ends.second = 1.0
        if ends.second is not None:
            found["until_time_s"] = ends.second
        return [found]

    def _rest(self, at: Located, step: RestStep) -> list[Plain]:
        if step.output != "open":
            self._add("zero-current-rest", at, at.text, "output")
        ends = self._ends(at, step, 0)
        ends.within(step.rest)
        return [{"step": "open_circuit_voltage", "until_time_s": ends.second}]

    def _sweep(self, at: Located, step: SweepStep) -> list[Plain]:
        for end in (*step.until, *([step.for_] if step.for_ is not None else [])):
            self._add("scan-end", at, end.text if isinstance(end, End) else f"for: {end:g} s")
        if step.at_most is not None:
            self._add("scan-end", at, f"at_most: {step.at_most:g} s", "at_most")
        corners = [*step.sweep]
        if step.times > 1 and corners[-1] != corners[0]:
            corners.append(corners[0])
        whole = list(_scans(corners, step.rate))
        if step.times == 1:
            if len(whole) > 1:
                self._add("scan-corners", at, at.text, "sweep")
            return whole
        self._add("scan-corners", at, at.text, "times")
        own = list(_scans(step.sweep, step.rate))
        if len(whole) * step.times > 10_000:
            raise self._refuse(at, "so many scans cannot be written out", "Lower 'times'.")
        return [*(dict(scan) for _ in range(step.times - 1) for scan in whole), *own]


def _scans(corners: Iterable[float], rate: float) -> Iterable[Plain]:
    points = list(corners)
    for begin, end in itertools.pairwise(points):
        if begin != end:
            yield {
                "step": "voltage_scan",
                "start_voltage_V": begin,
                "end_voltage_V": end,
                "scan_rate_mV_per_s": milli(rate),
            }


def _spectrum(step: EisStep) -> Plain:
    first, last = (float(part.split()[0]) for part in step.eis.split(" to "))
    size, unit = quantity.change(step.amplitude)
    amplitude = {"amplitude_V": size} if unit == "V" else {"amplitude_mA": milli(size)}
    return {
        "step": "impedance_spectroscopy",
        **amplitude,
        "start_frequency_Hz": first,
        "end_frequency_Hz": last,
        "points_per_decade": step.points_per_decade,
    }
