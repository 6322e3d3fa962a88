"""Sensors beside a cell: read in time, in a thread on a real clock, missed when they are lost."""

import math
import threading

import pytest

from benchlab.bench.clock import RealClock, VirtualClock
from benchlab.bench.guard import Trip
from benchlab.bench.sensing import SURFACE, Surroundings
from benchlab.bench.temperature_guard import TemperatureGuard
from benchlab.bench.twin import TwinSpec
from benchlab.errors import LinkTimeout
from benchlab.model.limits import RunLimits
from benchlab_drivers import keithley2450, keithley_daq6510

LIMITS = RunLimits(
    -0.05,
    4.3,
    0.5,
    1.0,
    2.5,
    4.25,
    0.25,
    0.45,
    0.26,
    hard_charging_celsius=(0.0, 50.0),
    hard_otherwise_celsius=(-20.0, 60.0),
    charging_celsius=(5.0, 45.0),
    otherwise_celsius=(-10.0, 60.0),
    hard_rise_kelvin=5.0,
    rise_kelvin=5.0,
)


def silence(_):
    raise LinkTimeout("no answer within 3 s.", where="the wire")


def beside(clock):
    _, twin = keithley2450.simulate(clock, TwinSpec("nmc811_graphite_pouch", ideal=True))
    sensor = keithley_daq6510.simulate_beside(clock, twin, ideal=True)
    sensor.open()
    return Surroundings([sensor], None, clock), sensor


def test_on_a_virtual_clock_a_scan_costs_its_time_and_is_made_seldom():
    clock = VirtualClock()
    around, _ = beside(clock)
    assert around.is_due(clock.now)
    assert around.read(clock.now) == []
    assert around.surface() == pytest.approx(25.0, abs=0.1)
    assert not around.is_due(clock.now + 5.0)
    assert around.is_due(clock.now + 10.0)


def test_on_a_real_clock_a_thread_reads_and_nobody_waits_for_it():
    clock = RealClock()
    around, _ = beside(clock)
    before = threading.active_count()
    around.start()
    came = threading.Event()
    while math.isnan(around.heard):
        came.wait(0.01)
    began = clock.now
    around.read(clock.now)
    assert clock.now - began < 0.1, "the scan itself takes 0.3 s"
    assert around.values[SURFACE] == pytest.approx(25.0, abs=0.1)
    around.stop()
    assert threading.active_count() == before


def test_a_sensor_that_falls_silent_is_told_once_and_trips_when_its_last_value_is_too_old():
    clock = VirtualClock()
    around, sensor = beside(clock)
    guard = TemperatureGuard(LIMITS)
    guard.begin(clock.now)
    around.read(clock.now)
    assert guard.reading(around.heard, around.surface(), charging=True) is None
    sensor.line.query = silence
    told = around.read(clock.now)
    assert len(told) == 1
    assert "does not answer" in told[0]
    assert around.read(clock.now) == [], "said once"
    assert math.isnan(around.surface())
    clock.sleep_until(clock.now + 29.0)
    assert guard.reading(around.heard, around.surface(), charging=True) is None
    assert guard.tick(around.heard + 29.0) is None
    trip = guard.tick(around.heard + 31.0)
    assert isinstance(trip, Trip)
    assert "the sensor is lost" in trip.cause


@pytest.mark.parametrize(
    ("celsius", "charging", "owner"),
    [(51.0, True, "cell type"), (-1.0, True, "cell type"), (61.0, False, "cell type")],
)
def test_a_hard_temperature_trips_at_once(celsius, charging, owner):
    trip = TemperatureGuard(LIMITS).reading(1.0, celsius, charging=charging)
    assert isinstance(trip, Trip)
    assert trip.owner == owner


def test_a_temperature_of_the_protocol_needs_a_second_value_and_the_direction_matters():
    guard = TemperatureGuard(LIMITS)
    assert guard.reading(1.0, 47.0, charging=False) is None
    assert guard.reading(3.0, 47.0, charging=True) is None
    assert guard.reading(3.0, 47.0, charging=True) is None, "the same value twice is one value"
    trip = guard.reading(5.0, 47.0, charging=True)
    assert isinstance(trip, Trip)
    assert trip.owner == "protocol"


def test_a_cell_that_warms_too_fast_trips_long_before_it_is_too_hot():
    guard = TemperatureGuard(LIMITS)
    trips = []
    for k in range(60):
        trip = guard.reading(2.0 * k, 25.0 + 0.2 * k, charging=True)  # 6 K a minute
        if trip is not None:
            trips.append((2.0 * k, trip.owner))
            break
    assert trips
    assert trips[0][0] < 60.0
    assert trips[0][1] == "cell type"
