"""A simulated Neware BTS 8: the interface of the BTS client, and eight channels with a cell each.

Nothing here was compared with a real one. Frames, bodies, attributes and the vendor's spelling were
seen in captures of others (aurora-neware, MIT). Unconfirmed: 20 ms an exchange, that a start takes
effect at once and a stop after 0.3 s, that a stopped test cannot be fetched by its number once the
next one runs, what is answered to a command that is not known (``result`` false) and to no XML
(nothing), the log code of a protection, that a reserved pause comes at the end of the step under
way, what ``goto`` does to the loops around. Every command is answered without ``connect``. Parallel
channels and auxiliary channels are not simulated.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING
from xml.etree import ElementTree
from xml.sax.saxutils import quoteattr

from benchlab_drivers.neware.line import END, REPLIES, frame_length
from benchlab_drivers.sim._neware_channel import SimulatedChannel
from benchlab_drivers.sim._neware_steps import BadStepFile, read_step_file

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from benchlab.bench.clock import Clock
    from benchlab.bench.twin import Truth, TwinSpec

__all__ = ["ChannelTwin", "SimulatedBts8", "make"]

LATENCY_SECOND = 0.02
STOP_SECOND = 0.3
CHANNELS = 8
DEVICE = {"ip": "127.0.0.1", "devtype": "27", "devid": "21", "subdevid": "1"}
LONGEST_DOWNLOAD = 1000
LARGEST_FILE = 1 << 24
RUNNING_CODE = "102000"


def make(clock: Clock, spec: TwinSpec) -> SimulatedBts8:
    """Make a simulated BTS 8 whose channels each have a cell of `spec`.

    Raises
    ------
    benchlab.errors.UsageError
        Where there is no such cell.
    """
    return SimulatedBts8(clock, spec)


class SimulatedBts8:
    """The unit. Its cells differ by their seeds: that of channel 1 has the seed of `spec`."""

    def __init__(self, clock: Clock, spec: TwinSpec) -> None:
        self._clock = clock
        self._spec = spec
        self._born = clock.now
        self._unix_zero = clock.unix_ns() / 1e9 - clock.now
        self._channels: dict[int, SimulatedChannel] = {}
        self.channel(1)  # a cell that does not exist is told of now
        self._commands: dict[str, Callable[[ElementTree.Element], str]] = {
            "connect": lambda _: "<result>ok</result>",
            "getdevinfo": self._devices,
            "getchlstatus": self._statuses,
            "inquire": self._inquire,
            "inquiredf": self._counts,
            "download": self._download,
            "downloadlog": self._log,
            "downloadStepLayer": self._layers,
            "start": self._start,
            "stop": self._stop,
            "continue": lambda root: self._told(root, "continue", lambda c, _: c.go_on(self._now)),
            "goto": lambda root: self._told(root, "goto", self._go_to),
            "setpause": lambda root: self._told(root, "setpause", lambda c, _: c.reserve(True)),
            "cancelpause": lambda root: self._told(
                root, "cancelpause", lambda c, _: c.reserve(False)
            ),
            "light": lambda root: self._said(root, "light", lambda _: True),
            "clearflag": lambda root: self._said(root, "clearflag", lambda _: False),
        }

    def channel(self, number: int) -> SimulatedChannel:
        """Return a channel as it stands at this instant of the clock."""
        found = self._channels.get(number)
        if found is None:
            found = SimulatedChannel(self._born, self._unix_zero, self._spec, number)
            self._channels[number] = found
        found.advance(self._clock.now)
        return found

    def request_length(self, pending: bytes) -> int:
        """Return the length of the first request, or 0 while it is incomplete."""
        return frame_length(pending)

    def exchange(self, request: bytes) -> bytes:
        """Carry out one request and return its reply with the end of a frame."""
        clock = self._clock
        clock.sleep_until(clock.now + LATENCY_SECOND / 2.0)
        reply = self._carry_out(request)
        clock.sleep_until(clock.now + LATENCY_SECOND / 2.0)
        return reply

    def _carry_out(self, request: bytes) -> bytes:
        try:
            root = ElementTree.fromstring(request[: request.rfind(b"</bts>") + 6])
        except (ElementTree.ParseError, ValueError):
            return b""
        command = (root.findtext("cmd") or "").strip()
        carry_out = self._commands.get(command)
        said = "<result>false</result>" if carry_out is None else carry_out(root)
        name = REPLIES.get(command, f"{command}_resp")
        head = '<?xml version="1.0" encoding="UTF-8"?>\r\n<bts version="1.0">\r\n'
        return f"{head}  <cmd>{name}</cmd>\r\n  {said}\r\n</bts>".encode() + END

    # --- commands -----------------------------------------------------------------------------

    def _asked(self, element: ElementTree.Element) -> int:
        """Return the number of the channel that an element names; 0: there is none."""
        names = ("devtype", "devid", "subdevid")
        if any(element.get(name) != DEVICE[name] for name in names):
            return 0
        text = element.get("chlid", "")
        return int(text) if text.isdigit() and 1 <= int(text) <= CHANNELS else 0

    def _devices(self, root: ElementTree.Element) -> str:
        channels = "".join(
            f"    <channel {_attributes({**DEVICE, 'Channelid': number})}>true</channel>\r\n"
            for number in range(1, CHANNELS + 1)
        )
        server = (
            '<serverip count="1">\r\n    <server ip="127.0.0.1" port="3306" />\r\n  </serverip>'
        )
        return f'{server}\r\n  <middle count="{CHANNELS}">\r\n{channels}</middle>'

    def _each(
        self, root: ElementTree.Element, tag: str, line: Callable[[int, ElementTree.Element], str]
    ) -> str:
        found = [(self._asked(item), item) for item in root.iter(tag)]
        lines = [f"    {line(number, item)}\r\n" for number, item in found if number]
        return f'<list count="{len(lines)}">\r\n{"".join(lines)}  </list>'

    def _statuses(self, root: ElementTree.Element) -> str:
        def line(number: int, _: ElementTree.Element) -> str:
            channel = self.channel(number)
            told = {**DEVICE, "chlid": number, "reservepause": int(channel.pause_reserved)}
            return f"<status {_attributes(told)}>{channel.state}</status>"

        return self._each(root, "status", line)

    def _inquire(self, root: ElementTree.Element) -> str:
        def line(number: int, _: ElementTree.Element) -> str:
            channel = self.channel(number)
            seen, working = channel.seen(), channel.state == "working"
            total = self._clock.now - channel.began
            told: dict[str, object] = {
                "dev": "-".join(DEVICE[k] for k in ("devtype", "devid", "subdevid"))
                + f"-{number}-0",
                "cycle_id": channel.cycle,
            }
            if working:
                told["step_id"] = channel.step.number
            told |= {
                "step_type": channel.step.name if working else "--",
                "workstatus": channel.state,
                "barcode": channel.barcode,
                "current": f"{seen.ampere if working else 0.0:.4f}",
                "voltage": f"{seen.volt:.4f}",
                "capacity": f"{seen.ah if working else 0.0:.4f}",
                "energy": f"{seen.wh if working else 0.0:.4f}",
                "totaltime": f"{total if working else 0.0:.1f}",
                "relativetime": f"{channel.step_second if working else 0.0:.1f}",
                "open_or_close": 0,
                "log_code": RUNNING_CODE if working else 0,
            }
            return f"<inquire {_attributes(told)} />"

        return self._each(root, "inquire", line)

    def _counts(self, root: ElementTree.Element) -> str:
        def line(number: int, item: ElementTree.Element) -> str:
            channel = self.channel(number)
            known = self._holds(channel, item)
            told = {name: DEVICE[name] for name in ("devtype", "devid", "subdevid")}
            facts = {
                "chlid": number,
                "testid": channel.test_id if known else item.get("testid", "0"),
                "count": len(channel.rows) if known else 0,
            }
            complete = known and channel.state not in ("working", "pause")
            return f"<chl {_attributes({**told, **facts})}>{str(complete).lower()}</chl>"

        return self._each(root, "chl", line)

    def _holds(self, channel: SimulatedChannel, item: ElementTree.Element) -> bool:
        return item.get("testid", "0") in ("0", str(channel.test_id))

    def _one(self, root: ElementTree.Element, tag: str) -> tuple[SimulatedChannel | None, str]:
        """Return the channel that the element names and its echo, with the test's number put in."""
        item = root.find(tag)
        if item is None:
            return None, f"<{tag} />"
        number = self._asked(item)
        channel = self.channel(number) if number else None
        told = dict(item.attrib)
        if channel is not None and self._holds(channel, item):
            told["testid"] = str(channel.test_id)
            return channel, f"<{tag} {_attributes(told)} />"
        return None, f"<{tag} {_attributes(told)} />"

    def _download(self, root: ElementTree.Element) -> str:
        channel, echo = self._one(root, "download")
        item = root.find("download")
        lines: list[str] = []
        if channel is not None and item is not None:
            first = max(int(item.get("startpos", "0")), 1)
            count = min(int(item.get("count", "0")), LONGEST_DOWNLOAD)
            for k, row in enumerate(channel.rows[first - 1 : first - 1 + count], first):
                lines.append(
                    f'    <data seqid="{k}" stepid="{row.step}" cycleid="{row.cycle}"'
                    f' steptype="{row.name}" testtime="{row.step_ms}"'
                    f' atime="{_wall(row.unix_second)}"'
                    f' volt="{row.volt:.15g}" curr="{row.ampere:.15g}" cap="{row.ah:.15g}"'
                    f' eng="{row.wh:.15g}" />\r\n'
                )
        return _listed(echo, lines)

    def _log(self, root: ElementTree.Element) -> str:
        channel, echo = self._one(root, "download")
        entries = [] if channel is None else channel.log
        lines = [
            f'    <data seqid="{row}" log_code="{code}" atime="{_wall(second)}" />\r\n'
            for row, code, second in entries
        ]
        return _listed(echo, lines)

    def _layers(self, root: ElementTree.Element) -> str:
        channel, echo = self._one(root, "downloadStepLayer")
        lines: list[str] = []
        for index, (first, last) in enumerate([] if channel is None else channel.layers, 1):
            assert channel is not None
            begun, ended = channel.rows[first - 1], channel.rows[last - 1]
            lines.append(
                f'    <data startseqid="{first}" endseqid="{last}" stepindex="{index}"'
                f' stepid="{ended.step}" cycleid="{ended.cycle}" steptype="{ended.name}"'
                f' steptime="{ended.step_ms}" endatime="{_wall(ended.unix_second)}"'
                f' startvolt="{begun.volt:.15g}" endvolt="{ended.volt:.15g}"'
                f' startcurr="{begun.ampere:.15g}" endcurr="{ended.ampere:.15g}"'
                f' cap="{ended.ah:.15g}" eng="{ended.wh:.15g}" dcir="0" />\r\n'
            )
        return _listed(echo, lines)

    def _said(
        self, root: ElementTree.Element, tag: str, carry_out: Callable[[ElementTree.Element], bool]
    ) -> str:
        def line(number: int, item: ElementTree.Element) -> str:
            done = "ok" if carry_out(item) else "false"
            return f"<{tag} {_attributes({**DEVICE, 'chlid': number})}>{done}</{tag}>"

        return self._each(root, tag, line)

    def _start(self, root: ElementTree.Element) -> str:
        def carry_out(item: ElementTree.Element) -> bool:
            path = Path((item.text or "").strip())
            try:
                if path.stat().st_size > LARGEST_FILE:
                    return False
                file = read_step_file(path.read_bytes())
            except (OSError, BadStepFile):
                return False
            channel = self.channel(self._asked(item))
            return channel.start(self._clock.now, file, item.get("barcode", ""))

        return self._said(root, "start", carry_out)

    def _stop(self, root: ElementTree.Element) -> str:
        def carry_out(item: ElementTree.Element) -> bool:
            return self.channel(self._asked(item)).stop(self._clock.now + STOP_SECOND)

        return self._said(root, "stop", carry_out)

    def _told(
        self,
        root: ElementTree.Element,
        tag: str,
        carry_out: Callable[[SimulatedChannel, ElementTree.Element], bool],
    ) -> str:
        return self._said(root, tag, lambda item: carry_out(self.channel(self._asked(item)), item))

    @property
    def _now(self) -> float:
        return self._clock.now

    def _go_to(self, channel: SimulatedChannel, item: ElementTree.Element) -> bool:
        step = item.get("step", "")
        return step.isdigit() and channel.go_to(self._now, int(step))


class ChannelTwin:
    """The cell at one channel, as a `benchlab.bench.twin.Twin` that can be surrounded."""

    def __init__(self, unit: SimulatedBts8, number: int, clock: Clock) -> None:
        self._unit, self._number, self._clock = unit, number, clock

    def truth(self) -> Truth:
        """Return the cell's exact integrals at this instant of the clock."""
        cell = self._unit.channel(self._number).cell
        cell.sample(self._clock.now)
        return cell.truth()

    def surface_temperature_celsius(self) -> float:
        """Return the temperature of the cell's surface at this instant of the clock."""
        return self._unit.channel(self._number).cell.surface_celsius(self._clock.now)

    def set_ambient_celsius(self, celsius: float) -> None:
        """Let the air around the cell have this temperature from this instant of the clock on."""
        self._unit.channel(self._number).cell.set_ambient_celsius(self._clock.now, celsius)


def _attributes(values: Mapping[str, object]) -> str:
    return " ".join(f"{name}={quoteattr(str(value))}" for name, value in values.items())


def _wall(unix_second: int) -> str:
    return f"{datetime.fromtimestamp(unix_second, UTC):%Y-%m-%d %H:%M:%S}"


def _listed(echo: str, lines: list[str]) -> str:
    if not lines:
        return f'{echo}\r\n  <list count="0" />'
    return f'{echo}\r\n  <list count="{len(lines)}">\r\n{"".join(lines)}  </list>'
