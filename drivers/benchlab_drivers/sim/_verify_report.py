"""Keeps and shows how a real instrument differs from its simulated twin."""

from __future__ import annotations

import argparse
import json
import statistics
from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from benchlab import __version__
from benchlab.errors import FileExists, FindingsFound, StorageError, UsageError
from benchlab_drivers.sim._verify import BOUND_VOLT, Verified, verify

if TYPE_CHECKING:
    from benchlab_drivers.sim._compare import Compared

__all__ = ["record", "verify_and_report"]


def verify_and_report(args: argparse.Namespace) -> int:
    """Compare, write the file, print the table; return 0 where nothing differs.

    Raises
    ------
    benchlab.errors.FindingsFound
        Something differs.
    benchlab.errors.FileExists, benchlab.errors.StorageError
    """
    path = args.out or Path(f"{args.name}.verify.json")
    bound = BOUND_VOLT if args.bound_volt is None else args.bound_volt
    if not bound >= BOUND_VOLT:
        raise UsageError(
            f"a bound of {bound:g} V cannot be told from nothing.",
            remedy=f"Give {BOUND_VOLT:g} V or more.",
        )
    if path.exists():
        raise FileExists(
            "there is a file already.", where=str(path), remedy="Choose another: --out FILE."
        )
    found = verify(
        args.name,
        args.against,
        channel=args.channel,
        connected=args.connected,
        bound_volt=bound,
    )
    try:
        with path.open("x", encoding="utf-8") as file:
            json.dump(record(found), file, indent=1)
            file.write("\n")
    except OSError as error:
        raise StorageError(
            f"the differences cannot be written ({error.strerror or error}).",
            where=str(path),
            remedy="Choose another place: --out FILE.",
        ) from error
    _show(found)
    print(f"kept in {path}")
    if found.differences:
        raise FindingsFound(
            f"the real instrument differs from the simulated one in {found.differences} places.",
            where=args.against,
            remedy=f"Report {path}: driver and simulator rest on manuals until then.",
        )
    return 0


def record(found: Verified) -> dict[str, Any]:
    """Return what is kept."""
    return {
        "driver": found.driver,
        "real": asdict(found.real),
        "benchlab": __version__,
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
        "differences": found.differences,
        "stages": [
            {"stage": name, "real": real, "twin": twin} for name, real, twin in found.stages
        ],
        "exchanges": [asdict(item) for item in found.compared],
    }


def _median_ms(items: list[Compared], which: str) -> str:
    seconds = [getattr(item, which) for item in items if getattr(item, which) is not None]
    return f"{statistics.median(seconds) * 1e3:.1f} ms" if seconds else "none"


def _show(found: Verified) -> None:
    from rich.console import Console
    from rich.markup import escape
    from rich.table import Table

    table = Table("asked", "real", "simulated", "difference")
    for name, real, twin in found.stages:
        table.add_row(f"({name})", real, twin, "" if real == twin else "ended otherwise")
    table.add_section()
    for item in found.compared:
        if item.differences:
            row = (item.request, item.real or "", item.twin or "", "\n".join(item.differences))
            table.add_row(*map(escape, row))
    console = Console()
    console.print(table)
    console.print(
        f"{len(found.compared)} exchanges, {found.differences} differences; median time of an"
        f" answer {_median_ms(found.compared, 'real_second')}, simulated"
        f" {_median_ms(found.compared, 'twin_second')}",
        highlight=False,
    )
