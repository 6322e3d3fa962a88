"""Whatever a user gets wrong is answered by a sentence with a remedy and the documented code."""

import socket
import threading

import h5py
import pytest

PROTOCOL = """\
name: t
cell: {type: nmc811_graphite_pouch}
capacity: {C: 0.2 Ah}
steps:
  - Charge at C/2 for 1 s
"""


@pytest.fixture
def place(tmp_path):
    """Make a folder with good and wrong files in it."""
    (tmp_path / "good.yaml").write_text(PROTOCOL)
    (tmp_path / "tab.yaml").write_text(PROTOCOL.replace("  - Charge", "\t- Charge"))
    (tmp_path / "unknown.yaml").write_text(PROTOCOL.replace("Charge at", "Warm at"))
    (tmp_path / "rate.yaml").write_text(PROTOCOL.replace("capacity: {C: 0.2 Ah}\n", ""))
    (tmp_path / "large.yaml").write_text(
        PROTOCOL.replace("nmc811_graphite_pouch", "lfp_graphite_26650").replace("0.2 Ah", "2.3 Ah")
    )
    (tmp_path / "cell.yaml").write_text("id: x\ntype: nmc811_graphite_puch\n")
    (tmp_path / "nul.yaml").write_text(PROTOCOL.replace("name: t", 'name: "a\\0b"'))
    (tmp_path / "deep.yaml").write_text("name: t\nsteps: " + "[" * 5000)
    (tmp_path / "long.yaml").write_text(PROTOCOL.replace("Charge at C/2 for 1 s", "rest: 1e300 h"))
    (tmp_path / "nameless.yaml").write_text(PROTOCOL.replace("name: t", "name:"))
    (tmp_path / "nul_cell.yaml").write_text('type: nmc811_graphite_pouch\nid: "\\ud800"\n')
    (tmp_path / "empty.h5").touch()
    (tmp_path / "text.h5").write_text("time,volt\n")
    (tmp_path / "taken.h5").write_text("mine")
    with h5py.File(tmp_path / "whole.h5", "w") as file:
        file["x"] = list(range(100000))
    data = (tmp_path / "whole.h5").read_bytes()
    (tmp_path / "cut.h5").write_bytes(data[: len(data) // 2])
    (tmp_path / "folder").mkdir()
    return tmp_path


FAST = ("--channel", "sim:keithley2450", "--fast")
RUN = [
    (("run", "no.yaml", *FAST, "--out", "o.h5"), 10, "no such file"),
    (("run", "folder", *FAST, "--out", "o.h5"), 10, "folder"),
    (("run", "empty.h5", *FAST, "--out", "o.h5"), 13, "empty"),
    (("run", "tab.yaml", *FAST, "--out", "o.h5"), 13, "tab.yaml:5: "),
    (("run", "unknown.yaml", *FAST, "--out", "o.h5"), 13, "unknown.yaml:5, steps[1]"),
    (("run", "rate.yaml", *FAST, "--out", "o.h5"), 13, "no capacity"),
    (("run", "large.yaml", *FAST, "--out", "o.h5"), 26, "beyond keithley2450"),
    (("run", "good.yaml", *FAST, "--cell", "cell.yaml", "--out", "o.h5"), 14, "cell.yaml:2"),
    (("run", "good.yaml", *FAST, "--cell", "nul_cell.yaml", "--out", "o.h5"), 14, "cell.yaml:2: "),
    (("run", "nul.yaml", *FAST, "--out", "o.h5"), 13, "nul.yaml:1: found the character U+0000"),
    (("run", "deep.yaml", *FAST, "--out", "o.h5"), 13, "deep.yaml:2: values lie more than 50 deep"),
    (("run", "long.yaml", *FAST, "--out", "o.h5"), 13, "long.yaml:5, steps[1].rest: found '1e300"),
    (("run", "nameless.yaml", *FAST, "--out", "o.h5"), 13, "nameless.yaml:1, name: found ''"),
    (("run", "good.yaml", *FAST, "--seed", "-1", "--out", "o.h5"), 2, "number from 0 to"),
    (("run", "good.yaml", *FAST, "--seed", "9" * 5000, "--out", "o.h5"), 2, "number from 0 to"),
    (("demo", "--seed", "-1", "--out", "demo"), 2, "number from 0 to"),
    (("run", "good.yaml", *FAST, "--out", "taken.h5"), 12, "never written over"),
    (("run", "good.yaml", *FAST, "--out", "no/o.h5"), 50, "does not exist"),
    (("run", "good.yaml", *FAST, "--out", "o.csv"), 2, "must end in .h5"),
    (("run", "good.yaml", "--channel", "keithley2450", "--out", "o.h5"), 2, "DRIVER@RESOURCE"),
    (("run", "good.yaml", "--channel", "sim:keithley", "--out", "o.h5"), 2, "keithley2450"),
    (("run", "good.yaml", "--channel", "nobody@x", "--out", "o.h5"), 2, "Known"),
    (("info", "no.h5"), 10, "no such file"),
    (("info", "folder"), 10, "folder"),
    (("info", "empty.h5"), 11, "empty"),
    (("info", "text.h5"), 11, "not an HDF5 file"),
    (("cycles", "cut.h5"), 11, "damaged or truncated"),
    (("cycles", "whole.h5"), 11, "no format of benchlab"),
    (("import", "no.csv", "-o", "o.h5"), 10, "no such file"),
    (("import", "text.h5", "-o", "o.h5"), 15, ""),
    (("sim", "serve", "nothing"), 2, "keithley2450"),
    (("sim", "serve", "keithley2450", "--cell", "nothing"), 2, "nmc811_graphite_pouch"),
    (("cylces", "text.h5"), 2, "Did you mean 'cycles'?"),
    (("run",), 2, "required"),
]


@pytest.mark.parametrize(("words", "code", "sentence"), RUN, ids=lambda x: str(x)[:60])
def test_a_sentence_and_its_code(benchlab, place, words, code, sentence):
    before = sorted(place.iterdir())
    done = benchlab(*words, cwd=place)
    assert done.returncode == code, done.stderr
    assert sentence in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert sorted(place.iterdir()) == before, "something was left behind"


def test_nobody_listens(benchlab, place):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    channel = f"keithley2450@TCPIP::127.0.0.1::{port}::SOCKET"
    before = sorted(place.iterdir())
    done = benchlab("run", "good.yaml", "--channel", channel, "--out", "o.h5", cwd=place)
    assert done.returncode == 20
    assert "no connection" in done.stderr
    assert "Traceback" not in done.stderr
    assert sorted(place.iterdir()) == before


def test_another_instrument_is_left_alone(benchlab, place):
    asked = []

    def answer(server):
        connection, _ = server.accept()
        with connection:
            while data := connection.recv(4096):
                asked.append(data)
                connection.sendall(b"RIGOL TECHNOLOGIES,DP811A,DP8D1,00.01.16\n")

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=answer, args=(server,))
        thread.start()
        port = server.getsockname()[1]
        channel = f"keithley2450@TCPIP::127.0.0.1::{port}::SOCKET"
        done = benchlab("run", "good.yaml", "--channel", channel, "--out", "o.h5", cwd=place)
        thread.join(5)
    assert done.returncode == 24
    assert "RIGOL" in done.stderr
    assert asked == [b"*IDN?\n"]
    assert not (place / "o.run").exists()


def test_help_teaches(benchlab, place):
    done = benchlab("--help")
    assert done.returncode == 0
    for command in ("demo", "run", "sim", "cycles", "import", "info", "drivers"):
        assert f"    {command}" in done.stdout
    assert "--channel" in benchlab("run", "--help").stdout
