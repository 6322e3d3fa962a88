"""What is true of a MethodSCRIPT instrument, by its model."""

from __future__ import annotations

from benchlab.bench.executor import ExecutorCapabilities
from benchlab.model.program import Control
from benchlab_drivers._palmsens_compile import CONTROLS
from benchlab_drivers._palmsens_talk import ANSWER_SECOND
from benchlab_drivers.wire.methodscript_models import Model

__all__ = ["CHANNEL", "STOP_SECOND", "TRIES", "capabilities_of"]

CHANNEL = "1"
STOP_SECOND = 5.0
TRIES = 3


def capabilities_of(model: Model) -> ExecutorCapabilities:
    """Return what is true of a model."""
    controls = CONTROLS
    if not model.galvanostat:
        controls -= {Control.CURRENT, Control.ZERO}
    return ExecutorCapabilities(
        voltage_volt=(model.low_volt, model.high_volt),
        current_ampere=(-model.high_ampere, model.high_ampere),
        power_watt=model.high_ampere * model.high_volt,
        controls=controls,
        replayable=False,
        counts=False,
        hardware_cccv=bool(model.galvanostat),
        channels=(CHANNEL,),
        period_second=(model.interval_second, 3600.0),
        fetch_second=0.1,
        stop_bound_second=STOP_SECOND + TRIES * ANSWER_SECOND,
        off_leaves="the cell switched off by the instrument; its meter stays on the cell",
        host_dies="the script goes on to its end and switches the cell off; its rows are lost",
        arms=(
            ("high voltage", "the script, once in each interval"),
            ("low voltage", "the script, once in each interval"),
            ("charge current", "the script, once in each interval"),
            ("discharge current", "the script, once in each interval"),
        ),
        current_ranges=model.current_ranges,
        voltage_ranges=model.voltage_ranges,
    )
