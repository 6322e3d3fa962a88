"""What is done with an instrument before a run: arm it, and look at the cell."""

from __future__ import annotations

from benchlab.bench.roles import ArmLimits, Reading, Source
from benchlab.errors import CellCheckError, OutputNotProvenOff
from benchlab.model.limits import RunLimits

__all__ = ["prepare"]


def prepare(source: Source, limits: RunLimits) -> Reading:
    """Arm the instrument and return what it sees of the cell before any current; the output is off.

    Raises
    ------
    benchlab.errors.CellCheckError
        The cell's voltage is outside the limits: wrong cell, or wired the wrong way round.
    benchlab.errors.BenchError
        The instrument refused; the output is off.
    """
    try:
        source.arm(
            ArmLimits(
                limits.low_volt, limits.high_volt, limits.charge_ampere, limits.discharge_ampere
            )
        )
        seen = source.look(limits.high_volt)
    except BaseException as error:  # a stop too: the look has the output on, if only at 0 A
        proof = source.safe()
        if not proof.proven:
            raise OutputNotProvenOff(
                f"the cell could not be looked at ({error}), and the output could not be proven"
                f" off ({'; '.join(proof.problems)}).",
                remedy="Switch the instrument off by hand now.",
            ) from error
        raise
    if not limits.low_volt <= seen.voltage <= limits.high_volt:
        source.safe()
        raise CellCheckError(
            f"the cell stands at {seen.voltage:.4f} V, outside the limits"
            f" {limits.low_volt:g} V to {limits.high_volt:g} V. No current was sent.",
            remedy="Check polarity and wiring, and that it is the cell the protocol is for.",
        )
    return seen
