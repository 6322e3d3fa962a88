"""The benches of this user by name, so that a command finds them from anywhere."""

from __future__ import annotations

import os
import sys
from contextlib import suppress
from pathlib import Path

import yaml

from benchlab.errors import FileMissing, StorageError
from benchlab.platform import replace_file
from benchlab.service.bench_folder import BenchFolder

__all__ = ["bench_named", "benches_file", "known_benches", "remember_bench"]


def benches_file() -> Path:
    """Return where the names are kept: ``BENCHLAB_CONFIG``, else the user's own settings."""
    given = os.environ.get("BENCHLAB_CONFIG")
    if given:
        return Path(given) / "benches.yaml"
    if sys.platform == "win32":
        base = Path(os.environ.get("APPDATA") or Path.home() / "AppData" / "Roaming")
    elif sys.platform == "darwin":
        base = Path.home() / "Library" / "Application Support"
    else:
        base = Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    return base / "benchlab" / "benches.yaml"


def known_benches() -> dict[str, Path]:
    """Return the file of each bench by its name; what is damaged is left out."""
    with suppress(OSError, yaml.YAMLError, UnicodeDecodeError):
        found = yaml.safe_load(benches_file().read_text("utf-8"))
        if isinstance(found, dict):
            return {str(name): Path(str(place)) for name, place in found.items()}
    return {}


def remember_bench(name: str, folder: BenchFolder) -> None:
    """Keep a bench under a name, in the place of one that had it before.

    Raises
    ------
    benchlab.errors.StorageError
    """
    known = {key: str(place) for key, place in known_benches().items()}
    if known.get(name) == str(folder.file):
        return
    known[name] = str(folder.file)
    place = benches_file()
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        replace_file(place, yaml.safe_dump(known, allow_unicode=True).encode())
    except OSError as error:
        raise StorageError(
            f"the bench's name cannot be kept ({error.strerror}); it runs all the same.",
            where=str(place),
            remedy="Name the bench by its folder, or make that folder writable.",
        ) from error


def bench_named(word: str) -> BenchFolder:
    """Return the bench that a word means: a folder, a bench.yaml, a name; empty: the one here.

    Raises
    ------
    benchlab.errors.FileMissing
    """
    if word and not Path(word).expanduser().exists():
        known = known_benches()
        if word in known:
            return BenchFolder(known[word])
        raise FileMissing(
            "there is no bench of this name, and no such folder.",
            where=word[:200],
            remedy=f"Known by name: {', '.join(known) or 'none; benchlab up keeps the name'}.",
        )
    folder = BenchFolder(Path(word or "."))
    if not folder.file.is_file():
        known = known_benches()
        if not word and len(known) == 1:
            return BenchFolder(next(iter(known.values())))
        raise FileMissing(
            "there is no such file.",
            where=str(folder.file),
            remedy="Go to the bench's folder, or name it with --bench"
            + (f": {', '.join(known)}." if known else "."),
        )
    return folder
