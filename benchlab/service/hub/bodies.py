"""What requests to the hub may hold; anything else in them is refused."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

__all__ = [
    "Acknowledge",
    "AddCycles",
    "Answer",
    "Batch",
    "BatchRow",
    "Check",
    "Enqueue",
    "Move",
    "Operator",
    "Start",
    "Stop",
    "StopAfter",
]

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]
Text = Annotated[str, Field(max_length=1_000_000)]


class _Body(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Operator(_Body):
    """Who does it; a user's own token says who, whatever stands here."""

    operator: Name


class Check(_Body):
    """A protocol and a cell, as YAML texts."""

    protocol: Text
    protocol_name: Annotated[str, Field(max_length=200)] = "protocol.yaml"
    cell: Text = ""


class Start(Check, Operator):
    """A test: what is to be run on which cell, into which file.

    `name` is the file's, without folder and ending; empty: made from cell, protocol and date.
    """

    name: Annotated[str, StringConstraints(pattern=r"^[\w .+()-]{0,120}$")] = ""
    waive: Annotated[list[Name], Field(max_length=20)] = []


class Enqueue(Start):
    """A test that begins when the channel's tests before it are done."""


class Stop(Operator):
    """Open the circuit; `close`: the file is closed, too, and the test is over."""

    close: bool = False


class Move(Operator):
    """A test that waits goes behind those that wait on another channel."""

    to: Name


class StopAfter(Operator):
    """Stop when the step, or the cycle, under way is over."""

    what: Literal["step", "cycle"]


class AddCycles(Operator):
    """More rounds of the outermost repeat that counts cycles."""

    count: Annotated[int, Field(ge=1, le=100_000)]


class Answer(Operator):
    """What the operator's step asks for."""

    values: dict[Name, Annotated[str, Field(max_length=1000)]] = {}


class Acknowledge(Operator):
    """An alarm is known; what it says of the bench stays true until it is mended."""


class BatchRow(_Body):
    """One channel of a batch."""

    channel: Name
    cell: Text = ""
    name: Annotated[str, StringConstraints(pattern=r"^[\w .+()-]{0,120}$")] = ""


class Batch(Operator):
    """One protocol for many cells: each starts, or says why it does not."""

    protocol: Text
    protocol_name: Annotated[str, Field(max_length=200)] = "protocol.yaml"
    rows: Annotated[list[BatchRow], Field(min_length=1, max_length=512)]
