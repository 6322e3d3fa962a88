"""The hub in a process of its own: strangers learn nothing, nonsense breaks nothing."""

import json
import os
import stat
import subprocess
import sys
from base64 import b64encode
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from benchlab.errors import FileMissing, SetupError
from benchlab.service.bench_folder import BenchFolder
from benchlab.service.control_client import ControlClient
from benchlab.service.hub.tokens import Doorkeeper, add_user, make_token, read_token, remove_user

BENCH = """\
instruments:
  smu: {driver: keithley2450, resource: sim}
channels:
  "1": {instrument: smu}
"""


@pytest.fixture(scope="module")
def hub(tmp_path_factory, record):
    """A hub over three recorded runs, whose worker does not run; yields its address and token."""
    root = tmp_path_factory.mktemp("bench")
    (root / "bench.yaml").write_text(BENCH)
    record(root / "data" / "a.h5", day=3)
    record(root / "data" / "b.h5", "B2", day=5)
    record(root / "data" / "c.h5", "B2", day=7, closed=False)
    (root / "secret.h5").write_text("outside of the data")
    folder = BenchFolder(root)
    with subprocess.Popen(
        [sys.executable, "-m", "benchlab.service.hub", str(root)], stderr=subprocess.PIPE, text=True
    ) as process:
        url = ""
        while not url:
            assert process.poll() is None, process.stderr.read()
            part = folder.part("hub")
            url = part.more["url"] if part is not None and part.alive else ""
        headers = {"authorization": f"Bearer {read_token(folder.token)}"}
        with httpx.Client(base_url=url, headers=headers, timeout=20.0) as client:
            yield client, folder
        with ControlClient(folder.address("hub")) as control:
            control.ask("down", operator="test")
        assert process.wait(10) == 0


def test_the_bench_and_its_runs_are_read(hub):
    client, _ = hub
    bench = client.get("/api/v1/bench").json()
    assert bench["channels"] == {"1": {"state": "unreachable"}}
    assert {part["name"]: part["alive"] for part in bench["parts"]}["hub"]
    found = client.get("/api/v1/runs", params={"cell": "b2"}).json()["found"]
    assert [row["path"] for row in found] == ["c.run", "b.h5"]
    for row in found:
        key = row["key"]
        assert client.get(f"/api/v1/runs/{key}").json()["cell"]["id"] == "B2"
        words = {"columns": ["voltage_volt", "current_ampere"], "points": 100}
        data = client.get(f"/api/v1/runs/{key}/data", params=words).json()
        assert data["columns"]["voltage_volt"]["test_time_second"] == [0.0, 60.0, 120.0]
        assert data["columns"]["current_ampere"]["value"] == [1.0, 1.0, 1.0]
        assert client.get(f"/api/v1/runs/{key}/events").status_code == 200
        assert client.get(f"/api/v1/runs/{key}/steps", params={"first": 7}).json() == {"steps": []}


@pytest.mark.parametrize(
    "header", [None, "Bearer", "Bearer wrong", "Basic !!!", "Basic Og==", "Digest x", "x" * 5000]
)
def test_strangers_learn_and_change_nothing(hub, header):
    client, _ = hub
    headers = {} if header is None else {"authorization": header}
    paths = ["/", "/docs", "/openapi.json", "/api/v1/bench", "/api/v1/runs", "/nothing"]
    for verb, path in [*(("GET", path) for path in paths), ("POST", "/api/v1/stop")]:
        said = httpx.request(verb, f"{client.base_url}{path}", headers=headers, content=b"{}")
        assert said.status_code == 401, path
        assert "token" in said.json()["error"]["what"]
        assert "smu" not in said.text
    with pytest.raises(InvalidStatus) as refused:
        connect(_live(client), additional_headers=headers)
    assert refused.value.response.status_code == 403


def test_a_browser_may_read_and_not_change(hub):
    client, folder = hub
    token = read_token(folder.token)
    basic = {"authorization": "Basic " + b64encode(f"me:{token}".encode()).decode()}
    page = httpx.get(f"{client.base_url}/docs", headers=basic)
    assert "/api/v1/channels/{channel}/stop" in page.text
    assert "https://" not in page.text, "nothing from another computer"
    said = httpx.post(f"{client.base_url}/api/v1/stop", headers=basic, json={"operator": "A"})
    assert said.status_code == 403
    said = client.post("/api/v1/stop", json={"operator": "A"}, headers={"origin": "http://evil"})
    assert said.status_code == 403
    assert client.get("/api/v1/bench", headers={"host": "evil.example"}).status_code == 421


@pytest.mark.parametrize(
    "path",
    [
        *("runs/..%2F..%2Fsecret", "runs/../../secret.h5", "runs/0123456789abcdef"),
        *("channels/..%2F..", "channels/9", "runs/%00", "runs/0123456789abcdef/data?columns=x"),
    ],
)
def test_no_path_leads_out_of_the_data(hub, path):
    said = hub[0].get(f"/api/v1/{path}")
    assert said.status_code in (404, 422)
    assert "outside" not in said.text


def test_huge_bodies_and_nonsense_are_refused(hub):
    client, _ = hub
    huge = b"x" * 5_000_000
    try:
        assert client.post("/api/v1/channels/1/start", content=huge).status_code == 413
        parts = (huge[:100_000] for _ in range(60))
        assert client.post("/api/v1/channels/1/start", content=parts).status_code == 413
    except httpx.TransportError:
        pass  # it hung up while there was more to come: as good as saying no
    for body in (b"", b"[", b'{"operator": 7}', b'{"operator": "A", "more": 1}', b"\xff"):
        headers = {"content-type": "application/json"}
        said = client.post("/api/v1/channels/1/pause", content=body, headers=headers)
        assert said.status_code in (400, 422), body
    said = client.post("/api/v1/channels/1/pause", json={"operator": "Ann"})
    assert said.status_code == 503
    assert "goes on" in said.json()["error"]["what"]
    answers = client.post("/api/v1/stop", json={"operator": "Ann"}).json()
    assert answers["1"]["error"]["kind"] == "PartSilent"


def test_the_live_stream_begins_with_how_the_bench_stands(hub):
    client, _ = hub
    headers = {"authorization": client.headers["authorization"]}
    with connect(_live(client), additional_headers=headers) as live:
        hello = json.loads(live.recv(10))
        assert hello["tell"] == "hello"
        assert set(hello["channels"]) == {"1"}
        with pytest.raises(ConnectionClosed):
            _talk_on(live)
    assert client.get("/api/v1/bench").status_code == 200


def test_the_token_is_kept_from_others(tmp_path):
    place = tmp_path / "token"
    token = make_token(place)
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert make_token(place) == token == read_token(place)
    place.chmod(0o640)
    with pytest.raises(SetupError, match="others may read"):
        read_token(place)
    place.chmod(0o600)
    place.write_text("short\n")
    with pytest.raises(SetupError, match="no token"):
        make_token(place)
    with pytest.raises(FileMissing, match="no token"):
        read_token(tmp_path / "none")


def test_a_users_token_is_known_until_it_is_taken_back(tmp_path):
    door = Doorkeeper("o" * 40, tmp_path)
    token = add_user(tmp_path, "Ann")
    assert door.caller(f"Bearer {token}").name == "Ann"
    assert door.caller("Bearer " + "o" * 40).name == ""
    assert token not in (tmp_path / "users.json").read_text()
    assert remove_user(tmp_path, "Ann") == 1
    os.utime(tmp_path / "users.json", ns=(1, 1))
    assert door.caller(f"Bearer {token}") is None
    assert Doorkeeper("", tmp_path).caller("Bearer ") is None


def test_it_does_not_listen_to_others_in_the_clear(tmp_path):
    (tmp_path / "bench.yaml").write_text(BENCH + "hub: {address: 0.0.0.0}\n")
    words = [sys.executable, "-m", "benchlab.service.hub", str(tmp_path)]
    done = subprocess.run(words, capture_output=True, text=True, timeout=30)
    assert done.returncode == 3
    assert "without a certificate" in done.stderr


def _talk_on(live):
    for _ in range(200):
        live.send("nonsense")
    for _ in range(200):
        live.recv(10)


def _live(client):
    return f"ws://{urlsplit(str(client.base_url)).netloc}/api/v1/live"
