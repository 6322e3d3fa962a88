r"""Check a protocol before its start: what it does, what is wrong with it, how long it takes.

  benchlab check-protocol life.yaml --instrument keithley2450
  benchlab check-protocol life.yaml --cell cell17.yaml --instrument keysight_rp7900 \
      --sensor keithley_daq6510 --preview life.png

Nothing is started. Without --instrument only what belongs to the protocol and the cell is checked.
Code 0: no error, though there may be warnings. Code 13: an error in the protocol; 26: it is beyond
the instrument. `benchlab run` makes the same checks. Each check is told in docs/checks.md.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchlab.cli.words import seed

if TYPE_CHECKING:
    from benchlab.model.cell import Cell
    from benchlab.model.checks import Remark
    from benchlab.model.estimate import ProgramEstimate
    from benchlab.model.program import Program
    from benchlab.model.protocol import Protocol
    from benchlab.service.channel import Channel

HELP = "check a protocol before its start, estimate it, draw a preview"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("protocol", type=Path, metavar="PROTOCOL.yaml")
    parser.add_argument("--instrument", metavar="DRIVER", help="check against this instrument too")
    parser.add_argument(
        "--model", metavar="NAME", help="which of the instrument's family, for example RP7933A"
    )
    parser.add_argument(
        "--cell", metavar="TYPE|CELL.yaml", help="the cell on the bench: a known type, or a file"
    )
    parser.add_argument(
        "--sensor", action="append", default=[], metavar="DRIVER", help="a sensor of the channel"
    )
    parser.add_argument("--chamber", metavar="DRIVER", help="the chamber of the channel")
    parser.add_argument("--json", action="store_true", help="print JSON for a program to read")
    drawn = parser.add_argument_group("a preview, from a run on a simulated cell")
    drawn.add_argument(
        "--preview", type=Path, metavar="FILE.png", help="voltage, current, temperature over time"
    )
    drawn.add_argument(
        "--hours", type=float, metavar="N", help="of simulated time; else 20 s of computing"
    )
    drawn.add_argument("--fresh", action="store_true", help="a cell that was never charged")
    drawn.add_argument("--seed", type=seed, default=0, help="of errors and noise")


def run(arguments: argparse.Namespace) -> int:
    """Check and print; return 0 or the exit code of the first error."""
    import sys

    from benchlab.errors import CellError, ProtocolError, UsageError
    from benchlab.model.estimate import estimate
    from benchlab.model.expand import expand
    from benchlab.model.protocol_text import read_protocol
    from benchlab.service.channel import with_model
    from benchlab.service.checking import remarks_on

    if arguments.hours is not None and not arguments.hours > 0.0:
        raise UsageError(f"found --hours {arguments.hours:g}.", remedy="Give a number above zero.")
    channel = _named(arguments.instrument)
    if arguments.model is not None:
        if channel is None:
            raise UsageError("found --model without --instrument.", remedy="Name both.")
        channel = with_model(channel, arguments.model)
    sensors = [_channel(text) for text in arguments.sensor]
    chamber = _named(arguments.chamber)
    try:
        protocol = read_protocol(arguments.protocol)
        cell = _cell(protocol, arguments.cell)
        program = expand(protocol, cell)
    except (ProtocolError, CellError) as error:
        if not arguments.json:
            raise
        _print_refusal(arguments.protocol, error)
        return error.exit_code
    remarks = remarks_on(program, cell, channel, sensors, chamber, refusing=False)
    code, words = _code(program, cell, remarks)
    planned = estimate(program)
    drawn = ""
    if arguments.preview is not None and not code:
        drawn = _preview(arguments, program, cell, channel, sensors, chamber)
    if arguments.json:
        _print_json(arguments, program, remarks, planned, code, drawn)
    else:
        _print_text(program, remarks, planned)
        if drawn:
            print(f"\nPreview: {arguments.preview} ({drawn})")
    if code:
        drawing = " No preview was drawn." if arguments.preview is not None else ""
        print(f"benchlab: {words}{drawing}", file=sys.stderr)
    return code


def _named(text: str | None) -> Channel | None:
    return _channel(text) if text else None


def _channel(text: str) -> Channel:
    """Return a channel of a driver's bare name, or of what `benchlab run` takes."""
    from benchlab.service.channel import Channel, parse_channel

    return parse_channel(text) if "@" in text or ":" in text else Channel(text, "")


def _cell(protocol: Protocol, given: str | None) -> Cell:
    from benchlab.errors import CellError
    from benchlab.model.cell import cell_types, parse_cell, read_cell
    from benchlab.model.resolve import cell_of
    from benchlab.model.yaml_text import load_text

    if given is None:
        return cell_of(protocol, None)
    if given not in cell_types():
        return cell_of(protocol, read_cell(Path(given)))
    own = protocol.cell
    if own is not None and own.type.name == given:
        return own
    return cell_of(protocol, parse_cell(load_text(f"type: {given}\n", "--cell", CellError), given))


def _code(program: Program, cell: Cell, remarks: list[Remark]) -> tuple[int, str]:
    """Return the exit code of what was found, and a sentence."""
    from benchlab.errors import ProtocolError, Unsupported
    from benchlab.model.checks import Severity, check_program

    errors = [remark for remark in remarks if remark.severity is Severity.ERROR]
    if not errors:
        return 0, ""
    own = {remark for remark in check_program(program, cell) if remark in errors}
    code = ProtocolError.exit_code if own else Unsupported.exit_code
    names = ", ".join(dict.fromkeys(remark.name for remark in errors))
    return code, f"{len(errors)} error{'s' * (len(errors) > 1)}: {names}. It would not be started."


def _print_text(program: Program, remarks: list[Remark], planned: ProgramEstimate) -> None:
    from benchlab.cli.step_words import size, span, step_words
    from benchlab.model import instructions as code

    print(
        f"{program.name}: {len(program.steps)} steps written, {program.executions():,} carried out"
        " at most.\nEach step: its line, about and at most how long, what it does.\n"
    )
    depth = 0
    for item in program.code:
        pad = "  " * depth
        if isinstance(item, code.Enter):
            block = program.blocks[item.block]
            whole = planned.blocks[item.block].whole
            word = f"{block.rounds} x " if block.rounds > 1 else ""
            word = f"every {block.every} rounds " if block.every else word
            print(
                f"{pad}{word}{block.label or 'steps'}: about {span(whole.about_second)},"
                f" {whole.about_rows:,.0f} rows in the whole run"
            )
            depth += 1
        elif isinstance(item, code.Leave):
            depth -= 1
        elif isinstance(item, code.Do):
            step, each = program.steps[item.step_id], planned.steps[item.step_id].each
            print(
                f"{pad}line {step.line:<4} {span(each.about_second):>12} /"
                f" {span(each.at_most_second):<12} {step_words(step)}"
            )
        elif not isinstance(item, code.Arm | code.Zero | code.Stop):
            print(f"{pad}{item.text}")
        else:
            print(f"{pad}{_brief(item)}")
    print("\nChecks")
    for remark in remarks:
        print(f"  {remark}")
    for note in program.notes:
        print(f"  note: {program.source}: {note} [default-bound]")
    whole = planned.whole
    print("\nEstimate")
    print(f"  time: about {span(whole.about_second)}, at most {span(whole.at_most_second)}")
    print(f"  rows: about {whole.about_rows:,.0f}, at most {whole.at_most_rows:,.0f}")
    print(
        f"  disk: about {size(whole.about_running_bytes)} while it runs (at most"
        f" {size(whole.at_most_running_bytes)}), about {size(whole.about_closed_bytes)} once closed"
    )


def _brief(item: Any) -> str:
    from benchlab.model import instructions as code

    if isinstance(item, code.Arm):
        return f"arm the lower limit of a formed cell: {item.low_volt:g} V"
    if isinstance(item, code.Zero):
        return f"count net charge from here: {item.name}"
    return f"end of the run: {item.name}"


def _print_json(
    arguments: argparse.Namespace,
    program: Program,
    remarks: list[Remark],
    planned: ProgramEstimate,
    code: int,
    drawn: str,
) -> None:
    import json
    from dataclasses import asdict

    from benchlab.cli.step_words import step_words

    steps = [
        {
            "step_id": step.step_id,
            "line": step.line,
            "field": step.field,
            "label": step.label,
            "words": step_words(step),
            "times": item.times,
            **item.each.record(),
        }
        for step, item in zip(program.steps, planned.steps, strict=True)
    ]
    blocks = [
        {"label": block.label, "rounds": block.rounds, **block.whole.record()}
        for block in planned.blocks
    ]
    found = {
        "file": str(arguments.protocol),
        "name": program.name,
        "instrument": arguments.instrument,
        "model": arguments.model,
        "exit_code": code,
        "remarks": [asdict(remark) for remark in remarks],
        "defaults": list(program.notes),
        "steps": steps,
        "blocks": blocks,
        "whole": planned.whole.record(),
    }
    if drawn:
        found["preview"] = {"file": str(arguments.preview), "note": drawn}
    print(json.dumps(found, indent=1))


def _print_refusal(path: Path, error: Any) -> None:
    """Print a protocol that cannot even be expanded."""
    import json

    remarks = [
        {
            "name": getattr(one, "check", "cell"),
            "severity": "error",
            "where": one.where,
            "reason": one.what,
            "remedy": one.remedy,
        }
        for one in (error, *error.others)
    ]
    print(json.dumps({"file": str(path), "exit_code": error.exit_code, "remarks": remarks}))


def _preview(
    arguments: argparse.Namespace,
    program: Program,
    cell: Cell,
    channel: Channel | None,
    sensors: list[Channel],
    chamber: Channel | None,
) -> str:
    """Simulate, draw, write; return how far it went."""
    from benchlab import plugins
    from benchlab.cli.preview import preview
    from benchlab.errors import FileExists, StorageError

    path: Path = arguments.preview
    if path.exists():
        raise FileExists(
            "there is something at the preview's path already; nothing was written.",
            where=str(path),
            remedy="Choose another name.",
        )
    # one that runs a protocol by itself draws it no differently than one that is stepped
    stepped = channel is not None and not channel.executes
    chosen = channel if channel and stepped else _first_able(program, sensors, chamber)
    bound = float("inf") if arguments.hours is None else arguments.hours * 3600.0
    kept = preview(
        program,
        cell,
        chosen,
        sensors,
        chamber,
        most_second=bound,
        fresh=arguments.fresh,
        seed=arguments.seed,
    )
    note = f"{cell.type.name} on a simulated {chosen.driver}; {kept.note}"
    picture = plugins.plugin("analyses", "preview").preview_png(
        kept.second,
        kept.volt,
        kept.ampere,
        kept.celsius,
        edge_second=kept.edge_second,
        title=program.name,
        note=note,
    )
    try:
        with open(path, "xb") as file:
            file.write(picture)
    except OSError as error:
        raise StorageError(
            f"the picture cannot be written: {error.strerror or error}.",
            where=str(path),
            remedy="Choose a folder that exists, is writable and has space.",
        ) from error
    return note


def _first_able(program: Program, sensors: list[Channel], chamber: Channel | None) -> Channel:
    """Return the first instrument that can do it, where none is named.

    Raises
    ------
    benchlab.errors.Unsupported
    """
    from benchlab import plugins
    from benchlab.bench.checks import check_channel, refuse_unsupported
    from benchlab.bench.roles import Capabilities
    from benchlab.model.checks import Severity
    from benchlab.service.channel import Channel, capabilities_beside

    seen = {n for s in sensors for n in getattr(capabilities_beside(s), "channels", ())}
    climate = None if chamber is None else capabilities_beside(chamber)
    refused: list[Remark] = []
    for name in plugins.names("drivers"):
        can = getattr(plugins.plugin("drivers", name), "CAPABILITIES", None)
        if isinstance(can, Capabilities):
            found = check_channel(program, can, name, channels=seen, chamber=climate)
            if not any(remark.severity is Severity.ERROR for remark in found):
                return Channel(name, "")
            refused = refused or found
    refuse_unsupported(refused)
    raise AssertionError("no driver of a source is installed")
