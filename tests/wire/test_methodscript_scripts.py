"""Generated scripts keep to the published grammar: a check of its own, not the simulator's."""

import itertools
import math
import re

import pytest

from benchlab_drivers.wire.methodscript_models import EMSTAT4_HR, EMSTAT_PICO, MODELS, NEXUS
from benchlab_drivers.wire.methodscript_script import CELL_OFF, LOOK, Script
from benchlab_drivers.wire.methodscript_steps import (
    Bounds,
    Constant,
    Hold,
    Rest,
    Spectrum,
    Sweep,
)

ARGUMENTS = {
    **dict.fromkeys(("var", "set_e", "set_i", "set_pgstat_chan", "set_pgstat_mode"), 1),
    **dict.fromkeys(("set_max_bandwidth", "timer_get", "pck_add", "send_string"), 1),
    **dict.fromkeys(("copy_var", "add_var", "sub_var", "set_range"), 2),
    **dict.fromkeys(("store_var", "set_autoranging", "set_range_minmax", "meas"), 3),
    **dict.fromkeys(("if", "elseif", "loop", "meas_loop_ocp"), 3),
    **dict.fromkeys(("meas_loop_ca", "meas_loop_cp"), 5),
    **dict.fromkeys(("else", "endif", "endloop", "breakloop", "abort", "cell_on", "cell_off"), 0),
    **dict.fromkeys(("timer_start", "pck_start", "pck_end", "on_finished:"), 0),
    "meas_loop_lsv": 6,
    "meas_loop_cv": 7,
    "meas_loop_eis": 8,
    "meas_loop_geis": 8,
}
"""Commands and how many arguments they take, as in the maker's public examples."""
WORD = re.compile(
    r"[a-z]\w*|-?\d+[afpnumkMGTPEi]?|==|!=|>=|<=|>|<|\"[^\"]*\"|nscans\(\d+\)|on_finished:"
)
MANY = [
    Rest(60.0, 1.0),
    Constant(1e-3, 3.6, 3600.0, 0.5, Hold(3.6, 1e-4, 600.0)),
    Constant(-1e-3, 3.2, 3600.0, 0.5),
    Constant(1e-3, 3.5, 3600.0, 1.0, Hold(3.5, 1e-5), either_way=True),
    Rest(60.0, 1.0, zero=True),
    Sweep((3.0, 3.6), 1e-3, 1.0, 0.01, times=3),
    Sweep((3.0, 3.6, 3.2, 3.0), 1e-3, 1.0, 0.01, times=2),
    Sweep((3.0, 3.6, 3.3), 1e-3, 1.0, 0.01, times=2),
    Spectrum(1e5, 0.01, 71, 0.01, second=7200.0),
    Spectrum(1e4, 0.1, 31, 1e-3, galvanostatic=True),
]
SMALL = [
    Rest(60.0, 1.0),
    Sweep((-0.5, 0.5, -0.5), 0.05, 0.1, 1e-3, times=3),
    Constant(1e-4, 0.3, 100.0, 0.1, Hold(0.3), either_way=True),
    Spectrum(1e5, 100.0, 31, 0.01),
]


def problems(text):
    """Return what does not keep to the grammar, line by line."""
    declared, blocks, finished, package = set(), [], 0, False
    for line in text.split("\n"):
        if len(line) > 127 or not line.isascii():
            yield line, "length or characters"
        words = line.split(" ", 1) if line.startswith("send_string") else line.split(" ")
        name, rest = words[0], words[1:]
        extra = name == "meas_loop_cv" and rest[-1].startswith("nscans(")
        if name not in ARGUMENTS or len(rest) - extra != ARGUMENTS[name]:
            yield line, "command or number of arguments"
        for word in rest:
            if WORD.fullmatch(word) is None:
                yield line, f"word {word}"
        if name == "var":
            if rest[0] in declared:
                yield line, "declared twice"
            declared.add(rest[0])
        kind = {"store_var": 2, "meas": 2}.get(name)
        if name in ("set_range", "set_autoranging", "set_range_minmax"):
            kind = 0
        for place, word in enumerate(rest):
            is_name = re.fullmatch(r"[a-z]\w*", word) and place != kind
            if is_name and word not in declared:
                yield line, f"{word} is not declared"
        if name == "if" or name == "loop" or name.startswith("meas_loop_"):
            blocks.append("if" if name == "if" else "loop")
        elif name in ("endif", "endloop"):
            if not blocks or blocks.pop() != name.removeprefix("end"):
                yield line, "block"
        elif name in ("else", "elseif") and (not blocks or blocks[-1] != "if"):
            yield line, "block"
        elif name == "breakloop" and "loop" not in blocks:
            yield line, "no loop"
        if name in ("pck_start", "pck_end"):
            if package == (name == "pck_start"):
                yield line, "package"
            package = name == "pck_start"
        elif package and name != "pck_add":
            yield line, "inside a package"
        if name == "on_finished:":
            finished += 1
            if blocks:
                yield line, "inside a block"
    if blocks or package:
        yield "", "open to the end"
    if text not in (CELL_OFF, LOOK) and finished != 1:
        yield "", "on_finished"


def script_of(model, steps):
    script = Script(model)
    bounds = Bounds(model.low_volt, model.high_volt, model.high_ampere)
    with script.repeated(3):
        for number, step in enumerate(steps, 1):
            script.add(number, step, bounds)
    return script.text()


CASES = [
    *((EMSTAT4_HR, [step]) for step in MANY),
    (NEXUS, MANY),
    *((EMSTAT_PICO, [step]) for step in SMALL),
    (EMSTAT_PICO, SMALL),
]


@pytest.mark.parametrize(("model", "steps"), CASES)
def test_scripts_keep_to_the_grammar_and_switch_off_at_the_end(model, steps):
    text = script_of(model, steps)
    assert list(problems(text)) == []
    assert text.endswith("on_finished:\ncell_off")


@pytest.mark.parametrize("text", [CELL_OFF, LOOK])
def test_short_scripts_keep_to_the_grammar(text):
    assert list(problems(text)) == []


@pytest.mark.parametrize(
    "change",
    [
        ("endloop\n", ""),
        ("set_e", "sete"),
        ("4200m", "4.2"),
        ("var e\n", ""),
        ("pck_end\n", ""),
        ("on_finished:\n", ""),
    ],
)
def test_the_grammar_check_finds_what_is_wrong(change):
    step = Constant(1e-3, 4.2, 60.0, 1.0, Hold(4.2))
    text = script_of(EMSTAT4_HR, [step])
    assert list(problems(text.replace(*change, 1)))


def loops(text, name):
    return [line.split()[1:] for line in text.split("\n") if line.startswith(name)]


def test_cyclic_sweeps_become_one_loop_and_others_one_for_each_way():
    text = script_of(EMSTAT4_HR, [MANY[6]])
    assert loops(text, "meas_loop_cv") == [
        ["e", "i", "3", "3600m", "3200m", "1m", "1m", "nscans(2)"]
    ]
    once = script_of(EMSTAT4_HR, [Sweep((3.0, 3.6), 1e-3, 1.0, 0.01)])
    assert loops(once, "meas_loop_lsv")[-1] == ["e", "i", "3", "3600m", "1m", "1m"]


@pytest.mark.parametrize("model", MODELS)
def test_the_range_is_the_smallest_that_carries_the_current(model):
    for (_, low), (_, high) in itertools.pairwise(model.ranges):
        assert model.range_for(high)[1] == high
        assert model.range_for(low * 1.01)[1] == high
    assert math.isnan(model.full_scale(250))
    assert len({number for number, _ in model.ranges}) == len(model.ranges)


def test_the_mode_follows_potentials_and_bandwidth():
    assert EMSTAT_PICO.mode(-0.5, 0.5).number == 2
    assert EMSTAT_PICO.mode(-0.5, 0.5, 1e5).number == 3
    assert EMSTAT_PICO.mode(-1.7, 0.5, 10.0).number == 4
    assert EMSTAT_PICO.mode(-1.0, 1.0, 1e5) is None
    assert EMSTAT_PICO.mode(3.0, 4.2) is None
    assert EMSTAT4_HR.mode(3.0, 4.2, 1e5).number == 3


def test_a_potential_that_no_mode_has_is_refused():
    with pytest.raises(ValueError, match="no mode"):
        script_of(EMSTAT_PICO, [Sweep((3.0, 3.6), 1e-3, 1.0, 1e-3)])
