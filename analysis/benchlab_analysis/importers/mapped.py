"""Any other table, described by a small YAML file: columns, units, sign and time base."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from benchlab.errors import FileMissing, UsageError
from benchlab_analysis.importers.layout import Columns, Part, durations
from benchlab_analysis.importers.parse import Source, Wanted, parse
from benchlab_analysis.importers.text import refuse
from benchlab_analysis.importers.units import SCALES

__all__ = ["Mapping", "read_mapping"]


class _Column(BaseModel):
    model_config = ConfigDict(extra="forbid")

    column: str
    unit: str = ""

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"column": value} if isinstance(value, str) else value

    def scale(self) -> float:
        return SCALES[self.unit.lower()]

    @model_validator(mode="after")
    def _known(self) -> _Column:
        if self.unit.lower() not in SCALES:
            raise ValueError(f"the unit {self.unit!r} is not known")
        return self


class _Current(_Column):
    positive: Literal["charge", "discharge"] = "charge"
    state: str = ""
    charge: list[str] = Field(default_factory=list)
    discharge: list[str] = Field(default_factory=list)


class _Counter(_Column):
    resets: Literal["never", "cycle", "step", "schedule"] = "schedule"


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    time: _Column
    voltage: _Column
    current: _Current
    cycle: _Column | None = None
    step: _Column | None = None
    step_time: _Column | None = None
    date: _Column | None = None
    temperature: _Column | None = None
    charge_capacity: _Counter | None = None
    discharge_capacity: _Counter | None = None
    charge_energy: _Counter | None = None
    discharge_energy: _Counter | None = None
    maker: str = ""


_PLAIN = {
    "voltage": ("voltage_volt", "value"),
    "current": ("current_ampere", "value"),
    "cycle": ("cycle_count", "count"),
    "step": ("step_id", "count"),
    "temperature": ("surface_temperature_celsius", "optional"),
}
_COUNTERS = {
    "charge_capacity": "charging_capacity_ah",
    "discharge_capacity": "discharging_capacity_ah",
    "charge_energy": "charging_energy_wh",
    "discharge_energy": "discharging_energy_wh",
}


class Mapping:
    """What `read_mapping` returns: it recognises and converts as a format's module does."""

    NAME = "described"
    TEXT_FORM = "table"

    def __init__(self, path: Path, file: _File) -> None:
        self.path = path
        self.file = file
        self.MAKER = file.maker

    def _named(self) -> dict[str, _Column]:
        return {name: item for name, item in self.file if isinstance(item, _Column)}

    def recognises(self, header: Sequence[str]) -> bool:
        """Return whether a line has a column for time, voltage and current."""
        asked = (self.file.time.column, self.file.voltage.column, self.file.current.column)
        return set(asked) <= set(header)

    def read_part(self, file: Source, left_out: list[str]) -> Part:
        """Convert one file.

        Raises
        ------
        benchlab.errors.ForeignDataError
        """
        asked = {item.column for item in self._named().values()} | {self.file.current.state} - {""}
        missing = sorted(asked - set(file.header))
        if missing:
            raise refuse(
                file.path,
                None,
                missing[0],
                f"the header has no column {' and '.join(missing)}, which {self.path.name} names.",
                f"Found: {', '.join(file.header)[:500]}.",
            )
        left_out += [label for label in file.header if label and label not in asked]
        wanted = {}
        for name, item in self._named().items():
            place = file.header.index(item.column)
            if name in _PLAIN:
                column, kind = _PLAIN[name]
                wanted[column] = Wanted(place, item.scale(), kind)
            elif isinstance(item, _Counter):
                scope = "" if item.resets == "never" else f"{item.resets}_"
                wanted[scope + _COUNTERS[name]] = Wanted(place, item.scale(), "optional")
        columns: Columns = dict(parse(file, wanted))
        columns["test_time_second"] = self._time(file, self.file.time)
        if self.file.step_time is not None:
            columns["step_time_second"] = self._time(file, self.file.step_time)
        self._sign(file, columns)
        part = Part(file, columns)
        if self.file.date is not None:
            place = file.header.index(self.file.date.column)
            part.dates = (file.fields(0)[place], file.fields(len(file) - 1)[place])
        return part

    def _time(self, file: Source, item: _Column) -> npt.NDArray[np.float64]:
        place = file.header.index(item.column)
        found = durations(file, place) * item.scale()
        bad = ~np.isfinite(found)
        if bad.any():
            raise refuse(
                file.path,
                file.line(int(np.argmax(bad))),
                item.column,
                "the time is no finite number; nothing was written.",
                "Mend the line in a copy, or export the file once more.",
            )
        return found

    def _sign(self, file: Source, columns: Columns) -> None:
        described = self.file.current
        if described.state:
            state = np.array(file.texts(file.header.index(described.state)))
            unknown = ~np.isin(state, described.charge + described.discharge)
            wrong = unknown & (np.nan_to_num(columns["current_ampere"]) != 0.0)
            if wrong.any():
                row = int(np.argmax(wrong))
                raise refuse(
                    file.path,
                    file.line(row),
                    described.state,
                    f"a current flows in state {state[row]!r}, which is not listed.",
                    "Add it to charge or discharge.",
                )
            size = np.abs(columns["current_ampere"])
            columns["current_ampere"] = np.where(np.isin(state, described.discharge), -size, size)
        elif described.positive == "discharge":
            columns["current_ampere"] = -columns["current_ampere"]


def read_mapping(path: Path) -> Mapping:
    """Read the description of a table's columns.

    Raises
    ------
    benchlab.errors.FileMissing, benchlab.errors.UsageError
        With the field.
    """
    if not path.is_file():
        raise FileMissing(
            "there is no such file.", where=str(path), remedy="Check the name and the folder."
        )
    try:
        raw = yaml.load(path.read_text("utf-8"), Loader=yaml.BaseLoader)  # every scalar is text
        return Mapping(path, _File.model_validate(raw))
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        raise UsageError(
            f"the description of the columns is no YAML: {' '.join(str(error).split())[:200]}.",
            where=str(path),
            remedy="docs/importing.md shows one.",
        ) from error
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(map(str, first["loc"]))
        raise UsageError(
            f"in the description of the columns: {first['msg'].lower()}; found "
            f"{first['input']!r:.100}.",
            where=f"{path}, {field}",
            remedy="docs/importing.md lists its fields.",
        ) from error
