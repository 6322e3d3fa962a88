"""No analysis of curves, pulses, chemistries or lots falls over bad data, or says nothing."""

import io
import warnings

import numpy as np
import pytest

from benchlab import plugins
from benchlab_analysis import _result
from benchlab_analysis._draw import picture

NAMES = [
    "capability", "control_chart", "dcir", "delta_q", "half_cell", "hppc", "incremental_capacity",
    "large_cell", "lfp", "lithium_metal", "lithium_sulfur", "lot_comparison", "lots", "peaks",
    "rate_capability", "relaxation", "second_life", "self_discharge", "sodium_ion", "solid_state",
    "voltage_curves",
]  # fmt: skip


def rows(count=400, **given):
    time = np.arange(count) * 60.0
    phase = (time // 3600) % 4
    current = np.where(phase == 1, 0.1, np.where(phase == 3, -0.1, 0.0))
    made = {
        "test_time_second": time,
        "voltage_volt": 3.5 + 0.5 * np.sin(time / 7200.0),
        "current_ampere": current,
        "cycle_count": (time // 14400 + 1).astype("u4"),
    }
    return {**made, **given}


def changed(name, place, value):
    made = rows()
    made[name] = made[name].copy()
    made[name][place] = value
    return made


def cut(count):
    return {name: values[:count] for name, values in rows().items()}


BAD = {
    "blank rows": changed("voltage_volt", slice(None, None, 3), np.nan),
    "nothing seen": rows(voltage_volt=np.full(400, np.nan), current_ampere=np.full(400, np.nan)),
    "glitches": changed("voltage_volt", [50, 90], [-2.5, 5.3]),
    "duplicate times": rows(test_time_second=np.repeat(np.arange(200) * 120.0, 2)),
    "time going back": changed("test_time_second", slice(200, None), np.arange(200) * 60.0),
    "no row": cut(0),
    "one row": cut(1),
    "two rows": cut(2),
    "no current": rows(current_ampere=np.zeros(400)),
    "no cycle": {name: values for name, values in rows().items() if name != "cycle_count"},
    "unsigned current": rows(current_ampere=np.abs(rows()["current_ampere"])),
}


@pytest.mark.parametrize("case", BAD)
def test_every_analysis_finds_words_for(case, from_steps):
    for name in NAMES:
        module = plugins.plugin("analyses", name)
        options = module.Options(lower=0.1) if name == "capability" else module.Options()
        for cell in ({}, {"area_square_centimetre": 1.0, "nominal_capacity_ah": 0.2, "lot": "x"}):
            run = from_steps([], BAD[case], cell=cell)
            given = [run] * 4 if module.TAKES == "cells" else run
            with warnings.catch_warnings():
                warnings.simplefilter("error")
                result = module.analyse(given, options)
            assert result.sentences or result.warnings, name
            _result.write_json(result, io.StringIO())
    assert case


@pytest.mark.parametrize("name", NAMES)
def test_every_analysis_draws_what_it_finds(name, from_steps):
    module = plugins.plugin("analyses", name)
    options = module.Options(lower=0.1) if name == "capability" else module.Options()
    run = from_steps([], rows())
    result = module.analyse([run] * 4 if module.TAKES == "cells" else run, options)
    for plan in result.figures:
        assert b"<svg" in picture(plan, "svg")
    for table in result.tables:
        assert set(table) == set(table.units) == set(table.meanings)
