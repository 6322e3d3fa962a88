"""Holds an instrument to what bench.yaml says it is."""

from __future__ import annotations

from benchlab.bench.roles import Identity
from benchlab.errors import IdentityError
from benchlab.service.bench_file import BenchFile

__all__ = ["refuse_another"]


def refuse_another(bench: BenchFile, instrument: str, identity: Identity) -> None:
    """Refuse an instrument that is not the one which bench.yaml names.

    Raises
    ------
    benchlab.errors.IdentityError
        Its serial number, or its model, is another one.
    """
    entry = bench.instruments[instrument]
    for what, wanted, found in (
        ("serial number", entry.serial_number, identity.serial_number),
        ("model", entry.model, identity.model),
    ):
        if wanted and _plain(wanted) != _plain(found):
            raise IdentityError(
                f"bench.yaml expects the {what} {wanted}, the instrument says {found or 'none'};"
                " no current was sent.",
                where=f"{instrument} at {entry.resource}",
                remedy="See which instrument is there, or mend bench.yaml.",
            )


def _plain(text: str) -> str:
    return text.replace(" ", "").lower()
