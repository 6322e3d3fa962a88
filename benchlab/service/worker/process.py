"""The worker's process: claims its name, opens its control line, and has its channels go."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import Any

from benchlab.bench.guard import Trip
from benchlab.errors import ChannelBusy, UsageError
from benchlab.platform import on_end
from benchlab.service.alarms import AlarmBook
from benchlab.service.bench_file import read_bench
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.control import ControlServer
from benchlab.service.worker.device_line import Devices
from benchlab.service.worker.interlocks import Interlocks
from benchlab.service.worker.rigs import make_rigs
from benchlab.service.worker.seat import Seat
from benchlab.service.worker.shop import Shop
from benchlab.service.worker.spreading import spread
from benchlab.service.worker.words import words_of
from benchlab.store.space import reserve_bytes

__all__ = ["WorkerProcess"]

SNAPSHOT_SECOND = 0.1


class WorkerProcess:
    """Everything of one worker.

    Raises
    ------
    benchlab.errors.UsageError
        The bench has no worker of this name.
    benchlab.errors.PartSilent
        Another process is this worker.
    """

    def __init__(self, folder: BenchFolder, name: str) -> None:
        bench = read_bench(folder.file)
        entries = bench.channels_of(name)
        if not entries:
            raise UsageError(
                f"there is no worker {name!r}.",
                where=str(folder.file),
                remedy=f"This bench has {', '.join(bench.workers())}.",
            )
        self._claim = folder.claim(name)  # held open for as long as this process is
        self.over = threading.Event()
        self._folder, self._name = folder, name
        data = folder.root / bench.data
        data.mkdir(parents=True, exist_ok=True)
        reserve = reserve_bytes() if bench.reserve is None else int(bench.reserve)
        alarms = AlarmBook(folder.alarms)
        alarms.keep_spare()
        devices = Devices(folder)
        self._interlocks = Interlocks(bench, entries, devices)
        self.shop = Shop(
            name,
            folder,
            bench,
            data,
            reserve,
            self.tell,
            alarms,
            devices,
            self._interlocks,
            self.spread,
        )
        rigs = make_rigs(bench, entries, folder.logs, self._told_again)
        self.seats = {
            channel: Seat(channel, entry, self.shop, rigs[channel])
            for channel, entry in entries.items()
        }
        self._server: ControlServer | None = None
        self._children: tuple[tuple[int, str], ...] = ()
        self._server = ControlServer(folder.sockets, name, "worker", words_of(self))
        self._told_again()

    def run(self) -> None:
        """Have every channel go on where it was, and serve until told to end."""
        on_end(self.over.set)  # runs stay as they are for the next worker, with their outputs off
        for seat in self.seats.values():
            seat.wake_up()
        while not self.over.wait(SNAPSHOT_SECOND):
            if self._find_children() != self._children:
                self._told_again()
            self._interlocks.look(self.seats)
            server = self._server
            if server is not None and server.watchers:
                for channel, seat in self.seats.items():
                    told = seat.snapshot()
                    if told:
                        server.tell("snapshot", told, newest_of=channel)

    def close(self) -> None:
        """Stop what runs, and let everything go."""
        for seat in self.seats.values():
            seat.leave()
        self.shop.devices.close()
        if self._server is not None:
            self._server.close()

    def spread(self, channel: str, trip: Trip) -> None:
        """Have the channels beside an overheating cell ended, too."""

        def unreached(text: str) -> None:
            self.seats[channel].life.alarm("tripped", text, did="see to it by hand")

        spread(self._folder, self.shop.bench, self.seats, channel, trip, unreached)

    def tell(self, kind: str, content: Mapping[str, Any], newest_of: str = "") -> None:
        """Tell whoever watches."""
        if self._server is not None:
            self._server.tell(kind, content, newest_of=newest_of)

    def down(self) -> None:
        """End this process.

        Raises
        ------
        benchlab.errors.ChannelBusy
            A test runs.
        """
        busy = [name for name, seat in self.seats.items() if seat.standing.active]
        if busy:
            raise ChannelBusy(
                f"a test runs on channel {', '.join(busy)}; the worker goes on.",
                where=self._name,
                remedy="Stop it first, and close the file of one that is held.",
            )
        self.over.set()

    def _find_children(self) -> tuple[tuple[int, str], ...]:
        """Return the processes that must not outlive this one halted and unseen."""
        found = []
        for seat in self.seats.values():
            going = seat.life.going
            recorder = going.recording.child if going is not None else None
            found += [item for item in (seat.rig.facts().get("guardian"), recorder) if item]
        return tuple((int(pid), str(began)) for pid, began in found if began)

    def _told_again(self) -> None:
        """Write who this worker is, with the guardians and recorders that it has now."""
        server = self._server
        if server is None:
            return
        self._children = self._find_children()
        self._folder.tell_self(
            self._name, "worker", server.address, self._children, channels=list(self.seats)
        )
