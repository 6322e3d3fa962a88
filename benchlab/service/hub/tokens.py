"""Who may talk to the hub: the owner's token in a file of mode 0600, and tokens of named users."""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import secrets
import sys
from base64 import b64decode
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from benchlab.errors import FileMissing, SetupError, StorageError, UsageError

__all__ = ["Caller", "Doorkeeper", "add_user", "make_token", "read_token", "remove_user"]

USERS = "users.json"


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks.

    Attributes
    ----------
    name : str
        Of the user whose token it is; empty: the owner of the bench, who says who he acts for.
    may_change : bool
        Whether anything but reading is heard.
    """

    name: str
    may_change: bool


def make_token(place: Path) -> str:
    """Return the token kept at `place`; made where there is none.

    Raises
    ------
    benchlab.errors.SetupError
        Others can read it.
    benchlab.errors.StorageError
    """
    try:
        descriptor = os.open(place, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        return read_token(place)
    except OSError as error:
        raise StorageError(
            f"the hub's token cannot be written ({error.strerror}).",
            where=str(place),
            remedy="Make the folder writable.",
        ) from error
    token = secrets.token_urlsafe(32)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        file.write(token + "\n")
        file.flush()
        os.fsync(file.fileno())
    return token


def read_token(place: Path) -> str:
    """Return the token kept at `place`.

    Raises
    ------
    benchlab.errors.FileMissing
        There is none: the bench was never started.
    benchlab.errors.SetupError
        Others can read it, or it is none.
    """
    try:
        _only_ours(place)
        token = place.read_text(encoding="ascii").strip()
    except FileNotFoundError:
        raise FileMissing(
            "there is no token of this bench.",
            where=str(place),
            remedy="Start the bench: benchlab up",
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise SetupError(
            f"the hub's token cannot be read ({error}).",
            where=str(place),
            remedy="Remove the file and start the hub again; it makes a new one.",
        ) from error
    if len(token) < 32:
        raise SetupError(
            "the file of the hub's token holds no token; nothing was started.",
            where=str(place),
            remedy="Remove the file and start the hub again; it makes a new one.",
        )
    return token


def add_user(folder: Path, name: str) -> str:
    """Return a new token for a named user; only its hash is kept.

    Raises
    ------
    benchlab.errors.UsageError
        No name, or one that is too long.
    """
    if not 0 < len(name.strip()) <= 100:
        raise UsageError(f"found the user's name {name[:40]!r}.", remedy="Give 1 to 100 letters.")
    token = secrets.token_urlsafe(32)
    _write_users(folder, _users(folder) | {_hash(token): name.strip()})
    return token


def remove_user(folder: Path, name: str) -> int:
    """Take every token from a named user; return how many there were."""
    users = _users(folder)
    kept = {key: who for key, who in users.items() if who != name.strip()}
    _write_users(folder, kept)
    return len(users) - len(kept)


class Doorkeeper:
    """Tells who a caller is from what it sent.

    Parameters
    ----------
    owner : str
        The token of the bench's owner; taken only where the hub listens on loopback.
    folder : Path
        Where the hashes of the users' tokens are kept; read again when they change.
    """

    def __init__(self, owner: str, folder: Path) -> None:
        self._owner = _hash(owner) if owner else ""
        self._folder = folder
        self._read = (-1, -1, -1)
        self._users: Mapping[str, str] = {}

    def caller(self, authorization: str) -> Caller | None:
        """Return who sent this header, or None.

        ``Bearer TOKEN`` may do what its user may; ``Basic`` with the token as password, which a
        browser sends without being asked, may only read.
        """
        scheme, _, word = authorization.partition(" ")
        token, changes = word.strip(), scheme.lower() == "bearer"
        if scheme.lower() == "basic":
            with suppress(ValueError):
                token = b64decode(token, validate=True).decode().partition(":")[2]
        elif not changes:
            return None
        asked = _hash(token)
        if self._owner and hmac.compare_digest(asked, self._owner):
            return Caller("", changes)
        name = self._known().get(asked)
        return None if name is None else Caller(name, changes)

    def _known(self) -> Mapping[str, str]:
        try:
            facts = (self._folder / USERS).stat()
        except OSError:
            return {}
        mark = (facts.st_mtime_ns, facts.st_ctime_ns, facts.st_size)  # ctime: rights, too
        if mark != self._read:
            self._read = mark
            try:
                self._users = _users(self._folder)
            except SetupError as error:  # whom it would let in, others may have written
                self._users = {}
                sys.stderr.write(f"hub: {error} Until then no user is let in.\n")
        return self._users


def _hash(token: str) -> str:
    return hashlib.sha256(token.encode(errors="replace")).hexdigest()


def _users(folder: Path) -> dict[str, str]:
    place = folder / USERS
    try:
        _only_ours(place)
        content = json.loads(place.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise SetupError(
            f"the users' tokens cannot be read ({error}).",
            where=str(place),
            remedy="Remove the file and give each user a new token: benchlab user add NAME",
        ) from error
    return {str(key): str(name) for key, name in content.items()}


def _write_users(folder: Path, users: Mapping[str, str]) -> None:
    beside = folder / f"{USERS}.{os.getpid()}"
    try:
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            json.dump(users, file, indent=1)
        os.replace(beside, folder / USERS)
    except OSError as error:
        raise StorageError(
            f"the users' tokens cannot be written ({error.strerror}).",
            where=str(folder),
            remedy="Make the folder writable.",
        ) from error


def _only_ours(place: Path) -> None:
    if sys.platform == "win32":
        return  # the folder's rights keep others out
    facts = place.stat()
    if facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
        raise SetupError(
            f"others may read or write this file (mode {facts.st_mode & 0o777:o}, owner"
            f" {facts.st_uid}), so what it protects is not safe; nothing was started.",
            where=str(place),
            remedy="If nobody else can have read it: chmod 600 and chown it; else remove it, and"
            " a new one is made.",
        )
