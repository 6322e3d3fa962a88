"""The part of the fault matrix for what is neither read nor stepped: relays and executors.

A relay is closed and opened in turn, so that an old answer shows as a wrong state. An executor runs
a charge and a discharge of other current, and each row must be one of its own step.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any

from benchlab.bench.clock import RealClock
from benchlab.bench.executor import ChannelState
from benchlab.errors import BenchError, LinkError
from benchlab.model.expand import expand
from benchlab.model.protocol_text import parse_protocol
from benchlab.model.resolve import cell_of
from benchlab_drivers.neware.line import FrameSocket
from benchlab_drivers.wire.methodscript_line import open_script_line
from benchlab_drivers.wire.modbus import ModbusSocket

__all__ = ["EXECUTORS", "RELAYS", "run_executor", "run_relay"]

RELAYS = ("waveshare_relay",)
EXECUTORS = ("neware_bts8", "palmsens_methodscript")
SWITCHES = 8
TRIES = 30
LONGEST_SECOND = 25.0
FOR_EVER = "silent for ever"
PROTOCOL = """\
format: benchlab-protocol/1
name: short
cell: {{id: demo-01, type: nmc811_graphite_pouch, nominal_capacity: {ah:g} Ah}}
capacity: {{C: {ah:g} Ah, basis: nominal}}
control: {{period: 1 s}}
record: {{every: 0.1 s}}
steps:
  - Charge at C/2 for 2 s
  - Discharge at 1C for 2 s
"""
CAPACITY_AH = {"neware_bts8": 0.2, "palmsens_methodscript": 0.02}
Timed = Callable[[Any, Callable[[], Any]], Any]


def _port(resource: str) -> tuple[str, int]:
    _, host, port, _ = resource.split("::")
    return host, int(port)


def _recovered(result: Any, driver: Any, timed: Timed) -> None:
    """Trust the line again, as a run does, for three seconds."""
    for attempt in range(TRIES):
        try:
            timed(result, driver.recover)
        except LinkError:
            if result.fault == FOR_EVER or attempt + 1 == TRIES:
                raise
            time.sleep(0.1)
        else:
            return


def _failed(result: Any, error: BenchError) -> None:
    result.became = "failed: the line" if isinstance(error, LinkError) else "refused"
    result.error = type(error).__name__


def run_relay(
    result: Any, module: Any, resource: str, clock: RealClock, timeout: float, timed: Timed
) -> None:
    """Switch one relay in turn, read all of them each time, and end safe."""
    line = ModbusSocket(*_port(resource), clock, timeout_second=timeout)
    line.open()
    board = module.WaveshareRelay(line, clock, resource=resource)
    lost = ""
    try:
        board.open()
        for k in range(SWITCHES):
            try:
                timed(result, lambda k=k: board.set(1, k % 2 == 0))
                state = timed(result, board.read)
            except LinkError as error:
                lost = type(error).__name__
                _recovered(result, board, timed)
                timed(result, lambda k=k: board.set(1, k % 2 == 0))
                state = timed(result, board.read)
            if state.closed != (k % 2 == 0, *(False,) * 7) or any(state.inputs):
                result.wrong.append(f"{k}: {state.closed} {state.inputs}")
            else:
                result.values += 1
        if lost:
            result.became, result.error = "resumed", lost
    except BenchError as error:
        _failed(result, error)
    began = time.monotonic()
    proven, _ = board.safe()
    result.off_second = time.monotonic() - began
    board.close()
    result.off = "proven" if proven else "said not proven"
    if proven and _still_closed(module, resource, clock):
        result.off = "FALSE"


def _still_closed(module: Any, resource: str, clock: RealClock) -> bool:
    board = module.connect(resource, clock)
    try:
        return any(board.read().closed)
    except BenchError:
        return False
    finally:
        board.close()


def run_executor(
    result: Any, module: Any, resource: str, clock: RealClock, timeout: float, timed: Timed
) -> None:
    """Run a charge and a discharge, fetch their rows through the fault, and end safe."""
    driver = _executor(module, resource, clock, timeout)
    ah = CAPACITY_AH[result.driver]
    try:
        driver.open()
        protocol = parse_protocol(PROTOCOL.format(ah=ah), "p.yaml")
        compiled = driver.compile(expand(protocol, cell_of(protocol, None)))
        test = driver.start("1", compiled, "matrix")
        rows, lost = _fetched(result, driver, test, timed)
        _judge(result, rows, compiled.step_ids, ah)
        if lost:
            result.became, result.error = "resumed", lost
    except BenchError as error:
        _failed(result, error)
    began = time.monotonic()
    proof = driver.safe("1")
    result.off_second = time.monotonic() - began
    driver.close()
    result.off = "proven" if proof.proven else "said not proven"
    if proof.proven and _still_runs(module, resource, clock):
        result.off = "FALSE"


def _executor(module: Any, resource: str, clock: RealClock, timeout: float) -> Any:
    if hasattr(module, "driver_on"):
        line = FrameSocket(*_port(resource), clock, timeout_second=timeout)
        line.open()
        return module.driver_on(line, clock, resource)
    line = open_script_line(resource, clock)
    return module.PalmSensMethodScript(line, clock, resource=resource)


def _fetched(result: Any, driver: Any, test: str, timed: Timed) -> tuple[list[Any], str]:
    rows, cursor, lost = [], 0, ""
    ends = time.monotonic() + LONGEST_SECOND
    over = False
    while time.monotonic() < ends:
        try:
            found = timed(result, lambda c=cursor: driver.fetch("1", test, c))
            cursor = found.cursor
            rows += found.rows
            for event in found.events:
                if event.kind == "gap" or "damaged" in event.text:
                    result.became = "told as a gap, or as a damaged line"
            if over and not found.more:
                return rows, lost
            state = timed(result, lambda: driver.status("1")).state
            over = state is not ChannelState.RUNNING
        except LinkError as error:
            lost = type(error).__name__
            _recovered(result, driver, timed)
        time.sleep(0.15)
    result.wrong.append("the test never ended")
    return rows, lost


def _judge(result: Any, rows: list[Any], step_ids: Any, ah: float) -> None:
    """Each row belongs to its step: the right current, numbers and times that rise."""
    before = (0, 0, -1.0)
    ids = sorted(set(step_ids.values()))
    for row in rows:
        now = (row.sequence, row.step, row.step_second)
        if row.sequence <= before[0] or row.step < before[1]:
            result.wrong.append(f"row {now} after {before}")
        if row.step == before[1] and row.step_second < before[2]:
            result.wrong.append(f"time {now} after {before}")
        before = now
        level = 0.5 * ah if step_ids[row.step] == ids[0] else -ah
        if math.isnan(row.voltage) or math.isnan(row.current):
            result.marked += 1
        elif row.step_second > 0.15 and not (
            2.5 < row.voltage < 4.35 and abs(row.current - level) < 0.03 * abs(level)
        ):
            result.wrong.append(f"{row.voltage:g} V {row.current:g} A, set {level:g} A")
        else:
            result.values += 1


def _still_runs(module: Any, resource: str, clock: RealClock) -> bool:
    driver = module.connect(resource, clock)
    try:
        driver.open()
        return driver.status("1").state is ChannelState.RUNNING
    except BenchError:
        return False
    finally:
        driver.close()
