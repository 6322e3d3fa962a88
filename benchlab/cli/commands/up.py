"""Start a bench: its supervisor, hub and workers; they outlive this terminal.

  benchlab up                the bench of this folder (bench.yaml)
  benchlab up lab3/          another one; from then on it is known by its name
  benchlab up --restart hub  start the hub anew, for example after an upgrade; tests go on

What runs already stays as it is. Tests that a dead worker left are gone on with, or held, as
bench.yaml says for their channels.
"""

from __future__ import annotations

import argparse

HELP = "start a bench"

PATIENCE_SECOND = 30.0


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("bench", nargs="?", default="", help="its folder, bench.yaml or name")
    parser.add_argument("--restart", choices=("hub",), help="end this part and start it anew")


def run(arguments: argparse.Namespace) -> int:
    """Start what is missing; return once everything answers."""
    import time
    from contextlib import suppress

    from benchlab.client.connecting import connect, who
    from benchlab.errors import PartSilent
    from benchlab.service.bench_file import read_bench
    from benchlab.service.benches import bench_named, remember_bench
    from benchlab.service.control_client import ask_once
    from benchlab.service.supervisor.plan import Hooks, Plan, write_plan
    from benchlab.service.supervisor.starting import start_where_missing, wait_for_parts

    folder = bench_named(arguments.bench)
    folder.make()
    bench = read_bench(folder.file)
    workers = tuple(bench.workers())
    name = bench.name or folder.root.name
    devices = bench.device_workers()
    write_plan(folder, Plan(workers, name, Hooks(**bench.hooks.model_dump()), devices))
    remember_bench(name, folder)
    start_where_missing(folder)
    if arguments.restart:
        ask_once(
            folder.address("supervisor"),
            "restart",
            patience_second=PATIENCE_SECOND,
            part=arguments.restart,
            operator=who(""),
        )
    end = time.monotonic() + PATIENCE_SECOND
    missing = wait_for_parts(folder, ["supervisor", "hub", *devices, *workers], PATIENCE_SECOND)
    if missing:
        raise PartSilent(
            f"{', '.join(missing)} does not run after {PATIENCE_SECOND:g} s; the others do.",
            where=str(folder.root),
            remedy=f"Look into {folder.logs}.",
        )
    with connect(folder.root) as client:
        while time.monotonic() < end:
            with suppress(PartSilent):  # a hub that has just begun may not answer yet
                states = {facts["state"] for facts in client.status()["channels"].values()}
                if "unreachable" not in states:
                    break
            time.sleep(0.05)
    hub = folder.part("hub")
    print(f"{name}: {len(workers)} workers, {len(devices)} devices, hub at", end=" ")
    print(hub.more.get("url", "") if hub is not None else "")
    return 0
