"""Runs every protocol of sample_data/protocols on its simulated cell, with the loops in full.

    python -m benchmarks.templates [NAME ...]

Each file says in a comment how it is tried without hardware; exactly that command is carried out.
Prints for each: simulated hours, wall seconds, steps, cycles, rows, and how the run ended.
"""

import contextlib
import io
import json
import re
import shlex
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import benchlab
from benchlab.cli.main import main as benchlab_main

PROTOCOLS = Path(__file__).parents[1] / "sample_data" / "protocols"
_COMMAND = re.compile(r"^# +benchlab (run .*)$", re.M)


@dataclass(frozen=True)
class Ran:
    """One template's recording, the truth beside it, and what it cost."""

    run: Any
    truth: Mapping[str, Any]
    second: float
    code: int
    printed: str


def command_of(text: str) -> list[str]:
    """Return the words of the command that a template's comment gives."""
    return shlex.split(_COMMAND.findall(text)[0])


def names() -> list[str]:
    """Return the names of all templates that say how they are tried."""
    found = sorted(PROTOCOLS.glob("*.yaml"))
    return [path.stem for path in found if _COMMAND.search(path.read_text(encoding="utf-8"))]


def run_template(name: str, folder: Path, replace: Mapping[str, str] | None = None) -> Ran:
    """Run a template on its simulated cell.

    Parameters
    ----------
    folder : Path
        Where the recording and its truth go.
    replace : Mapping, optional
        Texts to put in the place of others, to make long loops short.
    """
    text = (PROTOCOLS / f"{name}.yaml").read_text(encoding="utf-8")
    words = command_of(text)
    for old, new in (replace or {}).items():
        if old not in text:
            raise AssertionError(f"{name} has no {old!r}")
        text = text.replace(old, new)
    protocol = folder / f"{name}.yaml"
    protocol.write_text(text, encoding="utf-8")
    out, truth = folder / f"{name}.h5", folder / f"{name}.json"
    words[words.index("--out") + 1] = str(out)
    words[1] = str(protocol)
    printed = io.StringIO()
    began = time.perf_counter()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        code = benchlab_main([*words, "--truth", str(truth)])
    second = time.perf_counter() - began
    if not out.exists():
        raise AssertionError(f"{name}: exit code {code}\n{printed.getvalue()}")
    told = json.loads(truth.read_text(encoding="utf-8"))
    return Ran(benchlab.open(out), told, second, code, printed.getvalue())


def main() -> int:
    """Run and print; exit 1 where a run did not end by itself."""
    wanted = sys.argv[1:] or names()
    line = "{:26} {:>9} {:>7} {:>6} {:>6} {:>8}  {}"
    print(line.format("template", "hours", "wall s", "steps", "cycles", "rows", "ended as"))
    bad = 0
    for name in wanted:
        with tempfile.TemporaryDirectory() as folder:
            ran = run_template(name, Path(folder))
            run = ran.run
            steps = run.steps
            text = run.meta["end_text"].rpartition(": ")[2]
            ended = (
                text if run.meta["end_reason"] == "done" else f"{run.meta['end_reason']}: {text}"
            )
            print(
                line.format(
                    name,
                    f"{float(run['test_time_second'][-1]) / 3600.0:.1f}",
                    f"{ran.second:.1f}",
                    len(steps["step_count"]),
                    int(steps["cycle_count"][-1]),
                    len(run["voltage_volt"]),
                    ended,
                ),
                flush=True,
            )
            bad += run.meta["end_reason"] != "done"
            del run, steps, ran
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
