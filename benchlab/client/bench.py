"""A bench: how its channels stand, what they are asked to do, and what they recorded."""

from __future__ import annotations

import time
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from os import PathLike
from types import TracebackType
from typing import Any
from urllib.parse import quote

from benchlab.client.direct import Direct
from benchlab.client.hub_line import HubLine, NotHeard
from benchlab.client.live import Live
from benchlab.client.texts import cell_text, checked, protocol_text
from benchlab.errors import BenchError, PartSilent, UsageError
from benchlab.model.batch_table import BatchLine
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.hub.tokens import read_token
from benchlab.service.lines import facts_of

__all__ = ["OVER", "Bench"]

OVER = frozenset({"idle", "done", "stopped", "failed", "held"})
"""States in which nothing goes on by itself."""
LOOK_SECOND = 0.2
StrPath = str | PathLike[str]


class Bench:
    """A bench on this computer, or one whose hub is elsewhere.

    Every call may raise a `benchlab.errors.BenchError`: what was refused, and why. What one channel
    is asked goes to its worker itself where the hub is silent and the bench is here; a stop always
    does.

    Parameters
    ----------
    folder : BenchFolder, optional
        The bench's own, where it is on this computer.
    hub : HubLine, optional
        Of one that is elsewhere.
    operator : str
        Who asks; kept with everything that is changed.
    """

    def __init__(
        self, folder: BenchFolder | None = None, hub: HubLine | None = None, *, operator: str
    ) -> None:
        if (folder is None) == (hub is None):
            raise UsageError("a bench is a folder or a hub.", remedy="Name one of them.")
        self.operator = operator
        self.folder = folder
        self._hub = hub
        self._direct = None if folder is None else Direct(folder)

    def __enter__(self) -> Bench:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the hub; nothing of the bench changes."""
        if self._hub is not None:
            self._hub.close()
        if self.folder is not None:
            self._hub = None

    def status(self) -> dict[str, Any]:
        """Return how it stands: ``channels`` and ``devices`` by name, ``parts``, ``free_bytes``."""
        try:
            return self._there().get("/bench")
        except NotHeard:
            if self._direct is None:
                raise
            return self._direct.status()

    def channel(self, channel: str) -> dict[str, Any]:
        """Return how one channel stands."""
        try:
            return self._there().get(_path(channel, "", {}).rstrip("/"))
        except NotHeard:
            if self._direct is None:
                raise
            return self._direct.channel(channel)

    def start(
        self,
        channel: str,
        protocol: StrPath,
        cell: StrPath | None = None,
        *,
        name: str = "",
        waive: Sequence[str] = (),
        queue: bool = False,
    ) -> dict[str, Any]:
        """Start a test, or put it behind those that the channel has.

        Parameters
        ----------
        protocol, cell : path
            Of their YAML files; no cell: the protocol's own.
        name : str
            Of the recording, without folder and ending; empty: from cell, protocol and date.
        waive : sequence of str
            Checks by name that may say no.
        """
        words = self._words(protocol, cell)
        words |= {"name": name, "waive": list(waive)}
        return self.ask(channel, "enqueue" if queue else "start", **words)

    def check(self, channel: str, protocol: StrPath, cell: StrPath | None = None) -> dict[str, Any]:
        """Make every check of a test on a channel, and start nothing."""
        return self.ask(channel, "check", **self._words(protocol, cell))

    def start_batch(
        self, protocol: StrPath, lines: Sequence[BatchLine], *, queue: bool = False
    ) -> dict[str, dict[str, Any]]:
        """Start a protocol on many channels; one that refuses does not hold up another.

        Returns
        -------
        dict
            By channel: ``{"ok": ...}`` or ``{"error": {"what": ..., "remedy": ...}}``.
        """
        read, text = protocol_text(protocol)
        for line in lines:
            checked(read, line.cell)  # all of them, before the first one starts
        common = {"operator": self.operator, "protocol": text}
        common["protocol_name"] = _file_name(protocol)
        rows = [
            {"channel": line.channel, "cell": line.cell_text, "name": line.name} for line in lines
        ]
        if not queue:
            return self._there().post("/batch", {**common, "rows": rows})
        answers: dict[str, dict[str, Any]] = {}
        for row in rows:
            words = {**common, "cell": row["cell"], "name": row["name"]}
            try:
                answers[row["channel"]] = {"ok": self.ask(row["channel"], "enqueue", **words)}
            except BenchError as error:
                answers[row["channel"]] = {"error": facts_of(error)}
        return answers

    def stop(self, channel: str, *, closes: bool = False) -> dict[str, Any]:
        """Open the circuit now, and say whether the output is proven off; close the file if asked.

        Raises
        ------
        benchlab.errors.OutputNotProvenOff
            It must be switched off by hand.
        """
        return self.ask(channel, "stop", close=closes)

    def stop_all(self) -> dict[str, dict[str, Any]]:
        """Open the circuit of every channel on which something goes on, all at once."""
        if self._direct is not None:
            return self._direct.stop_all(self.operator)
        return self._there().post("/stop", {"operator": self.operator})

    def pause(self, channel: str) -> dict[str, Any]:
        """Open the circuit and keep the place."""
        return self.ask(channel, "pause")

    def resume(self, channel: str) -> dict[str, Any]:
        """Look at the cell again and go on where the test was paused or held."""
        return self.ask(channel, "resume")

    def skip(self, channel: str) -> dict[str, Any]:
        """End the step under way."""
        return self.ask(channel, "skip")

    def stop_after(self, channel: str, what: str) -> dict[str, Any]:
        """Stop when the ``step`` or the ``cycle`` under way is over."""
        return self.ask(channel, "stop_after", what=what)

    def add_cycles(self, channel: str, count: int) -> dict[str, Any]:
        """Add rounds to the repeat under way."""
        return self.ask(channel, "add_cycles", count=count)

    def answer(self, channel: str, values: Mapping[str, str]) -> dict[str, Any]:
        """Answer what an operator's step asks for."""
        return self.ask(channel, "answer", values=dict(values))

    def unqueue(self, channel: str, item: str) -> dict[str, Any]:
        """Take a test out of a channel's queue."""
        return self.ask(channel, "unqueue", item=item)

    def move(self, channel: str, item: str, to: str) -> dict[str, Any]:
        """Put a test that waits on one channel behind those that wait on another."""
        return self.ask(channel, "move", item=item, to=to)

    def acknowledge(self, channel: str, alarm: str) -> dict[str, Any]:
        """Say that an alarm is known; an empty channel: it is one of the bench."""
        return self.ask(channel, "acknowledge", alarm=alarm)

    def ask(self, channel: str, do: str, **content: Any) -> dict[str, Any]:
        """Ask a channel for something by its word, as docs/service.md lists them."""
        words = {"operator": self.operator, **content}
        if do == "check":
            words.pop("operator")
        if self._direct is not None and do == "stop":
            return self._direct.ask(channel, do, words)
        try:
            return self._there().post(_path(channel, do, words), _body(do, words))
        except NotHeard:
            if self._direct is None:
                raise
            return self._direct.ask(channel, do, words)

    def wait(
        self, channel: str, states: Collection[str] = OVER, *, at_most_second: float | None = None
    ) -> dict[str, Any]:
        """Wait until a channel is in one of these states, and return how it stands.

        Raises
        ------
        benchlab.errors.PartSilent
            It is not, after so long.
        """
        began = time.monotonic()
        while True:
            found: dict[str, Any] = {}
            with suppress(PartSilent):
                found = self.channel(channel)
            if found.get("state") in states:
                return found
            if at_most_second is not None and time.monotonic() - began > at_most_second:
                raise PartSilent(
                    f"the channel is {found.get('state', 'not heard')} after"
                    f" {at_most_second:g} s; it goes on.",
                    where=channel,
                    remedy=f"Waited for: {', '.join(sorted(states))}.",
                )
            time.sleep(LOOK_SECOND)

    def watch(self) -> Live:
        """Return what the bench tells, as it happens; iterate over it, and close it."""
        return Live(self._hub_or_none)

    def find(self, level: str = "runs", **filters: str) -> list[dict[str, Any]]:
        """Return recorded runs, tests, cells or lots; each filter is a part of the word."""
        found: list[dict[str, Any]] = self._there().get("/runs", level=level, **filters)["found"]
        return found

    def data(
        self,
        key: str,
        columns: Sequence[str],
        *,
        low: float | None = None,
        high: float | None = None,
        points: int = 2000,
    ) -> dict[str, Any]:
        """Return columns of a run over test time in seconds, with every extreme of each."""
        path = f"/runs/{key}/data"
        return self._there().get(path, columns=list(columns), low=low, high=high, points=points)

    def _words(self, protocol: StrPath, cell: StrPath | None) -> dict[str, Any]:
        read, text = protocol_text(protocol)
        known, written = cell_text(cell)
        checked(read, known)
        return {"protocol": text, "protocol_name": _file_name(protocol), "cell": written}

    def _there(self) -> HubLine:
        hub = self._hub_or_none()
        if hub is None:
            raise NotHeard(
                "the hub of this bench does not run; what is under way goes on without it.",
                where=str(self.folder.root) if self.folder is not None else "",
                remedy="Start what is missing: benchlab up",
            )
        return hub

    def _hub_or_none(self) -> HubLine | None:
        """Return the hub as it is now: after a restart it has another address."""
        if self.folder is None:
            return self._hub
        part = self.folder.part("hub")
        if part is None or not part.alive:
            return None
        url = str(part.more.get("url", ""))
        if self._hub is None or self._hub.url != url:
            if self._hub is not None:
                self._hub.close()
            self._hub = HubLine(url, read_token(self.folder.token))
        return self._hub


def _file_name(path: StrPath) -> str:
    return str(path).replace("\\", "/").rpartition("/")[2][:200]


def _path(channel: str, do: str, words: Mapping[str, Any]) -> str:
    place = f"/channels/{quote(channel, safe='')}" if channel else ""
    if do == "unqueue":
        return f"{place}/queue/{quote(str(words['item']), safe='')}/remove"
    if do == "move":
        return f"{place}/queue/{quote(str(words['item']), safe='')}/move"
    if do == "acknowledge":
        return f"{place}/alarms/{quote(str(words['alarm']), safe='')}/acknowledge"
    return f"{place}/{'queue' if do == 'enqueue' else do}"


def _body(do: str, words: Mapping[str, Any]) -> dict[str, Any]:
    in_path = {"unqueue": "item", "move": "item", "acknowledge": "alarm"}.get(do)
    return {name: word for name, word in words.items() if name != in_path}
