"""What the larger Keithleys are sent otherwise than the 2450: ranges, envelope, protection."""

import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.bench.roles import ArmLimits, Mode, Setpoint
from benchlab.bench.twin import TwinSpec
from benchlab.errors import IdentityError, Unsupported
from benchlab_drivers import keithley2450, keithley2460, keithley2461
from benchlab_drivers.sim import simulator


class Tap:
    """Passes bytes on to a simulated instrument, and keeps them."""

    def __init__(self, name):
        self.clock = VirtualClock()
        self.box = simulator(name).make(self.clock, TwinSpec("lfp_graphite_26650", 20.0))
        self.sent = []

    def query(self, request):
        self.sent.append(request)
        return self.box.exchange(request).rstrip(b"\n")

    def open(self):
        """Do nothing: there is no line."""

    close = open


@pytest.fixture(params=[keithley2460, keithley2461], ids=["2460", "2461"])
def bench(request):
    tap = Tap(request.param.__name__.rpartition(".")[2])
    driver = request.param.driver_on(tap, tap.clock, "test")
    driver.open()
    return driver, tap


def test_a_cell_is_on_the_range_of_7_volts_with_7_amperes(bench):
    driver, tap = bench
    driver.arm(ArmLimits(2.0, 4.3, 10.0, 10.0))
    del tap.sent[:]
    driver.apply(Setpoint(Mode.CURRENT, 7.0, 3.6))
    assert tap.sent[-6:] == [
        b":SENS:CURR:RANG:AUTO ON;:SOUR:VOLT:ILIM 1.05;:SOUR:VOLT 0;:SOUR:VOLT:RANG 7"
        b";:SOUR:VOLT:RANG?\n",
        b":SYST:ERR:COUN?\n",
        b":SENS:CURR:RANG 7;:SOUR:VOLT:ILIM 7;:SOUR:VOLT 3.6"
        b";:SOUR:VOLT:ILIM?;:SENS:CURR:RANG?;:SOUR:VOLT?\n",
        b":SYST:ERR:COUN?\n",
        b":OUTP ON;:OUTP?\n",
        b":SYST:ERR:COUN?\n",
    ]
    assert driver.read().current == pytest.approx(7.0, rel=5e-3)


def test_what_the_panel_left_beyond_the_envelope_does_not_stand_in_the_way(bench):
    driver, tap = bench
    tap.box.exchange(b"SOUR:VOLT:RANG 100;:SOUR:VOLT 90;:SENS:CURR:RANG 7\n")
    tap.box.exchange(b"SOUR:CURR:RANG 1;:SOUR:CURR 0.5\n")
    driver.arm(ArmLimits(2.0, 4.3, 10.0, 10.0))
    seen = driver.look(4.3).voltage
    assert seen == pytest.approx(tap.box.cell.sample(tap.clock.now)[0], abs=5e-3)
    driver.apply(Setpoint(Mode.CURRENT, -7.0, 2.6))
    assert driver.read().current == pytest.approx(-7.0, rel=5e-3)


def test_a_higher_voltage_leaves_less_current(bench):
    driver, tap = bench
    driver.arm(ArmLimits(0.0, 8.5, 10.0, 10.0))
    driver.apply(Setpoint(Mode.CURRENT, 5.0, 3.6))
    with pytest.raises(Unsupported, match=r"5\.25 A on its range of 10 V"):
        driver.apply(Setpoint(Mode.CURRENT, 5.5, 3.6))
    assert tap.box.exchange(b"OUTP?\n") == b"1\n", "the change was refused, nothing was sent"
    assert driver.safe().proven


@pytest.mark.parametrize("high", [19.5, 21.0, 90.0])
def test_beyond_protection_or_range_is_refused(bench, high):
    driver, tap = bench
    del tap.sent[:]
    if high < 20.0:
        driver.arm(ArmLimits(0.0, high, 1.0, 1.0))
        assert b"PROT20" in tap.sent[0]
        return
    with pytest.raises(Unsupported):
        driver.arm(ArmLimits(0.0, high, 1.0, 1.0))
    assert tap.sent == []


def test_each_refuses_its_siblings():
    modules = {"keithley2450": keithley2450, "keithley2460": keithley2460}
    modules["keithley2461"] = keithley2461
    for name in modules:
        for other, module in modules.items():
            tap = Tap(name)
            driver = module.driver_on(tap, tap.clock, "test")
            if name == other:
                assert driver.open().model == name.removeprefix("keithley")
            else:
                with pytest.raises(IdentityError):
                    driver.open()
                assert tap.sent == [b"*IDN?\n"]


def test_what_is_true_of_each():
    assert keithley2450.CAPABILITIES.current_ampere == (-1.05, 1.05)
    assert keithley2450.CAPABILITIES.power_watt == pytest.approx(20.0)
    for module in (keithley2460, keithley2461):
        assert module.CAPABILITIES.current_ampere == (-7.35, 7.35)
        assert module.CAPABILITIES.power_watt == pytest.approx(100.0)
        assert module.CAPABILITIES.current_ranges[-1].full_scale == 7.0
