"""Analyses: pure functions from tables to tables, one module an analysis."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from benchlab_analysis.cycles import CycleTable, cycle_table
    from benchlab_analysis.fade import FadeRate, fade_rate

__all__ = ["CycleTable", "FadeRate", "cycle_table", "fade_rate"]

_HOMES = {
    "CycleTable": "cycles",
    "cycle_table": "cycles",
    "FadeRate": "fade",
    "fade_rate": "fade",
}


def __getattr__(name: str) -> Any:
    """Import an analysis when it is first asked for, so that `benchlab --help` stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
