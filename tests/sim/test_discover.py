"""``benchlab discover`` against simulated instruments in other processes, over real ports."""

import json
import socket
import subprocess
import sys
import threading

import pytest

from benchlab import plugins
from benchlab.bench.clock import RealClock
from benchlab_drivers.wire.ask_around import Found, ask_all, questions, resources_of_hosts
from benchlab_drivers.wire.transport import open_transport

WORDS = [sys.executable, "-m", "benchlab"]
WORLD = """\
ideal: yes
cells:
  a: {type: nmc811_graphite_pouch, capacity: 0.2 Ah}
  b: {type: nmc811_graphite_pouch, capacity: 200 Ah}
instruments:
  - {driver: keithley2450, cell: a}
  - {driver: keysight_rp7900, cell: b}
  - {driver: keithley2461}
  - {driver: keithley_daq6510}
  - {driver: espec_p300}
  - {driver: waveshare_relay}
  - {driver: neware_bts8}
"""


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Serve one of each; return resources by driver."""
    path = tmp_path_factory.mktemp("world") / "w.yaml"
    path.write_text(WORLD)
    process = subprocess.Popen(
        [*WORDS, "sim", "serve", "--world", path], stdout=subprocess.PIPE, text=True
    )
    ready = json.loads(process.stdout.readline())
    yield {item["driver"]: item["resource"] for item in ready["instruments"]}
    process.terminate()
    process.communicate(timeout=10)


@pytest.fixture(scope="module")
def potentiostat():
    process = subprocess.Popen(
        [*WORDS, "sim", "serve", "palmsens_methodscript"], stdout=subprocess.PIPE, text=True
    )
    yield json.loads(process.stdout.readline())["resource"]
    process.terminate()
    process.communicate(timeout=10)


def host_of(resource):
    _, host, port, _ = resource.split("::")
    return f"{host}:{port}"


def test_every_driver_has_a_question():
    assert set(questions()) == set(plugins.names("drivers"))


def test_each_instrument_is_told_with_identity_driver_and_firmware(world, potentiostat):
    resources = world | {"palmsens_methodscript": potentiostat}
    words = [w for r in resources.values() for w in ("--host", host_of(r))]
    done = subprocess.run(
        [*WORDS, "discover", "--no-visa", "--json", *words],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    found = {item["resource"]: item for item in json.loads(done.stdout)}
    for driver, resource in resources.items():
        item = found[resource]
        assert item["state"] == "identified", item
        assert item["drivers"] == [driver]
        assert item["maker"]
        assert item["model"]
        assert item["firmware"] or driver in ("neware_bts8",), "the client need not tell it"
    assert found[world["keithley2450"]]["serial_number"]


def test_it_says_what_the_driver_says_when_it_opens(world, potentiostat):
    """The same model, serial number and firmware as in the identity that a run records."""
    clock = RealClock()
    for driver in ("keithley_daq6510", "espec_p300", "waveshare_relay", "palmsens_methodscript"):
        resource = (world | {"palmsens_methodscript": potentiostat})[driver]
        (found,) = ask_all([Found(resource, "test")], 1.0)
        device = plugins.plugin("drivers", driver).connect(resource, clock)
        identity = device.open()
        device.close()
        assert (found.maker, found.model) == (identity.maker, identity.model)
        assert found.serial_number == identity.serial_number
        assert found.firmware == identity.firmware


def test_asking_changes_nothing_in_an_instrument_that_drives_a_cell(world):
    """Output on, levels, error queue: as they were, and the clear bits untouched."""
    line = open_transport(world["keithley2450"], RealClock())
    line.query(b":SYST:CLE;:SOUR:FUNC VOLT;:SOUR:VOLT 3.7;:SOUR:VOLT:ILIM 0.01;:OUTP ON;:OUTP?\n")
    ask = b":SYST:ERR:COUN?;:OUTP?;:SOUR:VOLT?;:SOUR:VOLT:ILIM?;:SOUR:FUNC?;*ESR?\n"
    line.query(ask)  # reading *ESR? clears it
    before = line.query(ask)
    assert before.split(b";")[1] == b"1"
    (found,) = ask_all([Found(world["keithley2450"], "test")], 1.0)
    assert found.drivers == ("keithley2450",)
    assert line.query(ask) == before
    line.query(b":OUTP OFF;:OUTP?\n")
    line.close()


@pytest.fixture
def peer():
    """Listen; keep what is heard, and answer with what the test wants."""
    server = socket.create_server(("127.0.0.1", 0))
    heard, answer = [], {}

    def serve():
        while True:
            try:
                line, _ = server.accept()
            except OSError:
                return
            with line:
                line.settimeout(2.0)
                try:
                    while got := line.recv(4096):
                        heard.append(got)
                        if reply := answer.get(got):
                            line.sendall(reply)
                except OSError:
                    pass

    threading.Thread(target=serve, daemon=True).start()
    yield f"TCPIP::127.0.0.1::{server.getsockname()[1]}::SOCKET", heard, answer
    server.close()


def test_a_box_that_does_not_answer_is_silent(peer):
    resource, heard, _ = peer
    (found,) = ask_all([Found(resource, "test")], 0.1)
    assert found.state == "silent"
    assert heard[0] == b"*IDN?\n"


def test_a_stranger_that_says_who_it_is_is_asked_nothing_else(peer):
    resource, heard, answer = peer
    answer[b"*IDN?\n"] = b"RIGOL TECHNOLOGIES,DL3021A,DL3A1,00.01.05\n"
    (found,) = ask_all([Found(resource, "test")], 0.3)
    assert (found.state, found.model, found.drivers) == ("unknown", "DL3021A", ())
    assert heard == [b"*IDN?\n"]


def test_a_stranger_that_babbles_is_shown(peer):
    resource, _, answer = peer
    answer[b"*IDN?\n"] = b"ready\x00\r\n"
    (found,) = ask_all([Found(resource, "test")], 0.1)
    assert found.state == "unknown"
    assert found.said.startswith("ready\x00") or found.said.startswith("ready\\x00")


def test_nobody_there_is_refused():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    (found,) = ask_all([Found(f"TCPIP::127.0.0.1::{port}::SOCKET", "test")], 0.2)
    assert found.state == "refused"


def test_no_question_can_change_a_state():
    """Each is a query, a read of Modbus, or the login that a conversation begins with."""
    for name, question in questions().items():
        for request in question.requests:
            text = request.decode("latin-1")
            assert (
                text.rstrip().endswith("?")
                or text in ("t\n", "i\n")
                or request[7] == 3
                or "<cmd>connect</cmd>" in text
                or "<cmd>getdevinfo</cmd>" in text
            ), (name, request)


def test_hosts_without_a_port_are_asked_at_the_usual_ones():
    assert resources_of_hosts(["h"]) == ["TCPIP::h::5025::SOCKET", "TCPIP::h::502::SOCKET"]
    assert resources_of_hosts(["[::1]:7"]) == ["TCPIP::[::1]::7::SOCKET"]


def test_the_bench_names_what_to_ask(tmp_path, world):
    path = tmp_path / "bench.yaml"
    resource = world["keithley2461"]
    path.write_text(f"instruments:\n  - {{driver: keithley2461, resource: '{resource}'}}\n")
    done = subprocess.run(
        [*WORDS, "discover", "--no-visa", "--bench", path],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    assert "keithley2461" in done.stdout


@pytest.mark.parametrize(
    ("words", "said"),
    [(("--host", "a:b"), "HOST:PORT"), (("--timeout", "0"), "time-out"), (("--bench", "x"), "no")],
)
def test_words_that_are_wrong(words, said):
    done = subprocess.run(
        [*WORDS, "discover", "--no-visa", *words], capture_output=True, text=True, timeout=30
    )
    assert done.returncode in (2, 10)
    assert said in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no pty")
def test_a_serial_port_is_asked_where_it_was_named(tmp_path):
    process = subprocess.Popen(
        [*WORDS, "sim", "serve", "espec_p300", "--pty"], stdout=subprocess.PIPE, text=True
    )
    try:
        resource = json.loads(process.stdout.readline())["resource"]
        port = resource.removeprefix("ASRL").removesuffix("::INSTR")
        done = subprocess.run(
            [*WORDS, "discover", "--no-visa", "--json", "--serial", port],
            capture_output=True,
            text=True,
            timeout=60,
        )
        found = {item["resource"]: item for item in json.loads(done.stdout)}
        assert found[resource]["drivers"] == ["espec_p300"]
    finally:
        process.terminate()
        process.communicate(timeout=10)
