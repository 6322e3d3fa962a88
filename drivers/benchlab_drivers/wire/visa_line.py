"""Any other resource of VISA (GPIB, USB, VXI-11, HiSLIP) as a line to an instrument, by PyVISA.

These carry messages with an end of their own, and clear the device: the instrument throws away what
it had not sent yet. So a line that failed is opened and cleared before anything is believed. PyVISA
is imported here and nowhere else. A read blocks inside the VISA library, so it happens in a thread
of the line while its owner waits in slices that see a stop.
"""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from typing import TYPE_CHECKING

from benchlab.bench.clock import Clock
from benchlab.errors import (
    GarbledAnswer,
    LinkError,
    LinkLost,
    LinkRefused,
    LinkTimeout,
    SetupError,
    UsageError,
)
from benchlab_drivers.wire.stream import (
    HURRIED_SECOND,
    SHOWN_BYTES,
    SLICE_SECOND,
    given_up,
    not_trusted,
)
from benchlab_drivers.wire.transcript import Transcript

if TYPE_CHECKING:
    from types import ModuleType

    from pyvisa.resources import MessageBasedResource

__all__ = ["VisaTransport"]

LIBRARY_SECOND = 1.0
"""How much longer than the time-out the VISA library may take to say that it was one."""


class VisaTransport:
    """One resource of VISA.

    Parameters
    ----------
    resource : str
        A resource name of VISA.
    library : str
        Which VISA library; empty takes a vendor's where there is one, else pyvisa-py.
    timeout_second : float
        For one answer.
    """

    def __init__(
        self, resource: str, clock: Clock, *, library: str = "", timeout_second: float = 3.0
    ) -> None:
        self.where = resource
        self.transcript = Transcript()
        self.stop = threading.Event()
        self._clock = clock
        self._library = library
        self._timeout = timeout_second
        self._line: MessageBasedResource | None = None
        self._caller: ThreadPoolExecutor | None = None
        self._trusted = False
        self._owner = threading.RLock()

    def open(self) -> None:
        """Open the resource, or open it anew, and clear the device.

        Raises
        ------
        benchlab.errors.LinkRefused, benchlab.errors.SetupError, benchlab.errors.UsageError
        """
        with self._owner:
            self.close()
            visa = _visa(self.where)
            try:
                line = visa.ResourceManager(self._library).open_resource(
                    self.where, open_timeout=round(self._timeout * 1000.0)
                )
            except (OSError, ValueError, visa.Error) as error:
                raise LinkRefused(
                    f"the resource cannot be opened ({error}).",
                    where=self.where,
                    remedy="Check its name, the cable, and that a VISA library is installed.",
                ) from error
            if not isinstance(line, visa.resources.MessageBasedResource):
                line.close()
                raise UsageError(
                    "this resource carries no messages.",
                    where=self.where,
                    remedy="Give the name that ends in ::INSTR.",
                )
            line.timeout = self._timeout * 1000.0
            # where the interface cannot clear, the instrument itself drops a reply that was not
            # fetched once the next request comes (IEEE 488.2, 6.3)
            with suppress(visa.Error, OSError, NotImplementedError):
                line.clear()
            self._line = line
            self._caller = ThreadPoolExecutor(1, f"visa {self.where}")
            self._trusted = True

    def query(self, request: bytes) -> bytes:
        """Send a request and return its answer without the terminator."""
        with self._owner:
            line, caller = self._line, self._caller
            if line is None or caller is None or not self._trusted:
                raise not_trusted(self.where)
            self._trusted = False
            began = self._clock.now
            answer, problem = b"", ""
            try:
                answer = self._wait(caller.submit(_talk, line, request), request, began)
                if b"\n" in answer or not answer:
                    raise GarbledAnswer(request, answer[:SHOWN_BYTES], where=self.where)
            except LinkError as error:
                problem = error.what
                raise
            finally:
                self.transcript.add(began, request, answer, self._clock.now - began, problem)
            self._trusted = True
            return answer

    def close(self) -> None:
        """Close the resource, as soon as a read that was given up lets it go."""
        self._trusted = False
        line, self._line = self._line, None
        caller, self._caller = self._caller, None
        if line is not None and caller is not None:
            closed = caller.submit(_close, line)
            caller.shutdown(wait=False)
            with suppress(NotYet):
                closed.result(HURRIED_SECOND if self.stop.is_set() else self._timeout)

    def _wait(self, answer: Future[bytes], request: bytes, began: float) -> bytes:
        visa = _visa(self.where)
        while True:
            try:
                return answer.result(SLICE_SECOND)
            except NotYet:
                waited = self._clock.now - began
                if waited >= HURRIED_SECOND and self.stop.is_set():
                    raise given_up(request, waited, self.where) from None
                if waited >= self._timeout + LIBRARY_SECOND:
                    raise self._failure(request, "the VISA library hangs", late=True) from None
            except (
                Exception
            ) as error:  # a VISA library in Python raises what its sockets do, and more
                late = isinstance(error, visa.VisaIOError) and (
                    error.error_code == visa.constants.StatusCode.error_timeout
                )
                raise self._failure(request, str(error), late=late) from error

    def _failure(self, request: bytes, why: str, *, late: bool) -> LinkError:
        leaf: type[LinkError] = LinkTimeout if late else LinkLost
        return leaf(
            f"no answer to {request[:SHOWN_BYTES]!r} ({why}).",
            where=self.where,
            remedy="Check the cable and the instrument's power.",
        )


def _talk(line: MessageBasedResource, request: bytes) -> bytes:
    line.write_raw(request)
    return line.read_raw().rstrip(b"\r\n")


def _close(line: MessageBasedResource) -> None:
    with suppress(Exception):  # as in `VisaTransport._wait`
        line.close()


def _visa(where: str) -> ModuleType:
    try:
        import pyvisa
    except ImportError as missing:
        raise SetupError(
            "this resource needs the package PyVISA, which is not installed.",
            where=where,
            remedy="Install it: pip install pyvisa pyvisa-py, or a vendor's VISA library with it.",
        ) from missing
    return pyvisa
