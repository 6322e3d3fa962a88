"""The hub's requests: what clients may read of a bench, and what they may ask of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.exceptions import RequestValidationError
from fastapi.responses import HTMLResponse, JSONResponse, Response
from fastapi.security import HTTPBearer
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from benchlab import __version__, errors
from benchlab.errors import BenchError, UsageError
from benchlab.service.hub.gate import Gate
from benchlab.service.hub.mailbox import Fanout, Mailbox
from benchlab.service.hub.page import page_of
from benchlab.service.hub.tokens import Doorkeeper
from benchlab.service.lines import encode, facts_of

__all__ = ["make_app"]

SEND_SECOND = 10.0
"""A client that takes nothing for so long is let go."""
MOST_CLIENTS = 64
MOST_TOLD = 5
MOST_HEARD = 100
"""Messages that a client of the live stream may send; there is nothing to say in it."""
LONGEST_WORD = 200
_STATUS: Mapping[type[BenchError], int] = {
    errors.FileMissing: 404,
    errors.FileExists: 409,
    errors.ChannelBusy: 409,
    errors.PartSilent: 503,
    errors.StorageError: 507,
}


class Refusal(BaseModel):
    """What happened, where, what to do about it, and which error of benchlab it is."""

    kind: str
    what: str
    where: str
    remedy: str


class Refused(BaseModel):
    """The answer to whatever was not done."""

    error: Refusal


REFUSALS: dict[int | str, dict[str, Any]] = {
    code: {"model": Refused, "description": text}
    for code, text in {
        400: "the body cannot be read",
        401: "a token is needed, and none or a wrong one was sent",
        403: "this token reads only, or another page asks",
        404: "there is no such thing",
        409: "a test runs there, or the file is there already",
        413: "the body is larger than any request needs to be",
        421: "the hub is not called by this name",
        422: "the request does not fit, or the bench refused it",
        503: "a part of the bench does not answer",
        507: "the disk takes nothing",
    }.items()
}


def make_app(
    doorkeeper: Doorkeeper,
    hosts: tuple[str, ...],
    fanout: Fanout,
    status: Callable[[], Mapping[str, Any]],
    routers: tuple[APIRouter, ...],
) -> FastAPI:
    """Return the hub's application.

    Parameters
    ----------
    status
        How the bench stands: what a new client of the live stream hears first.
    """
    app = FastAPI(
        title="benchlab",
        version=__version__,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(HTTPBearer(auto_error=False, description="The bench's token."))],
    )
    app.add_exception_handler(BenchError, _refused)
    app.add_exception_handler(RequestValidationError, _not_understood)
    app.add_exception_handler(HTTPException, _not_there)
    for router in routers:
        app.include_router(router, prefix="/api/v1", responses=REFUSALS)

    @app.get("/docs", include_in_schema=False)
    def docs() -> HTMLResponse:
        return HTMLResponse(page_of(app.openapi()))

    @app.websocket("/api/v1/live")
    async def live(socket: WebSocket) -> None:
        if fanout.clients >= MOST_CLIENTS:
            await socket.close(4429, "too many clients listen")
            return
        await socket.accept()
        box = fanout.join()
        try:
            first = await asyncio.to_thread(status)
            await _send(socket, {"tell": "hello", **first})
            await _first_over(_tell(socket, box), _hear(socket))
        except (WebSocketDisconnect, TimeoutError, RuntimeError):
            pass  # it left, or froze: nobody waits for it
        finally:
            fanout.leave(box)
            with suppress(Exception):
                await asyncio.wait_for(socket.close(), 1.0)

    app.add_middleware(_Gated, doorkeeper=doorkeeper, hosts=hosts)
    return app


class _Gated(Gate):
    """The gate as the framework adds it."""

    def __init__(self, app: Any, *, doorkeeper: Doorkeeper, hosts: tuple[str, ...]) -> None:
        super().__init__(app, doorkeeper, hosts)


async def _refused(request: Request, error: Exception) -> Response:
    status = next((code for kind, code in _STATUS.items() if isinstance(error, kind)), 422)
    return JSONResponse({"error": facts_of(error)}, status_code=status)


async def _not_understood(request: Request, error: Exception) -> Response:
    """Say which words of a request do not fit, as every other refusal is said."""
    found = error.errors() if isinstance(error, RequestValidationError) else []
    words = [
        f"{'.'.join(map(str, item['loc']))}: {item['msg']}"[:200] for item in found[:MOST_TOLD]
    ]
    told = UsageError(
        f"the hub does not take this request ({'; '.join(words)}); nothing was done.",
        where=request.url.path,
        remedy="Check the words against /docs, and that both sides are of the same version.",
    )
    return JSONResponse({"error": facts_of(told)}, status_code=422)


async def _not_there(request: Request, error: Exception) -> Response:
    status = error.status_code if isinstance(error, HTTPException) else 404
    headers = error.headers if isinstance(error, HTTPException) else None
    known = status not in (404, 405)
    what = "the body cannot be read" if known else f"the hub knows no {request.method} of this path"
    told = UsageError(
        f"{what}; nothing was done.",
        where=request.url.path,
        remedy="/docs lists what it knows.",
    )
    return JSONResponse({"error": facts_of(told)}, status_code=status, headers=headers)


def _sayable(text: str) -> str:
    """Return a text that JSON can hold: half characters are none."""
    return text[:LONGEST_WORD].encode(errors="replace").decode()


async def _tell(socket: WebSocket, box: Mailbox) -> None:
    while True:
        for message in await box.take():
            await _send(socket, message)


async def _hear(socket: WebSocket) -> None:
    for _ in range(MOST_HEARD):
        message = await socket.receive()
        if message["type"] == "websocket.disconnect":
            return


async def _send(socket: WebSocket, message: Mapping[str, Any]) -> None:
    await asyncio.wait_for(socket.send_text(encode(message).decode().rstrip("\n")), SEND_SECOND)


async def _first_over(*tasks: Awaitable[None]) -> None:
    """Run tasks until one ends; end the others."""
    running = [asyncio.ensure_future(task) for task in tasks]
    done, rest = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
    for task in rest:
        task.cancel()
    await asyncio.gather(*rest, return_exceptions=True)
    for task in done:
        task.result()
