"""The simulated MethodSCRIPT instruments, by their bytes, in virtual time."""

import math

import numpy as np
import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.bench.twin import TwinSpec
from benchlab_drivers.sim import palmsens_methodscript, palmsens_nexus, palmsens_pico
from benchlab_drivers.wire.methodscript import Fault, Marked, Package, parse_line

SETUP = "set_pgstat_chan 0\nset_pgstat_mode {}\n"
PULSE = """var p
var c
var t
set_pgstat_chan 0
set_pgstat_mode 2
meas 100m p ab
pck_start
pck_add p
pck_end
set_pgstat_mode 6
set_range db 10m
set_i 0
cell_on
timer_start
meas_loop_cp p c 1m 1m 10m
endloop
pck_start
pck_add p
pck_end
meas_loop_cp p c 1m 1 300
timer_get t
pck_start
pck_add t
pck_add p
pck_end
endloop
on_finished:
cell_off"""
SPECTRUM = """var f
var a
var y
var e
set_pgstat_chan 0
set_pgstat_mode 3
meas 100m e ab
set_range_minmax da e e
set_range ba 100m
set_autoranging ba 100n 100m
set_e e
cell_on
meas_loop_eis f a y 10m 10k 1m 71i e
pck_start
pck_add f
pck_add a
pck_add y
pck_end
endloop
on_finished:
cell_off"""


class Talk:
    """One simulated instrument that is talked to, and run to the end of its script."""

    def __init__(self, module=palmsens_methodscript, cell="lfp_half_coin", ideal=True):
        self.clock = VirtualClock()
        self.box = module.make(self.clock, TwinSpec(cell, ideal=ideal))

    def say(self, data, second=0.1):
        self.box.feed(data)
        self.clock.sleep_until(self.clock.now + second)
        return self.box.take()

    def run(self, script):
        got = self.say(f"e\n{script}\n\n".encode())
        while self.box.running:
            self.clock.sleep_until(self.clock.now + 100.0)
            got += self.box.take()
        self.clock.sleep_until(self.clock.now + 100.0)
        return [parse_line(line) for line in (got + self.box.take()).split(b"\n")[:-1]]


def packages(lines):
    return [[v.value for v in line.variables] for line in lines if isinstance(line, Package)]


@pytest.mark.parametrize(
    ("module", "firmware"),
    [
        (palmsens_methodscript, b"tes4_hr"),
        (palmsens_nexus, b"tnexus1"),
        (palmsens_pico, b"tespico"),
    ],
)
def test_it_says_what_it_is(module, firmware):
    talk = Talk(module)
    answer = talk.say(b"t\n")
    assert answer.startswith(firmware)
    assert answer.endswith(b"\nR*\n")
    assert talk.say(b"i\n").startswith(b"i")
    assert talk.say(b"v\n").startswith(b"v")
    assert talk.say(b"q\n") == b"q!0003\n"
    assert talk.say(b"\nZ\n") == b"Z!0006\n"


def test_it_answers_when_its_time_has_come_and_not_before():
    talk = Talk()
    talk.box.feed(b"t")
    assert talk.say(b"") == b""
    talk.box.feed(b"\n")
    assert talk.box.take() == b""
    talk.clock.sleep_until(talk.clock.now + 0.01)
    assert talk.box.take().startswith(b"tes4_hr")


@pytest.mark.parametrize(
    ("script", "refused"),
    [
        ("var e\nfoo e", Fault(0x4001, "e", 2, 1)),
        ("store_var e 1 ja", Fault(0x420B, "e", 1, 11)),
        ("var e\nvar e", Fault(0x4026, "e", 2, 5)),
        ("var e\nstore_var e 4.2 ja", Fault(0x4039, "e", 2, 13)),
        ("var e\nloop e < 3i", Fault(0x4004, "e", 2, 1)),
        ("endif", Fault(0x4004, "e", 1, 1)),
        ("breakloop", Fault(0x4004, "e", 1, 1)),
        ("var e\nset_e", Fault(0x4004, "e", 2, 6)),
    ],
)
def test_a_wrong_script_is_refused_with_line_and_column_and_does_not_run(script, refused):
    talk = Talk()
    (line,) = talk.run(script)
    assert line == refused
    assert not talk.box.running


def test_a_galvanostat_is_no_part_of_a_pico():
    (line,) = Talk(palmsens_pico).run("var e\nvar i\nmeas_loop_cp e i 1m 1 10\nendloop")
    assert line.code == 0x4001


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ("cell_on\nmeas_loop_ocp e 1 3\nendloop", 0x14),
        ("meas_loop_ca e i 1 1 3\nendloop", 0x4027),
        ("set_e 7\ncell_on", 0xF),
        ("set_pgstat_mode 9", 0x7),
    ],
)
def test_a_mistake_while_it_runs_ends_it_without_its_own_end(body, code):
    talk = Talk()
    script = f"var e\nvar i\n{SETUP.format(2)}set_e 3400m\n{body}\non_finished:\ncell_off"
    lines = talk.run(script)
    fault = next(line for line in lines if isinstance(line, Fault))
    assert (fault.code, fault.command) == (code, "")
    assert talk.box.terminals.on == ("cell_on" in body and code != 0xF)
    talk.run("cell_off")
    assert not talk.box.terminals.on


def test_an_abort_goes_to_the_scripts_own_end():
    talk = Talk()
    script = f"var e\nvar i\n{SETUP.format(2)}set_e 3400m\ncell_on\nmeas_loop_ca e i 3400m 1 999\n"
    talk.say(f"e\n{script}endloop\non_finished:\ncell_off\n\n".encode(), 10.0)
    assert talk.box.terminals.on
    assert talk.say(b"i\n") == b"i!0006\n"
    assert talk.say(b"Z\n") in (b"Z\n*\n\n", b"Z\n\n")
    assert not talk.box.terminals.on
    assert not talk.box.running


def test_scans_and_loops_are_marked():
    script = f"var e\nvar i\nvar n\n{SETUP.format(2)}set_e 3400m\ncell_on\n"
    script += "store_var n 0i ja\nloop n < 2i\nadd_var n 1i\nendloop\n"
    script += "meas_loop_cv e i 3400m 3420m 3400m 10m 10m nscans(2)\nendloop\ncell_off"
    marks = "".join(line.mark.value for line in Talk().run(script) if isinstance(line, Marked))
    assert marks == "eL+MC-C-*"


def test_a_sweep_passes_through_its_corners_at_its_rate():
    script = f"var e\nvar i\nvar t\n{SETUP.format(2)}set_e 3300m\ncell_on\ntimer_start\n"
    script += "meas_loop_cv e i 3300m 3500m 3200m 10m 1m\ntimer_get t\n"
    script += "pck_start\npck_add t\npck_add e\npck_add i\npck_end\nendloop\ncell_off"
    time, volt, ampere = np.array(packages(Talk().run(script))).T
    assert (volt.max(), volt.min(), volt[0], volt[-1]) == pytest.approx((3.5, 3.2, 3.3, 3.3))
    assert np.allclose(np.diff(time), 10.0)
    assert ampere[volt == volt.max()].min() > 0.0
    assert ampere[np.argmin(volt)] < 0.0


@pytest.mark.parametrize("cell", ["lfp_half_coin", "li_nmc811_coin"])
def test_a_spectrum_and_a_pulse_see_the_same_impedance(cell):
    """The spectrum gives resistances by least squares; they must predict the pulse."""
    talk = Talk(cell=cell)
    hertz, real, imaginary = np.array(packages(talk.run(SPECTRUM))).T
    assert (imaginary < 0.0).all(), "Z'' is the mathematical one"
    parameters = talk.box.cell.parameters
    taus = sorted({tau for _, tau in parameters.elements})
    omega = 2j * math.pi * hertz
    parts = [np.ones_like(omega), *(1.0 / (1.0 + omega * tau) for tau in taus), 1.0 / omega]
    matrix = np.concatenate([np.real(parts).T, np.imag(parts).T])
    weight = np.tile(1.0 / np.abs(real + 1j * imaginary), 2)
    values = np.concatenate([real, imaginary])
    (ohm, *ohms, slope), *_ = np.linalg.lstsq(matrix * weight[:, None], values * weight, rcond=None)
    (rest,), (fast,), *rows = packages(Talk(cell=cell).run(PULSE))

    def predicted(t):
        rc = sum(r * -math.expm1(-t / tau) for r, tau in zip(ohms, taus, strict=True))
        return 1e-3 * (ohm + rc + slope * t)

    assert fast - rest == pytest.approx(predicted(0.01), rel=0.01)
    for t, volt in rows[:30:5]:
        assert volt - rest == pytest.approx(predicted(t), rel=0.02)


def test_its_errors_are_inside_what_is_stated_and_not_nothing():
    script = f"var e\nvar i\n{SETUP.format(2)}set_range ba 10m\nset_e 3500m\ncell_on\n"
    script += "meas_loop_ca e i 3500m 1 20\npck_start\npck_add i\npck_end\nendloop\ncell_off"
    ideal = np.array(packages(Talk().run(script)))[:, 0]
    real = np.array(packages(Talk(ideal=False).run(script)))[:, 0]
    model = palmsens_methodscript.EMSTAT4_HR
    volt = model.potential_offset_volt + model.potential_gain * 3.5
    bound = np.abs(ideal) * model.current_gain + model.current_offset * 10e-3 + volt / 10.0
    assert (np.abs(real - ideal) > 0.0).all()
    assert (np.abs(real - ideal) < bound).all()
