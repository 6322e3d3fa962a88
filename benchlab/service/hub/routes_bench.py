"""Requests about the bench: how it stands, and what its channels are asked to do."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Annotated, Any

from fastapi import APIRouter, Path, Request
from pydantic import BaseModel

from benchlab import __version__
from benchlab.errors import BenchError, PartSilent
from benchlab.service.bench_file import BenchFile
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.hub import bodies
from benchlab.service.hub.parts import Parts
from benchlab.service.lines import facts_of
from benchlab.store.space import free_bytes

__all__ = ["bench_routes", "bench_status"]

Channel = Annotated[str, Path(max_length=40)]
AT_ONCE = 16


def bench_status(folder: BenchFolder, bench: BenchFile, parts: Parts) -> dict[str, Any]:
    """Return how a bench stands: its channels, devices, parts, alarms and its disk."""
    data = folder.root / bench.data
    return {
        "bench": bench.name or folder.root.name,
        "version": __version__,
        "channels": parts.status(),
        "devices": parts.devices(),
        "parts": parts.parts(),
        "alarms": parts.alarms.standing(""),
        "free_bytes": free_bytes(str(data if data.is_dir() else folder.root)),
    }


def bench_routes(folder: BenchFolder, bench: BenchFile, parts: Parts) -> APIRouter:
    """Return the requests about a bench."""
    api = APIRouter(tags=["bench"])

    def ask(channel: str, do: str, request: Request, body: BaseModel) -> Mapping[str, Any]:
        content = body.model_dump()
        user = request.scope["benchlab.caller"].name
        if user and "operator" in content:
            content["operator"] = user
        return parts.ask(parts.of_channel(channel), do, channel=channel, **content)

    @api.get("/bench")
    def read_bench() -> dict[str, Any]:
        """Read how the bench stands."""
        return bench_status(folder, bench, parts)

    @api.get("/channels/{channel}")
    def read_channel(channel: Channel) -> dict[str, Any]:
        """Read how one channel stands."""
        parts.of_channel(channel)
        return parts.status()[channel]

    @api.post("/channels/{channel}/check")
    def check(channel: Channel, body: bodies.Check, request: Request) -> Mapping[str, Any]:
        """Make the named checks of a test on a channel, and start nothing."""
        return ask(channel, "check", request, body)

    @api.post("/channels/{channel}/start")
    def start(channel: Channel, body: bodies.Start, request: Request) -> Mapping[str, Any]:
        """Make every check at this instant, and start the test."""
        return ask(channel, "start", request, body)

    @api.post("/channels/{channel}/queue")
    def enqueue(channel: Channel, body: bodies.Enqueue, request: Request) -> Mapping[str, Any]:
        """Start a test when those before it on the channel are done."""
        return ask(channel, "enqueue", request, body)

    @api.post("/channels/{channel}/queue/{item}/remove")
    def unqueue(
        channel: Channel,
        item: Annotated[str, Path(max_length=100)],
        body: bodies.Operator,
        request: Request,
    ) -> Mapping[str, Any]:
        """Take a test out of the queue."""
        named = _Item(**body.model_dump(), item=item)
        return ask(channel, "unqueue", request, named)

    @api.post("/channels/{channel}/queue/{item}/move")
    def move(
        channel: Channel,
        item: Annotated[str, Path(max_length=100)],
        body: bodies.Move,
        request: Request,
    ) -> Mapping[str, Any]:
        """Put a test that waits behind those that wait on another channel."""
        named = _Moved(**body.model_dump(), item=item)
        here, there = parts.of_channel(channel), parts.of_channel(body.to)
        if here == there:
            return ask(channel, "move", request, named)
        order = ask(channel, "leave", request, named)["order"]
        operator = request.scope["benchlab.caller"].name or body.operator
        taken = {**order, "operator": operator, "channel": body.to}
        try:
            told = parts.ask(there, "enqueue", **taken)
        except PartSilent:  # it may have taken it: what is left here says where to look
            raise
        except BenchError:
            parts.ask(here, "leave", channel=channel, item=item, to="", operator=operator)
            raise
        ask(channel, "unqueue", request, _Item(operator=operator, item=item))
        return told

    @api.post("/channels/{channel}/stop")
    def stop(channel: Channel, body: bodies.Stop, request: Request) -> Mapping[str, Any]:
        """Open the circuit now; the answer says whether the output is proven off."""
        return ask(channel, "stop", request, body)

    @api.post("/channels/{channel}/pause")
    def pause(channel: Channel, body: bodies.Operator, request: Request) -> Mapping[str, Any]:
        """Open the circuit and keep the place."""
        return ask(channel, "pause", request, body)

    @api.post("/channels/{channel}/resume")
    def resume(channel: Channel, body: bodies.Operator, request: Request) -> Mapping[str, Any]:
        """Look at the cell again and go on."""
        return ask(channel, "resume", request, body)

    @api.post("/channels/{channel}/skip")
    def skip(channel: Channel, body: bodies.Operator, request: Request) -> Mapping[str, Any]:
        """End the step under way."""
        return ask(channel, "skip", request, body)

    @api.post("/channels/{channel}/stop_after")
    def stop_after(channel: Channel, body: bodies.StopAfter, request: Request) -> Mapping[str, Any]:
        """Stop when this step or cycle is over."""
        return ask(channel, "stop_after", request, body)

    @api.post("/channels/{channel}/add_cycles")
    def add_cycles(channel: Channel, body: bodies.AddCycles, request: Request) -> Mapping[str, Any]:
        """Add rounds to the repeat under way."""
        return ask(channel, "add_cycles", request, body)

    @api.post("/channels/{channel}/answer")
    def answer(channel: Channel, body: bodies.Answer, request: Request) -> Mapping[str, Any]:
        """Answer the operator's step under way."""
        return ask(channel, "answer", request, body)

    @api.post("/stop")
    def stop_all(body: bodies.Stop, request: Request) -> dict[str, Any]:
        """Open the circuit of every channel that is not idle, all at once."""
        return _each(list(bench.channels), lambda name: ask(name, "stop", request, body))

    @api.post("/batch")
    def batch(body: bodies.Batch, request: Request) -> dict[str, Any]:
        """Start one protocol on many channels; a channel that refuses does not hold up another."""
        starts = {row.channel: _start_of(body, row) for row in body.rows}
        return _each(list(starts), lambda name: ask(name, "start", request, starts[name]))

    @api.get("/alarms")
    def alarms() -> dict[str, Any]:
        """List every alarm that nobody has acknowledged; those of no channel stand under ""."""
        status = parts.status()
        found = {name: facts.get("alarms", []) for name, facts in status.items()}
        return {"": parts.alarms.standing(""), **found}

    @api.post("/alarms/{alarm}/acknowledge")
    def acknowledge_of_bench(
        alarm: Annotated[str, Path(max_length=100)], body: bodies.Acknowledge, request: Request
    ) -> Mapping[str, Any]:
        """Say that an alarm of no channel is known."""
        user = request.scope["benchlab.caller"].name
        known = parts.alarms.acknowledge("", alarm, user or body.operator)
        parts.publish({"tell": "alarm", **known}, "")
        return {"alarms": parts.alarms.standing("")}

    @api.post("/channels/{channel}/alarms/{alarm}/acknowledge")
    def acknowledge(
        channel: Channel,
        alarm: Annotated[str, Path(max_length=100)],
        body: bodies.Acknowledge,
        request: Request,
    ) -> Mapping[str, Any]:
        """Say that an alarm is known."""
        named = _Alarm(**body.model_dump(), alarm=alarm)
        return ask(channel, "acknowledge", request, named)

    return api


class _Item(bodies.Operator):
    item: str


class _Moved(bodies.Move):
    item: str


class _Alarm(bodies.Operator):
    alarm: str


def _start_of(batch: bodies.Batch, row: bodies.BatchRow) -> bodies.Start:
    return bodies.Start(
        operator=batch.operator,
        protocol=batch.protocol,
        protocol_name=batch.protocol_name,
        cell=row.cell,
        name=row.name,
    )


def _each(names: list[str], do: Any) -> dict[str, Any]:
    """Do something for each name, at once, and return what became of each."""

    def one(name: str) -> dict[str, Any]:
        try:
            return {"ok": do(name)}
        except BenchError as error:
            return {"error": facts_of(error)}

    with ThreadPoolExecutor(min(len(names), AT_ONCE)) as pool:
        return dict(zip(names, pool.map(one, names), strict=True))
