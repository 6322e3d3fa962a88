"""Checks a run against itself: rows against steps, counters against rows, digest against data."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from benchlab.errors import FileNotReadable
from benchlab.model.columns import STEP_COLUMNS
from benchlab.model.run import Run
from benchlab.model.table import Table
from benchlab.store.check_rows import COUNTERS, Places, RowScan, scan_rows
from benchlab.store.check_steps import charge_findings, charge_table, step_findings
from benchlab.store.closed import run_digest
from benchlab.store.closed_read import document_state
from benchlab.store.corrections import read_corrections
from benchlab.store.finding import Finding
from benchlab.store.reader import open_run

__all__ = ["CheckReport", "check_run"]

NEEDED_COLUMNS = ("test_time_second", "voltage_volt", "current_ampere")


@dataclass
class CheckReport:
    """What a check found.

    Attributes
    ----------
    findings : list of Finding
        What is wrong, or not as it should be; empty for a clean run.
    notes : list of str
        What was seen besides.
    steps : Table
        One row a step: charge and energy of the step table, of the rows, their deviation, and
        how much of it the record rule explains.
    """

    path: Path
    state: str = ""
    rows: int = 0
    step_number: int = 0
    digest: str = ""
    findings: list[Finding] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    steps: Table = field(default_factory=lambda: Table({}))

    def as_dict(self) -> dict[str, Any]:
        """Return plain values, as for JSON; unknown numbers become None."""
        return {
            "file": str(self.path),
            "clean": not self.findings,
            "state": self.state,
            "rows": self.rows,
            "steps": self.step_number,
            "digest": self.digest,
            "findings": [finding.as_dict() for finding in self.findings],
            "notes": self.notes,
            "charge": [
                {
                    k: None if isinstance(v, float) and not isfinite(v) else v
                    for k, v in record.items()
                }
                for record in self.steps.records()
            ],
        }


def check_run(path: str | os.PathLike[str]) -> CheckReport:
    """Check one run; every row is read once, and never more than a block is in memory.

    Raises
    ------
    benchlab.errors.FileMissing, benchlab.errors.FileNotReadable
        There is nothing that could be opened; damage inside it is a finding.
    """
    # a value that is no number is a finding of its own; what is computed from it may be NaN
    with np.errstate(invalid="ignore", over="ignore"):
        return _check(Path(path))


def _check(path: Path) -> CheckReport:
    run = open_run(path, as_recorded=True, verify=True)
    report = CheckReport(path, run.state, len(run), run.steps.rows)
    report.findings += _correction_findings(path)
    report.findings += _ending(run, report.notes)
    report.findings += _document_findings(run, report.notes)
    lacking = list(_missing_columns(run))
    report.findings += lacking
    if lacking:
        return report
    index = [run.steps[name].astype(np.int64) for name in ("step_count", "first_row", "last_row")]
    try:
        scan = scan_rows(run, index[0], index[1], index[2])
        events = run.events
    except FileNotReadable as error:
        report.findings.append(Finding("unreadable", error.what))
        return report
    if run.state == "closed":
        report.digest = run_digest(scan.digests, run.steps, events, run.spectra)
        if report.digest != run.meta["digest"]:
            report.findings.append(
                Finding(
                    "digest",
                    f"the data give the digest {report.digest[:16]}..., the file says"
                    f" {run.meta['digest'][:16]}...: something was changed after it was closed",
                )
            )
    else:
        report.notes.append("the run is not closed: there is no digest yet")
    report.findings += _row_findings(scan, report.notes)
    if run.steps.rows:
        report.findings += step_findings(run, scan, report.notes)
        report.steps = charge_table(run, scan)
        report.findings += charge_findings(run, scan, report.steps)
        _say_deviation(report)
    else:
        report.notes.append("there is no step table: nothing to compare the rows with")
    return report


def _missing_columns(run: Run) -> Iterator[Finding]:
    """Yield columns without which rows and steps cannot be compared; imports may have no steps."""
    if not run.steps.rows:
        return
    for what, needed, present in (
        ("rows", NEEDED_COLUMNS, run.column_names),
        ("steps", STEP_COLUMNS, tuple(run.steps)),
    ):
        lacking = [name for name in needed if name not in present]
        if lacking:
            text = f"the {what} have no {', '.join(lacking)}: they were not checked any further"
            yield Finding("missing columns", text)


def _correction_findings(path: Path) -> Iterator[Finding]:
    try:
        records, problems = read_corrections(path)
        if records:
            open_run(path, verify=True)
    except FileNotReadable as error:
        problems = [error.what]
    for text in problems:
        yield Finding("corrections", f"the corrections beside the file: {text}")


def _ending(run: Run, notes: list[str]) -> Iterator[Finding]:
    if run.state == "interrupted":
        yield Finding("interrupted", "the writer ended without a closing record")
    elif run.meta.get("end_reason") == "interrupted":
        told = run.meta.get("end_text") or "the writer ended without closing it"
        yield Finding("interrupted", f"the run was cut off and recovered: {told}")
    torn = int(run.meta.get("torn_bytes", 0))
    if torn and run.state == "running":
        notes.append(f"{torn} bytes at the end of the journal are being written")
    elif torn:
        yield Finding(
            "journal tail",
            f"{torn} bytes at the end of the journal are no whole frame: what they held was never"
            " confirmed as written",
        )
    damage = [str(text) for text in run.meta.get("journal_damage", ())]
    for place in run.meta.get("damage", ()):  # as a closed file carries what its journal said
        segment, first, last = place
        damage.append(f"bytes {first} to {last} of segment {segment} of the journal were damaged")
    for text in damage:
        yield Finding("journal", text)
    missing = int(run.meta.get("missing_rows", 0))
    if missing:
        yield Finding("missing rows", f"{missing} recorded rows were lost to damage of the journal")
    if run.meta.get("output_proven_off") is False:
        yield Finding("output", "the output could not be proven off when the run ended")


def _document_findings(run: Run, notes: list[str]) -> Iterator[Finding]:
    told, text = run.protocol.sha256, run.protocol.text
    if told and hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() != told:
        yield Finding("protocol", "the text of the protocol is not the one its SHA-256 was made of")
    if run.state != "closed":
        return
    changed, without = document_state(run.path)
    for name in changed:
        if name != "protocol_text" or not told:
            yield Finding("document", f"the document {name} is not what its SHA-256 was made of")
    without = [name for name in without if name != "protocol_text" or not told]
    if without:
        notes.append(f"not covered by a checksum: the documents {', '.join(without)}")


def _row_findings(scan: RowScan, notes: list[str]) -> Iterator[Finding]:
    def found(kind: str, places: Places, text: str) -> Iterator[Finding]:
        if places.count:
            yield Finding(kind, f"{places.count} {text}", row=places.rows[0])

    yield from found("time", scan.unknown_time, "rows have no time")
    largest = f"(the farthest by {scan.back.largest:.6g} s)"
    yield from found("time", scan.back, f"rows lie before the row above them {largest}")
    yield from found("doubled rows", scan.doubled, "rows are the row above them once more")
    for name in COUNTERS:
        if name in scan.fallen:
            places = scan.fallen[name]
            text = f"times {name} steps back (by up to {places.largest:.6g})"
            yield from found("counter", places, text)
    if scan.clock.count:
        notes.append(
            f"the wall clock jumped {scan.clock.count} times against the test time (by up to"
            f" {scan.clock.largest:.3f} s, first at row {scan.clock.rows[0]}); test time counts"
        )


def _say_deviation(report: CheckReport) -> None:
    table = report.steps
    for unit, name in (("Ah", "ah"), ("Wh", "wh")):
        deviation = np.abs(table[f"deviation_{name}"])
        known = np.isfinite(deviation)
        if not known.any():
            continue
        total = float(np.abs(table[f"counted_{name}"][known]).sum())
        apart = float(deviation[known].sum())
        worst = int(np.argmax(np.where(known, deviation, -1.0)))
        explained = float(table[f"explained_{name}"][known].sum())
        report.notes.append(
            f"rows against counter, {unit}: {known.sum()} steps, {apart:.3g} {unit} apart in all"
            f" ({apart / total if total else 0.0:.2g} of what flowed), largest"
            f" {deviation[worst]:.3g} in step {table['step_count'][worst]}; the record rule"
            f" explains up to {explained:.3g}"
        )
