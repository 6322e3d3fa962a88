"""The requests of the BTS 8 interface, and their replies: each is checked against its request."""

from __future__ import annotations

import itertools
import math
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

from benchlab.bench.executor import ExecutorRow, StepEnd
from benchlab.errors import GarbledAnswer
from benchlab.model.flags import RowFlag
from benchlab_drivers.neware.line import ask
from benchlab_drivers.neware.ratings import TICK_SECOND

if TYPE_CHECKING:
    from benchlab_drivers.wire.transport import Transport

__all__ = ["Count", "Inquiry", "Place", "Requests", "end_of", "ends_within"]

LOGIN = "<username>admin</username><password>neware</password><type>bfgs</type>"
"""The vendor's default; other programs send it as it is."""
REST = "rest"
DISCHARGES = frozenset({"dc", "dv", "cccd", "dp", "dr"})


class Place(NamedTuple):
    """A channel as the interface names it."""

    ip: str
    devtype: str
    devid: str
    subdevid: str
    chlid: str

    @property
    def words(self) -> str:
        """Its attributes in a request."""
        names = ("ip", "devtype", "devid", "subdevid", "chlid")
        return " ".join(f"{name}={quoteattr(v)}" for name, v in zip(names, self, strict=True))

    @property
    def words_without_ip(self) -> str:
        """The same for requests about data."""
        return self.words.partition(" ")[2]


class Inquiry(NamedTuple):
    """What a channel says of itself; volts and amperes rounded to four decimals by the unit."""

    word: str
    step: int
    cycle: int
    volt: float
    ampere: float
    text: str


class Count(NamedTuple):
    """Number and rows of a test, and whether all of its rows are there."""

    test: str
    rows: int
    complete: bool


class Requests:
    """One request a method.

    Every method raises `benchlab.errors.LinkError` or one of its leaves, a `GarbledAnswer` where
    the reply names another channel, test or row than was asked for.
    """

    def __init__(self, line: Transport, where: str) -> None:
        self._line = line
        self._where = where

    def _ask(self, command: str, content: str = "") -> ElementTree.Element:
        return ask(self._line, self._where, command, content)

    def _misfit(self, command: str, root: ElementTree.Element) -> GarbledAnswer:
        told = ElementTree.tostring(root)[:300]
        return GarbledAnswer(command.encode(), told, where=self._where)

    def login(self) -> bool:
        """Log in; say whether that was accepted."""
        return (self._ask("connect", LOGIN).findtext("result") or "").strip() == "ok"

    def channels(self) -> tuple[tuple[Place, ...], str]:
        """Return the channel map and, where it is told, the client's version."""
        root = self._ask("getdevinfo")
        found = tuple(
            Place(
                item.get("ip", ""),
                item.get("devtype", ""),
                item.get("devid", ""),
                item.get("subdevid", ""),
                item.get("Channelid", item.get("chlid", "")),
            )
            for item in root.iter("channel")
        )
        client = root.find("client")
        return found, "" if client is None else client.get("version", "")

    def inquire(self, places: tuple[Place, ...]) -> list[Inquiry]:
        """Ask what channels do now."""
        words = "".join(f'<inquire {p.words} aux="0" barcode="1">true</inquire>' for p in places)
        root = self._ask("inquire", f'<list count = "{len(places)}">{words}</list>')
        items = root.findall("list/inquire")
        names = ["-".join(place[1:]) + "-" for place in places]
        if len(items) != len(places) or not all(
            item.get("dev", "").startswith(name) for item, name in zip(items, names, strict=True)
        ):
            raise self._misfit("inquire", root)
        try:
            return [_inquiry(item) for item in items]
        except ValueError:
            raise self._misfit("inquire", root) from None

    def counts(self, places: tuple[Place, ...], test: str) -> list[Count]:
        """Return number and rows of a test of each (``0``: its latest), and whether all are there.

        A test that is named is that of a single channel.
        """
        words = "".join(f"<chl {p.words_without_ip} testid={quoteattr(test)} />" for p in places)
        root = self._ask("inquiredf", f'<list count = "{len(places)}">{words}</list>')
        items = root.findall("list/chl")
        if len(items) != len(places) or any(
            (item.get("devid"), item.get("chlid")) != (place.devid, place.chlid)
            for item, place in zip(items, places, strict=True)
        ):
            raise self._misfit("inquiredf", root)
        try:
            return [
                Count(
                    item.get("testid", ""),
                    int(item.get("count", "")),
                    (item.text or "").strip() == "true",
                )
                for item in items
            ]
        except ValueError:
            raise self._misfit("inquiredf", root) from None

    def rows(self, place: Place, test: str, first: int, count: int) -> list[ExecutorRow]:
        """Return rows of a test from number `first` on."""
        root = self._ask(
            "download",
            f'<download {place.words_without_ip} auxid="0" testid={quoteattr(test)}'
            f' startpos="{first}" count="{count}"/>',
        )
        echo = root.find("download")
        if (
            echo is None
            or echo.get("chlid") != place.chlid
            or echo.get("startpos") != str(first)
            or echo.get("testid") != test
        ):
            raise self._misfit("download", root)
        try:
            rows = [_row(item.attrib) for item in root.iter("data")]
        except (KeyError, ValueError):
            raise self._misfit("download", root) from None
        if not rows or [row.sequence for row in rows] != list(range(first, first + len(rows))):
            raise self._misfit("download", root)
        return rows

    def log(self, place: Place, test: str) -> list[tuple[int, str, str]]:
        """Return what the unit logged of a test: row, code, wall clock."""
        words = f"<download {place.words_without_ip} testid={quoteattr(test)}/>"
        root = self._ask("downloadlog", words)
        try:
            return [
                (int(item.get("seqid", "")), item.get("log_code", ""), item.get("atime", ""))
                for item in root.iter("data")
            ]
        except ValueError:
            raise self._misfit("downloadlog", root) from None

    def start(self, place: Place, path: str, barcode: str) -> bool:
        """Start a step file; say whether that was accepted. The unit's backup goes beside it."""
        words = f"<start {place.words} barcode={quoteattr(barcode)}>{escape(path)}</start>"
        folder = path[: max(path.rfind("/"), path.rfind("\\"))]
        backup = (
            f"<backup backupdir={quoteattr(folder)}"
            ' remotedir="" filenametype="0" customfilename="" addtimewhenrepeat="0"'
            ' createdirbydate="0" filetype="0" backupontime="1" backupontimeinterval="720"'
            ' backupfree="1" />'
        )
        return self._accepted("start", place, words + backup)

    def stop(self, place: Place) -> bool:
        """End a test; say whether that was accepted."""
        return self._accepted("stop", place, f"<stop {place.words}>true</stop>")

    def reserve_pause(self, place: Place) -> bool:
        """Let the test pause with the cycle and step under way; say whether that was accepted."""
        return self._accepted(
            "setpause", place, f'<setpause {place.words} cycleid="-1" stepid="-1" timeout="" />'
        )

    def cancel_pause(self, place: Place) -> bool:
        """Take back a pause that was not reached yet; say whether that was accepted."""
        words = f'<cancelpause {place.words} cycleid="-1" stepid="-1" />'
        return self._accepted("cancelpause", place, words)

    def go_on(self, place: Place) -> bool:
        """Go on after a pause; say whether that was accepted."""
        return self._accepted("continue", place, f"<continue {place.words}>true</continue>")

    def go_to(self, place: Place, step: int) -> bool:
        """Leave the step under way for another one; say whether that was accepted."""
        return self._accepted("goto", place, f'<goto {place.words} step="{step}">true</goto>')

    def _accepted(self, command: str, place: Place, words: str) -> bool:
        root = self._ask(command, f'<list count = "1">{words}</list>')
        item = root.find(f"list/{command}")
        if item is None or item.get("chlid") != place.chlid or item.get("devid") != place.devid:
            raise self._misfit(command, root)
        return (item.text or "").strip() == "ok"


def _inquiry(item: ElementTree.Element) -> Inquiry:
    word = item.get("workstatus", "")
    return Inquiry(
        word,
        int(item.get("step_id", "0")),
        int(item.get("cycle_id", "0")),
        float(item.get("voltage", "")),
        float(item.get("current", "")),
        f"{word}, {item.get('barcode', '')}, log code {item.get('log_code', '')}",
    )


def _row(told: dict[str, str]) -> ExecutorRow:
    name = told["steptype"]
    sign = -1.0 if name in DISCHARGES else 1.0
    charge, energy = float(told["cap"]), float(told["eng"])
    row = ExecutorRow(
        int(told["seqid"]),
        int(told["stepid"]),
        int(told["cycleid"]),
        int(told["testtime"]) / 1e3,
        float(told["volt"]),
        float(told["curr"]),
        sign * charge if charge else 0.0,  # no negative zero
        sign * energy if energy else 0.0,
        unix_ns=_unix_ns(told.get("atime", "")),
        flags=int(RowFlag.OPEN_CIRCUIT) if name == REST else 0,
    )
    if not all(map(math.isfinite, row[3:8])):
        raise ValueError(f"row {row.sequence} holds no numbers")
    return row


def _unix_ns(wall: str) -> int:
    """Return a wall clock's text as if it were UTC: only differences of it are used."""
    if not wall:
        return 0
    return int(datetime.fromisoformat(wall).replace(tzinfo=UTC).timestamp()) * 1_000_000_000


def ends_within(rows: list[ExecutorRow]) -> list[StepEnd]:
    """Return the end of each step that another one follows: its last row is one at its end."""
    return [
        end_of(row)
        for row, after in itertools.pairwise(rows)
        if (row.step, row.cycle) != (after.step, after.cycle) or after.step_second < row.step_second
    ]


def end_of(row: ExecutorRow) -> StepEnd:
    """Return the end of the step whose last row this is."""
    return StepEnd(
        row.step,
        row.cycle,
        row.sequence,
        row.step_second,
        TICK_SECOND / 2.0,
        row.voltage,
        row.current,
        row.charge_ah,
        row.energy_wh,
    )
