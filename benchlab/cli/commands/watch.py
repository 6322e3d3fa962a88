"""Show what the channels of a bench do, as it happens; Ctrl-C ends the watching alone.

benchlab watch
benchlab watch 3 4
benchlab watch --json     one JSON object a line: snapshots, events, alarms, states
"""

from __future__ import annotations

import argparse
import json
from typing import TYPE_CHECKING, Any

from benchlab.cli.on_bench import add_bench, bench_of

if TYPE_CHECKING:
    from benchlab.client.live import Live

HELP = "watch the channels of a bench"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the command's words."""
    parser.add_argument("channels", nargs="*", metavar="CHANNEL", help="these alone")
    parser.add_argument("--for", type=float, dest="second", metavar="SECONDS", help="then end")
    add_bench(parser)


def run(arguments: argparse.Namespace) -> int:
    """Tell until the user ends it."""
    import threading

    with bench_of(arguments) as bench:
        live = bench.watch()
        timer = None
        if arguments.second is not None:
            timer = threading.Timer(arguments.second, live.close)
            timer.start()
        try:
            _tell(live, set(arguments.channels), as_json=arguments.json)
        except KeyboardInterrupt:
            pass
        finally:
            if timer is not None:
                timer.cancel()
            live.close()
    return 0


def _tell(live: Live, channels: set[str], *, as_json: bool) -> None:
    for message in live:
        if channels and message.get("channel") and message["channel"] not in channels:
            continue
        line = json.dumps(message) if as_json else _words(message, channels)
        if line:
            print(line, flush=True)


def _words(message: dict[str, Any], channels: set[str]) -> str:
    kind, name = message.get("tell"), message.get("channel", "")
    if kind == "hello":
        return "\n".join(
            f"{name:>4}  {facts.get('state', '')}  {facts.get('why', '')}".rstrip()
            for name, facts in message.get("channels", {}).items()
            if not channels or name in channels
        )
    if kind == "silent":
        return "the hub is silent; tests go on, and the watching when it is back"
    if kind == "snapshot":
        return f"{name:>4}  {_reading(message)}"
    if kind == "part":
        heard = "is heard again" if message.get("heard") else "is not heard"
        return f"      {message.get('part', '')} {heard}"
    if kind == "missed":
        return f"      {message.get('missed')} messages were missed"
    words = (message.get("kind"), message.get("state"), message.get("text"), message.get("why"))
    return f"{name:>4}  {kind}: " + "  ".join(str(word) for word in words if word)


def _reading(message: dict[str, Any]) -> str:
    parts = [f"{message.get('state', ''):<8}"]
    for key, unit, form in (
        ("test_time_second", "s", "10.1f"),
        ("voltage_volt", "V", "8.4f"),
        ("current_ampere", "A", "+10.5g"),
        ("surface_temperature_celsius", "degC", "6.2f"),
    ):
        value = message.get(key)
        if isinstance(value, int | float):
            parts.append(f"{value:{form}} {unit}")
    if "cycle_count" in message:
        parts.append(f"cycle {message['cycle_count']} step {message.get('step_count')}")
    if message.get("step_text"):
        parts.append(str(message["step_text"]))
    return "  ".join(parts)
