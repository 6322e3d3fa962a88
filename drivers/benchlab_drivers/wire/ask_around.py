"""Finds what is connected: lists resources and ports, and asks who is there, nothing else.

A serial port that nobody named is listed and not opened: opening one resets many a board.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace

from benchlab import plugins
from benchlab.bench.clock import RealClock
from benchlab.errors import BenchError, LinkError, LinkRefused, SetupError, UsageError
from benchlab_drivers.wire.methodscript_line import ScriptLine, ScriptPort, ScriptSocket
from benchlab_drivers.wire.transport import open_transport
from benchlab_drivers.wire.who import IDN, Known, Question, four_fields

__all__ = ["Found", "ask_all", "questions", "resources_of_hosts", "serial_ports", "visa_resources"]

PORTS = (5025, 502)
"""Asked where a host was named without a port: SCPI, and Modbus or a cycler's client."""
QUIET_SECOND = 0.05
"""An answer is over when nothing more came for so long."""
AT_ONCE = 8
_SOCKET = re.compile(r"TCPIP\d*::(?P<host>[^:]+|\[[^\]]+\])::(?P<port>\d+)::SOCKET", re.I)
_SERIAL = re.compile(r"ASRL.*|(?:socket|rfc2217|spy|loop)://.*", re.I)
_VISA_SERIAL = re.compile(r"ASRL.*", re.I)


@dataclass(frozen=True, slots=True)
class Found:
    """One resource, and who answered there.

    Attributes
    ----------
    resource : str
        As ``--channel DRIVER@RESOURCE`` takes it.
    where : str
        How it was found, or what the system says of the port.
    state : {"listed", "identified", "unknown", "silent", "refused"}
        Not asked; a driver knows it; it answered, and none does; it did not answer in time; nobody
        listens there, or another program has the port.
    drivers : tuple of str
        Those that drive it.
    said : str
        What it answered where no driver knows it, or why it cannot be asked.
    """

    resource: str
    where: str
    state: str = "listed"
    maker: str = ""
    model: str = ""
    serial_number: str = ""
    firmware: str = ""
    drivers: tuple[str, ...] = ()
    said: str = ""


def questions() -> dict[str, Question]:
    """Return the question of each driver that has one, by the driver's name.

    A driver that needs a package that is not installed has none.
    """
    found = {}
    for name in plugins.names("drivers"):
        with suppress(SetupError):
            question = getattr(plugins.plugin("drivers", name), "WHO", None)
            if isinstance(question, Question):
                found[name] = question
    return found


def resources_of_hosts(hosts: Iterable[str]) -> list[str]:
    """Return the resource of each ``host:port``; of a host alone, those of the usual ports.

    Raises
    ------
    benchlab.errors.UsageError
    """
    found = []
    for host in hosts:
        if _SOCKET.fullmatch(host) or _SERIAL.fullmatch(host):
            found.append(host)
            continue
        match = re.fullmatch(r"(\[[^\]]+\]|[^:\s]+)(?::(\d+))?", host)
        if match is None or int(match[2] or 1) > 65535:
            raise UsageError(f"found the host {host!r}.", remedy="Write HOST:PORT, or HOST.")
        ports = (int(match[2]),) if match[2] else PORTS
        found += [f"TCPIP::{match[1]}::{port}::SOCKET" for port in ports]
    return found


def serial_ports() -> list[Found]:
    """Return the serial ports of this machine, unopened.

    Raises
    ------
    benchlab.errors.SetupError
    """
    try:
        from serial.tools import list_ports
    except ImportError as missing:
        raise SetupError(
            "serial ports need the package pyserial, which is not installed.",
            remedy="Install it: pip install pyserial",
        ) from missing
    ports = sorted(list_ports.comports(), key=lambda port: str(port.device))
    return [Found(f"ASRL{p.device}::INSTR", f"serial port: {p.description}") for p in ports]


def visa_resources() -> list[Found]:
    """Return what a VISA library lists, serial ports left out; nothing is opened.

    Raises
    ------
    benchlab.errors.SetupError
        No PyVISA, or no VISA library behind it.
    """
    try:
        import pyvisa

        listed = pyvisa.ResourceManager().list_resources("?*")
    except (ImportError, OSError, ValueError, RuntimeError) as error:
        raise SetupError(
            f"no VISA resources: {error}.",
            remedy="Install a vendor's VISA library, or pip install pyvisa-py, if you need them.",
        ) from error
    return [Found(name, "VISA") for name in listed if not _VISA_SERIAL.fullmatch(name)]


def ask_all(found: Sequence[Found], timeout_second: float) -> list[Found]:
    """Ask who is at each resource, several at once, and return them in the same order."""
    known = questions()
    with ThreadPoolExecutor(min(AT_ONCE, max(1, len(found)))) as pool:
        return list(pool.map(lambda item: _ask(item, known, timeout_second), found))


def _ask(item: Found, known: Mapping[str, Question], timeout: float) -> Found:
    """Ask ``*IDN?`` first; whoever answers it with an identity is asked nothing else."""
    said = b""
    asked = sorted({q.requests for q in known.values()}, key=lambda r: (r != (IDN,), r))
    try:
        for requests in asked:
            alike = {name: q for name, q in known.items() if q.requests == requests}
            settings = next(iter(alike.values())).serial
            answers = _converse(item.resource, requests, settings, timeout)
            if not answers:
                continue
            who = {name: q.recognise(answers) for name, q in alike.items()}
            names = tuple(name for name, identity in who.items() if identity is not None)
            identity = next((who[name] for name in names), None)
            if identity is None and requests == (IDN,):
                identity = four_fields(answers[0])
            if identity is not None:
                return _identified(item, identity, names)
            said = said or answers[0]
    except LinkRefused as refused:
        return replace(item, state="refused", said=refused.what)
    except BenchError as error:
        return replace(item, state="refused", said=str(error))
    if said:
        return replace(item, state="unknown", said=said[:200].decode("ascii", "backslashreplace"))
    return replace(item, state="silent")


def _identified(item: Found, who: Known, names: tuple[str, ...]) -> Found:
    return replace(
        item,
        state="identified" if names else "unknown",
        maker=who.maker,
        model=who.model,
        serial_number=who.serial_number,
        firmware=who.firmware,
        drivers=names,
    )


def _converse(
    resource: str, requests: tuple[bytes, ...], settings: str, timeout: float
) -> tuple[bytes, ...]:
    """Return the answers on a line of its own; none where the first was not answered in time."""
    clock = RealClock()
    line: ScriptLine
    if match := _SOCKET.fullmatch(resource):
        host, port = match["host"], int(match["port"])
        line = ScriptSocket(host, port, clock, timeout_second=timeout)
    elif _SERIAL.fullmatch(resource):
        if not settings:
            return ()
        full = resource if "?" in resource else f"{resource}?{settings}"
        line = ScriptPort(full, clock, timeout_second=timeout)
    else:
        return _by_visa(resource, requests, timeout)
    answers: list[bytes] = []
    try:
        line.open()
        for request in requests:
            line.send(request)
            answer = line.read(timeout)
            while answer and (more := line.read(QUIET_SECOND)):
                answer += more
            if not answer:
                break
            answers.append(answer)
    except LinkRefused:
        raise
    except LinkError:
        pass  # it hung up on a question that it does not know
    finally:
        line.close()
    return tuple(answers) if len(answers) == len(requests) else tuple(answers[:0])


def _by_visa(resource: str, requests: tuple[bytes, ...], timeout: float) -> tuple[bytes, ...]:
    if requests != (IDN,):
        return ()
    try:
        line = open_transport(resource, RealClock(), timeout_second=timeout)
    except UsageError:
        return ()  # it carries no messages
    try:
        return (line.query(IDN),)
    except LinkError:
        return ()
    finally:
        line.close()
