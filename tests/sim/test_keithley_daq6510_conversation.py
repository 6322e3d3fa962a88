"""Bytes to and from the simulated DAQ6510: scans, channel lists, lost thermocouples, refusals."""

import math

import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.bench.twin import TwinSpec
from benchlab.errors import InstrumentRefused
from benchlab_drivers import keithley2450, keithley_daq6510
from benchlab_drivers.keithley_daq6510 import KeithleyDaq6510
from benchlab_drivers.sim import keithley_daq6510 as simulated
from benchlab_drivers.sim._alone import AloneCell
from benchlab_drivers.wire.transport import DirectTransport

NO_ERROR = b'0,"No error;0,0,0"\n'
VENDOR = (
    "*RST",
    ":FUNCtion 'TEMPerature',(@101:110)",
    ":SENSe:TEMPerature:TRANsducer TCouple,(@101:110)",
    ":SENSe:TEMPerature:TCouple:TYPE K,(@101:110)",
    ":SENSe:TEMPerature:TCouple:RJUNction:RSELect INTernal,(@101:110)",
    ":SENSe:TEMPerature:ODETector ON,(@101:110)",
    ":ROUTe:SCAN:CREate (@101:110)",
)


class Bench:
    def __init__(self, *, ideal=True, seed=0):
        self.clock = VirtualClock()
        self.twin = AloneCell(self.clock, TwinSpec("nmc811_graphite_pouch"))
        self.box = simulated.SimulatedDaq6510(self.clock, self.twin, ideal=ideal, seed=seed)
        self.driver = KeithleyDaq6510(DirectTransport(self.box), self.clock, resource="sim")

    def __call__(self, *lines):
        reply = b""
        for line in lines:
            reply = self.box.exchange(line.encode() + b"\n")
        return reply

    def errors(self):
        codes = []
        while (entry := self("SYST:ERR?")) != NO_ERROR:
            codes.append(int(entry.split(b",")[0]))
        return codes


def test_the_vendors_long_scan():
    bench = Bench()
    bench(*VENDOR, ":ROUTe:SCAN:COUNt:SCAN 3", ":ROUTe:SCAN:INTerval 60.0", "*WAI", ":INIT")
    assert bench.errors() == []
    assert bench(":TRIG:STAT?") == b"RUNNING;RUNNING;1\n"
    bench.clock.sleep_until(bench.clock.now + 30.0)
    assert bench("TRAC:ACT?") == b"10\n"
    bench.clock.sleep_until(bench.clock.now + 150.0)
    assert bench("TRAC:ACT?") == b"30\n"
    assert bench(":TRIG:STAT?") == b"IDLE;IDLE;1\n"
    reply = bench('TRAC:DATA? 1,30,"defbuffer1",CHAN,READ,REL').decode().split(",")
    assert [int(word) for word in reply[::3]] == [*range(101, 111)] * 3
    assert [float(word) for word in reply[1::3]] == pytest.approx([25.0] * 30)
    seconds = [float(word) for word in reply[2::3]]
    assert seconds[10] == pytest.approx(60.0)
    assert seconds[1] == pytest.approx(0.1)


def test_a_scan_without_end_runs_until_it_is_aborted():
    bench = Bench()
    bench(*VENDOR, "ROUT:SCAN:COUN:SCAN 0", "ROUT:SCAN:INT 1", "INIT")
    bench.clock.sleep_until(bench.clock.now + 10.5)
    bench("INIT")
    assert bench.errors() == [-213]
    bench("ABOR")
    count = int(bench("TRAC:ACT?"))
    assert count == 105
    bench.clock.sleep_until(bench.clock.now + 10.0)
    assert int(bench("TRAC:ACT?")) == count
    assert bench.clock.next_event == float("inf")


@pytest.mark.parametrize(
    ("line", "code"),
    [
        ("SENS:FUNC 'TEMP',(@121)", 1114),
        ("SENS:FUNC 'TEMP'", -109),
        ("SENS:FUNC 'LENGTH',(@101)", -224),
        ("SENS:TEMP:UNIT CELS,(@120)", -221),
        ("SENS:TEMP:TC:TYPE Q,(@101)", -224),
        ("SENS:TEMP:NPLC 99,(@101)", -222),
        ("TRAC:DATA? 1,1", -222),
        ("TRAC:CLE 'mine'", 1112),
        ("NOSUCH:THING 1", -113),
    ],
)
def test_what_it_refuses(line, code):
    bench = Bench()
    bench(*VENDOR, line)
    assert bench.errors() == [code]


def test_a_scan_of_nothing_is_refused():
    bench = Bench()
    bench("INIT")
    assert bench.errors() == [-221]


@pytest.mark.parametrize(("unit", "celsius"), [("CELS", 25.0), ("KELV", 298.15), ("FAHR", 77.0)])
def test_units(unit, celsius):
    bench = Bench()
    bench(*VENDOR, f"SENS:TEMP:UNIT {unit},(@101:110)", "INIT", "*WAI")
    assert float(bench("TRAC:DATA? 1,1")) == pytest.approx(celsius, abs=1e-4)


def test_the_driver_reads_the_surface_of_a_cell_beside_a_cycler():
    clock = VirtualClock()
    _, twin = keithley2450.simulate(clock, TwinSpec("nmc811_graphite_pouch"))
    sensor = keithley_daq6510.simulate_beside(clock, twin, ideal=True)
    sensor.open()
    twin.set_ambient_celsius(45.0)
    for _ in range(5):
        clock.sleep_until(clock.now + 100.0)
        sensed = sensor.read()
        truth = twin.surface_temperature_celsius()
        assert list(sensed.values.values()) == pytest.approx([truth] * 3, abs=0.02)
        assert sensed.time == pytest.approx(clock.now - 0.151, abs=1e-3)
    assert truth > 35.0


def test_every_thermocouple_is_wrong_by_its_own_amount():
    bench = Bench(ideal=False, seed=3)
    bench.driver.open()
    values = list(bench.driver.read().values.values())
    errors = [value - 25.0 for value in values]
    offsets = [bench.box.offsets_kelvin[channel] for channel in (101, 102, 103)]
    assert errors == pytest.approx(offsets, abs=0.1)
    assert len(set(offsets)) == 3
    assert max(map(abs, offsets)) <= simulated.OFFSET_KELVIN


def test_a_lost_thermocouple_is_no_number_and_comes_back():
    bench = Bench()
    bench.driver.open()
    bench.box.broken.add(102)
    values = bench.driver.read().values
    assert math.isnan(values["temperature_t1_celsius"])
    assert values["surface_temperature_celsius"] == pytest.approx(25.0, abs=1e-3)
    bench.box.broken.clear()
    assert not any(map(math.isnan, bench.driver.read().values.values()))


def test_without_detection_a_lost_thermocouple_reads_a_plausible_temperature():
    bench = Bench()
    bench(*VENDOR, "SENS:TEMP:ODET OFF,(@101)")
    bench.box.broken.add(101)
    bench("INIT", "*WAI")
    assert float(bench("TRAC:DATA? 1,1")) == pytest.approx(23.0)


def test_a_unit_changed_at_the_panel_is_no_temperature():
    bench = Bench()
    bench.driver.open()
    bench("SENS:TEMP:UNIT FAHR,(@103)")
    with pytest.raises(InstrumentRefused, match="FAHR"):
        bench.driver.read()
    bench.driver.recover()
    assert bench.driver.read().values["temperature_t2_celsius"] == pytest.approx(25.0, abs=1e-3)


def test_a_scan_started_by_somebody_else_is_named():
    bench = Bench()
    bench.driver.open()
    bench("ROUT:SCAN:COUN:SCAN 0", "INIT")
    with pytest.raises(InstrumentRefused, match="Init ignored"):
        bench.driver.read()
    bench.driver.recover()
    bench.driver.read()
