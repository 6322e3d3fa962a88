"""The errors of the simulated Keithleys against the data sheet they are drawn from."""

import numpy as np
import pytest

from benchlab.bench.clock import VirtualClock
from benchlab.bench.twin import TwinSpec
from benchlab_drivers.sim import keithley2450
from benchlab_drivers.sim._keithley_errors import Errors
from benchlab_drivers.wire.keithley_sheets import SHEET_2450, SHEET_2460, SHEET_2461


@pytest.mark.parametrize("sheet", [SHEET_2450, SHEET_2460, SHEET_2461], ids=lambda s: s.model)
def test_errors_stay_inside_the_data_sheet_and_are_never_zero(sheet):
    worst = 0.0
    for seed in range(40):
        errors = Errors(sheet, seed, ideal=False)
        for drawn, stated in (
            (errors.measure_voltage, sheet.measure_voltage),
            (errors.measure_current, sheet.measure_current),
            (errors.source_voltage, sheet.source_voltage),
            (errors.source_current, sheet.source_current),
        ):
            for one, bound in zip(drawn, stated, strict=True):
                for gain in (one.gain_positive, one.gain_negative):
                    assert 0.0 < abs(gain - 1.0) <= bound.gain * (1 + 1e-12)
                    worst = max(worst, abs(gain - 1.0) / bound.gain)
                assert 0.0 < abs(one.offset_positive) <= bound.offset
    assert worst > 0.9


def test_readings_scatter_and_step_as_stated():
    box = keithley2450.make(VirtualClock(), TwinSpec("nmc811_graphite_pouch", seed=11))
    for line in (
        b"OUTP:SMOD HIMP;:SENS:CURR:RSEN ON;:SOUR:VOLT:RANG 20;ILIM 0.1;:SOUR:VOLT 3.8\n",
        b":SENS:CURR:RANG 0.1;:OUTP ON\n",
    ):
        box.exchange(line)
    box.cell.advance(20_000.0)
    box._clock.sleep_until(20_001.0)
    answers = [box.exchange(b"READ? 'defbuffer1',SOUR,READ\n") for _ in range(400)]
    rows = np.array([[float(word) for word in answer.split(b",")] for answer in answers])
    assert 14e-6 < rows[:, 0].std() < 28e-6
    steps = rows[:, 0] / 10e-6
    assert steps == pytest.approx(np.round(steps), abs=1e-3)
    assert abs(rows[:, 0].mean() - 3.8) < 3.8 * 0.0003 + 3.4e-3
