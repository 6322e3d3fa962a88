"""Sensors, chamber, relays and interlocks of a bench, each in a process of its own."""

import json
import signal
import subprocess
import sys

import pytest

from benchlab.errors import ChannelBusy, InterlockOpen, LinkTimeout
from benchlab.service.control_client import ControlClient
from tests.service.worker_bench import CELL, bench, cell, patient, protocol

LONG = protocol("{charge: C/4, until: [60 s, 4.2 V], at_most: 61 s}")
WARM = protocol(
    "{chamber: 25 degC, wait: within 3 degC for 1 s, at_most: 60 s}",
    "{charge: C/4, for: 2 s, at_most: 3 s}",
    "{chamber: 27 degC, wait: within 3 degC for 1 s, at_most: 60 s}",
    "{charge: C/4, for: 30 s, at_most: 31 s}",
)


class World:
    """A bench whose instruments share a world, and the processes of its devices."""

    def __init__(self, root, bench_):
        self.root, self.bench = root, bench_
        self.devices = {}

    def serve(self, faults="", lead=""):
        """Serve a world with two channels and everything around them; write bench.yaml."""
        (self.root / "world.yaml").write_text(
            f"ideal: yes\ncells:\n  a: {{type: {CELL}, capacity: 0.2 Ah}}\n"
            f"  b: {{type: {CELL}, capacity: 0.2 Ah}}\n"
            "instruments:\n"
            "  - {name: s1, driver: keithley2450, cell: a}\n"
            "  - {name: s2, driver: keithley2450, cell: b}\n"
            "  - {name: thermo, driver: keithley_daq6510, cell: a}\n"
            "  - {name: oven, driver: espec_p300, cells: [a, b]}\n"
            f"  - {{name: board, driver: waveshare_relay{lead}}}\n"
        )
        words = ["--world", str(self.root / "world.yaml")]
        if faults:
            (self.root / "faults.yaml").write_text(f"faults:\n{faults}")
            words += ["--faults", str(self.root / "faults.yaml")]
        line = [sys.executable, "-m", "benchlab", "sim", "serve", *words]
        child = subprocess.Popen(line, stdout=subprocess.PIPE, text=True)
        self.bench.sims.append(child)
        found = json.loads(child.stdout.readline())["instruments"]
        self.at = {item["name"]: item["resource"] for item in found}

    def write(self, first="", second="", more=""):
        """Write bench.yaml with two workers, and what the channels have around them."""
        drivers = {
            "s1": "keithley2450",
            "s2": "keithley2450",
            "thermo": "keithley_daq6510",
            "oven": "espec_p300",
            "board": "waveshare_relay",
        }
        lines = ["instruments:"]
        lines += [f"  {k}: {{driver: {v}, resource: '{self.at[k]}'}}" for k, v in drivers.items()]
        lines += ["channels:", f"  '1': {{instrument: s1{first}}}"]
        lines += [f"  '2': {{instrument: s2{second}}}", more, "reserve: 1 MB"]
        (self.root / "bench.yaml").write_text("\n".join(lines) + "\n")
        self.bench.folder.make()

    def up(self, *names):
        """Start the processes of devices; return once each has read its device."""
        for name in names:
            words = [sys.executable, "-m", "benchlab.service.devices", str(self.root), name]
            child = subprocess.Popen(words, stderr=self.bench._log)
            self.devices[name] = child
            self.bench.sims.append(child)
            patient(lambda n=name, c=child: self.answers(n, c), f"{name} does not read")

    def answers(self, name, child):
        part = self.bench.folder.part(name)
        return part is not None and part.pid == child.pid and self.read(name).get("time")

    def read(self, name):
        """Return what a device told last."""
        with ControlClient(self.bench.folder.address(name)) as client:
            return client.ask("read")["newest"]

    def kill(self, name):
        self.devices[name].send_signal(signal.SIGKILL)
        self.devices[name].wait(10)


@pytest.fixture
def world(tmp_path):
    (tmp_path / "bench.yaml").write_text("")
    with bench(tmp_path, channels=0) as made:
        yield World(tmp_path, made)


def start(world, channel, text, worker, name="p"):
    return world.bench.ask(
        "start", channel, worker=worker, protocol=text, cell=cell(f"{name}{channel}")
    )


def test_a_sensor_is_recorded_with_the_run_and_its_loss_told(world):
    world.serve()
    world.write(first=", sensors: [thermo]")
    world.up("thermo")
    world.bench.up("s1")
    start(world, "1", LONG, "s1")
    seen = patient(
        lambda: world.bench.status("1", "s1")["reading"].get("surface_temperature_celsius"),
        "no temperature",
    )
    assert 15.0 < seen < 40.0
    world.kill("thermo")
    patient(
        lambda: any(
            "a sensor does not answer" in str(item.get("text")) for item in world.bench.told
        ),
        "its loss is not told",
    )
    world.up("thermo")
    patient(
        lambda: any(
            "the sensor answers again" in str(item.get("text")) for item in world.bench.told
        ),
        "its return is not told",
    )
    assert world.bench.status("1", "s1")["state"] == "running"


def test_a_channel_whose_sensor_is_away_is_refused_by_name(world):
    world.serve()
    world.write(first=", sensors: [thermo]")
    world.bench.up("s1")
    with pytest.raises(LinkTimeout, match="thermo"):
        start(world, "1", LONG, "s1")
    assert world.bench.status("1", "s1")["state"] == "idle"


def test_two_tests_share_a_chamber_and_wait_for_each_other(world):
    world.serve()
    world.write(first=", chamber: oven", second=", chamber: oven")
    world.up("oven")
    world.bench.up("s1")
    world.bench.up("s2")
    start(world, "1", WARM, "s1")
    with pytest.raises(ChannelBusy, match="channel 1 is in this chamber"):
        start(world, "2", LONG, "s2")
    # alone, it goes to its second temperature as soon as it gets there
    patient(lambda: world.read("oven")["set_celsius"] == 27.0, "the chamber is not set")
    start(world, "2", WARM, "s2")
    told = patient(
        lambda: (m := world.read("oven")["members"]).get("2", {}).get("waits_for") and m,
        "the second does not wait",
    )
    assert told["2"] == {"wish": 25.0, "waits_for": ["1"]}
    assert world.read("oven")["set_celsius"] == 27.0
    world.bench.ask("stop", "1", worker="s1", close=True)
    patient(lambda: world.read("oven")["set_celsius"] == 25.0, "it is not set for the other one")
    # its process is killed: who shares the chamber is not forgotten
    world.kill("oven")
    world.up("oven")
    assert set(world.read("oven")["members"]) == {"2"}
    patient(lambda: world.read("oven")["set_celsius"] == 27.0, "it does not go on")
    told = world.bench.ask("stop", "2", worker="s2", close=True)
    assert told["off"]["proven"]
    patient(lambda: not world.read("oven")["members"], "it was not left")
    assert not world.read("oven")["running"]


def test_a_relay_is_closed_for_a_run_and_opens_with_it_and_without_its_worker(world):
    world.serve(lead=", cell: a")
    world.write(first=", relay: {instrument: board, number: 1}")
    world.up("board")
    world.bench.up("s1")
    assert not any(world.read("board")["closed"])
    start(world, "1", LONG, "s1")
    patient(lambda: world.read("board")["closed"][0], "the relay stays open")
    world.bench.ask("stop", "1", worker="s1", close=True)
    patient(lambda: not any(world.read("board")["closed"]), "the relay stays closed")
    start(world, "1", LONG, "s1", name="q")
    patient(lambda: world.read("board")["closed"][0], "the relay stays open")
    world.bench.kill("s1")
    patient(lambda: not any(world.read("board")["closed"]), "nobody is there, and it is closed")


def test_an_emergency_stop_ends_every_run_and_lets_none_begin(world):
    world.serve("  - {at: 0 s, do: input, channel: 2, for: 14 s, instrument: board}\n")
    world.write(more="interlocks:\n  button: {instrument: board, input: 2, trips: bench}")
    world.up("board")
    world.bench.up("s1")
    world.bench.up("s2")
    start(world, "1", LONG, "s1")
    start(world, "2", LONG, "s2")
    for channel, worker in (("1", "s1"), ("2", "s2")):
        held = world.bench.comes_to("held", channel, worker)
        assert held["run"]["off"]["proven"]
        (alarm,) = held["alarms"]
        assert "interlock button: input 2 of board is open" in alarm["text"]
        assert alarm["owner"] == "bench"
        with pytest.raises(InterlockOpen, match="button"):
            world.bench.ask("resume", channel, worker=worker)


def test_an_interlock_that_nobody_hears_is_an_open_one(world):
    world.serve("  - {at: 0 s, do: input, channel: 2, instrument: board}\n")
    world.write(
        more="interlocks:\n  button: {instrument: board, input: 2, trips: channel 1, silent: 1 s}"
    )
    world.up("board")
    world.bench.up("s1")
    world.bench.up("s2")
    start(world, "1", LONG, "s1")
    start(world, "2", LONG, "s2")
    world.kill("board")
    held = world.bench.comes_to("held", "1", "s1")
    assert "board is silent" in held["why"]
    assert world.bench.status("2", "s2")["state"] == "running"
    world.up("board")
    world.bench.ask("resume", "1", worker="s1")
    world.bench.comes_to("running", "1", "s1")


COOL = """\
id: hot
type:
  name: cool
  first_half_cycle: charge
  nominal_capacity: 0.2 Ah
  window: {low: 2.8 V, high: 4.2 V}
  hard_limits:
    voltage: {low: 2.5 V, high: 4.3 V}
    current: {charge: 2C, discharge: 2C}
    temperature:
      when_charging: 0 degC to 15 degC
      otherwise: 0 degC to 15 degC
"""


def test_a_cell_that_overheats_ends_its_neighbours_and_nobody_else(world):
    world.serve()
    world.write(first=", sensors: [thermo], group: shelf", second=", group: shelf")
    world.up("thermo")
    world.bench.up("s1")
    world.bench.up("s2")
    start(world, "2", LONG, "s2")
    rest = "name: rest\ncapacity: {C: 0.2 Ah}\nsteps:\n  - {rest: 60 s}\n"
    world.bench.ask("start", "1", worker="s1", protocol=rest, cell=COOL)
    hot = world.bench.comes_to("held", "1", "s1")
    assert "(limit of the cell type)" in hot["why"]
    held = world.bench.comes_to("held", "2", "s2")
    assert "channel 1 overheats: surface at" in held["why"]
    assert held["run"]["off"]["proven"]
    world.bench.ask("resume", "2", worker="s2")
    world.bench.comes_to("running", "2", "s2")
