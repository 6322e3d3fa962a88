"""Every driver against every fault, over a real port and, where it has one, a real pty.

``python -m benchmarks.fault_matrix [DRIVER ...] [--fault NAME] [--tcp | --pty]``. The simulator
runs in another process and carries out a script of one fault; the driver reads through it as a run
does, with a time-out of 0.3 s (a logger's scan: 1 s), and the set current changes sign twice
meanwhile, so that an answer under a wrong name or time shows as a wrong value; a relay is switched
in turn, an executor runs a charge and a discharge (`benchmarks.fault_others`). Prints a table in
Markdown (``--keep`` puts it into docs/faults.md), and exits with 1 if any value was wrong, any call
hung, any wait spun, or an output was called off and was not.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchlab import plugins
from benchlab.bench.clock import RealClock
from benchlab.bench.roles import ArmLimits, Capabilities, Mode, Setpoint
from benchlab.bench.steady import SteadyReader
from benchlab.errors import BenchError, LinkError
from benchlab_drivers.wire.transport import open_transport
from benchmarks.fault_others import RELAYS, run_executor, run_relay

TIMEOUT_SECOND = {"keithley_daq6510": 1.0}
"""For one answer; 0.3 s where nothing else is said (a scan of three channels takes that long)."""
LONGEST_CALL_SECOND = 4.0
"""A reading, and twice: a line that is opened, drained, identified, read again."""
LONGEST_CALL = {"palmsens_methodscript": 8.0}
"""It listens to what streams, waits 3 s for each answer, and then has to be drained."""
SOURCES = ("keithley2450", "keithley2460", "keithley2461", "keysight_rp7900")
BESIDE = {"keithley_daq6510": "INIT", "espec_p300": "MON"}
OTHERS = {"waveshare_relay": (".", 9), "neware_bts8": ("<cmd>download<", 2)}
OTHERS |= {"palmsens_methodscript": ("^P", 6)}
"""Where a fault happens: at which request, or line that it says, of those that match."""
READS = {name: "READ" for name in SOURCES} | {"keysight_rp7900": "MEAS:VOLT"} | BESIDE
READS |= {name: matching for name, (matching, _) in OTHERS.items()}
NO_PTY = ("waveshare_relay", "neware_bts8")
"""They are on Ethernet only."""
DOCS = Path(__file__).parents[1] / "docs" / "faults.md"
BEGIN, END = "<!-- fault matrix: begin -->", "<!-- fault matrix: end -->"
FAULTS = {
    "late": "do: late, by: LATE",
    "late, three times": "do: late, by: LATE, times: 3",
    "duplicated": "do: duplicated",
    "truncated": "do: truncated",
    "cut, with its end": "do: truncated, terminated: yes",
    "split": "do: split",
    "garbled": "do: garbled",
    "nan": "do: nan",
    "overflow": "do: overflow",
    "reply lost": "do: silent",
    "request lost": "do: silent, carried_out: no",
    "silent for ever": "do: silent, times: for ever, matching: '.'",
    "fin": "do: fin, keep: 4",
    "rst": "do: rst",
    "vanish": "do: vanish, for: 1 s",
    "reboot": "do: reboot, for: 1 s",
    "contact_lost": "do: contact_lost",
    "clock_jump": "do: clock_jump, by: 2 h",
    "watchdog": "do: watchdog",
    "thermocouple_lost": "do: thermocouple_lost",
}
ONLY = {
    "contact_lost": SOURCES,
    "clock_jump": (*SOURCES[:3], "keithley_daq6510"),
    "watchdog": SOURCES[3:],
    "thermocouple_lost": ("keithley_daq6510",),
    "nan": (*SOURCES, *BESIDE, "neware_bts8"),
    "overflow": (*SOURCES, *BESIDE, "neware_bts8"),
    "request lost": (*SOURCES, *BESIDE, *NO_PTY),
    "vanish": (*SOURCES, *BESIDE, *NO_PTY),
    "reboot": (*SOURCES, *BESIDE, *NO_PTY),
}
"""A potentiostat's packages hold no decimal numbers, and nothing is asked for them."""
SILENT_FROM = {"keysight_rp7900": 74, "espec_p300": 7} | dict.fromkeys(SOURCES[:3], 62)
"""The request from which on nothing is answered: a few readings after the output went on."""
FIRST = 6
"""The reading that the fault happens to; a few are needed to look at the cell and switch on."""
READINGS = 18


@dataclass
class Result:
    """What became of one driver under one fault."""

    driver: str
    fault: str
    wire: str
    values: int = 0
    marked: int = 0
    wrong: list[str] = field(default_factory=list)
    became: str = "not noticed"
    error: str = ""
    longest: float = 0.0
    spent: float = 0.0
    off_second: float = math.nan
    off: str = ""
    happened: bool = False

    @property
    def good(self) -> bool:
        """Whether nothing of what must not happen happened."""
        spins = self.spent > 0.5 * max(self.longest, 1.0)
        hangs = self.longest > LONGEST_CALL.get(self.driver, LONGEST_CALL_SECOND)
        return not (self.wrong or hangs or spins or self.off == "FALSE" or not self.happened)


class Log:
    """Keeps what a run would write into its file."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def event(self, kind: str, actor: str, text: str) -> None:
        self.texts.append(text)

    def transcript(self, source: object) -> None:
        """Write nothing: what the transcript holds is for `tests/faults`."""


@contextlib.contextmanager
def served(driver: str, fault: str, *, pty: bool, ampere: float = 0.0):
    """Serve a simulated instrument in another process; give its first line and the process."""
    text = FAULTS[fault].replace("LATE", f"{2.0 * _timeout(driver):g} s")
    if "matching" not in text:
        text += f", matching: '{READS[driver]}'"
        first = FIRST if driver in SOURCES else OTHERS.get(driver, ("", 2))[1]
        text += f", request: {first}"
    else:
        text += f", request: {SILENT_FROM.get(driver, 30)}"
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder) / "faults.yaml"
        script.write_text(f"faults:\n  - {{{text}}}\n")
        words = ["sim", "serve", driver, "--ideal", "--faults", str(script)]
        words += ["--pty"] if pty else []
        words += ["--capacity-ah", f"{20.0 * ampere:g}"] if ampere else []
        process = subprocess.Popen(
            [sys.executable, "-m", "benchlab", *words], stdout=subprocess.PIPE, text=True
        )
        try:
            yield json.loads(process.stdout.readline()), process
        finally:
            process.terminate()
            rest = process.communicate(timeout=10)[0]
            process.happened = '"fault"' in rest


def _timeout(driver: str) -> float:
    return TIMEOUT_SECOND.get(driver, 0.3)


def one(driver: str, fault: str, *, pty: bool = False) -> Result:
    """Return what becomes of a driver under a fault."""
    result = Result(driver, fault, "pty" if pty else "tcp")
    module = plugins.plugin("drivers", driver)
    source = isinstance(module.CAPABILITIES, Capabilities)
    ampere = module.CAPABILITIES.current_ampere[1] / 10.0 if source else 0.0
    with served(driver, fault, pty=pty, ampere=ampere) as (ready, process):
        clock = RealClock()
        resource = ready["resource"]
        if driver in OTHERS:
            run = run_relay if driver in RELAYS else run_executor
            run(result, module, resource, clock, _timeout(driver), _timed)
        else:
            line = open_transport(resource, clock, timeout_second=_timeout(driver))
            if source:
                _source(result, module, line, clock, resource, ampere)
            else:
                _beside(result, module, line, clock, resource)
    result.happened = process.happened
    return result


def _timed(result: Result, call: Any) -> Any:
    began, spent = time.monotonic(), time.process_time()
    try:
        return call()
    finally:
        took = time.monotonic() - began
        if took > result.longest:
            result.longest, result.spent = took, time.process_time() - spent


def _source(
    result: Result, module: Any, line: Any, clock: RealClock, resource: str, ampere: float
) -> None:
    driver = module.driver_on(line, clock, resource)
    log = Log()
    steady = SteadyReader(driver, log, driver.read)  # type: ignore[arg-type]
    before = -math.inf
    try:
        driver.open()
        driver.arm(ArmLimits(2.5, 4.3, 5.0 * ampere, 5.0 * ampere))
        driver.look(4.3)
        for k in range(READINGS):
            if k % 6 == 0:
                level = ampere if k % 12 == 0 else -ampere / 2.0
                bound = 4.2 if level > 0.0 else 3.0
                _timed(result, lambda v=level, b=bound: driver.apply(Setpoint(Mode.CURRENT, v, b)))
            asked = clock.now
            reading = _timed(result, steady.read)
            told = clock.now
            if not (before < reading.time and asked <= reading.time <= told):
                result.wrong.append(f"time {reading.time - asked:+.3f} s")
            before = reading.time
            _judge(result, reading, level)
    except BenchError as error:
        result.became, result.error = "failed", type(error).__name__
        steps = "link" if isinstance(error, LinkError) else "instrument"
        result.became = {"link": "failed: the line", "instrument": "refused"}[steps]
    else:
        if log.texts:
            result.became = "resumed"
    began = time.monotonic()
    proof = driver.safe()
    result.off_second = time.monotonic() - began
    driver.close()
    truly = _truly_off(module, resource, clock) if result.fault != "silent for ever" else None
    if proof.proven:
        result.off = "FALSE" if truly is False else "proven"
    else:
        later = {True: "; off when it was back", False: "; switched off when it was back"}
        result.off = "said not proven" + later.get(truly, "")  # type: ignore[arg-type]


def _judge(result: Result, reading: Any, level: float) -> None:
    volt, current = reading.voltage, reading.current
    if math.isnan(volt) or math.isnan(current):
        result.marked += 1
    elif result.fault == "contact_lost" and abs(current) < 0.01 * abs(level):
        result.marked += 1
        result.became = "seen as it is: no current"
    elif not 2.5 < volt < 4.35 or abs(current - level) > 0.03 * abs(level):
        result.wrong.append(f"{volt:g} V {current:g} A, set {level:g} A")
    else:
        result.values += 1


def _truly_off(module: Any, resource: str, clock: RealClock) -> bool | None:
    """Ask the instrument anew, as a guardian does; None: it does not answer."""
    ends = time.monotonic() + 4.0
    while time.monotonic() < ends:
        try:
            line = open_transport(resource, clock, timeout_second=0.3)
        except BenchError:
            time.sleep(0.1)
            continue
        try:
            if line.query(b":OUTP?\n") == b"0":
                return True
            return False if module.driver_on(line, clock, resource).safe().proven else None
        except BenchError:
            time.sleep(0.1)
        finally:
            line.close()
    return None


def _beside(result: Result, module: Any, line: Any, clock: RealClock, resource: str) -> None:
    kind = next(v for n, v in vars(module).items() if n in ("KeithleyDaq6510", "EspecP300"))
    device = kind(line, clock, resource=resource)
    lost = ""
    try:
        device.open()
        for _ in range(6):
            asked = clock.now
            try:
                reading = _timed(result, device.read)
            except LinkError as error:
                lost = type(error).__name__
                for _ in range(30):
                    try:
                        _timed(result, device.recover)
                        break
                    except LinkError:
                        if result.fault == "silent for ever":
                            raise
                        time.sleep(0.1)
                continue
            if not asked <= reading.time <= clock.now:
                result.wrong.append("time")
            values = reading.values if hasattr(reading, "values") else {"": reading.actual_celsius}
            for name, celsius in values.items():
                if math.isnan(celsius):
                    result.marked += 1
                elif abs(celsius - 25.0) > 2.0:
                    result.wrong.append(f"{name} {celsius:g} degC")
                else:
                    result.values += 1
        if lost:
            result.became, result.error = "resumed", lost
        elif result.marked:
            result.became = "marked: no number"
    except BenchError as error:
        result.became, result.error = "failed: the line", type(error).__name__
        if not isinstance(error, LinkError):
            result.became = "refused"
    if hasattr(device, "safe"):
        began = time.monotonic()
        proven, _ = device.safe()
        result.off_second = time.monotonic() - began
        result.off = "proven" if proven else "said not proven"
    device.close()


def rows(results: list[Result]) -> list[str]:
    """Return the table, a fault and wire a row for each driver."""
    head = "| driver | fault | wire | right | marked | wrong | became | longest call | off | |"
    lines = [head, "|---|---|---|---|---|---|---|---|---|---|"]
    for r in results:
        took = "" if math.isnan(r.off_second) else f" in {r.off_second:.2f} s"
        error = f" ({r.error})" if r.error else ""
        lines.append(
            f"| {r.driver} | {r.fault} | {r.wire} | {r.values} | {r.marked} | {len(r.wrong)} |"
            f" {r.became}{error} | {r.longest:.2f} s, {r.spent:.2f} s CPU | {r.off}{took} |"
            f" {'ok' if r.good else 'BAD ' + '; '.join(r.wrong[:2])} |"
        )
    return lines


def summary(results: list[Result]) -> list[str]:
    """Return the table with what went alike in one row."""
    groups: dict[tuple[str, str, str, str], list[Result]] = {}
    for r in results:
        groups.setdefault((r.fault, r.became, r.error, r.off), []).append(r)
    head = "| fault | drivers | became | longest call | off | right | marked | wrong |"
    lines = [head, "|---|---|---|---|---|---|---|---|"]
    for (fault, became, error, off), alike in groups.items():
        names = sorted({r.driver for r in alike})
        sources = "every source" if set(SOURCES) <= set(names) else ""
        names = [name for name in names if not (sources and name in SOURCES)]
        wires = {r.wire for r in alike}
        only = f" ({wires.pop()} only)" if len(wires) == 1 else ""
        times = [r.off_second for r in alike if not math.isnan(r.off_second)]
        off += f", {max(times):.2f} s" if times else ""
        lines.append(
            f"| {fault} | {', '.join(filter(None, [sources, *names]))}{only} | {became}"
            f"{f' ({error})' if error else ''} | {max(r.longest for r in alike):.2f} s | {off} |"
            f" {sum(r.values for r in alike)} | {sum(r.marked for r in alike)} |"
            f" {sum(len(r.wrong) for r in alike)} |"
        )
    return lines


def keep(table: list[str], told: str) -> None:
    """Put the table into docs/faults.md, between its marks."""
    text = DOCS.read_text(encoding="utf-8")
    before, _, rest = text.partition(BEGIN)
    after = rest.partition(END)[2]
    middle = "\n".join(["", *table, "", told, ""])
    DOCS.write_text(before + BEGIN + middle + END + after, encoding="utf-8")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    everybody = [*SOURCES, *BESIDE, *OTHERS]
    parser.add_argument("drivers", nargs="*", default=everybody)
    parser.add_argument("--fault", action="append", choices=FAULTS)
    parser.add_argument("--keep", action="store_true", help="write the table into docs/faults.md")
    wire = parser.add_mutually_exclusive_group()
    wire.add_argument("--tcp", action="store_true")
    wire.add_argument("--pty", action="store_true")
    args = parser.parse_args()
    if args.keep and (args.drivers != everybody or args.fault or args.tcp or args.pty):
        parser.error("--keep takes the whole matrix")
    wires = [False] if args.tcp else [True] if args.pty else [False, True]
    results = []
    for driver in args.drivers:
        for fault in args.fault or FAULTS:
            if driver not in ONLY.get(fault, (driver,)):
                continue
            for pty in wires:
                if not (pty and driver in NO_PTY):
                    results.append(one(driver, fault, pty=pty))
                    print(rows(results)[-1], file=sys.stderr, flush=True)
    bad = sum(not result.good for result in results)
    spent = max(result.spent for result in results)
    told = f"{len(results)} cases, {bad} bad; most CPU in one call {spent:.3f} s"
    print("\n".join([*summary(results), "", told]))
    if args.keep:
        keep(summary(results), told)
    return 0 if not bad else 1


if __name__ == "__main__":
    sys.exit(main())
