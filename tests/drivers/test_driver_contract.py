"""What every driver of a source must do, whoever wrote it; a new driver is in here by its name."""

import contextlib
import copy
import math
from pathlib import Path

import pytest

from benchlab.bench.roles import Mode, Setpoint
from benchlab.errors import BenchError, CellCheckError, IdentityError, LinkTimeout
from benchlab.model.flags import RowFlag

KEITHLEY = (
    b":SOUR:FUNC CURR;:SENS:FUNC 'RES'\n"
    b":OUTP:SMOD NORM;:OUTP ON;:FORM:ASC:PREC 5;:SENS:COUN 7\n"
    b":SENS:VOLT:UNIT OHM;:SENS:CURR:UNIT WATT;:SENS:VOLT:NPLC 0.1;:SENS:CURR:NPLC 5\n"
    b":SENS:VOLT:REL:STAT ON;:SENS:CURR:REL:STAT ON;:SENS:VOLT:AVER ON;:SENS:CURR:AVER ON\n"
    b":SENS:VOLT:RSEN OFF;:SENS:CURR:RSEN OFF;:SENS:CURR:RANG 1e-5;:SENS:VOLT:RANG 0.2\n"
    b":SOUR:VOLT:READ:BACK OFF;:SOUR:CURR:READ:BACK OFF;:SOUR:VOLT:PROT PROT40\n"
    b":SOUR:VOLT 15;:SOUR:CURR 0.002;:NO:SUCH 1\n"
)
LEFT_BEHIND = {
    "keithley2450": KEITHLEY,
    "keithley2460": KEITHLEY,
    "keithley2461": KEITHLEY,
    "keysight_rp7900": b"FUNC VOLT;:VOLT 3.7;:CURR:LIM 5;:CURR:LIM:NEG -5;:OUTP ON\n"
    b"CURR:MODE LIST;:CURR:SLEW:MAX OFF;:OUTP:DEL:RISE 0.5;:OUTP:DEL:FALL 0.3\n"
    b"SENS:FUNC:VOLT OFF;:SENS:FUNC:CURR OFF;:SENS:SWE:NPLC 0.01;:FORM REAL\n"
    b"VOLT:PROT 6;:VOLT:PROT:LOW 1;DEL 0.5;STAT OFF;:OUTP:INH:MODE LATC\n"
    b"NO:SUCH 1\n",
}
"""What the last user left on the instrument: everything else than the driver needs."""
STRANGERS = [
    b"KEITHLEY INSTRUMENTS,MODEL 2400,04096331,C33",
    b"Keysight Technologies,N6974A,MY1,A",
    b"RIGOL TECHNOLOGIES,DP811A,DP8D1,00.01.16",
    b"+3.700000E+00",
    b"",
]


def charge(bench):
    return Setpoint(Mode.CURRENT, bench.ampere, 4.2)


def discharge(bench):
    return Setpoint(Mode.CURRENT, -bench.ampere, 2.8)


STAGES = {
    "open": lambda b: b.driver.open(),
    "arm": lambda b: b.driver.arm(b.limits),
    "look": lambda b: b.driver.look(b.limits.voltage_high_volt),
    "charge": lambda b: b.driver.apply(charge(b)),
    "discharge": lambda b: b.driver.apply(discharge(b)),
    "zero": lambda b: b.driver.apply(Setpoint(Mode.ZERO, 0.0, 4.3)),
    "rest": lambda b: b.driver.apply(Setpoint(Mode.OPEN)),
}


def up_to(bench, last):
    for stage, go in STAGES.items():
        go(bench)
        if stage == last:
            return


def test_it_opens_identifies_and_is_off_whatever_was_left(bench):
    bench.box.exchange(LEFT_BEHIND[bench.name])
    identity = bench.driver.open()
    said = bench.box.exchange(b"*IDN?\n").decode()
    assert identity.serial_number in said
    assert identity.model in said
    assert identity.firmware
    assert not bench.box.settings.output
    assert abs(bench.flowing()) < 1e-5 * bench.can.current_ampere[1]


@pytest.mark.parametrize("answer", STRANGERS)
def test_it_sends_a_stranger_nothing_but_the_question(bench, answer):
    bench.tap.answer = lambda _: answer
    with pytest.raises(IdentityError):
        bench.driver.open()
    assert len(bench.tap.sent) == 1


def test_it_looks_at_the_cell_and_moves_no_charge(bench):
    up_to(bench, "arm")
    reading = bench.driver.look(bench.limits.voltage_high_volt)
    bound = next(r for r in bench.can.voltage_ranges if r.full_scale >= reading.voltage)
    true = bench.box.cell.sample(bench.clock.now)[0]
    assert abs(reading.voltage - true) < bound.gain * true + 1.5 * bound.offset
    assert not bench.box.settings.output
    assert abs(bench.moved()) < 1e-6 * bench.capacity


def test_after_the_output_went_on_nothing_is_set_any_more(bench):
    up_to(bench, "look")
    settings = []

    def watch():
        if bench.box.settings.output:
            settings.append(copy.copy(bench.box.settings))

    bench.tap.watch = watch
    bench.driver.apply(charge(bench))
    assert settings
    assert all(each == settings[0] for each in settings)


def test_a_current_has_its_sign_and_its_voltage_a_bound(bench):
    up_to(bench, "look")
    before = bench.moved()
    bench.driver.apply(charge(bench))
    assert bench.driver.read().current == pytest.approx(bench.ampere, rel=0.02)
    assert bench.moved() > before
    worst = bench.box.truth().discharged_ah
    assert worst < 1e-6 * bench.capacity, "no current the other way round on the way there"
    bench.driver.apply(discharge(bench))
    assert bench.driver.read().current == pytest.approx(-bench.ampere, rel=0.02)
    bench.driver.apply(charge(bench))
    for _ in range(6 * 360):
        bench.clock.sleep_until(bench.clock.now + 10.0)
        reading = bench.driver.read()
    assert reading.voltage == pytest.approx(4.2, abs=0.01)
    assert 0.0 < reading.current < 0.2 * bench.ampere


@pytest.mark.parametrize("last", ["look", "discharge"])
def test_a_voltage_bound_below_the_cell_never_lets_more_than_the_set_current_flow(bench, last):
    """It is refused, or the instrument limits what it takes out of the cell."""
    up_to(bench, last)
    worst = 0.0

    def watch():
        nonlocal worst
        worst = max(worst, abs(bench.flowing()))

    bench.tap.watch = watch
    bound = bench.box.cell.sample(bench.clock.now)[0] - 0.05  # deeper, and it would trip at once
    with contextlib.suppress(BenchError):
        bench.driver.apply(Setpoint(Mode.CURRENT, bench.ampere, bound))
        bench.driver.read()
    assert worst < 1.05 * bench.ampere
    assert bench.driver.safe().proven


def test_an_open_rest_says_so(bench):
    up_to(bench, "rest")
    reading = bench.driver.read()
    assert reading.flags & RowFlag.OPEN_CIRCUIT
    if bench.can.measures_when_off:
        assert 3.0 < reading.voltage < 4.2
    else:
        assert math.isnan(reading.voltage)


def changes(line):
    """Return the commands of a line that set something."""
    return [part for part in line.split(b";") if b"?" not in part and part.strip()]


def ignoring(bench, k):
    """Have the instrument ignore the k-th command that sets something."""
    seen = 0

    def change(request):
        nonlocal seen
        kept = []
        for part in request.rstrip(b"\n").split(b";"):
            if b"?" not in part and part.strip():
                seen += 1
                if seen - 1 == k:
                    continue
            kept.append(part)
        return b";".join(kept) + b"\n"

    bench.tap.change = change


def stages(bench):
    """Go through every stage and return the settings after each."""
    bench.box.exchange(LEFT_BEHIND[bench.name])
    settings = []
    for go in STAGES.values():
        go(bench)
        settings.append(copy.deepcopy(bench.box.settings))
    return settings


def test_whatever_single_command_the_instrument_ignores_is_noticed(bench):
    """Or does not matter: then everything is set as if it had not been ignored."""
    cls, name = type(bench), bench.name
    reference = stages(bench)
    total = sum(len(changes(line)) for line in bench.tap.sent)
    assert total > 20
    noticed, missed = 0, []
    for k in range(total):
        other = cls(name)
        ignoring(other, k)
        try:
            settings = stages(other)
        except BenchError:
            noticed += 1
            continue
        if settings != reference:
            missed.append([c for line in bench.tap.sent for c in changes(line)][k])
    assert missed == []
    assert noticed > total / 2


def test_off_is_proven_in_every_state_and_again(name, bench):
    for last in STAGES:
        each = type(bench)(name)
        up_to(each, last)
        assert each.driver.safe().proven, last
        assert each.driver.safe().proven, last
        assert not each.box.settings.output
        assert abs(each.flowing()) < 1e-5 * each.can.current_ampere[1]


def test_it_is_safe_before_anything_was_opened(bench):
    bench.box.exchange(LEFT_BEHIND[bench.name])
    assert bench.driver.safe().proven
    assert abs(bench.flowing()) < 1e-5 * bench.can.current_ampere[1]


def test_safe_claims_nothing_of_an_instrument_that_ignores_it(bench):
    up_to(bench, "charge")
    bench.tap.change = lambda request: (
        b";".join(part for part in request.rstrip(b"\n").split(b";") if b"?" in part) + b"\n"
    )
    proof = bench.driver.safe()
    assert not proof.proven
    assert proof.problems
    assert bench.flowing() == pytest.approx(bench.ampere, rel=0.01)


def test_safe_never_raises_on_a_dead_line(bench):
    up_to(bench, "charge")

    def dead(_):
        raise LinkTimeout("no answer")

    bench.tap.change = dead
    assert not bench.driver.safe().proven


def test_a_stop_is_over_within_its_stated_bound(bench):
    up_to(bench, "discharge")
    began = bench.clock.now
    before = bench.moved()
    assert bench.driver.safe().proven
    assert bench.clock.now - began <= bench.can.stop_bound_second
    assert abs(bench.moved() - before) <= bench.ampere * bench.can.stop_bound_second / 3600.0


def test_recovery_finds_the_output_as_it_was_set_or_refuses(bench):
    up_to(bench, "charge")
    bench.driver.recover()
    assert bench.driver.read().current == pytest.approx(bench.ampere, rel=0.02)
    bench.box.settings.output = False
    bench.box.reconnect()
    with pytest.raises(BenchError):
        bench.driver.recover()


def test_no_cell_is_seen_by_the_look_or_by_the_first_reading(bench):
    """Where the meter sees nothing of an open lead, 0 V is left to the bench's limits."""
    up_to(bench, "arm")
    bench.box.take_cell_away()
    if bench.can.measures_when_off:
        assert abs(bench.driver.look(4.3).voltage) < 0.1
    else:
        with pytest.raises(CellCheckError):
            bench.driver.look(4.3)
    assert not bench.box.settings.output


def test_what_it_says_of_itself_is_what_the_cell_sees_if_the_host_dies(bench):
    up_to(bench, "charge")
    bench.clock.sleep_until(bench.clock.now + 1.0)
    bench.box.truth()
    quiet = bench.can.watchdog_second
    if quiet is None:
        bench.clock.sleep_until(bench.clock.now + 60.0)
        assert bench.flowing() == pytest.approx(bench.ampere, rel=0.01)
        return
    bench.clock.sleep_until(bench.clock.now + quiet - 2.0)
    assert bench.flowing() == pytest.approx(bench.ampere, rel=0.01)
    bench.clock.sleep_until(bench.clock.now + 3.0)
    assert abs(bench.flowing()) < 1e-5 * bench.can.current_ampere[1]
    with pytest.raises(BenchError, match="watchdog"):
        bench.driver.read()


def test_its_section_is_in_the_instruments_page(name):
    page = Path(__file__).parents[2] / "docs" / "instruments.md"
    assert f"\n## {name}\n" in page.read_text(encoding="utf-8")
