"""Serves a simulated instrument on a TCP port of this machine, in this process, until told to stop.

One thread a connection, one lock around the instrument: a second client may switch off while the
first one lingers. Requests and replies may be split anywhere; a client that vanishes ends only its
own thread.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import threading
from typing import Protocol

from benchlab.bench.clock import RealClock
from benchlab.bench.twin import TwinSpec
from benchlab.errors import LinkRefused
from benchlab_drivers.sim import simulator

__all__ = ["serve"]

LONGEST_LINE = 1 << 20
"""A line without an end is dropped with its client."""


class Exchanger(Protocol):
    """A simulated instrument as the server needs it; requests are lines.

    One with other requests has a method ``request_length(pending)``: the length of the first, or 0
    while it is incomplete.
    """

    def exchange(self, request: bytes) -> bytes:
        """Carry out whole lines and return the reply bytes."""


def serve(driver: str, spec: TwinSpec, port: int = 0) -> None:
    """Serve until SIGTERM or SIGINT; print one line of JSON on stdout once ready.

    Parameters
    ----------
    driver : str
        Name of the simulator.
    port : int
        On 127.0.0.1; 0 takes a free one.

    Raises
    ------
    benchlab.errors.UsageError
        No such driver or cell.
    benchlab.errors.LinkRefused
        The port is taken.
    """
    instrument = simulator(driver).make(RealClock(), spec)
    stop_receive, stop_send = socket.socketpair()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    with listener, stop_receive, stop_send:
        if os.name == "posix":  # elsewhere it would let two servers share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind(("127.0.0.1", port))
        except (OSError, OverflowError) as error:
            raise LinkRefused(
                f"port {port} cannot be served: {error}.", remedy="Choose another, or 0."
            ) from error
        listener.listen()

        def stop(*_: object) -> None:
            with contextlib.suppress(OSError):
                stop_send.send(b"\0")

        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, stop)
        address = f"TCPIP::127.0.0.1::{listener.getsockname()[1]}::SOCKET"
        ready = {"driver": driver, "resource": address, "pid": os.getpid(), "cell": spec.cell_type}
        print(json.dumps(ready), flush=True)
        acceptor = threading.Thread(target=_accept, args=(listener, instrument), daemon=True)
        acceptor.start()
        stop_receive.recv(1)


def _accept(listener: socket.socket, instrument: Exchanger) -> None:
    lock = threading.Lock()
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return  # the listener was closed
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        threading.Thread(target=_converse, args=(connection, instrument, lock), daemon=True).start()


def _converse(connection: socket.socket, instrument: Exchanger, lock: threading.Lock) -> None:
    pending = b""
    measure = getattr(instrument, "request_length", _line_length)
    with connection:
        while True:
            try:
                received = connection.recv(65536)
            except OSError:
                return
            if not received:
                return
            pending += received
            while (length := measure(pending)) > 0:
                request, pending = pending[:length], pending[length:]
                with lock:
                    reply = instrument.exchange(request)
                if reply:
                    try:
                        connection.sendall(reply)
                    except OSError:
                        return
            if len(pending) > LONGEST_LINE:
                return


def _line_length(pending: bytes) -> int:
    """Return the length of the first request, or 0 while it is incomplete."""
    return pending.find(b"\n") + 1
