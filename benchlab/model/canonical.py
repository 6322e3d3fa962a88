"""A protocol in one written form: the same meaning is the same text, whoever wrote it and how."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from benchlab.model import canonical_values as write
from benchlab.model.actions import Arm, EndRun, If, Keep, Result, SetC, Zero
from benchlab.model.blocks import Block, Every, Run
from benchlab.model.canonical_header import cell_data, header_data, record_data
from benchlab.model.canonical_values import Data, given, given_amount, second, volt
from benchlab.model.labels import label
from benchlab.model.protocol import Located, Protocol
from benchlab.model.steps import (
    ChamberStep,
    DriveStep,
    EisStep,
    HoldStep,
    OperatorStep,
    ProfileStep,
    RestStep,
    SweepStep,
)

__all__ = ["canonical", "canonical_sha256"]

_PLAIN = re.compile(r"-?[\w./(][\w ./()%+°-]*(?<! )")


def canonical(protocol: Protocol) -> str:
    """Return the protocol's meaning as YAML that reads back as the same protocol.

    Sentences become mappings, values stand in one unit with every digit, defaults are left out,
    names and aliases are kept. The content of each profile's file is named by its SHA-256; the
    steps of files that are run are written as procedures.
    """
    names = _procedure_names(protocol)
    lines = [
        f"# profile {_scalar(name)} sha256 {profile.sha256}"
        for name, profile in sorted(protocol.profiles.items())
    ]
    for key, data in header_data(protocol.header).items():
        lines.append(f"{key}: {_flow(data)}")
    if protocol.cell is not None:
        lines.append(f"cell: {_flow(cell_data(protocol.cell))}")
    if protocol.procedures:
        lines.append("procedures:")
        for own, procedure in protocol.procedures.items():
            lines.append(f"  {_scalar(names[own])}:")
            indent = "    "
            if procedure.counts_as is not None:
                lines += [f"{indent}counts_as: {procedure.counts_as}", f"{indent}steps:"]
                indent += "  "
            lines += _steps(procedure.steps, names, indent)
    lines.append("steps:")
    lines += _steps(protocol.steps, names, "  ")
    return "\n".join(lines) + "\n"


def canonical_sha256(protocol: Protocol) -> str:
    """Return the SHA-256 of the canonical text, in hexadecimal digits."""
    return hashlib.sha256(canonical(protocol).encode()).hexdigest()


def _procedure_names(protocol: Protocol) -> dict[str, str]:
    """Return a legal name for each procedure: those of other files carry the file's name."""
    names: dict[str, str] = {}
    for own in protocol.procedures:
        try:
            names[own] = label(own)
        except ValueError:
            continue
    for own in protocol.procedures:
        if own not in names:
            plain = re.sub(r"\W+", "_", re.sub(r"\.ya?ml\b", "", own), flags=re.A).strip("_")
            base = f"file_{plain}"[:50].rstrip("_")
            taken, number = set(names.values()), 2
            names[own] = base
            while names[own] in taken:
                names[own] = f"{base}_{number}"
                number += 1
    return names


# steps


def _steps(steps: tuple[Located, ...], names: Mapping[str, str], indent: str) -> list[str]:
    lines: list[str] = []
    for at in steps:
        step = at.step
        if not isinstance(step, Block | Every):
            lines.append(f"{indent}- {_flow(_item(step, names))}")
            continue
        first, *others = _block(step).items()
        lines.append(f"{indent}- {first[0]}: {_flow(first[1])}")
        lines += [f"{indent}  {key}: {_flow(data)}" for key, data in others]
        lines.append(f"{indent}  steps:")
        lines += _steps(step.steps, names, f"{indent}    ")
    return lines


def _block(step: Block | Every) -> dict[str, Data]:
    tail = given({"label": step.label, "counts_as": step.counts_as})
    if isinstance(step, Every):
        return {"every": f"{step.every} iterations", **tail}
    rounds = step.repeat
    repeat: Data = str(rounds.rounds)
    if rounds.variable:
        repeat = {rounds.variable: [write.percents(share) for share in rounds.values]}
    elif rounds.until:
        repeat = {
            "at_most": f"{rounds.rounds} times",
            "until": write.condition_text(rounds.until),
        }
    found: dict[str, Data] = {"phase": step.phase} if step.phase else {}
    if repeat != "1" or not found:
        found = {"repeat": repeat, **found}
    return {**found, **tail}


def _item(step: Any, names: Mapping[str, str]) -> Data:
    """Return a step or an action as the keys that are written, what it does first."""
    tail: dict[str, Data | None] = {"label": step.label}
    match step:
        case Run():
            return given(
                {"run": names.get(step.run, step.run), **tail, "counts_as": step.counts_as}
            )
        case Arm():
            return given({"arm": step.arm, **tail})
        case SetC():
            low, high = (write.percents(share) for share in step.only_if)
            return given(
                {
                    "set": step.set,
                    "to": step.to.text,
                    "only_if": f"{low} to {high} of nominal",
                    "otherwise": f"go to {step.otherwise}" if step.otherwise else None,
                    **tail,
                }
            )
        case Keep():
            return given({"keep": step.keep, "as": step.as_.text, **tail})
        case Zero():
            return given({"zero": step.zero, **tail})
        case EndRun():
            return given({"end": step.end, **tail})
        case Result():
            formulas = {name: " ".join(text.split()) for name, text in step.result.items()}
            return given({"result": formulas, **tail})
        case If():
            asked = step.condition
            row = f"{asked.in_a_row} complete cycles in a row"
            after = step.otherwise_after
            return given(
                {
                    "if": write.condition(asked),
                    "in": row if asked.in_a_row > 1 else None,
                    "then": f"go to {step.then}",
                    "at_most": None if step.at_most is None else f"{step.at_most} times",
                    "otherwise_after": None
                    if after is None
                    else (f"go to {after}" if after else "alarm and go on"),
                    **tail,
                }
            )
        case _:
            return given({**_kind(step), **_ends(step), **tail, "record": _own_record(step)})


def _own_record(step: Any) -> Data | None:
    return None if step.record is None else record_data(step.record)


def _ends(step: Any) -> dict[str, Data | None]:
    by = {write.ended_by(text): action for text, action in step.if_ended_by.items()}
    return {
        "until": [write.end_text(item) for item in step.until] or None,
        "until_all": [write.end_text(item) for item in step.until_all] or None,
        "for": second(step.for_),
        "at_most": second(step.at_most),
        "if_ended_by": by or None,
    }


def _kind(step: Any) -> dict[str, Data | None]:
    """Return what a kind of step alone has."""
    match step:
        case DriveStep():
            skip = step.skip_rest_of_loop_if
            return {
                step.verb: write.amount(step.drive),
                "to": volt(step.to),
                "then_hold_until": given_amount(step.then_hold_until),
                "hold_at_most": second(step.hold_at_most),
                "stop_at": volt(step.stop_at),
                "current_at_most": given_amount(step.current_at_most),
                "skip_rest_of_loop_if": None if skip is None else write.end_text(skip),
            }
        case HoldStep():
            return {"hold": volt(step.hold), "current_at_most": given_amount(step.current_at_most)}
        case RestStep():
            output = None if step.output == "open" else step.output
            return {"rest": second(step.rest), "output": output}
        case SweepStep():
            return {
                "sweep": [write.value(volt, "V") for volt in step.sweep],
                "rate": f"{step.rate!r} V/s",
                "times": None if step.times == 1 else str(step.times),
                "current_at_most": given_amount(step.current_at_most),
            }
        case ProfileStep():
            return {
                "profile": step.profile,
                "scale": None if step.scale == 1.0 else repr(step.scale),
                "times": None if step.times == 1 else str(step.times),
                "current_at_most": given_amount(step.current_at_most),
            }
        case EisStep():
            return {
                "eis": step.eis,
                "amplitude": step.amplitude,
                "points_per_decade": str(step.points_per_decade),
            }
        case ChamberStep():
            wait = step.wait
            within = None if wait is None else f"within {wait[0]!r} K for {wait[1]!r} s"
            return {"chamber": write.value(step.chamber, "degC"), "wait": within}
        case OperatorStep():
            return {"operator": step.operator, **_operator(step)}
    raise AssertionError(step)


def _operator(step: OperatorStep) -> dict[str, Data | None]:
    resume = None
    if step.resume_if is not None:
        barcode, volt = step.resume_if
        parts = ["same barcode"] if barcode else []
        parts += [f"within {volt!r} V"] if volt < float("inf") else []
        resume = " and ".join(parts)
    return {
        "cell_may_leave": "yes" if step.cell_may_leave else None,
        "ask": list(step.ask) or None,
        "resume_if": resume,
    }


# YAML


def _flow(data: Data) -> str:
    if isinstance(data, dict):
        pairs = (f"{_scalar(key)}: {_flow(item)}" for key, item in data.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(data, list):
        return "[" + ", ".join(_flow(item) for item in data) + "]"
    return _scalar(data)


def _scalar(text: str) -> str:
    """Return a text plain where YAML cannot mistake it, else in double quotes."""
    if _PLAIN.fullmatch(text) and text.isascii():
        return text
    escaped = (
        f"\\{letter}"
        if letter in '"\\'
        else (letter if letter.isprintable() else f"\\U{ord(letter):08X}")
        for letter in text
    )
    return '"' + "".join(escaped) + '"'
