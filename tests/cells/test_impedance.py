"""The impedance that a cell tells is the one that a current through it shows."""

import math

import numpy as np
import pytest

from benchlab.bench.twin import TwinSpec
from benchlab_drivers.cells import make_cell
from benchlab_drivers.cells.sources import OPEN, current_source

CELLS = (
    "nmc811_graphite_pouch",
    "nmc811_4680",
    "na_layered_hardcarbon",
    "nvpf_hardcarbon",
    "li_nmc811_coin",
    "assb_nmc_lpscl_inli",
    "graphite_half_coin",
)
"""Those without hysteresis, shuttle, reservoirs that run empty or soft shorts."""
STEPS, LOOKS, PERIODS = 64, 4, 3


def measured(cell, time, ampere, hertz):
    """Drive a sine of small steps; return voltage over current at its frequency.

    Both are sampled at the middles of parts of the steps; the last of three periods counts, less
    the straight drift over it.
    """
    volts, amperes = [], []
    part = 1.0 / hertz / STEPS
    for k in range(PERIODS * STEPS):
        level = ampere * math.sin(2.0 * math.pi * (k + 0.5) / STEPS)
        begin = time + k * part
        cell.set_source(begin, current_source(level, 20.0, 100.0))
        for j in range(LOOKS):
            volt, now = cell.sample(begin + (j + 0.5) * part / LOOKS)
            volts.append(volt)
            amperes.append(now)
    last = STEPS * LOOKS
    before, volts = np.array(volts[-2 * last : -last]), np.array(volts[-last:])
    ramp = (np.arange(last) + 0.5) / last
    volts = volts - (volts - before).mean() * ramp
    turn = np.exp(-2j * np.pi * ramp)
    end = time + PERIODS * STEPS * part
    cell.set_source(end, OPEN)
    return (volts @ turn) / (np.array(amperes[-last:]) @ turn), end


@pytest.mark.parametrize("name", CELLS)
def test_it_is_what_a_sine_through_the_terminals_shows(name):
    cell = make_cell(TwinSpec(name))
    cell.advance(10.0)
    small = 0.005 * cell.parameters.capacity_ah
    time = 10.0
    for hertz in (10.0, 1.0, 0.1, 0.02):
        told = cell.impedance(hertz)
        seen, time = measured(cell, time, small, hertz)
        assert abs(seen - told) < 0.02 * abs(told), (hertz, seen, told)


@pytest.mark.parametrize("name", CELLS)
def test_a_pulse_is_made_of_the_same_elements(name):
    """At high frequency R0 alone; a step of current shows it at once, and the rest as it comes."""
    cell = make_cell(TwinSpec(name))
    ampere = 0.05 * cell.parameters.capacity_ah
    rested = cell.sample(0.0)[0]
    ohmic = cell.impedance(1e6).real
    slope = -cell.impedance(1e-9).imag * 2.0 * math.pi * 1e-9
    cell.set_source(0.0, current_source(ampere, 20.0, 100.0))
    assert (cell.sample(0.0)[0] - rested) / ampere == pytest.approx(ohmic, rel=1e-3)
    later = sum(ohm * -math.expm1(-10.0 / tau) for ohm, tau in cell.parameters.elements)
    seen = (cell.sample(10.0)[0] - rested) / ampere
    assert seen == pytest.approx(ohmic + later + slope * 10.0, rel=0.02)


def test_the_pouch_has_its_area_specific_resistance():
    cell = make_cell(TwinSpec("nmc811_graphite_pouch"))
    assert cell.impedance(1e5).real * 67.0 == pytest.approx(8.0, rel=0.01)
    assert cell.impedance(0.01).real * 67.0 == pytest.approx(16.0, rel=0.05)


def test_it_follows_temperature_as_the_pulses_do():
    """35 kJ/mol: from 25 to 45 degC the resistance falls to exp(-Ea/R (1/T0 - 1/T))."""
    cell = make_cell(TwinSpec("nmc811_graphite_pouch"))
    cold = cell.impedance(1e5).real
    cell.set_ambient_celsius(0.0, 45.0)
    cell.advance(7200.0)
    expected = math.exp(-35e3 / 8.314 * (1 / 298.15 - 1 / 318.15))
    assert cell.impedance(1e5).real / cold == pytest.approx(expected, rel=0.01)


def test_side_currents_double_every_ten_kelvin():
    """53 kJ/mol between 25 and 35 degC, from the truth's own books of a rest."""
    lost = []
    for celsius in (25.0, 35.0):
        cell = make_cell(TwinSpec("nmc811_graphite_pouch"))
        cell.set_ambient_celsius(0.0, celsius)
        cell.advance(7200.0)
        before = cell.truth().negative_side_ah
        cell.advance(7200.0 + 36_000.0)
        lost.append(cell.truth().negative_side_ah - before)
    assert lost[1] / lost[0] == pytest.approx(2.0, rel=0.05)


@pytest.mark.parametrize(
    ("celsius", "rate", "plates"), [(25.0, 1.0, False), (25.0, 2.5, True), (0.0, 0.5, True)]
)
def test_plating_is_noted_where_it_is_cold_or_fast(celsius, rate, plates):
    cell = make_cell(TwinSpec("nmc811_graphite_pouch"))
    cell.set_ambient_celsius(0.0, celsius)
    cell.advance(7200.0)
    cell.set_source(7200.0, current_source(0.2 * rate, 20.0, 100.0))
    cell.advance(7200.0 + 120.0)
    assert cell.plating is plates
