"""``benchlab sim verify`` against a "real" instrument in another process: like its twin, or not."""

import json
import subprocess
import sys

import pytest

from benchlab.bench.clock import RealClock
from benchlab_drivers.sim._compare import compare
from benchlab_drivers.wire.transcript import Exchange
from benchlab_drivers.wire.transport import open_transport

WORDS = [sys.executable, "-m", "benchlab", "sim"]
PLANTED = """\
import sys
from benchlab.bench.twin import TwinSpec
from benchlab_drivers.sim import serve, simulator

def make(clock, spec, original=simulator("keithley2450").make):
    made = original(clock, spec)
    exchange = made.exchange
    def other(request):
        if "away" in sys.argv:
            made.take_cell_away()
        reply = exchange(request)
        if "level" in sys.argv and b"PROT?" in request:
            return reply.replace(b"PROT5", b"PROT10")
        if "form" in sys.argv and b"READ?" in request:
            return reply.replace(b"E", b"0E")
        return reply
    made.exchange = other
    return made

simulator("keithley2450").make = make
serve.serve("keithley2450", TwinSpec("nmc811_graphite_pouch"))
"""


@pytest.fixture
def real():
    """Start a served instrument by words of the command, or with something planted in it."""
    started = []

    def start(*words, planted=()):
        command = [sys.executable, "-c", PLANTED, *planted] if planted else [*WORDS, "serve"]
        process = subprocess.Popen([*command, *words], stdout=subprocess.PIPE, text=True)
        started.append(process)
        return json.loads(process.stdout.readline())["resource"]

    yield start
    for process in started:
        process.terminate()
        process.communicate(timeout=10)


def verify(tmp_path, name, resource, *words):
    done = subprocess.run(
        [*WORDS, "verify", name, "--against", resource, "--out", tmp_path / "d.json", *words],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    kept = tmp_path / "d.json"
    return done, json.loads(kept.read_text()) if kept.exists() else None


def output_of(resource):
    line = open_transport(resource, RealClock())
    try:
        return line.query(b":OUTP?\n")
    finally:
        line.close()


@pytest.mark.parametrize(
    "name",
    [
        "keithley2450",
        "keithley2461",
        "keysight_rp7900",
        "keithley_daq6510",
        "espec_p300",
        "waveshare_relay",
        "neware_bts8",
        "palmsens_methodscript",
    ],
)
def test_one_like_its_twin_has_no_difference(real, tmp_path, name):
    """Another seed: other errors, the same language."""
    resource = real(name, "--seed", "7")
    done, kept = verify(tmp_path, name, resource, "--connected")
    assert done.returncode == 0, done.stdout + done.stderr
    assert kept["differences"] == 0
    assert kept["real"]["state"] == "identified"
    assert len(kept["exchanges"]) >= 3
    assert all(stage["real"] in ("done", "proven") for stage in kept["stages"])
    if name.startswith("key") and "daq" not in name:
        assert output_of(resource) == b"0"


def test_with_nothing_connected_neither_sees_a_cell(real, tmp_path):
    resource = real(planted=("away",))
    done, kept = verify(tmp_path, "keithley2450", resource)
    assert done.returncode == 0, done.stdout + done.stderr
    stages = {stage["stage"]: stage for stage in kept["stages"]}
    assert stages["look"] == {"stage": "look", "real": "no cell", "twin": "no cell"}
    assert stages["arm"]["real"] == "done"


@pytest.mark.parametrize(
    ("planted", "said"), [("level", "PROT10, simulated PROT5"), ("form", "the form of")]
)
def test_a_planted_difference_is_found_kept_and_told(real, tmp_path, planted, said):
    resource = real(planted=("away", planted))
    done, kept = verify(tmp_path, "keithley2450", resource)
    assert done.returncode == 16, done.stdout + done.stderr
    told = [text for item in kept["exchanges"] for text in item["differences"]]
    assert any(said in text for text in told), told
    assert kept["differences"] >= 1
    assert "differs from the simulated one" in " ".join(done.stderr.split())
    assert output_of(resource) == b"0"


def test_a_cell_that_nobody_spoke_of_is_refused_with_the_output_off(real, tmp_path):
    resource = real("keithley2450")
    done, kept = verify(tmp_path, "keithley2450", resource)
    assert done.returncode == 27
    assert "something is connected" in done.stderr
    assert kept is None
    assert output_of(resource) == b"0"
    done, kept = verify(tmp_path, "keithley2450", resource, "--bound-volt", "5")
    assert done.returncode == 0, "its bound was said to be above the cell"


def test_an_output_that_is_on_is_left_alone(real, tmp_path):
    resource = real("keithley2450")
    line = open_transport(resource, RealClock())
    line.query(b":SOUR:FUNC VOLT;:SOUR:VOLT 3.7;:SOUR:VOLT:ILIM 0.001;:OUTP ON;:OUTP?\n")
    state = b":OUTP?;:SOUR:VOLT?;:SOUR:VOLT:ILIM?;:SOUR:FUNC?;:OUTP:SMOD?\n"
    before = line.query(state)
    done, kept = verify(tmp_path, "keithley2450", resource, "--connected")
    assert done.returncode == 25
    assert "its output is on" in done.stderr
    assert line.query(state) == before
    line.close()
    assert kept is None


def test_another_instrument_is_asked_for_its_identity_only(real, tmp_path):
    resource = real("keithley2461")
    done, kept = verify(tmp_path, "keithley2450", resource)
    assert done.returncode == 24
    assert "2461" in done.stderr
    assert kept is None


def test_a_file_that_is_there_is_not_written_over(real, tmp_path):
    (tmp_path / "d.json").write_text("{}")
    done, kept = verify(tmp_path, "keithley2450", "TCPIP::127.0.0.1::1::SOCKET")
    assert done.returncode == 12
    assert kept == {}


@pytest.mark.parametrize(
    ("request_", "real_", "twin", "count"),
    [
        (b":SOUR:VOLT?\n", b"+4.2E+00", b"+4.2E+00", 0),
        (b":SOUR:VOLT?\n", b"+4.2E+00", b"+4.3E+00", 1),
        (b":SOUR:VOLT?\n", b"+4.2E+00", b"4.2E+00", 1),
        (b":SOUR:VOLT?\n", b"+4.20E+00", b"+4.2E+00", 1),
        (b":READ?\n", b"-1.0E-03,+3.7E+00", b"+1.5E-03,+3.1E+00", 0),
        (b":READ?\n", b"+9.9E37", b"+3.1000E+00", 0),
        (b":READ?\n", b"+1.0E+00,+1.0E+00", b"+1.0E+00", 1),
        (b":SYST:ERR?\n", b'0,"No error;0,0,0"', b'0,"No error"', 1),
        (b"*IDN?\n", b"KEITHLEY,MODEL 2450,1,1.6", b"KEITHLEY,MODEL 2450,2,1.7.12b", 0),
        (b"\0\1\0\0\0\6\1\1", b"\0\1\0\0\0\4\1\1\1\0", b"\0\1\0\0\0\4\1\1\1\1", 1),
    ],
)
def test_what_counts_as_a_difference(request_, real_, twin, count):
    (found,) = compare([Exchange(0.0, request_, real_)], [Exchange(0.0, request_, twin)])
    assert len(found.differences) == count, found


def test_what_only_one_was_asked_is_a_difference():
    a, b = Exchange(0.0, b"A?\n", b"1"), Exchange(0.0, b"B?\n", b"1")
    found = compare([a, b], [a])
    assert [item.twin for item in found] == ["1", None]
    assert "only the real one" in found[1].differences[0]
