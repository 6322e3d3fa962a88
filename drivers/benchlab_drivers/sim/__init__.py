"""Simulated instruments: one module an instrument, each with ``make(clock, spec)``."""

from __future__ import annotations

import importlib
import pkgutil
from types import ModuleType

from benchlab import plugins
from benchlab.errors import UsageError

__all__ = ["simulator"]


def simulator(name: str) -> ModuleType:
    """Return the module that simulates the instrument of driver `name`.

    A driver of another package names it: ``SIMULATOR = "package.sim.module"``.

    Raises
    ------
    benchlab.errors.UsageError
        Where nothing simulates it; the message lists what there is.
    """
    known = []
    for info in pkgutil.iter_modules(__path__):
        if info.name.startswith("_"):
            continue
        module = importlib.import_module(f"{__name__}.{info.name}")
        if hasattr(module, "make"):
            if info.name == name:
                return module
            known.append(info.name)
    if name in plugins.names("drivers"):
        named = getattr(plugins.plugin("drivers", name), "SIMULATOR", "")
        if named:
            return importlib.import_module(named)
    raise UsageError(f"nothing simulates {name!r}.", remedy=f"Known: {', '.join(known)}.")
