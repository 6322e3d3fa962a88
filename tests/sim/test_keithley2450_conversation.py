"""Bytes to and from the simulated 2450: the vendor's script, other people's clients, refusals."""

import math
import re

import numpy as np
import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.bench.twin import TwinSpec
from benchlab.errors import UsageError
from benchlab_drivers.sim import keithley2450, simulator
from benchlab_drivers.sim._keithley_smu import LEAD_OHM

NMC = "nmc811_graphite_pouch"
NO_ERROR = b'0,"No error;0,0,0"\n'
READ = b':READ? "defbuffer1",SOUR,READ\n'


class Bench:
    def __init__(self, **spec):
        self.clock = VirtualClock()
        self.box = keithley2450.make(self.clock, TwinSpec(NMC, **spec))

    def __call__(self, *lines):
        reply = b""
        for line in lines:
            reply = self.box.exchange(line.encode() + b"\n")
        return reply

    def numbers(self, line):
        return [float(word) for word in self(line).split(b",")]

    def errors(self):
        codes = []
        while (entry := self("SYST:ERR?")) != NO_ERROR:
            codes.append(int(entry.split(b",")[0]))
        return codes

    def wait(self, seconds):
        self.clock.sleep_until(self.clock.now + seconds)


VOLTAGE_SOURCE = (
    "OUTP:SMOD HIMP",
    "SENS:CURR:RSEN ON",
    "SOUR:FUNC VOLT",
    "SOUR:VOLT:RANG 20",
    "SOUR:VOLT:READ:BACK ON",
    'SENS:FUNC "CURR"',
    "SENS:CURR:RANG 0.1",
)


def test_vendor_battery_script():
    bench = Bench(ideal=True)
    bench("OUTP:SMOD HIMP", "SENS:CURR:RSEN ON", "SOUR:FUNC VOLT", "SOUR:VOLT 3.5")
    bench("ROUT:TERM REAR", "SOUR:VOLT:READ:BACK ON", "SOUR:VOLT:RANG 2")
    assert bench.errors() == [-222]  # 3.5 V does not fit
    bench("SOUR:VOLT:RANG 20", "SOUR:VOLT:ILIM 0.1", 'SENS:FUNC "CURR"', "SENS:CURR:RANG 0.1")
    bench("OUTP ON")
    for n in range(1, 4):
        (current,) = bench.numbers('READ? "defbuffer1"')
        (volts,) = bench.numbers(f'TRAC:DATA? {n},{n},"defbuffer1",SOUR')
        (second,) = bench.numbers(f'TRAC:DATA? {n},{n},"defbuffer1",REL')
        assert current == pytest.approx(-0.1)
        assert 3.5 < volts < 3.6
        assert second == pytest.approx((n - 1) * 10.0, abs=0.4)
        bench.wait(10.0)
    bench("OUTP OFF")
    assert bench("OUTP?") == b"0\n"
    assert bench.errors() == []
    assert bench.box.truth().discharged_ah == pytest.approx(0.1 * 30.1 / 3600.0, rel=0.01)


@pytest.mark.parametrize(
    "line",
    [
        "SOUR:voltage 1.0",
        ":MEASure? 'defbuffer1'",
        ":SENS:CURR:RANG:AUTO 0;:SENS:CURR:RANG 1e-05",
        ":SENS:FUNC 'CURR';:SENS:CURR:NPLC 1.000000;",
        "*RST;:stat:pres;:*CLS;",
        ":SENSe:CURRent:RSENse ON",
        ':SENS:FUNC "VOLT:DC"',
        "OUTPUT?",
        ":TRACe:MAKE 'mine', 100, STAN",
        ":FETCh? 'defbuffer1', SOUR,READ",
        ":SYST:BEEP 440, 0.1",
        ":DISP:SCR HOME",
        ":FORM:ASC:PREC 10",
        "",
        ";",
    ],
)
def test_what_real_clients_send_is_understood(line):
    bench = Bench()
    bench("READ?")
    bench(line)
    assert bench.errors() == []


def test_identity_language_and_status():
    bench = Bench(seed=7)
    maker, model, serial, firmware = bench("*IDN?").decode().strip().split(",")
    assert (maker, model) == ("KEITHLEY INSTRUMENTS", "MODEL 2450")
    assert serial != Bench(seed=8)("*IDN?").decode().split(",")[2]
    assert firmware
    assert bench("*LANG?") == b"SCPI\n"
    assert bench("*OPC?;*ESR?") == b"1;128\n"
    assert bench("SYST:ERR?") == NO_ERROR
    bench("NOSUCH:HEADER 1")
    entry = bench("SYST:ERR:COUN?;:SYST:ERR?")
    assert re.fullmatch(rb'1;-113,"Undefined header;1;2026/01/01 00:00:00\.\d{3}"\n', entry)


def test_an_open_relay_hides_the_cell():
    bench = Bench()
    bench("OUTP:SMOD HIMP", 'SENS:FUNC "VOLT"')
    volts = [bench.numbers("READ?")[0] for _ in range(20)]
    assert max(map(abs, volts)) < 2e-3
    assert len(set(volts)) > 1
    bench.wait(3600.0)
    assert bench.box.truth().discharged_ah == pytest.approx(0.0, abs=1e-8)


def test_normal_off_state_discharges_the_cell():
    bench = Bench(ideal=True)
    bench("SOUR:VOLT:ILIM 0.1")  # 100 mA range: 10 mA flow
    bench.wait(3600.0)
    assert bench.box.truth().discharged_ah == pytest.approx(0.01, rel=1e-3)


def test_off_state_belongs_to_each_source_function():
    bench = Bench(ideal=True)
    bench("OUTP:VOLT:SMOD HIMP", "SOUR:VOLT:ILIM 0.1", "SOUR:FUNC CURR", "SOUR:CURR:RANG 0.1")
    assert bench("OUTP:VOLT:SMOD?;:OUTP:CURR:SMOD?") == b"HIMP;NORM\n"
    bench.wait(3600.0)
    assert bench.box.truth().discharged_ah == pytest.approx(0.01, rel=1e-2)


@pytest.mark.parametrize(
    "line", ["SOUR:FUNC CURR", "SENS:CURR:RSEN OFF", "ROUT:TERM REAR", "*RST", "OUTP OFF"]
)
def test_what_turns_the_output_off(line):
    bench = Bench()
    bench(*VOLTAGE_SOURCE, "SOUR:VOLT 4", "OUTP ON")
    assert bench("OUTP?") == b"1\n"
    bench(line)
    assert bench("OUTP?") == b"0\n"


def test_four_wires_act_only_with_the_output_on():
    bench = Bench(ideal=True)
    bench(*VOLTAGE_SOURCE, "SOUR:VOLT 4.1", "SOUR:VOLT:ILIM 0.1", "OUTP ON")
    four = bench.numbers("READ? 'defbuffer1',SOUR,READ")
    bench("SENS:CURR:RSEN OFF", "OUTP ON")
    two = bench.numbers("READ? 'defbuffer1',SOUR,READ")
    assert two[1] == four[1] == pytest.approx(0.1)
    assert two[0] - four[0] == pytest.approx(0.1 * LEAD_OHM, abs=2e-3)


def test_charge_goes_over_to_constant_voltage_and_says_so():
    bench = Bench(ideal=True)
    bench(*VOLTAGE_SOURCE, "SOUR:VOLT 4.0", "SOUR:VOLT:ILIM 0.1", "OUTP ON")
    assert bench("SOUR:VOLT:ILIM:TRIP?") == b"1\n"
    bench.wait(7200.0)
    volts, current = bench.numbers("READ? 'defbuffer1',SOUR,READ")
    assert volts == 4.0
    assert 0.0 < current < 0.1
    assert bench("SOUR:VOLT:ILIM:TRIP?") == b"0\n"
    held = int(bench("READ? 'defbuffer1',SOURSTAT"))
    assert held & 32 == 0
    assert held & 128


def test_current_source_with_its_limit():
    bench = Bench(ideal=True)
    bench("OUTP:SMOD HIMP", "SOUR:FUNC CURR", "SENS:VOLT:RSEN ON", 'SENS:FUNC "VOLT"')
    bench("SOUR:CURR 0.1", "SOUR:CURR:VLIM 4.0", "OUTP ON")
    current, volts = bench.numbers("READ? 'defbuffer1',SOUR,READ")
    assert current == 0.1
    assert 3.5 < volts < 3.7
    assert bench("SOUR:CURR:VLIM:TRIP?") == b"0\n"
    bench.wait(7200.0)
    current, volts = bench.numbers("READ? 'defbuffer1',SOUR,READ")
    assert volts == 4.0
    assert current < 0.1
    assert bench("SOUR:CURR:VLIM:TRIP?") == b"1\n"


def test_a_reading_sees_what_was_set_earlier_in_its_line():
    bench = Bench(ideal=True)
    bench(*VOLTAGE_SOURCE, "SOUR:VOLT 4.1", "SOUR:VOLT:ILIM 0.1", "OUTP ON", "READ?")
    assert float(bench("SOUR:VOLT:ILIM 0.05;:READ?")) == pytest.approx(0.05)


def test_a_small_fixed_range_caps_the_real_limit():
    bench = Bench(ideal=True)
    bench(*VOLTAGE_SOURCE, "SENS:CURR:RANG 0.01", "SOUR:VOLT 4.1", "SOUR:VOLT:ILIM 0.1", "OUTP ON")
    assert bench.numbers("READ?")[0] == pytest.approx(0.0105)


def test_beyond_a_fixed_range_the_meter_overflows():
    bench = Bench(ideal=True)
    bench("OUTP:SMOD HIMP", "SOUR:FUNC CURR", 'SENS:FUNC "VOLT"', "SENS:VOLT:RSEN ON")
    bench("SOUR:CURR 0.01", "SOUR:CURR:VLIM 5", "OUTP ON", "SENS:VOLT:RANG 0.2")
    value = bench.numbers("READ?")[0]
    assert value == 9.9e37


@pytest.mark.parametrize(
    "lines",
    [
        ("SOUR:VOLT 211",),
        ("SOUR:VOLT:ILIM 1.06",),
        ("SOUR:CURR 1.06",),
        ("SOUR:VOLT:RANG 2", "SOUR:VOLT 2.2"),
        ("SOUR:VOLT:ILIM 1", "SOUR:VOLT 30"),
        ("SOUR:VOLT 30", "SOUR:VOLT:ILIM 1"),
        ("SOUR:CURR 1", "SOUR:CURR:VLIM 22"),
        ("SENS:CURR:RANG 1", "SOUR:VOLT:ILIM 0.0005"),
        ("SENS:CURR:NPLC 11",),
        ("TRAC:DATA? 1,1",),
    ],
)
def test_what_is_refused(lines):
    bench = Bench()
    bench("SOUR:VOLT:ILIM 0.1")
    bench(*lines)
    assert bench.errors() == [-222]


def test_overvoltage_protection_holds_the_source():
    bench = Bench(ideal=True)
    bench(*VOLTAGE_SOURCE, "SOUR:VOLT:ILIM 0.1", "SOUR:VOLT:PROT PROT5", "SOUR:VOLT 6", "OUTP ON")
    assert bench("SOUR:VOLT:PROT?;:SOUR:VOLT:PROT:TRIP?") == b"PROT5;1\n"
    bench("SOUR:VOLT:PROT PROT7")
    assert bench.errors() == [-224]


def test_source_element_is_the_set_value_without_readback():
    bench = Bench()
    bench(*VOLTAGE_SOURCE, "SOUR:VOLT 4.1", "SOUR:VOLT:ILIM 0.1", "OUTP ON")
    assert bench.numbers("READ? 'defbuffer1',SOUR")[0] < 3.8
    bench("SOUR:VOLT:READ:BACK OFF")
    assert bench.numbers("READ? 'defbuffer1',SOUR")[0] == 4.1


def test_digits_follow_the_precision():
    bench = Bench()
    bench(*VOLTAGE_SOURCE, "SOUR:VOLT 4.1", "SOUR:VOLT:ILIM 0.1", "OUTP ON")
    assert len(bench("READ?")) == len(b"+1.000000E-01\n")
    bench("FORM:ASC:PREC 16")
    assert len(bench("READ?")) == len(b"+1.000000000000000E-01\n")


def test_every_element_is_there():
    bench = Bench()
    names = "DATE,FORM,FRAC,READ,REL,SEC,SOUR,SOURFORM,SOURSTAT,SOURUNIT,STAT,TIME,TST,UNIT"
    assert bench(f"READ? 'defbuffer1',{names}").count(b",") == 13
    bench(f"READ? 'defbuffer1',{names},READ")
    bench("READ? 'nosuch'")
    assert bench.errors() == [-223, 1112]


def test_simple_loop_fills_its_buffer_while_the_clock_runs():
    bench = Bench(ideal=True)
    bench(*VOLTAGE_SOURCE, "SOUR:VOLT 4.1", "SOUR:VOLT:ILIM 0.1", "OUTP ON")
    bench('TRIG:LOAD "SimpleLoop",100,0.01', "INIT")
    bench.wait(1.0)
    some = int(bench("TRAC:ACT?"))
    assert 10 < some < 100
    assert bench("INIT", "READ?") == b""
    assert bench.errors() == [-213, -213]
    bench.wait(10.0)
    assert bench("TRAC:ACT?") == b"100\n"
    rows = np.array(bench.numbers('TRAC:DATA? 1,100,"defbuffer1",SOUR,READ,REL')).reshape(100, 3)
    assert np.diff(rows[:, 2]) == pytest.approx(0.05, abs=1e-4)
    assert rows[:, 1] == pytest.approx(0.1)
    bench("TRAC:CLE")
    assert bench("TRAC:ACT?") == b"0\n"
    bench("TRIG:LOAD 'DurationLoop',2,0.01", "INIT")
    bench.wait(1.0)
    bench("ABOR")
    aborted = bench("TRAC:ACT?")
    bench.wait(5.0)
    assert bench("TRAC:ACT?") == aborted != b"0\n"


def test_own_buffers():
    bench = Bench()
    bench('TRAC:MAKE "run1",3')
    for _ in range(4):
        bench('READ? "run1"')
    assert bench.errors() == [4915]
    assert bench('TRAC:ACT? "run1";:TRAC:POIN? "run1"') == b"3;3\n"
    mean = float(bench('TRAC:STAT:AVER? "run1"'))
    assert mean == pytest.approx(np.mean(bench.numbers('TRAC:DATA? 1,3,"run1"')), rel=1e-5)
    bench('TRAC:DEL "run1"')
    bench('TRAC:ACT? "run1"')
    assert bench.errors() == [1112]


def test_a_message_acts_in_the_middle_of_its_exchange():
    bench = Bench(ideal=True)
    bench(*VOLTAGE_SOURCE, "SOUR:VOLT 4.1", "SOUR:VOLT:ILIM 0.1")
    sent = bench.clock.now
    assert bench("OUTP ON;:SYST:ERR:COUN?") == b"0\n"
    acted = 0.5 * (sent + bench.clock.now)
    bench.wait(1000.0)
    charge = 0.1 * (bench.clock.now - acted) / 3600.0
    assert bench.box.truth().charged_ah == pytest.approx(charge, rel=1e-12)
    for _ in range(2):  # the second one takes the short way
        sent = bench.clock.now
        reply = bench.box.exchange(READ)
        middle = bench.box.buffers["defbuffer1"].entries[-1][0]
        assert reply
        assert middle == pytest.approx(0.5 * (sent + bench.clock.now), abs=1e-9)


def test_short_way_says_the_same_as_the_long_way():
    answers = []
    for spelling in ([READ], [READ, READ.lower().replace(b"defbuffer1", b"defbuffer1")]):
        bench = Bench(seed=5)
        bench(*VOLTAGE_SOURCE, "SOUR:VOLT 4.1", "SOUR:VOLT:ILIM 0.1", "OUTP ON")
        said = []
        for k in range(400):
            said.append(bench.box.exchange(spelling[k % len(spelling)]))
            if len(spelling) > 1:
                bench.box._fast.clear()
            bench.wait(10.0)
        answers.append(said)
    assert answers[0] == answers[1]


def test_events_of_the_clock_are_carried_out_during_an_exchange():
    bench = Bench()
    bench(*VOLTAGE_SOURCE, "SOUR:VOLT 4.1", "SOUR:VOLT:ILIM 0.1", "OUTP ON")
    bench.box.exchange(READ)
    seen = []
    bench.clock.schedule(bench.clock.now + 0.01, lambda: seen.append(bench.clock.now))
    bench.box.exchange(READ)
    assert len(seen) == 1


def conversation(seed):
    bench = Bench(seed=seed)
    bench(*VOLTAGE_SOURCE, "SOUR:VOLT 4.1", "SOUR:VOLT:ILIM 0.1", "OUTP ON")
    said = []
    for _ in range(500):
        said.append(bench.box.exchange(READ))
        bench.wait(30.0)
    return b"".join(said)


def test_same_seed_same_bytes():
    assert conversation(3) == conversation(3)
    assert conversation(3) != conversation(4)


def test_simulators_are_found_by_name():
    assert simulator("keithley2450") is keithley2450
    with pytest.raises(UsageError, match=r"Known: .*keithley2450"):
        simulator("keithley9999")


def test_resistance_is_the_ratio():
    bench = Bench(ideal=True)
    bench(*VOLTAGE_SOURCE, "SOUR:VOLT 4.1", "SOUR:VOLT:ILIM 0.1", "SENS:RES:RSEN ON")
    bench("SENS:FUNC 'RES'", "OUTP ON")
    value, volts = bench.numbers("READ? 'defbuffer1',READ,SOUR")
    assert math.isclose(value, volts / 0.1, rel_tol=1e-5)
