"""What lies in the folder of a bench, and what each of its parts writes about itself."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from benchlab import __version__
from benchlab.errors import FileMissing, PartSilent, StorageError
from benchlab.platform import (
    hold_lock,
    private_folder,
    process_started,
    replace_file,
)

__all__ = ["BenchFolder", "PartFile"]

SMALL = ("parts", "channels", "devices", "logs", "sockets")


@dataclass(frozen=True, slots=True)
class PartFile:
    """What a part says of itself at its start.

    Attributes
    ----------
    kind : {"worker", "device", "supervisor", "hub"}
    started : str
        What tells its process from a later one of the same number.
    children : tuple of (int, str)
        Processes that must not outlive it unseen, the same way: its guardians.
    """

    name: str
    kind: str
    pid: int
    started: str
    address: str
    version: str
    children: tuple[tuple[int, str], ...] = ()
    more: Mapping[str, Any] = field(default_factory=dict)

    @property
    def alive(self) -> bool:
        """Whether that very process still is."""
        return bool(self.started) and process_started(self.pid) == self.started


class BenchFolder:
    """The places of a bench.

    Parameters
    ----------
    bench : Path
        ``bench.yaml``, or the folder that it lies in.
    """

    def __init__(self, bench: Path) -> None:
        path = bench.expanduser()
        self.file = (path / "bench.yaml" if path.is_dir() else path).absolute()
        self.root = self.file.parent
        self.own = self.root / ".benchlab"
        self.channels = self.own / "channels"
        self.devices = self.own / "devices"
        self.parts = self.own / "parts"
        self.logs = self.own / "logs"
        self.alarms = self.own / "alarms.jsonl"
        self.token = self.own / "token"
        self.catalogue = self.own / "catalogue.sqlite"

    def make(self) -> None:
        """Make what is missing, open to this user alone.

        Raises
        ------
        benchlab.errors.FileMissing
            There is no bench.yaml.
        benchlab.errors.StorageError
            A folder cannot be made, or others can look into it.
        """
        if not self.file.is_file():
            raise FileMissing(
                "there is no such file.",
                where=str(self.file),
                remedy="Describe the bench in it: docs/bench_file.md.",
            )
        try:
            private_folder(self.own)
            for name in SMALL:
                private_folder(self.own / name)
        except OSError as error:
            raise StorageError(
                f"this folder cannot be used ({error.strerror}); nothing was started.",
                where=str(error.filename or self.own),
                remedy="It must be this user's and nobody else's: chmod 700 it.",
            ) from error

    @property
    def sockets(self) -> Path:
        """Where control lines are: here, or in the system's own place where this disk has none."""
        return self.own / "sockets"

    @property
    def spare_sockets(self) -> Path:
        """Where they are on a disk that holds no sockets."""
        base = os.environ.get("XDG_RUNTIME_DIR") or tempfile.gettempdir()
        user = os.geteuid() if hasattr(os, "geteuid") else 0
        mark = os.stat(self.own)
        return Path(base) / f"benchlab-{user}-{mark.st_dev:x}-{mark.st_ino:x}"

    def claim(self, name: str) -> int:
        """Be the only part of this name; return what holds the claim, for as long as it is open.

        Raises
        ------
        benchlab.errors.PartSilent
            Another process is this part.
        """
        held = hold_lock(self.parts / f"{name}.lock")
        if held < 0:
            raise PartSilent(
                "this part of the bench is running already; nothing was started.",
                where=name,
                remedy="Look at it with: benchlab status",
            )
        return held

    def tell_self(
        self,
        name: str,
        kind: str,
        address: str,
        children: tuple[tuple[int, str], ...] = (),
        **more: Any,
    ) -> None:
        """Write that this process is a part, and where it can be called."""
        pid = os.getpid()
        part = PartFile(name, kind, pid, process_started(pid), address, __version__, children, more)
        text = json.dumps(asdict(part), indent=1)
        replace_file(self.parts / f"{part.name}.json", text.encode() + b"\n")

    def part(self, name: str) -> PartFile | None:
        """Return what a part last said of itself; None: it never ran here, or that is damaged."""
        with suppress(OSError, ValueError, TypeError, KeyError):
            facts = json.loads((self.parts / f"{name}.json").read_bytes())
            facts["children"] = tuple((int(pid), str(began)) for pid, began in facts["children"])
            return PartFile(**facts)
        return None

    def all_parts(self) -> dict[str, PartFile]:
        """Return what every part said last, by name."""
        try:
            names = sorted(path.stem for path in self.parts.glob("*.json"))
        except OSError:
            return {}
        found = {name: self.part(name) for name in names}
        return {name: part for name, part in found.items() if part is not None}

    def address(self, name: str) -> str:
        """Return where a part can be called.

        Raises
        ------
        benchlab.errors.PartSilent
            It does not run.
        """
        part = self.part(name)
        if part is None or not part.alive:
            raise PartSilent(
                "this part of the bench is not running.",
                where=name,
                remedy=f"Start the bench: benchlab up {self.root}",
            )
        return part.address
