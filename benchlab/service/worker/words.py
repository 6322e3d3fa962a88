"""The words of a worker: what each asks for, and of which channel."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from benchlab.bench import commands
from benchlab.bench.guard import Trip
from benchlab.errors import FileMissing, UsageError
from benchlab.service.control import Word
from benchlab.service.worker.order import order_from
from benchlab.service.worker.seat import Seat

if TYPE_CHECKING:
    from benchlab.service.worker.process import WorkerProcess

__all__ = ["words_of"]

MOST_STILL_SECOND = 30.0
"""A run's thread that has not moved for so long hangs: every wait of it is in shorter slices."""
Request = Mapping[str, Any]


def words_of(worker: WorkerProcess) -> dict[str, Word]:
    """Return what a worker can be asked."""

    def seat(request: Request) -> Seat:
        name = request.get("channel")
        found = worker.seats.get(name) if isinstance(name, str) else None
        if found is None:
            raise FileMissing(
                f"this worker has no channel {str(name)[:40]!r}.",
                where=worker.shop.name,
                remedy=f"It has {', '.join(worker.seats)}.",
            )
        return found

    def command(
        make: Callable[[Request, str], commands.Command], *kinds: str
    ) -> Callable[[Request], Mapping[str, Any]]:
        def ask(request: Request) -> Mapping[str, Any]:
            return seat(request).command(make(request, _operator(request)), set(kinds))

        return ask

    def status(_: Request) -> Mapping[str, Any]:
        return {"channels": {name: item.status() for name, item in worker.seats.items()}}

    def ping(_: Request) -> Mapping[str, Any]:
        runs = {
            name: {"age": round(item.life.still_second, 3), "bound": MOST_STILL_SECOND}
            for name, item in worker.seats.items()
            if item.standing.active
        }
        return {"runs": runs}

    def move(request: Request) -> Mapping[str, Any]:
        there = worker.seats.get(_text(request, "to"))
        if there is None:
            raise UsageError(
                f"channel {_text(request, 'to')[:40]!r} is not of this worker; nothing was moved.",
                where=worker.shop.name,
                remedy="leave here, enqueue there, unqueue here: the hub does so.",
            )
        here, item = seat(request), _text(request, "item")
        order = here.queue.leave(item, there.name)["order"]
        try:
            told = there.enqueue(order_from({**order, "operator": _operator(request)}))
        except BaseException:
            here.queue.leave(item, "")
            raise
        here.queue.remove(item)
        return told

    def trip(request: Request) -> Mapping[str, Any]:
        channels = request.get("channels")
        names = [str(name) for name in channels] if isinstance(channels, list) else []
        seen = Trip(_text(request, "cause"), "bench")
        return {
            "tripped": [
                name for name in names if name in worker.seats and worker.seats[name].trip(seen)
            ]
        }

    def down(_: Request) -> Mapping[str, Any]:
        worker.down()
        return {}

    def unqueue(request: Request) -> Mapping[str, Any]:
        told = seat(request).queue.remove(_text(request, "item"))
        seat(request).event("unqueue", _operator(request), f"test {told['item']}")
        return told

    slow, asks = {"slow": True}, {"slow": True, "changes": True}
    return {
        "status": Word(status),
        "ping": Word(ping),
        "check": Word(lambda request: seat(request).check(order_from(request)), **slow),
        "start": Word(lambda request: seat(request).start(order_from(request)), **asks),
        "stop": Word(
            lambda request: seat(request).stop(
                _operator(request), closes=request.get("close") is True
            ),
            **asks,
        ),
        "pause": Word(
            command(lambda _, name: commands.Pause(name), "pause", "pause_asked"), **asks
        ),
        "resume": Word(lambda request: seat(request).resume(_operator(request)), **asks),
        "skip": Word(command(lambda _, name: commands.Skip(name), "skip"), **asks),
        "stop_after": Word(
            command(lambda r, name: commands.StopAfter(_what(r), name), "stop_after"), **asks
        ),
        "add_cycles": Word(
            command(lambda r, name: commands.AddCycles(_count(r), name), "add_cycles"), **asks
        ),
        "answer": Word(
            command(lambda r, name: commands.Answer(_values(r), name), "answer"), **asks
        ),
        "enqueue": Word(lambda request: seat(request).enqueue(order_from(request)), **asks),
        "unqueue": Word(unqueue, **asks),
        "leave": Word(
            lambda request: seat(request).queue.leave(
                _text(request, "item"), str(request.get("to", ""))
            ),
            **asks,
        ),
        "move": Word(move, **asks),
        "acknowledge": Word(
            lambda request: seat(request).acknowledge(_text(request, "alarm"), _operator(request)),
            **asks,
        ),
        "trip": Word(trip, changes=True),
        "down": Word(down, **asks),
    }


def _operator(request: Request) -> str:
    return str(request["operator"]).strip()


def _text(request: Request, name: str) -> str:
    value = request.get(name)
    if not isinstance(value, str) or not value:
        raise UsageError(f"no {name} was named; nothing was done.", remedy=f"Add {name}.")
    return value


def _what(request: Request) -> str:
    what = request.get("what")
    if what not in ("step", "cycle"):
        raise UsageError(
            f"found what = {str(what)[:20]!r}; nothing was done.", remedy="Say step or cycle."
        )
    return str(what)


def _count(request: Request) -> int:
    count = request.get("count")
    if not isinstance(count, int) or isinstance(count, bool) or not 1 <= count <= 100_000:
        raise UsageError(
            f"found count = {str(count)[:20]!r}; nothing was done.", remedy="Say 1 to 100000."
        )
    return count


def _values(request: Request) -> dict[str, str]:
    values = request.get("values", {})
    good = isinstance(values, dict) and all(isinstance(value, str) for value in values.values())
    if not good:
        raise UsageError(
            "the values of an answer are texts by name; nothing was done.",
            remedy='Send for example {"values": {"mass": "4.2 g"}}.',
        )
    return dict(values)
