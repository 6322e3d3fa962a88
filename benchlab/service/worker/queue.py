"""What waits on a channel: put in, taken out, moved, and started when what was before is done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from benchlab.errors import ChannelBusy, UsageError
from benchlab.service.worker.life import Life
from benchlab.service.worker.named_checks import checked
from benchlab.service.worker.occupancy import refuse_taken, taking_a_cell
from benchlab.service.worker.order import Order, made, order_from
from benchlab.service.worker.standing import read_standing

__all__ = ["Queue"]

LONGEST = 1000


class Queue:
    """The queue of one channel, as its file holds it."""

    def __init__(self, life: Life) -> None:
        self._life = life

    def add(self, order: Order) -> dict[str, Any]:
        """Put an order behind those that wait; one that waits here already stays where it is.

        Raises
        ------
        benchlab.errors.BenchError
            It could not be started as things are, or its cell is elsewhere.
        """
        life = self._life
        found = made(order)
        order = replace(order, cell_id=found.cell.id, leaving="")
        with taking_a_cell(life.shop.folder), life.lock:
            standing = life.standing
            if order.item not in standing.items():
                refuse_taken(life.shop.folder, life.name, order)
                if len(standing.queue) >= LONGEST:
                    raise ChannelBusy(
                        f"{LONGEST} tests wait here already; nothing was added.",
                        where=f"channel {life.name}",
                        remedy="Take some out first.",
                    )
                standing.queue.append(order.record())
                life.save()
        return {"item": order.item, "queue": self.brief()}

    def brief(self) -> list[dict[str, Any]]:
        """Return what waits, without its texts."""
        return [order_from(item).brief() for item in self._life.standing.queue]

    def remove(self, item: str) -> dict[str, Any]:
        """Take an order out, and return it whole.

        Raises
        ------
        benchlab.errors.UsageError
            It does not wait here.
        """
        life = self._life
        with life.lock:
            order = self._find(item)
            life.standing.queue.remove(order)
            life.save()
        return {"item": item, "order": order, "queue": self.brief()}

    def leave(self, item: str, to: str) -> dict[str, Any]:
        """Mark an order as on its way to another channel: it does not start here any more.

        An empty `to` takes the mark away. The order comes back whole, to be put in over there.

        Raises
        ------
        benchlab.errors.UsageError
        """
        life = self._life
        with life.lock:
            order = self._find(item)
            order["leaving"] = to
            life.save()
        return {"item": item, "order": dict(order), "queue": self.brief()}

    def next(self) -> Order | None:
        """Return what is to be started next, or None.

        What is on its way elsewhere is passed over; it goes once it has arrived there.
        """
        life = self._life
        with life.lock:
            for item in list(life.standing.queue):
                if not item.get("leaving"):
                    return order_from(item)
                there = read_standing(life.shop.folder.channels / f"{item['leaving']}.json")
                if item.get("item") in there.items():
                    life.standing.queue.remove(item)
            return None

    def start_next(self) -> None:
        """Begin the next order, where there is one.

        Raises
        ------
        benchlab.errors.BenchError
            It could not be started; it waits, and nothing behind it starts.
        """
        order = self.next()
        if order is None:
            return
        life = self._life
        life.begin(*checked(life, order))

    def _find(self, item: str) -> dict[str, Any]:
        for order in self._life.standing.queue:
            if order.get("item") == item:
                return order
        raise UsageError(
            f"no test {item[:40]!r} waits here; nothing was changed.",
            where=f"channel {self._life.name}",
            remedy="`status` lists the queue.",
        )
