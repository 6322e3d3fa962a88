"""What an export wrote, and where its data come from: what every format's writer needs."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from benchlab import __version__
from benchlab.model.run import Run

__all__ = ["Exported", "provenance", "provenance_lines"]


@dataclass
class Exported:
    """What was written.

    Attributes
    ----------
    files : list of Path
    left_out : list of str
        Columns that the format has no place for.
    notes : list of str
        What the user is to know.
    """

    files: list[Path] = field(default_factory=list)
    left_out: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def provenance(run: Run) -> dict[str, Any]:
    """Return where the data come from, as plain values: enough to find the run again."""
    return {
        "source": run.path.name,
        "state": run.state,
        "rows": len(run),
        "digest": run.meta.get("digest", ""),
        "exported_by": f"benchlab {__version__}",
        "cell": dict(run.cell),
        "instrument": dict(run.instrument),
        "protocol": {
            "name": run.protocol.name,
            "sha256": run.protocol.sha256,
            "text": run.protocol.text,
        },
        "meta": dict(run.meta),
        "corrections": [dict(record) for record in run.corrections],
        "events": list(run.events.records()),
    }


def provenance_lines(run: Run) -> Iterator[tuple[str, str]]:
    """Yield name and value of each thing in `provenance`, flat."""

    def flat(name: str, value: Any) -> Iterator[tuple[str, str]]:
        if isinstance(value, Mapping):
            for key, item in value.items():
                yield from flat(f"{name}.{key}" if name else str(key), item)
        elif isinstance(value, list):
            yield name, json.dumps(value, ensure_ascii=False)
        elif value not in (None, ""):
            yield name, str(value)

    facts = provenance(run)
    del facts["events"]
    yield from flat("", facts)
