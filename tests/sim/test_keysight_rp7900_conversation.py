"""Bytes to and from the simulated RP7900: what it answers, refuses, and does to a cell."""

import numpy as np
import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.bench.twin import TwinSpec
from benchlab_drivers.sim import keysight_rp7900, simulator
from benchlab_drivers.sim._rp7900 import TURN_ON_SECOND
from benchlab_drivers.wire.rp7900_models import MODELS

NMC = "nmc811_graphite_pouch"
OK = b'+0,"No error"\n'


class Bench:
    def __init__(self, model="RP7931A", **spec):
        self.clock = VirtualClock()
        self.box = keysight_rp7900.make(self.clock, TwinSpec(NMC, 22.5, **spec), model)

    def __call__(self, *lines):
        reply = b""
        for line in lines:
            reply = self.box.exchange(line.encode() + b"\n")
        return reply

    def numbers(self, line):
        return [float(word) for word in self(line).split(b";")]

    def error(self):
        return int(self("SYST:ERR?").split(b",")[0])

    def wait(self, seconds):
        self.clock.sleep_until(self.clock.now + seconds)


def driving(ampere, limit=4.2, **spec):
    bench = Bench(**spec)
    bench("FUNC CURR", f"VOLT:LIM {limit};:CURR {ampere}", "OUTP ON")
    bench.wait(0.1)
    return bench


@pytest.mark.parametrize(
    "line",
    [
        "SOURce:FUNCtion CURRent",
        "OUTPut:STATe ON",
        "SOURce:VOLTage:LEVel:IMMediate:AMPLitude 4.2",
        "FUNC CURR;:VOLT:LIM 4.2;:VOLT:PROT 4.3;:CURR 25",
        "SOURce:CURRent:LIMit:POSitive:IMMediate:AMPLitude 5",
        "MEASure:SCALar:VOLTage:DC?",
        "STAT:OPER:COND?;:STAT:QUES1:COND?",
        "STAT:QUES2:COND?",
        "OUTP:PROT:WDOG:DEL 60;:OUTP:PROT:WDOG ON",
        "VOLT:PROT:LOW:STAT ON;DEL 0.1",
    ],
)
def test_what_clients_send_is_understood(line):
    bench = Bench()
    bench(line)
    assert bench.error() == 0


def test_identity_and_numbers_look_as_captured():
    bench = Bench(seed=7)
    assert bench("*IDN?") == b"Keysight Technologies,RP7931A,SIM00007,B.03.02.1232\n"
    assert bench("OUTP?;:FUNC?;:STAT:OPER:COND?") == b"0;VOLT;+4\n"
    assert bench("VOLT:PROT 8.16;:VOLT:PROT?") == b"+8.160000E+00\n"
    assert bench("SYST:ERR?") == OK


def test_an_unknown_header_throws_its_whole_line_away_without_an_answer():
    bench = Bench()
    assert bench("VOLT:PROT 5;:NO:SUCH 1;:VOLT:PROT?") == b""
    assert bench("SYST:ERR?") == b'-113,"Undefined header"\n'
    assert bench("VOLT:PROT?") == b"+2.400000E+01\n"


def test_a_level_reads_back_as_before_in_the_line_that_changes_it():
    bench = Bench()
    bench("FUNC CURR", "CURR 1")
    assert bench("CURR 2;:CURR?") == b"+1.000000E+00\n"
    assert bench("CURR?") == b"+2.000000E+00\n"
    assert bench("VOLT:PROT 4;:VOLT:PROT?") == b"+4.000000E+00\n", "protections read back fresh"


@pytest.mark.parametrize(
    ("lines", "code"),
    [
        (("CURR 409",), -222),
        (("VOLT 20.5",), -222),
        (("VOLT:PROT 24.1",), -222),
        (("OUTP:PROT:WDOG:DEL 0",), -222),
        (("VOLT:PROT:LOW:DEL 3000",), -222),
        (("VOLT:LIM 4",), 315),
        (("FUNC CURR", "CURR:LIM 4"), 315),
        (("CURR 3",), 0),  # of the other priority: taken and ignored
        (("FETC:VOLT?",), -230),
        (("SENS:FUNC:CURR OFF", "MEAS:VOLT?;:FETC:CURR?"), -230),
    ],
)
def test_what_is_refused(lines, code):
    bench = Bench()
    bench(*lines)
    assert bench.error() == code
    assert bench("CURR?") == b"+0.000000E+00\n"


def test_a_change_of_priority_switches_off_and_forgets_levels():
    bench = driving(25.0)
    bench("FUNC VOLT")
    assert bench("OUTP?;:VOLT:LIM?;:FUNC?").startswith(b"0;+2.0")
    bench("FUNC CURR")
    assert bench("CURR?") == b"+0.000000E+00\n"


def test_it_turns_on_late_and_charges_to_constant_voltage():
    bench = Bench(ideal=True)
    bench("FUNC CURR", "VOLT:LIM 4.0;:CURR 25")
    sent = bench.clock.now
    assert bench("OUTP ON;:SYST:ERR?") == OK
    acted = 0.5 * (sent + bench.clock.now)
    assert bench.numbers("MEAS:CURR?") == [0.0]
    bench.wait(100.0)
    volt, ampere = bench.numbers("MEAS:VOLT?;:FETC:CURR?")
    assert (ampere, volt < 4.0) == (25.0, True)
    assert bench("STAT:OPER:COND?;:STAT:QUES:COND?") == b"+2;+0\n"
    charge = 25.0 * (bench.clock.now - acted - TURN_ON_SECOND) / 3600.0
    assert bench.box.truth().charged_ah == pytest.approx(charge, rel=1e-9)
    bench.wait(3600.0)
    volt, ampere = bench.numbers("MEAS:VOLT?;:FETC:CURR?")
    assert volt == 4.0
    assert 0.0 < ampere < 25.0
    assert bench("STAT:OPER:COND?;:STAT:QUES:COND?") == b"+0;+128\n"


def test_a_voltage_limit_below_the_cell_lets_the_current_run_away():
    bench = driving(1.0, limit=3.2, ideal=True)
    volt, ampere = bench.numbers("MEAS:VOLT?;:FETC:CURR?")
    assert volt == pytest.approx(3.2)
    assert ampere < -100.0
    bench = driving(1.0, limit=0.1, ideal=True)
    assert bench("STAT:QUES:COND?") == b"+2\n", "the built-in trip ends it"
    assert bench("OUTP?") == b"1\n", "as programmed"
    assert bench.numbers("MEAS:CURR?") == [0.0]


def test_undervoltage_switches_off_after_its_delay_wherever_nobody_looks():
    bench = Bench(ideal=True)
    bench("FUNC CURR", "VOLT:LIM 4.3;:CURR -45;:VOLT:PROT:LOW 3.0")
    bench("VOLT:PROT:LOW:DEL 2;STAT ON;:OUTP ON")
    while bench.numbers("MEAS:VOLT?")[0] > 3.0:
        bench.wait(0.2)
    below = bench.box.truth().discharged_ah
    bench.wait(600.0)
    assert bench("STAT:QUES2:COND?;:OUTP?") == b"+64;1\n"
    more = (bench.box.truth().discharged_ah - below) * 3600.0 / 45.0
    assert 1.5 < more < 2.5
    bench("OUTP OFF", "OUTP:PROT:CLE")
    bench.wait(0.1)
    assert bench("STAT:QUES2:COND?") == b"+0\n"
    assert bench.numbers("MEAS:CURR?") == [0.0]


def test_clearing_a_trip_switches_on_again_what_is_still_programmed_on():
    bench = driving(25.0, ideal=True)
    bench("VOLT:PROT 3")
    bench.wait(1.0)
    assert bench("STAT:QUES:COND?") == b"+1\n"
    assert bench.numbers("MEAS:CURR?") == [0.0]
    bench("VOLT:PROT 5", "OUTP:PROT:CLE")
    bench.wait(0.1)
    assert bench.numbers("MEAS:CURR?") == [25.0]


@pytest.mark.parametrize("quiet", [4.9, 5.2, 500.0])
def test_the_watchdog_is_fed_by_any_traffic_and_acts_on_time(quiet):
    bench = driving(25.0, ideal=True)
    bench("OUTP:PROT:WDOG:DEL 5;:OUTP:PROT:WDOG ON")
    for _ in range(5):
        bench.wait(4.9)
        assert bench("STAT:QUES:COND?") == b"+0\n"
    before, now = bench.box.truth().charged_ah, bench.clock.now
    bench.wait(quiet)
    flowed = (bench.box.truth().charged_ah - before) * 3600.0 / 25.0
    assert flowed == pytest.approx(min(quiet, 5.0), abs=1e-3)
    assert bench("STAT:QUES:COND?") == (b"+0\n" if quiet < 5.0 else b"+2048\n")
    assert bench.clock.now > now


def test_voltage_priority_holds_a_voltage_between_its_current_limits():
    bench = Bench(ideal=True)
    bench("VOLT 3.0;:CURR:LIM 10;:CURR:LIM:NEG -20", "OUTP ON")
    bench.wait(1.0)
    assert bench.numbers("MEAS:CURR?") == [-20.0]
    assert bench("STAT:OPER:COND?;:STAT:QUES:COND?") == b"+0;+256\n"
    bench("CURR:PROT:DEL 0.1;:CURR:PROT:STAT ON")
    bench.wait(1.0)
    assert bench("STAT:QUES:COND?") == b"+2\n"


def test_off_leaves_a_leak_and_the_meter_on_the_cell():
    bench = Bench(seed=4)
    volt = bench.numbers("MEAS:VOLT?")[0]
    assert volt == pytest.approx(bench.box.cell.sample(bench.clock.now)[0], abs=4e-3)
    bench.wait(36_000.0)
    assert bench.box.truth().discharged_ah == pytest.approx(
        10.0 * MODELS["RP7931A"].leak_ampere, rel=1e-3
    )


def test_a_discharge_ends_at_zero_volts_and_never_below():
    bench = driving(-400.0, ideal=True)
    bench.wait(3600.0)
    volt, ampere = bench.numbers("MEAS:VOLT?;:FETC:CURR?")
    assert volt == pytest.approx(0.0, abs=1e-9)
    assert -1.0 < ampere <= 0.0


@pytest.mark.parametrize("name", MODELS)
def test_errors_stay_inside_what_is_stated_and_are_never_zero(name):
    model = MODELS[name]
    for seed in range(20):
        box = Bench(name, seed=seed).box
        for drawn, stated in (
            (box._read_volt, model.voltage),
            (box._source_volt, model.voltage),
            (box._read_ampere, model.current),
            (box._source_ampere, model.current),
        ):
            assert 0.0 < abs(drawn.gain_positive - 1.0) <= stated.gain * (1.0 + 1e-9)
            assert 0.0 < abs(drawn.offset_negative) <= stated.offset


def test_readings_scatter_and_step_as_stated():
    bench = driving(25.0, seed=11)
    model = MODELS["RP7931A"]
    rows = np.array([bench.numbers("MEAS:VOLT?;:FETC:CURR?") for _ in range(300)])
    steps = rows[:, 1] / model.ampere_step
    assert steps == pytest.approx(np.round(steps), abs=2e-3)
    assert 0.5 * model.ampere_noise < rows[:, 1].std() < 2.0 * model.ampere_noise
    assert rows[:, 1].mean() == pytest.approx(25.0, abs=2.0 * (25.0 * 4e-4 + 0.06))


def test_a_cell_taken_away_is_seen_by_nobody_but_the_voltage():
    bench = driving(25.0, ideal=True)
    bench.box.take_cell_away()
    assert bench.numbers("MEAS:VOLT?;:FETC:CURR?") == [4.2, 0.0]
    bench.box.put_cell_back()
    assert bench.numbers("MEAS:CURR?") == [25.0]


def conversation(seed):
    bench = driving(25.0, seed=seed)
    said = []
    for _ in range(200):
        said.append(bench("MEAS:VOLT?;:FETC:CURR?"))
        bench.wait(30.0)
    return b"".join(said)


def test_same_seed_same_bytes():
    assert conversation(3) == conversation(3)
    assert conversation(3) != conversation(4)


def test_it_is_found_by_name():
    assert simulator("keysight_rp7900") is keysight_rp7900
