"""Frames of the BTS 8 interface: XML between a head and ``#``, one request, one reply.

A message is UTF-8 and ends with two newlines, ``#``, carriage return, newline, in both directions
(seen in captures); some clients leave the two newlines out, and are answered too.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree

from benchlab.errors import GarbledAnswer, UsageError
from benchlab_drivers.wire.transport import SocketTransport, Transport

if TYPE_CHECKING:
    from benchlab.bench.clock import Clock

__all__ = ["END", "FrameSocket", "ask", "frame", "frame_length", "open_frame_socket"]

HEAD = '<?xml version="1.0" encoding="UTF-8" ?><bts version="1.0">'
END = b"\n\n#\r\n"
_CLOSED = re.compile(rb"</bts>\s*#\r\n")
_RESOURCE = re.compile(r"TCPIP\d*::(?P<host>[^:]+|\[[^\]]+\])::(?P<port>\d+)::SOCKET", re.I)
LONGEST_ANSWER = 1 << 24
LARGEST_PART = (1 << 16) + 20
REPLIES = {"download": "donwload_resp", "downloadlog": "donwloadlog_resp"}
"""The vendor's own spelling, where it differs."""


def frame(body: str) -> bytes:
    """Return a request as it goes out."""
    return f"{HEAD}{body}</bts>".encode() + END


def frame_length(pending: bytes) -> int:
    """Return the length of the first message, or 0 while it is incomplete."""
    match = _CLOSED.search(pending)
    return match.end() if match is not None else 0


class FrameSocket(SocketTransport):
    """A plain TCP socket whose answers are frames."""

    def _answer_length(self, got: bytearray, request: bytes) -> int:
        # the end of a frame may be split anywhere, and is not searched for in what was seen before
        match = _CLOSED.search(got, max(0, len(got) - LARGEST_PART))
        if match is None:
            if len(got) > LONGEST_ANSWER:
                self._refuse(request, got)
            return 0
        if match.end() != len(got):
            self._refuse(request, got[-200:])
        return match.end()

    def _stripped(self, answer: bytes) -> bytes:
        return answer


def open_frame_socket(resource: str, clock: Clock) -> FrameSocket:
    """Return an open line to ``TCPIP::host::502::SOCKET``; nothing was sent yet.

    Raises
    ------
    benchlab.errors.LinkRefused, benchlab.errors.UsageError
    """
    match = _RESOURCE.fullmatch(resource)
    if match is None:
        raise UsageError(
            f"found the resource {resource!r}.", remedy="Write TCPIP::HOST::502::SOCKET."
        )
    line = FrameSocket(match["host"], int(match["port"]), clock)
    line.open()
    return line


def ask(line: Transport, where: str, command: str, content: str = "") -> ElementTree.Element:
    """Send a command and return its reply, if it is the reply to this command.

    Raises
    ------
    benchlab.errors.LinkError
        Or one of its leaves.
    """
    request = frame(f"<cmd>{command}</cmd>{content}")
    answer = line.query(request)
    told = answer[: answer.rfind(b"</bts>") + 6]
    if b"<!" in told:
        raise GarbledAnswer(request, answer[:200], where=where)
    try:
        root = ElementTree.fromstring(told)
    except (ElementTree.ParseError, ValueError):
        raise GarbledAnswer(request, answer[:200], where=where) from None
    expected = REPLIES.get(command, f"{command}_resp")
    if root.tag != "bts" or (root.findtext("cmd") or "").strip() != expected:
        raise GarbledAnswer(request, answer[:200], where=where)
    return root
