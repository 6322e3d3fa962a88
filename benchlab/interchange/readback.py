"""Each target's file read again as facts, so that what an exporter wrote is seen, not believed."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any
from xml.etree import ElementTree

from benchlab.interchange.document import Document
from benchlab.interchange.facts import Fact, differences, facts
from benchlab.interchange.loops import resolved
from benchlab.interchange.report import Report
from benchlab.interchange.targets import as_written, written

__all__ = ["READERS", "missing_in"]

Facts = dict[str, Fact]


def missing_in(text: str, document: Document, target: str, report: Report) -> list[str]:
    """Return in words what a target's file does not hold though nothing was said of it.

    Parameters
    ----------
    text : str
        The whole file, as the exporter made it.
    report : Report
        Its findings say what need not be there.
    """
    wanted = {key: written(target, key, value) for key, value in _wanted(document, target).items()}
    excused = {fact for finding in report.of("as", "no") for fact in finding.takes}
    if target == "pybamm":
        excused = _unrolled_keys(document, excused)
    return differences(wanted, READERS[target](text), excused)


def _wanted(document: Document, target: str) -> Facts:
    found: Facts = dict(as_written(document, target))
    return _unrolled(document, found) if target == "pybamm" else found


def _order(document: Document) -> list[int]:
    """Return the numbers of the steps in the order in which they are carried out."""
    flat = resolved(document)
    done: dict[int, int] = {}
    order: list[int] = []
    number = 1
    while number <= len(flat.method):
        step = flat.method[number - 1]
        if step.step != "loop":
            order.append(number)
        elif done.get(number, 0) < step.cycle_count - 1 and isinstance(step.loop_to, int):
            for inner in range(step.loop_to, number):
                done.pop(inner, None)
            done[number] = done.get(number, 0) + 1
            number = step.loop_to
            continue
        number += 1
    return order


def _numbered(key: str) -> tuple[int, str]:
    match = re.fullmatch(r"method\[(\d+)\]\.(\w+)", key)
    return (int(match[1]), match[2]) if match else (0, key)


def _unrolled(document: Document, found: Facts) -> Facts:
    steps: dict[int, Facts] = {}
    for key, value in found.items():
        number, name = _numbered(key)
        steps.setdefault(number, {})[name] = value
    head = steps.pop(0, {})
    for place, number in enumerate(_order(document), 1):
        head |= {f"method[{place}].{name}": value for name, value in steps[number].items()}
    return head


def _unrolled_keys(document: Document, keys: set[str]) -> set[str]:
    found = {key for key in keys if not _numbered(key)[0]}
    names: dict[int, list[str]] = {}
    for key in keys:
        number, name = _numbered(key)
        names.setdefault(number, []).append(name)
    for place, number in enumerate(_order(document), 1):
        found |= {f"method[{place}].{name}" for name in names.get(number, ())}
    return found


def _unicycler(text: str) -> Facts:
    return facts(Document.model_validate(json.loads(text)))


# Neware


def _value(parent: ElementTree.Element | None, path: str, scale: float = 1.0) -> float | None:
    found = parent.find(path) if parent is not None else None
    return None if found is None else float(found.get("Value", "nan")) / scale


def _put(found: Facts, at: str, values: Iterable[tuple[str, Fact | None]]) -> None:
    found.update({f"{at}.{key}": value for key, value in values if value is not None})


def _neware(text: str) -> Facts:
    root = ElementTree.fromstring(text)
    found: Facts = {}
    name = root.find(".//Head_Info/Remark")
    capacity = _value(root, ".//Head_Info/MultCap", 3600.0)
    _put(found, "sample", (("name", name.get("Value") if name is not None else None),))
    _put(found, "sample", (("capacity_mAh", capacity),))
    main = root.find(".//Whole_Prt/Protect/Main")
    _put(
        found,
        "safety",
        (
            ("max_voltage_V", _value(main, "Volt/Upper", 1e4)),
            ("min_voltage_V", _value(main, "Volt/Lower", 1e4)),
            ("max_current_mA", _value(main, "Curr/Upper")),
            ("min_current_mA", _value(main, "Curr/Lower")),
            ("max_capacity_mAh", _value(main, "Cap/Upper", 3600.0)),
            ("delay_s", _value(main, "Delay_Time", 1e3)),
        ),
    )
    kept = root.find(".//Whole_Prt/Record/Main")
    _put(
        found,
        "record",
        (
            ("time_s", _value(kept, "Time", 1e3)),
            ("voltage_V", _value(kept, "Volt", 1e4)),
            ("current_mA", _value(kept, "Curr")),
        ),
    )
    for number, step in enumerate(root.find(".//Step_Info") or (), 1):
        if step.get("Step_Type") != "6":
            _put(found, f"method[{number}]", _neware_step(step).items())
    return found


def _neware_step(step: ElementTree.Element) -> dict[str, Fact | None]:
    kind = step.get("Step_Type", "")
    main = step.find("Limit/Main")
    second = _value(main, "Time", 1e3)
    if kind in ("1", "2"):
        sign = 1.0 if kind == "1" else -1.0
        return {
            "step": "constant_current",
            "rate_C": _signed(sign, _value(main, "Rate")),
            "current_mA": _signed(sign, _value(main, "Curr")),
            "until_time_s": second,
            "until_voltage_V": _value(main, "Stop_Volt", 1e4),
        }
    if kind in ("3", "19"):
        sign = 1.0 if kind == "3" else -1.0
        return {
            "step": "constant_voltage",
            "voltage_V": _value(main, "Volt", 1e4),
            "until_time_s": second,
            "until_rate_C": _signed(sign, _value(main, "Stop_Rate")),
            "until_current_mA": _signed(sign, _value(main, "Stop_Curr")),
        }
    if kind == "4":
        return {"step": "open_circuit_voltage", "until_time_s": second}
    if kind == "5":
        other = step.find("Limit/Other")
        back, count = _value(other, "Start_Step"), _value(other, "Cycle_Count")
        return {"step": "loop", "loop_to": back, "cycle_count": count}
    slope = step.find("Slope/Slope1")
    if kind == "25" and slope is not None:
        return {
            "step": "voltage_scan",
            "start_voltage_V": float(slope.get("StartValue", "nan")) / 1e4,
            "end_voltage_V": float(slope.get("EndValue", "nan")) / 1e4,
            "scan_rate_mV_per_s": float(slope.get("Value", "nan")),
        }
    return {"step": f"Neware's step type {kind}"}


def _signed(sign: float, value: float | None) -> float | None:
    return None if value is None else sign * value


# BioLogic: columns of 20 characters, one a step

_WIDTH = 20
_SCALES = {"mA": 1.0, "uA": 1e-3, "V": 1.0, "mV": 1e-3, "uV": 1e-6, "s": 1.0, "mV/s": 1.0}
_HERTZ = {"kHz": 1e3, "Hz": 1.0, "mHz": 1e-3}
_LIMITS = (
    ("min_voltage_V", r"\tEwe min = (\S+) V"),
    ("max_voltage_V", r"\tEwe max = (\S+) V"),
    ("max_current_mA", r"\t\|I\| = (\S+) mA"),
)


def _biologic(text: str) -> Facts:
    found: Facts = {}
    for key, pattern in _LIMITS:
        match = re.search(pattern, text)
        if match:
            found[f"safety.{key}"] = float(match[1])
    if "safety.max_current_mA" in found:
        found["safety.min_current_mA"] = -float(found["safety.max_current_mA"])
    delay = re.search(r"\tfor t > (\S+) ms", text)
    if delay:
        found["safety.delay_s"] = float(delay[1]) / 1e3
    name = re.search(r"^Comments : (.*)$", text, re.M)
    if name:
        found["sample.name"] = name[1]
    capacity = re.search(r"^Battery capacity : (\S+) ([µm]?) ?A\.h$", text, re.M)
    if capacity:
        scale = {"µ": 1e-3, "m": 1.0, "": 1e3}[capacity[2]]
        found["sample.capacity_mAh"] = float(capacity[1]) * scale
    rows = text[text.index("\nNs") + 1 :].splitlines()
    columns = [
        [row[start : start + _WIDTH].strip() for start in range(0, len(row), _WIDTH)]
        for row in rows
    ]
    for number in range(1, max(len(column) for column in columns)):
        step = {column[0]: column[number] for column in columns if len(column) > number}
        _put(found, f"method[{number}]", _biologic_step(step).items())
        _recorded(found, step)
    return found


def _scaled(step: dict[str, str], key: str, scales: dict[str, float]) -> float:
    return float(step[f"{key}"]) * scales[step[f"{key}_unit"]]


def _recorded(found: Facts, step: dict[str, str]) -> None:
    keys = {"Time": "time_s", "Ewe": "voltage_V", "I": "current_mA"}
    for place in range(1, min(int(step["rec_nb"]), 2) + 1):
        key = keys[step[f"rec{place}_type"]]
        found[f"record.{key}"] = _scaled(step, f"rec{place}_value", _SCALES)


def _biologic_step(step: dict[str, str]) -> dict[str, Fact | None]:
    kind = step["ctrl_type"]
    ends: dict[str, float] = {}
    for place in range(1, int(step["lim_nb"]) + 1):
        ends[step[f"lim{place}_type"]] = _scaled(step, f"lim{place}_value", _SCALES)
    second = ends.get("Time")
    if kind == "Rest":
        return {"step": "open_circuit_voltage", "until_time_s": second}
    if kind == "Loop":
        back, count = int(step["ctrl_seq"]) + 1, int(step["ctrl_repeat"]) + 1
        return {"step": "loop", "loop_to": back, "cycle_count": count}
    if kind in ("PEIS", "GEIS"):
        key = "amplitude_V" if kind == "PEIS" else "amplitude_mA"
        return {
            "step": "impedance_spectroscopy",
            key: _scaled(step, "ctrl1_val", _SCALES),
            "start_frequency_Hz": _scaled(step, "ctrl2_val", _HERTZ),
            "end_frequency_Hz": _scaled(step, "ctrl3_val", _HERTZ),
            "points_per_decade": int(step["ctrl_Nd"]),
            "measures_per_point": int(step["ctrl_Na"]),
            "drift_correction": step["ctrl_corr"] == "1",
        }
    level = _scaled(step, "ctrl1_val", _SCALES)
    if kind == "CC":
        return {
            "step": "constant_current",
            "current_mA": level,
            "until_time_s": second,
            "until_voltage_V": ends.get("Ewe"),
        }
    if kind == "CV":
        return {
            "step": "constant_voltage",
            "voltage_V": level,
            "until_time_s": second,
            "until_current_mA": ends.get("|I|"),
        }
    return {
        "step": "voltage_scan",
        "scan_rate_mV_per_s": level,
        "start_voltage_V": _scaled(step, "ctrl2_val", _SCALES),
        "end_voltage_V": _scaled(step, "ctrl3_val", _SCALES),
    }


# tomato


def _tomato(text: str) -> Facts:
    root = json.loads(text)
    found: Facts = {}
    _put(found, "sample", root["sample"].items())
    keys = {"measure_every_dt": "time_s", "measure_every_dI": "current_mA"}
    keys["measure_every_dE"] = "voltage_V"
    for number, step in enumerate(root["method"], 1):
        values: dict[str, Any] = {"step": step["technique"], "until_time_s": step.get("time")}
        if "current" in step:
            values |= _tomato_current(step["current"], "")
        if "voltage" in step:
            values["voltage_V"] = step["voltage"]
        for way in ("max", "min"):
            if f"limit_voltage_{way}" in step:
                values["until_voltage_V"] = step[f"limit_voltage_{way}"]
            if f"limit_current_{way}" in step:
                values |= _tomato_current(step[f"limit_current_{way}"], "until_")
        if "goto" in step:
            values |= {"loop_to": step["goto"] + 1, "cycle_count": step["n_gotos"] + 1}
        _put(found, f"method[{number}]", values.items())
        _put(found, "record", ((name, step.get(key)) for key, name in keys.items()))
    return found


def _tomato_current(value: str | float, key: str) -> dict[str, float]:
    if isinstance(value, str):
        return {f"{key}rate_C": float(value[:-1]) * (-1.0 if value.endswith("D") else 1.0)}
    return {f"{key}current_mA": value * 1e3}


# PyBaMM: a JSON list of sentences

_SENTENCE = re.compile(
    r"(?P<verb>Charge|Discharge|Hold|Rest)(?: at (?P<value>\S+?) ?(?P<unit>C|mA|V))?(?P<ends>.*)"
)
_UNITS = {"second": 1.0, "minute": 60.0, "hour": 3600.0}


def _pybamm(text: str) -> Facts:
    found: Facts = {}
    for number, line in enumerate(json.loads(text), 1):
        match = _SENTENCE.fullmatch(line)
        values: dict[str, Fact | None] = {"step": f"the line {line!r}"}
        if match is not None:
            values = _sentence(match)
        _put(found, f"method[{number}]", values.items())
    return found


def _sentence(match: re.Match[str]) -> dict[str, Fact | None]:
    values: dict[str, Fact | None] = {}
    unit = {"C": "rate_C", "mA": "current_mA", "V": "voltage_V"}
    if match["verb"] == "Rest":
        values["step"] = "open_circuit_voltage"
    elif match["verb"] == "Hold":
        values |= {"step": "constant_voltage", "voltage_V": float(match["value"])}
    else:
        sign = 1.0 if match["verb"] == "Charge" else -1.0
        values |= {"step": "constant_current", unit[match["unit"]]: sign * float(match["value"])}
    for end in match["ends"].strip().split(" or "):
        words = end.split()
        if words[:1] == ["for"]:
            values["until_time_s"] = float(words[1]) * _UNITS[words[2].rstrip("s")]
        elif words[:1] == ["until"]:
            value, kind = (words[1][:-1], "C") if words[1].endswith("C") else (words[1], words[2])
            values[f"until_{unit[kind]}"] = float(value)
    return values


READERS: dict[str, Callable[[str], Facts]] = {
    "unicycler": _unicycler,
    "neware": _neware,
    "biologic": _biologic,
    "tomato": _tomato,
    "pybamm": _pybamm,
}
"""What reads each target's file."""
