"""The table against unicycler's real exporters: what they drop, and that everything else stands."""

from __future__ import annotations

import json
import re
from xml.etree import ElementTree

import pytest

from benchlab.errors import ProtocolError
from benchlab.interchange.document import Document
from benchlab.interchange.exporters import file_text
from benchlab.interchange.facts import differences
from benchlab.interchange.readback import READERS, missing_in
from benchlab.interchange.report import Report
from benchlab.interchange.table import EXPORTS, TARGETS
from benchlab.interchange.targets import as_written, find, written

unicycler = pytest.importorskip("aurora_unicycler", reason="needs benchlab[interchange]")

CYCLE = [
    {"step": "tag", "tag": "life"},
    {"step": "open_circuit_voltage", "until_time_s": 600, "id": "soak"},
    {"step": "constant_current", "rate_C": 0.5, "until_voltage_V": 4.2, "until_time_s": 7200},
    {"step": "constant_voltage", "voltage_V": 4.2, "until_rate_C": 0.05, "until_time_s": 3600},
    {"step": "constant_current", "current_mA": -1.5, "until_voltage_V": 2.5},
    {"step": "constant_voltage", "voltage_V": 2.5, "until_rate_C": -0.05},
    {"step": "constant_current", "rate_C": -0.1, "until_voltage_V": 0.0, "until_time_s": 36000},
    {"step": "constant_voltage", "voltage_V": 0.0, "until_current_mA": 0.2},
    {"step": "loop", "loop_to": "life", "cycle_count": 3},
]
HEAD = {
    "sample": {"name": "cell 7", "capacity_mAh": 2.5},
    "record": {"time_s": 10, "voltage_V": 0.005, "current_mA": 0.1},
    "safety": {
        "max_voltage_V": 4.3,
        "min_voltage_V": 0.0,
        "max_current_mA": 5,
        "min_current_mA": -10,
        "max_capacity_mAh": 3,
        "delay_s": 2,
    },
}
ZERO_HEAD = {
    "sample": {"name": "zeros"},
    "record": {"time_s": 1},
    "safety": {"max_current_mA": 0, "max_capacity_mAh": 0, "delay_s": 0, "max_voltage_V": 0},
}
SCANS = [
    {
        "step": "voltage_scan",
        "start_voltage_V": 2.5,
        "end_voltage_V": 4.0,
        "scan_rate_mV_per_s": 0.1,
    },
    {"step": "open_circuit_voltage", "until_time_s": 1.5},
]
SPECTRA = [
    {
        "step": "impedance_spectroscopy",
        key: size,
        "start_frequency_Hz": 20000,
        "end_frequency_Hz": low,
        "points_per_decade": 7,
        "measures_per_point": 3,
        "drift_correction": True,
    }
    for key, size, low in (
        ("amplitude_V", 0.01, 0.5),
        ("amplitude_V", 1.5, 1.5),
        ("amplitude_V", 0.0005, 0.001),
        ("amplitude_mA", 0.25, 0.5),
        ("amplitude_mA", 20, 0.5),
    )
]
DOCUMENTS = {
    "cycle": {**HEAD, "method": CYCLE},
    "zeros": {**ZERO_HEAD, "method": SCANS[1:]},
    "scans": {**ZERO_HEAD, "method": SCANS},
    "spectra": {**ZERO_HEAD, "method": SPECTRA},
    "large": {**HEAD, "sample": {"name": "l", "capacity_mAh": 1200.0}, "method": SCANS[1:]},
    "small": {**HEAD, "sample": {"name": "s", "capacity_mAh": 0.25}, "method": CYCLE[2:3]},
}
DIFFERENCE = re.compile(r"(\S+) (?:=|is) ")


def found(name: str, target: str) -> tuple[Document, Report]:
    document = Document.model_validate(DOCUMENTS[name])
    report = Report(EXPORTS, target, "x.yaml")
    find(document, target, report, ("x.yaml",) * len(document.method))
    return document, report


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("name", DOCUMENTS)
def test_an_exporter_drops_what_the_table_says_and_nothing_else(name: str, target: str) -> None:
    document, report = found(name, target)
    if report.of("never"):
        with pytest.raises(ProtocolError, match="refuses it"):
            file_text(document, target, report)
        return
    text, encoding = file_text(document, target, report)
    assert text.encode(encoding).decode(encoding) == text
    assert missing_in(text, document, target, report) == []
    if target == "pybamm":
        return  # its steps are written out, so the facts have other numbers
    wanted = {
        key: written(target, key, value) for key, value in as_written(document, target).items()
    }
    raw = differences(wanted, READERS[target](text))
    gone = {DIFFERENCE.match(words)[1] for words in raw}
    said = {key for finding in report.of("no", "as") for key in finding.takes}
    # what a finding takes may still happen to stand there: one |I| is one of the two limits
    assert gone <= said
    assert {key for key in said if key in wanted} - gone <= {
        "safety.max_current_mA", "safety.min_current_mA", "safety.delay_s",
        "record.voltage_V", "record.current_mA",
    }  # fmt: skip


def test_the_end_at_zero_volts_stands_in_neware_and_is_gone_from_pybamm() -> None:
    document, report = found("cycle", "neware")
    text, _ = file_text(document, "neware", report)
    ends = [
        float(end.get("Value", "nan")) for end in ElementTree.fromstring(text).iter("Stop_Volt")
    ]
    assert ends == [42000.0, 25000.0, 0.0]
    document, report = found("cycle", "pybamm")
    sentences = json.loads(file_text(document, "pybamm", report)[0])
    assert sentences[5] == "Discharge at 0.1C for 10 hours"
    assert "zero-voltage-end" in {finding.item.name for finding in report.of("no")}
    assert len(sentences) == 3 * 7


def test_what_the_biologic_exporter_warns_of_was_found_before_and_is_kept_as_a_note() -> None:
    document, report = found("cycle", "biologic")
    names = {finding.item.name for finding in report.of("no")}
    assert {"one-current-limit", "must-last-above-1-s", "charge-limit"} <= names
    assert not report.notes
    file_text(document, "biologic", report)
    assert len(report.notes) == 2
    assert all(note.startswith("unicycler: Biologic") for note in report.notes)


TAMPERED = [
    ("neware", '<Stop_Volt Value="0.000000"/>', ""),
    ("neware", '<Stop_Volt Value="42000.000000"/>', '<Stop_Volt Value="41000.000000"/>'),
    ("neware", '<Cycle_Count Value="3"/>', '<Cycle_Count Value="2"/>'),
    ("neware", 'Step_Type="19"', 'Step_Type="3"'),
    ("biologic", "Ewe max = 4.30000 V", "Ewe max = 4.40000 V"),
    ("biologic", "0.125  ", "0.250  "),
    ("tomato", '"limit_voltage_max": 4.2', '"limit_voltage_max": 4.1'),
    ("tomato", '"n_gotos": 2', '"n_gotos": 3'),
    ("pybamm", "until 2.5 V", "until 2.4 V"),
    ("pybamm", "Charge at 0.5C", "Discharge at 0.5C"),
    ("unicycler", '"min_voltage_V": 0.0', '"min_voltage_V": null'),
]


@pytest.mark.parametrize(("target", "before", "after"), TAMPERED)
def test_a_file_that_holds_something_else_is_seen(target: str, before: str, after: str) -> None:
    document, report = found("cycle", target)
    text, _ = file_text(document, target, report)
    assert before in text
    assert missing_in(text.replace(before, after, 1), document, target, report) != []


def test_voltages_beyond_the_usual_range_widen_that_of_biologic() -> None:
    plain = {**ZERO_HEAD, "method": [{**SCANS[0], "start_voltage_V": -0.5}]}
    document = Document.model_validate(plain)
    report = Report(EXPORTS, "biologic", "x.yaml")
    text, _ = file_text(document, "biologic", report)
    assert "min = -5.00 V, max = 5.00 V" in text


def test_pybamm_takes_every_sentence() -> None:
    experiment = pytest.importorskip("pybamm", reason="needs pybamm").Experiment
    document, report = found("cycle", "pybamm")
    experiment(json.loads(file_text(document, "pybamm", report)[0]))
