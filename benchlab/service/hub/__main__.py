"""The hub's process: ``python -m benchlab.service.hub BENCH``, started by the supervisor."""

from __future__ import annotations

import ipaddress
import socket
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import uvicorn

from benchlab.errors import BenchError, SetupError
from benchlab.service.bench_entries import HubEntry
from benchlab.service.bench_file import BenchFile, read_bench
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.control import ControlServer, Word
from benchlab.service.hub.app import make_app
from benchlab.service.hub.mailbox import Fanout
from benchlab.service.hub.parts import Parts
from benchlab.service.hub.routes_bench import bench_routes, bench_status
from benchlab.service.hub.routes_runs import Library, run_routes
from benchlab.service.hub.tokens import Doorkeeper, make_token
from benchlab.service.supervisor.starting import start_where_missing

__all__ = ["main"]

SUPERVISOR_SECOND = 0.25
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(words: list[str]) -> int:
    """Serve until told to end; return the exit code."""
    folder = BenchFolder(Path(words[0]))
    try:
        folder.make()
        bench = read_bench(folder.file)
        _serve(folder, bench)
    except BenchError as error:
        sys.stderr.write(f"hub: {error}\n")
        return error.exit_code
    return 0


def _serve(folder: BenchFolder, bench: BenchFile) -> None:
    _claim = folder.claim("hub")  # held open for as long as this process is
    loopback = _check(bench.hub)
    doorkeeper = Doorkeeper(make_token(folder.token) if loopback else "", folder.own)
    data = folder.root / bench.data
    data.mkdir(parents=True, exist_ok=True)
    library = Library(data, folder.catalogue)
    fanout = Fanout()
    parts = Parts(folder, bench, fanout.publish)
    listening = _listen(bench.hub)
    port = listening.getsockname()[1]
    app = make_app(
        doorkeeper,
        (*LOOPBACK, *(name.lower() for name in bench.hub.names)),
        fanout,
        lambda: bench_status(folder, bench, parts),
        (bench_routes(folder, bench, parts), run_routes(library)),
    )
    secure = {"ssl_certfile": bench.hub.certificate, "ssl_keyfile": bench.hub.key}
    server = uvicorn.Server(
        uvicorn.Config(
            app,
            log_level="warning",
            access_log=False,
            server_header=False,
            ws="websockets",
            ws_max_size=65536,
            limit_concurrency=256,
            timeout_graceful_shutdown=2,
            **(secure if bench.hub.certificate else {}),  # type: ignore[arg-type]
        )
    )

    def down(_: Mapping[str, Any]) -> Mapping[str, Any]:
        server.should_exit = True
        return {}

    control = ControlServer(folder.sockets, "hub", "hub", {"down": Word(down, changes=True)})
    folder.tell_self("hub", "hub", control.address, url=_url(bench.hub, port))
    parts.start()
    over = threading.Event()

    def keep_supervisor() -> None:
        while not over.wait(SUPERVISOR_SECOND):
            with suppress(BenchError):
                start_where_missing(folder)

    threading.Thread(target=keep_supervisor, name="supervisor", daemon=True).start()
    threading.Thread(target=library.find, args=({},), name="catalogue", daemon=True).start()
    try:
        server.run(sockets=[listening])
    finally:
        over.set()
        control.close()
        parts.close()
        library.close()


def _check(hub: HubEntry) -> bool:
    """Return whether it listens on this computer alone; refuse to listen farther without TLS."""
    loopback = hub.address == "localhost"
    with suppress(ValueError):
        loopback = loopback or ipaddress.ip_address(hub.address).is_loopback
    if not loopback and not (hub.certificate and hub.key):
        raise SetupError(
            f"the hub is to listen at {hub.address}, which other computers reach, without a"
            " certificate: tokens would go over the net in the clear; it was not started.",
            where="bench.yaml: hub",
            remedy="Give certificate and key, or leave the address out.",
        )
    return loopback


def _listen(hub: HubEntry) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in hub.address else socket.AF_INET
        return socket.create_server((hub.address, hub.port), family=family, backlog=128)
    except OSError as error:
        raise SetupError(
            f"the hub cannot listen at {hub.address}:{hub.port} ({error.strerror}).",
            where="bench.yaml: hub",
            remedy="Choose another port, or end what listens there.",
        ) from error


def _url(hub: HubEntry, port: int) -> str:
    host = f"[{hub.address}]" if ":" in hub.address else hub.address
    return f"http{'s' if hub.certificate else ''}://{host}:{port}"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
