"""Error codes of MethodSCRIPT instruments that a user can act on.

Numbers and meanings as published by others from the maker's manuals (MethodSCRIPT 1.8, EmStat4
1.3); the sentences are ours. A code that is not here is shown as it came.
"""

from __future__ import annotations

from benchlab_drivers.wire.methodscript import Fault

__all__ = ["ERRORS", "Code", "explained"]


class Code:
    """Codes that the driver or the simulator has to tell apart."""

    UNKNOWN_COMMAND = 0x0003
    NOTHING_RUNS = 0x0006
    BAD_ARGUMENT = 0x0007
    POTENTIAL_RANGE = 0x000F
    OCP_CELL_ON = 0x0014
    OVERLOAD = 0x0032
    TIMING = 0x005A
    SCRIPT_COMMAND = 0x4001
    UNEXPECTED = 0x4004
    VARIABLE_EXISTS = 0x4026
    NEEDS_CELL_ON = 0x4027
    LITERAL = 0x4039
    UNDECLARED = 0x420B
    FATAL = 0x7FFF


ERRORS = {
    Code.UNKNOWN_COMMAND: "unknown command",
    Code.NOTHING_RUNS: "not possible in this state",
    Code.BAD_ARGUMENT: "wrong argument",
    Code.POTENTIAL_RANGE: "potential out of range",
    Code.OCP_CELL_ON: "open circuit potential asked for with the cell on",
    Code.OVERLOAD: "critical overload",
    Code.TIMING: "timing cannot be met",
    Code.SCRIPT_COMMAND: "unknown script command",
    Code.UNEXPECTED: "unexpected character",
    Code.VARIABLE_EXISTS: "variable declared twice",
    Code.NEEDS_CELL_ON: "the cell must be on",
    Code.LITERAL: "wrong literal",
    Code.UNDECLARED: "variable not declared",
    Code.FATAL: "fatal error",
}


def explained(fault: Fault) -> str:
    """Return an error in words, with its code and where it stands in the script."""
    words = ERRORS.get(fault.code, "an error of the instrument")
    place = f", line {fault.line}" if fault.line else ""
    place += f", column {fault.column}" if fault.column else ""
    return f"{words} (0x{fault.code:04X}{place})"
