"""Bytes to and from the simulated chamber, what it refuses, and how it warms the cell in it."""

import numpy as np
import pytest
from scipy.integrate import solve_ivp

from benchlab.bench.clock import VirtualClock
from benchlab.bench.roles import ArmLimits, Mode, Setpoint
from benchlab.bench.twin import TwinSpec
from benchlab.errors import InstrumentRefused
from benchlab_drivers import espec_p300, keithley2450
from benchlab_drivers.cells.ledger import GRID_SECOND
from benchlab_drivers.espec_p300 import EspecP300
from benchlab_drivers.sim import _chamber_air as air
from benchlab_drivers.sim import espec_p300 as simulated
from benchlab_drivers.sim._alone import AloneCell
from benchlab_drivers.wire.transport import DirectTransport

NMC = "nmc811_graphite_pouch"


class Bench:
    def __init__(self, *, ideal=True, **words):
        self.clock = VirtualClock()
        self.twin = AloneCell(self.clock, TwinSpec(NMC))
        self.box = simulated.SimulatedP300(self.clock, self.twin, ideal=ideal, **words)
        self.chamber = EspecP300(DirectTransport(self.box), self.clock, resource="sim")

    def __call__(self, line):
        return self.box.exchange(line.encode() + b"\r\n")

    def wait(self, seconds):
        self.clock.sleep_until(self.clock.now + seconds)


def test_the_documented_conversation():
    bench = Bench()
    assert bench("TYPE?") == b"T,S2,160.0\r\n"
    assert bench("MON?") == b"25.0,,STANDBY,0\r\n"
    assert bench("TEMP?") == b"25.0,25.0,160.0,-50.0\r\n"
    assert bench("TEMP, S45.0") == b"OK:TEMP, S45.0\r\n"
    assert bench("CONSTANT SET?,TEMP") == b"45.0,ON\r\n"
    assert bench("TEMP, S45.0 H70.0 L-10.0") == b"OK:TEMP, S45.0 H70.0 L-10.0\r\n"
    assert bench("POWER,ON") == b"OK:POWER,ON\r\n"
    assert bench("MODE?") == b"CONSTANT\r\n"
    assert bench("MODE,STANDBY") == b"OK:MODE,STANDBY\r\n"
    assert bench("ALARM?") == b"0\r\n"
    assert bench("%?") == b"1,0.0\r\n"
    bench.box.raise_alarm(3)
    bench.box.raise_alarm(9)
    assert bench("ALARM?") == b"2,3,9\r\n"
    assert bench("MON?")[-3:] == b"2\r\n"


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("FOO", b"CMD ERR"),
        ("TEMP, X45", b"PARA ERR"),
        ("TEMP, S", b"PARA ERR"),
        ("TEMP, Snan", b"PARA ERR"),
        ("TEMP, S200.0", b"DATA OUT OF RANGE"),
        ("TEMP, S45.0 H40.0", b"DATA OUT OF RANGE"),
        ("MODE,FAST", b"PARA ERR"),
        ("POWER,1", b"PARA ERR"),
    ],
)
def test_what_it_refuses_changes_nothing(line, reason):
    bench = Bench()
    before = bench("TEMP?")
    assert bench(line) == b"NA:" + reason + b"\r\n"
    assert (bench("TEMP?"), bench("MODE?")) == (before, b"STANDBY\r\n")


@pytest.mark.parametrize("line", ["TEMP,S45.0", "temp, s45.0", "POWER,off", "CONSTANT SET?, TEMP"])
def test_what_real_clients_send_is_understood(line):
    assert not Bench()(line).startswith(b"NA")


def test_protected_data_are_read_and_not_set():
    bench = Bench()
    bench.box.protected = True
    assert bench("TEMP, S45.0") == b"NA:PROTECT ON\r\n"
    assert bench("MON?").startswith(b"25.0")


def test_a_command_takes_the_time_of_its_characters():
    bench = Bench()
    bench("TYPE?")
    assert bench.clock.now == pytest.approx(0.02 + 15 * 10 / 9600)


def test_no_echo_back_is_silence():
    bench = Bench()
    bench.box.echo_back = False
    assert bench("TYPE?") == b""
    bench.box.echo_back = True
    assert bench("TYPE?") == b"T,S2,160.0\r\n"


def test_the_air_obeys_its_rates_at_every_instant():
    """Held against the differential equation, integrated by somebody else."""

    def slope(t, celsius):
        return np.clip(
            (60.0 - celsius) / air.SECOND,
            -air.COOLING_KELVIN_PER_SECOND,
            air.HEATING_KELVIN_PER_SECOND,
        )

    chamber = air.ChamberAir(0.0)
    chamber.regulate(0.0, 60.0)
    times = np.linspace(0.0, 1500.0, 61)
    truth = solve_ivp(slope, (0, 1500), [25.0], t_eval=times, rtol=1e-9, atol=1e-9, max_step=0.5).y[
        0
    ]
    assert [chamber.at(t) for t in times] == pytest.approx(truth, abs=1e-4)
    chamber.regulate(1500.0, None)
    left = chamber.at(1500.0) - air.ROOM_CELSIUS
    later = air.ROOM_CELSIUS + left * np.exp(-3600.0 / air.IDLE_SECOND)
    assert chamber.at(1500.0 + 3600.0) == pytest.approx(later)


def test_the_chamber_heats_the_cell_beside_a_cycler_as_its_model_says():
    """Air, surface and core are integrated here anew; the sensor shows the surface 20 s late."""
    clock = VirtualClock()
    source, twin = keithley2450.simulate(clock, TwinSpec(NMC, ideal=True))
    chamber = espec_p300.simulate_beside(clock, twin, ideal=True)
    chamber.open()
    chamber.arm(0.0, 60.0)
    source.open()
    source.arm(ArmLimits(-0.05, 4.3, 0.2, 0.2))
    source.apply(Setpoint(Mode.ZERO, 0.0, 4.3))
    started = clock.now
    chamber.set_temperature(45.0)
    began = (started + clock.now) / 2.0
    p = twin.cell.parameters

    def slope(t, state):
        around, surface, core = state
        flow = p.conductance_core_surface * (core - surface)
        out = p.conductance_surface_ambient * (surface - around)
        gap = (45.0 - around) / air.SECOND
        return [
            np.clip(gap, -air.COOLING_KELVIN_PER_SECOND, air.HEATING_KELVIN_PER_SECOND),
            (flow - out) / p.heat_capacity_surface,
            -flow / p.heat_capacity_core,
        ]

    spans = np.arange(60.0, 1800.0, 60.0)
    truth = solve_ivp(slope, (0, 1800), [25.0] * 3, t_eval=spans, rtol=1e-8, max_step=5).y[1]
    seen = []
    for span in spans:
        while clock.now < began + span + GRID_SECOND:
            clock.sleep_until(min(clock.now + 1.0, began + span + GRID_SECOND))
            source.read()
        seen.append(twin.surface_temperature_celsius())
    assert seen == pytest.approx(truth, abs=0.35)
    assert seen[-1] == pytest.approx(45.0, abs=0.02)
    assert chamber.safe()[0]


def test_a_settled_chamber_leaves_the_clock_alone():
    bench = Bench()
    bench("TEMP, S45.0")
    bench("POWER,ON")
    bench.wait(7200.0)
    assert bench.clock.next_event == float("inf")
    assert bench.twin.surface_temperature_celsius() == pytest.approx(45.0, abs=0.01)


def test_its_sensor_is_wrong_by_what_the_air_is_wrong():
    bench = Bench(ideal=False, seed=4)
    offset = bench.box.offset_kelvin
    assert 0.0 < abs(offset) <= simulated.OFFSET_KELVIN
    bench.chamber.set_temperature(45.0)
    bench.wait(3600.0)
    assert bench.chamber.read().actual_celsius == pytest.approx(45.0, abs=0.15)
    assert bench.box.air_celsius() == pytest.approx(45.0 - offset, abs=1e-3)
    others = [Bench(ideal=False, seed=seed).box.offset_kelvin for seed in (4, 5)]
    assert others[0] == offset != others[1]


def test_a_set_point_changed_at_the_panel_is_seen():
    bench = Bench()
    bench.chamber.open()
    bench.chamber.set_temperature(45.0)
    bench.box.panel_set(55.0)
    state = bench.chamber.read()
    assert (state.set_celsius, state.running) == (55.0, True)
    bench.box.panel_mode("RUN")
    with pytest.raises(InstrumentRefused, match="program"):
        bench.chamber.set_temperature(45.0)


def test_a_welded_heater_trips_the_chambers_own_limit_and_is_never_called_safe_before():
    bench = Bench()
    bench.chamber.open()
    bench.chamber.arm(0.0, 60.0)
    bench.chamber.set_temperature(45.0)
    bench.wait(3600.0)
    bench.box.weld_heater()
    proven, evidence = bench.chamber.safe()
    assert not proven
    assert "STANDBY with the heaters at 100 %" in evidence
    bench.wait(3600.0)
    state = bench.chamber.read()
    assert (state.running, state.alarms) == (False, ("alarm 3",))
    assert bench.chamber.safe()[0]
    with pytest.raises(InstrumentRefused, match="alarm 3"):
        bench.chamber.set_temperature(45.0)
    bench.box.panel_reset()
    bench.chamber.set_temperature(45.0)


def test_safe_leaves_the_air_to_the_room():
    bench = Bench()
    bench.chamber.set_temperature(60.0)
    bench.wait(1800.0)
    assert bench("%?") != b"1,0.0\r\n"
    assert bench.chamber.safe()[0]
    bench.wait(4 * 3600.0)
    assert bench.twin.surface_temperature_celsius() == pytest.approx(25.0, abs=0.1)


def test_limits_that_the_air_has_still_to_reach_do_not_trip():
    bench = Bench()
    bench.chamber.open()
    bench.chamber.arm(40.0, 60.0)
    bench.chamber.set_temperature(45.0)
    bench.wait(1800.0)
    state = bench.chamber.read()
    assert (state.running, state.alarms) == (True, ())
