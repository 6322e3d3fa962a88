"""Several simulated instruments in one process that share cells, their air and the clock.

```yaml
ideal: yes
cells:
  a: {type: nmc811_graphite_pouch, capacity: 0.2 Ah}
instruments:
  - {driver: keithley2450, cell: a, port: 5025}
  - {driver: keithley_daq6510, cell: a}
  - {driver: espec_p300, cell: a, wire: pty}
```

A cell has at most one source, one chamber and one relay in its lead; a chamber may stand around
several cells (``cells: [a, b]``).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchlab.bench.clock import Clock
from benchlab.bench.twin import TwinSpec
from benchlab.errors import UsageError
from benchlab.model.quantity import amount
from benchlab.model.yaml_text import Node, load_text, read_yaml
from benchlab_drivers.sim._box import Box, Timers
from benchlab_drivers.sim._makers import Maker, SharedCell
from benchlab_drivers.sim._ports import PtyPort, TcpPort
from benchlab_drivers.sim.faults import Fault

__all__ = ["Placed", "make_world", "parse_world", "place", "read_world"]

CELL = frozenset({"type", "capacity", "fresh", "seed"})
INSTRUMENT = frozenset({"driver", "name", "cell", "cells", "port", "wire", "seed", "ideal"})
WORLD = frozenset({"cells", "instruments", "seed", "ideal"})


@dataclass(frozen=True, slots=True)
class Placed:
    """One instrument of a world, and where in the file it stands."""

    name: str
    driver: str
    where: str
    cells: tuple[str, ...]
    seed: int = 0
    ideal: bool = False
    port: int = 0
    pty: bool = False


@dataclass(frozen=True, slots=True)
class World:
    """What a file says: cells by name, and instruments in its order."""

    cells: Mapping[str, TwinSpec]
    instruments: tuple[Placed, ...]


class _Reader:
    """Reads mappings; what is wrong is named with its line."""

    def __init__(self, source: str) -> None:
        self.source = source

    def wrong(self, node: Node, what: str, remedy: str) -> UsageError:
        return UsageError(what, where=f"{self.source}:{node.line}", remedy=remedy)

    def mapping(self, node: Node, allowed: frozenset[str]) -> dict[str, Node]:
        if not isinstance(node.value, dict):
            raise self.wrong(node, "expected a mapping.", f"It takes {_listed(allowed)}.")
        for word, value in node.value.items():
            if word not in allowed:
                raise self.wrong(value, f"found '{word}'.", f"Known: {_listed(allowed)}.")
        return node.value

    def text(self, node: Node) -> str:
        if not isinstance(node.value, str):
            raise self.wrong(node, "expected plain text.", "Write one value.")
        return node.value

    def names(self, node: Node) -> tuple[str, ...]:
        items = node.value if isinstance(node.value, list) else [node]
        return tuple(self.text(item) for item in items)

    def flag(self, node: Node | None, default: bool) -> bool:
        text = None if node is None else self.text(node)
        if node is not None and text not in ("yes", "no"):
            raise self.wrong(node, f"found '{text}'.", "Write yes or no.")
        return default if text is None else text == "yes"

    def count(self, node: Node | None, default: int, most: int) -> int:
        text = "" if node is None else self.text(node)
        if node is not None and not (text.isdecimal() and int(text) <= most):
            raise self.wrong(node, f"found '{text}'.", f"Write a whole number, at most {most}.")
        return int(text) if text else default

    def capacity(self, node: Node | None) -> float | None:
        if node is None:
            return None
        found = amount(self.text(node))
        if found is None or found.unit != "Ah" or found.of or not found.value > 0.0:
            raise self.wrong(node, f"found '{node.value}'.", "Write a capacity such as 0.2 Ah.")
        return found.value


def _listed(words: frozenset[str]) -> str:
    return ", ".join(sorted(words))


def read_world(path: Path) -> World:
    """Return what a world file says.

    Raises
    ------
    benchlab.errors.FileMissing
    benchlab.errors.UsageError
        With the line.
    """
    return parse_world(read_yaml(path, UsageError), path.name)


def parse_world(text: str, source: str) -> World:
    """Return what the text of a world file says; `source` is named in errors.

    Raises
    ------
    benchlab.errors.UsageError
    """
    read = _Reader(source)
    root = load_text(text, source, UsageError)
    world = read.mapping(root, WORLD)
    seed = read.count(world.get("seed"), 0, 1 << 31)
    ideal = read.flag(world.get("ideal"), False)
    listed = world.get("instruments")
    if listed is None or not isinstance(listed.value, list) or not listed.value:
        raise read.wrong(root, "there are no instruments.", "Write 'instruments:' with a list.")
    cells: dict[str, TwinSpec] = {}
    if "cells" in world:
        named = world["cells"]
        for name, node in read.mapping(named, frozenset(named.plain() or ())).items():  # type: ignore[call-overload]
            words = read.mapping(node, CELL)
            if "type" not in words:
                raise read.wrong(node, f"cell '{name}' has no type.", "Write type: TYPE.")
            cells[name] = TwinSpec(
                read.text(words["type"]),
                read.capacity(words.get("capacity")),
                read.count(words.get("seed"), seed, 1 << 31),
                ideal,
                read.flag(words.get("fresh"), False),
            )
    instruments: list[Placed] = []
    for node in listed.value:
        placed = _placed(read, node, seed, ideal, {item.name for item in instruments})
        for name in placed.cells:
            if name not in cells:
                raise read.wrong(node, f"there is no cell '{name}'.", "Name it under 'cells:'.")
        instruments.append(placed)
    return World(cells, tuple(instruments))


def _placed(read: _Reader, node: Node, seed: int, ideal: bool, taken: set[str]) -> Placed:
    words = read.mapping(node, INSTRUMENT)
    if "driver" not in words:
        raise read.wrong(node, "an instrument has no driver.", "Write driver: keithley2450.")
    driver = read.text(words["driver"])
    name = read.text(words["name"]) if "name" in words else driver
    if name in taken:
        raise read.wrong(node, f"two instruments are called '{name}'.", "Give each a name: NAME.")
    wire = read.text(words["wire"]) if "wire" in words else "tcp"
    if wire not in ("tcp", "pty"):
        raise read.wrong(words["wire"], f"found '{wire}'.", "Write tcp or pty.")
    if "/" in name:
        raise read.wrong(node, f"found the name '{name}'.", "Leave the slash out.")
    cells = [n for word in ("cell", "cells") if word in words for n in read.names(words[word])]
    return Placed(
        name=name,
        driver=driver,
        where=f"{read.source}:{node.line}",
        cells=tuple(cells),
        seed=read.count(words.get("seed"), seed, 1 << 31),
        ideal=read.flag(words.get("ideal"), ideal),
        port=read.count(words.get("port"), 0, 65535),
        pty=wire == "pty",
    )


class _Lead:
    """The lead to a cell that a relay breaks: the source's own contact."""

    def __init__(self, box: Box) -> None:
        self._box = box

    def take_cell_away(self) -> None:
        self._box.carry_out(lambda instrument: instrument.take_cell_away())

    def put_cell_back(self) -> None:
        self._box.carry_out(lambda instrument: instrument.put_cell_back())


def make_world(world: World, clock: Clock, faults: Sequence[Fault], timers: Timers) -> list[Box]:
    """Make the instruments of a world on their cells and ports, in the file's order.

    Raises
    ------
    benchlab.errors.UsageError, benchlab.errors.LinkRefused
    """
    known = {item.name for item in world.instruments}
    for fault in faults:
        if fault.instrument and fault.instrument not in known:
            raise UsageError(
                f"there is no instrument '{fault.instrument}'.",
                where=fault.where,
                remedy=f"There are {', '.join(sorted(known))}.",
            )
    cells = {name: SharedCell(clock, spec) for name, spec in world.cells.items()}
    boxes: dict[str, Box] = {}
    sources: dict[str, Box] = {}
    taken: set[tuple[str, str]] = set()
    makers = [(item, _maker(item, world, clock, cells)) for item in world.instruments]
    for item, maker in sorted(makers, key=lambda pair: pair[1].role != "source"):
        for name in item.cells:
            what = (item.driver if maker.role == "beside" else maker.role, name)
            if what in taken or (maker.role == "other" and _users(world, name) > 1):
                raise UsageError(
                    f"cell '{name}' cannot have {item.name} beside what it has.",
                    where=item.where,
                    remedy="One source, one chamber and one relay a cell; give it another cell.",
                )
            taken.add(what)
        if maker.role == "relay" and item.cells and item.cells[0] in sources:
            maker.contact = _Lead(sources[item.cells[0]])
        own = [fault for fault in faults if fault.instrument in ("", item.name)]
        box = boxes[item.name] = Box(item.name, maker, own, timers)
        if maker.role == "source":
            sources.update(dict.fromkeys(item.cells, box))
        place(box, item.port, pty=item.pty)
    return [boxes[item.name] for item in world.instruments]


def _users(world: World, cell: str) -> int:
    return sum(cell in item.cells for item in world.instruments)


def _maker(item: Placed, world: World, clock: Clock, cells: Mapping[str, Any]) -> Maker:
    first = next(iter(item.cells), None)
    like = world.cells[first] if first is not None else TwinSpec("nmc811_graphite_pouch")
    spec = TwinSpec(like.cell_type, like.capacity_ah, item.seed, item.ideal, like.fresh)
    try:
        return Maker(item.driver, clock, spec, [cells[name] for name in item.cells])
    except UsageError as error:
        raise UsageError(error.what, where=item.where, remedy=error.remedy) from error


def place(box: Box, port: int = 0, *, pty: bool = False) -> None:
    """Give an instrument its TCP port or pty; nothing is served yet.

    Raises
    ------
    benchlab.errors.LinkRefused, benchlab.errors.SetupError
    """
    box.port = PtyPort(box, box.name) if pty else TcpPort(box, port)
