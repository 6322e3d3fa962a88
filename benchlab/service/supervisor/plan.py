"""Which parts a bench is to have; written by ``benchlab up``, taken away by ``benchlab down``."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from benchlab.errors import StorageError
from benchlab.platform import replace_file
from benchlab.service.bench_folder import BenchFolder

__all__ = ["Hooks", "Plan", "drop_plan", "read_plan", "write_plan"]

FILE = "plan.json"


@dataclass(frozen=True, slots=True)
class Hooks:
    """Who hears of alarms and of life; the words are those of bench.yaml."""

    alarm: tuple[str, ...] = ()
    ping: str = ""
    ping_command: tuple[str, ...] = ()
    ping_every: float = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """The parts that are to run.

    Attributes
    ----------
    workers, devices : tuple of str
    bench : str
        Its name, for those who hear of its alarms.
    """

    workers: tuple[str, ...]
    bench: str = ""
    hooks: Hooks = Hooks()
    devices: tuple[str, ...] = ()

    def words(self, folder: BenchFolder) -> dict[str, list[str]]:
        """Return the command line of each part by its name; the hub comes last."""
        here = str(folder.file)
        module = [sys.executable, "-m"]
        found = {n: [*module, "benchlab.service.devices", here, n] for n in self.devices}
        found |= {n: [*module, "benchlab.service.worker", here, n] for n in self.workers}
        found["hub"] = [*module, "benchlab.service.hub", here]
        return found


def read_plan(folder: BenchFolder) -> Plan | None:
    """Return what is to run; None: nothing, the bench is down."""
    with suppress(OSError, ValueError, TypeError, KeyError):
        facts = json.loads((folder.own / FILE).read_bytes())
        told: dict[str, Any] = {"alarm": (), "ping": "", "ping_command": (), "ping_every": 60.0}
        told |= facts.get("hooks", {})
        hooks = Hooks(
            tuple(told["alarm"]), told["ping"], tuple(told["ping_command"]), told["ping_every"]
        )
        workers = tuple(str(name) for name in facts["workers"])
        devices = tuple(str(name) for name in facts.get("devices", ()))
        return Plan(workers, str(facts.get("bench", "")), hooks, devices)
    return None


def write_plan(folder: BenchFolder, plan: Plan) -> None:
    """Say what is to run from now on.

    Raises
    ------
    benchlab.errors.StorageError
    """
    text = json.dumps({"v": 1, **asdict(plan)})
    try:
        replace_file(folder.own / FILE, text.encode() + b"\n")
    except OSError as error:
        raise StorageError(
            f"what is to run cannot be written ({error.strerror}); nothing was started.",
            where=str(folder.own / FILE),
            remedy="Free space, or make the folder writable.",
        ) from error


def drop_plan(folder: BenchFolder) -> None:
    """Say that nothing is to run: nobody starts the supervisor again."""
    with suppress(FileNotFoundError):
        (folder.own / FILE).unlink()
