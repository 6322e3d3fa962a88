"""Strangers, floods and nonsense at the hub: nothing is told, nothing breaks, others are served."""

import json
import socket
import subprocess
import sys
from contextlib import ExitStack
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.sync.client import connect

from benchlab.service.bench_folder import BenchFolder
from benchlab.service.control_client import ControlClient
from benchlab.service.hub.tokens import add_user, read_token

BENCH = """\
instruments:
  smu: {driver: keithley2450, resource: sim}
channels:
  "1": {instrument: smu}
"""
WRONG = ["Bearer wrong", "Basic é", "Basic w6k=", "Bearer ÿ"]
PAUSE = "/api/v1/channels/1/pause"
IN_ITS_OWN_WORDS = [
    b'{"operator": NaN}',
    b'{"operator": 1e999}',
    b'{"operator": "\\ud800"}',
    b'{"\\ud800": 1}',
    b'{"operator": "A", "operator": ' + b"9" * 5000 + b"}",
    b"[" * 100_000,
    b'{"operator":' * 50_000,
]


@pytest.fixture(scope="module")
def hub(tmp_path_factory):
    """A hub whose worker does not run; yields a client with its token, its folder and its pid."""
    root = tmp_path_factory.mktemp("bench")
    (root / "bench.yaml").write_text(BENCH)
    folder = BenchFolder(root)
    words = [sys.executable, "-m", "benchlab.service.hub", str(root)]
    with subprocess.Popen(words, stderr=subprocess.PIPE, text=True) as process:
        url = ""
        while not url:
            assert process.poll() is None, process.stderr.read()
            part = folder.part("hub")
            url = part.more["url"] if part is not None and part.alive else ""
        headers = {"authorization": f"Bearer {read_token(folder.token)}"}
        with httpx.Client(base_url=url, headers=headers, timeout=20.0) as client:
            yield client, folder, process.pid
        with ControlClient(folder.address("hub")) as control:
            control.ask("down", operator="test")
        assert process.wait(10) == 0


@pytest.mark.parametrize("header", [None, *WRONG])
def test_every_request_of_the_page_is_refused_to_strangers(hub, header):
    client, *_ = hub
    paths = client.get("/openapi.json").json()["paths"]
    asked = [(verb, path) for path, verbs in paths.items() for verb in verbs]
    assert len(asked) > 20
    headers = {} if header is None else {"authorization": header.encode("latin-1")}
    with httpx.Client(base_url=client.base_url, headers=headers) as stranger:
        for verb, path in [
            *asked,
            ("get", "/docs"),
            ("get", "/openapi.json"),
            ("get", "/static/x"),
        ]:
            there = path.replace("{channel}", "1").replace("{key}", "0123456789abcdef")
            said = stranger.request(verb, there, content=b"{}" if verb == "post" else None)
            assert said.status_code == 401, (verb, path)
            assert set(said.json()) == {"error"}


def test_users_tokens_that_others_can_read_let_nobody_in(hub):
    client, folder, _ = hub
    token = add_user(folder.own, "Ann")
    place = folder.own / "users.json"
    ann = {"authorization": f"Bearer {token}"}
    assert client.get("/api/v1/bench", headers=ann).status_code == 200
    place.write_text(json.dumps(json.loads(place.read_text())))  # other size: read anew
    place.chmod(0o644)
    try:
        assert client.get("/api/v1/bench", headers=ann).status_code == 401
        assert client.get("/api/v1/bench").status_code == 200, "the owner's token is another file"
    finally:
        place.unlink()


@pytest.mark.parametrize("body", IN_ITS_OWN_WORDS, ids=lambda body: body[:18].decode())
def test_a_body_that_cannot_be_repeated_is_refused(hub, body):
    said = hub[0].post(PAUSE, content=body, headers={"content-type": "application/json"})
    assert said.status_code in (400, 422), said.text
    said.json()


@pytest.mark.parametrize("kind", ["", "text/plain", "application/xml", "multipart/form-data", "é"])
def test_other_kinds_of_content_are_refused(hub, kind):
    headers = {"content-type": kind.encode("latin-1")}
    said = hub[0].post(PAUSE, content=b"<a/>", headers=headers)
    assert said.status_code in (400, 415, 422), said.text


@pytest.mark.parametrize(
    "sent",
    [
        b"\x00\xff" * 500,
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET /" + b"a" * 200_000,
        b"\x16\x03\x01",
        b"GET / HTTP/1.1\r\nhost: localhost\r\ncontent-length: -1\r\n\r\n",
    ],
    ids=["noise", "version", "endless line", "tls", "length"],
)
def test_what_is_no_request_harms_nobody(hub, sent):
    client, *_ = hub
    with ExitStack() as stack:
        line = stack.enter_context(_line(client))
        try:
            line.sendall(sent)
            line.shutdown(socket.SHUT_WR)
            answer = line.recv(65536)
        except ConnectionError:
            answer = b""  # it hung up while there was more to come
    assert b" 200 " not in answer
    assert b" 500 " not in answer
    assert client.get("/api/v1/bench").status_code == 200


def test_half_requests_and_frozen_listeners_hold_up_nobody(hub):
    client, _, pid = hub
    before = _resident_bytes(pid)
    url = f"ws://{urlsplit(str(client.base_url)).netloc}/api/v1/live"
    token = {"authorization": client.headers["authorization"]}
    with ExitStack() as stack:
        for _ in range(100):
            line = stack.enter_context(_line(client))
            line.sendall(b"POST /api/v1/stop HTTP/1.1\r\nhost: localhost\r\nx-slow: ")
        for _ in range(20):
            stack.enter_context(connect(url, additional_headers=token))
        for _ in range(300):
            assert client.get("/api/v1/alarms").status_code == 200
    assert _resident_bytes(pid) - before < 60e6


def _line(client):
    where = urlsplit(str(client.base_url))
    return socket.create_connection((where.hostname, where.port), 10)


def _resident_bytes(pid):
    if sys.platform != "linux":
        return 0.0
    with open(f"/proc/{pid}/status", encoding="ascii") as file:
        return next(1024.0 * int(line.split()[1]) for line in file if line.startswith("VmRSS"))
