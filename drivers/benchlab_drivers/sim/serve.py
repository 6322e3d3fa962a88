"""Serves simulated instruments on ports of this machine, in this process, until told to stop.

A lock around each instrument: a second client may switch off while the first one lingers. A script
may let go wrong what goes wrong on real lines (`benchlab_drivers.sim.faults`).
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchlab.bench.clock import RealClock
from benchlab.bench.twin import TwinSpec
from benchlab.errors import UsageError
from benchlab_drivers.sim import simulator
from benchlab_drivers.sim._box import Box, Timers
from benchlab_drivers.sim._makers import Maker
from benchlab_drivers.sim._spoil_stream import SpoiledStream
from benchlab_drivers.sim.faults import Fault, read_faults
from benchlab_drivers.sim.world import make_world, place, read_world

__all__ = ["serve", "serve_world"]


def serve(
    driver: str, spec: TwinSpec, port: int = 0, *, pty: bool = False, faults: Path | None = None
) -> None:
    """Serve one until SIGTERM or SIGINT; print one line of JSON on stdout once ready.

    Parameters
    ----------
    driver : str
        Name of the simulator.
    port : int
        On 127.0.0.1; 0 takes a free one.
    pty : bool
        On a pseudo terminal in place of a port.
    faults : Path, optional
        A script; each of them that happens is one more line of JSON, up to 200.

    Raises
    ------
    benchlab.errors.UsageError
        No such driver or cell, or a script that cannot be carried out.
    benchlab.errors.LinkRefused
        The port is taken.
    """
    timers = Timers()
    module = simulator(driver)
    if hasattr(module, "serve_stream"):
        instrument = module.make(RealClock(), spec)
        spoiler = SpoiledStream(instrument, _script(faults, driver), driver)
        server = module.serve_stream(spoiler, None if pty else port)
        spoiler.drop = server.drop
        ready = {"driver": driver, "resource": server.resource, "cell": spec.cell_type}
        _until_told([server], ready, timers)
        return
    box = Box(driver, Maker(driver, RealClock(), spec), _script(faults, driver), timers)
    place(box, port, pty=pty)
    ready = {"driver": driver, "resource": box.port.resource, "cell": spec.cell_type}
    _until_told([box], ready, timers)


def serve_world(path: Path, faults: Path | None = None) -> None:
    """Serve the instruments of a world file until SIGTERM or SIGINT; print one line of JSON.

    Raises
    ------
    benchlab.errors.FileMissing, benchlab.errors.UsageError, benchlab.errors.LinkRefused
    """
    world = read_world(path)
    timers = Timers()
    boxes = make_world(world, RealClock(), _script(faults), timers)
    instruments = [
        {
            "name": item.name,
            "driver": item.driver,
            "resource": box.port.resource,
            "cells": list(item.cells),
        }
        for item, box in zip(world.instruments, boxes, strict=True)
    ]
    _until_told(boxes, {"instruments": instruments}, timers)


def _script(path: Path | None, only: str = "") -> list[Fault]:
    faults = [] if path is None else read_faults(path)
    for fault in faults:
        if only and fault.instrument not in ("", only):
            raise UsageError(
                f"there is no instrument '{fault.instrument}'.",
                where=fault.where,
                remedy=f"There is {only} alone; leave 'instrument' out.",
            )
    return faults


def _until_told(boxes: Sequence[Box], ready: dict[str, Any], timers: Timers) -> None:
    receive, send = socket.socketpair()
    with receive, send:

        def stop(*_: object) -> None:
            with contextlib.suppress(OSError):
                send.send(b"\0")

        for name in (signal.SIGTERM, signal.SIGINT):
            signal.signal(name, stop)
        for box in boxes:
            box.port.appear()
        timers.start()
        print(json.dumps({**ready, "pid": os.getpid()}), flush=True)
        receive.recv(1)
        for box in boxes:
            box.port.close()
