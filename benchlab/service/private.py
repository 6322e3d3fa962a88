"""Sockets that one user of this computer alone may call: Unix sockets, or loopback with a key."""

from __future__ import annotations

import hmac
import os
import secrets
import socket
import stat
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from benchlab.platform import private_folder

__all__ = ["admit", "call_private", "listen_private", "still_listens"]


def listen_private(
    folder: str | os.PathLike[str], name: str, *, over_tcp: bool = sys.platform == "win32"
) -> tuple[socket.socket, str]:
    """Listen where only this user may call; return the socket and its address.

    A Unix socket in a folder of mode 0700; on Windows a loopback port with a key in the address.
    """
    private_folder(folder)
    if over_tcp:
        server = socket.create_server(("127.0.0.1", 0), backlog=64)
        return server, f"tcp:127.0.0.1:{server.getsockname()[1]}:{secrets.token_hex(32)}"
    server = socket.socket(socket.AF_UNIX)
    path = os.path.join(os.path.abspath(folder), f"{name}.sock")
    # in its place at one stroke, and only once it listens: no caller finds it half made
    beside = f"{path}.{os.getpid()}"
    try:
        with suppress(FileNotFoundError):
            os.unlink(beside)
        with _short(beside) as short:
            server.bind(short)
        server.listen(64)
        os.replace(beside, path)
    except BaseException:
        server.close()
        raise
    return server, f"unix:{path}"


def call_private(address: str, patience_second: float) -> socket.socket:
    """Return a connection to an address of `listen_private`.

    Raises
    ------
    OSError
        Nobody listens there.
    """
    if address.startswith("tcp:"):
        _, host, port, key = address.split(":")
        line = socket.create_connection((host, int(port)), timeout=patience_second)
        line.sendall(f"{key}\n".encode())
        return line
    line = socket.socket(socket.AF_UNIX)
    try:
        line.settimeout(patience_second)
        end = time.monotonic() + patience_second
        with _short(address.removeprefix("unix:")) as short:
            while True:
                try:
                    line.connect(short)
                    break
                except BlockingIOError:  # many call at once: there is no waiting in this queue
                    if time.monotonic() > end:
                        raise
                    time.sleep(0.002)
    except BaseException:
        line.close()
        raise
    return line


def admit(line: socket.socket, address: str) -> bool:
    """Say whether a caller at an address of ours may be heard: this user, or who knows the key."""
    if address.startswith("tcp:"):
        key = address.rpartition(":")[2].encode() + b"\n"
        said = b""
        while len(said) < len(key):
            part = line.recv(len(key) - len(said))
            if not part:
                return False
            said += part
        return hmac.compare_digest(said, key)
    if sys.platform == "linux":
        who = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, struct.calcsize("3i"))
        return struct.unpack("3i", who)[1] in (0, os.geteuid())
    return True  # the folder's mode keeps everybody else out


def still_listens(server: socket.socket, address: str) -> bool:
    """Say whether callers still find a socket of `listen_private`: its file may be removed."""
    if address.startswith("tcp:"):
        return True
    try:
        return stat.S_ISSOCK(os.stat(address.removeprefix("unix:")).st_mode)
    except OSError:
        return False


@contextmanager
def _short(path: str) -> Iterator[str]:
    """Give a name of at most 107 bytes, all that the address of a socket may have."""
    if len(os.fsencode(path)) <= 100 or sys.platform != "linux":
        yield path
        return
    folder = os.open(os.path.dirname(path), os.O_PATH)
    try:
        yield f"/proc/self/fd/{folder}/{os.path.basename(path)}"
    finally:
        os.close(folder)
