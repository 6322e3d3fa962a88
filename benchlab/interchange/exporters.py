"""Unicycler's own exporters, called by the commands alone: the one place that imports unicycler."""

from __future__ import annotations

import json
import logging
from typing import TYPE_CHECKING

from benchlab.errors import ProtocolError, SetupError
from benchlab.interchange.document import Document
from benchlab.interchange.report import Report
from benchlab.interchange.targets import BIOLOGIC_RANGES, voltages

if TYPE_CHECKING:
    from aurora_unicycler import CyclingProtocol

__all__ = ["KNOWN_VERSION", "file_text"]

KNOWN_VERSION = "0.4"
"""Of which the table of what is carried speaks."""


class _Kept(logging.Handler):
    """Keeps what an exporter warns of."""

    def __init__(self, notes: list[str]) -> None:
        super().__init__()
        self.notes = notes

    def emit(self, record: logging.LogRecord) -> None:
        self.notes.append(f"unicycler: {record.getMessage()}")


def file_text(document: Document, target: str, report: Report) -> tuple[str, str]:
    """Return the text of a target's file, and its encoding.

    Raises
    ------
    benchlab.errors.SetupError
        aurora-unicycler is not installed.
    benchlab.errors.ProtocolError
        It refuses the protocol.
    """
    try:
        import aurora_unicycler
    except ModuleNotFoundError as missing:
        raise SetupError(
            f"protocols are exported by aurora-unicycler, and {missing.name!r} is not installed.",
            remedy="Install it: pip install 'benchlab[interchange]'",
        ) from missing
    if not aurora_unicycler.__version__.startswith(f"{KNOWN_VERSION}."):
        report.notes.append(
            f"aurora-unicycler {aurora_unicycler.__version__} is not the {KNOWN_VERSION} that the"
            " table of what is carried speaks of; the file was read back all the same"
        )
    log = logging.getLogger("aurora_unicycler")
    kept, passed_on = _Kept(report.notes), log.propagate
    log.addHandler(kept)
    log.propagate = False
    try:
        protocol = aurora_unicycler.CyclingProtocol.from_dict(document.plain())
        return _written(protocol, document, target)
    except (ValueError, RuntimeError, NotImplementedError, AssertionError) as problem:
        raise ProtocolError(
            f"aurora-unicycler {aurora_unicycler.__version__} refuses it: {problem}.",
            where=report.source,
            remedy="Nothing was written; change the protocol.",
        ) from problem
    finally:
        log.removeHandler(kept)
        log.propagate = passed_on


def _written(protocol: CyclingProtocol, document: Document, target: str) -> tuple[str, str]:
    if target == "unicycler":
        return protocol.to_json(), "utf-8"
    if target == "neware":
        return protocol.to_neware_xml(), "utf-8"
    if target == "biologic":
        named = voltages(document)
        fitting = [r for r in BIOLOGIC_RANGES if all(r[0] <= volt <= r[1] for volt in named)]
        span = (fitting or BIOLOGIC_RANGES[-1:])[0]
        return protocol.to_biologic_mps(range_V=span), "cp1252"
    if target == "tomato":
        return protocol.to_tomato_mpg2(), "utf-8"
    return json.dumps(protocol.to_pybamm_experiment(), indent=1), "utf-8"
