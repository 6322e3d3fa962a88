"""What stands before every request: who asks, from which page, and how much."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from typing import Any

from benchlab.service.hub.tokens import Doorkeeper

__all__ = ["LARGEST_BODY", "Gate"]

LARGEST_BODY = 4_000_000
DRAINED_BYTES = 65536
_READS = ("GET", "HEAD", "OPTIONS")

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class TooLarge(Exception):
    """A body is larger than any request needs to be."""


class Gate:
    """Refuses before anything is read: strangers, other pages' requests, bodies without end.

    Parameters
    ----------
    hosts : tuple of str
        Names under which the hub may be called: a page of somebody else's that makes a browser call
        it under another name is refused.
    """

    def __init__(self, app: App, doorkeeper: Doorkeeper, hosts: tuple[str, ...]) -> None:
        self._app = app
        self._doorkeeper = doorkeeper
        self._hosts = hosts

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request through, or answer it here."""
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = {
            name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]
        }
        host = headers.get("host", "").rsplit(":", 1)[0].strip("[]").lower()
        if "*" not in self._hosts and host not in self._hosts:
            await _refuse(scope, receive, send, 421, "the hub is not called by this name.")
            return
        caller = self._doorkeeper.caller(headers.get("authorization", ""))
        if caller is None:
            await _refuse(
                scope,
                receive,
                send,
                401,
                "a token is needed, and none or a wrong one was sent; nothing was read or changed.",
            )
            return
        reads = scope["type"] == "http" and scope["method"] in _READS
        if not reads and (not caller.may_change or "origin" in headers):
            await _refuse(
                scope, receive, send, 403, "only a program with a Bearer token may do this."
            )
            return
        length = headers.get("content-length", "0")
        if not length.isdigit() or int(length) > LARGEST_BODY:
            await _refuse(scope, receive, send, 413, f"a request has at most {LARGEST_BODY} bytes.")
            return
        scope["benchlab.caller"] = caller
        await self._counted(scope, receive, send)

    async def _counted(self, scope: Scope, receive: Receive, send: Send) -> None:
        taken = 0
        answered = refused = False

        async def take() -> Message:
            nonlocal taken, refused
            message = await receive()
            if message["type"] == "http.request":
                taken += len(message.get("body", b""))
                if taken > LARGEST_BODY:
                    refused = True
                    raise TooLarge
            return message

        async def say(message: Message) -> None:
            nonlocal answered
            if not refused:
                answered = True
                await send(message)

        with suppress(TooLarge):  # the framework may have made an answer of its own from it
            await self._app(scope, take, say)
        if refused and not answered:
            await _refuse(scope, receive, send, 413, f"a request has at most {LARGEST_BODY} bytes.")


async def _refuse(scope: Scope, receive: Receive, send: Send, status: int, what: str) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 4000 + status, "reason": what})
        return
    if status != 413:
        await _drain(receive)
    error = {
        "kind": "Refused",
        "what": what,
        "where": "",
        "remedy": "The token of the bench is in .benchlab/token.",
    }
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    if status == 401:
        headers.append((b"www-authenticate", b'Basic realm="benchlab", charset="UTF-8"'))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": json.dumps({"error": error}).encode()})


async def _drain(receive: Receive) -> None:
    """Take a small body: a line closed over unread bytes is reset, and the answer lost with it."""
    taken = 0
    while taken < DRAINED_BYTES:
        message = await receive()
        taken += len(message.get("body", b"")) + 1
        if message["type"] != "http.request" or not message.get("more_body"):
            return
