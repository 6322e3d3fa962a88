"""Open a file by what its first bytes and its header say, whatever its name is."""

from __future__ import annotations

import hashlib
import io
import zipfile
import zlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchlab.errors import FileMissing, FileNotReadable, ForeignDataError
from benchlab_analysis.importers import arbin, bdf, biologic, maccor, neware, workbook
from benchlab_analysis.importers import binary as readers
from benchlab_analysis.importers.parse import Source
from benchlab_analysis.importers.text import read_text, refuse

__all__ = ["KNOWN", "open_sources"]

KNOWN = (
    "Battery Data Format (csv, parquet), Arbin (csv, xlsx, res), Neware (nda, ndax, csv, xlsx), "
    "Maccor (text), BioLogic (mpr, mpt, text)"
)
_TEXTS = (bdf, arbin, neware, maccor, biologic)
_LARGEST_GZIP = 1 << 31


def open_sources(path: Path, mapping: Any = None) -> list[tuple[Any, Source]]:
    """Return the tables of rows in a file, each with the module that converts it.

    Parameters
    ----------
    mapping
        A `benchlab_analysis.importers.mapped.Mapping`, which then decides.

    Raises
    ------
    benchlab.errors.FileMissing, benchlab.errors.ForeignDataError, benchlab.errors.SetupError
    """
    if not path.is_file():
        raise FileMissing(
            "there is no such file.", where=str(path), remedy="Check the name and the folder."
        )
    try:
        data = path.read_bytes()
    except OSError as error:
        raise FileNotReadable(
            f"the file cannot be read: {error.strerror}.",
            where=str(path),
            remedy="Check its permissions.",
        ) from error
    if not data:
        raise refuse(path, None, "", "the file is empty.", "Export it from the cycler once more.")
    sha256 = hashlib.sha256(data).hexdigest()
    formats = _TEXTS if mapping is None else (mapping,)
    if data[:2] == b"\x1f\x8b":
        data = _unzipped(path, data)
    if data[:4] == b"PK\x03\x04" or data[:8] == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        if data[:2] == b"PK" and _is_ndax(path, data):
            return [(neware, readers.neware(path, sha256, "ndax"))]
        return list(workbook.sheets(path, data, sha256, formats, KNOWN))
    if data[:6] == b"NEWARE":
        return [(neware, readers.neware(path, sha256, "nda"))]
    if data[:4] == b"PAR1":
        source = readers.parquet(path, data, sha256)
        return [(_of(source, formats), source)]
    if data[:22] == b"BIO-LOGIC MODULAR FILE":
        return [(biologic, readers.biologic(path, data, sha256))]
    if data[4:19] in (b"Standard Jet DB", b"Standard ACE DB"):
        return [(arbin, readers.arbin(path, sha256))]
    if data[:8] == b"\x89HDF\r\n\x1a\n":
        raise refuse(
            path,
            None,
            "",
            "this is an HDF5 file, and none of a cycler that is known.",
            "A file of benchlab itself needs no import: benchlab cycles FILE.",
        )
    found: list[Any] = []

    def recognised(header: Sequence[str]) -> bool:
        found[:] = [module for module in formats if module.recognises(header)][:1]
        return bool(found)

    text = read_text(path, data, sha256, recognised, KNOWN, "csv")
    text.form = getattr(found[0], "TEXT_FORM", "csv")
    return [(found[0], text)]


def _unzipped(path: Path, data: bytes) -> bytes:
    try:
        # not the module gzip: other packages put a decompressor with errors of its own behind it
        plain = zlib.decompressobj(wbits=31).decompress(data, _LARGEST_GZIP)
    except zlib.error as error:
        raise refuse(
            path, None, "", f"the gzip file is damaged: {error}.", "Fetch it once more."
        ) from error
    if not plain:
        raise refuse(path, None, "", "the file is empty.", "Export it from the cycler once more.")
    return plain


def _is_ndax(path: Path, data: bytes) -> bool:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            names = archive.namelist()
    except (zipfile.BadZipFile, ValueError, OSError, NotImplementedError) as error:
        raise refuse(
            path,
            None,
            "",
            f"the file begins like an archive and is damaged: {error}.",
            "Copy or export it once more.",
        ) from error
    return any(name.endswith(".ndc") for name in names)


def _of(source: Source, formats: Sequence[Any]) -> Any:
    for module in formats:
        if module.recognises(source.header):
            return module
    raise ForeignDataError(
        f"its columns are none that is known: {', '.join(source.header)[:200]}.",
        where=str(source.path),
        remedy=f"Known: {KNOWN}. For any other table: --columns MAP.yaml",
    )
