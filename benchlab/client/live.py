"""The hub's live stream, which outlives the hub: it is joined again when it is back."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import Any

from websockets.exceptions import WebSocketException
from websockets.sync.client import ClientConnection, connect

from benchlab.client.hub_line import CONNECT_SECOND, HubLine

__all__ = ["Live"]

AGAIN_SECOND = 0.5


class Live:
    """Iterates over what the bench tells.

    The first message is ``{"tell": "hello", ...}`` with how everything stands, and so is each one
    after the hub was away, which ``{"tell": "silent"}`` says. Between them come ``snapshot``,
    ``event``, ``alarm``, ``state``, ``part`` and ``missed``.

    Parameters
    ----------
    hub
        Returns the hub as it is now; it may have another address after a restart.
    """

    def __init__(self, hub: Callable[[], HubLine | None]) -> None:
        self._hub = hub
        self._over = threading.Event()
        self._line: ClientConnection | None = None

    def __iter__(self) -> Iterator[dict[str, Any]]:
        heard = True
        while not self._over.is_set():
            hub = self._hub()
            if hub is not None:
                with suppress(OSError, WebSocketException, TimeoutError, ValueError):
                    for message in self._listen(hub):
                        heard = True
                        yield message
            if heard and not self._over.is_set():
                heard = False
                yield {"tell": "silent"}
            self._over.wait(AGAIN_SECOND)

    def close(self) -> None:
        """End the iteration, from any thread."""
        self._over.set()
        line = self._line
        if line is not None:
            line.close()

    def _listen(self, hub: HubLine) -> Iterator[dict[str, Any]]:
        with connect(
            f"ws{hub.url.removeprefix('http')}/api/v1/live",
            additional_headers=hub.headers,
            ssl=hub.tls,
            open_timeout=CONNECT_SECOND,
            close_timeout=1.0,
            max_size=None,
            proxy=None,
        ) as line:
            self._line = line
            for text in line:
                message = json.loads(text)
                if isinstance(message, dict):
                    yield message
