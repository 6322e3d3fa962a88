"""Says which set point a chamber is to have that several tests share; pure.

The set point changes when all who share the chamber have asked for the same one. Tests that are not
going to ask for the same temperatures would wait for each other for ever: the later one is refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchlab.errors import ChannelBusy, Unsupported

__all__ = ["Member", "Sharing"]

SAME_KELVIN = 0.05
"""A chamber is set in tenths."""
Span = tuple[float, float]


@dataclass(slots=True)
class Member:
    """A test that shares the chamber.

    Attributes
    ----------
    points : tuple of float
        The temperatures that it is going to ask for, in degrees Celsius, each once, rising.
    span : (low, high)
        Between which its cell may stand.
    wish : float or None
        What it asked for last; None: nothing yet.
    """

    points: tuple[float, ...]
    span: Span
    wish: float | None = None


class Sharing:
    """Who shares one chamber, and what each wants of it.

    Parameters
    ----------
    able : (low, high)
        What the chamber can be set to, in degrees Celsius.

    Attributes
    ----------
    target : float or None
        What the chamber was set to last by somebody here.
    """

    def __init__(self, able: Span) -> None:
        self._able = able
        self.members: dict[str, Member] = {}
        self.target: float | None = None

    def refuse(self, channel: str, points: Sequence[float], span: Span) -> Member:
        """Return the member that a channel would be.

        Raises
        ------
        benchlab.errors.ChannelBusy
            It and one that is here would wait for each other for ever.
        benchlab.errors.Unsupported
            The chamber, or a cell in it, does not stand what it is going to ask for.
        """
        member = Member(tuple(sorted(set(points))), (float(span[0]), float(span[1])))
        for name, other in self.members.items():
            if name != channel and not _same(member.points, other.points):
                raise ChannelBusy(
                    f"channel {name} is in this chamber and asks for {_words(other.points)},"
                    f" this test for {_words(member.points)}; it was not started.",
                    where=f"channel {channel}",
                    remedy="Wait for it, take a channel of another chamber, or give both protocols"
                    " the same temperatures.",
                )
        low, high = self.span({**self.members, channel: member})
        for point in member.points:
            if not low <= point <= high:
                raise Unsupported(
                    f"the test asks for {point:g} degC; the chamber and the cells in it stand"
                    f" {low:g} to {high:g} degC.",
                    where=f"channel {channel}",
                    remedy="Change the protocol, or use another chamber.",
                )
        return member

    def join(self, channel: str, points: Sequence[float], span: Span) -> None:
        """Let a test share the chamber; one that comes back keeps what it had asked for.

        Raises
        ------
        benchlab.errors.BenchError
            As `refuse` says; nothing is changed.
        """
        before = self.members.get(channel)
        member = self.refuse(channel, points, span)
        if before is not None and before.points == member.points:
            member.wish = before.wish
        self.members[channel] = member

    def want(self, channel: str, celsius: float) -> None:
        """Take what a test asks for now.

        Raises
        ------
        benchlab.errors.ChannelBusy
            Another test waits for another temperature: neither would ever come.
        benchlab.errors.Unsupported
            It does not share the chamber, or never said that it would ask for this.
        """
        member = self.members.get(channel)
        if member is None or not any(_equal(celsius, point) for point in member.points):
            raise Unsupported(
                f"this test was not announced with {celsius:g} degC; nothing was set.",
                where=f"channel {channel}",
                remedy="Stop it, and start it again.",
            )
        for name, other in self.members.items():
            waits = other.wish is not None and not _equal(other.wish, self.target)
            conflicts = other.wish is not None and not _equal(other.wish, celsius)
            if name != channel and waits and conflicts and not _equal(celsius, self.target):
                raise ChannelBusy(
                    f"channel {name} waits for {other.wish:g} degC in this chamber; {celsius:g}"
                    " degC was not set.",
                    where=f"channel {channel}",
                    remedy="Stop one of the two: they ask for the same temperatures in another"
                    " order.",
                )
        member.wish = celsius

    def leave(self, channel: str) -> bool:
        """Let a test leave; say whether it was here."""
        return self.members.pop(channel, None) is not None

    def agreed(self) -> float | None:
        """Return what all have asked for; None: they have not asked for the same yet."""
        wishes = [member.wish for member in self.members.values()]
        first = wishes[0] if wishes else None
        if first is None or not all(_equal(wish, first) for wish in wishes):
            return None
        return first

    def waits_for(self, channel: str) -> tuple[str, ...]:
        """Return who keeps the chamber from what a channel asked for."""
        member = self.members.get(channel)
        if member is None or member.wish is None or _equal(member.wish, self.target):
            return ()
        mine = member.wish
        return tuple(k for k, other in self.members.items() if not _equal(other.wish, mine))

    def span(self, members: Mapping[str, Member] | None = None) -> Span:
        """Return between which temperatures the chamber and every cell in it may be."""
        low, high = self._able
        for member in (self.members if members is None else members).values():
            low, high = max(low, member.span[0]), min(high, member.span[1])
        return low, high

    def record(self) -> dict[str, Any]:
        """Return it as plain values, for `restore`."""
        members = {
            name: {"points": list(item.points), "span": list(item.span), "wish": item.wish}
            for name, item in self.members.items()
        }
        return {"target": self.target, "members": members}

    def restore(self, record: Mapping[str, Any]) -> None:
        """Stand as it was recorded."""
        target = record["target"]
        self.target = None if target is None else float(target)
        for name, facts in record["members"].items():
            wish = facts["wish"]
            low, high = facts["span"]
            self.members[str(name)] = Member(
                tuple(map(float, facts["points"])),
                (float(low), float(high)),
                None if wish is None else float(wish),
            )


def _equal(one: float | None, other: float | None) -> bool:
    return one is not None and other is not None and abs(one - other) < SAME_KELVIN


def _same(some: Sequence[float], others: Sequence[float]) -> bool:
    return len(some) == len(others) and all(map(_equal, some, others))


def _words(points: Sequence[float]) -> str:
    return ", ".join(f"{point:g}" for point in points) + " degC" if points else "none"
