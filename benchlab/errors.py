"""The error tree: what happened, where, and what the user can do, with one exit code each.

BenchError                    1   (never raised itself)
├── UsageError                2   the command's words do not fit together
├── SetupError                3   something that benchlab needs is not installed
├── FileError                10   an input or output file
│   ├── FileMissing          10   nothing there, or a folder
│   ├── FileNotReadable      11   empty, another format, truncated
│   └── FileExists           12   refuses to write over something
├── ProtocolError            13   a protocol, with file, line and field
├── CellError                14   a cell description, with file, line and field
├── BenchFileError           17   bench.yaml, with file, line and field
├── ForeignDataError         15   a foreign data file that cannot be converted
├── FindingsFound            16   a check found something in a run, or sim verify a difference
├── LinkError                20   the wire to an instrument
│   ├── LinkRefused          20   nobody listens
│   ├── LinkTimeout          21   no answer in time
│   ├── LinkLost             22   the peer closed, reset or vanished
│   └── GarbledAnswer        23   an answer that does not fit its request
├── IdentityError            24   another instrument than expected
├── InstrumentRefused        25   the instrument refused a command or reads back another value
├── Unsupported              26   the instrument cannot do what the protocol asks
├── CellCheckError           27   the cell at the terminals is not what was announced
├── InterlockOpen            28   something on the bench says that no test may run
├── RunTripped               30   a limit or a fault ended the run; the output is proven off
├── RunStopped               31   an operator stopped the run; the output is proven off
├── OutputNotProvenOff       40   the output could not be proven off: act by hand
├── StorageError             50   the disk is full, read-only or gone
├── PartSilent               60   a part of the bench does not answer, or answers nonsense
└── ChannelBusy              61   a test runs there, or somebody else has it
"""

from __future__ import annotations

__all__ = [
    "BenchError",
    "BenchFileError",
    "CellCheckError",
    "CellError",
    "ChannelBusy",
    "FileError",
    "FileExists",
    "FileMissing",
    "FileNotReadable",
    "FindingsFound",
    "ForeignDataError",
    "GarbledAnswer",
    "IdentityError",
    "InstrumentRefused",
    "InterlockOpen",
    "LinkError",
    "LinkLost",
    "LinkRefused",
    "LinkTimeout",
    "OutputNotProvenOff",
    "PartSilent",
    "ProtocolError",
    "RunStopped",
    "RunTripped",
    "SetupError",
    "StorageError",
    "Unsupported",
    "UsageError",
]


MOST_TOLD = 20
"""More errors than this beside the first are counted, not told: one slip can make many."""


class BenchError(Exception):
    """An error that a user can act on.

    Parameters
    ----------
    what : str
        What happened, and what the system did about it.
    where : str
        The file and line, instrument, channel or field; may be empty.
    remedy : str
        What the user can do.

    Attributes
    ----------
    others : tuple of BenchError
        What else was found wrong at the same time.
    """

    exit_code = 1
    others: tuple[BenchError, ...] = ()

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(what, where, remedy)
        self.what = what
        self.where = where
        self.remedy = remedy

    def __str__(self) -> str:
        place = f"{self.where}: " if self.where else ""
        told = f"{place}{self.what}" + (f" {self.remedy}" if self.remedy else "")
        shown, hidden = self.others[:MOST_TOLD], self.others[MOST_TOLD:]
        more = [f"... and {len(hidden)} more."] if hidden else []
        return "\n".join([told, *map(str, shown), *more])


class UsageError(BenchError):
    """The words of a command or call do not fit together."""

    exit_code = 2


class SetupError(BenchError):
    """Something that benchlab needs is not installed."""

    exit_code = 3


class FileError(BenchError):
    """An input or output file."""

    exit_code = 10


class FileMissing(FileError):
    """There is nothing at the path, or a folder."""

    exit_code = 10


class FileNotReadable(FileError):
    """The file is empty, truncated or of another format."""

    exit_code = 11


class FileExists(FileError):
    """Something is there already and will not be written over."""

    exit_code = 12


class ProtocolError(BenchError):
    """A protocol that cannot be run, with its file, line and field.

    Parameters
    ----------
    check : str
        The name in docs/checks.md of the check that refused it.
    """

    exit_code = 13

    def __init__(
        self, what: str, *, where: str = "", remedy: str = "", check: str = "protocol"
    ) -> None:
        super().__init__(what, where=where, remedy=remedy)
        self.check = check


class CellError(BenchError):
    """A cell description that cannot be used, with its file, line and field."""

    exit_code = 14


class BenchFileError(BenchError):
    """A description of a bench that cannot be used, with its file, line and field."""

    exit_code = 17


class ForeignDataError(BenchError):
    """A foreign data file that cannot be converted."""

    exit_code = 15


class FindingsFound(BenchError):
    """A check found something in a run."""

    exit_code = 16


class LinkError(BenchError):
    """The wire to an instrument."""

    exit_code = 20


class LinkRefused(LinkError):
    """Nobody listens at the address."""

    exit_code = 20


class LinkTimeout(LinkError):
    """The instrument did not answer in time."""

    exit_code = 21


class LinkLost(LinkError):
    """The peer closed the line, reset it, or vanished."""

    exit_code = 22


class GarbledAnswer(LinkError):
    """An answer that does not fit its request.

    Parameters
    ----------
    sent, got : bytes
        The request and what came back.
    """

    exit_code = 23

    def __init__(self, sent: bytes, got: bytes, *, where: str = "", remedy: str = "") -> None:
        self.sent = sent
        self.got = got
        super().__init__(
            f"the answer to {sent!r} was {got!r}, which does not fit the request",
            where=where,
            remedy=remedy or "Check the cable, and that no other program talks to the instrument.",
        )


class IdentityError(BenchError):
    """Another instrument answers than the driver was made for."""

    exit_code = 24


class InstrumentRefused(BenchError):
    """The instrument refused a command, or reads back another value than was set."""

    exit_code = 25


class Unsupported(BenchError):
    """The instrument cannot do what the protocol asks."""

    exit_code = 26


class CellCheckError(BenchError):
    """The cell found at the terminals is not the one that was announced."""

    exit_code = 27


class InterlockOpen(BenchError):
    """Something on the bench says that no test may run now."""

    exit_code = 28


class RunTripped(BenchError):
    """A limit or a fault ended the run, and the output was proven off."""

    exit_code = 30


class RunStopped(BenchError):
    """An operator stopped the run, and the output was proven off."""

    exit_code = 31


class OutputNotProvenOff(BenchError):
    """The output could not be proven off: somebody must act by hand."""

    exit_code = 40


class StorageError(BenchError):
    """The disk is full, read-only or gone."""

    exit_code = 50


class PartSilent(BenchError):
    """A part of the bench (worker, hub, supervisor) does not answer, or answers nonsense."""

    exit_code = 60


class ChannelBusy(BenchError):
    """A test runs where something was asked that would disturb it, or somebody else has it."""

    exit_code = 61
