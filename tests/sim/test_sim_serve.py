"""The served simulator in its own process, over a real TCP port, for a driver nobody here wrote."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from pymeasure.instruments.keithley import Keithley2450

COMMAND = [sys.executable, "-m", "benchlab", "sim", "serve"]


@pytest.fixture
def served():
    """Start a served simulator; return its first line and its process."""
    processes = []

    def start(*words):
        process = subprocess.Popen(
            [*COMMAND, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
        processes.append(process)
        line = process.stdout.readline()
        assert line, process.stderr.read()
        return json.loads(line), process

    yield start
    for process in processes:
        process.kill()
        process.communicate()


def connect(ready):
    _, host, port, _ = ready["resource"].split("::")
    return socket.create_connection((host, int(port)), timeout=5.0)


def ask(line, request):
    line.sendall(request)
    received = b""
    while not received.endswith(b"\n"):
        received += line.recv(4096)
    return received


def test_one_line_of_json_then_silence_until_a_signal_ends_it_well(served):
    for number in (signal.SIGTERM, signal.SIGINT):
        ready, process = served("keithley2450", "--ideal", "--cell", "lfp_graphite_26650")
        assert ready["driver"] == "keithley2450"
        assert ready["pid"] == process.pid
        with connect(ready) as line:
            assert ask(line, b"*IDN?\n").startswith(b"KEITHLEY INSTRUMENTS,MODEL 2450,")
            process.send_signal(number)
            rest, errors = process.communicate(timeout=10)
        assert process.returncode == 0
        assert rest == errors == ""


def test_requests_split_anywhere_and_several_in_one_piece(served):
    ready, _ = served("keithley2450")
    with connect(ready) as line:
        for byte in b":OUTP:SMOD HIMP\n:OUTP:VOLT:SM":
            line.sendall(bytes([byte]))
        assert ask(line, b"OD?\n") == b"HIMP\n"
        assert ask(line, b"*CLS\n*OPC?\r\n\n") == b"1\n"
        line.sendall(b"OUTP?\n*OPC?\n")
        received = b""
        while received.count(b"\n") < 2:
            received += line.recv(1)
        assert received == b"0\n1\n"


def test_a_second_connection_switches_off_while_the_first_lingers(served):
    ready, _ = served("keithley2450")
    with connect(ready) as first, connect(ready) as guardian:
        ask(first, b":OUTP:SMOD HIMP;:SOUR:VOLT 4;:SOUR:VOLT:ILIM 0.1;:OUTP ON;:OUTP?\n")
        first.sendall(b"READ? 'defbuf")  # and says no more
        assert ask(guardian, b":OUTP OFF;:OUTP?\n") == b"0\n"


def test_clients_that_vanish_do_not_stop_it(served):
    ready, _ = served("keithley2450")
    for _ in range(5):
        line = connect(ready)
        line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # RST
        line.sendall(b"READ?\n" * 50 + b"SOUR:VO")
        line.close()
    with connect(ready) as line:
        assert ask(line, b"*OPC?\n") == b"1\n"


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_waiting_costs_nothing(served):
    ready, process = served("keithley2450")
    with connect(ready) as line:
        ask(line, b"*OPC?\n")

        def ticks():
            fields = Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])

        before = ticks()
        line.settimeout(0.5)
        with pytest.raises(TimeoutError):
            line.recv(1)
        assert ticks() - before <= 0.1 * os.sysconf("SC_CLK_TCK") * 0.5 + 1


@pytest.mark.parametrize(
    ("words", "known"),
    [
        (("keithley9999",), "keithley2450"),
        (("keithley2450", "--cell", "unobtainium"), "lfp_graphite_26650"),
        (("keithley2450", "--seed", "-1"), "seed"),
        (("keithley2450", "--capacity-ah", "nan"), "capacity"),
    ],
)
def test_words_that_cannot_be(words, known):
    done = subprocess.run([*COMMAND, *words], capture_output=True, text=True, timeout=30)
    assert done.returncode == 2
    assert done.stdout == ""
    assert known in done.stderr
    assert "Traceback" not in done.stderr


def test_pymeasure_drives_it(served):
    ready, _ = served("keithley2450", "--seed", "5")
    smu = Keithley2450(
        ready["resource"],
        visa_library="@py",
        read_termination="\n",
        write_termination="\n",
        timeout=5000,
    )
    session = smu.adapter.connection.session
    interface = smu.adapter.manager.visalib.sessions[session].interface
    interface.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # pyvisa-py waits 45 ms else
    try:
        assert "MODEL 2450" in smu.id
        smu.voltage_output_off_state = "HIMP"
        smu.wires = 4
        smu.apply_voltage(voltage_range=20, compliance_current=0.1)
        smu.measure_current(nplc=0.1, current=0.1, auto_range=False)
        smu.source_voltage = 4.1
        smu.enable_source()
        assert smu.source_enabled
        assert smu.current == pytest.approx(0.1, rel=5e-3)
        assert smu.compliance_current == pytest.approx(0.1)
        smu.ramp_to_voltage(3.3, steps=5, pause=0.0)
        assert smu.source_voltage == pytest.approx(3.3)
        assert smu.current == pytest.approx(-0.1, rel=5e-3)
        started = time.monotonic()
        smu.measure_voltage(nplc=0.1)
        assert 3.3 < smu.voltage < 3.7
        assert time.monotonic() - started < 5.0
        smu.beep(440, 0.1)
        smu.disable_source()
        assert smu.check_errors() == []
        smu.config_buffer(10)  # written for the 2400: the real 2450 refuses it too
        assert smu.ask("OUTP?").strip() == "0"
    finally:
        smu.adapter.close()
        smu.adapter.manager.close()


@pytest.mark.parametrize(
    ("name", "request_bytes", "answer"),
    [
        ("espec_p300", b"TYPE?\r\n", b"T,S2,160.0\r\n"),
        ("keithley_daq6510", b"*LANG?\n", b"SCPI\n"),
    ],
)
def test_what_stands_around_a_cell_is_served_alone(served, name, request_bytes, answer):
    ready, _ = served(name, "--cell", "lfp_graphite_26650")
    with connect(ready) as line:
        assert ask(line, request_bytes) == answer


def test_frames_without_lines_are_served_too(served):
    ready, _ = served("waveshare_relay")
    request = bytes.fromhex("0007 0000 0006 01 03 8000 0001")
    with connect(ready) as line:
        for byte in request:
            line.sendall(bytes([byte]))
        received = b""
        while len(received) < 11:
            received += line.recv(4096)
        assert received == bytes.fromhex("0007 0000 0005 01 03 02 00c8")
