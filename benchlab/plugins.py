"""Plug-ins by entry point: one line a package, and each module of that package is one plug-in."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from importlib.metadata import entry_points
from types import ModuleType

from benchlab.errors import SetupError, UsageError

__all__ = ["names", "plugin"]


def _packages(group: str) -> Iterator[str]:
    for entry in entry_points(group=f"benchlab.{group}"):
        yield entry.value


def names(group: str) -> dict[str, str]:
    """Return the plug-in modules of a group by short name; nothing but the package is imported.

    Parameters
    ----------
    group : {"drivers", "analyses", "commands"}
    """
    found: dict[str, str] = {}
    for package_name in _packages(group):
        package = importlib.import_module(package_name)
        for info in pkgutil.iter_modules(package.__path__):
            if not info.ispkg and not info.name.startswith("_"):
                found[info.name] = f"{package_name}.{info.name}"
    return dict(sorted(found.items()))


def plugin(group: str, name: str) -> ModuleType:
    """Import one plug-in.

    Raises
    ------
    benchlab.errors.UsageError
        Where there is none of that name; the message lists those there are.
    benchlab.errors.SetupError
        Where it needs a package that is not installed.
    """
    known = names(group)
    if name not in known:
        raise UsageError(
            f"among the {group} there is no {name!r}.", remedy=f"Known: {', '.join(known)}."
        )
    try:
        return importlib.import_module(known[name])
    except ModuleNotFoundError as missing:
        if (missing.name or "").startswith("benchlab"):
            raise  # a part of our own that is missing is a bug, and nothing to install
        raise SetupError(
            f"{name} needs the package {missing.name!r}, which is not installed.",
            remedy=f"Install it: pip install {missing.name}",
        ) from missing
