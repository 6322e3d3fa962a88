"""The alarms of a bench: each stands, whatever its cause does, until somebody says it is known."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from benchlab.errors import StorageError, UsageError
from benchlab.platform import sync_data

__all__ = ["AlarmBook", "complete_lines"]

BENCH = "bench"
"""Begins the ids of alarms that are of no channel."""
SPARE_BYTES = 65_536
TORN = b"~\n"
"""Ends a line that was torn, so that it stays none even where all but its end is there."""
_BINARY = getattr(os, "O_BINARY", 0)


def complete_lines(path: Path, offset: int) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the records that begin at or behind an offset, each with the offset behind it.

    A line that a power cut has torn is passed over; one without its end is not there yet.
    """
    with suppress(FileNotFoundError), path.open("rb") as file:
        file.seek(offset)
        for line in file:
            if not line.endswith(b"\n"):
                return
            offset += len(line)
            with suppress(ValueError):
                record = json.loads(line)
                if isinstance(record, dict):
                    yield offset, record


class AlarmBook:
    """``.benchlab/alarms.jsonl``, which every part of a bench appends to; safe from any thread.

    One part alone raises the alarms of a channel (its worker), and one those of no channel (the
    supervisor): the running number of an id needs no lock between processes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._spare = path.with_suffix(".spare")
        self._lock = threading.RLock()
        self._read = 0
        self._standing: dict[str, dict[str, dict[str, Any]]] = {}
        self._counts: dict[str, int] = {}
        self._waiting: list[bytes] = []

    def keep_spare(self) -> None:
        """Keep a little of the disk, so that the alarm that it is full can be written."""
        with suppress(OSError), self._spare.open("xb") as file:
            file.write(os.urandom(SPARE_BYTES))  # zeros may take no place on a disk

    def raise_alarm(
        self, channel: str, run: str, kind: str, text: str, *, owner: str = "", did: str = ""
    ) -> dict[str, Any]:
        """Latch an alarm and return it; one that stands in the same words is not raised twice.

        Parameters
        ----------
        channel : str
            Empty: it is of the bench.
        text : str
            What happened, with the value that was seen.
        owner : str
            Whose limit it was; empty: nobody's.
        did : str
            What the system did.
        """
        with self._lock:
            self._follow()
            for alarm in self._standing.get(channel, {}).values():
                if (alarm["run"], alarm["kind"], alarm["text"]) == (run, kind, text):
                    alarm["times"] += 1
                    return dict(alarm)
            number = self._counts.get(channel, 0) + 1
            alarm = {
                "v": 1,
                "id": f"{channel or BENCH}.{number}",
                "utc": _utc(),
                "channel": channel,
                "run": run,
                "kind": kind,
                "text": text,
                "owner": owner,
                "did": did,
            }
            self._take(alarm)
            try:
                self._append(alarm)
            except StorageError:  # it stands all the same, and is written when it can be
                self._waiting.append(_line(alarm))
            return dict(self._standing[channel][alarm["id"]])

    def standing(self, channel: str) -> list[dict[str, Any]]:
        """Return the alarms of a channel that nobody has acknowledged, the oldest first."""
        with self._lock:
            self._follow()
            return [dict(alarm) for alarm in self._standing.get(channel, {}).values()]

    def acknowledge(self, channel: str, alarm: str, operator: str) -> dict[str, Any]:
        """Say that an alarm is known; return it with ``acknowledged_by``.

        Raises
        ------
        benchlab.errors.UsageError
            It does not stand.
        benchlab.errors.StorageError
            It cannot be written down, and stands.
        """
        with self._lock:
            self._follow()
            found = self._standing.get(channel, {}).get(alarm)
            if found is None:
                place = f"channel {channel}" if channel else "the bench"
                raise UsageError(
                    f"{place} has no alarm {alarm[:40]!r}; nothing was changed.",
                    remedy="benchlab alarms lists those that stand.",
                )
            known = {"channel": channel, "acknowledges": alarm, "by": operator, "utc": _utc()}
            self._append({"v": 1, **known})
            self._take(known)
            return {**found, "acknowledged_by": operator}

    def _follow(self) -> None:
        """Take what other parts have appended since."""
        with suppress(OSError):
            if self._path.stat().st_size < self._read:  # somebody has put the file away
                self._read = 0
                self._standing.clear()
            for offset, record in complete_lines(self._path, self._read):
                self._read = offset
                self._take(record)

    def _take(self, record: Mapping[str, Any]) -> None:
        channel = str(record.get("channel", ""))
        standing = self._standing.setdefault(channel, {})
        if "acknowledges" in record:
            standing.pop(str(record["acknowledges"]), None)
            return
        number = str(record.get("id", "")).rpartition(".")[2]
        if not number.isdigit() or int(number) <= self._counts.get(channel, 0):
            return  # nothing of ours, or taken already when it was raised
        self._counts[channel] = int(number)
        names = ("id", "utc", "run", "kind", "text", "owner", "did")
        standing[str(record["id"])] = {
            "channel": channel,
            **{name: str(record.get(name, "")) for name in names},
            "times": 1,
        }

    def _append(self, record: Mapping[str, Any]) -> None:
        data = b"".join([*self._waiting, _line(record)])
        try:
            try:
                self._write(data)
            except OSError as error:
                if error.errno not in (errno.ENOSPC, errno.EDQUOT) or not self._give_spare():
                    raise
                self._write(data)
        except OSError as error:
            raise StorageError(
                f"an alarm cannot be written down ({error.strerror or error}).",
                where=str(self._path),
                remedy="Free space, or make the folder writable.",
            ) from error
        self._waiting.clear()

    def _write(self, data: bytes) -> None:
        flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | _BINARY
        file = os.open(self._path, flags, 0o600)
        try:
            size = os.fstat(file).st_size
            if size:
                os.lseek(file, size - 1, os.SEEK_SET)
                if os.read(file, 1) != b"\n":  # torn by a power cut: nobody took it for whole
                    data = TORN + data
            if os.write(file, data) < len(data):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            sync_data(file)
        finally:
            os.close(file)

    def _give_spare(self) -> bool:
        try:
            self._spare.unlink()
        except OSError:
            return False
        return True


def _line(record: Mapping[str, Any]) -> bytes:
    return json.dumps(record, separators=(",", ":")).encode() + b"\n"


def _utc() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
