"""Requests to a hub over HTTP, and its refusals as the errors that they were there."""

from __future__ import annotations

import json
import ssl
from collections.abc import Mapping
from typing import Any

import httpx

from benchlab.errors import PartSilent, SetupError
from benchlab.service.lines import error_from

__all__ = ["HubLine", "NotHeard"]

PATIENCE_SECOND = 90.0
"""A start may have to wait until an instrument is believed again."""
CONNECT_SECOND = 2.0


class NotHeard(PartSilent):
    """The hub never heard a request: it can be asked of the worker itself."""


class HubLine:
    """A hub that answers; safe from any thread.

    Parameters
    ----------
    url : str
        Such as ``http://127.0.0.1:8123``.
    certificate : str
        A file of the certificate that a hub with TLS shows; empty: the system's own are believed.
    """

    def __init__(self, url: str, token: str, certificate: str = "") -> None:
        self.url = url.rstrip("/")
        self.headers = {"authorization": f"Bearer {token}"}
        self.tls = _tls(certificate) if self.url.startswith("https://") else None
        self._client = httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers=self.headers,
            timeout=httpx.Timeout(PATIENCE_SECOND, connect=CONNECT_SECOND),
            verify=self.tls if self.tls is not None else True,
            trust_env=False,
        )

    def get(self, path: str, **words: Any) -> dict[str, Any]:
        """Read something.

        Raises
        ------
        benchlab.errors.PartSilent
            The hub does not answer.
        benchlab.errors.BenchError
            What it refused.
        """
        asked = {name: word for name, word in words.items() if word not in (None, "")}
        return self._send("GET", path, params=asked)

    def post(self, path: str, content: Mapping[str, Any]) -> dict[str, Any]:
        """Ask for something to be done.

        Raises
        ------
        NotHeard
            The hub cannot be reached: nothing was done.
        benchlab.errors.PartSilent
            It was reached and did not answer: it may have been done.
        benchlab.errors.BenchError
            What it refused.
        """
        return self._send("POST", path, json=dict(content))

    def close(self) -> None:
        """Let go of the line."""
        self._client.close()

    def _send(self, verb: str, path: str, **words: Any) -> dict[str, Any]:
        try:
            said = self._client.request(verb, path, **words)
        except (httpx.ConnectError, httpx.ConnectTimeout) as error:
            raise NotHeard(
                f"the hub cannot be reached ({error}); nothing was done.",
                where=self.url,
                remedy="Tests go on without it. Look with: benchlab status",
            ) from error
        except httpx.TransportError as error:
            raise PartSilent(
                f"the hub did not answer ({type(error).__name__}); what was asked of it may have"
                " been done.",
                where=self.url,
                remedy="Look with benchlab status before you ask again.",
            ) from error
        try:
            answer = said.json()
        except json.JSONDecodeError:
            answer = {}
        if said.is_success and isinstance(answer, dict):
            return answer
        told = answer.get("error") if isinstance(answer, dict) else None
        if told is None:
            told = {
                "kind": "UsageError",
                "what": f"the hub refused it ({said.status_code}).",
                "where": path,
                "remedy": "Check the words, and that both sides are of the same version.",
            }
        raise error_from(told)


def _tls(certificate: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=certificate or None)
    except OSError as error:
        raise SetupError(
            f"the certificate cannot be read ({error}).",
            where=certificate,
            remedy="Name the file in PEM that the hub's bench.yaml names.",
        ) from error
