"""Kills and halts the processes of a bench at random, and says what became of its tests.

    python -m benchmarks.service_kills --kills 200 --channels 16

Simulators, workers, guardians, recorders, hub and supervisor are processes of their own. After
each blow, alone or in pairs, it is measured when every part is back and every test goes on; the
rows that were on the disk before are looked for in the journals at the end, and between blows to
others no channel may miss a reading. At last everything but the simulators dies at once.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path

import numpy as np

import benchlab
from benchlab.errors import BenchError
from benchlab.platform import is_stopped, kill_process, process_started
from benchlab.service.bench_folder import BenchFolder, PartFile
from benchlab.store.journal import run_folder
from benchlab.store.journal_read import read_journal

LIMIT_ONE_SECOND, LIMIT_ALL_SECOND = 2.0, 10.0
PATIENCE_SECOND = 60.0
PERIOD_SECOND = 0.5
CELL = "nmc811_graphite_pouch"
LIFE = f"""name: kills
cell: {{type: {CELL}}}
capacity: {{C: 0.2 Ah}}
control: {{period: {PERIOD_SECOND} s}}
record: {{every: {PERIOD_SECOND} s}}
steps:
  - {{charge: C/20, until: [9 h, 4.2 V], at_most: 10 h}}
"""


def main() -> int:
    """Run it and print the table; 1 where something was lost."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--channels", type=int, default=16)
    parser.add_argument("--seed", type=int, default=1)
    words = parser.parse_args()
    os.environ["BENCHLAB_GUARDIAN_SECONDS"] = "30"
    root = Path(tempfile.mkdtemp(prefix="benchlab-kills-"))
    os.environ["BENCHLAB_CONFIG"] = str(root / "config")
    print(f"seed {words.seed}, {words.channels} channels, folder {root}", flush=True)
    sims = [_serve() for _ in range(words.channels)]
    try:
        return _Trial(root, sims, random.Random(words.seed)).run(words.kills)
    finally:
        folder = BenchFolder(root)
        (folder.own / "plan.json").unlink(missing_ok=True)
        for part in folder.all_parts().values():
            for pid, started in (*part.children, (part.pid, part.started)):
                kill_process(pid, started)
        for child, _ in sims:
            child.kill()
            child.wait()


def _serve() -> tuple[subprocess.Popen[str], str]:
    line = [sys.executable, "-m", "benchlab", "sim", "serve", "keithley2450"]
    child = subprocess.Popen(
        [*line, "--capacity-ah", "0.2"], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    if child.stdout is None:
        raise AssertionError(line)
    import json

    return child, json.loads(child.stdout.readline())["resource"]


class _Trial:
    def __init__(
        self, root: Path, sims: list[tuple[subprocess.Popen[str], str]], dice: random.Random
    ) -> None:
        self.root, self.dice, self.folder = root, dice, BenchFolder(root)
        self.names = [str(k) for k in range(1, len(sims) + 1)]
        lines = ["instruments:"]
        lines += [
            f"  i{k}: {{driver: keithley2450, resource: '{sims[int(k) - 1][1]}', worker: w{k}}}"
            for k in self.names
        ]
        lines += ["channels:", *(f"  '{k}': {{instrument: i{k}}}" for k in self.names)]
        (root / "bench.yaml").write_text("\n".join(lines) + "\nreserve: 1 MB\n")
        (root / "life.yaml").write_text(LIFE)
        self.files: dict[str, Path] = {}
        self.known: dict[str, np.ndarray] = {}
        self.took: dict[str, list[float]] = defaultdict(list)
        self.blows: dict[str, list[tuple[float, float]]] = defaultdict(list)
        self.client = None

    def run(self, kills: int) -> int:
        self._up()
        with benchlab.connect(self.root, operator="harness") as self.client:
            for name in self.names:
                (self.root / f"{name}.yaml").write_text(f"{{id: K{name}, type: {CELL}}}")
                told = self.client.start(
                    name, self.root / "life.yaml", self.root / f"{name}.yaml", name=f"ch{name}"
                )
                self.files[name] = self.root / "data" / Path(told["file"]).name
            self._settled()
            done = 0
            while done < kills:
                done += self._blow(2 if self.dice.random() < 0.3 else 1)
                time.sleep(self.dice.uniform(0.2, 2.0))
                if done % 10 < 2:
                    print(f"{done} of {kills}", flush=True)
            self._everything()
            time.sleep(2.0)
            stopped = self.client.stop_all()
            proven = sum(bool((a.get("ok") or {}).get("off")) for a in stopped.values())
            return self._table(done, proven)

    def _up(self) -> None:
        subprocess.run([sys.executable, "-m", "benchlab", "up", str(self.root)], check=True)

    # blows

    def _targets(self) -> list[tuple[str, str, int]]:
        """Return every process that may be hit: its kind, the channel it is of, its number."""
        found: list[tuple[str, str, int]] = []
        for name, part in self.folder.all_parts().items():
            if not part.alive:
                continue
            channel = name[1:] if part.kind == "worker" else ""
            found.append((part.kind, channel, part.pid))
            recorders = _recorders(part.pid)
            found += [("recorder", channel, pid) for pid in recorders]
            found += [
                ("guardian", channel, pid)
                for pid, at in part.children
                if _lives(pid, at) and pid not in recorders
            ]
        return found

    def _blow(self, count: int) -> int:
        by_kind = defaultdict(list)
        for target in self._targets():
            by_kind[target[0]].append(target)
        hit = []
        for _ in range(count):
            weights = {"worker": 5, "recorder": 2, "guardian": 2, "hub": 2, "supervisor": 2}
            kinds = [kind for kind in by_kind if by_kind[kind]]
            kind = self.dice.choices(kinds, [weights.get(kind, 1) for kind in kinds])[0]
            hit.append(by_kind[kind].pop(self.dice.randrange(len(by_kind[kind]))))
        began = time.time()
        named = []
        for kind, _, pid in hit:
            how = self.dice.choice([signal.SIGKILL, signal.SIGSTOP])
            named.append(f"{kind} {how.name[3:]}")
            with suppress(ProcessLookupError):
                os.kill(pid, how)
        for kind, channel, _ in hit:
            if kind == "worker":
                self._remember(channel)
        what = " + ".join(sorted(named))
        second = self._settled([pid for _, _, pid in hit])
        self.took[what].append(second)
        for kind, channel, _ in hit:
            if kind == "worker":
                self.blows[channel].append((began, time.time()))
        return count

    def _remember(self, channel: str) -> None:
        """Keep the rows that are on the disk now: whatever happens, they must be there later."""
        rows = _rows(self.files[channel])
        if len(rows) > len(self.known.get(channel, ())):
            self.known[channel] = rows

    def _settled(self, hit: list[int] | None = None) -> float:
        """Wait until every part lives and moves and every test runs; return how long that took."""
        began = time.monotonic()
        missing = ""
        while time.monotonic() - began < PATIENCE_SECOND:
            missing = self._missing(hit or [])
            if not missing:
                return time.monotonic() - began
            time.sleep(0.02)
        print(f"NOT BACK: {missing}", flush=True)
        for pid in hit or []:
            if is_stopped(pid):
                os.kill(pid, signal.SIGCONT)
        return float("inf")

    def _missing(self, hit: list[int]) -> str:
        """Return what is not as it should be; empty: all is well."""
        for pid in hit:
            if is_stopped(pid):
                return f"process {pid} is halted"
        parts = self.folder.all_parts()
        for name in [*(f"w{k}" for k in self.names), "hub", "supervisor"]:
            part = parts.get(name)
            if part is None or not part.alive:
                return f"{name} does not live"
            if part.kind == "worker" and not _guarded(part):
                return f"{name} has no guardian: {part.children}"
            if part.kind == "worker" and not _recorders(part.pid):
                return f"{name} has no recorder"
        try:
            found = self.client.status()["channels"]
        except BenchError as error:
            return str(error)
        for name in self.names:
            if found.get(name, {}).get("state") != "running":
                return f"channel {name}: {found.get(name)}"
        return ""

    def _everything(self) -> None:
        for name in self.names:
            self._remember(name)
        began = time.time()
        for _, _, pid in self._targets():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        start = time.monotonic()
        self._up()
        self._settled()
        self.took["everything at once, then `benchlab up`"].append(time.monotonic() - start)
        for name in self.names:
            self.blows[name].append((began, time.time()))

    # the table

    def _table(self, done: int, proven: int) -> int:
        lost = doubled = gaps = rows = 0
        for name in self.names:
            found = _rows(self.files[name])
            known = self.known.get(name, found[:0])
            times = found["test_time_second"]
            lost += int((times[: len(known)] != known["test_time_second"]).sum())
            lost += max(0, len(known) - len(times))
            doubled += int((np.diff(times) <= 0.0).sum())
            rows += len(found)
            unix = found["unix_time_nanosecond"] / 1e9
            for k in np.flatnonzero(np.diff(unix) > 2.5 * PERIOD_SECOND):
                own = any(a - 3 < unix[k + 1] and unix[k] < b + 3 for a, b in self.blows[name])
                gaps += not own
        print(f"\n{'blow':60} {'n':>4} {'median s':>9} {'worst s':>8} of limit")
        worst = 0.0
        for what, seconds in sorted(self.took.items()):
            limit = LIMIT_ALL_SECOND if what.startswith("everything") else LIMIT_ONE_SECOND
            worst = max(worst, max(seconds) / limit)
            median = sorted(seconds)[len(seconds) // 2]
            print(
                f"{what:60} {len(seconds):4} {median:9.2f} {max(seconds):8.2f}"
                f" {max(seconds) / limit:8.2f}"
            )
        print(f"blows {done}, channels {len(self.names)}, rows {rows}")
        print(f"acknowledged rows lost {lost}, doubled {doubled}")
        print(f"gaps on channels whose worker was not hit: {gaps}")
        print(f"outputs proven off at the end: {proven} of {len(self.names)}")
        return int(bool(lost or doubled or gaps or proven < len(self.names)))


def _lives(pid: int, started: str) -> bool:
    return process_started(pid) == started


def _guarded(part: PartFile) -> bool:
    recorders = _recorders(part.pid)
    return any(
        _lives(pid, at) and not is_stopped(pid) for pid, at in part.children if pid not in recorders
    )


def _recorders(pid: int) -> list[int]:
    found = []
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in (thread / "children").read_text().split():
                if b"benchlab.store.recorder" in Path(f"/proc/{child}/cmdline").read_bytes():
                    found.append(int(child))
    return found


def _rows(path: Path) -> np.ndarray:
    parts: list[np.ndarray] = []
    with tempfile.TemporaryDirectory() as aside:
        shutil.copytree(run_folder(path) / "journal", Path(aside) / "journal")
        read_journal(Path(aside), take=lambda rows: parts.append(rows.copy()))
    return np.concatenate(parts)


if __name__ == "__main__":
    sys.exit(main())
